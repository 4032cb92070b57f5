"""Short answers: yes / no, valid / invalid, a count. Nothing is guessed: an unclear answer is None.

An explicit channel (box, tag, "the answer is", bold) comes before prose. In prose each sentence that commits itself
counts; where they differ the one that concludes ("so", "therefore", the argument itself) is the answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from audiobench.extraction import cues
from audiobench.extraction.negation import REFUSAL
from audiobench.extraction.numbers import plain
from audiobench.extraction.patterns import lazy, phrase
from audiobench.extraction.quantities import concluding_number, declared_number, one_number, readings
from audiobench.extraction.text import readable

_Read = Callable[[str], str | None]
_Find = Callable[[str], tuple[str, str] | None]

_WRAPPER = phrase(
    r"\\(?P<boxed>boxed|fbox)\s*\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}|<(answer|response|conclusion|final_?answer|final)>([^<>]{0,2000}?)</\3>"
)
_MARKER = phrase(
    r"(?:####|\banswer[\"']?(?: to (?:the|this|your) \w+| here)?[\s*]*"
    r"(?:(?:is|was|would be|should be|comes (?:out )?to|must be)\b\s*:?|[:=]|(?=[$\d-]|(?:yes|no|valid|invalid)\b))"
    r"|\bfinal answer\b(?:\s+is)?\s*[:=]?|答案(?:应该)?(?:是|为)?\s*:?)[\s*_]*"
)
_MARKUP = lazy(r"[*`_]+|\\(?:text|textbf|mathrm)\b")
_FIRST = lazy(r"[.!?](?=\s|$)|[\n;。]|,\s*not\b")
"""Where the first statement behind a marker ends."""
_CONCLUDES = phrase(
    r"\b(?:so|therefore|thus|hence|consequently|in conclusion|overall|finally|in summary|in the end|altogether|in all"
    r"|in total|total|adding|argument|conclusion)\b|所以|因此|总共|一共|→|="
)
_YES_NO = phrase(
    r"(?:^|[.!?;:,({\[\"'—→>-]\s*|\b(?:so|thus|therefore|hence|say|is|be|answered|with|definitely|probably|clearly|a)[,:]?\s+[\"']?)"
    r"(?:(?P<yes>yes|yeah|yep|yup)|(?P<no>no|nope|nah))"
    r"(?=\s*(?:[.,;:!?)}<\]\"'—–。]|-\s|$)|\s+(?:indeed|sir|of course|you|he|she|it|they|the|that|this|we|i)\b|(?-i:\s+[A-Z]))"
    r"|^\W*(?:(?P<no_zh>否|不(?!一定|确定|清楚|知道))|(?P<yes_zh>是|对|会(?!不)))"
)
_BOTH = phrase(r"\b(?:yes|no)\b[\"']?,?\s*(?:or|and|/)\s*[\"']?(?:yes|no)\b")
_UNDECIDED = phrase(
    r"\b(?:whether|unclear|(?:cannot|can't|can not|not possible to|impossible to) (?:tell|determine|decide|conclude|say)|either"
    r"|not sure|unsure)\b"
)
_PLACE = r"(?:the |your )?(?:start(?:ing)?(?: point| position| place| location)?|origin|where (?:you|we|i|they) (?:began|started|were|begin|start))"
_RETURN = phrase(
    rf"\b(?:return(?:s|ed|ing)?(?: you| us| me| back)? to|(?:back|end(?:s|ed)?(?: up)?|are|be|am|is|were|['’]re|arrive|finish)(?: not)?(?: exactly| right)?(?: back)?(?: (?:at|to|in))?) {_PLACE}\b"
)
_TRUTH = phrase(r"\b(?:(?:tells?|telling|speaks?) the truth|(?P<lie>lies|lying|is a liar))\b")
_SAID = phrase(r"\b(?:if|says?)\b")
_NOT = phrase(r"\b(?:not|never|cannot|fails? to|unable to)\b|n't\b")
_NO_COUNT = phrase(
    rf"\b{_PLACE}\b|\bfacing (?:north|south|east|west)\b|\bsteps? (?:away|from|to the)\b|\bthe truth\b|\blies\b|\bpremises?\b|\bargument\b"
)
_BETWEEN = r"(?:(?:deductively|logically|formally|really|at all|considered|necessarily|quite|be|a|an)\s+)*"
_DISBELIEF = r"\b(?:not the case|do(?:es)?(?: not|n't) (?:think|believe|consider)|doubt)\b[^.,;\n]{0,60}?"
_NOT_INVALID = phrase(rf"{_DISBELIEF}\binvalid\b|\b(?:not|n't|isn't|never|hardly)\s+{_BETWEEN}invalid\b")
_INVALID = phrase(
    rf"{_DISBELIEF}\bvalid\b|\binvalid(?:ly|ity)?\b|\b(?:not|n't|isn't|cannot be|never|neither|hardly|far from|fails to|failing to)\s+{_BETWEEN}valid(?:ly)?\b"
    r"|\b(?:lacks|lacking|no|without) (?:logical |deductive )?validity\b|无效"
)
_VALID = phrase(r"\bvalid(?:ly)?\b|(?<!无)有效")
_TENTATIVE = phrase(
    r"\b(?:would(?! say)|could|might|may|for (?:it|the argument|this) to be|at first|initially|one could|if|unless|whether"
    r"|either|or|unclear|(?:cannot|can't|can not) (?:tell|determine|decide|conclude|say)|(?:de(?:termine|cide)|check|see) (?:if|whether))\b"
)
_SOFT = phrase(r"\b(?:seem|look|appear)(?:s|ed)?\b")
_PARTIAL = phrase(
    r"\b(?:no|any|every|each) (?:in)?valid (?:steps?|inferences?|moves?|premises?|assumptions?|reasons?)\b"
)
_CLAUSE = phrase(r"[,:—]|\bbut\b|\bhowever\b|\balthough\b|\bthough\b|\bbecause\b|\bsince\b")
_STATES_COUNT = phrase(
    r"^\W*(?:(?:so|therefore|thus|in total|altogether|overall|yes),?\s+)?(?:(?:you|i|we|they)(?:'ve got| have| count(?:ed)?| see| got)|there (?:are|is)"
    r"|that(?:'s| is| makes)|it(?:'s| is)|the (?:total|answer|count|number)[^.:;\n]{0,40}? is)\s[^:;.(\n]{0,60}(?=[:.](?!\d)|[(\n]|$)"
)
_IN_TOTAL = phrase(r"[^.,:;|\n]{0,60}\b(?:in total|total|altogether|in all)\b(?=\s?(?:[.,:;!(\n]|$))")
_SO = phrase(r"\b(?:so|therefore|thus|hence|which makes|making|makes)\b|所以|因此|→")
_TOTAL = phrase(r"\b(?:total|altogether|in all|sum)\b[^.;\n|]{0,40}?(?:\bis\b|\bare\b|:|=|\bof\b|\|)\s*")


def _scan(text: str, read: _Read, behind: _Read | None = None, prose: _Read | None = None) -> tuple[str, str] | None:
    """What `read` finds in a box or a tag, `behind` the last marker that has an answer, in bold at the end, or in prose.

    A value that the rest of the response takes back and does not give again is none.
    """
    answer = readable(text)
    if not answer:
        return None
    behind, prose = behind or read, prose or read

    def kept(value: str | None, rule: str, rest: str) -> tuple[str, str] | None:
        if not value:
            return None
        again = cues.withdrawn(rest)
        held = again is None or value in (read(again), prose(again), read_count(again))
        return (value, rule) if held else None

    wrapped = [*_WRAPPER.finditer(answer)]
    if wrapped:
        last = wrapped[-1]
        return kept(read(last[2] or last[4] or ""), "boxed" if last["boxed"] else "answer_tag", answer[last.end() :])
    for marker in [*_MARKER.finditer(answer)][:-51:-1]:
        first = _FIRST.split(answer[marker.end() : marker.end() + 200], maxsplit=1)[0]
        if (value := behind(first)) is not None:
            return kept(value, "answer_is", answer[marker.end() :])
    for bold in [*cues.BOLD.finditer(answer, max(0, answer.rstrip().rfind("\n\n")))][:-51:-1]:
        if value := read(bold[2]):
            return kept(value, "bold", answer[bold.end() :])
    return kept(prose(answer), "in_text", answer)


def _word(read: _Read) -> _Find:
    """What `read` finds in a response whose markup means nothing; in prose only where the response does not decline."""

    def plainly(piece: str) -> str | None:
        return read(_MARKUP.sub("", piece))

    return lambda text: _scan(text, plainly, prose=lambda answer: None if REFUSAL.search(answer) else plainly(answer))


def _sentences(text: str) -> Iterator[str]:
    return (stripped for m in cues.SENTENCE.finditer(text) if (stripped := m[0].strip()))


def _polarity(word: re.Match[str] | None) -> str:
    return (word.lastgroup or "").partition("_")[0] if word else ""


def _settled(said: Sequence[tuple[str, str]]) -> str | None:
    """Of (value, sentence) in order: the one value, else that of the last sentence where it concludes."""
    if len({value for value, _ in said}) == 1 or (said and _CONCLUDES.search(said[-1][1])):
        return said[-1][0]
    return None


def _read_yes_no(text: str) -> str | None:
    said: list[tuple[str, str]] = []
    meant: list[tuple[str, str]] = []
    sentences = [*_sentences(text)]
    for sentence in sentences:
        if sentence.endswith("?") or _BOTH.search(sentence):
            continue
        words, first = {_polarity(m) for m in _YES_NO.finditer(sentence)}, _polarity(_YES_NO.match(sentence))
        if words and (first or not _UNDECIDED.search(sentence)):
            if len(words) > 1 and not first:
                return None
            said.append((first or words.pop(), sentence))
        elif outcome := _meant(sentence):
            meant.append((outcome, sentence))
    if said or not meant:
        return _settled(said)
    outcome, sentence = meant[-1]
    concludes = len(sentences) == 1 or _CONCLUDES.search(sentence) or (len(meant) == 1 and _RETURN.search(sentence))
    return outcome if concludes else None


def _meant(sentence: str) -> str | None:
    """Yes or no in other words: back at the start or not, telling the truth or lying."""
    found = _RETURN.search(sentence) or _TRUTH.search(sentence)
    if not found or _UNDECIDED.search(sentence) or _SAID.search(sentence):
        return None
    return "yes" if (found.lastgroup != "lie") != bool(_NOT.search(sentence, 0, found.end())) else "no"


def _read_valid(text: str) -> str | None:
    said: list[tuple[str, str]] = []
    asked = False
    for sentence in _sentences(_PARTIAL.sub(" ", text)):
        if sentence.endswith("?"):
            asked = bool(_VALID.search(sentence)) and not _INVALID.search(sentence)
            continue
        lead = _polarity(_YES_NO.match(sentence)) if asked else ""
        if value := _validity(sentence) or {"yes": "valid", "no": "invalid"}.get(lead):
            said.append((value, sentence))
        asked = False
    return _settled([one for one in said if not _SOFT.search(one[1])] or said)


def _validity(sentence: str) -> str | None:
    """What a sentence says of the argument: its last clause that is not tentative and does not contradict itself."""
    if _UNDECIDED.search(sentence):
        return None
    found: str | None = None
    for clause in _CLAUSE.split(sentence):
        rest = _NOT_INVALID.sub(" <V> ", clause)
        denied = bool(_INVALID.search(rest))
        affirmed = "<V>" in rest or bool(_VALID.search(_INVALID.sub(" ", rest)))
        if affirmed != denied and not _TENTATIVE.search(clause):
            found = "valid" if affirmed else "invalid"
    return found


def read_count(text: str) -> str | None:
    """The only number of the text, else that of its total, its conclusion, or its last or first statement of a count."""
    sentences = [s for s in _sentences(text) if readings(s)] or [""]
    last = sentences[-1]
    stated = [
        readings(text),
        *[readings(m[0])[-1:] for m in [*_IN_TOTAL.finditer(text)][:-4:-1]],
        *[readings(text[m.end() : m.end() + 40])[:1] for m in [*_TOTAL.finditer(text)][:-4:-1]],
        *[readings(last[m.end() :]) for m in [*_SO.finditer(last)][-1:]],
        *[readings(m[0]) for s in (last, sentences[0]) if (m := _STATES_COUNT.match(s))],
    ]
    one = next((numbers[0] for numbers in stated if len({*numbers}) == 1 and numbers[0] is not None), None)
    return None if one is None else plain(one)


def _read_short(text: str) -> str | None:
    if _VALID.search(text) or _INVALID.search(text):
        return _read_valid(text)
    return _read_yes_no(text) or (None if _NO_COUNT.search(text) or _BOTH.search(text) else read_count(text))


def number(text: str) -> tuple[str, str] | None:
    """(number as text, rule): the final number of a worked answer."""
    return _scan(text, one_number, declared_number, concluding_number)


yes_no = _word(_read_yes_no)
"""("yes" | "no", rule), or None when neither, both, or only in a denial or a question."""
valid_invalid = _word(_read_valid)
"""("valid" | "invalid", rule); "not valid" is invalid, "not invalid" is valid."""
count = _word(read_count)
"""(number as text, rule): the only number, the total, or the one behind an answer marker."""
short_answer = _word(_read_short)
"""A Big Bench Audio answer: valid / invalid, yes / no, or a count in digits ("seven" is "7").

The kind is taken from the response alone: what says valid or invalid is read as that, what says yes or no (or that
one is back at the start, or that somebody lies) as that, and only what speaks of neither as a count.
"""
