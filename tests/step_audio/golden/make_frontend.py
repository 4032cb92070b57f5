"""Golden log-mel numbers from an implementation that shares no code with ours: librosa's STFT and filter bank.

python -m venv /tmp/librosa && /tmp/librosa/bin/pip install librosa
/tmp/librosa/bin/python tests/step_audio/golden/make_frontend.py > tests/step_audio/golden/frontend.json
"""

import json
import sys

import librosa
import numpy as np

RATE = 16_000


def chirp(samples: int) -> np.ndarray:
    """A rising tone with a soft low one and silence at the end; float32, 16 kHz."""
    t = np.arange(samples) / RATE
    wave = 0.3 * np.sin(2 * np.pi * (200 + 400 * t) * t) + 0.05 * np.sin(2 * np.pi * 90 * t)
    wave[int(0.8 * samples) :] = 0.0
    return wave.astype(np.float32)


def log_mel(wave: np.ndarray) -> np.ndarray:
    """Whisper's log-mel with 479 zeros on the right, in float64."""
    padded = np.pad(wave.astype(np.float64), (0, 479))
    spectrum = librosa.stft(padded, n_fft=400, hop_length=160, window="hann", center=True, pad_mode="reflect")
    power = np.abs(spectrum[:, :-1]) ** 2
    mel = librosa.filters.mel(sr=RATE, n_fft=400, n_mels=128, htk=False, norm="slaney", dtype=np.float64) @ power
    log = np.log10(np.maximum(mel, 1e-10))
    return (np.maximum(log, log.max() - 8.0) + 4.0) / 4.0


cases = []
for samples in (1, 2640, 3200, 48_000, 400_000):
    mel = log_mel(chirp(samples))
    bands = [0, 5, 17, 40, 63, 100, 127]
    frames = sorted({0, 1, mel.shape[1] // 2, int(mel.shape[1] * 0.79), mel.shape[1] - 2, mel.shape[1] - 1} - {-1})
    cases.append(
        {
            "samples": samples,
            "frames": mel.shape[1],
            "mean": round(float(mel.mean()), 7),
            "std": round(float(mel.std()), 7),
            "bands": bands,
            "at": frames,
            "values": [[round(float(mel[b, f]), 6) for f in frames] for b in bands],
        }
    )
json.dump({"made_with": f"librosa {librosa.__version__}, numpy {np.__version__}", "cases": cases}, sys.stdout)
