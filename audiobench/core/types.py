"""The vocabulary: what flows from a task to a score.

    TaskSpec -> Sample -> Request -> Response -> Answer -> Outcome -> summary entry

Frozen dataclasses, and structs for what a run makes hundreds of thousands of; what people write (task and model YAML) is
pydantic and lives in `audiobench.task` and `audiobench.model.spec`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Annotated, Any, Literal

import orjson
from msgspec import Meta, Struct, to_builtins
from msgspec import field as struct_field

from audiobench.core.errors import UsageError
from audiobench.core.parts import AnswerPart, Hashes, identity, text_of
from audiobench.core.parts import AudioPart as AudioPart
from audiobench.core.parts import Clip as Clip
from audiobench.core.parts import ImagePart as ImagePart
from audiobench.core.parts import MediaPart as MediaPart
from audiobench.core.parts import Message as Message
from audiobench.core.parts import Part as Part
from audiobench.core.parts import Parts as Parts
from audiobench.core.parts import Role as Role
from audiobench.core.parts import TextPart as TextPart
from audiobench.core.parts import VideoPart as VideoPart
from audiobench.core.tool_results import Called, Toolbox
from audiobench.core.tools import Tool as Tool
from audiobench.core.tools import ToolCall as ToolCall
from audiobench.core.tools import as_openai

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def check_options(choices: Sequence[str | None]) -> None:
    """Raise UsageError for more options (padded slots included) than there are letters; the caller adds file and id."""
    if len(choices) > len(LETTERS):
        raise UsageError(f"{len(choices)} options, at most {len(LETTERS)}: each is asked by its letter")


Status = Literal["scored", "unparsed", "truncated", "refused", "error", "invalid_audio", "pending"]
STATUSES: tuple[Status, ...] = ("scored", "unparsed", "truncated", "refused", "error", "invalid_audio")
"""The six ends of a request that a summary counts; what is `pending` (not judged, not transcribed yet) counts as an
error until it is done."""


@dataclass(frozen=True, slots=True)
class DialogueTurn:
    """One turn of a conversation: as the data set gives it, or as it was said."""

    role: Role
    text: str = ""
    """Its words. Of a turn with sound they are what is said in it, which the model under test is not shown."""
    clips: tuple[Clip, ...] = ()
    """What is heard of it."""
    own: bool = False
    """Whether the model under test said it."""


class Sample(Struct, frozen=True):
    """One item of a benchmark."""

    id: str
    question: str
    clips: tuple[Clip, ...] = ()
    """Sound."""
    choices: tuple[str | None, ...] = ()
    """Option texts in published order; None is a padded slot (MMSU), whose letter is not offered."""
    target: str | tuple[str, ...] | None = None
    """The right option's text, or the reference(s); None where answers are withheld."""
    metadata: Mapping[str, Any] = {}
    """Columns for breakdowns and for the scorer (checklist, rubric, ...)."""
    transcript: str | None = None
    """The words of the clip, where the data set has them (for the `transcript` audio condition)."""
    cluster: str | None = None
    """Items that share a clip share this key."""
    doc: Mapping[str, Any] = {}
    """The data set's own row (without audio), for prompt templates."""
    videos: tuple[Clip, ...] = ()
    images: tuple[Clip, ...] = ()
    turns: tuple[DialogueTurn, ...] = ()
    """The conversation, where the item is one; its clips are those of `clips`, in order."""
    tools: tuple[Tool, ...] = ()
    """What the model may call."""
    toolbox: Toolbox | None = None
    """What its calls are answered with, where the task scripts that."""
    called: tuple[Called, ...] | None = None
    """What the model called in a conversation with scripted results, for scorers; None where there was none."""
    reference: Clip | None = None
    """A sound that an answer in sound is compared with; no model is sent it."""

    @property
    def media(self) -> tuple[Clip, ...]:
        """Every file that a request about it may send."""
        return (*self.clips, *self.images, *self.videos)

    @property
    def options(self) -> list[tuple[str, str]]:
        """(letter, text) of each real option; letters follow the slot."""
        return [(LETTERS[i], text) for i, text in enumerate(self.choices) if text is not None]


class Condition(Struct, frozen=True, gc=False):
    """How a sample is asked. Two conditions of the same samples are paired."""

    think: str = "default"
    """off | on | default | budget:N (tokens)."""
    audio: str = "full"
    """full | none | silence | noise | swap | reverse | transcript | sound_only | text_only."""
    option_order: Annotated[int, Meta(ge=0)] = 0
    """0 = as published, k = rotated by k places."""
    prompt: str = "default"
    """Name of the task's prompt."""
    protocol: str = "chat"
    """chat | realtime (speech to speech): one turn; else the written form of a protocol, such as `relisten:turns=2`."""

    @property
    def label(self) -> str:
        """Short text that tells conditions apart in tables and file names, such as `think=on audio=full`."""
        parts = [f"think={self.think}", f"audio={self.audio}"]
        if self.option_order:
            parts.append(f"order={self.option_order}")
        if self.protocol != "chat":
            parts.append(self.protocol)
        return " ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """The condition as it stands in a journal line and in summary.json."""
        return {name: getattr(self, name) for name in self.__struct_fields__}


@dataclass(frozen=True, slots=True)
class Request:
    """Everything an adapter needs to ask a model once."""

    messages: tuple[Message, ...]
    generation: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """max_gen_toks (tokens), temperature, top_p, top_k, repetition_penalty, seed, until (stop strings)."""
    prefill: Parts | None = None
    """Start of the assistant's turn that the model continues: `<think>\\n`, or a thought with sound in it."""
    extra_body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Fields for the server beside the standard ones (a thinking switch, say)."""
    think: str = "default"
    protocol: str = ""
    """Name, version and settings of a protocol, `relisten@1:turns=2`; part of the key. Empty for a single turn."""
    hypotheses: tuple[str, ...] = ()
    """What other systems answered, the best first, for a protocol that shows it; part of the key."""
    following: tuple[Message, ...] = ()
    """What comes after the model's answer, for the protocol `dialogue`: turns of the user, and given ones of the
    assistant; part of the key, and sent by no adapter."""
    tools: tuple[Tool, ...] = ()
    """What the model may call, by the server's own means; part of the key."""
    toolbox: Toolbox | None = None
    """What calls are answered with, for the protocol `tools`; part of the key, and sent by no adapter."""
    sample_id: str = ""
    epoch: int = 0
    sample: Sample | None = field(default=None, repr=False, compare=False)
    """The item itself, for the control adapters (oracle, random, ...) only: never sent, never in the key."""

    def canonical(self, model_sha256: str, sha256_of: Hashes = attrgetter("sha256")) -> bytes:
        """The request as canonical JSON: media by sha256 and what is done to them, never by bytes."""
        in_words = all(isinstance(part, TextPart) for part in self.prefill or ())

        def said(messages: tuple[Message, ...]) -> list[dict[str, Any]]:
            return [
                {
                    "role": m.role,
                    "parts": identity(m.parts, sha256_of),
                    **({"calls": to_builtins(m.calls)} if m.calls else {}),
                    **({"answers": to_builtins(m.answers)} if m.answers else {}),
                }
                for m in messages
            ]

        body = {
            "model": model_sha256,
            "messages": said(self.messages),
            "generation": dict(self.generation),
            "prefill": self.prefill_text if in_words else identity(self.prefill or (), sha256_of),
            "extra_body": dict(self.extra_body),
            "think": self.think,
            "epoch": self.epoch,
            **({"protocol": self.protocol} if self.protocol else {}),
            **({"hypotheses": self.hypotheses} if self.hypotheses else {}),
            **({"following": said(self.following)} if self.following else {}),
            **({"tools": as_openai(self.tools)} if self.tools else {}),
            **({"toolbox": to_builtins(self.toolbox)} if self.toolbox else {}),
        }
        return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)

    def key(self, model_sha256: str, sha256_of: Hashes = attrgetter("sha256")) -> str:
        """The journal key: sha256 of the canonical request (hex); `sha256_of`: where the clips do not say their own."""
        return hashlib.sha256(self.canonical(model_sha256, sha256_of)).hexdigest()

    @property
    def media(self) -> list[MediaPart]:
        """Everything that is not text, in order, the start of the assistant's turn last."""
        turns = (*(message.parts for message in self.messages), self.prefill or ())
        return [part for parts in turns for part in parts if not isinstance(part, TextPart)]

    @property
    def audio(self) -> list[AudioPart]:
        """The audio parts, in order."""
        return [part for part in self.media if isinstance(part, AudioPart)]

    @property
    def text(self) -> str:
        """All text of the user and system turns, in order."""
        return "\n".join(p.text for m in self.messages for p in m.parts if isinstance(p, TextPart))

    @property
    def prefill_text(self) -> str | None:
        """The words that the assistant's turn begins with; None where it is not begun."""
        return None if self.prefill is None else text_of(self.prefill)

    def with_media(self, change: Callable[[MediaPart], Sequence[MediaPart]]) -> Request:
        """The same request with each part that is not text replaced by what `change` makes of it, asked in order."""

        def changed(parts: Parts) -> Parts:
            return tuple(p for part in parts for p in ((part,) if isinstance(part, TextPart) else change(part)))

        messages = tuple(replace(message, parts=changed(message.parts)) for message in self.messages)
        return replace(self, messages=messages, prefill=None if self.prefill is None else changed(self.prefill))


class Response(Struct, omit_defaults=True, gc=False):
    """What the model said, normalised over servers; a journal record holds it as it is."""

    text: str
    """The final answer, reasoning removed."""
    reasoning: str | None = None
    reasoning_is_summary: bool = False
    reasoning_closed: bool = True
    """False when thinking began and never ended: nothing in it may be scored as an answer."""
    finish_reason: str | None = struct_field(default_factory=lambda: "stop")
    """stop | length | content_filter | other provider words, lower case; always written to the journal."""
    usage: dict[str, Any] = {}
    """Token counts: prompt, audio, cached, completion, reasoning (absent where the server does not say)."""
    latency: Mapping[str, float | None] = {}
    """Seconds: first_token, first_audio, total; None in old journals for what was not measured."""
    served_model: str | None = None
    think_effective: str | None = None
    """What was really done about thinking, when it is not what was asked (`approx:minimal`, `two_pass`)."""
    parts: tuple[AnswerPart, ...] = ()
    """What the answer is made of beside `text`: its sound as a file."""
    calls: tuple[ToolCall, ...] = ()
    """Tools that it calls; `text` then shows them too (`audiobench.core.tools.in_words`), behind what else was said."""
    raw: dict[str, Any] = {}
    """Small provider fields worth keeping (response id, system fingerprint, safety ratings)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What extraction found, and by which rule. `value is None` means unparsed: nothing is ever guessed."""

    value: str | None
    """Option letter for multiple choice, else the extracted text or number."""
    rule: str | None = None
    index: int | None = None
    """Slot of the chosen option, for multiple choice."""


class Outcome(Struct, frozen=True, gc=False):
    """One sample under one condition and epoch, scored."""

    status: Status
    value: float | None = None
    """The metric's value for this sample (1.0 right, 0.0 wrong for accuracy); None unless there is a response."""
    answer: str | None = None
    rule: str | None = None
    official: Any = None
    """The official scorer's verdict on the text, in its own vocabulary."""
    detail: Mapping[str, Any] = {}
    """What the metric needs beyond a value (edit counts, judge ratings) or why it failed."""
    extracted: Answer = Answer(None)
    """What extraction found; `answer` shows it to people."""

    @property
    def counted_as(self) -> Status:
        """The end that a summary counts."""
        return "error" if self.status == "pending" else self.status


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was said: the response that counts, and every turn as it was sent and came back."""

    response: Response
    turns: tuple[tuple[Request, Response], ...] = ()
    """A protocol leaves them out: what it asked by is what records them."""
