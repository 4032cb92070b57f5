"""One response as a passage: its sentences, and the options that a stretch of it names and means.

Whatever is taken out of sight (markup, a repeated list of the options, quoted speech) is replaced by blanks, so that
every offset holds in the passage and in the response.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import cached_property

from audiobench.extraction import cues, negation
from audiobench.extraction.options import Mention, Options, stem
from audiobench.extraction.text import Token

_SHORT_TEXT = 250
"""Characters; a longer text ends with the end of a sentence, or it was cut off."""
_SHORT_STATEMENT = 7
"""Words; a sentence this short that names an option says that it is the answer ("It is a man.")."""


class Passage:
    """Reads stretches of one normalised response against the options of one item."""

    def __init__(self, text: str, offered: Options) -> None:
        self.offered = offered
        self.raw = self._without_echo(cues.RUNS.sub(lambda m: m.group(1) * 3, text))
        plain = cues.LATEX.sub(_inner, self.raw)
        plain = cues.MARKUP.sub(_blank, plain)
        self.text = cues.QUOTED.sub(self._unspoken, plain)
        self.words = offered.words(self.text)
        self.mentions = offered.mentions(self.text, self.words)
        self._starts = [m.start for m in self.mentions]

    @cached_property
    def scopes(self) -> str:
        """The text with an "o" for every character of an option: its own "not" or full stop is none of the sentence's."""
        pieces: list[str] = []
        done = 0
        for mention in self.mentions:
            pieces += [self.text[done : mention.start], "o" * (mention.end - mention.start)]
            done = mention.end
        return "".join(pieces) + self.text[done:]

    @cached_property
    def denied(self) -> negation.Spans:
        """What is denied, supposed or asked."""
        return negation.denied(self.scopes)

    @cached_property
    def considered(self) -> negation.Spans:
        """What is only considered."""
        return negation.considered(self.scopes)

    @cached_property
    def sentences(self) -> list[tuple[int, int]]:
        """Where the sentences begin and end."""
        return [m.span() for m in cues.SENTENCE.finditer(self.scopes) if m.group().strip(" \n.!?。;")]

    def _without_echo(self, text: str) -> str:
        """The text without a repeated list of the options; what repeats one of them once more stays."""
        run: list[tuple[int, int, str]] = []
        runs = [run]
        for label in cues.LIST_LABEL.finditer(text):
            option = self.offered.by_letter.get(label[1].upper())
            start = cues.LEAD.match(text, label.end()).end()  # type: ignore[union-attr]
            end = start + len(option.source) if option else start
            if option is None or start == end or text[start:end].casefold() != option.source.casefold():
                continue
            apart = text[run[-1][1] : label.start()].strip(" \n\t.,;*_|-") if run else ""
            if apart or option.letter in {letter for _, _, letter in run}:
                run = []
                runs.append(run)
            run.append((label.start(), end, option.letter))
        for listed in runs:
            if len(listed) >= max(2, min(3, len(self.offered.all))):
                start, end = listed[0][0], listed[-1][1]
                text = text[:start] + cues.SEEN.sub(" ", text[start:end]) + text[end:]
        return text

    def _unspoken(self, quoted: re.Match[str]) -> str:
        """Quoted speech as blanks, unless the quotation is an option (with its label or without) or the object."""
        said, before = quoted.group(1) or quoted.group(2), quoted.string[max(0, quoted.start() - 8) : quoted.start()]
        label = cues.LABEL.match(said)
        option = self.offered.exact(said.strip(cues.WRAPPING)) or (label and self.offered.exact(said[label.end() :]))
        object_of = re.search(r"\b(?:as|an?|the|option|answer) $", before)
        return quoted.group() if option or object_of or len(said.split()) < 2 else _blank(quoted)

    # ---- options by text ----------------------------------------------------------------------------------------
    def inside(self, start: int, end: int) -> list[Mention]:
        """The mentions that begin in a stretch of the passage."""
        return self.mentions[bisect_left(self._starts, start) : bisect_left(self._starts, end)]

    def at(self, offset: int) -> Mention | None:
        """The option's text that begins at an offset (articles, quotes and "it is" aside)."""
        following = self.inside(offset, offset + 60)[:1]
        return following[0] if following and cues.LEAD_IN.fullmatch(self.text, offset, following[0].start) else None

    def named(self, start: int, end: int, *, hedged: bool = True) -> set[str]:
        """Letters of the options that a stretch names by text and means: not denied, nor (unless `hedged`) weighed."""
        found: set[str] = set()
        for mention in self.inside(start, end):
            weighed = mention.start in self.denied or (not hedged and mention.start in self.considered)
            if not weighed and self._counts(mention):
                found |= {mention.letter} | self.joined(mention)
        return found

    def _counts(self, mention: Mention) -> bool:
        """False for a word in passing: one that says nothing or is common and not stated, one in a clause of the subject."""
        option, text = self.offered.by_letter[mention.letter], self.text
        before, after = text[max(0, mention.start - 80) : mention.start], text[mention.end : mention.end + 12]
        if option.silent:  # "the chord G" and "the word is 'a'", where "G" and "a" are options
            quoted = cues.QUOTED_WORD.search(before) and after[:1] in ("'", '"')
            if not (quoted or (text[mention.start].isupper() and cues.NOTE.search(before))):
                return False
        sentence = re.split("[.!?\n]", before)[-1]
        stated = not sentence.strip(" \"'") or cues.EVERYDAY.search(sentence)
        if option.common and not (stated and cues.AFTER_EVERYDAY.match(after)):
            return False  # "The tone is high." states it
        return not (cues.IN_CLAUSE.search(before) and cues.CLAUSE_VERB.match(after))  # "the man who helped Ann is ..."

    def negated(self, start: int, end: int) -> set[str]:
        """Letters of the options that a stretch names and denies."""
        return {m.letter for m in self.inside(start, end) if m.start in self.denied}

    def joined(self, mention: Mention) -> set[str]:
        """Letters of other options tied to a mention by "or", "and": "acoustic or electric guitar", "60 to 90 bpm"."""
        others: set[str] = set()
        pattern = self.offered.by_letter[mention.letter].pattern
        if before := cues.SHARING.search(self.text, max(0, mention.start - 40), mention.start):
            word = stem(before[1].casefold())
            others |= {""} if word.isdigit() and pattern[0].isdigit() else set()
            others |= {o.letter for o in self.offered.all if word in o.pattern and o.pattern[-1] == pattern[-1]}
        near: list[Token] = []
        if cues.OR_BEHIND.match(self.text, mention.end):
            near += self.words[mention.last_token + 1 : mention.last_token + 7]
        if cues.OR_BEFORE.search(self.text, max(0, mention.start - 12), mention.start):
            near += self.words[max(0, mention.first_token - 5) : mention.first_token]
        tied = {stem(word.text) for word in near}
        return (others | {o.letter for o in self.offered.all if o.own & tied}) - mention.letters

    def nearest(self, start: int, end: int) -> str | None:
        """The option that a stretch paraphrases: the only one of whose own words it holds half, without the denied."""
        words = [w for w in self.words if start <= w.start < end]
        near = self.offered.nearest({stem(w.text) for w in words if w.start not in self.denied}, len(self.words))
        return near if near not in {m.letter for m in self.inside(start, end)} else None

    # ---- options by letter --------------------------------------------------------------------------------------
    def labelled(self, start: int, end: int) -> set[str]:
        """Letters that a stretch gives in brackets or as "option B" and means; labels at the head of a line are lists."""
        found: set[str] = set()
        for match in cues.BRACKETED.finditer(self.text, start, end):
            at = match.start(match.lastindex or 0)
            before = self.text[: match.start()].rpartition("\n")[2].rstrip()
            line_head = match[1] and (not before.strip(" -*•|") or before[-1:] in "=+/^")
            if at not in self.denied and not line_head:
                found.add(self.text[at])
        for pair in cues.PAIR.finditer(self.text, start, end):
            if pair.start() not in self.denied and {*pair.groups()} <= {*self.offered.letters}:
                found |= {*pair.groups()}
        return found & {*self.offered.letters}

    # ---- sentences ----------------------------------------------------------------------------------------------
    def sentence_end(self, offset: int) -> int:
        """Where the sentence around an offset ends."""
        return max(cues.SENTENCE.match(self.scopes, offset).end(), offset + 1)  # type: ignore[union-attr]

    def statements(self, start: int) -> set[str]:
        """Letters of the options that short sentences from `start` on state outright ("It is a man.")."""
        short = [(a, b) for a, b in self.sentences if a >= start and len(self.text[a:b].split()) <= _SHORT_STATEMENT]
        return {letter for a, b in short for letter in self.named(a, b, hedged=False)}

    @cached_property
    def declines(self) -> bool:
        """True where the response declines or finds no option right, in words that are not an option's own."""
        for refusal in (m for p in (negation.REFUSAL, cues.NONE_OF_THEM) for m in p.finditer(self.text)):
            quoted = any(m.start <= refusal.start() and refusal.end() <= m.end for m in self.mentions)
            start = next((a for a, b in self.sentences if a <= refusal.start() < b), 0)
            if not (quoted or (cues.ASIDE.match(refusal[0]) and self.named(start, refusal.start(), hedged=False))):
                return True
        return False

    @property
    def cut_off(self) -> bool:
        """True for a text that stops in the middle of a sentence."""
        end = self.raw.rstrip()
        line = end.rpartition("\n")[2]
        unfinished = line.count("(") > line.count(")") or (
            end[-1:] not in ".!?。\"'”*)]}`_" and not cues.ENDS_IN_TAG.search(end[-40:])
        )
        return bool(cues.CUT.search(end)) or (len(end) > _SHORT_TEXT and unfinished)


def _blank(match: re.Match[str]) -> str:
    return cues.SEEN.sub(" ", match.group())


def _inner(match: re.Match[str]) -> str:
    """What a LaTeX command holds, the command itself as blanks."""
    inner = match.group(1) or match.group(2) or ""
    before = match.group().index(inner) if inner else 0
    return " " * before + inner + " " * (len(match.group()) - before - len(inner))
