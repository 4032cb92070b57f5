"""The exit code is the verdict, whether or not anybody reads what is printed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.run.conftest import clean_environment, command, make_task

READERS = ("nobody", "closed", "all closed", "full")


def code(words: list[str], reader: str, folder: Path) -> int:
    """Exit code of a command whose standard output has lost its reader."""
    shell = {"closed": 'exec "$@" >&-', "all closed": 'exec "$@" >&- 2>&-', "full": 'exec "$@" >/dev/full'}
    wanted = ["sh", "-c", shell[reader], "sh", *words] if reader in shell else words
    reading, writing = os.pipe()
    os.close(reading)
    try:
        return subprocess.run(wanted, stdout=writing, stderr=writing, env=clean_environment(), cwd=folder).returncode
    finally:
        os.close(writing)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs, complete (`right` the oracle's, `wrong` a deaf model's), a baseline of each, a run with errors."""
    folder = tmp_path_factory.mktemp("codes")
    make_task(folder / "toy", 60)
    for model, out in (("oracle", "right"), ("deaf", "wrong")):
        words = ["run", "--model", model, "--tasks", "toy/toy.yaml", "--out", out, "--quiet"]
        assert subprocess.run(command(*words), cwd=folder, capture_output=True).returncode == 0
    words = ["gate", "--run", "right", "--baseline", "right.json", "--update-baseline"]
    assert subprocess.run(command(*words), cwd=folder, capture_output=True).returncode == 0
    return folder


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["gate", "--run", "right", "--baseline", "right.json"], 0),
        (["gate", "--run", "wrong", "--baseline", "right.json"], 1),
        (["report", "nowhere"], 2),
        (["run", "--json", "--model", "openai_chat:x", "--base-url", "http://127.0.0.1:9/v1", "--tasks",
          "toy/toy.yaml", "--out", "failed", "--attempts", "1"], 4),
        (["tasks", "list"], 0),
    ],
)  # fmt: skip
def test_every_code_survives_a_lost_reader(words: list[str], expected: int, reader: str, place: Path) -> None:
    found = code(command(*words), reader, place)
    assert found == expected or (reader == "full" and expected == 0 and found == 4)  # what was to be printed is lost
