"""The options of `audiobench tasks`."""

from __future__ import annotations

import argparse

from audiobench.cli import output


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands."""
    commands = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = commands.add_parser(
        "list",
        help="list all tasks: samples, hours of audio (? until fetched), scorer, licence, what a run needs, title",
    )
    add = listing.add_argument
    add("--groups", action="store_true", help="list groups instead of tasks, with their tasks and average")
    add("--group", metavar="NAME", help="only this group's tasks")
    add("--tag", metavar="NAME", help="only tasks with this tag")
    add(
        "--needs",
        metavar="WHAT",
        help="only tasks whose run needs this (judge, access, local, ...); `none`: tasks that need nothing",
    )
    output.configure(listing)
    show = commands.add_parser("show", help="show a task or group: source, prompts, scorer, reference scores")
    show.add_argument("task", help="task, group or task YAML")
    output.configure(show, ("text", "json"))
    check = commands.add_parser("check", help="validate a task YAML; errors name line and key")
    check.add_argument("files", nargs="*", metavar="FILE", help="task YAML")
    output.configure(check, ("text", "json"))
    check.add_argument(
        "--data",
        nargs="?",
        const="",
        metavar="PATH",
        help="also open the data (this copy, or the task's own source) and look for missing columns, clips and targets",
    )
    fetch = commands.add_parser("fetch", help="download a task's data into the cache and check it")
    fetch.add_argument("task", nargs="+", help="tasks, groups or task YAMLs")
    fetch.add_argument("--refresh", action="store_true", help="resolve an unpinned revision on the Hub again")
