"""A metric that audiobench does not know goes all the way: one class in one file, and nothing else is told of it."""

from __future__ import annotations

import json
import shutil
import wave
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from audiobench.cli import main
from tests.examples.conftest import packaged

OPTIONS = ("a dog", "a cat", "a cow")
TASK = """\
task: rare
dataset_path: rare.jsonl
doc_to_audio: "{{audio}}"
doc_to_choice: "{{choices}}"
doc_to_target: "{{answer}}"
breakdown: [half]
scorer: SCORER
prompt:
  - text: "Which animal?{% for o in options %}\\n({{o.letter}}) {{o.text}}{% endfor %}"
"""
SPREAD = """
from audiobench.scorers import Metric

class Spread(Metric):
    '''Variance of the answers' lengths: n, sum and sum of squares add up, as the moments of a Frechet distance do.'''
    name, unit, higher_is_better, bounds = "spread", "distance", False, (0.0, float("inf"))

    def score(self, answer, sample, text):
        return abs(len(text) - 9.0), {"length": len(text)}

    def counts(self, outcome):
        x = outcome.detail["length"]
        return {"n": 1, "x": x, "xx": x * x}

    def value(self, total):
        n = total.get("n")
        return total["xx"] / n - (total["x"] / n) ** 2 if n else None
"""


@pytest.fixture
def here(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """90 items of three classes, one of them rare, and two models: one of which never says the rare one."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(root / "examples/own_scorer.py", tmp_path)
    (tmp_path / "rare.yaml").write_text(TASK.replace("SCORER", "own_scorer.py:MacroF1"))
    for i in range(90):
        with wave.open(f"{i}.wav", "wb") as clip:
            clip.setparams((1, 2, 16000, 800, "NONE", ""))
            clip.writeframes(bytes([i] * 1600))
    rows = [
        {"id": f"s{i:02}", "audio": f"{i}.wav", "choices": OPTIONS, "answer": target(i), "half": i % 2}
        for i in range(90)
    ]
    (tmp_path / "rare.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    answers = {
        "strong": lambda i: target(i) if i % 15 else "a dog",
        "lazy": lambda i: "a dog" if i % 9 else "who knows",
    }
    for name, answer in answers.items():
        write_model(name, answer)
        assert main(["run", "--model", f"{name}.yaml", "--tasks", "rare.yaml", "--out", name, "--quiet"]) == 0
    return tmp_path


def target(i: int) -> str:
    return OPTIONS[2] if i % 10 == 3 else OPTIONS[i % 2]


def write_model(name: str, answer: Callable[[int], str]) -> None:
    replies = b"".join(orjson.dumps({"id": f"s{i:02}", "text": answer(i)}) + b"\n" for i in range(90))
    Path(f"{name}.jsonl").write_bytes(replies)
    Path(f"{name}.yaml").write_text(
        f"name: {name}\nadapter: scripted\nserved_model: {name}\noptions: {{replies: {name}.jsonl}}\n", "utf-8"
    )


def macro_f1(folder: str) -> float:
    """From the journal, by the definition."""
    lines = [orjson.loads(line) for line in Path(folder, "rare/samples.jsonl").read_bytes().splitlines()]
    pairs = [(line["sample"]["target"], line["response"]["text"]) for line in lines]
    right, wanted, given = (
        Counter(t for t, s in pairs if t == s),
        Counter(t for t, _ in pairs),
        Counter(s for _, s in pairs),
    )
    return sum(2 * right[c] / (wanted[c] + given[c]) for c in OPTIONS) / 3


def found(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    capsys.readouterr()
    assert main([*words]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_macro_f1_reaches_report_compare_gate_leaderboard_page_and_export(here, capsys):
    strong, lazy = macro_f1("strong"), macro_f1("lazy")
    assert strong > 0.9 and 0.15 < lazy < 0.35, "always the same class: right in 45 %, which accuracy would reward"
    assert main(["tasks", "check", "rare.yaml"]) == 0

    (entry,) = found(capsys, "report", "strong", "--json")[0]["results"]
    metric = entry["metrics"]["macro_f1"]
    assert metric["value"] == pytest.approx(strong) and metric["unit"] == "share" and metric["n"] == 90
    assert metric["interval"] == "bootstrap" and metric["ci"][0] < strong < metric["ci"][1] <= 1
    assert entry["breakdown"]["half"].keys() == {"0", "1"}
    assert main(["report", "lazy"]) == 0
    assert f"macro_f1  90   {100 * lazy:.1f}" in " ".join(capsys.readouterr().out.split("\n")), "in per cent"

    (compared,) = found(capsys, "compare", "strong", "lazy", "--json")["comparisons"]
    pair = compared["pairs"][0]
    assert (compared["metric"], compared["higher_is_better"]) == ("macro_f1", True)
    assert (pair["value_a"], pair["value_b"]) == (pytest.approx(strong), pytest.approx(lazy))
    assert pair["ci"][0] < lazy - strong < pair["ci"][1] < 0 and pair["p"] < 0.01 and pair["lost"] > pair["gained"]

    gate = ["gate", "--baseline", "b.json", "--json", "v.json", "--run"]
    assert main([*gate, "strong", "--update-baseline"]) == 0
    assert main([*gate, "strong"]) == 0
    assert main([*gate, "lazy"]) == 1
    measured = orjson.loads(Path("v.json").read_bytes())["items"][0]["measured"]
    assert (measured["baseline"], measured["candidate"]) == (pytest.approx(strong), pytest.approx(lazy))
    assert f"{100 * strong:.1f}" in capsys.readouterr().out

    board = found(capsys, "leaderboard", "strong", "lazy", "--format", "json")
    rows = [(row["model"], row["metric"], row["rank_best"], row["rank_worst"]) for row in board["rows"]]
    assert rows == [("strong", "macro_f1", 1, 1), ("lazy", "macro_f1", 2, 2)]
    assert board["rows"][0]["value"] == pytest.approx(100 * strong)

    assert main(["view", "strong", "lazy", "--out", "page"]) == 0
    text = Path("page/data/index.js").read_text(encoding="utf-8")
    (shown,) = json.loads(json.loads(text[text.index(",") + 1 : text.rindex(")")]))["tasks"]
    assert (shown["metric"], shown["percent"], shown["higher_is_better"]) == ("macro_f1", True, True)
    assert shown["differences"][1]["value"] == pytest.approx(lazy - strong)

    assert main(["export", "strong", "--format", "lm-eval", "--out", "lm"]) == 0
    (exported,) = Path("lm/strong").glob("results_*.json")
    results = orjson.loads(exported.read_bytes())
    assert results["results"]["rare"]["macro_f1,none"] == pytest.approx(strong)
    assert results["results"]["rare"]["macro_f1_stderr,none"] == "N/A"


def test_of_a_distance_less_is_better_and_nothing_is_in_per_cent(here, capsys):
    (here / "spread.py").write_text(SPREAD)
    for name, answer in (("even", lambda i: "x" * (8 + i % 2)), ("odd", lambda i: "x" * (1 + i % 40))):
        write_model(name, answer)
        (here / "spread.yaml").write_text(
            TASK.replace("SCORER", "spread.py:Spread").replace("task: rare", "task: spread")
        )
        assert main(["run", "--model", f"{name}.yaml", "--tasks", "spread.yaml", "--out", name, "--quiet"]) == 0
    assert main(["gate", "--baseline", "b.json", "--run", "odd", "--update-baseline"]) == 0
    assert main(["gate", "--baseline", "b.json", "--run", "even"]) == 0, "it fell, and that is good"
    assert "better by" in capsys.readouterr().out
    assert main(["gate", "--baseline", "c.json", "--run", "even", "--update-baseline"]) == 0
    assert main(["gate", "--baseline", "c.json", "--run", "odd"]) == 1
    board = found(capsys, "leaderboard", "even", "odd", "--format", "json")
    assert [row["model"] for row in board["rows"]] == ["even", "odd"] and board["averaged"] == []
    assert board["rows"][0]["value"] == pytest.approx(0.25) and board["rows"][0]["rank_best"] == 1
    assert "distance" in board["notes"][0]


def test_other_code_is_another_scorer(here, cli):
    assert main(["gate", "--baseline", "b.json", "--run", "strong", "--update-baseline"]) == 0
    with (here / "own_scorer.py").open("a") as file:
        file.write("\n")
    assert cli("run", "--model", "strong.yaml", "--tasks", "rare.yaml", "--out", "again").returncode == 0
    done = cli("gate", "--baseline", "b.json", "--run", "again")
    assert done.returncode == 3 and "scorer_version differs: MacroF1@1+" in done.stdout


def test_a_scorer_of_another_package(here, cli):
    package = packaged(here, "own_scorer.py", "f1", "[audiobench.scorers]\nmacro_f1 = f1:MacroF1\n")
    (here / "rare.yaml").write_text(TASK.replace("SCORER", "macro_f1"))
    words = ("run", "--model", "strong.yaml", "--tasks", "rare.yaml", "--out", "plugged", "--json")
    done = cli(*words, PYTHONPATH=str(package))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["results"][0]["metrics"]["macro_f1"]["value"] == pytest.approx(macro_f1("strong"))


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("scorer: own_scorer.py:MacroF1\nmetric_list: [{metric: acc}]", "scorer MacroF1 gives macro_f1, not acc"),
        ("scorer: wer\nmetric_list: [{metric: acc}]", "scorer wer gives wer, not acc"),
        ("scorer: wer\nmetric_list: [{metric: wer, higher_is_better: true}]", "of wer, lower is better"),
        ("scorer: own_scorer.py:Absent", "has no attribute 'Absent'"),
        ("scorer: absent.py:Absent", "no such file: absent.py"),
        ("scorer: own_scorer.py:Metric", "needs `score(self, answer, sample, text)`"),
        ("scorer: macro_f1", "unknown scorer 'macro_f1'"),
        ("scorer: wer\nextraction: [by_ear]", "unknown extraction rule 'by_ear'"),
    ],
)  # fmt: skip
def test_run_refuses_what_check_refuses_in_the_same_words(here, capsys, lines, says):
    (here / "rare.yaml").write_text(TASK.replace("scorer: SCORER", lines))
    capsys.readouterr()
    assert main(["tasks", "check", "rare.yaml"]) == 2
    checked = capsys.readouterr().err.splitlines()
    assert main(["run", "--model", "strong.yaml", "--tasks", "rare.yaml", "--out", "refused", "--quiet"]) == 2
    refused = capsys.readouterr().err.removeprefix("audiobench: ").splitlines()
    assert any(says in line for line in refused) and set(refused) <= set(checked)


def test_a_scorer_brings_its_metric_direction_and_extraction(here, capsys):
    """`scorer: wer` alone is a word error rate, of which less is better."""
    text = TASK.replace("SCORER", "wer").replace('doc_to_choice: "{{choices}}"\n', "")
    (here / "rare.yaml").write_text(text.replace("{% for o in options %}\\n({{o.letter}}) {{o.text}}{% endfor %}", ""))
    words = ("run", "--model", "strong.yaml", "--tasks", "rare.yaml", "--out", "words", "--json")
    (entry,) = found(capsys, *words)["results"]
    assert entry["counts"]["scored"] == 90
    assert list(entry["metrics"]) == ["wer"] and entry["metrics"]["wer"]["higher_is_better"] is False
