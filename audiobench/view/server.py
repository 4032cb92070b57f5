"""The page over http on this machine, for runs too big for pictures made ahead: audio with Range requests.

Answers only on 127.0.0.1 and only to requests that name it as host (so that no web page elsewhere can read a run by
pointing its own name here). Serves the files that `write_site` wrote, and the clips that the journals name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from audiobench.core import event_loop
from audiobench.core.errors import UsageError
from audiobench.view.clips import FoundClip

if TYPE_CHECKING:
    from aiohttp import web

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
HOSTS = ("127.0.0.1", "localhost")


def application(folder: Path, clips: Mapping[str, FoundClip]) -> web.Application:
    """The routes: `/`, `/app/*`, `/data/*` from `folder`, and `/audio/<sha256>` from `clips`."""
    from aiohttp import web

    @web.middleware
    async def guard(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if request.host.rsplit(":", 1)[0] not in HOSTS:
            raise web.HTTPForbidden(text="this server answers to 127.0.0.1 only\n")
        response = await handler(request)
        response.headers.update(HEADERS)
        return response

    async def page(_: web.Request) -> web.FileResponse:
        return web.FileResponse(folder / "index.html")

    async def audio(request: web.Request) -> web.FileResponse:
        clip = clips.get(request.match_info["sha256"])
        if clip is None or clip.format is None or not clip.path.is_file():
            raise web.HTTPNotFound(text="no such clip in these runs\n")
        return web.FileResponse(clip.path, headers={"Content-Type": clip.type})

    app = web.Application(middlewares=[guard])
    app.router.add_get("/", page)
    app.router.add_get("/index.html", page)
    app.router.add_get("/audio/{sha256:[0-9a-f]{64}}", audio)
    app.router.add_static("/app", folder / "app", follow_symlinks=False)
    app.router.add_static("/data", folder / "data", follow_symlinks=False)
    return app


def serve(folder: Path, clips: Mapping[str, FoundClip], port: int, ready: Callable[[str], None]) -> None:
    """Serve until interrupted; `ready` gets the address once it answers. Port 0 takes a free one.

    Raises:
        UsageError: the port is taken.
    """
    import asyncio
    import contextlib
    import signal

    from aiohttp import web

    async def run() -> None:
        runner = web.AppRunner(application(folder, clips), access_log=None, handle_signals=False)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            raise UsageError(f"--port {port}: {error.strerror}; give another, or 0 for a free one") from None
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(name, stop.set)
        ready(f"http://127.0.0.1:{runner.addresses[0][1]}/")
        await stop.wait()
        await runner.cleanup()

    event_loop.run(run())
