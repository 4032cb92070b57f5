"""Prose: the option that a response names and means, where nothing in it is an explicit commitment."""

from __future__ import annotations

from audiobench.extraction import cues, negation
from audiobench.extraction.commitment import Commitment
from audiobench.extraction.passage import Passage

_CALCULATION = 25
"""Words; where the options are numbers, only the last sentence of a longer response is read as prose."""
_LONG = 500
"""Characters; a label in brackets that a longer piece mentions once chooses nothing."""
_PARAPHRASE = 80
"""Words; a longer response is not searched for an option in other words."""


def prose(passage: Passage, opposite: bool) -> Commitment | None:
    """The option that the response names and means."""
    end = len(passage.text)
    if passage.cut_off or not passage.sentences or _refuses(passage):
        return None
    if opposite and len(negated := passage.negated(0, end)) == 1:
        return Commitment(0, end, negated.pop(), "option_text")
    last = [(a, b) for a, b in passage.sentences if cues.CONCLUSION.search(passage.text, a, b)][-1:]
    for a, b in last:
        if found := _meant(passage, a, b, "conclusion"):
            return found
        if (a, b) == passage.sentences[-1]:
            return None
    numbers = all(o.pattern and o.pattern[0][-1:].isdigit() for o in passage.offered.all)
    if numbers and len(passage.words) > _CALCULATION:
        stated = _predicates(passage, *passage.sentences[-1]) | passage.labelled(*passage.sentences[-1])
        return Commitment(*passage.sentences[-1], stated.pop(), "option_text") if len(stated) == 1 else None
    return _meant(passage, 0, end, "option_text")


def _meant(passage: Passage, start: int, end: int, rule: str) -> Commitment | None:
    """The only option that a stretch of prose names and means, or paraphrases."""
    for hedged in (False, True):
        named = passage.named(start, end, hedged=hedged)
        letters = passage.labelled(start, end) if end - start < _LONG else set[str]()
        if len(named | letters) == 1:
            rule = rule if named else "option_letter"
            return Commitment(start, end, (named | letters).pop() or None, rule)
        if named or letters:
            answers = _predicates(passage, start, end)
            return Commitment(start, end, answers.pop(), rule) if len(answers) == 1 else None
    if passage.text.count(" ", start, end) <= _PARAPHRASE and (near := passage.nearest(start, end)):
        return Commitment(start, end, near, "paraphrase")
    return None


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


def _refuses(passage: Passage) -> bool:
    """True where the response declines or finds no option right, in words that are not an option's own."""
    for pattern in (negation.REFUSAL, cues.NONE_OF_THEM):
        for refusal in pattern.finditer(passage.text):
            if any(m.start <= refusal.start() and refusal.end() <= m.end for m in passage.mentions):
                continue
            start = next((a for a, b in passage.sentences if a <= refusal.start() < b), 0)
            aside = cues.ASIDE.match(refusal.group()) and passage.named(start, refusal.start(), hedged=False)
            if not aside:
                return True
    return False
