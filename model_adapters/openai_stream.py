"""A streamed answer of OpenAI's chat completions, put together from its events."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from audiobench.core.json_values import decode, mended, object_in, objects_in, text_in
from audiobench.core.narrow import is_object
from audiobench.model.adapter import RetryableError
from model_adapters import openai_answer
from model_adapters.bodies import index


class Stream:
    """Takes the events of one answer. `where` is scheme, host and path, for messages."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.first: float | None = None
        """`time.perf_counter()` at the first piece of text."""
        self.data: dict[str, Any] = {}
        self.index: int | None = None
        """Of the choice that is kept, the lowest so far."""
        self._begin()

    def _begin(self) -> None:
        self.text: list[str] = []
        self.thought: dict[str, list[str]] = {"reasoning": [], "reasoning_content": []}
        self.transcript: list[str] = []
        self.refusal: list[str] = []
        self.calls: dict[int, dict[str, str]] = {}
        """Index -> id, name and arguments so far."""
        self.finish: str | None = None

    def event(self, data: bytes) -> None:
        """Take the data of an event.

        Raises:
            RetryableError: it is not JSON.
        """
        if data.strip() == b"[DONE]":
            return
        try:
            chunk = decode(data, piece=True)
        except ValueError:
            raise RetryableError(f"{self.where}: the stream holds an event that is not valid JSON") from None
        if not is_object(chunk):
            return
        self.data.update((key, value) for key, value in chunk.items() if key != "choices" and value)
        for choice in objects_in(chunk, "choices"):
            place = index(choice)
            if self.index is None or place < self.index:
                self.index = place
                self._begin()
            if place == self.index:
                self.finish = choice.get("finish_reason") or self.finish
                self._delta(object_in(choice, "delta") or object_in(choice, "message"))

    def _delta(self, delta: Mapping[str, Any]) -> None:
        content, thought = openai_answer.content({"content": delta.get("content")})
        for piece in objects_in(delta, "tool_calls"):
            self._call(piece)
        found = [
            (self.text, content),
            (self.transcript, text_in(delta.get("audio"), "transcript")),
            (self.refusal, text_in(delta, "refusal")),
            (self.thought["reasoning"], thought),
            *((pieces, text_in(delta, name)) for name, pieces in self.thought.items()),
        ]
        for pieces, piece in found:
            if piece:
                pieces.append(piece)
                if self.first is None:
                    self.first = time.perf_counter()

    def _call(self, piece: Mapping[str, Any]) -> None:
        call = self.calls.setdefault(index(piece), {"id": "", "name": "", "arguments": ""})
        function = object_in(piece, "function")
        call["id"] = str(piece.get("id") or call["id"])
        call["name"] += str(function.get("name") or "")
        call["arguments"] += str(function.get("arguments") or "")
        if self.first is None:
            self.first = time.perf_counter()

    def assembled(self) -> dict[str, Any]:
        """The same shape as an answer in one piece.

        Raises:
            RetryableError: the stream ended before the answer did.
        """
        if self.index is None or "error" in self.data:
            return mended(self.data)
        if self.finish is None:
            raise RetryableError(f"{self.where}: the stream ended before the answer did")
        message: dict[str, Any] = {"content": "".join(self.text), "audio": {"transcript": "".join(self.transcript)}}
        message |= {name: "".join(pieces) for name, pieces in self.thought.items() if pieces}
        message["refusal"] = "".join(self.refusal)
        message["tool_calls"] = [
            {"id": call["id"], "function": {"name": call["name"], "arguments": call["arguments"]}}
            for _, call in sorted(self.calls.items())
        ]
        return mended({**self.data, "choices": [{"message": message, "finish_reason": self.finish}]})
