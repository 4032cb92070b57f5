"""A tiny random checkpoint of the family in the released layout, for tests: about a million parameters.

Its tokenizer is byte-level with Qwen's pre-tokenizer and just the merges that the real vocabulary has around
`<think>`, so that the markers are several tokens which merge with their neighbours, as in the released models.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from model_adapters.step_audio.configuration import StepAudio2Config, published_layout
from model_adapters.step_audio.reference import StepAudio2
from model_adapters.step_audio.tokenizer import SPECIALS, byte_level
from model_adapters.step_audio.weights import save_checkpoint

MERGES = (
    ("t", "h"),
    ("i", "n"),
    ("in", "k"),
    ("<", "th"),
    ("th", "ink"),
    ("<", "/"),
    (".", "</"),
    ("Ċ", "Ċ"),
    (">", "Ċ"),
    (">", "ĊĊ"),
)
"""Gives `<th|ink|>`, `<th|ink|>\\n`, `</|think|>\\n`, `.</|think|>`: the splits of the real vocabulary."""


def byte_tokenizer() -> Any:
    """A `tokenizers.Tokenizer`: 256 bytes, the merges above, the family's special tokens."""
    from tokenizers import AddedToken, models, pre_tokenizers

    symbols = sorted(pre_tokenizers.ByteLevel.alphabet())
    symbols += [a + b for a, b in MERGES]
    vocab = {symbol: i for i, symbol in enumerate(symbols)}
    tokenizer = byte_level(models.BPE(vocab=vocab, merges=list(MERGES)))
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in SPECIALS])
    return tokenizer


def tiny_config(vocab_size: int = 320, **changes: Any) -> StepAudio2Config:
    """A configuration of about a million parameters; `changes` go to the top level (`mel_trim_frames`, say)."""
    return StepAudio2Config(
        text_config={
            "vocab_size": vocab_size,
            "hidden_size": 128,
            "intermediate_size": 256,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 4096,
            "rope_theta": 10000.0,
        },
        audio_encoder_config={
            "n_mels": 128,
            "n_audio_ctx": 1500,
            "n_audio_state": 64,
            "n_audio_head": 2,
            "n_audio_layer": 2,
            "llm_dim": 128,
        },
        architectures=["StepAudio2ForCausalLM"],
        **changes,
    )


def write_tokenizer(folder: str | Path, tokenizer: Any) -> None:
    """Write tokenizer.json and the two small files that transformers and vLLM want beside it."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|EOT|>",
        "pad_token": "<|endoftext|>",
        "clean_up_tokenization_spaces": False,
        "model_max_length": 1_000_000,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def write_config(folder: str | Path, config: StepAudio2Config, tokenizer: Any, *, dtype: str = "float32") -> None:
    """Write config.json and generation_config.json with the ids that end a turn, looked up by name.

    `tokenizer` is a `tokenizers.Tokenizer`; `dtype` what the weights are stored in.
    """
    import transformers

    folder = Path(folder)
    stop = [tokenizer.token_to_id(name) for name in ("<|EOT|>", "<|endoftext|>")]
    data = published_layout(config)
    data.update(eos_token_id=stop, torch_dtype=dtype, transformers_version=transformers.__version__)
    text = json.dumps(data, indent=2) + "\n"
    (folder / "config.json").write_text(text, encoding="utf-8")
    generation = {"eos_token_id": stop, "do_sample": False}
    (folder / "generation_config.json").write_text(json.dumps(generation, indent=2) + "\n", encoding="utf-8")


def make_tiny_checkpoint(
    folder: str | Path, *, seed: int = 0, shard_bytes: int | None = None, dtype: Any = None, **changes: Any
) -> Path:
    """Write a random checkpoint (published names, released config layout) and return its folder.

    Weights are scaled so that audio and text move the next-token distribution visibly.
    """
    import torch

    folder = Path(folder)
    tokenizer = byte_tokenizer()
    config = tiny_config(**changes)
    generator = torch.Generator().manual_seed(seed)
    model = StepAudio2(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1:
                base = 1.0 if "norm" in name or name.endswith("_ln.weight") else 0.0
                base = 0.0 if name.endswith("bias") else base
                parameter.normal_(base, 0.02, generator=generator)
            else:
                fan_in = parameter[0].numel()
                scale = 0.5 if "embed" in name else fan_in**-0.5
                parameter.normal_(0.0, scale, generator=generator)
    dtype = dtype or torch.float32
    model = model.to(dtype)
    write_tokenizer(folder, tokenizer)
    write_config(folder, config, tokenizer, dtype=str(dtype).removeprefix("torch."))
    save_checkpoint(model, folder, shard_bytes=shard_bytes)
    return folder
