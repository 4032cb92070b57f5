"""Both batch APIs on loopback, and the live endpoints of the same models, so that the two ways can be compared."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

MODEL = "some-model"


@dataclass
class Job:
    """A job as the provider has it."""

    name: str
    token: str
    requests: list[tuple[str, dict[str, Any]]]
    polls: int = 0


@dataclass
class Provider:
    """State and script of one fake provider."""

    api: Literal["openai", "gemini"]
    url: str = ""
    polls: int = 1
    """Looks at a job until it has ended; -1 = it never ends."""
    outcome: str = "completed"
    """OpenAI's status at the end (completed, expired, failed)."""
    fail: dict[str, Any] = field(default_factory=dict)
    """Item -> (HTTP status, error) instead of an answer; None = no line at all."""
    hold_create: float = 0.0
    """Seconds between making a job and saying so."""
    refuse_create: list[int] = field(default_factory=list)
    """HTTP statuses given before the first job is made."""
    lose_answer: int = 0
    """So many jobs are made, and a 500 is said."""
    model: str = MODEL
    reply: str | None = None
    """Said to everything, instead of an option."""
    jobs: dict[str, Job] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    live: list[dict[str, Any]] = field(default_factory=list)
    creates: list[dict[str, Any]] = field(default_factory=list)
    uploads: list[tuple[str, bytes]] = field(default_factory=list)

    # -- answers

    def completion(self, body: dict[str, Any]) -> dict[str, Any]:
        """Item N is answered with option N mod 4."""
        item = item_of(body)
        text = self.reply or f"The answer is {'ABCD'[item % 4]}."
        if self.api == "gemini":
            part = {"content": {"parts": [{"text": text}], "role": "model"}, "finishReason": "STOP"}
            usage = {"promptTokenCount": 100, "candidatesTokenCount": 10, "totalTokenCount": 110}
            return {"candidates": [part], "usageMetadata": usage, "modelVersion": self.model}
        message = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return {
            "id": "r",
            "model": self.model,
            "choices": [message],
            "usage": {"prompt_tokens": 100, "completion_tokens": 10},
        }

    def handle(self, method: str, path: str, kind: str, body: bytes) -> tuple[int, Any]:
        """(status, JSON or bytes)."""
        route = path.split("?")[0].removeprefix("/v1")
        if self.api == "gemini":
            return self.gemini(method, route, body)
        return self.openai(method, route, kind, body)

    # -- OpenAI

    def openai(self, method: str, route: str, kind: str, body: bytes) -> tuple[int, Any]:
        if route == "/chat/completions":
            self.live.append(json.loads(body))
            return 200, self.completion(self.live[-1])
        if route == "/files":
            self.uploads.append((kind, body))
            name = f"file-{len(self.files)}"
            head = body.index(b'name="file"')
            start = body.index(b"\r\n\r\n", head) + 4
            self.files[name] = body[start : body.rindex(b"\r\n--")]
            return 200, {"id": name, "object": "file", "purpose": "batch"}
        if route == "/batches" and method == "POST":
            wanted = json.loads(body)
            lines = [json.loads(line) for line in self.files[wanted["input_file_id"]].splitlines()]
            assert all((line["method"], line["url"]) == ("POST", "/v1/chat/completions") for line in lines)
            requests = [(line["custom_id"], line["body"]) for line in lines]
            return self.create(wanted, wanted["metadata"]["audiobench"], requests, lambda job: self.openai_job(job))
        if route == "/batches":
            return 200, {"data": [self.openai_job(job) for job in self.jobs.values()], "has_more": False}
        if route.startswith("/batches/"):
            job = self.jobs[route.removeprefix("/batches/")]
            job.polls += 1
            return 200, self.openai_job(job)
        if route.endswith("/content"):
            return 200, self.files[route.split("/")[2]]
        return 404, {"error": {"message": f"no route {route}"}}

    def openai_job(self, job: Job) -> dict[str, Any]:
        about = {"id": job.name, "metadata": {"audiobench": job.token}, "status": "in_progress"}
        about["request_counts"] = {"total": len(job.requests), "completed": 0, "failed": 0}
        if not self.ended(job):
            return about
        about["status"] = self.outcome
        if self.outcome == "failed":
            return about | {"errors": {"data": [{"code": "invalid", "message": "line 1 is not valid"}]}}
        good, bad = [], []
        for key, body in job.requests:
            fault = self.fail.get(str(item_of(body)), ())
            if fault == ():
                good.append(
                    {"custom_id": key, "response": {"status_code": 200, "body": self.completion(body)}, "error": None}
                )
            elif fault is not None:
                bad.append(
                    {
                        "custom_id": key,
                        "response": {"status_code": fault[0], "body": {"error": fault[1]}},
                        "error": None,
                    }
                )
        for field_name, lines in (("output_file_id", good), ("error_file_id", bad)):
            if lines:
                about[field_name] = f"{field_name}-{job.name}"
                self.files[about[field_name]] = "".join(json.dumps(line) + "\n" for line in lines).encode()
        return about

    # -- Gemini

    def gemini(self, method: str, route: str, body: bytes) -> tuple[int, Any]:
        if route == f"/models/{MODEL}:generateContent":
            self.live.append(json.loads(body))
            return 200, self.completion(self.live[-1])
        if route == "/upload/v1/files":
            assert json.loads(body)["file"]["mimeType"] == "application/jsonl"
            return 200, {}
        if route == "/put":
            name = f"files/in-{len(self.files)}"
            self.files[name] = body
            return 200, {"file": {"name": name, "uri": f"{self.url}/v1/{name}", "state": "ACTIVE"}}
        if route.endswith(":download"):
            return 200, self.files[route.removeprefix("/").removesuffix(":download")]
        if route == f"/models/{MODEL}:batchGenerateContent":
            wanted = json.loads(body)
            lines = self.files[wanted["batch"]["inputConfig"]["fileName"]].splitlines()
            requests = [(line["key"], line["request"]) for line in map(json.loads, lines)]
            return self.create(wanted, wanted["batch"]["displayName"], requests, lambda job: self.gemini_job(job))
        if route == "/batches":
            return 200, {"operations": [self.gemini_job(job) for job in self.jobs.values()]}
        if route.startswith("/batches/"):
            job = self.jobs[route.removeprefix("/")]
            job.polls += 1
            return 200, self.gemini_job(job)
        return 404, {"error": {"message": f"no route {method} {route}", "code": 404, "status": "NOT_FOUND"}}

    def gemini_job(self, job: Job) -> dict[str, Any]:
        about: dict[str, Any] = {"displayName": job.token, "state": "BATCH_STATE_RUNNING"}
        if not self.ended(job):
            return {"name": job.name, "metadata": about}
        if self.outcome == "failed":
            return {
                "name": job.name,
                "metadata": about | {"state": "BATCH_STATE_FAILED"},
                "done": True,
                "error": {"code": 3, "message": "line 1 is not valid"},
            }
        items = []
        for key, body in job.requests:
            fault = self.fail.get(str(item_of(body)), ())
            if fault == ():
                items.append({"key": key, "response": self.completion(body)})
            elif fault is not None:
                items.append({"key": key, "error": {"code": fault[0], "message": fault[1]["message"]}})
        file = f"files/out-{job.token}"
        self.files[file] = "".join(json.dumps(item) + "\n" for item in items).encode()
        state = "BATCH_STATE_EXPIRED" if self.outcome == "expired" else "BATCH_STATE_SUCCEEDED"
        return {
            "name": job.name, "metadata": about | {"state": state}, "done": True,
            "response": {"responsesFile": file},
        }  # fmt: skip

    # -- both

    def create(self, wanted: Any, token: str, requests: list[tuple[str, Any]], shown: Any) -> tuple[int, Any]:
        if self.refuse_create:
            return self.refuse_create.pop(0), {"error": {"message": "not now"}}
        self.creates.append(wanted)
        name = f"batches/{len(self.jobs)}" if self.api == "gemini" else f"batch_{len(self.jobs)}"
        self.jobs[name] = Job(name, token, requests)
        time.sleep(self.hold_create)
        if self.lose_answer:
            self.lose_answer -= 1
            return 500, {"error": {"message": "lost"}}
        return 200, shown(self.jobs[name])

    def ended(self, job: Job) -> bool:
        return 0 <= self.polls <= job.polls

    @property
    def asked(self) -> list[int]:
        """Items of all jobs, in order."""
        return [item_of(body) for job in self.jobs.values() for _, body in job.requests]


def item_of(body: dict[str, Any]) -> int:
    """The number in `item N`."""
    found = re.search(r"item (\d+)", json.dumps(body))
    assert found
    return int(found[1])


@contextmanager
def serving(provider: Provider) -> Iterator[Provider]:
    """The provider on a free port of 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, data = provider.handle(self.command, self.path, self.headers.get("Content-Type") or "", body)
            raw = data if isinstance(data, bytes) else json.dumps(data).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                if self.path.startswith("/upload/"):
                    self.send_header("x-goog-upload-url", f"{provider.url}/v1/put")
                self.end_headers()
                self.wfile.write(raw)
            except OSError:  # the client was killed
                return

        do_GET = do_POST = answer

        def log_message(self, format: str, *args: Any) -> None:
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    provider.url = f"http://127.0.0.1:{server.server_port}" + ("" if provider.api == "gemini" else "/v1")
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()
