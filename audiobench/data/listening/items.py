"""Items: a pure function of seed, family and index, with nothing to gain from the text alone.

For every item the options are fixed first and the right one is then drawn evenly among them (in blocks, so that even a
small set is balanced); only then a scene is looked for that makes it right. So the options tell nothing about the
answer, and neither does the place of an option.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from audiobench.core.errors import UsageError
from audiobench.data.listening.draw import Draw
from audiobench.data.listening.families import BY_NAME, FAMILIES, Family, Reading
from audiobench.data.listening.scenes import TYPES, Scene
from audiobench.data.listening.synthesis import render, wav

DEFAULT_SEED = 2026
TRAIN_SEEDS = 1_000_000
"""Seeds from here on are for training only, those below for evaluation only; each side refuses the other's."""
MOST_OPTIONS = 4


@dataclass(frozen=True, slots=True)
class Item:
    """One question about one clip. `wav()` makes the sound; everything else is known without it."""

    id: str
    family: Family
    scene: Scene
    question: str
    choices: tuple[str, ...]
    target: str
    trace: str
    """How a listener gets to the answer: what is heard, the step, the result."""

    def wav(self) -> bytes:
        """The clip as a 16 kHz mono 16-bit WAVE file; takes about 2 ms."""
        return wav(render(self.scene, Draw("sound", self.id)))

    @property
    def events(self) -> list[dict[str, Any]]:
        """The facts of the clip: kind, label, start and end in seconds, hz, db, glide in semitones."""
        return [
            {"kind": e.kind, "label": e.label, "start": e.start, "end": e.end, "hz": e.hz, "db": e.db, "glide": e.glide}
            for e in self.scene.events
        ]

    @property
    def transcript(self) -> str:
        """The clip told in words: a textual surrogate from which the question can be answered."""
        return transcribe(self.scene)

    def row(self) -> dict[str, Any]:
        """The item's columns, all but the audio."""
        return {
            "id": self.id,
            "question": self.question,
            "choices": list(self.choices),
            "answer": self.target,
            "domain": self.family.domain,
            "skill": self.family.skill,
            "family": self.family.name,
            "kind": self.family.kind,
            "tally": self.family.tally,
            "trace": self.trace,
            "events": self.events,
            "transcript": self.transcript,
        }


def transcribe(scene: Scene) -> str:
    """The scene in words, in the order of time."""
    parts: list[str] = []
    for event in scene.events:
        if scene.type == "attributes":
            parts.append(f"{event.label} {event.kind}")
        elif scene.type in ("tempo", "acceleration", "rhythm"):
            parts.append(f"tick at {event.start:.2f} s")
        elif scene.type == "contour":
            parts.append(f"note of {event.hz:.0f} Hz")
        elif scene.type == "melody":
            parts.append(f"{event.label} note")
        elif scene.type == "glides":
            parts.append(f"{event.label} glide")
        elif event is scene.events[-1] and scene.type == "speech":
            shape = "rising" if event.glide > 0 else "falling" if event.glide < 0 else "level"
            parts.append(f"{event.label}, {shape}")
        else:
            parts.append(event.label)
    return "; ".join(parts)


def window(answers: Sequence[str] | range, draw: Draw) -> list[str | int]:
    """The answers on offer: all of them, or four consecutive counts that lie anywhere in the range."""
    if isinstance(answers, range) and len(answers) > MOST_OPTIONS:
        start = draw.integer(answers.start, answers.stop - MOST_OPTIONS)
        return list(range(start, start + MOST_OPTIONS))
    return list(answers)


def _even(n: int, draw: Draw) -> list[int]:
    return draw.shuffled(range(n))


def _make(seed: int, family: Family, index: int, prefix: str) -> Item:
    draw = Draw(prefix, seed, family.name, index)
    probe = None
    while probe is None:
        probe = family.ask(TYPES[family.scene](draw), draw)
    size = len(probe.answers)
    k = min(size, MOST_OPTIONS)
    block, place = divmod(index, k)
    shared = Draw(prefix, "balance", seed, family.name, block)
    rank, position = _even(k, shared)[place], _even(k, shared)[place]
    offered: list[str | int] = []
    if isinstance(probe.answers, range):
        offered = window(probe.answers, draw)
    scene, reading = _search(family, draw, rank, offered)
    return _item(f"{family.name}-{seed}-{index:04d}", family, scene, reading, offered, rank, position, draw)


def _search(family: Family, draw: Draw, rank: int, offered: list[str | int]) -> tuple[Scene, Reading]:
    """The first scene in the stream whose answer is the wanted one."""
    for _ in range(100_000):
        scene = TYPES[family.scene](draw)
        reading = family.ask(scene, draw)
        if reading is not None and reading.answer == (offered or reading.answers)[rank]:
            return scene, reading
    raise AssertionError(f"family {family.name} can not give answer {rank} of {offered}")


def _item(
    name: str,
    family: Family,
    scene: Scene,
    reading: Reading,
    offered: list[str | int],
    rank: int,
    position: int,
    draw: Draw,
) -> Item:
    if offered:  # counts stay in order; the rank is the place
        choices = [str(c) for c in offered]
    else:
        choices = draw.shuffled([str(a) for a in reading.answers if a != reading.answer])
        choices.insert(position, str(reading.answer))
    return Item(name, family, scene, reading.question, tuple(choices), str(reading.answer), reading.trace)


def evaluation_item(seed: int, family: str, index: int) -> Item:
    """The item of an evaluation seed. Raises UsageError for a training seed or an unknown family."""
    if not 0 <= seed < TRAIN_SEEDS:
        raise UsageError(
            f"listening: seed {seed}: evaluation seeds are 0 to {TRAIN_SEEDS - 1}; the rest is for training"
        )
    return _make(seed, _family(family), index, "listening")


def training_item(seed: int, family: str, index: int) -> Item:
    """The item of a training seed. Raises UsageError for an evaluation seed or an unknown family."""
    if seed < TRAIN_SEEDS:
        raise UsageError(f"listening: seed {seed}: training seeds start at {TRAIN_SEEDS}; the rest is for evaluation")
    return _make(seed, _family(family), index, "training")


def _family(name: str) -> Family:
    if name not in BY_NAME:
        raise UsageError(f"listening: family {name!r} is not known; known are {', '.join(BY_NAME)}")
    return BY_NAME[name]


def generate(
    seed: int = DEFAULT_SEED, families: Sequence[str] | None = None, per_family: int = 30, split: str = "test"
) -> Iterator[Item]:
    """Items of all or some families, family by family.

    Args:
        seed: 0 to 999,999 for the split `test`, from 1,000,000 on for the split `train`.
        families: Names; None means all.
        per_family: Items of each family; multiples of 12 are exactly balanced.
        split: `test` or `train`.

    Raises:
        UsageError: the seed is not of that split, or a family or the split is not known.
    """
    if split not in ("test", "train"):
        raise UsageError(f"listening: split {split!r} is not known; it is test or train")
    make = evaluation_item if split == "test" else training_item
    for name in families if families is not None else [f.name for f in FAMILIES]:
        for index in range(per_family):
            yield make(seed, name, index)
