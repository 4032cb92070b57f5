"""Normalisers by name: what a task's `normalizer:` makes of reference and answer before they are compared.

Built in are those below; another package brings its own by an entry point of the group `audiobench.normalizers`, a file
as `FILE.py:function`. A normaliser is a function from text to text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from importlib import import_module
from typing import cast

from audiobench.core import plugins
from audiobench.core.errors import UsageError
from audiobench.scorers.base import Normalizer, Scorer

NORMALIZERS: Mapping[str, str] = {
    "none": "text.unchanged",
    "letters": "text.letters_only",
    "whisper_en": "text.whisper_english",
    "whisper_basic": "text.whisper_basic",
    "uro_zh": "chinese.uro",
    "speechio": "speechio.plain_letters",
    "speechio_simplified": "speechio.simplified_letters",
    "speechio_leaderboard": "speechio.leaderboard_letters",
    "open_asr": "open_asr.english",
    "open_asr_multilingual": "open_asr.multilingual",
    "mixed": "mixed.tokens",
    "wenetspeech": "mixed.wenetspeech",
}
"""Name -> module of this package and its function."""


@lru_cache(maxsize=64)
def find_normalizer(name: str) -> tuple[Normalizer, str]:
    """(the normaliser of that name, the version of its code; empty for a built-in one).

    Raises:
        UsageError: there is none, or it cannot be called.
    """
    if place := NORMALIZERS.get(name):
        module, _, function = place.partition(".")
        return getattr(import_module(f"audiobench.scorers.{module}"), function), ""
    found = plugins.find("normalizer", name)
    if found is None:
        raise UsageError(plugins.unknown("normalizer", name, NORMALIZERS, "FILE.py:function"))
    made = found.made() if isinstance(found.made, type) else found.made
    if not callable(made):
        raise UsageError(f"normalizer {found.where}: needs a function from text to text")
    return cast(Normalizer, made), found.code


def with_normalizer(scorer: Scorer, name: str) -> Scorer:
    """A scorer that normalises texts in another way; its version says so.

    Raises:
        UsageError: it normalises none, or there is no normaliser of that name.
    """
    if scorer.score_after is None:
        raise UsageError(f"scorer {scorer.name} takes no normalizer (wer, cer and the like do)")
    normalize, version = find_normalizer(name)
    return replace(scorer, score=scorer.score_after(normalize), version=f"{scorer.version}/{name}{version}")
