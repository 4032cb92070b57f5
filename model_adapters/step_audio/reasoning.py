"""Reasoning and answer, told apart by text.

`<think>` and `</think>` are several ordinary tokens in this family, and merge with their neighbours (`.</` is one
token), so nothing here looks at token ids.
"""

from __future__ import annotations

from dataclasses import dataclass

from model_adapters.step_audio.tokenizer import THINK_END

THINK_START = "<think>"


@dataclass(frozen=True)
class Split:
    """A model's text, taken apart."""

    reasoning: str | None
    """None: it did not think."""
    answer: str | None
    """None: thinking never closed, so there is no answer."""

    @property
    def closed(self) -> bool:
        """False when thinking began and did not end."""
        return self.answer is not None


def thinking_is_open(prompt_tail: str) -> bool:
    """Whether a prompt that ends so leaves the model inside its reasoning."""
    return prompt_tail.rfind(THINK_START) > prompt_tail.rfind(THINK_END)


def split_reasoning(text: str, *, open_at_start: bool = True) -> Split:
    """Take generated text apart at the first `</think>`.

    `open_at_start` says whether the prompt ended inside the reasoning (`<think>` was its last line); if it did not, the text is the answer unless it opens with `<think>` itself.
    """
    body = text
    stripped = text.lstrip()
    if stripped.startswith(THINK_START):
        body, open_at_start = stripped[len(THINK_START) :], True
    if not open_at_start:
        return Split(reasoning=None, answer=text)
    reasoning, end, answer = body.partition(THINK_END)
    if not end:
        return Split(reasoning=body, answer=None)
    return Split(reasoning=reasoning.strip("\n"), answer=answer.removeprefix("\n").lstrip("\n"))


def held_back(text: str, marker: str = THINK_END) -> int:
    """How many characters at the end of `text` may be the beginning of `marker` (for streaming)."""
    for length in range(min(len(marker) - 1, len(text)), 0, -1):
        if text.endswith(marker[:length]):
            return length
    return 0
