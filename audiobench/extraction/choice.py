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
from functools import lru_cache
from string import whitespace

from audiobench.core.types import LETTERS, Answer
from audiobench.extraction import cues, negation
from audiobench.extraction.commitment import Commitment, head, label_at, labelled, whole
from audiobench.extraction.explicit import channels, declarations
from audiobench.extraction.numbers import in_figures
from audiobench.extraction.options import Mention, Options
from audiobench.extraction.passage import Passage
from audiobench.extraction.short import read_count
from audiobench.extraction.text import readable

_CALCULATION = 25
"""Words; where the options are numbers, only the last sentence of a longer response is read as prose."""
_LONG = 500
"""Characters; a label in brackets that a longer piece mentions once chooses nothing."""
_PARAPHRASE = 80
"""Words; a longer response is not searched for an option in other words."""


def _chosen(letter: str, rule: str) -> Answer:
    return Answer(letter, rule, LETTERS.index(letter))


_AROUND = whitespace + "".join(
    map(chr, (*range(0x1F300, 0x1FAFF), *range(0x2600, 0x2669), 0x2705, 0x2713, 0x2714, 0x2B50, 0xFE0F))
)
"""Blanks, emoji and ticks; a cross takes back what it stands beside, and is none of them."""


def choose(text: str, options: Sequence[tuple[str, str]], question: str = "") -> Answer:
    """The option a response chose: no value where it chose none, several, or cannot be read."""
    if text and not (text[0] + text[-1]).isascii():
        text = text.strip(_AROUND)
    if at_once := _at_once(text, options):
        return at_once
    offered = _offered(tuple(options), question)
    answer = in_figures(readable(text) or "")
    if not answer or not offered.all:
        return Answer(None)
    opposite = negation.asks_for_the_opposite(question)
    for part in dict.fromkeys((cues.NEXT_TURN.split(answer, maxsplit=1)[0], answer)):
        commitment = _read(Passage(part, offered), opposite)
        if commitment and commitment.letter:
            return _chosen(commitment.letter, commitment.rule)
    return Answer(None)


_LABEL_ALONE = re.compile(
    r"\s*(?P<said>(?:[Tt]he )?(?:[Cc]orrect )?[Aa]nswer(?: is|:) (?=\(?[A-Z]))?(?P<open>\(?)(?P<letter>[A-Za-z])"
    r"(?:[.):]{1,2}(?: (?P<text>[^\n]+))?)?\s*"
)


def _at_once(text: str, options: Sequence[tuple[str, str]]) -> Answer | None:
    """The option of a response that is nothing but its label, its text, or both: what most responses are."""
    bare = text.strip().rstrip(".").casefold()
    if len(bare) > 300 or not text.isascii():
        return None
    texts = {letter: option.strip().rstrip(".").casefold() for letter, option in options}
    same = [letter for letter, option in texts.items() if option == bare]
    if len(bare) > 1 and same:
        return _chosen(same[0], "option_text") if len(same) == 1 else None
    label = _LABEL_ALONE.fullmatch(text)
    own = texts.get(label["letter"].upper()) if label else None
    if label is None or own is None or any(len(option) < 2 for option in texts.values()):
        return None
    if label["text"] and label["text"].strip().rstrip(".").casefold() != own:
        return None
    rule = "answer_is" if label["said"] else "paren_letter" if label["open"] else "letter"
    return _chosen(label["letter"].upper(), rule)


@lru_cache(maxsize=1024)
def _offered(options: tuple[tuple[str, str], ...], question: str) -> Options:
    """The conditions and epochs of one item share its options, and stand near each other in a journal."""
    return Options(options, question)


def _read(passage: Passage, opposite: bool = False) -> Commitment | None:
    """The commitment that counts."""
    if any(o.strict == n for n in cues.NUMBERED.findall(passage.text) for o in passage.offered.all):
        return None  # "Option 2" where an option's text is "2"
    explicit: list[Commitment] = []
    for one in sorted([*channels(passage, _read), *declarations(passage)], key=lambda c: (c.start, -c.end)):
        if not explicit or one.end > explicit[-1].end:  # else a part of another one ("is B" in "the answer is B")
            explicit.append(one)
    last = explicit[-1] if explicit else _verdicts(passage) or _opening(passage)
    if corrected := _correction(passage, last):
        return corrected
    return None if _side_by_side(passage, explicit) else last or _prose(passage, opposite)


def _side_by_side(passage: Passage, explicit: Sequence[Commitment]) -> bool:
    """True for two answers with nothing between them, or a run through three or more with hardly a word between them."""
    run = list(explicit[-1:])
    for one in explicit[-2::-1]:
        between = passage.raw[one.end : run[-1].start]
        if len(run) == 1 and one.letter != run[0].letter and not between.strip(" \n.,;"):
            return True
        if cues.REPEATED.sub("", between):
            break
        run.append(one)
    return len({one.letter for one in run}) > 2


def _verdicts(passage: Passage) -> Commitment | None:
    """The one option that a list or a table calls right, where it calls others wrong."""
    good: set[str] = set()
    bad: set[str] = set()
    for line in re.finditer(r"[^\n]+", passage.text):
        label, mention = cues.LIST_LABEL.match(line[0].strip()), passage.at(line.start())
        letter = label[1].upper() if label else mention.letter if mention else ""
        wrong = cues.BAD.search(line[0][2:])
        if letter in passage.offered.letters and (wrong or cues.GOOD.search(line[0][2:])):
            (bad if wrong else good).add(letter)
    one = len(good) == 1 and bad and not good & bad
    return Commitment(0, len(passage.text), good.pop(), "verdict") if one else None


def _opening(passage: Passage) -> Commitment | None:
    """A label or an option at the start of the response; an explanation behind it must not speak for another one."""
    text = passage.text
    start = cues.INTERJECTION.match(text).end()  # type: ignore[union-attr]
    if found := whole(passage, passage.raw, "option_text", 0, len(text)):
        label = label_at(passage, start)
        return Commitment(0, found.end, found.letter, label[2] if label and found.letter == label[0] else found.rule)
    mention, label = passage.at(start), label_at(passage, start, strict=True)
    if label and not (mention and mention.start < label[1] < mention.end):
        return _opening_label(passage, start, mention, *label)
    if not mention or negation.rejected_at(text, mention.end) or not cues.ENDS.match(text, mention.end):
        return None
    end = mention.end
    others = passage.named(end, passage.sentence_end(end)) | passage.labelled(end, passage.sentence_end(end))
    if others - mention.letters:
        return None
    doubtful = passage.declines or passage.statements(end) - mention.letters
    return Commitment(start, end, None if doubtful else mention.letter, "option_text")


def _opening_label(
    passage: Passage, start: int, mention: Mention | None, letter: str, end: int, rule: str
) -> Commitment | None:
    """A label at the start: none where it begins a list, or where short sentences behind it state another option."""
    found = labelled(passage, start, end, letter, rule)
    own = found and found.end > end
    alone = found and found.letter and not (mention and mention.end == found.end)
    rest = passage.text[end:]
    listed = not own and re.search(rf"\n\W{{0,4}}(?:Option )?{chr(ord(letter) + 1)}[).:]", rest)
    listed = listed or (passage.cut_off and rule == "paren_letter" and not own)
    stated = passage.statements(end) if alone and not own else set[str]()
    several = alone and cues.NEXT_LABEL.match(passage.text, found.end if found else end)
    contradicted = (stated and letter not in stated) or several
    return Commitment(start, end, None, rule) if listed or contradicted or _part_of_an_option(passage) else found


def _part_of_an_option(passage: Passage) -> bool:
    """True when the whole text is a piece of one option ("D. Salinger" of "J.D. Salinger")."""
    words = tuple(w.text for w in passage.words)
    starts = range(len(words) > 1 and 30)
    return any(o.exact[i : i + len(words)] == words for o in passage.offered.all for i in starts)


def _correction(passage: Passage, last: Commitment | None) -> Commitment | None:
    """What the response says where it takes back its last commitment, or a commitment to none."""
    end, text = len(passage.text), passage.text
    rest = cues.withdrawn(text[last.end if last else 0 :])
    if rest is None:
        return None
    at = end - len(rest)
    if said := passage.at(at):  # an option that is "No": said again it corrects nothing, else it is a second one
        return None if not last or last.letter in said.letters else Commitment(at, said.end, None, "corrected")
    opening = cues.CORRECTED.match(text, at)
    if found := head(passage, at, opening.end() if opening else at, "corrected", loose=False):
        return found
    named = passage.named(at, end, hedged=False) | passage.labelled(at, end)
    letter = named.pop() if len(named) == 1 else None
    return Commitment(at, end, letter, "corrected") if letter or named or cues.TAKEN_BACK.match(rest) else None


# ---- prose: what is named and meant, where nothing is an explicit commitment ----------------------------------------
def _prose(passage: Passage, opposite: bool) -> Commitment | None:
    """The option that the response names and means."""
    end, sentences = len(passage.text), passage.sentences
    if passage.cut_off or not sentences or passage.declines:
        return None
    if opposite and len(negated := passage.negated(0, end)) == 1:
        return Commitment(0, end, negated.pop(), "option_text")
    for a, b in [s for s in sentences if cues.CONCLUSION.search(passage.text, *s)][-1:]:
        found = _meant(passage, a, b, "conclusion")
        if found or (a, b) == sentences[-1]:
            return found
    numbers = all(o.pattern and o.pattern[0][-1:].isdigit() for o in passage.offered.all)
    if numbers and len(passage.words) > _CALCULATION:
        stated = _predicates(passage, *sentences[-1]) | passage.labelled(*sentences[-1])
        return Commitment(*sentences[-1], stated.pop(), "option_text") if len(stated) == 1 else None
    found = _meant(passage, 0, end, "option_text")
    if found or not numbers or not (total := read_count(passage.text)):
        return found
    letters = [o.letter for o in passage.offered.all if o.pattern == (total,)]  # "2 men and 1 woman, so 3 in total"
    return Commitment(0, end, letters[0], "option_text") if len(letters) == 1 else None


def _meant(passage: Passage, start: int, end: int, rule: str) -> Commitment | None:
    """The only option that a stretch of prose names and means, or paraphrases."""
    letters = passage.labelled(start, end) if end - start < _LONG else set[str]()
    for hedged in (False, True):
        if named := passage.named(start, end, hedged=hedged) | letters:
            if len(named) > 1:
                named, letters = _predicates(passage, start, end), set[str]()
            rule = "option_letter" if letters else rule
            return Commitment(start, end, named.pop() or None, rule) if len(named) == 1 else None
    near = passage.nearest(start, end) if passage.text.count(" ", start, end) <= _PARAPHRASE else None
    return Commitment(start, end, near, "paraphrase") if near else None


def _predicates(passage: Passage, start: int, end: int) -> set[str]:
    """Letters of the options that a stretch states after a verb of its own ("There are four people ...").

    Behind one of them, a colon explains it ("four: a man, ...") and an "and" states another one.
    """
    found: set[str] = set()
    for a, b in passage.sentences:
        stated = None
        for mention in passage.inside(a, b) if start <= a < end else ():
            before = passage.text[max(a, mention.start - 30) : mention.start]
            added = stated and passage.text[stated.end : mention.start].lstrip(" ,").startswith("and ")
            said = cues.PREDICATE.search(before) and not (stated and before.rstrip(" \"'").endswith(":"))
            if (added or said) and mention.letter in passage.named(mention.start, mention.end, hedged=False):
                stated = mention
                found |= {mention.letter} | passage.joined(mention)
    return found
