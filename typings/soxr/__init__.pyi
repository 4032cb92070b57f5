"""Of soxr, which ships no types, what audiobench calls."""

import numpy as np

def resample(x: np.ndarray, in_rate: float, out_rate: float, quality: str) -> np.ndarray: ...
