"""lm-eval's `--log_samples` files: one JSON object for each document and filter.

Format: lm_eval 0.4.13, `lm_eval/evaluator.py` and `result_schema.py`. The raw response (`resps`) is taken, before
filters; reasoning that a model class cut off is gone there, and so is the reason why it stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from audiobench.core.errors import UsageError
from audiobench.core.narrow import is_list, is_object
from audiobench.importers.logs.entries import Entry, settled

_OURS = {"id", "question", "choices", "target", "metadata", "audio"}


def is_line(line: Mapping[str, Any]) -> bool:
    """Whether this is a line of such a file."""
    return isinstance(line.get("doc"), dict) and {"doc_id", "target"} <= line.keys() and bool(_responses(line))


def _responses(line: Mapping[str, Any]) -> list[Any]:
    """The responses to the document's first request; empty where the line has none."""
    requests = line.get("resps")
    first = requests[0] if is_list(requests) and requests else None
    return first if is_list(first) else []


def convert(lines: Sequence[tuple[int, Any]], path: Path) -> Iterator[tuple[int, Entry]]:
    """(line number, prediction); one for each repetition, the lines of further filters left out.

    Raises:
        UsageError: a line of another shape, or one that holds log-likelihoods instead of text.
    """
    seen: set[Any] = set()
    for number, line in lines:
        where = f"{path}:{number}"
        if not is_object(line) or not is_line(line):
            raise UsageError(f"{where}: not a line of an lm-eval sample log (doc, doc_id, target, resps)")
        if line["doc_id"] in seen:
            continue
        seen.add(line["doc_id"])
        sample = _sample(line, where)
        for response in _responses(line):
            if not isinstance(response, str):
                raise UsageError(f"{where}: a log of log-likelihoods (output_type multiple_choice): no text to score")
            yield number, {**sample, "output": response}


def _sample(line: Mapping[str, Any], where: str) -> Entry:
    doc, target = line["doc"], line["target"]
    if doc.keys() == _OURS:  # written by audiobench.lm_eval_bridge
        entry = {**doc["metadata"], "id": doc["id"], "question": doc["question"], "choices": doc["choices"]}
        return {**entry, "answer": doc["target"]} if doc["target"] is not None else entry
    entry = {key: value for key, value in doc.items() if isinstance(value, str | int | float | bool)}
    entry |= {"id": doc.get("id", line["doc_id"]), "question": str(doc.get("question", ""))}
    choices = doc.get("choices")
    if is_list(choices) and choices and all(isinstance(choice, str) for choice in choices):
        return {**entry, "choices": choices, "answer": settled(choices, _number(doc, target), where)}
    return {**entry, "answer": target if isinstance(target, list) else str(target)}


def _number(doc: Mapping[str, Any], target: Any) -> Any:
    """A target that the document holds as a number is one again; lm-eval writes every target as text."""
    held = [doc.get(column) for column in ("answer", "label", "gold", "target")]
    if any(isinstance(value, int) and not isinstance(value, bool) and str(value) == target for value in held):
        return int(target)
    return target
