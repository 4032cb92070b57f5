"""Answers that are remembered between commands: they save the reading, and can change nothing."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiobench.core import remembered
from audiobench.core.types import Answer, Sample
from audiobench.results import answers
from audiobench.results.answers import Answers, answers_of, key_of, read
from audiobench.results.runs import TaskRun
from audiobench.results.summary import summarise
from tests.core.test_large_runs import lines
from tests.core.test_results import record, run

SAMPLE = Sample("1", "Which animal?", choices=("a dog", "a cat"), target="a dog")
RULES = ("multiple_choice",)
WRONG = Answer("B", "letter", 1)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUDIOBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(answers, "WORTH_KEEPING", 1)
    return tmp_path / "cache" / "answers"


@pytest.fixture
def task_run(tmp_path: Path) -> TaskRun:
    return run(tmp_path, lines(), epochs=3)


def file_in(cache: Path) -> Path:
    (file,) = cache.iterdir()
    return file


def no_reading(*_: object, **__: object) -> Answer:
    raise AssertionError("read again")


def test_a_summary_from_remembered_answers_equals_one_read_anew(task_run: TaskRun, cache: Path, monkeypatch) -> None:
    anew = summarise(replace(task_run, anew=True))
    assert not cache.exists(), "who reads anew keeps nothing"
    assert summarise(task_run) == anew
    assert file_in(cache)
    monkeypatch.setattr(answers, "extract", no_reading)
    assert summarise(task_run) == anew
    assert [s.outcome for s in task_run.scored()]


def test_who_wants_answers_read_anew_gets_nothing_remembered(task_run: TaskRun, monkeypatch) -> None:
    anew = summarise(task_run)
    with monkeypatch.context() as wrong:
        wrong.setattr(answers, "extract", lambda *_, **__: WRONG)
        wrong.setattr(answers, "_opened", lambda _: None)
        assert summarise(task_run) != anew
    assert summarise(task_run) != anew, "the wrong answers are remembered"
    assert summarise(replace(task_run, anew=True)) == anew


def test_answers_of_other_code_are_not_taken(task_run: TaskRun, cache: Path, monkeypatch) -> None:
    anew = summarise(task_run)
    with monkeypatch.context() as older:
        older.setattr(answers, "extract", lambda *_, **__: WRONG)
        older.setattr(answers, "code_sha256", lambda: "of another day")
        file_in(cache).unlink()
        assert summarise(task_run) != anew
    assert summarise(task_run) == anew
    assert summarise(task_run) == anew


def test_without_source_nothing_is_remembered(task_run: TaskRun, cache: Path, monkeypatch) -> None:
    monkeypatch.setattr(answers, "code_sha256", lambda: "")
    summarise(task_run)
    assert not cache.exists()


def test_the_code_that_counts_is_all_that_reading_imports(monkeypatch) -> None:
    code = (
        "import sys, audiobench.extraction\n"
        "print(*(m.__file__ for n, m in sys.modules.items() if n.startswith('audiobench.') and m.__file__))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = {Path(file) for file in done.stdout.split()}
    seen: list[Path] = []
    read_bytes = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda file: seen.append(file) or read_bytes(file))
    answers.code_sha256.__wrapped__()
    assert {file for file in imported if file.name != "__init__.py" or file.parent.name == "extraction"} == {*seen}


@pytest.mark.parametrize("place", [0, 15, 16, 40, -40, -1])
def test_a_damaged_file_is_read_anew(task_run: TaskRun, cache: Path, place: int) -> None:
    anew = summarise(task_run)
    whole = file_in(cache).read_bytes()
    bad = bytearray(whole)
    bad[place] ^= 1
    for content in (bytes(bad), whole[:-1], whole[:20], b"", b"\x00" * 64):
        file_in(cache).write_bytes(content)
        assert summarise(task_run) == anew


@pytest.mark.parametrize(
    "change", [{"which": b"\xff" * 16}, {"which": b"\x00" * 5}, {"answers": []}, {"keys": b"\x00" * 17}]
)
def test_a_file_whose_parts_do_not_fit_each_other_is_read_anew(task_run: TaskRun, cache: Path, change) -> None:
    anew = summarise(task_run)
    kept = answers._opened(file_in(cache))
    assert kept
    content = msgspec.msgpack.encode(msgspec.structs.replace(kept, **change))
    file_in(cache).write_bytes(remembered.digest(content) + content)
    assert summarise(task_run) == anew


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda place: os.symlink("/dev/zero", place)])
def test_what_is_no_plain_file_is_not_read(task_run: TaskRun, cache: Path, make) -> None:
    anew = summarise(task_run)
    place = file_in(cache)
    place.unlink()
    make(place)
    assert summarise(task_run) == anew


def test_a_file_that_others_can_write_is_not_read(task_run: TaskRun, cache: Path, monkeypatch) -> None:
    anew = summarise(task_run)
    assert stat.S_IMODE(file_in(cache).stat().st_mode) == 0o600
    with monkeypatch.context() as forged:
        forged.setattr(answers, "extract", lambda *_, **__: WRONG)
        forged.setattr(answers, "_opened", lambda _: None)
        assert summarise(task_run) != anew
    file_in(cache).chmod(0o620)
    assert summarise(task_run) == anew


def test_a_file_of_another_user_is_not_read(task_run: TaskRun, cache: Path, monkeypatch) -> None:
    summarise(task_run)
    me = os.geteuid()
    assert answers._opened(file_in(cache))
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    assert answers._opened(file_in(cache)) is None


@pytest.mark.parametrize("blocked", ["cache", "answers"])
def test_a_cache_that_cannot_be_written_hinders_nothing(tmp_path: Path, task_run: TaskRun, blocked: str) -> None:
    anew = summarise(replace(task_run, anew=True))
    folder = tmp_path / "cache"
    if blocked == "answers":
        folder.mkdir()
        folder /= "answers"
    folder.write_text("a file")
    assert summarise(task_run) == anew


def test_a_run_that_goes_on_adds_to_what_is_remembered(tmp_path: Path, monkeypatch) -> None:
    summarise(run(tmp_path, [record(str(n)) for n in range(5)]))
    seen: list[str] = []
    monkeypatch.setattr(answers, "extract", lambda text, *_, **__: seen.append(text) or WRONG)
    more = [*(record(str(n)) for n in range(5)), record("5", "cat"), record("6", "a cat")]
    summarise(run(tmp_path, more))
    assert seen == ["cat", "a cat"]
    summarise(run(tmp_path, more))
    assert seen == ["cat", "a cat"]


def test_the_oldest_files_make_room(cache: Path, tmp_path: Path, monkeypatch) -> None:
    def keep(name: str, text: str) -> None:
        held = answers_of(tmp_path / name)
        held.read(text, RULES, SAMPLE)
        held.keep()

    for number in range(3):
        keep(f"journal{number}", "B")
        os.utime(max(cache.iterdir(), key=lambda file: file.stat().st_mtime_ns), (number, number))
    size = max(file.stat().st_size for file in cache.iterdir())
    monkeypatch.setattr(remembered, "MOST_BYTES", 2 * size + 10)
    keep("journal3", "A")
    left = sorted(file.stat().st_mtime for file in cache.iterdir())
    assert len(left) == 2
    assert left[0] == 2


def test_long_answers_are_not_kept(tmp_path: Path, monkeypatch) -> None:
    held = Answers(tmp_path / "kept")
    text = "word " * 50
    for _ in range(2):
        assert held.read(text, ("full_text",), SAMPLE) == read(text, ("full_text",), SAMPLE)
    held.keep()
    assert not (tmp_path / "kept").exists()


_texts = st.text("ab,'\"[]\\ \n", max_size=4)
_choices = st.lists(st.none() | _texts, max_size=3).map(tuple)
_inputs = st.builds(
    lambda text, rules, question, choices: (text, rules, Sample("x", question, choices=choices)),
    _texts,
    st.lists(st.sampled_from(["number", "yes_no", "boxed"]), max_size=2).map(tuple),
    _texts,
    _choices,
)


@given(_inputs, _inputs)
@settings(max_examples=500)
def test_whatever_could_change_an_answer_changes_its_key(one, other) -> None:
    def read_of(inputs: tuple[str, tuple[str, ...], Sample]) -> tuple[object, ...]:
        text, rules, sample = inputs
        return text, rules, sample.question, sample.choices

    assert (key_of(*one) == key_of(*other)) == (read_of(one) == read_of(other))


@given(_texts, st.lists(_texts, min_size=1, max_size=3), _texts)
@settings(max_examples=100)
def test_a_remembered_answer_is_the_one_that_was_read(text: str, choices: list[str], question: str) -> None:
    held, sample = Answers(None), Sample("x", question, choices=tuple(choices))
    assert held.read(text, RULES, sample) == held.read(text, RULES, sample) == read(text, RULES, sample)


def test_half_a_character_is_read_without_being_remembered() -> None:
    assert Answers(None).read("B \ud800", RULES, SAMPLE) == read("B \ud800", RULES, SAMPLE)
