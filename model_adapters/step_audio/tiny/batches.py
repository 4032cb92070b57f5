"""Training batches: each is a function of (seed, step) alone, made while training runs, never stored.

A clip is one sequence with the shape of a tree, so that audio and question are read once:

    <|BOT|>human, audio --> question 1 --> think answer
                       |               --> direct answer
                       --> question 2  --> think answer
                                       --> direct answer

Attention follows the branches and positions restart at each of them, so every path is exactly the prompt that the
model sees later.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from audiobench.data.listening.draw import Draw
from audiobench.data.listening.families import FAMILIES, Family, Reading
from audiobench.data.listening.items import TRAIN_SEEDS, training_item, transcribe, window
from audiobench.data.listening.scenes import Scene
from audiobench.data.listening.synthesis import RATE, render
from model_adapters.step_audio.frontend import log_mel, token_count
from model_adapters.step_audio.tiny.prompts import direct_answer, draw_style, think_answer, user_text
from model_adapters.step_audio.tokenizer import SpecialTokens

SHAPES = ((2.0, 12), (2.5, 16), (3.0, 20))
"""Seconds of a clip, and how many such clips a batch holds (fixed, because every new shape costs a compilation)."""
QUESTIONS = 2
WEIGHTS = {"harmony": 2.5, "more_kind": 2.0, "after_sound": 1.5, "intonation": 1.5, "count_chord": 1.5, "contour": 1.3}
"""How often a family is drawn first for a clip, where it is not 1."""
TEXT_TYPES = ("kinds", "attributes", "glides", "melody", "harmony", "chords", "speech")
"""Types of clip whose transcript can be read without arithmetic on times."""
THINK_WEIGHT, DIRECT_WEIGHT, TRACE_WEIGHT = 4.0, 6.0, 1.0

CLASSES = (
    *("none", "beep", "buzz", "hiss", "click", "tick"),
    *("soft short", "soft long", "loud short", "loud long"),
    *("rising", "falling", "low", "middle", "high"),
    *("single note", "major chord", "minor chord"),
    *("low ah", "low ee", "low oo", "high ah", "high ee", "high oo"),
    *(f"step {i}" for i in range(9)),
)
"""What the auxiliary head tells for each audio token."""
GLIDES = ("none", "level", "up", "down")


@dataclass
class Batch:
    """One training step's input; arrays, ready for torch."""

    mels: list[np.ndarray]
    """One array (clips, 128, frames) for each of `SHAPES`, float32; empty for a batch without audio."""
    ids: np.ndarray
    """(rows, length) token ids."""
    positions: np.ndarray
    """(rows, length)"""
    segments: np.ndarray
    """(rows, length) node of the tree: 0 prefix, then for each question: question, think, direct; last = padding."""
    targets: np.ndarray
    """(rows, length) id that has to come next, or -1."""
    weights: np.ndarray
    """(rows, length) weight of that target in the loss."""
    events: np.ndarray
    """(audio tokens, 3) class, onsets and glide for the auxiliary head, in the order of the mels."""
    roles: np.ndarray
    """(rows, length) of the target: 0 none, 1 trace, 2 answer after thinking, 3 direct answer."""
    families: list[list[str]] = field(default_factory=list[list[str]])
    """Names of the families asked in each row."""


Asked = tuple[str, str, tuple[str, ...], str, str]
"""A question about a clip: family, question, choices, target, trace."""
Row = list[list[np.ndarray]]
"""The segments of one clip; of each its ids, positions, targets, weights and roles."""
SEGMENTS = 1 + 3 * QUESTIONS + 1


def ancestors() -> np.ndarray:
    """(segments, segments) bool: which segment may look at which."""
    allowed = np.eye(SEGMENTS, dtype=bool)
    for q in range(QUESTIONS):
        question = 1 + 3 * q
        allowed[question, 0] = True
        for answer in (question + 1, question + 2):
            allowed[answer, [0, question]] = True
    return allowed


class Maker:
    """Makes the batches of one training run.

    Args:
        seed: A training seed (at least `TRAIN_SEEDS`).
        tokenizer: The tiny model's tokenizer (transformers).
        text_share: Share of batches without audio at step 0; it falls to 0.03 at step 1,000.
    """

    def __init__(self, seed: int, tokenizer: Any, text_share: float = 0.15) -> None:
        if seed < TRAIN_SEEDS:
            raise ValueError(f"seed {seed}: training seeds start at {TRAIN_SEEDS}")
        self.seed = seed
        self.tokenizer = tokenizer
        self.special = SpecialTokens.of(tokenizer)
        self.text_share = text_share
        self._cache: dict[str, list[int]] = {}

    def __getitem__(self, step: int) -> Batch:
        draw = Draw("batch", self.seed, step)
        text = draw.chance(max(0.03, self.text_share * (1 - step / 1000)))
        rows: list[Row] = []
        mels: list[np.ndarray] = []
        events: list[np.ndarray] = []
        for seconds, count in SHAPES:
            group: list[np.ndarray] = []
            wanted = len(rows) + count
            while len(rows) < wanted:
                family = self._family(draw, text)
                item = training_item(self.seed, family.name, draw.integer(0, 2**48))
                if item.scene.seconds != seconds:
                    continue
                asked: list[Asked] = [(item.family.name, item.question, item.choices, item.target, item.trace)]
                while len(asked) < QUESTIONS:
                    asked.append(self._second(item.scene, draw))
                mel = None if text else self._mel(item.scene, draw)
                audio = 0 if mel is None else mel[1]
                rows.append(self._row(item.scene, asked, audio, draw))
                if mel is not None:
                    group.append(mel[0])
                    events.append(token_events(item.scene, mel[1]))
            if not text:
                mels.append(np.stack(group))
        return self._collate(rows, mels, events)

    def _family(self, draw: Draw, text: bool) -> Family:
        families = [f for f in FAMILIES if not text or f.scene in TEXT_TYPES]
        weights = [WEIGHTS.get(f.name, 1.0) for f in families]
        at = draw.uniform(0, sum(weights))
        for family, weight in zip(families, weights, strict=True):
            at -= weight
            if at <= 0:
                return family
        return families[-1]

    def _second(self, scene: Scene, draw: Draw) -> Asked:
        """Another question about the clip."""
        families = [f for f in FAMILIES if f.scene == scene.type]
        while True:
            family = draw.choice(families)
            reading = family.ask(scene, draw)
            if reading is not None and (not isinstance(reading.answers, range) or reading.answer in reading.answers):
                return (family.name, reading.question, options(reading, draw), str(reading.answer), reading.trace)

    def _mel(self, scene: Scene, draw: Draw) -> tuple[np.ndarray, int]:
        samples = render(scene, draw).astype(np.float32) / 32768.0
        return log_mel(samples).numpy(), token_count(len(samples))

    def encode(self, text: str) -> list[int]:
        """Ids of plain text."""
        if text not in self._cache:
            self._cache[text] = self.tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids
        return self._cache[text]

    def _row(self, scene: Scene, asked: list[Asked], audio: int, draw: Draw) -> Row:
        """The tree of one clip, which has so many audio tokens."""
        special = self.special
        head = [special.bot, *self.encode("human\n")]
        if audio:
            prefix = [*head, special.audio_start, *[special.audio_patch] * audio, special.audio_end]
        else:
            prefix = [*head, *self.encode(f"Transcript: {transcribe(scene)}\n")]
        segments = [plain(prefix, 0)]
        for _, question, choices, target, trace in asked:
            text = self.encode(user_text(question, choices, draw_style(draw)))
            asked_ids = [*text, special.eot, special.bot, *self.encode("assistant\n")]
            segments.append(plain(asked_ids, len(prefix)))
            at = len(prefix) + len(asked_ids)
            final = [*self.encode(target), special.eot]
            think = self.encode(think_answer(trace, target))
            segments.append(answer(think, 2, len(final), special.eot, at))
            direct = self.encode(direct_answer(target))
            segments.append(answer(direct, len(direct) - len(final) + 1, len(final), special.eot, at))
        return segments

    def _collate(self, rows: list[Row], mels: list[np.ndarray], events: list[np.ndarray]) -> Batch:
        longest = max(sum(len(s[0]) for s in row) for row in rows)
        length = -(-longest // 32) * 32
        shape = (len(rows), length)
        ids, positions, roles = (np.zeros(shape, np.int64) for _ in range(3))
        targets, segments = np.full(shape, -1, np.int64), np.full(shape, SEGMENTS - 1, np.int64)
        weights = np.zeros(shape, np.float32)
        for r, row in enumerate(rows):
            at = 0
            for number, parts in enumerate(row):
                end = at + len(parts[0])
                for out, part in zip((ids, positions, targets, weights, roles), parts, strict=True):
                    out[r, at:end] = part
                segments[r, at:end] = number
                at = end
        flat = np.concatenate(events) if events else np.zeros((0, 3), np.int64)
        return Batch(mels, ids, positions, segments, targets, weights, flat, roles)


def options(reading: Reading, draw: Draw) -> tuple[str, ...]:
    """Options for a reading whose scene was not made for it: a window of counts that holds the answer, or all."""
    while True:
        offered = window(reading.answers, draw)
        if reading.answer in offered:
            break
    texts = [str(o) for o in offered]
    return tuple(texts if isinstance(reading.answers, range) else draw.shuffled(texts))


def plain(ids: list[int], start: int) -> list[np.ndarray]:
    """A segment without targets."""
    n = len(ids)
    return [np.array(ids), np.arange(start, start + n), np.full(n, -1), np.zeros(n, np.float32), np.zeros(n, int)]


def answer(ids: list[int], given: int, final: int, eot: int, start: int) -> list[np.ndarray]:
    """A segment of prefill (`given` tokens) and what the model has to continue it with; the last `final` are answer."""
    n = len(ids)
    targets = np.array([*ids[1:], eot])
    targets[: given - 1] = -1
    is_answer = np.arange(n) >= n - final
    direct = given + final - 1 == n
    weights = np.where(is_answer, DIRECT_WEIGHT if direct else THINK_WEIGHT, TRACE_WEIGHT).astype(np.float32)
    roles = np.where(is_answer, 3 if direct else 2, 1)
    weights[targets < 0] = 0
    roles[targets < 0] = 0
    return [np.array(ids), np.arange(start, start + n), targets, weights, roles]


def token_events(scene: Scene, tokens: int) -> np.ndarray:
    """For each audio token (80 ms): class of the event that fills most of it, onsets in it, and its glide."""
    out = np.zeros((tokens, 3), np.int64)
    most = np.zeros(tokens)
    for event in scene.events:
        out[min(int(event.start / 0.08), tokens - 1), 1] += 1
        for t in range(int(event.start / 0.08), min(int(event.end / 0.08) + 1, tokens)):
            overlap = min(event.end, (t + 1) * 0.08) - max(event.start, t * 0.08)
            if overlap > most[t]:
                most[t] = overlap
                glide = GLIDES[1 if not event.glide else 2 if event.glide > 0 else 3]
                out[t, 0], out[t, 2] = CLASSES.index(event_class(scene, event)), GLIDES.index(glide)
    out[:, 1] = np.minimum(out[:, 1], 2)
    return out


def event_class(scene: Scene, event: Any) -> str:
    """The name in `CLASSES` of an event."""
    if event.kind == "tick":
        return "tick"
    if scene.type == "contour":
        return f"step {round(4 * np.log2(event.hz / 300))}"
    return event.label


assert RATE == 16_000
