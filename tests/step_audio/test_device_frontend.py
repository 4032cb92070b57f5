"""The front end on the model's device: the CPU's numbers, for a whole batch of clips of any length and rate."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
import torch

from model_adapters.step_audio import device_frontend
from model_adapters.step_audio.device_frontend import log_mels, resample, torchaudio_trouble
from model_adapters.step_audio.frontend import log_mel


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng([seed, samples]).standard_normal(samples)).astype(np.float32)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000])
def test_a_batch_is_resampled_as_soxr_resamples_each_clip(rate):
    clips = [noise(n, rate) for n in (rate, rate * 2 + 17, rate // 3)]
    found = resample([torch.from_numpy(clip) for clip in clips], rate)
    for clip, got in zip(clips, found, strict=True):
        expected = clip if rate == 16_000 else soxr.resample(clip, rate, 16_000, quality="HQ")
        assert abs(len(got) - len(expected)) <= 1
        both = min(len(got), len(expected))
        assert np.abs(got.numpy()[:both] - expected[:both]).max() < 1e-5


def test_a_clip_shorter_than_the_filter_is_resampled_too():
    clip = noise(100)
    expected = soxr.resample(clip, 48_000, 16_000, quality="HQ")
    assert np.abs(resample([torch.from_numpy(clip)], 48_000)[0].numpy() - expected).max() < 1e-5


CHUNKS = [noise(n) for n in (400, 1601, 16_000, 48_000, 400_000)]


@pytest.mark.skipif(torchaudio_trouble() is not None, reason="torchaudio does not load here")
def test_a_batch_of_log_mels_is_that_of_each_chunk_alone():
    for got, chunk in zip(log_mels([torch.from_numpy(c) for c in CHUNKS]), CHUNKS, strict=True):
        expected = log_mel(chunk)
        assert got.shape == expected.shape
        assert float((got - expected).abs().max()) < 1e-5


def test_without_torchaudio_it_is_the_front_end_of_the_cpu(monkeypatch):
    monkeypatch.setattr(device_frontend, "torchaudio_trouble", lambda: "OSError: libcudart.so.13")
    for got, chunk in zip(log_mels([torch.from_numpy(c) for c in CHUNKS]), CHUNKS, strict=True):
        assert torch.equal(got, log_mel(chunk))


def test_one_switch_of_the_configuration_puts_it_into_the_model(tiny_checkpoint, reference):
    from model_adapters.step_audio.reference import Reference

    other = Reference.load(tiny_checkpoint, device_frontend=True)
    clips = [noise(16_000 * 27), noise(5_000)]
    prompt, same = other.prompt(*clips, "What?"), reference.prompt(*clips, "What?")
    assert prompt.ids == same.ids
    assert float((other.logprobs(prompt) - reference.logprobs(same)).abs().max()) < 1e-5
