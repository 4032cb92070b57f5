"""Speech-Hands' own credit by action token, and its normalisation of transcripts.

github.com/YukinoWan/Speech-Hands: scripts/compute_acc.py @03d9bcf, scripts/analyze.py @ea5bae9.

What differs from a score by answers: the token alone earns full credit, whatever is written behind it, and a full stop makes
an answer another one. This is not used for our own scores; it stands beside them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from audiobench.scorers.text import whisper_basic

_ALONE = ("<internal>", "<external>", "<no_ref>")
"""Tokens that are credited without the answer."""
_MARKS = re.compile(r"<.*?>|\(.*?\)|\{.*?\}")


def credit(said: str | Sequence[str], gold: str) -> int:
    """`acc`: 1 for the same `<internal>`, `<external>` or `<no_ref>` on both sides, else for equal normalised answers."""
    if any(token in said and token in gold for token in _ALONE):
        return 1
    gold = gold.split(">")[1].strip() if ">" in gold else gold
    if not isinstance(said, str):
        return int(any(whisper_basic(one.strip()) == whisper_basic(gold) for one in said))
    said = said.split(">")[1].strip() if ">" in said else said
    return int(whisper_basic(said.strip()) == whisper_basic(gold.strip()))


def stripped(text: str) -> str:
    """A transcript without action tokens and anything in brackets, as the scripts normalise it."""
    return whisper_basic(_MARKS.sub("", text))
