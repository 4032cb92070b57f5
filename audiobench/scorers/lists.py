"""Scorers of answers that are names: aliases, containment, tags, and F1 of classes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from audiobench.core.narrow import is_list
from audiobench.core.types import Answer, Outcome, Sample
from audiobench.scorers.base import Scorer, ScoreResult, choice_text, option_match, references
from audiobench.scorers.general import plain_text
from audiobench.scorers.metrics import Counts, Metric


def contains_alias(answer: Answer, sample: Sample, text: str) -> ScoreResult:
    """1 when any of the references stands in the answer as whole words, whatever stands around it."""
    del text
    said = f" {plain_text(answer.value or '')} "
    return float(any(f" {plain_text(alias)} " in said for alias in references(sample) if plain_text(alias))), {}


def tags(text: str) -> frozenset[str]:
    """The tags that a text lists: a JSON list, or by commas, semicolons, line breaks and list marks; case and articles apart."""
    try:
        read = json.loads(text)
        parts = [str(part) for part in read] if is_list(read) else [text]
    except ValueError:
        parts = [text]
    split = [one for part in parts for one in re.split(r"[,;\n、，；]|\band\b(?=[^,;\n]*$)", part)]
    cleaned = (plain_text(re.sub(r"^\s*(?:[-*•]|\d+[.)])\s*", "", one)) for one in split)
    return frozenset(tag for tag in cleaned if tag)


def _tagged(answer: Answer, sample: Sample, text: str) -> ScoreResult:
    """The sample's own F1, and both sets of tags."""
    del text
    said = tags(answer.value or "")
    meant = frozenset(tag for reference in references(sample) for tag in tags(reference))
    value = 2 * len(said & meant) / (len(said) + len(meant)) if said or meant else 0.0
    return value, {"said": sorted(said), "meant": sorted(meant)}


def _classified(answer: Answer, sample: Sample, text: str) -> ScoreResult:
    """Whether the option is the target, and both as sets of one class."""
    said = choice_text(answer, sample)
    detail = {"said": [said] if said is not None else [], "meant": list(references(sample))}
    return option_match(answer, sample, text)[0], detail


def f1(hits: float, said: float, meant: float) -> float | None:
    """F1 of what was said and what was meant; None where there is neither."""
    return 2 * hits / (said + meant) if said + meant else None


class MicroF1(Metric):
    """F1 of all classes or tags together."""

    name, label, unit = "micro_f1", "micro-averaged F1", "graded"
    names = ("hit", "said", "meant")

    def counts(self, outcome: Outcome) -> Counts:
        """How many were said, meant, and both."""
        said, meant = set(outcome.detail["said"]), set(outcome.detail["meant"])
        return {"hit": len(said & meant), "said": len(said), "meant": len(meant)}

    def value(self, total: Counts) -> float | None:
        """2 hits over what was said and meant."""
        return f1(*(total.get(name, 0.0) for name in self.names))


class MacroF1(Metric):
    """F1 of each class or tag, averaged: a rare one counts as much as a common one."""

    name, label, unit = "macro_f1", "macro-averaged F1", "graded"

    def counts(self, outcome: Outcome) -> Counts:
        """Each class that was said, meant, and both."""
        said, meant = set(outcome.detail["said"]), set(outcome.detail["meant"])
        kinds = {"hit": said & meant, "said": said, "meant": meant}
        return {f"{kind} {tag}": 1.0 for kind, found in kinds.items() for tag in found}

    def value(self, total: Counts) -> float | None:
        """The mean over the classes that any reference has: what only a model says is wrong where it is said."""
        classes = [name[6:] for name, number in total.items() if number and name.startswith("meant ")]
        found = [f1(*(total.get(f"{kind} {one}", 0.0) for kind in ("hit", "said", "meant"))) or 0.0 for one in classes]
        return sum(found) / len(found) if found else None


class OneF1(Metric):
    """F1 of one answer, the positive one.

    Args:
        positive: the answer, in lower case: `yes`, `no`.
    """

    unit = "graded"
    names = ("hit", "said", "meant")

    def __init__(self, positive: str) -> None:
        super().__init__(f"f1_{positive}", label=f"F1 of the answer {positive}")
        self.positive = positive

    def counts(self, outcome: Outcome) -> Counts:
        """Whether the positive answer was said, meant, and both."""
        said, meant = (self.positive in map(str.lower, outcome.detail[side]) for side in ("said", "meant"))
        return {"hit": float(said and meant), "said": float(said), "meant": float(meant)}

    def value(self, total: Counts) -> float | None:
        """2 hits over what was said and meant."""
        return f1(*(total.get(name, 0.0) for name in self.names))


def class_scorer(name: str, metric: Metric, doc: str) -> Scorer:
    """A scorer of the extracted option by F1."""
    return Scorer(name, "1", _classified, doc, metric, extraction=("multiple_choice",))


def _tag_scorer(name: str, metric: Metric, doc: str) -> Scorer:
    score: Callable[[Answer, Sample, str], ScoreResult] = _tagged
    return Scorer(name, "1", score, doc, metric)


ALIAS = Scorer(
    name="alias_contained",
    version="1",
    score=contains_alias,
    doc="a reference stands in the answer as whole words (lists of aliases)",
)
MICRO = class_scorer("option_micro_f1", MicroF1(), "micro-averaged F1 of the extracted option as a class")
MACRO = class_scorer("option_macro_f1", MacroF1(), "macro-averaged F1 of the extracted option as a class")
YES = class_scorer("yes_no_f1", OneF1("yes"), "F1 of yes, of the extracted yes or no")
TAG_MICRO = _tag_scorer("tags_micro_f1", MicroF1(), "micro-averaged F1 of listed tags")
TAG_MACRO = _tag_scorer("tags_macro_f1", MacroF1(), "macro-averaged F1 of listed tags")
