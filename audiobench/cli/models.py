"""`audiobench models list | show`."""

from __future__ import annotations

import argparse
import sys

from audiobench.cli import output
from audiobench.core.sheet import Column, Sheet, console
from audiobench.model.registry import find_model, keys_of, model_files
from audiobench.model.spec import ModelSpec


def run(args: argparse.Namespace) -> int:
    """Do the action."""
    return _list(args) if args.action == "list" else _show(args)


def _list(args: argparse.Namespace) -> int:
    specs = [find_model(name) for name in model_files()]
    form = output.chosen(args)
    if form == "json":
        rows = [{**spec.model_dump(mode="json", exclude_none=True), "keys": keys_of(spec)} for spec in specs]
        output.write_json(rows, args.out)
        return 0
    names = ("model", "adapter", "think", "formats", "$ per M tokens", "key", "served as", "retires")
    rows = [_row(spec) for spec in specs]
    if form == "text" and args.out is None and not sys.stdout.isatty():
        output.write(output.lines([names, *rows]))
        return 0

    sheet = Sheet("", [Column(name, text=True, later=name in ("served as", "retires")) for name in names], left=1)
    sheet.rows += rows
    sheet.notes.append(
        "price: text in / audio in / out, today; key: the environment variable that holds it, ! where unset"
    )
    output.write_sheets([sheet], form, args.out)
    return 0


def _row(spec: ModelSpec) -> tuple[str, ...]:
    import os
    from datetime import date

    modes = [mode for mode in ("on", "off", "budget") if getattr(spec.thinking, mode).how != "unsupported"]
    price = spec.price_on(date.today())
    parts = () if price is None else (price.input, price.audio_input, price.output)
    keys = keys_of(spec)
    key = " + ".join(" or ".join(names) for names in keys)
    unset = " !" if not all(any(os.environ.get(name) for name in names) for names in keys) else ""
    return (
        spec.name, spec.adapter, ",".join(modes) or "-", " ".join(spec.audio.formats) or "-",
        " / ".join("-" if part is None else f"{part:g}" for part in parts) or "-", key + unset or "-", spec.served_model,
        str(spec.retires_on or "-"),
    )  # fmt: skip


def _show(args: argparse.Namespace) -> int:
    spec = find_model(args.model)
    if output.chosen(args) == "json":
        output.write(spec.model_dump_json(indent=1, exclude_none=True) + "\n", args.out)
        return 0
    import yaml

    declared = spec.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    longest = max(map(len, str(declared).split()))  # a line may end with a word that begins within the width
    width = max(40, console().width - min(longest, 24))
    output.write(yaml.safe_dump(declared, sort_keys=False, allow_unicode=True, width=width) + "\n", args.out)
    return 0
