"""The tables of a comparison, of `comparison.compare_arms`, and how their numbers are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from audiobench.analysis.comparison import Comparison, Requests
from audiobench.analysis.measure import Change
from audiobench.core.plain_text import of_whole
from audiobench.core.sheet import Column, Sheet
from audiobench.scorers.metrics import UNITS, Unit

LONGEST_BREAKDOWN = 12
"""Breakdowns with more labels than this are in --json only, apart from the labels that changed."""
SHARE = UNITS["share"]


def points(value: float | None, unit: Unit = SHARE, *, signed: bool = False) -> str:
    """A value, or a difference, in its unit: per cent (percentage points) unless told otherwise."""
    return unit.show(value, signed=signed)


def span(ci: Sequence[float], method: str = "", unit: Unit = SHARE, *, signed: bool = False) -> str:
    """An interval; a dash where the data allow none."""
    if method == "none":
        return "-"
    return f"[{unit.show(ci[0], signed=signed)}, {unit.show(ci[1], signed=signed)}]"


def p_value(p: float | None) -> str:
    """Three digits; very small ones as a bound."""
    if p is None:
        return "-"
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def number(value: float | None, digits: int = 0) -> str:
    """A plain number, or a dash."""
    return "-" if value is None else f"{value:,.{digits}f}"


def significant(value: float | None) -> str:
    """Three significant digits, or a dash."""
    return "-" if value is None else f"{value:.3g}"


def change(pair: Change, unit: Unit = SHARE) -> list[str]:
    """The cells of a paired difference: difference, 95 % interval, gained, lost."""
    found = span(pair.ci, pair.interval, unit, signed=True)
    return [points(pair.difference, unit, signed=True), found, str(pair.gained), str(pair.lost)]


def comparison_sheets(found: Comparison, title: str, *, breakdown: str | None = None) -> list[Sheet]:
    """A comparison as tables: arms, differences, what was not scored, spending, breakdowns."""
    if breakdown is not None:
        return _breakdowns(found, title, only=breakdown)
    return [_arms(found, title), _differences(found), _spending(found), *_breakdowns(found, title)]


def _arms(found: Comparison, title: str) -> Sheet:
    unit, lost = UNITS[found.unit], found.lost
    sheet = Sheet(
        title,
        ("arm", "n", found.metric, "95 % interval", "responses", "unparsed", "refused", "thinking cut", "answer cut",
         "parsed only"),
    )  # fmt: skip
    repeated = any(arm.counts.responses != arm.n for arm in found.arms)
    for arm in found.arms:
        counts, parsed = arm.counts, arm.parsed_only
        done = f" ({', '.join(arm.think_effective)})" if arm.think_effective else ""
        only = "-" if parsed.value is None else f"{points(parsed.value, unit)} (n={parsed.n})"
        sheet.rows.append(
            (arm.label + done, of_whole(arm.n, found.rows), points(arm.value, unit), span(arm.ci, arm.interval, unit),
             str(counts.responses) if repeated else "-",
             str(counts.unparsed), str(counts.refused), str(counts.truncated_thinking), str(counts.truncated_answer), only)
        )  # fmt: skip
    if lost.common < lost.samples:
        reasons = [
            f"{label}: {gone.not_asked} not asked, {gone.no_response} without a response"
            for label, gone in lost.by_arm.items()
            if gone.not_asked or gone.no_response
        ]
        if lost.no_common_order:
            reasons.append(f"{lost.no_common_order} without an option order that every arm answered")
        sheet.notes.append(
            f"compared on the {lost.common} samples that every arm answered; "
            f"{lost.samples - lost.common} of {lost.samples} are lost ({'; '.join(reasons)})"
        )
    sheet.notes += requests_lost(lost.requests)
    if any(arm.counts.truncated_thinking for arm in found.arms):
        sheet.notes.append(
            "thinking cut: the token limit ended the response before the thought did, so there is no answer; it counts "
            "as wrong, and says nothing about the reasoning (raise max_gen_toks)"
        )
    sheet.notes += found.notes
    return sheet


def requests_lost(by_arm: Mapping[str, Requests]) -> list[str]:
    """What is missing of the compared samples, request by request; empty where nothing is."""
    reasons: list[str] = []
    for label, gone in by_arm.items():
        words = {"without a response": gone.no_response, "set aside": gone.set_aside}
        parts = [f"{count} {word}" for word, count in words.items() if count]
        if parts:
            reasons.append(f"{label}: of {gone.made} requests {', '.join(parts)}")
    if not reasons:
        return []
    aside = any(gone.set_aside for gone in by_arm.values())
    why = "; set aside: at an option order that another arm did not answer" if aside else ""
    return [f"lost within the compared samples: {'; '.join(reasons)}{why}"]


def _differences(found: Comparison) -> Sheet:
    unit, many = UNITS[found.unit], len(found.pairs) > 1
    amount = unit.change.strip()
    sheet = Sheet(
        "differences on the same samples",
        ("paired difference", Column(found.metric, amount), "95 % interval", "gained", "lost", "p",
         *(["p adjusted"] if many else []), "test", Column("MDE", amount), "parsed only"),
    )  # fmt: skip
    for pair in found.pairs:
        parsed_only = points(pair.parsed_only.difference, unit, signed=True)
        p = [p_value(pair.p if pair.n else None), *([p_value(pair.p_adjusted)] if many else [])]
        name = f"{pair.b} - {pair.a}"
        sheet.rows.append((name, *change(pair, unit), *p, pair.test, points(pair.mde, unit), parsed_only))
    sheet.notes.append(
        "every response counts: unparsed, refused and truncated ones as wrong; 'parsed only', which omits them, is secondary"
    )
    sheet.notes.append("MDE: minimum detectable effect, the smallest true difference found with 80 % power at p < 0.05")
    if many:
        sheet.notes.append("p adjusted: Benjamini-Hochberg over the rows")
    clustered = next((pair.clusters for pair in found.pairs if pair.clusters), None)
    if clustered:
        sheet.notes.append(f"samples share clips: {clustered} clips are the units of the tests and intervals")
    return sheet


def _spending(found: Comparison) -> Sheet:
    sheet = Sheet(
        "cost and latency",
        ("arm", "reasoning tokens", "median", "tokens per response", "tokens per correct answer", "prompt cached, %",
         "seconds, median", "p95", "$", "$ per correct answer"),
    )  # fmt: skip
    for arm in found.arms:
        thought, total = arm.reasoning_tokens, arm.latency.get("total")
        mark = "~" if thought and thought.estimated else ""
        sheet.rows.append(
            (arm.label, mark + number(thought and thought.mean), mark + number(thought and thought.median),
             number(arm.completion_tokens), number(arm.tokens_per_correct), points(arm.cached_prompt),
             significant(total and total.median), significant(total and total.p95), significant(arm.dollars),
             significant(arm.dollars_per_correct))
        )  # fmt: skip
    if any(arm.reasoning_tokens and arm.reasoning_tokens.estimated for arm in found.arms):
        sheet.notes.append("~ estimated: completion tokens split in proportion to characters")
    return sheet


def _breakdowns(found: Comparison, title: str, only: str | None = None) -> list[Sheet]:
    unit, sheets = UNITS[found.unit], list[Sheet]()
    for pair in found.pairs:
        for column, labels in pair.breakdown.items():
            if only is not None and column != only:
                continue
            long = only is None and len(labels) > LONGEST_BREAKDOWN
            shown = {k: v for k, v in labels.items() if not long or v.p_adjusted < 0.05}
            sheet = Sheet(
                f"{pair.b} - {pair.a}, by {column}" if only is None else f"{title}: {pair.b} - {pair.a}",
                (column, "n", pair.a, pair.b, "difference", "95 % interval", "gained", "lost", "p", "p adjusted",
                 "MDE"),
            )  # fmt: skip
            for name, row in shown.items():
                sheet.rows.append(
                    (name, str(row.n), points(row.value_a, unit), points(row.value_b, unit),
                     *change(row, unit), p_value(row.p), p_value(row.p_adjusted), points(row.mde, unit))
                )  # fmt: skip
            cells = sum(len(rows) for rows in pair.breakdown.values())
            if shown:
                sheet.notes.append(f"p adjusted: Benjamini-Hochberg over all {cells} breakdown rows of this pair")
            if only is not None and found.rows not in (None, found.n):
                sheet.notes.append(f"{of_whole(found.n, found.rows)} samples of the data set")
            if long:
                without = f"{len(labels) - len(shown)} labels without a significant change are omitted"
                sheet.notes.append(f"{without}; --breakdown {column} shows all")
            sheets.append(sheet)
    return sheets
