"""Encoder and adaptor against the published forward pass, written out anew the way it is published.

There the mask is built from the mel length, thinned by the convolution's stride and added as -1e10 to attention
scores scaled by d^-0.25 on both sides (stepfun-ai/Step-Audio-2-mini, modeling_step_audio_2.py).
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from model_adapters.step_audio.batching import embed_chunks
from model_adapters.step_audio.frontend import log_mel, token_count


def published(encoder, adapter, mel: torch.Tensor, length: int) -> torch.Tensor:
    """Embeddings (tokens, width) of one chunk whose first `length` mel frames count."""
    frames = mel.shape[-1]
    x = F.gelu(encoder.conv2(F.gelu(encoder.conv1(mel[None])))).permute(0, 2, 1)
    seen = (torch.arange(frames) < length)[(frames + 1) % 2 :: 2]
    bias = torch.where(seen, 0.0, -1e10)
    x = x + encoder.positional_embedding.weight[: x.shape[1]]
    for block in encoder.blocks:
        h = block.attn_ln(x)
        batch, steps, width = h.shape
        scale = (width // block.attn.heads) ** -0.25
        q, k, v = (
            layer(h).view(batch, steps, block.attn.heads, -1).permute(0, 2, 1, 3)
            for layer in (block.attn.query, block.attn.key, block.attn.value)
        )
        weights = F.softmax((q * scale) @ (k * scale).transpose(-1, -2) + bias, dim=-1)
        x = x + block.attn.out((weights @ v).permute(0, 2, 1, 3).flatten(2))
        x = x + block.mlp(block.mlp_ln(x))
    x = encoder.after_norm(F.avg_pool1d(x.permute(0, 2, 1), 2, 2).permute(0, 2, 1))
    x = F.gelu(adapter.conv(x.permute(0, 2, 1))).permute(0, 2, 1)
    x = adapter.linear2(F.relu(adapter.linear1(x)))
    kept = (length + 1) // 2 // 2
    return x[0, : (kept - 1) // 2 + 1]


@pytest.mark.parametrize("trim", [0, 2])
@torch.no_grad()
def test_the_published_forward_pass_under_both_rules(reference, trim):
    model = reference.model
    rng = np.random.default_rng(0)
    for samples in [*range(400, 3600, 137), 48_000, 400_000]:
        mel = log_mel((0.1 * rng.standard_normal(samples)).astype(np.float32))
        expected = published(model.encoder, model.adapter, mel, mel.shape[1] - trim)
        got = embed_chunks(model.encoder, model.adapter, [mel], mel_trim_frames=trim)[0]
        assert got.shape == expected.shape == (token_count(samples, mel_trim_frames=trim), 128)
        assert torch.allclose(got, expected, atol=1e-5), samples


def test_a_chunk_beyond_the_encoders_positions_is_refused(reference):
    with pytest.raises(ValueError, match="needs 1501 encoder positions; there are 1500"):
        reference.model.encoder(torch.zeros(1, 128, 3002))
