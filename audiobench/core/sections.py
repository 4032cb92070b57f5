"""Parts of a structured thought: `<PLANNING>...</PLANNING><CAPTION>...</CAPTION>...`, by the names that a model file declares.

Upper and lower case are one. Reading is tolerant: a part that nothing closes ends where the next one begins, and one whose
opening mark is gone (the server has taken it for the start of the thought) begins where the one before it ended.
`well_formed` is not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache


@lru_cache(maxsize=32)
def _marks(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"<(/?)({'|'.join(map(re.escape, names))})>", re.IGNORECASE)


def sections(thought: str, names: Sequence[str]) -> dict[str, str]:
    """Name -> text of each part that is there and not empty, in the order of `names`; a part that occurs twice is one text."""
    by_name = {name.casefold(): name for name in names}
    found: dict[str, list[str]] = {name: [] for name in names}
    inside: str | None = None
    begin = 0
    for mark in _marks(tuple(names)).finditer(thought):
        name, text = by_name[mark[2].casefold()], thought[begin : mark.start()].strip()
        if not mark[1]:
            if inside is not None:
                found[inside].append(text)
            inside = name
        elif name == inside or (inside is None and not found[name]):
            found[name].append(text)
            inside = None
        else:
            continue  # closes nothing that is open: part of the text
        begin = mark.end()
    if inside is not None:
        found[inside].append(thought[begin:].strip())
    texts = {name: "\n".join(filter(None, parts)) for name, parts in found.items()}
    return {name: text for name, text in texts.items() if text}


def well_formed(thought: str, names: Sequence[str]) -> bool:
    """Whether a thought is these parts, each once, closed, not empty and in order, and nothing else."""
    pattern = r"\s*".join(rf"<{re.escape(name)}>(.*?)</{re.escape(name)}>" for name in names)
    match = re.fullmatch(rf"\s*{pattern}\s*", thought, re.IGNORECASE | re.DOTALL)
    marks = _marks(tuple(names))
    return match is not None and all(text.strip() and not marks.search(text) for text in match.groups())
