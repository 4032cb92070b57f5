"""`--reader MODEL`: a model reads what the rules leave unparsed; its number stands beside that of the rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

MODEL = """\
from audiobench.types import Response


class Vague:
    def __init__(self, spec, *, base_url, timeout): ...

    async def generate(self, request):
        place = int(request.sample_id[1:])
        right = request.sample.choices.index(request.sample.target)
        return Response(["Hmm, hard to say.", "ABCD"[right], "It could be anything, really."][place % 3])

    async def close(self): ...


class Reader(Vague):
    async def generate(self, request):
        place = int(request.sample_id[1:])
        with open(LOG, "a") as file:
            file.write(request.sample_id + "\\n")
        return Response('{"option": "A"}' if place % 3 == 0 else '{"option": "none"}', served_model=SERVED, raw=RAW)
"""


@pytest.fixture
def run(toy: Any, cli: Any, tmp_path: Path) -> Any:
    """Run the vague model with a reader of that name; returns the process, the first entry and what the reader was sent."""
    task = toy(6)

    def go(*more: str, served: str = "reader") -> tuple[Any, Any, list[str]]:
        log = tmp_path / "log.txt"
        raw = {"model_differs": True} if served != "reader" else {}
        constants = f"LOG, SERVED, RAW = {str(log)!r}, {served!r}, {raw!r}\n"
        (tmp_path / "own.py").write_text(constants + MODEL)
        (tmp_path / "reader.yaml").write_text(
            "name: reader\nadapter: own.py:Reader\nserved_model: reader\ntext_only: true\n"
        )
        done = cli("run", "--model", "own.py:Vague", "--tasks", task, "--out", tmp_path / "out", "--json", *more)
        sent = log.read_text().split() if log.exists() else []
        return done, json.loads(done.stdout)["results"][0] if done.stdout else None, sent

    return go


def readings(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "out/toy/readings.jsonl").read_text().splitlines()]


def test_a_reader_is_asked_once_about_what_no_rule_reads_and_both_numbers_are_kept(run: Any, tmp_path: Path) -> None:
    without, alone, _ = run()
    assert without.returncode == 0 and "reader" not in alone and alone["counts"]["unparsed"] == 4
    done, entry, sent = run("--reader", "reader.yaml")
    assert done.returncode == 0, done.stderr
    assert sorted(sent) == ["s0", "s2", "s3", "s5"], "what a rule reads is not sent"
    assert entry["metrics"] == alone["metrics"] and entry["counts"] == alone["counts"], "the rules' number stays"
    both = entry["reader"]
    assert (both["unparsed"], both["read"], both["n"]) == (4, 2, 6) and both["reader"].startswith("reader ")
    right = sum(line["option"] == "A" for line in readings(tmp_path))
    assert right == 2 and both["value"] >= entry["metrics"]["acc"]["value"]
    assert [line["option"] for line in sorted(readings(tmp_path), key=lambda x: x["id"])] == ["A", "none", "A", "none"]
    _, again, sent = run("--reader", "reader.yaml")
    assert len(sent) == 4 and again["reader"] == both, "nothing is sent twice"


def test_the_table_shows_both_numbers(run: Any, cli: Any, tmp_path: Path) -> None:
    run("--reader", "reader.yaml")
    shown = " ".join(cli("report", tmp_path / "out").stdout.split())
    assert "acc by rules" in shown and "by rules and reader reader" in shown
    assert "it found an answer in 2 of 4 unparsed responses" in shown


def test_another_model_than_the_reader_is_not_kept(run: Any, tmp_path: Path) -> None:
    done, entry, _ = run("--reader", "reader.yaml", served="cheaper")
    assert done.returncode == 4 and "reader reader: cheaper answered although reader was asked" in done.stderr
    assert "reader" not in entry and not (tmp_path / "out/toy/readings.jsonl").exists()
