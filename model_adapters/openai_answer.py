"""What an answer of OpenAI's chat completions holds, in any of the shapes that servers give it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audiobench.core.json_values import counts, object_in, objects_in, text_in
from audiobench.core.narrow import is_list

FINISH = {"max_tokens": "length", "model_length": "length", "eos_token": "stop", "stop_sequence": "stop"}
"""What servers call the end of an answer -> what OpenAI calls it."""


def finish_reason(choice: Mapping[str, Any]) -> str:
    """Why the answer ended, in OpenAI's words; `unknown` where the server does not say."""
    finish = str(choice.get("finish_reason") or "unknown").lower()
    return FINISH.get(finish, finish)


def content(message: Mapping[str, Any]) -> tuple[str, str | None]:
    """(text, separate reasoning or None) of a message, or of a piece of one."""
    reasoning = next((message[k] for k in ("reasoning", "reasoning_content") if isinstance(message.get(k), str)), None)
    found = message.get("content")
    if is_list(found):
        texts: list[str] = []
        thoughts: list[str] = []
        for part in objects_in(message, "content"):
            if part.get("type") == "thinking":
                inner = part.get("thinking")
                pieces = objects_in(part, "thinking")
                thoughts += [str(p.get("text", "")) for p in pieces] if is_list(inner) else [str(inner or "")]
            else:
                texts.append(str(part.get("text", "")))
        found, reasoning = "".join(texts), reasoning or ("".join(thoughts) or None)
    return (found if isinstance(found, str) else "") or text_in(message.get("audio"), "transcript"), reasoning or None


def usage(told: Mapping[str, Any]) -> dict[str, float]:
    """Token counts under our names; `audio` and `cached` are parts of `prompt`, `reasoning` of `completion`."""
    asked, said = object_in(told, "prompt_tokens_details"), object_in(told, "completion_tokens_details")
    found = {
        "prompt": told.get("prompt_tokens"),
        "audio": asked.get("audio_tokens", object_in(asked, "multimodal_tokens").get("audio")),
        "cached": asked.get("cached_tokens"),
        "completion": told.get("completion_tokens"),
        "reasoning": said.get("reasoning_tokens"),
        "audio_output": said.get("audio_tokens"),
        "total": told.get("total_tokens"),
        "audio_seconds": told.get("prompt_audio_seconds"),
    }
    return counts(found)
