"""`audiobench view`: a page for looking at samples and listening to them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from audiobench.cli.names import listed
from audiobench.core.errors import UsageError
from audiobench.results.runs import Run, find_runs
from audiobench.view.collect import TaskPage, collect
from audiobench.view.server import serve
from audiobench.view.site import DEFAULT_PICTURES, write_site


def run(args: argparse.Namespace) -> int:
    """Write the page, or serve it until interrupted."""
    if args.out is None and (args.embed or args.pictures is not None):
        raise UsageError("--embed and --pictures need --out DIR")
    if args.pictures is not None and args.pictures < 0:
        raise UsageError(f"--pictures {args.pictures}: must be 0 or more")
    if not 0 <= args.port <= 65535:
        raise UsageError(f"--port {args.port}: must be between 0 and 65535")
    runs = list({run.folder.resolve(): run for path in args.runs for run in find_runs([path])}.values())
    pages = collect(runs)
    if args.out is None:
        return _serve(args, runs, pages)
    only = listed(args.embed) if args.embed else None
    written = write_site(
        runs,
        pages,
        args.out,
        audio="embedded" if only else "path",
        only=only,
        pictures=DEFAULT_PICTURES if args.pictures is None else args.pictures,
    )
    print(f"{args.out / 'index.html'}: {written.samples} samples, {written.files} files, {written.bytes / 1e6:.1f} MB")
    if written.missing_clips:
        print(f"note: {written.missing_clips} clips are not (or no longer) where the journal says; they cannot play")
    if args.open:
        _open((args.out / "index.html").resolve().as_uri())
    return 0


def _serve(args: argparse.Namespace, runs: Sequence[Run], pages: list[TaskPage]) -> int:
    import tempfile

    def ready(address: str) -> None:
        print(f"audiobench view: {address}  (Ctrl-C stops it)", flush=True)
        if args.open:
            _open(address)

    with tempfile.TemporaryDirectory(prefix="audiobench-view-") as folder:
        written = write_site(runs, pages, Path(folder), audio="served")
        pages.clear()
        serve(Path(folder), written.clips.by_sha, args.port, ready)
    return 0


def _open(address: str) -> None:
    import webbrowser

    webbrowser.open(address)
