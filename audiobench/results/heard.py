"""A journal record as a listener has it: the recogniser's words in the place of the provider's own transcript."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from audiobench.core.parts import AnswerAudio
from audiobench.files.annotations import Transcript
from audiobench.files.records import Heard, Record

NOT_TRANSCRIBED = "not transcribed yet (--asr MODEL)"


def answer_audio(record: Record) -> AnswerAudio | None:
    """The sound of the answer; None when there is none."""
    spoken = record.response.parts if record.response is not None else ()
    if spoken:
        return spoken[0]
    before: dict[str, Any] | None = record.raw.get("answer_audio")  # where version 0.1 kept it
    if before is None:
        return None
    return AnswerAudio(before["sha256"], "wav", before.get("seconds"), before.get("rate"), before.get("path"))


def heard(record: Record, line: Transcript | None) -> Record:
    """`record` with the transcript as the response's text.

    Its key becomes one of the response and the words together, so that a verdict on other words is no verdict on
    these. Without a transcript, or with one of other audio, the record stays as it is.
    """
    audio, response = answer_audio(record), record.response
    if line is None or audio is None or response is None or line.audio_sha256 != audio.sha256:
        return record
    key = hashlib.sha256(f"{record.key}\n{line.text}".encode()).hexdigest()
    before = Heard(line.asr, response.text, record.key)
    transcribed = msgspec.structs.replace(response, text=line.text)
    return msgspec.structs.replace(record, key=key, response=transcribed, heard=before)


def pending(record: Record) -> bool:
    """Whether the answer is audio that nobody has transcribed."""
    return answer_audio(record) is not None and record.heard is None
