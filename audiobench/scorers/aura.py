"""AURA: is the answer right, are the facts of the reasoning (FCS), and does it infer the same (CIS)?

Official code: rishieraj/aura scripts/evaluation/evaluation.py @cc93196. A judge (gpt-4o, temperature 0.1, JSON replies) checks
the answer; of a right one it rates the facts, and takes the details out of both reasonings, whose entailment an NLI model
(cross-encoder/nli-deberta-v3-base) then scores. A wrong answer has 0 for both. There, an item with an empty field or any error
leaves all three averages, the text "false" is a right answer, and a rating may pass 1; ours keeps every item, takes `true`
only, and no rating outside 0 to 1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from audiobench.core.narrow import is_object
from audiobench.core.types import Sample
from audiobench.scorers.base import Judge, Questions, Scorer, Turns, Verdict, fill, mean, option_match, references
from audiobench.scorers.metrics import ACC, Mean

SOURCE = "rishieraj/aura scripts/evaluation/evaluation.py @cc93196"
Nli = Callable[[str, str], float]
"""(premise, hypothesis) -> probability of entailment, softmax over contradiction, entailment, neutral; the published
scores are by cross-encoder/nli-deberta-v3-base."""


@cache
def _prompts() -> Mapping[str, str]:
    return json.loads((Path(__file__).parent / "data" / "aura_prompts.json").read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class Ask:
    """One question to the judge, whose reply is a JSON object."""

    system: str
    user: str


@dataclass(frozen=True, slots=True)
class Entails:
    """One pair for the NLI model: does the reference reasoning's claim entail that of the response?"""

    premise: str
    hypothesis: str


def question(kind: str, **texts: str) -> Ask:
    """The published question of a kind (answer_check, factual, sanitizer); texts go in as data."""
    prompts = _prompts()
    return Ask(prompts[f"{kind}_system"], fill(prompts[f"{kind}_user"], texts))


def normalise_json_str(text: str) -> str:
    """The official repair of a reply: without fences at line borders and commas before a closing bracket."""
    text = re.sub(r"(?m)^```(json)?\s*|\s*```$", "", text.strip())
    return re.sub(r",\s*]", "]", re.sub(r",\s*}", "}", text))


Steps = Generator[Ask | Entails, Any, dict[str, Any]]
"""Yields what is to be asked, takes the reply (a text, a probability), and returns the item's evaluation."""


def steps(generated: str, correct: str, gold_reasoning: str, reasoning: str) -> Steps:
    """The exact procedure on one item: answer check, and of a right answer facts, both claims and their entailment."""

    def read(reply: str) -> Any:
        return json.loads(normalise_json_str(reply))

    right = read((yield question("answer_check", generated=generated, correct=correct))).get("is_correct", False)
    if not right:
        facts: Any = {"factual_consistency_score": 0.0}
        return _evaluation(right, facts, {"core_inference_score": 0.0})
    facts = read((yield question("factual", generated=reasoning, gt=gold_reasoning)))
    claims: list[str] = []
    for text in (gold_reasoning, reasoning):
        claims.append(read((yield question("sanitizer", reasoning_string=text))).get("sanitized_reasoning", ""))
    return _evaluation(right, facts, {"core_inference_score": float((yield Entails(claims[0], claims[1])))})


def _evaluation(right: Any, facts: Any, inference: Any) -> dict[str, Any]:
    return {
        "answer_correctness": {"is_correct": right}, "factual_consistency_evaluation": facts,
        "core_inference_evaluation": inference,
    }  # fmt: skip


def carry(asking: Steps, judge: Callable[[str, str], str], nli: Nli) -> dict[str, Any]:
    """Carry the steps of one item out with a judge (system, user) -> reply and an NLI model."""
    try:
        wanted = next(asking)
        while True:
            if isinstance(wanted, Ask):
                wanted = asking.send(judge(wanted.system, wanted.user))
            else:
                wanted = asking.send(nli(wanted.premise, wanted.hypothesis))
    except StopIteration as ended:
        return ended.value


@dataclass(slots=True)
class Evaluated:
    """What the official script keeps: records of an evaluation each, and how many items it left out."""

    records: list[dict[str, Any]]
    skipped: int = 0
    errors: int = 0

    def averages(self) -> dict[str, float]:
        """Accuracy, FCS and CIS as printed, in per cent; empty without records.

        Raises:
            TypeError: a rating is no number.
        """
        if not self.records:
            return {}
        right = [1.0 if one.get("answer_correctness", {}).get("is_correct") else 0.0 for one in self.records]
        columns = {
            "accuracy": right,
            "FCS": [_score(one, "factual_consistency_evaluation", "factual_consistency_score") for one in self.records],
            "CIS": [_score(one, "core_inference_evaluation", "core_inference_score") for one in self.records],
        }
        return {name: float(f"{sum(found) / len(found) * 100:.2f}") for name, found in columns.items()}


def _score(record: Mapping[str, Any], part: str, name: str) -> float:
    return record.get(part, {}).get(name, 0.0)


def evaluate(
    items: Iterable[Mapping[str, Any]],
    model_key: str,
    judge: Callable[[str, str], str],
    nli: Nli,
    previous: Sequence[dict[str, Any]] = (),
) -> Evaluated:
    """The official script on its rows; `previous`: records of an earlier start, whose questions are not asked again."""
    found = Evaluated(list(previous))
    done = {record.get("question") for record in previous}
    for item in items:
        if item.get("question") in done:
            continue
        try:
            key = item.get("correct_answer_key")
            fields: tuple[Any, ...] = (
                item.get(f"{model_key}_answer"), item.get("options", {}).get(key), item.get("gold_reasoning"),
                item.get(f"{model_key}_reason"),
            )  # fmt: skip
            if not (key and all(fields)):
                found.skipped += 1
                continue
            found.records.append({**item, **carry(steps(*fields), judge, nli)})
        except Exception:
            found.errors += 1
    return found


# -- our own: the answer by the judge; of a right answer the facts, and the claims that an NLI model compares


def _render_answer(sample: Sample, text: str, reasoning: str) -> Turns:
    del reasoning
    ask = question("answer_check", generated=text, correct=" / ".join(references(sample)))
    return [("system", ask.system), ("user", ask.user)]


def _render_facts(sample: Sample, text: str, reasoning: str) -> Turns:
    """All that the questions about a reasoning rest on."""
    return [*_render_answer(sample, text, reasoning), *_turns(_facts(sample, text, reasoning))]


def _turns(ask: Ask) -> Turns:
    return [("system", ask.system), ("user", ask.user)]


def _gold(sample: Sample) -> str:
    return str(sample.metadata.get("gold_reasoning") or "")


def _facts(sample: Sample, text: str, reasoning: str) -> Ask:
    return question("factual", generated=reasoning or text, gt=_gold(sample))


def facts_of(sample: Sample, text: str, reasoning: str) -> Questions:
    """Is the answer right? Of a right one: which share of the reference's facts does the reasoning have?"""
    right = parse_answer((yield _render_answer(sample, text, reasoning)))
    if not right:
        return Verdict(right, [right])
    found = parse_facts((yield _turns(_facts(sample, text, reasoning))))
    return Verdict(found, [right, found])


def claims_of(sample: Sample, text: str, reasoning: str) -> Questions:
    """Is the answer right? Of a right one: what do the reference and the reasoning infer, details left out?"""
    right = parse_answer((yield _render_answer(sample, text, reasoning)))
    if not right:
        return Verdict(right, [right])
    claims: list[str] = []
    for one in (_gold(sample), reasoning or text):
        claim = _field((yield _turns(question("sanitizer", reasoning_string=one))), "sanitized_reasoning")
        if not isinstance(claim, str) or not claim.strip():
            return Verdict(None, [right, None])
        claims.append(claim)
    return Verdict(None, [right], (claims[0], claims[1]))


def _field(reply: str, name: str) -> Any:
    try:
        read = json.loads(normalise_json_str(reply))
    except ValueError:
        return None
    return read.get(name) if is_object(read) else None


def parse_answer(reply: str, sample: Sample | None = None) -> float | None:
    """1 for `is_correct: true`, 0 for false; None for anything else, the text "false" too."""
    del sample
    found = _field(reply, "is_correct")
    return float(found) if isinstance(found, bool) else None


def parse_facts(reply: str, sample: Sample | None = None) -> float | None:
    """The share of facts, from 0 to 1; None for anything else."""
    del sample
    found = _field(reply, "factual_consistency_score")
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) and 0 <= found <= 1 else None


def _judge(
    name: str,
    render: Callable[[Sample, str, str], Turns],
    parse: Callable[[str, Sample], float | None],
    questions: Callable[[Sample, str, str], Questions] | None = None,
    *,
    compares: bool = False,
) -> Judge:
    return Judge(
        name=name, source=SOURCE, model_default="gpt-4o", generation={"temperature": 0.1}, runs=1,
        render=render, parse=parse, combine=mean, questions=questions, compares=compares,
    )  # fmt: skip


ANSWER = Scorer(
    name="aura_answer",
    version="1",
    score=option_match,
    doc="a judge says whether the answer means the right one (AURA)",
    metric=ACC,
    source=SOURCE,
    judge=_judge("aura_answer_check", _render_answer, parse_answer),
)
FCS = Scorer(
    name="aurascore_fcs",
    version="2",
    score=option_match,
    doc="a judge's share of facts in the reasoning that are the reference's; 0 where it finds the answer wrong (AURA)",
    metric=Mean("fcs", label="factual consistency of the reasoning", unit="graded"),
    source=SOURCE,
    judge=_judge("aura_factual", _render_facts, parse_facts, facts_of),
    columns=("gold_reasoning",),
)
CIS = Scorer(
    name="aurascore_cis",
    version="1",
    score=option_match,
    doc="how probably the reference's inference entails that of the reasoning, by an NLI model (--nli) on what a judge takes out "
    "of both; 0 where it finds the answer wrong (AURA)",
    metric=Mean("cis", label="core inference of the reasoning", unit="graded"),
    source=SOURCE,
    judge=_judge("aura_inference", _render_facts, parse_facts, claims_of, compares=True),
    columns=("gold_reasoning",),
)
