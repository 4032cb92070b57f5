"""SpeechFCEval's match of spoken function calls: BFCL's rules, in the version of Fun-Audio-Chat (`speech_fc`).

Official rules: FunAudioLLM/Fun-Audio-Chat @8ba984b evaluate/SpeechFCEval/utils/compute_metrics_bfcl.py. They differ from
bfcl-eval's in two types: a `number` is a whole number, and a value of the type `object` is not looked at; and only calls between
`<tool_call>` and `</tool_call>` are read. Our verdict goes by bfcl-eval's own rules (`audiobench.scorers.bfcl`) and reads calls
by a server's own means and in JSON too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import orjson

from audiobench.core.narrow import is_list, is_object
from audiobench.core.types import Answer, Sample
from audiobench.scorers import bfcl
from audiobench.scorers.base import Scorer, ScoreResult, or_crash, share_true

SOURCE = "FunAudioLLM/Fun-Audio-Chat@8ba984b evaluate/SpeechFCEval/utils/compute_metrics_bfcl.py"
RULES = bfcl.Rules({**bfcl.TYPES, "number": int}, ("object",))
_TAGGED = re.compile(r"<tool_call>\s*(\{.*?\})\s*</tool_call>", re.DOTALL)


def tagged_calls(text: str) -> list[Any]:
    """The calls between tags, as the official code reads them: what is no JSON is passed over, one object in a list is that
    object.

    Raises:
        KeyError: a call without a name or arguments.
    """
    found: list[Any] = []
    for written in _TAGGED.findall(text):
        try:
            call = orjson.loads(written.strip().replace("\\n", " "))
        except orjson.JSONDecodeError:
            continue
        arguments = call["arguments"]
        if is_list(arguments) and len(arguments) == 1 and is_object(arguments[0]):
            arguments = arguments[0]
        found.append({call["name"]: arguments})
    return found


def official(text: str | None, sample: Sample) -> bool:
    """The official verdict; a call that is none is a wrong answer there."""
    try:
        calls = tagged_calls(text or "")
    except (KeyError, TypeError):
        return False
    if not all(is_object(arguments) for call in calls for arguments in call.values()):
        return False
    return bfcl.check(_tools(sample), calls, _allowed(sample), dots=False, rules=RULES).valid


def _opened(value: Any) -> list[Any]:
    return orjson.loads(value) if isinstance(value, str) else value


def _tools(sample: Sample) -> list[Any]:
    return [one.get("function", one) for one in _opened(sample.metadata["function"])]


def _allowed(sample: Sample) -> list[Any]:
    return _opened(sample.metadata["ground_truth"])


def score(answer: Answer, sample: Sample, text: str) -> ScoreResult:
    """1 where the calls match by bfcl-eval's rules."""
    del answer
    tagged = or_crash(tagged_calls, text)
    calls: Any = tagged if is_list(tagged) and tagged else bfcl.calls_in(text) or []
    calls = [{name.replace(".", "_"): given for name, given in call.items()} for call in calls]
    found = bfcl.check(_tools(sample), calls, _allowed(sample), dots=True)
    return float(found.valid), {"error_type": found.error_type, "calls": len(calls)}


def _verdict(text: str | None, sample: Sample) -> Any:
    return or_crash(official, text, sample)


def _summary(verdicts: Sequence[Any], samples: Sequence[Sample]) -> Any:
    return share_true("speech_fc")(verdicts, samples)


SCORER = Scorer(
    name="speech_fc",
    version="1",
    score=score,
    doc="the function calls are allowed ones by BFCL's rules; official: in SpeechFCEval's version of them",
    source=SOURCE,
    official=_verdict,
    official_summary=_summary,
    columns=("function", "ground_truth"),
    needs_target=False,
)
