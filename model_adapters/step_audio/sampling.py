"""Choosing the next token, and knowing when to stop; one sampler per prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sampling:
    """How to continue a prompt."""

    max_new_tokens: int = 256
    temperature: float = 0.0
    """0 is greedy."""
    top_p: float = 1.0
    top_k: int = 0
    """0 keeps every token."""
    repetition_penalty: float = 1.0
    """Over prompt and answer, as in CTRL (arXiv 1909.05858)."""
    seed: int | None = None
    until: tuple[str, ...] = ()
    """Strings that end the answer; they are not part of it."""


class Sampler:
    """Takes logits, one step at a time, and gathers the answer."""

    def __init__(self, sampling: Sampling, prompt_ids: Sequence[int], tokenizer: Any, stop_ids: Sequence[int]) -> None:
        self.sampling = sampling
        self.tokenizer = tokenizer
        self.stop_ids = frozenset(stop_ids)
        self.ids: list[int] = []
        self.finish_reason: str | None = None
        self._seen = set(prompt_ids if sampling.repetition_penalty != 1.0 else ())
        self._generator: torch.Generator | None = None
        if sampling.temperature > 0:
            generator = torch.Generator()
            if sampling.seed is None:
                generator.seed()
            else:
                generator.manual_seed(sampling.seed)
            self._generator = generator

    def step(self, logits: Tensor) -> int:
        """Take the next token from float32 logits of shape (vocab,); sets `finish_reason` when it is the last."""
        if self.finish_reason is not None:
            return self.ids[-1]
        token = self._choose(logits)
        self.ids.append(token)
        if self._seen or self.sampling.repetition_penalty != 1.0:
            self._seen.add(token)
        if token in self.stop_ids or (self.sampling.until and self._stopped_at() is not None):
            self.finish_reason = "stop"
        elif len(self.ids) >= self.sampling.max_new_tokens:
            self.finish_reason = "length"
        return token

    def text(self) -> str:
        """The answer so far: special tokens and a last unfinished character removed, cut before a stop string."""
        text = self._decoded().rstrip("\ufffd")
        at = self._stopped_at(text)
        return text if at is None else text[:at]

    def _decoded(self) -> str:
        return self.tokenizer.decode(self.ids, skip_special_tokens=True)

    def _stopped_at(self, text: str | None = None) -> int | None:
        text = self._decoded() if text is None else text
        found = [at for stop in self.sampling.until if stop and (at := text.find(stop)) >= 0]
        return min(found, default=None)

    def _choose(self, logits: Tensor) -> int:
        s = self.sampling
        if self._seen:
            seen = torch.tensor(sorted(self._seen))
            scores = logits[seen]
            logits = logits.clone()
            logits[seen] = torch.where(scores > 0, scores / s.repetition_penalty, scores * s.repetition_penalty)
        if self._generator is None:
            return int(logits.argmax())
        logits = logits / s.temperature
        if s.top_k > 0:
            kept = logits.topk(min(s.top_k, logits.numel())).values[-1]
            logits = logits.masked_fill(logits < kept, float("-inf"))
        probabilities = logits.softmax(-1)
        if s.top_p < 1.0:
            ordered, order = probabilities.sort(descending=True)
            outside = ordered.cumsum(-1) - ordered >= s.top_p
            probabilities[order[outside]] = 0.0
        return int(torch.multinomial(probabilities, 1, generator=self._generator))
