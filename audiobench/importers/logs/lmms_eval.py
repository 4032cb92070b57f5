"""lmms-eval's sample files: one JSON object a document, without the document itself.

Format: lmms_eval 0.7.3, `lmms_eval/loggers/evaluation_tracker.py`: `resps` is left out where it equals
`filtered_resps`, and a list of one is replaced by what is in it. The options of a multiple-choice question stand only
in the prompt (`input`), as lines `A. text`; they are read from there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from audiobench.core.errors import UsageError
from audiobench.core.narrow import is_list, is_object
from audiobench.core.types import LETTERS
from audiobench.importers.logs.entries import Entry, settled

_OPTION = re.compile(r"^[ \t]*\(?([A-Z])[.):][ \t]+(\S.*?)[ \t]*$", re.MULTILINE)
_FAILED = "[LMMS_EVAL_REQUEST_FAILED"


def is_line(line: Mapping[str, Any]) -> bool:
    """Whether this is a line of such a file."""
    return {"doc_id", "target", "filtered_resps", "input"} <= line.keys() and "doc" not in line


def convert(lines: Sequence[tuple[int, Any]], path: Path) -> Iterator[tuple[int, Entry]]:
    """(line number, prediction). Its id is the one of the submission where there is one, else `doc_id`.

    Raises:
        UsageError: a line of another shape, or one without text.
    """
    for number, line in lines:
        where = f"{path}:{number}"
        if not is_object(line) or not is_line(line):
            raise UsageError(f"{where}: not a line of an lmms-eval sample log (doc_id, target, filtered_resps, input)")
        submitted = line.get("submission")
        name = submitted.get("id") if is_object(submitted) else None
        prompt = str(line["input"])
        entry: Entry = {"id": line["doc_id"] if name is None else name, "question": prompt}
        choices = options(prompt)
        if choices:
            entry |= {"choices": choices, "answer": settled(choices, line["target"], where)}
        else:
            entry["answer"] = line["target"]
        text = _first(line.get("resps", line["filtered_resps"]))
        if not isinstance(text, str):
            raise UsageError(f"{where}: no text in resps or filtered_resps: {text!r:.60}")
        yield number, {**entry, **({"output": None, "error": text} if text.startswith(_FAILED) else {"output": text})}


def _first(value: Any) -> Any:
    while is_list(value) and value:
        value = value[0]
    return value


def options(prompt: str) -> list[str]:
    """The option lines of a prompt, A first and without gaps; empty where there are not at least two."""
    found = _OPTION.findall(prompt)
    starts = [place for place, (letter, _) in enumerate(found) if letter == "A"]
    if not starts:
        return []
    run = found[starts[-1] :]
    texts = [text for place, (letter, text) in enumerate(run) if place < 26 and letter == LETTERS[place]]
    return texts if len(texts) >= 2 else []
