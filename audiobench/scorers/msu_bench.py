"""MSU-Bench: who says what in conversations of several speakers; a wrong option says what went wrong.

Official code: ASLP-lab/MSU-Bench bench_evaluation_pipeline @418db0b (step2_run_scoring/question_builder.py extract_single_letter,
step3_summarize_results/summarize.py). There the first of A to D that stands alone anywhere wins, in the order of the letters: "B, not
A" is A, and so is the article in "a man". Its verdict is the kind of answer; ours goes by the extracted option.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from audiobench.core.narrow import is_list, is_object
from audiobench.core.types import LETTERS, Answer, Sample
from audiobench.scorers.base import OfficialFigure, Scorer, choice_text, option_match

SOURCE = "ASLP-lab/MSU-Bench bench_evaluation_pipeline @418db0b"
KINDS = ("wrong_speaker", "hallucination", "unknown", "instruction_not_follow")
"""Of wrong answers, as the authors print them."""
_ALONE = re.compile(r"(?<![A-Z])([ABCD])(?![A-Z])")
_LETTERED = re.compile(r"^\s*([A-Za-z])\s*[.)、]\s*(.*)$")


def single_letter(text: str, allowed: Sequence[str]) -> str | None:
    """The letter that the official code reads in a reply."""
    said = text.strip().upper()
    if len(said) == 1 and said in allowed:
        return said
    for letter in allowed:
        if re.search(rf"\b{re.escape(letter)}\b", said):
            return letter
    found = _ALONE.search(said)
    return found[1] if found and found[1] in allowed else None


def kind_of(rationale: str) -> str:
    """What the text beside an option says of it: ground_truth, wrong_speaker, hallucination, unknown or other."""
    said = rationale.strip().lower()
    if "幻觉" in said:
        return "hallucination"
    if any(words in said for words in ("无法判断", "证据不足", "信息不足")):
        return "unknown"
    if "错" in said and "说话人" in said:
        return "wrong_speaker"
    if any(words in said for words in ("正确", "标准答案", "参考答案")):
        return "ground_truth"
    if any(words in said for words in ("wrong speaker", "wrong_speaker", "wrong-speaker")):
        return "wrong_speaker"
    if "hallucination" in said or "hallucinate" in said:
        return "hallucination"
    if any(words in said for words in ("unknown", "cannot determine", "insufficient")):
        return "unknown"
    return "ground_truth" if any(words in said for words in ("ground truth", "ground_truth", "correct")) else "other"


def kinds_of(rationale: Any, letters: Sequence[str]) -> Mapping[str, str]:
    """Letter -> kind, of texts that have letters before them or stand in the order of the options."""
    texts = [str(text or "") for text in rationale] if is_list(rationale) else []
    lettered = {found[1].upper(): kind_of(found[2]) for text in texts if (found := _LETTERED.match(text))}
    return lettered or {letter: kind_of(text) for letter, text in zip(letters, texts, strict=False)}


def verdict(letter: str | None, right: str, kinds: Mapping[str, str]) -> str:
    """The official class of an answer."""
    if letter is None:
        return "instruction_not_follow"
    if letter == right:
        return "correct"
    kind = kinds.get(letter, "other")
    return kind if kind in KINDS else "other_wrong"


def _official(text: str | None, sample: Sample) -> str:
    """As there, with each option's letter as it was shown."""
    item = sample.metadata.get("item")
    published = [str(option) for option in item.get("options") or ()] if is_object(item) else []
    letters = LETTERS[: len(published)]
    kinds = kinds_of(item.get("rationale"), letters) if is_object(item) else dict[str, str]()
    by_text = {_bare(option): kinds.get(letter, "other") for letter, option in zip(letters, published, strict=True)}
    shown = {letter: by_text.get(_bare(option), "other") for letter, option in sample.options}
    right = next((letter for letter, option in sample.options if option == sample.target), "")
    return verdict(single_letter(text or "", list(shown)), right, shown)


def _bare(option: str) -> str:
    found = _LETTERED.match(option)
    return (found[2] if found else option).strip()


def _extracted(answer: Answer, sample: Sample) -> str:
    return _official(answer.value if choice_text(answer, sample) is not None else "", sample)


def summary(verdicts: Sequence[Any], samples: Sequence[Sample]) -> OfficialFigure:
    """Accuracy over all questions, and the shares of the kinds among wrong answers; there, `unknown` holds `other` too."""
    del samples
    counts = Counter(str(one) for one in verdicts)
    n, wrong = counts.total(), counts.total() - counts["correct"]
    shares = {kind: counts[kind] + (counts["other_wrong"] if kind == "unknown" else 0) for kind in KINDS}
    parts = {f"share of wrong: {kind}": count / wrong if wrong else 0.0 for kind, count in shares.items()}
    return OfficialFigure("acc", counts["correct"] / n if n else None, n, parts=parts)


SCORER = Scorer(
    name="msu_bench",
    version="1",
    score=option_match,
    doc="the extracted option is the target; official.parts has the kinds of wrong answers (MSU-Bench)",
    source=SOURCE,
    official=_official,
    official_extracted=_extracted,
    official_summary=summary,
    extraction=("multiple_choice",),
    columns=("item",),
)
