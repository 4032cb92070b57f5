"""The tables of `audiobench traces`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from audiobench.analysis.figure import Figure
from audiobench.analysis.sheets import change, number, p_value, points, span
from audiobench.analysis.traces.judges import KINDS
from audiobench.analysis.traces.measures import ArmTraces, Consistency, Facts, Grounding, Judged, Rubrics, TaskTraces
from audiobench.core.sheet import Sheet
from audiobench.scorers.metrics import UNITS

J = TypeVar("J", bound=Judged)
Rows = Sequence[tuple[str, J]]
"""(arm, what one judge said of it)."""


def trace_sheets(found: TaskTraces) -> list[Sheet]:
    """Every measure that there is, one row for each arm with traces."""
    arms = [arm for arm in found.arms if arm.traces]
    sheets = [_lengths(found.task, arms), _lexicon(arms)]
    sheets += [_grounding(rows, judge) for judge, rows in _by_judge([(a.arm, a.grounding) for a in arms])]
    sheets += [_consistency(rows, judge) for judge, rows in _by_judge([(a.arm, a.consistency) for a in arms])]
    sheets += [_rubrics(rows, judge) for judge, rows in _by_judge([(a.arm, a.rubrics) for a in arms])]
    sheets += [sheet for sheet in (_structure(arms), _captions(arms)) if sheet.rows]
    sheets += [_facts(rows, judge) for judge, rows in _by_judge([(a.arm, a.agfv) for a in arms])]
    early = _early(arms)
    sheets += [early] if early.rows else []
    silent = [arm.arm for arm in found.arms if not arm.traces]
    if silent:
        sheets[0].notes.append(f"without any trace: {', '.join(silent)}")
    return sheets


def _by_judge(arms: Sequence[tuple[str, Sequence[J]]]) -> list[tuple[str, Rows[J]]]:
    judges = dict.fromkeys(row.judge for _, rows in arms for row in rows)
    return [(judge, [(arm, row) for arm, rows in arms for row in rows if row.judge == judge]) for judge in judges]


def _lengths(task: str, arms: Sequence[ArmTraces]) -> Sheet:
    sheet = Sheet(
        f"{task}: reasoning traces",
        ("arm", "traces", "of", "tokens", "median", "p95", "words", "steps", "words when right", "when wrong"),
    )
    for arm in arms:
        length = arm.length
        if length is None:
            continue
        tokens, mark = length.tokens, "~" if length.tokens_estimated else ""
        sheet.rows.append(
            (arm.arm, str(arm.traces), str(arm.responses),
             *(mark + number(value) for value in ((tokens.mean, tokens.median, tokens.p95) if tokens else (None,) * 3)),
             number(length.words.mean), number(length.steps.mean, 1), number(length.words_when_right),
             number(length.words_when_wrong))
        )  # fmt: skip
        if arm.summaries:
            sheet.notes.append(f"{arm.arm}: {arm.summaries} traces are the provider's summaries, not the reasoning")
    return sheet


def _lexicon(arms: Sequence[ArmTraces]) -> Sheet:
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
        row = arm.lexicon
        if row is None:
            continue
        sheet.rows.append(
            (arm.arm, str(row.n), points(row.mean), span(row.ci) if row.ci else "-",
             points(row.when_right), points(row.when_wrong), str(row.acoustic),
             str(row.surrogate), str(row.without_cue))
        )  # fmt: skip
    sheet.notes.append("ratio: steps that name properties of sound / these and steps that name words or knowledge")
    return sheet


def _judged(sheet: Sheet, rows: Rows[Judged]) -> Sheet:
    """Say below the table which template was used and what could not be read."""
    templates = sorted({digest[:12] for _, row in rows for digest in row.template_sha256})
    calls, failed = sum(row.calls for _, row in rows), sum(row.failed_calls for _, row in rows)
    unread = sum(row.parse_failures for _, row in rows)
    served = sorted({name for _, row in rows for name in row.served_models})
    sheet.notes.append(
        f"answered by {', '.join(served) or 'a server that gives no name'}; template {', '.join(templates)}; of {calls} calls {failed} failed and {unread} gave a reply that cannot be read"
    )
    return sheet


def _grounding(rows: Rows[Grounding], judge: str) -> Sheet:
    sheet = Sheet(
        f"acoustic grounding, judged by {judge}",
        ("arm", "n", "ratio", "95 % interval", "when right", "when wrong", *KINDS, "agreement"),
    )
    for name, row in rows:
        sheet.rows.append(
            (name, str(row.n), points(row.mean), span(row.ci) if row.ci else "-",
             points(row.when_right), points(row.when_wrong),
             *(points(row.kinds[kind]) for kind in KINDS), points(row.agreement))
        )  # fmt: skip
    sheet.notes.append(
        "ratio: acoustic / (acoustic + transcript + question + prior) steps; then the share of all steps"
    )
    return _judged(sheet, rows)


def _consistency(rows: Rows[Consistency], judge: str) -> Sheet:
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
    for name, row in rows:
        table = row.table
        sheet.rows.append(
            (name, str(row.n), points(row.consistent), span(row.ci),
             str(table.consistent_right), str(table.inconsistent_right), str(table.consistent_wrong),
             str(table.inconsistent_wrong), str(row.chain_names_none))
        )  # fmt: skip
    sheet.notes.append(
        "the judge sees question, options and reasoning, not the answer; right, does not: right answer, wrong chain"
    )
    return _judged(sheet, rows)


def _rubrics(rows: Rows[Rubrics], judge: str) -> Sheet:
    sheet = Sheet(
        f"MMAR-Rubrics, rated by {judge}", ("arm", "n", "score", "95 % interval", "right answers", "not rated")
    )
    for name, row in rows:
        sheet.rows.append(
            (name, str(row.n), points(row.value), span(row.ci), str(row.right),
             str(row.not_rated))
        )  # fmt: skip
    return _judged(sheet, rows)


def _structure(arms: Sequence[ArmTraces]) -> Sheet:
    sheet = Sheet(
        "structured thoughts",
        ("arm", "in form (%)", "95 % interval", "part", "there (%)", "95 % interval", "tokens", "95 % interval", "median", "words"),
    )  # fmt: skip
    for arm in arms:
        found = arm.structure
        for place, part in enumerate(found.parts if found else ()):
            first = found if place == 0 else None
            mark = "~" if part.tokens.value is not None else ""
            sheet.rows.append(
                (arm.arm if first else "", *(_share(first.well_formed) if first else ("", "")), part.name, *_share(part.present),
                 mark + number(part.tokens.value), _means(part.tokens), mark + number(part.median), number(part.words))
            )  # fmt: skip
        if found is not None:
            right, other = found.acc_well_formed, found.acc_other
            sheet.notes.append(
                f"{arm.arm}: mean value {points(right.value)} in form (n={right.n}), {points(other.value)} else (n={other.n}); "
                "observational"
            )
    sheet.notes.append("in form: the declared parts, each once, closed and in order, then an answer; of all responses")
    sheet.notes.append("tokens of a part: those of the reasoning, shared out by characters")
    return sheet


def _captions(arms: Sequence[ArmTraces]) -> Sheet:
    sheet = Sheet(
        "the answer from the caption alone, read by a text model instead of the sound",
        ("arm", "text model", "n", "caption", "95 % interval", "own", "95 % interval", "difference", "95 % interval",
         "gained", "lost", "p", "same answer (%)", "95 % interval"),
    )  # fmt: skip
    for arm in arms:
        for found in arm.captions:
            unit = UNITS[found.unit]
            sheet.rows.append(
                (arm.arm, found.model, str(found.n), points(found.value, unit), span(found.ci, unit=unit),
                 points(found.own, unit), span(found.own_ci, unit=unit), *change(found.against_own, unit),
                 p_value(found.against_own.p), *_share(found.same))
            )  # fmt: skip
    sheet.notes.append("own: the model's own answers to the same items; difference: caption minus own, paired")
    return sheet


def _share(figure: Figure) -> tuple[str, str]:
    return points(figure.value), span(figure.ci) if figure.ci else "-"


def _means(figure: Figure) -> str:
    return f"[{number(figure.ci[0])}, {number(figure.ci[1])}]" if figure.ci else "-"


def _facts(rows: Rows[Facts], judge: str) -> Sheet:
    sheet = Sheet(
        f"audio-grounded fact verification (AGFV), heard by {judge}",
        ("arm", "n", "AGFV", "95 % interval", "when right", "when wrong", "passes", "95 % interval", "supported", "refuted",
         "unclear", "no fact"),
    )  # fmt: skip
    for name, row in rows:
        sheet.rows.append(
            (name, str(row.n), points(row.mean), span(row.ci) if row.ci else "-", points(row.when_right),
             points(row.when_wrong), points(row.passed), span(row.passed_ci), str(row.supported), str(row.refuted),
             str(row.unclear), str(row.without_facts))
        )  # fmt: skip
    sheet.notes.append(
        "AGFV: supported / (supported + refuted) facts of a trace, mean over traces; passes: no fact is refuted; the templates are "
        "this project's, so figures are not those of SightSound-R1"
    )
    return _judged(sheet, rows)


def _early(arms: Sequence[ArmTraces]) -> Sheet:
    sheet = Sheet(
        "answering early: the answer after a fraction of the reasoning",
        ("arm", "n", "fraction", "same as final", "95 % interval", "acc", "area"),
    )
    for arm in arms:
        early = arm.early
        for place, row in enumerate(early.points if early else ()):
            first = early if place == 0 else None
            sheet.rows.append(
                (arm.arm if first else "", str(first.n) if first else "", f"{row.fraction:g}",
                 points(row.same), span(row.ci), points(row.accuracy), f"{first.area:.3f}" if first else "")
            )  # fmt: skip
    sheet.notes.append("area: under `same as final` over the fraction; 1 means that the reasoning decides nothing")
    return sheet
