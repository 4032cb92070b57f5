"""Run a command that ends when its starter does: `python -m audiobench.serving.tether COMMAND...`, stdin a pipe.

The starter keeps the pipe's other end open. When that end closes, by a clean stop, a crash or SIGKILL, the command's
whole process group is asked to stop and, if it does not, killed. Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading

GRACE = 20.0
"""Seconds between SIGTERM and SIGKILL."""


def main(command: list[str]) -> int:
    """Run `command`; its exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    signal.signal(signal.SIGTERM, lambda number, frame: _stop(child, signal.SIGTERM))
    threading.Thread(target=_watch, args=(child,), daemon=True).start()
    code = child.wait()
    _stop(child, signal.SIGKILL)  # what the command may have left behind in its group
    return code if code >= 0 else 128 - code


def _watch(child: subprocess.Popen[bytes]) -> None:
    while os.read(0, 1024):
        pass
    _stop(child, signal.SIGTERM)
    try:
        child.wait(GRACE)
    except subprocess.TimeoutExpired:
        _stop(child, signal.SIGKILL)


def _stop(child: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
