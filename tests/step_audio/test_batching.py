"""What shares a batch in the encoder: nothing changes with `lengths`, `buckets` and `compiled`; `pad_chunks` leaks."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from model_adapters.step_audio.batching import BUCKETS, ChunkEmbedder, bucket, embed_chunks
from model_adapters.step_audio.configuration import StepAudio2Config
from model_adapters.step_audio.frontend import log_mel, log_mel_chunks
from tests.step_audio.test_modules import published

ROUNDING = 1e-5


def mel_of(frames: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng([seed, frames]).standard_normal((128, frames)).astype(np.float32)) / 3


@pytest.fixture
def embed(reference):
    """`embed(mels, **how)`"""

    def call(mels: list[torch.Tensor], **how) -> list[torch.Tensor]:
        with torch.no_grad():
            return embed_chunks(reference.model.encoder, reference.model.adapter, mels, **how)

    return call


def distances(first: list[torch.Tensor], second: list[torch.Tensor]) -> list[float]:
    assert [x.shape for x in first] == [x.shape for x in second]
    return [float((a - b).abs().max()) for a, b in zip(first, second, strict=True)]


def test_padding_changes_150_of_199_chunk_lengths_and_only_where_it_can_leak(embed):
    """It leaks at odd mel lengths (second convolution) and at odd encoder lengths (the adaptor's)."""
    lengths = list(range(3, 202))
    alone = embed([mel_of(frames) for frames in lengths])
    for longest in (202, 203):
        padded = embed([mel_of(frames) for frames in [*lengths, longest]], pad_chunks=True)[:-1]
        changed = {n for n, d in zip(lengths, distances(alone, padded), strict=True) if d > ROUNDING}
        assert changed == {n for n in lengths if n % 8 not in (0, 2)}
        assert len(changed) == 150


def test_padding_is_that_of_the_published_code(embed, reference):
    """Zeros after the mel, the mask thinned from the padded length: the published forward pass on a padded chunk."""
    model = reference.model
    for longest in (300, 301):
        lengths = [5, 37, 99, 150, 211, longest]
        padded = embed([mel_of(frames) for frames in lengths], pad_chunks=True)
        for frames, got in zip(lengths, padded, strict=True):
            whole = F.pad(mel_of(frames), (0, longest - frames))
            with torch.no_grad():
                expected = published(model.encoder, model.adapter, whole, frames)
            assert float((got - expected).abs().max()) < ROUNDING


@pytest.mark.parametrize("trim", [0, 2])
def test_buckets_give_every_chunk_what_it_gives_alone(embed, trim):
    lengths = [*range(5, 140), *BUCKETS[1:4], 601, 777, 1003]
    alone = embed([mel_of(frames) for frames in lengths], mel_trim_frames=trim)
    together = embed([mel_of(frames) for frames in lengths], mel_trim_frames=trim, batches="buckets")
    assert max(distances(alone, together)) < ROUNDING


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on the CPU")
@pytest.mark.slow
def test_compiled_batches_give_every_chunk_what_it_gives_alone(reference):
    model = reference.model
    embedder = ChunkEmbedder(model.encoder, model.adapter, batches="compiled")
    alone = ChunkEmbedder(model.encoder, model.adapter)
    for lengths in ([7, 99, 101], [31, 102, 64, 80], [40]):
        mels = [mel_of(frames) for frames in lengths]
        with torch.inference_mode():
            assert max(distances(alone(mels), embedder(mels))) < ROUNDING


def test_a_chunk_goes_into_the_smallest_bucket_that_holds_it():
    assert [bucket(n) for n in (1, 102, 103, 2502, 2503, 3001)] == [102, 102, 252, 2502, 3000, 3001]


def test_a_chunk_beside_others_is_the_same_as_alone_by_default_and_not_with_padding(reference, clip):
    """A clip of 26.05 s is cut into 25 s and 1.05 s: the padding leaks inside one request."""
    model = reference.model
    mels, _ = log_mel_chunks(clip(26.05))
    with torch.no_grad():
        alone = [embed_chunks(model.encoder, model.adapter, [mel])[0] for mel in mels]
        beside = embed_chunks(model.encoder, model.adapter, mels)
        padded = embed_chunks(model.encoder, model.adapter, mels, pad_chunks=True)
    assert distances(alone, beside) == [0.0, 0.0]
    assert distances(alone, padded)[0] < ROUNDING < distances(alone, padded)[1]


def test_one_switch_of_the_configuration_pads_in_the_reference(tiny_checkpoint, reference, clip):
    from model_adapters.step_audio.reference import Reference, load_config

    prompt = reference.prompt(clip(26.05), "What?")
    whole = reference.prompt(clip(60.0), "What?")
    padding = Reference.load(tiny_checkpoint, pad_chunks=True)
    assert padding.config.pad_chunks and not load_config(tiny_checkpoint).pad_chunks
    moved = float((padding.logprobs(prompt) - reference.logprobs(prompt)).abs().max())
    assert 1e-4 < moved < 0.1
    assert float((padding.logprobs(whole) - reference.logprobs(whole)).abs().max()) < 1e-5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"encoder_batches": "all"}, "encoder_batches is 'all': it must be lengths, buckets, compiled"),
        ({"pad_chunks": True, "encoder_batches": "buckets"}, "leave one out"),
    ],
)
def test_a_configuration_that_cannot_be_meant_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        StepAudio2Config(**changes)


def test_a_mel_of_silence_is_padded_too(embed):
    quiet = log_mel(np.zeros(1600, dtype=np.float32))
    assert embed([quiet, mel_of(300)], pad_chunks=True)[0].isfinite().all()
