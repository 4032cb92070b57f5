"""A new checkpoint under an old name does not continue, or repeat, the old one's run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audiobench.core import event_loop


def lines(file: Path) -> list[Any]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def arguments(task: Path, url: str, *more: str) -> list[str | Path]:
    return ["run", "--model", "openai_chat:mock", "--tasks", task, "--base-url", url, "--out", "out", *more]


CARDS = [
    ({"root": "/models/step-100"}, {"root": "/models/step-200"}, "root is /models/step-200, and was /models/step-100"),
    ({"created": 1700000000}, {"created": 1700009999}, "created is 1700009999, and was 1700000000"),
    ({"revision": "abc"}, {"revision": "def"}, "revision is def, and was abc"),
]


@pytest.mark.parametrize(("old", "new", "says"), CARDS)
@pytest.mark.parametrize("begun", [3, 6], ids=["continued", "repeated"])
def test_a_server_that_says_it_is_another_is_refused(
    old: Any,
    new: Any,
    says: str,
    begun: int,
    toy: Callable[[int], Path],
    server: Callable[..., str],
    cli: Any,
    tmp_path: Path,
) -> None:
    task, log = toy(6), tmp_path / "log.jsonl"
    first = server(card=json.dumps(old))
    assert cli(*arguments(task, first, "--ids", ",".join(f"s{n}" for n in range(begun)))).returncode == 0
    journal = (tmp_path / "out" / "toy" / "samples.jsonl").read_bytes()
    changed = server(card=json.dumps(new), log=log)
    refused = cli(*arguments(task, changed))
    assert refused.returncode == 2 and says in refused.stderr and "--fresh" in refused.stderr, refused.stderr
    assert (tmp_path / "out" / "toy" / "samples.jsonl").read_bytes() == journal
    assert [line["item"] for line in lines(log)] == ["models"], "nothing that costs anything is asked"
    assert cli(*arguments(task, first)).returncode == 0
    assert cli(*arguments(task, changed, "--allow-other-model")).returncode == 0
    fresh = cli(*arguments(task, changed, "--fresh"))
    assert fresh.returncode == 0, fresh.stderr
    assert (tmp_path / "out.earlier-1" / "toy" / "samples.jsonl").read_bytes().startswith(journal)
    assert len(lines(tmp_path / "out" / "toy" / "samples.jsonl")) == 6
    assert cli(*arguments(task, changed)).returncode == 0


def test_another_system_fingerprint_is_refused_and_its_answer_not_kept(
    toy: Callable[[int], Path], server: Callable[..., str], cli: Any, tmp_path: Path
) -> None:
    task = toy(6)
    old, new = (server(answer=json.dumps({"system_fingerprint": name})) for name in ("fp_old", "fp_new"))
    assert cli(*arguments(task, old, "--ids", "s0,s1")).returncode == 0
    refused = cli(*arguments(task, new))
    assert refused.returncode == 4 and "system_fingerprint is fp_new, and was fp_old" in refused.stderr, refused.stderr
    assert len(lines(tmp_path / "out" / "toy" / "samples.jsonl")) == 2
    assert cli(*arguments(task, old)).returncode == 0
    assert json.loads((tmp_path / "out" / "run.json").read_text())["server"] == {"system_fingerprint": ["fp_old"]}


def test_a_list_of_models_made_at_each_request_says_nothing_by_its_date(
    toy: Callable[[int], Path], server: Callable[..., str], cli: Any, tmp_path: Path
) -> None:
    task, url = toy(2), server(card="{}")
    for _ in range(2):
        done = cli(*arguments(task, url))
        assert done.returncode == 0, done.stderr
    assert "all responses are from earlier starts, given " in done.stderr
    assert "server" not in json.loads((tmp_path / "out" / "run.json").read_text())


def test_a_finished_run_repeats_where_its_server_is_gone_and_says_from_when_it_is(
    toy: Callable[[int], Path], server: Callable[..., str], cli: Any, tmp_path: Path
) -> None:
    task = toy(2)
    assert cli(*arguments(task, server(card=json.dumps({"root": "a"})))).returncode == 0
    again = cli(*arguments(task, "http://127.0.0.1:9/v1"))
    assert again.returncode == 0 and "all responses are from earlier starts" in again.stderr


def test_a_named_run_lies_beside_the_other(
    toy: Callable[[int], Path], server: Callable[..., str], cli: Any, tmp_path: Path
) -> None:
    command = [word for word in arguments(toy(2), server()) if word not in ("--out", "out")]
    for more in ([], ["--name", "second"]):
        assert cli(*command, *more).returncode == 0
    first, second = sorted((tmp_path / "results" / "mock").iterdir())
    assert second.name == f"{first.name}_second"
    assert cli(*command, "--name", "../x").returncode == 2


def test_a_run_works_where_an_event_loop_runs_already(
    toy: Callable[[int], Path], server: Callable[..., str], tmp_path: Path
) -> None:
    from audiobench.cli import main

    command = [str(word) for word in arguments(toy(2), server(), "--quiet")]
    command[command.index("out")] = str(tmp_path / "out")

    async def notebook() -> int:
        return main(command)

    assert event_loop.run(notebook()) == 0
    assert len(lines(tmp_path / "out" / "toy" / "samples.jsonl")) == 2
