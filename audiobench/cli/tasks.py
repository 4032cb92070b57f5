"""`audiobench tasks list | show | check | fetch`."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

from audiobench.cli import output
from audiobench.core.errors import UsageError
from audiobench.task.find import expand, find_task, task_files


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands."""
    commands = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = commands.add_parser("list", help="every task: samples, scorer, licence, title")
    output.configure(listing)
    show = commands.add_parser("show", help="one task: source, prompts, scorer, reference scores")
    show.add_argument("task", help="task or task YAML")
    output.configure(show, ("text", "json"))
    check = commands.add_parser("check", help="validate a task YAML; errors point at line and key")
    check.add_argument("files", nargs="*", metavar="FILE", help="task YAML")
    check.add_argument(
        "--data",
        nargs="?",
        const="",
        metavar="PATH",
        help="open the data too (this copy of it, else where the task says it is): missing columns, clips and targets",
    )
    fetch = commands.add_parser("fetch", help="download a task's data into the cache and check it")
    fetch.add_argument("task", nargs="+", help="tasks, groups or task YAMLs")
    fetch.add_argument("--refresh", action="store_true", help="ask the Hub again what an unpinned revision is")


def run(args: argparse.Namespace) -> int:
    """Do the action."""
    return {"list": _list, "show": _show, "check": _check, "fetch": _fetch}[args.action](args)


_FACTS = re.compile(r"^(task_alias|expected_rows|scorer|  license): *(.+?)(?: +#.*)?$", re.MULTILINE)


def _list(args: argparse.Namespace) -> int:
    """Read only what a list needs of each file, not the whole declarations."""
    rows = [_row(name, path) for name, path in sorted(task_files().items())]
    form = output.chosen(args)
    if form == "json":
        output.write_json(rows, args.out)
        return 0
    names = ("task", "group", "n", "scorer", "licence", "title")
    cells = [["-" if row[name] is None else str(row[name]) for name in names] for row in rows]
    if form == "text" and args.out is None and not sys.stdout.isatty():
        output.write(output.lines([names, *cells]))
        return 0

    from audiobench.core.sheet import Column, Sheet

    text = {"task", "group", "scorer", "licence", "title"}
    sheet = Sheet("", [Column(name, text=name in text, later=name == "title") for name in names], left=1)
    sheet.rows += cells
    output.write_sheets([sheet], form, args.out)
    return 0


def _row(name: str, path: Path) -> dict[str, Any]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found = _FACTS.findall(path.read_text(encoding="utf-8"))
    facts = {key.strip(): yaml.load(value, loader) for key, value in found}
    rows = facts.get("expected_rows")
    licence = re.split(r" \(|;", str(facts.get("license", "")))[0]
    return {
        "task": name, "title": str(facts.get("task_alias", name)), "group": path.parent.name, "file": str(path),
        "n": rows, "scorer": str(facts.get("scorer", "option_match")),
        "licence": licence or None,
    }  # fmt: skip


def _show(args: argparse.Namespace) -> int:
    task, path = find_task(args.task)
    if output.chosen(args) == "json":
        output.write(task.model_dump_json(indent=1, by_alias=True, exclude_none=True) + "\n", args.out)
        return 0
    source = task.source
    lines = [
        f"{task.task}: {task.title}",
        f"  {task.description}" if task.description else "",
        f"  file       {path}",
        f"  data       {task.dataset_path} @ {task.dataset_revision or 'main (resolved and recorded at first use)'}",
        f"  rows       {task.expected_rows or 'unknown'}",
        f"  paper      {source.paper or '-'}   licence {source.license or 'unknown'}   version {source.version or '-'}",
        f"  scorer     {task.scorer}   extraction {', '.join(task.extraction)}",
        f"  chance     {task.chance}",
        f"  breakdown  {', '.join(task.breakdown) or '-'}",
        "  prompts",
    ]
    for prompt in task.prompt:
        lines.append(f"    {prompt.name} ({' then '.join(prompt.order)}) {prompt.source or ''}")
        lines.extend(f"      | {line}" for line in (prompt.text or "").splitlines())
    if task.reference_scores:
        lines.append("  published scores")
        lines.extend(
            f"    {s.model:<28} {s.value:g} {s.metric}  {s.source}{'; ' + s.notes if s.notes else ''}"
            for s in task.reference_scores
        )
    output.write("\n".join(line for line in lines if line) + "\n", args.out)
    return 0


def _check(args: argparse.Namespace) -> int:
    from audiobench.task.check import check

    if args.data and args.data.endswith((".yaml", ".yml")):  # `--data` alone, before the task's file
        args.files, args.data = [args.data, *args.files], ""
    if not args.files:
        raise UsageError("tasks check: name a task YAML")
    findings = []
    for file in map(Path, args.files):
        found = check(file)
        if not found and args.data is not None:
            from audiobench.data.checking import data_findings

            found, notes = data_findings(file, Path(args.data.rpartition("=")[2]) if args.data else None)
            print("".join(f"{file}: note: {note}\n" for note in notes), end="")
        findings += found
    for finding in findings:
        print(finding, file=sys.stderr)
    if findings:
        return 2
    print(f"{len(args.files)} file{'s' if len(args.files) != 1 else ''}: no findings")
    return 0


def _fetch(args: argparse.Namespace) -> int:
    from audiobench import data as dataset

    for name in expand(args.task):
        task, path = find_task(name)
        data = dataset.load(task, path, progress=dataset.announce(task.task), refresh=args.refresh)
        print(f"{task.task}: {data.total} rows from {data.source} @ {data.revision or 'local'}")
        for note in data.notes:
            print(f"  note: {note}")
    return 0
