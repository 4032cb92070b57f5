"""Any model that takes audio writes down what it hears in the answers (`--asr MODEL`): append-only, resumable.

An answer is transcribed again only by another recogniser (another model file) or when its audio is another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from audiobench import media as audio
from audiobench.ask.annotate import Terms, carry
from audiobench.ask.engine import Ending
from audiobench.ask.stage import Reply, Stage, responses
from audiobench.ask.work import TaskWork
from audiobench.core.errors import UsageError
from audiobench.core.types import Clip, Message, Request, TextPart
from audiobench.files.annotations import Transcript
from audiobench.files.records import Record
from audiobench.files.run_spec import RunSpec
from audiobench.model.adapter import SampleError
from audiobench.model.registry import find_model, sha256_of
from audiobench.model.spec import ModelSpec
from audiobench.model.transcription import GENERATION, PROMPT
from audiobench.results.heard import answer_audio
from audiobench.results.runs import Run, TaskRun

ASR_CONCURRENCY = 16

Spoken = tuple[TaskRun, Record]
"""One spoken answer."""


def find_recogniser(options: RunSpec) -> ModelSpec:
    """The model that `--asr` names.

    Raises:
        UsageError: no such model, or one that takes no audio.
    """
    spec = find_model(options.asr or "", base_url=options.asr_base_url)
    if spec.text_only:
        raise UsageError(f"--asr {options.asr}: accepts text only; name a model that accepts audio")
    return spec


class TranscribeStage(Stage[Spoken]):
    """The spoken answers that this recogniser has not transcribed."""

    def __init__(self, recogniser: ModelSpec, tasks: Sequence[TaskRun]) -> None:
        super().__init__(recogniser)
        self.who = f"recogniser {recogniser.name}"
        self.tasks = tasks

    def open(self) -> Iterator[Spoken]:
        """Answers without a transcript by this recogniser, or whose audio is another than it heard."""
        for task_run in self.tasks:
            lines = task_run.transcripts()
            for record in task_run.records():
                about = answer_audio(record)
                if about is None:
                    continue
                line = lines.get((record.id, record.key))
                heard = line is not None and line.asr_sha256 == sha256_of(self.model)
                if line is None or not heard or line.audio_sha256 != about.sha256:
                    yield task_run, record

    def path(self, item: Spoken) -> Path:
        """The task's transcripts.jsonl."""
        return item[0].folder / Transcript.FILE

    def requests(self, item: Spoken) -> list[Request]:
        """The instruction; the answer's audio follows it in `load`."""
        parts = (TextPart(PROMPT),)
        return [Request((Message("user", parts),), {**self.model.sampling, **GENERATION}, sample_id=item[1].id)]

    async def load(self, item: Spoken, request: Request) -> Request:
        """With the audio of the answer.

        Raises:
            SampleError: it was not kept, or is not the recorded one any more.
        """
        task_run, record = item
        about = answer_audio(record)
        if about is None or about.path is None:
            raise SampleError("the answer's audio was not kept")
        path = task_run.folder.parent / about.path
        raw = audio.read(Clip(path))
        if raw.sha256 != about.sha256:
            raise SampleError(f"{path}: not the audio that was recorded (sha256 differs)")
        pieces, _ = audio.parts(raw, Clip(path, raw.sha256, raw.seconds), self.model.audio, "full")
        (message,) = request.messages
        return replace(request, messages=(replace(message, parts=(*message.parts, *pieces)),))

    def line(self, item: Spoken, replies: Sequence[Reply]) -> Transcript | None:
        """What was heard."""
        record = item[1]
        about = answer_audio(record)
        if about is None:
            return None
        for response in responses(replies):
            return Transcript(
                record.id,
                record.key,
                response.text,
                about.sha256,
                epoch=record.epoch,
                asr=self.model.name,
                asr_sha256=sha256_of(self.model),
                served_model=response.served_model,
                finish_reason=response.finish_reason,
            )
        return None

    def failed_in_words(self) -> str:
        """How many answers have no transcript."""
        reason = next(iter(self.failures))
        return f"{self.failures.total()} answers could not be transcribed; the first: {reason}"


def transcribe_run(works: Sequence[TaskWork], options: RunSpec, spent: float) -> Ending:
    """Transcribe every answer of the tasks with spoken answers that this recogniser has not transcribed yet.

    Raises:
        UsageError: as `find_recogniser`.
    """
    spoken = [work for work in works if work.task.spoken]
    if not spoken:
        return Ending()
    run = Run.open(spoken[0].folder.parent)
    stage = TranscribeStage(find_recogniser(options), [run.tasks[work.task.task] for work in spoken])
    return carry(
        stage,
        Terms.of(options, spent),
        base_url=options.asr_base_url,
        concurrency=stage.model.max_concurrency or ASR_CONCURRENCY,
    )
