"""vLLM in this process (AsyncLLM): no server, no HTTP; what is wrong with one request stays with that request.

Interfaces leaned on (vLLM 0.32.0): AsyncLLM.from_engine_args / generate / shutdown, renderer.render_chat_async,
ChatParams, SamplingParams, RequestOutputKind, EngineDeadError, EngineGenerateError.
"""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import itertools
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from audiobench.core.errors import UsageError, install
from audiobench.core.limits import TIMEOUT_SECONDS
from audiobench.core.parts import ending_in_text
from audiobench.core.types import Parts, Request, Response, TextPart
from audiobench.model.adapter import DeadError, RetryableError, RunError, SampleError
from audiobench.model.capabilities import WORDS, Capabilities, check
from audiobench.model.spec import ModelSpec
from audiobench.serving.planner import located, plan_server, planned_arguments
from model_adapters.dialects import OPEN_WEIGHTS
from model_adapters.step_audio import CHAT_TEMPLATE, PROMPT_VERSION

if TYPE_CHECKING:
    from vllm import SamplingParams
    from vllm.outputs import RequestOutput
    from vllm.v1.engine.async_llm import AsyncLLM


class Options(BaseModel):
    """What `options:` of a model file may say for `vllm_engine`."""

    model_config = ConfigDict(extra="forbid")

    engine: dict[str, Any] = {}
    """vLLM engine arguments (`max_model_len`, `dtype`, ...); they win over `serve.args`."""
    tensor_parallel: int | None = None
    """None = from the visible GPUs, as for a server."""


class VLLMEngine:
    """An adapter around `vllm.v1.engine.async_llm.AsyncLLM`; the engine starts with the first request.

    Raises:
        UsageError: an option is unknown, vLLM is not installed, or the model file names no weights.
    """

    @staticmethod
    def capabilities(spec: ModelSpec) -> Capabilities:
        """With our plugin the chat template is ours."""
        plugin = spec.serve is not None and spec.serve.plugin
        return Capabilities(
            WORDS | {"assistant_audio", "prefill_audio"},
            "vLLM",
            parameters=OPEN_WEIGHTS,
            audio_out=False,
            in_process=True,
            prompt_version=PROMPT_VERSION if plugin else None,
        )

    def __init__(self, spec: ModelSpec, *, base_url: str | None = None, timeout: float = TIMEOUT_SECONDS) -> None:
        self.spec = spec
        self.timeout = timeout
        self.options = spec.read_options(Options)
        if spec.weights is None:
            raise UsageError(f"model {spec.name}: weights: not given; adapter vllm_engine needs a checkpoint")
        if importlib.util.find_spec("vllm") is None:
            raise UsageError(f"model {spec.name}: adapter vllm_engine needs vLLM: {install('vllm')}")
        self._engine: AsyncLLM | None = None
        self._starting = asyncio.Lock()
        self._numbers = itertools.count()
        self._template = self._chat_template()

    def __repr__(self) -> str:
        return f"VLLMEngine({self.spec.name})"

    async def generate(self, request: Request) -> Response:
        """Ask once; the text is raw (reasoning not removed) and starts after `request.prefill`.

        Raises:
            SampleError: vLLM refuses this request (audio, length, a parameter).
            RetryableError: it took longer than the timeout, or failed in the engine without ending it.
            RunError: the engine cannot start or has died.
        """
        from vllm.exceptions import VLLMValidationError
        from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError

        check(self.spec, self.capabilities(self.spec), request)
        engine = await self._started()
        since = time.perf_counter()
        try:
            async with asyncio.timeout(self.timeout):
                output, first = await self._ask(engine, request)
        except EngineDeadError as error:
            raise DeadError(f"model {self.spec.name}: vLLM's engine has died: {error}") from error
        except EngineGenerateError as error:
            raise RetryableError(f"vLLM: {error}") from error
        except TimeoutError as error:
            raise RetryableError(f"no answer within {self.timeout:.0f} s") from error
        except (VLLMValidationError, ValueError, TypeError) as error:
            raise SampleError(_root(error)) from error
        return self._response(request, output, since, first)

    async def close(self) -> None:
        """Stop the engine and its processes."""
        if self._engine is not None:
            engine, self._engine = self._engine, None
            await asyncio.to_thread(engine.shutdown)
            # AsyncLLM.__del__ shuts down once more, which fails with a traceback when the interpreter is ending
            engine.shutdown = _nothing
            del engine
            gc.collect()

    async def _ask(self, engine: AsyncLLM, request: Request) -> tuple[RequestOutput, float | None]:
        from vllm.renderers import ChatParams

        continued = request.prefill is not None
        settings = {
            "add_generation_prompt": not continued,
            "continue_final_message": continued,
            **request.extra_body.get("chat_template_kwargs", {}),
        }
        messages = [_message(m.role, m.parts) for m in request.messages]
        if request.prefill is not None:
            messages.append(_message("assistant", ending_in_text(request.prefill)))
        parameters = ChatParams(chat_template=self._template, chat_template_kwargs=settings)
        _, prompts = await engine.renderer.render_chat_async([messages], parameters)
        sampling = sampling_params(engine, request.generation)
        number = f"audiobench-{os.getpid()}-{next(self._numbers)}"
        last = None
        async for output in engine.generate(prompts[0], sampling, number):
            last = output
        if last is None:
            raise RetryableError("vLLM gave no output")
        return last, last.metrics.first_token_latency if last.metrics else None

    def _response(self, request: Request, output: RequestOutput, since: float, first: float | None) -> Response:
        answer = output.outputs[0]
        usage = {
            "prompt": len(output.prompt_token_ids or ()),
            "completion": len(answer.token_ids),
            "cached": output.num_cached_tokens,
        }
        latency = {"total": time.perf_counter() - since}
        if first:
            latency["first_token"] = first
        opened = self._opened_by_template(request)
        return Response(
            text=opened + answer.text,
            finish_reason=answer.finish_reason or "stop",
            usage={key: value for key, value in usage.items() if value is not None},
            latency=latency,
            served_model=self.spec.served_model,
            raw={"stop_reason": answer.stop_reason} if isinstance(answer.stop_reason, str) else {},
        )

    def _opened_by_template(self, request: Request) -> str:
        if request.prefill is not None or not (self.spec.serve and self.spec.serve.plugin):
            return ""
        from model_adapters.step_audio.prompts import opened_thought

        return opened_thought(request.extra_body.get("chat_template_kwargs", {}))

    async def _started(self) -> AsyncLLM:
        async with self._starting:
            if self._engine is None:
                try:
                    self._engine = await asyncio.to_thread(self._start)
                except UsageError:
                    raise
                except Exception as error:
                    raise RunError(f"model {self.spec.name}: vLLM does not start: {_root(error)}") from error
            return self._engine

    def _start(self) -> AsyncLLM:
        plan = plan_server(self.spec, tensor_parallel=self.options.tensor_parallel)
        os.environ.update(plan.launches[0].environment)  # the user's own values are in it
        from vllm import AsyncEngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM

        given = {**(self.spec.serve.args if self.spec.serve else {}), **planned_arguments(plan.fit)}
        arguments = {
            "model": located(self.spec.weights.repo) if self.spec.weights else None,
            "revision": self.spec.weights.revision if self.spec.weights else None,
            "tensor_parallel_size": plan.tensor_parallel,
            "enable_log_requests": False,
            **{name.replace("-", "_"): value for name, value in given.items()},
            **self.options.engine,
        }
        return AsyncLLM.from_engine_args(AsyncEngineArgs(**arguments))

    def _chat_template(self) -> str | None:
        if not (self.spec.serve and self.spec.serve.plugin):
            return None

        return Path(CHAT_TEMPLATE).read_text(encoding="utf-8")


def sampling_params(engine: AsyncLLM, generation: Mapping[str, Any]) -> SamplingParams:
    """Sampling parameters for vLLM: the checkpoint's own defaults, then the request's.

    Raises:
        SampleError: a parameter that vLLM does not have.
    """
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    unknown = [name for name, value in generation.items() if name not in OPEN_WEIGHTS and value is not None]
    if unknown:
        raise SampleError(f"vLLM has no parameter {', '.join(unknown)}; it takes {', '.join(OPEN_WEIGHTS)}")
    defaults = dict(engine.model_config.get_diff_sampling_param() or {})
    asked = {OPEN_WEIGHTS[name]: value for name, value in generation.items() if value is not None}
    return SamplingParams(**{"max_tokens": None, **defaults, **asked}, output_kind=RequestOutputKind.FINAL_ONLY)


def _message(role: str, parts: Parts) -> dict[str, Any]:
    import pybase64

    content: list[dict[str, Any]] = []
    for part in parts:
        if isinstance(part, TextPart):
            content.append({"type": "text", "text": part.text})
        else:
            data = pybase64.b64encode(part.data).decode("ascii")
            content.append({"type": "input_audio", "input_audio": {"data": data, "format": part.format or "wav"}})
    return {"role": role, "content": content}


def _nothing(timeout: float | None = None) -> None:
    """What is left to shut down of an engine that has been."""


def _root(error: BaseException) -> str:
    """The first cause in words: vLLM wraps a refusal in one that quotes the whole input."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error)[:500] or type(error).__name__
