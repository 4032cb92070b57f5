"""Answer rules of other published systems, for figures that are to be compared with theirs.

Each is re-implemented from its description and keeps its bias (a fallback to the first option, a leading "A" taken
for a letter). They are library functions: no task and no command uses them. Sources: Echo inference and reward code;
MuChoMusic evaluation; RUListening evaluation; a third-party letter extractor for DCASE 2025 task 5.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_SEGMENT = re.compile(r"<seg>([\d.]+,\s*[\d.]+)</seg>(.?)[^<]?")


def echo_prediction(response: str, choices: Sequence[str]) -> str:
    """Echo: the first option that is part of the `<answer>`, or of the whole response; else the first option."""
    tag = re.search(r"<answer>(.*?)</answer>", response, re.DOTALL)
    for text in ([tag.group(1)] if tag else []) + [response]:
        for choice in choices:
            if choice.lower() in text.lower():
                return choice
    return choices[0]


def echo_time_info(text: str) -> tuple[int, float, float, float, int]:
    """Echo's trace statistics: segments, total seconds, seconds of the union, mean seconds, dangling tags."""
    spans: list[tuple[float, float]] = []
    dangling = 0
    for match in _SEGMENT.finditer(text):
        start, end = (float(x) for x in match.group(1).split(","))
        spans.append((start, end))
        dangling += match.group(2).isupper() or match.group(2) == "<"
    if not spans:
        return 0, 0.0, 0.0, 0.0, 0
    total = sum(end - start for start, end in spans)
    union, reach = 0.0, None
    for start, end in sorted(spans):
        if reach is None or start > reach:
            union, reach = union + end - start, end
        elif end > reach:
            union, reach = union + end - reach, end
    return len(spans), total, union, total / len(spans), dangling


def muchomusic_option(output: str, options: Sequence[str]) -> int:
    """MuChoMusic: the slot of a lone letter, of a letter behind an answer phrase, or of the option named first; -1."""
    text = output.strip()
    letters = "".join(chr(65 + i) for i in range(len(options)))
    head = re.match(rf"(?:.*?\banswer is:?\s*)?\(?([{letters}])(?:[).:]|$)", text, re.DOTALL)
    if head:
        return letters.index(head.group(1))
    places = {
        text.lower().find(o.lower()): i for i, o in reversed(list(enumerate(options))) if o.lower() in text.lower()
    }
    return places[min(places)] if places else -1


def rulistening_letter(response: str, mapping: Mapping[str, str]) -> str:
    """RUListening: the last `[[X]]`, else a letter on its own, else the option whose text is named; "" for none."""
    tags = re.findall(r"\[\[([A-Za-z])\]\]", response)
    if tags:
        return tags[-1].upper()
    letters = re.findall(r"\b([A-Da-d])\b", response)
    if letters:
        return letters[-1].upper()
    for letter, text in mapping.items():
        if text.lower() in response.lower():
            return letter
    return ""


def dcase_letter(text: str) -> str | None:
    """A third-party DCASE rule: the first letter A to D that stands alone (so the article "A" counts), or None."""
    match = re.search(r"\b([A-Da-d])\b", text)
    return match.group(1).upper() if match else None
