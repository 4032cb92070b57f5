"""Explicit commitments: places made for the answer alone, and declarations of an answer in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from audiobench.extraction import cues, negation
from audiobench.extraction.commitment import Commitment, head, labelled, whole
from audiobench.extraction.passage import Passage

Reader = Callable[[Passage], Commitment | None]
"""Reads what stands in an answer tag as a response of its own."""
_MANY = 60
"""Declarations of one form read at most, from the end: a response that makes more of them has run away."""


def channels(passage: Passage, read: Reader) -> Iterator[Commitment]:
    """Commitments in places made for the answer alone."""
    raw = passage.raw
    for m in [*cues.BOXED.finditer(raw)][-_MANY:]:
        found = _inner(passage, read, m.group(1), "boxed", *m.span())
        if found.letter or not raw[m.end() :].strip(" .$\\)]\n"):
            yield found
    for m in [*cues.TAG.finditer(raw)][-_MANY:]:
        name = m.group(1).lower()
        if m.group(2).upper() not in (*passage.offered.letters, "N") and (found := _abbreviated(passage, m)):
            yield found
        elif cues.ANSWER_TAG.fullmatch(name) or (m.group(1) in passage.offered.letters and m.group(2)):
            yield _inner(
                passage, read, m.group(2), f"{name}_tag" if name in ("answer", "response") else "tag", *m.span()
            )
        elif (found := whole(passage, m.group(2), "tag", *m.span())) and (found.letter or len(m.group(2)) > 1):
            yield found
    for m in [*cues.JSON.finditer(raw)][-_MANY:]:
        found = whole(passage, m.group(2) or m.group(3) or m.group(4), "json", *m.span())
        if found:
            yield found
    yield from _tail(passage)
    yield from _bold(passage)


def _inner(passage: Passage, read: Reader, content: str, rule: str, start: int, end: int) -> Commitment:
    """The commitment of an answer's own channel; a channel that names no option commits to none."""
    found = whole(passage, content, rule, start, end) or whole(passage, content.rpartition("=")[2], rule, start, end)
    if not found and len(content) < passage.offered.reach:
        found = read(Passage(content, passage.offered))
    return Commitment(start, end, found.letter if found else None, rule)


def _abbreviated(passage: Passage, tag: re.Match[str]) -> Commitment | None:
    """A tag that holds a piece of one option alone: "W" for "Walking", "Lincoln" for "Abraham Lincoln"."""
    letter = passage.offered.abbreviated(tag.group(2))
    return Commitment(*tag.span(), letter, "tag") if letter else None


def _tail(passage: Passage) -> Iterator[Commitment]:
    """A last line that is only a label or an option, or a tag at the end that nothing closes."""
    raw = passage.raw.rstrip()
    tag = cues.OPEN_TAG.search(raw, max(0, len(raw) - 400 - passage.offered.reach))
    if tag and not (tag.group().startswith("</") and cues.ANSWER_TAG.fullmatch(tag.group(1))):
        words = {*tag.group(1).upper().split()}
        if tag.group(2):
            found = whole(passage, tag.group(2), "tag", *tag.span())
        else:
            found = labelled(passage, tag.start(), len(passage.text), words.pop(), "tag") if len(words) == 1 else None
        if found and found.letter:
            yield found
    lone = None if negation.REFUSAL.search(raw) else cues.LONE_LABEL.search(raw, max(0, len(raw) - 8))
    if lone and lone[1] in passage.offered.letters:
        yield Commitment(lone.start(), len(passage.raw), lone[1], "last_line")
    above, newline, line = raw.rpartition("\n")
    listed = cues.LIST_LABEL.match(above.rstrip().rpartition("\n")[2]) and cues.LIST_LABEL.match(line + " .")
    if newline and line[:1] not in "<" and not listed and line.count("(") == line.count(")"):
        found = whole(passage, line, "last_line", len(above) + 1, len(raw))
        if found:
            yield found


def _bold(passage: Passage) -> Iterator[Commitment]:
    """The bold label or option, where all of those in bold are the same one."""
    raw = passage.raw
    spans = [m for m in cues.BOLD.finditer(raw) if len(m.group(2)) < passage.offered.reach][-_MANY:]
    found = [f for m in spans if (f := whole(passage, m.group(2), "bold", *m.span()))]
    if found and len({f.letter for f in found}) == 1 and found[-1].start not in passage.denied:
        rest = raw[found[-1].end :]
        if not (passage.cut_off or negation.REFUSAL.search(passage.text) or re.match(r"\s*(?:or|and)\b", rest)):
            yield found[-1]


def declarations(passage: Passage) -> Iterator[Commitment]:
    """Every declaration of an answer in words."""
    text, letters = passage.text, passage.offered.letters
    for pattern, loose in ((cues.DECLARED, True), (cues.SUPERLATIVE, False)):
        for cue in [*pattern.finditer(text)][-_MANY:]:
            if _set_aside(passage, cue.start(), cue) or cue.end() - 1 in passage.denied:
                continue
            if found := head(passage, cue.start(), cue.end(), "answer_is", loose=loose):
                yield found
    for cue in [*cues.FINAL_LABEL.finditer(text)][-_MANY:]:
        if found := _final_label(passage, cue):
            yield found
    for cue in [*cues.RIGHT.finditer(text)][-_MANY:]:
        letter = cue["l"] or cue["cjk"]
        if letter in letters and cue.start() not in passage.denied:
            yield Commitment(cue.start(), cue.end(), letter, "answer_is")
    for cue in [*cues.ORDINAL.finditer(text)][-_MANY:]:
        letter = passage.offered.at_position((cue.group(1) or cue.group(2) or cue.group(3)).lower())
        named = {m.letter for m in passage.inside(0, cue.start())}
        if letter and cue.start() not in passage.denied and len(named) < 2:
            yield Commitment(cue.start(), cue.end(), letter, "position")


def _set_aside(passage: Passage, at: int, cue: re.Match[str]) -> bool:
    """True for a declaration that is denied or speaks of another answer ("each answer is ...", "the worst choice: ...")."""
    before = cues.NOT_THE_ANSWER.search(passage.text, max(0, cue.start() - 40), cue.start())
    return at in passage.denied or bool(before)


def _final_label(passage: Passage, cue: re.Match[str]) -> Commitment | None:
    """A label as the last word of its sentence: "so B.", "that leaves (D)", "suggests a guitar, option B."."""
    text, letter = passage.text, cue["a"] or cue["b"] or cue["c"] or cue["d"]
    at = next(cue.start(group) for group in "abcd" if cue[group])
    listed = cue["d"] and re.search(r"(?<![A-Za-z])[A-Z][)\]]?$", text[max(0, cue.start() - 3) : cue.start()])
    if listed or _set_aside(passage, at, cue):
        return None  # "C, E, F"
    end = at + 1 + len(re.match(r"[)\]\"']*[.:]?", text[at + 1 : at + 8]).group())  # type: ignore[union-attr]
    mention = passage.at(end) if re.match(r"\s*\S", text[end:]) else None
    own = mention if mention and letter in mention.letters else None
    if not own and passage.offered.shadows(letter) and not passage.offered.is_letter_text(letter):
        return None  # "in C major", where that is an option
    end = own.end if own else end
    rest = text[end : end + 40]
    if not mention and "\n" in text[cue.start() : at] and rest.partition("\n")[0].strip():
        return None  # the head of a list
    if not (text[end - 1] == "." or cues.AFTER_LABEL.match(rest)):
        return None
    if (cue["b"] or cue["c"]) and not _only_or_last(passage, letter, at):
        return None
    contradicted = cue["a"] and not mention and _contradicted(passage, letter, at)
    return Commitment(at, end, None, "concluded") if contradicted else labelled(passage, at, end, letter, "concluded")


def _only_or_last(passage: Passage, letter: str, at: int) -> bool:
    """True for the only label of the response, and for one that its last sentence concludes with."""
    if passage.labelled(0, len(passage.text)) <= {letter}:
        return True
    start = passage.sentences[-1][0] if passage.sentences else 0
    return at >= start and bool(cues.CONCLUSION.search(passage.text, start, at))


def _contradicted(passage: Passage, letter: str, at: int) -> bool:
    """True where the sentence of a concluded letter names only another option: "It is a man, so B." (a woman)."""
    start = next((a for a, _ in reversed(passage.sentences) if a <= at), 0)
    named = passage.named(start, at, hedged=False)
    return len(named) == 1 and letter not in named and passage.text[start:at].count(" ") < 12
