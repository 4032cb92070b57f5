"""Text that a chat template would read as control tokens is made harmless before it reaches a model.

`<|EOT|>` becomes `< |EOT| >`, `<think>` becomes `< think >`: still readable, no longer a token. Covered: everything of
the form `<|...|>`, and the bare names below (thinking, audio and tool tags, ends of turns of the common families).
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from audiobench.core.narrow import is_list, is_object

BARE = (
    "think", "/think", "thinking", "/thinking", "answer", "/answer", "tool_call", "/tool_call", "tool_response",
    "/tool_response", "audio", "/audio", "audio_start", "audio_end", "audio_patch", "audio_patch_pad", "tts_start",
    "tts_end", "tts_pad", "start_of_turn", "end_of_turn", "start_of_audio", "end_of_audio", "audio_soft_token", "bos",
    "eos", "pad", "unk", "s", "/s", "sound",
)  # fmt: skip
_TOKEN = re.compile(
    r"<(\|[^<>|\s][^<>|]{0,62}\|)>|<(" + "|".join(map(re.escape, BARE)) + r")>|\[(/?(?:INST|SYS|AUDIO|BEGIN_AUDIO))\]",
)
_HINT = re.compile(rb"<[|/a-z]|\[/?[A-Z_]+\]")


def neutralise_row(row: dict[str, Any]) -> dict[str, Any]:
    """`row` with special-token strings made harmless; the same object when there are none (found out cheaply)."""
    return neutralise(row) if _HINT.search(orjson.dumps(row, default=str)) else row


def _spaced(match: re.Match[str]) -> str:
    text = match[0]
    return f"{text[0]} {text[1:-1]} {text[-1]}"


def neutralise(value: Any) -> Any:
    """`value` with special-token strings made harmless in every text inside it; the same object when there are none."""
    if isinstance(value, str):
        if ("<" in value or "[" in value) and _TOKEN.search(value):
            return _TOKEN.sub(_spaced, value)
        return value
    if is_list(value):
        items = [neutralise(item) for item in value]
        return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
    if is_object(value):
        cleaned = {key: neutralise(item) for key, item in value.items()}
        return cleaned if any(cleaned[key] is not value[key] for key in value) else value
    return value
