"""What one place of a response commits to: an option, or none where it names another one or several."""

from __future__ import annotations

import re
from dataclasses import dataclass

from audiobench.extraction import cues, negation
from audiobench.extraction.options import Mention, stem
from audiobench.extraction.passage import Passage


@dataclass(frozen=True, slots=True)
class Commitment:
    """Where a response commits itself (character offsets) and to which option; None: to none or to several."""

    start: int
    end: int
    letter: str | None
    rule: str


def whole(passage: Passage, content: str, rule: str, start: int, end: int) -> Commitment | None:
    """The commitment of a piece that is nothing but a label, an option, or both."""
    if len(content) > passage.offered.reach:
        return None
    inner = passage if content is passage.raw else Passage(content, passage.offered)
    bare = inner.text.strip().strip(cues.WRAPPING + "()[]")
    if re.fullmatch("[A-Za-z]", bare):
        return labelled(passage, start, end, bare.upper(), rule)
    label = label_at(inner, 0)
    if label:
        own = passage.offered.exact(inner.text[label[1] :])
        if own:
            letter = label[0] if label[0] in own.letters else None
            return Commitment(start, end, letter, rule)
    named = passage.offered.exact(inner.text.strip()) or (passage.offered.exact(bare) if "?" not in content else None)
    return Commitment(start, end, named.letter, rule) if named else None


def labelled(passage: Passage, start: int, end: int, letter: str, rule: str) -> Commitment | None:
    """The commitment of a label that ends at `end`, with the option's own text behind it or not."""
    as_text = passage.offered.is_letter_text(letter)
    if letter not in passage.offered.letters:
        return Commitment(start, end, min(as_text) if len(as_text) == 1 else None, rule)
    own = text_behind(passage, end, letter)
    if own:
        end, as_text = own.end, own.letters
    if as_text - {letter} and letter not in as_text:
        return Commitment(start, end, None, rule)  # the letter of one option with the text of another
    if negation.rejected_at(passage.text, end):
        return None
    return Commitment(start, end, None if several(passage, end, {letter}) else letter, rule)


def text_behind(passage: Passage, end: int, letter: str) -> Mention | None:
    """The option's text behind a label, on its line; another option's only where nothing but an ending follows."""
    own = passage.at(end)
    if own is None or "\n" in passage.text[end : own.start]:
        return None
    return own if letter in own.letters or cues.TEXT_ENDS.match(passage.text, own.end) else None


def several(passage: Passage, end: int, letters: set[str]) -> bool:
    """True where another option is joined to the one that ends at `end`: "B or C", "(D) for x, and (I) for y"."""
    text = passage.text
    others: set[str] = set()
    if joint := cues.JOINED.match(text, end, end + 40):
        mention, label = passage.at(joint.end()), cues.JOINED_LABEL.match(text, joint.end())
        others |= (mention.letters if mention else set()) | ({label[1]} if label else set())
    if listed := cues.LISTED_LABEL.match(text, end - (text[end - 1] == ","), end + 20):
        own = text_behind(passage, listed.end(), listed["below"]) if listed["below"] else None
        others |= {listed["beside"] or listed["below"]} if listed["beside"] or own else set()
    rest = end if text[end - 1] in ".!" else passage.sentence_end(end)
    others |= {
        also[also.lastindex or 0] for also in cues.ALSO.finditer(text, end, rest) if also.start() not in passage.denied
    }
    return bool(others & {*passage.offered.letters} - letters)


def label_at(passage: Passage, at: int, *, strict: bool = False) -> tuple[str, int, str] | None:
    """(letter, end, rule) of a label that begins at an offset; `strict`: nothing but an ending may follow it."""
    match = cues.LABEL.match(passage.text, at)
    if not match:
        return None
    letter, rest = match["inside"] or match["bare"], passage.text[match.end() :]
    lone, because = not rest.strip(cues.WRAPPING), cues.BECAUSE.match(rest)
    if match["inside"]:
        own = text_behind(passage, match.end(), letter.upper())
        weighed = letter.islower() or match["open"] == "<" or (re.match(r"\s*[a-z/=+*^]", rest) and not because)
        if strict and weighed and not (lone or (own and letter.upper() in own.letters)):
            return None  # "(a) The current is ..." is a part of the question, "(A) is too soft" an option weighed
        return letter.upper(), match.end(), "paren_letter" if match["open"] in "([" else "letter"
    if letter.islower() and not (lone or (match["end"] and passage.at(match.end()))):
        return None
    in_passing = cues.MUSICAL_AFTER.match(rest) or (
        (strict or letter in "AI" or not rest[:1].isspace()) and not because
    )
    if (match["end"] is None and in_passing) or (cues.SHARE.match(rest) and not passage.at(match.end())):
        return None
    return letter.upper(), match.end(), "option_letter" if match["noun"] else "letter"


def head(passage: Passage, start: int, at: int, rule: str, *, loose: bool) -> Commitment | None:
    """What a declaration declares: a label, an option's text or (`loose`) what its sentence names or paraphrases."""
    mention, label = passage.at(at), label_at(passage, at)
    end = passage.sentence_end(mention.end if mention else at)
    if label and not (mention and mention.start < label[1] < mention.end):
        return labelled(passage, start, label[1], label[0], rule)
    if mention:
        if negation.rejected_at(passage.text, mention.end):
            return None
        others = passage.named(mention.end, end) - mention.letters
        joint = others and re.search(r"\b(?:and|or)\b", passage.text[mention.end : end])
        doubtful = joint or several(passage, mention.end, {*mention.letters}) or passage.joined(mention)
        return Commitment(start, mention.end, None if doubtful else mention.letter, rule)
    if not loose or cues.DENIED_HEAD.match(passage.text, at):
        return None
    named = passage.named(at, end) | passage.labelled(at, end)
    if named:
        return Commitment(start, at, named.pop() if len(named) == 1 else None, rule)
    if value := cues.NUMERIC.match(passage.text, at):  # an option's value without its unit, or none of theirs
        bare = value["bare"] is not None
        letter = passage.offered.nearest({stem(value[1].rstrip(".,"))}, 1) if bare else None
        return Commitment(start, at, letter, rule)
    near = None if "=" in passage.text[at:end] else passage.nearest(at, end)
    return Commitment(start, at, near, "paraphrase") if near else None
