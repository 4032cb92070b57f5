"""Sound that a model answers with: kept under its own sha256, never overwritten, and looked at once.

What is found here (length, rate, share of clipped samples, or why nothing can be heard) goes into the journal, so that
scoring needs the journal alone. Whether a task can use such a sound, `audiobench.results.sounds` says.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from audiobench.core.disk import write_whole
from audiobench.core.parts import AnswerAudio
from audiobench.core.types import Clip
from audiobench.media.container import sniff
from audiobench.media.errors import InvalidAudioError
from audiobench.media.raw import FileState
from audiobench.media.reading import Bytes, look
from audiobench.media.wav import pcm_wav

if TYPE_CHECKING:
    import numpy as np

FULL_SCALE = 0.9999
"""An absolute sample from here on counts as clipped: the largest of 16 bits is 0.99997."""


def keep(data: bytes, folder: Path | None, sample_id: str, epoch: int) -> AnswerAudio:
    """The answer's file, in `folder` (None: nowhere), with what is in it. A file of that name that holds other bytes
    stays as it is, and this one gets a longer name.

    Raises:
        IncompleteError: the disk is full.
    """
    found = examined(data)
    if folder is None:
        return found
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", sample_id)[:80].strip("-.") or "sample"
    ending = found.format or "bin"
    for digits in (12, 64):
        file = folder / f"{stem}.e{epoch}.{found.sha256[:digits]}.{ending}"
        if not file.exists():
            write_whole(file, data)
        elif file.read_bytes() != data:
            continue
        return structs.replace(found, path=f"{folder.name}/{file.name}")
    raise FileExistsError(f"{folder / stem}: holds other bytes under the sha256 of this answer")


def examined(data: bytes) -> AnswerAudio:
    """What is in a file of sound, all of it decoded. Never raises: what cannot be heard has a `problem`."""
    digest, container = hashlib.sha256(data).hexdigest(), sniff(data)
    found = AnswerAudio(digest, container or "")
    if not data:
        return structs.replace(found, problem="empty: 0 bytes")
    clip = Clip(Path("the answer"))
    try:
        raw = look(Bytes(clip, data, digest, FileState(len(data))))
        found = structs.replace(
            found, seconds=round(raw.seconds, 3), sample_rate=raw.sample_rate, channels=raw.channels
        )
        from audiobench.media.decoding import decode

        samples = decode(raw, clip.path)
    except InvalidAudioError as error:
        return structs.replace(found, problem=error.reason)
    import numpy as np

    level = np.abs(samples)
    return structs.replace(
        found, clipped=round(float((level >= FULL_SCALE).mean()), 6), peak=round(float(level.max()), 6)
    )


def float_wav(samples: np.ndarray, sample_rate: int) -> bytes:
    """A waveform, shape (samples,) or (samples, channels) and full scale = 1.0, as WAV of 32-bit float: nothing is cut off
    or rounded, so that what a model made too loud, or NaN, is still there to be found.
    """
    import io

    import numpy as np
    import soundfile

    out = io.BytesIO()
    soundfile.write(out, np.asarray(samples, dtype=np.float32), sample_rate, format="WAV", subtype="FLOAT")
    return out.getvalue()


def pcm16_wav(samples: np.ndarray, sample_rate: int) -> bytes:
    """A mono waveform, shape (samples,) and full scale = 1.0, as WAV of 16 bits; what is beyond full scale is clipped."""
    import numpy as np

    scaled = np.clip(np.rint(np.asarray(samples, dtype=np.float64) * 32768.0), -32768, 32767)
    return pcm_wav(scaled.astype("<i2").tobytes(), sample_rate, 1)
