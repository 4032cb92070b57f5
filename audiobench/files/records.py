"""The journal record: one line of samples.jsonl for each finished request. This module owns its format.

Version 0.1 wrote the same fields as untyped JSON; its lines still read. Unknown fields are ignored. The structs are out
of the garbage collector's sight (`gc=False`), since they hold no cycles.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Struct, field

from audiobench.core.json_values import counts, mended
from audiobench.core.redact import redacted
from audiobench.core.tool_results import Called
from audiobench.core.types import (
    Clip,
    Condition,
    DialogueTurn,
    Exchange,
    Message,
    Request,
    Response,
    Sample,
    TextPart,
    ToolCall,
)
from audiobench.files import journal
from audiobench.model.adapter import SampleError

FILE = "samples.jsonl"
MOST = 2**53
"""Larger numbers are no counts: no sum of them would be exact."""


Slot = tuple[str, Condition, int]
"""(sample id, condition, epoch): what one line answers."""
DIALOGUE = "dialogue"
"""Key of `Response.raw` under which the answers of a conversation stand, in order."""
TOOLS = "tools"
"""Key of `Response.raw` under which stands what was called in a conversation with scripted results."""
Count = Annotated[int, msgspec.Meta(ge=0, le=MOST)]
Seconds = Annotated[float, msgspec.Meta(ge=0, lt=2.5e11)]
"""A length, or a moment since 1970."""


class ClipFacts(Struct, omit_defaults=True, gc=False):
    """What was sent of one clip."""

    sha256: str
    """Hex digest of the file's bytes."""
    path: str = ""
    bytes: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0
    inode: int = 0
    seconds: Seconds | None = None
    transform: str = field(default_factory=lambda: "full")  # a factory's value is written even where it is the default
    """Of sound: full | silence | noise:SEED | reverse; of a video: full | muted | swapped."""
    changed: tuple[str, ...] = field(default_factory=lambda: ())
    """What was done to make the clip fit the model (`resampled 48000->16000`)."""
    kind: str = "audio"
    """audio | image | video."""
    span: tuple[float, float] | None = None
    """Which part of the clip was sent, in seconds."""
    donor: tuple[str, str] | None = None
    """Of a swapped video: (path, sha256) of the file whose sound it was sent with."""

    @property
    def content(self) -> str:
        """What tells two clips apart: the sha256, with that of the sound that a video was given."""
        return self.sha256 if self.donor is None else f"{self.sha256}+{self.donor[1]}"


class ShownTurn(Struct, omit_defaults=True, gc=False):
    """One turn of an item that is a conversation."""

    role: str
    text: str = ""
    """Its words; those of a turn with sound were not shown to the model under test."""
    clips: int = 0
    """How many were heard."""


class ShownSample(Struct, omit_defaults=True, gc=False):
    """The item as it was shown, options in the order of the condition: what scoring and viewing need of it."""

    question: str
    choices: tuple[str | None, ...]
    target: str | tuple[str, ...] | None
    metadata: dict[str, Any]
    """Columns for breakdowns and for the scorer."""
    cluster: str | None = None
    transcript: str | None = None
    turns: tuple[ShownTurn, ...] = ()
    reference: ClipFacts | None = None
    """The sound that an answer in sound is compared with."""

    @classmethod
    def of(cls, sample: Sample, columns: set[str] | None = None) -> ShownSample:
        """`sample` with these metadata columns (None: all), and its transcript where it is one of them."""
        kept = {name: value for name, value in sample.metadata.items() if columns is None or name in columns}
        transcript = sample.transcript if columns is None or "transcript" in columns else None
        turns = tuple(ShownTurn(turn.role, turn.text, len(turn.clips)) for turn in sample.turns)
        of = sample.reference
        reference = None if of is None else ClipFacts(of.sha256 or "", str(of.path), seconds=of.seconds)
        return cls(sample.question, sample.choices, sample.target, kept, sample.cluster, transcript, turns, reference)


class MediaRef(Struct, omit_defaults=True, gc=False):
    """Where a clip stands in a turn: the index into the record's `audio`, under the name of its kind."""

    audio: int | None = None
    image: int | None = None
    video: int | None = None

    @property
    def place(self) -> int:
        """The index."""
        return next(place for place in (self.audio, self.image, self.video) if place is not None)


class Turn(Struct, omit_defaults=True, gc=False):
    """One turn as it was sent."""

    role: str
    parts: list[str | MediaRef]
    calls: tuple[ToolCall, ...] = ()
    """Tools that the assistant calls in it."""
    answers: ToolCall | None = None
    """The call whose result a tool's turn is."""


class Exchanged(Struct, omit_defaults=True):
    """One turn of an exchange that took more than one: what was sent beyond the record's `prompt`, and what came."""

    response: Response
    sent: list[Turn] = []
    generation: dict[str, Any] = {}
    """Generation parameters that only this turn was sent."""


class Failure(Struct):
    """Why there is no response."""

    kind: Literal["error", "invalid_audio"]
    message: str

    @classmethod
    def of(cls, kind: Literal["error", "invalid_audio"], message: str) -> Failure:
        """No secret gets into it; a lone surrogate, which no UTF-8 can hold, is escaped."""
        return cls(kind, redacted(message.encode(errors="backslashreplace").decode()))


class BatchOrigin(Struct):
    """The batch job that a response came from."""

    api: str
    job: str


class Heard(Struct):
    """Who transcribed a spoken answer, and what the record held before the transcript replaced it."""

    asr: str
    provider_transcript: str
    key: str


class Record(Struct, omit_defaults=True, gc=False):
    """One request and what came of it; with `stale`, the retraction of an earlier answer to another request."""

    id: str
    key: str = field(default_factory=str)
    """sha256 of the canonical request; empty where none could be made."""
    epoch: Count = field(default_factory=int)
    condition: Condition = field(default_factory=Condition)
    audio: list[ClipFacts] = []
    attempts: Count = field(default_factory=int)
    sample: ShownSample | None = None
    prompt: list[Turn] = []
    prompt_sha256: str = ""
    response: Response | None = None
    turns: list[Exchanged] = []
    """Every turn, where there was more than one; `response` is the answer that counts, with all turns' usage."""
    error: Failure | None = None
    empty: Count = 0
    """Empty answers that were requested again."""
    discarded: list[dict[str, Any]] = []
    """Token counts of those: they are billed too."""
    batch: BatchOrigin | None = None
    stale: bool = False
    time: Seconds = 0.0
    """Seconds since the epoch of Unix."""
    heard: Heard | None = None
    """Set by `speech.heard`, never journalled."""

    @property
    def slot(self) -> Slot:
        """What this line answers."""
        return self.id, self.condition, self.epoch

    @property
    def text(self) -> str:
        """The response's text; empty without a response."""
        return self.response.text if self.response is not None else ""

    @property
    def reasoning(self) -> str:
        """The response's reasoning, stripped; empty where there is none."""
        return ((self.response.reasoning if self.response is not None else None) or "").strip()

    @property
    def usage(self) -> Mapping[str, Any]:
        """The response's token counts."""
        return self.response.usage if self.response is not None else {}

    @property
    def raw(self) -> Mapping[str, Any]:
        """What was kept of the provider's own fields."""
        return self.response.raw if self.response is not None else {}

    @property
    def own_clips(self) -> list[str]:
        """sha256 of the item's own clips, with that of the sound that a video was given; what later turns sent again is not
        among them.
        """
        return [clip.content for clip in self.first_clips]

    @property
    def first_clips(self) -> list[ClipFacts]:
        """The clips of the first turn; all of them in a conversation, which sends none twice."""
        if not self.turns or (self.sample is not None and self.sample.turns):
            return self.audio
        return self.audio[: sum(isinstance(part, MediaRef) for turn in self.prompt for part in turn.parts)]

    @property
    def cluster(self) -> str:
        """What this record's sample shares with others that rest on the same clip; the sample itself otherwise."""
        return (self.sample.cluster if self.sample is not None else None) or f"id:{self.id}"

    def shown(self) -> Sample:
        """The sample as it was shown (options in the order of the condition)."""
        kept = self.sample
        if kept is None:
            return Sample(self.id, "")
        return Sample(
            self.id, kept.question, choices=kept.choices, target=kept.target, metadata=kept.metadata,
            transcript=kept.transcript, cluster=kept.cluster,
            turns=self._conversation(kept.turns) if kept.turns else (), called=self._called(),
            reference=Clip(Path(kept.reference.path), kept.reference.sha256 or None) if kept.reference else None,
        )  # fmt: skip

    def _called(self) -> tuple[Called, ...] | None:
        """What was called in a conversation with scripted results; None where this is none."""
        told = self.raw.get(TOOLS)
        return None if told is None else msgspec.convert(told, tuple[Called, ...])

    def _conversation(self, turns: Sequence[ShownTurn]) -> tuple[DialogueTurn, ...]:
        """The turns as they were said, the model's own answers among them, but for the last one."""
        answers = iter(self.raw.get(DIALOGUE, {}).get("answers", ())[:-1])
        said: list[DialogueTurn] = []
        for place, turn in enumerate(turns):
            role: Any = turn.role
            said.append(DialogueTurn(role, turn.text))
            if turn.role == "user" and turns[place + 1 : place + 2] and turns[place + 1].role == "user":
                answer = next(answers, None)
                if answer is None:
                    break
                said.append(DialogueTurn("assistant", answer, own=True))
        return tuple(said)


def read(path: Path) -> Iterator[Record]:
    """Every line of a journal, in order; see `journal.read`."""
    return journal.read(path, Record, fault)


def placed(path: Path) -> Iterator[tuple[int, Record]]:
    """The same, each with its place in bytes."""
    return journal.placed(path, Record, fault)


def fault(record: Record) -> str | None:
    """What makes a line unusable though its types are right; None for a sound one."""
    response = record.response
    if response is None:
        return None if record.stale or record.error else "holds neither a response nor an error"
    if not record.key:
        return "key: missing beside a response"
    for usage in (response.usage, *record.discarded):
        for name, count in usage.items():
            if isinstance(count, (int, float)) and not 0 <= count <= MOST:
                return f"usage: {name}: {count} is no count of tokens"
    return None


def at(path: Path, places: Sequence[int]) -> Iterator[Record]:
    """The records at these places, one in memory at a time."""
    return journal.at(path, Record, places, fault)


def retraction(slot: Slot) -> Record:
    """The line that takes back an answer given to another request."""
    sample, condition, epoch = slot
    return Record(sample, epoch=epoch, condition=condition, stale=True)


def show(record: Record, request: Request) -> None:
    """Note what is sent."""
    record.prompt = turns(request)
    record.prompt_sha256 = hashlib.sha256(msgspec.json.encode(record.prompt)).hexdigest()


def exchanged(exchange: Exchange, request: Request) -> list[Exchanged]:
    """The turns of an exchange about `request`; none where it took only one."""
    if len(exchange.turns) < 2:
        return []
    whole = turns(request)
    return [
        Exchanged(
            kept(response),
            [turn for turn in turns(asked) if turn not in whole],
            {name: value for name, value in asked.generation.items() if request.generation.get(name) != value},
        )
        for asked, response in exchange.turns
    ]


def turns(request: Request) -> list[Turn]:
    """The request's turns as a record keeps them: text as it is, clips by their place."""
    place = itertools.count()
    found = list(request.messages)
    if request.prefill and request.prefill != (TextPart(""),):
        found.append(Message("assistant", request.prefill))
    return [
        Turn(
            turn.role,
            [p.text if isinstance(p, TextPart) else MediaRef(**{p.kind: next(place)}) for p in turn.parts],
            turn.calls,
            turn.answers,
        )
        for turn in found
    ]


def measured(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` without what was not measured: None, NaN, and numbers below zero or above `MOST`."""
    return {
        key: value
        for key, value in values.items()
        if value is not None and not (isinstance(value, int | float) and not 0 <= value <= MOST)
    }


def checked(response: Response) -> Response:
    """`response` itself.

    Raises:
        SampleError: an adapter of the user's own returned a text that is not a str.
    """
    for name, value, kinds in (("text", response.text, str), ("reasoning", response.reasoning, str | None)):
        if not isinstance(value, kinds):
            raise SampleError(f"the adapter's response: {name}: must be a str, found {type(value).__name__}")
    return response


def kept(response: Response) -> Response:
    """A response as a record keeps it: only what was measured and can be true, latencies to a tenth of a millisecond."""
    latency = {key: round(value, 4) for key, value in measured(response.latency).items()}
    texts = {"text": mended(response.text), "reasoning": mended(response.reasoning)}
    raw = redacted(response.raw)
    return msgspec.structs.replace(response, usage=counts(response.usage), latency=latency, raw=raw, **texts)


def unwritable(response: Response) -> str:
    """Why a journal line cannot hold a response: the first field that cannot be written, or read back."""
    for about in msgspec.structs.fields(Response):
        value = getattr(response, about.name)
        try:
            line = msgspec.json.encode(value)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            return f"the adapter's response: {about.name}: cannot be written as JSON: {error}"
        try:
            msgspec.json.decode(line, type=about.type)
        except msgspec.DecodeError as error:
            return f"the adapter's response: {about.name}: {error}"
    return "the adapter's response cannot be written as JSON"
