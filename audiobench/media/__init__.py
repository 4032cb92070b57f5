"""Audio: read, check, convert; nothing reaches a model that was not looked at.

    file = fetch(clip)                            # bytes and sha256
    if not passes(file, support):                 # needs a decode: use a worker thread
        ...
    audio_parts, changes = parts(look(file), clip, support, "noise:0")

Formats: WAV, FLAC, Ogg, MP3, AIFF, CAF, AU, W64, SPHERE (libsndfile), MPEG-4, AAC, WebM (PyAV). What a container says of
its length is compared with what decodes. Compressed or float files are decoded once even when they go out untouched,
because a corrupt or NaN file must be an `invalid_audio` outcome and not a wrong answer.
"""

from audiobench.media.conditions import derangement, swaps
from audiobench.media.container import sniff
from audiobench.media.converting import parts, passes
from audiobench.media.errors import InvalidAudioError
from audiobench.media.raw import RawAudio
from audiobench.media.reading import Bytes, Limits, duration, fetch, look, read

__all__ = [
    "Bytes",
    "InvalidAudioError",
    "Limits",
    "RawAudio",
    "derangement",
    "duration",
    "fetch",
    "look",
    "parts",
    "passes",
    "read",
    "sniff",
    "swaps",
]
