"""Rotated options: a sample with fewer options than there are orders is not asked the same again."""

from __future__ import annotations

import json
import wave
from collections import Counter
from pathlib import Path

import pytest

from audiobench.analysis.arms import arms_of
from audiobench.analysis.measure import paired_values
from audiobench.analysis.stability import option_stability
from audiobench.cli import main
from audiobench.importers.merge import merge
from audiobench.results.runs import Run
from audiobench.results.summary import summaries

OPTIONS = {
    "four": ["dog", "cat", "cow", "hen"], "three": ["dog", "cat", "cow"], "two": ["dog", "cat"],
    "padded": ["dog", None, "cat", None],
}  # fmt: skip
TASK = """\
task: toy
dataset_path: items.jsonl
doc_to_id: "{{id}}"
doc_to_audio: "{{audio}}"
doc_to_question: "{{question}}"
doc_to_choice: "{{choices}}"
doc_to_target: "{{answer}}"
chance: per_sample
prompt:
  - name: plain
    text: "{{question}}{% for o in options %} {{o.letter}}. {{o.text}}{% endfor %}"
"""
FIRST = '''
from audiobench.model import Response

class First:
    """Always names the option that stands first, and counts what it is asked."""

    def __init__(self, spec, *, base_url=None, timeout=0.0):
        self.log = spec.options["log"]

    async def close(self):
        pass

    async def generate(self, request):
        with open(self.log, "a") as file:
            file.write(request.text + "\\n")
        return Response(request.sample.options[0][0])
'''


@pytest.fixture
def ask(tmp_path):
    """Run the model that names the first option; returns its run directory."""
    rows = []
    for name, options in OPTIONS.items():
        with wave.open(str(tmp_path / f"{name}.wav"), "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", ""))
            file.writeframes(b"\1\0" * 1600)
        rows.append({"id": name, "audio": f"{name}.wav", "question": name, "choices": options, "answer": "dog"})
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "toy.yaml").write_text(TASK)
    (tmp_path / "first.py").write_text(FIRST)
    model = {
        "name": "first",
        "served_model": "first",
        "adapter": f"{tmp_path}/first.py:First",
        "audio": {"formats": ["wav"]},
    }
    (tmp_path / "model.yaml").write_text(json.dumps({**model, "options": {"log": str(tmp_path / "asked.txt")}}))

    def go(*words: str, out: str = "run") -> Path:
        asked = ["run", "--model", str(tmp_path / "model.yaml"), "--tasks", str(tmp_path / "toy.yaml")]
        assert main([*asked, "--out", str(tmp_path / out), *words]) == 0
        return tmp_path / out

    return go


def test_no_request_is_wasted(ask, tmp_path, capsys):
    folder = ask("--option-order", "4", "--audio", "full,none", "--epochs", "2")
    plan = capsys.readouterr().err
    assert "4 samples in up to 4 option orders, one for each option (11 in all) x 2 audio conditions x 2 epochs" in plan
    assert "= 44 requests" in plan
    asked = Counter((tmp_path / "asked.txt").read_text().splitlines())
    assert len(asked) == 11 and set(asked.values()) == {4}, "every arrangement once for each audio condition and epoch"
    orders = [(entry.condition.option_order, entry.n, entry.counts["missing"])
              for entry in summaries(Run.open(folder)) if entry.condition.audio == "full"]  # fmt: skip
    assert orders == [(0, 4, 0), (1, 4, 0), (2, 2, 0), (3, 1, 0)]
    assert ask("--option-order", "4", "--audio", "full,none", "--epochs", "2") == folder
    assert sum(Counter((tmp_path / "asked.txt").read_text().splitlines()).values()) == 44, "a finished run asks nothing"


def test_padded_slots_stay_and_every_option_stands_first_once(ask, tmp_path):
    ask("--option-order", "4")
    asked = (tmp_path / "asked.txt").read_text().splitlines()
    assert sorted(line for line in asked if line.startswith("padded")) == [
        "padded A. cat C. dog",
        "padded A. dog C. cat",
    ]
    assert {line.split()[2] for line in asked if line.startswith("four")} == set(OPTIONS["four"])


def test_the_figures_are_those_of_each_samples_own_orders(ask):
    run = Run.open(ask("--option-order", "4", "--audio", "full,none"))
    full, none = arms_of(run, run.tasks["toy"])
    ids, left, right = paired_values(full, none, list(full.slots))
    assert sorted(ids) == sorted(OPTIONS) and left == right == pytest.approx([1 / 4, 1 / 3, 1 / 2, 1 / 2])
    found = option_stability(full)
    assert found is not None and (found.n, found.lost, found.orders) == (4, 0, 4)
    assert found.accuracy == (1.0, 0.0, 0.5, 0.25), "order 2 of two options is their order 0, order 3 of three too"
    assert found.circular == 0.0 and found.consistency == 0.0
    assert found.position.counts == (11, 0, 0, 0), "each answer once"
    assert found.position.expected == pytest.approx((4, 4, 2, 1))


def test_shards_know_who_has_fewer(ask):
    shards = [Run.open(ask("--option-order", "4", "--shard", f"{i}/3", out=f"s{i}")) for i in (1, 2, 3)]
    assert len({len(run.tasks["toy"].conditions) for run in shards}) > 1, (
        "not every shard has an item with four options"
    )
    whole = Run.open(ask("--option-order", "4"))
    joined = merge(shards, whole.folder.parent / "joined").summaries
    for key in ("n", "counts", "condition"):
        assert [getattr(entry, key) for entry in joined] == [getattr(entry, key) for entry in summaries(whole)]


@pytest.mark.parametrize("prompt", ["order: [audio]", 'text: "{{question}} (a) dog (b) cat"'])
def test_options_that_the_prompt_does_not_show_are_not_turned(prompt, tmp_path, capsys):
    file = tmp_path / "toy.yaml"
    (tmp_path / "items.jsonl").write_text("{}\n", "utf-8")
    file.write_text(f"{TASK.partition('    text:')[0]}    {prompt}\n", "utf-8")
    words = ["run", "--model", "oracle", "--tasks", str(file), "--out", str(tmp_path / "out")]
    assert main([*words, "--option-order", "2"]) == 2
    assert "--option-order 2: prompt plain of task toy does not show the options itself" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
