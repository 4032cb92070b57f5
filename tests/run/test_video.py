"""A second medium from the task's column to the server's body, through the real command: bytes arrive untouched."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.run.conftest import wav

CHOICES = ["a dog", "a cat"]
TASK = """\
task: films
dataset_path: items.jsonl
doc_to_video: "{{video}}"
doc_to_question: "{{question}}"
doc_to_choice: "{{choices}}"
doc_to_target: "{{answer}}"
prompt:
  - order: [video, text]
    text: "{{question}}{% for o in options %}\\n{{o.letter}}. {{o.text}}{% endfor %}"
"""
VLLM = "name: films-model\nadapter: openai_chat\nserved_model: sees\nvideo: {formats: [mp4], max_bytes: 5000}\n"
GEMINI = "name: films-model\nadapter: gemini\nserved_model: sees\nvideo: {formats: [mp4]}\n"


def film(seed: int, size: int = 3000) -> bytes:
    """The head of an MP4 and bytes behind it that nothing looks into."""
    return b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp42" + hashlib.sha256(bytes([seed])).digest() * (size // 32)


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Two items; the right answer of the first is `a dog`, of the second `a cat`."""
    folder = tmp_path / "films"
    folder.mkdir()
    for number in (0, 1):
        (folder / f"{number}.mp4").write_bytes(film(number))
        (folder / f"{number}.wav").write_bytes(wav(seed=number))
    rows = [
        {"id": f"f{n}", "video": f"{n}.mp4", "sound": f"{n}.wav", "question": "Which animal is it?", "choices": CHOICES,
         "answer": CHOICES[n]}
        for n in (0, 1)
    ]  # fmt: skip
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "films.yaml").write_text(TASK)
    return folder


@pytest.fixture
def seeing() -> Iterator[tuple[str, list[Any]]]:
    """A server of both APIs that answers by the bytes of the film it is shown; (address, bodies it got)."""
    seen: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.append(body)
            shown = json.dumps(body)
            known = [n for n in (0, 1) if base64.b64encode(film(n)).decode() in shown]
            text = f"The answer is {'AB'[known[0]]}." if known else "I see nothing."
            choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            candidate = {"content": {"parts": [{"text": text}]}, "finishReason": "STOP"}
            reply = json.dumps({"model": "sees", "choices": [choice], "candidates": [candidate]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", seen
    server.shutdown()


Cli = Callable[..., CompletedProcess[str]]


def run(cli: Cli, folder: Path, model: str, url: str, *more: str) -> CompletedProcess[str]:
    (folder / "model.yaml").write_text(model)
    return cli(
        "run", "--model", folder / "model.yaml", "--tasks", folder / "films.yaml", "--base-url", url, "--out", "out",
        *more, GOOGLE_API_KEY="k",
    )  # fmt: skip


def test_a_video_reaches_vllm_untouched_as_a_data_url(
    cli: Cli, films: Path, seeing: tuple[str, list[Any]], tmp_path: Path
) -> None:
    url, seen = seeing
    done = run(cli, films, VLLM, f"{url}/v1")
    assert done.returncode == 0, done.stderr
    (summary,) = json.loads((tmp_path / "out" / "films" / "summary.json").read_text())
    assert summary["metrics"]["acc"]["value"] == 1.0 and len(seen) == 2
    shown, words = seen[0]["messages"][0]["content"]
    head, _, data = shown["video_url"]["url"].partition(",")
    assert (shown["type"], head, words["type"]) == ("video_url", "data:video/mp4;base64", "text")
    assert base64.b64decode(data) in (film(0), film(1))
    records = [json.loads(line) for line in (tmp_path / "out" / "films" / "samples.jsonl").read_text().splitlines()]
    first = next(record for record in records if record["id"] == "f0")
    assert first["prompt"][0]["parts"][0] == {"video": 0}
    (about,) = first["audio"]
    assert (about["kind"], about["sha256"], about["bytes"]) == (
        "video", hashlib.sha256(film(0)).hexdigest(), len(film(0)),
    )  # fmt: skip
    again = run(cli, films, VLLM, f"{url}/v1")
    assert again.returncode == 0 and len(seen) == 2, "the journal answers it"
    (films / "0.mp4").write_bytes(film(1, 2000))
    run(cli, films, VLLM, f"{url}/v1")
    assert len(seen) == 3, "another film is another request"
    viewed = cli("view", "out", "--out", "page")
    assert viewed.returncode == 0, viewed.stderr


def test_a_video_reaches_gemini_inline(cli: Cli, films: Path, seeing: tuple[str, list[Any]], tmp_path: Path) -> None:
    url, seen = seeing
    done = run(cli, films, GEMINI, url)
    assert done.returncode == 0, done.stderr
    (summary,) = json.loads((tmp_path / "out" / "films" / "summary.json").read_text())
    assert summary["metrics"]["acc"]["value"] == 1.0
    assert seen[0]["contents"][0]["parts"][0]["inlineData"]["mimeType"] == "video/mp4"


def test_sound_and_video_stand_side_by_side_in_the_order_of_the_prompt(
    cli: Cli, films: Path, seeing: tuple[str, list[Any]]
) -> None:
    url, seen = seeing
    both = TASK.replace("doc_to_question", 'doc_to_audio: "{{sound}}"\ndoc_to_question')
    (films / "films.yaml").write_text(both.replace("[video, text]", "[text, audio, video]"))
    done = run(cli, films, VLLM, f"{url}/v1")
    assert done.returncode == 0, done.stderr
    assert [part["type"] for part in seen[0]["messages"][0]["content"]] == ["text", "input_audio", "video_url"]


@pytest.mark.parametrize(
    ("model", "more", "says"),
    [
        (VLLM.replace("video: {formats: [mp4], max_bytes: 5000}\n", ""), (),
         "task films shows videos, and model films-model takes none (its model file declares no `video:`); --audio sound_only"),
        (VLLM + "dialect: llama_cpp\n", (), "model films-model: llama_cpp cannot send video"),
        (VLLM, ("--audio", "full,noise"), "--audio noise: the sound of task films is in its videos (doc_to_video)"),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_refused_before_the_first_request(
    model: str, more: tuple[str, ...], says: str, cli: Cli, films: Path, seeing: tuple[str, list[Any]], tmp_path: Path
) -> None:
    url, seen = seeing
    done = run(cli, films, model, f"{url}/v1", *more)
    assert (done.returncode, seen) == (2, []) and says in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_no_video_that_the_model_takes_is_invalid(
    cli: Cli, films: Path, seeing: tuple[str, list[Any]], tmp_path: Path
) -> None:
    url, seen = seeing
    (films / "0.mp4").write_bytes(film(0, 9000))
    (films / "1.mp4").write_bytes(b"<html>not found</html>")
    assert run(cli, films, VLLM, f"{url}/v1").returncode == 4 and seen == []
    lines = (tmp_path / "out" / "films" / "samples.jsonl").read_text().splitlines()
    errors = sorted(json.loads(line)["error"]["message"].partition("mp4: ")[2] for line in lines)
    assert errors[0].endswith("bytes of video, the model takes at most 5000")
    assert errors[1].startswith("not a known video container")


@pytest.mark.parametrize(
    "order", ["[text]", "[video, text]"], ids=["a video that no prompt shows", "a prompt that shows none there is"]
)
def test_a_prompt_says_where_the_video_is_shown(order: str, cli: Cli, films: Path) -> None:
    task = TASK.replace("[video, text]", order)
    if order != "[text]":
        task = task.replace("doc_to_video", "doc_to_audio")
    (films / "films.yaml").write_text(task)
    done = cli("tasks", "check", films / "films.yaml")
    assert done.returncode == 2 and "order says where the video of doc_to_video is shown" in done.stdout + done.stderr
