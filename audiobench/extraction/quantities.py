"""What the numbers of a response state, and the final number of a worked answer.

"at least 3", "3+", "5 or 6", "12 + 25" and "10^3" name numbers without stating their value: such a reading holds None,
and an answer that rests on it is unparsed. A number that is denied ("not 6") is no reading at all. Of a sum with its
result ("12 + 25 = 37") the result is the reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from audiobench.extraction import cues
from audiobench.extraction.negation import Spans
from audiobench.extraction.numbers import Figure, figures, in_figures, plain
from audiobench.extraction.patterns import lazy

_LATEX = (
    (lazy(r"\{,\}|(?<=\d)\\[,!;: ](?=\d{3})"), ","),
    (lazy(r"\\[,!;: ]|\\(?:left|right|quad|displaystyle)\b|(?<=\d)\^?\{?\\?\^?\\circ\b\}?|~"), " "),
    (lazy(r"(?<=\d)\s?\\[dtc]?frac\s?\{?(\d+)\}?\s?\{?(\d+)\}?"), r" \1/\2"),
    (lazy(r"\\[dtc]?frac\s?(?:\{(\d+)\}\s?\{(\d+)\}|(\d)\s?(\d))"), r"\1\3/\2\4"),
    (lazy(r"\\(?:text|textbf|mathrm|mathbf|mbox|textit|mathit)\s?\{([^{}]{0,200})\}"), r" \1 "),
    (lazy(r"\b((?:[ckm]?m|in|ft|feet|inch(?:es)?|yd|units?))\s?\^\s?\{?[23]\}?"), r"\1"),
    (lazy(r"\\(?:times|cdot|ast)\b"), "×"),
    (lazy(r"\\div\b"), "÷"),
    (lazy(r"\\approx\b"), "≈"),
    (lazy(r"\\([$%#&{}])|\\[()\[\]]"), r"\1"),
    (lazy(r"(?<![*\d)])\*\*(?=\S)|(?<=\S)\*\*(?![*\d({-])|(?<=\d)\*\*(?=[ .,;:!?]|$)|__+"), ""),
)  # fmt: skip
_BOXED = lazy(r"\\(?:boxed|fbox)\s*\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}")
_TAG = lazy(r"<(final_?answer|answer|response|conclusion|final)>(.*?)</\1>", re.IGNORECASE | re.DOTALL)
_MARKER = lazy(
    r"""(?:####|\banswer["']?(?: to (?:the|this|your) \w+| here)?[\s*]*(?:(?:is|was|would be|should be|comes (?:out )?to|must be)\b\s*:?|[:=]|(?=[$\d-]))|\bfinal answer\b|答案(?:应该)?(?:是|为)?\s*:?)[\s*_]*""",
    re.IGNORECASE,
)
_BOLD = lazy(r"(?<!\*)\*\*(?=\S)([^*\n]{1,200})(?<=\S)\*\*(?!\*)")
_SENTENCE_END = lazy(r"[.!?](?=\s|$)|\n|[。;]")
_DESCRIBED = lazy(
    r"\b(?:sum|product|difference|quotient|result|total|average|mean|difference between) of\b|\bbetween\b", re.I
)
_LISTED = lazy(r"\s?,\s?(?:and\s)?|\s?and\s|\s?[、和]\s?")
_VERB_BEFORE = lazy(
    r"\b(?:is|are|was|were|has|have|had|pays?|paid|costs?|earn(?:s|ed)?|makes?|made|spen[dt]s?|needs?|takes?|gets?|sold|sells?"
    r"|owes?|saves?|saved|runs?|ran|uses?|used|total(?:s|ed)?|left)(?: (?:a total of|about|only))?\s[$€£]?$",
    re.IGNORECASE,
)
_PREPOSITION_BEFORE = lazy(
    r"\b(?:for|in|per|after|with|at|over|within|during|on|among|from|of|every|each)(?: (?:the|all|those|these|his|her|their|just))?\s[$€£]?$",
    re.IGNORECASE,
)
_RESULT_BEFORE = lazy(r"=\s?[($€£]?\s?$")
_RESULTING = lazy(r"(?:\b(?:is|are|equals|makes|gives|to get)|=)\s*[$€£]?\s*(?:\w+ )?$", re.IGNORECASE)

_NEAR = 40
"""Characters in front of and behind a number that may change what it states."""
_DENIED_BEFORE = lazy(r"(?:\bnot|n't|\brather than|\binstead of|不是|而非)\s*$", re.IGNORECASE)
_BOUND_BEFORE = lazy(
    r"(?:\b(?:at least|at most|almost|nearly|up to|no fewer than|(?:more|less|fewer|greater|other) than|over|under|beyond"
    r"|(?:minimum|maximum|third|quarter|fraction|multiple) of|half(?: of)?|twice|double|exceed(?:s|ed|ing)?)"
    r"(?: (?:about|around|some|the|an?))?\s+[$€£]?|(?<= )[<>]=?\s?|[≥≤]\s?|[\d)](?:\s?\^\s?|\*\*)|至少|最少|最多|至多|超过|不到|将近|接近)$",
    re.IGNORECASE,
)
_BOUND_AFTER = lazy(
    r"\+(?![ (]?[\w(])|(?:\s?\^\s?|\*\*)[\d({-]|(?: [^\W\d]\w*)? (?:or (?:more|less|fewer|over|under|higher|lower)"
    r"|at (?:least|most)|and (?:up|over|more))\b|以上|以下|多",
    re.IGNORECASE,
)
_RANGE = lazy(r"\s?(?:-|\bto\b|(?:[^\W\d]\w*,? )?\bor\b|或|到|至)\s?(?:(?:about|maybe|even) )?[$€£]?", re.IGNORECASE)
_BETWEEN = lazy(r"\bbetween\s+$", re.IGNORECASE)
_AND = lazy(r"\s+and\s+", re.IGNORECASE)
_SCALE = lazy(r"\s?(?:k|million|mn|billion|bn|trillion|lakhs?|crores?)\b|(?-i:M\b)", re.IGNORECASE)
_SCALES = {"k": 3, "t": 12, "m": 6, "b": 9, "l": 5, "c": 7}
_REFERENCE = lazy(
    r"\(\s?(?:see |cf\. |from |by |in )?(?:the )?(?:steps?|eq(?:uation|\.)?|fig(?:ure|\.)?|table|line|section|part|note|page|p\.)"
    r"\s?#?$|\b(?:steps?|problem|question|exercise|example|equation|option)\s#?$|^\s{0,3}(?:#{1,6}\s)?(?:steps?|part|equation)\s$",
    re.IGNORECASE | re.MULTILINE,
)
_NO_MARKUP = frozenset("\\{}^*_~")
_BARE_PART = lazy(r"\b(?:(half)|a quarter)\b", re.IGNORECASE)
_ASIDE = lazy(r"(?<=[\w%*]) ?\([^()\n]{0,200}\)")
_BELOW_ZERO = lazy(r"(?:\s?°\s?[CF]?| degrees?(?: celsius| fahrenheit)?)? below zero\b", re.IGNORECASE)

# What may stand between two numbers of one calculation.
_OPERATOR = lazy(
    r"[^.,;\n=≈]{0,20}?\s?(?:[+*/×÷·^-]|\bx\b|\b(?:plus|minus|times|multiplied by|divided by|added to|and)\b)\s?[($€£\s-]{0,4}",
    re.IGNORECASE,
)
_EQUALS = lazy(r"[^.,;\n=≈]{0,30}(?<![<>!≠])[=≈](?!>)[^.,;\n]{0,12}")
_IS = lazy(r"\s?\)?\s?(?:\b(?:is|equals|makes|gives|are)\b(?: equal to)?)\s?[$€£]?\s?", re.IGNORECASE)
_STRONG = lazy(r"[+*/×÷·^]|\b(?:plus|minus|times|by)\b", re.IGNORECASE)

_MONEY = lazy(r"\s?(?:dollars?|bucks?|euros?|pounds?|usd)\s(?:and\s)?[$€£]?|\s?and\s", re.IGNORECASE)
_DOLLARS = lazy(r"\s?(?:dollars?|euros?|pounds?)\s", re.IGNORECASE)
_CENTS = lazy(r"\s?(?:cents?|pence|¢)(?!\w)", re.IGNORECASE)
_COMPOUND = lazy(
    r"\s?(?:hours?|hrs?|h|minutes?|mins?|feet|foot|ft|'|pounds?|lbs?|years?|months?|weeks?|days?|meters?|metres?|km|kilomet(?:er|re)s?)"
    r",?(?: and)?\s(?=\Z)",
    re.IGNORECASE,
)
_SMALLER = lazy(
    r"\s?(?:minutes?|mins?|seconds?|secs?|inch(?:es)?|in|\"|ounces?|oz|months?|weeks?|days?|hours?|centimet(?:er|re)s?|cm|met(?:er|re)s?)(?!\w)",
    re.IGNORECASE,
)


def readings(text: str) -> list[Decimal | None]:
    """The value that each number of the text states, in order; None for a bound, a part of a range, or a power."""
    return [reading.value for reading in _readings(_plain(text))]


def _plain(text: str) -> str:
    r"""LaTeX as plain text ("9{,}500", "2\frac{1}{2}"), without bold marks and with numbers as figures; boxes stay."""
    if not _NO_MARKUP.isdisjoint(text):
        for pattern, plain_text in _LATEX:
            text = pattern.sub(plain_text, text)
    return in_figures(text)


def _readings(text: str) -> list[Figure]:
    """The readings of plain text; what is weak or a reference ("see step 1") counts only where nothing else does."""
    found = _calculated(text, [_stated(text, one) for one in _money(text, figures(text))])
    asides = Spans(m.span() for m in _ASIDE.finditer(text))
    for one in found:
        one.weak |= one.start in asides and not one.result
    kept = [r for r in found if not _DENIED_BEFORE.search(text[max(0, r.start - _NEAR) : r.start])]
    return [r for r in kept if not r.weak] or kept or _bare_parts(text)


def _bare_parts(text: str) -> list[Figure]:
    """Half, a half, a quarter: prose says so of many things, and they count only where there is no other number."""
    return [Figure(*m.span(), Decimal("0.5" if m[1] else "0.25")) for m in _BARE_PART.finditer(text)]


def _money(text: str, numbers: Iterable[Figure]) -> list[Figure]:
    """Dollars and cents as one number; of "2 hours 30 minutes", whose unit is open, no value."""
    out: list[Figure] = []
    for one in numbers:
        last = out[-1] if out else one
        gap = text[last.end : one.start] if 0 < one.start - last.end < _NEAR else "\n"
        out.append(one)
        if last.value is None or one.value is None or last.weak or one.weak or gap == "\n":
            continue
        cents = _CENTS.match(text, one.end)
        if (cents and _MONEY.fullmatch(gap)) or (_DOLLARS.fullmatch(gap) and one.end - one.start == 2):
            last.value += one.value.copy_sign(last.value) / 100
        elif _COMPOUND.fullmatch(gap) and _SMALLER.match(text, one.end):
            last.value = None
        else:
            continue
        last.end = cents.end() if cents else one.end
        out.pop()
    return out


def _stated(text: str, one: Figure) -> Figure:
    """The figure as what it states: scaled, below zero, or None where it is a bound."""
    before, after = text[max(0, one.start - _NEAR) : one.start], text[one.end : one.end + _NEAR]
    if one.value is not None and (scale := _SCALE.match(after)):
        one.value = one.value.scaleb(_SCALES[scale[0].strip().casefold()[0]])
    if one.value is not None and _BELOW_ZERO.match(after):
        one.value = -abs(one.value)
    if _BOUND_BEFORE.search(before) or _BOUND_AFTER.match(after):
        one.value = None
    one.weak |= bool(_REFERENCE.search(before))
    one.result = bool(_RESULT_BEFORE.search(before))
    return one


def _calculated(text: str, found: list[Figure]) -> list[Figure]:
    """Each calculation as one reading: what stands behind its last "=", else no value, as for a range."""
    out: list[Figure] = []
    chain: list[Figure] = []
    links: list[str] = []
    for i, reading in enumerate(found):
        chain.append(reading)
        link = _link(text, reading, found[i + 1], links) if i + 1 < len(found) else None
        if link:
            links.append(link)
        else:
            out += _result(chain, links)
            chain, links = [], []
    return out


def _link(text: str, one: Figure, other: Figure, links: list[str]) -> str | None:
    """How two neighbouring numbers belong together: equals, operator, and, range; None where they do not."""
    gap = text[one.end : other.start] if other.start - one.end <= _NEAR else "\n"
    if one.weak or other.weak:
        return None
    between = _AND.fullmatch(gap) and _BETWEEN.search(text[max(0, one.start - _NEAR) : one.start])
    if between or (_RANGE.fullmatch(gap) and "-" not in gap):
        return "range"
    if _EQUALS.fullmatch(gap) or (_IS.fullmatch(gap) and "operator" in links[-8:]):
        return "equals"
    if _OPERATOR.fullmatch(gap):
        return "operator" if _STRONG.search(gap) or re.fullmatch(r"[^-]*-\s?[($€£-]?\s?", gap) else "and"
    return None


def _result(chain: list[Figure], links: list[str]) -> list[Figure]:
    if "equals" in links:
        first, last = links.index("equals"), len(links) - links[::-1].index("equals")
        if last < len(links) and not first:  # "8 = 2 + 6"
            chain, links = chain[:1], []
        else:
            chain, links = chain[last:], links[last:]
        chain[0].result = True
    if links and {*links} == {"range"} and len({one.value for one in chain}) == 1:  # "0.5 or 1/2"
        return chain[:1]
    if "operator" in links or "range" in links:
        return [Figure(chain[0].start, chain[-1].end, None)]
    return chain


def final_number(text: str) -> tuple[str, str] | None:
    r"""(number as text, rule) of a worked answer, or None.

    In order: the last `\boxed{}` or answer tag; the number after the last "answer is" / "####" marker that has one; the
    last bold number of the last paragraph; the last number of the text, or the result of the calculation beside it. A
    number that is withdrawn afterwards ("wait, it should be 6") is none.
    """
    found = _final(text)
    if found is None:
        return None
    rest, value, rule = found
    again = cues.withdrawn(rest)
    if value is None or (again is not None and set(readings(again)) != {value}):
        return None
    return plain(value), rule


def _final(text: str) -> tuple[str, Decimal | None, str] | None:
    """(what follows it, its value, rule) of the final number."""
    for rule, pattern, group in (("boxed", _BOXED, 1), ("answer_tag", _TAG, 2)):
        wrapped = list(pattern.finditer(text))
        if wrapped:
            numbers = readings(wrapped[-1].group(group))
            return (text[wrapped[-1].end() :], numbers[0], rule) if len(numbers) == 1 else None
    bold = _in_bold(text)
    text = _plain(text)
    for marker in list(_MARKER.finditer(text))[:-51:-1]:
        sentence = _SENTENCE_END.split(text[marker.end() : marker.end() + 200], maxsplit=1)[0]
        sentence = re.sub(r"^- (?=\d)", " -", sentence)
        numbers = _readings(sentence)
        if re.match("not\\b", sentence) and re.search(r"\d", sentence):
            return None
        if len({one.value for one in numbers}) > 1 and re.search(r"\bor\b|或", sentence):
            return None
        if numbers:
            chosen = _at_marker(sentence, numbers)
            return text[marker.end() + chosen.end :], chosen.value, "answer_is"
    if bold is not None:
        return bold
    numbers = _readings(text)
    if not numbers:
        return None
    chosen = _concluding(text, numbers[-8:])
    return text[chosen.end :], chosen.value, "last_number"


def _concluding(text: str, numbers: list[Figure]) -> Figure:
    """The number that the last sentence with numbers states: the result of a calculation, or what its verb names.

    "12 + 25 = 37 apples in 2 boxes" states 37, "she pays $64 for the 16 glasses" 64; of a bare list none is stated.
    """
    last = numbers[-1]
    sentence = [one for one in numbers if not _SENTENCE_END.search(text[one.end : last.start])]
    results = [one for one in sentence if one.result]
    if results:
        return results[-1]
    if len(sentence) > 1:
        if _LISTED.fullmatch(text[sentence[-2].end : last.start]):
            return Figure(last.start, last.end, None)
        clause = [one for one in sentence if not re.search(r"[,:;]", text[one.end : last.start])]
        named = [one for one in clause[:-1] if _VERB_BEFORE.search(text[max(0, one.start - _NEAR) : one.start])]
        if named and _PREPOSITION_BEFORE.search(text[max(0, last.start - _NEAR) : last.start]):
            return named[-1]
    return last


def _at_marker(sentence: str, numbers: list[Figure]) -> Figure:
    """The first number behind a marker; the last one where the first is part of a description ("the sum of 5 and 6")."""
    first, last = numbers[0], numbers[-1]
    if last is first or not _DESCRIBED.search(sentence, 0, first.start):
        return first
    return last if _RESULTING.search(sentence, 0, last.start) else Figure(first.start, last.end, None)


def _in_bold(text: str) -> tuple[str, Decimal | None, str] | None:
    begin = text.rstrip().rfind("\n\n") + 1
    for match in list(_BOLD.finditer(text, begin))[::-1]:
        numbers = readings(match[1])
        if len(numbers) == 1 and not re.match(r"\W*(?:step|part)\b", match[1], re.IGNORECASE):
            return text[match.end() :], numbers[0], "bold"
    return None
