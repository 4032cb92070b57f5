"""Converting: nothing is changed without need, everything that is changed is said."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from audiobench.core.errors import UsageError
from audiobench.core.types import AudioPart, Clip, Sample
from audiobench.media import InvalidAudioError, derangement, parts, passes, read, swaps
from audiobench.media.support import AudioSupport
from audiobench.media.wav import pcm_wav


def write(path: Path, samples: np.ndarray, rate: int, format: str = "WAV", subtype: str | None = "PCM_16") -> Clip:
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format=format, subtype=subtype)
    path.write_bytes(out.getvalue())
    return Clip(path)


def sine(seconds: float, rate: int, channels: int = 1, hertz: float = 440.0) -> np.ndarray:
    wave = 0.3 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)
    return np.repeat(wave[:, None], channels, axis=1)


def samples_of(audio: list[AudioPart]) -> np.ndarray:
    return np.concatenate([soundfile.read(io.BytesIO(part.data), dtype="int16", always_2d=True)[0] for part in audio])


def convert(clip: Clip, transform: str = "full", **support) -> tuple[list[AudioPart], list[str]]:
    return parts(read(clip), clip, AudioSupport(**support), transform)


@pytest.mark.parametrize(
    "support, changes",
    [({}, []), ({"sample_rate": 44100, "channels": 2, "chunk_seconds": 1.0}, []), ({"channels": 6}, []),
     ({"channels": 1}, ["mixed 2->1 channels", "re-encoded wav->wav (16 bits)"]),
     ({"sample_rate": 16000}, ["resampled 44100->16000", "re-encoded wav->wav (16 bits)"]),
     ({"chunk_seconds": 0.4}, ["cut into 3 chunks of 0.4 s"]),
     ({"chunk_seconds": 0.25}, ["cut into 4 chunks of 0.25 s"]),
     ({"chunk_seconds": 0.25, "channels": 1},
      ["mixed 2->1 channels", "re-encoded wav->wav (16 bits)", "cut into 4 chunks of 0.25 s"]),
     ({"sample_rate": 16000, "channels": 1, "chunk_seconds": 0.4},
      ["mixed 2->1 channels", "resampled 44100->16000", "re-encoded wav->wav (16 bits)", "cut into 3 chunks of 0.4 s"])],
)  # fmt: skip
def test_only_what_must_change_is_changed_and_said(tmp_path: Path, support: dict, changes: list[str]):
    clip = write(tmp_path / "a.wav", sine(1.0, 44100, 2), 44100)
    raw = read(clip)
    audio, said = convert(clip, **support)
    assert said == changes
    assert passes(raw, AudioSupport(**support)) == (not changes)
    assert sum(part.seconds or 0 for part in audio) == pytest.approx(1.0, abs=1e-3)
    rate = support.get("sample_rate", 44100)
    assert {(part.sample_rate, part.format) for part in audio} == {(rate, "wav")}
    if not changes:
        assert audio[0].data == raw.data


def test_a_tone_stays_a_tone_through_resampling_and_mixing(tmp_path: Path):
    clip = write(tmp_path / "a.wav", sine(1.0, 48000, 6), 48000)
    audio, _ = convert(clip, sample_rate=16000, channels=1)
    heard = samples_of(audio)[:, 0] / 32768
    assert len(heard) == 16000
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert np.argmax(spectrum) == 440
    assert np.max(np.abs(heard[2000:-2000])) == pytest.approx(0.3, rel=0.01)


def test_mp3_goes_to_wav_where_the_model_takes_no_mp3(tmp_path: Path):
    clip = write(tmp_path / "a.wav", sine(1.0, 24000), 24000, "MP3", None)
    audio, changes = convert(clip, formats=["wav"])
    assert changes == ["re-encoded mp3->wav (16 bits)"]
    assert audio[0].data[:4] == b"RIFF"
    with pytest.raises(InvalidAudioError, match="would have to be converted to wav, the model takes flac"):
        convert(clip, formats=["flac"])


@pytest.mark.parametrize(
    "support, says",
    [({"max_seconds": 0.5}, r"1\.0 s, the model takes at most 0\.5 s"), ({"max_bytes": 1000}, "the model takes at most 1000"),
     ({"chunk_seconds": 0.3, "max_clips": 2}, "4 parts, the model takes at most 2")],
)  # fmt: skip
def test_what_the_model_does_not_take_is_invalid_and_never_cut(tmp_path: Path, support: dict, says: str):
    clip = write(tmp_path / "a.wav", sine(1.0, 16000), 16000)
    with pytest.raises(InvalidAudioError, match=says):
        convert(clip, **support)


@settings(max_examples=40)
@given(
    frames=st.integers(1, 5000),
    chunk=st.floats(0.01, 0.4),
    channels=st.integers(1, 3),
    bits=st.sampled_from([8, 16, 24, 32]),
)
def test_chunks_are_the_whole_and_none_is_empty(tmp_path_factory, frames: int, chunk: float, channels: int, bits: int):
    body = np.random.default_rng(frames).bytes(frames * channels * bits // 8)
    path = tmp_path_factory.mktemp("chunks") / "a.wav"
    path.write_bytes(pcm_wav(body, 8000, channels, bits))
    audio, _ = convert(Clip(path), chunk_seconds=chunk)
    raws = []
    for number, part in enumerate(audio):
        piece = path.with_name(f"{number}.wav")
        piece.write_bytes(part.data)
        raws.append(read(Clip(piece)))
        assert 0 < raws[-1].seconds <= chunk + 1 / 8000
        assert raws[-1].seconds == part.seconds
    assert b"".join(r.data[44 : 44 + r.frames * channels * bits // 8] for r in raws) == body


def test_chunks_of_a_decoded_clip_are_its_whole(tmp_path: Path):
    clip = write(tmp_path / "a.flac", sine(1.03, 16000), 16000, "FLAC")
    whole, _ = convert(clip)
    pieces, changes = convert(clip, chunk_seconds=0.25)
    assert len(pieces) == 5 and "cut into 5 chunks of 0.25 s" in changes
    assert np.array_equal(samples_of(whole), samples_of(pieces))


def test_sixteen_bit_samples_survive_decoding_exactly(tmp_path: Path):
    every = np.arange(-32768, 32768, dtype=np.int16)[:, None]
    clip = write(tmp_path / "a.flac", every, 16000, "FLAC")
    assert np.array_equal(samples_of(convert(clip)[0]), every)


def test_samples_beyond_full_scale_are_clipped_and_said(tmp_path: Path):
    loud = np.array([[0.5], [1.5], [-1e38], [-1.0]])
    clip = write(tmp_path / "a.wav", loud, 16000, "WAV", "FLOAT")
    audio, changes = convert(clip, formats=["wav"], chunk_seconds=1 / 4000)
    assert changes == [], "four frames are not more than a chunk: untouched"
    audio, changes = convert(clip, "reverse")
    assert samples_of(audio)[:, 0].tolist() == [-32768, -32768, 32767, 16384]
    assert "clipped 2 samples at full scale" in changes


# ---- conditions ------------------------------------------------------------------------------------------------------


def test_silence_and_reverse_keep_the_length(tmp_path: Path):
    every = np.arange(-3000, 3000, dtype=np.int16)[:, None]
    clip = write(tmp_path / "a.wav", every, 16000)
    silent, said = convert(clip, "silence")
    assert not samples_of(silent).any() and len(samples_of(silent)) == 6000 and "silenced" in said
    backwards, said = convert(clip, "reverse")
    assert np.array_equal(samples_of(backwards), every[::-1]) and "reversed" in said
    assert silent[0].transform == "silence"


def test_noise_has_the_level_of_the_clip_and_follows_its_seed(tmp_path: Path):
    clip = write(tmp_path / "a.wav", np.hstack([sine(2.0, 44100), 0.1 * sine(2.0, 44100)]), 44100)
    noise = samples_of(convert(clip, "noise:1")[0]) / 32768
    level = np.sqrt(np.mean(noise**2, axis=0))
    assert level == pytest.approx([0.3 / np.sqrt(2), 0.03 / np.sqrt(2)], rel=0.01)
    assert abs(np.corrcoef(noise[:, 0], sine(2.0, 44100)[:, 0])[0, 1]) < 0.02
    assert np.array_equal(samples_of(convert(clip, "noise:1")[0]) / 32768, noise)
    assert not np.array_equal(samples_of(convert(clip, "noise:2")[0]) / 32768, noise)
    resampled = samples_of(convert(clip, "noise:1", sample_rate=16000, channels=1)[0]) / 32768
    assert np.sqrt(np.mean(resampled**2)) == pytest.approx(0.55 * 0.3 / np.sqrt(2), rel=0.01), "matched as it is sent"
    other = write(tmp_path / "b.wav", sine(2.0, 44100, 2, 300.0), 44100)
    assert not np.array_equal(samples_of(convert(other, "noise:1")[0]) / 32768, noise)


def test_a_silent_clip_gives_silent_noise_and_a_loud_one_says_that_it_clips(tmp_path: Path):
    quiet = write(tmp_path / "q.wav", np.zeros((800, 1)), 16000)
    assert not samples_of(convert(quiet, "noise:0")[0]).any()
    loud = write(tmp_path / "l.wav", np.sign(sine(0.2, 16000)) * 0.99, 16000)
    assert any("clipped" in change for change in convert(loud, "noise:0")[1])


@pytest.mark.parametrize("transform", ["noise", "noise:x", "loud", "swap"])
def test_unknown_transforms(tmp_path: Path, transform: str):
    clip = write(tmp_path / "a.wav", sine(0.1, 16000), 16000)
    with pytest.raises(UsageError, match=r"must be full, silence, noise:SEED or reverse"):
        convert(clip, transform)


def test_the_same_from_many_threads(tmp_path: Path):
    clips = [write(tmp_path / f"{i}.flac", sine(0.3, 44100, 2, 200 + 20 * i), 44100, "FLAC") for i in range(12)]

    def one(clip: Clip) -> list[bytes]:
        return [part.data for part in convert(clip, "noise:3", sample_rate=16000, channels=1, chunk_seconds=0.1)[0]]

    alone = [one(clip) for clip in clips]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(one, clips)) == alone


GROUPS = st.lists(st.integers(0, 6), min_size=2, max_size=40).filter(lambda keys: len(set(keys)) > 1)


@given(GROUPS, st.integers(0, 5))
def test_nobody_gets_its_own_clip(keys: list[int], seed: int):
    ids = [f"s{i}" for i in range(len(keys))]
    groups = {item: f"clip{key}" for item, key in zip(ids, keys, strict=True)}
    partner = derangement(ids, seed, groups)
    assert set(partner) == set(ids)
    assert all(groups[a] != groups[b] for a, b in partner.items())
    if max(keys.count(key) for key in keys) * 2 <= len(keys):
        assert sorted(partner.values()) == sorted(ids), "every clip is used once"
    assert derangement(ids[::-1], seed, groups) == partner


@given(st.integers(2, 50), st.integers(0, 5))
def test_a_derangement_has_no_fixed_point(count: int, seed: int):
    ids = [str(i) for i in range(count)]
    partner = derangement(ids, seed)
    assert sorted(partner.values()) == sorted(ids)
    assert all(a != b for a, b in partner.items())


def test_seeds_differ_and_one_clip_alone_cannot_be_swapped():
    ids = [str(i) for i in range(50)]
    assert derangement(ids, 0) != derangement(ids, 1)
    with pytest.raises(UsageError, match="at least two samples with different clips"):
        derangement(["a", "b"], 0, {"a": "x", "b": "x"})


def test_swapping_samples_looks_at_clusters_and_paths():
    def sample(name: str, path: str, cluster: str | None = None) -> Sample:
        return Sample(name, "?", (Clip(Path(path)),), cluster=cluster)

    items = [sample("a", "1"), sample("b", "1"), sample("c", "2", "k"), sample("d", "3", "k")]
    partner = swaps(items, 0)
    assert {partner["a"], partner["b"]} == {"c", "d"}
    assert {partner["c"], partner["d"]} == {"a", "b"}
