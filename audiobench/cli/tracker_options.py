"""The options of commands that hand results to experiment trackers."""

from __future__ import annotations

import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--log-to", metavar="TRACKER[:PROJECT]",
        help="also send the results to wandb, mlflow, trackio or tensorboard, comma-separated",
    )  # fmt: skip
    parser.add_argument("--page-url", metavar="URL", help="address of the run's page, for --log-to to link")
