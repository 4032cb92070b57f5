"""What the numbers of a text state, and which of them a declaration or a conclusion states.

"at least 3", "3+", "5 or 6", "12 + 25" and "10^3" name numbers without stating their value: such a reading holds None,
and an answer that rests on it is unparsed. A number that is denied ("not 6") is no reading at all. Of a sum with its
result ("12 + 25 = 37") the result is the reading.
"""

from __future__ import annotations

import re
from decimal import Decimal

from audiobench.extraction.negation import Spans
from audiobench.extraction.numbers import Figure, figures, in_figures, plain
from audiobench.extraction.patterns import lazy, phrase

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
_SENTENCE_END = lazy(r"[.!?](?=\s|$)|\n|[。;]")
_HEADING = phrase(r"\W*(?:step|part)\b")
_DESCRIBED = phrase(
    r"\b(?:sum|product|difference|quotient|result|total|average|mean|difference between) of\b|\bbetween\b"
)
_LISTED = lazy(r"\s?,\s?(?:and\s)?|\s?and\s|\s?[、和]\s?")
_VERB_BEFORE = phrase(
    r"\b(?:is|are|was|were|has|have|had|pays?|paid|costs?|earn(?:s|ed)?|makes?|made|spen[dt]s?|needs?|takes?|gets?|sold|sells?"
    r"|owes?|saves?|saved|runs?|ran|uses?|used|total(?:s|ed)?|left)(?: (?:a total of|about|only))?\s[$€£]?$"
)
_PREPOSITION_BEFORE = phrase(
    r"\b(?:for|in|per|after|with|at|over|within|during|on|among|from|of|every|each)(?: (?:the|all|those|these|his|her|their|just))?\s[$€£]?$"
)
_RESULT_BEFORE = lazy(r"=\s?[($€£]?\s?$")
_RESULTING = phrase(r"(?:\b(?:is|are|equals|makes|gives|to get)|=)\s*[$€£]?\s*(?:\w+ )?$")

_NEAR = 40
"""Characters in front of and behind a number that may change what it states."""
_DENIED_BEFORE = phrase(r"(?:\bnot|n't|\brather than|\binstead of|不是|而非)\s*$")
_BOUND_BEFORE = phrase(
    r"(?:\b(?:at least|at most|almost|nearly|up to|no fewer than|(?:more|less|fewer|greater|other) than|over|under|beyond"
    r"|(?:minimum|maximum|first|second|third|fourth|last|quarter|fraction|multiple) of|half(?: of)?|twice|double|exceed(?:s|ed|ing)?)"
    r"(?: (?:about|around|some|the|an?))?\s+[$€£]?|(?<= )[<>]=?\s?|[≥≤]\s?|[\d)](?:\s?\^\s?|\*\*)|至少|最少|最多|至多|超过|不到|将近|接近)$"
)
_BOUND_AFTER = phrase(
    r"\+(?![ (]?[\w(])|(?:\s?\^\s?|\*\*)[\d({-]|(?: [^\W\d]\w*)? (?:or (?:more|less|fewer|over|under|higher|lower)"
    r"|at (?:least|most)|and (?:up|over|more))\b|以上|以下|多"
)
_RANGE = phrase(r"\s?(?:-|\bto\b|(?:[^\W\d]\w*,? )?\bor\b|或|到|至)\s?(?:(?:about|maybe|even) )?[$€£]?")
_BETWEEN = phrase(r"\bbetween\s+$")
_AND = phrase(r"\s+and\s+")
_REFERENCE = phrase(
    r"\(\s?(?:see |cf\. |from |by |in )?(?:the )?(?:steps?|eq(?:uation|\.)?|fig(?:ure|\.)?|table|line|section|part|note|page|p\.)"
    r"\s?#?$|\b(?:steps?|problem|question|exercise|example|equation|option)\s#?$|^\s{0,3}(?:#{1,6}\s)?(?:steps?|part|equation)\s$",
    re.MULTILINE,
)
_NO_MARKUP = frozenset("\\{}^*_~")
_BARE_PART = phrase(r"\b(?:(half)|a quarter)\b")
_ASIDE = lazy(r"(?<=[\w%*]) ?\([^()\n]{0,200}\)")

# What may stand between two numbers of one calculation.
_OPERATOR = phrase(
    r"[^.,;\n=≈]{0,20}?\s?(?:[+*/×÷·^-]|\bx\b|\b(?:plus|minus|times|multiplied by|divided by|added to|and)\b)\s?[($€£\s-]{0,4}"
)
_EQUALS = lazy(r"[^.,;\n=≈]{0,30}(?<![<>!≠])[=≈](?!>)[^.,;\n]{0,12}")
_IS = phrase(r"\s?\)?\s?(?:\b(?:is|equals|makes|gives|are)\b(?: equal to)?)\s?[$€£]?\s?")
_STRONG = phrase(r"[+*/×÷·^]|\b(?:plus|minus|times|by)\b")

# Amounts of two units, and a unit that is a part of the number.
_N = r"\d{1,30}(?:,\d{3})*(?:\.\d{1,30})?"
_LARGER = r"hours?|hrs?|h|minutes?|mins?|feet|foot|ft|'|pounds?|lbs?|years?|months?|weeks?|days?|met(?:er|re)s?|km|kilomet(?:er|re)s?"
_SMALLER = r"minutes?|mins?|seconds?|secs?|inch(?:es)?|in|\"|ounces?|oz|months?|weeks?|days?|hours?|centimet(?:er|re)s?|cm|met(?:er|re)s?"
_CURRENCY = r"(?:dollars?|bucks?|euros?|pounds?|usd)"
_AMOUNT = phrase(
    rf"(?<![\w.,])(?P<n>{_N})(?:(?:\s?{_CURRENCY}\s(?:and\s)?[$€£]?|\s?and\s)(?P<cents>\d\d?)\s?(?:cents?|pence|¢)(?!\w)"
    rf"|\s?{_CURRENCY}\s(?P<bare>\d\d)(?![\d.,]*\d)"
    rf"|\s?(?:{_LARGER}),?(?: and)?\s(?P<smaller>{_N})\s?(?:{_SMALLER})(?!\w)"
    r"|(?:\s?(?P<scale>k|mn|bn|lakh|crore)s?|(?P<million>(?-i:M)))\b"
    r"|(?P<zero>(?:\s?°\s?[CF]?| degrees?(?: celsius| fahrenheit)?)? below zero\b))"
)
_SCALES = {"k": 3, "m": 6, "b": 9, "l": 5, "c": 7}


def readings(text: str) -> list[Decimal | None]:
    """The value that each number of the text states, in order; None for a bound, a part of a range, or a power."""
    return [reading.value for reading in _readings(_plain(text))]


def _plain(text: str) -> str:
    r"""LaTeX as plain text ("9{,}500", "2\frac{1}{2}"), without bold marks and with numbers as figures; boxes stay."""
    if not _NO_MARKUP.isdisjoint(text):
        for pattern, plain_text in _LATEX:
            text = pattern.sub(plain_text, text)
    return _AMOUNT.sub(_in_one_unit, in_figures(text))


def _in_one_unit(amount: re.Match[str]) -> str:
    """Dollars and cents, thousands and below zero as one number; of "2 hours 30 minutes", whose unit is open, a time."""
    value = Decimal(amount["n"].replace(",", ""))
    if amount["smaller"]:
        return f"{amount['n']}:{amount['smaller']}"
    if scale := amount["scale"] or amount["million"]:
        return plain(value.scaleb(_SCALES[scale[0].casefold()]))
    return f"-{amount['n']}" if amount["zero"] else plain(value + Decimal(amount["cents"] or amount["bare"]) / 100)


def _readings(text: str) -> list[Figure]:
    """The readings of plain text; what is weak or a reference ("see step 1") counts only where nothing else does."""
    found = _calculated(text, [_stated(text, one) for one in figures(text)])
    asides = Spans(m.span() for m in _ASIDE.finditer(text))
    for one in found:
        one.weak |= one.start in asides and not one.result
    kept = [r for r in found if not _DENIED_BEFORE.search(text[max(0, r.start - _NEAR) : r.start])]
    return [r for r in kept if not r.weak] or kept or _bare_parts(text)


def _bare_parts(text: str) -> list[Figure]:
    """Half, a half, a quarter: prose says so of many things, and they count only where there is no other number."""
    return [Figure(*m.span(), Decimal("0.5" if m[1] else "0.25")) for m in _BARE_PART.finditer(text)]


def _stated(text: str, one: Figure) -> Figure:
    """The figure as what it states: None where it is a bound."""
    before, after = text[max(0, one.start - _NEAR) : one.start], text[one.end : one.end + _NEAR]
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


def one_number(text: str) -> str | None:
    """The only number of a piece; a heading such as "Step 3" holds none."""
    numbers = [] if _HEADING.match(text) else readings(text)
    return plain(numbers[0]) if len(numbers) == 1 and numbers[0] is not None else None


def declared_number(sentence: str) -> str | None:
    """What a sentence that begins behind "the answer is" states: its first number, or its result; None without numbers.

    The last one where the first is part of a description ("the sum of 5 and 6, which is 11"); empty where the numbers
    state no value ("5 or 6", "at least 3").
    """
    text = _plain(re.sub(r"^- (?=\d)", " -", sentence))
    numbers = _readings(text)
    if not numbers:
        return None
    if len({one.value for one in numbers}) > 1 and re.search(r"\bor\b|或", text):
        return ""
    first, last = numbers[0], numbers[-1]
    if last is not first and _DESCRIBED.search(text, 0, first.start):
        first = last if _RESULTING.search(text, 0, last.start) else Figure(0, 0, None)
    return "" if first.value is None else plain(first.value)


def concluding_number(text: str) -> str | None:
    """The number that the last sentence with numbers states: the result of a calculation, or what its verb names.

    "12 + 25 = 37 apples in 2 boxes" states 37, "she pays $64 for the 16 glasses" 64; of a bare list none is stated.
    """
    text = _plain(text)
    numbers = _readings(text)[-8:]
    if not numbers:
        return None
    chosen = last = numbers[-1]
    sentence = [one for one in numbers if not _SENTENCE_END.search(text[one.end : last.start])]
    results = [one for one in sentence if one.result]
    if results:
        chosen = results[-1]
    elif len(sentence) > 1:
        if _LISTED.fullmatch(text[sentence[-2].end : last.start]):
            return None
        clause = [one for one in sentence if not re.search(r"[,:;]", text[one.end : last.start])]
        named = [one for one in clause[:-1] if _VERB_BEFORE.search(text[max(0, one.start - _NEAR) : one.start])]
        if named and _PREPOSITION_BEFORE.search(text[max(0, last.start - _NEAR) : last.start]):
            chosen = named[-1]
    return None if chosen.value is None else plain(chosen.value)
