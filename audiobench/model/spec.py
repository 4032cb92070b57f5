"""The model format: what a `model_adapters/models/*.yaml` may say.

A model file says how a model is reached, how it is asked to think or not to, which audio it takes, what it costs,
and where each of these facts was read.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from audiobench.core.errors import UsageError
from audiobench.media.support import AudioSupport, ImageSupport, MediaSupport, VideoSupport

Options = TypeVar("Options", bound=BaseModel)
ModelCapability = Literal["assistant_audio", "prefill_audio", "tool_role"]


NAME = r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$"
"""What a model may be called: run directories and files are named after it."""


class Declared(BaseModel):
    """Base of everything people declare in YAML: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ThinkMode(Declared):
    """What is sent to put the model into one think mode. The string `{budget}` stands for the number of tokens."""

    how: Literal["exact", "approx", "unsupported"] = "exact"
    label: str | None = None
    """What is really done: for `approx` (`minimal`), for prompting (`cot_prompt`), where there are levels (`high`)."""
    prefill: str | None = None
    """Start of the assistant's turn, which the model continues."""
    extra_body: dict[str, Any] = {}
    """Fields of the request body (`chat_template_kwargs: {enable_thinking: false}`)."""
    generation: dict[str, Any] = {}
    prompt_suffix: str | None = None
    """Text put after the user's text (chain-of-thought prompting of a model that cannot think)."""


class BudgetMode(ThinkMode):
    """Thinking limited to a number of tokens."""

    method: Literal["two_pass", "native"] = "two_pass"
    """two_pass: stop at the closing tag or after N tokens, close, continue; native: the server has a parameter."""
    range: tuple[int, int] | None = None
    """Smallest and largest budget that the server takes, in tokens."""


class Thinking(Declared):
    """How a model is asked to think."""

    default: Literal["on", "off"] = "off"
    """The mode that is asked for where `--think` is not given; the label says which level, also where a server has another."""
    on: ThinkMode = ThinkMode(how="unsupported")
    off: ThinkMode = ThinkMode(how="exact")
    budget: BudgetMode = BudgetMode(how="unsupported")
    open_tag: str = "<think>"
    close_tag: str = "</think>"
    sections: list[str] = []
    """Tags of the parts that a structured thought has, in their order, such as `PLANNING`; upper or lower case."""
    caption_section: str | None = None
    """Which of them describes what is heard."""
    source: str | None = None

    @model_validator(mode="after")
    def _known_caption(self) -> Thinking:
        if self.caption_section is not None and self.caption_section not in self.sections:
            names = ", ".join(self.sections) or "none"
            raise ValueError(f"caption_section: {self.caption_section!r} is no section; there are: {names}")
        return self


class ReplyLimits(Declared):
    """How much of a server's answer is taken before it counts as failed."""

    max_bytes: int = Field(default=64 * 2**20, ge=1)
    """Bytes of one answer, once decompressed."""
    idle_seconds: float = Field(default=120.0, gt=0)
    """Seconds without a byte in the middle of an answer; before its first one only `--timeout` counts."""


class Price(Declared):
    """US dollars per million tokens, while valid."""

    valid_from: date | None = None
    valid_to: date | None = None
    input: float
    audio_input: float | None = None
    """None = as text input."""
    cached_input: float | None = None
    output: float
    """Text out, thinking included."""
    audio_output: float | None = None
    audio_second: float | None = None
    """US dollars a second of audio in, where a model is charged by time."""
    batch_factor: float | None = None
    source: str | None = None


class Weights(Declared):
    """A checkpoint on the Hub, or a folder."""

    repo: str
    revision: str | None = None
    parameters: float | None = None
    """Billions."""
    gigabytes: float | None = None
    """Memory that the weights take as served."""
    replicated_gigabytes: float | None = None
    """Part of it that every GPU of a tensor-parallel server holds whole."""
    kv_bytes_per_token: int | None = None
    """KV cache that a token takes over all GPUs of a server, at two bytes a number."""
    quantisation: str | None = None
    """In words, what was done to the weights where they are not served as their publisher trained them: who, when and to
    what (`fp8, by vLLM while it loads`). Results name it, and are not compared with unquantised ones in silence."""
    license: str | None = None


class Serve(Declared):
    """How stock vLLM serves the weights."""

    args: dict[str, Any] = {}
    """Command-line options of the server (`max-model-len: 65536`)."""
    min_gpus: int = 1
    tensor_parallel: list[int] = [1, 2, 4, 8]
    plugin: bool = False
    """Needs this package's vLLM plugin."""


class ModelSpec(Declared):
    """One model."""

    name: str = Field(pattern=NAME)
    adapter: str
    """openai_chat | gemini | local | vllm_engine | scripted | ... , a registered one, or FILE.py:Class."""
    served_model: str
    """The name that the server knows."""
    description: str | None = None
    dialect: str = "vllm"
    """For openai_chat: vllm | sglang | llama_cpp | openai | azure | dashscope | stepfun | mistral | openrouter."""
    base_url: str | None = None
    api_key_env: list[str] = []
    """Environment variables that may hold the key, first set one wins."""
    weights: Weights | None = None
    serve: Serve | None = None
    system: str | None = None
    """System turn that the model's publisher prescribes (a task prompt's own system turn wins)."""
    prompt: str | None = None
    """Name of the task prompt that the publisher used; taken where a task has it and no --prompt is given."""
    sampling: dict[str, Any] = {}
    """Generation parameters that the publisher prescribes: temperature, top_p, repetition_penalty, max_gen_toks, ..."""
    sampling_ignored: list[str] = []
    """Parameters that the server accepts and does not honour: a fact for readers, they are sent all the same."""
    thinking: Thinking = Thinking()
    audio: AudioSupport = AudioSupport()
    image: ImageSupport | None = None
    """None = the model takes no images."""
    video: VideoSupport | None = None
    """None = the model takes no video."""
    capabilities: list[ModelCapability] = []
    """What the model can be asked for beside a user's turn, where its adapter can say it too
    (`audiobench.model.capabilities`): sound in an assistant's turn or in a prefill, a tool's turn."""
    text_only: bool = False
    """A text model: audio conditions other than none and transcript are refused."""
    max_concurrency: int | None = None
    reply: ReplyLimits = ReplyLimits()
    prices: list[Price] = []
    retires_on: date | None = None
    options: dict[str, Any] = {}
    """For the adapter itself."""
    source: list[str] = []
    checked_on: date | None = None
    notes: str | None = None

    @field_validator("api_key_env", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @property
    def quantisation(self) -> str | None:
        """What was done to the weights, in words; None where they are served as published.

        Arguments of the server that quantise count, also where the model file does not say it in words.
        """
        if self.weights and self.weights.quantisation:
            return self.weights.quantisation
        args = self.serve.args if self.serve else {}
        method = args.get("quantization") or args.get("quantization-config")
        return None if method is None else f"{method if isinstance(method, str) else 'quantization-config'}, by vLLM"

    @property
    def media(self) -> dict[str, MediaSupport]:
        """Kind of medium -> what the model takes of it; a kind that is not there is refused."""
        kinds: dict[str, MediaSupport | None] = {
            "audio": None if self.text_only else self.audio,
            "image": self.image,
            "video": self.video,
        }
        return {kind: support for kind, support in kinds.items() if support is not None}

    def read_options(self, kind: type[Options]) -> Options:
        """`options` as its adapter declares them.

        Raises:
            UsageError: an option is unknown, missing, or has not the type that it should.
        """
        try:
            return kind.model_validate(self.options)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise UsageError(f"model {self.name}: options.{place}: {first['msg']}") from None

    def price_on(self, day: date) -> Price | None:
        """The price that holds on `day`."""
        for price in self.prices:
            if (price.valid_from is None or price.valid_from <= day) and (
                price.valid_to is None or day <= price.valid_to
            ):
                return price
        return None
