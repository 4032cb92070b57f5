"""Tables on a terminal: every number with its n, interval, coverage and what it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from audiobench.core.plain_text import one_line, plural, printable
from audiobench.core.sheet import Column, Sheet, console
from audiobench.core.types import Condition
from audiobench.files.run_info import RunInfo
from audiobench.files.summary_entry import NOTHING, Read, Score, SummaryEntry, TurnSpent
from audiobench.model.spec import Price
from audiobench.replicas.told import ReplicaUsed
from audiobench.results import cost
from audiobench.results.groups import GroupScore
from audiobench.results.reasoned import contrary
from audiobench.results.sound import lines as sound_lines
from audiobench.results.speech import lines as speech_lines
from audiobench.scorers.metrics import UNITS
from audiobench.task.spec import TaskSpec

LONGEST_BREAKDOWN = 12
"""Breakdowns with more labels than this are left to `audiobench report --breakdown` and the viewer."""

NARROW = 110
"""Columns; on a narrower terminal a result takes two lines instead of a table's row."""

percent = UNITS["share"].show
"""0.777 -> 77.7; an absent value is a dash."""


def number(entry: SummaryEntry, value: float | None) -> str:
    """A value of the entry's metric, in its unit."""
    return UNITS[(entry.metric and entry.metric[1].unit) or "share"].show(value)


def interval(entry: SummaryEntry, ci: Sequence[float | None]) -> str:
    """A 95 % interval in the metric's unit."""
    return f"[{number(entry, ci[0])}, {number(entry, ci[1])}]" if ci[0] is not None else "-"


def engine_lines(info: RunInfo) -> list[str]:
    """What ran where, for runs on the replicas of a cluster."""
    return [
        f"{used.name} {used.version}: {used.model} on {'; '.join(map(_used, used.replicas))}" for used in info.engines
    ]


def _used(one: ReplicaUsed) -> str:
    cards = f" GPU {','.join(one.gpus)}" if one.gpus else ""
    lost = f", lost {one.losses} {plural(one.losses, 'time')}" if one.losses else ""
    return f"{one.node}{cards}: {one.answers:,} {plural(one.answers, 'answer')}{lost}"


def condition_label(entry: SummaryEntry) -> str:
    """Short text for a summary entry's condition; says what was really done about thinking, and what came of it."""
    label = entry.condition.condition.label
    told = [
        *entry.effective,
        contrary(entry.condition.think, entry.effective, entry.reasoning) if entry.reasoning else "",
    ]
    return f"{label} ({'; '.join(filter(None, told))})" if any(told) else label


def failures(counts: Mapping[str, int]) -> str:
    """`3 unparsed, 1 truncated`, or a dash."""
    return ", ".join(f"{n} {kind}" for kind, n in counts.items() if n and kind != "scored") or "-"


def score_sheet(summaries: Sequence[SummaryEntry], tasks: Mapping[str, TaskSpec], title: str = "") -> Sheet:
    """One row for each task and condition."""
    sheet = Sheet(
        title,
        ("task", "condition", Column("metric", text=True), "n", "value", "95 % interval", "coverage", "chance", "official",
         Column("not scored", text=True)),
        left=2, all_columns=True,
    )  # fmt: skip
    for entry in summaries:
        name, value = _main(entry)
        sheet.rows.append(
            (tasks[entry.task].task, condition_label(entry), name, entry.size, number(entry, value.value),
             interval(entry, value.ci), percent(entry.coverage) + "%", percent(entry.chance), _official(entry),
             failures(entry.counts))
        )  # fmt: skip
    return sheet


def score_lines(entry: SummaryEntry) -> list[str]:
    """One result on two lines, for terminals that are too narrow for the table."""
    name, value = _main(entry)
    parts = [
        f"{name} {number(entry, value.value)} {interval(entry, value.ci)}".removesuffix(" -"), f"n {entry.size}",
        f"coverage {percent(entry.coverage)}%", f"chance {percent(entry.chance)}",
        f"official {_official(entry)}", f"not scored: {failures(entry.counts)}",
    ]  # fmt: skip
    shown = "  ".join(part for part in parts if not part.endswith(" -"))
    return [one_line(f"{entry.task}, {condition_label(entry)}"), f"  {shown}"]


def group_sheet(groups: Sequence[GroupScore], title: str = "") -> Sheet:
    """The averages of groups whose tasks are all there."""
    varied = len({(g.think, g.audio, g.option_order, g.protocol) for g in groups}) > 1
    columns = ("group", *(("condition",) if varied else ()), Column("metric", text=True), "tasks", "n", "value",
               "95 % interval", Column("average", text=True))  # fmt: skip
    sheet = Sheet(title, columns, left=2 if varied else 1, all_columns=True)
    for found in groups:
        how = Condition(found.think, found.audio, found.option_order, protocol=found.protocol).label
        low, high = found.ci
        interval = "-" if low is None else f"[{found.show(low)}, {found.show(high)}]"
        made = f"no score yet: {', '.join(found.lacking)}" if found.lacking else found.average
        sheet.rows.append(
            (found.group, *((how,) if varied else ()), found.metric, str(found.tasks), f"{found.n:,}",
             found.show(found.value), interval, made)
        )  # fmt: skip
    return sheet


def reader_line(entry: SummaryEntry, read: Read) -> str:
    """Both numbers: the rules' alone, and that of the rules and a reader."""
    name, alone = _main(entry)
    both = f"{number(entry, read.value)} {interval(entry, read.ci)}".removesuffix(" -")
    return one_line(
        f"{entry.task}, {condition_label(entry)}: {name} by rules {number(entry, alone.value)}, by rules and reader "
        f"{read.reader} {both}; it found an answer in {read.read} of {read.unparsed} unparsed responses"
    )


def _main(entry: SummaryEntry) -> tuple[str, Score]:
    return entry.metric or ("-", NOTHING)


def _official(entry: SummaryEntry) -> str:
    official = entry.official
    return f"{number(entry, official.value)} (n={official.n})" if official and official.value is not None else "-"


def turn_sheets(summaries: Sequence[SummaryEntry], price: Price | None) -> list[Sheet]:
    """What each turn took, for conditions whose exchanges took several; dollars at `price`."""
    sheets: list[Sheet] = []
    for entry in summaries:
        if not entry.turns:
            continue
        sheet = Sheet(
            f"{entry.task}, {condition_label(entry)}, by turn",
            ("turn", "responses", Column("prompt", "tokens"), Column("cached", "tokens"), Column("answer", "tokens"), Column("cost", "$"),
             Column("median", "s"), Column("p95", "s")),
        )  # fmt: skip
        whole = TurnSpent(0, sum(turn.n for turn in entry.turns), entry.usage, entry.latency)
        for turn in (*entry.turns, whole):
            usage, took = turn.usage, turn.latency.get("total")
            paid = f"{cost.of_usage(usage, price):.4f}" if price else "-"
            seconds = (f"{took.median:.2f}", f"{took.p95:.2f}") if took else ("-", "-")
            tokens = (f"{usage[name]:,.0f}" if name in usage else "-" for name in ("prompt", "cached", "completion"))
            sheet.rows.append((str(turn.turn or "all"), f"{turn.n:,}", *tokens, paid, *seconds))
        sheets.append(sheet)
    return sheets


def breakdown_table(entry: SummaryEntry, column: str, title: str = "") -> Sheet:
    """The metric by one column."""
    sheet = Sheet(title, (column, "n", "value", "95 % interval"), all_columns=True)
    for label, value in entry.breakdowns[column].items():
        sheet.rows.append((label, str(value.n), number(entry, value.value), interval(entry, value.ci)))
    return sheet


def print_run(
    summaries: Sequence[SummaryEntry], tasks: Mapping[str, TaskSpec], folder: Path, *,
    breakdowns: bool = True, groups: Sequence[GroupScore] = (),
) -> None:  # fmt: skip
    """The closing table of a run."""
    out = console()
    if out.width < NARROW:
        out.print(printable("\n".join(line for entry in summaries for line in score_lines(entry))), markup=False)
    else:
        out.print(score_sheet(summaries, tasks), crop=False)
    if groups:
        out.print(group_sheet(groups), crop=False)
    single = [entry for entry in summaries if sum(e.task == entry.task for e in summaries) == 1]
    for entry in single if breakdowns else ():
        for column, labels in entry.breakdowns.items():
            if 1 < len(labels) <= LONGEST_BREAKDOWN:
                out.print(breakdown_table(entry, column, f"{entry.task}, {condition_label(entry)}, by {column}"))
    for entry in summaries:
        if entry.reader:
            out.print("\n" + reader_line(entry, entry.reader), markup=False, soft_wrap=True)
        if entry.speech:
            out.print(printable("\n" + "\n".join(speech_lines(entry))), markup=False)
        if entry.sound:
            out.print(printable("\n" + "\n".join(sound_lines(entry))), markup=False)
    for name in dict.fromkeys(entry.task for entry in summaries):
        if tasks[name].answers_withheld:
            file, where = folder / name / tasks[name].submission["file"], tasks[name].source.homepage
            out.print(f"\nto submit{f' to {where}' if where else ''}: {file}", markup=False, soft_wrap=True)
    if len(single) < len(summaries):
        out.print(f"\nconditions side by side, paired: audiobench ablate {folder}", markup=False)
    out.print(f"\nstored in {folder}", markup=False, soft_wrap=True)
