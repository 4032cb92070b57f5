"""`audiobench run` on a machine with GPUs: servers are planned, started, asked together and stopped.

`nvidia-smi` and `vllm` are small programs of the test; everything else is the real thing.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audiobench.cli import main
from audiobench.serving import planner

H100 = "{i}, NVIDIA H100 80GB HBM3, 81559, 81000, GPU-{i}"
SERVER = """
import argparse, http.server, json, os, sys

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int)
parser.add_argument("--max-model-len", type=int)
known, rest = parser.parse_known_args()
with open(os.environ["STARTED"], "a") as file:
    file.write(json.dumps({"gpus": os.environ.get("CUDA_VISIBLE_DEVICES"), "argv": sys.argv[1:], "pid": os.getpid()}) + "\\n")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def say(self, status, data):
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.say(200, {})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if asked["max_tokens"] > known.max_model_len:
            return self.say(400, {"error": {"message": "max_tokens cannot be greater than max_model_len"}})
        message = {"content": "\\n</think>\\nB"}
        choice = {"message": message, "finish_reason": "stop", "index": 0}
        self.say(200, {"model": asked["model"], "choices": [choice], "system_fingerprint": os.environ.get("CUDA_VISIBLE_DEVICES")})

    def log_message(self, *args):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", known.port), Handler).serve_forever()
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """`machine(line, ...)`: these GPUs and vLLM are here; returns the file that tells what was started."""

    def make(*lines: str) -> Path:
        tools = tmp_path / "bin"
        tools.mkdir()
        (tools / "nvidia-smi").write_text(f"#!{sys.executable}\nprint({chr(10).join(lines)!r})\n")
        (tools / "nvidia-smi").chmod(stat.S_IRWXU)
        package = tmp_path / "lib" / "vllm" / "entrypoints" / "openai"
        package.mkdir(parents=True)
        for folder in (package, package.parent, package.parent.parent):
            (folder / "__init__.py").touch()
        (package / "api_server.py").write_text(SERVER)
        started = tmp_path / "started.jsonl"
        monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "lib"))
        monkeypatch.setenv("STARTED", str(started))
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        real = planner.importlib.util.find_spec
        monkeypatch.setattr(planner.importlib.util, "find_spec", lambda name: name if name == "vllm" else real(name))
        monkeypatch.setattr(planner, "_is_cpu_build", lambda: False)
        return started

    return make


def lines(file: Path) -> list[Any]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_replicas_share_the_requests_and_end_with_the_run(machine, toy, tmp_path):
    started = machine(*(H100.format(i=i) for i in range(4)))
    run = tmp_path / "run"
    assert main(["run", "--model", "step-audio-r1", "--tasks", str(toy(24)), "--out", str(run), "--quiet"]) == 0
    servers = lines(started)
    assert sorted(server["gpus"] for server in servers) == ["0,1", "2,3"]
    for server in servers:
        assert " ".join(server["argv"]).count("--tensor-parallel-size 2") == 1
        assert not Path(f"/proc/{server['pid']}").exists()
    answered = [line["response"]["raw"]["system_fingerprint"] for line in lines(run / "toy" / "samples.jsonl")]
    assert len(answered) == 24 and min(answered.count("0,1"), answered.count("2,3")) >= 6


def test_requests_longer_than_the_context_that_fits_are_refused_before_a_server_starts(machine, toy, tmp_path, capsys):
    started = machine("0, NVIDIA A100-SXM4-80GB, 70000, 69500, GPU-0")
    run = ["run", "--model", "step-audio-r1", "--tasks", str(toy(2)), "--out", str(tmp_path / "run"), "--quiet"]
    assert main(run) == 2
    assert "needs 1 GPU with 72 GiB free" in capsys.readouterr().err
    (tmp_path / "bin" / "nvidia-smi").write_text(f"#!{sys.executable}\nprint('0, A, 76000, 75500, GPU-0')\n")
    assert main(run) == 2
    said = capsys.readouterr().err
    assert "its context is 16,384 tokens, and task toy asks for up to 32,000 new ones" in said
    assert not started.exists() and not (tmp_path / "run").exists()
    assert main([*run, "--gen", "max_gen_toks=12288"]) == 0


def test_the_fit_is_checked_before_any_data_is_fetched(machine, tmp_path, monkeypatch, capsys):
    from audiobench import data as dataset

    machine("0, NVIDIA GeForce RTX 4090, 24564, 24000, GPU-0")
    monkeypatch.setattr(dataset, "load", lambda *_, **__: pytest.fail("data were fetched"))
    assert main(["run", "--model", "step-audio-r1", "--tasks", "mmau", "--out", str(tmp_path / "run")]) == 2
    assert "67 GB in bf16" in capsys.readouterr().err
