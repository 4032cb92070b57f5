"""Which parts of a text are denied, supposed, asked or only considered: an option named there is not the answer.

A small scope model rather than a parser. A denial runs from its word ("not", "rather than") to the end of its clause; a
supposition ("if", "whether") to the end of the sentence; "X is wrong" reaches back to the start of its clause.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from audiobench.extraction.patterns import lazy, phrase

_LESSER = (
    r"(?:least (?:likely|probable|plausible|possible|fitting|suitable|appropriate|convincing|accurate|consistent|compatible"
    r"|correct|apt)|second[- ](?:best|most|likeliest|choice)|runner-up|worst)"
)
"""Superlatives of what is not the answer."""
_NOT_A_DENIAL = phrase(
    r"\bnot (?:only|just|merely|simply|least|to mention)\b|\bno (?:doubt|question|surprise)\b"
    r"|\bwithout (?:a |any )?(?:doubt|question)\b|\b(?:not|never|n't) (?:be )?(?:excluded?|ruled? out|eliminated?|rejected?)\b"
    r"|\b(?:that|which|who)[^.,;:!?\n]{1,80}\bleast likely to\b"
)
_DENIAL = phrase(
    r"\b(?:not|never|neither|nor|without|hardly|unlike|cannot|rather than|instead of|other than|as opposed to"
    r"|except(?: for)?|different from|opposed to|far from|anything but|although|though|despite|in spite of|lack of|lacks?|lacking|absence of|free of|devoid of"
    r"|less(?= [^.;\n]{1,60} than\b)|than|compared (?:to|with)|false that|doubt|deny|denies|excludes|excluding|eliminat(?:es?|ing)"
    rf"|rejects?|{_LESSER}|(?:hesita|refus)(?:te|tes|ted|nt|ting|e|es|ed|ing) to (?=say|choose|pick|answer|select|call)"
    r"|too \w+ (?:for|to be)|so high a"
    r"|(?:almost|nearly) (?:picked|chose|choose|pick|said|say|answered|answer|went|selected|select|guessed|wrote)"
    r"|rul(?:e|es|ed|ing) out|dismiss(?:es|ed)?|wrong|incorrect(?:ly)?|contrary to|fails? to|mistaken(?: for)?|confused with)\b"
    r"|n't\b|\bno\b(?!\s*[,.:;!]|\s*$)"
    r"|\b(?:nicht|keine?|pas|não|не|ninguna?)\b|不是|不选|并非|而非|没有|不像|排除|不可能|而不是|不太像|别选"
)
_BOUND = phrase(
    r"\b(?:at least|at most|almost|nearly|up to|half|twice|double|(?:first|second|third|fourth|last|one)(?= of))(?: of)?(?: the| these)?\s+(?:o+\b|\d[\d.,]*(?: \w+)?)"
    r"|\bnon-\w+"
)
_CLAUSE_END = phrase(
    r"[;.!?\n。](?!\d)|:(?=\s)|\s[-–—]+\s|—|,?\s{0,3}\b(?:but|however|so|therefore|thus|hence|whereas|although|though)\b"
    r"|(?<!not )(?<!n't )\b(?:because|since)\b"
    r"|,\s{0,3}(?:it|this|that|he|she|they|there|we|i|the (?:answer|correct|right|best)|or (?:answer|option|choice))\b"
    r"|,\s{0,3}(?:(?!(?:or|and|nor)\b)[\w'-]+ ){1,9}(?:is|are|was|were|suggests?|indicates?|fits|matches|aligns|means|seems)\b"
    r"|,?\s{1,3}(?:which|and (?:this|that|the \w+)) (?:\w+ly |best |then )?(?:aligns?|suggests?|indicates?|means?|leaves|points|corresponds?|match(?:es)?|fits?|is|makes?)\b"
    r"|(?<!not )(?<!nor )(?<!neither )\b(?:it|this|that)(?:'s| is| was| must| sounds)"
    r"|,?\s{0,3}(?:而是|而应|所以|因此|但|应该是|应选|应为|答案)|[,;。]\s{0,3}[是选只而应]"
)
_VERB = phrase(
    r"\b(?:is|are|was|were|suggests?|indicates?|conveys?|impl(?:y|ies)|means?|points?|leaves|aligns|matches|fits|corresponds"
    r"|reflects?|describes|makes|expresses)\b"
)
"""The verb of the main clause: it ends a denial in its subject ("the sound that cannot be heard is ...")."""
_IN_SUBJECT = phrase(r"\b(?:that|which|who|where|what|lack|absence)\b[^.,;:!?\n]{0,80}$")
_SUPPOSITION = phrase(
    r"\b(?:if(?! anything\b| (?:we|you|i|one) (?:consider|listen|look|think|go|take|ha[vd]e? to))|whether|unless|(?-i:Had)|suppose|supposing|assum(?:e|ing)|imagine|were it|would have|would be expected"
    r"|(?:some(?:one|body|\speople)?|others|people|many|one) (?:might|may|could|would) (?:\w+ly |also |even )?(?:answer|say|think|choose|pick|guess|argue|claim|select|go)"
    r"|(?:can ?not|can't|couldn't|could not|unable to|hard to|difficult to|impossible to|don't|do not|not possible to|not able to)"
    r"\s+(?:\w+ly )?(?:tell|determine|say|identify|know|decide|distinguish|be sure|confirm|discern|make out|listen|access|process"
    r"|perceive|answer|judge|establish|verify|think|believe|agree|see)|not (?:sure|certain|clear)|unsure|uncertain|(?<!the most )unclear (?:if|whether|which|who|what)|no idea)\b"
    r"|如果|假如|是否|不确定|无法|不知道|难以"
)
_FIRST_THOUGHT = phrase(
    r"\b(?:at first|initially|originally|first thought|my first|i thought|tempting|at a glance|on first)\b|起初|一开始"
)
_SENTENCE_END = phrase(r"[;!?\n。]|\.(?!\d)|,\s*(?:so|therefore|thus|hence|but|then)\b|\bbut\b")
_REJECTED_AFTER = phrase(
    r"(?:\b(?:is|are|was|were|seems?|looks?|sounds?|appears?|(?:(?:can|could|would|should|must|may|might|has to|have to) )?be)\s+"
    r"(?:\w+ly |very |rather |also |both |all )?(?:the |an? |my )?"
    r"(?:not\b|less\b|n't|a mistake|an error|wrong|incorrect|unlikely|impossible|ruled out|eliminated|excluded|rejected|out\b|absent|false|inconsistent"
    r"|irrelevant|implausible|a distractor|distractors|missing|invalid|improbable|possible but"
    rf"|{_LESSER}"
    r"|(?:only |first |one )?(?:one|option|answer|choice) (?:that |which )?(?:i|we|you|one) "
    r"(?:can |could |would |must |should |will )?(?:safely |easily |definitely )?(?:rule[sd]? out|reject(?:ed)?|exclude[sd]?|eliminate[sd]?|dismiss(?:ed)?|discard(?:ed)?))"
    r"|\b(?:is|are|was|were|does|do|did|ca|could|would|wo|has|had)n't\b"
    r"|\b(?:cannot(?! be (?:\w+ )?(?:excluded|ruled|dismissed|eliminated))|does not|do not|did not|can not|could not|would not|doesn't)\b"
    r"|\bwould (?:\w+ly )?(?!be\b|suggest|indicat|fit|match|say|choose|answer|pick|select|go\b|lean|guess|call|best|most|likely|then|represent)\w"
    r"|\b(?:can|could|might|may) (?:be|also be)\b(?= (?:possible|considered|an option|ruled))"
    r"|,? but (?:this|that|it) is not (?:among|in|on|one of|listed|an option)\b"
    r"|では?な[いく]|ではありません|じゃな[いく]|不对|不正确|错误|不符|不合适|可以排除|不太可能)"
)
_CLAUSE_START = phrase(
    r"[;!?\n。]|\.(?!\d)|\b(?:but|so|therefore|thus|hence|while|whereas|although|though|because|since)\b|,\s*as\b|但|所以|因此|而"
)
_SENTENCE = lazy(r"[^.!?\n;。]*(?:[.!?\n;。]|$)")
_CONSIDERED = phrase(
    r"\b(?:considered|considering|could be|could also|might|may be|may also|perhaps|maybe|possibly"
    r"|possible|one might|some might|(?:other|these|the) (?:\w+ )?(?:options|choices)"
    r"|(?:like|such as) [^.;\n]{1,60}\b(?:or|and)\b|(?:first|second|third|fourth) (?:option|choice)|one option|such as)\b|可能|也许"
)
REFUSAL = phrase(
    r"\b(?:can(?:no|')?t|can not|could(?: not|n't)|unable to|not able to|don't|do not|didn't|did not|won't|will not)\s+(?:\w+ly |actually )?"
    r"(?:hear|listen|access|process|play|tell|determine|identify|answer|know|receive|see|have access|detect any|assist|help|provide|give)\b"
    r"|\b(?:i'm|i am) (?:sorry|not sure|unsure|uncertain|afraid)|\b(?:happy|glad) to (?:help|assist)\b|\bno audio\b|\b(?:not (?:provide )?enough|insufficient) (?:information|context|evidence)"
    r"|\bnot (?:provide|contain|give|specify) (?:any |enough )?(?:information|context|indication)|\b(?:as an? (?:text|language|ai)\b)|\bnot (?:specified|mentioned|possible to)\b"
    r"|\b(?:unclear|unknown|uncertain|undetermined|not sure|impossible to|difficult to say|hard to (?:say|tell))\b"
    r"|\bnone of the(?:se)? (?:\w+ )?(?:options|choices|answers)|无法|听不到|不知道|不确定|抱歉"
)
_NEGATIVE_QUESTION = lazy(
    r"\b(?:NOT|EXCEPT|LEAST)\b|\b(?i:which|what|who)\b[^.?!,]{0,80}\b(?:not|cannot|can't|isn't|doesn't|don't|never|except|least (?:likely|probable|common|typical))\b"
    r"|\ball of the following[^.?!]*\bexcept\b|(?:不是|不属于|不能|没有|不正确|错误)[^。?]{0,20}[?。]?\s*$",
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


def asks_for_the_opposite(question: str) -> bool:
    """True for "Which sound can NOT be heard?": what a response denies there is its answer."""
    return bool(_NEGATIVE_QUESTION.search(question[-1000:]))


def denied(text: str) -> Spans:
    """Behind a denial, behind a supposition or within a question; in front of "... is wrong"."""
    innocent = Spans(m.span() for m in _NOT_A_DENIAL.finditer(text))
    clause_ends = [m.start() for m in _CLAUSE_END.finditer(text)]
    verbs = [m.start() for m in _VERB.finditer(text)]
    spans = [m.span() for m in _BOUND.finditer(text)]
    for cue in _DENIAL.finditer(text):
        if cue.start() in innocent:
            continue
        end = _next(clause_ends, cue.end(), len(text))
        if cue.group()[-2:] == "of" or _IN_SUBJECT.search(text, max(0, cue.start() - 90), cue.start()):
            end = min(end, _next(verbs, cue.end(), len(text)))
        spans.append((cue.end(), end))
    sentence_ends = [m.start() for m in _SENTENCE_END.finditer(text)]
    spans += [(m.end(), _next(sentence_ends, m.end(), len(text))) for m in _SUPPOSITION.finditer(text)]
    spans += [m.span() for m in _SENTENCE.finditer(text) if m.group().rstrip().endswith("?")]
    starts = [0, *(m.end() for m in _CLAUSE_START.finditer(text))]
    spans += [(starts[bisect_right(starts, m.start()) - 1], m.start()) for m in _REJECTED_AFTER.finditer(text)]
    for thought in _FIRST_THOUGHT.finditer(text):
        start = starts[bisect_right(starts, thought.start()) - 1]
        spans.append((start, _next(sentence_ends, thought.end(), len(text))))
    return Spans(spans)


def considered(text: str) -> Spans:
    """Sentences that only consider something ("at first I considered X", "other options like X or Y")."""
    return Spans(s.span() for s in _SENTENCE.finditer(text) if _CONSIDERED.search(s.group()))


def rejected_at(text: str, end: int) -> bool:
    """True when what ends at `end` is at once called wrong or asked ("B is incorrect", "B?")."""
    rest = text[end : end + 80].lstrip(")] \"'*")
    return rest.startswith("?") or bool(_REJECTED_AFTER.match(rest))


def _next(offsets: list[int], at: int, otherwise: int) -> int:
    i = bisect_left(offsets, at)
    return offsets[i] if i < len(offsets) else otherwise
