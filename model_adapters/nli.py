"""A cross-encoder for natural language inference, in this process, by transformers.

It takes two texts, premise and hypothesis, and replies with the softmax over its three classes as JSON. It is no chat model:
scorers name what is compared (`--nli`).
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from audiobench.core.errors import UsageError, install
from audiobench.core.limits import TIMEOUT_SECONDS
from audiobench.core.types import Request, Response, TextPart
from audiobench.model.adapter import RunError, SampleError
from audiobench.model.capabilities import Capabilities
from audiobench.model.spec import ModelSpec

CLASSES = ("contradiction", "entailment", "neutral")
"""In the order of the cross-encoder/nli-* checkpoints, for those that do not name their classes."""


class Options(BaseModel):
    """What `options:` of a model file may say for `nli`."""

    model_config = ConfigDict(extra="forbid")

    checkpoint: str | None = None
    """Folder of the checkpoint; none = `weights.repo` at `weights.revision`, from the Hub or its cache."""
    device: str = "cpu"
    max_length: int = 512
    """Tokens of both texts; longer ones are cut, as sentence-transformers does."""


class CrossEncoder:
    """An adapter around a sequence classifier with three classes.

    Raises:
        UsageError: an option is unknown, PyTorch or transformers are not installed, or no weights are named.
    """

    capabilities = Capabilities(frozenset(), parameters=(), audio_out=False, in_process=True, compares_texts=True)

    def __init__(self, spec: ModelSpec, *, base_url: str | None = None, timeout: float = TIMEOUT_SECONDS) -> None:
        self.spec = spec
        self.options = spec.read_options(Options)
        if self.options.checkpoint is None and spec.weights is None:
            raise UsageError(f"model {spec.name}: adapter nli needs `weights: {{repo}}` or `options: {{checkpoint}}`")
        if lacking := [name for name in ("torch", "transformers") if find_spec(name) is None]:
            raise UsageError(f"model {spec.name}: adapter nli needs {', '.join(lacking)}: {install('local')}")
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any, tuple[str, ...], str | None] | None = None

    async def generate(self, request: Request) -> Response:
        """The probabilities.

        Raises:
            SampleError: the request does not hold two texts.
            RunError: the checkpoint cannot be loaded, or has other classes.
        """
        texts = [part.text for message in request.messages for part in message.parts if isinstance(part, TextPart)]
        if len(texts) != 2 or request.media:
            raise SampleError(f"an NLI model compares two texts, found {len(texts)}")
        since = time.perf_counter()
        found, served = await asyncio.to_thread(self._compare, texts[0], texts[1])
        return Response(json.dumps(found), served_model=served, latency={"total": time.perf_counter() - since})

    async def close(self) -> None:
        """Free the model."""
        self._loaded = None

    def _compare(self, premise: str, hypothesis: str) -> tuple[dict[str, float], str | None]:
        torch = import_module("torch")
        with self._lock:
            tokenizer, model, classes, served = self._loaded or self._load()
            inputs = tokenizer(
                premise, hypothesis, return_tensors="pt", truncation=True, max_length=self.options.max_length
            ).to(self.options.device)
            with torch.inference_mode():
                probabilities = torch.softmax(model(**inputs).logits[0].float(), dim=-1).tolist()
        return dict(zip(classes, probabilities, strict=True)), served

    def _load(self) -> tuple[Any, Any, tuple[str, ...], str | None]:
        transformers = import_module("transformers")
        weights = self.spec.weights
        folder, revision = self.options.checkpoint, None
        if folder is None and weights is not None:
            folder, revision = weights.repo, weights.revision
        where = str(Path(folder or "").expanduser())
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(where, revision=revision)
            model = transformers.AutoModelForSequenceClassification.from_pretrained(where, revision=revision)
        except (OSError, ValueError) as error:
            raise RunError(f"model {self.spec.name}: {where}: {error}") from error
        named = tuple(str(model.config.id2label[place]).casefold() for place in range(model.config.num_labels))
        classes = CLASSES if all(name.startswith("label_") for name in named) else named
        if set(classes) != set(CLASSES) or len(named) != len(CLASSES):
            raise RunError(
                f"model {self.spec.name}: {where}: its classes are {', '.join(named)}, not {', '.join(CLASSES)}"
            )
        commit = getattr(model.config, "_commit_hash", None)
        self._loaded = (
            tokenizer,
            model.eval().to(self.options.device),
            classes,
            f"{folder}@{commit}" if commit else None,
        )
        return self._loaded
