"""What another model wrote, handed to a model as data; and a reply that must be JSON, whole."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from audiobench.core.narrow import is_object

_FENCE = re.compile(r"\A\s*```(?:json)?\s*|\s*```\s*\Z")


def marker(data: str) -> str:
    """A line that cannot occur in `data`, because it depends on all of it."""
    return f"DATA-{hashlib.sha256(data.encode()).hexdigest()[:32]}"


def json_reply(reply: str) -> Any:
    """The reply as JSON, a code fence around it allowed; None where it is not."""
    try:
        return json.loads(_FENCE.sub("", reply))
    except ValueError:
        return None


def option_named(reply: str, letters: list[str]) -> str | None:
    """The letter in a reply `{"option": "<letter>"}`, or "none"; None where the reply is anything else."""
    found = json_reply(reply)
    if not is_object(found) or set(found) != {"option"} or not isinstance(found["option"], str):
        return None
    option = found["option"].strip()
    return "none" if option.lower() == "none" else option if option in letters else None
