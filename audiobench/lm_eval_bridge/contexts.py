"""What travels in an lm-eval request: the prompt and the clips, small in memory and in logs, audio only on demand.

lm-eval holds every request of a task at once and writes them into its sample logs. So a request carries paths; the
bytes are read when a model class asks for them, and dropped again.
"""

from __future__ import annotations

import json
from typing import Any

import pybase64
from lm_eval.models.api_models import JsonChatStr

from audiobench import media as audio
from audiobench.core.errors import UsageError
from audiobench.core.types import Clip, Outcome, Request, TextPart
from audiobench.media.support import AudioSupport

PLACEHOLDER = "<audio>"
"""Where a clip belongs in the text, by lm-eval's convention."""
WAV = AudioSupport(formats=["wav"])
SPEECH = AudioSupport(formats=["wav"], sample_rate=16000, channels=1)


class Reply(str):
    """A model's final text that still knows how audiobench judged the whole response."""

    outcome: Outcome


class Turns(str):
    """A chat (list of {role, content}) as JSON, from `AudiobenchLM.apply_chat_template`."""


class Waveform(dict[str, Any]):
    """A clip in the form of lm-eval's audio model classes, decoded when asked: `array` (float32, mono), `sampling_rate`
    (16000 Hz). What stands in logs is its path.
    """

    def __init__(self, clip: Clip) -> None:
        super().__init__({"path": str(clip.path)})
        self.clip = clip

    def __missing__(self, key: str) -> Any:
        if key == "sampling_rate":
            return SPEECH.sample_rate
        if key != "array":
            raise KeyError(key)
        import io

        import soundfile

        pieces, _ = audio.parts(audio.read(self.clip), self.clip, SPEECH, "full", self.clip.span)
        return soundfile.read(io.BytesIO(pieces[0].data), dtype="float32")[0]


class Media(dict[str, Any]):
    """The third argument of a request: `{"audio": [...]}`."""

    def __missing__(self, key: str) -> Any:
        raise UsageError(
            f"this model class of lm-eval asks for {key!r}, it sends no audio; for a chat server add "
            "--apply_chat_template (local-chat-completions), or use --model audiobench"
        )


class AudioChat(JsonChatStr):
    """A chat for lm-eval's chat completions classes: a tuple of its JSON with paths, sent with the clips' bytes.

    The tuple (what logs and cache keys see) says `{"path", "sha256"}` where `prompt` (what goes to the server) says
    `{"data", "format"}`.
    """

    @property
    def prompt(self) -> str:  # type: ignore[override]
        """The messages as JSON, clips as base64."""
        messages = json.loads(self[0])
        for message in messages:
            for part in message["content"] if isinstance(message["content"], list) else ():
                if part["type"] == "input_audio":
                    part["input_audio"] = _encoded(Clip(**part["input_audio"]))
        return json.dumps(messages)

    def encode(self, encoding: str) -> bytes:
        """The form without bytes, for lm-eval's prompt hash."""
        return self[0].encode(encoding)


def _encoded(clip: Clip) -> dict[str, str]:
    from pathlib import Path

    clip = Clip(Path(clip.path), clip.sha256)
    pieces, _ = audio.parts(audio.read(clip), clip, WAV, "full")
    return {"data": pybase64.b64encode(pieces[0].data).decode(), "format": pieces[0].format}


def as_chat(request: Request) -> AudioChat:
    """The request's turns as chat messages, parts in order."""
    messages: list[dict[str, Any]] = []
    for message in request.messages:
        content = [
            {"type": "input_audio", "input_audio": {"path": str(part.clip.path), "sha256": part.clip.sha256}}
            if not isinstance(part, TextPart)
            else {"type": "text", "text": part.text}
            for part in message.parts
        ]
        plain = len(content) == 1 and content[0]["type"] == "text"
        messages.append({"role": message.role, "content": content[0]["text"] if plain else content})
    return AudioChat(json.dumps(messages, ensure_ascii=False))


def as_turns(request: Request) -> list[dict[str, str]]:
    """The request's turns as {role, content}, with `<audio>` in the place of each clip."""
    return [
        {
            "role": message.role,
            "content": "\n".join(part.text if isinstance(part, TextPart) else PLACEHOLDER for part in message.parts),
        }
        for message in request.messages
    ]
