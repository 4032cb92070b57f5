"""Audio: read, check, convert; nothing reaches a model that was not looked at.

    raw = read(clip)                              # any thread; cheap for PCM WAV
    if not passes(raw, support):                  # needs a decode: use a worker thread
        ...
    audio_parts, changes = parts(raw, clip, support, "noise:0")

Formats: WAV, FLAC, Ogg, MP3, AIFF (libsndfile). Compressed or float files are decoded once even when they go out
untouched, because a corrupt or NaN file must be an `invalid_audio` outcome and not a wrong answer.
"""

from audiobench.media.conditions import derangement, swaps
from audiobench.media.container import sniff
from audiobench.media.converting import parts, passes
from audiobench.media.errors import InvalidAudioError
from audiobench.media.raw import RawAudio
from audiobench.media.reading import Limits, duration, read

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
