"""The tiny model's tokenizer: byte-level BPE with Qwen's pre-tokenizer, trained on the probes' own texts.

As in the released models `<think>` and `</think>` are ordinary text of several tokens, and any UTF-8 text encodes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from audiobench.data.listening.draw import Draw
from audiobench.data.listening.families import FAMILIES
from audiobench.data.listening.items import training_item, transcribe
from model_adapters.step_audio import CHAT_TEMPLATE
from model_adapters.step_audio.tiny.prompts import direct_answer, draw_style, think_answer, user_text
from model_adapters.step_audio.tokenizer import EOT, SPECIALS, byte_level

VOCAB_SIZE = 640


def texts(seed: int, per_family: int = 60) -> Iterator[str]:
    """Prompts and answers of a training seed."""
    for family in FAMILIES:
        for index in range(per_family):
            item = training_item(seed, family.name, index)
            draw = Draw("tokenizer", seed, family.name, index)
            yield "human\n" + user_text(item.question, item.choices, draw_style(draw))
            yield "assistant\n" + think_answer(item.trace, item.target)
            yield "assistant\n" + direct_answer(item.target)
            if index % 4 == 0:
                yield f"human\nTranscript: {transcribe(item.scene)}\n"


def build(seed: int) -> Any:
    """Train the tokenizer; the same seed gives the same one."""
    from tokenizers import AddedToken, models, pre_tokenizers, trainers

    tokenizer = byte_level(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        special_tokens=[AddedToken(name, special=True, normalized=False) for name in SPECIALS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
        min_frequency=2,
    )
    tokenizer.train_from_iterator(texts(seed), trainer)
    return tokenizer


def save(tokenizer: Any, folder: str | Path) -> None:
    """Write tokenizer.json and tokenizer_config.json (with the family's chat template)."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": None,
        "eos_token": EOT,
        "pad_token": "<|endoftext|>",
        "clean_up_tokenization_spaces": False,
        "model_max_length": 2048,
        "chat_template": CHAT_TEMPLATE.read_text(encoding="utf-8"),
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
