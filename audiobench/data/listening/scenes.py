"""What a clip contains: events with their times, drawn for each type of clip. No sound is made here.

A scene is the only truth about a clip: its audio (`synthesis.render`), the questions, answers and traces (`families`)
and the transcript all come from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from audiobench.data.listening.draw import Draw

KINDS = ("beep", "buzz", "hiss", "click")
LEVELS = ("low", "middle", "high")
VOWELS = ("ah", "ee", "oo")


@dataclass(frozen=True, slots=True)
class Event:
    """One sound of a clip."""

    kind: str
    """How it is made: beep, buzz, hiss, click, glide, note, chord, tick, or a vowel (ah, ee, oo)."""
    label: str
    """What a listener would call it, in the clip's own terms (`hiss`, `loud short`, `high`, `rising`, `low ah`)."""
    start: float
    """Seconds from the beginning of the clip."""
    end: float
    """Seconds from the beginning of the clip."""
    hz: float = 0.0
    """Fundamental frequency in the middle of the event (root of a chord); 0 for noises and clicks."""
    db: float = -12.0
    """Peak level, dB relative to full scale before the clip's gain."""
    glide: float = 0.0
    """Semitones from the beginning to the end of the event."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The facts of one clip."""

    type: str
    seconds: float
    events: tuple[Event, ...]
    gain: float = 0.0
    """dB, applied to the whole clip."""
    floor: float = -66.0
    """Level of the background noise, dB relative to full scale."""

    @property
    def labels(self) -> list[str]:
        """The labels in order of time."""
        return [e.label for e in self.events]


def _scene(draw: Draw, type_: str, seconds: float, events: list[Event]) -> Scene:
    gain, floor = draw.uniform(-9, 0, 0.1), draw.uniform(-80, -54, 0.1)
    return Scene(type_, seconds, tuple(events), gain, floor)


def _spread(draw: Draw, seconds: float, lengths: list[float], gap: float = 0.06) -> list[tuple[float, float]]:
    """Start and end of consecutive events: the spare time goes at random before, between and after them."""
    spare_ms = round(1000 * (seconds - 0.1 - sum(lengths) - gap * (len(lengths) - 1)))
    if spare_ms < 0:
        raise ValueError(f"{len(lengths)} events of {sum(lengths):.2f} s do not fit into {seconds} s")
    cuts = sorted(draw.integer(0, spare_ms) for _ in lengths)
    times, at = list[tuple[float, float]](), 0.05
    for i, length in enumerate(lengths):
        start = round(at + cuts[i] / 1000, 3)
        times.append((start, round(start + length, 3)))
        at += length + gap
    return times


def _seconds(draw: Draw, events: int, many: int = 5) -> float:
    return draw.choice((2.5, 3.0) if events > many else (2.0, 2.5, 3.0))


KIND_LENGTH = {"beep": (0.10, 0.18), "buzz": (0.12, 0.20), "hiss": (0.12, 0.20), "click": (0.014, 0.018)}


def _pitch_of(draw: Draw, kind: str) -> float:
    if kind == "beep":
        return draw.uniform(750, 1100, 1)
    return draw.uniform(110, 170, 1) if kind == "buzz" else 0.0


def kinds(draw: Draw) -> Scene:
    """One to seven of beep, buzz, hiss and click, two to four kinds, one of them more often."""
    n = draw.integer(1, 7)
    palette = draw.shuffled(KINDS)[: draw.integer(2, 4)]
    names = [palette[0] if draw.chance(0.35) else draw.choice(palette) for _ in range(n)]
    seconds = _seconds(draw, n)
    times = _spread(draw, seconds, [draw.uniform(*KIND_LENGTH[k]) for k in names])
    events = [
        Event(k, k, a, b, _pitch_of(draw, k), draw.uniform(-15, -9, 0.1))
        for k, (a, b) in zip(names, times, strict=True)
    ]
    return _scene(draw, "kinds", seconds, events)


def attributes(draw: Draw) -> Scene:
    """Three sounds of one kind: one is 14 to 18 dB louder, one is 2.5 to 3 times as long."""
    kind = draw.choice(("beep", "buzz", "hiss"))
    loud, long = draw.integer(0, 2), draw.integer(0, 2)
    short = draw.uniform(0.16, 0.22)
    lengths = [round(short * draw.uniform(2.5, 3.0), 3) if i == long else short for i in range(3)]
    seconds = _seconds(draw, 3)
    soft_db, hz = draw.uniform(-27, -23, 0.1), _pitch_of(draw, kind)
    loud_db = round(soft_db + draw.uniform(14, 18, 0.1), 1)
    events: list[Event] = []
    for i, (a, b) in enumerate(_spread(draw, seconds, lengths, 0.1)):
        label = f"{'loud' if i == loud else 'soft'} {'long' if i == long else 'short'}"
        events.append(Event(kind, label, a, b, hz, loud_db if i == loud else soft_db))
    return _scene(draw, "attributes", seconds, events)


def glides(draw: Draw) -> Scene:
    """Two to six tones that rise or fall by 14 to 20 semitones."""
    n = draw.integer(2, 6)
    seconds = _seconds(draw, n, 4)
    upward = draw.choice((0.25, 0.5, 0.75))
    events: list[Event] = []
    for a, b in _spread(draw, seconds, [draw.uniform(0.24, 0.32) for _ in range(n)]):
        up = draw.chance(upward)
        size = draw.uniform(14, 20, 0.1)
        hz = draw.uniform(520, 760, 1)
        events.append(Event("glide", "rising" if up else "falling", a, b, hz, -12.0, size if up else -size))
    return _scene(draw, "glides", seconds, events)


LEVEL_HZ = {"low": 300.0, "middle": 600.0, "high": 1200.0}


def melody(draw: Draw) -> Scene:
    """Two to seven notes at three pitches an octave apart (each clip tuned anew by up to a semitone)."""
    n = draw.integer(2, 7)
    seconds = _seconds(draw, n)
    palette = draw.shuffled(LEVELS)[: draw.choice((1, 2, 2, 3, 3, 3, 3, 3))]
    tuning = 2 ** (draw.uniform(-1, 1, 0.01) / 12)
    events: list[Event] = []
    for a, b in _spread(draw, seconds, [draw.uniform(0.16, 0.24) for _ in range(n)]):
        level = palette[0] if draw.chance(0.25) else draw.choice(palette)
        events.append(Event("note", level, a, b, round(LEVEL_HZ[level] * tuning, 2), draw.uniform(-14, -10, 0.1)))
    return _scene(draw, "melody", seconds, events)


def contour(draw: Draw) -> Scene:
    """Three notes from 300 to 1270 Hz, at least three semitones apart, none equal."""
    steps = draw.shuffled(range(9))[:3]
    seconds = _seconds(draw, 3)
    tuning = draw.uniform(-0.4, 0.4, 0.01)
    ranks = sorted(steps)
    events: list[Event] = []
    for step, (a, b) in zip(steps, _spread(draw, seconds, [draw.uniform(0.28, 0.42) for _ in steps]), strict=True):
        hz = round(300 * 2 ** ((3 * step + tuning) / 12), 2)
        events.append(Event("note", ("lowest", "between", "highest")[ranks.index(step)], a, b, hz))
    return _scene(draw, "contour", seconds, events)


TEMPO_GAP = {"slow": 0.5, "medium": 0.25, "fast": 0.125}


def _ticks(draw: Draw, starts: list[float], label: str) -> list[Event]:
    hz = draw.uniform(1200, 1800, 1)
    return [Event("tick", label, s, round(s + 0.03, 3), hz) for s in starts]


def tempo(draw: Draw) -> Scene:
    """Ticks at 2, 4 or 8 a second, within 8 %."""
    name = draw.choice(tuple(TEMPO_GAP))
    seconds = _seconds(draw, 1)
    gap = TEMPO_GAP[name] * draw.uniform(0.92, 1.08)
    first = draw.uniform(0.05, 0.2)
    starts = [round(first + i * gap, 3) for i in range(int((seconds - 0.1 - first) / gap) + 1)]
    return _scene(draw, "tempo", seconds, _ticks(draw, starts, name))


def acceleration(draw: Draw) -> Scene:
    """Eight or nine ticks whose gaps shrink, grow or stay, by a factor of about three over the clip."""
    name = draw.choice(("faster", "slower", "steady"))
    n = draw.integer(8, 9)
    seconds = 3.0
    ratio = {"faster": 1 / 3, "slower": 3.0, "steady": 1.0}[name] * draw.uniform(0.92, 1.08)
    if name == "steady":
        ratio = 1.0
    gaps = [ratio ** (i / (n - 2)) for i in range(n - 1)]
    scale = draw.uniform(2.2, 2.7) / sum(gaps)
    at, starts = draw.uniform(0.05, 0.2), list[float]()
    for gap in [*gaps, 0.0]:
        starts.append(round(at, 3))
        at += gap * scale
    return _scene(draw, "acceleration", seconds, _ticks(draw, starts, name))


def rhythm(draw: Draw) -> Scene:
    """Two patterns of four slots, each a tick (`x`) or a rest (`-`), the first slot always a tick; a pause between."""
    first = "x" + "".join(draw.choice("x-") for _ in range(3))
    second = first if draw.chance(0.4) else "x" + "".join(draw.choice("x-") for _ in range(3))
    slot = draw.uniform(0.22, 0.26)
    seconds = draw.choice((2.5, 3.0))
    start = draw.uniform(0.05, 0.12)
    second_start = start + 4 * slot + draw.uniform(0.25, 0.35)
    hz = draw.uniform(1200, 1800, 1)
    events: list[Event] = []
    for name, pattern, at in (("first", first, start), ("second", second, second_start)):
        for i, mark in enumerate(pattern):
            if mark == "x":
                a = round(at + i * slot, 3)
                events.append(Event("tick", f"{name} {i + 1}", a, round(a + 0.03, 3), hz))
    return _scene(draw, "rhythm", seconds, events)


HARMONY = {"major chord": (0, 4, 7), "minor chord": (0, 3, 7), "single note": (0,)}


def _root(draw: Draw) -> float:
    return round(523.25 * 2 ** (draw.integer(0, 7) / 12), 2)


def harmony(draw: Draw) -> Scene:
    """One major chord, minor chord or single note of 1.4 to 1.8 s."""
    name = draw.choice(tuple(HARMONY))
    seconds = _seconds(draw, 1)
    (a, b), *_ = _spread(draw, seconds, [draw.uniform(1.4, 1.8)])
    return _scene(draw, "harmony", seconds, [Event("chord", name, a, b, _root(draw))])


def chords(draw: Draw) -> Scene:
    """Two to six short sounds, each a single note or a chord."""
    n = draw.integer(2, 6)
    seconds = _seconds(draw, n, 4)
    share = draw.choice((0.25, 0.5, 0.75))
    events: list[Event] = []
    for a, b in _spread(draw, seconds, [draw.uniform(0.22, 0.3) for _ in range(n)]):
        chord = draw.chance(share)
        name = draw.choice(("major chord", "minor chord")) if chord else "single note"
        events.append(Event("chord", name, a, b, _root(draw)))
    return _scene(draw, "chords", seconds, events)


VOICE_HZ = {"low": (135, 155), "high": (270, 310)}


def speech(draw: Draw) -> Scene:
    """One to six formant syllables in a low or a high voice; the last is longer and glides by an octave or stays."""
    n = draw.integer(1, 6)
    seconds = _seconds(draw, n, 4)
    lengths = [draw.uniform(0.16, 0.22) for _ in range(n - 1)] + [draw.uniform(0.42, 0.5)]
    palette = draw.shuffled(VOWELS)[: draw.integer(2, 3)]
    low_share = draw.choice((0.25, 0.5, 0.75))
    events: list[Event] = []
    for i, (a, b) in enumerate(_spread(draw, seconds, lengths)):
        vowel = palette[0] if draw.chance(0.25) else draw.choice(palette)
        voice = "low" if draw.chance(low_share) else "high"
        glide = draw.choice((-12.0, 0.0, 12.0)) if i == n - 1 else 0.0
        events.append(Event(vowel, f"{voice} {vowel}", a, b, draw.uniform(*VOICE_HZ[voice], 1), -12.0, glide))
    return _scene(draw, "speech", seconds, events)


TYPES: dict[str, Callable[[Draw], Scene]] = {
    "kinds": kinds,
    "attributes": attributes,
    "glides": glides,
    "melody": melody,
    "contour": contour,
    "tempo": tempo,
    "acceleration": acceleration,
    "rhythm": rhythm,
    "harmony": harmony,
    "chords": chords,
    "speech": speech,
}
"""Every type of clip, by name: a function from a `Draw` to a `Scene`."""
