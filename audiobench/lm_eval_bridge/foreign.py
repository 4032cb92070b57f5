"""Requests of lm-eval's own tasks as requests of audiobench: `<audio>` is where a clip goes."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import orjson
from lm_eval.api.instance import Instance

from audiobench.ask.work import TaskWork
from audiobench.core.disk import write_whole
from audiobench.core.errors import UsageError
from audiobench.core.narrow import is_object, is_sequence
from audiobench.core.types import AudioPart, Clip, Condition, Message, Part, Request, Sample, TextPart
from audiobench.data import Dataset
from audiobench.lm_eval_bridge.contexts import PLACEHOLDER, Turns
from audiobench.model import think
from audiobench.model.registry import sha256_of
from audiobench.model.spec import ModelSpec
from audiobench.task.spec import TaskSpec


@dataclass(slots=True)
class ForeignWork(TaskWork):
    """A task of lm-eval's: its prompts are given as they are, not made from a template."""

    generation: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def request(self, sample: Sample, condition: Condition, epoch: int) -> Request:
        """The request of one slot; the parameters, weakest first: lm-eval's, the model's published ones."""
        generation = {**self.generation, **self.model.sampling, "seed": self.seed + epoch}
        messages = _messages(sample, self.model.system)
        request = Request(messages, generation, sample_id=sample.id, epoch=epoch, sample=sample)
        return think.apply(request, self.thinks[condition.think])

    @staticmethod
    def sample_id(request: Instance) -> str:
        """Id of a request's sample: the document's number, and the request's where a document has several."""
        return f"{request.doc_id}" + (f"-{request.idx}" if request.idx else "")


def foreign_work(
    requests: Sequence[Instance], folder: Path, model: ModelSpec, plan: think.ThinkPlan, seed: int
) -> tuple[ForeignWork, Dataset]:
    """What is to be asked of one lm-eval task (equal generation parameters), and its samples.

    Raises:
        UsageError: a clip in a form that is not known.
    """
    first = requests[0]
    name = re.sub(r"[^a-z0-9_\-]+", "_", str(first.task_name).lower()).lstrip("_-") or "task"
    unique = {ForeignWork.sample_id(request): request for request in requests}
    samples = [_sample(key, request, folder / name / "clips") for key, request in unique.items()]
    asked: Mapping[str, Any] = first.args[1]
    generation = {key: value for key, value in asked.items() if key != "do_sample"}
    if not asked.get("do_sample", True):
        generation["temperature"] = 0.0
    task = TaskSpec.model_validate(
        {
            "task": name,
            "description": f"task {first.task_name} of lm-eval, which scores it",
            "dataset_path": f"lm_eval:{first.task_name}",
            "doc_to_audio": "{{audio}}",
            "prompt": [{"name": "lm_eval", "text": "{{question}}"}],
            "generation_kwargs": generation,
            "extraction": ["full_text"],
            "scorer": "exact_match",
            "answers_withheld": True,
            "submission": {"file": "outputs.json", "id": "{{id}}", "output": "{{output}}"},
        }
    )
    condition = Condition(think=plan.asked, prompt="lm_eval")
    work = ForeignWork(
        task=task,
        prompt=task.prompt[0],
        samples=samples,
        conditions=[condition],
        epochs=int(first.repeats or 1),
        folder=folder / name,
        model=model,
        model_sha256=sha256_of(model),
        thinks={plan.asked: plan},
        seed=seed,
        generation=generation,
    )
    digest = hashlib.sha256(orjson.dumps([[sample.id, sample.question] for sample in samples])).hexdigest()
    return work, Dataset(samples, len(samples), task.dataset_path, None, "lm_eval", digest, ids=[s.id for s in samples])


def _sample(name: str, request: Instance, folder: Path) -> Sample:
    context = request.args[0]
    media: Mapping[str, Any] = request.args[2] if len(request.args) > 2 else {}
    if "visual" in media:
        raise UsageError(f"task {request.task_name}: it shows images; audiobench sends text and audio")
    given: Any = media.get("audio") or ()
    clips = tuple(_clip(item, folder) for item in (given if is_sequence(given) else [given]))
    return Sample(id=name, question=str(context), clips=clips, doc={"turns": isinstance(context, Turns)})


def _messages(sample: Sample, system: str | None) -> tuple[Message, ...]:
    turns = [{"role": "user", "content": sample.question}]
    if sample.doc["turns"]:
        turns = orjson.loads(sample.question)
    if system and turns[0]["role"] != "system":
        turns.insert(0, {"role": "system", "content": system})
    clips = list(sample.clips)
    missing = len(clips) - sum(turn["content"].count(PLACEHOLDER) for turn in turns)
    last = max(number for number, turn in enumerate(turns) if turn["role"] == "user")
    messages: list[Message] = []
    for number, turn in enumerate(turns):
        # clips that no placeholder shows a place for go before the text of the last question
        parts: list[Part] = [AudioPart(clips.pop(0)) for _ in range(missing)] if number == last and missing > 0 else []
        for index, text in enumerate(turn["content"].split(PLACEHOLDER)):
            if index and clips:
                parts.append(AudioPart(clips.pop(0)))
            if text.strip():
                parts.append(TextPart(text))
        role: Any = turn["role"]
        messages.append(Message(role, tuple(parts)))
    return tuple(messages)


def _clip(item: Any, folder: Path) -> Clip:
    """A clip as a file: paths stay, bytes and waveforms are written once under their hash."""
    if is_object(item) and isinstance(item.get("path"), str) and Path(item["path"]).is_file():
        return Clip(Path(item["path"]))
    if isinstance(item, str | Path):
        return Clip(Path(item))
    data = item
    if isinstance(item, _Decoder):
        decoded = item.get_all_samples()
        data = _wav(decoded.data.mean(0).numpy(), decoded.sample_rate)
    elif is_object(item):
        data = _wav(item["array"], int(item["sampling_rate"])) if "array" in item else item.get("bytes")
    if not isinstance(data, bytes):
        shape = f"an object with {', '.join(map(str, item))}" if is_object(item) else type(item).__name__
        raise UsageError(f"audio must be a path, bytes, or {{array, sampling_rate}}, found {shape}")
    digest = hashlib.sha256(data).hexdigest()
    path = folder / f"{digest[:32]}.audio"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, data)
    return Clip(path, digest)


class _Decoded(Protocol):
    data: Any
    """A tensor of shape (channels, frames)."""
    sample_rate: int


@runtime_checkable
class _Decoder(Protocol):
    """torchcodec's AudioDecoder."""

    def get_all_samples(self) -> _Decoded: ...


def _wav(samples: Any, rate: int) -> bytes:
    import numpy as np
    import soundfile

    out = io.BytesIO()
    soundfile.write(out, np.asarray(samples, dtype="float32"), rate, format="WAV", subtype="PCM_16")
    return out.getvalue()
