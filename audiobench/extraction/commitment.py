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
    if own and (letter in own.letters or not passage.offered.by_letter[own.letter].silent):
        end = own.end
        as_text = own.letters
    if as_text - {letter} and letter not in as_text:
        return Commitment(start, end, None, rule)  # the letter of one option with the text of another
    if negation.rejected_at(passage.text, end):
        return None
    return Commitment(start, end, None if several(passage, end, {letter}) else letter, rule)


def text_behind(passage: Passage, end: int, letter: str) -> Mention | None:
    """The option's text behind a label, on its line; another option's only where nothing but an ending follows."""
    mention = passage.at(end)
    if mention is None or "\n" in passage.text[end : mention.start]:
        return None
    return mention if letter in mention.letters or cues.TEXT_ENDS.match(passage.text, mention.end) else None


def several(passage: Passage, end: int, letters: set[str]) -> bool:
    """True where another option is joined to the one that ends at `end`: "B or C", "(D) for x, and (I) for y"."""
    text = passage.text
    others: set[str] = set()
    if joint := cues.JOINED.match(text, end, end + 40):
        mention, label = passage.at(joint.end()), cues.JOINED_LABEL.match(text, joint.end())
        if mention and not mention.letters & letters:
            return True
        others |= {label[1]} if label else set()
    listed = cues.NEXT_LINE.match(text, end, end + 20)
    if listed and (own := text_behind(passage, listed.end(), listed[1])):
        return listed[1] in own.letters and listed[1] not in letters
    if following := cues.LISTED_LABEL.match(text, end - (text[end - 1 : end] == ","), end + 20):
        others.add(following[1])
    rest = end if text[end - 1] in ".!" else passage.sentence_end(end)
    others |= {
        g for m in cues.ALSO.finditer(text, end, rest) for g in m.groups() if g and m.start() not in passage.denied
    }
    return bool(others & {*passage.offered.letters} - letters)


def label_at(passage: Passage, at: int, *, strict: bool = False) -> tuple[str, int, str] | None:
    """(letter, end, rule) of a label that begins at an offset; `strict`: nothing but an ending may follow it."""
    match = cues.LABEL.match(passage.text, at)
    if not match:
        return None
    if match["inside"]:
        lone = not passage.text[match.end() :].strip(cues.WRAPPING)
        own = text_behind(passage, match.end(), match["inside"].upper())
        weighed = match["open"] == "<" or (
            re.match(r"\s*[a-z/=+*^]", passage.text[match.end() :])
            and not cues.BECAUSE.match(passage.text, match.end())
        )
        if (
            strict
            and (match["inside"].islower() or weighed)
            and not (lone or (own and match["inside"].upper() in own.letters))
        ):
            return None  # "(a) The current is ..." is a part of the question, "(A) is too soft" an option weighed
        return match["inside"].upper(), match.end(), "paren_letter" if match["open"] in "([" else "letter"
    letter, rest = match["bare"], passage.text[match.end() :]
    if cues.SHARE.match(rest) and not passage.at(match.end()):
        return None
    if letter.islower() and not (not rest.strip(cues.WRAPPING) or (match["end"] and passage.at(match.end()))):
        return None
    rule = "option_letter" if match["noun"] else "letter"
    if match["end"] is None and (
        cues.MUSICAL_AFTER.match(rest)
        or ((strict or letter in "AI" or not rest[:1].isspace()) and not cues.BECAUSE.match(rest))
    ):
        return None
    return letter.upper(), match.end(), rule


def head(passage: Passage, start: int, at: int, rule: str, *, loose: bool) -> Commitment | None:
    """What a declaration declares: a label, an option's text or (`loose`) what its sentence names or paraphrases."""
    mention = passage.at(at)
    label = label_at(passage, at)
    if label and not (mention and mention.start < label[1] < mention.end):
        return labelled(passage, start, label[1], label[0], rule)
    if mention:
        if negation.rejected_at(passage.text, mention.end):
            return None
        end = passage.sentence_end(mention.end)
        others = passage.named(mention.end, end) - mention.letters
        joint = several(passage, mention.end, {*mention.letters}) or (
            others and re.search(r"\b(?:and|or)\b", passage.text[mention.end : end])
        )
        return Commitment(start, mention.end, None if joint or passage.joined(mention) else mention.letter, rule)
    if not loose or re.match(r"\s*(?:not|neither|none|no longer|n't)\b", passage.text[at : at + 20], re.IGNORECASE):
        return None
    end = passage.sentence_end(at)
    named = passage.named(at, end) | passage.labelled(at, end)
    if not named and (value := cues.NUMERIC.match(passage.text, at)):
        letter = passage.offered.nearest({stem(value.group(1).rstrip(".,"))}, 1) if value["bare"] is not None else None
        return Commitment(start, at, letter, rule)  # an option's value without its unit, or none of theirs
    near = None if named or "=" in passage.text[at:end] else passage.nearest(at, end)
    letter = named.pop() if len(named) == 1 else near
    return Commitment(start, at, letter, rule if not near else "paraphrase") if named or letter else None
