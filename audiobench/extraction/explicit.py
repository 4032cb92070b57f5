"""Explicit commitments: places made for the answer alone, and declarations of an answer in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from audiobench.extraction import cues
from audiobench.extraction.commitment import Commitment, head, labelled, whole
from audiobench.extraction.passage import Passage

Reader = Callable[[Passage], Commitment | None]
"""Reads what stands in an answer tag as a response of its own."""
_MANY = 60
"""Commitments of one form read at most, from the end: a response that makes more of them has run away."""


def channels(passage: Passage, read: Reader) -> Iterator[Commitment]:
    """Commitments in places made for the answer alone."""
    raw = passage.raw
    for box in _last(cues.BOXED, raw):
        found = _inner(passage, read, box[1], "boxed", *box.span())
        if found.letter or not raw[box.end() :].strip(" .$\\)]\n"):  # else the value of a calculation
            yield found
    for tag in _last(cues.TAG, raw):
        name, content = tag[1].lower(), tag[2]
        a_letter = content.upper() in (*passage.offered.letters, "N")
        if not a_letter and (letter := passage.offered.abbreviated(content)):
            yield Commitment(*tag.span(), letter, "tag")
        elif cues.ANSWER_TAG.fullmatch(name) or (tag[1] in passage.offered.letters and content):
            rule = f"{name}_tag" if name in ("answer", "response") else "tag"
            yield _inner(passage, read, content, rule, *tag.span())
        elif (found := whole(passage, content, "tag", *tag.span())) and found.letter:
            yield found
    for field in _last(cues.JSON, raw):
        if found := whole(passage, field[field.lastindex or 0], "json", *field.span()):
            yield found
    yield from _at_the_end(passage)
    bold = [f for m in _last(cues.BOLD, raw) if (f := whole(passage, m[2], "bold", *m.span()))]
    if len({one.letter for one in bold}) == 1 and not cues.JOINED.match(raw, bold[-1].end):
        yield from [] if passage.cut_off or passage.declines else bold[-1:]


def _last(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    return [*pattern.finditer(text)][-_MANY:]


def _inner(passage: Passage, read: Reader, content: str, rule: str, start: int, end: int) -> Commitment:
    """The commitment of an answer's own channel; a channel that names no option commits to none."""
    found = whole(passage, content.rpartition("=")[2], rule, start, end)
    if not found and len(content) < passage.offered.reach:
        found = read(Passage(content, passage.offered))
    return Commitment(start, end, found.letter if found else None, rule)


def _at_the_end(passage: Passage) -> Iterator[Commitment]:
    """A last line or sentence that is only a label or an option, or a tag at the end that nothing closes."""
    raw = passage.raw.rstrip()
    tag = cues.OPEN_TAG.search(raw, max(0, len(raw) - 400 - passage.offered.reach))
    if tag:
        name = {*tag[1].upper().split()}
        found = whole(passage, tag[2], "tag", *tag.span()) if tag[2] else None
        if not tag[2] and len(name) == 1:
            found = labelled(passage, tag.start(), len(passage.text), name.pop(), "tag")
        if found and found.letter:
            yield found
    lone = cues.LONE_LABEL.search(raw, max(0, len(raw) - 8))
    if lone and lone[1] in passage.offered.letters and not passage.declines:
        yield Commitment(lone.start(), len(passage.raw), lone[1], "last_line")
    above, newline, line = raw.rpartition("\n")
    listed = cues.LIST_LABEL.match(above.rstrip().rpartition("\n")[2]) and cues.LIST_LABEL.match(line + " .")
    alone = newline and not listed and line.count("(") == line.count(")")
    if alone and (found := whole(passage, line, "last_line", len(above) + 1, len(raw))):
        yield found


def declarations(passage: Passage) -> Iterator[Commitment]:
    """Every declaration of an answer in words."""
    text, letters = passage.text, passage.offered.letters
    for pattern, loose in ((cues.DECLARED, True), (cues.SUPERLATIVE, False)):
        for cue in _last(pattern, text):
            if not _set_aside(passage, cue, cue.start()) and cue.end() - 1 not in passage.denied:
                found = head(passage, cue.start(), cue.end(), "answer_is", loose=loose)
                if found:
                    yield found
    lone_capital = cues.LONE_CAPITAL.search(text)
    for cue in _last(cues.FINAL_LABEL, text) if lone_capital else ():
        if found := _final_label(passage, cue):
            yield found
    for cue in _last(cues.RIGHT, text) if lone_capital else ():
        letter = cue[cue.lastgroup or 0]
        if letter in letters and cue.start() not in passage.denied:
            yield Commitment(cue.start(), cue.end(), letter, "answer_is")
    for cue in _last(cues.ORDINAL, text):
        letter = passage.offered.at_position(cue[cue.lastindex or 0].lower())
        if letter and cue.start() not in passage.denied and len({m.letter for m in passage.inside(0, cue.start())}) < 2:
            yield Commitment(cue.start(), cue.end(), letter, "position")


def _set_aside(passage: Passage, cue: re.Match[str], at: int) -> bool:
    """True for a declaration that is denied or speaks of another answer ("each answer is ...", "the worst choice: ...")."""
    before = cues.NOT_THE_ANSWER.search(passage.text, max(0, cue.start() - 40), cue.start())
    return at in passage.denied or bool(before)


def _final_label(passage: Passage, cue: re.Match[str]) -> Commitment | None:
    """A label as the last word of its sentence: "so B.", "that leaves (D)", "suggests a guitar, option B."."""
    text, at = passage.text, cue.start(cue.lastgroup or 0)
    letter = text[at]
    listed = cue.lastgroup == "d" and re.search(
        r"(?<![A-Za-z])[A-Z][)\]]?$", text[max(0, cue.start() - 3) : cue.start()]
    )
    if listed or _set_aside(passage, cue, at):
        return None  # "C, E, F"
    end = at + 1 + len(re.match(r"[)\]\"']*[.:]?", text[at + 1 : at + 8])[0])  # type: ignore[index]
    mention = passage.at(end)
    own = mention if mention and letter in mention.letters else None
    if not own and passage.offered.shadows(letter) and not passage.offered.is_letter_text(letter):
        return None  # "in C major", where that is an option
    end = own.end if own else end
    rest = text[end : end + 40]
    heads_a_list = not mention and "\n" in text[cue.start() : at] and rest.partition("\n")[0].strip()
    if heads_a_list or not (text[end - 1] == "." or cues.AFTER_LABEL.match(rest)):
        return None
    if cue.lastgroup in ("b", "c") and not passage.labelled(0, len(text)) <= {letter}:
        return None
    contradicted = cue.lastgroup == "a" and not mention and _contradicted(passage, letter, at)
    return Commitment(at, end, None, "concluded") if contradicted else labelled(passage, at, end, letter, "concluded")


def _contradicted(passage: Passage, letter: str, at: int) -> bool:
    """True where the sentence of a concluded letter names only another option: "It is a man, so B." (a woman)."""
    start = next((a for a, _ in reversed(passage.sentences) if a <= at), 0)
    named = passage.named(start, at, hedged=False)
    return len(named) == 1 and letter not in named and passage.text[start:at].count(" ") < 12
