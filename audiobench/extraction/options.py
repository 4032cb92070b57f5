"""The options of one item as patterns of word stems, and where a response names them in their own or similar words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import lru_cache

from audiobench.extraction.patterns import words as _words
from audiobench.extraction.text import Token, clean, tokens

_ARTICLES = _words("a an the")
_FILLERS = _ARTICLES | _words("and while & is are was were be being of its their his her some")
"""Passed over between two words of an option, and left out of its pattern."""
_SUBJECTS = _words("it they he she there")
_NOTES = frozenset("abcdefg")
_AFTER_NOTE = _words("minor major flat sharp min maj")
_AFTER_ANSWER_NO = _SUBJECTS | _words("the this that because since or and")
_CALCULATION = 12
"""Words; in a longer piece a number without its unit is no option's own."""
_SAME_WORD = {
    "anger": "angry", "once": "1", "twice": "2", "thrice": "3", "equal": "same", "identical": "same", "equally": "same",
    "hungrily": "hungry", "melancholy": "melancholic", "bpm": "beat", "maj": "major", "min": "minor", "sorrow": "sad",
    "women": "woman", "men": "man", "children": "child",
    "afraid": "fear", "scared": "fear", "yeah": "yes", "yep": "yes", "yup": "yes", "nope": "no", "nah": "no",
}  # fmt: skip
_CLITIC = re.compile(r"(?<=\w)'(?:s|re|m|ve|ll|d)$")
_ENDING = re.compile(
    r"(?<=\w{3})(?:fulness|iness|ness|fully|ful|ingly|edly|ive|ing|ed|ance|ion|ement|ly|ies|es|(?<!s)s|y|e)$"
)
_POSITION = {"first": 0, "second": 1, "third": 2, "fourth": 3, "fifth": 4, "1st": 0, "2nd": 1, "3rd": 2, "4th": 3} | {
    str(slot + 1): slot for slot in range(5)
}


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """A token in the form in which inflections agree: "meows" and "meowing", "angry" and "anger", "57.0" and "57"."""
    word = _CLITIC.sub("", word).replace("♯", "#")
    word = _SAME_WORD.get(word, word)
    if "." in word and re.fullmatch(r"-?\d+\.\d+", word):
        return word.rstrip("0").rstrip(".")
    if not (word.isascii() and word.isalpha()):
        return word
    word = _ENDING.sub("", word)
    if word[-1] in "iey" and len(word) > 3:
        word = word[:-1]
    if len(word) > 2 and word[-1] == "y" and word[-2] not in "aeou":
        word = word[:-1] + "i"
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz" else word


_WIDER = {stem("man"): stem("male"), stem("woman"): stem("female")}
"""A man is male, but a male voice may be a boy's: read this way round only."""
_COMMON = frozenset(map(stem, _words(
    "other both all no yes none up down before after first second more less same different true false here there now then"
    " high low left right sound voice audio music speech"
)))  # fmt: skip
"""Options made of these words alone are said in passing too often to count as an answer inside a sentence."""
_FUNCTION = frozenset(map(stem, _words(
    "it is to in on of and or a i he she they this that not the an so as at by for from what who can will may like we you"
    " with be are was were has have had her his their its there do does did than but when while because very about into"
    " them him my your our which one some any"
)))  # fmt: skip
"""These say nothing at all inside a sentence."""


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
        return bool(word) and word.isascii() and _says_nothing(word)


@dataclass(frozen=True, slots=True)
class Mention:
    """A place where a response names one or several (identical) options by text; offsets in characters."""

    start: int
    end: int
    letters: frozenset[str]
    first_token: int = 0
    last_token: int = 0

    @property
    def letter(self) -> str:
        """The first of the options that have this text."""
        return min(self.letters)


def strict_form(text: str) -> str:
    """A clean text case-folded, with single blanks, no wrapping quotes and no closing punctuation."""
    return " ".join(text.casefold().split()).strip("\"'*").rstrip(".!,;。").strip("\"'* ")


class Options:
    """The offered options of one item. Letters follow the slots, so a padded slot leaves a gap."""

    def __init__(self, options: Sequence[tuple[str, str]], question: str = "") -> None:
        prefixed = [re.match(rf"\(?{letter}[).]\s+(?=\S)", text.strip()) for letter, text in options]
        texts = [
            text.strip()[m.end() if m and all(prefixed) else 0 :]
            for (_, text), m in zip(options, prefixed, strict=True)
        ]
        self.letters = tuple(letter.upper() for letter, _ in options)
        self.reach = 200 + 2 * max(map(len, texts), default=0)
        """Characters behind a cue within which an option's text must stand."""
        self.asked = frozenset(stem(t.text) for t in tokens(clean(question[-2000:])))
        texts = [clean(text).strip() for text in texts]
        raw = [tuple(t.text for t in tokens(text)) for text in texts]
        self.all = _compared(self.letters, texts, raw)
        self.by_letter = {option.letter: option for option in self.all}
        offered = {s for o in self.all for s in o.pattern}
        self._symbols = frozenset(t for r in raw for t in r if not t[0].isalnum())
        self._passed = ({*_FILLERS, *map(stem, _FILLERS)} | self.asked | {"one", "1"}) - {"not", "no"}
        self._passed -= {"1"} if "1" in offered else set()
        self._wider = {s: wider for s, wider in _WIDER.items() if wider in offered and s not in offered}
        self._by_first: dict[str, list[tuple[tuple[str, ...], Option]]] = {}
        for option in self.all:
            for pattern in {option.pattern, _joined(option.pattern)} - {()}:
                self._by_first.setdefault(pattern[0], []).append((pattern, option))

    def exact(self, text: str) -> Mention | None:
        """The option whose text this is: letter for letter first, else word by word."""
        if len(text) > self.reach - 160:
            return None
        form = strict_form(text)
        if found := frozenset(o.letter for o in self.all if o.strict and o.strict == form):
            return Mention(0, len(text), found)
        words = self.words(text)
        for mention in self.mentions(text, words):
            around = [w.text for w in words[: mention.first_token]]
            rest = words[mention.last_token + 1 :]
            if around and text.rstrip()[-1:] == "?":
                return None
            if all(w in _FILLERS or w in _SUBJECTS for w in around) and not any(w.text[-1].isalnum() for w in rest):
                return mention
        spelt = frozenset(o.letter for o in self.all if _sound(o.strict) == _sound(form)) if len(form) > 6 else None
        return Mention(0, len(text), spelt) if spelt and len(spelt) == 1 else None

    def words(self, text: str) -> list[Token]:
        """The tokens of a normalised text, without symbols that no option contains."""
        return [t for t in tokens(text) if t.text[0].isalnum() or t.text[0] == "-" or t.text in self._symbols]

    def mentions(self, text: str, words: Sequence[Token]) -> list[Mention]:
        """Where a normalised text names options, longest first: a name inside a longer name does not count."""
        texts = [w.text for w in words]
        stems = [self._wider.get(s, s) for s in map(stem, texts)]
        found: list[Mention] = []
        for i, word in enumerate(words):
            keys = {word.text, stems[i], stem(word.text + texts[i + 1]) if i + 1 < len(words) else ""}
            ends: dict[int, set[str]] = {}
            for pattern, option in (entry for key in keys for entry in self._by_first.get(key, ())):
                last = self._last(texts, texts if option.to_the_letter else stems, i, pattern)
                if last is not None and not (pattern == ("no",) and _determiner(words, i, text)):
                    ends.setdefault(last, set()).add(option.letter)
            found += [Mention(word.start, words[j].end, frozenset(who), i, j) for j, who in ends.items()]
        kept: list[Mention] = []
        for mention in sorted(found, key=lambda m: (m.first_token, -m.last_token)):
            if not kept or mention.last_token > kept[-1].last_token:
                kept.append(mention)
        return kept

    def _last(self, texts: Sequence[str], forms: Sequence[str], i: int, pattern: tuple[str, ...]) -> int | None:
        """The index of the last word of an option that begins at `i`, or None; at most four words are passed over."""
        for n, wanted in enumerate(pattern):
            behind = i + 4 if n else i
            while not (step := _step(texts, forms, i, wanted)):
                passed = i < behind and i < len(forms) and (forms[i] in self._passed or texts[i] in self._passed)
                if not (passed or (i < behind and forms[i : i + 1] == ["to"] and wanted[0].isdigit())):
                    return None
                i += 1
            i += step
        return i - 1

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
        slot = _POSITION.get(word, len(self.letters))
        ordinals = any(set(o.exact) & _POSITION.keys() for o in self.all)
        return None if ordinals or slot >= len(self.letters) else self.letters[slot]

    def is_letter_text(self, letter: str) -> frozenset[str]:
        """Letters of the options whose text is this very letter ("A", "B", ... or a key such as "C")."""
        return frozenset(o.letter for o in self.all if o.strict == letter.casefold())

    def shadows(self, letter: str) -> bool:
        """True when an option's text begins with this letter as a word of its own ("C major", "B. F. Skinner")."""
        low = letter.casefold()
        return any(o.exact[:1] == (low,) or o.strict.startswith(low + ".") for o in self.all)


def _sound(form: str) -> str:
    """A text with any vowel for each vowel and no letter doubled: "accordian" and "accordion" sound alike."""
    return form[:3] + re.sub(r"(.)\1+", r"\1", re.sub("[aeiou]", "a", form[3:])) if form.isalpha() else form


def _compared(letters: Sequence[str], texts: Sequence[str], raw: Sequence[tuple[str, ...]]) -> tuple[Option, ...]:
    """The options, each with what tells it from the others."""
    notes = {r[0] for r in raw if len(r) > 1 and r[0] in _NOTES}
    musical = len(notes) > 1
    exact = [tuple(t for i, t in enumerate(r) if t not in _ARTICLES or _is_note(r, i, musical)) or r for r in raw]
    loose = [_loose(e) for e in exact]
    strict = [strict_form(text) for text in texts]
    held = Counter(s for stems, _ in {(frozenset(p), f) for p, f in zip(loose, strict, strict=True)} for s in stems)
    options: list[Option] = []
    for letter, text, form, plain, pattern in zip(letters, texts, strict, exact, loose, strict=True):
        twin = any(p == pattern and f != form for p, f in zip(loose, strict, strict=True))
        own = frozenset(s for s in pattern if held[s] == 1 and not _says_nothing(s))
        options.append(Option(letter, text, form, plain, plain if twin else pattern, own, twin))
    return tuple(options)


def _says_nothing(word: str) -> bool:
    """True for a function word and a single letter; a Chinese character is a word."""
    return word in _FUNCTION or (
        len(word) == 1 and (word in "不没无非是的了在有" if not word.isascii() else word.isalpha())
    )


def _is_note(option: Sequence[str], i: int, musical: bool) -> bool:
    """True for the "a" of "A minor" and "A", and for the first word where options begin with several notes."""
    following = option[i + 1] if i + 1 < len(option) else ""
    return option[i] == "a" and (following in _AFTER_NOTE or len(following) < 2 or (musical and i == 0))


def _loose(exact: tuple[str, ...]) -> tuple[str, ...]:
    """The stems of an option without fillers, symbols and a subject in front."""
    words = exact[1:] if len(exact) > 2 and stem(exact[0]) in _SUBJECTS | {"to"} else exact
    kept = tuple(stem(t) for t in words if (t not in _FILLERS or t in _ARTICLES) and (t[-1].isalnum() or t[-1] in "#♯"))
    return kept if any(len(s) > 1 or s.isdigit() for s in kept) else exact


def _joined(pattern: tuple[str, ...]) -> tuple[str, ...]:
    """The pattern of two words as one ("drumkit" for "drum kit"), empty where it is longer or holds numbers."""
    return ("".join(pattern),) if len(pattern) == 2 and all(p.isalpha() and len(p) > 2 for p in pattern) else ()


def _step(texts: Sequence[str], forms: Sequence[str], i: int, wanted: str) -> int:
    """How many words from `i` are the wanted one: one, two written apart ("lawn mower"), or none (0)."""
    if wanted in (*forms[i : i + 1], *texts[i : i + 1]):
        return 1
    apart = "".join(texts[i : i + 2]) if len(wanted) > 5 and wanted.isalpha() else ""
    return 2 if apart and wanted in (apart, stem(apart)) and wanted.startswith(texts[i]) else 0


def _determiner(words: Sequence[Token], i: int, text: str) -> bool:
    """True for the "no" of "no second voice", which answers nothing."""
    between = text[words[i].end : words[i + 1].start] if i + 1 < len(words) else ""
    return between.isspace() and "\n" not in between and words[i + 1].text not in _AFTER_ANSWER_NO
