"""Annotators that audiobench does not know: one that computes its value, one that asks a model."""

from __future__ import annotations

import json
import math
import shutil
import struct
import wave
from pathlib import Path
from typing import Any

import pytest

from audiobench.cli import main
from audiobench.results.verify import verify
from tests.examples.conftest import packaged

TASK = """\
task: tones
dataset_path: tones.jsonl
doc_to_audio: "{{audio}}"
doc_to_choice: "{{choices}}"
doc_to_target: "{{answer}}"
breakdown: [half]
prompt: [{text: "Is the tone loud?"}]
"""
MODEL = """
from audiobench.model import Response

class Says:
    def __init__(self, spec, *, base_url=None, timeout=600.0): self.says = spec.options["says"]
    async def generate(self, request):
        with open("calls", "a", encoding="utf-8") as log: log.write("x")
        if self.says == "fails": raise ValueError("no")
        return Response(f"<think>hm</think>{self.says}", usage={"prompt": 1000, "completion": 0})
    async def close(self): pass
"""
LOUDNESS, SENTIMENT = "own_annotator.py:Loudness", "own_annotator.py:Sentiment"


@pytest.fixture
def here(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A run on four tones, two of them loud, answered "yes" throughout; and models that read answers."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(root / "examples/own_annotator.py", tmp_path)
    Path("tones.yaml").write_text(TASK, encoding="utf-8")
    rows = []
    for i in range(4):
        loud = i % 2
        with wave.open(f"{i}.wav", "wb") as clip:
            clip.setparams((1, 2, 16000, 1600, "NONE", ""))
            high = 20_000 if loud else 50
            clip.writeframes(b"".join(struct.pack("<h", int(high * math.sin(t / 5))) for t in range(1600)))
        rows.append(
            {
                "id": f"t{i}",
                "audio": f"{i}.wav",
                "choices": ["yes", "no"],
                "answer": "yes" if loud else "no",
                "half": i // 2,
            }
        )
    Path("tones.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    Path("own.py").write_text(MODEL, encoding="utf-8")
    for name, says in (("yes", "yes"), ("reader", "Positive."), ("other", "neutral"), ("fails", "fails")):
        Path(f"{name}.yaml").write_text(
            f"name: {name}\nadapter: own.py:Says\nserved_model: {name}\noptions: {{says: '{says}'}}\n"
            "prices: [{input: 100, output: 0}]\n",
            encoding="utf-8",
        )
    assert main(["run", "--model", "yes.yaml", "--tasks", "tones.yaml", "--out", "out", "--quiet"]) == 0
    capsys.readouterr()
    return tmp_path


def notes() -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path("out/tones/annotations.jsonl").read_text(encoding="utf-8").splitlines()]


def found(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    capsys.readouterr()
    assert main([*words]) == code
    return json.loads(capsys.readouterr().out)


def test_a_computed_value_is_a_breakdown_column_everywhere(here, capsys):
    made = found(capsys, "annotate", "out", "--by", LOUDNESS, "--json")
    assert made["tasks"] == {"tones": {"loud": 2, "quiet": 2}}
    (shown,) = found(capsys, "report", "out", "--json")
    breakdown = shown["results"][0]["breakdown"]
    assert set(breakdown) == {"half", "loudness"}
    assert {label: score["value"] for label, score in breakdown["loudness"].items()} == {"loud": 1.0, "quiet": 0.0}
    assert main(["report", "out", "--breakdown", "loudness"]) == 0
    assert "quiet" in capsys.readouterr().out
    stored = json.loads(Path("out/tones/summary.json").read_text(encoding="utf-8"))
    assert set(stored[0]["breakdown"]) == {"half", "loudness"} and not verify(Path("out")).problems
    assert main(["view", "out", "--out", "page"]) == 0
    assert "loudness" in "".join(path.read_text(encoding="utf-8") for path in Path("page/data").rglob("*.js"))
    assert main(["run", "--model", "yes.yaml", "--tasks", "tones.yaml", "--out", "out", "--quiet"]) == 0
    assert len(Path("calls").read_text(encoding="utf-8")) == 4, "the run's own answers still hold"


def test_a_second_start_annotates_only_what_is_missing_and_other_code_all(here, capsys):
    assert main(["annotate", "out", "--by", LOUDNESS]) == 0
    lines = Path("out/tones/annotations.jsonl").read_bytes().splitlines(keepends=True)
    assert len(lines) == 4
    Path("out/tones/annotations.jsonl").write_bytes(b"".join(lines[:3]) + lines[3][:20])
    assert main(["annotate", "out", "--by", LOUDNESS]) == 0
    assert len(notes()) == 4
    with open("own_annotator.py", "a", encoding="utf-8") as file:
        file.write("\n")
    assert main(["annotate", "out", "--by", LOUDNESS]) == 0
    assert len(notes()) == 8 and len({line["version"] for line in notes()}) == 2


def test_a_model_is_asked_once_and_its_cost_is_kept(here, capsys):
    words = ("annotate", "out", "--by", SENTIMENT, "--model", "reader.yaml", "--json")
    made = found(capsys, *words)
    assert made["tasks"] == {"tones": {"positive": 4}}
    assert [(c["part"], c["lines"], round(c["dollars"], 6)) for c in made["costs"]] == [("annotators", 4, 0.4)]
    line = notes()[0]
    assert (line["value"], line["replies"], line["model"]) == ("positive", ["Positive."], "reader")
    found(capsys, *words)
    assert len(notes()) == 4
    changed = found(capsys, "annotate", "out", "--by", SENTIMENT, "--model", "other.yaml", "--json")
    assert len(notes()) == 8 and changed["tasks"] == {"tones": {"neutral": 4}}, "another model says something else"
    assert main(["annotate", "out", "--by", LOUDNESS]) == 0
    (shown,) = found(capsys, "report", "out", "--json")
    assert set(shown["results"][0]["breakdown"]) == {"half", "sentiment", "loudness"}


def test_a_limit_stops_and_failures_stay_open(here, capsys):
    words = ["annotate", "out", "--by", SENTIMENT, "--model", "reader.yaml", "--max-concurrency", "1"]
    assert main([*words, "--max-cost", "0.15"]) == 4
    assert "--max-cost 0.15: reached" in capsys.readouterr().err
    assert 2 <= len(notes()) < 4
    assert main([*words, "--max-cost", "0.15"]) == 4, "what earlier commands spent counts"
    assert main(words) == 0 and len(notes()) == 4
    Path("out/tones/annotations.jsonl").unlink()
    assert main(["annotate", "out", "--by", SENTIMENT, "--model", "fails.yaml"]) == 4
    assert "4 requests failed for good" in capsys.readouterr().err
    assert not Path("out/tones/annotations.jsonl").exists() or not notes()


def test_a_clip_that_has_changed_is_no_clip_of_the_run(here, capsys):
    shutil.copy("1.wav", "0.wav")
    assert main(["annotate", "out", "--by", LOUDNESS]) == 4
    assert "the clip has changed since the run" in capsys.readouterr().err and len(notes()) == 3


def test_an_annotator_of_another_package(here, cli):
    package = packaged(here, "own_annotator.py", "loud", "[audiobench.annotators]\nlevel = loud:Loudness\n")
    done = cli("annotate", "out", "--by", "level", PYTHONPATH=str(package))
    assert done.returncode == 0 and notes()[0]["annotator"] == "loudness" and "4/4" in done.stderr


def test_a_merge_of_shards_keeps_the_values(here, capsys):
    for i in "12":
        words = [
            "run",
            "--model",
            "yes.yaml",
            "--tasks",
            "tones.yaml",
            "--out",
            f"part{i}",
            "--shard",
            f"{i}/2",
            "--quiet",
        ]
        assert main(words) == 0
        assert main(["annotate", f"part{i}", "--by", LOUDNESS]) == 0
    assert main(["merge", "part1", "part2", "--out", "whole"]) == 0
    (shown,) = found(capsys, "report", "whole", "--json")
    labels = shown["results"][0]["breakdown"]["loudness"]
    assert {label: score["n"] for label, score in labels.items()} == {"loud": 2, "quiet": 2}


def test_values_of_two_annotators_are_not_set_side_by_side(here, capsys):
    assert main(["run", "--model", "yes.yaml", "--tasks", "tones.yaml", "--out", "again", "--quiet"]) == 0
    for run in ("out", "again"):
        assert main(["annotate", run, "--by", LOUDNESS]) == 0
    (same,) = found(capsys, "compare", "out", "again", "--json")["comparisons"]
    assert "loudness" in same["pairs"][0]["breakdown"]
    with open("own_annotator.py", "a", encoding="utf-8") as file:
        file.write("\n")
    assert main(["annotate", "again", "--by", LOUDNESS]) == 0
    (other,) = found(capsys, "compare", "out", "again", "--json")["comparisons"]
    assert "loudness" not in other["pairs"][0]["breakdown"]
    assert any("loudness: left out" in note for note in other["notes"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("absent",), "unknown annotator 'absent'"),
        (("own_annotator.py:Absent",), "has no attribute 'Absent'"),
        (("own_annotator.py:question",), "must be a subclass of audiobench.ask.annotators.Annotator"),
        (("own_annotator.py:Annotator",), "needs `value(self, item, replies)`"),
        ((SENTIMENT,), "asks a model; name it with --model"),
        ((LOUDNESS, "--model", "reader.yaml"), "asks no model; leave it out"),
        ((LOUDNESS, "--tasks", "nones"), "not in this run; it has: tones"),
    ],
)
def test_what_is_wrong_is_one_line(here, capsys, words, says):
    assert main(["annotate", "out", "--by", *words]) == 2
    error = capsys.readouterr().err
    assert says in error and len(error.splitlines()) == 1
