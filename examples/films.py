"""Twenty one-second videos with a tone, questions about them (films.yaml), and a model that really looks and listens.

    pip install 'audiobench-harness[av]'
    python films.py
    audiobench run --model films_model.yaml --tasks films.yaml --audio full,none,swap,sound_only,text_only --out watcher
    audiobench ablate watcher

See docs/audio_visual.md.
"""

from __future__ import annotations

import io
import json
import random
from pathlib import Path
from typing import Any

import av
import numpy as np

from audiobench.core.types import AudioPart, Request, Response, VideoPart
from audiobench.model.capabilities import ALL, Capabilities

RATE = 16_000
COLOURS = {"red": (200, 30, 30), "blue": (30, 30, 200)}
TONES = {"low": 200.0, "high": 1600.0}


def film(colour: str, tone: str, shade: int) -> bytes:
    """One second of a colour with a tone, as MP4; `shade` makes it unlike the others."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4", options={"fflags": "+bitexact"}) as file:
        pictures: Any = file.add_stream("mpeg4", rate=10, width=64, height=64, pix_fmt="yuv420p")
        sound: Any = file.add_stream("aac", rate=RATE, layout="mono")
        picture = np.full((64, 64, 3), COLOURS[colour], np.uint8) + np.uint8(shade)
        for _ in range(10):
            file.mux(pictures.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(pictures.encode(None))
        wave = (0.4 * np.sin(2 * np.pi * (TONES[tone] + shade) * np.arange(RATE) / RATE)).astype(np.float32)
        for start in range(0, RATE, 1000):
            frame = av.AudioFrame.from_ndarray(wave[None, start : start + 1000], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = RATE, start
            file.mux(sound.encode(frame))
        file.mux(sound.encode(None))
    return out.getvalue()


def make() -> None:
    """films/ and films.jsonl: of each video a question for the eye, one for the ear and one for both."""
    Path("films").mkdir(exist_ok=True)
    combinations = [(colour, tone) for colour in COLOURS for tone in TONES] * 5
    random.Random(1).shuffle(combinations)
    rows: list[dict[str, Any]] = []
    for number, (colour, tone) in enumerate(combinations):
        Path(f"films/{number}.mp4").write_bytes(film(colour, tone, number))
        match = "yes" if (colour, tone) in (("red", "low"), ("blue", "high")) else "no"
        for needs, question, choices, answer in (
            ("picture", "Which colour is shown?", list(COLOURS), colour),
            ("sound", "Is the tone low or high?", list(TONES), tone),
            ("both", "Is it red with a low tone, or blue with a high tone?", ["yes", "no"], match),
        ):
            rows.append({"id": f"{number}-{needs}", "video": f"films/{number}.mp4", "needs": needs, "question": question,
                         "choices": choices, "answer": answer})  # fmt: skip
    Path("films.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


class Watcher:
    """Sees a colour and hears a pitch in what it is sent, and guesses the first option where it cannot know."""

    capabilities = Capabilities(ALL, audio_out=False, in_process=True)

    def __init__(self, spec: Any, *, base_url: str | None = None, timeout: float = 60.0) -> None:
        pass

    async def generate(self, request: Request) -> Response:
        """The answer that follows from what is seen and heard."""
        known: dict[str, str] = {}
        for part in request.media:
            if isinstance(part, AudioPart | VideoPart):
                known |= perceived(part.data)
        asked = request.text
        if "colour" in asked:
            return Response(known.get("colour", "red"))
        if "low or high" in asked:
            return Response(known.get("tone", "low"))
        together = {("red", "low"), ("blue", "high")}
        if len(known) < 2:
            return Response("yes")
        return Response("yes" if (known["colour"], known["tone"]) in together else "no")

    async def close(self) -> None:
        """Nothing to release."""


def perceived(data: bytes) -> dict[str, str]:
    """The colour and the tone of a file, of those that are in it."""
    found: dict[str, str] = {}
    with av.open(io.BytesIO(data)) as file:
        if file.streams.video:
            red, _, blue = next(file.decode(video=0)).to_ndarray(format="rgb24").mean(axis=(0, 1))
            found["colour"] = "red" if red > blue else "blue"
    with av.open(io.BytesIO(data)) as file:
        if file.streams.audio:
            wave = np.concatenate([frame.to_ndarray().ravel() for frame in file.decode(audio=0)]).astype(float)
            pitch = np.abs(np.fft.rfft(wave)).argmax() * file.streams.audio[0].rate / len(wave)
            found["tone"] = "low" if pitch < 800 else "high"
    return found


if __name__ == "__main__":
    make()
