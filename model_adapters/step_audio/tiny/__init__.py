"""A tiny trained model of the Step-Audio-2 / R1 architecture: its training, and the checkpoint that ships.

It listens to the procedural probes of `audiobench.data.listening` and to nothing else: a working miniature, so that the
harness runs end to end without a GPU, a network or a key. `checkpoint/card.md` says how well it does.
"""

from __future__ import annotations

from pathlib import Path

CHECKPOINT = Path(__file__).with_name("checkpoint")
"""Folder of the shipped checkpoint (`tiny-audio-r1`), in the layout of the released ones."""
