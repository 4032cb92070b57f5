"""What is wrong with a clip."""

from __future__ import annotations

from pathlib import Path

from audiobench.core.errors import AudiobenchError, ExitCode


class InvalidAudioError(AudiobenchError):
    """A clip that must not be sent: the sample's outcome is `invalid_audio`, never a guess."""

    exit_code = ExitCode.INCOMPLETE

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.reason = reason
