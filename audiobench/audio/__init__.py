"""Audio: read, check, convert; nothing reaches a model that was not looked at.

    raw = read(clip)                              # any thread; cheap for PCM WAV
    if not passes(raw, support):                  # needs a decode: use a worker thread
        ...
    audio_parts, changes = parts(raw, clip, support, "noise:0")

Formats: WAV, FLAC, Ogg, MP3, AIFF (libsndfile). Compressed or float files are decoded once even when they go out
untouched, because a corrupt or NaN file must be an `invalid_audio` outcome and not a wrong answer.
"""

from audiobench.audio.conditions import derangement, swaps
from audiobench.audio.container import sniff
from audiobench.audio.converting import parts, passes
from audiobench.audio.errors import InvalidAudioError
from audiobench.audio.raw import RawAudio
from audiobench.audio.reading import Limits, duration, read

__all__ = [
    "InvalidAudioError",
    "Limits",
    "RawAudio",
    "derangement",
    "duration",
    "parts",
    "passes",
    "read",
    "sniff",
    "swaps",
]
