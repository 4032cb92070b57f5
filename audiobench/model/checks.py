"""What is asked of those who know a family of checkpoints, for `audiobench doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from audiobench.model.spec import ModelSpec

Status = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Check:
    """One line of the table."""

    name: str
    status: Status
    found: str
    fix: str = ""


class Family(Protocol):
    """A module that knows one family of checkpoints."""

    def expected(self, spec: ModelSpec) -> list[Check]:
        """Of a model whose checkpoint is not on this machine."""
        ...

    def examined(self, spec: ModelSpec, folder: Path, *, answers: bool) -> list[Check]:
        """Configuration, tokenizer and tensors in `folder`; with `answers`, what the model says to a clip."""
        ...

    def golden_clip(self) -> Check:
        """Whether the front end gives the known numbers here."""
        ...
