"""Did the model think as it was asked to? What responses hold is counted against their think mode, and said."""

from __future__ import annotations

from collections.abc import Iterable

from audiobench.core.types import Response
from audiobench.files.summary_entry import Reasoning


def reasoned(response: Response) -> bool:
    """Whether a response holds reasoning, or its server counted tokens of it."""
    if response.reasoning and not response.reasoning.isspace():
        return True
    tokens = response.usage.get("reasoning")
    return tokens is not None and isinstance(tokens, int | float) and tokens > 0


def counted(responses: Iterable[Response | None]) -> Reasoning:
    """How many of these responses hold reasoning."""
    found = [reasoned(response) for response in responses if response is not None]
    return Reasoning(len(found), sum(found))


def contrary(think: str, effective: Iterable[str], found: Reasoning) -> str:
    """What in `found` is not what the think mode asked for, in words; empty where nothing is.

    `effective`: what was really done about thinking; an approximation of thinking (a prompt for it) need not show.
    """
    if think == "off" and found.reasoned:
        return f"{found.reasoned} of {found.responses} responses hold reasoning"
    lacking = found.responses - found.reasoned
    if think == "on" and lacking and not any(done.startswith("approx:") for done in effective):
        return f"{lacking} of {found.responses} responses hold no reasoning"
    return ""
