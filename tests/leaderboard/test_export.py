"""Per-sample tables and lm-eval's files."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import orjson
import pandas
import pytest

from audiobench.cli import main
from audiobench.core.plain_text import neutral
from audiobench.report.export import COLUMNS
from tests.gate.runs import answers, record, write_run

FORMULA = '=HYPERLINK("http://x.example","y")'


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Four samples in two think modes: right, wrong, a formula for an answer, an error."""
    lines = []
    for think in ("on", "off"):
        lines += answers([1, 0], think=think)
        lines += [record("s0002", FORMULA, think=think), record("s0003", None, think=think)]
    return write_run(tmp_path / "run", {"t": lines})


def test_parquet_has_a_line_for_every_request(run: Path, tmp_path: Path) -> None:
    assert main(["export", str(run), "--format", "parquet", "--out", str(tmp_path / "o" / "x.parquet")]) == 0
    frame = pandas.read_parquet(tmp_path / "o" / "x.parquet")
    assert list(frame.columns) == list(COLUMNS) and len(frame) == 8
    assert frame.groupby("think").value.mean().to_dict() == {"on": pytest.approx(1 / 3), "off": pytest.approx(1 / 3)}
    assert frame.status.value_counts().to_dict() == {"scored": 4, "unparsed": 2, "error": 2}
    assert frame.loc[frame.id == "s0002", "text"].unique().tolist() == [FORMULA], "Parquet keeps text as it is"
    assert json.loads(frame.choices[0]) == ["dog", "cat"]
    assert frame.loc[frame.status == "error", "error"].unique().tolist() == ["503"]


def test_csv_computes_nothing_in_a_spreadsheet(run: Path, tmp_path: Path) -> None:
    assert main(["export", str(run), "--format", "csv", "--out", str(tmp_path / "x.csv")]) == 0
    with (tmp_path / "x.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == 8
    assert {row["text"] for row in table if row["id"] == "s0002"} == {"'" + FORMULA}
    assert not [cell for row in table for cell in row.values() if cell.startswith(("=", "@", "+"))]


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "|x", "%x"])
def test_formulas_are_neutralised(text: str) -> None:
    assert neutral(text) == "'" + text


@pytest.mark.parametrize("text", ["", "dog", "-1", "+3.5", "1e-5", "a=b"])
def test_other_text_is_left_alone(text: str) -> None:
    assert neutral(text) == text


def lm_eval_files(run: Path, out: Path) -> dict[str, tuple[dict[str, Any], list[dict[str, Any]]]]:
    assert main(["export", str(run), "--format", "lm-eval", "--out", str(out)]) == 0
    found = {}
    for folder in out.iterdir():
        (results,), (samples,) = folder.glob("results_*.json"), folder.glob("samples_t_*.jsonl")
        assert results.name[len("results_") : -5] == samples.name[len("samples_t_") : -6], "one time for both"
        assert ":" not in results.name
        found[folder.name] = (
            orjson.loads(results.read_bytes()), [orjson.loads(line) for line in samples.read_bytes().splitlines()],
        )  # fmt: skip
    return found


def test_lm_eval_files_have_lm_evals_keys_and_our_numbers(run: Path, tmp_path: Path) -> None:
    found = lm_eval_files(run, tmp_path / "lm")
    assert sorted(found) == ["m think=off audio=full", "m think=on audio=full"]
    results, samples = found["m think=on audio=full"]
    assert results["results"]["t"]["acc,none"] == pytest.approx(1 / 3)
    assert results["results"]["t"]["acc_stderr,none"] == pytest.approx(1 / 3)
    assert results["n-samples"]["t"] == {"original": 4, "effective": 3}
    wanted = {
        "results", "group_subtasks", "configs", "versions", "n-shot", "higher_is_better", "n-samples", "config",
        "git_hash", "date", "task_hashes", "model_source", "model_name", "model_name_sanitized", "system_instruction",
        "fewshot_as_multiturn", "chat_template", "total_evaluation_time_seconds",
    }  # fmt: skip
    assert wanted <= results.keys()
    assert [(line["doc_id"], line["acc"], line["filtered_resps"]) for line in samples] == [
        (0, 1.0, ["A. dog"]), (1, 0.0, ["B. cat"]), (2, 0.0, [""]),
    ]  # fmt: skip
    assert samples[0]["resps"] == [["dog"]] and samples[0]["metrics"] == ["acc"] and samples[0]["filter"] == "none"
    assert {"doc", "target", "arguments", "doc_hash", "prompt_hash", "target_hash"} <= samples[0].keys()


def test_epochs_are_lm_evals_repeats(tmp_path: Path) -> None:
    lines = [record("a", text, epoch=epoch) for epoch, text in enumerate(["dog", "cat", "dog"])]
    run = write_run(tmp_path / "run", {"t": lines}, epochs=3)
    ((_, samples),) = lm_eval_files(run, tmp_path / "lm").values()
    assert samples[0]["resps"] == [["dog", "cat", "dog"]] and samples[0]["acc"] == pytest.approx(2 / 3)


def test_lm_evals_own_code_reads_them(run: Path, tmp_path: Path) -> None:
    utils = pytest.importorskip("lm_eval.utils", reason="lm-eval is not installed (extra lm-eval)")
    lm_eval_files(run, tmp_path / "lm")
    names = [str(path) for path in (tmp_path / "lm").rglob("*.json*")]
    (first, _) = sorted(utils.get_results_filenames(names))
    assert {utils.get_file_task_name(Path(n).name) for n in utils.get_sample_results_filenames(names)} == {"t"}
    assert "0.3333" in utils.make_table(json.loads(Path(first).read_text(encoding="utf-8")))


def test_wrong_usage(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(run), "--format", "csv", "--out", str(tmp_path / "x"), "--tasks", "u"]) == 2
    assert "--tasks u: the runs have: t" in capsys.readouterr().err
    assert main(["export", str(tmp_path / "no"), "--format", "csv", "--out", str(tmp_path / "x")]) == 2
    empty = write_run(tmp_path / "empty", {"t": [record("a", None)]})
    assert main(["export", str(empty), "--format", "lm-eval", "--out", str(tmp_path / "x")]) == 2
