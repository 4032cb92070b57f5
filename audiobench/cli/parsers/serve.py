"""The options of `audiobench serve`."""

from __future__ import annotations

import argparse
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("model", help="declared model or model YAML")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one (default 8000)")
    parser.add_argument("--tensor-parallel", type=int, metavar="N", help="GPUs a server (default: the fewest that fit)")
    parser.add_argument("--log", type=Path, metavar="FILE", help="the server's own output (default: a temporary file)")
    parser.add_argument(
        "--dry-run", action="store_true", help="print the plan and its commands, also where they cannot run"
    )
    parser.add_argument(
        "--gpus",
        metavar="NxCARD",
        help="with --dry-run: plan for these GPUs, such as 8xH100-80, not for this machine's",
    )
    parser.usage = "%(prog)s [options] model [-- ARGS ...]"
    parser.epilog = f"ARGS, after --: further options for vLLM's server.\n\n{parser.epilog}"
