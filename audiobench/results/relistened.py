"""What a response heard again: the spans that its thought named and those that it was given, from the journal's record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from audiobench.core.spans import CLOSE, Span, audible, last_named, union_seconds
from audiobench.files.records import MediaRef, Record
from audiobench.scorers import echo

NAME = "relisten"


def settings(protocol: str) -> dict[str, str] | None:
    """The settings of a condition's `protocol` where it is relisten's, as written; None for every other."""
    name, *pairs = protocol.split(":")
    return dict(pair.split("=", 1) for pair in pairs) if name == NAME else None


@dataclass(frozen=True, slots=True)
class Again:
    """One span that a thought named."""

    turn: int
    """Which turn of the exchange named it, from 0."""
    named: Span | None
    """None where no numbers can be read."""
    heard: Span | None
    """What the model was given, in seconds of the file; None for nothing."""
    valid: bool
    """Whether what was named can be heard of this clip."""


@dataclass(frozen=True, slots=True)
class Trace:
    """How one response listened."""

    spans: tuple[Again, ...]
    seconds: float | None
    """Length of the clip; None where the item has none."""
    written: str
    """All that the model wrote, thought included."""
    later_tokens: float
    """Tokens of the turns after the first, prompts and answers."""

    @property
    def heard(self) -> list[Span]:
        """The spans that were heard, in order."""
        return [again.heard for again in self.spans if again.heard is not None]

    @property
    def listened(self) -> list[Span]:
        """The spans that were heard; where no sound was given, those that could have been."""
        found = self.heard
        if found or self.seconds is None:
            return found
        clamped = [audible(again.named, self.seconds) for again in self.spans if again.named is not None]
        return [span for span in clamped if span is not None]

    @property
    def coverage(self) -> float | None:
        """The part of the clip that `listened` covers."""
        return min(1.0, union_seconds(self.listened) / self.seconds) if self.seconds and self.listened else None

    @property
    def overlap(self) -> float | None:
        """The part of the listened seconds that was listened to before."""
        total = sum(span.seconds for span in self.listened)
        return 1 - union_seconds(self.listened) / total if total else None

    @property
    def dangling(self) -> tuple[int, int]:
        """(spans right before a capital letter or a `<`, spans), as Echo's reward counts them; (0, 0) where its code crashes."""
        try:
            info = echo.time_info(self.written)
        except ValueError:
            return 0, 0
        return info.inconsistent, info.spans


def trace(record: Record) -> Trace | None:
    """How a record's response listened; None where it was not asked so, or has no response."""
    chosen = settings(record.condition.protocol)
    if chosen is None or record.response is None:
        return None
    clips = record.first_clips
    seconds = clips[0].seconds if clips else None
    if not record.turns:
        thought = record.response.reasoning
        # what stood between the thought and its closing tag is not known: a span at its very end is not called dangling
        written = f"<think>{thought}\n</think>{record.text}" if thought else record.text
        return Trace(_named_only(written, seconds) if chosen.get("hear") == "off" else (), seconds, written, 0.0)
    texts = [(turn.response.reasoning or "") + turn.response.text for turn in record.turns]
    cut = "turn_limit" in record.raw
    spans, written = list[Again](), list[str]()
    for number, text in enumerate(texts):
        if number == len(texts) - 1 and not cut:
            written.append(text)
            break
        said = text.removesuffix(CLOSE) + CLOSE
        written.append(said)
        named = last_named(said)
        heard = _given(record, number) if number + 1 < len(texts) else None
        spans.append(Again(number, named, heard, _valid(named, seconds)))
    later = sum(turn.response.usage.get(name) or 0 for turn in record.turns[1:] for name in ("prompt", "completion"))
    return Trace(tuple(spans), seconds, "".join(written), later)


def _named_only(written: str, seconds: float | None) -> tuple[Again, ...]:
    """Spans of a thought that nothing stopped."""
    pieces = written.split(CLOSE)[:-1]
    named = [last_named(piece + CLOSE) for piece in pieces]
    return tuple(Again(0, span, None, _valid(span, seconds)) for span in named)


def _valid(named: Span | None, seconds: float | None) -> bool:
    return named is not None and seconds is not None and audible(named, seconds) is not None


def _given(record: Record, number: int) -> Span | None:
    """The sound that the turn after this one was sent beyond it."""
    before, after = (_refs(record, place) for place in (number, number + 1))
    if len(after) <= len(before):
        return None
    span = record.audio[after[-1]].span
    return Span(*span) if span is not None else None


def _refs(record: Record, number: int) -> Sequence[int]:
    """Places of the clips that a turn was sent beyond the first prompt."""
    sent = record.turns[number].sent
    return [part.place for turn in sent for part in turn.parts if isinstance(part, MediaRef)]
