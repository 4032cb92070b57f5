"""What stands in the Hub's place and answers 200 with a page is told as that."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from audiobench.core.errors import IncompleteError
from audiobench.data.hub import HubRepository


class Portal(BaseHTTPRequestHandler):
    body = b"<html><title>Please log in</title></html>"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_a_page_in_the_place_of_the_hub_is_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Portal) as portal:
        threading.Thread(target=portal.serve_forever, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{portal.server_port}")
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        with pytest.raises(
            IncompleteError, match=r"is a proxy or a log-in page in between\? Use a local copy: --data toy=PATH"
        ):
            HubRepository("some/set", "toy").resolve("main")
        portal.shutdown()
