"""Measures how much sound a task's samples hold, for `audiobench.task.lengths`."""

from __future__ import annotations

import orjson

from audiobench.core.disk import replace_file
from audiobench.core.plain_text import of_whole
from audiobench.core.types import Clip
from audiobench.data.cache import explained, seconds_of
from audiobench.data.loading import Dataset
from audiobench.task import lengths
from audiobench.task.spec import TaskSpec


def measure(task: TaskSpec, data: Dataset) -> str:
    """Measure all clips of a whole data set and keep the sum in the data cache; returns what came of it, in words.

    A clip counts once for each sample that plays it, as in the plan of a run.
    """
    known: dict[Clip, float | None] = {}
    clips = [clip for sample in data.samples for clip in sample.clips or sample.videos]
    for clip in clips:
        if clip not in known:
            known[clip] = clip.seconds if clip.seconds is not None else _seconds(clip)
    if silent := [clip for clip, seconds in known.items() if seconds is None]:
        return f"hours unknown: {len(silent)} clips do not say their length, such as {silent[0].path}"
    seconds = sum(known[clip] or 0.0 for clip in clips)
    told = f"{seconds / 3600:.2f} h of audio in {len(known):,} clips (samples' sha256 {data.content_sha256[:12]})"
    if task.expected_rows not in (None, data.total):
        return f"{told}, of {of_whole(data.total, task.expected_rows)} rows, so not those of the task"
    entry = lengths.Length(
        seconds=round(seconds, 3), clips=len(known), rows=data.total, content_sha256=data.content_sha256,
        dataset_path=task.dataset_path, dataset_revision=task.dataset_revision, source=data.source,
    )  # fmt: skip
    file = lengths.place()
    with explained(file):
        entries = {name: length._asdict() for name, length in (lengths.measured() | {task.task: entry}).items()}
        replace_file(file, orjson.dumps(entries, option=orjson.OPT_INDENT_2))
    return told


def _seconds(clip: Clip) -> float | None:
    try:
        return seconds_of(clip.path.read_bytes(), clip.path)
    except OSError:
        return None
