"""The local server: audio in ranges, nothing but the page and the clips that journals name."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest


def ask(server, path: str, **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
    """One raw GET: the path is sent as it is."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.putrequest("GET", path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers, body


def test_a_clip_comes_whole_and_in_ranges(served, clips) -> None:
    whole = Path(clips[1]["path"]).read_bytes()
    status, headers, body = ask(served, f"/audio/{clips[1]['sha256']}")
    assert (status, headers["Content-Type"], headers["Accept-Ranges"]) == (200, "audio/wav", "bytes")
    assert body == whole
    status, headers, body = ask(served, f"/audio/{clips[1]['sha256']}", Range="bytes=1000-1999")
    assert (status, headers["Content-Range"]) == (206, f"bytes 1000-1999/{len(whole)}")
    assert body == whole[1000:2000]
    assert ask(served, f"/audio/{clips[1]['sha256']}", Range="bytes=99999999-")[0] == 416


@pytest.mark.parametrize(
    "path",
    ["/audio/" + "0" * 64, "/audio/../../etc/passwd", "/data/../../../../../../etc/passwd", "/app/%2e%2e/%2e%2e/etc/passwd",
     "/data/", "/app/", "/etc/passwd", "/audio/", "//etc/passwd", "/data/%2fetc/passwd"],
)  # fmt: skip
def test_nothing_else_is_served(served, path) -> None:
    status, _, body = ask(served, path)
    assert status in (403, 404)
    assert b"root:" not in body


def test_only_this_machine_is_answered(served) -> None:
    assert ask(served, "/", Host="evil.example")[0] == 403
    assert ask(served, "/", Host=f"evil.example:{served.port}")[0] == 403
    assert ask(served, "/", Host=f"localhost:{served.port}")[0] == 200


def test_every_page_comes_with_a_strict_policy(served) -> None:
    for path in ("/", "/app/app.js", "/data/index.js"):
        _, headers, _ = ask(served, path)
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_command_serves_until_interrupted(run) -> None:
    program = "import sys; from audiobench.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "view", str(run)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ})
    try:
        assert process.stdout is not None
        address = re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())
        assert address, process.stderr.read() if process.stderr else ""
        with urllib.request.urlopen(address[0] + "data/index.js", timeout=10) as answer:
            text = answer.read().decode()
        assert json.loads(json.loads("[" + text[len("AB.put(") : -3] + "]")[1])["audio"] == "served"
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()


def test_a_port_that_is_taken_is_one_line(served, run, capsys) -> None:
    from audiobench.cli import main

    assert main(["view", str(run), "--port", str(served.port)]) == 2
    assert f"--port {served.port}" in capsys.readouterr().err
