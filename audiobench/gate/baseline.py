"""The baseline file: a committed extract of a run, with the outcome of every sample in about nine bytes.

    {schema_version, kind: "audiobench-baseline", created, audiobench, run_id,
     model: {name, run (its own name, where it has one), sha256, served_models},
     sample_sets: {key: {n, ids_sha256, id_bytes, packed: [base64, ...]}},
     arms: [{task, condition, metric, unit, higher_is_better, epochs, n, rows (of the data set, where not n), score, correct, unusable, fingerprint,
             think_effective, settings, samples: key, outcomes: [[letters, ...] for each epoch], values, counts}],
     sha256}

`packed` holds, for each sample in the order of its hash, the first `id_bytes` of the sha256 of its id, one check byte
of its text and one of its audio. `outcomes` has a letter a sample in that order: 1 right, 0 wrong, u unparsed,
t truncated, r refused; where values are other numbers, s, and the numbers in `values` (epoch by epoch). What adds up to
the score of a metric that is no mean is in `counts`: {names, samples}, for each sample a text `place:number ...` with
places in `names` (from 0), without zeros, averaged over the epochs. Version 0.1 wrote for error rates the errors as `values`, with
`lengths`, and for BLEU lists of ten numbers as `counts`; both are read.
`sha256` is that of the rest as JSON with sorted keys: a file changed by hand is refused.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from math import isclose
from pathlib import Path
from typing import Annotated, Any

import orjson
from msgspec import UNSET, Meta, Struct, UnsetType, ValidationError, convert, to_builtins

import audiobench
from audiobench.core.disk import write_json
from audiobench.core.errors import IncompleteError, NotComparableError, UsageError
from audiobench.core.narrow import is_object
from audiobench.core.types import Condition
from audiobench.files.run_info import titled
from audiobench.gate.arms import UNUSABLE, Arm, Row
from audiobench.results.runs import Run, read_json
from audiobench.scorers import Metric, metric_named
from audiobench.scorers.metrics import UNITS, Counts

SCHEMA_VERSION = 1
KIND = "audiobench-baseline"
LINE = 100
"""Letters a line of the file, so that diffs show where something changed."""


class _NamedCounts(Struct):
    names: list[str]
    samples: list[str]

    @classmethod
    def of(cls, rows: Sequence[Counts]) -> _NamedCounts:
        places = {name: place for place, name in enumerate(sorted({name for row in rows for name in row}))}
        samples = [" ".join(f"{places[name]}:{n:.17g}" for name, n in sorted(row.items()) if n) for row in rows]
        return cls(list(places), samples)

    def by_sample(self) -> list[Counts]:
        """Raises ValueError where a text is no `place:number ...`."""
        try:
            pairs = [[part.split(":") for part in line.split()] for line in self.samples]
            return [{self.names[int(place)]: float(number) for place, number in line} for line in pairs]
        except (IndexError, ValueError):
            raise ValueError("counts: each sample has `place:number` pairs, places in `names`") from None


class _Arm(Struct, kw_only=True):
    task: str
    condition: Condition
    metric: str
    unit: str | None = None
    higher_is_better: bool
    epochs: Annotated[int, Meta(ge=1)]
    n: Annotated[int, Meta(ge=0)]
    rows: Annotated[int, Meta(ge=0)] | UnsetType | None = UNSET
    score: float | None = None
    correct: int | None = None
    unusable: dict[str, int] = {}
    fingerprint: dict[str, str]
    think_effective: list[str]
    settings: dict[str, Any]
    samples: str
    outcomes: list[list[str]]
    values: list[list[float]] | UnsetType | None = UNSET
    lengths: list[float] | UnsetType | None = UNSET
    counts: _NamedCounts | list[list[float]] | UnsetType | None = UNSET


class _Samples(Struct, kw_only=True):
    n: int = 0
    ids_sha256: str
    id_bytes: Annotated[int, Meta(ge=4, le=32)]
    packed: list[str]


class Model(Struct, kw_only=True):
    """Whose run it was."""

    name: str
    run: str | UnsetType | None = UNSET
    """The run's own name, where it had one."""
    sha256: str | None = None
    served_models: list[str] = []


class Document(Struct, kw_only=True):
    """The file; unknown keys are for later versions."""

    schema_version: int = SCHEMA_VERSION
    kind: str = KIND
    created: str
    audiobench: str | None = None
    run_id: str | None = None
    model: Model
    arms: list[_Arm]
    sample_sets: dict[str, _Samples]
    sha256: str = ""


class _Entry(Struct):
    task: str
    condition: Condition


class _Entries(Struct):
    arms: list[_Entry] = []


@dataclass(frozen=True, slots=True)
class Baseline:
    """A baseline file, read."""

    model: Model
    created: str
    arms: list[Arm]
    sha256: str

    @property
    def title(self) -> str:
        """The model and, where it had one, the run's own name."""
        return titled(self.model.name, self.model.run or "")

    @property
    def tasks(self) -> list[str]:
        """Task names, in order."""
        return list(dict.fromkeys(arm.task for arm in self.arms))


def short_id(sample: str, size: int) -> str:
    """The first `size` bytes of the sha256 of a sample's id, as hex."""
    return hashlib.sha256(sample.encode("utf-8", "surrogatepass")).hexdigest()[: 2 * size]


def make(run: Run, arms: Sequence[Arm]) -> Document:
    """The document of a baseline of `arms`.

    Raises:
        IncompleteError: there is nothing to keep, or a request without a response.
    """
    if not arms or not any(arm.rows for arm in arms):
        raise IncompleteError(f"{run.folder}: no scored samples, so there is nothing to make a baseline of")
    for arm in arms:
        if arm.failures or not arm.rows:
            lost = ", ".join(f"{n} {kind}" for kind, n in arm.failures.items()) or "no samples"
            raise IncompleteError(
                f"{run.folder}: task {arm.task}, {arm.condition.label}: {lost}; a baseline must be complete: "
                "run the same command again until nothing is missing"
            )
    sets: dict[str, _Samples] = {}
    model = Model(
        name=run.model, run=run.info.name or UNSET, sha256=run.info.model.sha256,
        served_models=sorted(run.info.served_models),
    )  # fmt: skip
    document = Document(
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        audiobench=audiobench.__version__,
        run_id=run.info.run_id or None,
        model=model,
        arms=[_written(arm, sets) for arm in arms],
        sample_sets=sets,
    )
    document.sha256 = digest(to_builtins(document))
    return document


def _written(arm: Arm, sets: dict[str, _Samples]) -> _Arm:
    size = _id_bytes(arm.rows)
    ordered = sorted((short_id(sample, size), row) for sample, row in arm.rows.items())
    packed = b"".join(bytes.fromhex(key) + bytes([row.text_check or 0, row.audio_check or 0]) for key, row in ordered)
    samples = hashlib.sha256(packed).hexdigest()[:12]
    lines = _lines(base64.b64encode(packed).decode())
    sets[samples] = _Samples(n=len(ordered), ids_sha256=arm.ids_sha256, id_bytes=size, packed=lines)
    binary = not arm.counted and all(value in (0.0, 1.0) for _, row in ordered for value in row.values)
    letters = ["".join(_letter(row, epoch, binary) for _, row in ordered) for epoch in range(arm.epochs)]
    return _Arm(
        task=arm.task,
        condition=arm.condition,
        metric=arm.metric.name,
        unit=arm.metric.unit,
        higher_is_better=arm.metric.higher_is_better,
        epochs=arm.epochs,
        n=len(ordered),
        rows=UNSET if arm.whole in (None, len(ordered)) else arm.whole,
        score=arm.score,
        correct=sum(int(v or 0) for _, row in ordered for v in row.values) if binary else None,
        unusable={
            name: sum(row.statuses.count(letter) for _, row in ordered)
            for letter, name in zip(UNUSABLE, ("unparsed", "truncated", "refused"), strict=True)
        },
        fingerprint=dict(arm.fingerprint),
        think_effective=list(arm.think_effective),
        settings=dict(arm.settings),
        samples=samples,
        outcomes=[_lines(text) for text in letters],
        values=UNSET if binary else [[float(row.values[e] or 0.0) for _, row in ordered] for e in range(arm.epochs)],
        counts=_NamedCounts.of([row.counts or {} for _, row in ordered]) if arm.counted else UNSET,
    )


def _letter(row: Row, epoch: int, binary: bool) -> str:
    status = row.statuses[epoch]
    return ("1" if row.values[epoch] else "0") if status == "s" and binary else status


def _id_bytes(ids: Iterable[str]) -> int:
    """Fewest bytes, at least 4, at which no two ids have the same hash."""
    known = list(ids)
    for size in range(4, 32):
        if len({short_id(sample, size) for sample in known}) == len(known):
            return size
    return 32


def _lines(text: str) -> list[str]:
    return [text[start : start + LINE] for start in range(0, len(text), LINE)]


def digest(document: Mapping[str, Any]) -> str:
    """sha256 (hex) of a baseline without its own `sha256`."""
    rest = {key: value for key, value in document.items() if key != "sha256"}
    return hashlib.sha256(orjson.dumps(rest, option=orjson.OPT_SORT_KEYS)).hexdigest()


def update(path: Path, run: Run, arms: Sequence[Arm]) -> None:
    """Write the baseline of `arms`, at once.

    Raises:
        UsageError: `path` is a directory, or the file that is there has tasks which `arms` lack; nothing is removed silently.
        IncompleteError: the run is not complete.
    """
    _refuse_directory(path)
    document = make(run, arms)
    if path.is_file():
        before: set[tuple[str, str]] = set()
        with suppress(UsageError, ValidationError):
            before = {(arm.task, arm.condition.label) for arm in convert(read_json(path), _Entries).arms}
        lost = sorted(" ".join(key) for key in before - {arm.key for arm in arms})
        if lost:
            raise UsageError(
                f"{path}: {'; '.join(lost)}: in the baseline but not in {run.folder}; "
                "run these too, or delete the file to start afresh"
            )
    write_json(path, document)


def read(path: Path) -> Baseline:
    """Read and check a baseline.

    Raises:
        IncompleteError: there is no such file.
        UsageError: it is a directory, or not a baseline.
        NotComparableError: its contents do not match its sha256.
    """
    _refuse_directory(path)
    if not path.is_file():
        raise IncompleteError(
            f"{path}: no baseline; make one from a good run: "
            f"audiobench gate --baseline {path} --run DIR --update-baseline"
        )
    document = read_json(path)
    if not is_object(document) or document.get("kind") != KIND:
        raise UsageError(f"{path}: not a baseline (kind must be {KIND!r})")
    if document.get("schema_version") != SCHEMA_VERSION:
        raise UsageError(f"{path}: schema_version {document.get('schema_version')!r}; this audiobench reads 1")
    if document.get("sha256") != digest(document):
        raise NotComparableError(
            f"{path}: changed by hand: its contents have sha256 {digest(document)[:12]}..., the file says "
            f"{str(document.get('sha256'))[:12]}...; restore it from version control or write it with --update-baseline"
        )
    try:
        whole = convert(document, Document)
        arms = [_read_arm(arm, whole.sample_sets[arm.samples]) for arm in whole.arms]
    except (KeyError, ValueError) as error:  # also msgspec's errors
        raise UsageError(f"{path}: not a whole baseline: {error}") from error
    return Baseline(whole.model, whole.created, arms, whole.sha256)


def _refuse_directory(path: Path) -> None:
    if path.is_dir():
        raise UsageError(f"{path}: is a directory; --baseline takes a file in it, such as {path / 'NAME.json'}")


def _read_arm(arm: _Arm, samples: _Samples) -> Arm:
    """Raises ValueError where counts, letters or numbers do not add up."""
    size, count, epochs = samples.id_bytes, arm.n, arm.epochs
    packed = base64.b64decode("".join(samples.packed), validate=True)
    step = size + 2
    letters = ["".join(lines) for lines in arm.outcomes]
    values, metric = None if arm.values is UNSET else arm.values, metric_named(arm.metric)
    lengths = None if arm.lengths is UNSET else arm.lengths
    if metric is None or arm.unit not in (None, metric.unit) or arm.higher_is_better != metric.higher_is_better:
        if arm.unit not in (None, *UNITS):
            raise ValueError(f"task {arm.task}: unit {arm.unit!r}; must be {', '.join(UNITS)}")
        metric = Metric(arm.metric, unit=arm.unit or "rating", higher_is_better=arm.higher_is_better)
    counts = _read_counts(arm, metric)
    lists = [*letters, *(values or ()), *([counts] if counts is not None else [])]
    if len(packed) != count * step or len(letters) != epochs or any(len(found) != count for found in lists):
        raise ValueError(f"task {arm.task}: the outcomes are not those of {count} samples and {epochs} epochs")
    if values is not None and len(values) != epochs:
        raise ValueError(f"task {arm.task}: values of {len(values)} epochs, outcomes of {epochs}")
    if set("".join(letters)) - set("01s" + UNUSABLE) or (values is None and "s" in "".join(letters)):
        raise ValueError(f"task {arm.task}: outcomes hold other letters than 0, 1, {', '.join(UNUSABLE)}")
    rows: dict[str, Row] = {}
    for i in range(count):
        chunk = packed[i * step : (i + 1) * step]
        marks = [text[i] for text in letters]
        found = [values[e][i] for e in range(epochs)] if values is not None else [float(m == "1") for m in marks]
        if lengths is not None:
            found = [errors / (lengths[i] or 1.0) for errors in found]
        rows[chunk[:size].hex()] = Row(
            statuses="".join("s" if m in "01" else m for m in marks),
            values=tuple(found),
            counts=counts[i] if counts is not None else None,
            text_check=chunk[size],
            audio_check=chunk[size + 1],
        )
    if any(a >= b for a, b in pairwise(rows)) or len(rows) != count:
        raise ValueError(f"task {arm.task}: sample hashes are not in order")
    read = Arm(
        task=arm.task,
        condition=arm.condition,
        metric=metric,
        epochs=epochs,
        fingerprint=arm.fingerprint,
        rows=rows,
        think_effective=tuple(arm.think_effective),
        settings=arm.settings,
        ids_sha256=samples.ids_sha256,
        id_bytes=size,
        whole=None if arm.rows is UNSET else arm.rows,
    )
    known = metric is metric_named(arm.metric)
    if known and arm.score is not None and (not read.counted or counts is not None):
        score = read.score
        if score is None or not isclose(score, arm.score, rel_tol=1e-6, abs_tol=1e-9):
            raise ValueError(f"task {arm.task}: score {arm.score:g}, but its outcomes make {score}")
    return read


def _read_counts(arm: _Arm, metric: Metric) -> list[Counts] | None:
    """Each sample's counts; version 0.1 wrote them without names, in the metric's order."""
    if isinstance(arm.counts, _NamedCounts):
        return arm.counts.by_sample()
    plain = None if arm.counts is UNSET else arm.counts
    if arm.lengths:
        errors = [sum(epochs) / len(epochs) for epochs in zip(*(arm.values or ()), strict=True)]
        plain = [list(pair) for pair in zip(errors, arm.lengths, strict=True)]
    if plain is None:
        return None
    if any(len(numbers) != len(metric.names) for numbers in plain):
        raise ValueError(f"task {arm.task}: counts: each sample has {len(metric.names)} numbers")
    return [dict(zip(metric.names, numbers, strict=True)) for numbers in plain]
