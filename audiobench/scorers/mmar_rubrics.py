"""MMAR-Rubrics: does the reasoning meet five criteria, given that the answer is right?

Official code: ddlBoJack/MMAR `code/evaluation_rubrics.py` @3bce090. Five ratings of a response, the lowest and the
highest dropped, mean of the middle three; 0 when the answer itself is wrong. `metadata["rubric"]` holds the criteria
({name, scoring_point, choices}), `metadata["thinking"]` the ideal reasoning.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from audiobench.core.narrow import is_list, is_object
from audiobench.core.types import Sample
from audiobench.scorers import mmau
from audiobench.scorers.base import Judge, Scorer, Turns, fill, option_match
from audiobench.scorers.metrics import Mean

SYSTEM_PROMPT = (
    "You are a impartial and meticulous AI evaluator. Your task is to assess a model's response to a question by "
    "evaluating its reasoning and its final answer. You must strictly follow the provided ground truth information "
    "and the detailed scoring rubric."
)
USER_PROMPT = """\
## Ground Truth & Problem Context

- Question: {question}
- Correct Answer: {answer}
- Ideal Reasoning (for reference): {thinking}

## Evaluation Rubric & Scoring

For each point in the rubric, provide a score and a brief justification based on the model's output.

{criteria}

## Required Output Format

Provide your complete evaluation in a single, valid JSON object. Do not add any text before or after the JSON. The JSON structure must be as follows:

[
{objects}
]

## Model's Submission to Evaluate

- Model's Reasoning:
{thinking_prediction} The answer is {answer_prediction}."""
_CRITERION = """\
### Criterion: {name}
- Scoring Rule: {scoring_point}
- Score Options: {choices}
- Evaluate: Carefully read the model's reasoning and determine if it meets this criterion."""
_OBJECT = """\
{
"name": "{name}",
"score": [Assign a score from {choices}],
"justification": "Your justification for this score, citing evidence from the model's reasoning. (less than 50 words)"
}"""
_LIST = re.compile(r"\[\s*\{.*\}\s*\]", re.DOTALL)
RUNS = 5
INVALID = "error:ResponseValidationError"


def _rubric(sample: Sample) -> Sequence[Mapping[str, Any]]:
    return sample.metadata.get("rubric") or ()


def render(sample: Sample, text: str, reasoning: str) -> Turns:
    """System and user message; `reasoning` is the model's thinking, `text` its final answer."""
    fields = [
        {"name": str(c["name"]), "scoring_point": str(c["scoring_point"]), "choices": str(list(c["choices"]))}
        for c in _rubric(sample)
    ]
    values = {
        "question": sample.question,
        "answer": str(sample.target),
        "thinking": str(sample.metadata.get("thinking") or ""),
        "criteria": "\n".join(fill(_CRITERION, f) for f in fields),
        "objects": ",\n".join(fill(_OBJECT, f) for f in fields),
        "thinking_prediction": reasoning,
        "answer_prediction": text,
    }
    return [("system", SYSTEM_PROMPT), ("user", fill(USER_PROMPT, values))]


def official_parse(reply: str, rubric: Sequence[Mapping[str, Any]]) -> float | str:
    """The official score of one judge reply in [0, 1], or `error:ResponseValidationError`."""
    match = _LIST.search(reply)
    try:
        rows = json.loads(match.group() if match else reply)
    except ValueError:
        return INVALID
    if not is_list(rows) or len(rows) != len(rubric):
        return INVALID
    total = 0.0
    for row, criterion in zip(rows, rubric, strict=True):
        if not is_object(row) or "name" not in row or "score" not in row:
            return INVALID
        score = row["score"]
        if not isinstance(score, int | float) or score not in criterion["choices"]:
            return INVALID
        total += score
    highest = sum(max(c["choices"]) for c in rubric)
    return total / highest if highest else INVALID


def _parse(reply: str, sample: Sample) -> float | None:
    score = official_parse(reply, _rubric(sample))
    return None if isinstance(score, str) else score


def trimmed_mean(ratings: Sequence[float | None]) -> float | None:
    """Mean of the middle three of five ratings; None where fewer can be read: that item has no published score."""
    present = sorted(r for r in ratings if r is not None)
    return sum(present[1:-1]) / (len(present) - 2) if len(present) >= RUNS else None


SCORER = Scorer(
    name="mmar_rubrics",
    version="2",
    metric=Mean("rubric", label="share of the rubric's points"),
    score=option_match,
    doc="five judge ratings of the reasoning against the item's criteria; 0 where the answer is wrong (MMAR-Rubrics)",
    source="ddlBoJack/MMAR code/evaluation_rubrics.py @3bce090",
    official=mmau.official,
    official_extracted=mmau.official_extracted,
    official_summary=mmau.SCORER.official_summary,
    judge=Judge(
        name="mmar_rubrics",
        source="ddlBoJack/MMAR code/evaluation_rubrics.py @3bce090",
        model_default="gpt-4o-2024-11-20",
        generation={"temperature": 0.0, "seed": 42},
        runs=RUNS,
        render=render,
        parse=_parse,
        combine=trimmed_mean,
        gated=True,
        template=SYSTEM_PROMPT + USER_PROMPT,
        applies=lambda sample, reasoning: bool(sample.metadata.get("rubric")),
    ),
    extraction=("multiple_choice",),
    columns=("rubric", "thinking"),
)
