"""Groups: several tasks as one, with the average that their authors report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from audiobench.cli import main
from audiobench.results.groups import group_scores
from audiobench.results.runs import Run
from audiobench.results.summary import summaries
from audiobench.task.check import check
from audiobench.task.find import expand, find_task, group_files, task_files
from audiobench.task.groups import GroupSpec, read_group
from audiobench.task.spec import TaskSpec


@pytest.mark.parametrize("name", sorted(group_files()))
def test_every_group_is_valid_and_named_as_its_file(name: str, root: Path) -> None:
    path = group_files()[name]
    assert path == root / "tasks" / "groups" / f"{name}.yaml"
    assert check(path) == []
    assert path.read_text("utf-8").startswith("# yaml-language-server: $schema=../group.schema.json\ngroup:")
    group = read_group(path)
    assert expand([name]) == group.members and set(group.members) <= {*task_files()}
    assert not group.aggregate_metric_list or group.metadata.average, "an average needs its source"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four small tasks."""
    out = tmp_path_factory.mktemp("groups") / "run"
    assert (
        main(["run", "--model", "random", "--tasks", "listening", "--limit", "12", "--out", str(out), "--quiet"]) == 0
    )
    tasks = "listening_speech,listening_sound,listening_music"
    assert main(["run", "--model", "random", "--tasks", tasks, "--limit", "30", "--out", str(out), "--quiet"]) == 0
    return out


def specs(run: Run) -> dict[str, TaskSpec]:
    return {name: task_run.task for name, task_run in run.tasks.items()}


def test_an_average_counts_tasks_alike_or_by_samples(ran: Path) -> None:
    run = Run.open(ran)
    entries = summaries(run)
    values = {e.task: 100 * (e.metrics["acc"].value or 0.0) for e in entries}
    n = {e.task: e.n for e in entries}
    members = ["listening", "listening_speech"]
    assert [n[task] for task in members] == [12, 30]

    def group(**facts: object) -> GroupSpec:
        made = {"metric": "acc", "aggregation": "mean", **facts}
        return GroupSpec.model_validate({"group": "both", "task": members, "aggregate_metric_list": [made]})

    alike, sized = group_scores(entries, specs(run), [group(), group(weight_by_size=True)])
    first, second = (values[task] for task in members)
    assert alike.value == pytest.approx((first + second) / 2) and sized.value == pytest.approx(
        (12 * first + 30 * second) / 42
    )
    assert alike.n == sized.n == 42 and alike.tasks == 2
    for found in (alike, sized):
        low, high = found.ci
        assert low is not None and high is not None and low < (found.value or 0.0) < high


def test_a_group_of_which_a_task_is_missing_has_no_average(ran: Path) -> None:
    run = Run.open(ran)
    made = [{"metric": "acc"}]
    group = GroupSpec.model_validate({"group": "g", "task": ["listening", "mmau"], "aggregate_metric_list": made})
    assert group_scores(summaries(run), specs(run), [group]) == []


def test_ratings_and_shares_are_averaged_as_the_board_has_them() -> None:
    """The overall score of VoiceBench that its board prints for Whisper with GPT-4o."""
    printed = {
        "alpacaeval": 4.80, "commoneval": 4.47, "wildvoice": 4.62, "sd_qa": 75.77, "mmsu": 81.69, "openbookqa": 92.97,
        "bbh": 87.20, "ifeval": 76.51, "advbench": 98.27,
    }  # fmt: skip
    made = {name: find_task(f"voicebench_{name}")[0].made for name in printed}
    values = [made[name].on_board(v if made[name].unit == "rating" else v / 100) for name, v in printed.items()]
    assert {f"voicebench_{name}" for name in printed} == {*expand(["voicebench"])}
    assert round(sum(values) / 9, 2) == 87.80


def test_a_group_file_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("group: mine\ntask: [listening_count, mmsuu]\n", "utf-8")
    assert main(["tasks", "check", str(file)]) == 2
    assert f"{file}:2: task.1: mmsuu: no such task or group; did you mean `mmsu`?" in capsys.readouterr().err
    file.write_text(
        "group: mine\ntask: [listening_count, librispeech_clean]\naggregate_metric_list: [{metric: x}]\n", "utf-8"
    )
    assert main(["tasks", "check", str(file)]) == 2
    said = capsys.readouterr().err
    assert f"{file}:3: aggregate_metric_list: more is better in listening_count, less in librispeech_clean" in said
    file.write_text("group: mine\ntask: [listening_count]\n", "utf-8")
    assert main(["tasks", "check", str(file)]) == 0
    assert expand([str(file)]) == ["listening_count"]


def test_a_run_of_a_group_ends_with_its_average(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    made = "aggregate_metric_list: [{metric: hearing, weight_by_size: true}]"
    Path("mine.yaml").write_text(f"group: mine\ntask: [listening_speech, listening_sound]\n{made}\n", "utf-8")
    run = ["run", "--model", "random", "--tasks", "mine.yaml", "--limit", "15", "--out", "run"]
    assert main(run) == 0
    table = capsys.readouterr().out
    row = next(line.split() for line in table.splitlines() if line.startswith("mine "))
    assert row[:4] == ["mine", "hearing", "2", "30"]
    assert main([*run, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["groups"]
    assert (found["group"], found["tasks"], found["n"]) == ("mine", 2, 30) and f"{found['value']:.1f}" == row[4]


def test_a_group_that_holds_itself_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"group: mine\ntask: [{file}]\n", "utf-8")
    assert main(["run", "--model", "oracle", "--tasks", str(file)]) == 2
    assert "a circle" in capsys.readouterr().err


def test_the_list_is_filtered(capsys: pytest.CaptureFixture[str]) -> None:
    def listed(*words: str) -> set[str]:
        assert main(["tasks", "list", "--json", *words]) == 0
        return {row["task"] for row in json.loads(capsys.readouterr().out)}

    assert listed("--group", "voicebench") == {*expand(["voicebench"])}
    judged = listed("--needs", "judge")
    assert judged == {name for name in task_files() if "judge" in find_task(name)[0].needed}
    assert listed("--needs", "judge", "--group", "voicebench") == judged & listed("--group", "voicebench")
    assert listed("--tag", "asr") == {*expand(["asr"])} == {n for n in task_files() if "asr" in find_task(n)[0].tag}
    assert not listed("--needs", "none") & judged
    assert main(["tasks", "list", "--needs", "luck"]) == 2
    assert "--needs luck: no task here has it; they have: access, " in capsys.readouterr().err
    assert main(["tasks", "list", "--groups"]) == 0
    assert "overall, mean of tasks" in capsys.readouterr().out
