r"""Which option of a multiple-choice item a response chose, and what in the response says so.

Evidence is weighed in a fixed order; the first kind that is present decides, and evidence that contradicts itself
(the letter of one option with the text of another, two options without a decision) ends the search: unparsed.

1. a wrapper: `\boxed{B}`, `<answer>B</answer>`, `<RESPONSE>Woman</RESPONSE>`, `{"answer": "B"}`;
2. the whole response is an option, a letter, or both;
3. a declaration: "the answer is B", "Answer: woman", "I would choose Woman", "option B", "答案是B", "选 B";
4. a label or an option's text at the start: "B. Because ...", "No, it does not";
5. bold spans;
6. options named in the prose, less those that are denied, supposed or only considered (`negation`).

Texts are compared without case, punctuation and articles; number words equal digits; a name inside a longer option's
name does not count; two options with one text are told apart by letter only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from audiobench.extraction import cues, negation
from audiobench.extraction.options import Mention, Options
from audiobench.extraction.prose import Ambiguous, Prose
from audiobench.extraction.text import closed, readable, squeeze


@dataclass(frozen=True, slots=True)
class Found:
    """A chosen option's letter and the rule that found it."""

    letter: str
    rule: str


_MANY = 60
"""Declarations read at most, from the end: a response that makes more of them has run away."""
_MANY_SPANS = 500
"""Different bold spans read at most: a response with more of them is unparsed."""


def choose(text: str, options: Sequence[tuple[str, str]]) -> Found | None:
    """The option a response chose, or None when it chose none, several, or cannot be read."""
    offered = Options(options)
    answer = readable(text)
    if not answer or not offered.all:
        return None
    try:
        return _Reader(answer, offered).read()
    except Ambiguous:
        return None


class _Reader:
    """One response against the options of one item."""

    def __init__(self, text: str, offered: Options) -> None:
        self.offered = offered
        self.prose = Prose(offered)
        self.raw = text
        self.text = cues.MARKUP.sub(" " if "\n" not in text else "", text).strip() if text else ""
        self.text = cues.LATEX.sub(lambda m: m.group(1) or m.group(2) or "", self.text)
        self.text = squeeze(self.text).strip()
        self.text = cues.SPEECH.sub(self.unspoken, self.text)

    def unspoken(self, speech: re.Match[str]) -> str:
        """Quoted speech without its words, unless the quotation is itself an option."""
        said = speech.group(1)
        keep = len(said.strip()) == 1 or self.offered.exact(said)
        return speech.group() if keep else f'{speech.group()[: -len(said) - 2]}" "'

    def read(self) -> Found | None:
        for numbered in cues.NUMBERED.finditer(self.text):
            if any(o.strict == numbered.group(1) for o in self.offered.all):
                raise Ambiguous
        for step in (self.wrapped, self.whole, self.declared, self.leading, self.bold, self.in_prose):
            found = step()
            if found is not None:
                return found
        return None

    # 1
    def wrapped(self) -> Found | None:
        raw = closed(self.raw)
        for rule, pattern in cues.WRAPPERS:
            contents = set(pattern.findall(raw))
            if not contents:
                continue
            if len(contents) > _MANY:
                raise Ambiguous
            inner = [_Reader(c, self.offered).inner() for c in contents]
            letters = {f.letter for f in inner if f}
            declared = (
                self.declared_letters(squeeze(pattern.sub(" ", closed(self.text)))) if len(letters) == 1 else set()
            )
            if len(letters) != 1 or None in inner or declared - letters:
                raise Ambiguous
            end = max(m.end() for m in pattern.finditer(raw))
            return self.kept(Found(letters.pop(), rule), raw[end:])
        return None

    def kept(self, found: Found, rest: str) -> Found:
        """What was found, unless the rest of the text takes it back and does not name it again.

        Raises:
            Ambiguous: "The answer is B. Wait, actually C."
        """
        again = cues.withdrawn(rest)
        if again is not None:
            named = self.prose.mentions(again, hedged=False) | self.prose.letters(again, hedged=False)
            opening = self.starts_with_option(again)  # "No, it does not": said again, not denied
            if (named | opening.letters if opening else named) != {found.letter}:
                raise Ambiguous
        return found

    def inner(self) -> Found | None:
        """The content of a wrapper: an option, a letter, or a sentence that declares one."""
        return self.whole() or self.declared() or self.leading()

    # 2
    def whole(self) -> Found | None:
        text = self.text.strip()
        bare = text.strip(cues.WRAPPING)
        inside = re.fullmatch(r"[(\[]\s*([A-Za-z])\s*[)\]]", bare)
        letter = inside.group(1) if inside else bare
        if len(letter) == 1 and letter.isascii() and letter.isalpha():
            return self.lone_letter(letter.upper(), "paren_letter" if inside else "letter")
        named = self.offered.exact(text) or self.offered.exact(bare)
        if named:
            return self.one(named, "option_text")
        return None

    def lone_letter(self, letter: str, rule: str) -> Found | None:
        """A letter alone: the slot it names, unless it is (also) the text of another slot."""
        as_text = self.offered.is_letter_text(letter)
        slot = {letter} & set(self.offered.letters)
        named = slot | as_text
        if not named:
            raise Ambiguous
        return self.one(frozenset(named), rule if slot else "option_text")

    def one(self, letters: frozenset[str] | set[str], rule: str) -> Found:
        if len(letters) != 1:
            raise Ambiguous
        return Found(next(iter(letters)), rule)

    # 3
    def declared(self) -> Found | None:
        found: list[tuple[int, Found]] = self.declarations(self.text)
        if not found:
            return None
        letters = {f.letter for _, f in found}
        self.check_opening(*found[0])
        at, last = found[-1]
        if len(letters) > 1:
            before = self.text[found[-2][0] : at]
            if not (cues.CORRECTION.search(before) or cues.FINAL.search(self.text[:at])) or cues.CORRECTION.search(
                self.text[at + 1 :]
            ):
                raise Ambiguous
        return self.kept(last if len(letters) > 1 else found[0][1], self.text[at:])

    def check_opening(self, at: int, found: Found) -> None:
        """Raise Ambiguous where the response opens with another option than it declares ("No, the answer is yes")."""
        opening = self.starts_with_option(self.text)
        if (
            opening
            and opening.end <= at
            and re.match(r"\s*(?:,|[.!]\s+[A-Z])", self.text[opening.end : at + 1])
            and found.letter not in opening.letters
            and not cues.CORRECTION.search(self.text[opening.end : at])
        ):
            raise Ambiguous

    def declared_letters(self, text: str) -> set[str]:
        return {f.letter for _, f in self.declarations(text)}

    def declarations(self, text: str) -> list[tuple[int, Found]]:
        """Every declaration of an answer: (offset, what it declares), in order."""
        denied = negation.Spans(negation.denied(text))
        hedged = negation.Spans(negation.hedged(text))
        found: list[tuple[int, Found]] = []
        for cue in list(cues.DECLARED.finditer(text))[-_MANY:]:
            if cue.start() in denied:
                continue
            head = self.head(text[cue.end() : cue.end() + self.offered.reach], "answer_is")
            if head is not None:
                found.append((cue.start(), head))
        for cue in list(cues.NAMED_LETTER.finditer(text))[-_MANY:]:
            letter = (cue.group(1) or cue.group(2)).upper()
            at = cue.end() - 1
            if letter not in self.offered.letters or at in denied:
                continue
            if negation.rejected_at(text, cue.end()) or at in hedged:
                continue
            self.check_after_label(letter, text[cue.end() : cue.end() + self.offered.reach])
            found.append((cue.start(), Found(letter, "option_letter")))
        cue = cues.CONCLUDED.search(text)
        if cue and cue.start(1) not in denied and not cues.OTHER_NAMING.search(text[: cue.start(1)]):
            letter = cue.group(1)
            if letter in self.offered.letters:
                others = self.prose.letters(text[: cue.start(1)]) - {letter}
                if self.offered.holds_token(letter) or self.offered.is_letter_text(letter) - {letter} or others:
                    raise Ambiguous
                self.check_prose(letter, text[: cue.start()])
                found.append((cue.start(), Found(letter, "concluded")))
        return sorted(found, key=lambda f: f[0])

    def head(self, text: str, rule: str) -> Found | None:
        """What a declaration declares: a label, an option's text, or the one option its sentence names."""
        if re.match(r"\s*(?:not|neither|none|no longer|n't)\b", text, re.IGNORECASE) and not self.starts_with_option(
            text
        ):
            return None
        mention = self.starts_with_option(text)
        label = self.label_at(text)
        if label and not (
            mention
            and mention.end > label[1]
            and len(mention.letters) == 1
            and text.lstrip()[:1] == text[mention.start : mention.start + 1]
        ):
            letter, end, _ = label
            if letter not in self.offered.letters:
                if self.offered.is_letter_text(letter):
                    return self.lone_letter(letter, rule)
                raise Ambiguous
            rest = text[end:]
            if negation.rejected_at(text, end) and not self.starts_with_option(rest):
                return None
            if self.offered.is_letter_text(letter) - {letter} and not self.starts_with_option(rest):
                raise Ambiguous
            self.check_after_label(letter, rest)
            return Found(letter, rule)
        if mention:
            self.check_joined(mention.letters, text[mention.end :])
            if negation.rejected_at(text, mention.end):
                return None
            return self.one(mention.letters, rule)
        sentence = _first_sentence(text)
        named = self.prose.mentions(sentence) | self.prose.letters(sentence)
        return self.one(named, rule) if named else None

    def label_at(self, text: str) -> tuple[str, int, str] | None:
        """(letter, end offset, rule) of a label at the very start of a text."""
        match = cues.LABEL.match(text)
        if match:
            letter = (match.group(1) or match.group(2)).upper()
            return letter, match.end(), "paren_letter" if match.group(1) else "letter"
        loose = re.match(r"\s*([A-Z])(?=\s|而)", text)
        if (
            loose
            and (loose.group(1) not in "AI" or cues.BECAUSE.match(text, loose.end()))
            and not cues.MUSICAL_AFTER.match(text, loose.end())
        ):
            return loose.group(1), loose.end(), "letter"
        return None

    def starts_with_option(self, text: str) -> Mention | None:
        """The option's text that a text starts with (articles and quotes aside)."""
        best: Mention | None = None
        text = text[: self.offered.reach]
        for mention in self.offered.mentions(text):
            lead = text[: mention.start]
            if re.fullmatch(r"[\s\"'(\[:*_-]*(?:(?:an?|the)\s+[\"'(\[]*)?", lead, re.IGNORECASE) and (
                best is None or mention.end > best.end
            ):
                best = mention
        return best

    def check_after_label(self, letter: str, rest: str) -> None:
        """Raise Ambiguous where what follows a label names another option and not the label's own."""
        self.check_joined(frozenset((letter,)), rest)
        mention = self.starts_with_option(rest)
        if mention:
            if letter not in mention.letters:
                raise Ambiguous
            self.check_joined(mention.letters | {letter}, rest[mention.end :])
            return
        sentence = _first_sentence(rest)
        named = self.prose.mentions(sentence)
        if named and letter not in named:
            raise Ambiguous

    def check_joined(self, letters: frozenset[str], rest: str) -> None:
        """Raise Ambiguous for "B or C", "woman and man"."""
        joint = cues.JOINED.match(rest)
        if not joint:
            return
        after = rest[joint.end() :]
        label = re.match(r"[(\[]?([A-Z])(?![\w'’])", after)
        mention = self.starts_with_option(after)
        if label and label.group(1) in self.offered.letters and label.group(1) not in letters:
            raise Ambiguous
        if mention and not mention.letters & letters:
            raise Ambiguous

    def check_prose(self, letter: str, text: str) -> None:
        """Raise Ambiguous where the prose in front of a concluded letter names only other options."""
        named = self.prose.mentions(text)
        if named and letter not in named:
            raise Ambiguous

    # 4
    def leading(self) -> Found | None:
        text = self.without_echo
        label = self.label_at(text)
        mention = self.starts_with_option(text)
        if label and not (mention and mention.start <= label[1] - 1 and mention.end > label[1]):
            letter, end, rule = label
            rest = text[end:]
            own = self.starts_with_option(rest)
            if letter not in self.offered.letters:
                if own is None:
                    return None
                raise Ambiguous
            if own is None and (self.part_of_an_option(text) or self.offered.is_letter_text(letter) - {letter}):
                raise Ambiguous
            if (own is None and negation.rejected_at(text, end)) or re.match(r"\s*(?:or|and|/|&|vs)\b", rest):
                return None
            self.check_after_label(letter, rest)
            others = self.prose.letters(rest[own.end :] if own else rest) - {letter}
            if others or (own is None and self.prose.mentions(rest) - {letter}):
                raise Ambiguous
            return self.kept(Found(letter, rule), rest)
        if mention and len(mention.letters) == 1 and cues.STARTS_ANSWER.match(text[mention.end :]):
            rest = text[mention.end :]
            own = next(iter(mention.letters))
            explained = cues.EXPLANATION.match(rest)
            if explained and not self.declarations(rest):
                return self.kept(Found(own, "option_text"), rest)
            if (self.prose.mentions(rest) | self.prose.letters(rest)) - {own} or mention.start in negation.Spans(
                negation.hedged(text)
            ):
                return None
            if negation.REFUSAL.search(text):
                raise Ambiguous
            return self.kept(Found(own, "option_text"), rest)
        return None

    @cached_property
    def without_echo(self) -> str:
        """The text without the lines that repeat the list of options; what repeats one of them once more stays."""
        exact = lru_cache(maxsize=None)(self.offered.exact)
        echoed: dict[str, re.Match[str]] = {}
        for line in cues.LINE_LABEL.finditer(self.text):
            if line.group(1).upper() in exact(line.group(2)):
                echoed.setdefault(line.group(1).upper(), line)
        if len(echoed) < 2:
            return self.text
        lines = list(echoed.values())
        ends = [0, *(m.end() for m in lines)]
        starts = [*(m.start() for m in lines), len(self.text)]
        kept = "".join(self.text[a:b] for a, b in zip(ends, starts, strict=True))
        return squeeze(kept).strip()

    def part_of_an_option(self, text: str) -> bool:
        """True when the whole text is a piece of one option ("D. Salinger" of "J.D. Salinger")."""
        words = tuple(t.text for t in self.offered.words(text))
        for option in self.offered.all:
            pattern = option.pattern
            if (
                any(pattern[i : i + len(words)] == words for i in range(len(pattern) - len(words) + 1))
                and len(words) > 1
            ):
                return True
        return False

    # 5
    def bold(self) -> Found | None:
        spans = {m.group(2) for m in cues.BOLD.finditer(self.raw)}
        if len(spans) > _MANY_SPANS:
            raise Ambiguous
        found: set[str] = set()
        for span in spans:
            try:
                inner = _Reader(span, self.offered).inner()
            except Ambiguous:
                inner = None
            if inner:
                found.add(inner.letter)
        text = self.text
        plain = self.prose.mentions(text) | self.prose.letters(text)
        if len(found) != 1 or not plain >= found or negation.REFUSAL.search(text):
            return None
        return self.kept(Found(found.pop(), "bold"), text)

    # 6
    def in_prose(self) -> Found | None:
        text = self.without_echo
        if negation.REFUSAL.search(text):
            return None
        firm = self.prose.mentions(text, hedged=False) | self.prose.letters(text, hedged=False)
        named = firm or (self.prose.mentions(text) | self.prose.letters(text))
        if len(named) == 1:
            if self.prose.only_in_passing(text, next(iter(named))):
                return None
            rule = "option_text" if self.prose.mentions(text) & named else "option_letter"
            return self.kept(self.one(named, rule), text)
        if len(named) > 1:
            sentences = [s for s in cues.SENTENCES.findall(text) if s.strip()]
            last = sentences[-1]
            final = self.prose.mentions(last) | self.prose.letters(last)
            if cues.CONCLUSION.match(last) and len(final) == 1:
                return self.one(final, "conclusion")
        return None


def _first_sentence(text: str) -> str:
    match = re.match(r"[^.!?\n。;]*(?:\.(?=\d)[^.!?\n。;]*)*", text)
    return match.group() if match else text
