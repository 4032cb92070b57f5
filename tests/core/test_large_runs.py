"""What keeps the reading of a large run fast and small changes no figure."""

from __future__ import annotations

import threading
import tracemalloc
from pathlib import Path

import pytest

from audiobench.results import answers, on_all_cores, runs, summary
from audiobench.results.summary import summarise, summarise_condition
from tests.core.test_results import error, record, run


def lines() -> list[dict]:
    """Thirty samples, three epochs: shared clips, failures, lines that a later one replaces or takes back."""
    found = []
    for number in range(30):
        for epoch in range(3):
            sample, text = str(number), ("dog", "cat", "B", "no idea")[(number + epoch) % 4]
            more = {"cluster": f"clip{number // 3}", "kind": "xy"[number % 2]}
            if epoch == 1 and number % 7 == 0:
                found.append(record(sample, epoch=epoch, error=error("error"), **more))
            if number % 5 == 0:
                found.append(record(sample, "cat", epoch, **more))
            if number % 11 == 0:
                found.append(record(sample, "cat", epoch, stale=True, **more))
            if (number, epoch) != (29, 2):
                found.append(record(sample, text, epoch, **more))
    return found


@pytest.mark.parametrize("scorer", ["option_match", "mmau_string_match", "mmsu_letter_v1", "wer"])
def test_a_summary_keeps_of_each_response_all_that_it_reads(tmp_path: Path, scorer: str) -> None:
    more = {} if scorer != "wer" else {"extraction": ["full_text"]}
    task_run = run(tmp_path, lines(), epochs=3, scorer=scorer, **more)
    (condition,) = task_run.conditions
    assert summarise(task_run) == [summarise_condition(task_run, condition, list(task_run.scored()))]


def shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of seven lines, of which two processes do all but the first."""
    monkeypatch.setattr(on_all_cores, "CHUNK", 7)
    monkeypatch.setattr(on_all_cores, "LONG", 0.0)
    monkeypatch.setattr(on_all_cores, "workers", lambda: 2)
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    monkeypatch.setattr(runs, "WHOLE_RECORD", 0.0)
    monkeypatch.setattr(summary, "CONDENSED", 0.0)


def test_several_processes_find_what_one_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIOBENCH_CACHE", str(tmp_path / "cache"))
    task_run = run(tmp_path, lines(), epochs=3)
    alone, summarised = list(task_run.scored()), summarise(task_run)
    shared_out(monkeypatch)
    asked, each = [], on_all_cores.each
    monkeypatch.setattr(on_all_cores, "each", lambda work, parts: asked.append(len(parts)) or each(work, parts))
    assert list(task_run.scored()) == alone
    assert summarise(task_run) == summarised
    assert len(alone) == 89
    assert asked == [12, 12]


def test_what_other_processes_have_read_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIOBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(answers, "WORTH_KEEPING", 1)
    task_run = run(tmp_path, lines(), epochs=3)
    shared_out(monkeypatch)
    summarised = summarise(task_run)
    monkeypatch.setattr(answers, "extract", None)
    assert summarise(task_run) == summarised


def test_counts_that_are_no_whole_numbers_add_up_the_same_however_they_are_shared_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [0.1 * number for number in range(40)]
    usage = [{"audio_seconds": value, "completion": 2} for value in seconds]
    task_run = run(tmp_path, [record(str(n), response={"usage": found}) for n, found in enumerate(usage)])
    (alone,) = summarise(task_run)
    shared_out(monkeypatch)
    (shared,) = summarise(task_run)
    assert alone.usage == shared.usage == {"audio_seconds": sum(seconds), "completion": 80, "responses": 40}
    assert list(alone.usage) == list(shared.usage)


def test_a_scorer_from_a_file_stays_in_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "scorer.py"
    own.write_text(
        "from audiobench.scorers import Mean\n"
        "class Own:\n"
        "    metric = Mean('mine')\n"
        "    def score(self, answer, sample, text):\n"
        "        return 1.0, {}\n"
    )
    task_run = run(tmp_path, lines(), scorer=f"{own}:Own")
    shared_out(monkeypatch)
    monkeypatch.setattr(on_all_cores, "each", None)
    assert len(summarise(task_run)) == 1


def test_little_work_stays_in_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_all_cores, "workers", lambda: 2)
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    assert on_all_cores.pays(0.001, 30e-6, 20_000)
    assert not on_all_cores.pays(0.001, 30e-6, 100), "done before the others are at it"
    assert not on_all_cores.pays(50e-6, 30e-6, 1_000_000), "hardly longer than to hand it over"


def test_a_process_with_threads_is_not_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_all_cores, "workers", lambda: 2)
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert not on_all_cores.pays(0.001, 30e-6, 20_000)
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize(("scorer", "a_response"), [("option_match", 300), ("mmau_string_match", 1000)])
def test_a_summary_takes_memory_for_samples_and_little_for_responses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scorer: str, a_response: int
) -> None:
    """A million lines (100,000 samples, two conditions, four epochs, what is replaced) are to fit in 500 MB."""
    monkeypatch.setenv("AUDIOBENCH_CACHE", str(tmp_path / "cache"))
    thought, samples, epochs = {"reasoning": "word " * 60, "usage": {"completion": 90}}, 300, 8

    def peak(epochs: int) -> int:
        made = [
            record(str(n), f"Recording {n}, {epoch}: dog", epoch, response=thought, cluster=f"clip{n // 4}")
            for n in range(samples)
            for epoch in range(epochs)
        ]
        task_run = run(tmp_path, made, epochs=epochs, scorer=scorer)
        del made
        summarise(task_run)  # fills what is remembered of words and options, which has bounds of its own
        tracemalloc.start()
        summarise(task_run)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    few, many = peak(1), peak(epochs)
    assert (many - few) / (samples * (epochs - 1)) < a_response
    assert few / samples < 2500
