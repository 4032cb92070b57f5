r"""Which option of a multiple-choice item a response chose, and what in the response says so.

A response is read as a careful person reads it. Its commitments are looked for in this order, and of one kind the last
one counts, for it is the last word; to mention an option is not to choose it.

1. explicit: a channel made for the answer (`\boxed{B}`, a tag of any name, a JSON field, a bold label, a last line that
   is only a label) or a declaration ("the answer is B", "so B.", "B is correct", "选 B");
2. the opening: "B. Because ...", "No, it does not";
3. a list with one verdict for each option, one of them good;
4. prose: the option that the conclusion names, or the only one that the response names and means, in the option's words
   or, where one distinctive difference decides, in similar ones.

A commitment may be to nothing: the letter of one option with the text of another, two options at once, a label that is
not offered. It counts as the others do, and the response is unparsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from audiobench.extraction import cues, negation
from audiobench.extraction.options import Mention, Options
from audiobench.extraction.prose import Passage
from audiobench.extraction.text import readable


@dataclass(frozen=True, slots=True)
class Found:
    """A chosen option's letter and the rule that found it."""

    letter: str
    rule: str


@dataclass(frozen=True, slots=True)
class _Commitment:
    """Where a response commits itself (character offsets) and to which option; None: to none or to several."""

    start: int
    end: int
    letter: str | None
    rule: str


_MANY = 60
"""Declarations of one form read at most, from the end: a response that makes more of them has run away."""
_CALCULATION = 25
"""Words; where the options are numbers, only the last sentence of a longer response is read as prose."""
_LONG = 500
"""Characters; a label in brackets that a longer piece mentions once chooses nothing."""
_PARAPHRASE = 80
"""Words; a longer response is not searched for an option in other words."""


def choose(text: str, options: Sequence[tuple[str, str]], question: str = "") -> Found | None:
    """The option a response chose, or None when it chose none, several, or cannot be read."""
    offered = _offered(tuple(options), question)
    answer = readable(text)
    if not answer or not offered.all:
        return None
    commitment = _Reader(answer, offered, negation.asks_for_the_opposite(question)).read()
    return Found(commitment.letter, commitment.rule) if commitment and commitment.letter else None


@lru_cache(maxsize=1024)
def _offered(options: tuple[tuple[str, str], ...], question: str) -> Options:
    """The conditions and epochs of one item share its options, and stand near each other in a journal."""
    return Options(options, question)


class _Reader:
    """One response against the options of one item."""

    def __init__(self, text: str, offered: Options, opposite: bool = False) -> None:
        self.offered = offered
        self.opposite = opposite
        self.passage = Passage(text, offered)
        self.text = self.passage.text

    def read(self) -> _Commitment | None:
        """The commitment that counts."""
        if any(o.strict == n for n in cues.NUMBERED.findall(self.text) for o in self.offered.all):
            return None  # "Option 2" where an option's text is "2"
        explicit = _outermost([*self.channels(), *self.declarations()])
        last = explicit[-1] if explicit else self.verdicts() or self.opening()
        corrected = self.correction(last)
        if corrected:
            return corrected
        if len(explicit) > 1 and (self.side_by_side(*explicit[-2:]) or self.recited(explicit)):
            return None
        return last or self.prose()

    def side_by_side(self, one: _Commitment, other: _Commitment) -> bool:
        """True for two answers with nothing between them, as on two lines that follow each other."""
        return one.letter != other.letter and not self.passage.raw[one.end : other.start].strip(" \n.,;")

    def recited(self, explicit: Sequence[_Commitment]) -> bool:
        """True for a run of declarations that goes through three options or more without a word between them."""
        letters = {explicit[-1].letter}
        for one, other in zip(explicit[-2::-1], explicit[:0:-1], strict=True):
            if cues.REPEATED.sub("", self.passage.raw[one.end : other.start]):
                break
            letters.add(one.letter)
        return len(letters) > 2

    # ---- what a piece of text commits to ------------------------------------------------------------------------
    def whole(self, content: str, rule: str, start: int, end: int) -> _Commitment | None:
        """The commitment of a piece that is nothing but a label, an option, or both."""
        inner = _Reader(content, self.offered)
        bare = inner.text.strip().strip(cues.WRAPPING + "()[]")
        if len(bare) == 1 and bare.isascii() and bare.isalpha():
            return self.labelled(start, end, bare.upper(), rule)
        label = inner.label(0)
        if label:
            own = self.offered.exact(inner.text[label[1] :])
            if own:
                letter = label[0] if label[0] in own.letters else None
                return _Commitment(start, end, letter, rule)
        named = self.offered.exact(inner.text.strip()) or self.offered.exact(bare)
        return _Commitment(start, end, named.letter, rule) if named else None

    def labelled(self, start: int, end: int, letter: str, rule: str) -> _Commitment | None:
        """The commitment of a label that ends at `end`, with the option's own text behind it or not."""
        as_text = self.offered.is_letter_text(letter)
        own = self.own(end, letter)
        if letter not in self.offered.letters:
            return _Commitment(start, end, min(as_text) if len(as_text) == 1 else None, rule)
        if own and (letter in own.letters or not self.offered.by_letter[own.letter].silent):
            if letter not in own.letters:
                return _Commitment(start, own.end, None, rule)
            end = own.end
        elif as_text - {letter}:
            return _Commitment(start, end, None, rule)
        if negation.rejected_at(self.text, end):
            return None
        return _Commitment(start, end, None if self.several(end, {letter}) else letter, rule)

    def own(self, end: int, letter: str) -> Mention | None:
        """The option's text behind a label, on its line; another option's only where nothing but an ending follows."""
        mention = self.passage.at(end)
        if mention is None or "\n" in self.text[end : mention.start]:
            return None
        after = re.match(r"[\s\"')]*(?:[.,;:!?(\n。]|$|because\b|since\b)", self.text[mention.end : mention.end + 20])
        return mention if after or letter in mention.letters else None

    def several(self, end: int, letters: set[str]) -> bool:
        """True where another option is joined to the one that ends at `end`: "B or C", "(D) for x, and (I) for y"."""
        rest = self.text[end : self.passage.sentence_end(end)]
        joint = cues.JOINED.match(self.text, end, end + 40)
        if joint:
            mention = self.passage.at(joint.end())
            label = re.match(r"[(\[]?([A-Z])(?![\w'’])", self.text[joint.end() :])
            if mention and not mention.letters & letters and mention.start not in self.passage.denied:
                return True
            if label and label.group(1) in self.offered.letters and label.group(1) not in letters:
                return True
        following = re.match(r"[.,;]?\s*\n\s*[-*]?\s*[(\[]?([A-Z])[)\].:]", self.text[end : end + 20])
        if following and (own := self.own(end + following.end(), following.group(1))):
            return following.group(1) in own.letters and following.group(1) not in letters
        comma = end - (self.text[end - 1 : end] == ",")
        if listed := re.match(r"\s*,\s*[(\[]?([A-Z])[)\]]?\s*(?=[,.;]|and\b|or\b|$)", self.text[comma : comma + 20]):
            return listed.group(1) in self.offered.letters and listed.group(1) not in letters
        also = {
            g for m in cues.ALSO.finditer(rest) for g in m.groups() if g and end + m.start() not in self.passage.denied
        }
        return bool(also & {*self.offered.letters} - letters)

    def label(self, at: int, *, strict: bool = False) -> tuple[str, int, str] | None:
        """(letter, end, rule) of a label that begins at an offset; `strict`: nothing but an ending may follow it."""
        match = cues.LABEL.match(self.text, at)
        if not match:
            return None
        if match["inside"]:
            lone = not self.text[match.end() :].strip(cues.WRAPPING)
            own = self.own(match.end(), match["inside"].upper())
            weighed = match["open"] == "<" or (
                re.match(r"\s*[a-z/=+*^]", self.text[match.end() :]) and not cues.BECAUSE.match(self.text, match.end())
            )
            if (
                strict
                and (match["inside"].islower() or weighed)
                and not (lone or (own and match["inside"].upper() in own.letters))
            ):
                return None  # "(a) The current is ..." is a part of the question, "(A) is too soft" an option weighed
            return match["inside"].upper(), match.end(), "paren_letter" if match["open"] in "([" else "letter"
        letter, rest = match["bare"], self.text[match.end() :]
        if letter.islower() and not (not rest.strip(cues.WRAPPING) or (match["end"] and self.passage.at(match.end()))):
            return None
        rule = "option_letter" if match["noun"] else "letter"
        if match["end"] is None and (
            cues.MUSICAL_AFTER.match(rest)
            or ((strict or letter in "AI" or not rest[:1].isspace()) and not cues.BECAUSE.match(rest))
        ):
            return None
        return letter.upper(), match.end(), rule

    def head(self, start: int, at: int, rule: str, *, loose: bool) -> _Commitment | None:
        """What a declaration declares: a label, an option's text or (`loose`) what its sentence names or paraphrases."""
        mention = self.passage.at(at)
        label = self.label(at)
        if label and not (mention and mention.start < label[1] < mention.end):
            return self.labelled(start, label[1], label[0], rule)
        if mention:
            if negation.rejected_at(self.text, mention.end):
                return None
            end = self.passage.sentence_end(mention.end)
            others = self.passage.named(mention.end, end, hedged=False) - mention.letters
            several = self.several(mention.end, {*mention.letters}) or (
                others and re.search(r"\b(?:and|or)\b", self.text[mention.end : end])
            )
            return _Commitment(
                start, mention.end, None if several or self.passage.joined(mention) else mention.letter, rule
            )
        if not loose or re.match(r"\s*(?:not|neither|none|no longer|n't)\b", self.text[at : at + 20], re.IGNORECASE):
            return None
        end = self.passage.sentence_end(at)
        named = self.passage.named(at, end) | self.passage.labelled(at, end)
        if not named and cues.NUMERIC.match(self.text, at):
            return _Commitment(start, at, None, rule)  # a value that is none of the options
        near = None if named else self.passage.nearest(at, end)
        letter = named.pop() if len(named) == 1 else near
        return _Commitment(start, at, letter, rule if not near else "paraphrase") if named or letter else None

    # ---- 1. explicit --------------------------------------------------------------------------------------------
    def channels(self) -> Iterator[_Commitment]:
        """Commitments in places made for the answer alone."""
        raw = self.passage.raw
        for m in [*cues.BOXED.finditer(raw)][-_MANY:]:
            found = self.inner(m.group(1), "boxed", *m.span())
            if found.letter or found.rule == "conflict" or not raw[m.end() :].strip(" .$\\)]\n"):
                yield found
        for m in [*cues.TAG.finditer(raw)][-_MANY:]:
            name = m.group(1).lower()
            if m.group(2).upper() not in (*self.offered.letters, "N") and (found := self.abbreviated(m)):
                yield found
            elif cues.ANSWER_TAG.fullmatch(name) or (m.group(1) in self.offered.letters and m.group(2)):
                yield self.inner(m.group(2), f"{name}_tag" if name in ("answer", "response") else "tag", *m.span())
            elif (found := self.whole(m.group(2), "tag", *m.span())) and (found.letter or len(m.group(2)) > 1):
                yield found
        for m in [*cues.JSON.finditer(raw)][-_MANY:]:
            found = self.whole(m.group(2) or m.group(3) or m.group(4), "json", *m.span())
            if found:
                yield found
        yield from self.tail()
        yield from self.bold()

    def abbreviated(self, tag: re.Match[str]) -> _Commitment | None:
        """A tag that holds a piece of one option alone: "W" for "Walking", "Lincoln" for "Abraham Lincoln"."""
        letter = self.offered.abbreviated(tag.group(2))
        return _Commitment(*tag.span(), letter, "tag") if letter else None

    def inner(self, content: str, rule: str, start: int, end: int) -> _Commitment:
        """The commitment of an answer's own channel; a channel that names no option commits to none."""
        found = self.whole(content, rule, start, end) or self.whole(content.rpartition("=")[2], rule, start, end)
        if not found:
            read = _Reader(content, self.offered).read() if len(content) < self.offered.reach else None
            found = _Commitment(start, end, read.letter if read else None, rule)
        return found

    def tail(self) -> Iterator[_Commitment]:
        """A last line that is only a label or an option, or a tag at the end that nothing closes."""
        raw = self.passage.raw.rstrip()
        tag = cues.OPEN_TAG.search(raw, max(0, len(raw) - 400 - self.offered.reach))
        if tag and not (tag.group().startswith("</") and cues.ANSWER_TAG.fullmatch(tag.group(1))):
            words = {*tag.group(1).upper().split()}
            if tag.group(2):
                found = self.whole(tag.group(2), "tag", *tag.span())
            else:
                found = self.labelled(tag.start(), len(self.text), words.pop(), "tag") if len(words) == 1 else None
            if found and found.letter:
                yield found
        above, newline, line = raw.rpartition("\n")
        listed = cues.LIST_LABEL.match(above.rstrip().rpartition("\n")[2]) and cues.LIST_LABEL.match(line + " .")
        if newline and line[:1] not in "<" and not listed and line.count("(") == line.count(")"):
            found = self.whole(line, "last_line", len(above) + 1, len(raw))
            if found:
                yield found

    def bold(self) -> Iterator[_Commitment]:
        """The bold label or option, where all of those in bold are the same one."""
        raw = self.passage.raw
        spans = [m for m in cues.BOLD.finditer(raw) if len(m.group(2)) < self.offered.reach][-_MANY:]
        found = [f for m in spans if (f := self.whole(m.group(2), "bold", *m.span()))]
        if found and len({f.letter for f in found}) == 1 and found[-1].start not in self.passage.denied:
            rest = raw[found[-1].end :]
            if not (self.passage.cut_off or negation.REFUSAL.search(self.text) or re.match(r"\s*(?:or|and)\b", rest)):
                yield found[-1]

    def declarations(self) -> Iterator[_Commitment]:
        """Every declaration of an answer in words."""
        text, passage = self.text, self.passage
        pairs = negation.Spans(m.span() for m in cues.PAIR.finditer(text) if {*m.groups()} <= {*self.offered.letters})
        for pattern, rule, loose in ((cues.DECLARED, "answer_is", True), (cues.SUPERLATIVE, "answer_is", False)):
            for cue in [*pattern.finditer(text)][-_MANY:]:
                if (
                    cue.start() in passage.denied
                    or cue.end() - 1 in passage.denied
                    or cues.NOT_THE_ANSWER.search(text, max(0, cue.start() - 40), cue.start())
                ):
                    continue
                if found := self.head(cue.start(), cue.end(), rule, loose=loose):
                    yield found
        for cue in [*cues.FINAL_LABEL.finditer(text)][-_MANY:]:
            if found := self.final_label(cue, pairs):
                yield found
        for cue in [*cues.RIGHT.finditer(text)][-_MANY:]:
            letter = cue["l"] or cue["cjk"]
            if letter in self.offered.letters and cue.start() not in passage.denied and cue.start() not in pairs:
                yield _Commitment(cue.start(), cue.end(), letter, "answer_is")
        for cue in [*cues.ORDINAL.finditer(text)][-_MANY:]:
            letter = self.offered.at_position((cue.group(1) or cue.group(2)).lower())
            named = {m.letter for m in passage.inside(0, cue.start())}
            if letter and cue.start() not in passage.denied and len(named) < 2:
                yield _Commitment(cue.start(), cue.end(), letter, "position")

    def final_label(self, cue: re.Match[str], pairs: negation.Spans) -> _Commitment | None:
        """A label as the last word of its sentence: "so B.", "that leaves (D)", "suggests a guitar, option B."."""
        letter = cue["a"] or cue["b"] or cue["c"] or cue["d"]
        at = next(cue.start(g) for g in "abcd" if cue[g])
        if (
            at in pairs
            or at in self.passage.denied
            or cues.NOT_THE_ANSWER.search(self.text, max(0, cue.start() - 40), cue.start())
        ):
            return None
        if cue["d"] and re.search(r"(?<![A-Za-z])[A-Z][)\]]?$", self.text[max(0, cue.start() - 3) : cue.start()]):
            return None  # "C, E, F"
        end = at + 1 + len(re.match(r"[)\]\"']*[.:]?", self.text[at + 1 : at + 8]).group())  # type: ignore[union-attr]
        own = self.passage.at(end) if re.match(r"\s*\S", self.text[end:]) else None
        if own and letter in own.letters:
            end = own.end
        elif self.offered.shadows(letter) and not self.offered.is_letter_text(letter) and not cue["b"]:
            return None
        rest = self.text[end : end + 40]
        if not own and "\n" in self.text[cue.start() : at] and rest.partition("\n")[0].strip():
            return None  # the head of a list
        if (
            not re.match(
                r"[)\]\"'.!。]*\s*(?:$|\n|(?=[A-Z(\"])|です|,?\s*not\b|,\s+(?:the|an?|as|because|since|which)\b|\s+as (?:the|my)\b)",
                rest,
            )
            and self.text[end - 1] not in "."
        ):
            return None
        if cue["b"] or cue["c"]:
            last = at >= self.passage.sentences[-1][0] if self.passage.sentences else True
            alone = self.passage.labelled(0, len(self.text)) <= {letter}
            sentence = next((a for a, b in reversed(self.passage.sentences) if a <= at), 0)
            if not alone and not (last and cues.CONCLUSION.search(self.text, sentence, at)):
                return None
        contradicted = cue["a"] and not own and self.contradicted(letter, at)
        return _Commitment(at, end, None, "concluded") if contradicted else self.labelled(at, end, letter, "concluded")

    def contradicted(self, letter: str, at: int) -> bool:
        """True where the sentence of a concluded letter names only another option: "It is a man, so B." (a woman)."""
        start = next((a for a, b in reversed(self.passage.sentences) if a <= at), 0)
        named = self.passage.named(start, at, hedged=False)
        return len(named) == 1 and letter not in named and self.text[start:at].count(" ") < 12

    # ---- 2. the opening -----------------------------------------------------------------------------------------
    def opening(self) -> _Commitment | None:
        """A label or an option at the start of the response."""
        start = len(self.text) - len(self.text.lstrip(" \n\"'-"))
        found = self.whole(self.passage.raw, "option_text", 0, len(self.text))
        if found:
            label = self.label(start)
            return _Commitment(
                0, found.end, found.letter, label[2] if label and found.letter == label[0] else found.rule
            )
        mention, label = self.passage.at(start), self.label(start, strict=True)
        if label and not (mention and mention.start < label[1] < mention.end):
            if self.part_of_an_option() or (
                self.passage.cut_off and label[2] == "paren_letter" and not self.own(label[1], label[0])
            ):
                return _Commitment(start, label[1], None, label[2])
            found = self.labelled(start, label[1], label[0], label[2])
            if found and found.letter and not (mention and mention.end == found.end):
                rest = self.text[found.end :]
                stated = self.passage.statements(found.end)
                if (found.end == label[1] and stated and found.letter not in stated) or re.match(
                    r"\s*,?\s*[(\[]?[B-Z][)\]]?\s*(?:[,.]|$)", rest
                ):
                    return _Commitment(start, found.end, None, found.rule)
            return found
        if (
            not mention
            or negation.rejected_at(self.text, mention.end)
            or not re.match(r"\s*(?:[,.;:!\n。—]|$|\s[-–—]\s|\()", self.text[mention.end :])
        ):
            return None
        end = self.passage.sentence_end(mention.end)
        others = (self.passage.named(mention.end, end) | self.passage.labelled(mention.end, end)) - mention.letters
        stated = self.passage.statements(mention.end) - mention.letters
        if others or mention.start in self.passage.considered:
            return None
        refused = negation.REFUSAL.search(self.text, mention.end) or cues.NONE_OF_THEM.search(self.text, mention.end)
        letter = None if refused or stated or self.passage.joined(mention) else mention.letter
        return _Commitment(start, mention.end, letter, "option_text")

    def part_of_an_option(self) -> bool:
        """True when the whole text is a piece of one option ("D. Salinger" of "J.D. Salinger")."""
        words = tuple(w.text for w in self.passage.words)
        return len(words) > 1 and any(
            o.exact[i : i + len(words)] == words for o in self.offered.all for i in range(len(o.exact) - len(words) + 1)
        )

    # ---- corrections --------------------------------------------------------------------------------------------
    def correction(self, last: _Commitment | None) -> _Commitment | None:
        """What the response says where it takes back its last commitment, or a commitment to none."""
        rest = cues.withdrawn(self.text[last.end if last else 0 :])
        if rest is None:
            return None
        at = len(self.text) - len(rest)
        opening = cues.CORRECTED.match(self.text, at)
        said = self.passage.at(at)
        if (
            said
        ):  # "No" is an option here: said again, it corrects nothing; said for the first time, it leaves two answers
            return None if not last or last.letter in said.letters else _Commitment(at, said.end, None, "corrected")
        found = self.head(at, opening.end() if opening else at, "corrected", loose=False)
        if found:
            return found
        named = self.passage.named(at, len(self.text), hedged=False) | self.passage.labelled(at, len(self.text))
        if len(named) == 1:
            return _Commitment(at, len(self.text), named.pop(), "corrected")
        strong = cues.TAKEN_BACK.match(rest)
        return _Commitment(at, len(self.text), None, "corrected") if named or strong else None

    # ---- 3. verdicts --------------------------------------------------------------------------------------------
    def verdicts(self) -> _Commitment | None:
        """The one option that a list or a table calls right, where it calls others wrong."""
        good: set[str] = set()
        bad: set[str] = set()
        for line in re.finditer(r"[^\n]+", self.text):
            label = cues.LIST_LABEL.match(line.group().strip())
            mention = self.passage.at(line.start())
            letter = label.group(1).upper() if label else mention.letter if mention else None
            if letter in self.offered.letters:
                verdict = line.group()[2:]
                if cues.BAD.search(verdict):
                    bad.add(letter or "")
                elif cues.GOOD.search(verdict):
                    good.add(letter or "")
        if len(good) == 1 and bad and not good & bad:
            return _Commitment(0, len(self.text), good.pop(), "verdict")
        return None

    # ---- 4. prose -----------------------------------------------------------------------------------------------
    def prose(self) -> _Commitment | None:
        """The option that the response names and means."""
        passage, end = self.passage, len(self.text)
        if passage.cut_off or not passage.sentences or self.refuses():
            return None
        if self.opposite and len(negated := passage.negated(0, end)) == 1:
            return _Commitment(0, end, negated.pop(), "option_text")
        last = [(a, b) for a, b in passage.sentences if cues.CONCLUSION.search(self.text, a, b)][-1:]
        for a, b in last:
            if found := self.meant(a, b, "conclusion"):
                return found
            if (a, b) == passage.sentences[-1]:
                return None
        numbers = all(o.pattern and o.pattern[0][-1:].isdigit() for o in self.offered.all)
        if numbers and len(passage.words) > _CALCULATION:
            return self.meant(*passage.sentences[-1], "option_text")
        return self.meant(0, end, "option_text")

    def meant(self, start: int, end: int, rule: str) -> _Commitment | None:
        """The only option that a stretch of prose names and means, or paraphrases."""
        passage = self.passage
        for hedged in (False, True):
            named = passage.named(start, end, hedged=hedged)
            letters = passage.labelled(start, end) if end - start < _LONG else set[str]()
            if len(named | letters) == 1:
                rule = rule if named else "option_letter"
                return _Commitment(start, end, (named | letters).pop() or None, rule)
            if named or letters:
                answers = self.predicates(start, end)
                return _Commitment(start, end, answers.pop(), rule) if len(answers) == 1 else None
        if self.text.count(" ", start, end) <= _PARAPHRASE and (near := passage.nearest(start, end)):
            return _Commitment(start, end, near, "paraphrase")
        return None

    def predicates(self, start: int, end: int) -> set[str]:
        """Letters of the options that a stretch states after a verb of its own ("There are four people ...")."""
        found: set[str] = set()
        for a, b in self.passage.sentences:
            if start <= a < end:
                for mention in self.passage.inside(a, b):
                    before = self.text[max(a, mention.start - 30) : mention.start]
                    if found and before.rstrip(" \"'").endswith(":"):
                        continue  # "four sounds: two barks and ..."
                    if cues.PREDICATE.search(before) and mention.letter in self.passage.named(
                        mention.start, mention.end, hedged=False
                    ):
                        found |= {mention.letter} | self.passage.joined(mention)
        return found

    def refuses(self) -> bool:
        """True where the response declines or finds no option right, in words that are not an option's own."""
        for pattern in (negation.REFUSAL, cues.NONE_OF_THEM):
            for refusal in pattern.finditer(self.text):
                if any(m.start <= refusal.start() and refusal.end() <= m.end for m in self.passage.mentions):
                    continue
                start = next((a for a, b in self.passage.sentences if a <= refusal.start() < b), 0)
                aside = cues.ASIDE.match(refusal.group()) and self.passage.named(start, refusal.start(), hedged=False)
                if not aside:
                    return True
        return False


def _outermost(commitments: Sequence[_Commitment]) -> list[_Commitment]:
    """The commitments in order, less those that are part of another one ("is B" in "the answer is B")."""
    kept: list[_Commitment] = []
    for commitment in sorted(commitments, key=lambda c: (c.start, -c.end)):
        if not kept or commitment.end > kept[-1].end:
            kept.append(commitment)
    return kept
