"""A model whose every answer, delay and fault is written down: for tests, demonstrations and harness benchmarks.

It behaves as a chat server does: it continues a prefill, starts inside the thought when the prefill opened one, stops
at stop strings and at the token limit (one word = one token). Everything is drawn by hash of the sample id, so two
runs give the same answers in any order; a sample answered right at accuracy 0.6 is also right at 0.8 (paired).
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import orjson
from msgspec import Struct, ValidationError, convert
from pydantic import BaseModel, ConfigDict, field_validator

from audiobench.core.errors import UsageError
from audiobench.core.modes import Think
from audiobench.core.narrow import is_object
from audiobench.core.parts import text_of
from audiobench.core.spans import CLOSE, OPEN, Span, last_named
from audiobench.core.tools import ToolCall, with_calls
from audiobench.core.types import Request, Response, Sample
from audiobench.model.adapter import RetryableError, RunError, SampleError
from audiobench.model.capabilities import Capabilities
from audiobench.model.spec import ModelSpec
from model_adapters.controls import as_answer, draw, is_heard, shown_letter, target_text

Fault = Literal[
    "408", "429", "500", "503", "reset", "timeout", "truncated_json", "invalid_json", "empty_choices", "400", "401"
]


_ROUTING = re.compile(r"External model 1-best predictions:\n(.*)\n\nInternal prediction: (.*)", re.DOTALL)
_DESCRIBED = re.compile(r"Description of the audio:\n(.*)")
_PHRASE = ("I", "listen", "once", "more", "and", "weigh", "every", "option", "against", "what", "can", "be", "heard.")


class Script(BaseModel):
    """What `options:` of a model file may say for `scripted`. All rates are shares of samples, in [0, 1]."""

    model_config = ConfigDict(extra="forbid")

    seed: int = 0
    accuracy: float | dict[str, float | dict[str, float]] = 1.0
    """One number, or by think mode: `{on: 0.8, off: 0.6, budget: {"64": 0.65, "256": 0.75}}` (linear in log2 of the
    tokens between the points; `default` is for modes not named)."""
    accuracy_without_audio: float | None = None
    """Accuracy when the item's own audio is not in the request; None = the same, it does not listen."""
    independent: bool = False
    """Draw right and wrong anew for each think mode and epoch, instead of once for each sample."""
    answer_style: Literal["option", "letter", "paren", "text", "sentence", "boxed"] = "option"
    """option `(B) Woman`, letter `B`, paren `(B)`, text `Woman`, sentence `The answer is B.`, boxed `\\boxed{B}`."""
    reasoning_words: int = 0
    """Length of the thought, in words; 0 = it never thinks."""
    reasoning_where: Literal["tags", "field"] = "tags"
    sections: list[str] = []
    """Tags of the parts that a thought is written in; the second one holds the answer as often as `caption_tells`."""
    well_formed: float = 1.0
    """How often all parts are there; else the last one is not."""
    caption_tells: float = 1.0
    reads_captions: bool = False
    """Answers with the option that stands in a description of the audio in the prompt, where one does."""
    relistens: int = 0
    """Spans of the clip that a thought names to hear them again, as `<seg>1.5, 3.0</seg>`: up to so many, drawn by hash."""
    accuracy_relistened: float | None = None
    """Accuracy once every span that was named has been heard; None = the same, hearing it again changes nothing."""
    routing_accuracy: float | None = None
    """How often the right action token is named where a prompt shows the model's own answer and another system's."""
    latency: float = 0.0
    """Median seconds to answer."""
    latency_sigma: float = 0.0
    """Spread of the (lognormal) latency."""
    faults: dict[Fault, float] = {}
    """Fault -> share of attempts."""
    max_faults: int = 2
    """At most this many faults for one request, then it is answered."""
    retry_after: float | None = None
    """Seconds that come with a 429."""
    refusal: float = 0.0
    truncation: float = 0.0
    unparsed: float = 0.0
    replies: Path | None = None
    """JSONL with `id` and `text` (or `output`), and optionally `reasoning`, `finish_reason` and `calls` of tools: fixed
    answers. `turns`, a list of the same without `id`, answers turn by turn."""

    @field_validator("faults", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        return {str(k): v for k, v in value.items()} if is_object(value) else value

    @field_validator("accuracy", mode="before")
    @classmethod
    def _modes(cls, value: Any) -> Any:
        if not is_object(value):
            return value
        inner = {_mode(k): v for k, v in value.items()}
        return {k: {str(b): a for b, a in v.items()} if is_object(v) else v for k, v in inner.items()}


def _mode(key: object) -> str:
    """A think mode as YAML reads it: `on` and `off` are booleans there, budgets numbers."""
    return ("on" if key else "off") if isinstance(key, bool) else str(key)


class Reply(Struct):
    """A line of the `replies` file, or one of its `turns`."""

    id: str = ""
    text: str | None = None
    output: str | None = None
    """The same under another name."""
    reasoning: str | None = None
    finish_reason: str = "stop"
    calls: tuple[ToolCall, ...] = ()
    turns: tuple[Reply, ...] = ()
    """One for each answer of a conversation; the last one stands for all that follow."""

    def __post_init__(self) -> None:
        if self.text is None and self.output is None and not self.calls and not self.turns:
            raise ValueError("no text")

    def response(self, request: Request) -> Response:
        """The answer to a request: calls by the server's own means where it is handed tools, else in words."""
        if self.turns:
            said = sum(message.role == "assistant" for message in request.messages)
            return self.turns[min(said, len(self.turns) - 1)].response(request)
        return Response(
            with_calls(self.text if self.text is not None else self.output or "", self.calls),
            reasoning=self.reasoning,
            finish_reason=self.finish_reason,
            calls=self.calls if request.tools else (),
        )


class Scripted:
    """The adapter.

    Raises:
        UsageError: an option is unknown or out of range, or the `replies` file cannot be read.
    """

    capabilities = Capabilities(audio_out=False, in_process=True)

    def __init__(self, spec: ModelSpec, *, base_url: str | None = None, timeout: float = 0.0) -> None:
        self.spec = spec
        self.script = spec.read_options(Script)
        self.replies = _read_replies(self.script.replies) if self.script.replies else {}
        self.calls = 0
        self._attempts: dict[object, int] = {}

    async def generate(self, request: Request) -> Response:
        """Wait as long as the script says, then fail or answer as it says."""
        began = time.perf_counter()
        self.calls += 1
        attempt = self._attempts[key] = self._attempts.get(key := _identity(request), 0) + 1
        await asyncio.sleep(self._delay(request))
        self._maybe_fail(request, attempt)
        self._attempts.pop(key, None)
        response = self._answer(request)
        prompt = len(request.text.split()) + sum(round((p.seconds or 0) * 12.5) for p in request.audio)
        said = len(response.text.split()) + len((response.reasoning or "").split())
        response.usage = {"prompt": prompt, "completion": said, "total": prompt + said}
        response.latency = {"total": time.perf_counter() - began}
        response.served_model = self.spec.served_model
        return response

    async def close(self) -> None:
        """Nothing to release."""

    def _delay(self, request: Request) -> float:
        if not self.script.latency or not self.script.latency_sigma:
            return self.script.latency
        a, b = (draw(self.script.seed, "latency", n, *_identity(request)) for n in (1, 2))
        normal = math.sqrt(-2 * math.log(1 - a)) * math.cos(2 * math.pi * b)
        return self.script.latency * math.exp(self.script.latency_sigma * normal)

    def _maybe_fail(self, request: Request, attempt: int) -> None:
        if attempt > self.script.max_faults:
            return
        share = draw(self.script.seed, "fault", attempt, *_identity(request))
        for fault, rate in self.script.faults.items():
            if share < rate:
                self._fail(fault)
            share -= rate

    def _fail(self, fault: Fault) -> None:
        match fault:
            case "429":
                wait = self.script.retry_after
                raise RetryableError("scripted: HTTP 429", retry_after=wait, rate_limited=True)
            case "400":
                raise SampleError("scripted: HTTP 400")
            case "401":
                raise RunError("scripted: HTTP 401")
            case _:
                raise RetryableError(f"scripted: {fault}")

    def _answer(self, request: Request) -> Response:
        sample = request.sample
        name = request.sample_id or (sample.id if sample else "")
        if name in self.replies:
            return self.replies[name].response(request)
        if sample is None:
            raise SampleError(f"scripted: no reply for id {name!r}, and the request does not carry its item")
        if self.script.routing_accuracy is not None and (shown := _ROUTING.search(request.text)):
            return self._speak(request, self._routed(request, sample, name, shown[1].strip(), shown[2].strip()))
        share = draw(self.script.seed, "kind", name)
        for kind in ("refusal", "truncation", "unparsed"):
            rate = getattr(self.script, kind)
            if share < rate:
                return self._unhappy(kind, request)
            share -= rate
        return self._speak(request, self._final(request, sample, name))

    def _unhappy(self, kind: str, request: Request) -> Response:
        if kind == "refusal":
            return Response("", finish_reason="content_filter")
        if kind == "unparsed":
            return self._speak(request, "I am not sure what to say about that.")
        if self._thinks(request):
            thought = _thought(max(self.script.reasoning_words, 1))
            if self.script.reasoning_where == "field":
                return Response("", reasoning=thought, finish_reason="length")
            return Response(("" if request.prefill_text else "<think>\n") + thought, finish_reason="length")
        return Response("The recording begins with", finish_reason="length")

    def _final(self, request: Request, sample: Sample, name: str) -> str:
        salt = (request.think, request.epoch) if self.script.independent else ()
        if self.script.reads_captions and (shown := _DESCRIBED.search(request.text)):
            read = next((text for _, text in sample.options if text in shown[1]), None)
            if read is not None:
                return as_answer(request, read)
        right = draw(self.script.seed, "right", name, *salt) < self._accuracy(request, sample)
        target = target_text(sample)
        if right and target is not None:
            chosen = target
        else:
            wrong = [text for _, text in sample.options if text != target]
            if not wrong:
                return "a scripted wrong answer"
            chosen = wrong[int(draw(self.script.seed, "wrong", name, *salt) * len(wrong))]
        letter = shown_letter(request, chosen)
        if letter is None or self.script.answer_style == "text":
            return chosen
        styles = {"letter": letter, "paren": f"({letter})", "boxed": f"\\boxed{{{letter}}}"}
        styles |= {"sentence": f"The answer is {letter}.", "option": as_answer(request, chosen)}
        return styles[self.script.answer_style]

    def _routed(self, request: Request, sample: Sample, name: str, external: str, internal: str) -> str:
        """An action token, the right one as often as the script says, and the answer that belongs to it."""
        target = target_text(sample)
        answers = {"internal": internal, "external": external, "rewrite": self._final(request, sample, f"{name} again")}
        gold = next((action for action in ("internal", "external") if answers[action] == target), "rewrite")
        if draw(self.script.seed, "routing", name, request.epoch) >= (self.script.routing_accuracy or 0.0):
            others = [action for action in answers if action != gold]
            gold = others[int(draw(self.script.seed, "misrouted", name, request.epoch) * len(others))]
        return f"<{gold}> {answers[gold]}"

    def _accuracy(self, request: Request, sample: Sample) -> float:
        again = self.script.accuracy_relistened
        if again is not None and self._has_heard_again(request):
            return again
        deaf = self.script.accuracy_without_audio
        if deaf is not None and (sample.clips or sample.videos) and not is_heard(request, sample):
            return deaf
        table = self.script.accuracy
        if not isinstance(table, dict):
            return table
        think = Think.parse(request.think)
        mode: str = think.mode
        if mode == "default" and mode not in table:
            mode = self.spec.thinking.default
        found = table.get(mode, table.get("default"))
        if isinstance(found, dict):
            return _between({int(b): a for b, a in found.items()}, think.tokens or 0)
        if found is None:
            raise SampleError(f"scripted: options.accuracy says nothing about think mode {request.think!r}")
        return found

    def _thinks(self, request: Request) -> bool:
        if not self.script.reasoning_words or "</think>" in (request.prefill_text or ""):
            return False
        mode = Think.parse(request.think).mode
        return mode in ("on", "budget") or (mode == "default" and self.spec.thinking.default == "on")

    def _speak(self, request: Request, final: str) -> Response:
        """`final` as the server would give it: after the thought, cut at stop strings and at the token limit."""
        reasoning = None
        text = final
        if self._thinks(request):
            begun = _begun(request)
            thought = self._rest_of_thought(request, begun)
            if self.script.sections:
                thought = self._in_sections(thought, request, final)
            if self.script.reasoning_where == "field" and not begun:
                reasoning = thought
            else:
                text = ("" if begun else "<think>\n") + f"{thought}\n</think>\n{final}"
        ends = [at for stop in request.generation.get("until") or () if (at := text.find(stop)) >= 0]
        finish = "stop"
        if ends:
            text = text[: min(ends)]
        limit = request.generation.get("max_gen_toks")
        if limit is not None and len(text.split()) > limit:
            text, finish = " ".join(text.split()[:limit]), "length"
        return Response(text, reasoning=reasoning, finish_reason=finish)

    def _in_sections(self, thought: str, request: Request, final: str) -> str:
        """The thought in parts, the second of which may hold the answer."""
        names = self.script.sections
        if draw(self.script.seed, "form", request.sample_id) >= self.script.well_formed:
            names = names[:-1]
        tells = draw(self.script.seed, "caption", request.sample_id) < self.script.caption_tells
        chosen = next((text for _, text in request.sample.options if text in final), "") if request.sample else ""
        second = f"I hear: {chosen}." if tells and chosen else "I hear something."
        return "\n".join(f"<{name}>{second if n == 1 else thought}</{name}>" for n, name in enumerate(names))

    def _rest_of_thought(self, request: Request, begun: str) -> str:
        """What is left of the thought: its words, and the spans that were not yet named."""
        named = begun.count(CLOSE)
        if named:
            return "".join(f" then {span}" for span in self._spans(request)[named:]) + " which was heard."
        return " ".join([_thought(self.script.reasoning_words), *self._spans(request)])

    def _spans(self, request: Request) -> list[str]:
        """The spans that the thought names: each a third of the clip."""
        whole = next((part for part in request.audio if part.span is None), None)
        seconds = (whole.seconds if whole else None) or 1.0
        count = int(draw(self.script.seed, "spans", request.sample_id) * (self.script.relistens + 1))
        drawn = [draw(self.script.seed, "span", n, request.sample_id) for n in range(count)]
        starts = [round(2 / 3 * seconds * share, 2) for share in drawn]
        return [f"{OPEN}{start:g}, {round(start + seconds / 3, 2):g}{CLOSE}" for start in starts]

    def _has_heard_again(self, request: Request) -> bool:
        """Whether every span of the thought is in the request as sound."""
        heard = [part.span for part in request.audio if part.span is not None]
        named = [last_named(text) for text in self._spans(request)]
        return bool(named) and all(any(_alike(span, one) for one in heard) for span in named)


def _begun(request: Request) -> str:
    """What the model has written so far: earlier turns of its own, and the start of this one."""
    earlier = [text_of(message.parts) for message in request.messages if message.role == "assistant"]
    return "".join([*earlier, request.prefill_text or ""])


def _alike(named: Span | None, heard: tuple[float, float]) -> bool:
    """Whether a span was heard, but for what lies outside of the clip."""
    return named is not None and abs(named.start - heard[0]) < 0.02 and abs(named.end - heard[1]) < 0.02


def _thought(words: int) -> str:
    return " ".join(_PHRASE[i % len(_PHRASE)] for i in range(words))


def _between(points: dict[int, float], budget: int) -> float:
    """Accuracy at `budget` tokens: linear in log2 between the points, flat outside."""
    known = sorted(points)
    if budget <= known[0]:
        return points[known[0]]
    for low, high in pairwise(known):
        if budget <= high:
            share = (math.log2(budget) - math.log2(max(low, 1))) / (math.log2(high) - math.log2(max(low, 1)))
            return points[low] + share * (points[high] - points[low])
    return points[known[-1]]


def _identity(request: Request) -> tuple[object, ...]:
    audio = ",".join(f"{p.transform}:{p.clip.sha256 or p.clip.path}" for p in request.audio)
    return request.sample_id, request.epoch, request.think, request.prefill_text, audio, draw(request.text)


def _read_replies(path: Path) -> dict[str, Reply]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    found: dict[str, Reply] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            raw = orjson.loads(line)
            reply = convert({**raw, "id": str(raw.get("id"))}, Reply)
        except (orjson.JSONDecodeError, ValidationError, TypeError):
            raise UsageError(f"{path}:{number}: a reply is a JSON object with `id` and `text` (or `turns`)") from None
        found[reply.id] = reply
    return found
