"""`audiobench verify`: what is wrong with the files of a run, and where."""

from __future__ import annotations

import argparse
from pathlib import Path

from audiobench.cli import output
from audiobench.core.errors import ExitCode, UsageError
from audiobench.core.plain_text import plural, printable
from audiobench.results.verify import repair, verify


def run(args: argparse.Namespace) -> int:
    """Verify each run, after its repair where that is wanted."""
    shown, told = list[dict[str, object]](), list[str]()
    for folder in _folders(args.runs):
        done = repair(folder) if args.repair else []
        found = verify(folder)
        problems = [{"file": str(p.file), "line": p.line, "problem": p.problem} for p in found.problems]
        repaired = [{"file": str(p.file), "line": p.line, "problem": p.problem} for p in done]
        shown.append(
            {
                "run": str(folder),
                "lines": found.lines,
                "unchecked": found.unchecked,
                "without_checksum": [str(file) for file in found.unsealed],
                "repaired": repaired,
                "problems": problems,
            }
        )
        told += [printable(str(problem)) for problem in (*done, *found.problems)]
        said = f"{len(problems)} {plural(len(problems), 'problem')}" if problems else "no problems"
        old = f", {found.unchecked:,} of them without a checksum" if found.unchecked else ""
        if found.unsealed:
            old += f"; without a checksum: {', '.join(str(file.relative_to(folder)) for file in found.unsealed)}"
        told.append(f"{folder}: {found.lines:,} {plural(found.lines, 'line')}{old}: {said}")
    code = ExitCode.INCOMPLETE if any(run["problems"] for run in shown) else ExitCode.OK
    if output.chosen(args) == "json":
        output.write_json({"runs": shown, "exit_code": int(code)}, args.out)
    else:
        output.write("".join(f"{line}\n" for line in told), args.out)
    return int(code)


def _folders(paths: list[Path]) -> list[Path]:
    """Run directories at or below `paths`, those that have lost their run.json included.

    Raises:
        UsageError: there is none.
    """
    found: dict[Path, None] = {}
    for path in paths:
        marks = [*path.rglob("run.json"), *(file.parent for file in path.rglob("samples.jsonl"))]
        if not marks:
            raise UsageError(f"{path}: no run found (no run.json and no TASK/samples.jsonl)")
        found.update(dict.fromkeys(sorted(mark.parent for mark in marks)))
    return list(found)
