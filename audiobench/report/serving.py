"""`report --serving`: what a server did while it was evaluated, beside what it scored."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from audiobench.core.sheet import Column, Sheet
from audiobench.core.types import Condition
from audiobench.files.run_info import RunInfo
from audiobench.files.summary_entry import SummaryEntry
from audiobench.report.terminal import interval, number
from audiobench.results.runs import Run
from audiobench.results.serving import Serving, Spread, serving

NOTES = (
    "latency: of a call; first token: only where answers were streamed; real time: seconds of a call for each second of sound "
    "in it, below 1 is faster than listening",
    "rates: over the time in which something was in flight; as little as the client and its network let through",
)


class Served(Struct, frozen=True):
    """One task and condition."""

    run: str
    task: str
    condition: Condition
    at_once: int | None
    """`--max-concurrency`; None where it was adaptive, or is not known."""
    metric: str | None
    value: float | None
    serving: Serving


def served(run: Run, entries: Sequence[SummaryEntry]) -> list[tuple[Served, SummaryEntry]]:
    """What is known of each entry's requests; entries of which nothing was measured are left out."""
    found: list[tuple[Served, SummaryEntry]] = []
    for entry in entries:
        condition = entry.condition.condition
        task_run = run.tasks[entry.task]
        figures = serving(record for record in task_run.records() if record.condition == condition)
        if figures is None:
            continue
        name, value = (entry.metric[0], entry.metric[1].value) if entry.metric else (None, None)
        limit = _limit(run.info, task_run.task.task)
        found.append((Served(str(run.folder), entry.task, condition, limit, name, value, figures), entry))
    return found


def serving_sheets(found: Sequence[tuple[Served, SummaryEntry]], title: str) -> list[Sheet]:
    """Rates and latencies of each entry, then the latencies by what was in flight."""
    rates = Sheet(
        f"{title}: serving",
        ("task", "condition", Column("at once", text=True), "score", "95 % interval", Column("answers"),
         Column("in flight"), Column("requests", "1/s"), Column("output", "tokens/s"), Column("sound", "s/s"),
         Column("latency p50", "s"), Column("p95", "s"), Column("p99", "s"), Column("first token p50", "s"),
         Column("p95", "s"), Column("token p50", "ms"), Column("real time p50"), Column("p95"), Column("asked again")),
        left=3,
    )  # fmt: skip
    flights = Sheet(
        f"{title}: by calls in flight",
        ("task", "condition", Column("in flight", text=True), Column("answers"), Column("latency p50", "s"),
         Column("p95", "s"), Column("p99", "s"), Column("first token p50", "s"), Column("p95", "s"),
         Column("real time p50"), Column("p95")),
        left=3,
    )  # fmt: skip
    for one, entry in found:
        figures, named = one.serving, (one.task, one.condition.label)
        score = entry.metric[1] if entry.metric else None
        rates.rows.append(
            (*named, str(one.at_once or "adaptive"), number(entry, score.value) if score else "-",
             interval(entry, score.ci) if score else "-", f"{figures.answers:,}", f"{figures.in_flight:.1f}",
             f"{figures.requests_per_second:.4g}", _plain(figures.tokens_per_second), _plain(figures.audio_per_second),
             *_three(figures.latency), *_two(figures.first_token), _milliseconds(figures.between_tokens),
             *_two(figures.real_time), f"{figures.again:,}")
        )  # fmt: skip
        for group in figures.by_concurrency:
            at = f"{group.least}" if group.least == group.most else f"{group.least}-{group.most}"
            flights.rows.append(
                (*named, at, f"{group.latency.n:,}", *_three(group.latency), *_two(group.first_token),
                 *_two(group.real_time))
            )  # fmt: skip
    flights.notes.extend(NOTES)
    return [rates, flights]


def _limit(info: RunInfo, task: str) -> int | None:
    return next((start.spec.max_concurrency for start in info.starts if task in start.tasks), None)


def _plain(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _three(spread: Spread) -> tuple[str, str, str]:
    return f"{spread.p50:.3g}", f"{spread.p95:.3g}", f"{spread.p99:.3g}"


def _two(spread: Spread | None) -> tuple[str, str]:
    return ("-", "-") if spread is None else (f"{spread.p50:.3g}", f"{spread.p95:.3g}")


def _milliseconds(spread: Spread | None) -> str:
    return "-" if spread is None else f"{1000 * spread.p50:.3g}"
