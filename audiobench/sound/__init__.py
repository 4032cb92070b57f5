"""Measures of sound: what a network (or a rule) says of a sound that a model made.

A measure takes sounds as waveforms and gives, for each, numbers and vectors (`audiobench.sound.measure`). The figures that are
made of them are in `audiobench.scorers.sound`; the stage that carries a measure over a run is `audiobench.ask.measure`.
"""

from audiobench.sound.measure import Found, Heard, Measure
from audiobench.sound.registry import MEASURES, find_measure

__all__ = ["MEASURES", "Found", "Heard", "Measure", "find_measure"]
