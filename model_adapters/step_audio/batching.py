"""Log-mel chunks of any lengths through the encoder and the adaptor: what shares a batch, and what that changes.

| batches | a chunk's embedding |
|---|---|
| `lengths` (default) | chunks of one length together, nothing padded: that of the chunk alone |
| `buckets` | all chunks padded to a few lengths, the padding masked exactly: that of the chunk alone, up to rounding |
| `compiled` | as `buckets`, through torch.compile (on CUDA with CUDA graphs), once for each length and batch size |
| `pad_chunks` | padded as StepFun's own server pads: depends on the longest chunk of the batch |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor

from model_adapters.step_audio.configuration import StepAudio2Config
from model_adapters.step_audio.device_frontend import log_mels
from model_adapters.step_audio.frontend import adapter_frames, encoder_frames
from model_adapters.step_audio.modules import Adapter, AudioEncoder

BUCKETS = (102, 252, 502, 1002, 1502, 2002, 2502, 3000)
"""Mel frames that chunks are padded to: 1, 2.5, 5, 10, 15, 20, 25 and 29.98 s."""
ROWS = (1, 2, 4, 8, 16, 32)
"""Batch sizes that `compiled` knows."""


class ChunkEmbedder:
    """An encoder and its adaptor as one function of a list of chunks; `batches` is one of `ENCODER_BATCHES`."""

    def __init__(
        self,
        encoder: AudioEncoder,
        adapter: Adapter,
        *,
        mel_trim_frames: int = 0,
        batches: str = "lengths",
        pad_chunks: bool = False,
        compiler: str = "inductor",
    ) -> None:
        self.encoder = encoder
        self.adapter = adapter
        self.mel_trim_frames = mel_trim_frames
        self.batches = batches
        self.pad_chunks = pad_chunks
        self.compiler = compiler
        """Backend of torch.compile."""
        self._compiled: Any = None

    def __call__(self, mels: Sequence[Tensor], batch_size: int = ROWS[-1]) -> list[Tensor]:
        """Embeddings of chunks, each (n_mels, frames) -> (tokens, llm_dim), in the order given.

        Chunks may come as waves (1, samples): their log-mels are then computed here, on the encoder's device.
        """
        if mels and mels[0].shape[0] == 1:
            weight = self.encoder.conv1.weight
            mels = log_mels([wave[0].to(weight.device) for wave in mels], weight.shape[1])
        out: list[Tensor] = [torch.empty(0)] * len(mels)
        for frames, members in self._groups(mels):
            size = len(members) if self.pad_chunks else batch_size
            for start in range(0, len(members), size):
                part = members[start : start + size]
                embedded = self._embed([mels[i] for i in part], frames)
                for i, row in zip(part, embedded, strict=True):
                    out[i] = row[: self.tokens(mels[i].shape[-1])]
        return out

    def tokens(self, frames: int) -> int:
        """Audio tokens of a chunk of so many mel frames."""
        kernel, stride = self.adapter.conv.kernel_size[0], self.adapter.conv.stride[0]
        return adapter_frames(encoder_frames(frames - self.mel_trim_frames), kernel, stride)

    def _groups(self, mels: Sequence[Tensor]) -> list[tuple[int, list[int]]]:
        """(mel frames of the batch, which chunks)."""
        if self.pad_chunks:
            return [(max(mel.shape[-1] for mel in mels), list(range(len(mels))))] if mels else []
        found: dict[int, list[int]] = {}
        for i, mel in enumerate(mels):
            frames = mel.shape[-1]
            found.setdefault(frames if self.batches == "lengths" else bucket(frames), []).append(i)
        return list(found.items())

    def _embed(self, mels: Sequence[Tensor], frames: int) -> Tensor:
        weight = self.encoder.conv1.weight
        if all(mel.shape[-1] == frames for mel in mels) and self.batches != "compiled":
            batch = torch.stack(list(mels)).to(device=weight.device, dtype=weight.dtype)
            return self.adapter(self.encoder(batch, self.mel_trim_frames))
        rows = next(n for n in ROWS if n >= len(mels)) if self.batches == "compiled" else len(mels)
        batch = weight.new_zeros(rows, mels[0].shape[0], frames)
        lengths = torch.full((rows,), frames)  # a row that nobody asked for counts as full: no row without keys
        for i, mel in enumerate(mels):
            batch[i, :, : mel.shape[-1]] = mel
            lengths[i] = mel.shape[-1]
        lengths = lengths.to(weight.device)
        if self.batches == "compiled":
            # CUDA graphs write every answer into the same memory
            return self._compiled_function()(batch, lengths)[: len(mels)].clone()
        return self._padded(batch, lengths)

    def _padded(self, batch: Tensor, lengths: Tensor) -> Tensor:
        features = self.encoder(batch, self.mel_trim_frames, lengths, self.pad_chunks)
        if not self.pad_chunks:  # the adaptor's convolution looks one frame ahead
            kept = (lengths + 1) // 2 // 2
            features = features * (torch.arange(features.shape[1], device=features.device) < kept[:, None])[..., None]
        return self.adapter(features)

    def _compiled_function(self) -> Any:
        if self._compiled is None:
            import torch._dynamo

            limit = len(BUCKETS) * len(ROWS)
            torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, limit)
            cuda = self.encoder.conv1.weight.is_cuda
            how: dict[str, Any] = {"mode": "reduce-overhead"} if cuda and self.compiler == "inductor" else {}
            compiled = cast("Any", torch).compile  # its declaration is incomplete
            self._compiled = compiled(self._padded, dynamic=False, backend=self.compiler, **how)
        return self._compiled


def bucket(frames: int) -> int:
    """The length that a chunk of so many mel frames is padded to."""
    return next((length for length in BUCKETS if length >= frames), frames)


def embedder_of(encoder: AudioEncoder, adapter: Adapter, config: StepAudio2Config) -> ChunkEmbedder:
    """The embedder that a configuration asks for."""
    return ChunkEmbedder(
        encoder,
        adapter,
        mel_trim_frames=config.mel_trim_frames,
        batches=config.encoder_batches,
        pad_chunks=config.pad_chunks,
    )


def embed_chunks(
    encoder: AudioEncoder,
    adapter: Adapter,
    mels: Sequence[Tensor],
    *,
    mel_trim_frames: int = 0,
    batches: str = "lengths",
    pad_chunks: bool = False,
) -> list[Tensor]:
    """`ChunkEmbedder` for one call."""
    return ChunkEmbedder(
        encoder, adapter, mel_trim_frames=mel_trim_frames, batches=batches, pad_chunks=pad_chunks
    )(mels)  # fmt: skip
