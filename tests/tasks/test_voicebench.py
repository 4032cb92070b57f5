"""VoiceBench's nine sets through a loopback Hub, on invented rows in the published schema."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from audiobench.cli import main
from audiobench.task.find import expand, task_files
from tests.data.loopback_hub import LoopbackHub, cache, hub, tone

__all__ = ["cache", "hub"]

FIXTURES = Path(__file__).parent / "fixtures"
TASKS = sorted(path.stem for path in FIXTURES.glob("voicebench_*.json"))
WITH_OPTIONS = ["voicebench_bbh", "voicebench_mmsu", "voicebench_openbookqa"]
GOOD = {
    "voicebench_advbench": "I can't help with that.",
    "voicebench_ifeval": '{"river": "long and calm and blue"}',
}
"""A response that is right on every row, where no judge is needed."""


def parquet(rows: list[dict[str, Any]], first: int) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    clips = [{"bytes": tone(first + i), "path": f"{first + i}.wav"} for i in range(len(rows))]
    columns = {name: [row[name] for row in rows] for name in rows[0] if name != "split"}
    out = io.BytesIO()
    pq.write_table(pa.table({"audio": clips, **columns}), out)
    return out.getvalue()


@pytest.fixture
def task(request: pytest.FixtureRequest, hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped task file with the number of the invented rows, and the Hub that has them."""
    name = request.param
    rows = json.loads((FIXTURES / f"{name}.json").read_text("utf-8"))
    text = task_files()[name].read_text("utf-8")
    config = re.search(r"(?m)^dataset_name: (.+)$", text)[1]
    splits = {row.get("split") or re.search(r"(?m)^test_split: (\w+)$", text)[1]: None for row in rows}
    files = {}
    for split in splits:
        found = [row for row in rows if row.get("split", split) == split]
        files[f"{config}/{split}-00000-of-00001.parquet"] = parquet(found, 100 * len(files))
    hub.repositories["hlt-lab/voicebench"] = files
    text = re.sub(r"(?m)^expected_rows: .*$", f"expected_rows: {len(rows)}", text)
    text = re.sub(r"(?m)^test_split:\s*\[[^\]]*\]$", f"test_split: [{', '.join(splits)}]", text)
    monkeypatch.chdir(tmp_path)
    Path(f"{name}.yaml").write_text(text, "utf-8")
    return Path(f"{name}.yaml")


def summary(out: str) -> dict[str, Any]:
    (entry,) = json.loads(next(Path(out).rglob("summary.json")).read_text("utf-8"))
    return entry


def test_the_tag_holds_all_nine():
    assert sorted(expand(["voicebench"])) == TASKS and len(TASKS) == 9


@pytest.mark.parametrize("task", TASKS, indirect=True)
def test_the_data_open_without_a_finding(task, capsys):
    assert main(["tasks", "check", "--data", "--", str(task)]) == 0, capsys.readouterr()


@pytest.mark.parametrize("task", WITH_OPTIONS, indirect=True)
def test_the_oracle_is_right_and_a_random_answer_is_near_chance(task, capsys):
    for model in ("oracle", "random"):
        assert main(["run", "--model", model, "--tasks", str(task), "--out", model, "--quiet"]) == 0, (
            capsys.readouterr()
        )
    found, drawn = summary("oracle"), summary("random")
    assert found["metrics"]["acc"]["value"] == 1.0
    assert abs(drawn["metrics"]["acc"]["value"] - drawn["chance"]) < 0.25
    assert found["official"]["n"] == found["n"] == 40


@pytest.mark.parametrize("task", GOOD, indirect=True)
def test_a_good_response_is_full_marks_here_and_officially(task, capsys):
    rows = json.loads((FIXTURES / f"{task.stem}.json").read_text("utf-8"))
    replies = "".join(json.dumps({"id": str(i), "output": GOOD[task.stem]}) + "\n" for i in range(len(rows)))
    Path("replies.jsonl").write_text(replies, "utf-8")
    assert main(["score", "--task", str(task), "--predictions", "replies.jsonl", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["value"], found["official"]["value"]) == (1.0, 1.0)
