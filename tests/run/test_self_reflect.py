"""`--protocol self_reflect` as commands: whose answers are shown, resumed at its open turn, under kills and faults."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.run.conftest import wav
from tests.run.test_interrupted import FAULTS, killed_when_grown
from tests.run.test_relisten import answered, lines


def run(task: Path, url: str, out: Path, *more: str | Path) -> tuple[str | Path, ...]:
    return (
        "run", "--model", "openai_chat:mock", "--tasks", task, "--base-url", url, "--out", out, "--quiet",
        "--protocol", "self_reflect", *more,
    )  # fmt: skip


@pytest.fixture
def others(toy: Callable[[int], Path], tmp_path: Path) -> tuple[Path, Path]:
    """A task of six items, and a file of what another system answered: always the third option."""
    task, file = toy(6), tmp_path / "others.jsonl"
    rows = map(json.loads, (task.parent / "items.jsonl").read_text().splitlines())
    file.write_text("".join(json.dumps({"id": row["id"], "hypotheses": [row["choices"][2]]}) + "\n" for row in rows))
    return task, file


def told(out: Path) -> dict[str, Any]:
    return {line["id"]: line["response"]["raw"]["self_reflect"] for line in lines(out) if "response" in line}


def test_it_goes_on_at_its_open_turn(others: Any, server: Any, cli: Any, tmp_path: Path) -> None:
    (task, file), out, log, later = others, tmp_path / "out", tmp_path / "log", tmp_path / "later"
    broken = cli(*run(task, server(action="internal", broken_turn=1, log=log), out, "--external", file))
    assert broken.returncode == 4 and set(answered(log)) == {f"{n}.0" for n in range(6)}
    again = cli(*run(task, server(action="internal", log=later), out, "--external", file))
    assert again.returncode == 0, again.stderr
    assert answered(later) == dict.fromkeys((f"{n}.1" for n in range(6)), 1)
    assert all(facts["action"] == "internal" for facts in told(out).values()) and len(told(out)) == 6
    (entry,) = json.loads((out / "toy" / "summary.json").read_text())
    assert [turn["usage"]["prompt"] for turn in entry["turns"]] == [600, 600] and entry["usage"]["prompt"] == 1200
    assert entry["fingerprint"]["protocol"].startswith("self_reflect@1:nbest=1+")


def test_other_hypotheses_are_another_request(others: Any, server: Any, cli: Any, tmp_path: Path) -> None:
    (task, file), out, log = others, tmp_path / "out", tmp_path / "log"
    url = server(action="external", log=log)
    assert cli(*run(task, url, out, "--external", file)).returncode == 0
    changed = file.read_text().replace("c2", "c3", 1)
    assert changed != file.read_text()
    file.write_text(changed)
    assert cli(*run(task, url, out, "--external", file)).returncode == 0
    assert answered(log).total() == 12 + 2, "one item was asked again, in both turns"


def test_a_column_a_run_and_a_model_asked_first_are_shown_alike(
    toy: Callable[[int], Path], server: Any, cli: Any, tmp_path: Path
) -> None:
    task, url = toy(4), server(action="external")
    other = server(action="internal")
    assert (
        cli(
            "run", "--model", "openai_chat:other", "--tasks", task, "--base-url", other, "--out", "other", "--quiet"
        ).returncode
        == 0
    )
    chosen = {line["id"]: line["response"]["text"] for line in lines(tmp_path / "other")}
    rows = [json.loads(text) for text in (task.parent / "items.jsonl").read_text().splitlines()]
    picks = {row["id"]: row["choices"]["ABCD".index(chosen[row["id"]][-2])] for row in rows}
    (task.parent / "items.jsonl").write_text(
        "".join(json.dumps({**row, "theirs": picks[row["id"]]}) + "\n" for row in rows)
    )
    sources = {
        "run": ["--external", "other"],
        "column": ["--external", "column:theirs"],
        "model": ["--external", "model:openai_chat:other", "--external-base-url", other],
    }
    for name, more in sources.items():
        done = cli(*run(task, url, tmp_path / name, *more))
        assert done.returncode == 0, done.stderr
        assert {sample: facts["external"] for sample, facts in told(tmp_path / name).items()} == {
            sample: [pick] for sample, pick in picks.items()
        }
    assert len(lines(tmp_path / "model" / "external")) == 4
    repeated = cli(*run(task, "http://127.0.0.1:1/v1", tmp_path / "model", *sources["model"]))
    assert repeated.returncode == 0, "nothing is left to ask, of neither model"


@pytest.mark.slow
def test_kills_and_faults_cost_no_more_than_the_open_turns(
    toy: Callable[[int], Path], server: Any, cli: Any, tmp_path: Path
) -> None:
    count, width, kills = 50, 4, 6
    task, log, out = toy(count), tmp_path / "log", tmp_path / "killed"
    url = server(action="internal", faults=FAULTS, latency=0.03, log=log)
    more = ("--external", "model:openai_chat:mock", "--external-base-url", url, "--max-concurrency", str(width), "--timeout", "1.5",
            "--attempts", "6")  # fmt: skip
    draw = random.Random(11)
    for _ in range(kills):
        killed_when_grown(run(task, url, out, *more), log, draw.randint(200, 900), tmp_path)
    done = cli(*run(task, url, out, *more), timeout=120)
    assert done.returncode == 0, done.stderr
    asked = answered(log)
    assert asked.total() - 3 * count <= kills * width  # the first call is asked of both models, which are one here
    assert len(told(out)) == count
    whole = tmp_path / "whole"
    assert cli(*run(task, server(action="internal"), whole, "--external", out / "external")).returncode == 0
    assert told(whole) == told(out)


def test_what_cannot_work_is_refused_before_anything_is_sent(others: Any, cli: Any, tmp_path: Path) -> None:
    task, file = others
    url, out = "http://127.0.0.1:1/v1", tmp_path / "out"
    strange = tmp_path / "strange.jsonl"
    strange.write_text('{"id": "elsewhere", "text": "x"}\n')
    refused = {
        "name what the other system answered": (),
        "holds no hypothesis for any sample of task toy": ("--external", strange),
        "has no such column; it has: id, ": ("--external", "column:nothing"),
        "no run found|not a run directory": ("--external", tmp_path / "nowhere"),
        "only OpenAI (dialect openai) and Gemini have batch jobs": ("--external", file, "--batch"),
        "nbest=0: must be from 1 to 10": ("--external", file, "--protocol", "self_reflect:nbest=0"),
        "no --protocol of this run shows it": ("--external", file, "--protocol", "single"),
    }
    for said, more in refused.items():
        done = cli(*run(task, url, out, *more))
        assert done.returncode == 2 and any(part in done.stderr for part in said.split("|")), (said, done.stderr)
    assert not out.exists()


def test_dcase_2025_as_its_data_set_has_it(server: Any, cli: Any, tmp_path: Path) -> None:
    rows = [
        {
            "id": str(n),
            "audio_url": name,
            "question": f"item {n}: what?",
            "choice": ["A. Seal", "B. Door", "C. Rain"],
            "answer": "B. Door",
        }
        for n, name in enumerate(("fold1-x.wav", "audio7.wav", "whale.wav"))
    ]
    for row in rows:
        (tmp_path / row["audio_url"]).write_bytes(wav(seed=int(row["id"])))
    (tmp_path / "dev.json").write_text(json.dumps(rows))
    (tmp_path / "flamingo.jsonl").write_text(
        "".join(json.dumps({"id": row["id"], "text": "Door"}) + "\n" for row in rows)
    )
    done = cli(
        *run(Path("dcase2025_aqa"), server(action="external"), tmp_path / "out", "--external", tmp_path / "flamingo.jsonl"),
        "--data", f"dcase2025_aqa={tmp_path / 'dev.json'}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    records = [json.loads(text) for text in (tmp_path / "out/dcase2025_aqa/samples.jsonl").read_text().splitlines()]
    shown = records[0]["turns"][1]["sent"][1]["parts"][1]
    assert "Options:\n- Seal\n- Door\n- Rain\n\nExternal model 1-best predictions:\nDoor\n" in shown
    ablated = json.loads(cli("ablate", tmp_path / "out", "--json").stdout)["tasks"][0]["self_reflect"][0]
    assert {way["path"]: way["value"] for way in ablated["ways"]}["external"] == 1.0 == ablated["official"]["n"] / 3


ASR_TASK = """\
task: speech
dataset_path: items.jsonl
doc_to_id: "{{id}}"
doc_to_audio: "{{audio}}"
doc_to_target: "{{text}}"
prompt: [{name: plain, order: [audio, text], text: Transcribe.}]
extraction: [full_text]
scorer: wer
metric_list: [{metric: wer, aggregation: corpus, higher_is_better: false}]
chance: none
"""
RECOGNISER = """\
from audiobench.model import Response

class Recogniser:
    '''Leaves the last word out at first, and adds it once it has seen hypotheses.'''
    def __init__(self, spec, *, base_url=None, timeout=600.0): pass
    async def generate(self, request):
        target = request.sample.target
        if "Internal transcript:" in request.text:
            return Response(f"<need_ref> {target}")
        return Response(" ".join(target.split()[:-1]))
    async def close(self): pass
"""


def test_a_transcription_is_corrected_and_scored_by_its_words(cli: Any, tmp_path: Path) -> None:
    spoken = {"s0": "he hoped there would be stew", "s1": "stuff it into you"}
    rows = [{"id": name, "audio": f"{name}.wav", "text": text} for name, text in spoken.items()]
    for number, row in enumerate(rows):
        (tmp_path / row["audio"]).write_bytes(wav(seed=number))
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "speech.yaml").write_text(ASR_TASK)
    (tmp_path / "own.py").write_text(RECOGNISER)
    best = [{"id": name, "hypotheses": [text.upper(), *["hm"] * 4]} for name, text in spoken.items()]
    (tmp_path / "parakeet.jsonl").write_text("".join(json.dumps(row) + "\n" for row in best))
    done = cli("run", "--model", "own.py:Recogniser", "--tasks", "speech.yaml", "--out", "out", "--quiet",
               "--protocol", "self_reflect:nbest=5", "--external", "parakeet.jsonl")  # fmt: skip
    assert done.returncode == 0, done.stderr
    (task,) = json.loads(cli("ablate", "out", "--json").stdout)["tasks"]
    (entry,) = task["self_reflect"]
    assert {way["path"]: way["value"] for way in entry["ways"]} == {
        "final": 0.0, "routed": 0.0, "internal": 2 / 10, "external": 0.0, "oracle": 0.0,
    }  # fmt: skip
    assert entry["recovery"]["value"] == 1.0 and entry["harm"]["value"] == 0.0
    assert entry["confusion"]["need_ref"]["need_ref"] == 2
    told = cli("ablate", "out", COLUMNS="100").stdout
    assert "always internal" in told and "Speech-Hands' own scorer" not in told
