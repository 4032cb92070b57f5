"""`audiobench serve MODEL`."""

from __future__ import annotations

import argparse
import contextlib
import signal
import time
from typing import Any

from audiobench.core import event_loop
from audiobench.core.errors import ExitCode, IncompleteError, UsageError
from audiobench.files.option_kinds import Least
from audiobench.model.adapter import RunError
from audiobench.model.registry import find_model
from audiobench.model.spec import ModelSpec
from audiobench.replicas import library
from audiobench.replicas.fleet import Fleet
from audiobench.replicas.survey import gpus_of
from audiobench.replicas.wanted import Wanted
from audiobench.replicas.wire import Charge
from audiobench.serving import gpus, planner
from audiobench.serving.launch import serve


def run(args: argparse.Namespace) -> int:
    """Start the servers and keep them until they are interrupted or one ends."""
    spec = find_model(args.model)
    if args.gpus is not None and not args.dry_run:
        raise UsageError("--gpus: only with --dry-run; CUDA_VISIBLE_DEVICES chooses among the GPUs that are here")
    if args.engine == "ray":
        return _on_replicas(args, spec)
    if args.replicas is not None or args.ray_address is not None:
        raise UsageError("--replicas and --ray-address: go with --engine ray")
    common = {"host": args.host, "tensor_parallel": args.tensor_parallel, "extra_args": args.after_dashes}
    if args.dry_run:
        _dry_run(args, spec, common)
        return int(ExitCode.OK)

    signal.signal(signal.SIGTERM, _terminate)
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


def _terminate(*_: object) -> None:
    raise SystemExit(int(ExitCode.SIGTERM))


def _on_replicas(args: argparse.Namespace, spec: ModelSpec) -> int:
    """A server on each replica, until all are interrupted; who joins later is told as it comes up."""
    if args.dry_run or args.gpus is not None or args.log is not None:
        raise UsageError("--engine ray: --dry-run, --gpus and --log are for servers of this machine")
    if not planner.starts_server(spec, ()):
        raise UsageError(planner.no_server(spec))
    try:
        least, most = Least().read(args.replicas or 1)
    except ValueError as error:
        raise UsageError(f"--replicas {error}") from error
    host = "0.0.0.0" if args.host == "127.0.0.1" else args.host  # others are to reach it
    wanted = Wanted(least, most, args.ray_address)
    told: set[str] = set()

    def tell() -> None:
        for url, log in fleet.servers().items():
            if url not in told:
                told.add(url)
                print(f"{spec.name}: {url}  (log there: {log}; stop all with Ctrl-C)", flush=True)

    async def attend() -> None:
        try:
            await fleet.attend(tell)
        finally:
            await fleet.close()

    signal.signal(signal.SIGTERM, _terminate)
    with contextlib.ExitStack() as holds:
        holds.enter_context(library.joined(wanted.address, wanted.cpus))
        each = float(args.tensor_parallel) if args.tensor_parallel else gpus_of(spec)
        charge = Charge(spec, gpus=each, host=host, extra_args=tuple(args.after_dashes))
        fleet = holds.enter_context(Fleet(charge, wanted))
        try:
            event_loop.run(fleet.wait())
            tell()
            where = " ".join(f"--base-url {url}" for url in fleet.servers())
            print(f"  audiobench run --model {args.model} {where} --tasks ...", flush=True)
            event_loop.run(attend())
        except KeyboardInterrupt:
            return int(ExitCode.OK)
        except RunError as error:
            raise IncompleteError(str(error)) from error
    return int(ExitCode.OK)


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
