"""What a run will take, before it is started: requests, audio, tokens, money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from msgspec import UNSET, Struct, UnsetType

from audiobench.core.modes import AudioCondition, Think
from audiobench.core.plain_text import plural
from audiobench.core.sheet import Column, Sheet
from audiobench.core.types import Condition, TextPart
from audiobench.files import records
from audiobench.model.adapter import SampleError
from audiobench.model.registry import capabilities
from audiobench.results import cost

if TYPE_CHECKING:
    from audiobench.ask.prepare import Prepared
    from audiobench.ask.work import TaskWork
    from audiobench.files.run_spec import RunSpec
    from audiobench.task.spec import TaskSpec

ASSUMED_ANSWER_TOKENS = 30
ASSUMED_THINKING_TOKENS = 1500
ASSUMED_SPOKEN_TOKENS = 200
"""Used only where this run's journal holds no response to measure; said so in the estimate. A spoken answer is taken to
last 10 s, at 20 tokens a second."""


class Estimate(Struct, kw_only=True):
    """What one task will take; None is what is not known."""

    task: str
    requests: int | None
    """That are still open."""
    audio_hours: float | None = None
    text_tokens: int | None = None
    audio_tokens: int | None = None
    completion_tokens: int | None = None
    completion_from: str = "unknown"
    dollars: float | None = None
    dollars_without_audio: bool = False
    data: str | UnsetType = UNSET
    """`not fetched`: the requests are those that the task file declares."""
    several_turns: list[str] = []
    """Protocols of which only the first turn is counted."""


NOT_FETCHED = "not fetched"


def estimate(prepared: Prepared) -> list[Estimate]:
    """One entry a task.

    Completion tokens are the mean of this run's finished responses where there are any, else an assumption.
    """
    return [_estimate_task(prepared, work) for work in prepared.works]


def _estimate_task(prepared: Prepared, work: TaskWork) -> Estimate:
    model = prepared.model
    open_requests = work.total - len(work.finished)
    share = open_requests / work.total if work.total else 0.0
    seconds = work.seconds()[0] * _times_heard(work) * work.epochs * share
    text_tokens = _text_tokens(work) * share
    answered = _answered(work)
    rate = _measured_rate(answered) or model.audio.tokens_per_second
    audio_tokens = seconds * rate if rate is not None else None
    measured, spoken = _measured(answered, "completion"), _measured(answered, "audio_output")
    if spoken is None:
        spoken = ASSUMED_SPOKEN_TOKENS if capabilities(model).audio_out else 0.0
    completion = measured if measured is not None else _assumed_completion(work) + spoken
    price = model.price_on(date.today())
    dollars = None
    if price is not None:
        usage = {
            "prompt": text_tokens + (audio_tokens or 0),
            "audio": audio_tokens or 0,
            "audio_seconds": seconds,
            "completion": completion * open_requests,
            "audio_output": spoken * open_requests,
        }
        dollars = cost.of_usage(usage, price)
        if prepared.options.batch and price.batch_factor is not None:
            dollars *= price.batch_factor
    return Estimate(
        task=work.task.task,
        requests=open_requests,
        audio_hours=seconds / 3600,
        text_tokens=round(text_tokens),
        audio_tokens=None if audio_tokens is None else round(audio_tokens),
        completion_tokens=round(completion * open_requests),
        completion_from="this run's responses" if measured is not None else "assumption",
        dollars=dollars,
        dollars_without_audio=(
            price is not None and audio_tokens is None and price.audio_second is None and bool(seconds)
        ),
        several_turns=[*work.protocols],
    )


def _passes(work: TaskWork, condition: Condition) -> int:
    """How often the prompt is sent: twice for a thinking budget in two passes."""
    return 2 if work.thinks[condition.think].two_pass else 1


def _times_heard(work: TaskWork) -> float:
    """How often a sample's audio is sent, in the mean over samples."""
    heard = [_passes(work, c) for s in work.samples for c in work.asked(s) if AudioCondition(c.audio).sends_sound]
    return sum(heard) / max(1, len(work.samples))


def _text_tokens(work: TaskWork) -> float:
    characters = 0
    for sample in work.samples:
        for condition in work.asked(sample):
            try:
                request = work.request(sample, condition, 0)
            except SampleError:
                continue  # it will be that sample's error, and is never sent
            length = sum(len(p.text) for m in request.messages for p in m.parts if isinstance(p, TextPart))
            characters += length * _passes(work, condition)
    return characters * work.epochs / cost.CHARACTERS_PER_TOKEN


def _answered(work: TaskWork) -> list[tuple[Mapping[str, Any], float]]:
    """(token counts, seconds of audio) of each response that this run has already."""
    return [
        (record.usage, sum(clip.seconds or 0.0 for clip in record.audio))
        for record in records.read(work.journal_path)
        if record.response is not None
    ]


def _measured_rate(answered: Sequence[tuple[Mapping[str, Any], float]]) -> float | None:
    """Audio tokens a second, where the server counts them."""
    counted = [(tokens, seconds) for usage, seconds in answered if (tokens := usage.get("audio"))]
    seconds = sum(seconds for _, seconds in counted)
    return sum(tokens for tokens, _ in counted) / seconds if seconds else None


def _measured(answered: Sequence[tuple[Mapping[str, Any], float]], name: str) -> float | None:
    """Mean count of these tokens, where the server counts them."""
    counts = [count for usage, _ in answered if (count := usage.get(name)) is not None]
    return sum(counts) / len(counts) if counts else None


def _assumed_completion(work: TaskWork) -> float:
    """Mean over the conditions: an answer, and a thought where the model thinks."""
    tokens = 0.0
    for condition in work.conditions:
        plan = work.thinks[condition.think]
        mode = Think.parse(condition.think).mode
        thinks = "on" in (mode, plan.thinking.default if mode == "default" else mode)
        tokens += ASSUMED_ANSWER_TOKENS + (plan.budget or (ASSUMED_THINKING_TOKENS if thinks else 0))
    return tokens / len(work.conditions)


def declared(task: TaskSpec, options: RunSpec) -> Estimate:
    """As `estimate`, of a task whose data are not here: requests by the rows that it declares, the rest unknown."""
    rows = len(options.ids) if options.ids else task.expected_rows
    if rows is not None and options.limit is not None:
        rows = min(rows, options.limit)
    if rows is not None and options.shard is not None:
        rows = -(-rows // options.shard[1])
    times = len(options.think) * len(options.audio) * len(options.protocol) * options.option_order * options.epochs
    return Estimate(task=task.task, requests=None if rows is None else rows * times, data=NOT_FETCHED)


def estimate_sheet(entries: Sequence[Estimate]) -> Sheet:
    """The estimate as a table; a dash for what is not known."""
    header = (
        "task", "requests", "hours of audio", "text tokens", "audio tokens", "completion tokens", "US dollars",
        Column("rests on", text=True),
    )  # fmt: skip
    sheet = Sheet("estimate", header, all_columns=True)
    for entry in entries:
        counts = (entry.requests, entry.text_tokens, entry.audio_tokens, entry.completion_tokens)
        requests, *tokens = ("-" if count is None else f"{count:,}" for count in counts)
        hours, spent = entry.audio_hours, entry.dollars
        money = "-" if spent is None else f"{'at least ' * entry.dollars_without_audio}{cost.amount(spent)}"
        why = "the declared rows; data not fetched" if entry.data else entry.completion_from
        sheet.rows.append((entry.task, requests, "-" if hours is None else f"{hours:.2f}", *tokens, money, why))
    return sheet


def estimate_lines(entries: Sequence[Estimate]) -> list[str]:
    """The estimate as text."""
    lines: list[str] = []
    for entry in entries:
        if entry.data:
            many = "requests: unknown" if entry.requests is None else f"{entry.requests:,} requests, as declared"
            fetch = f"audiobench tasks fetch {entry.task}"
            lines.append(f"{entry.task}: {many}; audio, tokens and price are known once its data are here: {fetch}")
            continue
        audio = "unknown" if entry.audio_tokens is None else f"{entry.audio_tokens:,}"
        amount = entry.dollars
        money = "no price known"
        if amount is not None and entry.dollars_without_audio:
            money = f"at least ${cost.amount(amount)}: how many tokens a second of audio costs is not known"
        elif amount is not None:
            money = f"about ${cost.amount(amount)}"
        lines.append(
            f"{entry.task}: {entry.requests or 0:,} {plural(entry.requests or 0, 'request')}, {entry.audio_hours or 0.0:.2f} h of audio; tokens: "
            f"{entry.text_tokens or 0:,} text in, {audio} audio in, {entry.completion_tokens or 0:,} out "
            f"({entry.completion_from}); {money}"
        )
        lines += [
            f"  {name}: only its first turn is counted here; later turns are added" for name in entry.several_turns
        ]
    known = [entry.dollars for entry in entries if entry.dollars is not None]
    if len(entries) > 1 and known:
        lines.append(f"in all: about ${cost.amount(sum(known))}")
    return lines
