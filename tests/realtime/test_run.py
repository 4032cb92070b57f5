"""A speech-to-speech run from the command line to its figures, with everything on loopback."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from audiobench.cli import main
from audiobench.media.wav import pcm_wav
from tests.realtime.conftest import tone
from tests.realtime.servers import Script, loopback

TASK = """\
task: spoken
dataset_path: items.jsonl
doc_to_id: "{{id}}"
doc_to_audio: "{{audio}}"
doc_to_target: "{{answer}}"
protocol: realtime
prompt: [{name: audio_only, order: [audio]}]
extraction: [full_text]
scorer: bba_judge_aa
breakdown: [category]
"""
ANSWERS = {"q0": "7", "q1": "yes", "q2": "invalid"}


@contextmanager
def recogniser(text: str, status: int = 200, body: Any = None) -> Iterator[tuple[str, list[bytes]]]:
    """A server behind /v1/audio/transcriptions that hears the same words in everything, or gives this answer."""
    answer = json.dumps(body or {"text": text}).encode()
    got: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", got
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    for i, name in enumerate(ANSWERS):
        (tmp_path / f"{name}.wav").write_bytes(pcm_wav(tone(0.05 + 0.01 * i, 48000), 48000, 1))
    rows = [{"id": n, "audio": f"{n}.wav", "answer": a, "category": n} for n, a in ANSWERS.items()]
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "spoken.yaml").write_text(TASK)
    return tmp_path / "spoken.yaml"


def model(folder: Path, name: str, adapter: str, **fields: Any) -> Path:
    (folder / f"{name}.yaml").write_text(json.dumps({"name": name, "adapter": adapter, "served_model": name, **fields}))
    return folder / f"{name}.yaml"


def judge(folder: Path, verdicts: dict[str, str]) -> Path:
    lines = "".join(json.dumps({"id": i, "text": t}) + "\n" for i, t in verdicts.items())
    (folder / "verdicts.jsonl").write_text(lines)
    return model(folder, "judge", "scripted", text_only=True, options={"replies": str(folder / "verdicts.jsonl")})


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command line in this process."""

    def call(*arguments: Any) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(tmp_path)
        stdout, stderr = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            code = main([str(argument) for argument in arguments])
        return subprocess.CompletedProcess(arguments, code, stdout.getvalue(), stderr.getvalue())

    return call


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def entry(result: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    return json.loads(result.stdout)["results"][0]


def test_spoken_answers_are_heard_judged_and_timed(spoken, cli, tmp_path):
    speaker = model(
        tmp_path, "gpt-realtime-2.1", "realtime",
        audio={"formats": ["wav"], "sample_rate": 24000, "channels": 1}, options={"pace": "burst"},
    )  # fmt: skip
    asr = model(tmp_path, "whisper", "transcriptions", dialect="openai")
    verdicts = judge(tmp_path, {"q0": "CORRECT", "q1": "INCORRECT", "q2": "CORRECT"})
    out = tmp_path / "out"
    script = Script(delay=0.05, transcript="It is eight.")
    with loopback("openai", script) as server, recogniser("It is seven.") as (asr_url, heard):
        base = ("run", "--model", speaker, "--tasks", spoken, "--base-url", server.url, "--out", out, "--epochs", "3", "--json")  # fmt: skip
        deaf = cli(*base)
        assert deaf.returncode == 4, deaf.stderr
        assert entry(deaf)["counts"]["error"] == 9, "nothing is scored from the provider's own transcript"
        assert len(server.heard) == 9 and len(list((out / "answers").glob("*.wav"))) == 9

        listening = (*base, "--asr", asr, "--asr-base-url", asr_url)
        unjudged = cli(*listening)
        assert unjudged.returncode == 4 and len(heard) == 9
        found = entry(unjudged)["speech"]
        assert found["transcribed"] == 9 and found["by_judge"]["value"] is None
        assert found["by_rule"]["value"] == pytest.approx(1 / 3), "only q0 is 7"
        assert all(b"RIFF" in body and b"WAVE" in body for body in heard)

        judged = cli(*listening, "--judge", verdicts)
        assert judged.returncode == 0, judged.stderr
        assert len(server.heard) == 9 and len(heard) == 9, "nothing is asked or transcribed twice"

        summary = entry(judged)
        found = summary["speech"]
        assert summary["metrics"]["acc"]["value"] == pytest.approx(2 / 3)
        assert found["by_judge"]["value"] == pytest.approx(2 / 3) and found["by_rule"]["value"] == pytest.approx(1 / 3)
        assert found["agreement"] == {"n": 9, "share": pytest.approx(2 / 3)}
        assert [run["by_judge"] for run in found["runs"]] == [pytest.approx(2 / 3)] * 3
        assert found["provider_differs"] == {"n": 9, "share": 1.0}
        assert summary["condition"]["protocol"] == "realtime"
        assert summary["latency"]["first_audio"]["n"] == 9
        assert 0.05 <= summary["latency"]["first_audio"]["median"] < 0.3
        record = lines(out / "spoken" / "samples.jsonl")[0]
        assert (
            record["response"]["text"] == "It is eight." and "resampled 48000->24000" in record["audio"][0]["changed"]
        )
        assert record["response"]["raw"]["pace"] == "burst"
        (sound,) = record["response"]["parts"]
        data = (out / sound["path"]).read_bytes()
        assert (sound["kind"], sound["format"], sound["sha256"]) == ("audio", "wav", hashlib.sha256(data).hexdigest())
        assert sound["sample_rate"] == 24000 and sound["seconds"] > 0
        shown = cli(*listening[:-5], *listening[-4:], "--judge", verdicts)
        assert "by rule 33.3 % (0 unparsed), by judge 66.7 %" in shown.stdout, shown.stdout + shown.stderr
        assert "time to first audio packet: median 0." in shown.stdout

    with loopback("openai", script) as server, recogniser("Yes.") as (asr_url, heard):
        other = model(tmp_path, "other", "transcriptions", dialect="openai", options={"language": "en"})
        again = cli(*base, "--asr", other, "--asr-base-url", asr_url)
        assert len(server.heard) == 0 and len(heard) == 9, "another recogniser listens to the kept audio"
        assert again.returncode == 4, "verdicts on other words are not verdicts on these"
        assert entry(again)["speech"]["asr"] == ["other"]
        verdicts = judge(tmp_path, {"q0": "INCORRECT", "q1": "CORRECT", "q2": "INCORRECT"})
        judged = cli(*base, "--asr", other, "--asr-base-url", asr_url, "--judge", verdicts)
        assert judged.returncode == 0
        assert entry(judged)["metrics"]["acc"]["value"] == pytest.approx(1 / 3)


def test_audio_that_changed_is_not_transcribed(spoken, cli, tmp_path):
    speaker = model(tmp_path, "gpt-realtime-2.1", "realtime", options={"pace": "burst"})
    asr = model(tmp_path, "whisper", "transcriptions", dialect="openai")
    out = tmp_path / "out"
    with loopback("openai", Script()) as server, recogniser("Seven.") as (asr_url, _):
        base = ("run", "--model", speaker, "--tasks", spoken, "--base-url", server.url, "--out", out, "--json")
        cli(*base)
        victim = sorted((out / "answers").glob("*.wav"))[0]
        victim.write_bytes(pcm_wav(tone(0.01, 24000), 24000, 1))
        found = cli(*base, "--asr", asr, "--asr-base-url", asr_url)
        assert found.returncode == 4 and "sha256 differs" in found.stderr
        assert len(lines(out / "spoken" / "transcripts.jsonl")) == 2


def test_a_model_that_only_writes_is_refused(spoken, cli):
    found = cli("run", "--model", "gpt-audio-1.5", "--tasks", spoken)
    assert found.returncode == 2 and "does not answer in audio" in found.stderr
    found = cli("run", "--model", "realtime:gpt-realtime-2.1", "--tasks", spoken, "--asr", "gpt-6-luna", "--dry-run")
    assert found.returncode == 2 and "accepts text only" in found.stderr


def test_shards_are_merged_with_their_audio(spoken, cli, tmp_path):
    speaker = model(tmp_path, "gpt-realtime-2.1", "realtime", options={"pace": "burst"})
    asr = model(tmp_path, "whisper", "transcriptions", dialect="openai")
    with loopback("openai", Script()) as server, recogniser("Seven.") as (asr_url, heard):
        base = ("--model", speaker, "--tasks", spoken, "--base-url", server.url, "--json", "--asr", asr, "--asr-base-url", asr_url)  # fmt: skip
        for shard in ("1/2", "2/2"):
            cli("run", *base, "--shard", shard, "--out", tmp_path / shard[0])
        assert cli("merge", tmp_path / "1", tmp_path / "2", "--out", tmp_path / "all").returncode in (0, 4)
        assert len(list((tmp_path / "all" / "answers").glob("*.wav"))) == len(heard) == 3
    (found,) = json.loads((tmp_path / "all" / "spoken" / "summary.json").read_text(encoding="utf-8"))
    assert found["speech"]["transcribed"] == 3


def test_the_report_says_where_the_client_itself_was_late(spoken, cli, tmp_path):
    speaker = model(tmp_path, "gpt-realtime-2.1", "realtime", options={"pace": "burst"})
    with loopback("openai", Script()) as server:
        cli("run", "--model", speaker, "--tasks", spoken, "--base-url", server.url, "--out", "out")
    journal = tmp_path / "out" / "spoken" / "samples.jsonl"
    records = lines(journal)
    for record, late in zip(records, (3.0, 21.5, 54.0), strict=True):
        assert record["response"]["raw"]["late_ms"] >= 0
        record["response"]["raw"]["late_ms"] = late
    journal.write_text("".join(json.dumps(record) + "\n" for record in records))
    shown = cli("report", "out")
    assert "in 2 sessions this client was more than 20 ms late (at worst 54 ms)" in " ".join(shown.stdout.split())


def test_a_recogniser_whose_quota_is_used_up_leaves_the_run_incomplete(spoken, cli, tmp_path):
    speaker = model(tmp_path, "gpt-realtime-2.1", "realtime", options={"pace": "burst"})
    asr = model(tmp_path, "whisper", "transcriptions", dialect="openai")
    quota = {"error": {"message": "pay", "code": "insufficient_quota"}}
    with loopback("openai", Script()) as server, recogniser("", status=429, body=quota) as (asr_url, _):
        done = cli("run", "--model", speaker, "--tasks", spoken, "--base-url", server.url, "--asr", asr, "--asr-base-url", asr_url)  # fmt: skip
    assert done.returncode == 4 and "recogniser whisper: " in done.stderr and "insufficient_quota" in done.stderr
