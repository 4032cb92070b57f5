"""Chat messages to prompt ids: what the chat template gives, with each clip expanded to its audio tokens.

Text is tokenised piecewise between the special tokens, so text cannot forge one: a special token's spelling in text
is an error that names it. The form is the one that StepFun serves: its vLLM build (github.com/stepfun-ai/vllm
@9ecabf22f, `--interleave-mm-strings`) with the template of github.com/stepfun-ai/Step-Audio-R1 @43e2a215.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from model_adapters.step_audio.configuration import StepAudio2Config
from model_adapters.step_audio.frontend import CHUNK_SECONDS, AudioError, log_mel_chunks
from model_adapters.step_audio.reasoning import thinking_is_open
from model_adapters.step_audio.tokenizer import THINK_OFF, THINK_ON, SpecialTokens, special_strings

ROLES = {"system": "system", "user": "human", "human": "human", "assistant": "assistant"}


class PromptError(ValueError):
    """This prompt cannot be asked (bad audio, a special token in its text, too long); others can."""


@dataclass(frozen=True)
class PromptForm:
    """How turns are written. The defaults are the served form; the names are those of the chat template's switches."""

    part_separator: str = "\n"
    """Stands between the parts of a turn, except after audio. StepFun's Hugging Face client of Step-Audio-2 has none ("")."""
    close_assistant_turns: bool = True
    """False is StepFun's template to the letter, which never writes `<|EOT|>` after an assistant turn."""

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> PromptForm:
        """The form that a request's `chat_template_kwargs` ask for."""
        separator = settings.get("part_separator")
        return cls(
            part_separator=separator if isinstance(separator, str) else "\n",
            close_assistant_turns=bool(settings.get("close_assistant_turns", True)),
        )


def template_opening(settings: Mapping[str, Any]) -> str:
    """What the chat template begins the answer with under these `chat_template_kwargs`, where there is no prefill."""
    if "assistant_prefix" in settings:
        return str(settings["assistant_prefix"] or "")
    return THINK_ON if settings.get("enable_thinking", True) else THINK_OFF


def opened_thought(settings: Mapping[str, Any]) -> str:
    """The part of `template_opening` that belongs to the reply: an opened thought, else nothing."""
    opening = template_opening(settings)
    return opening if thinking_is_open(opening) else ""


@dataclass(frozen=True)
class Turn:
    """One message: parts in order, text or a clip (float32, shape (samples,), 16 kHz)."""

    role: str
    parts: tuple[str | np.ndarray, ...]


@dataclass
class Prompt:
    """A prompt ready for the model."""

    ids: list[int]
    mels: list[Any] = field(default_factory=list[Any])
    """Log-mel of each chunk, in order: tensors (n_mels, frames); for a front end on the device waves (1, samples)."""
    audio_tokens: int = 0
    """How many of the ids are audio patches."""


SERVED = PromptForm()


class PromptBuilder:
    """Builds prompts for one checkpoint's tokenizer and configuration."""

    def __init__(self, tokenizer: Any, config: StepAudio2Config, *, chunk_seconds: float = CHUNK_SECONDS) -> None:
        self.tokenizer = tokenizer
        self.config = config
        self.chunk_seconds = chunk_seconds
        self.special = SpecialTokens.of(tokenizer)
        self.forbidden = special_strings(tokenizer)

    def build(
        self,
        turns: Sequence[Turn],
        *,
        prefill: str | Sequence[str | np.ndarray] | None = THINK_ON,
        max_new_tokens: int = 0,
        form: PromptForm = SERVED,
    ) -> Prompt:
        """The prompt of a conversation, up to and including the start of the assistant's answer.

        `prefill` is that start (None: the turn is opened and nothing more): text, or text and clips with nothing between
        them, as the turn would have been written in one go.

        Raises:
            PromptError: audio is empty, too short or not finite; text holds a special token; the prompt and
                `max_new_tokens` do not fit the model's context.
        """
        prompt = Prompt(ids=[])
        for turn in turns:
            if turn.role not in ROLES:
                raise PromptError(f"role {turn.role!r} is unknown; known: system, user, assistant")
            self._add_turn(prompt, turn.role, separated(turn.parts, form.part_separator))
            if turn.role != "assistant" or form.close_assistant_turns:
                prompt.ids.append(self.special.eot)
        begun = (prefill,) if isinstance(prefill, str) else prefill or ()
        self._add_turn(prompt, "assistant", begun)
        limit = self.config.text_config.max_position_embeddings
        if len(prompt.ids) + max(1, max_new_tokens) > limit:
            raise PromptError(
                f"prompt of {len(prompt.ids)} tokens ({prompt.audio_tokens} of them audio) and {max_new_tokens} new "
                f"ones do not fit the model's context of {limit}"
            )
        return prompt

    def _add_turn(self, prompt: Prompt, role: str, parts: Iterable[str | np.ndarray]) -> None:
        """A turn without its end."""
        prompt.ids.append(self.special.bot)
        text = ROLES[role] + "\n"
        for part in parts:
            if isinstance(part, str):
                text += part
                continue
            prompt.ids += self.encode(text)
            text = ""
            self._add_clip(prompt, part)
        prompt.ids += self.encode(text)

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
                waves=self.config.device_frontend,
            )
        except AudioError as error:
            raise PromptError(str(error)) from error
        prompt.mels += mels
        prompt.audio_tokens += sum(counts)
        for count in counts:
            prompt.ids += audio_span(self.special, count)


def separated(parts: Sequence[str | np.ndarray], separator: str) -> Iterator[str | np.ndarray]:
    """The parts of a turn with the separators between them: none after audio, and an empty text is no part."""
    after_text = False
    for part in parts:
        is_text = isinstance(part, str)
        if is_text and not part:
            continue
        if after_text and separator:
            yield separator
        yield part
        after_text = is_text


def audio_span(special: SpecialTokens, count: int) -> list[int]:
    """Ids of one chunk: start, `count` patches, end."""
    return [special.audio_start, *([special.audio_patch] * count), special.audio_end]
