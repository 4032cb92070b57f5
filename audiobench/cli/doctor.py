"""`audiobench doctor [MODEL]`."""

from __future__ import annotations

import argparse

from audiobench.doctor import machine


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("model", nargs="?", help="declared model or model YAML to check as well")
    parser.add_argument("--json", action="store_true", help="print the checks as JSON")


def run(args: argparse.Namespace) -> int:
    """Look, and say what is wrong."""
    checks = machine.doctor(args.model)
    if not args.json:
        return int(machine.show(checks))
    import json
    from dataclasses import asdict

    code = machine.exit_code(checks)
    print(json.dumps({"checks": [asdict(check) for check in checks], "exit_code": int(code)}, indent=1))
    return int(code)
