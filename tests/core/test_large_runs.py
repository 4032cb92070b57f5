"""What keeps the reading of a large run fast and small changes no figure."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from audiobench.results import on_all_cores
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


def test_several_processes_find_what_one_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task_run = run(tmp_path, lines(), epochs=3)
    alone = list(task_run.scored())
    monkeypatch.setattr(on_all_cores, "MANY", 1)
    monkeypatch.setattr(on_all_cores, "CHUNK", 7)
    monkeypatch.setattr(on_all_cores, "workers", lambda: 2)
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    assert on_all_cores.pays(len(alone), task_run.task)
    assert list(task_run.scored()) == alone
    assert len(alone) == 89


def test_a_scorer_from_a_file_stays_in_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task_run = run(tmp_path, lines())
    task = task_run.task.model_copy(update={"scorer": "scorer.py:Own"})
    monkeypatch.setattr(on_all_cores, "workers", lambda: 2)
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    assert on_all_cores.pays(on_all_cores.MANY, task_run.task)
    assert not on_all_cores.pays(on_all_cores.MANY, task)


def test_a_process_with_threads_is_not_forked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task_run = run(tmp_path, lines())
    monkeypatch.setattr(on_all_cores, "workers", lambda: 2)
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert not on_all_cores.pays(on_all_cores.MANY, task_run.task)
    finally:
        done.set()
        thread.join()
