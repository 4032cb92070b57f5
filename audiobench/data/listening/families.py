"""The question families: each reads one type of scene and asks one thing about it.

A family says the answer and every answer that was possible, and a short trace that gets there: what is heard in
order, the step that follows from it, the result. `items` turns a reading into a balanced item.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from audiobench.data.listening.draw import Draw
from audiobench.data.listening.scenes import KINDS, VOWELS, Scene

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh")
PLURAL = {"beep": "beeps", "buzz": "buzzes", "hiss": "hisses", "click": "clicks"}


@dataclass(frozen=True, slots=True)
class Reading:
    """One question about one scene."""

    question: str
    answer: str | int
    answers: Sequence[str] | range
    """Every answer the family could have given to this question; a range for counts."""
    trace: str


Ask = Callable[[Scene, Draw], Reading | None]


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of question."""

    name: str
    domain: Literal["speech", "sound", "music"]
    skill: Literal["pitch", "loudness", "duration", "count", "tempo", "rhythm", "timbre", "order", "harmony"]
    kind: Literal["single", "compositional"]
    scene: str
    """Type of clip it asks about: a key of `scenes.TYPES`."""
    ask: Ask
    tally: bool = False
    """One kind has to be counted inside a sequence of several: where working step by step should pay."""


def _tally(labels: Sequence[str], wanted: str) -> tuple[str, int]:
    """The sequence with a running count behind each wanted label, and the count."""
    count, words = 0, list[str]()
    for label in labels:
        count += label == wanted
        words.append(f"{label} {count}" if label == wanted else label)
    return ", ".join(words), count


def _compare(labels: Sequence[str], a: str, b: str, names: tuple[str, str, str]) -> tuple[str, str]:
    """A running tally of two labels, and which of them is more frequent: a name of a, of b, or of equality."""
    counts, words = {a: 0, b: 0}, list[str]()
    for label in labels:
        if label in counts:
            counts[label] += 1
            words.append(f"{label} {counts[label]}")
        else:
            words.append(label)
    more = names[0] if counts[a] > counts[b] else names[1] if counts[b] > counts[a] else names[2]
    return f"{', '.join(words)}. {a} {counts[a]}, {b} {counts[b]}. {more}.", more


# Sounds: beeps, buzzes, hisses, clicks


def _count_kind(scene: Scene, draw: Draw) -> Reading | None:
    if len(scene.events) < 3:
        return None
    wanted = draw.choice(scene.labels) if draw.chance(0.8) else draw.choice(KINDS)
    words, count = _tally(scene.labels, wanted)
    return Reading(f"How many {PLURAL[wanted]} are there?", count, range(6), f"{words}. {PLURAL[wanted]} {count}.")


def _count_all(scene: Scene, draw: Draw) -> Reading:
    words = ", ".join(f"{label} {i + 1}" for i, label in enumerate(scene.labels))
    n = len(scene.events)
    return Reading("How many sounds are there in all?", n, range(1, 8), f"{words}. sounds {n}.")


def _end_sound(which: str) -> Ask:
    def ask(scene: Scene, draw: Draw) -> Reading | None:
        if len(scene.events) < 2:
            return None
        answer = scene.labels[0 if which == "first" else -1]
        return Reading(f"What is the {which} sound?", answer, KINDS, f"{', '.join(scene.labels)}. {which} {answer}.")

    return ask


def _after_sound(scene: Scene, draw: Draw) -> Reading | None:
    labels = scene.labels
    if len(labels) < 3:
        return None
    wanted = draw.choice(labels[:-1])
    answer = labels[labels.index(wanted) + 1]
    trace = f"{', '.join(labels)}. after first {wanted} {answer}."
    answers = (wanted, *(k for k in KINDS if k != wanted))  # a repetition is wanted as often as any other answer
    return Reading(f"What comes right after the first {wanted}?", answer, answers, trace)


def _more_kind(scene: Scene, draw: Draw) -> Reading | None:
    if len(scene.events) < 3:
        return None
    a = draw.choice(scene.labels)
    b = draw.choice([k for k in KINDS if k != a])
    a, b = draw.shuffled((a, b))
    names = (PLURAL[a], PLURAL[b], "equally many")
    trace, answer = _compare(scene.labels, a, b, names)
    return Reading(f"Are there more {PLURAL[a]} or more {PLURAL[b]}?", answer, names, trace)


def _distinct(question: str, noun: str, answers: range) -> Ask:
    def ask(scene: Scene, draw: Draw) -> Reading:
        seen: list[str] = []
        words: list[str] = []
        for label in scene.labels:
            new = label not in seen
            seen += [label] if new else []
            words.append(f"{label} {len(seen)}" if new else label)
        return Reading(question, len(seen), answers, f"{', '.join(words)}. {noun} {len(seen)}.")

    return ask


_distinct_kind = _distinct("How many different kinds of sound are there?", "kinds", range(1, 5))
_distinct_level = _distinct("How many different pitches do the notes have?", "pitches", range(1, 4))


# Three sounds of one kind that differ in level and length


def _attribute_trace(scene: Scene) -> str:
    return ", ".join(f"{ORDINALS[i]} {label}" for i, label in enumerate(scene.labels))


def _superlative(word: str, mark: str) -> Ask:
    def ask(scene: Scene, draw: Draw) -> Reading:
        answer = ORDINALS[next(i for i, label in enumerate(scene.labels) if mark in label.split())]
        trace = f"{_attribute_trace(scene)}. {word} {answer}."
        return Reading(f"Which of the three sounds is the {word}?", answer, ORDINALS[:3], trace)

    return ask


def _loud_long(scene: Scene, draw: Draw) -> Reading:
    loud = next(ORDINALS[i] for i, label in enumerate(scene.labels) if "loud" in label.split())
    long = next(ORDINALS[i] for i, label in enumerate(scene.labels) if "long" in label.split())
    answer = "yes" if loud == long else "no"
    trace = f"{_attribute_trace(scene)}. loudest {loud}. longest {long}. {answer}."
    return Reading("Is the loudest sound also the longest?", answer, ("yes", "no"), trace)


def _timbre(scene: Scene, draw: Draw) -> Reading:
    kind = scene.events[0].kind
    return Reading(
        "What kind of sound is repeated?", kind, ("beep", "buzz", "hiss"), f"{kind}, {kind}, {kind}. {kind}."
    )


# Glides


def _count_glide(scene: Scene, draw: Draw) -> Reading:
    wanted = draw.choice(("rising", "falling"))
    words, count = _tally(scene.labels, wanted)
    return Reading(f"How many of the glides are {wanted}?", count, range(6), f"{words}. {wanted} {count}.")


def _glide_direction(scene: Scene, draw: Draw) -> Reading:
    which = draw.choice(("first", "last"))
    answer = scene.labels[0 if which == "first" else -1]
    trace = f"{', '.join(scene.labels)}. {which} {answer}."
    return Reading(f"Is the {which} glide rising or falling?", answer, ("rising", "falling"), trace)


def _more_glide(scene: Scene, draw: Draw) -> Reading:
    names = ("rising", "falling", "equally many")
    trace, answer = _compare(scene.labels, "rising", "falling", names)
    return Reading("Are more of the glides rising or falling?", answer, names, trace)


# Melodies at three pitches, and contours of three notes


def _count_level(scene: Scene, draw: Draw) -> Reading | None:
    if len(scene.events) < 3:
        return None
    wanted = draw.choice(scene.labels) if draw.chance(0.8) else draw.choice(("low", "middle", "high"))
    words, count = _tally(scene.labels, wanted)
    question = f"The notes are low, middle or high, an octave apart. How many notes are {wanted}?"
    return Reading(question, count, range(6), f"{words}. {wanted} {count}.")


def _rises(scene: Scene, draw: Draw) -> Reading | None:
    if len(scene.events) < 3:
        return None
    rank = {"low": 0, "middle": 1, "high": 2}
    count, words = 0, [scene.labels[0]]
    for before, label in zip(scene.labels, scene.labels[1:], strict=False):
        up = rank[label] > rank[before]
        count += up
        words.append(f"{label} up {count}" if up else label)
    question = "How many times is a note higher than the note just before it?"
    return Reading(question, count, range(4), f"{', '.join(words)}. ups {count}.")


def _first_last(scene: Scene, draw: Draw) -> Reading:
    rank = {"low": 0, "middle": 1, "high": 2}
    first, last = scene.labels[0], scene.labels[-1]
    names = ("higher", "lower", "the same")
    answer = names[0] if rank[last] > rank[first] else names[1] if rank[last] < rank[first] else names[2]
    question = "Compared with the first note, how high is the last note?"
    trace = f"{', '.join(scene.labels)}. first {first}, last {last}. {answer}."
    return Reading(question, answer, names, trace)


def _count_notes(scene: Scene, draw: Draw) -> Reading:
    words = ", ".join(f"{label} {i + 1}" for i, label in enumerate(scene.labels))
    n = len(scene.events)
    return Reading("How many notes are played?", n, range(2, 8), f"{words}. notes {n}.")


CONTOURS = ("going up", "going down", "up then down", "down then up")


def _contour(scene: Scene, draw: Draw) -> Reading:
    a, b, c = (e.hz for e in scene.events)
    answer = CONTOURS[0 if a < b < c else 1 if a > b > c else 2 if b > a else 3]
    return Reading("How does the melody move?", answer, CONTOURS, f"{', '.join(scene.labels)}. {answer}.")


def _extreme(word: str) -> Ask:
    def ask(scene: Scene, draw: Draw) -> Reading:
        answer = ORDINALS[scene.labels.index(word)]
        trace = f"{', '.join(scene.labels)}. {word} {answer}."
        return Reading(f"Which of the three notes is the {word}?", answer, ORDINALS[:3], trace)

    return ask


# Time


def _tempo(scene: Scene, draw: Draw) -> Reading:
    answer = scene.labels[0]
    question = "Are the ticks slow (2 a second), medium (4 a second) or fast (8 a second)?"
    return Reading(question, answer, ("slow", "medium", "fast"), f"ticks {answer}. {answer}.")


def _acceleration(scene: Scene, draw: Draw) -> Reading:
    answer = scene.labels[0]
    gaps = {"faster": "long gaps, short gaps", "slower": "short gaps, long gaps", "steady": "equal gaps"}[answer]
    names = ("faster", "slower", "steady")
    return Reading("Do the ticks become faster or slower?", answer, names, f"{gaps}. {answer}.")


def _patterns(scene: Scene) -> tuple[str, str]:
    """The two patterns as marks, such as `x-xx` and `x---`."""
    marks = [["-"] * 4, ["-"] * 4]
    for event in scene.events:
        which, slot = event.label.split()
        marks[which == "second"][int(slot) - 1] = "x"
    return "".join(marks[0]), "".join(marks[1])


def _spoken(pattern: str) -> str:
    return " ".join("tick" if mark == "x" else "rest" for mark in pattern)


def _rhythm_same(scene: Scene, draw: Draw) -> Reading:
    a, b = _patterns(scene)
    answer = "yes" if a == b else "no"
    trace = f"first {_spoken(a)}, second {_spoken(b)}. {answer}."
    return Reading("Two patterns are played. Are they the same rhythm?", answer, ("yes", "no"), trace)


def _rhythm_more(scene: Scene, draw: Draw) -> Reading:
    a, b = (p.count("x") for p in _patterns(scene))
    names = ("the first", "the second", "equally many")
    answer = names[0] if a > b else names[1] if b > a else names[2]
    first, second = map(_spoken, _patterns(scene))
    trace = f"first {first}, second {second}. first {a}, second {b}. {answer}."
    return Reading("Two patterns are played. Which one has more ticks?", answer, names, trace)


def _rhythm_sum(scene: Scene, draw: Draw) -> Reading:
    a, b = (p.count("x") for p in _patterns(scene))
    first, second = map(_spoken, _patterns(scene))
    trace = f"first {first}, second {second}. first {a}, second {b}. ticks {a + b}."
    return Reading("Two patterns are played. How many ticks are there in all?", a + b, range(2, 9), trace)


# Harmony


def _harmony(scene: Scene, draw: Draw) -> Reading:
    answer = scene.labels[0]
    names = ("major chord", "minor chord", "single note")
    return Reading("What is played?", answer, names, f"{answer}. {answer}.")


def _count_chord(scene: Scene, draw: Draw) -> Reading:
    plain = ["note" if label == "single note" else "chord" for label in scene.labels]
    words, count = _tally(plain, "chord")
    question = "Single notes and chords are played. How many are chords?"
    return Reading(question, count, range(6), f"{words}. chords {count}.")


# Speech-like syllables


def _vowels(scene: Scene) -> list[str]:
    return [e.kind for e in scene.events]


def _voices(scene: Scene) -> list[str]:
    return [label.split()[0] for label in scene.labels]


def _end_vowel(which: str) -> Ask:
    def ask(scene: Scene, draw: Draw) -> Reading:
        answer = _vowels(scene)[0 if which == "first" else -1]
        trace = f"{', '.join(_vowels(scene))}. {which} {answer}."
        return Reading(f"Which vowel is in the {which} syllable?", answer, VOWELS, trace)

    return ask


def _syllables(scene: Scene, draw: Draw) -> Reading:
    words = ", ".join(f"{vowel} {i + 1}" for i, vowel in enumerate(_vowels(scene)))
    n = len(scene.events)
    return Reading("How many syllables are spoken?", n, range(1, 7), f"{words}. syllables {n}.")


def _count_vowel(scene: Scene, draw: Draw) -> Reading | None:
    if len(scene.events) < 3:
        return None
    vowels = _vowels(scene)
    wanted = draw.choice(vowels) if draw.chance(0.8) else draw.choice(VOWELS)
    words, count = _tally(vowels, wanted)
    return Reading(f"How many times is {wanted} spoken?", count, range(5), f"{words}. {wanted} {count}.")


def _intonation(scene: Scene, draw: Draw) -> Reading:
    glide = scene.events[-1].glide
    answer = "rising" if glide > 0 else "falling" if glide < 0 else "level"
    names = ("rising", "falling", "level")
    return Reading("How is the pitch of the last syllable?", answer, names, f"last syllable {answer}. {answer}.")


def _same_vowel(scene: Scene, draw: Draw) -> Reading | None:
    if len(scene.events) < 2:
        return None
    first, last = _vowels(scene)[0], _vowels(scene)[-1]
    answer = "yes" if first == last else "no"
    trace = f"{', '.join(_vowels(scene))}. first {first}, last {last}. {answer}."
    return Reading("Do the first and the last syllable have the same vowel?", answer, ("yes", "no"), trace)


def _who_more(scene: Scene, draw: Draw) -> Reading | None:
    if len(scene.events) < 2:
        return None
    names = ("the low voice", "the high voice", "equally many")
    trace, answer = _compare(_voices(scene), "low", "high", names)
    return Reading("Which voice speaks more syllables, the low or the high one?", answer, names, trace)


def _first_voice(scene: Scene, draw: Draw) -> Reading | None:
    if len(scene.events) < 2:
        return None
    answer = f"the {_voices(scene)[0]} voice"
    trace = f"{', '.join(_voices(scene))}. first {_voices(scene)[0]}."
    return Reading("Which voice speaks first?", answer, ("the low voice", "the high voice"), trace)


FAMILIES: tuple[Family, ...] = (
    Family("count_kind", "sound", "count", "compositional", "kinds", _count_kind, tally=True),
    Family("count_all", "sound", "count", "single", "kinds", _count_all),
    Family("first_sound", "sound", "order", "single", "kinds", _end_sound("first")),
    Family("last_sound", "sound", "order", "single", "kinds", _end_sound("last")),
    Family("after_sound", "sound", "order", "compositional", "kinds", _after_sound),
    Family("more_kind", "sound", "count", "compositional", "kinds", _more_kind),
    Family("distinct_kind", "sound", "timbre", "compositional", "kinds", _distinct_kind),
    Family("loudest", "sound", "loudness", "single", "attributes", _superlative("loudest", "loud")),
    Family("longest", "sound", "duration", "single", "attributes", _superlative("longest", "long")),
    Family("loud_long", "sound", "loudness", "compositional", "attributes", _loud_long),
    Family("timbre", "sound", "timbre", "single", "attributes", _timbre),
    Family("count_glide", "sound", "count", "compositional", "glides", _count_glide, tally=True),
    Family("glide_direction", "sound", "pitch", "single", "glides", _glide_direction),
    Family("more_glide", "sound", "count", "compositional", "glides", _more_glide),
    Family("count_level", "music", "count", "compositional", "melody", _count_level, tally=True),
    Family("rises", "music", "pitch", "compositional", "melody", _rises),
    Family("distinct_level", "music", "pitch", "compositional", "melody", _distinct_level),
    Family("first_last", "music", "pitch", "compositional", "melody", _first_last),
    Family("count_notes", "music", "count", "single", "melody", _count_notes),
    Family("contour", "music", "pitch", "single", "contour", _contour),
    Family("highest", "music", "pitch", "single", "contour", _extreme("highest")),
    Family("lowest", "music", "pitch", "single", "contour", _extreme("lowest")),
    Family("tempo", "music", "tempo", "single", "tempo", _tempo),
    Family("acceleration", "music", "tempo", "compositional", "acceleration", _acceleration),
    Family("rhythm_same", "music", "rhythm", "compositional", "rhythm", _rhythm_same),
    Family("rhythm_more", "music", "rhythm", "compositional", "rhythm", _rhythm_more),
    Family("rhythm_sum", "music", "rhythm", "compositional", "rhythm", _rhythm_sum),
    Family("harmony", "music", "harmony", "single", "harmony", _harmony),
    Family("count_chord", "music", "harmony", "compositional", "chords", _count_chord, tally=True),
    Family("first_vowel", "speech", "order", "single", "speech", _end_vowel("first")),
    Family("last_vowel", "speech", "order", "single", "speech", _end_vowel("last")),
    Family("syllables", "speech", "count", "single", "speech", _syllables),
    Family("count_vowel", "speech", "count", "compositional", "speech", _count_vowel, tally=True),
    Family("intonation", "speech", "pitch", "single", "speech", _intonation),
    Family("same_vowel", "speech", "timbre", "compositional", "speech", _same_vowel),
    Family("who_more", "speech", "count", "compositional", "speech", _who_more),
    Family("first_voice", "speech", "pitch", "single", "speech", _first_voice),
)
"""All families, in the order in which items are generated."""

BY_NAME = {family.name: family for family in FAMILIES}
