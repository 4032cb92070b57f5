"""Which options a piece of prose names, by text or by letter, less those that it denies, supposes or considers."""

from __future__ import annotations

import re

from audiobench.extraction import cues, negation
from audiobench.extraction.options import Mention, Options
from audiobench.extraction.text import tokens


class Ambiguous(Exception):
    """The response contradicts itself or leaves the choice open."""


class Prose:
    """Reads pieces of one response against the options of one item."""

    def __init__(self, offered: Options) -> None:
        self.offered = offered

    def mentions(self, text: str, *, hedged: bool = True) -> set[str]:
        """Letters of the options that a piece of prose names by text and does not deny."""
        spans = self.struck(text, hedged)
        named: set[str] = set()
        for mention in self.offered.mentions(text):
            if mention.start in spans:
                continue
            if all(self.offered.by_letter[letter].silent for letter in mention.letters):
                continue
            if len(mention.letters) > 1:
                raise Ambiguous
            named |= mention.letters | self.shared(text, mention)
        return named

    def shared(self, text: str, mention: Mention) -> set[str]:
        """Letters of the options that share the mention's last word: both guitars in "acoustic or electric guitar".

        Raises:
            Ambiguous: a range of numbers ("2 or 3 dogs").
        """
        joined = cues.SHARING.search(text, max(0, mention.start - 40), mention.start)
        if not joined:
            return set()
        word = tokens(joined.group(1))[-1].text
        pattern = self.offered.by_letter[next(iter(mention.letters))].pattern
        if word.isdigit() and pattern[0].isdigit():
            raise Ambiguous
        return {o.letter for o in self.offered.all if word in o.pattern and o.pattern[-1] == pattern[-1]}

    def letters(self, text: str, *, hedged: bool = True) -> set[str]:
        """Letters of offered options that stand on their own in a piece of prose and are not denied."""
        spans = self.struck(text, hedged)
        named: set[str] = set()
        shadowed = {
            letter
            for letter in self.offered.letters
            for o in self.offered.all
            if o.pattern[:1] == (letter.casefold(),) or o.strict.startswith(letter.casefold() + ".")
        }
        for pair in cues.LETTER_PAIR.finditer(text):
            if pair.start() not in spans:
                named |= {*pair.groups()} & {*self.offered.letters}
        for match in cues.ANY_LETTER.finditer(text):
            letter = (match.group(1) or match.group(2)).upper()
            if letter in named or letter not in self.offered.letters or match.start() in spans:
                continue
            if match.group(2) and (
                letter in shadowed
                or cues.MUSICAL_AFTER.match(text, match.end())
                or (letter in "AI" and re.match(r"\s+(?!(?:or|and|nor|vs)\b)\w", text[match.end() : match.end() + 8]))
                or cues.OTHER_NAMING.search(text[max(0, match.start() - 24) : match.start()])
            ):
                continue
            named.add(letter)
        return named

    def only_in_passing(self, text: str, letter: str) -> bool:
        """True when an option made of everyday words is named only in mid-sentence, and no letter is given.

        At the end of the response it is an answer: after a comma or colon, or as what its one sentence states
        ("The tone is high.").
        """
        if not self.offered.by_letter[letter].common or letter in self.letters(text):
            return False
        end = len(text.rstrip(cues.WRAPPING))
        return not any(
            m.end >= end and letter in m.letters and cues.STATED.search(text[: m.start])
            for m in self.offered.mentions(text)
        )

    def struck(self, text: str, hedged: bool) -> negation.Spans:
        """Where a named option does not count: denied, rejected and (unless `hedged`) only considered."""
        considered = () if hedged else negation.hedged(text)
        return negation.Spans((*negation.denied(text), *negation.rejected(text), *considered))
