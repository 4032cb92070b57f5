"""VoiceBench's judges: open answers from 1 to 5 (alpacaeval, commoneval, wildvoice), and yes or no (sd-qa).

Official code: MatthewCYM/VoiceBench api_judge.py and src/evaluator/open.py, qa.py @5338154 (Apache-2.0). Three replies a
response. Where the official vote is a tie its verdict depends on Python's hash seed: `random`, and none in ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from audiobench.core.types import Sample
from audiobench.scorers.base import RANDOM, Judge, Scorer, Turns, fill, mean, references
from audiobench.scorers.metrics import RATING_OF_5

SOURCE = "MatthewCYM/VoiceBench api_judge.py @5338154"
SYSTEM_PROMPT = "You are a helpful assistant who tries to help answer the user's question."
OPEN_PROMPT = """
I need your help to evaluate the performance of several models in the speech interaction scenario. The models will receive a speech input from the user, which they need to understand and respond to with a speech output.
Your task is to rate the model’s responses based on the provided user input transcription [Instruction] and the model’s output transcription [Response].

Please evaluate the response on a scale of 1 to 5:
1 point: The response is largely irrelevant, incorrect, or fails to address the user’s query. It may be off-topic or provide incorrect information.
2 points: The response is somewhat relevant but lacks accuracy or completeness. It may only partially answer the user’s question or include extraneous information.
3 points: The response is relevant and mostly accurate, but it may lack conciseness or include unnecessary details that don’t contribute to the main point.
4 points: The response is relevant, accurate, and concise, providing a clear answer to the user’s question without unnecessary elaboration.
5 points: The response is exceptionally relevant, accurate, and to the point. It directly addresses the user’s query in a highly effective and efficient manner, providing exactly the information needed.

Below are the transcription of user’s instruction and models’ response:
### [Instruction]: {prompt}
### [Response]: {response}

After evaluating, please output the score only without anything else.
You don’t need to provide any explanations.
"""
QA_PROMPT = """\
### Question
{prompt}

### Reference answer
{reference}

### Candidate answer
{response}

Is the candidate answer correct based on the question and reference answer?\x20
Please only output a single "Yes" or "No". Do not output anything else."""


def _asked(sample: Sample) -> str:
    return str(sample.metadata.get("prompt") or sample.transcript or sample.question)


def _render_open(sample: Sample, text: str, reasoning: str) -> Turns:
    del reasoning
    return [("system", SYSTEM_PROMPT), ("user", fill(OPEN_PROMPT, {"prompt": _asked(sample), "response": text}))]


def _render_qa(sample: Sample, text: str, reasoning: str) -> Turns:
    del reasoning
    values = {"prompt": _asked(sample), "reference": " / ".join(references(sample)), "response": text}
    return [("system", SYSTEM_PROMPT), ("user", fill(QA_PROMPT, values))]


def extract_rating(reply: str) -> int:
    """The official reading of a rating that is no number: `[[n]]`.

    Raises:
        NotImplementedError: there is none.
    """
    match = re.search(r"\[\[(\d+)\]\]", reply)
    if match is None:
        raise NotImplementedError
    return int(match.group(1))


def open_mean(ratings: Sequence[Sequence[float | str]]) -> float:
    """The official figure: the mean of all ratings of all items, so an item with more of them weighs more."""
    read: list[float] = []
    for item in ratings:
        for rating in item:
            try:
                read.append(float(rating))
            except Exception:
                read.append(extract_rating(str(rating)))
    return sum(read) / len(read) if read else float("nan")


def _parse_open(reply: str, sample: Sample) -> float | None:
    """A reply that is one number from 1 to 5, as it is asked for, or `[[n]]`."""
    del sample
    match = re.fullmatch(r"\W*(?:\[\[)?([1-5](?:\.\d+)?)(?:\]\])?(?:\s*/\s*5)?\W*", reply.strip())
    match = match or re.search(r"\[\[([1-5](?:\.\d+)?)\]\]", reply)
    value = float(match.group(1)) if match else None
    return value if value is not None and value <= 5 else None


def majority_vote(replies: Sequence[str]) -> bool | str:
    """The official vote: whether the commonest reply is exactly "yes"; `random` for a tie that could go either way."""
    said = [reply.lower() for reply in replies]
    most = max(said.count(reply) for reply in said)
    winners = {reply == "yes" for reply in said if said.count(reply) == most}
    return winners.pop() if len(winners) == 1 else RANDOM


def _parse_qa(reply: str, sample: Sample) -> float | None:
    del sample
    match = re.match(r"\W*(yes|no)\b", reply.strip(), re.IGNORECASE)
    return None if match is None else float(match.group(1).lower() == "yes")


def majority(votes: Sequence[float | None]) -> float | None:
    """1 for more yes than no, 0 for more no; a tie or no vote that could be read decides nothing."""
    read = [vote for vote in votes if vote is not None]
    share = mean(read)
    return None if share is None or share == 0.5 else float(share > 0.5)


def _judge(
    name: str,
    render: Callable[[Sample, str, str], Turns],
    parse: Callable[[str, Sample], float | None],
    combine: Callable[[Sequence[float | None]], float | None],
) -> Judge:
    return Judge(
        name=f"voicebench_{name}",
        source=SOURCE,
        model_default="gpt-4o-mini",
        generation={"max_gen_toks": 1024, "temperature": 0.5, "top_p": 0.95},
        runs=3,
        render=render,
        parse=parse,
        combine=combine,
    )


OPEN = Scorer(
    name="voicebench_open",
    version="1",
    score=lambda answer, sample, text: (0.0, {}),
    doc="mean of three judge ratings from 1 to 5 (VoiceBench alpacaeval, commoneval, wildvoice)",
    metric=RATING_OF_5,
    source=SOURCE,
    judge=_judge("open", _render_open, _parse_open, mean),
    columns=("prompt",),
    needs_target=False,
)
QA = Scorer(
    name="voicebench_qa",
    version="1",
    score=lambda answer, sample, text: (0.0, {}),
    doc="majority of three judge verdicts whether the answer is the reference's (VoiceBench sd-qa)",
    source=SOURCE,
    judge=_judge("qa", _render_qa, _parse_qa, majority),
    columns=("prompt",),
)
