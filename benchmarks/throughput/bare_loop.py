"""The floor: what a careful aiohttp loop pays for the same work, with no checks, no journal format, no scoring.

python bare_loop.py DATA BASE_URL OUT
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import aiohttp
import orjson
import pybase64

CONCURRENCY = 128
LETTER = re.compile(r"ANSWER:\s*([A-D])|answer is \(?([A-D])", re.IGNORECASE)


def build(data: Path, item: dict[str, object]) -> bytes:
    """One request body."""
    raw = (data / str(item["audio"])).read_bytes()
    options = "\n".join(f"({letter}) {text}" for letter, text in zip("ABCD", item["choices"], strict=True))  # type: ignore[arg-type]
    content = [
        {"type": "text", "text": f"{item['question']}\n{options}\nAnswer with the letter."},
        {"type": "input_audio", "input_audio": {"data": pybase64.b64encode(raw).decode(), "format": "wav"}},
    ]
    body = {
        "model": "mock-audio",
        "temperature": 0,
        "max_tokens": 64,
        "messages": [{"role": "user", "content": content}],
    }
    return orjson.dumps(body)


async def main(data: Path, url: str, out: Path) -> None:
    """Ask every item once, retrying failures at once."""
    items = iter([orjson.loads(line) for line in (data / "items.jsonl").read_bytes().splitlines()])
    connector = aiohttp.TCPConnector(limit=CONCURRENCY)
    with out.open("wb", buffering=0) as file:
        async with aiohttp.ClientSession(connector=connector) as session:

            async def ask(body: bytes) -> dict[str, object]:
                for attempt in range(8):
                    try:
                        headers = {"content-type": "application/json"}
                        async with session.post(f"{url}/chat/completions", data=body, headers=headers) as reply:
                            raw = await reply.read()
                            if reply.status == 200:
                                return orjson.loads(raw)
                    except (aiohttp.ClientError, orjson.JSONDecodeError):
                        pass
                    await asyncio.sleep(0.5 * 2**attempt)
                raise SystemExit("no answer after 8 attempts")

            async def worker() -> None:
                for item in items:
                    reply = await ask(build(data, item))
                    text = reply["choices"][0]["message"]["content"]  # type: ignore[index]
                    found = LETTER.search(text)
                    right = bool(found) and (found[1] or found[2]) == item["answer_letter"]
                    file.write(orjson.dumps({"id": item["id"], "text": text, "right": right}) + b"\n")

            await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))


asyncio.run(main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
