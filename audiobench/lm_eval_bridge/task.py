"""`class: !function audiobench.lm_eval_bridge.AudioBenchTask`: a task file of ours as an lm-eval task.

Samples, prompts, extraction, scoring and pooling are audiobench's own code, so that the number is the same to the
last digit; lm-eval brings the model class, its loop and its result files.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from glob import glob
from pathlib import Path
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.metrics import mean
from lm_eval.api.registry import get_aggregation
from lm_eval.api.task import Task
from lm_eval.config.task import TaskConfig
from lm_eval.models.api_models import JsonChatStr
from pydantic import ValidationError

from audiobench import data as dataset
from audiobench.ask import prompt
from audiobench.core.errors import UsageError
from audiobench.core.types import Condition, Outcome, Request, Response, Sample
from audiobench.data.shots import shots_for
from audiobench.files.records import Record, ShownSample
from audiobench.lm_eval_bridge.contexts import Media, Reply, Turns, Waveform, as_chat, as_turns
from audiobench.model import think
from audiobench.model.spec import ModelSpec, Thinking
from audiobench.results.score import metric_of, outcome, scorer_of
from audiobench.scorers.metrics import Mean, Metric, total
from audiobench.task import generation
from audiobench.task.find import task_files, task_name
from audiobench.task.spec import TaskSpec

ANY_MODEL = ModelSpec(name="lm-eval", adapter="lm_eval", served_model="lm-eval")
"""A model class of lm-eval, of which nothing is known: what it is asked is the task's prompt and nothing else."""
NO_ANSWER = "no_answer"
"""Metric: share of responses that hold no usable answer (unparsed, truncated or refused). They count as wrong."""
_LOADER_KEYS = ("class", "tag", "group", "task_list", "include")


class Context(str):
    """The prompt as text, with `<audio>` where the clips go; `task` and `sample_id` say which item of ours it asks."""

    task: AudioBenchTask
    sample_id: str


class AudioBenchTask(Task):
    """One task file.

    Args:
        config: the file as lm-eval read it; `metadata` holds what `--metadata` and `--model_args` say: `prompt=NAME`
            takes another of the task's prompts, `seed=N` another seed (default 0, as `audiobench run`).

    Raises:
        UsageError: the file is not a valid task, or its data is not there.
    """

    OUTPUT_TYPE = "generate_until"
    MULTIMODAL = True
    file: Path
    """Where the task file lies; relative data paths are relative to it."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        said = dict(config.get("metadata") or {})
        source = said.pop("config_source", "inline")
        self.file = Path(source) if source != "inline" else _on_command_line(str(config.get("task")))
        self.spec = _validated(config, self.file)
        try:
            self.prompt = self.spec.find_prompt(said.get("prompt"))
        except KeyError:
            names = ", ".join(one.name for one in self.spec.prompt)
            raise UsageError(f"prompt={said['prompt']}: task {self.spec.task} has: {names}") from None
        self.seed = int(said.get("seed", 0))
        self.VERSION = self.spec.metadata.get("version")
        self._config = TaskConfig(
            task=self.spec.task,
            task_alias=self.spec.task_alias,
            dataset_path=self.spec.dataset_path,
            dataset_name=self.spec.dataset_name,
            output_type="generate_until",
            generation_kwargs=self._own_parameters,
            num_fewshot=self.spec.num_fewshot or None,  # 0 would forbid lm-eval's --num_fewshot
            metadata={
                "version": self.VERSION,
                "audiobench": {
                    "prompt": self.prompt.model_dump(mode="json"),
                    "fingerprint": self.spec.fingerprint(self.prompt),
                    "task": self.spec.model_dump(mode="json", exclude_defaults=True, exclude={"prompt", "class_"}),
                },
            },
        )
        self._filters = []
        self._instances: list[Instance] | None = None
        self._only_outputs = False
        self._metric_fn_list: dict[str, Any] = {}

    # -- data

    @cached_property
    def data(self) -> dataset.Dataset:
        """The task's samples, read at first use."""
        return dataset.load(self.spec, self.file, shots_seed=self.seed)

    @cached_property
    def samples(self) -> dict[str, Sample]:
        """The samples by id."""
        return {sample.id: sample for sample in self.data.samples}

    @cached_property
    def docs(self) -> list[dict[str, Any]]:
        """What lm-eval sees of each sample, and writes into its sample logs."""
        return [_doc(sample) for sample in self.data.samples]

    @property
    def eval_docs(self) -> list[dict[str, Any]]:
        """The documents, in the data set's order."""
        return self.docs

    def download(self, *args: Any, **kwargs: Any) -> None:
        """Nothing here: audiobench's own data cache is used."""

    def has_training_docs(self) -> bool:
        """No: nothing is ever shown as an example."""
        return False

    def has_validation_docs(self) -> bool:
        """No."""
        return False

    def has_test_docs(self) -> bool:
        """Yes."""
        return True

    def test_docs(self) -> list[dict[str, Any]]:
        """The documents."""
        return self.docs

    def doc_to_text(self, doc: Mapping[str, Any]) -> str:
        """The prompt as text, with `<audio>` for each clip."""
        return _as_text(self.request(self.samples[doc["id"]]))

    def doc_to_target(self, doc: Mapping[str, Any]) -> Any:
        """The right answer, or the references."""
        return doc["target"]

    def doc_to_audio(self, doc: Mapping[str, Any]) -> list[Waveform]:
        """The clips, decoded when asked."""
        return [Waveform(part.clip) for part in self.request(self.samples[doc["id"]]).audio]

    # -- requests

    @property
    def _own_parameters(self) -> dict[str, Any]:
        """The task's generation parameters, but for those that hang on the sample, which lm-eval cannot hold."""
        given: dict[str, Any] = {"until": [], **self.spec.generation_kwargs}
        return {name: value for name, value in given.items() if not generation.by_sample(value)}

    @property
    def overrides(self) -> dict[str, Any]:
        """What `--gen_kwargs` changed in the generation parameters."""
        own = self._own_parameters
        now = self._config.generation_kwargs or {}
        return {key: value for key, value in now.items() if key not in own or own[key] != value}

    def request(self, sample: Sample) -> Request:
        """How a model of which nothing is known is asked about `sample`."""
        plan = think.resolve(ANY_MODEL, "default")
        condition = Condition(prompt=self.prompt.name)
        number = self.spec.num_fewshot
        return prompt.build(
            sample,
            self.spec,
            self.prompt,
            condition,
            ANY_MODEL,
            plan,
            seed=self.seed,
            overrides=self.overrides,
            shots=shots_for(sample, self.data.pool, number) if number else (),
        )

    def _take_shots(self) -> None:
        """Take over what lm-eval's `--num_fewshot` says, and read the data anew where it says another number."""
        number = int(self._config.num_fewshot or 0)
        if number == self.spec.num_fewshot:
            return
        self.spec = TaskSpec.model_validate({**self.spec.model_dump(by_alias=True), "num_fewshot": number})
        self.prompt = self.spec.find_prompt(self.prompt.name.partition("+")[0])
        for name in ("data", "samples", "docs"):
            vars(self).pop(name, None)

    def build_all_requests(
        self,
        *,
        limit: int | None = None,
        samples: list[int] | None = None,
        rank: int = 0,
        world_size: int = 1,
        system_instruction: str | None = None,
        apply_chat_template: bool = False,
        chat_template: Callable[..., Any] | None = None,
        **_: Any,
    ) -> None:
        """One request for each document; what it carries depends on what the model's chat template makes of a turn."""
        if system_instruction:
            raise UsageError("--system_instruction: the prompt belongs to the task; set `system` of the task's prompt")
        self._take_shots()
        template = chat_template if apply_chat_template else None
        shape = template([{"role": "user", "content": ""}]) if template else None
        if isinstance(shape, JsonChatStr) and scorer_of(self.spec).judge:
            raise UsageError(f"task {self.spec.task} needs a judge: use --model audiobench with judge=MODEL")
        if isinstance(shape, Turns):
            template = None
        self._instances = []
        for number, doc in self.doc_iterator(rank=rank, limit=limit, world_size=world_size, samples=samples):
            request = self.request(self.samples[doc["id"]])
            if (request.following or request.toolbox) and not isinstance(shape, Turns):
                raise UsageError(
                    f"task {self.spec.task}: id {doc['id']} is a conversation in which the model answers several times: use "
                    "--model audiobench --apply_chat_template"
                )
            if isinstance(shape, JsonChatStr):
                arguments: tuple[Any, ...] = (as_chat(request), dict(request.generation))
            else:
                text = template(as_turns(request)) if template else _as_text(request)
                context = Context(text)
                context.task, context.sample_id = self, doc["id"]
                arguments = (context, dict(request.generation), Media(audio=self.doc_to_audio(doc)))
            self._instances.append(Instance("generate_until", doc, arguments, 0, metadata=(self.spec.task, number, 1)))
        if not self._instances:
            raise UsageError(f"task {self.spec.task}: no documents to ask")

    def construct_requests(self, doc: Any, ctx: Any, **kwargs: Any) -> Any:
        """Not used."""
        raise NotImplementedError("build_all_requests makes every request of this task")

    def apply_filters(self) -> None:
        """None: extraction is part of scoring."""
        for instance in self._instances or ():
            instance.filtered_resps = {"none": instance.resps[0]}

    # -- scores

    def process_results(self, doc: Mapping[str, Any], results: Sequence[Any]) -> dict[str, Any]:
        """The document's contribution to each metric."""
        if self._only_outputs:
            return {"bypass": None}
        found = self.judged(doc, results[0])
        values: dict[str, Any] = {NO_ANSWER: float(found.status != "scored")}
        if self.spec.answers_withheld:
            return values
        if found.value is None:
            why = found.detail.get("message", found.status)
            raise UsageError(f"task {self.spec.task}: id {doc['id']} has no verdict: {why}")
        return {self._metric.name: self._item(found), **values}

    def judged(self, doc: Mapping[str, Any], reply: str) -> Outcome:
        """The outcome of a reply: as audiobench journalled it, or from the bare text that other model classes give.

        A bare text does not say whether it was cut at the token limit or refused, and its thinking may be gone.
        """
        if isinstance(reply, Reply):
            return reply.outcome
        sample = self.samples[doc["id"]]
        response = think.split(Response(text=reply), None, Thinking())
        return outcome(Record(sample.id, sample=ShownSample.of(sample), response=response), self.spec)

    @property
    def _metric(self) -> Metric:
        return metric_of(self.spec)

    def _item(self, found: Outcome) -> Any:
        """What is pooled of a document: its value, or its counts where a mean of values is not the score."""
        return found.value if isinstance(self._metric, Mean) else self._metric.counts(found)

    def _pool(self, items: Sequence[Mapping[str, float]]) -> float | None:
        return self._metric.value(total(items))

    def aggregation(self) -> dict[str, Any]:
        """Metric -> how its documents become one number."""
        if self._only_outputs:
            return {"bypass": get_aggregation("bypass")}
        return {self._metric.name: mean if isinstance(self._metric, Mean) else self._pool, NO_ANSWER: mean}

    def higher_is_better(self) -> dict[str, bool]:
        """Metric -> which way is up."""
        if self._only_outputs:
            return {"bypass": True}
        return {self._metric.name: self._metric.higher_is_better, NO_ANSWER: False}

    def override_metric(self, metric_name: str) -> None:
        """`--predict_only`: answers are kept, nothing is scored."""
        self._only_outputs = True
        self._metric_fn_list = {metric_name: None}


def _on_command_line(task: str) -> Path:
    """The file of a task that was given by path: lm-eval hands over its content only, so its place is looked up."""
    for argument in sys.argv[1:]:
        for pattern in argument.split(","):
            for name in glob(f"{pattern}/*.yaml" if Path(pattern).is_dir() else pattern):
                if name.endswith(".yaml") and task_name(Path(name)) == task:
                    return Path(name)
    return task_files().get(task, Path.cwd() / f"{task}.yaml")


def _validated(config: Mapping[str, Any], file: Path) -> TaskSpec:
    own = {key: value for key, value in config.items() if key not in _LOADER_KEYS}
    said: Mapping[str, Any] = own.get("metadata") or {}
    metadata = {key: value for key, value in said.items() if key != "config_source"}
    try:
        return TaskSpec.model_validate({**own, "metadata": metadata})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "task"
        raise UsageError(f"{file}: {where}: {first['msg']} (`audiobench tasks check {file}` says more)") from None


def _as_text(request: Request) -> str:
    return "\n\n".join(turn["content"] for turn in as_turns(request))


def _shown(sample: Sample) -> dict[str, Any]:
    return {
        "question": sample.question,
        "choices": list(sample.choices),
        "target": list(sample.target) if isinstance(sample.target, tuple) else sample.target,
        "metadata": dict(sample.metadata),
    }


def _doc(sample: Sample) -> dict[str, Any]:
    return {"id": sample.id, **_shown(sample), "audio": [str(clip.path) for clip in sample.clips]}
