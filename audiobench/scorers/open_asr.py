"""Open ASR Leaderboard: its normaliser since 2026, and a word error rate in which a compound may be written in one or two.

Official code: huggingface/open_asr_leaderboard normalizer/ @d1e99b2; kaldialign 0.12 (`batch_error_rate`). The normaliser is
Whisper's with other fillers, contractions and spellings, names written in one way (Jon is John), compounds joined and
spelt letters run together; figures of before are not comparable. The reference's length is that before merging.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from audiobench.scorers.base import Scorer, require
from audiobench.scorers.metrics import WER
from audiobench.scorers.text import error_rate

SOURCE = "huggingface/open_asr_leaderboard normalizer @d1e99b2"
NOT_SCORED = "ignore time segment in scoring"


@cache
def _tables() -> Mapping[str, Any]:
    return json.loads((Path(__file__).parent / "data" / "open_asr.json").read_text("utf-8"))


@cache
def _whisper() -> Any:
    """Whisper's normaliser with the leaderboard's words."""
    from whisper_normalizer.english import EnglishTextNormalizer

    made, tables = EnglishTextNormalizer(), _tables()
    made.ignore_patterns = rf"\b({tables['fillers'].replace(' ', '|')})\b"
    replacers = {k: v for k, v in made.replacers.items() if k not in tables["not_replaced"]}
    # "'s" is a verb only after these words, and stands where Whisper has it for any
    asked = r"\b(it|he|she|what|that|who|here|there|how|when|where|why|this)'s\b"
    made.replacers = {}
    for pattern, replacement in replacers.items():
        made.replacers |= {asked: r"\1 is"} if pattern == r"'d\b" else {}
        made.replacers[pattern] = replacement
    spelling = {**made.standardize_spellings.mapping, **tables["spelling"]}
    made.standardize_spellings.mapping = {k: v for k, v in spelling.items() if k not in tables["not_spelling"]}
    return made


def _acronyms(words: Sequence[str]) -> Iterable[str]:
    """Runs of single letters and digits in one word: two are enough, three where "a" or "i" is among them."""
    for single, run in groupby(words, lambda word: len(word) == 1 and word.isalnum()):
        found = list(run)
        least = 3 if {"a", "i"} & set(found) else 2
        yield from ["".join(found)] if single and len(found) >= least else found


def english(text: str) -> str:
    """The leaderboard's English normaliser."""
    from whisper_normalizer.basic import remove_symbols_and_diacritics

    whisper, tables = _whisper(), _tables()
    text = re.sub(r"\(([^)]+?)\)", "", re.sub(r"[<\[][^>\]]*[>\]]", "", text.lower()))
    text = re.sub(r"\s+'", "'", re.sub(whisper.ignore_patterns, "", text))
    for pattern, replacement in whisper.replacers.items():
        text = re.sub(pattern, replacement, text)
    text = re.sub(r"\.([^0-9]|$)", r" \1", re.sub(r"(\d),(\d)", r"\1\2", text))
    text = remove_symbols_and_diacritics(text, keep=".%$¢€£")
    for pattern, replacement in tables["compounds"].items():
        text = re.sub(pattern, replacement, text)
    words = whisper.standardize_spellings(whisper.standardize_numbers(text)).split()
    text = " ".join(_acronyms([tables["names"].get(word, word) for word in words]))
    text = re.sub(r"([^0-9])%", r"\1 ", re.sub(r"[.$¢€£]([^0-9])", r" \1", text))
    return re.sub(r"\s+", " ", text)


def multilingual(text: str, language: str | None = None, *, remove_diacritics: bool = False) -> str:
    """The leaderboard's normaliser of other languages; `language` (an ISO code) writes numbers out, by num2words."""
    from whisper_normalizer.basic import BasicTextNormalizer

    text = BasicTextNormalizer(remove_diacritics=remove_diacritics)(text)
    text = re.sub(r"\s+", " ", re.sub(r"[^\w\s]", "", text)).strip()
    if language is None:
        return text
    require("asr", "writing numbers out")
    from num2words import num2words

    def in_words(match: re.Match[str]) -> str:
        try:
            return num2words(int(match.group()), lang=language)
        except Exception:  # as the leaderboard does: a language or number that num2words lacks stays in digits
            return match.group()

    return re.sub(r"\d+", in_words, re.sub(r"(\d)\s+(\d{3})\b", r"\1\2", text))


def is_scored(reference: str) -> bool:
    """Whether the leaderboard scores an utterance with that (normalised) reference; the others are left out."""
    return reference.strip() not in ("", NOT_SCORED)


def compound_pair(reference: str, hypothesis: str) -> tuple[str, str]:
    """Both texts with those stretches joined that differ by blanks only."""
    words = reference.split(), hypothesis.split()
    joined: tuple[list[str], list[str]] = [], []
    for kind, *spans in SequenceMatcher(None, *words).get_opcodes():
        parts = words[0][spans[0] : spans[1]], words[1][spans[2] : spans[3]]
        if kind != "equal" and "".join(parts[0]) == "".join(parts[1]):
            parts = ["".join(parts[0])], ["".join(parts[1])]
        joined[0].extend(parts[0])
        joined[1].extend(parts[1])
    return " ".join(joined[0]), " ".join(joined[1])


def edits(pairs: Iterable[tuple[str, str]], *, merge_compounds: bool = True) -> dict[str, int | float]:
    """Kaldialign's counts of (reference, hypothesis): ins, del, sub, total, ref_len, err_rate."""
    require("asr", "the Open ASR word error rate")
    from kaldialign import batch_error_rate

    split = [(reference.split(), hypothesis.split()) for reference, hypothesis in pairs]
    return batch_error_rate([r for r, _ in split], [h for _, h in split], merge_compounds=merge_compounds)


def _counts(reference: str, hypothesis: str) -> dict[str, int]:
    if not is_scored(reference):
        return {"sub": 0, "del": 0, "ins": 0, "ref": 0}
    found = edits([(reference, hypothesis)])
    edited = {kind: int(found[kind]) for kind in ("sub", "del", "ins")}
    return {**edited, "ref": int(found["ref_len"])}


SCORER = Scorer(
    name="wer_open_asr",
    version="2",
    score=error_rate(english, _counts),
    doc="corpus word error rate after the Open ASR Leaderboard's normaliser of 2026, compounds merged, empty references left out",
    metric=WER,
    source=SOURCE,
    score_after=lambda other: error_rate(other, _counts),
    extra="asr",
)
