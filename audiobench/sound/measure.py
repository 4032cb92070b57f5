"""What a measure is, and the two kinds that most are: networks that embed a sound, and predictors of a rating."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer as a measure hears it. Waveforms are float32, mono, shape (samples,), at the measure's own rate."""

    sound: np.ndarray
    caption: str = ""
    """What was asked for in words."""
    reference: np.ndarray | None = None
    """The data set's own sound for it."""
    voice: np.ndarray | None = None
    """The sound that was sent with the request: the voice that is to speak."""


@dataclass(slots=True)
class Found:
    """What a measure says of one answer."""

    values: dict[str, float] = field(default_factory=dict[str, float])
    """Numbers by name; those of `audiobench.scorers.sound.FIGURES` are figures."""
    arrays: dict[str, np.ndarray] = field(default_factory=dict[str, Any])
    """Vectors by name (`audiobench.files.embeddings.COLUMNS`), float32, shape (d,)."""


class Measure:
    """Base of all measures; built as `Class(weights, revision, device)`, which loads nothing yet.

    Args:
        weights: a repository of the Hub or a folder, for measures that have weights; None = `default`.
        revision: commit of the repository; None = its newest, which is then recorded.
        device: where a network runs, such as `cuda`.
    """

    name = ""
    version = "1"
    """Raised whenever a number changes."""
    rate = 16_000
    """Hz."""
    default = ""
    """Its usual weights; empty where it has none."""
    gives: frozenset[str] = frozenset()
    """Figures that it allows."""
    batch = 32
    """Sounds at once."""

    def __init__(self, weights: str | None = None, revision: str | None = None, device: str = "cpu") -> None:
        self.weights = weights or self.default
        self.revision = revision
        self.device = device

    def prepare(self) -> None:
        """Load what is needed; called once, before anything is measured.

        Raises:
            UsageError: a library or the weights are missing.
        """

    @property
    def identity(self) -> str:
        """Commit of its repository, or a digest of the weights' folder; known once it is prepared. Empty without weights."""
        return ""

    def measure(self, heard: Sequence[Heard]) -> list[Found]:
        """What it says of each answer, in order."""
        raise NotImplementedError


class Embedder(Measure):
    """A network that makes a vector of a sound, and of labels' logits and of a text if it can."""

    voices = False
    """Whether its vectors are of speakers, so that they are compared with the voice that was asked for."""

    def embed(self, waves: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray | None]:
        """(vectors of shape (n, d), logits of shape (n, classes) or None) of waveforms of any length."""
        raise NotImplementedError

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray | None:
        """Vectors in the sounds' own space, shape (n, d); None where it knows no texts."""
        del texts
        return None

    def measure(self, heard: Sequence[Heard]) -> list[Found]:
        """Vectors of every answer and reference, and how like they are."""
        of_sounds = self._vectors([one.sound for one in heard])
        texts = self.embed_texts([one.caption for one in heard]) if any(one.caption for one in heard) else None
        found: list[Found] = []
        known: dict[int, Mapping[str, np.ndarray]] = {}
        for place, (one, arrays) in enumerate(zip(heard, of_sounds, strict=True)):
            made = Found({}, dict(arrays))
            vector = arrays["vector"]
            if texts is not None and one.caption:
                made.values["text_similarity"] = cosine(vector, texts[place])
            if one.reference is not None and not self.voices:
                of = self._known(one.reference, known)
                made.arrays |= {f"reference_{name}": values for name, values in of.items()}
                made.values["reference_similarity"] = cosine(vector, of["vector"])
            if self.voices and one.voice is not None:
                made.values["voice_similarity"] = cosine(vector, self._known(one.voice, known)["vector"])
            found.append(made)
        return found

    def _known(self, wave: np.ndarray, known: dict[int, Mapping[str, np.ndarray]]) -> Mapping[str, np.ndarray]:
        """The vectors of a wave that several answers may share."""
        if id(wave) not in known:
            (known[id(wave)],) = self._vectors([wave])
        return known[id(wave)]

    def _vectors(self, waves: Sequence[np.ndarray]) -> list[dict[str, np.ndarray]]:
        import numpy as np

        vectors, logits = self.embed(waves)
        rows: list[dict[str, np.ndarray]] = [{"vector": np.asarray(v, dtype=np.float32)} for v in vectors]
        if logits is not None:
            for row, of in zip(rows, logits, strict=True):
                row["logits"] = np.asarray(of, dtype=np.float32)
        return rows


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """From -1 to 1; 0 where one of them is zero."""
    import numpy as np

    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(np.dot(a.astype(float), b.astype(float)) / size) if size else 0.0
