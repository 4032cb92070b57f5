"""Numbers at the command line and in task and model files: what is none is refused before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from audiobench import cli as command_line
from tests.run.conftest import make_task

HUGE = "99999999999999999999999"


def run(task: Path, *words: str) -> int:
    """Exit code of a run in this process."""
    try:
        return command_line.main(
            ["run", "--tasks", str(task), "--out", str(task.parent / "out"), *(words or ("--model", "oracle"))]
        )
    except SystemExit as end:
        assert isinstance(end.code, int)
        return end.code


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--seed", HUGE), f"argument --seed: {HUGE}: must be a whole number of at most 64 bits"),
        (("--seed", "1.5"), "argument --seed: 1.5: must be a whole number"),
        (("--epochs", HUGE), "argument --epochs"),
        (("--gen", f"seed={HUGE}"), "--gen seed="),
        (("--gen", f"own={HUGE}"), "--gen own="),
        (("--gen", "temperature=abc"), "--gen temperature: 'abc': must be a finite number"),
        (("--gen", "temperature=.nan"), "--gen temperature: nan: must be a finite number"),
        (("--gen", "top_p=.inf"), "--gen top_p: inf: must be a finite number"),
        (("--gen", "temperature=true"), "--gen temperature: True: must be a finite number"),
        (("--gen", "max_gen_toks=-5"), "--gen max_gen_toks: -5: must be a positive whole number"),
        (("--gen", "max_gen_toks=2.5"), "--gen max_gen_toks: 2.5: must be a positive whole number"),
        (("--gen", "top_k=[1]"), "--gen top_k: [1]: must be a whole number"),
    ],
)
def test_a_number_that_is_none_is_refused(
    words: tuple[str, ...], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = make_task(tmp_path / "t", 2)
    assert run(task, "--model", "oracle", *words) == 2
    said = capsys.readouterr().err
    assert says in said, said
    assert not (task.parent / "out").exists()


@pytest.mark.parametrize("value", ["temperature=1e-3", "temperature=0", "top_k=-1", "max_gen_toks=null", "own=abc"])
def test_usual_values_pass(value: str, tmp_path: Path) -> None:
    assert run(make_task(tmp_path / "t", 2), "--model", "oracle", "--gen", value, "--seed", str(2**63 - 1)) == 0


def test_numbers_of_task_and_model_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    task = make_task(tmp_path / "t", 2)
    text = task.read_text()
    task.write_text(text + "generation_kwargs: {max_gen_toks: many}\n")
    line = len(task.read_text().splitlines())
    says = f"{task}:{line}: generation_kwargs.max_gen_toks: 'many': must be a positive whole number"
    assert run(task) == 2 and says in capsys.readouterr().err
    assert command_line.main(["tasks", "check", str(task)]) == 2
    assert says in "".join(capsys.readouterr()), "run and tasks check say the same"
    task.write_text(text + "    generation_kwargs: {temperature: hot}\n")
    assert run(task) == 2 and "prompt.0.generation_kwargs.temperature: 'hot'" in capsys.readouterr().err
    task.write_text(text)
    model = tmp_path / "m.yaml"
    model.write_text("name: m\nadapter: first_choice\nserved_model: m\nsampling: {top_p: .nan}\n")
    assert run(task, "--model", str(model)) == 2
    assert "model m: sampling: top_p: nan: must be a finite number" in capsys.readouterr().err
