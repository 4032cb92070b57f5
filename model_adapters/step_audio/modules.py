"""Audio encoder (25 Hz) and adaptor (12.5 Hz) in plain PyTorch, with the parameter names of the released checkpoints.

The encoder is Whisper's (pre-norm blocks, exact GELU, learned positions, keys without bias) followed by averaging
pairs and one layer norm; the adaptor is GELU(convolution), linear, ReLU, linear. Source: StepFun's vLLM fork
(github.com/stepfun-ai/vllm @5fab0f250) and the Hugging Face repository of Step-Audio-2-mini.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_adapters.step_audio.configuration import StepAudio2EncoderConfig
from model_adapters.step_audio.frontend import adapter_frames, encoder_frames

ADAPTER_HIDDEN = 2048
"""Width between the adaptor's two linear layers; the same in every released size."""


class Attention(nn.Module):
    """Multi-head self-attention, softmax scale 1/sqrt(head width)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """`x` (batch, frames, width); `mask` (1, frames) True where a key may be attended to, or None."""
        batch, frames, width = x.shape
        shape = (batch, frames, self.heads, width // self.heads)
        q, k, v = (layer(x).view(shape).transpose(1, 2) for layer in (self.query, self.key, self.value))
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.out(y.transpose(1, 2).reshape(batch, frames, width))


class Block(nn.Module):
    """One pre-norm transformer block."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn = Attention(width, heads)
        self.attn_ln = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.mlp_ln = nn.LayerNorm(width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """`x` (batch, frames, width)."""
        x = x + self.attn(self.attn_ln(x), mask)
        return x + self.mlp(self.mlp_ln(x))


class AudioEncoder(nn.Module):
    """Log-mel to features at 25 Hz."""

    def __init__(self, config: StepAudio2EncoderConfig) -> None:
        super().__init__()
        width = config.n_audio_state
        self.max_frames = config.n_audio_ctx
        self.conv1 = nn.Conv1d(config.n_mels, width, kernel_size=3, padding=1)
        self.conv2 = nn.Conv1d(width, width, kernel_size=3, stride=2, padding=1)
        self.positional_embedding = nn.Embedding(config.n_audio_ctx, width)
        self.blocks = nn.ModuleList(Block(width, config.n_audio_head) for _ in range(config.n_audio_layer))
        self.after_norm = nn.LayerNorm(width)

    def forward(self, mel: Tensor, mel_trim_frames: int = 0) -> Tensor:
        """`mel` (batch, n_mels, frames), all of one length -> (batch, encoder_frames(frames), width).

        With `mel_trim_frames` the last frames go through the convolutions but are not attended to (the published
        Hugging Face implementation); the caller drops what they become.
        """
        frames = mel.shape[-1]
        x = F.gelu(self.conv1(mel))
        x = F.gelu(self.conv2(x)).transpose(1, 2)
        if x.shape[1] > self.max_frames:
            raise ValueError(
                f"a chunk of {frames} mel frames needs {x.shape[1]} encoder positions; there are {self.max_frames}"
            )
        x = x + self.positional_embedding.weight[: x.shape[1]]
        mask = None
        if mel_trim_frames:
            mask = torch.arange(x.shape[1], device=x.device)[None] < (frames - mel_trim_frames + 1) // 2
        for block in self.blocks:
            x = block(x, mask)
        x = F.avg_pool1d(x.transpose(1, 2), kernel_size=2, stride=2).transpose(1, 2)
        return self.after_norm(x)


class Adapter(nn.Module):
    """Encoder features to decoder embeddings at 12.5 Hz."""

    def __init__(self, config: StepAudio2EncoderConfig) -> None:
        super().__init__()
        width = config.n_audio_state
        self.conv = nn.Conv1d(width, width, config.kernel_size, stride=config.adapter_stride, padding=1)
        self.linear1 = nn.Linear(width, ADAPTER_HIDDEN)
        self.linear2 = nn.Linear(ADAPTER_HIDDEN, config.llm_dim)

    def forward(self, features: Tensor) -> Tensor:
        """`features` (batch, frames, width) -> (batch, adapter_frames(frames), llm_dim)."""
        x = F.gelu(self.conv(features.transpose(1, 2))).transpose(1, 2)
        return self.linear2(F.relu(self.linear1(x)))


def embed_chunks(
    encoder: AudioEncoder, adapter: Adapter, mels: Sequence[Tensor], *, mel_trim_frames: int = 0, batch_size: int = 32
) -> list[Tensor]:
    """Embeddings of log-mel chunks, each (n_mels, frames) -> (tokens, llm_dim), in the order given.

    Only chunks of one length share a batch and nothing is padded, so a chunk's embedding does not depend on what
    else is in the request.
    """
    by_length: dict[int, list[int]] = {}
    for i, mel in enumerate(mels):
        by_length.setdefault(mel.shape[-1], []).append(i)
    weight = encoder.conv1.weight
    out: list[Tensor | None] = [None] * len(mels)
    for frames, members in by_length.items():
        kernel, stride = adapter.conv.kernel_size[0], adapter.conv.stride[0]
        tokens = adapter_frames(encoder_frames(frames - mel_trim_frames), kernel, stride)
        for start in range(0, len(members), batch_size):
            part = members[start : start + batch_size]
            batch = torch.stack([mels[i] for i in part]).to(device=weight.device, dtype=weight.dtype)
            embedded = adapter(encoder(batch, mel_trim_frames))[:, :tokens]
            for i, row in zip(part, embedded, strict=True):
                out[i] = row
    return [row for row in out if row is not None]
