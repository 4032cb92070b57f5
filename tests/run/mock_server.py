"""A small OpenAI-compatible server with scripted faults, as a process of its own.

    python mock_server.py --port-file FILE [--faults 429:0.1,500:0.05,reset:0.02,...] [--latency 0.02] [--log FILE]

It answers `item N` with the option that a hash of N picks, checks that the audio parses as WAV, and logs each request
(`{"item": N, "status": ...}`) so that a test can say what was asked when. Faults are drawn by hash of item and
attempt, at most two in a row for one item.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import collections
import hashlib
import json
import re
import signal
import time
from pathlib import Path

from aiohttp import web

FAULTS = ("429", "500", "503", "400", "reset", "hang", "truncated", "badjson", "no_choices")


def share(*parts: object) -> float:
    """A number in [0, 1) from the parts, the same in every process."""
    return int.from_bytes(hashlib.sha256("|".join(map(str, parts)).encode()).digest()[:6], "big") / 2**48


class Server:
    """State of one mock server."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.faults = [
            (kind, float(rate)) for kind, _, rate in (f.partition(":") for f in options.faults.split(",") if f)
        ]
        self.latency: float = options.latency
        self.key: str | None = options.key
        self.message: dict[str, str] = json.loads(options.message)
        self.answer: dict[str, object] = json.loads(options.answer)
        self.card: dict[str, object] | None = json.loads(options.card) if options.card else None
        self.segments: int = options.segments
        self.broken_turn: int | None = options.broken_turn
        self.action: str = options.action
        self.dialogue: bool = options.dialogue
        self.tools: int = options.tools
        self.log = open(options.log, "a", buffering=1, encoding="utf-8") if options.log else None  # noqa: SIM115
        self.attempts: collections.Counter[str] = collections.Counter()

    def note(self, item: str, status: str) -> None:
        """One line of the log."""
        if self.log:
            self.log.write(json.dumps({"item": item, "status": status}) + "\n")

    def thought(self, body: dict[str, object], messages: list[dict[str, object]]) -> tuple[str, str | None]:
        """What a model that listens again writes next, cut at a stop string, and the stop string."""
        begun = json.dumps([m["content"] for m in messages if m["role"] == "assistant"]).count("</seg>")
        if begun >= self.segments:
            return f"heard {begun} times</think>", None
        text = "".join(f"part {n} <seg>0.{n}, 1.{n}</seg> " for n in range(begun, self.segments)) + "</think>"
        for stop in body.get("stop") or []:  # type: ignore[attr-defined]
            if stop in text:
                return text.split(stop)[0], stop
        return text, None

    def fault(self, item: str) -> str | None:
        """The fault this attempt is given, if any."""
        attempt = self.attempts[item]
        self.attempts[item] += 1
        if attempt >= 2:
            return None
        draw = share("fault", item, attempt)
        for kind, rate in self.faults:
            if draw < rate:
                return kind
            draw -= rate
        return None

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/chat/completions."""
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            return web.json_response({"error": {"message": "Incorrect API key provided"}}, status=401)
        body = await request.json()
        parts = [part for m in body["messages"] for part in m["content"] or () if isinstance(part, dict)]
        text = " ".join(part["text"] for part in parts if part["type"] == "text")
        found = re.search(r"item (\d+)", text)
        item = found[1] if found else "0"
        for part in parts:
            if part["type"] == "input_audio" and base64.b64decode(part["input_audio"]["data"])[:4] != b"RIFF":
                return web.json_response({"error": {"message": "not audio"}}, status=400)
        turn = 0
        if routed := self.action and "Internal prediction:" in text:
            turn, item = 1, f"{item}.1"
        elif self.action:
            item = f"{item}.0"
        if self.segments:
            turn = json.dumps([m["content"] for m in body["messages"] if m["role"] == "assistant"]).count("</seg>")
            item = f"{item}.{turn}"
        if self.dialogue or self.tools:
            turn = sum(message["role"] == "assistant" for message in body["messages"])
            item = f"{item}.{turn}"
        several = self.segments or self.action or self.dialogue or self.tools
        kind = "400" if several and self.broken_turn == turn else self.fault(item)
        await asyncio.sleep(self.latency)
        if kind is not None:
            self.note(item, kind)
            return await self.failure(kind, request)
        letters = re.findall(r"^([A-H])\. ", text, re.MULTILINE)
        letter = letters[int(share("answer", item.split(".")[0]) * len(letters))] if letters else "?"
        self.note(item, "ok")
        content, stop = f"The answer is {letter}.", None
        if routed:
            shown = text.split("Internal prediction:")[1].strip()
            content = f"<{self.action}> {shown}"
        if self.dialogue:
            clips = sum(part["type"] == "input_audio" for part in parts)
            roles = "".join(message["role"][0] for message in body["messages"])
            content = f"answer {item}: {clips} clips, {roles}"
        calls = {}
        if turn < self.tools:
            function = {"name": "look_up", "arguments": json.dumps({"word": f"w{turn}"})}
            calls = {"content": None, "tool_calls": [{"id": "", "type": "function", "function": function}]}
        elif self.tools:
            told = [(m["tool_call_id"], m["content"]) for m in body["messages"] if m["role"] == "tool"]
            content = " ".join(f"{id}={text}" for id, text in told)
        if self.segments:
            clips = sum(part["type"] == "input_audio" for part in parts)
            thought, stop = self.thought(body, body["messages"])
            content = thought if stop else f"{thought}{clips} clips: {content}"
        reply = {
            "id": f"r{item}",
            "model": body["model"],
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": content, **calls, **self.message},
                    "finish_reason": "stop",
                    "stop_reason": stop,
                }
            ],
            "usage": {"prompt_tokens": 100, "completion_tokens": 5},
            **self.answer,
        }
        return web.json_response(reply)

    async def models(self, request: web.Request) -> web.StreamResponse:
        """GET /v1/models."""
        self.note("models", "ok")
        return web.json_response({"data": [{"id": "mock", "created": int(time.time()), **(self.card or {})}]})

    async def failure(self, kind: str, request: web.Request) -> web.StreamResponse:
        """Give this fault."""
        if kind == "429":
            return web.json_response({"error": {"message": "slow down"}}, status=429, headers={"Retry-After": "0.1"})
        if kind in ("500", "503", "400"):
            return web.json_response({"error": {"message": "fault"}}, status=int(kind))
        if kind == "no_choices":
            return web.json_response({"choices": [], "usage": {}})
        if kind == "badjson":
            return web.Response(body=b'{"choices": [{"mess', content_type="application/json")
        if kind == "hang":
            await asyncio.sleep(3600)
        response = web.StreamResponse(headers={"Content-Length": "400", "Content-Type": "application/json"})
        if kind == "truncated":
            await response.prepare(request)
            await response.write(b'{"choices": [{"message"')
        if request.transport is not None:
            request.transport.abort() if kind == "reset" else request.transport.close()
        return response


async def serve(options: argparse.Namespace) -> None:
    """Listen on a free loopback port and write it to the port file."""
    server = Server(options)
    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_post("/v1/chat/completions", server.chat)
    if server.card is not None:
        app.router.add_get("/v1/models", server.models)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", options.port)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    target = Path(options.port_file)
    target.with_suffix(".tmp").write_text(str(port))
    target.with_suffix(".tmp").replace(target)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await runner.cleanup()


def main() -> None:
    """Parse and serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port-file", required=True)
    parser.add_argument("--faults", default="")
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--log")
    parser.add_argument("--key")
    parser.add_argument("--message", default="{}", help="JSON: fields of every message")
    parser.add_argument("--answer", default="{}", help="JSON: fields of every answer")
    parser.add_argument(
        "--segments", type=int, default=0, help="spans that every thought names, stopping there if asked"
    )
    parser.add_argument("--action", default="", help="the action token in front of an answer that is shown two others")
    parser.add_argument(
        "--dialogue", type=bool, default=False, help="answers say which turn of a conversation they are"
    )
    parser.add_argument("--tools", type=int, default=0, help="calls of a tool, one a turn, before the final answer")
    parser.add_argument("--broken-turn", type=int, help="the turn, from 0, that is refused with 400")
    parser.add_argument(
        "--card", help="JSON: fields of the only model in the list of models; without it there is no list"
    )
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
