"""Batch jobs: the same answers as live, at half the price, whatever kills the process in between."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
import pytest

from audiobench import cli
from audiobench.files.records import Record
from audiobench.model.registry import find_model
from audiobench.results import cost
from model_adapters.batch import GeminiBatch, OpenAIBatch
from tests.batch.provider import MODEL, Provider, serving
from tests.run.conftest import make_task

COUNT = 6


@pytest.fixture(params=["openai", "gemini"])
def provider(request: pytest.FixtureRequest) -> Iterator[Provider]:
    with serving(Provider(request.param)) as found:
        yield found


class Bench:
    """A task, a model, and the command line."""

    def __init__(self, folder: Path, provider: Provider) -> None:
        self.folder, self.provider = folder, provider
        self.task = make_task(folder / "toy", COUNT)
        how = {"adapter": "gemini"} if provider.api == "gemini" else {"adapter": "openai_chat", "dialect": "openai"}
        price = {"input": 1.0, "output": 4.0, "batch_factor": 0.5}
        self.model = folder / "m.yaml"
        self.model.write_text(json.dumps({"name": "m", "served_model": MODEL, "prices": [price], **how}))
        self.environment = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY")}
        self.environment |= {"OPENAI_API_KEY": "FAKE", "GOOGLE_API_KEY": "FAKE"}

    def command(self, *more: Any, out: str = "out") -> list[str]:
        base = ["run", "--model", self.model, "--tasks", self.task, "--base-url", self.provider.url]
        base += ["--out", self.folder / out, "--json", "--batch-poll", "0.05", *more]
        return [sys.executable, "-m", "audiobench", *map(str, base)]

    def run(self, *more: Any, out: str = "out") -> subprocess.CompletedProcess[str]:
        """The command line in this process."""
        arguments = self.command(*more, out=out)[3:]
        stdout, stderr = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, self.environment, clear=True),
            contextlib.redirect_stdout(stdout),
            contextlib.redirect_stderr(stderr),
        ):
            code = cli.main(arguments)
        return subprocess.CompletedProcess(arguments, code, stdout.getvalue(), stderr.getvalue())

    def start(self, *more: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(*more), env=self.environment, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def records(self, out: str = "out") -> list[dict[str, Any]]:
        path = self.folder / out / "toy" / "samples.jsonl"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def states(self) -> list[str]:
        found = sorted((self.folder / "out" / "batch").glob("*/job.json"))
        return [json.loads(path.read_text(encoding="utf-8"))["state"] for path in found]


@pytest.fixture
def bench(tmp_path: Path, provider: Provider) -> Bench:
    return Bench(tmp_path, provider)


def wait(true: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def result(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.stdout, done.stderr
    return json.loads(done.stdout)["results"][0]


def test_the_answers_are_those_of_a_live_run(bench, provider):
    batch = bench.run("--batch")
    assert batch.returncode == 0, batch.stderr
    live = bench.run(out="live")
    assert live.returncode == 0, live.stderr
    asked = [body for job in provider.jobs.values() for _, body in job.requests]
    assert sorted(map(json.dumps, asked)) == sorted(map(json.dumps, provider.live)), (
        "the adapter's own bodies, audio included"
    )
    ours, theirs = ({r["key"]: r for r in bench.records(out)} for out in ("out", "live"))
    assert set(ours) == set(theirs) and len(ours) == COUNT
    spec = find_model(str(bench.model))
    for key, record in ours.items():
        assert record["response"]["text"] == theirs[key]["response"]["text"]
        assert record["sample"] == theirs[key]["sample"] and record["audio"] == theirs[key]["audio"]
        assert record["batch"]["api"] == provider.api and record["batch"]["job"] in provider.jobs
        paid, live_paid = (cost.of_record(msgspec.convert(one, Record), spec) or 0 for one in (record, theirs[key]))
        assert 0 < paid == pytest.approx(0.5 * live_paid)
    assert result(batch)["metrics"] == result(live)["metrics"]
    assert bench.states() == ["collected"]


def test_many_requests_are_several_jobs(bench, provider, monkeypatch):
    monkeypatch.setattr(OpenAIBatch, "most_requests", 4)
    monkeypatch.setattr(GeminiBatch, "most_bytes", 18_000)
    done = bench.run("--batch")
    assert done.returncode == 0, done.stderr
    sizes = [len(job.requests) for job in provider.jobs.values()]
    assert len(sizes) > 1 and sum(sizes) == COUNT and sorted(provider.asked) == list(range(COUNT))
    assert result(done)["metrics"]["acc"]["value"] == 1.0, "each answer is with its own item"
    monkeypatch.setattr(OpenAIBatch, "most_bytes", 1000)
    monkeypatch.setattr(GeminiBatch, "most_bytes", 1000)
    small = bench.run("--batch", out="small")
    assert small.returncode == 4 and result(small)["counts"]["error"] == COUNT, (
        "a clip that fits into no job is an error"
    )


def test_a_killed_run_goes_on_with_its_job(bench, provider):
    provider.polls = -1
    process = bench.start("--batch")
    wait(lambda: any(job.polls > 1 for job in provider.jobs.values()), "the job was never looked at")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert bench.states() == ["submitted"] and bench.records() == []

    live = bench.run()
    assert live.returncode == 2 and "add --batch" in live.stdout + live.stderr, "asking live would pay twice"
    assert provider.live == []

    provider.polls = 0
    done = bench.run("--batch")
    assert done.returncode == 0, done.stderr
    assert len(provider.creates) == 1 and sorted(provider.asked) == list(range(COUNT))
    assert len(bench.records()) == COUNT


def test_a_run_killed_before_it_learnt_the_jobs_name_finds_it(bench, provider):
    provider.hold_create, provider.polls = 30.0, 0
    process = bench.start("--batch")
    wait(lambda: provider.jobs, "no job was made")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert bench.states() == ["planned"]
    provider.hold_create = 0.0
    done = bench.run("--batch")
    assert done.returncode == 0, done.stderr
    assert len(provider.creates) == 1 and bench.states() == ["collected"]


def test_a_run_killed_while_collecting_writes_no_line_twice(bench, provider):
    assert bench.run("--batch").returncode == 0
    journal = bench.folder / "out" / "toy" / "samples.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:2]) + lines[2][:40])
    (state,) = (bench.folder / "out" / "batch").glob("*/job.json")
    state.write_text(json.dumps({**json.loads(state.read_text(encoding="utf-8")), "state": "submitted"}))
    assert bench.run("--batch").returncode == 0
    assert sorted(r["id"] for r in bench.records()) == sorted(f"s{i}" for i in range(COUNT))
    assert len(provider.creates) == 1


def test_interrupted_politely(bench, provider):
    provider.polls = -1
    process = bench.start("--batch")
    wait(lambda: any(job.polls for job in provider.jobs.values()), "the job was never looked at")
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 143
    assert b"1 batch jobs go on at the provider" in stderr and b"--batch" in stderr


def test_requests_that_fail_are_errors_and_are_asked_again(bench, provider):
    provider.fail = {"2": (500, {"message": "overloaded", "code": "server_error"})}
    first = bench.run("--batch")
    assert first.returncode == 4
    assert result(first)["counts"]["error"] == 1 and result(first)["counts"]["scored"] == COUNT - 1
    assert any("overloaded" in r["error"]["message"] for r in bench.records() if "error" in r)
    provider.fail = {}
    second = bench.run("--batch")
    assert second.returncode == 0, second.stderr
    assert provider.asked[COUNT:] == [2], "only what failed is in the second job"


def test_a_job_that_expired_leaves_the_rest_open(bench, provider):
    provider.outcome, provider.fail = "expired", {"1": None, "4": None}
    first = bench.run("--batch")
    assert first.returncode == 4 and "2 requests unanswered" in first.stderr
    provider.outcome, provider.fail = "completed", {}
    assert bench.run("--batch").returncode == 0
    assert sorted(provider.asked[COUNT:]) == [1, 4]


def test_a_failed_job_says_why(bench, provider):
    provider.outcome = "failed"
    done = bench.run("--batch")
    assert done.returncode == 4 and "line 1 is not valid" in done.stderr
    assert bench.states() == ["failed"] and bench.records() == []


def test_a_lost_answer_makes_no_second_job(bench, provider):
    provider.lose_answer, provider.refuse_create = 1, [503]
    done = bench.run("--batch")
    assert done.returncode == 0, done.stderr
    assert len(provider.creates) == 1


def test_another_model_is_not_kept(bench, provider):
    provider.model = "another-model-9"
    done = bench.run("--batch")
    assert done.returncode == 4 and "another-model-9 answered" in done.stderr and bench.records() == []
    kept = bench.run("--batch", "--allow-other-model")
    assert kept.returncode == 0 and len(provider.creates) == 1, "the job's answers were still there"


def test_other_options_do_not_mix_with_open_jobs(bench, provider):
    provider.polls = -1
    process = bench.start("--batch")
    wait(lambda: any(job.polls for job in provider.jobs.values()), "the job was never looked at")
    process.kill()
    process.wait()
    other = bench.run("--batch", "--gen", "temperature=0.5")
    assert other.returncode == 2 and "another --out" in other.stderr and len(provider.creates) == 1


def test_an_open_job_waits_for_a_start_that_names_all_of_its_tasks(bench, provider):
    provider.polls = -1
    second = make_task(bench.folder / "second", COUNT)
    second.write_text(second.read_text().replace("task: toy", "task: second"))
    process = bench.start("--tasks", f"{bench.task},{second}", "--batch")
    wait(lambda: any(job.polls for job in provider.jobs.values()), "the job was never looked at")
    process.kill()
    process.wait()
    provider.polls = 0
    fewer = bench.run("--batch")
    assert fewer.returncode == 2 and "holds requests of second too" in fewer.stderr and bench.records() == []
    done = bench.run("--tasks", f"{bench.task},{second}", "--batch")
    assert done.returncode == 0 and len(provider.creates) == 1
    assert [entry["counts"]["scored"] for entry in json.loads(done.stdout)["results"]] == [COUNT, COUNT]


def test_a_prompt_that_openai_blocks_is_a_refusal(tmp_path):
    with serving(Provider("openai", fail={"3": (400, {"message": "blocked", "code": "content_filter"})})) as provider:
        done = Bench(tmp_path, provider).run("--batch")
    assert done.returncode == 0 and result(done)["counts"]["refused"] == 1


def test_openais_calls_are_those_of_the_official_client(shared, tmp_path):
    upload, create = (
        json.loads((shared / "api_fixtures" / f"openai_batch_{name}.json").read_text(encoding="utf-8"))["requests"][0]
        for name in ("upload", "create")
    )
    with serving(Provider("openai")) as provider:
        assert Bench(tmp_path, provider).run("--batch").returncode == 0
    kind, body = provider.uploads[0]
    assert kind.startswith("multipart/form-data; boundary=") and upload["headers"]["Content-Type"].startswith(
        "multipart/"
    )
    captured = upload["body"]["_raw_head"]
    head = captured[: captured.index('{"custom_id"')]
    theirs = head.replace(head.split("\r\n")[0], "--B").replace("b.jsonl", "F")
    ours = body[: body.index(b'{"custom_id"')].decode()
    assert ours.replace(ours.split("\r\n")[0], "--B").replace(f"{provider.creates[0]['metadata']['audiobench']}.jsonl", "F") == theirs  # fmt: skip
    line = json.loads(body[body.index(b'{"custom_id"') :].splitlines()[0])
    assert set(line) == {"custom_id", "method", "url", "body"}
    wanted = dict(provider.creates[0])
    assert wanted.pop("metadata") and wanted.pop("input_file_id")
    assert wanted == {k: v for k, v in create["body"].items() if k != "input_file_id"}


def test_geminis_job_is_that_of_the_official_client(tmp_path):
    """As google-genai 3.4.0 sends `batches.create(model=..., src=FILE, config={"display_name": ...})`."""
    with serving(Provider("gemini")) as provider:
        bench = Bench(tmp_path, provider)
        assert bench.run("--batch").returncode == 0
    (job,) = provider.jobs.values()
    (sent,) = provider.creates
    assert sent == {"batch": {"displayName": job.token, "inputConfig": {"fileName": "files/in-0"}}}
    first = json.loads(provider.files["files/in-0"].splitlines()[0])
    assert set(first) == {"key", "request"} and first["key"].startswith("0-")


def test_a_clip_for_the_files_api_is_not_put_into_a_job(tmp_path):
    with serving(Provider("gemini")) as provider:
        bench = Bench(tmp_path, provider)
        spec = json.loads(bench.model.read_text()) | {"options": {"inline_bytes": 1000}}
        bench.model.write_text(json.dumps(spec))
        done = bench.run("--batch")
    assert done.returncode == 4 and provider.creates == []
    assert "too large for a batch job, ask it live" in bench.records()[0]["error"]["message"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--model", "gpt-audio-1.5"), "does not offer its audio chat models"),
        (("--model", "voxtral"), "only OpenAI (dialect openai) and Gemini"),
        (("--model", "gpt-realtime-2.1"), "adapter realtime"),
        (("--model", "gemini-3.1-pro-preview-vertex"), "not Vertex AI"),
        (("--model", "gpt-6-luna", "--audio", "none", "--max-cost", "1"), "--max-cost cannot stop"),
    ],
)
def test_what_has_no_batch_jobs_is_refused_with_the_reason(arguments, reason, tmp_path, capsys):
    task = make_task(tmp_path / "toy", 1)
    assert cli.main(["run", "--tasks", str(task), "--batch", *arguments]) == 2
    assert reason in capsys.readouterr().err


def test_the_estimate_is_half(tmp_path):
    with serving(Provider("openai")) as provider:
        bench = Bench(tmp_path, provider)
        full, half = (
            json.loads(bench.run("--dry-run", "--audio", "none", *more).stdout) for more in ((), ("--batch",))
        )
    assert half["estimate"][0]["dollars"] == pytest.approx(full["estimate"][0]["dollars"] / 2)


def test_every_batch_price_is_declared_for_models_that_have_one():
    for name in ("gemini-3.8-flash", "gemini-2.5-flash-lite", "gpt-6-luna", "gpt-5.4-mini"):
        price = find_model(name).price_on(date(2026, 11, 23))
        assert price is not None and price.batch_factor == 0.5, name
