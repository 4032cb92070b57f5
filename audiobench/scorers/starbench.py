"""STAR-Bench: each question in several rotations of its options; accuracy, and the share answered rightly in all of them.

Official code: InternLM/StarBench ALMEval_code/datasets/starbench.py @0daf8b0. Its letters are matched without regard to case
after a key word, so "answer: b" is read as <b>, which equals no answer; a letter in brackets wins over a later bare one. Its
figures of the perception part are macro averages of values that are rounded already.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from audiobench.core.narrow import is_object
from audiobench.core.types import LETTERS, Answer, Outcome, Sample
from audiobench.scorers.base import OfficialFigure, Scorer, ScoreResult, option_match, or_crash
from audiobench.scorers.metrics import Counts, Metric, Side, Tally, total
from audiobench.statistics import intervals, paired
from audiobench.statistics.intervals import Interval
from audiobench.statistics.paired import PairedComparison

SOURCE = "InternLM/StarBench ALMEval_code/datasets/starbench.py @0daf8b0"
_KEY_WORDS = "answer|<answer>|solution|choice|option|correct option is|answer is|答案是|选项是"


def letter(response: str, options: Sequence[str]) -> str:
    """What the official code reads: `<A>`, or `Z` for nothing."""
    of = "".join(LETTERS[: len(options)])
    form = rf"[(<\[{{]\s*([{of}])\s*[)\]>}}]|\b([{of}])\b"
    found: list[tuple[int, int, str]] = []
    for match in re.finditer(rf"(?i)(?:{_KEY_WORDS})\s*[:：]*\s*(?:{form})", response):
        found.append((1 if match[1] else 0, match.start(), match[1] or match[2]))
    if not found:
        for match in re.finditer(form, response):
            found.append((2 if match[1] else 0, match.start(), match[1] or match[2]))
        for index, option in enumerate(options if len(response.split()) > 2 else ()):
            for match in re.finditer(rf"(?<![A-Za-z]){re.escape(option)}(?![A-Za-z])", response, re.IGNORECASE):
                found.append((1, match.start(), LETTERS[index]))
    return f"<{sorted(found, key=lambda one: one[:2])[-1][2]}>" if found else "Z"


def rates(runs: Sequence[tuple[str, bool]]) -> dict[str, Any]:
    """Of (question, right): `AA`, the share of runs, and `ACR`, the share of questions that are right in every run."""
    if not runs:
        return {"AA": "0.00%", "ACR": "0.00%", "count": 0}
    questions: dict[str, bool] = {}
    for question, right in runs:
        questions[question] = questions.get(question, True) and right
    shares = {"AA": sum(right for _, right in runs) / len(runs), "ACR": sum(questions.values()) / len(questions)}
    return {name: f"{share * 100:.2f}%" for name, share in shares.items()} | {
        "total_runs": len(runs), "unique_samples": len(questions),
    }  # fmt: skip


def _by(rows: Sequence[Mapping[str, Any]], column: str) -> dict[str, list[Mapping[str, Any]]]:
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row.get(column) is not None:
            groups.setdefault(str(row[column]), []).append(row)
    return dict(sorted(groups.items()))


def _rates(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return rates([(row["id"], row["is_correct"]) for row in rows])


def _check_runs(rows: Sequence[Mapping[str, Any]], expected: Mapping[str, int]) -> None:
    """Every question as often as it is to be asked (AssertionError, as in the official code)."""
    assert len(rows) == sum(expected.values()), f"{len(rows)} rows, expected {sum(expected.values())}"
    ids = [row["id"] for row in rows]
    assert all(ids.count(question) == expected.get(question) for question in set(ids)), "runs of a question"


def report(rows: Sequence[Mapping[str, Any]], questions: Sequence[str], *, runs: int = 3) -> dict[str, Any]:
    """The official figures of the reasoning parts: all, by category, by sub-category."""
    _check_runs(rows, dict.fromkeys(questions, runs))
    found: dict[str, Any] = {"Total": _rates(rows)}
    for title, column in (("By Category", "category"), ("By Sub-category", "sub-category")):
        if groups := _by(rows, column):
            found[title] = {name: _rates(group) for name, group in groups.items()}
    return found


def perception_report(rows: Sequence[Mapping[str, Any]], expected: Mapping[str, int]) -> dict[str, Any]:
    """The official figures of the perception part: macro averages over sub-categories, of rounded values.

    `expected`: question -> number of its options, which is how often it is asked.
    """
    _check_runs(rows, expected)
    by_sub = {name: _rates(group) for name, group in _by(rows, "sub-category").items()}
    category = {name: group[0]["category"] for name, group in _by(rows, "sub-category").items()}

    def macro(names: Sequence[str], inside: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        means = {kind: sum(float(by_sub[name][kind][:-1]) for name in names) / len(names) for kind in ("AA", "ACR")}
        return {kind: f"{value:.2f}%" for kind, value in means.items()} | {
            "n_subcategories": len(names), "total_runs": len(inside), "unique_samples": len({r["id"] for r in inside}),
        }  # fmt: skip

    by_category = {
        name: macro([sub for sub in by_sub if str(category[sub]) == name], group)
        for name, group in _by(rows, "category").items()
        if name in map(str, category.values())
    }
    return {"By Sub-category": by_sub, "By Category": by_category, "Total": macro(list(by_sub), rows)}


def _official(text: str | None, sample: Sample) -> Any:
    said = or_crash(letter, text, [str(choice) for choice in sample.choices])
    return said if said.startswith("error:") else said == f"<{LETTERS[sample.choices.index(str(sample.target))]}>"


def _extracted(answer: Answer, sample: Sample) -> Any:
    return _official(f"<{answer.value}>", sample)


def _summary(verdicts: Sequence[Any], samples: Sequence[Sample]) -> OfficialFigure:
    runs = [(question_of(s), v) for v, s in zip(verdicts, samples, strict=True) if isinstance(v, bool)]
    value = sum(right for _, right in runs) / len(runs) if runs else None
    return OfficialFigure("AA", value, len(runs), parts=rates(runs))


def _perception_summary(verdicts: Sequence[Any], samples: Sequence[Sample]) -> OfficialFigure:
    """Nothing where a run is missing, since the official script ends there."""
    rows = [
        {"id": question_of(sample), "is_correct": verdict}
        | {column: sample.metadata.get(column) for column in ("category", "sub-category")}
        for verdict, sample in zip(verdicts, samples, strict=True)
        if isinstance(verdict, bool)
    ]
    found = or_crash(perception_report, rows, {question_of(sample): len(sample.choices) for sample in samples})
    if not rows or not is_object(found):
        return OfficialFigure("AA", None, len(rows))
    return OfficialFigure("AA", float(found["Total"]["AA"][:-1]) / 100, len(rows), parts=found)


def question_of(sample: Sample) -> str:
    """What the rotations of one question share."""
    return sample.cluster or sample.id


class AllRotations(Metric):
    """Share of questions that are right in every run of theirs; runs of one question share its `cluster`."""

    name, label = "acr", "questions answered rightly in all their runs"

    def counts(self, outcome: Outcome) -> Counts:
        """One run of a question, and whether it is right."""
        question = outcome.detail.get("question", "")
        return {f"runs {question}": 1.0, f"right {question}": float(outcome.value or 0.0)}

    def value(self, total: Counts) -> float | None:
        """Over questions."""
        whole = self.whole(total)
        return sum(whole.values()) / len(whole) if whole else None

    def whole(self, counts: Counts) -> dict[str, float]:
        """Question -> 1 where every run of it is right, else 0."""
        runs = {name[5:]: n for name, n in counts.items() if n and name.startswith("runs ")}
        return {question: float(counts.get(f"right {question}", 0.0) > n - 1e-9) for question, n in runs.items()}

    def interval(
        self, tallies: Sequence[Tally], clusters: Sequence[str] | None = None, *, epochs: float = 1
    ) -> Interval:
        """Wilson's, of questions."""
        del clusters, epochs
        return intervals.proportion(list(self.whole(total(t.counts for t in tallies)).values()))

    def difference(self, before: Side, after: Side, clusters: Sequence[str] | None = None) -> PairedComparison:
        """McNemar's test of the questions that are right in all their runs."""
        if len(before) > 1:
            return super().difference(before, after, clusters)
        old, new = (self.whole(total(t.counts for t in arm)) for (arm,) in (before, after))
        return paired.compare([old[question] for question in old], [new.get(question, 0.0) for question in old])


def _score_with_question(answer: Answer, sample: Sample, text: str) -> ScoreResult:
    return option_match(answer, sample, text)[0], {"question": question_of(sample)}


SCORER = Scorer(
    name="starbench",
    version="1",
    score=option_match,
    doc="the extracted option is the target (STAR-Bench)",
    source=SOURCE,
    official=_official,
    official_extracted=_extracted,
    official_summary=_summary,
    extraction=("multiple_choice",),
)
ACR = Scorer(
    name="starbench_acr",
    version="1",
    score=_score_with_question,
    doc="questions of which every run has the right option (STAR-Bench)",
    metric=AllRotations(),
    source=SOURCE,
    official=_official,
    official_extracted=_extracted,
    official_summary=_summary,
    extraction=("multiple_choice",),
)
PERCEPTION = replace(
    ACR,
    name="starbench_perception",
    doc="questions of which every run has the right option (STAR-Bench, foundational perception)",
    official_summary=_perception_summary,
)
