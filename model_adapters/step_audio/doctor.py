"""What `audiobench doctor` asks of the Step-Audio family (`audiobench.model.checks.Family`); PyTorch is loaded on use."""

from __future__ import annotations

from pathlib import Path

from audiobench.model.checks import Check, Status
from audiobench.model.spec import ModelSpec
from model_adapters.step_audio.sizes import RELEASED_TEXT, parameters


def expected(spec: ModelSpec) -> list[Check]:
    """For a released Step-Audio model that is not on this machine: what its configuration must add up to."""
    declared = spec.weights.parameters if spec.weights else None
    if declared is None:
        return []
    totals = {size: parameters(text) / 1e9 for size, text in RELEASED_TEXT.items()}
    size, total = min(totals.items(), key=lambda item: abs(item[1] - declared))
    status: Status = "ok" if abs(total - declared) < 0.001 else "problem"
    return [Check("parameters", status, f"expected {declared} B; the {size} configuration gives {total:.3f} B")]


def examined(spec: ModelSpec, folder: Path, *, answers: bool) -> list[Check]:
    """Configuration, tensors and special tokens in `folder`; with `answers`, what the model says to a clip of beeps."""
    from model_adapters.step_audio import examination

    return examination.examined(spec, folder, answers=answers)


def golden_clip() -> Check:
    """Whether the front end gives librosa's numbers for a clip of 3 s."""
    from model_adapters.step_audio import golden

    return golden.golden_clip()
