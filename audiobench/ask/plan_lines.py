"""The plan in words: what will be asked and why, before anything is."""

from __future__ import annotations

from datetime import date, datetime

from audiobench.ask import corrected
from audiobench.ask.nli import compares
from audiobench.ask.prepare import Prepared
from audiobench.ask.work import TaskWork
from audiobench.core.plain_text import of_whole, plural
from audiobench.files import run_info
from audiobench.model.spec import ModelSpec

RETIREMENT_WARNING_DAYS = 90


def plan_lines(prepared: Prepared) -> list[str]:
    """What will be asked, before anything is."""
    lines: list[str] = []
    for work in prepared.works:
        seconds, exact = work.seconds()
        length = f"{seconds / 3600:.2f} h" if seconds >= 36 else f"{seconds:.1f} s"
        hours = f", {'' if exact else 'about '}{length} of audio" if seconds else ""
        data = prepared.datasets[work.task.task]
        whole = work.task.expected_rows or data.total
        why = f"{of_whole(len(work.samples), whole)} {plural(whole, 'sample')}{_factors(work)}"
        done = f", {len(work.finished):,} already done" if work.finished else ""
        requests = f"{work.total:,} {plural(work.total, 'request')}"
        lines.append(f"{work.task.title}: {why}{hours} = {requests}{done}; prompt {work.prompt.name}")
        lines.extend(f"  note: {note}" for note in data.notes)
        if work.task.spoken and not prepared.options.asr:
            lines.append("  note: spoken answers are scored once --asr MODEL has transcribed them")
        if compares(work.task) and not prepared.options.nli:
            lines.append(
                "  note: right answers are scored once --nli MODEL has compared what the judge took out of them"
            )
        if work.task.measured and not work.task.measures:
            lines.append("  note: answers are scored once --measure NAME has measured them")
    lines.extend(f"  note: {note}" for note in [*_two_passes(prepared), *retiring(prepared.model), *earlier(prepared)])
    to_send = prepared.total - prepared.finished
    lines.append(f"model {prepared.model.name}: {to_send:,} {plural(to_send, 'request')} to send -> {prepared.folder}")
    if not to_send and (when := answered(prepared)):
        lines.append(f"  note: all responses are from earlier starts, {when}; --fresh starts a new run")
    return lines


def answered(prepared: Prepared) -> str:
    """When the answers that are there were given; empty where that is not known."""
    spans = [work.answered for work in prepared.works if work.answered]
    if not spans:
        return ""
    first, last = (
        datetime.fromtimestamp(moment).astimezone().isoformat(" ", "minutes")
        for moment in (min(span[0] for span in spans), max(span[1] for span in spans))
    )
    return f"given on {first}" if first == last else f"given from {first} to {last}"


def _two_passes(prepared: Prepared) -> list[str]:
    """Which requests take two calls."""
    thinks = {mode: plan for work in prepared.works for mode, plan in work.thinks.items() if plan.two_pass}
    return [f"{', '.join(thinks)}: two calls a request (think, then answer)"] if thinks else []


def _factors(work: TaskWork) -> str:
    """What the samples are multiplied by, such as ` x 5 think modes x 7 audio conditions x 8 epochs`.

    Where some have fewer options than there are option orders: ` in up to 4 option orders (310 in all) x ...`.
    """
    names = {"option_order": "option orders", "think": "think modes", "audio": "audio conditions"}
    counts = {name: len({getattr(condition, name) for condition in work.conditions}) for name in names}
    parts = [f"{count} {names[name]}" for name, count in counts.items() if count > 1]
    parts += [f"{work.epochs} epochs"] if work.epochs > 1 else []
    fewer, orders = work.fewer_orders, counts["option_order"]
    if fewer:
        arranged = (len(work.samples) - len(fewer)) * orders + sum(fewer.values())
        first = f" in up to {orders} option orders, one for each option ({arranged:,} in all)"
        return first + "".join(f" x {part}" for part in parts[1:])
    return "".join(f" x {part}" for part in parts)


def retiring(model: ModelSpec) -> list[str]:
    """A warning for a model that its provider will soon take away."""
    if model.retires_on is None or (model.retires_on - date.today()).days > RETIREMENT_WARNING_DAYS:
        return []
    return [f"model {model.name} retires on {model.retires_on}; afterwards another model may answer under its name"]


def earlier(prepared: Prepared) -> list[str]:
    """What people should know of the run that the directory holds already."""
    if not (prepared.folder / run_info.FILE).is_file():
        return []
    notes: list[str] = []
    urls = run_info.read(prepared.folder).base_urls
    if prepared.finished and prepared.options.base_url and urls != prepared.options.base_url:
        notes.append(f"{prepared.finished} answers came from {', '.join(urls) or 'elsewhere'} and are kept as they are")
    for work in prepared.works:
        gone = {sample for sample, _, _ in work.left_out} - set(prepared.datasets[work.task.task].ids)
        if gone:
            notes.append(f"{work.task.task}: the data no longer has {len(gone)} samples of the earlier start")
        if changed := corrected.note(work):
            notes.append(changed)
        if work.stale:
            notes.append(
                f"{work.task.task}: {len(work.stale)} {plural(len(work.stale), 'answer')} to requests that have changed since; these are sent again"
            )
    return notes
