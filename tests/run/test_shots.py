"""Answered examples before an item: whose they are, with their sound, the same for every part of the data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiobench.core.errors import UsageError
from audiobench.core.types import Clip, Sample
from audiobench.data.shots import shots_for
from tests.run.conftest import wav
from tests.run.test_relisten import lines


def run(task: Path, out: Path, *more: str) -> tuple[str | Path, ...]:
    return ("run", "--model", "oracle", "--tasks", task, "--out", out, "--quiet", *more)


def entry(out: Path) -> dict[str, Any]:
    return json.loads((out / "toy" / "summary.json").read_text())[0]


def shown(out: Path) -> dict[str, list[str]]:
    """Sample -> the questions of its examples."""
    found = {}
    for line in lines(out):
        *examples, _ = [turn for turn in line["prompt"] if turn["role"] == "user"]
        found[line["id"]] = [turn["parts"][0].split("?")[0] for turn in examples]
    return found


def test_examples_come_with_their_sound_and_answers_and_are_never_the_item_itself(
    toy: Any, cli: Any, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert cli(*run(toy(12), out, "--num-fewshot", "3")).returncode == 0
    for line in lines(out):
        roles = [turn["role"] for turn in line["prompt"]]
        assert roles == ["user", "assistant"] * 3 + ["user"]
        clips = [Path(clip["path"]).stem for clip in line["audio"]]
        asked = [turn["parts"][0].split(":")[0] for turn in line["prompt"] if turn["role"] == "user"]
        assert asked == [f"item {clip}" for clip in clips] and len(set(clips)) == 4
        for turn, clip in zip(line["prompt"][1::2], clips, strict=False):
            place = int(clip) % 4
            assert turn["parts"] == [f"{'ABCD'[place]}. sound {chr(97 + (int(clip) + place) % 26)}{place}"]
    assert entry(out)["metrics"]["acc"]["value"] == 1.0, "the item's own sound is in the last turn"
    assert lines(out)[0]["condition"]["prompt"] == "plain+3shot"
    assert cli("verify", out).returncode == 0


def test_they_hang_on_the_seed_and_not_on_what_is_asked(toy: Any, cli: Any, tmp_path: Path) -> None:
    task = toy(12)
    whole, part, other = (tmp_path / name for name in ("whole", "part", "other"))
    for out, more in ((whole, ()), (part, ("--limit", "4")), (other, ("--seed", "1"))):
        assert cli(*run(task, out, "--num-fewshot", "2", *more)).returncode == 0
    assert shown(part).items() <= shown(whole).items()
    assert shown(other) != shown(whole)
    assert cli(*run(task, tmp_path / "none")).returncode == 0
    prompts = {entry(out)["fingerprint"]["prompt"] for out in (whole, other, tmp_path / "none")}
    assert len(prompts) == 3, "number and examples are part of the fingerprint"


def test_a_task_file_can_say_it_and_how_an_example_is_answered(toy: Any, cli: Any, tmp_path: Path) -> None:
    task = toy(6)
    task.write_text(task.read_text() + 'num_fewshot: 1\nfewshot_answer: "({{letter}})"\n')
    assert cli("tasks", "check", task).returncode == 0
    assert cli(*run(task, tmp_path / "out")).returncode == 0
    assert {turn for line in lines(tmp_path / "out") for turn in line["prompt"][1]["parts"]} < {
        f"({x})" for x in "ABCD"
    }
    assert cli(*run(task, tmp_path / "none", "--num-fewshot", "0")).returncode == 0
    assert len(lines(tmp_path / "none")[0]["prompt"]) == 1


@pytest.mark.parametrize(("condition", "transforms"), [("silence", {"silence"}), ("swap", {"full"})])
def test_an_audio_condition_is_that_of_the_examples_too_but_for_swap(
    condition: str, transforms: set[str], toy: Any, cli: Any, tmp_path: Path
) -> None:
    assert cli(*run(toy(8), tmp_path / "out", "--num-fewshot", "2", "--audio", condition)).returncode == 0
    for line in lines(tmp_path / "out"):
        assert {clip["transform"] for clip in line["audio"]} == transforms
        *examples, item = [Path(clip["path"]).stem for clip in line["audio"]]
        assert [turn["parts"][0][:6] for turn in line["prompt"][:-1:2]] == [f"item {clip}" for clip in examples]
        assert condition != "swap" or item != line["id"][1:]


def test_too_few_other_samples_are_said_before_anything_is_sent(toy: Any, cli: Any, tmp_path: Path) -> None:
    task = toy(3)
    (task.parent / "audio" / "1.wav").write_bytes(wav(seed=0))
    refused = cli(*run(task, tmp_path / "out", "--num-fewshot", "3"))
    assert refused.returncode == 2 and "num_fewshot 3: only" in refused.stderr and not (tmp_path / "out").exists()


def test_withheld_answers_cannot_be_shown(toy: Any, cli: Any, tmp_path: Path) -> None:
    task = toy(3)
    text = task.read_text().replace('doc_to_target: "{{answer}}"\n', "answers_withheld: true\n")
    task.write_text(text + "submission: {file: out.json, id: '{{id}}'}\n")
    refused = cli(*run(task, tmp_path / "out", "--num-fewshot", "1"))
    assert refused.returncode == 2 and "--num-fewshot: task toy: num_fewshot 1: answers are withheld" in refused.stderr


samples = st.builds(
    lambda name, clip, cluster: Sample(name, "", clips=(Clip(Path(f"{clip}.wav")),), target="x", cluster=cluster),
    st.sampled_from("abcdefgh"),
    st.integers(0, 3),
    st.sampled_from([None, None, "one", "two"]),
)


@given(samples, st.lists(samples, max_size=12), st.integers(1, 4))
def test_an_example_shares_nothing_with_the_item(item: Sample, candidates: list[Sample], number: int) -> None:
    allowed = [
        other
        for other in candidates
        if other.id != item.id and other.clips != item.clips and (item.cluster is None or other.cluster != item.cluster)
    ]
    if len(allowed) < number:
        with pytest.raises(UsageError, match=f"num_fewshot {number}: only {len(allowed)} other samples"):
            shots_for(item, candidates, number)
    else:
        assert list(shots_for(item, candidates, number)) == allowed[:number]
