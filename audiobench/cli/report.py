"""`audiobench report`: tables from results, made anew from the journals."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from audiobench.cli import output, trackers
from audiobench.core.errors import UsageError
from audiobench.core.sheet import Sheet, console
from audiobench.files.summary_entry import SummaryEntry
from audiobench.report.serving import served, serving_sheets
from audiobench.report.terminal import (
    breakdown_table,
    condition_label,
    engine_lines,
    group_sheet,
    print_run,
    score_sheet,
    turn_sheets,
)
from audiobench.results import cost
from audiobench.results.groups import group_scores
from audiobench.results.runs import Run, find_runs
from audiobench.results.selection import chosen, split
from audiobench.results.summary import summaries
from audiobench.task.spec import TaskSpec


def run(args: argparse.Namespace) -> int:
    """Summarise and print."""
    trackers.asked(args)
    form = output.chosen(args)
    if args.serving and args.breakdown:
        raise UsageError("--serving and --breakdown: two tables; give one of them")
    if form == "json" and args.breakdown:
        raise UsageError("--breakdown: JSON has all breakdowns; leave out one of the two")
    found = _summarised(args.runs)
    for opened, entries in found:
        trackers.log(args, opened, entries)
    if args.serving:
        _show_serving(found, form, args.out)
        return 0
    if form == "json":
        document = [
            {"run": str(r.folder), "model": r.model, "name": r.info.name, "dollars": costs[0].dollars, "costs": costs,
             "results": entries, "groups": group_scores(entries, _tasks(r))}
            for r, entries in found
            if (costs := cost.account(r.folder, r.spec))
        ]  # fmt: skip
        output.write_json(document, args.out)
        return 0
    columns = sorted({column for run, _ in found for task in run.tasks.values() for column in task.task.breakdown})
    if args.breakdown and args.breakdown not in columns:
        raise UsageError(f"--breakdown {args.breakdown}: no such column; they are: {', '.join(columns) or 'none'}")
    if args.breakdown or form != "text" or args.out is not None:
        output.write_sheets(
            [s for run, entries in found for s in _sheets(run, entries, args.breakdown)], form, args.out
        )
        return 0

    for run, entries in found:
        out = console()
        out.print(run.title, style="bold", markup=False)
        print_run(entries, _tasks(run), run.folder, groups=group_scores(entries, _tasks(run)))
        for sheet in _by_turn(run, entries):
            out.print(sheet, crop=False)
        for line in engine_lines(run.info):
            out.print(line, markup=False, soft_wrap=True)
        if line := cost.account_line(cost.account(run.folder, run.spec)):
            out.print(line, markup=False, soft_wrap=True)
    return 0


def _show_serving(found: Sequence[tuple[Run, list[SummaryEntry]]], form: str, out: Path | None) -> None:
    """How each run's server did."""
    runs = [(run, served(run, entries)) for run, entries in found]
    if form == "json":
        output.write_json([one for _, figures in runs for one, _ in figures], out)
        return
    output.write_sheets([s for run, figures in runs if figures for s in serving_sheets(figures, run.title)], form, out)
    for run, figures in runs:
        if not figures:
            print(f"{run.folder}: no answer with a measured time", file=sys.stderr)


def _summarised(texts: Sequence[str]) -> list[tuple[Run, list[SummaryEntry]]]:
    """Each run with the entries of the conditions that were asked for.

    Raises:
        UsageError: no such run, or it has no such condition.
    """
    found: list[tuple[Run, list[SummaryEntry]]] = []
    for text in texts:
        path, wanted = split(text)
        kept = [
            (run, [e for e in summaries(run) if chosen(e.condition.condition, wanted)]) for run in find_runs([path])
        ]
        if not any(entries for _, entries in kept) and wanted:
            raise UsageError(f"{text}: no result has this condition")
        found += [(run, entries) for run, entries in kept if entries or not wanted]
    return found


def _tasks(run: Run) -> dict[str, TaskSpec]:
    return {name: task_run.task for name, task_run in run.tasks.items()}


def _by_turn(run: Run, entries: Sequence[SummaryEntry]) -> list[Sheet]:
    """What each turn took, at today's price, where exchanges took several."""
    several = [entry for entry in entries if entry.turns]
    return turn_sheets(several, run.spec.price_on(date.today())) if several else []


def _sheets(run: Run, entries: Sequence[SummaryEntry], breakdown: str | None) -> list[Sheet]:
    """The scores of a run, or one breakdown of them."""
    if breakdown is None:
        groups = group_scores(entries, _tasks(run))
        averages = [group_sheet(groups, f"{run.title}: groups")] if groups else []
        return [score_sheet(entries, _tasks(run), run.title), *averages, *_by_turn(run, entries)]
    return [
        breakdown_table(entry, breakdown, f"{run.title}: {entry.task}, {condition_label(entry)}")
        for entry in entries
        if breakdown in entry.breakdowns
    ]
