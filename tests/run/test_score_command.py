"""`audiobench score`: answers made elsewhere, scored as we score and as the official code does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize("task", ["mmau", "mmar", "mmsu", "spoken_mqa"])
def test_official_verdicts_of_other_peoples_outputs(task: str, shared: Path, cli: Any, tmp_path: Path) -> None:
    golden = shared / "golden" / f"{task}.jsonl"
    result = cli("score", "--task", task, "--predictions", golden, "--out", tmp_path / "scored.jsonl")
    assert result.returncode == 0, result.stderr
    rows = [json.loads(line) for line in golden.read_text("utf-8").splitlines()]
    scored = [json.loads(line) for line in (tmp_path / "scored.jsonl").read_text("utf-8").splitlines()]
    assert [line["id"] for line in scored] == [row["id"] for row in rows]
    assert [line["official"] for line in scored] == [row["official_verdict"] for row in rows]
    assert set(scored[0]) == {"id", "outcome", "value", "answer", "rule", "official"}


def test_inline_samples_and_a_thought(cli: Any, tmp_path: Path) -> None:
    item = {"question": "Who?", "choices": ["Man", "Woman"], "answer": "Woman"}
    outputs = ["B", "<think>not a man</think>Woman", "<think>not a man, so B", "either", "A"]
    file = tmp_path / "predictions.jsonl"
    file.write_text("".join(json.dumps({"id": i, "output": text, **item}) + "\n" for i, text in enumerate(outputs)))
    result = cli("score", "--task", "mmau", "--predictions", file)
    assert result.returncode == 0, result.stderr
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(line["outcome"], line["value"]) for line in lines] == [
        ("scored", 1.0), ("scored", 1.0), ("truncated", 0.0), ("unparsed", 0.0), ("scored", 0.0),
    ]  # fmt: skip
    assert "n=5" in result.stderr


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "not JSON"),
        ('{"id": 1}', "`output`"),
        ("[1]", "expected an object"),
        ('{"id": 1, "output": "B", "choices": ["x", "y"]}', "target None is not one of its choices"),
        (
            '{"id": 1, "output": "B", "choices": ["x", "y"], "answer": "z"}',
            "target 'z' is not one of its choices: 'x', 'y'",
        ),
        ('{"id": 1, "output": "B", "answer": "y"}', "choices: missing; task mmau asks for one of several options"),
        (json.dumps({"id": 1, "output": "B", "choices": list(range(30)), "answer": 3}), "30 options, at most 26"),
    ],
)
def test_what_cannot_be_scored_is_named_with_its_line(line: str, says: str, cli: Any, tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    good = json.dumps({"id": 0, "output": "B", "choices": ["x", "y"], "answer": "y"})
    file.write_text(good + "\n" + line + "\n")
    result = cli("score", "--task", "mmau", "--predictions", file)
    assert result.returncode == 2
    assert f"{file}:2" in result.stderr and says in result.stderr and "Traceback" not in result.stderr


@pytest.mark.parametrize("answer", ["Woman", "B", "(B)", "woman", 1])
def test_the_answer_may_be_the_options_text_letter_or_index(answer: Any, cli: Any, tmp_path: Path) -> None:
    line = {"id": 1, "output": "The answer is (B).", "choices": ["Man", "Woman"], "answer": answer}
    assert summary(cli, tmp_path, "mmau", [line])["value"] == 1.0


def test_lines_with_and_without_their_sample_in_one_file(toy: Any, cli: Any, tmp_path: Path) -> None:
    inline = {"id": "own", "output": "B", "choices": ["Man", "Woman"], "answer": "Woman"}
    bare, task = {"id": "s0", "output": "no answer"}, toy(3)
    for lines in ([inline, bare], [bare, inline]):
        found = summary(cli, tmp_path, task, lines, code=4)
        assert (found["n"], found["expected"], found["counts"]["missing"]) == (2, 4, 2)
    bare["id"] = "nobody"
    (tmp_path / "predictions.jsonl").write_text(f"{json.dumps(inline)}\n{json.dumps(bare)}\n")
    result = cli("score", "--task", task, "--predictions", tmp_path / "predictions.jsonl")
    assert result.returncode == 2 and "predictions.jsonl:2: id 'nobody' is not in the data set" in result.stderr


def summary(cli: Any, tmp_path: Path, task: str | Path, lines: list[Any], *more: Any, code: int = 0) -> dict[str, Any]:
    """What `score --json` says of these lines."""
    file = tmp_path / "predictions.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    result = cli("score", "--task", task, "--predictions", file, "--json", *more)
    assert result.returncode == code, result.stderr
    return json.loads(result.stdout)


def test_word_error_rates_are_pooled(cli: Any, tmp_path: Path) -> None:
    ten = "the old man walked slowly down to the green river"
    lines = [{"id": 1, "output": ten, "answer": ten}, {"id": 2, "output": "no", "answer": "yes"}]
    found = summary(cli, tmp_path, "librispeech_clean", lines)
    assert found["metric"] == "wer" and found["value"] == pytest.approx(1 / 11)
    assert found["ci"] == [None, None] and found["interval"] == "none", "two lines allow no interval"


def test_corpus_metrics_are_not_averaged(cli: Any, tmp_path: Path, toy: Any) -> None:
    from sacrebleu import corpus_bleu

    file = toy(1)
    file.write_text(file.read_text() + "scorer: bleu\nextraction: [full_text]\nmetric_list: [{metric: bleu}]\n")
    said = ["the cat sat on the mat today", "a dog ran over the hill", "no"]
    wanted = ["the cat sat on the mat", "a dog ran quickly over the hill", "yes indeed"]
    lines = [{"id": i, "output": a, "answer": b} for i, (a, b) in enumerate(zip(said, wanted, strict=True))]
    found = summary(cli, tmp_path, file, lines)
    assert found["value"] == pytest.approx(corpus_bleu(said, [wanted]).score)


def test_the_same_numbers_as_the_run_that_gave_the_answers(cli: Any, tmp_path: Path, toy: Any) -> None:
    """Samples that share clips, so that the interval is a clustered one; joined by id; through two commands."""
    file = toy(30)
    data = file.with_name("items.jsonl")
    rows = [json.loads(row) for row in data.read_text().splitlines()]
    data.write_text("".join(json.dumps({**row, "audio": f"audio/{i // 3}.wav"}) + "\n" for i, row in enumerate(rows)))
    run = cli("run", "--model", "random", "--tasks", file, "--out", tmp_path / "run", "--json")
    assert run.returncode == 0, run.stderr
    (entry,) = json.loads(run.stdout)["results"]
    journal = [json.loads(line) for line in (tmp_path / "run" / "toy" / "samples.jsonl").read_text().splitlines()]
    lines = [{"id": record["id"], "output": record["response"]["text"]} for record in journal]
    found = summary(cli, tmp_path, file, lines)
    main = entry["metrics"]["acc"]
    assert 0 < found["value"] < 1 and found["interval"] == "wilson-clustered"
    same = ("value", "ci", "interval", "n")
    assert {name: found[name] for name in same} == {name: main[name] for name in same}
    assert [found[name] for name in ("chance", "official", "coverage")] == [entry["chance"], entry["official"], 1.0]
    assert (found["n"], found["expected"], found["counts"]["missing"]) == (30, 30, 0)


def test_what_is_missing_is_said(cli: Any, tmp_path: Path, toy: Any) -> None:
    file = toy(8)
    lines = [{"id": "s0", "output": "A"}, {"id": "s3", "output": "A"}]
    found = summary(cli, tmp_path, file, lines, code=4)
    assert (found["n"], found["expected"], found["coverage"]) == (2, 8, 0.25)
    assert found["counts"]["missing"] == 6 and found["exit_code"] == 4
    said = cli("score", "--task", file, "--predictions", tmp_path / "predictions.jsonl")
    assert said.returncode == 4
    assert "n=2 of 8, coverage 25.0%" in said.stderr and "6 samples of the data set have no prediction" in said.stderr
    assert "chance 0.2500" in said.stderr


def test_an_id_is_answered_once(cli: Any, tmp_path: Path, toy: Any) -> None:
    file, lines = tmp_path / "twice.jsonl", [{"id": f"s{i}", "output": "A"} for i in (0, 1, 0)]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    result = cli("score", "--task", toy(2), "--predictions", file)
    assert result.returncode == 2
    assert f"{file}:3" in result.stderr and "'s0'" in result.stderr and "line 1" in result.stderr


def test_repeated_inline_samples_are_epochs(cli: Any, tmp_path: Path) -> None:
    """Averaged by question first; the same id with another question is another sample."""
    item = {"question": "?", "choices": ["x", "y"], "answer": "y"}
    lines = [{"id": 1, "output": text, **item} for text in ("B", "B", "A", "A")]
    lines += [{"id": 1, "output": "B", **item, "question": "another?"}]
    found = summary(cli, tmp_path, "mmau", lines)
    assert (found["n"], found["outputs"], found["value"]) == (2, 5, 0.75)


def test_numbers_as_choices_and_a_byte_order_mark(cli: Any, tmp_path: Path) -> None:
    file = tmp_path / "numbers.jsonl"
    line = json.dumps({"id": 7, "output": "2", "choices": [1, 2], "answer": 2})
    file.write_bytes(b"\xef\xbb\xbf" + line.encode() + b"\r\n")
    result = cli("score", "--task", "mmau", "--predictions", file)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["value"] == 1.0


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "no predictions"),
        ("\n \n", "no predictions"),
        ("[]", "no predictions"),
        ("id,output\n1,B\n", "expected JSON lines"),
        ('{"id": 1, "output": "B", "choices": "xy", "answer": "x"}', "choices: expected a list"),
        ('{"id": 1, "output": "B", "choices": [{"a": 1}], "answer": "x"}', "choices: expected a list"),
        ('{"id": 1, "output": ["B"], "choices": ["x", "y"], "answer": "x"}', "output: expected a string"),
    ],
)
def test_files_that_are_no_predictions(content: str, says: str, cli: Any, tmp_path: Path) -> None:
    file = tmp_path / "predictions.csv"
    file.write_text(content)
    result = cli("score", "--task", "mmau", "--predictions", file)
    assert result.returncode == 2
    assert str(file) in result.stderr and says in result.stderr and "Traceback" not in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
