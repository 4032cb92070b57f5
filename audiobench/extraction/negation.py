"""Which parts of a text are denied, supposed, asked or hedged: an option named there is not the answer.

A small scope model rather than a parser. A denial runs from its word ("not", "rather than", "than") to the end of
the clause; a supposition ("if", "whether", "cannot tell") runs to the end of the sentence; "X is wrong" reaches back
to the start of its clause. When in doubt a scope is too wide: the price is an unparsed answer, never a wrong one.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from functools import lru_cache

_LESSER = (
    r"(?:least (?:likely|probable|plausible|possible|fitting|suitable|appropriate|convincing|accurate|consistent|compatible"
    r"|correct|apt)|second[- ](?:best|most|likeliest|choice)|runner-up|worst)"
)
"""Superlatives of what is not the answer."""
_NOT_A_DENIAL = re.compile(
    r"\b(?:not (?:only|just|merely|simply)|no (?:doubt|question|surprise)|without (?:a |any )?(?:doubt|question))\b",
    re.IGNORECASE,
)
_DENIAL = re.compile(
    r"\b(?:not|never|neither|nor|without|hardly|unlike|cannot|rather than|instead of|other than|as opposed to"
    r"|except(?: for)?|different from|opposed to|far from|anything but|lacks?|lacking|absence of|free of|devoid of"
    r"|less(?= [^.;\n]{1,60} than\b)|than|compared (?:to|with)|false that|doubt|deny|denies|exclud(?:e|es|ed|ing)|eliminat(?:e|es|ed|ing)|reject(?:s|ed)?"
    rf"|{_LESSER}|refus(?:e|es|ed|ing) to|hesita(?:te|tes|ted|nt|ting) to"
    r"|(?:almost|nearly) (?:picked|chose|choose|pick|said|say|answered|answer|went|selected|select|guessed|wrote)"
    r"|(?:at least|at most|almost|nearly|up to|half(?: of)?|twice|double)(?= (?:of )?(?:\d|(?:one|two|three|four|five|six|seven|eight|nine|ten)\b))"
    r"|rul(?:e|es|ed|ing) out|dismiss(?:es|ed)?|wrong|incorrect(?:ly)?|contrary to|fails? to|mistaken(?: for)?|confused with)\b"
    r"|n't\b|\bno\b(?!\s*[,.:;!]|\s*$)"
    r"|\b(?:nicht|keine?|pas|não|не)\b|不是|不选|并非|而非|没有|不像|排除|不可能|而不是|不太像|别选",
    re.IGNORECASE,
)
_NON = re.compile(r"\bnon-\w+", re.IGNORECASE)
_CLAUSE_END = re.compile(
    r"[;.!?\n。](?!\d)|\s[-–—]+\s|—|,?\s{0,3}\b(?:but|however|so|therefore|thus|hence)\b"
    r"|(?<!not )(?<!n't )\b(?:because|since)\b"
    r"|,\s{0,3}(?:it|this|that|he|she|they|there|the (?:answer|correct|right|best))\b"
    r"|(?<!not )(?<!nor )(?<!neither )\b(?:it|this|that)(?:'s| is| was| must| sounds)"
    r"|,?\s{0,3}(?:而是|而应|所以|因此|但|应该是|应选|应为|答案)|[,;。]\s{0,3}[是选只而应]",
    re.IGNORECASE,
)
_SUPPOSITION = re.compile(
    r"\b(?:if|whether|unless|(?-i:Had)|suppose|supposing|assum(?:e|ing)|imagine|were it|would have|used to"
    r"|(?:some(?:one|body|\speople)?|others|people|many|one) (?:might|may|could|would) (?:\w+ly |also |even )?(?:answer|say|think|choose|pick|guess|argue|claim|select|go)"
    r"|(?:can ?not|can't|couldn't|could not|unable to|hard to|difficult to|impossible to|don't|do not|not possible to|not able to)"
    r"\s+(?:\w+ly )?(?:tell|determine|hear|say|identify|know|decide|distinguish|be sure|confirm|discern|make out|listen|access|process"
    r"|perceive|answer|judge|establish|verify|think|believe|agree|see)|not (?:sure|certain|clear)|unsure|uncertain|unclear|no idea)\b"
    r"|如果|假如|是否|不确定|无法|不知道|难以",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[;!?\n。]|\.(?!\d)|,\s*(?:so|therefore|thus|hence|but|then)\b|\bbut\b", re.IGNORECASE)
_REJECTED_AFTER = re.compile(
    r"(?:\b(?:is|are|was|were|seems?|looks?|sounds?|appears?|(?:(?:can|could|would|should|must|may|might|has to|have to) )?be)\s+"
    r"(?:\w+ly |very |rather |also |both |all )?(?:the |an? |my )?"
    r"(?:not\b|less\b|n't|a mistake|an error|wrong|incorrect|unlikely|impossible|ruled out|eliminated|excluded|rejected|out\b|absent|false|inconsistent"
    r"|implausible|a distractor|distractors|missing|invalid|improbable"
    rf"|{_LESSER}"
    r"|(?:only |first |one )?(?:one|option|answer|choice) (?:that |which )?(?:i|we|you|one) "
    r"(?:can |could |would |must |should |will )?(?:safely |easily |definitely )?(?:rule[sd]? out|reject(?:ed)?|exclude[sd]?|eliminate[sd]?|dismiss(?:ed)?|discard(?:ed)?))"
    r"|\b(?:is|are|was|were|does|do|did|ca|could|would|wo|has|had)n't\b"
    r"|\b(?:cannot|does not|do not|did not|can not|could not|would not|doesn't)\b"
    r"|では?な[いく]|ではありません|じゃな[いく]|不对|不正确|错误|不符|不合适|可以排除|不太可能)",
    re.IGNORECASE,
)
_CLAUSE_START = re.compile(
    r"[;!?\n。]|\.(?!\d)|\b(?:but|so|therefore|thus|hence|while|whereas)\b|但|所以|因此|而", re.IGNORECASE
)
_SENTENCE = re.compile(r"[^.!?\n;。]*(?:[.!?\n;。]|$)")
_HEDGE = re.compile(
    r"\b(?:at first|initially|originally|considered|considering|could be|could also|might|may be|may also|perhaps|maybe|possibly"
    r"|possible|first thought|my first|i thought|tempting|one might|some might|at a glance|on first)\b|可能|也许|起初|一开始",
    re.IGNORECASE,
)
REFUSAL = re.compile(
    r"\b(?:can(?:no|')?t|can not|could(?: not|n't)|unable to|not able to|don't|do not|didn't|did not|won't|will not)\s+(?:\w+ly |actually )?"
    r"(?:hear|listen|access|process|play|tell|determine|identify|answer|know|receive|see|have access|detect any|assist|help|provide)\b"
    r"|\b(?:i'm|i am) (?:sorry|not sure|unsure|uncertain|afraid)|\b(?:happy|glad) to (?:help|assist)\b|\bno audio\b|\b(?:not enough|insufficient) (?:information|context|evidence)"
    r"|\b(?:as an? (?:text|language|ai)\b)|\b(?:unclear|unknown|uncertain|undetermined|not sure|impossible to|difficult to say|hard to (?:say|tell))\b"
    r"|无法|听不到|不知道|不确定|抱歉",
    re.IGNORECASE,
)


class Spans:
    """Merged spans of a text, for a fast "is this offset inside?"."""

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        self.starts: list[int] = []
        self.ends: list[int] = []
        for start, end in sorted(s for s in spans if s[0] < s[1]):
            if self.ends and start <= self.ends[-1]:
                self.ends[-1] = max(self.ends[-1], end)
            else:
                self.starts.append(start)
                self.ends.append(end)

    def __contains__(self, offset: int) -> bool:
        i = bisect_right(self.starts, offset) - 1
        return i >= 0 and offset < self.ends[i]


@lru_cache(maxsize=8)
def denied(text: str) -> tuple[tuple[int, int], ...]:
    """Spans behind a denial, behind a supposition or within a question (character offsets)."""
    spans: list[tuple[int, int]] = []
    innocent = Spans(m.span() for m in _NOT_A_DENIAL.finditer(text))
    clause_ends = [m.start() for m in _CLAUSE_END.finditer(text)]
    for cue in _DENIAL.finditer(text):
        if cue.start() not in innocent:
            spans.append((cue.end(), _next(clause_ends, cue.end(), len(text))))
    spans += [prefixed.span() for prefixed in _NON.finditer(text)]
    sentence_ends = [m.start() for m in _SENTENCE_END.finditer(text)]
    for cue in _SUPPOSITION.finditer(text):
        spans.append((cue.end(), _next(sentence_ends, cue.end(), len(text))))
    for sentence in _SENTENCE.finditer(text):
        if sentence.group().rstrip().endswith("?"):
            spans.append(sentence.span())
    return tuple(spans)


@lru_cache(maxsize=8)
def rejected(text: str) -> tuple[tuple[int, int], ...]:
    """Spans in front of "... is wrong", back to the start of the clause."""
    starts = [0, *(m.end() for m in _CLAUSE_START.finditer(text))]
    cues = [cue.start() for cue in _REJECTED_AFTER.finditer(text)]
    return tuple((starts[bisect_right(starts, cue) - 1], cue) for cue in cues)


@lru_cache(maxsize=8)
def hedged(text: str) -> tuple[tuple[int, int], ...]:
    """Sentences that only consider something ("at first I considered X")."""
    return tuple(s.span() for s in _SENTENCE.finditer(text) if _HEDGE.search(s.group()))


def rejected_at(text: str, end: int) -> bool:
    """True when what ends at `end` is at once called wrong ("B is incorrect")."""
    return bool(_REJECTED_AFTER.match(text[end : end + 80].lstrip(")] \"'")))


def _next(offsets: list[int], at: int, otherwise: int) -> int:
    i = bisect_left(offsets, at)
    return offsets[i] if i < len(offsets) else otherwise
