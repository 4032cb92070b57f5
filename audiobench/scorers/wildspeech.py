"""WildSpeech-Bench: a judge rates each response from 1 to 10 against a checklist.

Official code: Tencent/WildSpeech-Bench @d9d6b82 (`tools/api_judge.py`, `transcribe_multi.py`, `retrieve_results.py`;
prompts CC BY 4.0). The official pipeline speaks, transcribes with whisper-large-v3 and averages three transcripts; a
text model's response is judged as it is.

One deviation: the official aggregate sets an item to 1 when langdetect (unseeded, so it can vary) does not call the
first response English. `is_english` is deterministic: most letters are Latin. Another detector can be passed in.
"""

from __future__ import annotations

import re

from audiobench.core.types import Answer, Sample
from audiobench.scorers.base import Judge, Scorer, ScoreResult, Turns, fill, mean
from audiobench.scorers.metrics import RATING

GENERAL_CHECKLIST = """\

- Instruction adherence is a core evaluation metric. If the AI's response does not fully follow the user's instructions, it constitutes a serious error.\x20
- Correctness is a core evaluation metric. If the AI's response contains factual inaccuracies, it would be a serious flaw.
- If the AI's response contain a large amount of repetitive content, it would be a serious flaw.
"""
META_PROMPT = """\

# Instructions

You are an evaluation expert. Your task is to assess the quality of AI model responses. We will provide you with user queries and AI responses. Please note that both the user queries and AI responses are in audio format. For your convenience, we have converted them into text, but you should evaluate from the perspective of voice communication and analyze the characteristics of voice communication when assessing the quality of the AI response.
You should first carefully read the user query to analyze the task, then evaluate the quality of the response based on the rules provided below.

# Conversation between User and AI

### User Query
<|begin_of_query|>

{query}

<|end_of_query|>

### AI Response
<|begin_of_response|>

{response}

<|end_of_response|>

# Evaluation

## Checklist
<|begin_of_checklist|>

{checklist}

<|end_of_checklist|>

The checklist serves as a guiding framework for your evaluation. However, feel free to consider aspects beyond its contents to ensure a well - rounded assessment.

## Rules

You should evaluate based on the analysis of user questions and AI responses, referring to the contents in the checklist during the evaluation. However, remember that the checklist is meant to provide comprehensive reference information, but it is not the standard answer. Sometimes, the AI response does not need to cover all the contents involved in the checklist to meet user needs, and you need to make this judgment on your own. The scoring scale ranges from 1 to 10:
- 1~2 points: No value/meaningless. The AI response contains many factual errors or serious flaws, or is irrelevant to the user query, providing little to no value to the user.
- 3~4 points: Partially valuable/meaningful. The AI response contains several factual errors or serious flaws, or poorly meets the user's requirements, but has some redeeming qualities and offers partial value to the user.
- 5~6 points: Flawed. The AI response has some issues, such as minor factual errors/flaws, or does not fully meet the user's requirements. However, these are relatively minor, and the response generally satisfies the user's needs.
- 7~8 points: Meets requirements. The AI response satisfies the user's needs well, with no major flaws or errors, or only very minor issues that do not affect overall quality.
- 9~10 points: High quality. The AI response perfectly meets the user's requirements, with virtually no room for improvement.

## Output Format
First, analyze the query itself and understand the user's intent. Then provide your analysis of the model's response. Summarize your evaluation in two aspects: "Strengths" and "Weaknesses". Finally, write your score. The score should appear on the last line in the following format:
Score: [your score]
"""

_RATING = re.compile(r"Score: (?:\[)?(\d+)(?:\])?")
_SENTENCE = re.compile(r"[^.!?。！？]+[.!?。！？]")


def render(sample: Sample, text: str, reasoning: str) -> Turns:
    """The judge's single user message; the item's checklist is appended to the general one."""
    del reasoning
    query = str(sample.metadata.get("user_query") or sample.transcript or sample.question)
    checklist = GENERAL_CHECKLIST + str(sample.metadata.get("checklist") or "")
    return [("user", fill(META_PROMPT, {"query": query, "response": text, "checklist": checklist}))]


def parse_rating(reply: str, sample: Sample | None = None) -> int | None:
    """The first "Score: n" of a reply, as the official code reads it (no clamp), or None."""
    del sample
    match = _RATING.search(reply)
    return int(match.group(1)) if match else None


def has_repeated_sentence(transcript: str, *, times: int = 3, min_length: int = 4) -> bool:
    """True when one sentence (of at least `min_length` characters) stands `times` or more times in a row."""
    run, before = 0, ""
    for sentence in (m.group().strip() for m in _SENTENCE.finditer(transcript)):
        run = run + 1 if sentence == before else 1
        before = sentence
        if run >= times and len(sentence) >= min_length:
            return True
    return False


NOT_ENGLISH = 1.0
"""Rating of an item whose first response is not English, whatever the judge said."""


def is_english(text: str) -> bool:
    """True when most letters are Latin, or there are none."""
    letters = [c for c in text if c.isalpha()]
    return not letters or sum(c < "\u0250" for c in letters) * 2 > len(letters)


def _score(answer: Answer, sample: Sample, text: str) -> ScoreResult:
    """Nothing without a judge: 0, and the repeat filter's finding."""
    del answer, sample
    return 0.0, {"repeated": has_repeated_sentence(text), "english": is_english(text)}


JUDGE = Judge(
    name="wildspeech_meta_prompt",
    source="Tencent/WildSpeech-Bench tools/api_judge.py @d9d6b82",
    model_default="gpt-4o-mini",
    generation={"max_gen_toks": 1024, "temperature": 0.5, "top_p": 0.95},
    runs=3,
    render=render,
    parse=parse_rating,
    combine=mean,
    settled=lambda text, sample: None if is_english(text) else NOT_ENGLISH,
)
SCORER = Scorer(
    name="wildspeech_judge",
    version="2",
    metric=RATING,
    score=_score,
    doc="mean of three judge ratings from 1 to 10 against the item's checklist (WildSpeech-Bench)",
    source=JUDGE.source,
    judge=JUDGE,
    columns=("user_query", "checklist", "transcript"),
    needs_target=False,
)
