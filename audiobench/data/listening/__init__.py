"""Procedural listening probes: speech-like sounds, sounds and music made from a seed, with questions about them.

Pitch, loudness, duration, count, tempo, rhythm, timbre, order and harmony, in single steps and in compositions of
steps. Nothing is downloaded and nothing can have leaked into a training set; but these are synthetic toys, and a score
here says that a model hears and reasons about such sounds, not that it understands recordings.
"""

from audiobench.data.listening.dataset import rows, write
from audiobench.data.listening.items import DEFAULT_SEED, TRAIN_SEEDS, Item, generate

__all__ = ["DEFAULT_SEED", "TRAIN_SEEDS", "Item", "generate", "rows", "write"]
