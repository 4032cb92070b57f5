"""What is heard is what the facts say: measured on the samples, not on the code that made them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiobench.data.listening import Item, generate, rows, write
from audiobench.data.listening.draw import Draw
from audiobench.data.listening.families import FAMILIES
from audiobench.data.listening.items import evaluation_item

RATE = 16_000


def samples(item: Item) -> np.ndarray:
    audio, rate = soundfile.read(io.BytesIO(item.wav()))
    assert rate == RATE
    return audio


def part(item: Item, event: dict) -> np.ndarray:
    return samples(item)[round(event["start"] * RATE) : round(event["end"] * RATE)]


def peak_hz(audio: np.ndarray, low: float = 50, high: float = 8000) -> float:
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), 1 << 16))
    hz = np.fft.rfftfreq(1 << 16, 1 / RATE)
    spectrum[(hz < low) | (hz > high)] = 0
    return float(hz[spectrum.argmax()])


@pytest.mark.parametrize("family", [f.name for f in FAMILIES])
def test_clips_decode_to_what_they_claim(family: str):
    for item in generate(11, [family], per_family=3):
        info = soundfile.info(io.BytesIO(item.wav()))
        assert (info.samplerate, info.channels, info.subtype, info.format) == (RATE, 1, "PCM_16", "WAV")
        audio = samples(item)
        assert len(audio) == round(item.scene.seconds * RATE)
        assert np.isfinite(audio).all()
        assert 0.02 < np.abs(audio).max() < 1.0, "silent or clipped"


@pytest.mark.parametrize("family", ["contour", "count_level"])
def test_notes_have_their_frequency(family: str):
    for item in generate(3, [family], per_family=8):
        for event in item.events:
            assert peak_hz(part(item, event)) == pytest.approx(event["hz"], rel=0.01)


def test_the_loud_sound_is_louder_by_what_the_facts_say():
    for item in generate(3, ["loudest"], per_family=12):
        levels = [20 * np.log10(np.sqrt((part(item, e) ** 2).mean())) for e in item.events]
        ordered = sorted(levels)
        told = sorted(e["db"] for e in item.events)
        assert ordered[2] - ordered[0] == pytest.approx(told[2] - told[0], abs=3)
        assert item.target == ("first", "second", "third")[int(np.argmax(levels))]


def test_glides_move_the_way_they_are_told():
    for item in generate(3, ["count_glide"], per_family=8):
        for event in item.events:
            audio = part(item, event)
            third = len(audio) // 3
            octaves = np.log2(peak_hz(audio[-third:]) / peak_hz(audio[:third]))
            assert np.sign(octaves) == np.sign(event["glide"])
            assert abs(octaves) > 0.4


def test_the_last_syllable_glides_by_an_octave_or_stays():
    """Of three chirps with ten harmonics (an octave down, level, an octave up) the told one fits by far best."""
    for item in generate(3, ["intonation"], per_family=12):
        event = item.events[-1]
        audio = part(item, event)
        place = np.arange(len(audio)) / len(audio) - 0.5

        def fit(semitones: float, audio=audio, place=place, hz=event["hz"]) -> float:
            phase = 2 * np.pi * np.cumsum(hz * 2 ** (semitones / 12 * place)) / RATE
            return sum(abs((audio * np.exp(1j * k * phase)).sum()) ** 2 for k in range(1, 11))

        fits = {semitones: fit(semitones) for semitones in (-12.0, 0.0, 12.0)}
        told = fits.pop(event["glide"])
        assert told > 5 * max(fits.values()), item.id


def test_gaps_between_events_hold_background_noise_only():
    for item in generate(3, ["tempo", "count_kind", "syllables"], per_family=6):
        audio = samples(item)
        last = max(e["end"] for e in item.events)
        rest = audio[round(last * RATE) + 10 :]
        if len(rest) > 800:
            level = 20 * np.log10(np.sqrt((rest**2).mean()))
            assert level == pytest.approx(item.scene.floor + item.scene.gain, abs=1.5)


def test_chords_have_three_fundamentals_and_notes_one():
    third = {"major chord": 4, "minor chord": 3}
    for item in generate(3, ["harmony"], per_family=12):
        event = item.events[0]
        audio = part(item, event)
        if item.target == "single note":
            assert peak_hz(audio, 500, 1300) == pytest.approx(event["hz"], rel=0.01)
            continue
        near = event["hz"] * 2 ** (third[item.target] / 12)
        assert peak_hz(audio, near * 0.972, near * 1.029) == pytest.approx(near, rel=0.005)


def test_noise_is_white_and_pinned():
    noise = Draw("noise").noise(RATE)
    assert noise.shape == (RATE,)
    assert abs(noise.mean()) < 0.02
    assert noise.std() == pytest.approx(1 / np.sqrt(3), rel=0.02)
    assert noise[:3].tolist() == Draw("noise").noise(3).tolist()


def test_rows_and_folder_hold_the_same_items(tmp_path: Path):
    target = write(tmp_path / "probe", 4, per_family=2, families=["tempo", "intonation"])
    lines = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    made = list(rows(4, 2, ["tempo", "intonation"]))
    assert [line["id"] for line in lines] == [row["id"] for row in made]
    assert lines[0]["id"] == "tempo-4-0000"
    for line, row in zip(lines, made, strict=True):
        assert (tmp_path / "probe" / line["audio"]).read_bytes() == row["audio"]["bytes"]
        assert row["audio"]["path"] is None
        assert {k: v for k, v in line.items() if k != "audio"} == {k: v for k, v in row.items() if k != "audio"}
    columns = "id audio question choices answer domain skill family kind tally trace events transcript"
    assert list(lines[0]) == columns.split()


def test_a_transcript_tells_the_clip_in_words():
    assert evaluation_item(2026, "count_kind", 0).transcript == "beep; hiss; beep"
    assert evaluation_item(2026, "intonation", 0).transcript.split(", ")[-1] in ("rising", "falling", "level")
