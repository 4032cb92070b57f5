"""A loopback Hub and small clips."""

from __future__ import annotations

import hashlib
import json
import math
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from audiobench.media.wav import pcm_wav
from audiobench.task.spec import TaskSpec

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def tone(number: int, seconds: float = 0.05, rate: int = 16000) -> bytes:
    """A PCM WAV that differs from every other number's."""
    frames = int(seconds * rate)
    samples = [int(9000 * math.sin(2 * math.pi * (200 + 7 * number) * i / rate)) for i in range(frames)]
    return pcm_wav(struct.pack(f"<{frames}h", *samples), rate, 1)


def make_task(**fields: Any) -> TaskSpec:
    """A task over columns id, audio, question, choices, answer; `fields` change it."""
    defaults: dict[str, Any] = {
        "task": "probe",
        "dataset_path": "rows.jsonl",
        "doc_to_id": "{{id}}",
        "doc_to_audio": "{{audio}}",
        "doc_to_question": "{{question}}",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": "{{answer}}",
        "prompt": [{"text": "{{question}}"}],
    }
    return TaskSpec(**{**defaults, **fields})


def make_rows(count: int, audio: str = "audio/{i}.wav", **more: Any) -> list[dict[str, Any]]:
    """Rows as in `make_task`."""
    return [
        {
            "id": f"item-{i}",
            "audio": audio.format(i=i),
            "question": f"What is heard in {i}?",
            "choices": ["dog", "cat", "rain"],
            "answer": ["dog", "cat", "rain"][i % 3],
            "kind": ["a", "b"][i % 2],
            **more,
        }
        for i in range(count)
    ]


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Writes the rows and makes the folders above."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_clips(folder: Path, names: list[str]) -> None:
    """A tone for each name."""
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(tone(number))


@dataclass
class LoopbackHub:
    """Speaks what huggingface_hub asks of a Hub: repository info and file downloads."""

    endpoint: str = ""
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refuse: dict[str, tuple[int, str]] = field(default_factory=dict)
    """repository -> (status, X-Error-Code)."""
    commits: dict[str, str] = field(default_factory=dict)
    """What `main` is, where it is not COMMIT."""
    requests: list[tuple[str, str]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)

    def paths(self, method: str) -> list[str]:
        """What was asked for by that method."""
        return [path for kind, path in self.requests if kind == method]


class _Handler(BaseHTTPRequestHandler):
    hub: LoopbackHub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.serve(body=False)

    def do_GET(self) -> None:
        self.serve(body=True)

    def serve(self, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append((self.command, path))
        if self.headers.get("Authorization"):
            self.hub.tokens.add(self.headers["Authorization"])
        api = path.startswith("/api/datasets/")
        rest = path.removeprefix("/api/datasets/" if api else "/datasets/")
        name = "/".join(rest.split("/")[:2])
        tail = rest.split("/")[2:]
        if name in self.hub.refuse:
            return self.fail(*self.hub.refuse[name])
        if name not in self.hub.repositories:
            return self.fail(404, "RepoNotFound")
        commit = self.hub.commits.get(name, COMMIT)
        if tail[1:4] == ["refs", "convert", "parquet"]:
            tail[1:4] = ["main"]
        if len(tail) > 1 and tail[1] not in ("main", commit):
            return self.fail(404, "RevisionNotFound")
        files = self.hub.repositories[name]
        if api:
            return self.send_info(name, commit, files)
        file = "/".join(tail[2:])
        if tail[:1] != ["resolve"] or file not in files:
            return self.fail(404, "EntryNotFound")
        self.send_file(file, files[file], commit, body)

    def send_info(self, name: str, commit: str, files: dict[str, bytes]) -> None:
        siblings = [
            {"rfilename": file, "size": len(data), "blobId": hashlib.sha1(data).hexdigest()}
            | ({"lfs": {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}}
               if len(data) > 2000 else {})
            for file, data in files.items()
        ]  # fmt: skip
        payload = json.dumps({"id": name, "sha": commit, "siblings": siblings, "private": False}).encode()
        self.reply(200, payload, {"Content-Type": "application/json"})

    def send_file(self, name: str, data: bytes, commit: str, body: bool) -> None:
        headers = {
            "ETag": f'"{hashlib.sha256(data).hexdigest()}"',
            "X-Repo-Commit": commit,
            "Accept-Ranges": "bytes",
        }
        start = 0
        if self.headers.get("Range"):
            start = int(self.headers["Range"].removeprefix("bytes=").split("-")[0])
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        self.reply(206 if start else 200, data[start:], headers, body)

    def fail(self, status: int, code: str) -> None:
        self.reply(status, b"{}", {"X-Error-Code": code, "X-Error-Message": code}, self.command != "HEAD")

    def reply(self, status: int, data: bytes, headers: dict[str, str], body: bool = True) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(key, value)
        self.end_headers()
        if body:
            self.wfile.write(data)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data cache."""
    monkeypatch.setenv("AUDIOBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AUDIOBENCH_DATA", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def hub(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """A Hub on a free port of the loopback interface, which huggingface_hub is pointed at."""
    hub = LoopbackHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    monkeypatch.setenv("HF_TOKEN", "hf_sentinel_token")
    yield hub
    server.shutdown()
    server.server_close()
    thread.join()
