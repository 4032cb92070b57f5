"""Audio hallucination: is there a sound of that object in the clip? Yes or no; F1 is that of "no".

Official code: kuan2jiu99/audio-hallucination @dd12901, interspeech2024/evaluation.py (object hallucination) and
icassp2025/evaluation.py (order, attribution). Both look for words inside words: "Yesterday" is yes, "Noise" is no; neither
reads "no" in lower case. 2024 counts what it cannot read as No, 2025 leaves it out of precision and recall.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from audiobench.core.narrow import is_object
from audiobench.core.types import Answer, Sample
from audiobench.scorers.base import OfficialFigure, Scorer, choice_text, or_crash
from audiobench.scorers.lists import OneF1, class_scorer

Edition = Literal["interspeech2024", "icassp2025"]
_SAYS = (
    ("yes", ("Yes", "yes")),
    ("no", ("No", "there is no", "does not contain", "doesn't contain")),
    ("yes", ("contain",)),
    ("no", ("not", "unable", "can't")),
)
UNREAD: Mapping[Edition, str] = {"interspeech2024": "", "icassp2025": "unknown"}


def yes_or_no(response: str, edition: Edition) -> str:
    """`yes`, `no`, or what the edition makes of a response that it cannot read."""
    return next((said for said, words in _SAYS if any(word in response for word in words)), UNREAD[edition])


def _percent(share: float) -> float:
    return round(100 * share, 2)


def report_2024(pairs: Iterable[tuple[str, str]]) -> dict[str, float]:
    """The official figures of (label, response), in per cent.

    Raises:
        ZeroDivisionError: no label is No, nothing was answered No, or nothing rightly so.
    """
    read = [(label.lower(), yes_or_no(response, "interspeech2024")) for label, response in pairs]
    negative_right = sum(said == label != "yes" for label, said in read)
    found = {
        "accuracy": _percent(sum(said == label for label, said in read) / len(read)),
        "precision": _percent(negative_right / sum(said != "yes" for _, said in read)),
        "recall": _percent(negative_right / sum(label != "yes" for label, _ in read)),
    }
    precision, recall = found["precision"], found["recall"]
    found["f1"] = round(2 * precision * recall / (precision + recall), 2)
    return found | {"yes_rate": _percent(sum(said == "yes" for _, said in read) / len(read))}


def report_2025(pairs: Iterable[tuple[str, str]]) -> dict[str, float]:
    """The official figures of (label, response), in per cent; a yes and a no question in turn belong together.

    Raises:
        ZeroDivisionError: nothing is No in answer and label, or no pair was read.
    """
    kinds = {("yes", "yes"): "TP", ("no", "no"): "TN", ("yes", "no"): "FP", ("no", "yes"): "FN"}
    read = [(yes_or_no(response, "icassp2025"), label.lower()) for label, response in pairs]
    of = [kinds.get(one, "unknown") for one in read]
    both = [
        first + second
        for first, second in zip(of[::2], of[1::2], strict=False)
        if first in ("TP", "FN") and second in ("TN", "FP")
    ]
    true, total = of.count("TN"), len(of)
    precision, recall = true / (true + of.count("FN")), true / (true + of.count("FP"))
    return {
        "accuracy": _percent((of.count("TP") + true) / total),
        "precision": _percent(precision),
        "recall": _percent(recall),
        "f1": _percent(2 * precision * recall / (precision + recall)),
        "yes_rate": _percent(sum(said == "yes" for said, _ in read) / total),
        "instruction_follow_rate": _percent(sum(said != "unknown" for said, _ in read) / total),
        "correct_correct": _percent(both.count("TPTN") / len(both)),
        "incorrect_incorrect": _percent(both.count("FNFP") / len(both)),
        "correct_incorrect": _percent(both.count("TPFP") / len(both)),
        "incorrect_correct": _percent(both.count("FNTN") / len(both)),
    }


def object_rates(label: Iterable[str], prediction: Iterable[str]) -> dict[str, float]:
    """Of the objects named in a caption: `chair`, the share that is not there; `cover`, the share of what is there that
    is named; `hal`, whether any is made up. Without a named object chair and hal are -1, and are averaged so.
    """
    there, named = set(label), set(prediction)
    chair = 1 - len(named & there) / len(named) if named else -1
    return {"chair": chair, "cover": len(named & there) / len(there), "hal": -1 if chair == -1 else int(chair != 0)}


def object_report(items: Iterable[tuple[Iterable[str], Iterable[str]]]) -> list[float]:
    """The official averages of chair, cover and hal of (label, prediction), in per cent."""
    found = [object_rates(label, prediction) for label, prediction in items]
    return [_percent(sum(one[name] for one in found) / len(found)) for name in ("chair", "cover", "hal")]


def _scorer(edition: Edition, report: Callable[[Sequence[tuple[str, str]]], dict[str, float]]) -> Scorer:
    def official(text: str | None, sample: Sample) -> Any:
        del sample
        return or_crash(yes_or_no, text, edition)

    def official_extracted(answer: Answer, sample: Sample) -> Any:
        return official(f"{choice_text(answer, sample) or ''}.", sample)

    def summary(verdicts: Sequence[Any], samples: Sequence[Sample]) -> OfficialFigure:
        rows = [(str(s.target), v) for v, s in zip(verdicts, samples, strict=True) if not v.startswith("error:")]
        parts = or_crash(report, rows)
        if not is_object(parts):  # nothing was answered no rightly: the official script raises
            return OfficialFigure("f1", None, len(rows))
        return OfficialFigure("f1", parts["f1"] / 100, len(rows), parts=parts)

    doc = "F1 of no, of the extracted yes or no (audio hallucination)"
    return replace(
        class_scorer(f"hallucination_{edition[-4:]}", OneF1("no"), doc),
        source=f"kuan2jiu99/audio-hallucination {edition}/evaluation.py @dd12901",
        official=official,
        official_extracted=official_extracted,
        official_summary=summary,
    )


OBJECT = _scorer("interspeech2024", report_2024)
ORDER = _scorer("icassp2025", report_2025)
