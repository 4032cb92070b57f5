"""Conversations as commands: whose answers are sent, resumed at the open turn, under kills and faults, and their judge."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.run.conftest import wav
from tests.run.test_interrupted import FAULTS, finished, killed_when_grown
from tests.run.test_relisten import answered, lines

TASK = """\
task: toy
dataset_path: items.jsonl
doc_to_id: "{{id}}"
doc_to_audio: "{{audio}}"
dialogue: {turns: "{{said}}", role: "{{turn.role}}", text: "{{turn.text}}"}
generation_kwargs: {temperature: "{{0.7 if id == 's1' else 0.0}}"}
prompt: [{name: plain, order: [text, audio], text: "item {{id[1:]}}"}]
extraction: [full_text]
scorer: mt_bench
"""
TURNS = 3
JUDGE = """
import json
import pathlib

from audiobench.model import Response


class Judge:
    \"\"\"Rates five, and writes down what it was shown.\"\"\"

    def __init__(self, spec, *, base_url=None, timeout=600.0):
        pass

    async def generate(self, request):
        text, clips = request.text, sum(bool(part.data) for part in request.audio)
        with pathlib.Path("shown.jsonl").open("a") as file:
            file.write(json.dumps({"id": request.sample_id, "text": text, "clips": clips}) + "\\n")
        return Response("Fair. Rating: [[5]]" if "Turn 2" in text else "[[3]]")

    async def close(self):
        pass
"""


@pytest.fixture
def talks(tmp_path: Path) -> Callable[..., Path]:
    """Make a benchmark of so many conversations; `given`: the assistant's answers but for the last are in the data."""

    def make(count: int, *, given: bool = False, turns: int = TURNS) -> Path:
        folder = tmp_path / "talks"
        (folder / "audio").mkdir(parents=True)
        rows = []
        for i in range(count):
            clips = [f"audio/{i}-{turn}.wav" for turn in range(turns)]
            for turn, clip in enumerate(clips):
                (folder / clip).write_bytes(wav(seed=10 * i + turn))
            said = []
            for turn in range(turns):
                said.append({"role": "user", "text": f"words {i}-{turn}"})
                if given and turn < turns - 1:
                    said.append({"role": "assistant", "text": f"given {i}-{turn}"})
            rows.append({"id": f"s{i}", "audio": clips, "said": said, "category": "math", "reference": ["one", "two"]})
        (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        file = folder / "toy.yaml"
        file.write_text(TASK)
        return file

    return make


def run(task: Path, url: str, out: Path, *more: str | Path) -> tuple[str | Path, ...]:
    return ("run", "--model", "openai_chat:mock", "--tasks", task, "--base-url", url, "--out", out, "--quiet", *more)


def test_a_conversation_goes_on_at_its_open_turn_with_the_models_own_answers(
    talks: Any, server: Any, cli: Any, tmp_path: Path
) -> None:
    task, out, log, later = talks(3), tmp_path / "out", tmp_path / "log", tmp_path / "later"
    broken = cli(*run(task, server(dialogue=True, broken_turn=2, log=log), out))
    assert broken.returncode == 4 and set(answered(log)) == {f"{n}.{turn}" for n in range(3) for turn in (0, 1)}
    again = cli(*run(task, server(dialogue=True, log=later), out))
    assert answered(later) == dict.fromkeys((f"{n}.2" for n in range(3)), 1)
    assert again.returncode == 4, "nothing is judged yet"
    for line in lines(out):
        if "response" not in line:
            continue
        number = line["id"][1:]
        assert line["condition"]["protocol"] == "dialogue"
        said = [f"answer {number}.{turn}: {turn + 1} clips, {'ua' * turn}u" for turn in range(TURNS)]
        assert line["response"]["raw"]["dialogue"] == {"answers": said, "left": 0}
        assert line["response"]["text"] == said[-1]
        assert line["response"]["usage"] == {"prompt": 300, "completion": 15}
        assert [clip["path"].rpartition("/")[2] for clip in line["audio"]] == [f"{number}-{t}.wav" for t in range(3)]
        assert len(line["turns"]) == TURNS and line["turns"][1]["sent"][0]["parts"] == [said[0]]
    (entry,) = json.loads((out / "toy" / "summary.json").read_text())
    assert [(t["turn"], t["n"], t["usage"]["prompt"]) for t in entry["turns"]] == [(n, 3, 300) for n in (1, 2, 3)]
    assert entry["fingerprint"]["protocol"] == "dialogue@1"
    assert "by turn" in cli("report", out, COLUMNS="120").stdout
    assert cli("verify", out).returncode == 0


def test_given_answers_are_sent_and_only_the_last_is_asked_for(
    talks: Any, server: Any, cli: Any, tmp_path: Path
) -> None:
    task, log = talks(2, given=True), tmp_path / "log"
    cli(*run(task, server(dialogue=True, log=log), tmp_path / "out"))
    assert answered(log) == {"0.2": 1, "1.2": 1}
    first = next(line for line in lines(tmp_path / "out") if line["id"] == "s0")
    assert [turn["role"] for turn in first["prompt"]] == ["user", "assistant"] * 2 + ["user"]
    assert first["prompt"][1]["parts"] == ["given 0-0"] and "turns" not in first


def test_what_comes_later_is_part_of_the_key(talks: Any, server: Any, cli: Any, tmp_path: Path) -> None:
    task, out, later = talks(3), tmp_path / "out", tmp_path / "later"
    cli(*run(task, server(dialogue=True), out))
    (task.parent / "audio" / "1-2.wav").write_bytes(wav(seed=99))
    cli(*run(task, server(dialogue=True, log=later), out))
    assert answered(later) == {"1.0": 1, "1.1": 1, "1.2": 1}


def test_an_answer_that_was_cut_ends_the_conversation(talks: Any, server: Any, cli: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    cut = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "It was"}, "finish_reason": "length"}]}
    done = cli(*run(talks(2), server(dialogue=True, answer=json.dumps(cut), log=log), tmp_path / "out"))
    assert done.returncode == 0, "truncated responses need no judge"
    assert answered(log) == {"0.0": 1, "1.0": 1}
    (entry,) = json.loads((tmp_path / "out" / "toy" / "summary.json").read_text())
    assert entry["counts"]["truncated"] == 2
    assert [line["response"]["raw"]["dialogue"]["left"] for line in lines(tmp_path / "out")] == [2, 2]


def test_each_answer_is_judged_in_view_of_the_conversation_and_of_its_sound(
    talks: Any, server: Any, cli: Any, tmp_path: Path
) -> None:
    (tmp_path / "judges.py").write_text(JUDGE)
    task, out = talks(1, turns=2), tmp_path / "out"
    arguments = run(task, server(dialogue=True), out, "--judge", "judges.py:Judge")
    assert cli(*arguments).returncode == 0
    (entry,) = json.loads((out / "toy" / "summary.json").read_text())
    assert entry["metrics"]["rating"]["value"] == 4.0
    (verdict,) = [json.loads(line) for line in (out / "toy" / "judgements.jsonl").read_text().splitlines()]
    assert verdict["ratings"] == [3.0, 5.0]
    first, second = map(json.loads, (tmp_path / "shown.jsonl").read_text().splitlines())
    assert "(No previous conversation)" in first["text"] and "### Assistant A (Turn 1):\nanswer 0.0" in first["text"]
    for shown in ("words 0-0", "answer 0.0: 1 clips, u", "words 0-1", "Turn 2):\nanswer 0.1", "Turn 2):\ntwo"):
        assert shown in second["text"]
    assert (first["clips"], second["clips"]) == (0, 0)
    assert cli(*arguments).returncode == 0
    assert len((tmp_path / "shown.jsonl").read_text().splitlines()) == 2, "a verdict is not asked for twice"
    heard = cli(*arguments, "--judge-hears")
    assert heard.returncode == 0, heard.stderr
    *_, last = map(json.loads, (tmp_path / "shown.jsonl").read_text().splitlines())
    assert last["clips"] == 2 and last["text"].count("that the assistant heard") == 2
    (entry,) = json.loads((out / "toy" / "summary.json").read_text())
    assert "hears" in entry["fingerprint"]["judge"]


@pytest.mark.parametrize(
    ("condition", "sent"),
    [
        ("transcript", ["item 0", "Transcript of the audio:\nwords 0-0\n"]),
        ("none", ["item 0"]),
        ("swap", ["item 0", {"audio": 0}]),
    ],
)
def test_audio_conditions_hold_for_every_turn(
    condition: str, sent: list[Any], talks: Any, server: Any, cli: Any, tmp_path: Path
) -> None:
    cli(*run(talks(2), server(dialogue=True), tmp_path / "out", "--audio", condition))
    first = next(line for line in lines(tmp_path / "out") if line["id"] == "s0")
    assert first["prompt"][0]["parts"] == sent
    if condition == "swap":
        assert [clip["path"][-7:] for clip in first["audio"]] == ["1-0.wav", "1-1.wav", "1-2.wav"]
    if condition == "transcript":
        assert first["turns"][2]["sent"][-1]["parts"][1] == "Transcript of the audio:\nwords 0-2\n"


@pytest.mark.slow
def test_kills_and_faults_cost_no_more_than_the_open_turns(talks: Any, server: Any, cli: Any, tmp_path: Path) -> None:
    count, width, kills = 40, 4, 8
    task, log, out = talks(count), tmp_path / "log", tmp_path / "killed"
    url = server(dialogue=True, faults=FAULTS, latency=0.03, log=log)
    more = ("--max-concurrency", str(width), "--timeout", "1.5", "--attempts", "6")
    journal, turns, draw = out / "toy" / "samples.jsonl", out / "toy" / "turns.jsonl", random.Random(7)
    for _ in range(kills):
        killed_when_grown(run(task, url, out, *more), turns, draw.randint(1, 2500), tmp_path)
    assert len(finished(journal)) < count
    done = cli(*run(task, url, out, *more), timeout=120)
    assert "requests failed" not in done.stderr
    asked = answered(log)
    assert set(asked) == {f"{n}.{turn}" for n in range(count) for turn in range(TURNS)}
    assert asked.total() - count * TURNS <= kills * width, asked.most_common(10)
    whole = tmp_path / "whole"
    cli(*run(task, server(dialogue=True), whole))
    told = ({line["id"]: line["response"] for line in lines(folder) if "response" in line} for folder in (out, whole))
    killed, at_once = ({k: (r["raw"]["dialogue"], r["usage"]) for k, r in rows.items()} for rows in told)
    assert killed == at_once and len(finished(journal)) == count
    assert cli("verify", out).returncode == 0


REFUSED = {
    "another protocol": (["--protocol", "relisten"], "the items of task toy are conversations"),
    "batch": (["--batch"], "--batch:"),
    "a deaf judge": (["--judge", "scripted:j", "--judge-batch", "--judge-hears"], "leave --judge-batch out"),
    "no judge": (["--judge-hears"], "--judge-hears: name the judge with --judge"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_cannot_work_is_refused_before_anything_is_sent(why: str, talks: Any, cli: Any, tmp_path: Path) -> None:
    more, said = REFUSED[why]
    refused = cli(*run(talks(2), "http://127.0.0.1:1/v1", tmp_path / "out"), *more)
    assert refused.returncode == 2 and said in refused.stderr, refused.stderr
    assert not (tmp_path / "out").exists()


def test_chunks_count_where_a_request_may_hold_so_many_clips(talks: Any, server: Any, cli: Any, tmp_path: Path) -> None:
    task, model, out = talks(2), tmp_path / "model.yaml", tmp_path / "out"
    limits = "audio: {max_clips: 4, chunk_seconds: 0.06}"
    model.write_text(f"name: m\nadapter: openai_chat\nserved_model: mock\n{limits}\n")
    arguments = [model if word == "openai_chat:mock" else word for word in run(task, server(dialogue=True), out)]
    refused = cli(*arguments)
    assert refused.returncode == 2 and not out.exists()
    assert "takes 4 clips, and the conversations of task toy have up to 6 (clips over 0.06 s are cut)" in refused.stderr


def test_items_of_one_turn_are_no_conversation(toy: Any, cli: Any, tmp_path: Path) -> None:
    refused = cli(*run(toy(2), "http://127.0.0.1:1/v1", tmp_path / "out", "--protocol", "dialogue"))
    assert refused.returncode == 2 and "has items of one turn" in refused.stderr


WRONG = {
    "role": ('role: "{{turn.role}}"', "role: guest", "dialogue.role of turn 1: 'guest': must be one of"),
    "list": ('turns: "{{said}}"', 'turns: "{{category}}"', "must be a list of turns, found 'math'"),
    "clips": ('text: "{{turn.text}}"', 'text: "{{turn.text}}", heard: "{{number == 1}}"', "holds 3 clips, and 1 turns"),
    "more heard": ('doc_to_audio: "{{audio}}"', 'doc_to_audio: "{{audio[:2]}}"', "turn 3 is heard, but doc_to_audio"),
    "last": (
        'role: "{{turn.role}}"',
        "role: \"{{'assistant' if number == 3 else 'user'}}\", heard: \"{{true}}\"",
        "the model has nothing to answer",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_row_that_is_no_conversation_is_named(what: str, talks: Any, cli: Any, tmp_path: Path) -> None:
    task = talks(2)
    old, new, said = WRONG[what]
    assert old in TASK
    task.write_text(TASK.replace(old, new))
    refused = cli(*run(task, "http://127.0.0.1:1/v1", tmp_path / "out"))
    assert refused.returncode == 2 and said in refused.stderr, refused.stderr
    assert "items.jsonl: row 1 (id s0)" in refused.stderr
