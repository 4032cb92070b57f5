"""A small local benchmark, a server process, and the command line as a process."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
TASK = """\
task: toy
dataset_path: {data}
doc_to_id: "{{{{id}}}}"
doc_to_audio: "{{{{audio}}}}"
doc_to_question: "{{{{question}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: "{{{{answer}}}}"
breakdown: [group]
chance: per_sample
prompt:
  - name: plain
    order: [text, audio]
    text: "{{{{question}}}}{{% for o in options %}}\\n{{{{o.letter}}}}. {{{{o.text}}}}{{% endfor %}}"
"""


def wav(samples: int = 1600, rate: int = 16000, seed: int = 0) -> bytes:
    """A PCM16 mono wav whose bytes depend on `seed`."""
    data = struct.pack(f"<{samples}h", *((i * (seed + 3) * 37) % 20000 - 10000 for i in range(samples)))
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16, b"data", len(data))  # fmt: skip
    return header + data


def make_task(folder: Path, count: int) -> Path:
    """Write a local benchmark of `count` items; returns its task file."""
    (folder / "audio").mkdir(parents=True)
    rows = []
    for i in range(count):
        (folder / "audio" / f"{i}.wav").write_bytes(wav(seed=i))
        choices = [f"sound {chr(97 + (i + k) % 26)}{k}" for k in range(4)]
        rows.append(
            {
                "id": f"s{i}",
                "audio": f"audio/{i}.wav",
                "question": f"item {i}: which sound is it?",
                "choices": choices,
                "answer": choices[i % 4],
                "group": "even" if i % 2 == 0 else "odd",
            }
        )
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    file = folder / "toy.yaml"
    file.write_text(TASK.format(data="items.jsonl"))
    return file


@pytest.fixture
def toy(tmp_path: Path) -> Callable[[int], Path]:
    """Make a local benchmark of so many items."""
    return lambda count: make_task(tmp_path / "toy", count)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Start mock servers; each call returns the base URL of a new one."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(**options: Any) -> str:
        port_file = tmp_path / f"port{len(processes)}"
        command = [sys.executable, str(HERE / "mock_server.py"), "--port-file", str(port_file)]
        for name, value in options.items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        processes.append(subprocess.Popen(command))
        deadline = time.monotonic() + 20
        while not port_file.exists():
            assert time.monotonic() < deadline, "the mock server did not start"
            time.sleep(0.02)
        return f"http://127.0.0.1:{port_file.read_text()}/v1"

    yield start
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(10)


@pytest.fixture
def cli(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `audiobench ...` as a process; environment variables by keyword."""

    def call(*arguments: str | Path, timeout: float = 60, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*arguments), env={**clean_environment(), **environment}, cwd=tmp_path,
            capture_output=True, text=True, timeout=timeout,
        )  # fmt: skip

    return call


def command(*arguments: str | Path) -> list[str]:
    """The command line of `audiobench ...`."""
    return [sys.executable, "-m", "audiobench", *map(str, arguments)]


def clean_environment() -> dict[str, str]:
    """This environment without anybody's API keys."""
    return {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
