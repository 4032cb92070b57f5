"""MMAU-Pro: instruction checks and the judge of open questions.

Official code: sonalkum/MMAUPro `evaluate_mmau_pro_comprehensive.py` @960e93a. Multiple choice there is an embedding
match on a GPU (NV-Embed-v2), which is not implemented: use `option_match` and say so. Of the 29 instruction checks the
sentence counts need an nltk model and give None here; an identifier that is not known is False, as in the official
code. Details that no published vector fixes (whether a keyword count is exact, how sections are split) follow IFEval,
whose checks these are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from audiobench.core.types import Answer, Sample
from audiobench.scorers.base import Judge, Scorer, ScoreResult, Turns, fill, mean, references, share_true
from audiobench.scorers.metrics import Mean

_Check = Callable[[str, Mapping[str, Any], str], bool]


def _words(text: str) -> int:
    return len(text.split())


def _capitals(text: str) -> int:
    return sum(word.isupper() for word in re.findall(r"\b\w+\b", text))


def _listed(value: Any) -> list[str]:
    items = value.split(",") if isinstance(value, str) else list(value or ())
    return [str(item).strip().lower() for item in items if str(item).strip()]


def _parts(text: str, mark: str) -> list[str]:
    return [part.strip() for part in text.split(mark) if part.strip()]


def _sections(text: str, kwargs: Mapping[str, Any], prompt: str) -> bool:
    pieces = re.split(rf"\s?{re.escape(str(kwargs['section_splitter']))}\s?\d+\s?", text)
    return len(pieces) - 1 >= int(kwargs["N"])


def _two_responses(text: str, kwargs: Mapping[str, Any], prompt: str) -> bool:
    parts = _parts(text, "******")
    return len(parts) == 2 and parts[0] != parts[1]


def _highlights(text: str, kwargs: Mapping[str, Any], prompt: str) -> bool:
    return len(re.findall(r"\*[^\n*]+\*", text)) >= int(kwargs["N"])


def _bullets(text: str, kwargs: Mapping[str, Any], prompt: str) -> bool:
    found = re.findall(r"(?m)^\s*\*[^*].*$", text) + re.findall(r"(?m)^\s*-.*$", text)
    return len(found) == int(kwargs["N"])


CHECKS: Mapping[str, _Check] = {
    "Include Keywords": lambda t, k, p: all(word in t.lower() for word in _listed(k.get("keywords"))),
    "Keyword Frequency": lambda t, k, p: (
        len(re.findall(rf"\b{re.escape(str(k['keyword']).lower())}\b", t.lower())) == int(k["N"])
    ),
    "Forbidden Words": lambda t, k, p: (
        not any(re.search(rf"\b{re.escape(word)}\b", t.lower()) for word in _listed(k.get("forbidden_words")))
    ),
    "Number Paragraphs": lambda t, k, p: len(_parts(t, "***")) == int(k["N"]),
    "Number Words (at least)": lambda t, k, p: _words(t) >= int(k["N"]),
    "Number Words (at most)": lambda t, k, p: _words(t) <= int(k["N"]),
    "Number Words (range)": lambda t, k, p: int(k["N1"]) <= _words(t) <= int(k["N2"]),
    "All-capital Words (at least)": lambda t, k, p: _capitals(t) >= int(k["N"]),
    "All-capital Words (at most)": lambda t, k, p: _capitals(t) <= int(k["N"]),
    "All-capital Words (range)": lambda t, k, p: int(k["N1"]) <= _capitals(t) <= int(k["N2"]),
    "All Uppercase": lambda t, k, p: t.isupper(),
    "All Lowercase": lambda t, k, p: t.islower(),
    "No Commas": lambda t, k, p: "," not in t,
    "Quotation": lambda t, k, p: len(t.strip()) > 1 and t.strip()[0] == t.strip()[-1] == '"',
    "Start Checker": lambda t, k, p: t.strip().lower().startswith(str(k["start_phrase"]).strip().lower()),
    "End Checker": lambda t, k, p: t.strip().lower().endswith(str(k["end_phrase"]).strip().lower()),
    "Postscript": lambda t, k, p: str(k["postscript_marker"]).lower() in t.lower(),
    "Number Placeholder": lambda t, k, p: len(re.findall(r"\[.*?\]", t)) >= int(k["N"]),
    "Number Bullets": _bullets,
    "Title": lambda t, k, p: any(m.strip("<>").strip() for m in re.findall(r"<<[^\n]+>>", t)),
    "Minimum Number Highlighted Section": _highlights,
    "Multiple Sections": _sections,
    "Two Responses": _two_responses,
    "Repeat Prompt": lambda t, k, p: t.strip().lower().startswith(p.strip().lower()),
}
"""Task identifier -> check of (response, kwargs, prompt)."""


def follows(identifier: str, kwargs: Mapping[str, Any], prompt: str, text: str) -> bool | None:
    """Whether a response follows its instruction; None for the sentence counts, False for an unknown identifier."""
    if "sentence" in identifier.lower():
        return None
    check = CHECKS.get(identifier)
    return bool(check and check(text, kwargs, prompt))


def _official_aif(text: str | None, sample: Sample) -> Any:
    meta = sample.metadata
    return follows(str(meta["task_identifier"]), meta.get("kwargs") or {}, sample.question, text or "")


def _aif_score(answer: Answer, sample: Sample, text: str) -> ScoreResult:
    followed = _official_aif(text, sample)
    return float(bool(followed)), {} if followed is not None else {"not_checked": True}


SYSTEM_PROMPT = "You are a helpful and objective evaluator."
OPEN_PROMPT = """You are an expert evaluator for general open-ended question answering tasks. Please evaluate the quality of a model's response to a question.

Question: {question}

Reference Answer: {reference_answer}

Model Response: {model_response}

Please evaluate the model response on the following criteria and provide scores from 1-5 (where 5 is best):

1. **Correctness**: How factually accurate is the response compared to the reference?
2. **Relevance**: How well does the response address the specific question asked?
3. **Completeness**: Does the response cover all important aspects mentioned in the reference?
4. **Clarity**: How clear and well-structured is the response?

For each criterion, provide:
- A score from 1-5
- A brief justification (1-2 sentences)

Format your response as:

CORRECTNESS: [score] - [justification]
RELEVANCE: [score] - [justification]\x20
COMPLETENESS: [score] - [justification]
CLARITY: [score] - [justification]
OVERALL: [average score] - [overall assessment]"""
_CRITERIA = ("correctness", "relevance", "completeness", "clarity")


def render(sample: Sample, text: str, reasoning: str) -> Turns:
    """System and user message of the open-ended judge."""
    del reasoning
    values = {"question": sample.question, "reference_answer": references(sample)[0], "model_response": text}
    return [("system", SYSTEM_PROMPT), ("user", fill(OPEN_PROMPT, values))]


def parse_scores(reply: str) -> dict[str, float]:
    """The official reading of a reply: a criterion that cannot be read is 3, an overall of 3 is the criteria's mean."""
    scores: dict[str, float] = {}
    for name in _CRITERIA:
        match = re.search(rf"{name}:\s*(\d+)", reply, re.IGNORECASE)
        scores[name] = float(match.group(1)) if match else 3.0
    match = re.search(r"OVERALL:\s*(\d+(?:\.\d+)?)", reply, re.IGNORECASE)
    overall = float(match.group(1)) if match else 3.0
    scores["overall"] = overall if overall != 3.0 else sum(scores.values()) / len(scores)
    return scores


def _parse_open(reply: str, sample: Sample) -> float | None:
    """Overall / 5; a reply without any score is None here (the official code makes it 0.6)."""
    del sample
    if not re.search(r"(?:correctness|relevance|completeness|clarity|overall):\s*\d", reply, re.IGNORECASE):
        return None
    return parse_scores(reply)["overall"] / 5


AIF = Scorer(
    name="mmaupro_aif",
    version="1",
    score=_aif_score,
    doc="does the response follow its verifiable instruction (MMAU-Pro, instruction following)",
    source="sonalkum/MMAUPro evaluate_mmau_pro_comprehensive.py @960e93a",
    official=_official_aif,
    official_extracted=lambda answer, sample: _official_aif(answer.value, sample),
    official_summary=share_true("mmaupro_aif"),
    columns=("task_identifier", "kwargs"),
    needs_target=False,
)
OPEN = Scorer(
    name="mmaupro_open_judge",
    version="1",
    metric=Mean("rating", label="judge's overall rating of 5, divided by 5", unit="graded"),
    score=lambda answer, sample, text: (0.0, {}),
    doc="a judge's overall rating of an open answer, divided by 5 (MMAU-Pro, open)",
    source="sonalkum/MMAUPro evaluate_mmau_pro_comprehensive.py @960e93a",
    judge=Judge(
        name="mmaupro_open",
        source="sonalkum/MMAUPro evaluate_mmau_pro_comprehensive.py @960e93a",
        model_default="Qwen/Qwen2.5-7B-Instruct",
        generation={"max_gen_toks": 512, "temperature": 0.1},
        runs=1,
        render=render,
        parse=_parse_open,
        combine=mean,
    ),
)
