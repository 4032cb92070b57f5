"""`audiobench tasks list | show | check | fetch`."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiobench.cli import output
from audiobench.core.errors import UsageError
from audiobench.core.narrow import is_list
from audiobench.task.find import expand, find_task, group_files, task_files
from audiobench.task.glance import glance, listed
from audiobench.task.lengths import Length, hours, measured

if TYPE_CHECKING:
    from audiobench.task.spec import TaskSpec


def run(args: argparse.Namespace) -> int:
    """Do the action."""
    return {"list": _list, "show": _show, "check": _check, "fetch": _fetch}[args.action](args)


def _list(args: argparse.Namespace) -> int:
    """Read only what a list needs of each file, not the whole declarations."""
    rows = _groups() if args.groups else _chosen(args, _rows())
    form = output.chosen(args)
    if form == "json":
        output.write_json(rows, args.out)
        return 0
    names = ("group", "tasks", "average", "title") if args.groups else _COLUMNS
    cells = [["?" if name == "hours" and row[name] is None else _cell(row[name]) for name in names] for row in rows]
    if form == "text" and args.out is None and not sys.stdout.isatty():
        output.write(output.lines([names, *cells]))
        return 0

    from audiobench.core.sheet import Column, Sheet

    numbers = {"n", "hours", "tasks"}
    sheet = Sheet("", [Column(name, text=name not in numbers, later=name == "title") for name in names], left=1)
    sheet.rows += cells
    if any(row.get("hours", 0.0) is None for row in rows):
        sheet.notes.append(UNMEASURED)
    output.write_sheets([sheet], form, args.out)
    return 0


_COLUMNS = ("task", "domain", "n", "hours", "scorer", "licence", "needs", "title")


UNMEASURED = "hours of audio: ? until the data are here (audiobench tasks fetch TASK)"


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.2f}"
    return (", ".join(value) if is_list(value) else "" if value is None else str(value)) or "-"


def _rows() -> list[dict[str, Any]]:
    known = measured()
    return [_row(name, path, known.get(name)) for name, path in sorted(task_files().items())]


def _row(name: str, path: Path, length: Length | None) -> dict[str, Any]:
    facts = glance(path)
    licence = re.split(r" \(|;", str(facts.get("license") or ""))[0]
    return {
        "task": name, "title": str(facts.get("task_alias") or name), "domain": path.parent.name, "file": str(path),
        "n": facts.get("expected_rows"), "hours": hours(length, facts.get("dataset_path"), facts.get("dataset_revision")), "scorer": str(facts.get("scorer") or "option_match"), "licence": licence or None,
        "needs": listed(facts.get("needs")), "tags": listed(facts.get("tag")),
    }  # fmt: skip


def _chosen(args: argparse.Namespace, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows that the filters leave; an unknown word is an error that names what there is."""
    if args.group is not None:
        if args.group not in group_files():
            raise UsageError(f"--group {args.group}: no such group; they are: {', '.join(sorted(group_files()))}")
        members = expand([args.group])
        rows = [row for row in rows if row["task"] in members]
    for flag, key in (("tag", "tags"), ("needs", "needs")):
        wanted = getattr(args, flag)
        known = sorted({word for row in rows for word in row[key]})
        if wanted is not None and wanted not in known and not (flag == "needs" and wanted == "none"):
            raise UsageError(f"--{flag} {wanted}: no task here has it; they have: {', '.join(known)}")
        if wanted is not None:
            rows = [row for row in rows if wanted in row[key] or (wanted == "none" and not row[key])]
    return rows


def _groups() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for name, path in sorted(group_files().items()):
        facts, members = glance(path), expand([name])
        average = next(iter(facts.get("aggregate_metric_list") or []), None)
        by = "" if average is None else " by samples" if average.get("weight_by_size") else " of tasks"
        made = None if average is None else f"{average.get('metric')}, mean{by}"
        rows.append({"group": name, "tasks": len(members), "members": members, "average": made,
                     "title": str(facts.get("group_alias") or name), "file": str(path)})  # fmt: skip
    return rows


def _show(args: argparse.Namespace) -> int:
    if args.task in group_files():
        return _show_group(args)
    task, path = find_task(args.task)
    if output.chosen(args) == "json":
        output.write(task.model_dump_json(indent=1, by_alias=True, exclude_none=True) + "\n", args.out)
        return 0
    source = task.source
    lines = [
        f"{task.task}: {task.title}",
        f"  {task.description}" if task.description else "",
        f"  file       {path}",
        f"  data       {_data(task)}",
        f"  rows       {task.expected_rows or 'unknown'}",
        f"  audio      {_length(task)}",
        f"  needs      {', '.join(task.needed) or '-'}",
        f"  paper      {source.paper or '-'}   licence {source.license or 'unknown'}   version {source.version or '-'}",
        f"  scorer     {task.scorer}   extraction {', '.join(task.extraction)}",
        f"  chance     {task.chance}",
        f"  breakdown  {', '.join(task.breakdown) or '-'}",
        "  prompts",
    ]
    for prompt in task.prompt:
        lines.append(f"    {prompt.name} ({' then '.join(prompt.order)}) {prompt.source or 'own'}")
        lines.extend(f"      | {line}" for line in (prompt.text or "").splitlines())
        if prompt.clip_label is not None:
            lines.append(f"      before each clip: {prompt.clip_label.strip()}")
    lines.extend(f"  read       {line}" for line in task.evidence.read)
    lines.extend(f"  not established: {line}" for line in task.evidence.unverified)
    if task.reference_scores:
        lines.append("  published scores")
        lines.extend(
            f"    {s.model:<28} {s.value:g} {s.metric}  {s.source}{'; ' + s.notes if s.notes else ''}"
            for s in task.reference_scores
        )
    output.write("\n".join(line for line in lines if line) + "\n", args.out)
    return 0


def _data(task: TaskSpec) -> str:
    kind, _, place = task.dataset_path.partition(":")
    if kind == "local":
        return f"a copy of your own, given with --data {task.task}=PATH: {place}"
    if kind == "builtin":
        return task.dataset_path
    return f"{task.dataset_path} @ {task.dataset_revision or 'main (resolved and recorded at first use)'}"


def _length(task: TaskSpec) -> str:
    entry = measured().get(task.task)
    length = hours(entry, task.dataset_path, task.dataset_revision)
    if (entry is None or length is None) and task.dataset_path.startswith("local:"):
        return "unknown"
    if entry is None or length is None:
        return f"unknown until fetched (audiobench tasks fetch {task.task})"
    return f"{length:.2f} h in {entry.clips} clips of {entry.source} (sha256 {entry.content_sha256})"


def _show_group(args: argparse.Namespace) -> int:
    from audiobench.task.groups import read_group

    path = group_files()[args.task]
    group = read_group(path)
    if output.chosen(args) == "json":
        output.write(group.model_dump_json(indent=1, exclude_none=True) + "\n", args.out)
        return 0
    facts = group.metadata
    made = [f"{a.metric}: mean {'by samples' if a.weight_by_size else 'of tasks'}" for a in group.aggregate_metric_list]
    lines = [
        f"{group.group}: {group.title}", f"  {facts.description}" if facts.description else "", f"  file       {path}",
        f"  average    {'; '.join(made) or 'none'}{f' ({facts.average})' if facts.average else ''}",
        *(f"  not established: {line}" for line in facts.unverified), "  tasks", *(f"    {name}" for name in group.members),
    ]  # fmt: skip
    output.write("\n".join(line for line in lines if line) + "\n", args.out)
    return 0


def _check(args: argparse.Namespace) -> int:
    from audiobench.task.check import check

    if args.data and args.data.endswith((".yaml", ".yml")):  # `--data` alone, before the task's file
        args.files, args.data = [args.data, *args.files], ""
    if not args.files:
        raise UsageError("tasks check: name a task YAML")
    findings: list[str] = []
    noted: list[str] = []
    for file in map(Path, args.files):
        found = check(file)
        if not found and args.data is not None:
            from audiobench.data.checking import data_findings

            found, notes = data_findings(file, Path(args.data.rpartition("=")[2]) if args.data else None)
            noted += [f"{file}: note: {note}" for note in notes]
        findings += found
    code = 2 if findings else 0
    if output.chosen(args) == "json":
        document = {"files": args.files, "findings": findings, "notes": noted, "exit_code": code}
        output.write_json(document, args.out)
        return code
    for finding in findings:
        print(finding, file=sys.stderr)
    clean = [] if findings else [f"{len(args.files)} file{'s' if len(args.files) != 1 else ''}: no findings"]
    output.write("".join(f"{line}\n" for line in (*noted, *clean)), args.out)
    return code


def _fetch(args: argparse.Namespace) -> int:
    from audiobench import data as dataset
    from audiobench.data.lengths import measure

    for name in expand(args.task):
        task, path = find_task(name)
        data = dataset.load(task, path, progress=dataset.announce(task.task), refresh=args.refresh)
        print(f"{task.task}: {data.total} rows from {data.source} @ {data.revision or 'local'}")
        print(f"  {measure(task, data)}")
        for note in data.notes:
            print(f"  note: {note}")
    return 0
