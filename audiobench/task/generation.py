"""Generation parameters: the names that task files may use, and which values the numeric ones take."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from audiobench.core.errors import UsageError

NUMBERS = ("temperature", "top_p", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty", "seconds")
INTEGERS = ("max_gen_toks", "top_k", "seed", "num_beams")
NAMES = (*INTEGERS, *NUMBERS, "until", "stop_token_ids", "voice_text")
"""`seconds`: how long a sound is to be; `voice_text`: the words of the sound whose voice is to speak."""


def by_sample(value: Any) -> bool:
    """Whether a parameter is a template over the row: what it is hangs on the sample."""
    return isinstance(value, str) and "{{" in value


def wrong(name: str, value: Any) -> str | None:
    """What a numeric parameter must be, if `value` is not that; None leaves a parameter out."""
    if value is None or by_sample(value) or name not in (*NUMBERS, *INTEGERS):
        return None
    if name in ("max_gen_toks", "num_beams") and not (_is_whole(value) and value > 0):
        return f"{_shown(value)}: must be a positive whole number"
    if name in INTEGERS and not _is_whole(value):
        return f"{_shown(value)}: must be a whole number of at most 64 bits"
    if name in NUMBERS and not (_is_whole(value) or (isinstance(value, float) and math.isfinite(value))):
        return f"{_shown(value)}: must be a finite number"
    return None


def check(parameters: Mapping[str, Any], where: str) -> None:
    """Raise UsageError, beginning with `where`, for the first numeric parameter that has no such value."""
    for name, value in parameters.items():
        if problem := wrong(name, value):
            raise UsageError(f"{where}: {name}: {problem}")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63


def _shown(value: Any) -> str:
    return repr(value) if not isinstance(value, int) or abs(value) < 2**63 else "a number of more than 64 bits"
