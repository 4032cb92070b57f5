"""`audiobench serve MODEL`."""

from __future__ import annotations

import argparse
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("model", help="declared model or model YAML")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one (default 8000)")
    parser.add_argument(
        "--tensor-parallel", type=int, metavar="N", help="GPUs (default: from what is visible and free)"
    )
    parser.add_argument("--log", type=Path, metavar="FILE", help="the server's own output (default: a temporary file)")
    parser.add_argument("--dry-run", action="store_true", help="print the command, also where it cannot run")
    parser.usage = "%(prog)s [options] model [-- ARGS ...]"
    parser.epilog = "ARGS, after --: further options for vLLM's server."


def run(args: argparse.Namespace) -> int:
    """Start the server and keep it until it is interrupted or ends."""
    import shlex
    import signal
    import sys
    import time

    from audiobench.errors import ExitCode, IncompleteError
    from model_adapters.launch import plan_server, serve
    from model_adapters.registry import find_model

    spec = find_model(args.model)
    common = {"host": args.host, "tensor_parallel": args.tensor_parallel, "extra_args": args.after_dashes}
    if args.dry_run:
        plan = plan_server(spec, port=args.port or 8000, anywhere=True, **common)
        if plan.not_here:
            print(f"not for this machine: {plan.not_here}", file=sys.stderr)
            print(
                "paths in the command are this machine's; elsewhere `audiobench serve` finds its own", file=sys.stderr
            )
        print(" ".join([*(f"{k}={shlex.quote(v)}" for k, v in plan.environment.items()), shlex.join(plan.command)]))
        return int(ExitCode.OK)

    def terminate(*_: object) -> None:
        raise SystemExit(int(ExitCode.SIGTERM))

    signal.signal(signal.SIGTERM, terminate)
    with serve(spec, port=args.port, log=args.log, **common) as server:
        print(f"{spec.name}: {server.base_url}  (log: {server.log}; stop with Ctrl-C)", flush=True)
        print(f"  audiobench run --model {args.model} --base-url {server.base_url} --tasks ...", flush=True)
        try:
            while server.running():
                time.sleep(0.5)
        except KeyboardInterrupt:
            return int(ExitCode.OK)
        raise IncompleteError(f"the server of {spec.name} has ended; log: {server.log}")
