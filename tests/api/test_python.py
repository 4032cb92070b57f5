"""The Python API: what the command line does, with functions and objects of one's own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

import audiobench as ab
from audiobench import cli
from audiobench.api.options import RunOptions
from audiobench.core.types import Sample
from tests.run.conftest import make_task


def right_half(request: ab.Request) -> str:
    """Answers A to whatever it hears."""
    return "A" if request.audio[0].data else "nothing"


async def says_a(request: ab.Request) -> ab.Response:
    """The same, without a thread, and with a thought."""
    await asyncio.sleep(0)
    return ab.Response("A", reasoning="I think so.")


class Counting:
    """An object that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def generate(self, request: ab.Request) -> str:
        self.asked += 1
        return "B"


def half(text: str, sample: Sample) -> float:
    """Half a point for any answer."""
    return 0.5 if text else 0.0


class Words(ab.Metric):
    """Words of the response."""

    name, unit, bounds = "words", "points", (0.0, 100.0)

    def score(self, answer: Any, sample: Sample, text: str) -> tuple[float, dict[str, Any]]:
        return float(len(text.split())), {}

    def counts(self, outcome: Any) -> dict[str, float]:
        return {"words": outcome.value, "n": 1.0}

    def value(self, total: Any) -> float | None:
        return total["words"] / total["n"] if total.get("n") else None


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A task of 8 items, in the working directory of a program that uses audiobench."""
    monkeypatch.chdir(tmp_path)
    return make_task(tmp_path / "toy", 8)


def test_a_run_is_the_command_lines_and_the_same_call_resumes_it(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = ab.run(model="first_choice", tasks=toy, think=["default"], out="r", quiet=True)
    assert run.complete and run.exit_code == 0 and run.model == "first_choice" and run.tasks == ["toy"]
    journal = Path("r/toy/samples.jsonl").read_bytes()
    assert cli.main(["run", "--model", "first_choice", "--tasks", str(toy), "--out", "r", "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)["results"]
    assert Path("r/toy/samples.jsonl").read_bytes() == journal
    (row,) = run.table().to_dict("records")
    assert (row["value"], row["n"], row["chance"]) == (entry["metrics"]["acc"]["value"], 8, 0.25)
    assert [row["low"], row["high"]] == entry["metrics"]["acc"]["ci"] and row["scored"] == 8
    assert ab.load("r").table().equals(run.table())
    again = ab.run(ab.RunSpec(model="first_choice", tasks=[str(toy)], out=Path("r"), quiet=True))
    assert again.table().equals(run.table())


def test_every_option_of_a_run_is_a_keyword() -> None:
    fields = {field.name for field in msgspec.structs.fields(ab.RunSpec)} - {"model", "tasks"}
    assert set(RunOptions.__annotations__) == fields


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "ab.run: model and tasks: missing"),
        ({"model": "oracle", "tasks": "toy/toy.yaml", "thinks": ["on"]}, "thinks: no such option; they are: limit, "),
        ({"model": "oracel", "tasks": "toy/toy.yaml"}, "did you mean `oracle`"),
        ({"model": "oracle", "tasks": "toy/toy.yaml", "limit": 0}, "--limit 0: must be at least 1"),
        ({"model": 3, "tasks": "toy/toy.yaml"}, "model int: must be a function, or an object with a method `generate`"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_asked(toy: Path, given: dict[str, Any], says: str) -> None:
    with pytest.raises(ab.UsageError, match=says.replace("(", r"\(")):
        ab.run(**given)
    assert not Path("results").exists()


def test_a_function_is_a_model_and_a_changed_function_another_one(toy: Path) -> None:
    run = ab.run(model=right_half, tasks=toy, quiet=True)
    assert run.complete and run.table().value[0] == pytest.approx(0.25) and run.model == "right_half"
    other = ab.run(model=says_a, tasks=toy, quiet=True)
    assert other.samples().reasoning.tolist() == ["I think so."] * 8
    assert other.folder != run.folder
    # the same name with other code
    named = ab.own_model(says_a, name="right_half")
    assert ab.run(model=named, tasks=toy, quiet=True).folder != run.folder


def test_an_object_is_asked_once_for_each_request(toy: Path) -> None:
    counting = Counting()
    for _ in range(2):
        run = ab.run(model=counting, tasks=toy, audio=["full", "none"], quiet=True)
    assert counting.asked == 16 and len(run.samples()) == 16
    model = ab.own_model(counting, audio={"sample_rate": 8000})
    assert model.audio.sample_rate == 8000 and ab.run(model=model, tasks=toy, quiet=True).complete


def test_an_exception_of_ones_own_model_is_that_samples_error(toy: Path) -> None:
    def fails(request: ab.Request) -> Any:
        return None if request.sample_id == "s1" else "A"

    run = ab.run(model=fails, tasks=toy, quiet=True)
    assert not run.complete and run.exit_code == 4
    assert run.table().error[0] == 1
    assert "returned None; it must return a text" in run.samples().set_index("id").error["s1"]


def test_what_would_upset_an_event_loop_is_that_samples_error(toy: Path) -> None:
    def plain(request: ab.Request) -> str:
        raise StopIteration  # `next` of nothing left: a future that is given it waits for ever

    async def cancelled(request: ab.Request) -> str:
        raise asyncio.CancelledError

    for model, name in ((plain, "StopIteration"), (cancelled, "CancelledError")):
        run = ab.run(model=model, tasks=[toy], quiet=True, out=toy.parent / name, limit=1)
        assert run.exit_code == 4
        assert name in run.samples().error[0]


def test_functions_of_one_source_that_were_made_with_other_values_are_other_models(toy: Path) -> None:
    def made(letter: str) -> Callable[[ab.Request], str]:
        def model(request: ab.Request) -> str:
            nonlocal asked
            asked += 1
            return letter

        asked = 0
        return model

    def given(letter: str, request: ab.Request) -> str:
        return letter

    def said(model: Any) -> str:
        return ab.run(model=model, tasks=[toy], quiet=True, out=toy.parent / "one").samples().text[0]

    a, b = (ab.own_model(made(letter), name="m") for letter in "AB")
    assert said(a) == "A" and said(a) == "A"
    for other in (b, partial(given, "A"), partial(given, "B")):
        with pytest.raises(ab.UsageError, match="use another --out"):
            said(other)
    assert len({ab.own_model(partial(given, letter)).adapter for letter in "AB"}) == 2


def test_a_declaration_keeps_its_object_when_another_of_its_name_is_handed_over(toy: Path) -> None:
    first, second = Counting(), Counting()
    declared = ab.own_model(first, name="m")
    ab.own_model(second, name="m")
    ab.run(model=declared, tasks=[toy], quiet=True, out=toy.parent / "first")
    assert first.asked and not second.asked


def test_code_that_cannot_be_read_needs_a_version(toy: Path) -> None:
    made = eval("lambda request: 'A'")
    with pytest.raises(ab.UsageError, match="its source code cannot be read"):
        ab.run(model=made, tasks=toy)
    made.version = "1"
    assert ab.run(model=ab.own_model(made, name="short"), tasks=toy, quiet=True).complete


def test_a_function_and_a_metric_of_ones_own_score(toy: Path) -> None:
    halved = ab.own_task(toy, task="halved", scorer=half)
    run = ab.run(model="first_choice", tasks=[halved, toy], quiet=True)
    table = run.table().set_index("task")
    assert table.value["halved"] == 0.5 and table.metric["halved"] == "half" and table.metric["toy"] == "acc"
    assert ab.load(run.folder).table().equals(run.table())
    counted = ab.run(model="first_choice", tasks=ab.own_task(toy, task="words", scorer=Words), out="w", quiet=True)
    assert counted.table().unit[0] == "points" and counted.table().value[0] > 0


def test_a_run_scored_by_an_object_says_so_where_the_object_is_not(toy: Path) -> None:
    run = ab.run(model=right_half, tasks=ab.own_task(toy, scorer=half), quiet=True)
    command = [sys.executable, "-m", "audiobench", "report", str(run.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "scorer python:half@" in done.stderr and "hand it over" in done.stderr
    command = [sys.executable, "-m", "audiobench", "run", "--from", str(run.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "model python:right_half@" in done.stderr


def test_a_function_that_returns_no_share_is_refused(toy: Path) -> None:
    def grades(text: str, sample: Sample) -> float:
        return 7.0

    with pytest.raises(
        ab.AudiobenchError, match=r"scorer grades returned 7\.0; a function must return a number from 0 to 1"
    ):
        ab.run(model="first_choice", tasks=ab.own_task(toy, scorer=grades), quiet=True)


def test_one_name_for_two_tasks_is_refused(toy: Path) -> None:
    with pytest.raises(ab.UsageError, match="both declare task: toy"):
        ab.run(model="oracle", tasks=[toy, ab.own_task(toy, scorer=half)])
    with pytest.raises(ab.UsageError, match="task toy: chance"):
        ab.own_task(toy, chance="half")


def test_results_show_themselves(toy: Path) -> None:
    run = ab.run(model="oracle", tasks=toy, audio=["full", "none"], quiet=True)
    assert "toy" in repr(run) and "<table>" in run._repr_html_()
    sample = run.sample("s0", audio="full")
    shown = sample._repr_html_()
    assert shown.count("<audio") == 1 and "data:audio/wav;base64," in shown and sample.audio()[0].name == "0.wav"
    assert len(run.sample("s0").responses) == 2 and "item 0: which sound is it?" in repr(sample)
    sample.audio()[0].write_bytes(b"RIFF" + bytes(60))
    assert run.sample("s0").audio() == [], "other bytes than the model heard are not played"
    with pytest.raises(ab.UsageError, match="no response to sample 'x'"):
        run.sample("x")


def test_a_hostile_answer_is_text_in_a_notebook(toy: Path) -> None:
    def hostile(request: ab.Request) -> str:
        return "<script>alert(1)</script>"

    run = ab.run(model=hostile, tasks=toy, quiet=True)
    assert "<script>" not in run.sample("s0")._repr_html_() + run._repr_html_()


def test_runs_and_conditions_are_compared(toy: Path) -> None:
    right = ab.run(model="oracle", tasks=toy, audio=["full", "none"], quiet=True)
    first = ab.run(model="first_choice", tasks=toy, audio=["full", "none"], quiet=True)
    (row, _) = ab.compare(first, right).table().to_dict("records")
    assert (row["task"], row["value_a"], row["value_b"], row["n"]) == ("toy", 0.25, 1.0, 8) and row["p"] < 0.05
    found = ab.compare(f"{first.folder}:audio=full", f"{first.folder}:audio=none")
    assert found.table().difference[0] == 0.0 and "<table>" in found._repr_html_()
    ablated = ab.ablate(first)
    assert ablated.table().audio.isna().all() and ablated.tasks[0].listening[0].verdict == "inconclusive-at-this-n"
    assert any("inconclusive-at-this-n" in line for line in ablated.answers)
    with pytest.raises(ab.UsageError, match="compare needs two or more runs"):
        ab.compare(right)


def test_plots_are_written_and_shown(toy: Path) -> None:
    pytest.importorskip("matplotlib")
    run = ab.run(model="first_choice", tasks=toy, audio=["full", "none"], quiet=True)
    files = run.plot().save("plots/scores")
    assert [file.name for file in files] == ["scores.png", "scores.svg"] and b"toy" in files[1].read_bytes()
    assert run.plot()._repr_png_()[:4] == b"\x89PNG"
    (drawn,) = ab.compare(f"{run.folder}:audio=full", f"{run.folder}:audio=none").plot().save(Path("c.pdf"))
    assert drawn.read_bytes()[:4] == b"%PDF"
    before = drawn.read_bytes()
    ab.compare(f"{run.folder}:audio=full", f"{run.folder}:audio=none").plot().save(Path("c.pdf"))
    assert drawn.read_bytes() == before, "the same run, the same bytes"
    assert cli.main(["compare", f"{run.folder}:audio=full", f"{run.folder}:audio=none", "--plot", "c"]) == 0
    assert Path("c.svg").is_file()


def test_predictions_are_scored(toy: Path) -> None:
    lines = [{"id": f"s{i}", "output": "A"} for i in range(8)]
    found = ab.score(lines, task=toy)
    assert found.value == 0.25 and found.summary.n == 8 and list(found.samples().id) == [f"s{i}" for i in range(8)]
    Path("p.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines[:4]), encoding="utf-8")
    assert ab.score("p.jsonl", task=toy).summary.counts["missing"] == 4
    assert ab.score(lines, task=ab.own_task(toy, scorer=half)).value == 0.5
    with pytest.raises(ab.UsageError, match="predictions:2: expected an object with `id` and `output`"):
        ab.score([lines[0], {"id": 3}], task=toy)


def test_everything_works_in_a_running_event_loop(toy: Path) -> None:
    async def main() -> None:
        assert ab.run(model=right_half, tasks=toy, quiet=True).complete
        beats = 0

        async def beat() -> None:
            nonlocal beats
            while True:
                beats += 1
                await asyncio.sleep(0.001)

        def slow(request: ab.Request) -> str:
            time.sleep(0.02)
            return "A"

        beating = asyncio.create_task(beat())
        run = await ab.arun(model=ab.own_model(slow, max_concurrency=2), tasks=toy, quiet=True)
        other = await ab.arun(model="oracle", tasks=toy, quiet=True)
        beating.cancel()
        assert run.complete and beats > 20, "the loop went on meanwhile"
        assert (await ab.acompare(run, other)).table().n[0] == 8
        assert (await ab.aablate(other)).tasks[0].conditions == 1
        assert (await ab.ascore([{"id": "s0", "output": "A"}], task=toy)).summary.n == 1

    asyncio.run(main())


def test_a_cancelled_run_stops_and_is_resumed(toy: Path) -> None:
    asked: list[str] = []

    async def hangs_at_the_third(request: ab.Request) -> str:
        asked.append(request.sample_id)
        if len(asked) == 3:
            await asyncio.sleep(60)
        return "A"

    model = ab.own_model(hangs_at_the_third, max_concurrency=1)

    async def main() -> None:
        running = asyncio.create_task(ab.arun(model=model, tasks=toy, max_concurrency=1, out="r", quiet=True))
        while len(asked) < 3:
            await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    start = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - start < 30
    assert len(Path("r/toy/samples.jsonl").read_text(encoding="utf-8").splitlines()) == 2
    run = ab.run(model=model, tasks=toy, max_concurrency=1, out="r", quiet=True)
    assert run.complete and len(asked) == 9, "only the request in flight was asked again"


def test_importing_audiobench_loads_nothing_of_it() -> None:
    code = "import sys, audiobench; print([m for m in sys.modules if m.startswith('audiobench.') or m == 'pandas'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    for name in ab.__all__:
        assert getattr(ab, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        ab.nothing  # noqa: B018
