"""`tasks list` says how many hours of audio a task has once its data are here, and never guesses before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from audiobench.cli import main
from tests.run.conftest import make_task


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUDIOBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AUDIOBENCH_DATA", raising=False)
    return tmp_path / "cache"


def hours(capsys: pytest.CaptureFixture[str]) -> dict[str, float | None]:
    capsys.readouterr()
    assert main(["tasks", "list", "--json"]) == 0
    return {row["task"]: row["hours"] for row in json.loads(capsys.readouterr().out)}


def test_hours_are_unknown_until_the_data_are_here(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert set(hours(capsys).values()) == {None}
    assert main(["tasks", "show", "listening_count"]) == 0
    assert "unknown until fetched (audiobench tasks fetch listening_count)" in capsys.readouterr().out
    assert main(["tasks", "show", "tut2017"]) == 0
    shown = capsys.readouterr().out
    assert "a copy of your own, given with --data tut2017=PATH: the evaluation archives of Zenodo" in shown
    assert "fetch" not in shown
    assert main(["tasks", "fetch", "listening_count"]) == 0
    rows = [json.loads(line) for line in next(cache.rglob("rows.jsonl")).read_text(encoding="utf-8").splitlines()]
    clips = [clip for row in rows for clip in row.values() if isinstance(clip, dict) and "seconds" in clip]
    found = hours(capsys)
    assert found["listening_count"] == pytest.approx(sum(clip["seconds"] for clip in clips) / 3600)
    assert [name for name, value in found.items() if value is not None] == ["listening_count"]
    assert main(["tasks", "list", "--format", "md"]) == 0
    shown = capsys.readouterr().out
    assert "? until the data are here" in shown and f"| {found['listening_count']:.2f} |" in shown
    (cache / "lengths.json").write_text("{", encoding="utf-8")
    assert set(hours(capsys).values()) == {None}, "a damaged file says nothing"


def test_hours_of_another_revision_or_of_a_part_are_not_the_tasks(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tasks", "fetch", "listening_count"]) == 0
    file = cache / "lengths.json"
    entries = json.loads(file.read_bytes())
    entries["listening_count"]["dataset_revision"] = "another"
    file.write_text(json.dumps(entries), encoding="utf-8")
    assert hours(capsys)["listening_count"] is None
    task = make_task(tmp_path / "toy", 4)
    task.write_text(f"expected_rows: 1000\n{task.read_text(encoding='utf-8')}", encoding="utf-8")
    assert main(["tasks", "fetch", str(task)]) == 0
    assert "of 4 of 1,000 rows, so not those of the task" in capsys.readouterr().out
    assert "toy" not in json.loads(file.read_bytes())
