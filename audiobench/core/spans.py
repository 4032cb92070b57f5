"""Spans of a clip that a thought names to hear them again: `<seg>1.5, 3.0</seg>`, in seconds.

The form and the limits are those of Echo (arXiv:2602.11909; github.com/wdqqdw/Echo @7b2fdc0, inference_multiturn.py).
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterable
from typing import NamedTuple

OPEN, CLOSE = "<seg>", "</seg>"
LEAST_SECONDS = 0.2
"""Shorter spans are not heard (3,200 samples at 16 kHz)."""
_NAMED = re.compile(r"<seg>([\d.]+),\s*([\d.]+)</seg>")
_ROUNDING = 1e-6


class Span(NamedTuple):
    """A part of a clip, in seconds."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end - self.start


def last_named(text: str) -> Span | None:
    """The last span that `text` names; None where it names none, or one whose numbers are none."""
    found = _NAMED.findall(text)
    if not found:
        return None
    try:
        return Span(*map(float, found[-1]))
    except ValueError:
        return None


def audible(named: Span, seconds: float, least: float = LEAST_SECONDS) -> Span | None:
    """What can be heard of a span in a clip of so many seconds: clamped to the clip; None where less than `least` is left."""
    if not (math.isfinite(named.start) and math.isfinite(named.end)):
        return None
    span = Span(min(max(named.start, 0.0), seconds), min(named.end, seconds))
    return span if span.seconds >= least - _ROUNDING else None


def another(span: Span, seconds: float, seed: str) -> Span:
    """A span of equal length elsewhere in the clip, drawn by `seed` among those that share nothing with `span`.

    Where the clip has no room for one, the one that shares least; of a span that is the whole clip, itself.
    """
    length = span.seconds
    before, behind = max(span.start - length, 0.0), max(seconds - length - span.end, 0.0)
    fits_before, fits_behind = span.start >= length, seconds - span.end >= length
    drawn = random.Random(seed).random() * ((before if fits_before else 0.0) + (behind if fits_behind else 0.0))
    if fits_before and (drawn <= before or not fits_behind):
        start = min(drawn, before)
    elif fits_behind:
        start = span.end + (drawn - before if fits_before else drawn)
    else:
        start = 0.0 if span.start >= seconds - span.end else seconds - length
    return Span(start, min(start + length, seconds))


def union_seconds(spans: Iterable[Span]) -> float:
    """How much of a clip the spans cover, what several share counted once."""
    total, reached = 0.0, 0.0
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total
