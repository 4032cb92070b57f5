"""The family's tokenizer and its special tokens, whose ids are looked up by name.

Source of the names: github.com/stepfun-ai/Step-Audio-R1 @43e2a215 (client and chat template). `<think>` and
`</think>` are ordinary text in this family: several tokens each, which merge with their neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

BOT = "<|BOT|>"
EOT = "<|EOT|>"
AUDIO_START = "<audio_start>"
AUDIO_END = "<audio_end>"
AUDIO_PATCH = "<audio_patch>"
SPECIALS = ("<|endoftext|>", EOT, BOT, AUDIO_START, AUDIO_END, AUDIO_PATCH)
REQUIRED = (BOT, EOT, AUDIO_START, AUDIO_END, AUDIO_PATCH)
STOP_NAMES = (EOT, "<|endoftext|>", "<|im_end|>")
"""Any of these ends a turn; only the first must exist."""

THINK_ON = "<think>\n"
THINK_OFF = "<think>\n\n</think>\n"
THINK_END = "</think>"

QWEN_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""Qwen2's pre-tokenizer pattern (huggingface.co/Qwen/Qwen2-7B and Qwen2.5-7B, tokenizer.json)."""


def byte_level(model: Any) -> Any:
    """A `tokenizers.Tokenizer` around a BPE model that splits text as Qwen's does; for small models of our own."""
    from tokenizers import Regex, Tokenizer, decoders, pre_tokenizers

    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN_SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


@dataclass(frozen=True)
class SpecialTokens:
    """Ids of the tokens that give a prompt its structure."""

    bot: int
    eot: int
    audio_start: int
    audio_end: int
    audio_patch: int
    stop: tuple[int, ...]
    """Every id that ends a turn."""

    @classmethod
    def of(cls, tokenizer: Any) -> SpecialTokens:
        """Look the ids up by name.

        Raises:
            ValueError: a name is not one token of this tokenizer; the message says which.
        """
        ids = {name: single_token_id(tokenizer, name) for name in REQUIRED}
        missing = [name for name, token in ids.items() if token is None]
        if missing:
            raise ValueError(f"tokenizer has no token {', '.join(missing)}: is this a Step-Audio-2 / R1 checkpoint?")
        known = {name: token for name, token in ids.items() if token is not None}
        stop = tuple(t for t in (single_token_id(tokenizer, name) for name in STOP_NAMES) if t is not None)
        return cls(
            bot=known[BOT],
            eot=known[EOT],
            audio_start=known[AUDIO_START],
            audio_end=known[AUDIO_END],
            audio_patch=known[AUDIO_PATCH],
            stop=stop,
        )


def single_token_id(tokenizer: Any, name: str) -> int | None:
    """The id of the token spelled exactly so, or None."""
    return tokenizer.get_vocab().get(name)


def load_tokenizer(path: str | Path) -> Any:
    """A transformers tokenizer from a checkpoint folder; `tokenizer.json` is taken as it stands when there is one.

    `fix_mistral_regex` stays off although transformers may suggest it: it would change Qwen's tokenization.
    """
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    file = Path(path) / "tokenizer.json"
    if file.is_file():
        return PreTrainedTokenizerFast(tokenizer_file=str(file))
    return cast("Any", AutoTokenizer).from_pretrained(str(path))  # declared only in part


def special_strings(tokenizer: Any) -> tuple[str, ...]:
    """Every string that the tokenizer parses as a special token, longest first."""
    added = tokenizer.get_added_vocab()
    return tuple(sorted(added, key=lambda s: (-len(s), s)))
