"""Where the data cache is."""

from __future__ import annotations

import os
from pathlib import Path


def cache_root() -> Path:
    """AUDIOBENCH_CACHE, else ~/.cache/audiobench."""
    return Path(os.environ.get("AUDIOBENCH_CACHE") or Path.home() / ".cache" / "audiobench").expanduser()
