"""From a journal to a summary: what counts, what does not, and what a number rests on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import orjson
import pytest
from msgspec import to_builtins

from audiobench.core.errors import IncompleteError
from audiobench.files import records
from audiobench.files.plan import Plan
from audiobench.results import runs as results
from audiobench.results.condensed import quantile
from audiobench.results.summary import summarise
from audiobench.task.spec import TaskSpec

CONDITION = {"think": "default", "audio": "full", "option_order": 0, "prompt": "p", "protocol": "chat"}
TASK = {
    "task": "t", "dataset_path": "d.jsonl", "doc_to_audio": "a", "doc_to_target": "b", "prompt": [{"name": "p"}],
    "breakdown": ["kind"], "chance": "per_sample", "scorer": "mmau_string_match",
}  # fmt: skip


def record(sample: str, text: str = "dog", epoch: int = 0, **more: Any) -> dict[str, Any]:
    response = {"text": text, "reasoning": None, "finish_reason": "stop", "usage": {"completion": 2}, "latency": {"total": 0.5}}  # fmt: skip
    shown = {"question": "?", "choices": ["dog", "cat"], "target": "dog", "metadata": {"kind": more.pop("kind", "x")}, "cluster": more.pop("cluster", None)}  # fmt: skip
    line = {"key": sample, "id": sample, "epoch": epoch, "condition": CONDITION, "audio": [], "attempts": 1, "time": 0.0, "sample": shown}  # fmt: skip
    if "error" not in more:
        line["response"] = {**response, **more.pop("response", {})}
    return {**line, **more}


def run(folder: Path, records: list[dict[str, Any]], epochs: int = 1, **task: Any) -> results.TaskRun:
    ids = list(dict.fromkeys(line["id"] for line in records))
    plan = {"task": {**TASK, **task}, "ids": ids, "conditions": [CONDITION], "epochs": epochs, "fingerprint": {"prompt": "0"}}  # fmt: skip
    (folder / "samples.jsonl").write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in records))
    return results.TaskRun(folder, msgspec.convert(plan, Plan), TaskSpec.model_validate(plan["task"]))


def summary(folder: Path, records: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    (entry,) = to_builtins(summarise(run(folder, records, **more)))
    return entry


def error(kind: str) -> dict[str, str]:
    return {"kind": kind, "message": "why"}


def test_every_response_counts_and_only_responses_count(tmp_path: Path) -> None:
    entry = summary(
        tmp_path,
        [
            record("1"),
            record("2", "cat"),
            record("3", "a dog or a cat, hard to say"),
            record("4", "dog", response={"finish_reason": "length"}),
            record("5", "", response={"finish_reason": "content_filter"}),
            record("6", "", response={"reasoning": "so dog", "reasoning_closed": False}),
            record("7", error=error("error")),
            record("8", error=error("invalid_audio")),
        ],
    )
    assert entry["counts"] == {
        "scored": 2, "unparsed": 1, "truncated": 2, "refused": 1, "error": 1, "invalid_audio": 1, "missing": 0,
    }  # fmt: skip
    acc = entry["metrics"]["acc"]
    assert (acc["value"], acc["n"]) == (pytest.approx(1 / 6), 6)
    assert acc["ci"][0] < 1 / 6 < acc["ci"][1]
    assert entry["bounds"] == {"errors_wrong": pytest.approx(1 / 8), "errors_excluded": pytest.approx(1 / 6)}
    assert entry["coverage"] == 6 / 8
    assert entry["chance"] == 0.5


def test_the_official_number_stands_beside_ours(tmp_path: Path) -> None:
    entry = summary(tmp_path, [record("1", "A"), record("2", "The dog.")])
    assert entry["metrics"]["acc"]["value"] == 1.0, "a letter is an answer"
    assert (entry["official"]["value"], entry["official"]["n"]) == (0.5, 2), "the official rule wants the text"


def test_the_later_line_of_a_slot_wins_and_a_stale_mark_takes_it_back(tmp_path: Path) -> None:
    failed, answered = record("1", error=error("error")), record("1")
    stale = {key: answered[key] for key in ("id", "epoch", "condition")} | {"stale": True}
    assert summary(tmp_path, [failed, answered])["counts"]["scored"] == 1
    assert summary(tmp_path, [answered, stale])["counts"]["missing"] == 1
    entry = summary(tmp_path, [answered, stale, failed])
    assert entry["counts"]["error"] == 1 and entry["errors"] == [{"message": "why", "n": 1}]


def test_epochs_are_averaged_per_sample(tmp_path: Path) -> None:
    lines = [
        record(s, "dog" if right else "cat", e)
        for s, r in {"1": (1, 1), "2": (1, 0)}.items()
        for e, right in enumerate(r)
    ]
    entry = summary(tmp_path, lines, epochs=2)
    assert (entry["metrics"]["acc"]["value"], entry["metrics"]["acc"]["n"]) == (0.75, 2)
    assert entry["counts"]["scored"] == 4


def test_samples_of_one_clip_are_one_cluster(tmp_path: Path) -> None:
    lines = [record(str(i), "dog" if (i // 4) % 2 else "cat", cluster=f"clip{i // 4}") for i in range(80)]
    alone = [{**line, "sample": {**line["sample"], "cluster": None}} for line in lines]
    clustered, independent = (summary(tmp_path, found)["metrics"]["acc"] for found in (lines, alone))
    assert clustered["value"] == independent["value"]
    assert clustered["ci"][1] - clustered["ci"][0] > 1.5 * (independent["ci"][1] - independent["ci"][0])


def test_breakdown(tmp_path: Path) -> None:
    entry = summary(tmp_path, [record("1", kind="a"), record("2", "cat", kind="b"), record("3", kind="b")])
    assert {label: (v["n"], v["value"]) for label, v in entry["breakdown"]["kind"].items()} == {
        "a": (1, 1.0),
        "b": (2, 0.5),
    }


def test_records_that_were_not_asked_for_do_not_count(tmp_path: Path) -> None:
    task_run = run(tmp_path, [record("1"), record("2", "cat")])
    smaller = results.TaskRun(tmp_path, msgspec.structs.replace(task_run.plan, ids=["1", "9"]), task_run.task)
    (entry,) = to_builtins(summarise(smaller))
    assert (entry["metrics"]["acc"]["value"], entry["counts"]["missing"], entry["coverage"]) == (1.0, 1, 0.5)


def test_word_error_rate_is_pooled_and_an_unanswered_clip_misses_every_word(tmp_path: Path) -> None:
    def line(sample: str, text: str, reference: str, **more: Any) -> dict[str, Any]:
        made = record(sample, text, **more)
        return {**made, "sample": {**made["sample"], "choices": [], "target": reference}}

    lines = [line("1", "a grey cat sleeps", "a grey cat sleeping"), line("2", "yes", "yes"), line("3", "", "oh no", response={"finish_reason": "content_filter"})]  # fmt: skip
    task = {"scorer": "wer", "extraction": ["full_text"], "metric_list": [{"metric": "wer", "higher_is_better": False}]}
    entry = summary(tmp_path, lines, **task)
    assert entry["metrics"]["wer"]["value"] == pytest.approx((1 + 0 + 2) / (4 + 1 + 2))


def test_the_fingerprint_moves_with_samples_and_audio(tmp_path: Path) -> None:
    clip = {"sha256": "a" * 64}
    base = summary(tmp_path, [record("1", audio=[clip])])["fingerprint"]
    again = summary(tmp_path, [record("1", "cat", audio=[clip])])["fingerprint"]
    assert base == again, "an answer is not part of what a score rests on"
    other = summary(tmp_path, [record("1", audio=[{"sha256": "b" * 64}])])["fingerprint"]
    assert {part for part in base if base[part] != other[part]} == {"audio"}
    more = summary(tmp_path, [record("1", audio=[clip]), record("2", audio=[clip])])["fingerprint"]
    assert {part for part in base if base[part] != more[part]} == {"audio", "samples"}


def test_a_broken_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    for line, what in ((b'{"id": ', "not JSON"), (b"{}", "not a record"), (b"[1]", "not a record")):
        path.write_bytes(b'{"id": "1", "stale": true}\n' + line + b'\n{"id": "3", "stale": true}\n')
        with pytest.raises(IncompleteError, match=rf"samples.jsonl:2: {what}"):
            list(records.read(path))


def test_quantiles_are_numpys() -> None:
    values = [3.0, 1.0, 4.0, 1.5, 9.0]
    for q in (0.0, 0.5, 0.95, 1.0):
        assert quantile(values, q) == pytest.approx(float(np.quantile(values, q)))
