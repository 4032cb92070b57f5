"""Clips and questions for the throughput benchmark: `python gen.py FOLDER --n 1000 --sr 16000 --dur 10`.

Writes items.jsonl, index.json (item -> right option) and audio/NNNNNN.wav (mono, 16 bits; tones in noise). With `--sigma`
the lengths are lognormal around `--dur`, and at most 80 s.
"""

from __future__ import annotations

import argparse
import json
import wave
from pathlib import Path

import numpy as np

ANIMALS = ("dog", "cat", "cow", "owl", "bee", "frog", "horse", "crow")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--sr", type=int, default=16000, help="Hz")
    parser.add_argument("--dur", type=float, default=10.0, help="seconds")
    parser.add_argument("--sigma", type=float, default=0.0, help="of the logarithm of the lengths")
    options = parser.parse_args()
    (options.folder / "audio").mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    lengths = np.minimum(80.0, options.dur * np.exp(options.sigma * random.normal(size=options.n)))
    times = np.arange(int(options.sr * lengths.max())) / options.sr
    noise = random.normal(0, 300, len(times))
    index, lines = {}, []
    for number in range(options.n):
        name = f"{number:06d}"
        choices = [str(choice) for choice in random.permutation(ANIMALS)[:4]]
        count = int(options.sr * lengths[number])
        samples = 8000 * np.sin(2 * np.pi * (200 + number % 3000) * times[:count]) + np.roll(noise, number)[:count]
        with wave.open(str(options.folder / "audio" / f"{name}.wav"), "wb") as clip:
            clip.setparams((1, 2, options.sr, 0, "NONE", ""))
            clip.writeframes(samples.astype("<i2").tobytes())
        index[name] = choices[0]
        shown = [str(choice) for choice in random.permutation(choices)]
        lines.append(json.dumps({"id": name, "audio": f"audio/{name}.wav", "question": f"item {name}: which animal?", "choices": shown, "answer": choices[0]}))  # fmt: skip
    (options.folder / "items.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (options.folder / "index.json").write_text(json.dumps(index), encoding="utf-8")


if __name__ == "__main__":
    main()
