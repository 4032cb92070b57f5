"""From a name to a measure: `--measure NAME`, `NAME=WEIGHTS`, `NAME=WEIGHTS@REVISION`."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping

from audiobench.core.errors import UsageError, suggestion
from audiobench.sound.measure import Measure

MEASURES: Mapping[str, str] = {
    "tiny": "audiobench.sound.tiny:Tiny",
    "clap": "audiobench.sound.networks:Clap",
    "ast": "audiobench.sound.networks:Ast",
    "wavlm_sv": "audiobench.sound.networks:WavLMSpeaker",
    "dnsmos": "audiobench.sound.mos:Dnsmos",
}
"""Name -> module:class."""
DEVICE = "AUDIOBENCH_DEVICE"
"""Environment variable: where measures run (`cuda`, `cuda:1`, `cpu`); not set: a GPU where there is one."""


def name_of(written: str) -> str:
    """The measure's name in what `--measure` was given."""
    return written.partition("=")[0]


def find_measure(written: str) -> Measure:
    """The measure that `NAME[=WEIGHTS[@REVISION]]` names; nothing is loaded.

    Raises:
        UsageError: there is none of that name.
    """
    name, given, weights = written.partition("=")
    if name not in MEASURES:
        hint = suggestion(name, MEASURES, f"known: {', '.join(MEASURES)}")
        raise UsageError(f"--measure {written}: unknown measure {name!r}; {hint}")
    weights, _, revision = weights.rpartition("@") if "@" in weights else (weights, "", "")
    if given and not weights:
        raise UsageError(f"--measure {written}: name the weights behind `=`: a repository of the Hub or a folder")
    module, _, kind = MEASURES[name].partition(":")
    made: type[Measure] = getattr(importlib.import_module(module), kind)
    if given and not made.default:
        raise UsageError(f"--measure {written}: {name} has no weights to choose")
    return made(weights or None, revision or None, os.environ.get(DEVICE) or "auto")
