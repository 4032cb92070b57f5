"""What commands that ask a model about the responses of a run share."""

from __future__ import annotations

import argparse
from pathlib import Path

from audiobench.ask.annotate import Terms
from audiobench.cli import output
from audiobench.results import cost


def terms(args: argparse.Namespace, folder: Path, *parts: str) -> Terms:
    """The options of `audiobench.cli.asking_options`; what these parts of the run have cost already counts too."""
    spent = sum(share.dollars or 0.0 for share in cost.of_stages(folder) if share.part in parts)
    quiet = output.chosen(args) == "json"
    return Terms(args.attempts, args.timeout, args.max_concurrency, args.allow_other_model, quiet, args.max_cost, spent)
