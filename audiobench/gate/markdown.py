"""The step summary: a table and the samples that changed, safe to show on a page that renders Markdown and HTML."""

from __future__ import annotations

import html
import re
from pathlib import Path

from audiobench.errors import IncompleteError
from audiobench.gate.verdict import FAILURES, WARNINGS, Item, Level, Verdict, shown, size
from audiobench.plain_text import spaced

MAX_BYTES = 65_300
"""GitHub cuts a comment at 65,536 bytes; a step summary may be larger, but a person reads neither."""
FLIPS = 10
EXCERPT = 120
WORDS: dict[Level, str] = {
    "pass": "pass", "warn": "pass, with a warning", "regression": "**REGRESSION**",
    "not_comparable": "**NOT COMPARABLE**", "incomplete": "**INCOMPLETE**",
}  # fmt: skip
_SPECIAL = re.compile(r"([\\`*_\[\]!|~])")


def escape(text: str, longest: int = EXCERPT) -> str:
    """Text from a model or a data set, on one line, as text: no markup, no mention, no link, no reordering."""
    plain = " ".join(spaced(text).split())
    if len(plain) > longest:
        plain = plain[: longest - 3] + "..."
    safe = html.escape(_SPECIAL.sub(r"\\\1", plain), quote=False)
    # a zero-width space keeps mentions, issue numbers, commit hashes and bare addresses from becoming links
    unlinked = re.sub(r"(@|#|://|www\.)", "\\1\u200b", safe)
    return unlinked.replace("$", "&#36;")  # $ would begin a formula


def write_summary(path: Path, verdict: Verdict) -> None:
    """Append the summary to `path`, as GitHub's `$GITHUB_STEP_SUMMARY` wants it.

    Raises:
        IncompleteError: the file cannot be written.
    """
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(summary(verdict))
    except OSError as error:
        raise IncompleteError(f"{path}: {error.strerror}") from error


def summary(verdict: Verdict) -> str:
    """The verdict as Markdown, at most `MAX_BYTES` in UTF-8."""
    head = f"## audiobench gate: {_headline(verdict)}\n\n"
    if verdict.error is not None:
        return cut(head + escape(verdict.error, 2000) + "\n")
    lines = [
        f"{escape(verdict.model)} against the baseline of {escape(verdict.baseline_model)}", "",
        "| task | what | condition | n | baseline | candidate | Δ [95 %] | p (Holm) | MDE | verdict |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|---|",
        *(_row(item) for item in verdict.items), "",
    ]  # fmt: skip
    for title, levels in (("Why it failed", FAILURES), ("Warnings", WARNINGS)):
        told = [message for item in verdict.items for message in item.messages(*levels)]
        if told:
            lines += [f"### {title}", "", *(f"- {escape(message, 600)}" for message in told), ""]
    if verdict.confirmed:
        done = verdict.confirmed
        lines += [
            f"Asked again ({done['epochs']} more epochs, fresh seeds, all pooled): {escape(', '.join(done['tasks']))}.",
            "",
        ]
    lines += [f"- {escape(note, 300)}" for note in verdict.notes]
    return cut(head + "\n".join(lines) + "\n" + "\n".join(_flips(verdict)) + "\n")


def _headline(verdict: Verdict) -> str:
    return "**ERROR**" if verdict.error is not None else WORDS[verdict.level]


def _row(item: Item) -> str:
    found = item.measured
    cells = [escape(item.task), item.kind.replace("_", " "), escape(item.condition)]
    if found is None:
        cells += [str(item.n), *["-"] * 5]
    else:
        signed = item.kind == "think_gain"
        low, high = (shown(item, bound, sign=True) for bound in found.ci)
        cells += [
            str(found.n), shown(item, found.baseline, sign=signed), shown(item, found.candidate, sign=signed),
            f"{shown(item, found.difference, sign=True)} [{low}, {high}]", f"{found.p_adjusted:.2g}",
            size(item, found.mde),
        ]  # fmt: skip
    return "| " + " | ".join([*cells, WORDS[item.level]]) + " |"


def _flips(verdict: Verdict) -> list[str]:
    """Up to `FLIPS` samples that got worse, of the tasks that failed; else of any."""
    scores = [item for item in verdict.items if item.kind == "score"]
    failed = [item for item in scores if item.level == "regression"] or scores
    rows = []
    for item in failed:
        sign = -1 if item.lower_is_better else 1
        for flip in item.flips:
            if sign * (flip.after - flip.before) < 0:
                cells = [
                    escape(item.task), escape(item.condition), escape(flip.id), shown(item, flip.before),
                    shown(item, flip.after), escape(flip.answer or "(none)"), escape(flip.target or ""),
                ]  # fmt: skip
                rows.append("| " + " | ".join(cells) + " |")
    if not rows:
        return []
    more = f" ({FLIPS} of {len(rows)})" if len(rows) > FLIPS else ""
    head = ["| task | condition | sample | was | is | answered | right |", "|---|---|---|---:|---:|---|---|"]
    return ["", f"### Samples that got worse{more}", "", *head, *rows[:FLIPS]]


def cut(text: str, limit: int = MAX_BYTES) -> str:
    """`text` of at most `limit` bytes, cut at a line and said so."""
    data = text.encode("utf-8", "replace")
    if len(data) <= limit:
        return data.decode()
    end = "\n\n(cut: the whole verdict is in the JSON)\n"
    kept = data[: limit - len(end.encode())]
    return kept[: kept.rfind(b"\n")].decode("utf-8", "ignore") + end
