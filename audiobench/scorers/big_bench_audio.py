"""Big Bench Audio: a deterministic verdict, and the judge of Artificial Analysis.

The official scorer is a judge model with the prompt below (Hugging Face blog "big-bench-audio-release"; the figures
there are the mean of three runs, the judge model is not named). `bba_extract` needs no judge: the prompt of most
published runs asks for one word.
"""

from __future__ import annotations

from audiobench.core.types import Answer, Sample
from audiobench.extraction.numbers import find_numbers, plain
from audiobench.scorers.base import Judge, Scorer, ScoreResult, Turns, fill, mean, references
from audiobench.scorers.general import parse_verdict

JUDGE_PROMPT = """Assess whether the following CANDIDATE ANSWER is CORRECT or INCORRECT.
For the CANDIDATE ANSWER to be correct, it must be consistent with the OFFICIAL ANSWER.
If the CANDIDATE ANSWER contradicts itself, assess the first proposed answer.
If the CANDIDATE ANSWER provides a final answer and working, assess the final answer only.
If the CANDIDATE ANSWER includes irrelevant information, assess only the relevant information.
If the CANDIDATE ANSWER includes a numeric value it is ok if it is spelled e.g. 7 or seven
It is ok if the CANDIDATE ANSWER involves a misspelling of a person's name e.g. Leda or Lida, Autry or Audrie.
\x20\x20
The question, for reference only: START QUESTION {question} \\n\\nEND QUESTION

The OFFICIAL ANSWER:{official_answer}

BEGIN CANDIDATE ANSWER TO ASSESS

{candidate_answer}

END CANDIDATE ANSWER TO ASSESS

Reply only with CORRECT or INCORRECT."""
"""Verbatim, two blanks on the line before "The question" and the literal `\\n\\n` included."""


def _render(sample: Sample, text: str, reasoning: str) -> Turns:
    del reasoning
    question = str(sample.metadata.get("question_text") or sample.transcript or sample.question)
    values = {"question": question, "official_answer": references(sample)[0], "candidate_answer": text}
    return [("user", fill(JUDGE_PROMPT, values))]


def _score(answer: Answer, sample: Sample, text: str) -> ScoreResult:
    """1 when the extracted answer is the reference, counts compared as numbers."""
    del text
    if answer.value is None:
        return 0.0, {}
    return float(any(_normal(answer.value) == _normal(r) for r in references(sample))), {}


def _normal(text: str) -> str:
    numbers = find_numbers(text)
    return plain(numbers[0]) if len(numbers) == 1 else text.strip().strip(".").casefold()


_JUDGE = Judge(
    name="bba_judge_aa",
    source="huggingface.co/blog/big-bench-audio-release (Artificial Analysis)",
    model_default="",
    generation={"temperature": 0.0, "max_gen_toks": 16},
    runs=1,
    render=_render,
    parse=parse_verdict,
    combine=mean,
)

EXTRACT = Scorer(
    name="bba_extract",
    version="1",
    score=_score,
    doc="valid / invalid, yes / no or a count, read by fixed rules and compared with the reference",
    source="deterministic stand-in for the Artificial Analysis judge",
    extraction=("short_answer",),
)
JUDGED = Scorer(
    name="bba_judge_aa",
    version="1",
    score=_score,
    doc="a judge model says CORRECT or INCORRECT (comparable with Artificial Analysis)",
    source=_JUDGE.source,
    judge=_JUDGE,
    extraction=("short_answer",),
    columns=("question_text", "transcript"),
    by_rule=EXTRACT,
)
