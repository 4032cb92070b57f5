"""Run directories that version 0.1 wrote (invented data): today's reader finds in them what it found then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest

from audiobench.analysis.traces import asking, early
from audiobench.cli import main
from audiobench.core.errors import IncompleteError
from audiobench.files import annotations, records
from audiobench.files.annotations import Judgement
from audiobench.results.runs import Run
from audiobench.results.summary import summarise

FILES = Path(__file__).parents[1] / "files_of_0_1"
RUNS = sorted(path.name for path in FILES.iterdir())
SAME = ("task", "condition", "n", "counts", "errors", "coverage", "usage", "latency", "bounds")


def _numbers(entry: dict[str, Any]) -> dict[str, Any]:
    values = {name: (found["value"], found["n"]) for name, found in entry["metrics"].items()}
    prints = {part: entry["fingerprint"][part] for part in ("samples", "audio")}
    raters = {part: entry["fingerprint"].get(part) for part in ("judge", "recogniser")}
    spoken = {name: entry["speech"][name] for name in ("answers", "transcribed", "asr")} if "speech" in entry else {}
    return {**{name: entry.get(name) for name in SAME}, **values, **prints, **raters, **spoken}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_of_0_1_has_the_summary_it_had(name: str) -> None:
    run = Run.open(FILES / name)
    for task_run in run.tasks.values():
        before = orjson.loads((task_run.folder / "summary.json").read_bytes())
        now = orjson.loads(msgspec.json.encode(summarise(task_run)))
        assert [_numbers(entry) for entry in now] == [_numbers(entry) for entry in before]


def test_traces_and_early_answers_of_0_1_are_read() -> None:
    (verdicts,) = (asking.read(run.folder) for run in Run.open(FILES / "traces").tasks.values())
    assert {(line.measure, len(line.replies)) for line in verdicts.values()} == {("grounding", 3), ("consistency", 3)}
    (answers,) = (early.read(run.folder) for run in Run.open(FILES / "early").tasks.values())
    assert answers and {line.status for line in answers.values()} <= {"scored", "unparsed"}


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    for name in RUNS:
        for path in (FILES / name).glob("*/samples.jsonl"):
            found = list(records.read(path))
            records.journal.write_lines(tmp_path / "again.jsonl", found)
            assert list(records.read(tmp_path / "again.jsonl")) == found


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ('"text":"', '"text":1,"was":"', r"not a record: Expected `str`, got `int` - at `\$.response.text`"),
        ('"epoch":0', '"epoch":"0"', r"not a record: Expected `int`, got `str` - at `\$.epoch`"),
        ('"usage":{', '"usage":[],"was":{', r"not a record: Expected `object`, got `array` - at `\$.response.usage`"),
    ],
)
def test_a_field_of_another_type_is_named_with_file_and_line(
    before: str, after: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import re
    import shutil

    shutil.copytree(FILES / "stale", tmp_path / "run")
    path = tmp_path / "run/toy/samples.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    place = next(number for number, line in enumerate(lines) if before in line)
    path.write_text("".join([*lines[:place], lines[place].replace(before, after, 1), *lines[place + 1 :]]))
    with pytest.raises(IncompleteError, match=rf"samples\.jsonl:{place + 1}: {says}"):
        list(records.read(path))
    assert main(["report", str(tmp_path / "run")]) == 4
    assert re.search(rf"samples\.jsonl:{place + 1}: {says}", capsys.readouterr().err)


def test_unknown_fields_are_ignored(tmp_path: Path) -> None:
    (line,) = list(annotations.read(FILES / "judged/chatty", Judgement).values())[:1]
    text = orjson.dumps({"id": line.id, "key": line.key, "value": line.value, "mood": "good"}) + b"\n"
    (tmp_path / Judgement.FILE).write_bytes(text)
    assert annotations.read(tmp_path, Judgement)[line.id, line.key].value == line.value
