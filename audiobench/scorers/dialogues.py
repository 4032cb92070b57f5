"""Judges of conversations: MT-Bench with sound, and MiMo's MultiChallenge.

MT-Bench: ServiceNow/AU-Harness @daa0616 (prompts/judge_prompts.yaml `mt_bench`, metrics/llm_judge.py `MtbenchLLMJudgeMetric`).
Each answer is rated from 1 to 10 in view of the conversation before it; math, reasoning and coding with the references.
Unlike there, `{turn_number}` of the system prompt is filled in (AU-Harness sends the braces), a reply without `[[rating]]`
is no rating (there the first number of it, or 0), and the score is on the scale of 1 to 10 (there times ten).

MultiChallenge with sound: XiaomiMiMo/MiMo-Audio-Eval @d64df78 (slm_eval/evaluator/multi_challenge_evaluator.py). One question
with the answer YES or NO about the last answer; the item names which of them passes. The verdict is asked for in words, and
not by OpenAI's structured output.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import orjson

from audiobench.core.narrow import is_list
from audiobench.core.types import Sample
from audiobench.scorers.base import Judge, Scorer, Turns, fill, mean
from audiobench.scorers.metrics import RATING

AU_HARNESS = "ServiceNow/AU-Harness@daa0616 prompts/judge_prompts.yaml, metrics/llm_judge.py"
MIMO = "XiaomiMiMo/MiMo-Audio-Eval@d64df78 slm_eval/evaluator/multi_challenge_evaluator.py"
SYSTEM = """Please act as an impartial judge and evaluate the quality of the response provided by an AI assistant to the user question displayed below. Your evaluation should consider factors such as the helpfulness, relevance, accuracy, depth, creativity, and level of detail of the response. Your evaluation should focus on the assistant's answer to turn {turn_number}. Begin your evaluation by providing a short explanation. Be as objective as possible. After providing your explanation, you must rate the response on a scale of 1 to 10 by strictly following this format: "[[rating]]", for example: "Rating: [[5]]".
"""
SYSTEM_WITH_REFERENCE = """Please act as an impartial judge and evaluate the quality of the response provided by an AI assistant to the user question. Your evaluation should consider correctness and helpfulness. You will be given a reference answer and the assistant's answer. Your evaluation should focus on the assistant's answer to turn {turn_number}. Begin your evaluation by comparing the assistant's answer with the reference answer. Identify and correct any mistakes. Be as objective as possible. After providing your explanation, you must rate the response on a scale of 1 to 10 by strictly following this format: "[[rating]]", for example: "Rating: [[5]]".
"""
CONVERSATION = """<|The Start of Assistant A's Conversation with User|>

{conversation_history}

### User (Turn {turn_number}):
{current_question}

### Assistant A (Turn {turn_number}):
{current_response}

<|The End of Assistant A's Conversation with User|>
"""
REFERENCE = """<|The Start of Reference Answer|>

{conversation_history_with_references}

### User (Turn {turn_number}):
{current_question}

### Reference answer (Turn {turn_number}):
{current_reference}

<|The End of Reference Answer|>


"""
NOTHING_BEFORE = "(No previous conversation)"
WITH_REFERENCE = ("math", "reasoning", "coding", "arena-hard-200")
"""Categories that are rated against their references."""
CRITERION = """You are tasked with evaluating a model response to see if it meets a specific criteria.
The criteria will always be YES/NO evaluation.

The model response is as follows:
<MODEL_RESPONSE>
{response}
</MODEL_RESPONSE>

The criteria that the model response must meet is as follows. Be VERY STRICT!:
<CRITERIA>
{criterion}
</CRITERIA>

Print your reasoning followed by your verdict, either "YES" or "NO"."""
_RATING = re.compile(r"\[\[?\s*(\d+(?:\.\d+)?)\s*\]?\]")
_VERDICT = re.compile(r"\b(YES|NO)\b")


def exchanges(sample: Sample, text: str) -> list[tuple[str, str]]:
    """(what the user said, what the assistant answered) of a conversation in order; `text` is the last answer."""
    said: list[tuple[str, str]] = []
    asked: list[str] = []
    for turn in sample.turns:
        if turn.role == "user":
            asked.append(turn.text)
        elif turn.role == "assistant":
            said.append(("\n".join(asked), turn.text))
            asked = []
    return [*said, ("\n".join(asked) or sample.question, text)]


def _history(pairs: Sequence[tuple[str, str]], who: str) -> str:
    told = [
        f"### User (Turn {number}):\n{question}\n\n### {who} (Turn {number}):\n{answer}"
        for number, (question, answer) in enumerate(pairs, 1)
    ]
    return "\n\n".join(told) or NOTHING_BEFORE


def mt_bench_turns(number: int, sample: Sample, text: str, reasoning: str = "") -> Turns:
    """What the judge is shown about the model's answer `number` (from 0)."""
    del reasoning
    pairs = exchanges(sample, text)
    own = [turn.own for turn in sample.turns if turn.role == "assistant"] + [True]
    place = [index for index, is_own in enumerate(own) if is_own][number]
    question, answer = pairs[place]
    values = {
        "conversation_history": _history(pairs[:place], "Assistant A"),
        "current_question": question,
        "current_response": answer,
        "turn_number": str(place + 1),
    }
    references = _references(sample)
    if sample.metadata.get("category") not in WITH_REFERENCE:
        return [("system", fill(SYSTEM, values)), ("user", fill(CONVERSATION, values))]
    answered = [(asked, references[n] if n < len(references) else "") for n, (asked, _) in enumerate(pairs)]
    values["conversation_history_with_references"] = _history(answered[:place], "Reference answer")
    values["current_reference"] = answered[place][1]
    return [("system", fill(SYSTEM_WITH_REFERENCE, values)), ("user", fill(REFERENCE + CONVERSATION, values))]


def _references(sample: Sample) -> list[str]:
    given = sample.metadata.get("reference")
    listed = given if is_list(given) else [] if given is None else [given]
    return ["" if text is None else str(text) for text in listed]


def read_rating(reply: str, sample: Sample) -> float | None:
    """The first `[[rating]]` from 1 to 10."""
    del sample
    found = _RATING.search(reply)
    value = float(found[1]) if found else None
    return value if value is not None and 1 <= value <= 10 else None


def all_rated(ratings: Sequence[float | None]) -> float | None:
    """Their mean; None where one could not be read."""
    return None if None in ratings else mean(ratings)


def read_verdict(reply: str, sample: Sample) -> float | None:
    """1 where the verdict is the one that passes; None where there is none, or the item does not name it."""
    try:
        verdict = str(orjson.loads(reply)["verdict"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        said = _VERDICT.findall(reply)
        verdict = said[-1] if said else ""
    passes = str(sample.metadata.get("PASS_CRITERIA"))
    return float(verdict == passes) if {verdict, passes} <= {"YES", "NO"} else None


def _criterion(sample: Sample, text: str, reasoning: str) -> Turns:
    del reasoning
    return [("user", fill(CRITERION, {"response": text, "criterion": str(sample.metadata.get("TARGET_QUESTION", ""))}))]


MT_BENCH = Scorer(
    name="mt_bench",
    version="1",
    score=lambda answer, sample, text: (0.0, {}),
    doc="mean of a judge's ratings from 1 to 10 of each answer of a conversation (MT-Bench by AU-Harness' templates)",
    metric=RATING,
    source=AU_HARNESS,
    judge=Judge(
        name="mt_bench",
        source=AU_HARNESS,
        generation={"max_gen_toks": 2048, "temperature": 0.1},
        runs=1,
        render=lambda sample, text, reasoning: mt_bench_turns(0, sample, text, reasoning),
        by_turn=mt_bench_turns,
        parse=read_rating,
        combine=all_rated,
        template=SYSTEM + SYSTEM_WITH_REFERENCE + REFERENCE + CONVERSATION,
    ),
    columns=("category", "reference"),
    needs_target=False,
)
MULTI_CHALLENGE = Scorer(
    name="multi_challenge",
    version="1",
    score=lambda answer, sample, text: (0.0, {}),
    doc="a judge's YES or NO about the last answer is the one that the item wants (MiMo's MultiChallenge)",
    source=MIMO,
    judge=Judge(
        name="multi_challenge",
        source=MIMO,
        model_default="gpt-4o",
        generation={"max_gen_toks": 2048, "temperature": 0.0},
        runs=1,
        render=_criterion,
        parse=read_verdict,
        combine=mean,
        template=CRITERION,
    ),
    columns=("TARGET_QUESTION", "PASS_CRITERIA"),
    needs_target=False,
)
