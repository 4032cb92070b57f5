"""A judge asked by batch jobs gives the verdicts of a live one."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.batch.provider import Provider, serving
from tests.batch.test_batch import Bench, provider, result  # noqa: F401
from tests.run.conftest import wav

TASK = """\
task: toy
dataset_path: items.jsonl
doc_to_id: "{{id}}"
doc_to_audio: "{{audio}}"
doc_to_question: "{{user_query}}"
prompt: [{name: asked, order: [text, audio], text: "{{question}}"}]
extraction: [full_text]
scorer: wildspeech_judge
metric_list: [{metric: rating}]
"""


@pytest.fixture
def bench(tmp_path: Path, provider: Provider) -> Bench:  # noqa: F811
    made = Bench(tmp_path, provider)
    (tmp_path / "clip.wav").write_bytes(wav())
    rows = [
        {"id": f"q{i}", "audio": "clip.wav", "user_query": f"item {i}?", "checklist": "- Polite?"} for i in range(3)
    ]
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "toy.yaml").write_text(TASK)
    made.task = tmp_path / "toy.yaml"
    return made


def verdicts(bench: Bench, out: str) -> list[dict[str, Any]]:
    lines = (bench.folder / out / "toy" / "judgements.jsonl").read_text(encoding="utf-8").splitlines()
    return sorted(map(json.loads, lines), key=lambda line: line["id"])


def judging(bench: Bench, *more: str) -> list[Any]:
    return ["--judge", bench.model, "--judge-base-url", bench.provider.url, *more]


def test_verdicts_are_those_of_a_live_judge(bench, provider):  # noqa: F811
    provider.reply = "<think>Score: 2? No, fine.</think>\nScore: 8"
    batch = bench.run(*judging(bench, "--judge-batch"))
    assert batch.returncode == 0, batch.stderr
    assert result(batch)["metrics"]["rating"]["value"] == 8.0
    assert len(provider.live) == 3 and len(provider.creates) == 1, "answers live, verdicts by a job"
    live = bench.run(*judging(bench), out="live")
    assert result(batch)["metrics"] == result(live)["metrics"]
    ours, theirs = verdicts(bench, "out"), verdicts(bench, "live")
    kept = [
        [{k: v for k, v in line.items() if k not in ("batch", "crc", "time", "dollars")} for line in lines]
        for lines in (ours, theirs)
    ]
    assert kept[0] == kept[1]
    assert ours[0]["dollars"] == pytest.approx(theirs[0]["dollars"] / 2), "at the price of a job"
    asked = [body for job in provider.jobs.values() for _, body in job.requests]
    assert all(body in provider.live for body in asked)


def test_a_killed_judge_goes_on_with_its_job(bench, provider):  # noqa: F811
    provider.reply, provider.polls = "Score: 6", -1
    process = bench.start(*judging(bench, "--judge-batch"))
    deadline = time.monotonic() + 60
    while not any(job.polls for job in provider.jobs.values()):
        assert time.monotonic() < deadline, "the job was never looked at"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    provider.polls = 0
    done = bench.run(*judging(bench, "--judge-batch"))
    assert done.returncode == 0 and len(provider.creates) == 1 and len(provider.live) == 3
    assert result(done)["metrics"]["rating"]["value"] == 6.0


def test_questions_without_a_reply_stay_open(bench, provider):  # noqa: F811
    provider.reply, provider.fail = "Score: 6", {"1": (500, {"message": "overloaded"})}
    first = bench.run(*judging(bench, "--judge-batch"))
    assert first.returncode == 4 and "overloaded" in first.stderr
    assert [line["id"] for line in verdicts(bench, "out")] == ["q0", "q2"]
    provider.fail = {}
    assert bench.run(*judging(bench, "--judge-batch")).returncode == 0
    assert set(provider.asked[-1:]) == {1}


@pytest.mark.parametrize("how", [[], ["--judge-batch"]])
def test_another_model_than_the_judge_is_not_believed(bench, provider, how):  # noqa: F811
    provider.reply = "Score: 6"
    assert bench.run().returncode == 4, "answered, not judged"
    provider.model = "cheaper-model"
    refused = bench.run(*judging(bench, *how))
    assert refused.returncode == 4 and "cheaper-model answered although some-model was asked" in refused.stderr
    assert not (bench.folder / "out/toy/judgements.jsonl").exists() or verdicts(bench, "out") == []
    accepted = bench.run(*judging(bench, *how), "--allow-other-model")
    assert accepted.returncode == 0, accepted.stderr
    assert [line["served_models"] for line in verdicts(bench, "out")] == [["cheaper-model"]] * 3


def test_a_judge_that_was_changed_judges_anew_and_a_retired_one_is_refused(bench, provider):  # noqa: F811
    provider.reply = "Score: 6"
    judge, spec = bench.folder / "judge.yaml", json.loads(bench.model.read_text())
    how = ["--judge", judge, "--judge-base-url", provider.url]
    answers, questions = 3, 9
    for more, calls in (
        ({}, answers + questions),
        ({}, answers + questions),
        ({"top_p": 0.5}, answers + 2 * questions),
    ):
        judge.write_text(json.dumps({**spec, "sampling": more}))
        assert bench.run(*how).returncode == 0
        assert len(provider.live) == calls
    judge.write_text(json.dumps({**spec, "retires_on": "2020-01-01"}))
    refused = bench.run(*how)
    assert refused.returncode == 2 and "was retired on 2020-01-01" in refused.stdout
    assert len(provider.live) == calls


def test_a_judge_without_batch_jobs_is_refused(tmp_path):
    with serving(Provider("openai")) as found:
        bench = Bench(tmp_path, found)
        refused = bench.run("--judge", "voxtral", "--judge-batch")
        assert refused.returncode == 2 and "only OpenAI" in refused.stdout
        assert bench.run("--judge-batch").returncode == 2
        assert found.live == []
