"""Log-mel, chunks and token counts: golden numbers, both official rules, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_adapters.step_audio.frontend import (
    AudioError,
    encoder_frames,
    log_mel,
    log_mel_chunks,
    mel_frames,
    split_chunks,
    token_count,
)

GOLDEN = json.loads((Path(__file__).parent / "golden" / "frontend.json").read_text(encoding="utf-8"))["cases"]


def chirp(samples: int) -> np.ndarray:
    """The wave of golden/make_frontend.py."""
    t = np.arange(samples) / 16_000
    wave = 0.3 * np.sin(2 * np.pi * (200 + 400 * t) * t) + 0.05 * np.sin(2 * np.pi * 90 * t)
    wave[int(0.8 * samples) :] = 0.0
    return wave.astype(np.float32)


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: str(case["samples"]))
def test_log_mel_agrees_with_librosa(case):
    mel = log_mel(chirp(case["samples"])).double().numpy()
    assert mel.shape == (128, case["frames"])
    assert mel.mean() == pytest.approx(case["mean"], abs=2e-5)
    assert mel.std() == pytest.approx(case["std"], abs=2e-5)
    assert np.abs(mel[np.ix_(case["bands"], case["at"])] - np.array(case["values"])).max() < 2e-3


@pytest.mark.parametrize(
    ("seconds", "served", "hugging_face"),
    [(0.165, 3, 2), (25.0, 313, 313), (29.98, 375, 375), (3.0, 38, 38), (0.2, 3, 3)],
)
def test_published_token_counts(seconds, served, hugging_face):
    samples = round(seconds * 16_000)
    assert token_count(samples) == served
    assert token_count(samples, mel_trim_frames=2) == hugging_face


def test_the_two_rules_disagree_on_a_quarter_of_all_lengths():
    lengths = range(400, 400 + 160 * 16 * 20, 7)
    differ = [token_count(n) - token_count(n, mel_trim_frames=2) for n in lengths]
    assert set(differ) == {0, 1}
    assert sum(differ) / len(differ) == pytest.approx(0.25, abs=0.01)


@given(st.integers(1, 480_000))
def test_a_count_is_what_the_modules_put_out(samples):
    frames = mel_frames(samples)
    convolved = (frames + 2 - 3) // 2 + 1
    pooled = convolved // 2
    assert encoder_frames(frames) == pooled
    assert token_count(samples) == (pooled + 2 - 3) // 2 + 1 >= 1


@given(st.integers(1, 3_000_000), st.sampled_from([5.0, 25.0, 29.0]), st.sampled_from([0, 2]))
def test_chunks_are_the_clip_in_order_and_none_is_empty(samples, seconds, trim):
    clip = np.arange(samples, dtype=np.float32)
    if samples < 400 and trim:
        return
    chunks = split_chunks(clip, chunk_seconds=seconds, mel_trim_frames=trim)
    joined = np.concatenate(chunks)
    assert np.array_equal(joined, clip[: len(joined)])
    assert len(clip) - len(joined) < 400
    assert all(0 < len(chunk) <= seconds * 16_000 for chunk in chunks)
    assert all(token_count(len(chunk), mel_trim_frames=trim) > 0 for chunk in chunks)


def test_an_exact_multiple_has_no_empty_last_chunk():
    assert [len(c) for c in split_chunks(np.zeros(800_000, dtype=np.float32))] == [400_000, 400_000]
    assert len(split_chunks(np.zeros(400_000, dtype=np.float32))) == 1


def test_the_dynamic_range_is_that_of_the_chunk():
    loud = np.concatenate([chirp(400_000), 1e-5 * chirp(16_000)])
    mels, counts = log_mel_chunks(loud)
    alone = log_mel(1e-5 * chirp(16_000))
    assert [m.shape[1] for m in mels] == [mel_frames(400_000), mel_frames(16_000)]
    assert counts == [313, 13]
    assert np.allclose(mels[1], alone)


@pytest.mark.parametrize(
    ("audio", "words"),
    [
        (np.zeros(0, dtype=np.float32), "empty"),
        (np.array([0.1, np.nan, 0.2], dtype=np.float32), "sample 1 is nan"),
        (np.array([0.1, np.inf], dtype=np.float32), "not finite"),
        (np.zeros((2, 100), dtype=np.float32), "one channel"),
    ],
)
def test_what_cannot_be_heard_is_refused(audio, words):
    with pytest.raises(AudioError, match=words):
        split_chunks(audio)


def test_too_short_for_a_token_under_the_other_rule():
    assert token_count(1, mel_trim_frames=2) == 0
    with pytest.raises(AudioError, match="too short"):
        split_chunks(np.zeros(1, dtype=np.float32), mel_trim_frames=2)
    assert len(split_chunks(np.zeros(1, dtype=np.float32))) == 1
