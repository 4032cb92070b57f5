"""Any model that takes audio writes down what it hears in the answers (`--asr MODEL`): append-only, resumable.

An answer is transcribed again only by another recogniser (another model file) or when its audio is another.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from audiobench import audio, journal
from audiobench.annotations import Transcript
from audiobench.audio import InvalidAudioError
from audiobench.errors import ExitCode, UsageError
from audiobench.records import Record
from audiobench.results import Run, TaskRun
from audiobench.runner.closing import close
from audiobench.runner.concurrency import Concurrency
from audiobench.runner.engine import Ending
from audiobench.runner.identity import check_answered
from audiobench.runner.retry import ExhaustedError, RetryPolicy, call
from audiobench.speech.heard import answer_audio
from audiobench.types import AudioPart, Clip, Message, Request, Response, TextPart
from model_adapters.base import Adapter, RunError, SampleError
from model_adapters.registry import build_adapter, find_model
from model_adapters.spec import ModelSpec

ASR_CONCURRENCY = 16
PROMPT = "Transcribe the speech in this audio word for word. Write the transcript only."
"""For a chat model; a recogniser behind /v1/audio/transcriptions is sent no words."""
GENERATION = {"temperature": 0.0, "max_gen_toks": 4096}


def find_recogniser(options: Any) -> ModelSpec:
    """The model that `--asr` names.

    Raises:
        UsageError: no such model, or one that takes no audio.
    """
    spec = find_model(options.asr, base_url=options.asr_base_url)
    if spec.text_only:
        raise UsageError(f"--asr {options.asr}: takes text only; name a model that takes audio")
    return spec


def transcribe_run(works: Sequence[Any], options: Any) -> Ending:
    """Transcribe every answer of the speech-to-speech tasks that this recogniser has not transcribed yet.

    Raises:
        UsageError: as `find_recogniser`.
    """
    spoken = [work for work in works if work.task.protocol == "realtime"]
    if not spoken:
        return Ending()
    spec = find_recogniser(options)
    run = Run.open(spoken[0].folder.parent)
    todo = [(run.tasks[work.task.task], _open(run.tasks[work.task.task], spec)) for work in spoken]
    if not any(records for _, records in todo):
        return Ending()
    adapter = build_adapter(spec, base_url=options.asr_base_url, timeout=options.timeout)
    return asyncio.run(_transcribe_all(adapter, spec, todo, options))


def _open(task_run: TaskRun, spec: ModelSpec) -> list[Record]:
    """Records whose answer has no transcript by `spec`."""
    lines, found = task_run.transcripts(), []
    for record in task_run.records():
        about = answer_audio(record)
        if about is None:
            continue
        line = lines.get((record.id, record.key))
        if line is None or line.asr_sha256 != spec.sha256() or line.audio_sha256 != about["sha256"]:
            found.append(record)
    return found


async def _transcribe_all(
    adapter: Adapter, spec: ModelSpec, todo: Sequence[tuple[TaskRun, list[Record]]], options: Any
) -> Ending:
    limit = options.max_concurrency or spec.max_concurrency or ASR_CONCURRENCY
    gate = Concurrency(limit, adaptive=False)
    policy = RetryPolicy(attempts=options.attempts, attempt_seconds=options.timeout)
    failed: list[str] = []
    try:
        for task_run, records in todo:
            writer = journal.Journal(task_run.folder / Transcript.FILE)
            try:
                await asyncio.gather(
                    *(
                        _transcribe(
                            adapter, spec, task_run, record, gate, policy, writer, failed, options.allow_other_model
                        )
                        for record in records
                    )
                )
            finally:
                writer.close()
    except (RunError, UsageError) as error:
        return Ending(error.exit_code, f"recogniser {spec.name}: {error}")
    finally:
        await close(adapter)
    if failed:
        return Ending(ExitCode.INCOMPLETE, f"{len(failed)} answers could not be transcribed; the first: {failed[0]}")
    return Ending()


async def _transcribe(
    adapter: Adapter,
    spec: ModelSpec,
    task_run: TaskRun,
    record: Record,
    gate: Concurrency,
    policy: RetryPolicy,
    writer: journal.Journal,
    failed: list[str],
    allow_other_model: bool,
) -> None:
    about = answer_audio(record)
    assert about is not None

    async def attempt() -> Response:
        return await adapter.generate(_request(task_run.folder.parent, about, spec, record))

    try:
        response, _ = await call(attempt, gate, policy)
    except (ExhaustedError, SampleError, InvalidAudioError) as error:
        failed.append(f"{record.id}: {error}")
        return
    if not allow_other_model:
        check_answered(response, spec)
    writer.append(
        Transcript(
            record.id,
            record.key,
            response.text,
            about["sha256"],
            epoch=record.epoch,
            asr=spec.name,
            asr_sha256=spec.sha256(),
            served_model=response.served_model,
            finish_reason=response.finish_reason,
            usage=response.usage,
            time=round(time.time(), 3),
        )
    )


def _request(folder: Path, about: Mapping[str, Any], spec: ModelSpec, record: Record) -> Request:
    """What the recogniser is asked.

    Raises:
        SampleError: the answer's audio was not kept, or is not the recorded one any more.
    """
    if "path" not in about:
        raise SampleError("the answer's audio was not kept")
    path = folder / about["path"]
    raw = audio.read(Clip(path))
    if raw.sha256 != about["sha256"]:
        raise SampleError(f"{path}: not the audio that was recorded (sha256 differs)")
    pieces, _ = audio.parts(raw, Clip(path, raw.sha256, raw.seconds), spec.audio, "full")
    parts: tuple[TextPart | AudioPart, ...] = (TextPart(PROMPT), *(replace(piece) for piece in pieces))
    return Request((Message("user", parts),), {**spec.sampling, **GENERATION}, sample_id=record.id)
