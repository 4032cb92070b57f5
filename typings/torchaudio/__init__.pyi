"""Of torchaudio, of which no build for CPUs is on PyPI, what audiobench calls."""
