"""ContextASR-Bench: word error rate, that of named entities (NE-WER), and the share of entities missed (NE-FNR).

Official code: MrSupW/ContextASR-Bench evaluation/ @edffc5b. There an entity inside another counts twice, so that a perfect
transcript can have an NE-WER of 0.4; NE-WER matches entities vaguely and NE-FNR exactly; a row one of whose entities is not in
the reference is left out; single letters are glued together ("A. I. is" is "aiis"). Ours takes the longest entities first and
none inside another, aligns the whole transcript, and counts the edits within the entities.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from audiobench.core.narrow import is_object
from audiobench.core.types import Answer, Sample
from audiobench.scorers.base import OfficialFigure, Scorer, ScoreResult, or_crash, references, require
from audiobench.scorers.metrics import WER, Rate
from audiobench.scorers.mixed import tokens
from audiobench.scorers.text import edit_counts, rate, whisper_english, word_counts

SOURCE = "MrSupW/ContextASR-Bench evaluation @edffc5b"
_PUNCTUATION = (
    ',;(){}[]"|:!?.#$%&*+/<=>@\\^_`~"，；､、丶｟｠《》（）｢｣［］｛｝「｣『』【】〔〕〖〗〘〙〚〛〈〉｜：：！？｡。'
    "＂＃＄％＆＇＊＋－／＜＝＞＠＼＾＿｀～〃〜〝〞〟〰〾〿‘’‛“”„‟…‧﹏·•・′″–—―-'"
)
_TO_BLANK = str.maketrans(dict.fromkeys(_PUNCTUATION, " "))

# -- the official procedure


def _merge_single_letters(text: str) -> str:
    merged: list[str] = []
    before_single = False
    for word in text.split():
        single = (word[0].islower() or word[0].isupper()) and word[1:] in ("", "s", "'s")
        if single and before_single:
            merged[-1] += word
        else:
            merged.append(word)
        before_single = single
    return " ".join(merged)


def simple_tokenize(text: str, language: str) -> str:
    """The official normaliser: words (`en`), or characters and words (`zh`), with blanks between them."""
    import regex

    text = text.lower() if text.isupper() else text
    if language == "en":
        require("asr", "ContextASR's normaliser")
        import contractions

        for o in "Oo":
            text = re.sub(rf"^({o}')\s|\s({o}')$|\s({o}')\s", f" {o} ", text)
        text = str(contractions.fix(text, leftovers=False, slang=False))
    text = text.translate(_TO_BLANK)
    unspaced = r"[\p{Han}\p{Hangul}\p{Hiragana}\p{Katakana}]"
    for before, after in ((unspaced, unspaced), (unspaced, r"\p{IsLatin}"), (r"\p{IsLatin}", unspaced)):
        text = regex.sub(rf"(?<={before})(?={after})", " ", text)
    return _merge_single_letters(" ".join(text.split())).lower()


def extract_entities(text: str, entities: Sequence[str], most: Mapping[str, int] | None = None) -> list[str]:
    """Entities in the order in which they stand in the text, shorter ones first; `most`: each so often at most."""
    words, found, seen = text.split(), list[tuple[int, int, str]](), Counter[str]()
    for start in range(len(words)):
        for entity in entities:
            wanted = entity.split()
            if start + len(wanted) > len(words) or words[start : start + len(wanted)] != wanted:
                continue
            if most and seen[entity] >= most.get(entity, 0):
                continue
            seen[entity] += 1
            found.append((start, len(wanted), entity))
    return [entity for *_, entity in sorted(found, key=lambda one: one[:2])]


def _windows(words: Sequence[str], entity: str) -> list[tuple[int, str]]:
    """(place, text) of the stretches that differ from an entity in less than half of its words."""
    from rapidfuzz.distance import Levenshtein

    wanted = entity.split()
    far = math.ceil(len(wanted) / 2) - 1
    shorter = range(len(wanted) - 1, max(1, len(wanted) - far) - 1, -1)
    lengths = [len(wanted), *shorter, *range(len(wanted) + 1, len(wanted) + far + 1)]
    found, following = list[tuple[int, str]](), 0
    for start in range(len(words) if wanted else 0):
        for length in lengths if start >= following else ():
            end = start + length
            if end > len(words):
                break
            window = words[start:end]
            if Levenshtein.distance(window, wanted) > far:
                continue
            following, text = end, " ".join(window)
            if (at := text.find(entity)) >= 0:
                following -= len(text[at + len(entity) :].split())
                text = entity
            found.append((start, text))
            break
    return found


def extract_entities_fuzzy(text: str, entities: Sequence[str]) -> list[str]:
    """What may be meant for an entity, in the order in which it stands in the text."""
    found = [one for entity in entities for one in _windows(text.split(), entity)]
    ordered = sorted(found, key=lambda one: (one[0], len(one[1].split())))
    return [text for _, text in dict.fromkeys(ordered)]


def calculate_wer(hypothesis: Sequence[str], reference: Sequence[str]) -> dict[str, float]:
    """The official rate and edits: {wer, I, D, S}; 0 for an empty reference."""
    found = edit_counts(reference, hypothesis, prefer="sdi", keep_equal=True)
    edits = found["ins"] + found["del"] + found["sub"]
    wer = edits / len(reference) if reference else 0
    return {"wer": wer, "I": found["ins"], "D": found["del"], "S": found["sub"]}


def evaluate(text: str, entity_list: Sequence[str], language: str, said: str) -> dict[str, Any] | None:
    """What the official scripts write of one row; None where they leave it out: an entity is not in the reference.

    Raises:
        ZeroDivisionError: the reference is empty or names no entity.
    """
    code = "zh" if language == "Chinese" else "en"
    reference, hypothesis = simple_tokenize(text, code), simple_tokenize(said, code)
    entities = [simple_tokenize(entity, code) for entity in entity_list]
    if any(entity not in reference for entity in entities):
        return None
    named = extract_entities(reference, entities)
    heard = extract_entities(hypothesis, entities, Counter(named))
    vaguely = extract_entities_fuzzy(hypothesis, entities)
    words = " ".join(named).split()
    return {
        "norm_text": reference, "ref_entities": named, "norm_asr_text": hypothesis, "match_entities": heard,
        "fuzzy_match_entities": vaguely,
        "wer_info": {**_rated(hypothesis.split(), reference.split()), "T": len(reference.split())},
        "ne_wer_info": {**_rated(" ".join(vaguely).split(), words), "T": len(words)},
        "ne_fnr_info": {"fnr": 1 - len(heard) / len(named), "H": len(heard), "T": len(named)},
    }  # fmt: skip


def _rated(hypothesis: Sequence[str], reference: Sequence[str]) -> dict[str, float]:
    found = calculate_wer(hypothesis, reference)
    if not reference:
        raise ZeroDivisionError("an empty reference")
    return found


def report(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The official corpus figures of rows as `evaluate` gives them: pooled, rounded to four places."""

    def pooled(info: str) -> float:
        length = sum(row[info]["T"] for row in rows)
        return sum(row[info][kind] for row in rows for kind in "IDS") / length if length else 0

    entities = sum(row["ne_fnr_info"]["T"] for row in rows)
    fnr = 1 - sum(row["ne_fnr_info"]["H"] for row in rows) / entities if entities else 0
    named = {"WER": pooled("wer_info"), "NE-WER": pooled("ne_wer_info"), "NE-FNR": fnr}
    return {name: round(value, 4) for name, value in named.items()}


# -- our own


def _normal(text: str, sample: Sample) -> str:
    return tokens(text if sample.metadata.get("language") in ("Chinese", "Mandarin") else whisper_english(text))


def _spans(words: Sequence[str], entities: Sequence[Sequence[str]]) -> list[tuple[int, int]]:
    """(start, end) of the entities in the words: the longest first, none inside another."""
    taken = [False] * len(words)
    found: list[tuple[int, int]] = []
    for entity in sorted(map(list, entities), key=len, reverse=True):
        for start in range(len(words) - len(entity) + 1 if entity else 0):
            end = start + len(entity)
            if list(words[start:end]) == entity and not any(taken[start:end]):
                taken[start:end] = [True] * len(entity)
                found.append((start, end))
    return found


def _entity_errors(reference: str, hypothesis: str, entities: Sequence[str]) -> tuple[dict[str, int], dict[str, int]]:
    """({sub, del, ins, ref} in words of the entities, the same in entities: missed ones are `del`)."""
    import jiwer

    spans = _spans(reference.split(), [entity.split() for entity in entities])
    inside = {place for start, end in spans for place in range(start, end)}
    between = {place for start, end in spans for place in range(start + 1, end)}
    edits = {"sub": 0, "del": 0, "ins": 0, "ref": len(inside)}
    wrong: set[int] = set()
    for chunk in jiwer.process_words(reference, hypothesis).alignments[0] if reference.split() else ():
        places = range(chunk.ref_start_idx, chunk.ref_end_idx)
        if chunk.type == "insert" and chunk.ref_start_idx in between:
            edits["ins"] += chunk.hyp_end_idx - chunk.hyp_start_idx
            wrong.add(chunk.ref_start_idx)
        elif chunk.type in ("substitute", "delete"):
            edits["sub" if chunk.type == "substitute" else "del"] += len(inside & set(places))
            wrong |= inside & set(places)
    missed = sum(any(place in wrong for place in range(start, end)) for start, end in spans)
    return edits, {"sub": 0, "del": missed, "ins": 0, "ref": len(spans)}


def _score(part: int) -> Callable[[Answer, Sample, str], ScoreResult]:
    def score(answer: Answer, sample: Sample, text: str) -> ScoreResult:
        del text
        reference, said = (_normal(t, sample) for t in ((*references(sample), "")[0], answer.value or ""))
        entities = [_normal(entity, sample) for entity in sample.metadata.get("entity_list") or ()]
        counts = (word_counts(reference, said), *_entity_errors(reference, said, entities))[part]
        return rate(counts), counts

    return score


def _official(text: str | None, sample: Sample) -> Any:
    about = sample.metadata
    return or_crash(
        lambda: evaluate(
            (*references(sample), "")[0], about.get("entity_list") or (), str(about.get("language")), text or ""
        )
    )


def _scorer(part: int, name: str, metric: Rate, doc: str, printed: str) -> Scorer:
    def summary(verdicts: Sequence[Any], samples: Sequence[Sample]) -> OfficialFigure:
        del samples
        rows = [verdict for verdict in verdicts if is_object(verdict)]
        parts = report(rows)
        return OfficialFigure(printed, parts[printed] if rows else None, len(rows), parts=parts)

    return Scorer(
        name=name, version="1", score=_score(part), doc=doc, metric=metric, source=SOURCE, official=_official,
        official_summary=summary, columns=("entity_list", "language"), extra="asr",
    )  # fmt: skip


SCORER = _scorer(0, "contextasr_wer", WER, "corpus word error rate, Chinese by the character (ContextASR-Bench)", "WER")
NE_WER = _scorer(
    1, "contextasr_ne_wer", Rate("ne_wer", label="word error rate within named entities"),
    "edits within the named entities of the reference over their words (ContextASR-Bench)", "NE-WER",
)  # fmt: skip
NE_FNR = _scorer(
    2, "contextasr_ne_fnr", Rate("ne_fnr", label="share of named entities that are missed", bounds=(0.0, 1.0)),
    "named entities of the reference that are not transcribed word for word (ContextASR-Bench)", "NE-FNR",
)  # fmt: skip
