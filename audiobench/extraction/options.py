"""The options of one item as patterns of word stems, and where a response names them in their own or similar words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import lru_cache

from audiobench.extraction.numbers import PRONOUN_BEFORE
from audiobench.extraction.text import Token, normalise, tokens

_ARTICLES = frozenset(("a", "an", "the"))
# Passed over between two words of an option, and left out of its pattern.
_FILLERS = _ARTICLES | {
    "and",
    "while",
    "&",
    "is",
    "are",
    "was",
    "were",
    "be",
    "being",
    "of",
    "its",
    "their",
    "his",
    "her",
}
_PASSED_OVER = 4
"""Fillers and words of the question passed over at most between two words of an option."""
_CALCULATION = 12
"""Words; in a longer piece a number without its unit is no option's own."""
_SUBJECTS = frozenset(("it", "they", "he", "she", "there"))
_NOTES = frozenset("abcdefg")
_NOT_AFTER_A_NOTE = frozenset(("minor", "major", "flat", "sharp", "min", "maj"))
_AFTER_ANSWER_NO = frozenset(
    ["it", "he", "she", "they", "there", "the", "this", "that", "because", "since", "or", "and"]
)
_AFTER_PRONOUN_ONE = frozenset(
    ("of", "can", "could", "would", "might", "must", "may", "should", "who", "that", "which")
)
_SAME_WORD = {
    "anger": "angry", "once": "1", "twice": "2", "thrice": "3", "equal": "same", "identical": "same", "equally": "same",
    "hungrily": "hungry", "melancholy": "melancholic", "bpm": "beat", "maj": "major", "min": "minor", "sorrow": "sad", "women": "woman", "men": "man", "children": "child",
}  # fmt: skip
_CLITIC = re.compile(r"(?<=\w)'(?:s|re|m|ve|ll|d)$")
_ENDINGS = ("fulness", "iness", "ness", "fully", "ful", "ingly", "edly", "ive", "ing", "ed", "ance", "ion", "ement", "ly", "ies", "es", "s", "y", "e")  # fmt: skip
_POSITION = {"first": 0, "second": 1, "third": 2, "fourth": 3, "fifth": 4, "1st": 0, "2nd": 1, "3rd": 2, "4th": 3}
_POSITIONED = frozenset(("option", "choice", "one", "answer", "1"))


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """A token in the form in which inflections agree: "meows" and "meowing", "angry" and "anger", "57.0" and "57"."""
    word = _CLITIC.sub("", word).replace("♯", "#")
    word = _SAME_WORD.get(word, word)
    if "." in word and re.fullmatch(r"-?\d+\.\d+", word):
        return word.rstrip("0").rstrip(".")
    if not (word.isascii() and word.isalpha()):
        return word
    for ending in _ENDINGS if len(word) > 3 else ():
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not (ending in ("s", "es") and word[-2:] == "ss"):
            word = word[: -len(ending)]
            break
    if word[-1] in "iey" and len(word) > 3:
        word = word[:-1]
    if len(word) > 2 and word[-1] == "y" and word[-2] not in "aeou":
        word = word[:-1] + "i"
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz" else word


_GENERAL = {stem("man"): stem("male"), stem("woman"): stem("female")}
"""A man is male, but a male voice may be a boy's: read this way round only."""

# Options made of these words alone are said in passing too often to count as an answer inside a sentence.
_COMMON = frozenset(map(stem, (
    "other", "both", "all", "no", "yes", "none", "up", "down", "before", "after", "first", "second",
    "more", "less", "same", "different", "true", "false", "here", "there", "now", "then", "high", "low",
    "left", "right", "sound", "voice", "audio", "music", "speech",
)))  # fmt: skip
# These say nothing at all inside a sentence.
_FUNCTION = frozenset(map(stem, (
    "it", "is", "to", "in", "on", "of", "and", "or", "a", "i", "he", "she", "they", "this", "that", "not", "the", "an",
    "so", "as", "at", "by", "for", "from", "what", "who", "can", "will", "may", "like", "we", "you", "with", "be", "are",
    "was", "were", "has", "have", "had", "her", "his", "their", "its", "there", "do", "does", "did", "than", "but", "when",
    "while", "because", "very", "about", "into", "them", "him", "my", "your", "our", "which", "one", "some", "any",
)))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Option:
    """One offered option."""

    letter: str
    source: str
    """Normalised text."""
    strict: str
    """Case-folded text with single blanks."""
    exact: tuple[str, ...]
    """Tokens without articles."""
    pattern: tuple[str, ...]
    """Stems without fillers; the exact tokens where the stems would not tell two options apart."""
    own: frozenset[str]
    """The stems that no other option has."""
    to_the_letter: bool
    """True when `pattern` holds exact tokens."""

    @property
    def common(self) -> bool:
        """True when the text is made of words too common to be an answer in mid-sentence."""
        return all(token in _COMMON or token in _FUNCTION for token in self.pattern)

    @property
    def silent(self) -> bool:
        """True when the text is a function word or a single letter: inside a sentence it says nothing."""
        word = self.pattern[0] if len(self.pattern) == 1 else ""
        return word in _FUNCTION or (len(word) == 1 and word.isascii() and word.isalpha())


@dataclass(frozen=True, slots=True)
class Mention:
    """A place where a response names one or several (identical) options by text; offsets in characters."""

    start: int
    end: int
    letters: frozenset[str]
    first_token: int
    last_token: int

    @property
    def letter(self) -> str:
        """The first of the options that have this text."""
        return min(self.letters)


def strict_form(text: str) -> str:
    """Case-folded, single blanks, no wrapping quotes, no closing punctuation."""
    return " ".join(normalise(text).casefold().split()).strip("\"'*").rstrip(".!,;。").strip("\"'* ")


class Options:
    """The offered options of one item. Letters follow the slots, so a padded slot leaves a gap."""

    def __init__(self, options: Sequence[tuple[str, str]], question: str = "") -> None:
        prefixed = [re.match(rf"\(?{letter}[).]\s+(?=\S)", text.strip()) for letter, text in options]
        if options and all(prefixed):
            options = [
                (letter, text.strip()[m.end() :]) for (letter, text), m in zip(options, prefixed, strict=True) if m
            ]
        self.letters = tuple(letter.upper() for letter, _ in options)
        self.reach = 200 + 2 * max((len(text) for _, text in options), default=0)
        """Characters behind a cue within which an option's text must stand."""
        raw = [tuple(t.text for t in tokens(normalise(text))) for _, text in options]
        self._symbols = frozenset(t for r in raw for t in r if not t[0].isalnum())
        asked = {stem(t.text) for t in tokens(normalise(question[-2000:]))}
        self.all = _patterns([letter for letter, _ in options], [text for _, text in options], raw)
        self.by_letter = {option.letter: option for option in self.all}
        counted = any("1" in o.pattern for o in self.all)
        self._passed = (_FILLERS | asked | (set() if counted else {"1"})) - {"not", "no"}
        self.asked = asked
        offered = {s for o in self.all for s in o.pattern}
        self._general = {s: wider for s, wider in _GENERAL.items() if wider in offered and s not in offered}
        self._by_first: dict[str, list[tuple[tuple[str, ...], str, bool]]] = {}
        for option in self.all:
            for pattern in {option.pattern, _joined(option.pattern)} - {()}:
                self._by_first.setdefault(pattern[0], []).append((pattern, option.letter, option.to_the_letter))

    def exact(self, text: str) -> Mention | None:
        """The option whose text this is: letter for letter first, else word by word."""
        if len(text) > self.reach:
            return None
        form = strict_form(text)
        found = frozenset(o.letter for o in self.all if o.strict and o.strict == form)
        if found:
            return Mention(0, len(text), found, 0, 0)
        text = normalise(text)
        words = self.words(text)
        for mention in self.mentions(text, words):
            lead = [w.text for w in words[: mention.first_token]]
            rest = words[mention.last_token + 1 :]
            if not any(w.text[-1].isalnum() for w in rest) and all(
                w in _ARTICLES or w in _SUBJECTS or w in _FILLERS for w in lead
            ):
                return mention
        return None

    def words(self, text: str) -> list[Token]:
        """The tokens of a normalised text, without symbols that no option contains."""
        return [t for t in tokens(text) if t.text[0].isalnum() or t.text[0] == "-" or t.text in self._symbols]

    def mentions(self, text: str, words: Sequence[Token]) -> list[Mention]:
        """Where a normalised text names options, longest first: a name inside a longer name does not count."""
        stems = [self._general.get(stem(w.text), stem(w.text)) for w in words]
        found: list[Mention] = []
        for i, word in enumerate(words):
            keys = {word.text, stems[i]}
            if i + 1 < len(words) and word.text.isalpha():
                keys.add(stem(word.text + words[i + 1].text))
            ends: dict[int, set[str]] = {}
            for key in keys:
                for pattern, letter, exact in self._by_first.get(key, ()):
                    last = self._match(words, stems, i, pattern, exact)
                    if last is not None and not (
                        _pronoun_one(words, i, pattern) or _determiner_no(words, i, pattern, text)
                    ):
                        ends.setdefault(last, set()).add(letter)
            found += [Mention(word.start, words[j].end, frozenset(who), i, j) for j, who in ends.items()]
        kept: list[Mention] = []
        reach = -1
        for mention in sorted(found, key=lambda m: (m.first_token, -m.last_token)):
            if mention.last_token > reach:
                kept.append(mention)
                reach = mention.last_token
        return kept

    def _match(
        self, words: Sequence[Token], stems: Sequence[str], start: int, pattern: tuple[str, ...], exact: bool
    ) -> int | None:
        """The index of the last word of an option that begins at `start`, or None where it does not."""
        j = start
        for n, wanted in enumerate(pattern):
            behind = min(j + _PASSED_OVER if n else j, len(words))
            while j < behind and not _same(words, stems, j, wanted, exact):
                between_numbers = stems[j] == "to" and wanted[0].isdigit()
                if not (stems[j] in self._passed or words[j].text in _FILLERS or between_numbers):
                    return None
                j += 1
            step = _same(words, stems, j, wanted, exact)
            if not step:
                return None
            j += step
        return j - 1

    def nearest(self, said: Set[str], length: int) -> str | None:
        """The one option whose own words a piece of `length` words holds, where no other option's own words are held.

        A number alone decides only in a short piece: in a calculation it is one of many.
        """
        said = said - (self.asked - _NOTES) - (_COMMON - {"same"})
        held = {o.letter: o.own & said for o in self.all if (o.own & said or (not o.own and set(o.pattern) <= said))}
        if len({self.by_letter[letter].strict for letter in held}) != 1:
            return None
        letter, words = min(held.items())
        if length > _CALCULATION and all(w[-1].isdigit() for w in words):
            return None
        option = self.by_letter[letter]
        notes = {word for word in option.pattern[:1] if word in _NOTES}
        return letter if 2 * len(words) > len(option.own) and notes <= said else None

    def abbreviated(self, text: str) -> str | None:
        """The letter of the one option that begins with this letter or that alone has these words."""
        initial, words = text.strip().casefold(), {stem(t.text) for t in tokens(text[: self.reach])}
        fits = [o.letter for o in self.all if o.strict[:1] == initial or (words and words <= o.own)]
        return fits[0] if len(fits) == 1 else None

    def at_position(self, word: str) -> str | None:
        """The letter of "the second one", unless the options themselves speak of first and second."""
        slot = _POSITION.get(word)
        ordinals = any(set(o.exact) & _POSITION.keys() for o in self.all)
        return self.letters[slot] if slot is not None and slot < len(self.letters) and not ordinals else None

    def is_letter_text(self, letter: str) -> frozenset[str]:
        """Letters of the options whose text is this very letter ("A", "B", ... or a key such as "C")."""
        return frozenset(o.letter for o in self.all if o.strict == letter.casefold())

    def shadows(self, letter: str) -> bool:
        """True when an option's text begins with this letter as a word of its own ("C major", "B. F. Skinner")."""
        low = letter.casefold()
        return any(o.exact[:1] == (low,) or o.strict.startswith(low + ".") for o in self.all)


def _patterns(letters: Sequence[str], texts: Sequence[str], raw: Sequence[tuple[str, ...]]) -> tuple[Option, ...]:
    notes = [r[0] for r in raw if len(r) > 1 and r[0] in _NOTES]
    musical = len(notes) > 1 and set(notes) != {"a"}
    exact = [_without_articles(r, musical) for r in raw]
    loose = [_loose(e) for e in exact]
    strict = [strict_form(text) for text in texts]
    held = Counter(s for stems, form in {(frozenset(p), f) for p, f in zip(loose, strict, strict=True)} for s in stems)
    options: list[Option] = []
    for letter, text, form, plain, pattern in zip(letters, texts, strict, exact, loose, strict=True):
        twin = any(p == pattern and f != form for p, f in zip(loose, strict, strict=True))
        own = frozenset(s for s in pattern if held[s] == 1 and s not in _FUNCTION and not (len(s) == 1 and s.isalpha()))
        options.append(
            Option(letter.upper(), normalise(text).strip(), form, plain, plain if twin else pattern, own, twin)
        )
    return tuple(options)


def _without_articles(pattern: tuple[str, ...], musical: bool) -> tuple[str, ...]:
    kept: list[str] = []
    for i, token in enumerate(pattern):
        following = pattern[i + 1] if i + 1 < len(pattern) else ""
        note = token == "a" and (
            following in _NOT_AFTER_A_NOTE or not following or (musical and i == 0) or len(following) == 1
        )
        if token in _ARTICLES and not note:
            continue
        kept.append(token)
    return tuple(kept) or pattern


def _loose(pattern: tuple[str, ...]) -> tuple[str, ...]:
    stems = [stem(t) for t in pattern]
    if len(stems) > 2 and stems[0] in _SUBJECTS | {"to"}:
        stems = stems[1:]
    kept = tuple(
        s
        for s, t in zip(stems, pattern[-len(stems) :], strict=True)
        if (t not in _FILLERS or t in _ARTICLES) and (t[-1].isalnum() or t[-1] in "#♯")
    )
    return kept if any(len(s) > 1 or s.isdigit() for s in kept) else pattern


def _joined(pattern: tuple[str, ...]) -> tuple[str, ...]:
    """The pattern of two words as one ("drumkit" for "drum kit"), empty where it is longer or holds numbers."""
    return ("".join(pattern),) if len(pattern) == 2 and all(p.isalpha() and len(p) > 2 for p in pattern) else ()


def _same(words: Sequence[Token], stems: Sequence[str], j: int, wanted: str, exact: bool) -> int:
    """How many words from `j` are the wanted one: one, two written apart ("lawn mower"), or none (0)."""
    if j >= len(words):
        return 0
    if words[j].text == wanted or (not exact and stems[j] == wanted):
        return 1
    if j + 1 < len(words) and len(wanted) > 5 and wanted.isalpha() and wanted.startswith(words[j].text):
        joined = words[j].text + words[j + 1].text
        return 2 if wanted in (joined, stem(joined)) else 0
    return 0


def _determiner_no(words: Sequence[Token], i: int, pattern: tuple[str, ...], text: str) -> bool:
    if pattern != ("no",) or i + 1 >= len(words):
        return False
    between = text[words[i].end : words[i + 1].start]
    return between.isspace() and "\n" not in between and words[i + 1].text not in _AFTER_ANSWER_NO


def _pronoun_one(words: Sequence[Token], i: int, pattern: tuple[str, ...]) -> bool:
    if pattern != ("1",):
        return False
    before = words[i - 1].text if i else ""
    after = words[i + 1].text if i + 1 < len(words) else ""
    return before in PRONOUN_BEFORE or after in _AFTER_PRONOUN_ONE
