"""From a response to an answer, by named rules that say what they found and never guess.

`extract(text, rules, options)` tries the rules in order and returns the first answer. A task names its rules in its YAML
(`extraction: [multiple_choice]`). Built in are `EXTRACTORS`; another package brings its own by an entry point of the group
`audiobench.extractors`, a file as `FILE.py:function`. Such a function takes (response without its thought, (letter, text)
of each option, question) and returns the answer, where there are options the letter, or None where it finds nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from audiobench.core import plugins
from audiobench.core.errors import UsageError
from audiobench.core.types import LETTERS, Answer
from audiobench.extraction import short
from audiobench.extraction.choice import choose
from audiobench.extraction.cues import BOXED
from audiobench.extraction.patterns import phrase, words
from audiobench.extraction.text import final_answer, readable

VERSION = "7"
"""Raised when a rule changes what it finds; part of a task's fingerprint."""

_Options = Sequence[tuple[str, str]]
_Extractor = Callable[[str, _Options, str], Answer]
"""(response, options, question) -> answer."""

_NOTHING = Answer(None)
_BY_TEXT = words("option_text conclusion paraphrase position bold")
_BY_LETTER = words("letter paren_letter option_letter concluded")
"""Rules of `choose` that find an option by its text alone, or its letter alone; all others may do so by either."""
_RESPONSE = phrase(r"<response>(.*?)(?:</response>|$)", re.DOTALL)


def _option(without: frozenset[str] = frozenset()) -> _Extractor:
    """The chosen option, where it is found by another rule than these."""

    def extractor(text: str, options: _Options, question: str) -> Answer:
        found = choose(text, options, question)
        return _NOTHING if found.rule in without else found

    return extractor


def _wrapped(pattern: re.Pattern[str], rule: str) -> _Extractor:
    """What the last match of a pattern holds: an option where there are options, else its content."""

    def extractor(text: str, options: _Options, question: str) -> Answer:
        contents = pattern.findall(readable(text) or "")
        content = contents[-1].strip() if contents else ""
        if not options:
            return Answer(content, rule) if content else _NOTHING
        found = choose(content, options, question)
        return replace(found, rule=rule) if found.value else _NOTHING

    return extractor


def _plain(find: Callable[[str], tuple[str, str] | None]) -> _Extractor:
    """What `find` reads, whatever is offered."""

    def extractor(text: str, options: _Options, question: str) -> Answer:
        found = find(text)
        return Answer(*found) if found else _NOTHING

    return extractor


def _full_text(text: str) -> tuple[str, str] | None:
    answer = final_answer(text)
    return (answer, "full_text") if answer else None


EXTRACTORS: Mapping[str, tuple[_Extractor, str]] = {
    "multiple_choice": (_option(), "the chosen option, by letter or by text (the default for choices)"),
    "option_letter": (_option(_BY_TEXT), "the chosen option, where the response gives its letter"),
    "option_text": (_option(_BY_LETTER), "the chosen option, where the response gives its text"),
    "boxed": (
        _wrapped(BOXED, "boxed"),
        "what the last \\boxed{} holds: an option where there are options, else the content",
    ),
    "response_tag": (_wrapped(_RESPONSE, "response_tag"), "what the last <RESPONSE> tag holds"),
    "number": (_plain(short.number), "the final number: boxed, behind 'answer is' or '####', else the last one"),
    "yes_no": (_plain(short.yes_no), "yes or no"),
    "valid_invalid": (_plain(short.valid_invalid), "valid or invalid"),
    "count": (_plain(short.count), "a count, in digits or words"),
    "short_answer": (_plain(short.short_answer), "valid / invalid, yes / no or a count (Big Bench Audio)"),
    "full_text": (_plain(_full_text), "the whole final answer, thinking removed"),
}
"""Name -> (function, what it finds)."""
OPTION_RULES = ("multiple_choice", "option_letter", "option_text")
"""The rules that find nothing where no option is offered."""


@lru_cache(maxsize=64)
def find_extractor(name: str) -> tuple[_Extractor, str]:
    """(the rule of that name, the version of its code; empty for a built-in one).

    Raises:
        UsageError: there is none, or it is no function.
    """
    if name in EXTRACTORS:
        return EXTRACTORS[name][0], ""
    found = plugins.find("extractor", name)
    if found is None:
        raise UsageError(plugins.unknown("extraction rule", name, EXTRACTORS, "FILE.py:function"))
    if not callable(found.made) or isinstance(found.made, type):
        raise UsageError(f"extraction rule {found.where}: needs a function of (text, options, question)")
    return _own(found), f"{found.name}@{getattr(found.made, 'version', '1')}{found.code}"


def _own(found: plugins.Plugin) -> _Extractor:
    """A function of other people as a rule."""
    rule = found.name.rpartition(":")[2]

    def extractor(text: str, options: _Options, question: str) -> Answer:
        value = found.made(readable(text) or "", options, question)
        if value is None:
            return _NOTHING
        letters = [letter for letter, _ in options]
        if not isinstance(value, str) or (letters and value not in letters):
            right = f"one of {', '.join(letters)}" if letters else "text"
            raise UsageError(f"extraction rule {found.where}: must return {right}, or None; found {value!r}")
        return Answer(value, rule, LETTERS.index(value) if letters else None)

    return extractor


def version_of(rules: Sequence[str]) -> str:
    """`VERSION`, and that of each rule of other people's code: part of a task's fingerprint."""
    return " ".join(filter(None, [VERSION, *(find_extractor(rule)[1] for rule in rules)]))


def extract(
    text: str,
    rules: Sequence[str],
    options: Sequence[tuple[str, str]] = (),
    *,
    slots: Sequence[str | None] = (),
    question: str = "",
) -> Answer:
    """The answer of a response, by the first rule that finds one.

    Args:
        text: the response; a closed thinking block is skipped, an unclosed one makes it unparsed.
        rules: names of rules, in order.
        options: (letter, text) of each offered option (`Sample.options`).
        slots: option texts in slot order with None for padding (`Sample.choices`); used when `options` is empty.
        question: the question that was asked; what a denial means depends on it ("Which sound can NOT be heard?").

    Returns:
        For multiple choice `value` is the letter, `index` its slot (A = 0) and `rule` what in the response said so.
        `value is None` means unparsed.

    Raises:
        UsageError: an unknown rule name.
    """
    finders = [find_extractor(rule)[0] for rule in rules]
    if not options and slots:
        options = [(LETTERS[i], slot) for i, slot in enumerate(slots) if slot is not None]
    for find in finders:
        answer = find(text, options, question)
        if answer.value is not None:
            return answer
    return _NOTHING
