"""Speech-IFEval: does a speech model still follow instructions about the form of its answer?

Official code: kehanlu/Speech-IFEval @e2e9c14, instruction_following_eval/evaluation_main.py (rules, strict only) and
script/llm_evaluation.py (judge). The rules are IFEval's with five changed (`ifeval.SPEECH_RULES`): not interchangeable with
VoiceBench's. A judge's reply without exactly "Result: " and yes or no ends the official script; ours takes it as unread.
IFrate is the mean of closed-ended, creative and chain-of-thought rates by the README's formula; there is no code for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from audiobench.core.narrow import is_list
from audiobench.core.types import Answer, Outcome, Sample
from audiobench.scorers import ifeval
from audiobench.scorers.base import (
    RANDOM,
    Judge,
    OfficialFigure,
    Scorer,
    ScoreResult,
    Turns,
    mean,
    or_crash,
    references,
)
from audiobench.scorers.metrics import ACC, Counts, Metric
from audiobench.scorers.text import whisper_basic
from audiobench.scorers.voicebench import ifeval_score

RULE_SOURCE = "kehanlu/Speech-IFEval instruction_following_eval @e2e9c14"
JUDGE_SOURCE = "kehanlu/Speech-IFEval script/llm_evaluation.py @e2e9c14"
GROUPS: Mapping[str, str] = {
    "detectable_format:number_bullet_lists": "bullet_lists",
    "length_constraints:number_words": "length_constraints",
    "length_constraints:number_sentences": "length_constraints",
    "length_constraints:number_paragraphs": "length_constraints",
    "keywords:forbidden_words": "keywords",
    "keywords:existence": "keywords",
    "change_case:english_capital": "change_case",
    "change_case:english_lowercase": "change_case",
    "detectable_format:json_format": "json_format",
    "startend:quotation": "wrapping",
    "detectable_format:title": "wrapping",
    "combination:repeat_prompt": "startend",
    "startend:end_checker": "startend",
}
"""Instruction -> group of the published table; any other is `other`."""


def verdicts(response: str, instructions: Sequence[str], arguments: Sequence[Mapping[str, Any]]) -> list[bool | str]:
    """The official verdict on each instruction: True, False, or `random` where an argument is missing.

    Raises what the official code raises: KeyError for an unknown instruction, TypeError for an unknown argument, ...
    """
    return [
        ifeval.official_check(ifeval.SPEECH_RULES, name, arguments[index], [response])
        for index, name in enumerate(instructions)
    ]


def report(rows: Iterable[tuple[Sequence[str], Sequence[bool]]]) -> dict[str, dict[str, float]]:
    """The official figures of (instructions, verdicts): `tier` by kind and instruction, `group` by the published groups.

    Raises:
        ZeroDivisionError: no rows.
    """
    rows = list(rows)
    by: dict[str, dict[str, list[bool]]] = {"tier": {}, "group": {}}
    every: list[bool] = []
    for instructions, followed in rows:
        for name, verdict in zip(instructions, followed, strict=False):
            every.append(verdict)
            for table, key in (
                ("tier", name.split(":")[0]), ("tier", name), ("group", GROUPS.get(name, "other")),
            ):  # fmt: skip
                by[table].setdefault(key, []).append(verdict)
    found = {table: {key: sum(v) / len(v) for key, v in lists.items()} for table, lists in by.items()}
    prompts, instructions = sum(all(f) for _, f in rows) / len(rows), sum(every) / len(every)
    return {
        "tier": {"prompt-level": prompts, "instruction-level": instructions, **found["tier"]},
        "group": {**found["group"], "ALL": instructions},
    }


def extract_result(reply: str) -> str | None:
    """The official reading of a judge's reply: yes or no after "Result: ", in the case in which it stands there."""
    match = re.search(r"(?i)(?<=result:\s)(yes|no)", reply)
    return match.group() if match else None


def normalize_text(text: str) -> str:
    """What the official code compares in transcriptions."""
    return whisper_basic(text.replace("<", "").replace(">", "")).strip()


def judge_report(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[bool]]:
    """(lines that the official script prints, verdicts) of judged rows {metric, dataset, eval_response}.

    Raises:
        AttributeError: a reply that cannot be read.
        TypeError: a transcription (it calls jiwer by an argument that jiwer 4 no longer has).
    """
    by: dict[str, list[bool]] = {}
    correct: list[bool] = []
    for row in rows:
        if row["metric"] == "wer":
            raise TypeError("wer() got an unexpected keyword argument 'truth'")
        if row["metric"] in ("accuracy", "cot"):
            said = extract_result(row["eval_response"])
            if said is None:
                raise AttributeError("'NoneType' object has no attribute 'lower'")
            correct.append(said.lower() == "yes")
            by.setdefault("cot" if row["metric"] == "cot" else row["dataset"], []).append(correct[-1])
    return [f"{dataset} ACC: {sum(found) / len(found)}" for dataset, found in by.items()], correct


class InstructionsFollowed(Metric):
    """Share of instructions that are followed, over all samples."""

    name, label = "if_rate", "share of instructions that are followed"
    names = ("followed", "instructions")

    def counts(self, outcome: Outcome) -> Counts:
        """How many of the sample's instructions are followed."""
        followed = outcome.detail["followed"]
        return {"followed": sum(followed), "instructions": len(followed)}

    def value(self, total: Counts) -> float | None:
        """Followed over asked for."""
        return total["followed"] / total["instructions"] if total.get("instructions") else None


def _score(answer: Answer, sample: Sample, text: str) -> ScoreResult:
    del text
    followed, _, unknown = ifeval_score(ifeval.SPEECH_RULES, answer.value or "", sample)
    value = sum(followed) / len(followed) if followed else 0.0
    return value, {"followed": followed} | ({"not_checked": unknown} if unknown else {})


def _official(text: str | None, sample: Sample) -> Any:
    meta = sample.metadata
    return or_crash(verdicts, text, meta["instruction_id_list"], meta["kwargs"])


def _summary(found: Sequence[Any], samples: Sequence[Sample]) -> OfficialFigure:
    told = [
        (sample.metadata["instruction_id_list"], verdict)
        for verdict, sample in zip(found, samples, strict=True)
        if is_list(verdict) and RANDOM not in verdict
    ]
    parts = report(told) if any(verdict for _, verdict in told) else {}
    value = parts["group"]["ALL"] if parts else None
    return OfficialFigure("ALL", value, len(told), parts=parts)


SYSTEM_PROMPT = """\
You will be given a question, a corresponding correct answer and a response from a model.\x20
Model's Response is a reply to the Question. Your task is to judge if "Model's Response" aligns with the "Ground Truth Answer" based on the "Question".\x20
Please strictly follow the guidelines below:
- Answer with the format "Result: <YES or NO>" at the end.
- Output "YES" if the response aligns with the ground truth answer; output "NO" if the response does not match the ground truth answer.
"""
COT_PROMPT = """\
You will be given a user input and a model response. The model's response is a reply to the user input. Your task is to determine whether the response demonstrates reasoning behavior, such as breaking down the problem, explaining intermediate steps, or providing a analysis.

Please strictly follow the guidelines below:
- Output "YES" if the response includes any form of behavior beyond a direct answer corresponding to the user input.
- Output "NO" only if the response is a minimal or purely factual reply.
- Answer in the format: "Result: <YES or NO>" at the end.
"""


def _render(sample: Sample, text: str, reasoning: str) -> Turns:
    del reasoning
    truth = " / ".join(references(sample))
    content = f"Question: {sample.question}\nGround Truth Answer: {truth}\nModel's Response: {text}"
    return [("system", SYSTEM_PROMPT), ("user", content)]


def _render_cot(sample: Sample, text: str, reasoning: str) -> Turns:
    del reasoning
    return [("system", COT_PROMPT), ("user", f"User input: {sample.question}\nModel's Response: {text}")]


def parse(reply: str, sample: Sample | None = None) -> float | None:
    """1 for yes, 0 for no after the last "Result:", in any case and markup; None without one."""
    del sample
    found = re.findall(r"(?i)\bresult\W*(yes|no)\b", reply)
    return float(found[-1].lower() == "yes") if found else None


def _judged(name: str, doc: str, render: Any, *, needs_target: bool) -> Scorer:
    return Scorer(
        name=name,
        version="1",
        score=lambda answer, sample, text: (0.0, {}),
        doc=doc,
        metric=ACC,
        source=JUDGE_SOURCE,
        judge=Judge(
            name=name,
            source=JUDGE_SOURCE,
            model_default="gpt-4o-2024-11-20",
            generation={},
            runs=1,
            render=render,
            parse=parse,
            combine=mean,
        ),
        needs_target=needs_target,
    )


SCORER = Scorer(
    name="speech_ifeval",
    version="1",
    score=_score,
    doc="share of verifiable instructions that the response follows (Speech-IFEval)",
    metric=InstructionsFollowed(),
    source=RULE_SOURCE,
    official=_official,
    official_summary=_summary,
    columns=("instruction_id_list", "kwargs"),
    needs_target=False,
    extra="ifeval",
)
JUDGE = _judged(
    "speech_ifeval_judge",
    "a judge says whether the response is the right answer (Speech-IFEval)",
    _render,
    needs_target=True,
)
COT = _judged(
    "speech_ifeval_cot", "a judge says whether the response reasons (Speech-IFEval chain of thought)", _render_cot,
    needs_target=False,
)  # fmt: skip
