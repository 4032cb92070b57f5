"""docs/tasks.md: every shipped task and group, from their files alone: `python -m audiobench.task.overview`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

from audiobench.task.find import find_task, group_files, task_files
from audiobench.task.groups import GroupSpec, read_group
from audiobench.task.spec import CONVERTED, LOCAL, TaskSpec

ROOT = Path(__file__).resolve().parents[2]
TITLE = """\
# Tasks

This page is generated from the files in `tasks/` by `python -m audiobench.task.overview`; edit those files instead.
[scorers.md](scorers.md) explains the scorers. If n is empty, the number of rows could not be established. If a revision is
*unpinned*, it is resolved when the data are first used, and recorded with the results.

Every task is tested on invented rows in the published format of its data set (`tests/tasks/fixtures/`): the data load, right
answers get the best score, random answers score near chance, and the official scorer, if there is one, agrees. This does not
prove that the published data have that format. The lists below the tables therefore say which source each fact was read in,
and which facts could not be established.
"""


MISSING = """\
## Not covered

No task has these benchmarks, which reports or other harnesses name, because something about them could not be established.
"""


def overview(
    tasks: Sequence[tuple[TaskSpec, Path]], groups: Sequence[GroupSpec], missing: Sequence[tuple[str, str]] = ()
) -> str:
    """The whole document."""
    parts = [TITLE, _groups(groups)]
    for domain in sorted({path.parent.name for _, path in tasks}):
        of_domain = [task for task, path in tasks if path.parent.name == domain]
        parts += [f"## {domain}\n", _table(of_domain), _evidence(of_domain)]
    if missing:
        rows = [f"| {_cell(name)} | {_cell(what)} |" for name, what in missing]
        parts.append("\n".join([MISSING, "| benchmark | missing |", "|---|---|", *rows]) + "\n")
    return "\n".join(part for part in parts if part)


def _groups(groups: Sequence[GroupSpec]) -> str:
    lines = ["## Groups\n", "| group | tasks | average |", "|---|---|---|"]
    for group in groups:
        made = [
            f"{a.metric}, mean {'by samples' if a.weight_by_size else 'of tasks'}" for a in group.aggregate_metric_list
        ]
        said = "; ".join(filter(None, [*made, group.metadata.average])) or "none"
        unverified = [f"Not established: {fact}." for fact in group.metadata.unverified]
        lines.append(f"| `{group.group}` | {', '.join(group.task)} | {_cell('. '.join([said, *unverified]))} |")
    return "\n".join(lines) + "\n"


def _table(tasks: Iterable[TaskSpec]) -> str:
    lines = ["| task | n | licence | scorer | needs | prompt from | revision |", "|---|---:|---|---|---|---|---|"]
    for task in tasks:
        rows = "" if task.expected_rows is None else f"{task.expected_rows:,}"
        prompts = "; ".join(dict.fromkeys(prompt.source or "own" for prompt in task.prompt))
        scorer = task.scorer + (f" after {task.normalizer}" if task.normalizer else "")
        cells = (
            f"`{task.task}`", rows, task.source.license or "not established", scorer, ", ".join(task.needed), prompts,
            revision(task),
        )  # fmt: skip
        lines.append("| " + " | ".join(map(_cell, cells)) + " |")
    return "\n".join(lines) + "\n"


def revision(task: TaskSpec) -> str:
    """The pinned commit's start, or why there is none."""
    if task.dataset_path.startswith(("builtin:", LOCAL)):
        return task.dataset_path.partition(":")[0]
    commit = task.dataset_revision
    return "unpinned" if commit in (None, CONVERTED) else str(commit)[:7]


def _evidence(tasks: Iterable[TaskSpec]) -> str:
    """What was read and what is not established; tasks with the same facts share an entry."""
    said: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for task in tasks:
        facts = tuple(task.evidence.read), tuple(task.evidence.unverified)
        if any(facts):
            said.setdefault(facts, []).append(f"`{task.task}`")
    lines: list[str] = []
    for (read, unverified), names in said.items():
        lines.append(f"- {', '.join(names)}")
        lines += [f"  - read: {fact}" for fact in read]
        lines += [f"  - not established: {fact}" for fact in unverified]
    return "\n".join(lines) + "\n" if lines else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def current() -> str:
    """The document as today's files make it."""
    return overview(
        [find_task(name) for name in sorted(task_files())],
        [read_group(group_files()[name]) for name in sorted(group_files())],
        not_covered(),
    )


def not_covered() -> list[tuple[str, str]]:
    """(benchmark, what is missing) for those that no task has."""
    entries = yaml.safe_load((ROOT / "tasks" / "_not_covered.yaml").read_text("utf-8"))
    return [(str(entry["name"]), str(entry["missing"])) for entry in entries]


if __name__ == "__main__":
    (ROOT / "docs" / "tasks.md").write_text(current(), encoding="utf-8")
