"""Check a folder of submitted results before it is merged: `<model>/<run>/run.json` and `<task>/summary.json`.

Structure, schema, sums, every figure against the others (`recomputed`), fingerprints against the shipped tasks, secrets, sizes, and that nothing which was there before
is gone. The rules are in results/README.md.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isclose, isfinite
from pathlib import Path
from typing import Any

import msgspec
import orjson

from audiobench.core.errors import AudiobenchError, UsageError
from audiobench.core.modes import AudioCondition, Think
from audiobench.core.narrow import is_list, is_object
from audiobench.core.plain import plain_bytes
from audiobench.core.types import STATUSES
from audiobench.extraction import version_of
from audiobench.files import run_info
from audiobench.files.run_info import SCHEMA_VERSION, RunInfo
from audiobench.files.summary_entry import SummaryEntry
from audiobench.leaderboard.recomputed import contradictions
from audiobench.leaderboard.submit import LOCAL_COPY
from audiobench.results.score import metric_of, scorer_of
from audiobench.scorers import Mean, metric_named
from audiobench.task.find import find_task, task_files
from audiobench.task.spec import TaskSpec

MAX_FILE = 1_000_000
"""Bytes of one file; a summary with breakdowns has some 20 kB."""
MAX_FAILED = 0.01
"""Share of requests without a response that a published result may have."""
ENTRY_KEYS = {
    "task": str, "condition": dict, "n": int, "counts": dict, "coverage": (int, float), "metrics": dict, "fingerprint": dict,
}  # fmt: skip
CONDITION_KEYS = ("think", "audio", "option_order", "prompt", "protocol", "epochs")
COUNTS = (*STATUSES, "missing")
SECRETS = (
    ("an OpenAI-style key", rb"\bsk-[A-Za-z0-9_\-]{20,}"),
    ("a Google key", rb"\bAIza[0-9A-Za-z_\-]{35}"),
    ("a Hugging Face token", rb"\bhf_[A-Za-z0-9]{30,}"),
    ("a GitHub token", rb"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})"),
    ("an AWS key", rb"\bAKIA[0-9A-Z]{16}\b"),
    ("a bearer token", rb"(?i)\bbearer\s+[A-Za-z0-9._\-]{20,}"),
    ("a private key", rb"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    ("a password in a URL", rb"://[^/\s:@\"]+:[^/\s:@\"]+@"),
    ("a key in a URL", rb"(?i)[?&](?:key|api_key|apikey|token|access_token)=[^&\s\"]{8,}"),
    ("a key", rb"(?i)\"(?:api[_-]?key|authorization|x-goog-api-key|secret|password)\"\s*:\s*\"[^\"]+\""),
)


@dataclass(slots=True)
class Findings:
    """What the check found."""

    problems: list[str] = field(default_factory=list[str])
    """What must be repaired: `path: field: what is wrong`."""
    warnings: list[str] = field(default_factory=list[str])
    runs: int = 0
    entries: int = 0


def check(folder: Path, base: str | None = None) -> Findings:
    """Check every run below `folder`; with `base` (a folder, or a git revision) also that no result was removed.

    Raises:
        UsageError: no such folder, or git does not know `base`.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    found = Findings()
    seen: dict[str, Path] = {}
    for model in sorted(_visible(folder)):
        if not model.is_dir():
            if model.suffix != ".md":
                found.problems.append(f"{model}: only <model>/<run>/ folders and .md files belong here")
            continue
        for run in sorted(_visible(model)):
            if not run.is_dir():
                found.problems.append(f"{run}: only <run>/ folders belong here")
                continue
            found.runs += 1
            _check_run(run, found, seen)
    if base is not None:
        _check_removed(folder, base, found)
    return found


def _visible(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.name not in (".gitkeep", ".DS_Store"))


def _check_run(run: Path, found: Findings, seen: dict[str, Path]) -> None:
    for path in sorted(run.rglob("*")):
        allowed = path.is_dir() and path.parent == run
        allowed = allowed or (path.name == "run.json" and path.parent == run)
        allowed = allowed or (path.name == "summary.json" and path.parent.parent == run)
        if path.is_symlink() or not allowed:
            what = (
                "journals stay with you"
                if path.suffix == ".jsonl"
                else "only run.json and <task>/summary.json belong here"
            )
            found.problems.append(f"{path}: {what}")
            continue
        if path.is_file():
            _check_file(path, found)
    try:
        info = run_info.read(run)
    except AudiobenchError as error:
        found.problems.append(str(error))
        return
    _check_info(run, info, seen, found)
    tasks = sorted(path.parent.name for path in run.glob("*/summary.json"))
    if sorted(info.tasks) != tasks:
        found.problems.append(f"{run / 'run.json'}: tasks: {info.tasks}, but there are summaries of {tasks}")
    for task in tasks:
        _check_summary(run / task / "summary.json", task, found)


def _check_file(path: Path, found: Findings) -> None:
    size = path.stat().st_size
    if size > MAX_FILE:
        found.problems.append(f"{path}: {size} bytes; at most {MAX_FILE}")
        return
    data = path.read_bytes()
    for what, pattern in SECRETS:
        if re.search(pattern, data):
            found.problems.append(f"{path}: looks like {what}; revoke it, remove it, and rewrite the commit")


def _check_info(run: Path, info: RunInfo, seen: dict[str, Path], found: Findings) -> None:
    path, model = run / "run.json", info.model
    if info.schema_version != SCHEMA_VERSION:
        found.problems.append(f"{path}: schema_version: {info.schema_version}; must be {SCHEMA_VERSION}")
    if model.name != run.parent.name:
        found.problems.append(f"{path}: model.name: {model.name!r}; the folder says {run.parent.name!r}")
    if not re.fullmatch(r"[0-9a-f]{64}", model.sha256 or ""):
        found.problems.append(f"{path}: model.sha256: must be 64 hex digits")
    if not info.versions.get("audiobench"):
        found.problems.append(f"{path}: versions.audiobench: missing")
    if info.created is None:
        found.problems.append(f"{path}: created: missing")
    if not info.run_id:
        found.problems.append(f"{path}: run_id: missing")
    elif info.run_id in seen:
        found.problems.append(f"{path}: run_id: the same run as {seen[info.run_id]}")
    seen[info.run_id] = run


def _check_summary(path: Path, task: str, found: Findings) -> None:
    entries = _read(path, found)
    if entries is None:
        return
    if not is_list(entries) or not entries:
        found.problems.append(f"{path}: must be a list of results, one a condition")
        return
    conditions: list[bytes] = []
    for number, entry in enumerate(entries):
        where = f"{path}: [{number}]"
        if not is_object(entry) or not _has(where, entry, ENTRY_KEYS, found):
            continue
        found.entries += 1
        if entry["task"] != task:
            found.problems.append(f"{where}.task: {entry['task']!r}; the folder says {task!r}")
        missing = [key for key in CONDITION_KEYS if key not in entry["condition"]]
        if missing:
            found.problems.append(f"{where}.condition: {', '.join(missing)} missing")
            continue
        conditions.append(orjson.dumps(entry["condition"], option=orjson.OPT_SORT_KEYS))
        whole = _whole(where, entry, found)
        if whole is None or not _check_sums(where, whole, found):
            continue
        found.problems += [f"{where}.{text}" for text in _condition(whole)]
        _check_values(where, task, whole, found)
        _check_fingerprint(where, task, whole, found)
    if len(set(conditions)) < len(conditions):
        found.problems.append(f"{path}: a condition is given twice")


def _check_sums(where: str, entry: SummaryEntry, found: Findings) -> bool:
    """Whether the counts are those of n x epochs requests, so that the rest can be held against them."""
    counts, epochs = entry.counts, entry.condition.epochs
    if any(counts.get(key, -1) < 0 for key in COUNTS) or epochs < 1 or entry.n < 1:
        found.problems.append(f"{where}: n, condition.epochs and counts ({', '.join(COUNTS)}) must be whole numbers")
        return False
    expected, total = entry.n * epochs, sum(counts[key] for key in COUNTS)
    if total != expected:
        found.problems.append(f"{where}.counts: add up to {total}, but n x epochs is {expected}")
        return False
    failed = entry.failed
    if not isclose(entry.coverage, (expected - failed) / expected, abs_tol=1e-9):
        found.problems.append(
            f"{where}.coverage: {entry.coverage}; the counts say {(expected - failed) / expected:.6g}"
        )
    if failed > MAX_FAILED * expected:
        found.problems.append(f"{where}.counts: {failed} of {expected} without a response; run it to the end")
    return True


def _check_values(where: str, task: str, entry: SummaryEntry, found: Findings) -> None:
    spec = find_task(task)[0] if task in task_files() else None
    made = metric_of(spec) if spec is not None else None
    if not entry.metrics:
        found.problems.append(f"{where}.metrics: empty: there is nothing to publish")
    for name, score in entry.metrics.items():
        if score.value is None or not isfinite(score.value):
            found.problems.append(f"{where}.metrics.{name}.value: {score.value!r}; must be a number")
            continue
        own = made or metric_named(name) or Mean(name)
        low, high = own.bounds
        if made is not None and made.name != name:
            found.problems.append(f"{where}.metrics.{name}: the task's scorer gives {made.name}")
            continue
        if not low <= score.value <= high:
            found.problems.append(f"{where}.metrics.{name}.value: {score.value}; must lie in [{low:g}, {high:g}]")
            continue
        bounds = [bound for bound in score.ci if bound is not None]
        if bounds and not min(bounds) <= score.value <= max(bounds):
            found.problems.append(f"{where}.metrics.{name}.ci: {bounds} does not hold the value {score.value}")
            continue
        found.problems += [f"{where}.{text}" for text in contradictions(entry, own)]
    if spec is None:
        return
    columns = [*spec.breakdown]
    if entry.metrics and list(entry.breakdowns) != columns:
        has = ", ".join(entry.breakdowns) or "none"
        found.problems.append(f"{where}.breakdown: {has}; the task has {', '.join(columns) or 'none'}")
    found.problems += [f"{where}.{text}" for text in _official(entry, spec)]
    if isinstance(spec.chance, int | float) and entry.chance != spec.chance:
        found.problems.append(f"{where}.chance: {entry.chance}; the task has {spec.chance}")


def _official(entry: SummaryEntry, spec: TaskSpec) -> Iterator[str]:
    """The official figure is one that the task's scorer makes, from the same responses."""
    scorer = scorer_of(spec)
    if not (official := entry.official):
        return
    if scorer.official is None or scorer.official_summary is None:
        yield f"official: {official.value}; {scorer.name} has no official figure"
        return
    if official.scorer != f"{scorer.name}@{scorer.version}":
        yield f"official.scorer: {official.scorer!r}; the task has {scorer.name}@{scorer.version}"
    for name, value in (("value", official.value), ("on_extracted", official.on_extracted)):
        if scorer.metric.is_share and isinstance(value, float) and not 0 <= value <= 1:
            yield f"official.{name}: {value:g}; must lie in [0, 1]"


def _condition(entry: SummaryEntry) -> Iterator[str]:
    """How it was asked, in the written forms that `audiobench run` takes."""
    try:
        Think.parse(entry.condition.think)
    except ValueError as error:
        yield f"condition.think: {error}"
    audio = [str(known) for known in AudioCondition]
    if entry.condition.audio not in audio:
        yield f"condition.audio: {entry.condition.audio!r}; allowed: {', '.join(audio)}"


def _check_fingerprint(where: str, task: str, entry: SummaryEntry, found: Findings) -> None:
    """The parts that a shipped task file determines must be those of today's file."""
    if task not in task_files():
        found.problems.append(f"{where}.task: {task!r} is not a shipped task; add its YAML in the same pull request")
        return
    spec, _ = find_task(task)
    try:
        prompt = spec.find_prompt(entry.condition.prompt)
    except KeyError:
        names = ", ".join(prompt.name for prompt in spec.prompt)
        found.problems.append(f"{where}.condition.prompt: {entry.condition.prompt!r}; the task has: {names}")
        return
    extra = {
        "scorer_version": f"{scorer_of(spec).name}@{scorer_of(spec).version}", "extraction_version": version_of(spec.extraction),
    }  # fmt: skip
    revision = entry.fingerprint.get("revision", "")
    if LOCAL_COPY.fullmatch(revision):
        found.warnings.append(
            f"{where}.fingerprint.revision: a local copy, known by its content: comparable with results on the same samples"
        )
    elif spec.dataset_revision is not None:
        extra["revision"] = spec.dataset_revision
    for part, value in spec.fingerprint(prompt, extra).items():
        given = entry.fingerprint.get(part)
        if given == value:
            continue
        text = f"{where}.fingerprint.{part}: {str(given)[:24]!r}; the shipped task has {value[:24]!r}"
        if part == "revision" and not given:
            text += "; of a local copy the content hash stands there: make the submission again (--submit)"
        else:
            text += "; run it again with this version"
        found.problems.append(text)
    for part in ("samples", "audio"):
        if not re.fullmatch(r"[0-9a-f]{64}", entry.fingerprint.get(part, "")):
            found.problems.append(f"{where}.fingerprint.{part}: missing")
    if spec.expected_rows is not None and entry.n != spec.expected_rows:
        found.warnings.append(
            f"{where}.n: {entry.n} of {spec.expected_rows} samples: shown, but not ranked with whole runs"
        )


def _check_removed(folder: Path, base: str, found: Findings) -> None:
    if Path(base).is_dir():
        before = {str(path.relative_to(base)) for path in Path(base).rglob("*.json")}
    else:
        command = ["git", "-C", str(folder), "ls-tree", "-r", "--name-only", "--end-of-options", base, "--", "."]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise UsageError(f"--base {base}: neither a folder nor a git revision: {done.stderr.strip()[:200]}")
        before = {name for name in done.stdout.splitlines() if name.endswith(".json")}
    for name in sorted(before):
        if not (folder / name).is_file():
            found.problems.append(
                f"{folder / name}: was there in {base} and is gone; published results are not removed"
            )


def _read(path: Path, found: Findings) -> Any:
    try:
        return orjson.loads(plain_bytes(path))
    except OSError as error:
        found.problems.append(f"{path}: {error.strerror}")
    except orjson.JSONDecodeError as error:
        found.problems.append(f"{path}: not JSON: {error}")
    return None


def _whole(where: Path | str, value: Any, found: Findings) -> SummaryEntry | None:
    """The entry as the leaderboard reads it; None, and a problem, where it cannot."""
    try:
        return msgspec.convert(value, SummaryEntry)
    except msgspec.ValidationError as error:
        found.problems.append(f"{where}: {error}")
        return None


def _has(where: Path | str, value: Mapping[str, Any], keys: Mapping[str, Any], found: Findings) -> bool:
    wrong = [key for key, kind in keys.items() if not isinstance(value.get(key), kind)]
    if wrong:
        found.problems.append(f"{where}: missing or of the wrong kind: {', '.join(wrong)}")
    return not wrong
