"""The tables of `audiobench ablate`, from what `ablate.ablate_task` finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from audiobench.analysis.ablate import Ablation, in_short
from audiobench.analysis.comparison import Comparison
from audiobench.analysis.listening import CONTENTLESS, SOUNDLESS, Bounds, Control, Listening
from audiobench.analysis.relisten_sheets import relisten_lines, relisten_sheets
from audiobench.analysis.self_cognition import SelfCognition
from audiobench.analysis.self_reflect_sheets import reflection_sheets
from audiobench.analysis.sheets import change, comparison_sheets, number, p_value, points, requests_lost, span
from audiobench.analysis.stability import Consistency, OptionStability
from audiobench.analysis.thinking import BudgetCurve, NaturalLength
from audiobench.core.plain_text import of_whole, plural
from audiobench.core.sheet import Column, Sheet
from audiobench.scorers.metrics import UNITS

Entry = TypeVar("Entry", OptionStability, Consistency)
PICTURELESS = {"sound_only": ("sees", "blind"), "text_only": ("perceives", "neither")}
"""Controls without the picture -> what the row says where that hurts, and where it does not matter."""


def ablation_sheets(found: Ablation, *, breakdown: str | None = None) -> list[Sheet]:
    """Everything worth printing; with `breakdown`, only that column, for every comparison."""
    if breakdown is not None:
        return _by_column(found, breakdown)
    chance = f", chance {points(found.chance)} %" if found.chance is not None else ""
    counts = {"condition": found.conditions, "option order": found.option_orders, "epoch": found.epochs}
    design = " x ".join(f"{count:,} {plural(count, noun)}" for noun, count in counts.items())
    title = f"{found.task}: {of_whole(found.n, found.rows)} {plural(found.n, 'sample')}, {design}{chance}"
    sheets = [Sheet(title, notes=[*in_short(found), *relisten_lines(found.relisten, found.rows)])]
    main = next((e for e in found.thinking if e.audio == "full"), None) or next(iter(found.thinking), None)
    if main:
        shown = comparison_sheets(main, f"does thinking help? audio={main.audio}")
        sheets += shown if len(main.pairs) == 1 else shown[:3]
    sheets += _thinking_elsewhere([entry for entry in found.thinking if entry is not main])
    curves = found.scaling
    sheets += [_curve(curve) for curve in curves if curve.audio == "full" or len(curves) == 1]
    sheets += _other_curves([curve for curve in curves if curve.audio != "full" and len(curves) > 1])
    sheets += [_strata(entry) for entry in found.natural_length]
    if found.listening:
        sheets.append(_listening(found))
        sheets += _dependent(found)
    sheets += _breakdown_gains(found)
    sheets += _words(found)
    sheets += relisten_sheets(found.relisten)
    sheets += reflection_sheets(found.self_reflect)
    if not found.thinking:
        for entry in found.audio:
            sheets += comparison_sheets(entry, f"audio conditions, think={entry.think}")[:3]
    sheets += _stability(found)
    sheets += _agreement(found)
    sheets += _denials(found)
    return sheets


def _by_column(found: Ablation, column: str) -> list[Sheet]:
    sheets: list[Sheet] = []
    for entry in found.thinking:
        sheets += comparison_sheets(entry, f"{found.task}, audio={entry.audio}", breakdown=column)
    for entry in found.listening:
        for control in entry.controls.values():
            if column in control.breakdown:
                sheets.append(_gains_by(entry, control, column))
                if found.rows not in (None, found.n):
                    sheets[-1].notes.append(f"{of_whole(control.n, found.rows)} samples of the data set")
    return sheets


def _thinking_elsewhere(entries: Sequence[Comparison]) -> list[Sheet]:
    """Think modes under the audio controls: what thinking gives without the sound."""
    sheet = Sheet(
        "does thinking help under the audio controls?",
        ("audio", "paired difference", "n", "a", "b", Column("b - a", "pp"), "95 % interval", "gained", "lost", "p adjusted",
         Column("MDE", "pp")),
        left=2,
    )  # fmt: skip
    for entry in entries:
        unit = UNITS[entry.unit]
        for pair in entry.pairs:
            sheet.rows.append(
                (str(entry.audio), f"b {pair.b}, a {pair.a}", of_whole(pair.n, entry.rows), points(pair.value_a, unit),
                 points(pair.value_b, unit), *change(pair, unit), p_value(pair.p_adjusted), points(pair.mde, unit))
            )  # fmt: skip
    tests = dict.fromkeys(pair.test for entry in entries for pair in entry.pairs)
    sheet.notes.append(
        f"p adjusted: Benjamini-Hochberg over the think modes of one audio condition; test: {', '.join(tests)}"
    )
    return [sheet] if sheet.rows else []


def _other_curves(curves: Sequence[BudgetCurve]) -> list[Sheet]:
    sheet = Sheet(
        "accuracy over thinking budget under the audio controls",
        ("audio", "verdict", "n", "acc by budget", Column("fitted gain", "pp"), "95 % interval", "p", "sweet spot",
         "area"),
        left=2,
    )  # fmt: skip
    for curve in curves:
        gain = curve.gain_interval
        sheet.rows.append(
            (curve.audio, curve.verdict, str(curve.n), " ".join(points(a) for a in curve.accuracy),
             points(curve.gain, signed=True), span((gain.low, gain.high), signed=True),
             p_value(curve.p), str(curve.sweet_spot), f"{curve.area:.3f}")
        )  # fmt: skip
    return [sheet] if sheet.rows else []


def _curve(curve: BudgetCurve) -> Sheet:
    sheet = Sheet(
        f"accuracy over thinking budget, audio={curve.audio}: {curve.verdict}",
        (Column("budget", "tokens", text=True), "n", "acc", "95 % interval", "reasoning tokens used"),
    )
    rows = zip(curve.budgets, curve.accuracy, curve.intervals, curve.reasoning_tokens, strict=True)
    for budget, value, interval, used in rows:
        name = f"{budget}" + (" (thinking off)" if budget == 0 else "")
        ci = span((interval.low, interval.high), interval.method)
        sheet.rows.append((name, str(curve.n), points(value), ci, number(used)))
    free = curve.unlimited
    if free:
        ci = span(free.ci)
        sheet.rows.append(
            (
                "no limit (not in the curve)",
                str(free.n),
                points(free.value),
                ci,
                number(free.reasoning_tokens),
            )
        )
    slope, gain = curve.slope_interval, curve.gain_interval
    sheet.notes += _lost("", curve)
    if curve.left_out:
        sheet.notes.append(f"{', '.join(curve.left_out)}: also 0 tokens, not in the curve, which takes thinking off")
    sheet.notes += [
        f"verdict: {curve.verdict}; {curve.reason}",
        f"slope {points(curve.slope, signed=True)} pp for each doubling of (budget + 1), 95 % "
        f"{span((slope.low, slope.high), signed=True)}; fitted gain "
        f"{points(curve.gain, signed=True)} pp {span((gain.low, gain.high), signed=True)}",
        f"sweet spot: {curve.sweet_spot} tokens (smallest budget not significantly below the best, {curve.best}); "
        f"area under the curve {curve.area:.3f}; smallest detectable gain {points(curve.mde_gain)} pp (80 % power)",
    ]
    return sheet


def _lost(where: str, entry: BudgetCurve | Control) -> list[str]:
    """Samples that not every arm answered, and requests that are missing of the others."""
    lines = [f"{where}{entry.lost} {plural(entry.lost, 'sample')} lost: not every arm answered"]
    return (lines if entry.lost else []) + [where + line for line in requests_lost(entry.requests)]


def _strata(entry: NaturalLength) -> Sheet:
    sheet = Sheet(
        f"accuracy by natural reasoning length, {entry.arm} (observational)",
        ("reasoning tokens", "n", "acc", "95 % interval"),
    )
    for stratum in entry.strata:
        ci = span((stratum.interval.low, stratum.interval.high), stratum.interval.method)
        sheet.rows.append(
            (
                f"{stratum.shortest:.0f} to {stratum.longest:.0f}",
                str(stratum.n),
                points(stratum.accuracy),
                ci,
            )
        )
    sheet.notes.append("observational: hard questions get long reasoning; only a set budget says what length does")
    return sheet


def _listening(found: Ablation) -> Sheet:
    sheet = Sheet(
        "does it listen? full against each control, paired",
        ("think", "control", "n", "full", "control", Column("gain", "pp"), "95 % interval", "p", "verdict", "corrected",
         "retention", "95 % interval", "changed"),
        left=2,
    )  # fmt: skip
    lost: list[str] = []
    for entry in found.listening:
        for control in entry.controls.values():
            kept = control.retention_ci
            lost += _lost(f"think={entry.think}, {control.audio}: ", control)
            name = control.audio if control.soundless else f"({control.audio})"
            word = _control_word(control.audio, control.verdict)
            sheet.rows.append(
                (entry.think, name, of_whole(control.n, found.rows), points(control.full),
                 points(control.control), points(control.gain, signed=True),
                 _span(control.ci), p_value(control.p), word,
                 points(control.corrected_gain, signed=True), points(control.retention),
                 span(kept) if kept else "-", points(control.answers_changed))
            )  # fmt: skip
        if any(control.hurts for control in entry.controls.values() if control.audio not in PICTURELESS):
            sheet.notes.append(f"think={entry.think}: the sound makes answers worse than a control")
    sheet.notes += [
        "corrected: (full - control) / (1 - chance), in per cent; retention: control / full, what survives of the score; "
        "changed: answers that differ, in per cent",
    ]
    sheet.notes += lost
    if any("reverse" in entry.controls for entry in found.listening):
        sheet.notes.append("(reverse) keeps much of the sound, so it does not decide the verdict")
    if any(name in entry.controls for entry in found.listening for name in PICTURELESS):
        sheet.notes.append(
            "(sound_only) takes the picture away, (text_only) sound and picture, so they do not decide the verdict"
        )
    return sheet


def _control_word(audio: str, verdict: str) -> str:
    """What one control says; without any sound a model need not listen to be worse."""
    if audio in PICTURELESS:
        hurt, unmoved = PICTURELESS[audio]
        return {"listens": hurt, "deaf": unmoved}.get(verdict, verdict.replace("-at-this-n", ""))
    silent = audio in SOUNDLESS and audio not in CONTENTLESS
    return "reacts" if silent and verdict == "listens" else verdict.replace("-at-this-n", "")


def _span(ci: Bounds) -> str:
    return span(ci, signed=True) if ci else "-"


def _dependent(found: Ablation) -> list[Sheet]:
    sheet = Sheet(
        "the audio-dependent subset: samples that no soundless control answers right",
        ("think", "wrong under", "subset", "of", "full acc in it", "95 % interval"),
        left=2,
    )
    for entry in found.listening:
        subset = entry.dependent
        if subset:
            ci = subset.interval
            sheet.rows.append(
                (entry.think, ", ".join(subset.controls), str(subset.n), str(subset.of),
                 points(subset.accuracy), span((ci.low, ci.high), ci.method))
            )  # fmt: skip
    return [sheet] if sheet.rows else []


def _breakdown_gains(found: Ablation) -> list[Sheet]:
    """The gain over one control by each short breakdown, for the last think mode."""
    if not found.listening:
        return []
    entry = found.listening[-1]
    control = next((c for c in entry.controls.values() if c.soundless), None)
    if control is None:
        return []
    return [_gains_by(entry, control, c) for c, labels in control.breakdown.items() if len(labels) <= 12]


def _gains_by(entry: Listening, control: Control, column: str) -> Sheet:
    sheet = Sheet(
        f"what the sound adds by {column}: full - {control.audio}, think={entry.think}",
        (column, "n", "chance", "full", control.audio, Column("gain", "pp"), "95 % interval", "p adjusted", "corrected gain",
         "retention", "verdict"),
    )  # fmt: skip
    for name, row in control.breakdown[column].items():
        sheet.rows.append(
            (name, str(row.n), points(row.chance), points(row.full), points(row.control),
             points(row.gain, signed=True), _span(row.ci), p_value(row.p_adjusted),
             points(row.corrected_gain, signed=True), points(row.retention), _control_word(control.audio, row.verdict))
        )  # fmt: skip
    sheet.notes.append(f"p adjusted: Benjamini-Hochberg over all breakdown rows of all controls of think={entry.think}")
    return sheet


def _words(found: Ablation) -> list[Sheet]:
    sheet = Sheet(
        "sound against words: full - transcript",
        ("think", "n", "full", "transcript", Column("difference", "pp"), "95 % interval", "gained", "lost", "p", "test"),
    )  # fmt: skip
    for entry in found.listening:
        row = entry.transcript
        if row:
            sheet.rows.append(
                (entry.think, of_whole(row.n, found.rows), points(row.b), points(row.a), *change(row), p_value(row.p),
                 row.test)
            )  # fmt: skip
    sheet.notes.append("transcript: the audio replaced by its words; what it reaches needs no ear")
    return [sheet] if sheet.rows else []


def _with_the_sound(entries: Sequence[Entry], sheet: Sheet) -> Sequence[Entry]:
    """The entries of audio=full where there are any; that the others are in --json is noted on the sheet."""
    heard = [entry for entry in entries if entry.audio == "full"] or entries
    if len(heard) < len(entries):
        sheet.notes.append("with the sound; --json has the other audio conditions")
    return heard


def _stability(found: Ablation) -> list[Sheet]:
    if not found.option_order:
        return []
    sheet = Sheet(
        "option order",
        ("arm", "n", "acc by order", Column("spread", "pp"), "sd", "circular acc", "95 % interval", "same answer", "chosen place",
         "even choice", "p"),
    )  # fmt: skip
    for entry in _with_the_sound(found.option_order, sheet):
        place, ci = entry.position, entry.circular_interval
        sheet.rows.append(
            (entry.arm, of_whole(entry.n, found.rows), " ".join(points(a) for a in entry.accuracy),
             points(entry.spread), points(entry.sd), points(entry.circular),
             span((ci.low, ci.high), ci.method), points(entry.consistency),
             " ".join(map(str, place.counts)), " ".join(f"{e:.0f}" for e in place.expected),
             p_value(place.p) + ("" if place.reliable else "?"))
        )  # fmt: skip
    sheet.notes.append(
        "circular: right at every order, of which a sample has as many as options; same answer: the same option text at "
        "every order"
    )
    sheet.notes.append(
        "p: chi-square of the chosen places against an even choice, by sample (? where a place expects fewer than 5)"
    )
    return [sheet]


def _agreement(found: Ablation) -> list[Sheet]:
    if not found.consistency:
        return []
    sheet = Sheet(
        f"asked {found.epochs} times",
        ("arm", "n", "agreement", "unanimous", Column("entropy", "bits"), "maj@k", "pass@k", "pass^k"),
    )
    for entry in _with_the_sound(found.consistency, sheet):
        top = entry.epochs
        majorities = " ".join(f"{k}:{points(v)}" for k, v in entry.maj_at.items())
        sheet.rows.append(
            (entry.arm, of_whole(entry.n, found.rows), points(entry.agreement), points(entry.unanimous),
             f"{entry.entropy:.2f}", majorities, f"1:{points(entry.pass_at[1])} "
             f"{top}:{points(entry.pass_at[top])}", f"{top}:{points(entry.pass_hat[top])}")
        )  # fmt: skip
    return [sheet]


def _asked_how(entry: SelfCognition) -> str:
    """Think mode, and the protocol where an item took several turns."""
    return entry.think if entry.protocol in ("chat", "realtime") else f"{entry.think} {entry.protocol}"


def _denials(found: Ablation) -> list[Sheet]:
    sheet = Sheet(
        "does it say that it cannot hear?",
        (
            "think",
            "audio",
            "means",
            "responses",
            "says so",
            "rate",
            "95 % interval",
            "in the answer",
            "in the reasoning",
        ),
        left=3,
    )
    for entry in found.self_cognition:
        rates = [(heard, "error", rate) for heard, rate in entry.errors.items()]
        if entry.honesty:
            rates.append(("none", "honest", entry.honesty))
        for heard, meaning, rate in rates:
            if rate.n and (rate.count or heard in ("full", "none")):
                sheet.rows.append(
                    (_asked_how(entry), heard, meaning, str(rate.n), str(rate.count), points(rate.rate),
                     span(rate.ci), str(rate.where.answer), str(rate.where.reasoning))
                )  # fmt: skip
    sheet.notes.append(
        "by lexicon, English and Chinese: with sound in the request such a claim is an error, without any it is honest; "
        "other conditions are shown where it occurs"
    )
    return [sheet] if sheet.rows else []
