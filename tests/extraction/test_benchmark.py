"""The benchmark of reading, on invented rows."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from audiobench.extraction import VERSION

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "extraction" / "run.py"
CHOICES = ["Harp", "Tuba", "Drum", "Flute"]
ROWS = [
    ("one", "The answer is (B).", 1),
    ("one", "<Verdict>C</Verdict>", 2),
    ("two", "I went for the flute.", 3),
    ("two", "Harp or tuba, I cannot tell.", None),
    ("two", "(A) is too soft. So it is the drum.", 2),
]


@pytest.fixture(scope="module")
def bench() -> Any:
    spec = importlib.util.spec_from_file_location("reading_benchmark", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    rows = [{"set": s, "choices": CHOICES, "output": o, "chosen": c, "sure": True} for s, o, c in ROWS]
    rows.append({"set": "two", "choices": CHOICES, "output": "Hm", "chosen": None, "sure": False})
    path = tmp_path / "labelled.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_it_prints_agreement_by_reader_set_and_kind(bench: Any, labelled: Path, capsys: pytest.CaptureFixture[str]):
    bench.main([str(labelled)])
    printed = capsys.readouterr().out
    assert f"| audiobench, extraction {VERSION} | 5 | 100.0 | 0 | 0 |" in printed
    assert "| lm-eval multi_choice_regex, first match | 5 | 40.0 | 1 | 2 |" in printed
    assert "| one | 2 | 100.0 | 0 | 0 |" in printed and "| tag, box or field | 1 |" in printed


def test_a_mistake_is_shown_with_what_was_read(bench: Any, labelled: Path, capsys: pytest.CaptureFixture[str]):
    bench.main([str(labelled), "--readers", "lm-eval", "--list-mistakes"])
    assert "guessed: two" in capsys.readouterr().out


def test_a_model_that_reads_what_the_rules_leave_is_one_more_reader(
    bench: Any, labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "own.py").write_text(
        "from audiobench.core.types import Response\n\n\nclass Guesser:\n"
        "    def __init__(self, spec, *, base_url, timeout): ...\n\n"
        "    async def generate(self, request):\n"
        '        return Response(\'{"option": "A"}\')\n\n'
        "    async def close(self): ...\n"
    )
    model = tmp_path / "guesser.yaml"
    model.write_text(f"name: guesser\nadapter: {tmp_path / 'own.py'}:Guesser\nserved_model: guesser\ntext_only: true\n")
    for _ in range(2):
        bench.main([str(labelled), "--readers", "audiobench", "--reader", str(model)])
    printed = capsys.readouterr().out
    assert f"| audiobench, extraction {VERSION}, and reader {model} | 5 | 80.0 | 0 | 1 |" in printed
    readings = (tmp_path / "labelled.jsonl.readings.jsonl").read_text().splitlines()
    assert len(readings) == 1, "only the response that no rule could read was sent, and once"
