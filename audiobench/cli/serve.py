"""`audiobench serve MODEL`."""

from __future__ import annotations

import argparse
from typing import Any

from audiobench.core.errors import ExitCode, IncompleteError, UsageError
from audiobench.model.registry import find_model
from audiobench.model.spec import ModelSpec
from audiobench.serving import gpus, planner
from audiobench.serving.launch import serve


def run(args: argparse.Namespace) -> int:
    """Start the servers and keep them until they are interrupted or one ends."""
    import signal
    import time

    spec = find_model(args.model)
    if args.gpus is not None and not args.dry_run:
        raise UsageError("--gpus: only with --dry-run; CUDA_VISIBLE_DEVICES chooses among the GPUs that are here")
    common = {"host": args.host, "tensor_parallel": args.tensor_parallel, "extra_args": args.after_dashes}
    if args.dry_run:
        _dry_run(args, spec, common)
        return int(ExitCode.OK)

    def terminate(*_: object) -> None:
        raise SystemExit(int(ExitCode.SIGTERM))

    signal.signal(signal.SIGTERM, terminate)
    with serve(spec, port=args.port, log=args.log, **common) as server:
        for url, log in zip(server.base_urls, server.logs, strict=True):
            print(f"{spec.name}: {url}  (log: {log}; stop with Ctrl-C)", flush=True)
        where = " ".join(f"--base-url {url}" for url in server.base_urls)
        print(f"  audiobench run --model {args.model} {where} --tasks ...", flush=True)
        try:
            while server.running():
                time.sleep(0.5)
        except KeyboardInterrupt:
            return int(ExitCode.OK)
        raise IncompleteError(f"a server of {spec.name} has ended; log: {', '.join(map(str, server.logs))}")


def _dry_run(args: argparse.Namespace, spec: ModelSpec, common: dict[str, Any]) -> None:
    """The plan as comments, then a command for each server."""
    import shlex
    import sys

    there: dict[str, Any] = {"gpus": gpus.imagined(args.gpus), "cpu": False} if args.gpus is not None else {}
    plan = planner.plan_server(spec, port=args.port or 8000, anywhere=True, **there, **common)
    if args.gpus is not None and plan.fit is None:
        raise UsageError(plan.not_here or "")
    if plan.not_here and args.gpus is None:
        print(f"not for this machine: {plan.not_here}", file=sys.stderr)
    if plan.not_here:
        print("paths in the command are this machine's; elsewhere `audiobench serve` finds its own", file=sys.stderr)
    for line in plan.fit.lines() if plan.fit else ():
        print(f"# {line}")
    for launch in plan.launches:
        settings = [f"{name}={shlex.quote(value)}" for name, value in launch.environment.items()]
        print(" ".join([*settings, shlex.join(launch.command)]))
