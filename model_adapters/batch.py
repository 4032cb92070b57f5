"""Two batch APIs as one: submit requests under a token, find them again by it, poll, collect.

OpenAI (openai 3.54.0, captured): a JSONL file is uploaded to `/files`, a job over it made at `/batches`, its output and
error files fetched; up to 50,000 requests and 200 MB a job (we stop at 100). Gemini (google-genai 3.4.0 and
https://ai.google.dev/gemini-api/docs/batch-api): a JSONL file is put into the Files API, `models/M:batchGenerateContent`
makes a job over it; the job is an operation that names the file of answers when done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from audiobench.core.json_values import decode, object_in, objects_in, text_in
from audiobench.core.narrow import is_object
from audiobench.core.types import Request
from audiobench.model.adapter import RetryableError, SampleError
from audiobench.model.batch import Result, Status
from model_adapters.http import Reply, json_object
from model_adapters.http_errors import FILTER_CODES, error_fields
from model_adapters.splicing import form

if TYPE_CHECKING:
    from model_adapters.gemini import Gemini
    from model_adapters.openai_chat import OpenAIChat

LISTED_PAGES = 5
"""Pages of the provider's list of jobs that are searched for a job of ours."""


class OpenAIBatch:
    """`/v1/files` and `/v1/batches`."""

    name = "openai"
    most_requests = 50_000
    most_bytes = 100_000_000

    def __init__(self, adapter: OpenAIChat) -> None:
        self.adapter = adapter

    def line(self, key: str, request: Request) -> bytes:
        """A line of the input file; the body is the adapter's own."""
        head = orjson.dumps({"custom_id": key, "method": "POST", "url": "/v1/chat/completions"})
        return head[:-1] + b',"body":' + self.adapter.body(request) + b"}"

    async def submit(self, lines: Sequence[bytes], token: str) -> str:
        """Upload, then create."""
        data = b"\n".join((*lines, b""))
        kind, body = form({"purpose": "batch"}, f"{token}.jsonl", "application/octet-stream", data)
        reply = await self.adapter.send("/files", body, kind)
        wanted = {
            "input_file_id": _named(reply, "id"),
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            "metadata": {"audiobench": token},
        }
        return _named(await self.adapter.send("/batches", orjson.dumps(wanted)), "id")

    async def find(self, token: str) -> str | None:
        """By the job's metadata."""
        after = ""
        for _ in range(LISTED_PAGES):
            listed = json_object(await self.adapter.send(f"/batches?limit=100{after}"))
            for job in objects_in(listed, "data"):
                if object_in(job, "metadata").get("audiobench") == token:
                    return str(job["id"])
            if not listed.get("has_more") or not listed.get("last_id"):
                return None
            after = f"&after={listed['last_id']}"
        return None

    async def status(self, job: str) -> Status:
        """An expired or cancelled job still has the answers that were ready."""
        data = json_object(await self.adapter.send(f"/batches/{job}"))
        word = str(data.get("status"))
        counts = object_in(data, "request_counts")
        done = counts.get("completed", 0) + counts.get("failed", 0)
        if word == "failed":
            errors = objects_in(data.get("errors"), "data")
            return Status("failed", word, done, text_in(errors[0], "message") if errors else "")
        if word not in ("completed", "expired", "cancelled"):
            return Status("running", word, done)
        results: list[Result] = []
        for file in (data.get("output_file_id"), data.get("error_file_id")):
            if file:
                reply = await self.adapter.send(f"/files/{file}/content", file=True)
                results += map(_openai_result, _lines(reply))
        return Status("ended", word, done, results=results)


def _named(reply: Reply, field: str) -> str:
    """What a provider calls a thing it has just made.

    Raises:
        RetryableError: it does not say.
    """
    name = json_object(reply).get(field)
    if not name:
        raise RetryableError(f"{reply.where}: the answer holds no {field}")
    return str(name)


def _lines(reply: Reply) -> list[dict[str, Any]]:
    """A file of answers.

    Raises:
        RetryableError: it is not JSON Lines.
    """
    try:
        return [decode(line) for line in reply.body.split(b"\n") if line.strip()]
    except ValueError:
        raise RetryableError(f"{reply.where}: not JSON Lines ({len(reply.body)} bytes)") from None


def _openai_result(line: Mapping[str, Any]) -> Result:
    key, answer = str(line["custom_id"]), object_in(line, "response")
    body, status = answer.get("body"), answer.get("status_code")
    if status == 200 and is_object(body):
        return Result(key, body)
    code, text, _ = error_fields(body if body else {"error": line.get("error") or {}})
    said = f"HTTP {status} {code}: {text}" if status else f"{code}: {text}"
    return Result(key, refused=status == 400 and code.lower() in FILTER_CODES, error=f"batch: {said}"[:300])


class GeminiBatch:
    """`models/M:batchGenerateContent` over a file of requests."""

    name = "gemini"
    most_requests = 10_000
    most_bytes = 100_000_000

    def __init__(self, adapter: Gemini) -> None:
        self.adapter = adapter

    def line(self, key: str, request: Request) -> bytes:
        """A line of the input file; the request is the adapter's own body, its clips inline.

        Raises:
            SampleError: as the adapter's `body`; or clips that live go through the Files API.
        """
        limit = self.adapter.options.inline_bytes
        if sum(len(part.data) for part in request.media) > limit:
            raise SampleError(f"the clips are larger than {limit} bytes: too large for a batch job, ask it live")
        return b'{"key":' + orjson.dumps(key) + b',"request":' + self.adapter.body(request) + b"}"

    async def submit(self, lines: Sequence[bytes], token: str) -> str:
        """Upload, then create."""
        file = await self.adapter.files.upload(b"\n".join(lines) + b"\n", "application/jsonl", of=f"batch job {token}")
        wanted = {"batch": {"displayName": token, "inputConfig": {"fileName": file["name"]}}}
        path = f"/models/{self.adapter.spec.served_model}:batchGenerateContent"
        return _named(await self.adapter.send(path, orjson.dumps(wanted)), "name")

    async def find(self, token: str) -> str | None:
        """By the job's display name."""
        after = ""
        for _ in range(LISTED_PAGES):
            listed = json_object(await self.adapter.send(f"/batches?pageSize=100{after}"))
            for job in objects_in(listed, "operations") or objects_in(listed, "batches"):
                if (object_in(job, "metadata") or job).get("displayName") == token:
                    return str(job["name"])
            if not listed.get("nextPageToken"):
                return None
            after = f"&pageToken={listed['nextPageToken']}"
        return None

    async def status(self, job: str) -> Status:
        """States are named BATCH_STATE_... (REST) or JOB_STATE_... (SDK)."""
        data = json_object(await self.adapter.send(f"/{job}"))
        about = object_in(data, "metadata") or data
        word = text_in(about, "state")
        stats = object_in(about, "batchStats")
        done = int(stats.get("successfulRequestCount") or 0) + int(stats.get("failedRequestCount") or 0)
        if data.get("error") or word.endswith("_FAILED"):
            _, text, _ = error_fields(data)
            return Status("failed", word, done, text)
        if not data.get("done") and not word.endswith(("_SUCCEEDED", "_EXPIRED", "_CANCELLED")):
            return Status("running", word, done)
        results: list[Result] = []
        if file := text_in(object_in(data, "response") or object_in(about, "output"), "responsesFile"):
            reply = await self.adapter.send(f"/{file}:download?alt=media", file=True)
            results += map(_gemini_result, _lines(reply))
        return Status("ended", word, done, results=results)


def _gemini_result(line: Mapping[str, Any]) -> Result:
    key = str(line.get("key"))
    if is_object(answer := line.get("response")):
        return Result(key, answer)
    code, text, _ = error_fields(line)
    return Result(key, error=f"batch: {code}: {text}"[:300])
