"""`audiobench models list | show`."""

from __future__ import annotations

import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands."""
    commands = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = commands.add_parser("list", help="every declared model, a line each")
    listing.add_argument("--json", action="store_true", help="the declarations as JSON")
    show = commands.add_parser("show", help="one model: how it is reached, asked and priced")
    show.add_argument("model", help="declared model, model YAML or adapter:served-name")
    show.add_argument("--json", action="store_true", help="the declaration as JSON, defaults included")


def run(args: argparse.Namespace) -> int:
    """Do the action."""
    return _list(args) if args.action == "list" else _show(args)


def _list(args: argparse.Namespace) -> int:
    from audiobench.model.registry import find_model, model_files

    specs = [find_model(name) for name in model_files()]
    if args.json:
        import json

        print(json.dumps([spec.model_dump(mode="json", exclude_none=True) for spec in specs], indent=1))
        return 0
    name, adapter = (max(len(getattr(spec, field)) for spec in specs) for field in ("name", "adapter"))
    for spec in specs:
        modes = [mode for mode in ("on", "off", "budget") if getattr(spec.thinking, mode).how != "unsupported"]
        retires = f"  retires {spec.retires_on}" if spec.retires_on else ""
        print(
            f"{spec.name:<{name}}  {spec.adapter:<{adapter}}  think: {','.join(modes) or '-':<14} {spec.served_model}{retires}"
        )
    return 0


def _show(args: argparse.Namespace) -> int:
    from audiobench.model.registry import find_model

    spec = find_model(args.model)
    if args.json:
        print(spec.model_dump_json(indent=1, exclude_none=True))
        return 0
    import yaml

    print(yaml.safe_dump(spec.model_dump(mode="json", exclude_none=True, exclude_defaults=True), sort_keys=False))
    return 0
