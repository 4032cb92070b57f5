"""A model server for the throughput benchmark: OpenAI chat completions with slots, latencies and injected errors.

    python mockserver.py --port 8913 --index DATA/index.json [--latency fixed:0.2] [--slots 64] [--errors 429:0.1,...]

The prompt holds `item NNNNNN` and lettered options; the answer is right for three items of four, by a hash of the item,
so that every run over the same clips has the same score. Errors are drawn by item and attempt, at most
`--err-max-per-key` for one item. `GET /_stats` counts, `POST /_reset` forgets.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import math
import re
import time
from collections import Counter
from pathlib import Path
from statistics import NormalDist
from typing import Any

import orjson
import pybase64
from aiohttp import web

ITEM = re.compile(r"item (\d{6})")
OPTION = re.compile(r"^\(([A-Z])\) (.*)$", re.MULTILINE)
RIGHT = 0.75


def share(*parts: object) -> float:
    """A number in [0, 1) from the parts, the same in every process."""
    return int.from_bytes(hashlib.blake2b("|".join(map(str, parts)).encode(), digest_size=6).digest(), "big") / 2**48


class Server:
    def __init__(self, options: argparse.Namespace) -> None:
        self.targets: dict[str, str] = json.loads(options.index.read_text(encoding="utf-8"))
        self.latency = options.latency
        self.slots = asyncio.Semaphore(options.slots)
        self.errors = [(kind, float(rate)) for kind, rate in (e.split(":") for e in options.errors.split(",") if e)]
        self.most = options.err_max_per_key
        self.reset()

    def reset(self) -> None:
        self.requests, self.first, self.bad_audio = 0, None, 0
        self.attempts: Counter[str] = Counter()

    def seconds(self, item: str, clips: list[bytes]) -> float:
        kind, _, numbers = self.latency.partition(":")
        values = [float(number) for number in numbers.split(",")]
        if kind == "fixed":
            return values[0]
        if kind == "audio":
            return values[0] * sum(len(clip) for clip in clips) / 32_000  # 16 kHz, 16 bits
        median, sigma, most = values
        return min(most, median * math.exp(sigma * NormalDist().inv_cdf(share("latency", item))))

    def error(self, item: str) -> str | None:
        attempt = self.attempts[item]
        self.attempts[item] += 1
        draw = share("error", item, attempt)
        for kind, rate in self.errors if attempt < self.most else ():
            if draw < rate:
                return kind
            draw -= rate
        return None

    async def chat(self, request: web.Request) -> web.StreamResponse:
        self.first = self.first or time.time()
        self.requests += 1
        body = orjson.loads(await request.read())
        text, clips = "", []
        for part in body["messages"][-1]["content"]:
            if part["type"] == "text":
                text += part["text"]
            else:
                clips.append(pybase64.b64decode(part["input_audio"]["data"], validate=True))
        self.bad_audio += not clips or any(clip[:4] != b"RIFF" for clip in clips)
        found = ITEM.search(text)
        if found is None:
            return web.json_response({"error": {"message": "no item in the prompt"}}, status=400)
        error = self.error(found[1])
        if error == "429":
            return web.json_response({"error": {"message": "slow down"}}, status=429, headers={"Retry-After": "1"})
        async with self.slots:
            await asyncio.sleep(self.seconds(found[1], clips))
        if error == "500":
            return web.json_response({"error": {"message": "an injected error"}}, status=500)
        if error == "reset" and request.transport:
            request.transport.abort()
        answer = orjson.dumps(self.reply(found[1], text))
        if error == "badjson":
            return web.Response(body=answer[:-9], content_type="application/json")
        if error == "truncate":
            cut = web.StreamResponse(headers={"Content-Length": str(len(answer)), "Content-Type": "application/json"})
            await cut.prepare(request)
            await cut.write(answer[:20])
            if request.transport:
                request.transport.abort()
            return cut
        return web.Response(body=answer, content_type="application/json")

    def reply(self, item: str, text: str) -> dict[str, Any]:
        options = {option: letter for letter, option in OPTION.findall(text)}
        right = options[self.targets[item]]
        letters = sorted(options.values())
        letter = right if share("answer", item) < RIGHT else letters[(letters.index(right) + 1) % len(letters)]
        message = {"role": "assistant", "content": f"({letter})"}
        return {"model": "mock-audio", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}

    async def stats(self, request: web.Request) -> web.Response:
        return web.json_response({"requests": self.requests, "t_first_wall": self.first, "bad_audio": self.bad_audio})

    async def forget(self, request: web.Request) -> web.Response:
        self.reset()
        return web.json_response({})

    async def health(self, request: web.Request) -> web.Response:
        return web.json_response({})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument(
        "--latency",
        default="fixed:0.2",
        help="fixed:SECONDS, audio:SECONDS a second of audio, or lognormal:MEDIAN,SIGMA,MOST",
    )
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--errors", default="", help="429, 500, reset, truncate, badjson, each with its rate")
    parser.add_argument("--err-max-per-key", type=int, default=2)
    options = parser.parse_args()

    async def app() -> web.Application:
        server = Server(options)
        made = web.Application(client_max_size=64 * 2**20)
        made.router.add_post("/v1/chat/completions", server.chat)
        made.router.add_get("/_stats", server.stats)
        made.router.add_post("/_reset", server.forget)
        made.router.add_get("/health", server.health)
        return made

    web.run_app(app(), host="127.0.0.1", port=options.port, print=None, access_log=None)


if __name__ == "__main__":
    main()
