"""Run directories made without a model: two think modes of a multiple-choice task over short real WAV clips."""

from __future__ import annotations

import hashlib
import math
import random
import struct
import wave
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from audiobench.core.types import LETTERS

SOUNDS = ("a dog barking", "a door closing", "rain on a roof", "a train passing", "a kettle whistling", "footsteps")
DOMAINS = ("speech", "sound", "music")
LEVELS = ("easy", "medium", "hard")
RATE = 16_000
THINK = ("off", "on")


def wav(path: Path, seed: int, seconds: float = 1.0) -> dict[str, Any]:
    """A clip of three tones, and the journal's entry about it."""
    draw = random.Random(seed)
    tones = [draw.uniform(150, 3500) for _ in range(3)]
    n = int(RATE * seconds)
    frames = bytearray()
    for i in range(n):
        t = i / RATE
        tone = tones[min(2, int(3 * i / n))] * (1 + 0.2 * t)
        frames += struct.pack("<h", int(12000 * math.sin(2 * math.pi * tone * t) * math.exp(-3 * (3 * t % 1))))
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, n, "NONE", ""))
        file.writeframes(bytes(frames))
    data = path.read_bytes()
    return {
        "path": str(path),
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "mtime_ns": path.stat().st_mtime_ns,
        "seconds": seconds,
        "transform": "full",
        "changed": [],
    }


def task_json(name: str = "household", **changes: Any) -> dict[str, Any]:
    """The task as plan.json holds it."""
    return {
        "task": name,
        "task_alias": "Household sounds",
        "description": "Which sound is heard? Made for tests.",
        "dataset_path": "household.jsonl",
        "doc_to_audio": "{{audio}}",
        "doc_to_target": "{{answer}}",
        "prompt": [{"name": "default", "order": ["audio", "text"], "text": "{{question}}"}],
        "breakdown": ["domain", "difficulty"],
        "chance": "per_sample",
        "reference_scores": [
            {"model": "step-audio-r1", "value": 77.7, "source": "arXiv:2511.15848 Table 1"},
            {"model": "qwen2-audio-instruct", "value": 59.6, "source": "a leaderboard"},
        ],
        **changes,
    }


def record(
    id: str, think: str, text: str, audio: Sequence[Mapping[str, Any]], *, reasoning: str | None = None, **changes: Any
) -> dict[str, Any]:
    """One journal line; `changes` replace its keys."""
    sample = changes.pop("sample", None) or {
        "question": "Which sound is heard first?",
        "choices": list(SOUNDS[:4]),
        "target": SOUNDS[0],
        "metadata": {"domain": "sound", "difficulty": "easy"},
        "cluster": None,
    }
    options = "\n".join(f"{letter}. {choice}" for letter, choice in zip(LETTERS, sample["choices"], strict=False))
    turns = [{"role": "user", "parts": [{"audio": 0}, f"{sample['question']}\n{options}"]}]
    if think == "on":
        turns.append({"role": "assistant", "parts": ["<think>\n"]})
    return {
        "key": hashlib.sha256(f"{id}|{think}|{changes.get('epoch', 0)}".encode()).hexdigest(),
        "id": id,
        "epoch": 0,
        "condition": {"think": think, "audio": "full", "option_order": 0, "prompt": "default", "protocol": "chat"},
        "sample": sample,
        "prompt": turns,
        "prompt_sha256": "0" * 64,
        "audio": list(audio),
        "attempts": 1,
        "response": {
            "text": text,
            "reasoning": reasoning,
            "finish_reason": "stop",
            "usage": {"prompt": 412, "audio": 250, "completion": 6 + len(reasoning or "") // 4},
            "latency": {"first_token": 0.21, "total": 0.9 + len(reasoning or "") / 900},
            "served_model": "tiny-audio",
        },
        "time": 1763920000.0,
        **changes,
    }


def write_run(
    folder: Path,
    records: Iterable[Mapping[str, Any]],
    *,
    task: Mapping[str, Any] | None = None,
    model: str = "tiny",
    rows: int | None = None,
    told: str = "tiny",
) -> Path:
    """A run directory of one task; the plan asks for exactly what `records` hold, of `rows` (None: these are all). `told`: what the
    server calls the model, and what the command named.
    """
    task = task or task_json()
    where = folder / task["task"]
    where.mkdir(parents=True)
    ids: dict[str, None] = {}
    conditions: list[Any] = []
    epochs = 1
    with (where / "samples.jsonl").open("wb") as journal:
        for line in records:
            ids[line["id"]] = None
            epochs = max(epochs, line["epoch"] + 1)
            if line["condition"] not in conditions:
                conditions.append(line["condition"])
            journal.write(orjson.dumps(line) + b"\n")
    plan = {
        "task": task, "prompt": task["prompt"][0], "ids": list(ids), "conditions": conditions, "epochs": epochs,
        "seed": 0, "overrides": {}, "fingerprint": {"prompt": "p", "scorer": "option_match"},
        "dataset": {"source": "household.jsonl", "revision": None, "rows": rows or len(ids), "notes": []},
    }  # fmt: skip
    (where / "plan.json").write_bytes(orjson.dumps(plan))
    info = {
        "schema_version": 1, "run_id": "0" * 16, "created": 1763920000.0, "model": {"name": model, "sha256": "0" * 64},
        "served_models": {told: 1},
        "versions": {"audiobench": "0", "python": "3"}, "tasks": [task["task"]],
        "command": ["audiobench", "run", "--model", told, "--tasks", task["task"], "--think", "off,on"],
    }  # fmt: skip
    (folder / "run.json").write_bytes(orjson.dumps(info))
    return folder


THOUGHTS = (
    "The recording begins with a short burst of energy below one kilohertz.",
    "The onset is sharp, then the level falls off within a few hundred milliseconds.",
    "That pattern repeats three times at roughly even spacing, which speaks against a continuous source.",
    "I hear no harmonics that would suggest a voice or an instrument.",
    "Comparing the options, only one of them has both the attack and the spacing.",
    "A door would give one impulse with a longer low-frequency tail.",
)


def many(n: int, clips: Sequence[Mapping[str, Any]], seed: int = 0) -> Iterable[dict[str, Any]]:
    """`n` samples under both think modes: mostly right, some unparsed, truncated, refused, failed."""
    draw = random.Random(seed)
    for number in range(n):
        choices = draw.sample(SOUNDS, 4)
        target = draw.choice(choices)
        level = draw.choice(LEVELS)
        sample = {
            "question": f"Clip {number}: which of these sounds is heard {draw.choice(('first', 'last', 'twice'))}?",
            "choices": choices,
            "target": target,
            "metadata": {"domain": draw.choice(DOMAINS), "difficulty": level},
            "cluster": None,
        }
        audio = [clips[number % len(clips)]]
        for think in THINK:
            skill = {"easy": 0.85, "medium": 0.68, "hard": 0.5}[level] + (0.08 if think == "on" else 0)
            right = draw.random() < skill
            answer = target if right else draw.choice([c for c in choices if c != target])
            text = f"{LETTERS[choices.index(answer)]}. {answer}"
            reasoning = " ".join(draw.choices(THOUGHTS, k=draw.randint(4, 14))) if think == "on" else None
            line = record(f"house-{number:05d}", think, text, audio, reasoning=reasoning, sample=sample)
            yield _spoil(line, draw.random())


def _spoil(line: dict[str, Any], chance: float) -> dict[str, Any]:
    response = line["response"]
    if chance < 0.015:
        response["text"] = "I would rather describe the recording as a whole."
    elif chance < 0.03:
        response.update(text="", finish_reason="length", reasoning_closed=False, reasoning=" ".join(THOUGHTS) * 3)
    elif chance < 0.04:
        response.update(text="", finish_reason="content_filter", reasoning=None)
    elif chance < 0.045:
        del line["response"]
        line.update(error={"kind": "error", "message": "HTTP 503 from 127.0.0.1:8000: overloaded"}, attempts=8)
    return line


HOSTILE_TEXT = (
    "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'><svg onload=hacked=3>"
    "<style>*{display:none}</style>\u202eDELIAF\u202c\x00\x1b[31m [click](javascript:window.hacked=4) "
    "{{constructor.constructor('window.hacked=5')()}} \u2028 \ufeff end-of-attack"
)
HOSTILE_IDS = (
    "__proto__",
    "constructor",
    "<script>window.hacked=6</script>",
    "a/b?c#d%2e%2e/../x",
    "\u202etxt.exe",
    "plain",
)


def hostile(folder: Path) -> Path:
    """A run in which everything that a model or a data set can say is an attack; no clip is real."""
    attack = HOSTILE_TEXT
    lines = []
    for place, id in enumerate(HOSTILE_IDS):
        sample = {
            "question": attack,
            "choices": [attack, "<b>bold</b>", "plain", None],
            "target": attack,
            "metadata": {"domain": attack, "__proto__": "<i>x</i>", "difficulty": "toString"},
            "cluster": None,
        }
        audio = [
            {
                "path": ("javascript:window.hacked=7", "../../../../etc/passwd", "/etc/passwd")[place % 3],
                "sha256": ("../../etc/passwd", "0" * 64, "f" * 64)[place % 3],
                "bytes": 10, "mtime_ns": 0, "seconds": 1.0, "transform": attack, "changed": [attack],
            }
        ]  # fmt: skip
        long = attack * (2**20 // len(attack) + 1)
        line = record(id, "off", f"A. {attack}", audio, sample=sample, reasoning=long if id == "plain" else attack)
        line["response"]["served_model"] = attack
        line["prompt"] = [{"role": attack, "parts": [attack, {"audio": 0}]}]
        other = record(id, "on", "", audio, sample=sample)
        del other["response"]
        lines += [line, {**other, "error": {"kind": "error", "message": attack}}]
    task = task_json("hostile", task_alias=attack, description=attack)
    return write_run(folder, lines, task=task, told=attack)
