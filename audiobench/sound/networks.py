"""Networks of transformers as measures: CLAP (caption and sound), AST (AudioSet labels), WavLM (speakers).

transformers is kept alive, loads from the Hub or a folder, and needs no torchaudio; laion-clap, msclap and fadtk carry weights of
their own and pin torch. So these are other networks than the published figures of Make-An-Audio (VGGish, PANNs, msclap 2022)
were made with, and their figures are not comparable with those. docs/answers_in_sound.md says which stands for which.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiobench.core.errors import UsageError, install
from audiobench.sound.measure import Embedder

if TYPE_CHECKING:
    import numpy as np


class Network(Embedder):
    """Base: loads a model and its feature extractor. A subclass names their classes."""

    model_class = ""
    extractor_class = "AutoFeatureExtractor"

    def prepare(self) -> None:
        """Load weights and feature extractor.

        Raises:
            UsageError: torch or transformers are not installed, or the weights cannot be had.
        """
        try:
            import torch

            transformers: Any = import_module("transformers")
        except ImportError as error:
            raise UsageError(f"measure {self.name} needs {error.name}: {install('sound')}") from None
        at = {"revision": self.revision} if self.revision else {}
        folder = Path(self.weights).expanduser()
        where = str(folder) if folder.is_dir() else self.weights
        try:
            self._model: Any = getattr(transformers, self.model_class).from_pretrained(where, **at)
            self._extractor: Any = getattr(transformers, self.extractor_class).from_pretrained(where, **at)
        except (OSError, ValueError, ImportError) as error:
            first = str(error).strip().splitlines()[0]
            raise UsageError(f"measure {self.name}: weights {self.weights}: {first}") from error
        asked = self.device
        self.device = ("cuda" if torch.cuda.is_available() else "cpu") if asked == "auto" else asked
        try:
            self._model = self._model.to(self.device).eval()
        except (RuntimeError, AssertionError) as error:
            raise UsageError(f"measure {self.name}: AUDIOBENCH_DEVICE={asked}: {error}") from error
        self.rate = int(getattr(self._extractor, "sampling_rate", self.rate))
        self._identity = folder_digest(folder) if folder.is_dir() else str(self._model.config._commit_hash or "")

    @property
    def identity(self) -> str:
        """Commit on the Hub, or a digest of the folder's files."""
        return self._identity

    def _run(self, waves: Sequence[np.ndarray], **how: Any) -> dict[str, Any]:
        """The extractor's tensors on the model's device."""
        inputs = self._extractor([*waves], sampling_rate=self.rate, return_tensors="pt", **how)
        return {name: value.to(self.device) for name, value in inputs.items()}


class Clap(Network):
    """CLAP: vectors of sounds and captions in one space. What is longer than its window is cut by a fixed rule, not at random."""

    name = "clap"
    default = "laion/clap-htsat-unfused"
    gives = frozenset(("frechet", "text_similarity", "reference_similarity"))
    model_class = "ClapModel"

    def prepare(self) -> None:
        """And its tokenizer; raises as `Network.prepare`."""
        super().prepare()
        transformers: Any = import_module("transformers")
        at = {"revision": self.revision} if self.revision else {}
        try:
            self._tokenizer: Any = transformers.AutoTokenizer.from_pretrained(self.weights, **at)
        except (OSError, ValueError) as error:
            raise UsageError(f"measure {self.name}: weights {self.weights}: {str(error).splitlines()[0]}") from error

    def embed(self, waves: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray | None]:
        """(projected vectors, None); a longer sound is the mean over windows, since the extractor would cut one at random."""
        import numpy as np

        longest = int(self._extractor.nb_max_samples)
        pieces = [_windows(wave, longest) for wave in waves]
        vectors = iter(self._embedded([piece for of_wave in pieces for piece in of_wave]))
        return np.stack([np.mean([next(vectors) for _ in of_wave], axis=0) for of_wave in pieces]), None

    def _embedded(self, pieces: Sequence[np.ndarray]) -> np.ndarray:
        import torch

        with torch.inference_mode():
            found = self._model.get_audio_features(**self._run(pieces))
        return _projected(found).float().cpu().numpy()

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """The captions' projected vectors."""
        import torch

        inputs = self._tokenizer([*texts], padding=True, truncation=True, return_tensors="pt").to(self.device)
        with torch.inference_mode():
            found = self._model.get_text_features(**inputs)
        return _projected(found).float().cpu().numpy()


class Ast(Network):
    """Audio spectrogram transformer on AudioSet: 527 labels' logits, and the vector before its last layer."""

    name = "ast"
    default = "MIT/ast-finetuned-audioset-10-10-0.4593"
    gives = frozenset(("frechet", "kl", "inception", "reference_similarity"))
    model_class = "ASTForAudioClassification"
    batch = 8

    def embed(self, waves: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray | None]:
        """(pooled vectors, logits), of the first ten seconds: the network's own window."""
        import torch

        with torch.inference_mode():
            pooled = self._model.audio_spectrogram_transformer(**self._run(waves)).pooler_output
            logits = self._model.classifier(pooled)
        return pooled.float().cpu().numpy(), logits.float().cpu().numpy()


class WavLMSpeaker(Network):
    """WavLM trained for speaker verification: x-vectors, compared with the voice that was asked for."""

    name = "wavlm_sv"
    default = "microsoft/wavlm-base-plus-sv"
    gives = frozenset(("voice_similarity",))
    voices = True
    model_class = "WavLMForXVector"
    batch = 1
    """One at a time: padding would be in the vector."""

    def embed(self, waves: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray | None]:
        """(x-vectors, None)."""
        import numpy as np
        import torch

        found: list[np.ndarray] = []
        with torch.inference_mode():
            for wave in waves:
                long_enough = np.pad(wave, (0, max(0, self.rate // 2 - len(wave))))
                found.append(self._model(**self._run([long_enough])).embeddings[0].float().cpu().numpy())
        return np.stack(found), None


def _projected(found: Any) -> Any:
    """The vectors in the shared space: a newer transformers returns them in a struct."""
    return getattr(found, "pooler_output", found)


def _windows(wave: np.ndarray, longest: int) -> list[np.ndarray]:
    """The whole, or windows of `longest` samples at even distances that cover all of it."""
    import numpy as np

    if len(wave) <= longest:
        return [wave]
    starts = np.linspace(0, len(wave) - longest, -(-len(wave) // longest)).round().astype(int)
    return [wave[start : start + longest] for start in starts]


def folder_digest(folder: Path) -> str:
    """sha256 (hex) of the names and contents of a folder's files."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        with file.open("rb") as opened:
            content = hashlib.file_digest(opened, "sha256").hexdigest()
        digest.update(f"{file.relative_to(folder)} {content}\n".encode())
    return digest.hexdigest()
