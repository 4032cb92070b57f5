"""vLLM's `--reasoning-parser step_audio`: the text-based split of `reasoning`, for servers used by other clients.

audiobench itself does not need it (it splits on its own side, for every server alike). With it a server counts
`reasoning_tokens` and takes `thinking_token_budget`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from vllm.entrypoints.generate.base.protocol import DeltaMessage
from vllm.reasoning import ReasoningParser

from audiobench.core.narrow import is_list, is_object, is_sequence
from model_adapters.step_audio.reasoning import THINK_START, held_back, split_reasoning, thinking_is_open
from model_adapters.step_audio.tokenizer import THINK_END, THINK_ON

TAIL_TOKENS = 16
"""Enough of the prompt's end to hold `<think>\\n\\n</think>\\n`."""


class StepAudioReasoningParser(ReasoningParser):
    """One instance serves one request; whether thinking is open at the start is read from its prompt."""

    def __init__(self, tokenizer: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(tokenizer, *args, **kwargs)
        self._open = _opened_by(kwargs.get("chat_template_kwargs"), otherwise=True)
        self._ended = False

    @property
    def reasoning_start_str(self) -> str:
        """With its newline: `>` and the newline are one token in the prompt."""
        return THINK_ON

    @property
    def reasoning_end_str(self) -> str:
        """The whole tag with its newline, as in training: this is what a spent `thinking_token_budget` writes.

        A natural end is recognised by the same tokens, so one after a full stop (which merges with `</`) or before an
        empty line (which merges with `>`) is not.
        """
        return THINK_END + "\n"

    def adjust_initial_state_from_prompt(self, prompt_token_ids: Sequence[int]) -> None:
        """See whether the prompt's last lines leave thinking open."""
        tail = self.model_tokenizer.decode(list(prompt_token_ids)[-TAIL_TOKENS:])
        self._open = thinking_is_open(tail)

    set_prompt_token_ids = adjust_initial_state_from_prompt
    """The same, for an answer in one piece (vLLM 0.33)."""

    def is_reasoning_end(self, input_ids: Sequence[int]) -> bool:
        """Whether the last thinking in these tokens has closed.

        vLLM asks this of the prompt before it streams, and tells nothing else of a prompt in which thinking has closed.
        """
        text = self.model_tokenizer.decode(list(input_ids))
        self._ended = THINK_END in text and not thinking_is_open(text)
        return self._ended

    def extract_content_ids(self, input_ids: list[int]) -> list[int]:
        """Tokens after the end of the reasoning; none while it is open."""
        for start in range(1, len(input_ids) + 1):
            if THINK_END in self.model_tokenizer.decode(input_ids[:start]):
                return input_ids[start:]
        return [] if self._open else input_ids

    def count_reasoning_tokens(self, token_ids: Sequence[int]) -> int:
        """Tokens before `</think>` has been written, its own included."""
        ids = list(token_ids)
        text = self.model_tokenizer.decode(ids)
        if THINK_END not in text:
            return len(ids) if self._open and not self._ended else 0
        low, high = 1, len(ids)
        while low < high:
            middle = (low + high) // 2
            if THINK_END in self.model_tokenizer.decode(ids[:middle]):
                high = middle
            else:
                low = middle + 1
        return low

    def extract_reasoning(self, model_output: str, request: Any) -> tuple[str | None, str | None]:
        """(reasoning, answer); the answer is None when thinking never closed."""
        self._open = self._open_for(request)
        split = split_reasoning(model_output, open_at_start=self._open)
        return split.reasoning, split.answer

    def extract_reasoning_streaming(
        self,
        previous_text: str,
        current_text: str,
        delta_text: str,
        previous_token_ids: Sequence[int],
        current_token_ids: Sequence[int],
        delta_token_ids: Iterable[int],
    ) -> DeltaMessage | None:
        """The part of this step that is certain: what may be the beginning of `</think>` is held back."""
        before = _safe(previous_text, self._open)
        now = _safe(current_text, self._open)
        reasoning = now[0][len(before[0]) :]
        answer = now[1][len(before[1]) :]
        if not reasoning and not answer:
            return None
        return DeltaMessage(reasoning=reasoning or None, content=answer or None)

    def _open_for(self, request: Any) -> bool:
        messages = getattr(request, "messages", None)
        last = messages[-1] if is_list(messages) and messages else None
        continued = not getattr(request, "add_generation_prompt", False)
        if last is not None and continued and _field(last, "role") == "assistant":
            return thinking_is_open(_text(_field(last, "content")))
        return _opened_by(getattr(request, "chat_template_kwargs", None), otherwise=self._open)


def _opened_by(settings: Any, *, otherwise: bool) -> bool:
    """Whether the template's settings leave thinking open at the start of the answer."""
    settings = settings or {}
    if "assistant_prefix" in settings:
        return thinking_is_open(str(settings["assistant_prefix"] or ""))
    return bool(settings.get("enable_thinking", otherwise))


def _safe(text: str, open_at_start: bool) -> tuple[str, str]:
    """Reasoning and answer of a beginning, without what may still turn out to be a marker."""
    body = text.lstrip()
    if THINK_START.startswith(body):
        return "", ""
    if body.startswith(THINK_START):
        text = body.removeprefix(THINK_START).lstrip("\n")
    elif not open_at_start:
        return "", text
    reasoning, end, answer = text.partition(THINK_END)
    if not end:
        return reasoning[: len(reasoning) - held_back(reasoning)], ""
    return reasoning, answer.lstrip("\n")


def _field(message: Any, name: str) -> Any:
    return message.get(name) if is_object(message) else getattr(message, name, None)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(str(_field(part, "text") or "") for part in content) if is_sequence(content) else ""
