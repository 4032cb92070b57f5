"""Text-to-audio pipelines of diffusers in this process: AudioLDM 2, Stable Audio Open, and others that are called like them.

One request at a time, in a worker thread. The length is asked for under the name that the pipeline's own `__call__` has for it
(`audio_length_in_s`, `audio_end_in_s`); the seed starts a generator, so that the same request makes the same sound on one machine.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from audiobench.core.errors import UsageError, install
from audiobench.core.types import Request, Response
from audiobench.media.answers import float_wav, keep
from audiobench.model.adapter import RunError, SampleError
from audiobench.model.capabilities import Capabilities
from audiobench.model.spec import ModelSpec
from model_adapters.speech import prompt_text

if TYPE_CHECKING:
    import numpy as np

LENGTHS = ("audio_length_in_s", "audio_end_in_s")
"""Names of the length in seconds in a pipeline's `__call__`."""


class Options(BaseModel):
    """What `options:` of a model file may say for `diffusers`."""

    model_config = ConfigDict(extra="forbid")

    checkpoint: str | None = None
    """Folder; none = `weights.repo` (and `weights.revision`) on the Hub."""
    pipeline: str = "DiffusionPipeline"
    """Class of diffusers; this one finds the right one from the checkpoint."""
    device: str | None = None
    """None = a GPU where there is one."""
    dtype: str = "float32"
    sample_rate: int | None = None
    """Hz; none = what the vocoder or the autoencoder says."""
    call: dict[str, Any] = {}
    """Arguments of every call: `num_inference_steps`, `guidance_scale`, `negative_prompt`."""


class Diffusers:
    """The adapter.

    Raises:
        UsageError: an option is unknown, or torch or diffusers are not installed.
    """

    capabilities = Capabilities(frozenset(), parameters=("seconds", "seed"), audio_out=True, in_process=True)

    def __init__(self, spec: ModelSpec, *, base_url: str | None = None, timeout: float = 0.0) -> None:
        del base_url, timeout
        self.spec = spec
        self.options = spec.read_options(Options)
        self.audio_folder: Path | None = None
        """Where answers are kept, set by the runner."""
        lacking = [name for name in ("torch", "diffusers") if find_spec(name) is None]
        if lacking:
            raise UsageError(f"model {spec.name}: adapter diffusers needs {', '.join(lacking)}: {install('sound')}")
        if self.options.checkpoint is None and spec.weights is None:
            raise UsageError(f"model {spec.name}: name a folder (options.checkpoint) or a repository (weights.repo)")
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="diffusers")
        self._pipeline: Any = None

    async def generate(self, request: Request) -> Response:
        """The sound of the request's text.

        Raises:
            SampleError: no text, or the pipeline refuses the request.
            RunError: the checkpoint cannot be loaded.
        """
        began = time.perf_counter()
        text = prompt_text(request)
        if not text:
            raise SampleError("the request holds no text to make a sound from")
        wave, rate = await asyncio.get_running_loop().run_in_executor(self._worker, self._made, text, request)
        part = await asyncio.to_thread(keep, float_wav(wave, rate), self.audio_folder, request.sample_id, request.epoch)
        return Response(
            "", parts=(part,), served_model=self.spec.served_model, latency={"total": time.perf_counter() - began}
        )

    def _made(self, text: str, request: Request) -> tuple[np.ndarray, int]:
        """(waveform of shape (samples, channels), rate in Hz), in the worker thread."""
        import numpy as np
        import torch

        pipeline = self._loaded()
        arguments: dict[str, Any] = dict(self.options.call)
        if (seconds := request.generation.get("seconds")) is not None:
            known = inspect.signature(type(pipeline).__call__).parameters
            length = next((name for name in LENGTHS if name in known), None)
            if length is None:
                raise SampleError(
                    f"{type(pipeline).__name__} has no argument for seconds (one of {', '.join(LENGTHS)})"
                )
            arguments[length] = float(seconds)
        generator = torch.Generator("cpu").manual_seed(int(request.generation.get("seed") or 0))
        try:
            (audio,) = pipeline(prompt=text, generator=generator, **arguments).audios
        except (ValueError, TypeError) as error:
            raise SampleError(f"{type(pipeline).__name__}: {error}") from error
        wave: np.ndarray = np.asarray(audio.float().cpu().numpy() if hasattr(audio, "cpu") else audio)
        wave = wave[:, None] if wave.ndim == 1 else wave.T if wave.shape[0] < wave.shape[-1] else wave
        return wave, self.options.sample_rate or _rate(pipeline, self.spec.name)

    def _loaded(self) -> Any:
        if self._pipeline is None:
            import torch

            options = self.options
            diffusers: Any = import_module("diffusers")
            weights = self.spec.weights
            folder = Path(options.checkpoint).expanduser() if options.checkpoint else None
            where = str(folder) if folder else weights.repo if weights else ""
            at = {"revision": weights.revision} if weights and weights.revision and not folder else {}
            try:
                kind = getattr(diffusers, options.pipeline)
                pipeline = kind.from_pretrained(where, torch_dtype=getattr(torch, options.dtype), **at)
                device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
                self._pipeline = pipeline.to(device)
            except (OSError, ValueError, AttributeError, RuntimeError, ImportError) as error:
                first = str(error).strip().splitlines()[0]
                raise RunError(f"model {self.spec.name}: {where}: {first}") from error
            self._pipeline.set_progress_bar_config(disable=True)
        return self._pipeline

    async def close(self) -> None:
        """Let the current sound end and free the model."""
        await asyncio.to_thread(self._worker.shutdown, wait=True, cancel_futures=True)
        self._pipeline = None


def _rate(pipeline: Any, model: str) -> int:
    """Hz of what a pipeline makes, as its vocoder (AudioLDM) or autoencoder (Stable Audio) says."""
    vocoder = getattr(pipeline, "vocoder", None)
    found = getattr(getattr(vocoder, "config", None), "sampling_rate", None)
    found = found or getattr(getattr(pipeline, "vae", None), "sampling_rate", None)
    if not found:
        raise RunError(f"model {model}: options.sample_rate: {type(pipeline).__name__} does not say its rate")
    return int(found)
