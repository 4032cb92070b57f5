"""Closing an adapter when every answer is in: what fails there changes no answer."""

from __future__ import annotations

import sys

from audiobench.core.plain_text import one_line
from audiobench.core.redact import redacted
from audiobench.model.adapter import Adapter


async def close(adapter: Adapter) -> None:
    """Close `adapter`; an adapter of the user's own that fails at it is told on standard error, and nothing else."""
    try:
        await adapter.close()
    except (Exception, SystemExit) as error:
        said = redacted(one_line(f"{type(error).__name__}: {error}"))
        print(
            f"audiobench: warning: {type(adapter).__name__}.close() failed: {said}; every answer is kept",
            file=sys.stderr,
        )
