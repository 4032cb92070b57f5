"""How a model is asked, as values with one written form and one parser each: think modes, audio conditions, transforms.

Command lines and journals hold the written forms (`budget:64`, `noise:7`); everything that needs what they say parses
them here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Literal

_NUMBERED = re.compile(r"(budget|noise):([0-9]+)\Z")


@dataclass(frozen=True, slots=True)
class Think:
    """A think mode."""

    mode: Literal["off", "on", "default", "budget"] = "default"
    tokens: int | None = None
    """Of a budget."""

    @classmethod
    def parse(cls, written: str) -> Think:
        """The mode written as `off`, `on`, `default` or `budget:N`.

        Raises:
            ValueError: it is none of these.
        """
        return _think(written)

    def __str__(self) -> str:
        """The written form."""
        return self.mode if self.tokens is None else f"{self.mode}:{self.tokens}"

    @property
    def limit(self) -> int | None:
        """Tokens that a thought may take: 0 for off; None where there is no limit."""
        return 0 if self.mode == "off" else self.tokens


@lru_cache(maxsize=1024)
def _think(written: str) -> Think:
    if written in ("off", "on", "default"):
        return Think(written)
    match = _NUMBERED.match(written)
    if match is None or match[1] != "budget":
        raise ValueError(f"{written}: not a think mode; allowed: off, on, default, budget:N (tokens)")
    return Think("budget", int(match[2]))


class AudioCondition(StrEnum):
    """What is done to the sound of a sample."""

    FULL = "full"
    NONE = "none"
    SILENCE = "silence"
    NOISE = "noise"
    SWAP = "swap"
    REVERSE = "reverse"
    TRANSCRIPT = "transcript"
    SOUND_ONLY = "sound_only"
    """Of items with a picture: without it. All other conditions but `text_only` leave the picture as it is."""
    TEXT_ONLY = "text_only"
    """Of items with a picture: neither picture nor sound."""

    @property
    def sends_sound(self) -> bool:
        """Whether sound is sent at all."""
        return self not in (AudioCondition.NONE, AudioCondition.TRANSCRIPT, AudioCondition.TEXT_ONLY)

    @property
    def shows_picture(self) -> bool:
        """Whether the image or video of an item is sent."""
        return self not in (AudioCondition.SOUND_ONLY, AudioCondition.TEXT_ONLY)

    def transform(self, seed: int) -> Transform:
        """What is done to a clip that is sent; `seed` is that of noise. Another sample's clip (swap) is sent as it is.

        Raises:
            ValueError: no clip is sent under this condition.
        """
        match self:
            case AudioCondition.FULL | AudioCondition.SWAP | AudioCondition.SOUND_ONLY:
                return Transform()
            case AudioCondition.NOISE:
                return Transform("noise", seed)
            case AudioCondition.SILENCE:
                return Transform("silence")
            case AudioCondition.REVERSE:
                return Transform("reverse")
            case AudioCondition.NONE | AudioCondition.TRANSCRIPT | AudioCondition.TEXT_ONLY:
                raise ValueError(f"audio={self.value}: no clip is sent")


@dataclass(frozen=True, slots=True)
class Transform:
    """What is done to one clip."""

    kind: Literal["full", "silence", "noise", "reverse"] = "full"
    seed: int | None = None
    """Of noise."""

    @classmethod
    def parse(cls, written: str) -> Transform:
        """The transform written as `full`, `silence`, `noise:SEED` or `reverse`.

        Raises:
            ValueError: it is none of these.
        """
        if written in ("full", "silence", "reverse"):
            return cls(written)
        match = _NUMBERED.match(written)
        if match is None or match[1] != "noise":
            raise ValueError(f"audio transform {written!r}: must be full, silence, noise:SEED or reverse")
        return cls("noise", int(match[2]))

    def __str__(self) -> str:
        """The written form."""
        return self.kind if self.seed is None else f"{self.kind}:{self.seed}"


class FinishReason(StrEnum):
    """Why an answer ended, where it counts; a server's other words are kept as they are."""

    STOP = "stop"
    LENGTH = "length"
    """Cut off at the token limit: truncated, and never searched for an answer."""
    CONTENT_FILTER = "content_filter"
    """Refused."""
