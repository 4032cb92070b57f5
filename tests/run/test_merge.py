"""`audiobench merge`: shards make the run that one process would have made, and a missing one is named."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audiobench.core.types import Response
from audiobench.files import journal, records, turns

TIMES = ("latency", "errors")


@pytest.fixture
def shard(cli: Any, toy: Any, tmp_path: Path) -> Callable[..., Path]:
    """Run one shard of a local benchmark with the `random` control; returns its run directory."""
    file = toy(11)

    def go(part: str | None, *more: str) -> Path:
        out = tmp_path / f"shard {part} {' '.join(more)}".strip().replace("/", " of ")
        chosen = ("--shard", part) if part else ()
        result = cli("run", "--model", "random", "--tasks", file, "--out", out, "--audio", "full,none", *chosen, *more)
        assert result.returncode == 0, result.stderr
        return out

    return go


def files(run: Path) -> dict[str, bytes]:
    """What a run directory holds, without its lock."""
    return {
        str(path.relative_to(run)): path.read_bytes()
        for path in sorted(run.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def without_times(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in entry.items() if key not in TIMES} for entry in entries]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_shards_make_the_single_run(count: int, shard: Any, cli: Any, tmp_path: Path) -> None:
    whole = shard(None)
    parts = [shard(f"{i}/{count}") for i in range(1, count + 1)]
    result = cli("merge", *parts, "--out", tmp_path / "all")
    assert result.returncode == 0, result.stderr
    one, merged = (without_times(read(run / "toy" / "summary.json")) for run in (whole, tmp_path / "all"))
    assert merged == one and one[0]["n"] == 11
    one, merged = (read(run / "toy" / "plan.json") for run in (whole, tmp_path / "all"))
    assert {**merged, "ids": [], "crc": ""} == {**one, "ids": [], "crc": ""} and merged["shard"] is None
    assert merged["ids"] == sorted(one["ids"])


def test_a_missing_shard_is_named_and_the_rest_is_kept(shard: Any, cli: Any, tmp_path: Path) -> None:
    out = tmp_path / "all"
    parts = [shard(f"{i}/4") for i in (1, 2, 3, 4)]
    result = cli("merge", parts[0], parts[2], "--out", out)
    assert result.returncode == 4
    assert "toy" in result.stderr and "2/4, 4/4" in result.stderr
    assert read(out / "toy" / "plan.json")["shard"] == [[1, 3], 4]
    held = [*read(parts[0] / "toy" / "plan.json")["ids"], *read(parts[2] / "toy" / "plan.json")["ids"]]
    assert read(out / "toy" / "summary.json")[0]["n"] == len(held)
    result = cli("merge", parts[3], out, "--out", out)
    assert result.returncode == 4 and "shard 2/4 missing" in result.stderr
    assert cli("merge", out, parts[1], "--out", out).returncode == 0
    assert cli("merge", *parts, "--out", tmp_path / "at once").returncode == 0
    assert files(out) == files(tmp_path / "at once"), "bit by bit is the same as at once"


def test_any_order_and_again(shard: Any, cli: Any, tmp_path: Path) -> None:
    parts = [shard(f"{i}/3") for i in (1, 2, 3)]
    found = []
    for number, order in enumerate([*[*itertools.permutations(parts)][::2], (*parts, parts[0])]):
        out = tmp_path / f"out{number}"
        assert cli("merge", *order, "--out", out).returncode == 0
        found.append(files(out))
    assert all(other == found[0] for other in found)
    assert cli("merge", tmp_path / "out0", "--out", tmp_path / "out0").returncode == 0
    assert files(tmp_path / "out0") == found[0]


def test_a_whole_run_lacks_no_shard(shard: Any, cli: Any, tmp_path: Path) -> None:
    assert cli("merge", shard("2/3"), shard(None), "--out", tmp_path / "all").returncode == 0
    assert read(tmp_path / "all" / "toy" / "plan.json")["shard"] is None


def test_what_does_not_fit_is_refused(shard: Any, cli: Any, tmp_path: Path) -> None:
    """Shards of different numbers, other settings, and a directory that holds a run of its own."""
    one, out = shard("1/2"), tmp_path / "all"
    for other, says in (
        (shard("2/3"), "different numbers"),
        (shard("2/2", "--epochs", "2"), "epochs differs"),
        (shard("2/2", "--gen", "top_p=0.5"), "overrides: top_p differs"),
        (shard("2/2", "--audio", "silence"), "think=default audio=silence and think=default audio=full"),
    ):
        result = cli("merge", one, other, "--out", out)
        assert result.returncode == 3 and says in result.stderr and not out.exists()
    before = files(one)
    result = cli("merge", one, shard("2/2"), "--out", one)
    assert result.returncode == 2 and "holds a run of its own" in result.stderr
    assert files(one) == before


def test_the_later_answer_stays(shard: Any, cli: Any, tmp_path: Path) -> None:
    """The same shard run twice: whatever the order, what was answered last counts, and an error never wins."""
    one, two, three = shard("1/1"), shard("1/1", "--seed", "0"), shard("1/1", "--quiet")
    for run, text, time in ((one, "early", 1.0), (two, "late", 2.0), (three, None, 3.0)):
        journal = run / "toy" / "samples.jsonl"
        records = [json.loads(line) for line in journal.read_text().splitlines()]
        for record in records:
            record["time"] = time
            if text is None:
                del record["response"]
                record["error"] = {"kind": "error", "message": "x"}
            else:
                record["response"]["text"] = text
        journal.write_text("".join(json.dumps(record) + "\n" for record in records))
    for number, order in enumerate(itertools.permutations((one, two, three))):
        out = tmp_path / f"out{number}"
        assert cli("merge", *order, "--out", out).returncode == 0
        lines = (out / "toy" / "samples.jsonl").read_text().splitlines()
        assert {json.loads(line)["response"]["text"] for line in lines} == {"late"} and len(lines) == 22


def test_answered_turns_of_unfinished_exchanges_are_kept(shard: Any, cli: Any, tmp_path: Path) -> None:
    parts = [shard(f"{i}/2") for i in (1, 2)]
    done = next(records.read(parts[0] / "toy" / records.FILE))
    for part, name in zip(parts, ("open in one", "open in both"), strict=True):
        writer = journal.Journal(part / "toy" / turns.FILE)
        for sample in (name, "open in both", done.id):
            writer.append(turns.AnsweredTurn(sample, "key", Response("half"), done.condition))
        writer.close()
    for order in (parts, parts[::-1]):
        assert cli("merge", *order, "--out", tmp_path / "all").returncode == 0
        assert [line.id for line in turns.read(tmp_path / "all" / "toy")] == ["open in both", "open in one"]
