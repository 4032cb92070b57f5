"""The judge as a stage: any text model rates the responses of tasks whose scorer asks for a judge.

The verdicts go into an append-only file beside the journal, so that scoring stays a pure function of files. The judge
sees the model's output as data inside the published template, and a reply that cannot be read is asked for again by
the template's number of runs only: unreadable verdicts are counted, not guessed.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from audiobench.ask.annotate import Terms, carry, loaded
from audiobench.ask.batch.driver import carry_by_jobs
from audiobench.ask.batch.jobs import Submitted
from audiobench.ask.engine import Ending
from audiobench.ask.stage import EXPECTED, Ask, Reply, Stage, responses
from audiobench.ask.work import TaskWork
from audiobench.core.errors import UsageError
from audiobench.core.types import AudioPart, Clip, Message, Part, Request, Response, TextPart, VideoPart
from audiobench.files.annotations import Judgement
from audiobench.files.records import Record
from audiobench.files.run_spec import RunSpec
from audiobench.model import think
from audiobench.model.adapter import SampleError
from audiobench.model.registry import build_adapter, find_model, sha256_of
from audiobench.model.spec import ModelSpec
from audiobench.results.heard import pending
from audiobench.results.runs import Run, Scored, TaskRun
from audiobench.results.score import scorer_of
from audiobench.scorers.base import Judge, Turns, Verdict

JUDGE_CONCURRENCY = 64
HEARD = "Recording {number} of {of} that the assistant heard:"
"""What stands before a clip where the judge hears it (`--judge-hears`)."""

Judged = tuple[TaskRun, Record]
"""One response to be judged."""


class JudgeStage(Stage[Judged]):
    """The responses of some tasks that have no verdict by this judge."""

    def __init__(self, judge: ModelSpec, tasks: Sequence[TaskRun], *, hears: bool = False) -> None:
        super().__init__(judge)
        self.hears = hears
        """Whether it is sent what the model heard."""
        self.who = f"judge {judge.name}"
        self.tasks = {task_run.task.task: task_run for task_run in tasks}
        self._open: dict[str, dict[tuple[str, str], Record]] = {}

    def open(self) -> Iterator[Judged]:
        """Responses without a verdict, with one that could not be read, or with one by another judge."""
        for task_run in self.tasks.values():
            for record in open_records(task_run, self.model, hears=self.hears):
                yield task_run, record

    def path(self, item: Judged) -> Path:
        """The task's judgements.jsonl."""
        return item[0].folder / Judgement.FILE

    def requests(self, item: Judged) -> list[Request]:
        """The template's number of times, with seeds that differ unless it fixes one."""
        asked = questions(template_of(item[0]), item[1])
        return [hearing(request, item[1]) for request in asked] if self.hears else asked

    async def load(self, item: Judged, request: Request) -> Request:
        """With the clips that the judge hears."""
        if not self.hears:
            return request
        try:
            return await asyncio.to_thread(loaded, request, self.model)
        except UsageError as error:
            raise SampleError(str(error)) from error

    def line(self, item: Judged, replies: Sequence[Reply]) -> Judgement | None:
        """The verdict that the replies make; none where none came, or where one of a conversation's answers has none."""
        said = responses(replies)
        template, record = template_of(item[0]), item[1]
        if not said or (template.by_turn is not None and len(said) < len(replies)):
            return None
        texts = [text_of(response, self.model) for response in said]
        asked = [number for number, reply in enumerate(replies) if isinstance(reply, Response)]
        ratings = [
            template.read(n, text, record.shown(), record.reasoning) for n, text in zip(asked, texts, strict=True)
        ]
        return Judgement(
            record.id,
            record.key,
            template.combine(ratings) if template.combine else None,
            judge=self.model.name,
            judge_sha256=sha256_of(self.model),
            template=template.name,
            served_models=sorted({response.served_model for response in said if response.served_model}),
            prompt_sha256=digest(turns(template, record)),
            replies=texts,
            ratings=ratings,
            hears=self.hears,
        )

    async def answer(self, item: Judged, ask: Ask) -> Judgement | None:
        """Ask, and where questions hang on earlier replies, one after another; a failed call leaves the response open."""
        task_run, record = item
        template = template_of(task_run)
        if template.questions is None:
            made = await super().answer(item, ask)
            return made if isinstance(made, Judgement) else None
        said: list[Response] = []
        asking = template.questions(record.shown(), record.text, record.reasoning)
        shown = next(asking)
        while True:
            request = asked_in(template, record, shown, len(said))
            try:
                said.append(await ask(hearing(request, record) if self.hears else request))
            except EXPECTED as error:
                self.failures[str(error)] += 1
                return None
            try:
                shown = asking.send(text_of(said[-1], self.model))
            except StopIteration as ended:
                return self._found(item, ended.value, said)

    def _found(self, item: Judged, verdict: Verdict, said: Sequence[Response]) -> Judgement:
        record, template = item[1], template_of(item[0])
        line = Judgement(
            record.id, record.key, verdict.value, judge=self.model.name, judge_sha256=sha256_of(self.model),
            template=template.name, served_models=sorted({one.served_model for one in said if one.served_model}),
            prompt_sha256=digest(turns(template, record)), replies=[text_of(one, self.model) for one in said],
            ratings=list(verdict.ratings), hears=self.hears, claims=verdict.claims,
        )  # fmt: skip
        return self.accounted(line, said)

    def failed_in_words(self) -> str:
        """How many questions have no reply."""
        reason = next(iter(self.failures))
        return f"{self.who}: {self.failures.total()} questions without a reply; the first: {reason}"

    # -- batch jobs

    def submitted(self, item: Judged, number: int) -> Submitted:
        """Which response."""
        task_run, record = item
        return Submitted(record.id, record.key, task=task_run.task.task, number=number)

    def restore(self, submitted: Submitted) -> Judged | None:
        """The response, if it is still without a verdict."""
        task_run = self.tasks[submitted.task]
        if submitted.task not in self._open:
            self._open[submitted.task] = {
                (r.id, r.key): r for r in open_records(task_run, self.model)
            }  # never with sound
        record = self._open[submitted.task].get((submitted.id, submitted.key))
        return None if record is None else (task_run, record)


def judge_run(works: Sequence[TaskWork], options: RunSpec, spent: float) -> Ending:
    """Judge every response of the judged tasks that has no verdict by this judge yet, live or by batch jobs."""
    judged = [work for work in works if scorer_of(work.task).judge is not None]
    if not judged:
        return Ending()
    run = Run.open(judged[0].folder.parent)
    spec = find_model(options.judge or "", base_url=options.judge_base_url)
    stage = JudgeStage(spec, [run.tasks[work.task.task] for work in judged], hears=options.judge_hears)
    if options.judge_batch:
        adapter = build_adapter(spec, base_url=options.judge_base_url, timeout=options.timeout)
        return carry_by_jobs(stage, adapter, run.folder / "judge", sha256_of(spec), list(stage.tasks), options)
    return carry(
        stage,
        Terms.of(options, spent),
        base_url=options.judge_base_url,
        concurrency=JUDGE_CONCURRENCY,
    )


def open_records(task_run: TaskRun, judge: ModelSpec, *, hears: bool = False) -> list[Record]:
    """Responses without a verdict, with one that could not be read, or with one by another judge or one that heard other
    than this does.
    """
    verdicts, asked = task_run.judgements(), (sha256_of(judge), hears)
    unread = {
        slot
        for slot, line in verdicts.items()
        if (line.value is None and line.claims is None) or (line.judge_sha256, line.hears) != asked
    }
    return [s.record for s in task_run.scored() if (awaits_judge(s) and s.slot not in verdicts) or s.slot in unread]


def awaits_judge(scored: Scored) -> bool:
    """Whether nothing but a judge's verdict is missing."""
    return scored.outcome.status == "pending" and not pending(scored.record)


def template_of(task_run: TaskRun) -> Judge:
    """The template of a judged task."""
    template = scorer_of(task_run.task).judge
    assert template is not None
    return template


def turns(judge: Judge, record: Record, number: int = 0) -> Turns:
    """What a judge is shown of a response in request `number`."""
    return judge.asked(number, record.shown(), record.text, record.reasoning)


def digest(shown: Turns) -> str:
    """sha256 (hex) of what a judge was shown."""
    return hashlib.sha256(str(shown).encode()).hexdigest()


def questions(judge: Judge, record: Record, runs: int | None = None) -> list[Request]:
    """One request a run, with seeds that differ unless the judge fixes one."""
    sample = record.shown()
    asked = [turns(judge, record, number) for number in range(judge.requests(sample) if runs is None else runs)]
    return [
        Request(_messages(shown), {"seed": n, **judge.generation}, sample_id=record.id, epoch=n, sample=sample)
        for n, shown in enumerate(asked)
    ]


def asked_in(judge: Judge, record: Record, shown: Turns, number: int = 0) -> Request:
    """These turns as request `number` (from 0) about a response."""
    return Request(
        _messages(shown), {"seed": number, **judge.generation}, sample_id=record.id, epoch=number, sample=record.shown()
    )


def _messages(shown: Turns) -> tuple[Message, ...]:
    return tuple(Message(role, (TextPart(text),)) for role, text in shown)


def hearing(request: Request, record: Record) -> Request:
    """A judge's request with what the model heard, before the published text: each clip after the number of its turn."""
    *before, last = request.messages
    heard, sounds = sounds_of(record), list[Part]()
    for number, sound in enumerate(heard, 1):
        sounds += [TextPart(HEARD.format(number=number, of=len(heard))), sound]
    return replace(request, messages=(*before, replace(last, parts=(*sounds, *last.parts))))


def sounds_of(record: Record) -> list[AudioPart]:
    """What the model heard, a part for each clip; of a video its sound, or that which it was sent with."""
    heard: list[AudioPart] = []
    for clip in record.first_clips:
        if clip.kind == AudioPart.kind:
            heard.append(AudioPart(Clip(Path(clip.path), clip.sha256, clip.seconds), clip.transform, span=clip.span))
        elif clip.donor is not None:
            heard.append(AudioPart(Clip(Path(clip.donor[0]), clip.donor[1])))
        elif clip.kind == VideoPart.kind and clip.transform == "full":
            heard.append(AudioPart(Clip(Path(clip.path), clip.sha256, clip.seconds)))
    return heard


def text_of(response: Response, judge: ModelSpec) -> str:
    """What a judge said, without its thought."""
    return think.split(response, None, judge.thinking).text
