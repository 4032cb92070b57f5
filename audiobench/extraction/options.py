"""The options of one item as patterns, and where a response names them by text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from audiobench.extraction.numbers import PRONOUN_BEFORE
from audiobench.extraction.text import Token, normalise, tokens

_ARTICLES = frozenset(("a", "an", "the"))
_ARTICLES_SKIPPED = 3
"""Articles passed over at most between two words of an option."""
_ARTICLE_ONLY = re.compile(r"[^\w]*(?:(?:an?|the)\s+[\"'(]*)?", re.IGNORECASE)
_NOTES = frozenset("abcdefg")
_NOT_AFTER_A_NOTE = frozenset(("minor", "major", "flat", "sharp", "min", "maj"))
# Options made of these words alone are said in passing too often to count as an answer inside a sentence.
_COMMON = frozenset((
    "1", "other", "both", "all", "no", "yes", "none", "up", "down", "before", "after", "first", "second",
    "more", "less", "same", "different", "true", "false", "here", "there", "now", "then", "high", "low",
    "left", "right", "sound", "voice", "audio", "music", "speech",
))  # fmt: skip
# These say nothing at all inside a sentence.
_FUNCTION = frozenset((
    "it", "is", "to", "in", "on", "of", "and", "or", "a", "i", "he", "she", "they", "this", "that", "not",
    "so", "as", "at", "by", "for", "from", "what", "who", "can", "will", "may", "like", "we", "you",
))  # fmt: skip
_AFTER_ANSWER_NO = frozenset(
    ["it", "he", "she", "they", "there", "the", "this", "that", "because", "since", "or", "and"]
)


@dataclass(frozen=True, slots=True)
class Option:
    """One offered option."""

    letter: str
    text: str
    strict: str
    """Case-folded text with single blanks."""
    pattern: tuple[str, ...]
    """Tokens without articles."""

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


def strict_form(text: str) -> str:
    """Case-folded, single blanks, no wrapping quotes, no closing punctuation."""
    return " ".join(normalise(text).casefold().split()).strip("\"'").rstrip(".!,;。").strip("\"' ")


class Options:
    """The offered options of one item. Letters follow the slots, so a padded slot leaves a gap."""

    def __init__(self, options: Sequence[tuple[str, str]]) -> None:
        prefixed = [re.match(rf"\(?{letter}[).]\s+(?=\S)", text.strip()) for letter, text in options]
        if options and all(prefixed):
            options = [
                (letter, text.strip()[m.end() :]) for (letter, text), m in zip(options, prefixed, strict=True) if m
            ]
        self.letters = tuple(letter.upper() for letter, _ in options)
        raw = [tuple(t.text for t in tokens(normalise(text))) for _, text in options]
        notes = [r[0] for r in raw if len(r) > 1 and r[0] in _NOTES]
        musical = len(notes) > 1 and set(notes) != {"a"}
        self.all = tuple(
            Option(letter.upper(), text, strict_form(text), _without_articles(pattern, musical))
            for (letter, text), pattern in zip(options, raw, strict=True)
        )
        self.reach = 200 + 2 * max((len(text) for _, text in options), default=0)
        """Characters behind a cue within which an option's text must stand."""
        self.by_letter = {option.letter: option for option in self.all}
        self._symbols = frozenset(t for r in raw for t in r if not t[0].isalnum())
        self._read: dict[str, list[Mention]] = {}
        self._by_first: dict[str, list[Option]] = {}
        for option in self.all:
            if option.pattern:
                self._by_first.setdefault(option.pattern[0], []).append(option)

    def exact(self, text: str) -> frozenset[str]:
        """Letters of the options whose text this is: letter for letter first, else token by token."""
        if len(text) > self.reach:
            return frozenset()
        form = strict_form(text)
        found = frozenset(o.letter for o in self.all if o.strict and o.strict == form)
        if found:
            return found
        text = normalise(text)
        words = self.words(text)
        for mention in self.mentions(text):
            lead = text[: mention.start]
            if _ARTICLE_ONLY.fullmatch(lead) and mention.last_token == len(words) - 1:
                return mention.letters
        return frozenset()

    def words(self, text: str) -> list[Token]:
        """The tokens of a normalised text, without symbols that no option contains."""
        return [t for t in tokens(text) if t.text[0].isalnum() or t.text[0] == "-" or t.text in self._symbols]

    def mentions(self, text: str) -> list[Mention]:
        """Where a normalised text names options, longest first: a name inside a longer name does not count."""
        if text in self._read:
            return self._read[text]
        words = self.words(text)
        found: list[Mention] = []
        for i, word in enumerate(words):
            ends: dict[int, set[str]] = {}
            for option in self._by_first.get(word.text, ()):
                last = _match(words, i, option.pattern)
                if last is not None and not (
                    _pronoun_one(words, i, option.pattern) or _determiner_no(words, i, option.pattern, text)
                ):
                    ends.setdefault(last, set()).add(option.letter)
            found += [Mention(word.start, words[j].end, frozenset(who), i, j) for j, who in ends.items()]
        kept: list[Mention] = []
        reach = -1
        for mention in sorted(found, key=lambda m: (m.first_token, -m.last_token)):
            if mention.last_token > reach:
                kept.append(mention)
                reach = mention.last_token
        self._read[text] = kept
        return kept

    def is_letter_text(self, letter: str) -> frozenset[str]:
        """Letters of the options whose text is this very letter ("A", "B", ... or a key such as "C")."""
        return frozenset(o.letter for o in self.all if o.strict == letter.casefold())

    def holds_token(self, letter: str) -> bool:
        """True when another option's text begins with this letter as a word of its own ("C major")."""
        return any(o.pattern[:1] == (letter.casefold(),) and o.letter != letter and letter != "A" for o in self.all)


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


def _match(words: Sequence[Token], start: int, pattern: tuple[str, ...]) -> int | None:
    j = start
    for n, wanted in enumerate(pattern):
        behind = j + _ARTICLES_SKIPPED if n else j
        while j < min(behind, len(words)) and words[j].text in _ARTICLES and words[j].text != wanted:
            j += 1
        if j >= len(words) or words[j].text != wanted:
            return None
        j += 1
    return j - 1


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
    return before in PRONOUN_BEFORE or after == "of"
