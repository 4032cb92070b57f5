"""What a response cost, from its stored usage and the model file's prices: computed when looked at, never stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import inf
from pathlib import Path
from typing import Any

from audiobench.core.json_values import counts
from audiobench.core.modes import FinishReason
from audiobench.core.types import Response
from audiobench.files import annotations, journal, record_parts, records, turns
from audiobench.files.record_parts import Billed
from audiobench.files.records import Record
from audiobench.model.registry import capabilities
from audiobench.model.spec import ModelSpec, Price

MILLION = 1_000_000
CHARACTERS_PER_TOKEN = 4.0
AUDIO_TOKENS_PER_SECOND = 32.0
"""Assumed of a model whose file does not say it: the highest rate of the shipped model files (Gemini's)."""


def is_known(spec: ModelSpec) -> bool:
    """Whether responses of this model have a price today: its file names one, or its server says it with each answer."""
    return spec.price_on(date.today()) is not None or capabilities(spec).tells_cost


def of_usage(usage: Mapping[str, Any], price: Price) -> float:
    """US dollars of one response's (or a sum of responses') token counts.

    `prompt` counts audio and cached tokens too; `completion` counts thinking, as every priced API bills it. Where the
    server does not say how many of the cached tokens are audio (`cached_audio`), the text is taken to be cached first,
    which never makes a bill look too small.
    """
    usage = counts(usage)  # a journal of version 0.1 may hold a server's mistakes
    audio = usage.get("audio") or 0
    cached = usage.get("cached") or 0
    text = max(0, (usage.get("prompt") or 0) - audio)
    cached_audio = usage["cached_audio"] if "cached_audio" in usage else max(0, cached - text)
    text -= min(text, cached - cached_audio)
    audio -= min(audio, cached_audio)
    audio_rate = price.input if price.audio_input is None else price.audio_input
    cached_rate = price.input if price.cached_input is None else price.cached_input
    audio_out = usage.get("audio_output") or 0
    out_rate = price.output if price.audio_output is None else price.audio_output
    completion = max(0, (usage.get("completion") or 0) - audio_out)
    dollars = text * price.input + audio * audio_rate + cached * cached_rate
    dollars += completion * price.output + audio_out * out_rate
    return dollars / MILLION + (usage.get("audio_seconds") or 0) * (price.audio_second or 0)


def of_record(record: Record | Billed, spec: ModelSpec) -> float | None:
    """US dollars of a journal record at the price of its day; without a price, what the server itself said
    (`raw.cost`); None where neither is known.

    What a batch job answered (`record.batch`) costs the price's `batch_factor` of it; None where none is declared.
    Empty answers that were asked for again (`record.discarded`) are billed too.
    """
    price = spec.price_on(date.fromtimestamp(record.time))
    if price is None:
        return counts(record.raw).get("cost")
    billed = [usage for usage in (record.usage, *record.discarded) if usage]
    return _of_usages(billed, price, batch=bool(record.batch)) if billed else None


def _of_usages(billed: Iterable[Mapping[str, Any]], price: Price, *, batch: bool) -> float | None:
    """US dollars of several responses; None for a batch job's where the price declares no `batch_factor`."""
    factor = price.batch_factor if batch else 1.0
    return None if factor is None else sum(of_usage(usage, price) for usage in billed) * (factor or 1.0)


def of_responses(said: Sequence[Response], spec: ModelSpec, *, batch: bool = False) -> float | None:
    """US dollars of some responses of one model at today's prices; without a price, what the server itself said. None
    where one of them has no known cost. A response without text and without token counts was refused, and costs nothing.
    """
    price = spec.price_on(date.today())
    billed = [response for response in said if response.usage or response.text or response.reasoning]
    if not billed:
        return 0.0
    if price is None:
        told = [paid for response in billed if (paid := counts(response.raw).get("cost")) is not None]
        return sum(told) if len(told) == len(billed) else None
    usages = [response.usage for response in billed]
    return _of_usages(usages, price, batch=batch) if all(usages) else None


def estimated(record: Record, spec: ModelSpec) -> float:
    """US dollars of a record whose cost nobody says, for a spending limit only, never for a report; 0.0 without response.

    Words at `CHARACTERS_PER_TOKEN`; sound at the model file's tokens a second, or `AUDIO_TOKENS_PER_SECOND`. Without a
    price it is infinite: nothing could be counted.
    """
    response, price = record.response, spec.price_on(date.fromtimestamp(record.time))
    if response is None or response.finish_reason == FinishReason.CONTENT_FILTER:
        return 0.0
    if price is None:
        return inf
    asked = sum(len(part) for turn in record.prompt for part in turn.parts if isinstance(part, str))
    seconds = sum(clip.seconds or 0.0 for clip in record.audio)
    audio = seconds * (spec.audio.tokens_per_second or AUDIO_TOKENS_PER_SECOND)
    said = len(response.text) + len(response.reasoning or "")
    usage = {
        "prompt": asked / CHARACTERS_PER_TOKEN + audio, "audio": audio, "audio_seconds": seconds,
        "completion": said / CHARACTERS_PER_TOKEN,
    }  # fmt: skip
    return of_usage(usage, price)


def spent(folder: Path, spec: ModelSpec) -> float:
    """US dollars of every answer of a run directory and of the stages after it, for a spending limit: an answer of the
    model is `estimated` where its cost is not known.
    """
    lines = (record for file in sorted(folder.glob(f"*/{records.FILE}")) for record in records.read(file))
    answers = 0.0
    for record in lines:
        known = of_record(record, spec)
        answers += estimated(record, spec) if known is None else known
    answers += sum(of_record(turn, spec) or 0.0 for turn in _open_turns(folder))
    return answers + sum(share.dollars or 0.0 for share in of_stages(folder))


def _open_turns(folder: Path) -> Iterator[Record]:
    """Answered turns of exchanges that are not finished, as records."""
    for file in sorted(folder.glob(f"*/{turns.FILE}")):
        done = {record.key for record in records.read(file.parent / records.FILE) if record.response is not None}
        for turn in turns.read(file.parent):
            if turn.key not in done:
                yield Record(turn.id, key=turn.key, response=turn.response, time=turn.time)


@dataclass(slots=True)
class Share:
    """What one part of a run has cost."""

    part: str
    """`model`, `judge`, `recogniser`, `reader`, ..."""
    lines: int = 0
    """Answers, verdicts, ... in its files, those that later ones have replaced included."""
    dollars: float | None = None
    """None where no cost is known."""
    unknown: int = 0
    """Lines whose cost is not known."""

    def add(self, dollars: float | None) -> None:
        """One more line."""
        self.lines += 1
        if dollars is None:
            self.unknown += 1
        else:
            self.dollars = (self.dollars or 0.0) + dollars


def of_stages(folder: Path) -> list[Share]:
    """What the stages after a run have cost, those that have files, in a fixed order."""
    shares: list[Share] = []
    for kind in annotations.KINDS:
        share = Share(kind.PART)
        for file in sorted(folder.glob(f"*/{kind.FILE}")):
            for line in journal.read(file, kind):
                if not (isinstance(line, annotations.Judgement) and line.stale):
                    share.add(line.dollars)
        shares.append(share)
    return [share for share in shares if share.lines]


def account(folder: Path, spec: ModelSpec) -> list[Share]:
    """What a run and the stages after it have cost, from its files; the model comes first."""
    model = Share("model")
    for file in sorted(folder.glob(f"*/{records.FILE}")):
        for record in record_parts.billed(file):
            model.add(of_record(record, spec))
    for turn in _open_turns(folder):
        model.add(of_record(turn, spec))
    return [model, *of_stages(folder)]


def account_line(shares: Sequence[Share]) -> str:
    """`cost: model $1.20, judge $0.30; $1.50 in all (...)`; empty where no cost is known."""
    if all(share.dollars is None for share in shares):
        return ""
    known = ", ".join(
        f"{share.part} " + ("not known" if share.dollars is None else f"${amount(share.dollars)}")
        + (f" and {share.unknown:,} of {share.lines:,} not known" if share.dollars is not None and share.unknown else "")
        for share in shares
    )  # fmt: skip
    total = f"; ${amount(sum(share.dollars or 0.0 for share in shares))} in all" if len(shares) > 1 else ""
    return f"cost: {known}{total} (at the prices of those days)"


def amount(dollars: float) -> str:
    """With as many digits as it needs to say something."""
    return f"{dollars:.2f}" if dollars >= 0.1 or not dollars else f"{dollars:.4f}"
