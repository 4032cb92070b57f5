"""Audio encoder (25 Hz) and adaptor (12.5 Hz) in plain PyTorch, with the parameter names of the released checkpoints.

The encoder is Whisper's (pre-norm blocks, exact GELU, learned positions, keys without bias) followed by averaging
pairs and one layer norm; the adaptor is GELU(convolution), linear, ReLU, linear. Source: StepFun's vLLM fork
(github.com/stepfun-ai/vllm @5fab0f250) and the Hugging Face repository of Step-Audio-2-mini. How chunks are put into
batches: `model_adapters.step_audio.batching`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_adapters.step_audio.configuration import StepAudio2EncoderConfig
from model_adapters.step_audio.sizes import ADAPTER_HIDDEN


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
        """`x` (batch, frames, width); `mask` (batch or 1, 1, 1, frames) True where a key may be attended to, or None."""
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

    def forward(
        self, mel: Tensor, mel_trim_frames: int = 0, lengths: Tensor | None = None, leak: bool = False
    ) -> Tensor:
        """`mel` (batch, n_mels, frames) -> (batch, encoder_frames(frames), width).

        With `mel_trim_frames` the last frames go through the convolutions but are not attended to (the published
        Hugging Face implementation); the caller drops what they become.

        `lengths` (batch,) are the mel frames of each chunk where shorter ones are padded with zeros on the right. A
        chunk then gives what it gives alone (up to rounding), or with `leak` what StepFun's own code makes of it: its
        second convolution sees the padding, and at odd lengths in an even batch the last frame is not attended to.
        """
        frames = mel.shape[-1]
        x = F.gelu(self.conv1(mel))
        if lengths is not None and not leak:
            x = x * (torch.arange(frames, device=x.device) < lengths[:, None])[:, None]
        x = F.gelu(self.conv2(x)).transpose(1, 2)
        if x.shape[1] > self.max_frames:
            raise ValueError(
                f"a chunk of {frames} mel frames needs {x.shape[1]} encoder positions; there are {self.max_frames}"
            )
        x = x + self.positional_embedding.weight[: x.shape[1]]
        mask = None
        place = torch.arange(x.shape[1], device=x.device)
        if lengths is not None:
            heard = lengths[:, None] - mel_trim_frames
            seen = 2 * place + (frames + 1) % 2 < heard if leak else place < (heard + 1) // 2
            mask = seen[:, None, None]
        elif mel_trim_frames:
            mask = (place < (frames - mel_trim_frames + 1) // 2)[None, None, None]
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
