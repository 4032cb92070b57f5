"""The worked examples of docs/own_model.md, run as a user runs them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from audiobench.model.registry import find_model, sha256_of
from tests.examples.conftest import packaged

MODEL = "own_model.py:ZeroCrossings"


@pytest.fixture
def here(tmp_path: Path, root: Path) -> Path:
    """The working directory of `cli` with the examples in it, their data made."""
    for name in ("own_model.py", "own_task.py", "own_task.yaml"):
        shutil.copy(root / "examples" / name, tmp_path)
    subprocess.run([sys.executable, tmp_path / "own_task.py"], check=True)
    return tmp_path


def run(cli: Any, model: str, *more: str) -> dict[str, Any]:
    done = cli("run", "--model", model, "--tasks", "own_task.yaml", "--json", *more)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["results"][0]


def test_own_model_on_own_task(here: Path, cli: Any) -> None:
    heard = run(cli, MODEL)
    assert heard["metrics"]["acc"]["value"] == 1.0 and heard["n"] == 2
    # the model listens: with the clips swapped it is wrong both times
    assert run(cli, f"./{MODEL}", "--audio", "swap")["metrics"]["acc"]["value"] == 0.0
    assert cli("tasks", "check", "own_task.yaml").returncode == 0


def test_changed_code_is_another_model(here: Path, cli: Any) -> None:
    run(cli, MODEL)
    before = sha256_of(find_model(f"{here}/{MODEL}"))
    file = here / "own_model.py"
    file.write_text(file.read_text().replace("pitch > 500", "pitch < 500"))
    assert sha256_of(find_model(f"{here}/{MODEL}")) != before
    assert run(cli, MODEL)["metrics"]["acc"]["value"] == 0.0


def test_a_model_file_beside_the_code(here: Path, cli: Any) -> None:
    """What the class cannot say: the audio it takes, and how it thinks. The code is found beside the YAML."""
    folder = here / "models"
    folder.mkdir()
    shutil.move(here / "own_model.py", folder)
    (folder / "zero.yaml").write_text(
        f"name: zero\nadapter: {MODEL}\nserved_model: zero\naudio: {{formats: [wav], sample_rate: 8000, channels: 1}}\n"
    )
    assert run(cli, "models/zero.yaml")["metrics"]["acc"]["value"] == 1.0
    (journal,) = (here / "results/zero").rglob("samples.jsonl")
    assert "8000" in json.dumps([json.loads(line)["audio"][0]["changed"] for line in journal.open()])


def test_an_entry_point_of_another_package(here: Path, cli: Any) -> None:
    package = packaged(here, "own_model.py", "zc", "[audiobench.adapters]\nzero = zc:ZeroCrossings\n")
    for model in ("zero", "zero:large"):
        done = cli("run", "--model", model, "--tasks", "own_task.yaml", "--json", PYTHONPATH=str(package))
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["results"][0]["metrics"]["acc"]["value"] == 1.0


@pytest.mark.parametrize(
    ("code", "model", "says"),
    [
        ("", "absent.py:M", "absent.py: No such file"),
        ("", "m.py:M", "has no attribute 'M'"),
        ("import no_such_module", "m.py:M", "No module named 'no_such_module'"),
        ("class M: pass", "m.py:M", "must be built as Class(spec, *, base_url, timeout)"),
        ("class M:\n def __init__(self, spec, **_): pass", "m.py:M", "an adapter needs `async def generate(self, request)`"),
        ("class M:\n def __init__(self, spec, **_): pass\n def generate(self, r): pass", "m.py:M", "`async def generate"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_class_is_one_line(code: str, model: str, says: str, here: Path, cli: Any) -> None:
    (here / "m.py").write_text(code)
    done = cli("run", "--model", model, "--tasks", "own_task.yaml", "--quiet")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert says in done.stderr


def test_the_documentation_shows_the_examples(root: Path) -> None:
    pages = "".join((root / "docs" / page).read_text() for page in ("own_model.md", "plug_ins.md"))
    shown = re.findall(r"```(?:python|yaml)\n(.*?)```", pages, re.DOTALL)
    starts = {
        "own_model.py": "import io", "own_task.yaml": "task:", "own_scorer.py": "from audiobench",
        "own_protocol.py": "from audiobench", "own_rule.py": "import re", "own_annotator.py": "import io",
    }  # fmt: skip
    for name, start in starts.items():
        source = (root / "examples" / name).read_text()
        code = source[source.index(start) :]
        assert any(code.strip() in block for block in shown), name


def test_an_adapter_written_for_0_1_finds_what_it_imports(here: Path, cli: Any) -> None:
    file = here / "own_model.py"
    code = file.read_text()
    old = (
        "from audiobench.types import Response\nfrom model_adapters.base import RetryableError, RunError, SampleError\n"
    )
    file.write_text(code.replace("from audiobench.model import Response\n", old))
    assert old in file.read_text() and run(cli, MODEL)["n"] == 2
