"""Step-Audio-2 / R1 checkpoints in plain PyTorch, in this process; the embedded tiny model is the default.

Requests that are waiting at the same time are answered as one batch, in one worker thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from audiobench.core.errors import UsageError, install
from audiobench.core.limits import TIMEOUT_SECONDS
from audiobench.core.types import AudioPart, Parts, Request, Response, TextPart
from audiobench.model.adapter import RunError, SampleError
from audiobench.model.capabilities import WORDS, Capabilities, check, unsupported
from audiobench.model.spec import ModelSpec
from model_adapters.step_audio import PROMPT_VERSION
from model_adapters.step_audio.sizes import SAMPLE_RATE
from model_adapters.waveforms import waveform

if TYPE_CHECKING:
    import numpy as np

    from model_adapters.step_audio.prompts import Prompt
    from model_adapters.step_audio.reference import Generation, Reference
    from model_adapters.step_audio.sampling import Sampling

EMBEDDED = Path(__file__).parent / "step_audio" / "tiny" / "checkpoint"
"""The checkpoint that ships with the package."""

GATHER_SECONDS = 0.002
"""How long the first waiting request waits for others."""

DEFAULT_MAX_TOKENS = 256

PARAMETERS = ("max_gen_toks", "temperature", "top_p", "top_k", "repetition_penalty", "seed", "until")
"""Generation parameters that it takes."""

SMALL = 50_000_000
"""Parameters below which one CPU thread is fastest (measured: 4.6 ms an item against 130 on a busy 2-core machine)."""


class Options(BaseModel):
    """What `options:` of a model file may say for `local`."""

    model_config = ConfigDict(extra="forbid")

    checkpoint: str | None = None
    """Folder of the checkpoint (a leading ~ is expanded); none = `weights.repo`, and where that is not given either, the
    embedded tiny model."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    device: str = "cpu"
    batch_size: int = 32
    pad_chunks: bool = False
    """Batch audio as StepFun's own server does, whose padding leaks into shorter chunks (docs/step_audio.md)."""
    threads: int | None = None
    """CPU threads for PyTorch; none = 1 for a small model (more only wait for each other), else PyTorch's choice."""


@dataclass(eq=False)
class _Waiting:
    request: Request
    reply: asyncio.Future[Response]
    since: float


class Local:
    """An adapter around `step_audio.reference.Reference`.

    Args:
        spec: `options` as in `Options`.
        base_url: not used.
        timeout: not used; a batch ends when its longest answer does.

    Raises:
        UsageError: an option is unknown, PyTorch or transformers are not installed, or there is no checkpoint.
    """

    @staticmethod
    def capabilities(spec: ModelSpec) -> Capabilities:
        """The same for every checkpoint."""
        return Capabilities(
            WORDS | {"assistant_audio", "prefill_audio"},
            parameters=PARAMETERS,
            audio_out=False,
            in_process=True,
            prompt_version=PROMPT_VERSION,
            checkpoint=_checkpoint(spec),
        )

    def __init__(self, spec: ModelSpec, *, base_url: str | None = None, timeout: float = TIMEOUT_SECONDS) -> None:
        self.spec = spec
        self.options = spec.read_options(Options)
        self.checkpoint = self._folder()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="local-model")
        self._model: Reference | None = None
        self._waiting: list[_Waiting] = []
        self._draining: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"Local({self.spec.name}, {self.checkpoint})"

    async def generate(self, request: Request) -> Response:
        """Ask once; the text is raw (reasoning not removed) and starts after `request.prefill`.

        Raises:
            SampleError: audio or text that the model cannot take, or a prompt longer than its context.
            RunError: the checkpoint cannot be loaded.
        """
        waiting = _Waiting(request, asyncio.get_running_loop().create_future(), time.perf_counter())
        self._waiting.append(waiting)
        if self._draining is None or self._draining.done():
            self._draining = asyncio.create_task(self._drain())
        return await waiting.reply

    async def close(self) -> None:
        """Let the current batch end and free the model."""
        if self._draining is not None:
            self._draining.cancel()
            await asyncio.gather(self._draining, return_exceptions=True)
        await asyncio.to_thread(self._worker.shutdown, wait=True, cancel_futures=True)
        self._model = None

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        batch: list[_Waiting] = []
        try:
            while self._waiting:
                await asyncio.sleep(GATHER_SECONDS)
                batch = [w for w in self._waiting[: self.options.batch_size] if not w.reply.done()]
                del self._waiting[: self.options.batch_size]
                if not batch:
                    continue
                results = await loop.run_in_executor(self._worker, self._answer, [w.request for w in batch])
                for waiting, result in zip(batch, results, strict=True):
                    self._settle(waiting, result)
        except BaseException as error:
            for waiting in [*batch, *self._waiting]:
                if not waiting.reply.done():
                    waiting.reply.set_exception(
                        error if isinstance(error, Exception) else RunError("the model was closed")
                    )
            self._waiting.clear()
            if not isinstance(error, Exception):
                raise

    @staticmethod
    def _settle(waiting: _Waiting, result: Response | Exception) -> None:
        if waiting.reply.done():
            return
        if isinstance(result, Exception):
            waiting.reply.set_exception(result)
        else:
            result.latency = {**result.latency, "total": time.perf_counter() - waiting.since}
            waiting.reply.set_result(result)

    def _answer(self, requests: list[Request]) -> list[Response | Exception]:
        """One batch, in the worker thread: a request that cannot be asked does not disturb the others."""
        model = self._load()
        results: list[Response | Exception] = [RunError("not asked")] * len(requests)
        asked: list[tuple[int, Prompt, Sampling]] = []
        for i, request in enumerate(requests):
            try:
                check(self.spec, self.capabilities(self.spec), request)
                asked.append((i, *_prepare(model, request)))
            except SampleError as error:
                results[i] = error
        if asked:
            generations = model.generate([prompt for _, prompt, _ in asked], [s for _, _, s in asked])
            for (i, _, _), generation in zip(asked, generations, strict=True):
                results[i] = self._response(requests[i], generation)
        return results

    def _response(self, request: Request, generation: Generation) -> Response:
        from model_adapters.step_audio.prompts import opened_thought

        # without a prefill the chat template opens the thinking itself, so the opening tag belongs to the reply
        opened = opened_thought(template_settings(request)) if request.prefill is None else ""
        return Response(
            text=opened + generation.text,
            finish_reason=generation.finish_reason,
            usage={
                "prompt": generation.prompt_tokens,
                "audio": generation.audio_tokens,
                "completion": len(generation.ids),
            },
            served_model=self.spec.served_model,
        )

    def _load(self) -> Reference:
        if self._model is None:
            import torch

            from model_adapters.step_audio.reference import Reference

            dtype = getattr(torch, self.options.dtype)
            try:
                changes = {"pad_chunks": True} if self.options.pad_chunks else {}
                self._model = Reference.load(self.checkpoint, dtype=dtype, device=self.options.device, **changes)
            except (ValueError, RuntimeError, OSError) as error:
                raise RunError(f"model {self.spec.name}: {error}") from error
            parameters = sum(p.numel() for p in self._model.model.parameters())
            threads = self.options.threads or (1 if parameters < SMALL else None)
            if threads:
                torch.set_num_threads(threads)  # of this worker thread
        return self._model

    def _folder(self) -> Path:
        import importlib.util

        lacking = [name for name in ("torch", "transformers", "safetensors") if importlib.util.find_spec(name) is None]
        if lacking:
            raise UsageError(f"model {self.spec.name}: adapter local needs {', '.join(lacking)}: {install('local')}")
        folder = _checkpoint(self.spec)
        if not (folder / "config.json").is_file():
            field = "options.checkpoint" if self.options.checkpoint else "weights.repo"
            raise UsageError(
                f"model {self.spec.name}: {field}: no config.json in {folder}; adapter local needs a folder on this machine"
            )
        return folder


def _checkpoint(spec: ModelSpec) -> Path:
    named = spec.options.get("checkpoint") or (spec.weights.repo if spec.weights else None)
    return Path(named).expanduser() if named else EMBEDDED


def _prepare(model: Reference, request: Request) -> tuple[Prompt, Sampling]:
    from model_adapters.step_audio.prompts import PromptError, PromptForm, Turn, template_opening

    sampling = sampling_of(request.generation)
    turns = [Turn(message.role, _heard(message.parts)) for message in request.messages]
    settings = template_settings(request)
    prefill = template_opening(settings) if request.prefill is None else _heard(request.prefill)
    try:
        prompt = model.prompts.build(turns, prefill=prefill, form=PromptForm.of(settings))
    except PromptError as error:
        raise SampleError(str(error)) from error
    room = model.config.text_config.max_position_embeddings - len(prompt.ids)
    if sampling.max_new_tokens > room:
        from dataclasses import replace

        sampling = replace(sampling, max_new_tokens=room)
    return prompt, sampling


def _heard(parts: Parts) -> tuple[str | np.ndarray, ...]:
    """The parts of a turn as text and waveforms."""
    return tuple(
        part.text if isinstance(part, TextPart) else waveform(part, SAMPLE_RATE)
        for part in parts
        if isinstance(part, TextPart | AudioPart)
    )


def template_settings(request: Request) -> Mapping[str, Any]:
    """`chat_template_kwargs` of the request's body: the switches of the chat template (see chat_template.jinja)."""
    return request.extra_body.get("chat_template_kwargs") or {}


def sampling_of(generation: Mapping[str, Any]) -> Sampling:
    """The harness's generation parameters as sampling settings.

    Raises:
        SampleError: a parameter that it does not have, or one outside its range.
    """
    from model_adapters.step_audio.sampling import Sampling

    if refused := unsupported(generation, PARAMETERS):
        asked = ", ".join(f"{name}={generation[name]}" for name in refused)
        raise SampleError(f"adapter local has no parameter for {asked}; it takes {', '.join(PARAMETERS)}")

    until = generation.get("until") or ()
    try:
        return Sampling(
            max_new_tokens=int(generation.get("max_gen_toks") or DEFAULT_MAX_TOKENS),
            temperature=float(generation.get("temperature") or 0.0),
            top_p=float(generation.get("top_p") or 1.0),
            top_k=int(generation.get("top_k") or 0),
            repetition_penalty=float(generation.get("repetition_penalty") or 1.0),
            seed=generation.get("seed"),
            until=(until,) if isinstance(until, str) else tuple(until),
        )
    except (TypeError, ValueError) as error:
        raise SampleError(f"generation parameters {dict(generation)}: {error}") from error
