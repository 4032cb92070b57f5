"""DNSMOS: a predicted mean opinion score of speech (ITU-T P.835 and P.808), without a reference.

speechmos is Microsoft's own package and brings its weights along (an ONNX file of 1.2 MB), so that nothing is downloaded; UTMOS and
NISQA would be loaded from a repository at run time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from audiobench.core.errors import UsageError, install
from audiobench.sound.measure import Found, Heard, Measure

NAMES = {"ovrl_mos": "mos", "sig_mos": "mos_signal", "bak_mos": "mos_background", "p808_mos": "mos_p808"}
"""The package's names -> ours; `mos` is P.835's overall quality."""


class Dnsmos(Measure):
    """DNSMOS P.835 overall (`mos`), of the signal and of the background, and P.808, each from 1 to 5."""

    name = "dnsmos"
    gives = frozenset(NAMES.values())

    def prepare(self) -> None:
        """Import the package and note which weights it holds.

        Raises:
            UsageError: it is not installed.
        """
        lacking = [name for name in ("speechmos", "onnxruntime", "librosa") if find_spec(name) is None]
        if lacking:
            raise UsageError(f"measure dnsmos needs {', '.join(lacking)}: {install('mos')}")
        dnsmos: Any = import_module("speechmos.dnsmos")
        self._rate: Any = dnsmos.run
        folder = Path(str(dnsmos.__file__)).parent / "dnsmos_models"
        files = [folder / name for name in ("sig_bak_ovr.onnx", "model_v8.onnx")]
        self._identity = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()

    @property
    def identity(self) -> str:
        """sha256 of the weights in the package."""
        return self._identity

    def measure(self, heard: Sequence[Heard]) -> list[Found]:
        """Of each answer; samples beyond full scale are clipped first, since the package refuses them."""
        import numpy as np

        found: list[Found] = []
        for one in heard:
            said = self._rate(np.clip(one.sound, -1.0, 1.0), self.rate)
            found.append(Found({ours: float(said[theirs]) for theirs, ours in NAMES.items()}))
        return found
