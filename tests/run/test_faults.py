"""Whatever is wrong: one clear line, the documented exit code, and nothing lost."""

from __future__ import annotations

import json
import resource
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.run.conftest import clean_environment, command, make_task, wav

SENTINEL = "sk-sentinel-0123456789abcdef"


def one_line(errors: str) -> str:
    """The error line; there must be no traceback."""
    assert "Traceback" not in errors, errors
    (line,) = [line for line in errors.splitlines() if line.startswith("audiobench: ")]
    return line


def run(cli: Any, task: Path, url: str, out: Path, *more: str, **environment: str) -> Any:
    return cli(
        "run", "--model", "openai_chat:mock", "--tasks", task, "--base-url", url, "--out", out, "--quiet",
        "--attempts", "3", *more, **environment,
    )  # fmt: skip


def summary(out: Path) -> Any:
    (entry,) = json.loads((out / "toy" / "summary.json").read_text())
    return entry


def test_a_wrong_key_stops_the_run_and_no_key_is_ever_written(
    toy: Callable[[int], Path], server: Callable[..., str], cli: Any, tmp_path: Path
) -> None:
    task, out = toy(30), tmp_path / "out"
    model = tmp_path / "keyed.yaml"
    model.write_text("name: keyed\nadapter: openai_chat\nserved_model: mock\ndialect: vllm\napi_key_env: [TOY_KEY]\n")
    url = server(key="right-" + SENTINEL)
    arguments = ("run", "--model", model, "--tasks", task, "--base-url", url, "--out", out)
    wrong = cli(*arguments, TOY_KEY=SENTINEL)
    assert wrong.returncode == 2
    assert "401" in one_line(wrong.stderr)
    missing = cli(*arguments)
    assert missing.returncode == 2 and "TOY_KEY" in one_line(missing.stderr)
    right = cli(*arguments, TOY_KEY="right-" + SENTINEL)
    assert right.returncode == 0
    printed = wrong.stdout + wrong.stderr + missing.stderr + right.stdout + right.stderr
    files = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert SENTINEL not in printed and SENTINEL.encode() not in files


def test_a_full_disk_keeps_what_was_written(
    toy: Callable[[int], Path], server: Callable[..., str], cli: Any, tmp_path: Path
) -> None:
    task, out = toy(40), tmp_path / "out"
    url = server()
    arguments = ["run", "--model", "openai_chat:mock", "--tasks", task, "--base-url", url, "--out", out, "--quiet"]

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    full = subprocess.run(
        command(*arguments),
        env=clean_environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        preexec_fn=small_files,
    )
    assert full.returncode == 4
    assert "samples.jsonl" in one_line(full.stderr) and "bytes" in full.stderr
    journal = out / "toy" / "samples.jsonl"
    kept = [json.loads(line) for line in journal.read_text().splitlines()]
    assert 0 < len(kept) < 40
    assert cli(*arguments).returncode == 0
    assert [json.loads(line) for line in journal.read_text().splitlines()][: len(kept)] == kept


def float_wav(values: list[float]) -> bytes:
    data = struct.pack(f"<{len(values)}f", *values)
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 3, 1, 16000, 64000, 4, 32, b"data", len(data))  # fmt: skip
    return head + data


BROKEN = {
    "missing file": None,
    "empty file": b"",
    "no samples": wav(0),
    "random bytes": bytes(range(256)) * 8,
    "cut in the middle": wav(16000)[:5000],
    "not a number": float_wav([0.1, float("nan"), 0.2] * 100),
    "a page": b"<!DOCTYPE html><html>not found</html>",
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_audio_is_never_sent(
    what: str, toy: Callable[[int], Path], server: Callable[..., str], cli: Any, tmp_path: Path
) -> None:
    task, out, log = toy(4), tmp_path / "out", tmp_path / "log.jsonl"
    clip, content = task.parent / "audio" / "2.wav", BROKEN[what]
    clip.unlink() if content is None else clip.write_bytes(content)
    result = run(cli, task, server(log=log), out)
    assert result.returncode in (2, 4), result.stderr
    assert "Traceback" not in result.stderr
    asked = [json.loads(line)["item"] for line in log.read_text().splitlines()] if log.exists() else []
    assert "2" not in asked
    if result.returncode == 4:
        assert sorted(asked) == ["0", "1", "3"]
        assert summary(out)["counts"]["invalid_audio"] == 1


def test_a_three_hour_flac_bomb_is_refused_before_it_is_decoded(
    toy: Callable[[int], Path], server: Callable[..., str], cli: Any, tmp_path: Path
) -> None:
    import numpy as np
    import soundfile

    task, out = toy(2), tmp_path / "out"
    clip = task.parent / "audio" / "1.wav"
    with soundfile.SoundFile(clip, "w", 48000, 2, format="FLAC", subtype="PCM_16") as file:
        for _ in range(3 * 60):
            file.write(np.zeros((60 * 48000, 2), np.int16))
    result = run(cli, task, server(), out)
    assert result.returncode == 4
    (bad,) = [r for r in map(json.loads, (out / "toy" / "samples.jsonl").read_text().splitlines()) if "error" in r]
    assert bad["error"]["kind"] == "invalid_audio" and "s" in bad["error"]["message"]


def test_a_misnamed_file_is_known_by_its_bytes(
    toy: Callable[[int], Path], server: Callable[..., str], cli: Any, tmp_path: Path
) -> None:
    import numpy as np
    import soundfile

    task, out = toy(2), tmp_path / "out"
    tone = 0.3 * np.sin(np.arange(16000) * 0.1)
    soundfile.write(task.parent / "audio" / "1.wav", tone, 16000, format="FLAC")
    assert run(cli, task, server(), out).returncode == 0
    changed = [
        c["changed"]
        for r in map(json.loads, (out / "toy" / "samples.jsonl").read_text().splitlines())
        for c in r["audio"]
    ]
    assert [] in changed and any("flac" in " ".join(words) for words in changed)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("task: x\ndataset_path: !!python/object/apply:os.system [id]\n", "python/object"),
        ("task: x\ntask: y\n", "given twice"),
        (
            "task: x\ndataset_path: d.jsonl\nprompt: [{text: a}]\ndoc_to_audio: a\ndoc_to_target: b\nscorrer: acc\n",
            "did you mean `scorer`",
        ),
    ],
)
def test_a_hostile_or_mistyped_task_file(text: str, says: str, cli: Any, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    for arguments in (("tasks", "check", file), ("run", "--model", "random", "--tasks", file)):
        result = cli(*arguments)
        assert result.returncode == 2
        assert "Traceback" not in result.stderr
        assert f"{file}:" in result.stderr and says in result.stderr


def test_a_path_that_leaves_the_data_root(
    toy: Callable[[int], Path], server: Callable[..., str], cli: Any, tmp_path: Path
) -> None:
    task, out = toy(3), tmp_path / "out"
    items = task.parent / "items.jsonl"
    (tmp_path / "secret.wav").write_bytes(wav())
    items.write_text(items.read_text().replace("audio/1.wav", "../secret.wav"))
    log = tmp_path / "log.jsonl"
    result = run(cli, task, server(log=log), out)
    assert result.returncode == 2
    assert "../secret.wav" in one_line(result.stderr)
    assert log.read_text() == ""


def test_a_server_that_is_not_there(toy: Callable[[int], Path], cli: Any, tmp_path: Path) -> None:
    result = run(cli, toy(30), "http://127.0.0.1:9/v1", tmp_path / "out")
    assert result.returncode == 4
    assert "requests all failed" in one_line(result.stderr)


def test_a_request_the_server_refuses_is_that_samples_error_only(
    toy: Callable[[int], Path], server: Callable[..., str], cli: Any, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = run(cli, toy(40), server(faults="400:0.2"), out)
    assert result.returncode == 4
    counts = summary(out)["counts"]
    assert 0 < counts["error"] < 30 and counts["error"] + counts["scored"] == 40


def test_what_a_model_cannot_do_is_refused_before_the_first_request(cli: Any, tmp_path: Path) -> None:
    task = make_task(tmp_path / "toy", 2)
    for more in (
        ("--think", "on"),
        ("--think", "sideways"),
        ("--audio", "loud"),
        ("--prompt", "nope"),
        ("--limit", "0"),
    ):
        result = cli(
            "run", "--model", "openai_chat:mock", "--tasks", task, "--base-url", "http://127.0.0.1:9/v1", *more
        )
        assert result.returncode == 2
        assert more[1] in one_line(result.stderr)


def test_a_server_that_refuses_everything_as_too_fast_ends_the_run(
    toy: Callable[[int], Path], server: Callable[..., str], cli: Any, tmp_path: Path
) -> None:
    out, log = tmp_path / "out", tmp_path / "log.jsonl"
    result = run(cli, toy(30), server(faults="429:1.0", log=log), out, "--attempts", "2", "--max-concurrency", "2")
    assert result.returncode == 4
    assert "refuses every request as too fast" in one_line(result.stderr) and "slow down" in result.stderr
    assert len(log.read_text().splitlines()) <= 16, "ten until a share of them says anything, and one after each pause"
