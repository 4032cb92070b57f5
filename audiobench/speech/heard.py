"""A journal record as a listener has it: the recogniser's words in the place of the provider's own transcript."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

NOT_TRANSCRIBED = "not transcribed yet (--asr MODEL)"


def answer_audio(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What the journal says of the answer's audio: sha256, path, rate (Hz), seconds; None when there is none."""
    response = record.get("response") or {}
    return (response.get("raw") or {}).get("answer_audio")


def heard(record: Mapping[str, Any], line: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """`record` with the text of `line` (of transcripts.jsonl) as the response.

    Its key becomes one of the response and the words together, so that a verdict on other words is no verdict on
    these. Without a line, or one of other audio, the record stays as it is.
    """
    audio = answer_audio(record)
    if line is None or audio is None or line["audio_sha256"] != audio["sha256"]:
        return record
    response = record["response"]
    key = hashlib.sha256(f"{record['key']}\n{line['text']}".encode()).hexdigest()
    said = {"asr": line["asr"], "provider_transcript": response["text"], "key": record["key"]}
    return {**record, "key": key, "response": {**response, "text": line["text"], "heard": said}}


def pending(record: Mapping[str, Any]) -> bool:
    """Whether the answer is audio that nobody has transcribed."""
    return answer_audio(record) is not None and "heard" not in record["response"]
