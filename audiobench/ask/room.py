"""How many clips a request may hold, counted as they are sent: a clip that is cut into chunks is several."""

from __future__ import annotations

import math
from collections.abc import Iterable

from audiobench import media as audio
from audiobench.core.errors import UsageError
from audiobench.core.narrow import is_object
from audiobench.core.types import Clip
from audiobench.media.support import AudioSupport
from audiobench.model.spec import ModelSpec


def pieces(clip: Clip, support: AudioSupport) -> int:
    """How many audio parts a clip is sent as; 1 where its length is not known before it is read."""
    if support.chunk_seconds is None:
        return 1
    seconds = audio.duration(clip) if clip.span is None else clip.span[1] - clip.span[0]
    return 1 if seconds is None else max(1, math.ceil(seconds / support.chunk_seconds))


def most_of_one(clips: Iterable[Clip], support: AudioSupport) -> int:
    """Parts of the longest of these clips."""
    return max((pieces(clip, support) for clip in clips), default=1)


def check_room(model: ModelSpec, parts: int, of: str, remedy: str) -> None:
    """Raise UsageError where so many parts of sound are more than a request may hold.

    Args:
        model: its file says what it takes (`audio.max_clips`) and how its server is started.
        parts: the most that a request will hold, chunks counted.
        of: what holds them, in words.
        remedy: what can be done, in words.
    """
    cut = f" (clips over {model.audio.chunk_seconds:g} s are cut)" if model.audio.chunk_seconds is not None else ""
    if model.audio.max_clips is not None and parts > model.audio.max_clips:
        raise UsageError(
            f"model {model.name} takes {model.audio.max_clips} clips, and {of} up to {parts}{cut}: {remedy}"
        )
    limits = model.serve.args.get("limit-mm-per-prompt") if model.serve else None
    limit = limits.get("audio") if is_object(limits) else None
    if isinstance(limit, int) and parts > limit:
        raise UsageError(
            f"model {model.name} is served with limit-mm-per-prompt: {{audio: {limit}}}, and {of} up to {parts}{cut}: raise it "
            f"in the model file, or {remedy}"
        )
