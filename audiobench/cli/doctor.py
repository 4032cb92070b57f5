"""`audiobench doctor [MODEL]`."""

from __future__ import annotations

import argparse

from audiobench.cli import output
from audiobench.core.errors import UsageError
from audiobench.doctor import machine
from audiobench.doctor.cluster import of_cluster


def run(args: argparse.Namespace) -> int:
    """Look, and say what is wrong."""
    from dataclasses import asdict

    if args.ray_address is not None and args.engine != "ray":
        raise UsageError("--ray-address: goes with --engine ray")
    checks, form = machine.doctor(args.model), output.chosen(args)
    if args.engine == "ray":
        # what this machine lacks to serve the model says nothing about the nodes
        checks = [check for check in checks if check.name != "serving"] + of_cluster(args.ray_address, args.model)
    code = int(machine.exit_code(checks))
    if form == "json":
        output.write_json({"checks": [asdict(check) for check in checks], "exit_code": code}, args.out)
    else:
        output.write_sheets([machine.check_sheet(checks)], form, args.out)
    return code
