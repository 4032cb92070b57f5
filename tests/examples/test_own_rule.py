"""An extraction rule that audiobench does not know: from a file beside the task, and from another package."""

from __future__ import annotations

import csv
import json
import shutil
import wave
from pathlib import Path
from typing import Any

import pytest

from audiobench.cli import main
from tests.examples.conftest import packaged

TASK = """\
task: pets
dataset_path: pets.jsonl
doc_to_audio: "{{audio}}"
doc_to_choice: "{{choices}}"
doc_to_target: "{{answer}}"
extraction: [RULE, option_letter]
prompt:
  - text: "Which animal?"
"""
RULE = "own_rule.py:final_tag"
REPLIES = {
    "a": "A? No. <final>a cat</final>",
    "b": "<think><final>A</final></think>Hm. <final>b</final>",
    "c": "A",
    "d": "?",
}


@pytest.fixture
def here(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "tasks"
    folder.mkdir()
    shutil.copy(root / "examples/own_rule.py", folder)
    (folder / "pets.yaml").write_text(TASK.replace("RULE", RULE))
    with wave.open(str(folder / "0.wav"), "wb") as clip:
        clip.setparams((1, 2, 16000, 800, "NONE", ""))
        clip.writeframes(bytes(1600))
    rows = [{"id": i, "audio": "0.wav", "choices": ["a dog", "a cat"], "answer": "a cat"} for i in REPLIES]
    (folder / "pets.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("replies.jsonl").write_text(
        "".join(json.dumps({"id": i, "text": t}) + "\n" for i, t in REPLIES.items()), encoding="utf-8"
    )
    Path("m.yaml").write_text(
        "name: m\nadapter: scripted\nserved_model: m\noptions: {replies: replies.jsonl}\n", encoding="utf-8"
    )
    return folder


def run(cli: Any, out: str, **env: str) -> dict[str, Any]:
    done = cli("run", "--model", "m.yaml", "--tasks", "tasks/pets.yaml", "--out", out, "--json", **env)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["results"][0]


def test_an_own_rule_comes_before_a_built_in_one(here, cli):
    assert main(["tasks", "check", "tasks/pets.yaml"]) == 0
    entry = run(cli, "out")
    assert entry["counts"]["scored"] == 3 and entry["counts"]["unparsed"] == 1
    assert entry["metrics"]["acc"]["value"] == 0.5
    assert main(["export", "out", "--format", "csv", "--out", "rows.csv"]) == 0
    with open("rows.csv", encoding="utf-8", newline="") as file:
        rules = {row["id"]: row["rule"] for row in csv.DictReader(file)}
    assert rules["a"] == rules["b"] == "final_tag" and rules["c"] not in ("", "final_tag") and rules["d"] == ""


def test_other_code_is_another_rule(here, cli):
    first = run(cli, "a")["fingerprint"]
    assert first["extraction_version"].split()[1].startswith(f"{RULE}@1+")
    with (here / "own_rule.py").open("a") as file:
        file.write("\n")
    second = run(cli, "b")["fingerprint"]
    assert first["extraction"] == second["extraction"] != first["extraction_version"] != second["extraction_version"]
    done = cli("compare", "a", "b")
    assert done.returncode == 3 and "extraction_version differs" in done.stderr


def test_a_rule_of_another_package(here, cli):
    package = packaged(here, "own_rule.py", "tags", "[audiobench.extractors]\nfinal = tags:final_tag\n")
    (here / "pets.yaml").write_text(TASK.replace("RULE", "final"))
    entry = run(cli, "out", PYTHONPATH=str(package))
    assert entry["metrics"]["acc"]["value"] == 0.5
    assert entry["fingerprint"]["extraction_version"].endswith(" final@1+1.0")


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("multiple_chioce", "unknown extraction rule 'multiple_chioce'; did you mean `multiple_choice`?"),
        ("own_rule.py:absent", "has no attribute 'absent'"),
        ("own_rule.py:re", "needs a function of (text, options, question)"),
    ],
)
def test_what_is_wrong_with_a_rule_is_said_by_check_and_run(here, capsys, rule, says):
    (here / "pets.yaml").write_text(TASK.replace("RULE", rule))
    assert main(["tasks", "check", "tasks/pets.yaml"]) == 2
    assert says in capsys.readouterr().err
    assert main(["run", "--model", "m.yaml", "--tasks", "tasks/pets.yaml", "--quiet"]) == 2
    assert says in capsys.readouterr().err and not Path("results").exists()


def test_a_rule_that_names_no_option_ends_with_one_line(here, cli):
    (here / "own_rule.py").write_text("def final_tag(text, options, question):\n    return 'C'\n")
    done = cli("score", "--task", "tasks/pets.yaml", "--predictions", "predictions.jsonl")
    assert done.returncode == 2
    Path("predictions.jsonl").write_text(json.dumps({"id": "a", "output": "x"}), encoding="utf-8")
    done = cli("score", "--task", "tasks/pets.yaml", "--predictions", "predictions.jsonl")
    assert done.returncode == 2 and "must return one of A, B, or None; found 'C'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
