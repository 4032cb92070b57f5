"""The tiny model's sizes, and its training-time forward pass over tree-shaped sequences."""

# torch types every submodule as Tensor | Module
# pyright: reportCallIssue=false, reportAttributeAccessIssue=false, reportArgumentType=false

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_adapters.step_audio.configuration import StepAudio2Config
from model_adapters.step_audio.modules import Adapter, AudioEncoder
from model_adapters.step_audio.tiny.batches import CLASSES, GLIDES, Batch, ancestors
from model_adapters.step_audio.tiny.tokenizer import SPECIALS, VOCAB_SIZE
from model_adapters.step_audio.tokenizer import AUDIO_PATCH, EOT

ROW_PAD = 2560
"""Rows of logits are padded to a multiple of this: every new bf16 shape costs a compilation on CPU."""


def tiny_config() -> StepAudio2Config:
    """3.4 million parameters, exactly the family's architecture."""
    text = {
        "vocab_size": VOCAB_SIZE,
        "hidden_size": 192,
        "intermediate_size": 512,
        "num_hidden_layers": 4,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
        "max_position_embeddings": 2048,
        "rope_theta": 10_000.0,
        "eos_token_id": [SPECIALS.index(EOT), 0],
        "bos_token_id": None,
        "pad_token_id": 0,
    }
    audio = {"n_audio_state": 128, "n_audio_head": 4, "n_audio_layer": 3, "llm_dim": 192}
    return StepAudio2Config(text_config=text, audio_encoder_config=audio, architectures=["StepAudio2ForCausalLM"])


def float_attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **kwargs: Any
) -> tuple[Tensor, None]:
    """Attention in float32 whatever the rest runs in: the bf16 backward pass is slower on CPU."""
    with torch.autocast("cpu", enabled=False):
        out = F.scaled_dot_product_attention(
            query.float(), key.float(), value.float(), attn_mask=attention_mask, enable_gqa=True
        )
    return out.transpose(1, 2).contiguous(), None


class TinyTrainer(nn.Module):
    """Encoder, adapter and decoder as the checkpoint names them, and the auxiliary head that is not kept."""

    def __init__(self, config: StepAudio2Config) -> None:
        super().__init__()
        from transformers import AttentionInterface, Qwen2ForCausalLM

        cast("Any", AttentionInterface).register("float_tree", float_attention)
        self.config = config
        self.encoder = AudioEncoder(config.audio_encoder_config)
        self.adapter = Adapter(config.audio_encoder_config)
        text = cast("Any", config.text_config)
        text._attn_implementation = "float_tree"  # no public field sets it
        self.language_model = Qwen2ForCausalLM(text)
        self.events = nn.Linear(text.hidden_size, len(CLASSES) + 3 + len(GLIDES))
        self.register_buffer("tree", torch.as_tensor(ancestors()), persistent=False)
        self.patch = SPECIALS.index(AUDIO_PATCH)
        self._initialise()

    def _initialise(self) -> None:
        """Sinusoid positions (10^4 wavelengths, as Whisper), 0.02 normal embeddings, scaled linear layers."""
        with torch.no_grad():
            table = self.encoder.positional_embedding.weight
            half = table.shape[1] // 2
            rates = torch.exp(-np.log(10_000) / (half - 1) * torch.arange(half))
            angles = torch.arange(table.shape[0])[:, None] * rates[None]
            table.copy_(torch.cat([angles.sin(), angles.cos()], dim=1))
        named: Iterator[tuple[str, nn.Module]] = cast("Any", self.language_model).named_modules()
        for name, module in named:
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=module.in_features**-0.5 * (0.5 if "_proj" in name else 0.3))

    def encode(self, mel: Tensor) -> Tensor:
        """`mel` (clips, 128, frames) -> (clips, tokens, hidden): the encoder's own layers, attention in float32."""
        encoder = self.encoder
        x = F.gelu(encoder.conv1(mel))
        x = F.gelu(encoder.conv2(x)).transpose(1, 2)
        x = x + encoder.positional_embedding.weight[: x.shape[1]]
        blocks: Any = encoder.blocks
        for block in blocks:
            attn, y = block.attn, block.attn_ln(x)
            shape = (*y.shape[:2], attn.heads, -1)
            q, k, v = (layer(y).view(shape).transpose(1, 2) for layer in (attn.query, attn.key, attn.value))
            out, _ = float_attention(attn, q, k, v, None)
            x = x + attn.out(out.flatten(2))
            x = x + block.mlp(block.mlp_ln(x))
        x = F.avg_pool1d(x.transpose(1, 2), kernel_size=2, stride=2).transpose(1, 2)
        return self.adapter(encoder.after_norm(x))

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Losses of a batch, and for each supervised token whether the model was right."""
        audio = [self.encode(torch.as_tensor(m)) for m in batch.mels]
        ids = torch.as_tensor(batch.ids)
        embeds = self.language_model.model.embed_tokens(ids)
        heard = torch.cat([a.flatten(0, 1) for a in audio]) if audio else None
        if heard is not None:
            embeds = embeds.masked_scatter((ids == self.patch)[..., None], heard.to(embeds.dtype))
        segments = torch.as_tensor(batch.segments)
        tree = self.tree[segments[:, :, None], segments[:, None, :]]  # type: ignore[index]
        causal = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool).tril()
        hidden = self.language_model.model(
            inputs_embeds=embeds,
            attention_mask={"full_attention": (tree & causal)[:, None]},
            position_ids=torch.as_tensor(batch.positions),
            use_cache=False,
        ).last_hidden_state
        targets = torch.as_tensor(batch.targets)
        places = targets >= 0
        rows, wanted = hidden[places], targets[places]
        padding = -len(rows) % ROW_PAD
        logits = self.language_model.lm_head(F.pad(rows, (0, 0, 0, padding)))[: len(wanted)].float()
        weights = torch.as_tensor(batch.weights)[places]
        loss = (F.cross_entropy(logits, wanted, reduction="none") * weights).sum() / weights.sum()
        out = {"loss": loss, "right": logits.argmax(-1) == wanted, "aux": torch.zeros(())}
        if heard is not None:
            events = torch.as_tensor(batch.events)
            parts = self.events(heard.float()).float().split([len(CLASSES), 3, len(GLIDES)], dim=-1)
            out["aux"] = torch.stack([F.cross_entropy(p, events[:, i]) for i, p in enumerate(parts)]).sum()
        return out
