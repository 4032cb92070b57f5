"""An OpenAI-compatible judge, as a process of its own: `python judge_server.py PORT_FILE LOG`.

It does what it is told, as language models do: an order to it that stands outside of the data block is obeyed, also
when the judged model wrote it. Else it labels steps by a word, names the option that the reasoning ends on, and gives
every criterion its point. It thinks aloud first. The first call of all is answered 500; the second run of each prompt
(seed 1) is prose; a prompt that holds `overload` is always answered 503.
"""

from __future__ import annotations

import json
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PORT_FILE, LOG = Path(sys.argv[1]), Path(sys.argv[2])
KINDS = {"pitch": "acoustic", "transcript": "transcript"}
state = {"calls": 0}


def answer(text: str) -> str:
    if "## Evaluation Rubric" in text:
        names = re.findall(r"### Criterion: (.+)", text)
        return json.dumps([{"name": name, "score": 1, "justification": "x"} for name in names])
    marked = re.search(r"^(DATA-\w+) begin\n(.*)\n\1 end$", text, re.M | re.S)
    data = marked[2] if marked else ""
    told = text.replace(data, "")
    order = re.search(r"reply with (\[.*?\]|\{.*?\})", told)
    if order:
        return order[1]
    if "label the steps" in told:
        steps = [json.loads(step) for step in re.findall(r'^\d+\. (".*")$', data, re.M)]
        return json.dumps([next((kind for word, kind in KINDS.items() if word in step), "logic") for step in steps])
    found = re.search(r"so ([A-D])\b", data)
    return json.dumps({"option": found[1] if found else "none"})


class Judge(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with LOG.open("a", encoding="utf-8") as log:
            log.write(json.dumps(body) + "\n")
        state["calls"] += 1
        contents = [message["content"] for message in body["messages"]]
        parts = [c if isinstance(c, str) else "".join(part["text"] for part in c) for c in contents]
        text = "\n".join(parts)
        if state["calls"] == 1 or "overload" in text:
            return self.reply(500 if state["calls"] == 1 else 503, {"error": {"message": "busy"}})
        said = "Well, it is hard to say." if body.get("seed") == 1 else f"<think>\nlet me see\n</think>\n{answer(text)}"
        message = {"role": "assistant", "content": said}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return self.reply(200, {"model": "judge-2026-11", "choices": [choice], "usage": {"prompt_tokens": 9}})

    def reply(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Judge)
    PORT_FILE.with_suffix(".tmp").write_text(str(server.server_port))
    PORT_FILE.with_suffix(".tmp").replace(PORT_FILE)
    server.serve_forever()
