"""Whom a model trusted: its first answer, the other system's, the action that it named, and what each is worth.

Read from the journal's record of `--protocol self_reflect`. Every path is scored as the run's own answers are: the same
extraction, the same scorer, on the text that the path would have given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from msgspec.structs import replace

from audiobench.core.narrow import is_object
from audiobench.core.types import Outcome, Response
from audiobench.files.records import Record
from audiobench.results.runs import Scored
from audiobench.results.score import metric_of, outcome
from audiobench.scorers.metrics import Rate
from audiobench.task.spec import TaskSpec

Path = Literal["final", "routed", "internal", "external", "oracle"]
PATHS: tuple[Path, ...] = ("final", "routed", "internal", "external", "oracle")
"""final: what was written; routed: the answer that the token points at; internal, external: always the model's own first
answer, always the other system's best; oracle: the best of these answers, item by item."""
NAME = "self_reflect"
ANSWERING, TRANSCRIBING = ("internal", "external", "rewrite"), ("no_ref", "need_ref")
"""Action tokens for questions with options, and for transcription."""
NO_ACTION = "(none)"


@dataclass(frozen=True, slots=True)
class Reflected:
    """One response and what it rests on."""

    scored: Scored
    """As the run counts it."""
    action: str
    """The token, or `NO_ACTION`."""
    gold: str
    """The token that would have been right: the first answer where the other is not better, else the other's where that is
    right (of transcripts: where it has fewer errors), else `rewrite`."""
    paths: dict[Path, Scored]
    text: str
    """The final answer as written, behind its token."""


def is_reflected(protocol: str) -> bool:
    """Whether a condition's `protocol` is this one."""
    return protocol.split(":")[0] == NAME


def reflected(scored: Scored, task: TaskSpec) -> Reflected | None:
    """What a response rests on; None where it was not asked so, or is not scored by its own text alone."""
    told = scored.record.raw.get(NAME)
    if not is_object(told) or scored.outcome.value is None:
        return None
    first = _as(scored, task, str(told["internal"]), str(told["internal_finish"]), closed=bool(told["internal_closed"]))
    others = [_as(scored, task, str(text)) for text in told["external"]]
    made = metric_of(task)
    better = max if made.higher_is_better else min

    def worth(one: Scored) -> float:
        return one.outcome.value if one.outcome.value is not None else (made.worst or 0.0)

    best_other = better(others, key=worth)
    gold = _gold(worth(first), worth(others[0]), worth(best_other), isinstance(made, Rate))
    action: str = told["action"] or NO_ACTION
    pointed = {"internal": first, "no_ref": first, "external": others[0]}.get(action, scored)
    paths: dict[Path, Scored] = {
        "final": scored, "routed": pointed, "internal": first, "external": others[0],
        "oracle": better([first, *others], key=worth),
    }  # fmt: skip
    return Reflected(scored, action, gold, paths, scored.record.text)


def _gold(first: float, other: float, best: float, errors: bool) -> str:
    if errors:
        return "no_ref" if first <= best else "need_ref"
    return "internal" if first >= 1 else "external" if other >= 1 else "rewrite"


def _as(scored: Scored, task: TaskSpec, text: str, finish: str = "stop", *, closed: bool = True) -> Scored:
    """The record as if this had been its answer."""
    response = Response(text, finish_reason=finish, reasoning_closed=closed)
    record: Record = replace(scored.record, response=response, turns=[])
    found: Outcome = outcome(record, task)
    return Scored(record, found)
