"""The figures of a speech-to-speech task beside its headline: by rule and by judge, run by run, and how far the
provider's own transcripts agree with what a recogniser hears.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs
from msgspec.structs import asdict

from audiobench.files.records import Heard, Record
from audiobench.files.summary_entry import ByRule, Epoch, Late, Share, Speech, SummaryEntry
from audiobench.results.heard import answer_audio
from audiobench.results.metric import metric
from audiobench.results.runs import Scored
from audiobench.results.score import outcome, scorer_of
from audiobench.task.spec import TaskSpec

LATE_MS = 20.0
"""A session whose client was late by more than this has times that may be too long by as much."""


def speech(task: TaskSpec, group: Sequence[Scored], epochs: int) -> Speech:
    """What `summary.json` holds under `speech`: without a rule of its own, a task has counts alone."""
    answered = [s for s in group if s.record.response is not None]
    spoken = [s for s in answered if answer_audio(s.record)]
    late = [s.record.raw.get("late_ms", 0.0) for s in spoken]
    found = Speech(
        answers=len(spoken),
        transcribed=sum(s.record.heard is not None for s in spoken),
        no_audio=sum(bool(s.record.raw.get("no_audio")) for s in answered),
        asr=sorted({s.record.heard.asr for s in spoken if s.record.heard}),
        late=Late(sum(ms > LATE_MS for ms in late), max(late, default=0.0)),
    )
    rule = scorer_of(task).by_rule
    if rule is None:
        return found
    plain = task.model_copy(update={"scorer": rule.name, "extraction": list(rule.extraction)})
    by_rule = [Scored(s.record, outcome(s.record, plain)) for s in answered]
    ruled = [s for s in by_rule if s.outcome.value is not None]
    judged = [s for s in group if s.outcome.value is not None]
    read = {_slot(s): s.outcome.value for s in ruled if s.outcome.status == "scored"}
    both = [(read[_slot(s)], s.outcome.value) for s in judged if s.outcome.status == "scored" and _slot(s) in read]
    found.by_rule = ByRule(
        **asdict(metric(plain, ruled, epochs)),
        scorer=rule.name,
        unparsed=sum(s.outcome.status == "unparsed" for s in ruled),
    )
    found.by_judge = metric(task, judged, epochs)
    found.agreement = Share(len(both), _share([a == b for a, b in both]))
    found.runs = [
        Epoch(
            epoch,
            _share([s.outcome.value or 0.0 for s in ruled if s.epoch == epoch]),
            _share([s.outcome.value or 0.0 for s in judged if s.epoch == epoch]),
        )
        for epoch in range(epochs)
    ]
    heard = [(s, s.record.heard) for s in by_rule if s.record.heard]
    differs = [s.outcome.answer != outcome(_as_provided(s.record, said), plain).answer for s, said in heard]
    found.provider_differs = Share(len(differs), _share(differs))
    return found


def _slot(scored: Scored) -> tuple[str, int]:
    return scored.id, scored.epoch


def _as_provided(record: Record, said: Heard) -> Record:
    assert record.response is not None
    return structs.replace(record, response=structs.replace(record.response, text=said.provider_transcript))


def _share(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def lines(entry: SummaryEntry) -> list[str]:
    """The figures as text, with the times to the first audio."""
    found = entry.speech
    if not found:
        return []
    out = [
        f"{entry.task}: {found.answers} spoken answers, {found.transcribed} transcribed"
        + (f" by {', '.join(found.asr)}" if found.asr else "")
        + (f", {found.no_audio} without audio" if found.no_audio else "")
    ]
    if found.transcribed < found.answers:
        out.append(f"  {found.answers - found.transcribed} answers are not scored yet: add --asr MODEL")
    if found.by_rule and found.by_judge and found.transcribed:
        rule, judge = found.by_rule, found.by_judge
        out.append(f"  by rule {_percent(rule.value)} ({rule.unparsed} unparsed), by judge {_percent(judge.value)}")
        if found.agreement and found.agreement.n:
            out[-1] += f"; they agree on {_percent(found.agreement.share)} of {found.agreement.n}"
        if found.runs and len(found.runs) > 1:
            shown = ", ".join(f"{_percent(run.by_rule)} / {_percent(run.by_judge)}" for run in found.runs)
            out.append(f"  run by run (rule / judge): {shown}")
        if found.provider_differs and found.provider_differs.n:
            share = _percent(found.provider_differs.share)
            out.append(f"  the provider's own transcript gives another answer in {share}")
    for name, words in (("first_audio", "time to first audio packet"), ("first_sound", "to first sound")):
        if name in entry.latency:
            t = entry.latency[name]
            out.append(f"  {words}: median {t.median:.2f} s, p95 {t.p95:.2f} s, n={t.n}")
    if found.late.n:
        out.append(
            f"  in {found.late.n} sessions this client was more than {LATE_MS:g} ms late (at worst "
            f"{found.late.worst_ms:g} ms), and its times may be as much too long: lower --max-concurrency"
        )
    return out


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"
