"""Answers made elsewhere: read them, join them with their samples, score them like our own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from json import JSONDecodeError
from pathlib import Path
from typing import Any

import orjson
from msgspec import UNSET, Struct, UnsetType, structs

from audiobench import data as dataset
from audiobench.core.errors import ExitCode, UsageError
from audiobench.core.json_values import decode
from audiobench.core.narrow import is_list
from audiobench.core.plain import check_plain
from audiobench.core.thought import Tags
from audiobench.core.types import Response, Sample, check_options
from audiobench.data.row_errors import RowError
from audiobench.data.samples import option_text, slot_of
from audiobench.extraction import OPTION_RULES
from audiobench.files.annotations import Reading, Slot
from audiobench.files.records import Failure, Record, ShownSample
from audiobench.files.summary_entry import Bounds, Official, Read, Reason
from audiobench.importers import logs
from audiobench.importers.logs.entries import settled
from audiobench.model import think
from audiobench.model.spec import Thinking
from audiobench.results.metric import metric
from audiobench.results.runs import Scored
from audiobench.results.score import metric_of, outcome, scorer_of
from audiobench.results.summary import chance, counted, official, reasons, with_reader
from audiobench.statistics.intervals import By
from audiobench.task.spec import TaskSpec

Entry = tuple[int, dict[str, Any]]
"""(line number from 1, prediction)."""

_INLINE = ("question", "choices", "answer")
_OURS = {"id", "output", "finish_reason", "error", *_INLINE}
_FORMAT = 'expected JSON lines, one object per line, such as {"id": "7", "output": "B"}'
_BOM = b"\xef\xbb\xbf"


def read(path: Path) -> Iterator[Entry]:
    """(line number, object) of a JSON-lines file, of a JSON array, or of another harness's log (`audiobench.importers.logs`).

    Raises:
        UsageError: unreadable, empty, not JSON, or an entry that is not an object with `id` and `output`.
    """
    try:
        check_plain(path)
        found = logs.read_whole(path)
        if found is None:
            entries = _parse(path.read_bytes(), path)
            found = logs.convert(entries, path) or iter(entries)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    yield from checked(found, path)


def checked(found: Iterable[tuple[int, Any]], path: Path) -> Iterator[Entry]:
    """The entries; `path`: where they are from, for messages.

    Raises:
        UsageError: there is none, or one that is not an object with `id` and `output`.
    """
    empty = True
    for number, entry in found:
        empty = False
        if not isinstance(entry, dict) or "id" not in entry or "output" not in entry:
            raise UsageError(f"{path}:{number}: expected an object with `id` and `output`")
        yield number, entry
    if empty:
        raise UsageError(f"{path}: no predictions in it; {_FORMAT}")


def samples_for(
    task: TaskSpec, file: Path, entries: Iterable[Entry], data: Path | None = None
) -> dict[str, Sample] | None:
    """The task's data set by id, where it is named (`data`) or a prediction does not carry its sample; else None.

    Raises:
        UsageError: it cannot be read.
    """
    if data is None and all(is_inline(entry) for _, entry in entries):
        return None
    return {sample.id: sample for sample in dataset.load(task, file, data=data, audio_required=False).samples}


def _parse(raw: bytes, path: Path) -> list[tuple[int, Any]]:
    raw = raw.removeprefix(_BOM)
    number = 1
    try:
        if raw.lstrip()[:1] == b"[":
            whole: list[Any] = decode(raw, errors="strict")
            return list(enumerate(whole, 1))
        entries: list[tuple[int, Any]] = []
        for number, line in enumerate(raw.split(b"\n"), 1):
            if line.strip():
                entries.append((number, decode(line, errors="strict")))
        return entries
    except ValueError as error:
        line = error.lineno if isinstance(error, JSONDecodeError) else 1
        raise UsageError(f"{path}:{max(number, line)}: not JSON ({error}); {_FORMAT}") from error


def is_inline(entry: Mapping[str, Any]) -> bool:
    """Whether the prediction carries its sample."""
    return "answer" in entry or "choices" in entry


class Prediction(Scored, frozen=True, gc=False):
    """A prediction with its outcome, as if it came from a journal."""

    given_id: Any
    output: str | None
    """The text as it was given; its thought is taken off before an answer is looked for."""


class ReadLine(Struct):
    """What a reader makes of an output that no rule could read."""

    value: float | None
    answer: str | None
    rule: str | None


class Line(Struct):
    """What one prediction comes to."""

    id: Any
    """As it was given."""
    outcome: str
    value: float | None
    answer: str | None
    rule: str | None
    official: Any
    """The official scorer's verdict on the output as it was given; ours looks behind a closed thought."""
    with_reader: ReadLine | UnsetType = UNSET


class Summary(Struct, kw_only=True):
    """What the predictions of a file come to."""

    task: str
    metric: str
    n: int
    """Samples."""
    outputs: int
    """Lines."""
    expected: int | None
    """Samples; None without the data set."""
    counts: dict[str, int]
    """Of lines, and `missing` samples."""
    value: float | None
    ci: Bounds
    interval: By
    coverage: float
    chance: float | None
    official: Official | None
    errors: list[Reason]
    reader: Read | UnsetType = UNSET
    exit_code: int


def score(task: TaskSpec, predictions: Path, samples: Mapping[str, Sample] | None = None) -> Iterator[Line]:
    """Score each prediction of a file: the `line` of each, in the file's order; see `scored`."""
    for one in scored(task, read(predictions), samples, where=predictions):
        yield line(one, task)


def scored(
    task: TaskSpec,
    entries: Iterable[Entry],
    samples: Mapping[str, Sample] | None = None,
    *,
    where: Path,
    think_tags: Sequence[Tags] = (),
) -> Iterator[Prediction]:
    """Each prediction with its outcome, in order.

    Args:
        task: whose extraction and scorer are used.
        entries: `{"id", "output"}`, with the sample inline (`question`, `choices`, `answer`, ...) or not.
        samples: the data set by id, for predictions that do not carry their sample.
        where: the file, for messages.
        think_tags: what opens and closes a thought, beside the marks of `audiobench.core.thought`.

    An id may come again where the lines carry their samples: these are repetitions of one question, `epoch` 0, 1, ...

    Raises:
        UsageError: a line has neither its sample inline nor an id of the data set, or answers an id a second time.
    """
    lines: dict[str, int] = {}
    repeats: Counter[str] = Counter()
    for number, entry in entries:
        place, name, inline = f"{where}:{number}", str(entry["id"]), is_inline(entry)
        if name in lines and not inline:
            raise UsageError(
                f"{place}: id {entry['id']!r} has an answer on line {lines[name]} already; expected one answer per sample"
            )
        lines.setdefault(name, number)
        sample = _sample(task, entry, samples, place)
        identity = name if not inline or name in (samples or {}) else _identity(sample)
        record = _record(entry, sample, place, think_tags)
        record.id, record.key, record.epoch = identity, str(number), repeats[identity]
        repeats[identity] += 1
        yield Prediction(record, outcome(record, task), entry["id"], entry["output"])


def line(one: Prediction, task: TaskSpec, reading: Reading | None = None) -> Line:
    """What a prediction comes to, and what `reading` makes of it where no rule could read it."""
    scorer, result = scorer_of(task), one.outcome
    official = scorer.official(one.output, one.sample) if scorer.official and one.record.error is None else None
    found = Line(one.given_id, result.status, result.value, result.answer, result.rule, official)
    if reading is not None and result.status == "unparsed":
        read = outcome(one.record, task, reading=reading)
        found.with_reader = ReadLine(read.value, read.answer, read.rule)
    return found


def summary(
    task: TaskSpec,
    group: Sequence[Prediction],
    samples: Mapping[str, Sample] | None = None,
    readings: Mapping[Slot, Reading] | None = None,
) -> Summary:
    """What the predictions come to, by the same code as a run's `summary.json`."""
    repeats = Counter(one.id for one in group)
    missing = sum(name not in repeats for name in samples or ())
    counts = counted(group)
    failed = counts["error"] + counts["invalid_audio"]
    expected = len(group) + missing * max(repeats.values(), default=1)
    responded = [one for one in group if one.outcome.value is not None]
    epochs = max(repeats.values(), default=1)
    main = metric(task, responded, epochs)
    return Summary(
        task=task.task,
        metric=metric_of(task).name,
        n=len(repeats),
        outputs=len(group),
        expected=None if samples is None else len(repeats) + missing,
        counts={**counts, "missing": missing},
        value=main.value,
        ci=main.ci,
        interval=main.interval,
        coverage=(len(group) - failed) / expected if expected else 0.0,
        chance=chance(task, group),
        official=official(task, [_as_given(one) for one in group]),
        errors=reasons(group),
        reader=with_reader(task, group, readings or {}, {}, epochs),
        exit_code=ExitCode.INCOMPLETE if failed or missing else ExitCode.OK,
    )


def _as_given(one: Prediction) -> Scored:
    """With the raw output as the response's text, for the official scorer."""
    if one.record.response is None:
        return one
    response = structs.replace(one.record.response, text=one.output)
    return Scored(structs.replace(one.record, response=response), one.outcome)


def _record(entry: Mapping[str, Any], sample: Sample, place: str, think_tags: Sequence[Tags]) -> Record:
    raw = entry["output"]
    if raw is not None and not isinstance(raw, str):
        raise UsageError(f"{place}: output: expected a string (the model's text) or null, got {raw!r:.60}")
    shown = ShownSample.of(sample)
    if raw is None and entry.get("error"):
        return Record(sample.id, sample=shown, error=Failure.of("error", str(entry["error"])))
    response = think.split(Response(raw or ""), None, Thinking(), think_tags)
    response.finish_reason = entry.get("finish_reason", "stop")
    return Record(sample.id, sample=shown, response=response)


def _identity(sample: Sample) -> str:
    """Tells inline samples apart that share an id but not their content."""
    return orjson.dumps([sample.id, sample.question, sample.choices, sample.target]).decode()


def _sample(task: TaskSpec, entry: Mapping[str, Any], samples: Mapping[str, Sample] | None, place: str) -> Sample:
    known = (samples or {}).get(str(entry["id"]))
    if known is not None:
        return known
    if not is_inline(entry):
        raise UsageError(
            f"{place}: id {entry['id']!r} is not in the data set of task {task.task}, and the line does not carry "
            "its sample (question, choices, answer)"
        )
    choices = _choices(entry.get("choices"), place)
    if not choices and set(task.extraction) <= set(OPTION_RULES):
        raise UsageError(f"{place}: choices: missing; task {task.task} asks for one of several options")
    return Sample(
        id=str(entry["id"]),
        question=str(entry.get("question") or ""),
        choices=choices,
        target=_target(task, entry.get("answer"), entry.get("choices"), choices, place),
        metadata={key: value for key, value in entry.items() if key not in _OURS},
    )


def _target(
    task: TaskSpec, given: Any, options: Any, choices: Sequence[str | None], place: str
) -> str | tuple[str, ...] | None:
    """The right answer: of options their text, also where their letter is given; an integer is an index (from 0)."""
    if choices and not task.answers_withheld:
        if isinstance(given, int | float):
            given = _numbered(given, options, choices, place)
        elif str(given) not in choices:
            given = settled([choice or "" for choice in choices], given, f"{place}: answer")
    return tuple(map(str, given)) if is_list(given) else (None if given is None else str(given))


def _numbered(given: float, options: Any, choices: Sequence[str | None], place: str) -> str | None:
    try:
        slot = slot_of(options, given)
    except RowError:
        raise UsageError(
            f"{place}: answer: {given} is the text of one option and would be the index (from 0) of another: write the "
            f'option itself, such as "{given}"'
        ) from None
    if slot is None:
        raise UsageError(f"{place}: answer: {given} is not one of its choices: {', '.join(map(repr, choices))}")
    return choices[slot]


def _choices(given: Any, place: str) -> tuple[str | None, ...]:
    """Option texts; numbers as they are written, None for a padded slot."""
    if given is None:
        return ()
    if not is_list(given) or not all(choice is None or isinstance(choice, str | int | float) for choice in given):
        raise UsageError(f"{place}: choices: expected a list of texts, got {given!r:.60}")
    try:
        check_options(given)
    except UsageError as error:
        raise UsageError(f"{place}: choices: {error}") from None
    return tuple(map(option_text, given))
