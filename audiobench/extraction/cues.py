"""The phrasings by which a response says its choice: wrappers, labels, declarations, conclusions."""

from __future__ import annotations

import re

WRAPPERS = (
    ("boxed", re.compile(r"\\boxed\s*\{((?:[^{}]|\{[^{}]*\})*)\}")),
    ("answer_tag", re.compile(r"<answer>(.*?)</answer>", re.IGNORECASE | re.DOTALL)),
    ("response_tag", re.compile(r"<response>(.*?)</response>", re.IGNORECASE | re.DOTALL)),
    (
        "json",
        re.compile(
            r"""["'](?:final_?answer|answer|choice|option|prediction)["']\s*:\s*["']"""
            r"""((?<=")[^"]*(?=")|(?<=')[^']*(?='))""",
            re.IGNORECASE,
        ),
    ),
)
LATEX = re.compile(r"\\(?:text|textbf|mathrm|mathbf|mathsf|textit)\s*\{([^{}]*)\}|\\[()\[\]]|\$([^$\n]+)\$")
MARKUP = re.compile(r"[*`]+(?!\d)|(?<![,(*`])[*`]+|\b_+|_+\b|(?m:^\s{0,3}#{1,6}\s+)|(?m:^\s*>\s+)")
BOLD = re.compile(r"(\*\*|__)(?=\S)(.{1,1000}?)(?<=\S)\1")
WRAPPING = " \t\n\"'.,;:!?。、…"

# A letter used as a label: "(B)", "B.", "B)", "B:", "B -", "B" at the end of a line.
LABEL = re.compile(
    r"\s*(?:(?:option|choice|answer|选项)\s*)?(?:[(\[]\s*([A-Za-z])\s*[)\]]\s*[.:,、-]?|([A-Za-z])(?:\s*[.:)\]、。!](?=\s|$|[^\x00-\x7f]|[A-Z](?!\.)|[(\"'\d])|,(?=\s)"
    r"|\s+[-–—]\s|\s*(?=\n|$)))",
    re.IGNORECASE,
)
BECAUSE = re.compile(r"\s+(?:because|since|as|for|due|based|given|with|which)\b", re.IGNORECASE)
ADVERB = r"(?:(?:most )?(?:likely|probably)|clearly|therefore|thus|definitely|certainly|simply|indeed|obviously|then|still|just)"
DECLARED = re.compile(
    r"(?:\b(?:answer|option|choice|response|conclusion|selection|guess)(?: (?:here|to (?:the|this|your) question|for (?:the|this) question))?\s*"
    rf"(?:(?:is|was|would be|should be|must be|will be|might be|has to be)\b\s*:?|[:=]|->|→)\s*(?:{ADVERB},?\s+)*(?:(?:the )?(?:option|choice|letter|answer|number)\b(?!\s+(?:is|was|:))\s*:?\s*)?"
    rf"|\bi(?:'d| would|'ll| will| am| have to| must|'m)?\s*(?:{ADVERB} )?(?:choose|chose|choosing|pick|picked|select|selected|going with|go with|opt for|vote for|settle on|answer|guess|say)\s+(?:(?:the )?(?:option|choice|letter|answer)\s+)?"
    r"|(?:答案|正确选项|选项|选择)\s*(?:应该|应当|应)?\s*(?:是|为|:)\s*(?:选项)?\s*)",
    re.IGNORECASE,
)
NAMED_LETTER = re.compile(
    r"(?:\b[Oo]ption|\bOPTION|\b[Cc]hoice|\bCHOICE|\b[Aa]nswer|\bANSWER|\b[Ll]etter|选项|答案|选择?|应选)[ \t]*(?:[(\[]\s*([A-Za-z])\s*[)\]]|([A-Z])(?![A-Za-z0-9_'#♯&/]|[.][A-Za-z]))"
)
CONCLUDED = re.compile(
    r"(?:\b(?:so|therefore|thus|hence)[,:]?\s+(?:it (?:is|must be|should be)\s+|it's\s+)?|,\s+|\bit(?:'s| is| must be| should be)\s+|[是は])"
    r"[(\[]?([A-Z])[)\]]?\s*(?:です)?[.!。]?\s*$"
)
LETTER_PAIR = re.compile(r"(?<![\w'’.&/#♯+-])[(\[]?([A-Z])[)\]]?\s+(?:or|and|nor)\s+[(\[]?([A-Z])(?![\w'’&#♯+])")
ANY_LETTER = re.compile(r"[(\[]\s*([A-Za-z])\s*[)\]]|(?<![\w'’.&/#♯+-])([A-Z])(?![\w'’&#♯+]|[.][A-Za-z]|-[a-z]|/[A-Z])")
OTHER_NAMING = re.compile(
    r"\b(?:speaker|person|voice|track|section|part|type|clip|audio|sound|key(?: of| is)?|in|note|chord|vitamin|plan|figure|class|grade|team|side|point"
    r"|scene|segment|verse|theme|hepatitis|studio|recording|sample|string|tuned to|of)\s+$",
    re.IGNORECASE,
)
MUSICAL_AFTER = re.compile(r"[ -](?:minor|major|flat|sharp|chord|note|natural|dorian|string)\b", re.IGNORECASE)
JOINED = re.compile(
    r"[\s,.;)*\"']*(?:\b(?:or|and|nor|either)\b|\b(?:i\.\s?e\.|(?:ie|namely|that is|in other words)\b),?|/|&|\||或者?|和|以及|与)[\s(*\"']*",
    re.IGNORECASE,
)
SHARING = re.compile(r"([^\W_]+)\s*(?:\b(?:or|and|to)\b|/|&|或|和)\s*(?:an?\s+|the\s+)?$", re.IGNORECASE)
LINE_LABEL = re.compile(r"(?m)^\s{0,3}[-*•]?\s{0,3}[(\[]?([A-Za-z])\s{0,3}[).:\]、]\s{0,3}(\S.*)$")
CONCLUSION = re.compile(
    r"^\W*(?:therefore|thus|hence|in conclusion|to conclude|consequently|on reflection|overall|finally|in summary|so the answer)\b",
    re.IGNORECASE,
)
CORRECTION = re.compile(
    r"\b(?:wait|actually|correction|no,|scratch that|on second thoughts?|let me (?:correct|re-?consider|re-?think|re-?evaluate)"
    r"|i mean|i meant|my mistake|i was (?:wrong|mistaken))\b|更正|不对",
    re.IGNORECASE,
)
# A correction that takes back what was said in front of it: "Wait, actually C", "3... no, 4", "let me reconsider".
_WITHDRAWN = re.compile(
    r"(?:[.!?…。\n;(—]|\s--?\s)\s*(?P<sentence>(?:actually|hmm+|oops|hold on|correction(?=\s?:)|wait(?! (?:for|until|time))"
    r"|that(?:'s| is| was) (?:wrong|not right|incorrect|a mistake))\b|sorry, (?!i )|更正|不对|等等|等一下|其实)"
    r"|(?:[.!…。\n;(—,]|\s--?\s)\s*(?P<no>no\s*(?:[,.;:!…—]|-|$)|no (?:wait|actually)\b)"
    r"|,\s*(?P<clause>(?:wait|hold on|correction)\b|sorry, (?!i )|actually (?=\(?(?:no|not|the|an|it's|it is|[a-z])\b))"
    r"|\b(?P<phrase>(?:but|or|oh|no|hmm+),? (?:wait|actually)|scratch that|strike that|on second thoughts?"
    r"|let(?:'s| me) (?:re-?consider|re-?think|re-?evaluate|re-?examine|re-?assess|correct)|i mean(?! it)|i meant|i misspoke"
    r"|i take (?:that|it) back|changed? my mind|my mistake|i(?:'m| am| was) (?:wrong|mistaken))\b"
    r"|(?P<zh>我错了|重新考虑|重新想)",
    re.IGNORECASE,
)


def withdrawn(text: str) -> str | None:
    """What follows the last correction in a text (its own words included), or None where nothing is taken back."""
    starts = [m.start(m.lastgroup or 0) for m in _WITHDRAWN.finditer(text)]
    return text[starts[-1] :] if starts else None


# Quoted speech, introduced as such: what is said in it is no answer.
SPEECH = re.compile(
    r"\b(?:words?|transcript(?:ion)?|lyrics?|utterance|sentence|says|said|saying|asks|asked|sings|shouts|whispers)"
    r"(?: (?:is|are|was|were|that|the words?|something like|reads?)){0,2}\s?[:,]?\s?\"([^\"\n]{1,1000})\"",
    re.IGNORECASE,
)
FINAL = re.compile(r"\b(?:final|correct)\s*$|最终$", re.IGNORECASE)
STARTS_ANSWER = re.compile(r"\s*(?:[,.;:!\n。—]|$|\s[-–—]\s|\()")
EXPLANATION = re.compile(
    r"[.!]?\s*\n\s*(?:explanation|reason(?:ing)?|rationale|justification|because|解释|理由)\b", re.IGNORECASE
)
SENTENCES = re.compile(r"[^.!?\n。;]*(?:\.(?=\d)[^.!?\n。;]*)*[.!?\n。;]?")

# What may stand before an everyday word for it to be the answer: a comma or colon, or one sentence that states it.
STATED = re.compile(
    r"[,:]\s*$|^\W*[^.!?\n。;]{1,60}\b(?:is|was|are|were|goes|went|sounds)\s+(?:the\s+)?$", re.IGNORECASE
)

# "Option 2" where an option's text is "2": the second option, or the one that says 2?
NUMBERED = re.compile(r"\b(?:option|choice)\s*#?(\d{1,2})\b", re.IGNORECASE)
