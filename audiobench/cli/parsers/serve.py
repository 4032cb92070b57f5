"""The options of `audiobench serve`."""

from __future__ import annotations

import argparse
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("model", help="a name from `audiobench models list`, or a YAML file")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on; 0 chooses a free one (default 8000)")
    parser.add_argument(
        "--tensor-parallel", type=int, metavar="N", help="GPUs per server (default: as few as the model needs)"
    )
    parser.add_argument(
        "--log", type=Path, metavar="FILE", help="where to write the server's output (default: a temporary file)"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="only print the plan and its commands, even if they cannot run here"
    )
    parser.add_argument(
        "--gpus",
        metavar="NxCARD",
        help="with --dry-run: plan for these GPUs (such as 8xH100-80) instead of this machine's",
    )
    parser.add_argument(
        "--engine", choices=("local", "ray"), default="local",
        help="ray: a server on each of some replicas of a Ray cluster, on free ports (default: local)",
    )  # fmt: skip
    parser.add_argument("--replicas", metavar="N|A:B", help="with --engine ray: as for audiobench run (default: 1)")
    parser.add_argument("--ray-address", metavar="ADDRESS", help="with --engine ray: as for audiobench run")
    parser.usage = "%(prog)s [options] model [-- ARGS ...]"
    parser.epilog = f"ARGS: further options for vLLM's server.\n\n{parser.epilog}"
