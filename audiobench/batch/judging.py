"""A judge's questions as batch jobs (`--judge-batch`): the verdicts are the same lines as live ones."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from audiobench.annotations import Judgement
from audiobench.batch.apis import Status
from audiobench.batch.jobs import Job, Submitted, jobs
from audiobench.batch.loop import Group, JobLoop, request_key
from audiobench.errors import ExitCode
from audiobench.journal import Journal
from audiobench.limits import BATCH_POLL_SECONDS
from audiobench.records import BatchOrigin, Record
from audiobench.results import TaskRun
from audiobench.runner.engine import Ending
from audiobench.runner.identity import check_answered
from audiobench.runner.judge import judge_requests, open_records, reply_of, verdict
from audiobench.score import scorer_of
from audiobench.scorers import JudgeSpec
from model_adapters.base import RetryableError, SampleError
from model_adapters.spec import ModelSpec


async def ask_by_batch(adapter: Any, judge: ModelSpec, tasks: Sequence[TaskRun], options: Any) -> Ending:
    """Ask by batch jobs; resumes those that are open."""
    more = {"allow_other_model": options.allow_other_model, "quiet": options.quiet}
    return await BatchJudge(adapter, judge, tasks, poll_seconds=options.batch_poll, **more).run()


class BatchJudge(JobLoop):
    """Jobs lie in `<run>/judge/batch`. All questions about one response are in the same job."""

    def __init__(
        self,
        adapter: Any,
        judge: ModelSpec,
        tasks: Sequence[TaskRun],
        *,
        poll_seconds: float = BATCH_POLL_SECONDS,
        allow_other_model: bool = False,
        quiet: bool = False,
    ) -> None:
        folder = tasks[0].folder.parent / "judge"
        names = [task_run.task.task for task_run in tasks]
        super().__init__(adapter, folder, judge.sha256(), names, poll_seconds=poll_seconds, quiet=quiet)
        self.judge = judge
        self.allow_other_model = allow_other_model
        self.tasks = {task_run.task.task: task_run for task_run in tasks}

    async def groups(self) -> AsyncIterator[Group]:
        """Responses that are to be judged."""
        taken = {(record.task, record.key) for job in jobs(self.folder) if job.is_open for record in job.records()}
        group = Group()
        for name, task_run in self.tasks.items():
            template = _template(task_run)
            for record in open_records(task_run, self.judge):
                if (name, record.key) in taken:
                    continue
                notes = [Submitted(record.id, record.key, task=name, number=n) for n in range(template.runs)]
                lines = self._lines(group, template, record, notes)
                if group.is_full(self.api, sum(map(len, lines))):
                    yield group
                    group = Group()
                    lines = self._lines(group, template, record, notes)
                for note, line in zip(notes, lines, strict=True):
                    group.add(note, line)
        if group.lines:
            yield group

    def _lines(self, group: Group, template: JudgeSpec, record: Record, notes: Sequence[Submitted]) -> list[bytes]:
        place = len(group.records)
        requests = judge_requests(template, record)
        return [self.api.line(request_key(place + i, notes[i]), request) for i, request in enumerate(requests)]

    async def collect(self, job: Job, status: Status) -> None:
        """One line a response, of the replies that came; a response of which none came stays open."""
        results = {result.key: result for result in status.results}
        replies: dict[tuple[str, str], list[tuple[str, str | None]]] = {}
        failed: list[str] = []
        for place, note in enumerate(job.records()):
            result = results.get(request_key(place, note))
            if result is None or result.data is None:
                failed.append(result.error if result else f"unanswered ({status.word})")
                continue
            try:
                response = self.adapter.parsed(result.data, f"{self.api.name} batch")
            except (RetryableError, SampleError) as error:
                failed.append(str(error))
                continue
            if not self.allow_other_model:
                check_answered(response, self.judge)
            replies.setdefault((note.task, note.key), []).append(reply_of(response, self.judge))
        for name, task_run in self.tasks.items():
            template = _template(task_run)
            writer = Journal(task_run.folder / Judgement.FILE)
            try:
                for record in open_records(task_run, self.judge):
                    said = replies.get((name, record.key))
                    if said:
                        line = verdict(self.judge, template, record, said)
                        line.batch = BatchOrigin(self.api.name, job.name)
                        writer.append(line)
            finally:
                writer.close()
        job.note("collected", word=status.word, unanswered=len(failed))
        if failed and self.ending.reason is None:
            self.ending.exit_code = ExitCode.INCOMPLETE
            self.ending.reason = (
                f"judge {self.judge.name}: {len(failed)} questions without a reply; the first: {failed[0]}"
            )


def _template(task_run: TaskRun) -> JudgeSpec:
    template = scorer_of(task_run.task.scorer).judge
    assert template is not None
    return template
