"""Tiny random checkpoints of audio models that stock vLLM serves, written without any download."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DECODER: dict[str, Any] = {
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
}


@dataclass(frozen=True)
class Tiny:
    """A checkpoint and how its model file asks."""

    folder: Path
    audio_token: str
    """The placeholder that stands once for each audio token in the prompt."""


def tokenizer(folder: Path, specials: Sequence[str], **names: str) -> tuple[Any, int]:
    """A byte tokenizer with these special tokens; (tokenizer, vocabulary rounded up to 64)."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {symbol: i for i, symbol in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    bytes_only = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    bytes_only.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_only.decoder = decoders.ByteLevel()
    bytes_only.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in specials])
    fast = PreTrainedTokenizerFast(tokenizer_object=bytes_only, eos_token=specials[0], pad_token=specials[0], **names)
    fast.save_pretrained(folder)
    return fast, -(-len(fast) // 64) * 64


def published(name: str) -> str:
    """The name that released checkpoints use for a parameter of today's transformers modules."""
    if name.startswith("lm_head."):
        return "language_model." + name
    name = name.removeprefix("model.")
    return name.replace("language_model.", "language_model.model.", 1) if name.startswith("language_model.") else name


def save(folder: Path, model: Any, processor: Any, template: str) -> None:
    """Weights (about unit gain), configuration, processor and chat template."""
    import torch
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for name, parameter in model.named_parameters():
        value = torch.empty_like(parameter)
        if parameter.ndim == 1:
            value.fill_(1.0 if "norm" in name and name.endswith("weight") else 0.0)
        else:
            value.normal_(0.0, parameter[0].numel() ** -0.5, generator=generator)
        tensors[published(name)] = value.contiguous()
    save_file(tensors, str(folder / "model.safetensors"), metadata={"format": "pt"})
    model.config.save_pretrained(folder)
    processor.chat_template = template
    processor.save_pretrained(folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    settings["chat_template"] = template
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")


def template(audio: str) -> str:
    """ChatML; `audio` stands for a clip."""
    return (
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' }}"
        "{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}"
        "{% if p.type == 'text' %}{{ p.text }}{% else %}{{ '" + audio + "' }}{% endif %}{% endfor %}{% endif %}"
        "{{ '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
    )


CHATML = ("<|im_end|>", "<|im_start|>", "<|endoftext|>")


def qwen2_audio(folder: Path) -> Tiny:
    """Qwen2-Audio."""
    from transformers import Qwen2AudioConfig, Qwen2AudioForConditionalGeneration, WhisperFeatureExtractor
    from transformers import Qwen2AudioProcessor as Processor

    marks = ("<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>")
    fast, size = tokenizer(folder, (*CHATML, *marks))
    config = Qwen2AudioConfig(
        audio_config={
            "model_type": "qwen2_audio_encoder",
            "num_mel_bins": 128,
            "encoder_layers": 2,
            "encoder_attention_heads": 2,
            "encoder_ffn_dim": 128,
            "d_model": 64,
            "max_source_positions": 1500,
        },
        text_config={"model_type": "qwen2", "vocab_size": size, **DECODER},
        audio_token_index=fast.convert_tokens_to_ids("<|AUDIO|>"),
        architectures=["Qwen2AudioForConditionalGeneration"],
    )
    model = Qwen2AudioForConditionalGeneration(config)
    processor = Processor(WhisperFeatureExtractor(feature_size=128), fast)
    save(folder, model, processor, template("<|audio_bos|><|AUDIO|><|audio_eos|>"))
    return Tiny(folder, "<|AUDIO|>")


def audio_flamingo_3(folder: Path) -> Tiny:
    """Audio Flamingo 3."""
    from transformers import (
        AudioFlamingo3Config,
        AudioFlamingo3ForConditionalGeneration,
        AudioFlamingo3Processor,
        WhisperFeatureExtractor,
    )

    fast, size = tokenizer(folder, (*CHATML, "<sound>"))
    config = AudioFlamingo3Config(
        audio_config={
            "num_mel_bins": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 128,
            "hidden_size": 64,
            "max_source_positions": 1500,
        },
        text_config={"model_type": "qwen2", "vocab_size": size, **DECODER},
        audio_token_id=fast.convert_tokens_to_ids("<sound>"),
        architectures=["AudioFlamingo3ForConditionalGeneration"],
    )
    model = AudioFlamingo3ForConditionalGeneration(config)
    processor = AudioFlamingo3Processor(WhisperFeatureExtractor(feature_size=128), fast)
    save(folder, model, processor, template("<sound>"))
    return Tiny(folder, "<sound>")


def glm_asr(folder: Path) -> Tiny:
    """GLM-ASR."""
    from transformers import GlmAsrConfig, GlmAsrForConditionalGeneration, GlmAsrProcessor, WhisperFeatureExtractor

    fast, size = tokenizer(folder, (*CHATML, "<|pad|>"))
    config = GlmAsrConfig(
        audio_config={
            "num_mel_bins": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "intermediate_size": 256,
            "hidden_size": 64,
        },
        text_config={"model_type": "llama", "vocab_size": size, "head_dim": 32, **DECODER},
        audio_token_id=fast.convert_tokens_to_ids("<|pad|>"),
        architectures=["GlmAsrForConditionalGeneration"],
    )
    model = GlmAsrForConditionalGeneration(config)
    save(folder, model, GlmAsrProcessor(WhisperFeatureExtractor(feature_size=128), fast), template("<|pad|>"))
    return Tiny(folder, "<|pad|>")
