"""`audiobench difficulty`."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, to_builtins

from audiobench.analysis.across import check_withheld, shared_tasks
from audiobench.analysis.arms import Selector
from audiobench.analysis.difficulty import ManifestLine, RewardLine, difficulties
from audiobench.analysis.measure import is_share
from audiobench.analysis.sheets import points
from audiobench.analysis.training_rows import training_row, write_parquet
from audiobench.cli import output
from audiobench.cli.names import named
from audiobench.core.disk import write_whole
from audiobench.core.errors import ExitCode, UsageError
from audiobench.core.plain_text import plural
from audiobench.core.sheet import Sheet
from audiobench.results.runs import Run


class Passes(Struct, kw_only=True):
    """One task's samples by how often they were passed."""

    task: str
    n: int
    k: int
    keep: tuple[int, int]
    kept: int
    too_hard: int
    too_easy: int
    incomplete: int
    """Samples with fewer than k answers."""
    passed_histogram: list[int]
    pass_at: dict[str, float]


def run(args: argparse.Namespace) -> int:
    """Count passes, write the manifest and the rewards, summarise."""
    low, high = _range(args.keep, args.k)
    selector = Selector.parse(str(args.run_folder))
    names, _ = shared_tasks([selector], named(args.tasks))
    manifest: list[ManifestLine] = []
    rewards: list[RewardLine] = []
    rows: list[dict[str, Any]] = []
    summaries: list[Passes] = []
    for name in names:
        arms = selector.arms(name, prompts=True)
        check_withheld(arms[0].task_run.task)
        if not is_share(arms[0].task_run.task):
            raise UsageError(f"task {name}: its metric does not count right answers, so there are no passes to count")
        if len(arms) > 1:
            have = "; ".join(f"think={arm.how.think},audio={arm.how.audio}" for arm in arms)
            raise UsageError(f"{selector.text}: several conditions; name one as RUN:CONDITION; it has: {have}")
        asked = arms[0].task_run.epochs
        if asked < args.k:
            raise UsageError(
                f"{selector.text}: task {name} has {asked} {plural(asked, 'epoch')}, but --k is {args.k}; "
                f"first run:\n  {_command(selector.run, args.k)}"
            )
        found, short = difficulties(arms[0], args.k)
        histogram = [sum(d.passed == c for d in found) for c in range(args.k + 1)]
        kept = [d for d in found if low <= d.passed <= high]
        chosen = found if args.all else kept
        manifest += [d.manifest(name, (low, high)) for d in chosen]
        rows += [training_row(d, name, (low, high)) for d in chosen] if args.trainer else []
        rewards += [line for d in (found if args.rewards_of == "all" else kept) for line in d.rewards(name)]
        n = len(found)
        summaries.append(
            Passes(
                task=name, n=n, k=args.k, keep=(low, high), kept=len(kept), too_hard=sum(histogram[:low]),
                too_easy=sum(histogram[high + 1 :]), incomplete=short, passed_histogram=histogram,
                pass_at={str(k): sum(d.pass_at[k] for d in found) / n for k in range(1, args.k + 1)} if n else {},
            )
        )  # fmt: skip
    out = args.out or selector.run.folder / "difficulty.jsonl"
    _write(out, manifest)
    if args.trainer is not None:
        write_parquet(args.trainer, rows)
    if args.rewards is not None:
        _write(args.rewards, rewards)
    code = ExitCode.INCOMPLETE if any(s.incomplete for s in summaries) else ExitCode.OK
    _report(args, summaries, out, len(manifest), len(rewards), int(code))
    return int(code)


def _report(
    args: argparse.Namespace, summaries: Sequence[Passes], out: Path, lines: int, rewards: int, code: int
) -> None:
    form = output.chosen(args)
    if form == "json":
        files = {
            "manifest": str(out),
            "trainer": str(args.trainer) if args.trainer else None,
            "rewards": str(args.rewards) if args.rewards else None,
        }
        output.write_json({"tasks": summaries, **files, "exit_code": code})
        return

    sheet = Sheet(
        f"samples by how many of {args.k} answers are right",
        ("task", "n", *map(str, range(args.k + 1)), "kept", "too hard", "too easy", "pass@1", f"pass@{args.k}"),
    )
    for s in summaries:
        ends = [points(s.pass_at.get(str(k))) for k in (1, args.k)]
        counts = [str(count) for count in (s.kept, s.too_hard, s.too_easy)]
        sheet.rows.append((s.task, str(s.n), *map(str, s.passed_histogram), *counts, *ends))
        if s.incomplete:
            sheet.notes.append(f"{s.task}: {s.incomplete} samples have fewer than {args.k} answers and are left out")
        if s.n and args.k > 1 and not any(s.passed_histogram[1:-1]):
            sheet.notes.append(
                f"{s.task}: each sample is passed always or never; at temperature 0 all answers are alike "
                "(run with --gen temperature=1)"
            )
    sheet.notes.append(f"kept: {args.keep} of {args.k} right; {lines} manifest lines in {out}")
    if args.trainer:
        sheet.notes.append(f"for TRL and verl: {args.trainer}")
    if args.rewards:
        sheet.notes.append(f"{rewards} responses with 0.8 x right + 0.2 x reasoning present in {args.rewards}")
    output.write_sheets([sheet], form)


def _range(text: str, k: int) -> tuple[int, int]:
    low, dots, high = text.partition("..")
    if not dots or not low.isdecimal() or not high.isdecimal() or not int(low) <= int(high) <= k or k < 1:
        raise UsageError(f"--keep {text}: expected LOW..HIGH within 0..{k} (--k), such as 3..6")
    return int(low), int(high)


def _command(run: Run, k: int) -> str:
    """How the run gets K epochs."""
    words = ["audiobench", "run", "--from", str(run.folder / "run.json")]
    if not run.info.starts:
        words = run.info.command or ["audiobench", "run"]
    return shlex.join([*words, "--epochs", str(k)])


def _write(path: Path, lines: Iterable[Struct]) -> None:
    import orjson

    write_whole(path, b"".join(orjson.dumps(to_builtins(line), option=orjson.OPT_APPEND_NEWLINE) for line in lines))
