"""The page as files: `index.html`, `app/`, and data in script files, because a page from disk may load no other kind.

data/index.js               runs, tasks, summaries
data/<task>/index.js        the sample list, column by column
data/<task>/<k>.js          samples in full, in blocks of about BLOCK_BYTES, loaded when one is looked at
data/pictures/<sha256>.js   waveform and spectrogram of a clip (only for pages opened from disk); index.js says whose
data/clips/<sha256>.js      the clip itself (only with `embed`)

Each holds one call `AB.put(name, "<JSON>")`: the JSON stands in a string, so nothing in it is ever code.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import orjson
from msgspec import to_builtins

import audiobench
from audiobench.core.errors import UsageError
from audiobench.media.errors import InvalidAudioError
from audiobench.results.runs import Run
from audiobench.results.score import metric_of
from audiobench.view import records
from audiobench.view.clips import ClipIndex, FoundClip
from audiobench.view.collect import TaskPage, difference
from audiobench.view.pictures import picture

PAGE = Path(__file__).parent / "page"
SCRIPTS = ("core", "store", "plot", "sound", "filters", "overview", "list", "sample", "app")
"""`page/<name>.js` in the order of loading."""
BLOCK_BYTES = 256_000
BLOCK_SAMPLES = 50
DEFAULT_PICTURES = 1000

Audio = Literal["path", "served", "embedded"]
"""How the page reaches a clip: by a path relative to it, from the server by sha256, or from its own data files."""


@dataclass(slots=True)
class Written:
    """What was written."""

    folder: Path
    samples: int = 0
    files: int = 0
    bytes: int = 0
    pictures: int = 0
    clips: ClipIndex = field(default_factory=ClipIndex)
    missing_clips: int = 0


def write_site(
    runs: Sequence[Run],
    pages: Sequence[TaskPage],
    out: Path,
    *,
    audio: Audio = "path",
    only: Iterable[str] | None = None,
    pictures: int = DEFAULT_PICTURES,
) -> Written:
    """Write the page and its data below `out` (what an earlier call left there is replaced).

    Args:
        runs: what was opened.
        pages: what `collect` made of them.
        out: a folder; made when absent.
        audio: how clips are reached; `embedded` copies them into the page's data.
        only: sample ids (`id` or `task/id`) to leave all others out.
        pictures: at most so many clips get a precomputed waveform and spectrogram, flipped and failed samples first;
            a served or embedded page needs none, it reads the audio itself.

    Raises:
        UsageError: an id of `only` is in no run, or `out` is something else's folder.
    """
    _clear(out)
    written = Written(out, clips=ClipIndex(hashed=audio == "embedded"))
    chosen = _choose(pages, only)
    folders = [run.folder for run in runs]
    for page in pages:
        ids = chosen[page.name]
        starts: list[int] = []
        for number, (start, block) in enumerate(_blocks(page, ids, written.clips, folders, out, audio)):
            starts.append(start)
            _put(written, f"{page.name}/{number}", block)
        _put(written, f"{page.name}/index", orjson.dumps(to_builtins(records.index(page, ids, starts))))
        written.samples += len(ids)
    if audio == "path":
        _write_pictures(written, pages, chosen, pictures)
    if audio == "embedded":
        _write_clips(written)
    written.missing_clips = sum(clip.state != "ok" for clip in written.clips.by_sha.values())
    _put(written, "index", orjson.dumps(overview(runs, pages, chosen, audio), option=orjson.OPT_NON_STR_KEYS))
    _write_app(written)
    return written


def overview(
    runs: Sequence[Run], pages: Sequence[TaskPage], chosen: Mapping[str, Sequence[str]], audio: Audio
) -> dict[str, Any]:
    """What the first screen needs: runs, tasks, every arm's summary, paired differences from the first arm."""
    return {
        "version": audiobench.__version__,
        "made": time.time(),
        "audio": audio,
        "runs": [
            {
                "name": run.folder.name,
                "model": run.title,
                "folder": str(run.folder),
                "created": run.info.created,
                "command": run.info.command,
                "versions": run.info.versions,
                "served_models": run.info.served_models,
            }
            for run in runs
        ],
        "tasks": [_task(page, chosen[page.name]) for page in pages],
    }


def _task(page: TaskPage, ids: Sequence[str]) -> dict[str, Any]:
    task = page.task_run.task
    metric = metric_of(task)
    values = [s.outcome.value for cells in page.samples.values() for e in cells for s in e]
    return {
        "name": page.name,
        "title": task.title,
        "description": task.description,
        "metric": metric.name,
        "unit": metric.unit,
        "higher_is_better": metric.higher_is_better,
        "graded": any(value not in (None, 0.0, 1.0) for value in values),
        "percent": metric.shown.scale == 100,
        "samples": len(page.samples),
        "shown": len(ids),
        "withheld": task.answers_withheld,
        "references": [score.model_dump(mode="json") for score in task.reference_scores],
        "notes": page.notes,
        "arms": [{"label": arm.label, "run": arm.run, "summary": to_builtins(arm.summary)} for arm in page.arms],
        "differences": to_builtins([difference(page, 0, at) if at else None for at in range(len(page.arms))]),
    }


def _choose(pages: Sequence[TaskPage], only: Iterable[str] | None) -> dict[str, list[str]]:
    """The ids to show of each task, in order."""
    if only is None:
        return {page.name: list(page.samples) for page in pages}
    wanted = list(dict.fromkeys(only))
    chosen: dict[str, list[str]] = {page.name: [] for page in pages}
    for name in wanted:
        hits = [(p.name, id) for p in pages for id in p.samples if name in (id, f"{p.name}/{id}")]
        if not hits:
            raise UsageError(f"--embed {name}: no such sample in these runs (give ID or TASK/ID)")
        for task, id in hits:
            chosen[task].append(id)
    return {name: list(dict.fromkeys(ids)) for name, ids in chosen.items()}


def _blocks(
    page: TaskPage, ids: Sequence[str], clips: ClipIndex, folders: Sequence[Path], out: Path, audio: Audio
) -> Iterator[tuple[int, bytes]]:
    """(first sample's place, JSON list) of each block."""
    start, size, parts = 0, 0, list[bytes]()
    for place, id in enumerate(ids):
        shown = records.sample(page, id, clips, folders)
        for clip in shown["clips"]:
            clip["src"] = source(clip, out, audio)
        parts.append(orjson.dumps(shown, option=orjson.OPT_NON_STR_KEYS))
        size += len(parts[-1])
        if size >= BLOCK_BYTES or len(parts) == BLOCK_SAMPLES:
            yield start, b"[" + b",".join(parts) + b"]"
            start, size, parts = place + 1, 0, []
    if parts:
        yield start, b"[" + b",".join(parts) + b"]"


def source(clip: Mapping[str, Any], out: Path, audio: Audio) -> str | None:
    """The address of a clip as the page asks for it; None when there is no file to play.

    Always a path, percent-encoded and relative: whatever a journal names can become no other kind of address.
    """
    if clip["state"] == "missing":
        return None
    if audio == "served":
        return f"audio/{clip['sha256']}"
    if audio == "embedded":
        return None
    try:
        relative = os.path.relpath(clip["path"], out.resolve())
    except ValueError:
        return None
    return "./" + quote(relative.replace(os.sep, "/"))


def _write_pictures(
    written: Written, pages: Sequence[TaskPage], chosen: Mapping[str, Sequence[str]], limit: int
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def draw(clip: FoundClip) -> None:
        try:
            drawn = picture(clip.path, clip.sha256)
        except InvalidAudioError as error:
            drawn = {"error": str(error)}
        _put(written, f"pictures/{clip.sha256}", orjson.dumps(drawn))
        written.pictures += 1

    first: dict[str, FoundClip] = {}
    rest: dict[str, FoundClip] = {}
    for page in pages:
        for id in chosen[page.name]:
            cells = page.samples[id]
            outcomes = {(s.outcome.counted_as, s.outcome.value) for epochs in cells for s in epochs}
            telling = len(outcomes) > 1 or any(status != "scored" for status, _ in outcomes)
            shas = [fact.sha256 for epochs in cells for s in epochs for _, fact in records.sounds_of(s.record)]
            found = {sha: written.clips.by_sha[sha] for sha in shas if sha in written.clips.by_sha}
            (first if telling else rest).update(found)
    wanted = [clip for clip in {**first, **rest}.values() if clip.state == "ok" and clip.kind != "image"][:limit]
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as threads:
        list(threads.map(draw, wanted))
    _put(written, "pictures/index", orjson.dumps([clip.sha256[:16] for clip in wanted]))


def _write_clips(written: Written) -> None:
    import pybase64

    for clip in written.clips.by_sha.values():
        if clip.format is not None:
            data = pybase64.b64encode(clip.path.read_bytes()).decode()
            _put(written, f"clips/{clip.sha256}", orjson.dumps({"type": clip.type, "data": data}))


def _put(written: Written, name: str, json: bytes) -> None:
    """One data file."""
    call = b"AB.put(" + orjson.dumps(name) + b"," + orjson.dumps(json.decode()) + b");\n"
    path = written.folder / "data" / f"{name}.js"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(call)
    written.files += 1
    written.bytes += len(call)


def _write_app(written: Written) -> None:
    app = written.folder / "app"
    app.mkdir(exist_ok=True)
    for name in [f"{script}.js" for script in SCRIPTS] + ["style.css", "icon.svg"]:
        shutil.copyfile(PAGE / name, app / name)
    shutil.copyfile(PAGE / "index.html", written.folder / "index.html")
    for path in [*app.iterdir(), written.folder / "index.html"]:
        written.files += 1
        written.bytes += path.stat().st_size


def _clear(out: Path) -> None:
    """Make `out` ready; only what this module writes is ever removed."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out}: is a file; give a folder")
    if out.is_dir() and any(out.iterdir()) and not (out / "data" / "index.js").is_file():
        raise UsageError(f"--out {out}: holds other files; give a new or empty folder")
    for name in ("data", "app"):
        shutil.rmtree(out / name, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
