"""`--log-to`: results handed to experiment trackers."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from audiobench.cli.names import listed
from audiobench.core.errors import UsageError
from audiobench.files.summary_entry import SummaryEntry
from audiobench.report import trackers
from audiobench.results.runs import Run


def asked(args: argparse.Namespace) -> list[tuple[str, str]]:
    """(tracker, project) of each that is named; raises UsageError before anything is paid."""
    if args.page_url and not args.log_to:
        raise UsageError("--page-url belongs to --log-to, which is missing")
    return trackers.targets(listed(args.log_to)) if args.log_to else []


def log(args: argparse.Namespace, run: Run, entries: Sequence[SummaryEntry]) -> None:
    """Hand over a run; raises UsageError where a tracker refuses it."""
    if named := asked(args):
        found = trackers.logged(run, entries, args.page_url)
        for kind, project in named:
            print(f"logged to {kind}: {trackers.log(found, kind, project)}", file=sys.stderr)
