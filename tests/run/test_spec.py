"""One specification for the command line, a suite file, run.json, Python and the lm-eval bridge."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from audiobench import api, cli
from audiobench.ask.resolve import resolve
from audiobench.core.errors import UsageError
from audiobench.files import run_info, suite
from audiobench.files.run_spec import RunSpec, options
from tests.run.conftest import make_task

SUITE = """\
models:
  - first_choice
  - {model: oracle, limit: 4}
tasks:
  - toy/toy.yaml
  - {task: listening_count, option_order: 2}
limit: 6
think: default
out: table
"""


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command, in this process."""
    code = cli.main([str(word) for word in words])
    said = capsys.readouterr()
    return code, said.out, said.err


def lines(journal: Path) -> int:
    """Records of a journal."""
    return len(journal.read_text(encoding="utf-8").splitlines())


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a task of 8 items in it."""
    monkeypatch.chdir(tmp_path)
    make_task(tmp_path / "toy", 8)
    return tmp_path


# -- options


def test_every_option_of_a_run_is_in_its_help_and_in_a_specification(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "500")  # no word is broken
    with pytest.raises(SystemExit):
        cli.main(["run", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    for option in options():
        assert f"{option.flag} " in said and option.help in said, option.name
        assert option.name in RunSpec.__struct_fields__
    assert "calls a request may take (default 8)" in said and "seconds one call may take (default 600)" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--limit", "0"], "--limit 0: must be at least 1"),
        (["--epochs", "-1"], "--epochs -1: must be at least 1"),
        (["--timeout", "inf"], "--timeout inf: must be a positive number"),
        (["--batch-poll", "0"], "--batch-poll 0: must be a positive number"),
        (["--shard", "4"], "--shard 4: expected I/N, such as 1/4"),
        (["--shard", "5/4"], "--shard 5/4: I must lie between 1 and N"),
        (["--data", "toy"], "--data toy: expected TASK=PATH"),
        (["--gen", "temperature"], "--gen temperature: expected NAME=VALUE"),
        (["--prompt", " "], "--prompt ' ': must be text"),
    ],
)
def test_a_value_that_an_option_does_not_take_is_refused(
    words: list[str], says: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, said = run(capsys, "run", "--model", "oracle", "--tasks", "toy/toy.yaml", "--out", "out", *words)
    assert code == 2 and said.endswith(f"audiobench: {says}\n"), said
    assert not (place / "out").exists()


def test_python_and_the_command_line_make_the_same_specification() -> None:
    spoken = RunSpec(
        model="oracle", tasks="a, b,a", think="on,off", gen=["temperature=1e-3"], shard="1/4", data=["a=x"],
        base_url="http://h/v1", ids="@" + __file__, out="o",
    )  # fmt: skip
    assert spoken.tasks == ["a", "b"] and spoken.think == ["on", "off"] and spoken.gen == {"temperature": 0.001}
    assert spoken.shard == (1, 4) and spoken.data == {"a": Path("x")} and spoken.base_url == ["http://h/v1"]
    assert spoken.ids and spoken.ids[0].startswith('"""One specification')
    typed = {name: getattr(spoken, name) for name in RunSpec.__struct_fields__}
    assert RunSpec(**typed) == spoken
    with pytest.raises(UsageError, match=r"--limit '6': must be a whole number"):
        RunSpec(model="oracle", tasks=["a"], limit="6")  # type: ignore[arg-type]


def test_a_run_from_python_is_the_run_of_the_command(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = RunSpec(model="oracle", tasks=["toy/toy.yaml"], out=Path("python"), quiet=True)
    result = api.run(spec)
    assert result.exit_code == 0 and result.scores[0].metrics["acc"].value == 1.0
    assert run(capsys, "run", "--model", "oracle", "--tasks", "toy/toy.yaml", "--out", "typed", "--quiet")[0] == 0
    recorded = [run_info.read(place / name).starts[0].spec for name in ("python", "typed")]
    assert recorded[0] == recorded[1]


def test_a_run_without_a_model_says_what_a_run_can_be_made_of(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, said = run(capsys, "run", "--tasks", "mmau")
    assert code == 2 and "--model: missing; or use a suite file, or --from RUN.JSON" in said


# -- run.json


def test_a_run_is_repeated_from_its_run_json(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--model", "oracle", "--tasks", "toy/toy.yaml", "--audio", "full,none", "--limit", "6", "--out", "r"]
    assert run(capsys, "run", *words)[0] == 0
    journal = place / "r" / "toy" / "samples.jsonl"
    assert lines(journal) == 12
    (place / "elsewhere").mkdir()
    monkeypatch.chdir(place / "elsewhere")  # the task's path is relative to where the run was started
    code, _, said = run(capsys, "run", "--from", place / "r" / "run.json")
    assert code == 0 and f"oracle on {place}/toy/toy.yaml; continues in {place}/r" in said
    assert "12 already done" in said and lines(journal) == 12
    code, _, said = run(capsys, "run", "--from", place / "r" / "run.json", "--out", "again")
    assert code == 0 and "starts a run of its own" in said
    assert lines(place / "elsewhere" / "again" / "toy" / "samples.jsonl") == 12
    code, _, said = run(capsys, "run", "--from", place / "r", "--epochs", "2")
    assert code == 0 and "12 already done" in said and lines(journal) == 24


def test_another_model_than_the_recorded_one_gets_a_directory_of_its_own(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "run", "--model", "oracle", "--tasks", "toy/toy.yaml", "--out", "r")[0] == 0
    code, said, _ = run(capsys, "run", "--from", "r/run.json", "--model", "first_choice", "--json")
    assert code == 0 and json.loads(said)["run"].startswith("results/first_choice/")
    code, _, said = run(capsys, "run", "--from", "r/run.json", "--model", "first_choice", "--out", "r")
    assert code == 2 and "--out r: contains a run of model oracle" in said


def test_a_run_of_several_commands_is_repeated_whole(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shared = ["run", "--model", "oracle", "--out", "r", "--quiet"]
    assert run(capsys, *shared, "--tasks", "toy/toy.yaml", "--limit", "3")[0] == 0
    assert run(capsys, *shared, "--tasks", "listening_count,listening_speech", "--limit", "5")[0] == 0
    assert run(capsys, *shared, "--tasks", "listening_speech", "--limit", "7")[0] == 0
    starts = run_info.read(place / "r").starts
    assert [(start.tasks, start.spec.limit) for start in starts] == [
        (["toy"], 3), (["listening_count"], 5), (["listening_speech"], 7),
    ]  # fmt: skip
    assert run(capsys, "run", "--from", "r/run.json", "--out", "s", "--quiet")[0] == 0
    counts = {
        name: lines(place / "s" / name / "samples.jsonl") for name in ("toy", "listening_count", "listening_speech")
    }
    assert counts == {"toy": 3, "listening_count": 5, "listening_speech": 7}
    assert run(capsys, "run", "--from", "r/run.json", "--out", "t", "--tasks", "toy", "--quiet")[0] == 0
    assert [path.parent.name for path in (place / "t").glob("*/plan.json")] == ["toy"]
    code, _, said = run(capsys, "run", "--from", "r/run.json", "--tasks", "mmau")
    assert code == 2 and "no task mmau; it has: toy, listening_count, listening_speech" in said


def test_a_run_json_of_version_0_1_reads_and_says_why_it_cannot_be_repeated(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "run", "--model", "oracle", "--tasks", "toy/toy.yaml", "--out", "r")[0] == 0
    file = place / "r" / "run.json"
    old = json.loads(file.read_text())
    del old["starts"]
    file.write_text(
        json.dumps({**old, "command": ["audiobench", "run", "--model", "oracle", "--tasks", "toy/toy.yaml"]})
    )
    assert run(capsys, "report", "r")[0] == 0
    code, _, said = run(capsys, "run", "--from", "r/run.json")
    assert code == 2 and "r/run.json: cannot be repeated: it holds no run specification" in said
    assert "`audiobench run --model oracle --tasks toy/toy.yaml`" in said
    assert run(capsys, "run", "--model", "oracle", "--tasks", "toy/toy.yaml", "--out", "r")[0] == 0
    assert run(capsys, "run", "--from", "r/run.json")[0] == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"created": "soon"}, "Expected `float | null`, got `str` - at `$.created`"),
        ({"model": {"name": 3}}, "a model is an object with a name - at `$.model`"),
        ({"starts": [{"tasks": ["a"], "cwd": "/", "spec": {"model": "m", "tasks": ["a"], "limt": 3}}]}, "limt"),
        (
            {"starts": [{"tasks": ["a"], "cwd": "/", "spec": {"model": "m", "tasks": ["a"], "limit": 0}}]},
            "--limit 0: must",
        ),
    ],
)
def test_a_spoiled_run_json_is_told_by_file_and_field(
    change: dict[str, Any], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"model": {"name": "m"}, **change}))
    code, _, said = run(capsys, "report", tmp_path)
    assert code == 4 and said.startswith(f"audiobench: {tmp_path}/run.json: ") and says in said
    assert said.count("\n") == 1


KEY = "sk-live-0123456789abcdefghij"


def test_no_secret_gets_into_run_json(
    place: Path, server: Callable[..., str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_GATEWAY_KEY", "gw/0123456789+abc")
    path = "d41d8cd98f00b204e9800998ecf8427e"
    url = server().removesuffix("/v1")
    declared = {
        "name": "m", "adapter": "openai_chat", "served_model": "mock", "base_url": f"{url}/{path}/v1",
        "options": {"extra_body": {"api_key": "hunter2hunter2", "tag": "gw/0123456789+abc", "more": [f"Bearer {KEY}"]}},
    }  # fmt: skip
    (place / "m.yaml").write_text(json.dumps(declared))
    words = ["run", "--model", "m.yaml", "--tasks", "toy/toy.yaml", "--out", "r", "--base-url", f"{url}/v1"]
    monkeypatch.setattr("sys.argv", ["audiobench", *words, "--gen", f"until=[{KEY}]"])
    code, _, said = run(capsys, *words, "--gen", f"until=[{KEY}]", "--attempts", "1")
    assert code == 0, said
    written = (place / "r" / "run.json").read_text()
    for secret in ("hunter2", "gw/0123456789", KEY, path):
        assert secret not in written, secret
    info = json.loads(written)
    assert info["model"]["options"]["extra_body"] == {"api_key": "***", "tag": "***", "more": ["Bearer ***"]}
    assert info["base_urls"] == [f"{url}/v1"] and info["command"][-1] == "until=[***]"
    code, _, said = run(capsys, "run", "--from", "r/run.json")
    assert code == 2 and "a secret was left out of --gen; give it again" in said
    assert run(capsys, "run", "--from", "r/run.json", "--gen", f"until=[{KEY}]")[0] == 0


# -- suites


def test_a_suite_runs_models_by_tasks_and_resumes(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "suite.yaml").write_text(SUITE)
    code, said, _ = run(capsys, "run", "suite.yaml", "--json")
    assert code == 0
    found = [
        (run["run"].split("/")[1], [(entry["task"], entry["n"]) for entry in run["results"]])
        for run in json.loads(said)["runs"]
    ]
    assert found == [
        ("first_choice", [("toy", 6)]), ("first_choice", [("listening_count", 6)] * 2),
        ("oracle", [("toy", 4)]), ("oracle", [("listening_count", 4)] * 2),
    ]  # fmt: skip
    journals = {file: file.read_bytes() for file in place.rglob("samples.jsonl")}
    assert len(journals) == 4
    code, _, said = run(capsys, "run", "suite.yaml")
    assert code == 0 and said.count(": 0 requests to send") == 4 and "== run 4 of 4: oracle on listening_count" in said
    assert {file: file.read_bytes() for file in place.rglob("samples.jsonl")} == journals


def test_tasks_with_the_same_options_make_one_run_and_paths_are_the_suites_own(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "suite.yaml").write_text("models: [oracle]\ntasks: [toy/toy.yaml, listening_count]\nids: '@ids'\n")
    (place / "ids").write_text("s1\ns2\n")
    (place / "suite.yaml").write_text("models: [oracle]\ntasks: [toy/toy.yaml]\nids: '@ids'\n")
    (place / "elsewhere").mkdir()
    monkeypatch.chdir(place / "elsewhere")
    code, said, _ = run(capsys, "run", "../suite.yaml", "--json")
    assert code == 0 and [run["results"][0]["n"] for run in json.loads(said)["runs"]] == [2]
    (place / "suite.yaml").write_text("models: [oracle]\ntasks: [toy/toy.yaml, listening_count]\nlimit: 2\n")
    code, said, _ = run(capsys, "run", "../suite.yaml", "--json")
    assert [entry["task"] for entry in json.loads(said)["runs"][0]["results"]] == ["toy", "listening_count"]


def test_a_run_of_a_suite_that_fails_does_not_keep_the_others_from_running(
    place: Path, server: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "suite.yaml").write_text(
        "models:\n"
        f"  - {{model: 'openai_chat:gone', base_url: '{server()}x'}}\n"
        "  - oracle\n"
        "tasks: [toy/toy.yaml]\nattempts: 1\n"
    )
    code, _, said = run(capsys, "run", "suite.yaml")
    assert code != 0 and "1 of 2 runs are complete" in said and "To resume, rerun:" in said
    assert "== run 2 of 2: oracle on toy/toy.yaml" in said
    assert list((place / "results" / "oracle").glob("*/toy/summary.json"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tasks: [toy/toy.yaml]\n", ":1: models: required key is missing"),
        ("models: oracle\ntasks: [toy/toy.yaml]\n", ":1: models: 'oracle': must be a list of names"),
        ("models: [oracle]\ntasks: []\n", ":2: tasks: []: must be a list of names"),
        ("models: [oracle]\ntasks: [toy/toy.yaml]\nthnk: on\n", ":3: thnk: unknown key; did you mean `think`?"),
        ("models: [oracle]\ntasks: [toy/toy.yaml]\nlimit: 0\n", ":3: limit: 0: must be at least 1"),
        ("models: [oracle]\ntasks: [toy/toy.yaml]\nlimit: many\n", ":3: limit: 'many': must be a whole number"),
        ("models: [oracle]\ntasks: [toy/toy.yaml]\nbatch: 3\n", ":3: batch: 3: must be true or false"),
        (
            "models:\n- {model: oracle, gen: {temperature: hot}}\ntasks: [toy/toy.yaml]\n",
            ":2: models.0.gen: temperature: 'hot': must be a finite number",
        ),
        (
            "models:\n- oracle\n- {limit: 3}\ntasks: [toy/toy.yaml]\n",
            ":3: models.1: an entry with options of its own needs the key model",
        ),
        ("models: [oracle, oracle]\ntasks: [toy/toy.yaml]\n", ":1: models.1: oracle: stands here twice"),
        ("models: [oracle]\ntasks: ['a,b']\n", ":2: tasks.0: 'a,b': must be one name"),
        (
            "models: [oracel]\ntasks: [toy/toy.yaml]\n",
            ": model oracel, tasks toy/toy.yaml: oracel: no such model; did you",
        ),
        ("models: [oracle]\ntasks: [toy/toy.yaml]\nthink: on\n", "--think on: model oracle has no such mode"),
        (
            "models: [oracle, {model: oracle, epochs: 3}]\ntasks: [toy/toy.yaml]\n",
            ": two entries of oracle run task toy in the same directory",
        ),
        ("- oracle\n", ":1: a suite has the keys models and tasks, found list"),
    ],
)
def test_a_mistake_in_a_suite_is_told_before_anything_runs(
    text: str, says: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "suite.yaml").write_text(text)
    code, _, said = run(capsys, "run", "suite.yaml")
    assert code == 2 and said.startswith("audiobench: suite.yaml") and says in said, said
    assert not (place / "results").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["toy"], "toy: a suite is a YAML file; tasks are named with --tasks"),
        (["suite.yaml", "--model", "oracle"], "--model: suite.yaml names models and tasks itself"),
        (["suite.yaml", "--from", "r/run.json"], "suite.yaml: a suite and --from are two sources of a run"),
        (["--from", "nowhere/run.json"], "nowhere/run.json: no such run (a run directory, or its run.json)"),
        (["gone.yaml"], "gone.yaml: cannot be read: No such file or directory"),
    ],
)
def test_a_run_has_one_source(words: list[str], says: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "suite.yaml").write_text(SUITE)
    code, _, said = run(capsys, "run", *words)
    assert code == 2 and says in said, said


def test_options_of_the_command_line_win_over_a_suite(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "suite.yaml").write_text(SUITE)
    code, said, _ = run(capsys, "run", "suite.yaml", "--limit", "2", "--json")
    assert code == 0 and {entry["n"] for run in json.loads(said)["runs"] for entry in run["results"]} == {2}


def test_a_suite_can_be_estimated(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "suite.yaml").write_text(SUITE)
    code, said, _ = run(capsys, "run", "suite.yaml", "--dry-run", "--json")
    found = json.loads(said)["runs"]
    assert code == 0 and [run["estimate"][0]["requests"] for run in found] == [6, 12, 4, 8]
    assert not (place / "table").exists()


def test_a_start_is_read_as_it_was_written(place: Path) -> None:
    spec = RunSpec(
        model="m.yaml", tasks=["a.yaml", "b"], data={"b": Path("x")}, shard=(1, 2), max_cost=1.5, out=Path("o")
    )
    start = run_info.start(spec, {"a": "a.yaml", "b": "b"})
    info = run_info.RunInfo(model=run_info.RecordedModel("m", "0" * 64, {"name": "m"}), starts=[start])
    run_info.write(place, info)
    read = run_info.read(place).starts[0]
    assert read == start and read.spec == msgspec.structs.replace(spec, out=None)
    os.chdir(place / "toy")
    assert read.located().tasks == [f"{place}/a.yaml", "b"] and read.located().data == {"b": place / "x"}
    assert read.located().model == f"{place}/m.yaml"


def test_the_suite_of_the_documentation_reads(root: Path, tmp_path: Path) -> None:
    text = (root / "docs" / "suites.md").read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    (tmp_path / "table1.yaml").write_text(text)
    specs = suite.read(tmp_path / "table1.yaml", {})
    assert [(spec.model, len(spec.tasks), spec.think, spec.judge) for spec in specs] == [
        ("step-audio-r1", 4, ["on", "off"], None), ("step-audio-r1", 1, ["on", "off"], "gpt-5.4-mini"),
        ("gemini-2.5-pro", 4, ["default"], None), ("gemini-2.5-pro", 1, ["default"], "gpt-5.4-mini"),
    ]  # fmt: skip
    resolve(specs[0])
