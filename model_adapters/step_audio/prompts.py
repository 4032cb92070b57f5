"""Chat messages to prompt ids: what the chat template gives, with each clip expanded to its audio tokens.

Text is tokenised piecewise between the special tokens, so text cannot forge one: a special token's spelling in text
is an error that names it. Format: the chat template of github.com/stepfun-ai/Step-Audio-R1 @43e2a215.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from model_adapters.step_audio.configuration import StepAudio2Config
from model_adapters.step_audio.frontend import CHUNK_SECONDS, AudioError, log_mel_chunks
from model_adapters.step_audio.tokenizer import SpecialTokens, special_strings

ROLES = {"system": "system", "user": "human", "human": "human", "assistant": "assistant"}


class PromptError(ValueError):
    """This prompt cannot be asked (bad audio, a special token in its text, too long); others can."""


@dataclass(frozen=True)
class Turn:
    """One message: parts in order, text or a clip (float32, shape (samples,), 16 kHz)."""

    role: str
    parts: tuple[str | np.ndarray, ...]


@dataclass
class Prompt:
    """A prompt ready for the model."""

    ids: list[int]
    mels: list[Any] = field(default_factory=list)
    """Log-mel of each chunk, in order: tensors (n_mels, frames)."""
    audio_tokens: int = 0
    """How many of the ids are audio patches."""


class PromptBuilder:
    """Builds prompts for one checkpoint's tokenizer and configuration."""

    def __init__(self, tokenizer: Any, config: StepAudio2Config, *, chunk_seconds: float = CHUNK_SECONDS) -> None:
        self.tokenizer = tokenizer
        self.config = config
        self.chunk_seconds = chunk_seconds
        self.special = SpecialTokens.of(tokenizer)
        self.forbidden = special_strings(tokenizer)

    def build(self, turns: Sequence[Turn], *, prefill: str | None = "<think>\n", max_new_tokens: int = 0) -> Prompt:
        """The prompt of a conversation, up to and including the start of the assistant's answer.

        `prefill` is that start (None: the turn is opened and nothing more).

        Raises:
            PromptError: audio is empty, too short or not finite; text holds a special token; the prompt and
                `max_new_tokens` do not fit the model's context.
        """
        prompt = Prompt(ids=[])
        for turn in turns:
            if turn.role not in ROLES:
                raise PromptError(f"role {turn.role!r} is unknown; known: system, user, assistant")
            prompt.ids.append(self.special.bot)
            text = ROLES[turn.role] + "\n"
            for part in turn.parts:
                if isinstance(part, str):
                    text += part
                    continue
                prompt.ids += self.encode(text)
                text = ""
                self._add_clip(prompt, part)
            prompt.ids += self.encode(text)
            prompt.ids.append(self.special.eot)
        prompt.ids.append(self.special.bot)
        prompt.ids += self.encode("assistant\n" + (prefill or ""))
        limit = self.config.text_config.max_position_embeddings
        if len(prompt.ids) + max(1, max_new_tokens) > limit:
            raise PromptError(
                f"prompt of {len(prompt.ids)} tokens ({prompt.audio_tokens} of them audio) and {max_new_tokens} new "
                f"ones do not fit the model's context of {limit}"
            )
        return prompt

    def encode(self, text: str) -> list[int]:
        """Ids of plain text.

        Raises:
            PromptError: the text spells a special token.
        """
        for special in self.forbidden:
            if special in text:
                raise PromptError(f"text holds the special token {special!r}; remove or neutralise it")
        return self.tokenizer(text, add_special_tokens=False)["input_ids"] if text else []

    def _add_clip(self, prompt: Prompt, samples: np.ndarray) -> None:
        try:
            mels, counts = log_mel_chunks(
                samples,
                n_mels=self.config.audio_encoder_config.n_mels,
                chunk_seconds=self.chunk_seconds,
                mel_trim_frames=self.config.mel_trim_frames,
            )
        except AudioError as error:
            raise PromptError(str(error)) from error
        prompt.mels += mels
        prompt.audio_tokens += sum(counts)
        for count in counts:
            prompt.ids += audio_span(self.special, count)


def audio_span(special: SpecialTokens, count: int) -> list[int]:
    """Ids of one chunk: start, `count` patches, end."""
    return [special.audio_start, *([special.audio_patch] * count), special.audio_end]
