"""What a run does with clips: replaced ones are heard again, the same sound under two names is one, links are followed on
request only.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from audiobench.cli import main
from audiobench.files import records
from audiobench.files.records import Record
from tests.run.conftest import make_task, wav


def run(task: Path, *words: str, model: str = "oracle") -> int:
    return main(["run", "--model", model, "--tasks", str(task), "--out", str(task.parent / "run"), *words])


def journal(task: Path) -> list[Record]:
    return list(records.read(task.parent / "run" / "toy" / records.FILE))


def test_a_clip_replaced_with_the_same_size_and_time_is_asked_again(tmp_path: Path):
    task = make_task(tmp_path / "toy", 3)
    clips = [task.parent / "audio" / f"{i}.wav" for i in range(3)]
    for clip in clips:
        os.utime(clip, ns=(0, 0))
    assert run(task) == 0
    one, other = clips[0].read_bytes(), clips[1].read_bytes()
    clips[0].write_bytes(other), clips[1].write_bytes(one)
    for clip in clips[:2]:
        os.utime(clip, ns=(0, 0))
    assert run(task) == 0
    after = {line.id: line.audio[0].sha256 for line in journal(task) if line.response is not None}
    assert (len(journal(task)), len(after)) == (3 + 2 + 2, 3), "two answers are retired, two asked for"
    os.utime(clips[2], ns=(0, 1))
    assert run(task) == 0
    assert len(journal(task)) == 7, "only touched: its bytes are what they were"


def test_swap_never_plays_the_same_bytes_under_another_name(tmp_path: Path):
    task = make_task(tmp_path / "toy", 12)
    for i in range(12):
        (task.parent / "audio" / f"{i}.wav").write_bytes(wav(seed=i % 3))
    assert run(task, "--audio", "full,swap") == 0
    heard = {(line.id, line.condition.audio): line.audio[0].sha256 for line in journal(task)}
    assert all(heard[f"s{i}", "full"] != heard[f"s{i}", "swap"] for i in range(12))
    shown = {line.sample.cluster for line in journal(task) if line.sample}
    assert len(shown) == 3, "the interval counts three clips"


def test_links_out_of_the_data_are_followed_on_request_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    task = make_task(tmp_path / "toy", 4)
    (task.parent / "audio").rename(tmp_path / "elsewhere")
    (task.parent / "audio").symlink_to(tmp_path / "elsewhere")
    assert run(task) == 2
    assert "leads outside" in (said := capsys.readouterr().err) and "--allow-links follows it" in said
    assert run(task, "--allow-links") == 0
    assert len(journal(task)) == 4
    rows = (task.parent / "items.jsonl").read_text().replace("audio/0.wav", "../elsewhere/0.wav")
    (task.parent / "items.jsonl").write_text(rows)
    assert run(task, "--allow-links") == 2, "a path is no link"
    assert "leads outside" in capsys.readouterr().err


def test_too_few_file_handles_end_the_run_and_say_nothing_of_the_clips(tmp_path: Path, monkeypatch, capsys):
    task = make_task(tmp_path / "toy", 3)
    really = os.open

    def short(path: os.PathLike[str], *more: int) -> int:
        if str(path).endswith(".wav"):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return really(path, *more)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", short)
        assert run(task) == 4
    assert "raise `ulimit -n`" in capsys.readouterr().err
    assert not journal(task)
    assert run(task) == 0


def test_what_was_done_to_a_clip_stands_in_its_line(tmp_path: Path):
    task = make_task(tmp_path / "toy", 2)
    streamed = bytearray(wav(seed=0))
    streamed[40:44] = b"\x00\xf0\xff\x7f"
    (task.parent / "audio" / "0.wav").write_bytes(streamed)
    (task.parent / "audio" / "1.wav").write_bytes(wav(seed=1)[:-200])
    assert run(task) == 4
    first, second = sorted(journal(task), key=lambda line: line.id)
    assert first.audio[0].seconds == 0.1
    assert first.audio[0].changed[0] == "its header does not say how long it is"
    assert second.error is not None and second.error.kind == "invalid_audio"


def test_the_chunks_of_all_clips_are_what_a_request_may_hold(tmp_path: Path):
    task = make_task(tmp_path / "toy", 2)
    task.write_text(
        task.read_text().replace('doc_to_audio: "{{audio}}"', "doc_to_audio: \"{{[audio] if id == 's0' else [audio, audio]}}\"")
    )  # fmt: skip
    model = tmp_path / "model.yaml"
    limits = "audio: {max_clips: 3, chunk_seconds: 0.06}"
    model.write_text(f"name: m\nadapter: scripted\nserved_model: m\n{limits}\n")
    assert run(task, model=str(model)) == 4
    one, two = sorted(journal(task), key=lambda line: line.id)
    assert one.response is not None and two.error is not None and two.error.kind == "invalid_audio"
    assert "4 parts of sound in the request; model m takes 3" in two.error.message
