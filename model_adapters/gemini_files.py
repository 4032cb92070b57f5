"""Google's Files API: what is too large to go inline is uploaded once, and referred to by its address.

One resumable upload in one piece, as google-genai 3.4.0 makes it; Google keeps a file for 48 h.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from audiobench.core.json_values import object_in
from audiobench.core.types import MediaPart
from audiobench.model.adapter import RetryableError, SampleError
from model_adapters.http import HttpClient, json_object

STATE_SECONDS = 1.0
"""Between two looks at a file that is being processed."""
HOURS = 40.0
"""An uploaded clip is used again for this long."""


class Files:
    """Uploads of one model's key.

    Args:
        http: the adapter's client.
        base: scheme and host.
        api: version in the path (`/v1`).
        headers: gives the headers of a call, key included.
    """

    def __init__(self, http: HttpClient, base: str, api: str, headers: Callable[[], Awaitable[dict[str, str]]]) -> None:
        self._http = http
        self._base = base
        self._api = api
        self._headers = headers
        self._clips: dict[str, asyncio.Task[tuple[str, float]]] = {}

    async def clip(self, part: MediaPart, mime: str) -> str:
        """The address of a clip, uploaded at its first use; raises as `upload`."""
        digest = hashlib.sha256(part.data).hexdigest()
        task = self._clips.get(digest)
        if task is None or _spent(task):
            task = self._clips[digest] = asyncio.create_task(self._clip(part, mime))
        uri, _ = await asyncio.shield(task)
        return uri

    async def _clip(self, part: MediaPart, mime: str) -> tuple[str, float]:
        file = await self.upload(part.data, mime, of=f"{part.kind} {part.clip.path.name}")
        return file["uri"], time.monotonic()

    async def upload(self, data: bytes, mime: str, *, of: str) -> Mapping[str, Any]:
        """Upload `data`, which errors call `of`; the file (`name`, `uri`), once it is ready.

        Raises:
            RetryableError, SampleError, RunError: as an adapter's `generate`.
        """
        headers = await self._headers()
        start = {
            **headers,
            "X-Goog-Upload-Protocol": "resumable",
            "X-Goog-Upload-Command": "start",
            "X-Goog-Upload-Header-Content-Length": str(len(data)),
            "X-Goog-Upload-Header-Content-Type": mime,
        }
        about = orjson.dumps({"file": {"mimeType": mime, "sizeBytes": len(data)}})
        reply = await self._http.call(f"{self._base}/upload{self._api}/files", start, about)
        target = reply.headers.get("x-goog-upload-url")
        if not target:
            raise RetryableError(f"{reply.where}: the answer names no upload address")
        send = {"X-Goog-Upload-Command": "upload, finalize", "X-Goog-Upload-Offset": "0"}
        reply = await self._http.call(target, send, data)
        file = object_in(json_object(reply), "file")
        until = time.monotonic() + self._http.timeout
        while file.get("state") == "PROCESSING" and time.monotonic() < until:
            await asyncio.sleep(STATE_SECONDS)
            reply = await self._http.call(f"{self._base}{self._api}/{file.get('name')}", headers)
            file = json_object(reply)
        if file.get("state") == "FAILED":
            raise SampleError(f"{of}: the Files API could not process it")
        if file.get("state", "ACTIVE") != "ACTIVE" or not file.get("uri") or not file.get("name"):
            raise RetryableError(f"{reply.where}: the uploaded file is not ready")
        return file


def _spent(task: asyncio.Task[tuple[str, float]]) -> bool:
    if not task.done():
        return False
    return task.cancelled() or bool(task.exception()) or time.monotonic() - task.result()[1] > HOURS * 3600
