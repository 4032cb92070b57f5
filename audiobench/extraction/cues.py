"""The phrasings by which a response commits itself: channels, declarations, labels, conclusions, corrections."""

from __future__ import annotations

import re

from audiobench.extraction.patterns import lazy, phrase

# ---- channels: a place made for the answer alone -----------------------------------------------------------------
BOXED = lazy(r"\\boxed\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
TAG = phrase(r"<([A-Za-z][\w -]{0,30})>\s*([^<>]{0,2000}?)\s*</\1\s*>")
OPEN_TAG = lazy(r"</?([A-Za-z][\w /.-]{0,30})>\s*([^<>]{0,2000}?)\s*(?:</[\w ]{0,30}>?\s*)*$")
ENDS_IN_TAG = lazy(r"<[/|]?[A-Za-z][^<>]*>$")
ANSWER_TAG = phrase(r"(?:final[_ ]?)?(?:answer|response|conclusion|choice|option|output)")
JSON = lazy(r"""["']([\w ]{1,40})["']\s*:\s*(?:"([^"\n]{1,400})"|'([^'\n]{1,400})'|([A-Z])(?=\s*[,}]))""")
BOLD = lazy(r"(\*\*|__)(?=\S)(.{1,1000}?)(?<=\S)\1")
LATEX = lazy(r"\\(?:text|textbf|mathrm|mathbf|mathsf|textit)\s*\{([^{}]*)\}|\\[()\[\]]|\$([^$\n]+)\$(?!\d)")
MARKUP = lazy(r"[*`]+(?!\d)|(?<![,(*`])[*`]+|\b_+|_+\b|(?m:^\s{0,3}#{1,6}\s+)|(?m:^\s{0,3}>\s+)")
RUNS = lazy(r"([*_`~#>=-])\1{3,}")
WRAPPING = " \t\n\"'.,;:!?。、…"

NEXT_TURN = lazy(r"\n\s?(?:Human|User|Question|Q)\s?:")
"""Where a model goes on to write the next turn of the conversation; an answer before it counts first."""

_ALONE = r"(?![A-Za-zÀ-ɏḀ-ỹ0-9_'’#♯&/+°^=]|[.][A-Za-z]\b|-[A-Za-z])"
"""What follows a letter that is a label, and neither a part of a word nor a note, a grade or a variable."""

# ---- labels ------------------------------------------------------------------------------------------------------
LABEL = phrase(
    r"[\s\"'*]*(?P<noun>(?:the\s+)?(?:option|choice|answer|letter|number|选项|选|옵션)\b\s*:?\s*|选项\s*)?"
    r"(?:(?P<open>[(\[<\"'])\s*(?P<inside>[A-Za-z])\s*[)\]>\"']+\s*[.:,、-]?"
    rf"|(?P<bare>[A-Za-z]){_ALONE}(?P<end>\s*[.:)\]、。!,;]|\s+[-–—](?=\s)|\s*(?=\n|$)|\s*选项|(?=[^\x00-\x7f]))?)"
)
BECAUSE = phrase(
    r"\s*(?:because|since|as|for|due|based|given|with|which|and not|not|rather|instead|but|in|from|according|wählen|nehmen|sagen)\b"
)
MUSICAL_AFTER = phrase(r"[ -](?:minor|major|flat|sharp|chord|note|natural|dorian|string|key)\b")
JOINED = phrase(
    r"[\s,.;)*\"']*(?:\b(?:or|and|nor|either)\b|\b(?:i\.\s?e\.|(?:ie|namely|that is|in other words)\b),?|/|&|\||或者?|和|以及|与)[\s(*\"']*"
)
JOINED_LABEL = lazy(r"[(\[]?([A-Z])(?![\w'’])")
LISTED_LABEL = phrase(
    r"\s*,\s*[(\[]?(?P<beside>(?-i:[A-Z]))[)\]]?\s*(?=[,.;]|and\b|or\b|$)|[.,;]?\s*\n\s*[-*]?\s*[(\[]?(?P<below>(?-i:[A-Z]))[)\].:]"
)
TEXT_ENDS = lazy(r"[\s\"')]*(?:[.,;:!?(\n。]|$|because\b|since\b)")
ALSO = lazy(r"\b(?:and|or|nor|and/or)\s+(?:option\s+|also\s+)?[(\[]([A-Z])[)\]]|,\s*[(\[]([A-Z])[)\]]")
SHARING = phrase(r"([^\W_]+)\s*(?:\b(?:or|and|to)\b|/|&|或|和)\s*(?:an?\s+|the\s+)?$")
OR_BEHIND = phrase(r"\s*,?\s*(?:or\b|to\b|/)")
OR_BEFORE = phrase(r"(?:\bor\b|/)\s*(?:an?\s|the\s)?\s*$")
LEAD = lazy(r"[*_ ]{0,6}")
LEAD_IN = phrase(
    r"[\s\"'(\[:*_$-]*(?:(?:that |it'?s? (?:is )?|he is |she is |they are |of |to be )?(?:an?|the|that|it is|it's)?\s+[\"'(\[]*)?"
)
"""What may stand between a cue and the option's text."""
LIST_LABEL = lazy(r"(?:^|(?<=[\s,;|]))[-*•|]?\s{0,3}[(\[]?([A-Za-z])\s{0,3}[).:\]、|]\s{0,3}(?=\S)", re.MULTILINE)
BRACKETED = phrase(r"[(\[]\s*([A-Z])\s*[)\]]|\b(?:option|choice|answer|选项)\s+['\"]?([A-Z])(?![\w'’&#♯+]|[.][A-Za-z])")
PAIR = lazy(r"(?<![\w'’.&/#♯+-])[(\[]?([A-Z])[)\]]?\s*(?:\bor\b|\band\b|\bnor\b|,|/)\s*[(\[]?([A-Z])(?![\w'’&#♯+])")

# ---- declarations ------------------------------------------------------------------------------------------------
_ADVERB = r"(?:(?:most )?(?:likely|probably)|clearly|therefore|thus|definitely|(?:almost )?certainly|simply|indeed|obviously|then|still|just|also|donc|as follows)"
_IS = r"(?:is|was|are|would be|should be|must be|will be|might be|has to be|could be|appears to be|seems to be|ist|lautet|wäre|es|est|serait|sería|é|è|adalah|là)\b"
DECLARED = phrase(
    r"(?:\b(?:answer|ans|option|choice|odd one out|response|conclusion|selection|guess|pick|solution|antwort|lösung|respuesta|opción|réponse|resposta|risposta|ответ|jawaban(?:nya)?|đáp án|trả lời)"
    r"(?: (?:corr?ett?[aeo]?|correcta?|correcte|juste|richtige|exacta|certa|giusta|đúng|final|here|(?:that|which|to|for|of|based on)\b[^.;:,\n?]{1,80}?))?\s*"
    rf"(?:{_IS}\s*:?|'s\b|[:=—]|->|→|-(?=\s*[(\[\"']*[A-Z]\b)|(?<=wort|onse|esta|osta|ción)(?= [(\"']*(?-i:[A-Z])\b))"
    r"|\bi(?:'d| would|'ll| will| am| have to| must|'m)?\s*(?:\w+ly )?(?:choose|chose|choosing|pick|picked|select|selected|going with|go (?:with|for)|opt for|vote for|settle on|rank|lean(?:ing)?(?: (?:towards?|to))?|answer|guess|say)\b"
    r"|\bi (?:think|believe|bet)(?= [(\"']*(?:option )?(?-i:[A-Z])\b)"
    r"|\b(?:tips?|points?|leans?|leaning|pointing)(?: \w+)? (?:to|towards?)(?= [(\"']*(?:option )?(?-i:[A-Z])[)\"']*\s*(?:[.,;:!]|$))"
    r"|\b(?:ich (?:würde|wähle|nehme|denke,? es ist)|je (?:choisis|dirais)|(?:yo )?(?:elijo|escojo|elegiría)|(?:io )?(?:scelgo|sceglierei)|(?:eu )?escolho)\b"
    r"|(?:答案|正确选项|选项|选择)\s*(?:应该|应当|应)?\s*(?:是|为|:|\])\s*(?:选项)?|(?:我|应|应该|故|所以|因此)?选(?:择)?(?=\s*[(\[]?[A-Z])"
    r"|الإجابة(?: الصحيحة)? هي|(?:答え|答|正解|回答)\s*(?:は|:)|(?:정답|답변|답)\s*(?:은|는|:))"
    rf"\s*(?:{_ADVERB}[,:]?\s+)*(?-i:(?:la|le|el|il|a|o|die|der|das|lettre|letra|lettera|opción|opção|Buchstabe)\s+(?=[(\[\"']*[A-Z]\b))?"
)
NOT_THE_ANSWER = phrase(
    r"\b(?:each|every|all|these|those|other|another|following|given|possible|first|second|third|fourth|last|which|what|one|any|no|either|both|an"
    r"|alternative|wrong|incorrect|least likely|second[- ]best|worst|per)\s+(?:\w+\s*)?$|\bleast \w+\s*$|[不没别勿]$"
)
SUPERLATIVE = phrase(
    r"\b(?:best|correct|right|closest|nearest|strongest|(?<!the )only|most (?!of\b)\w+)(?: [\w'-]+){0,12}? (?:is|are|would be|must be|as)\b(?: (?:that of|likely|probably|the|as))?\s*:?\s*(?=[\"'(\[]*\w)"
)
FINAL_LABEL = lazy(
    r"(?:\b(?:is|are|was|be|as|so|thus|therefore|hence|leaves|leaving|[Ii]t's|[Tt]hat's|select|choose|pick|must be)\b|:|[-=]>|→|(?<!还)[是は∴⇒])[,:]?\s*(?:the\s+)?(?:(?:option|choice|letter|answer|number)\s*)?"
    rf"[(\[\"']{{0,3}}(?P<a>[A-Z]){_ALONE}"
    r"|(?:\b(?:with|to|of|in|for|by|on|at|from|than|suggests|means|indicates|matches|fits|supports|describes|under|,)|,)\s*(?:the\s+)?"
    r"(?:(?:option|choice|letter|answer)\s+)?[(\[\"']{1,3}(?P<b>[A-Z])(?=[)\]\"'])"
    r"|(?:,|\b(?:with|to|by|suggests|means|indicates|matches|fits))\s+(?:option|choice|answer)\s+(?P<c>[A-Z])(?![\w'’#♯&/+])"
    r"|,\s+(?P<d>[A-Z])(?=[.!]?\s*$)"
)
INTERJECTION = phrase(r"[\s\"'-]*(?:(?:well|oh|ah|hm+|um+|uh|okay|ok|sure|alright|嗯|啊|哦)\b[,.!…:]*\s*)*[\s\"'-]*")
"""What may stand in front of an answer at the start of a response."""
NEXT_LABEL = lazy(r"\s*,?\s*[(\[]?[B-Z][)\]]?\s*(?:[,.]|$)")
ENDS = lazy(r"\s*(?:[,.;:!\n。—]|$|\s[-–—]\s|\()")
"""What follows an option that is an answer of its own at the start of a response."""
SHARE = lazy(r"\s*\d{1,3}(?:\.\d+)?\s?%")
"""A label in front of a share is one of a list: "A: 10%, B: 80%"."""
LONE_LABEL = lazy(r"(?<=[a-z\d][.!?。] )[(\[]?([A-Z])[)\]]?[.!。]?$")
"""A label as the last sentence: "It rolls. C."."""
AFTER_LABEL = lazy(
    r"[)\]\"'.!。]*\s*(?:$|\n|(?=[A-Z(\"])|です|[吧啊呢哦]|,?\s*not\b|,\s+(?:the|an?|as|because|since|which|it|this|that|so|I)\b|\s+as (?:the|my)\b)"
)
"""What may follow a label that ends its sentence or its clause."""
LONE_CAPITAL = lazy(r"(?<![A-Za-z])[A-Z](?![A-Za-z])")
RIGHT = lazy(
    r"(?:\b(?:option|choice|answer|letter)\s+)?(?<![\w'’.&/#♯+-])[(\[\"']{0,3}(?P<l>[A-Z])[)\]\"']{0,3}[.:,]?\s+(?:[\w' -]{1,60}? )??"
    r"(?:is|seems|appears|looks|sounds|would be|must be|remains)(?: to be)?\s+(?:\w+ly\s+)?(?:the\s+|my\s+)?(?:only\s+|most\s+|more\s+)?"
    r"(?:correct|right|true|best|answer|closest|(?:one )?left\b|(?:one )?remaining\b|better|(?<=mo[sr][te] )(?:likely|accurate|appropriate|plausible|suitable|fitting|probable|logical|reasonable|consistent)\b(?:\s+(?:answer|option|choice|one|match|fit))?|(?:\w+\s+){0,2}(?:option|choice))"
    r"(?!\s+(?:in|that|only|about|but|for)\b)"
    r"|(?<![A-Za-z])[(\[]?(?P<cjk>[A-Z])[)\]]?\s*(?:选项|項)?\s*(?:是|为|が|이|가)?\s*(?:正确|正確|对的|正解|答案|정답|맞)"
    r"|(?<![A-Za-z])[(\[]?(?P<latin>[A-Z])[)\]]?\s+(?:é|est|es|è|ist)\s+(?:an?|la|die|el|le|the)\s+"
    r"(?:resposta|respuesta|réponse|risposta|opción|opção|richtige|bonne|correct)"
)
ORDINAL = phrase(
    r"\b(first|second|third|fourth|fifth|1st|2nd|3rd|4th)\s+(?:option|choice|one|answer)\b(?=[^.\n]{0,40}[.!]?\s*$)"
    r"|\b(?:the )?(first|second|third|fourth|fifth)\s+(?:option|choice|one|answer) (?:is|fits|seems) (?:the )?(?:correct|right|best|most)"
    r"|(?:^\W*|\b(?:is|choose|select|pick|with) )(?:option|choice|number)\s?(?:number |no\. ?|#)?([1-5])(?=\W*$)"
)
GOOD = phrase(
    r"^[\s\w]{0,3}\W*(?:correct|right|yes|true|best|✓|✔|✅)|(?<!\bnot )\b(?:correct\b|fits\b|matches\b|right answer|the answer|best\b|present\b|plausible\b|consistent\b|likely\b)|✓|✔|✅"
)
BAD = phrase(
    r"\b(?:incorrect|wrong|no\b|not|n't|false|unlikely|ruled out|eliminate|too \w+|lacks?|without|absent|implausible|irrelevant|doesn't)\b|n't\b|✗|✘|❌|×"
)
CONCLUSION = phrase(
    r"\b(?:therefore|thus|hence|in conclusion|to conclude|consequently|on reflection|overall|finally|in summary|in short|based on (?:this|these|the)|given (?:this|these|that)"
    r"|so(?=,| the| it| this| he| she| they| we| i )|this leaves|that leaves|ultimately|as a result|accordingly|in the end)\b|所以|因此|综上|したがって"
)
NONE_OF_THEM = phrase(
    r"\b(?:none of (?:the|these|them)|no (?:option|answer|choice)|neither (?:of|option)|not (?:a|one of the|among the|in the) (?:\w+ )?(?:possible |valid )?(?:answers?|options?|choices)|any of the options"
    r"|not (?:provided|listed|given|included|present|among)\b[^.\n]{0,20}\b(?:options|choices)|(?<!other )options do not (?:provide|include|match|contain))\b"
)
ASIDE = phrase(r"unclear|unknown|uncertain|undetermined|not (?:specified|mentioned)")
"""Behind an option in one sentence this is about something else: "It is a duet, though the title is unknown."."""
DENIED_HEAD = phrase(r"\s*(?:not|neither|none|no longer|n't)\b")
NUMERIC = lazy(r"\s*(?:approximately |about |roughly |[$≈~])?\s*(-?\d[\d,.]*)(?P<bare>\$?[.!]?\s*(?:\n|$))?")
REPEATED = phrase(r"\b(?:the|so|and|final|correct)\b|[\W_]")
"""What may stand between declarations that follow each other at once."""
PREDICATE = phrase(
    r"(?:\b(?:is|are|was|were|be|being|it's|that's|he's|she's|sounds? like|suggests?|indicates?|means?|conveys?|expresses|shows?|feels?|seems?)"
    r"(?: (?:most )?likely| probably| clearly| indeed)?|:)[\s\"'(]*(?:an?\s|the\s)?[\"'(]*$"
)

# ---- corrections -------------------------------------------------------------------------------------------------
_WITHDRAWN = phrase(
    r"(?:[.!?…。\n;(—]|\s--?\s)\s*(?P<sentence>(?:actually|hmm+|oops|hold on|correction(?=\s?:)|wait(?! (?:for|until|time))"
    r"|that(?:'s| is| was) (?:wrong|not right|incorrect|a mistake))\b|sorry, (?!i )|更正|不对|等等|等一下|其实)"
    r"|(?:[.!…。\n;(—,]|\s--?\s)\s*(?P<no>no\s*(?:[,.;:!…—]|-|$)|no (?:wait|actually)\b)"
    r"|,\s*(?P<clause>(?:wait|hold on|correction)\b|sorry, (?!i )|actually (?=\(?(?:no|not|the|an|it's|it is|[a-z])\b))"
    r"|\b(?P<phrase>(?:but|or|oh|no|hmm+),? (?:wait|actually)|scratch that|strike that|on second thoughts?"
    r"|let(?:'s| me) (?:re-?consider|re-?think|re-?evaluate|re-?examine|re-?assess|correct)|i mean(?! it)|i meant|i misspoke"
    r"|i take (?:that|it) back|changed? my mind|my mistake|i(?:'m| am| was) (?:wrong|mistaken))\b"
    r"|(?P<zh>我错了|重新考虑|重新想)"
)


def withdrawn(text: str) -> str | None:
    """What follows the last correction in a text (its own words included), or None where nothing is taken back."""
    starts = [m.start(m.lastgroup or 0) for m in _WITHDRAWN.finditer(text)]
    return text[starts[-1] :] if starts else None


TAKEN_BACK = phrase(
    r"\W*(?:wait|no\b|hold on|correction|scratch|strike|that's wrong|that (?:is|was) wrong|let|on second|i (?:was|am)|i'm|my mistake|changed?"
    r"|更正|不对|等|我错了|重新)"
)
"""A correction that takes an answer back even where it gives no other one."""
CORRECTED = phrase(
    r"(?:[\s,.:;!…—-]|\b(?:no|wait|actually|hmm+|oops|sorry|correction|but|oh|or|i mean|i meant|yes|scratch that|on second thoughts?"
    r"|it'?s|it is|(?:that|it|this) (?:should|must|would) be|should be|rather|hold on)\b|等等|更正|不对|其实|应该是|是)+"
)
NUMBERED = phrase(r"\b(?:option|choice)\s*#?(\d{1,2})\b")
"""The second option, or the one that says 2?"""

# ---- quotations and sentences ------------------------------------------------------------------------------------
QUOTED = lazy(r'"([^"\n]{2,1000})"|(?<![\w\'])\'((?:[^\'\n]|(?<=\w)\'(?=\w)){4,1000})\'(?!\w)')
SENTENCE = lazy(r"[^.!?\n。;]*(?:\.(?=[\w])[^.!?\n。;]*)*[.!?\n。;]?")
CUT = phrase(
    r"(?:[,(=+\\-]|,\s*[\"']|\b(?:to|is|are|was|the|of|and|or|a|an|by|with|that|which|in|for|can|will|be|we|if|from|as|answer)|\n\s*\d{1,2}[.)])\s*$"
)
SEEN = lazy(r"[^\n]")
QUOTED_WORD = lazy(r"(?:\bis|:) [\"']$")
NOTE = lazy(r"\b(?:chord|note|key|tonic)(?: of| is)? [\"']?$")
IN_CLAUSE = lazy(r"\b(?:who|that|which) \w+ $")
CLAUSE_VERB = lazy(r"\s+(?:is|are|was|were)\b")
AFTER_EVERYDAY = lazy(r"[\"')\s]*(?:[.,;:!?\n。]|$|because|since|as\b|(?:playing|in|from|with|side|channel|ear)\b)")
EVERYDAY = phrase(
    r"(?:[,:]\s*|\b(?:so|thus|hence|therefore)\s+)[\"']?$|^\W*[^.!?\n。;]{1,60}\b(?:is|was|are|were|goes|went|sounds|appears?|heard|said|comes? from|coming from|on)\s+(?:the\s+|an?\s+)?[\"']?$"
)
"""What may stand before an everyday word for it to be the answer: a comma or colon, or one sentence that states it."""
