"""Finished runs of invented questions and answers, with the keys that the run itself would have written.

A run is `samples` x think=off,on x `epochs`; the two conditions of a sample stand next to each other, as a live run
writes them. Beside each ten answers that count stand two that a later line of the same slot replaces (one failed, one
answered) and a retracted one, so that a reader has to keep the latest.
"""

from __future__ import annotations

import hashlib
import json
import random
import wave
from pathlib import Path
from typing import Any

import msgspec

from audiobench.ask.prepare import prepare
from audiobench.ask.run import write_plans
from audiobench.ask.work import TaskWork, key_today
from audiobench.core.types import Condition, Response, Sample
from audiobench.files import journal, records
from audiobench.files.record_parts import Done
from audiobench.files.records import ClipFacts, Failure, Record
from audiobench.files.run_spec import RunSpec
from audiobench.media.raw import FileState

CLIP_SHARED_BY = 4
"""Questions about one clip."""
TASK = """\
task: invented
dataset_path: items.jsonl
doc_to_id: "{{id}}"
doc_to_audio: "{{audio}}"
doc_to_question: "{{question}}"
doc_to_choice: "{{choices}}"
doc_to_target: "{{answer}}"
chance: per_sample
breakdown: [category, difficulty]
generation_kwargs: {max_gen_toks: 2048, temperature: 0.7}
prompt:
  - name: plain
    order: [audio, text]
    text: "{{question}}{% for o in options %}\\n({{o.letter}}) {{o.text}}{% endfor %}\\nAnswer with the letter."
"""
MODEL = """\
name: invented
adapter: openai_chat
served_model: invented
dialect: vllm
base_url: http://127.0.0.1:9/v1
audio: {formats: [wav]}
thinking:
  default: "off"
  "on": {how: exact, extra_body: {chat_template_kwargs: {enable_thinking: true}}}
  "off": {how: exact, extra_body: {chat_template_kwargs: {enable_thinking: false}}}
"""
SOUNDS = [
    "bell",
    "dog",
    "train",
    "rain",
    "violin",
    "engine",
    "kettle",
    "crowd",
    "thunder",
    "whistle",
    "drill",
    "piano",
    "siren",
    "door",
    "footsteps",
    "wind",
]
PLACES = ["kitchen", "street", "forest", "station", "office", "harbour", "garden", "stadium", "tunnel", "church"]
WORDS = [
    "the",
    "sound",
    "begins",
    "softly",
    "then",
    "rises",
    "while",
    "something",
    "behind",
    "it",
    "fades",
    "and",
    "returns",
    "so",
    "the",
    "source",
    "is",
    "likely",
]


def data(folder: Path, rows: int) -> None:
    """Task, model, `rows` questions and their clips (0.05 s each)."""
    rng = random.Random(1)
    (folder / "clips").mkdir(parents=True)
    (folder / "task.yaml").write_text(TASK)
    (folder / "model.yaml").write_text(MODEL)
    for number in range(-(-rows // CLIP_SHARED_BY)):
        with wave.open(str(folder / "clips" / f"{number:06}.wav"), "wb") as clip:
            clip.setparams((1, 1, 8000, 0, "NONE", ""))
            clip.writeframes(rng.randbytes(400))
    with (folder / "items.jsonl").open("w") as file:
        for number in range(rows):
            choices = [f"a {sound} in the {rng.choice(PLACES)}" for sound in rng.sample(SOUNDS, 4)]
            row = {
                "id": f"item-{number:06}",
                "audio": f"clips/{number // CLIP_SHARED_BY:06}.wav",
                "question": f"Which of these can be heard {rng.choice(('first', 'last', 'twice'))}, at the "
                f"{rng.choice(PLACES)}, in recording {number}?",
                "choices": choices,
                "answer": rng.choice(choices),
                "category": rng.choice(("sound", "music", "speech", "mixed")),
                "difficulty": rng.choice(("easy", "medium", "hard")),
            }
            file.write(json.dumps(row) + "\n")


def run(folder: Path, out: Path, samples: int, epochs: int, thinks: list[str]) -> int:
    """A finished run of `samples` of the questions in `out`; returns the lines of its journal."""
    rng = random.Random(2)
    spec: dict[str, Any] = {"model": str(folder / "model.yaml"), "tasks": [str(folder / "task.yaml")]}
    prepared = prepare(RunSpec(**spec, limit=samples, think=thinks, epochs=epochs, out=out, quiet=True))
    (work,) = prepared.works
    write_plans(prepared)
    hashes: dict[Path, ClipFacts] = {}
    lines = 0
    with work.journal_path.open("wb") as file:
        for sample in work.samples:
            for condition in work.conditions:
                for epoch in range(epochs):
                    record = answered(rng, work, sample, condition, epoch, hashes)
                    for line in (*before(rng, record), record):
                        file.write(journal.encoded(line))
                        lines += 1
    return lines


def before(rng: random.Random, record: Record) -> list[Record]:
    """What stands in the journal before an answer that counts: for most nothing."""
    kind = rng.random()
    if kind < 0.1:
        failed = Failure.of("error", rng.choice(("HTTP 503: overloaded", "timed out after 600 s")))
        return [msgspec.structs.replace(record, response=None, error=failed)]
    if kind < 0.15:
        return [msgspec.structs.replace(record, key="0" * 64), records.retraction(record.slot)]
    return [record] if kind < 0.2 else []


def answered(
    rng: random.Random, work: TaskWork, sample: Sample, condition: Condition, epoch: int, known: dict[Path, ClipFacts]
) -> Record:
    """The line of one request."""
    request = work.request(sample, condition, epoch)
    record = work.record(sample, condition, epoch)
    records.show(record, request)
    record.audio = [facts(part.clip.path, known) for part in request.audio]
    done = Done("", record.audio, b"", 0, 0.0)
    record.key, record.attempts = key_today(request, done, work.model_sha256), 1
    record.time = round(1.79e9 + rng.random() * 1e5, 3)
    record.response = response(rng, sample, condition.think == "on")
    return record


def facts(path: Path, known: dict[Path, ClipFacts]) -> ClipFacts:
    """What a journal says of a clip."""
    if path not in known:
        state = FileState.of(path.stat())
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        known[path] = ClipFacts(digest, str(path), *state, 0.05)
    return known[path]


def response(rng: random.Random, sample: Sample, thinks: bool) -> Response:
    """An answer in one of the usual forms: right in two of three, and now and then cut off or no answer at all."""
    letter, option = rng.choice(sample.options)
    if rng.random() < (0.7 if thinks else 0.6):
        letter, option = next(pair for pair in sample.options if pair[1] == sample.target)
    text = rng.choice(
        (letter, f"({letter})", f"{letter}. {option}", f"The answer is ({letter}) {option}.", f"**{letter}**", option)
    )
    if rng.random() < 0.2:
        text = f"In recording {sample.id} {prose(rng, 25)}. So the answer is {letter}."
    if rng.random() < 0.01:
        text = "I cannot tell."
    thought = prose(rng, 60) if thinks else None
    tokens = rng.randrange(40, 400) if thinks else rng.randrange(2, 40)
    return Response(
        text,
        reasoning=thought,
        finish_reason="length" if rng.random() < 0.01 else "stop",
        usage={"prompt": rng.randrange(120, 400), "audio": rng.randrange(50, 300), "completion": tokens},
        latency={"first_token": round(rng.random(), 4), "total": round(1 + rng.random(), 4)},
        served_model="invented",
        raw={"id": f"chatcmpl-{rng.getrandbits(96):024x}", "system_fingerprint": "fp_invented"},
    )


def prose(rng: random.Random, words: int) -> str:
    """So many words."""
    return " ".join(rng.choices(WORDS, k=words))
