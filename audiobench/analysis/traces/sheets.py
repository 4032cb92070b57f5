"""The tables of `audiobench traces`."""

from __future__ import annotations

from typing import Any

from audiobench.analysis.sheets import number, points, span
from audiobench.analysis.traces.judges import KINDS
from audiobench.core.sheet import Sheet


def trace_sheets(found: dict[str, Any]) -> list[Sheet]:
    """Every measure that there is, one row for each arm with traces."""
    arms = [arm for arm in found["arms"] if arm["traces"]]
    sheets = [_lengths(found["task"], arms), _lexicon(arms)]
    for make in (_grounding, _consistency, _rubrics):
        judges = dict.fromkeys(row["judge"] for arm in arms for row in arm[make.__name__.strip("_")])
        sheets += [make(arms, judge) for judge in judges]
    early = _early(arms)
    sheets += [early] if early.rows else []
    silent = [arm["arm"] for arm in found["arms"] if not arm["traces"]]
    if silent:
        sheets[0].notes.append(f"without any trace: {', '.join(silent)}")
    return sheets


def _lengths(task: str, arms: list[dict[str, Any]]) -> Sheet:
    sheet = Sheet(
        f"{task}: reasoning traces",
        ("arm", "traces", "of", "tokens", "median", "p95", "words", "steps", "words when right", "when wrong"),
    )
    for arm in arms:
        length = arm["length"]
        tokens, mark = length["tokens"] or {}, "~" if length["tokens_estimated"] else ""
        sheet.rows.append(
            (arm["arm"], str(arm["traces"]), str(arm["responses"]),
             *(mark + number(tokens.get(key)) for key in ("mean", "median", "p95")),
             number(length["words"]["mean"]), number(length["steps"]["mean"], 1), number(length["words_when_right"]),
             number(length["words_when_wrong"]))
        )  # fmt: skip
        if arm["summaries"]:
            sheet.notes.append(
                f"{arm['arm']}: {arm['summaries']} traces are the provider's summaries, not the reasoning"
            )
    return sheet


def _lexicon(arms: list[dict[str, Any]]) -> Sheet:
    sheet = Sheet(
        "acoustic grounding by lexicon (a proxy, no judge)",
        (
            "arm",
            "n",
            "ratio",
            "95 % interval",
            "when right",
            "when wrong",
            "acoustic steps",
            "surrogate steps",
            "no cue",
        ),
    )
    for arm in arms:
        row = arm["lexicon"]
        sheet.rows.append(
            (arm["arm"], str(row["n"]), points(row["mean"]), span(row["ci"]) if row["ci"] else "-",
             points(row["when_right"]), points(row["when_wrong"]), str(row["acoustic"]),
             str(row["surrogate"]), str(row["without_cue"]))
        )  # fmt: skip
    sheet.notes.append("ratio: steps that name properties of sound / these and steps that name words or knowledge")
    return sheet


def _rows(arms: list[dict[str, Any]], measure: str, judge: str) -> list[tuple[str, dict[str, Any]]]:
    return [(arm["arm"], row) for arm in arms for row in arm[measure] if row["judge"] == judge]


def _judged(sheet: Sheet, rows: list[tuple[str, dict[str, Any]]]) -> Sheet:
    """Say below the table which template was used and what could not be read."""
    templates = sorted({digest[:12] for _, row in rows for digest in row["template_sha256"]})
    calls, failed = sum(row["calls"] for _, row in rows), sum(row["failed_calls"] for _, row in rows)
    unread = sum(row["parse_failures"] for _, row in rows)
    served = sorted({name for _, row in rows for name in row["served_models"]})
    sheet.notes.append(
        f"answered by {', '.join(served) or 'a server that gives no name'}; template {', '.join(templates)}; of {calls} calls {failed} failed and {unread} gave a reply that cannot be read"
    )
    return sheet


def _grounding(arms: list[dict[str, Any]], judge: str) -> Sheet:
    sheet = Sheet(
        f"acoustic grounding, judged by {judge}",
        ("arm", "n", "ratio", "95 % interval", "when right", "when wrong", *KINDS, "agreement"),
    )
    rows = _rows(arms, "grounding", judge)
    for name, row in rows:
        sheet.rows.append(
            (name, str(row["n"]), points(row["mean"]), span(row["ci"]) if row["ci"] else "-",
             points(row["when_right"]), points(row["when_wrong"]),
             *(points(row["kinds"][kind]) for kind in KINDS), points(row["agreement"]))
        )  # fmt: skip
    sheet.notes.append(
        "ratio: acoustic / (acoustic + transcript + question + prior) steps; then the share of all steps"
    )
    return _judged(sheet, rows)


def _consistency(arms: list[dict[str, Any]], judge: str) -> Sheet:
    sheet = Sheet(
        f"does the answer follow from the chain? judged by {judge}",
        (
            "arm",
            "n",
            "follows",
            "95 % interval",
            "right: follows",
            "does not",
            "wrong: follows",
            "does not",
            "chain: none",
        ),
    )
    rows = _rows(arms, "consistency", judge)
    for name, row in rows:
        order = ("consistent_right", "inconsistent_right", "consistent_wrong", "inconsistent_wrong")
        sheet.rows.append(
            (name, str(row["n"]), points(row["consistent"]), span(row["ci"]),
             *(str(row["table"][key]) for key in order), str(row["chain_names_none"]))
        )  # fmt: skip
    sheet.notes.append(
        "the judge sees question, options and reasoning, not the answer; right, does not: right answer, wrong chain"
    )
    return _judged(sheet, rows)


def _rubrics(arms: list[dict[str, Any]], judge: str) -> Sheet:
    sheet = Sheet(
        f"MMAR-Rubrics, rated by {judge}", ("arm", "n", "score", "95 % interval", "right answers", "not rated")
    )
    rows = _rows(arms, "rubrics", judge)
    for name, row in rows:
        sheet.rows.append(
            (name, str(row["n"]), points(row["value"]), span(row["ci"]), str(row["right"]),
             str(row["not_rated"]))
        )  # fmt: skip
    return _judged(sheet, rows)


def _early(arms: list[dict[str, Any]]) -> Sheet:
    sheet = Sheet(
        "answering early: the answer after a fraction of the reasoning",
        ("arm", "n", "fraction", "same as final", "95 % interval", "acc", "area"),
    )
    for arm in arms:
        for place, row in enumerate(arm["early"]["points"] if arm["early"] else ()):
            area = f"{arm['early']['area']:.3f}" if place == 0 else ""
            sheet.rows.append(
                (arm["arm"] if place == 0 else "", str(arm["early"]["n"]) if place == 0 else "", f"{row['fraction']:g}",
                 points(row["same"]), span(row["ci"]), points(row["accuracy"]), area)
            )  # fmt: skip
    sheet.notes.append("area: under `same as final` over the fraction; 1 means that the reasoning decides nothing")
    return sheet
