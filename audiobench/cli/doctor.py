"""`audiobench doctor [MODEL]`."""

from __future__ import annotations

import argparse

from audiobench.cli import output
from audiobench.doctor import machine


def run(args: argparse.Namespace) -> int:
    """Look, and say what is wrong."""
    from dataclasses import asdict

    checks, form = machine.doctor(args.model), output.chosen(args)
    code = int(machine.exit_code(checks))
    if form == "json":
        output.write_json({"checks": [asdict(check) for check in checks], "exit_code": code}, args.out)
    else:
        output.write_sheets([machine.check_sheet(checks)], form, args.out)
    return code
