r"""Which option of a multiple-choice item a response chose, and what in the response says so.

A response is read as a careful person reads it. Its commitments are looked for in this order, and of one kind the last
one counts, for it is the last word; to mention an option is not to choose it.

1. explicit: a channel made for the answer (`\boxed{B}`, a tag of any name, a JSON field, a bold label, a last line that
   is only a label) or a declaration ("the answer is B", "so B.", "B is correct", "选 B");
2. a list with one verdict for each option, one of them good;
3. the opening: "B. Because ...", "No, it does not";
4. prose: the option that the conclusion names, or the only one that the response names and means, in the option's words
   or, where one distinctive difference decides, in similar ones.

A commitment may be to nothing: the letter of one option with the text of another, two options at once, a label that is
not offered. It counts as the others do, and the response is unparsed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from audiobench.extraction import cues, negation
from audiobench.extraction.commitment import Commitment, head, label_at, labelled, text_behind, whole
from audiobench.extraction.explicit import channels, declarations
from audiobench.extraction.numbers import in_figures
from audiobench.extraction.options import Options
from audiobench.extraction.passage import Passage
from audiobench.extraction.prose import prose
from audiobench.extraction.text import readable


@dataclass(frozen=True, slots=True)
class Found:
    """A chosen option's letter and the rule that found it."""

    letter: str
    rule: str


def choose(text: str, options: Sequence[tuple[str, str]], question: str = "") -> Found | None:
    """The option a response chose, or None when it chose none, several, or cannot be read."""
    if at_once := _at_once(text, options):
        return at_once
    offered = _offered(tuple(options), question)
    answer = in_figures(readable(text) or "")
    if not answer or not offered.all:
        return None
    opposite = negation.asks_for_the_opposite(question)
    for part in dict.fromkeys((cues.NEXT_TURN.split(answer, maxsplit=1)[0], answer)):
        commitment = _read(Passage(part, offered), opposite)
        if commitment and commitment.letter:
            return Found(commitment.letter, commitment.rule)
    return None


_LABEL_ALONE = re.compile(
    r"\s*(?P<said>(?:[Tt]he )?(?:[Cc]orrect )?[Aa]nswer(?: is|:) (?=\(?[A-Z]))?(?P<open>\(?)(?P<letter>[A-Za-z])"
    r"(?:[.):]{1,2}(?: (?P<text>[^\n]+))?)?\s*"
)


def _at_once(text: str, options: Sequence[tuple[str, str]]) -> Found | None:
    """The option of a response that is nothing but its label, its text, or both: what most responses are."""
    bare = text.strip().rstrip(".").casefold()
    if len(bare) > 300 or not text.isascii():
        return None
    texts = {letter: option.strip().rstrip(".").casefold() for letter, option in options}
    same = [letter for letter, option in texts.items() if option == bare]
    if len(bare) > 1 and same:
        return Found(same[0], "option_text") if len(same) == 1 else None
    label = _LABEL_ALONE.fullmatch(text)
    own = texts.get(label["letter"].upper()) if label else None
    if label is None or own is None or any(len(option) < 2 for option in texts.values()):
        return None
    if label["text"] and label["text"].strip().rstrip(".").casefold() != own:
        return None
    return Found(
        label["letter"].upper(), "answer_is" if label["said"] else "paren_letter" if label["open"] else "letter"
    )


@lru_cache(maxsize=1024)
def _offered(options: tuple[tuple[str, str], ...], question: str) -> Options:
    """The conditions and epochs of one item share its options, and stand near each other in a journal."""
    return Options(options, question)


def _read(passage: Passage, opposite: bool = False) -> Commitment | None:
    """The commitment that counts."""
    if any(o.strict == n for n in cues.NUMBERED.findall(passage.text) for o in passage.offered.all):
        return None  # "Option 2" where an option's text is "2"
    explicit = _outermost([*channels(passage, _read), *declarations(passage)])
    last = explicit[-1] if explicit else _verdicts(passage) or _opening(passage)
    corrected = _correction(passage, last)
    if corrected:
        return corrected
    if len(explicit) > 1 and (_side_by_side(passage, *explicit[-2:]) or _recited(passage, explicit)):
        return None
    return last or prose(passage, opposite)


def _side_by_side(passage: Passage, one: Commitment, other: Commitment) -> bool:
    """True for two answers with nothing between them, as on two lines that follow each other."""
    return one.letter != other.letter and not passage.raw[one.end : other.start].strip(" \n.,;")


def _recited(passage: Passage, explicit: Sequence[Commitment]) -> bool:
    """True for a run of declarations that goes through three options or more without a word between them."""
    letters = {explicit[-1].letter}
    for one, other in zip(explicit[-2::-1], explicit[:0:-1], strict=True):
        if cues.REPEATED.sub("", passage.raw[one.end : other.start]):
            break
        letters.add(one.letter)
    return len(letters) > 2


def _opening(passage: Passage) -> Commitment | None:
    """A label or an option at the start of the response."""
    lead = cues.INTERJECTION.match(passage.text)
    start = lead.end() if lead else 0
    found = whole(passage, passage.raw, "option_text", 0, len(passage.text))
    if found:
        label = label_at(passage, start)
        return Commitment(0, found.end, found.letter, label[2] if label and found.letter == label[0] else found.rule)
    mention, label = passage.at(start), label_at(passage, start, strict=True)
    if label and not (mention and mention.start < label[1] < mention.end):
        if _part_of_an_option(passage) or (
            passage.cut_off and label[2] == "paren_letter" and not text_behind(passage, label[1], label[0])
        ):
            return Commitment(start, label[1], None, label[2])
        found = labelled(passage, start, label[1], label[0], label[2])
        if found and found.letter and not (mention and mention.end == found.end):
            rest = passage.text[found.end :]
            stated = passage.statements(found.end)
            if (found.end == label[1] and stated and found.letter not in stated) or re.match(
                r"\s*,?\s*[(\[]?[B-Z][)\]]?\s*(?:[,.]|$)", rest
            ):
                return Commitment(start, found.end, None, found.rule)
        return found
    if (
        not mention
        or negation.rejected_at(passage.text, mention.end)
        or not re.match(r"\s*(?:[,.;:!\n。—]|$|\s[-–—]\s|\()", passage.text[mention.end :])
    ):
        return None
    end = passage.sentence_end(mention.end)
    others = (passage.named(mention.end, end) | passage.labelled(mention.end, end)) - mention.letters
    stated = passage.statements(mention.end) - mention.letters
    if others or mention.start in passage.considered:
        return None
    refused = negation.REFUSAL.search(passage.text, mention.end) or cues.NONE_OF_THEM.search(passage.text, mention.end)
    letter = None if refused or stated or passage.joined(mention) else mention.letter
    return Commitment(start, mention.end, letter, "option_text")


def _part_of_an_option(passage: Passage) -> bool:
    """True when the whole text is a piece of one option ("D. Salinger" of "J.D. Salinger")."""
    words = tuple(w.text for w in passage.words)
    return len(words) > 1 and any(
        o.exact[i : i + len(words)] == words for o in passage.offered.all for i in range(len(o.exact) - len(words) + 1)
    )


def _correction(passage: Passage, last: Commitment | None) -> Commitment | None:
    """What the response says where it takes back its last commitment, or a commitment to none."""
    rest = cues.withdrawn(passage.text[last.end if last else 0 :])
    if rest is None:
        return None
    at = len(passage.text) - len(rest)
    opening = cues.CORRECTED.match(passage.text, at)
    said = passage.at(at)
    if said:  # "No" is an option here: said again, it corrects nothing; said for the first time, it leaves two answers
        return None if not last or last.letter in said.letters else Commitment(at, said.end, None, "corrected")
    found = head(passage, at, opening.end() if opening else at, "corrected", loose=False)
    if found:
        return found
    named = passage.named(at, len(passage.text), hedged=False) | passage.labelled(at, len(passage.text))
    if len(named) == 1:
        return Commitment(at, len(passage.text), named.pop(), "corrected")
    strong = cues.TAKEN_BACK.match(rest)
    return Commitment(at, len(passage.text), None, "corrected") if named or strong else None


def _verdicts(passage: Passage) -> Commitment | None:
    """The one option that a list or a table calls right, where it calls others wrong."""
    good: set[str] = set()
    bad: set[str] = set()
    for line in re.finditer(r"[^\n]+", passage.text):
        label = cues.LIST_LABEL.match(line.group().strip())
        mention = passage.at(line.start())
        letter = label.group(1).upper() if label else mention.letter if mention else None
        if letter in passage.offered.letters:
            verdict = line.group()[2:]
            if cues.BAD.search(verdict):
                bad.add(letter or "")
            elif cues.GOOD.search(verdict):
                good.add(letter or "")
    if len(good) == 1 and bad and not good & bad:
        return Commitment(0, len(passage.text), good.pop(), "verdict")
    return None


def _outermost(commitments: Sequence[Commitment]) -> list[Commitment]:
    """The commitments in order, less those that are part of another one ("is B" in "the answer is B")."""
    kept: list[Commitment] = []
    for commitment in sorted(commitments, key=lambda c: (c.start, -c.end)):
        if not kept or commitment.end > kept[-1].end:
            kept.append(commitment)
    return kept
