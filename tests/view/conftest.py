"""Runs to look at, their pages, and a browser."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from audiobench.results.runs import Run
from audiobench.view.collect import collect
from audiobench.view.site import Written, write_site

from . import chromium
from .synthetic import hostile, many, wav, write_run


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    """Six short WAV clips, one in a folder whose name needs quoting."""
    folder = tmp_path_factory.mktemp("cache")
    return [wav(folder / ("clip #1 100%" if i == 1 else "plain") / f"{i}.wav", i, 1.0 + i % 3) for i in range(6)]


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, clips: list[dict]) -> Path:
    """300 samples under two think modes."""
    return write_run(tmp_path_factory.mktemp("runs") / "off-on", many(300, clips), model="step-audio-r1")


@pytest.fixture(scope="session")
def hostile_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that attacks whoever looks at it."""
    return hostile(tmp_path_factory.mktemp("hostile") / "run")


@pytest.fixture(scope="session")
def export(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Written]:
    """Write the page of some run directories into a fresh folder."""

    def write(*folders: Path, **options: object) -> Written:
        runs = [Run.open(folder) for folder in folders]
        return write_site(runs, collect(runs), tmp_path_factory.mktemp("page") / "out", **options)  # type: ignore[arg-type]

    return write


@pytest.fixture(scope="session")
def page(export: Callable[..., Written], run: Path) -> str:
    """Address of the page of `run`, from disk."""
    return (export(run).folder / "index.html").as_uri()


class Served:
    """The server of `audiobench view`, in a thread."""

    def __init__(self, written: Written) -> None:
        import asyncio

        from aiohttp import web

        from audiobench.view.server import application

        self.loop = asyncio.new_event_loop()
        self.runner = web.AppRunner(application(written.folder, written.clips.by_sha), access_log=None)
        self.loop.run_until_complete(self.runner.setup())
        self.loop.run_until_complete(web.TCPSite(self.runner, "127.0.0.1", 0).start())
        self.port: int = self.runner.addresses[0][1]
        self.address = f"http://127.0.0.1:{self.port}/"
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def close(self) -> None:
        """Stop serving."""
        import asyncio

        asyncio.run_coroutine_threadsafe(self.runner.cleanup(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)


@pytest.fixture(scope="session")
def served(export: Callable[..., Written], run: Path) -> Iterator[Served]:
    """The page of `run` over http."""
    server = Served(export(run, audio="served"))
    yield server
    server.close()


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Browser]:
    """One headless Chromium for all tests."""
    if chromium.executable() is None:
        pytest.skip("no Chromium on this machine (apt-get install chromium)")
    found = chromium.Browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.close()
