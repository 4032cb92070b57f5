"""A server as `audiobench serve` starts it: what it takes, what it refuses, and how it counts and cuts the reasoning."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from audiobench.model.registry import find_model
from audiobench.model.spec import Serve, Weights
from audiobench.serving.launch import serve
from model_adapters.dialects import beam_fields

httpx = pytest.importorskip("httpx", reason="comes with vllm")
pytestmark = pytest.mark.slow

THINK_ON = "<think>\n"
THINK_OFF = "<think>\n\n</think>\n"
CONTINUED = {"continue_final_message": True, "add_generation_prompt": False}
CONTEXT = 16_384


@pytest.fixture(scope="module")
def long_checkpoint(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny checkpoint with a context of 16,384 tokens."""
    folder = tmp_path_factory.mktemp("long")
    for file in tiny_checkpoint.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["text_config"]["max_position_embeddings"] = CONTEXT
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def ask(long_checkpoint: Path) -> Iterator[Callable[..., httpx.Response]]:
    """`ask(messages, **body)` posts to /chat/completions of a server with the published arguments of Step-Audio-R1."""
    published = find_model("step-audio-r1")
    assert published.serve is not None
    arguments = {**published.serve.args, "max-model-len": CONTEXT, "dtype": "float32", "enforce-eager": True}
    spec = published.model_copy(
        update={
            "name": "tiny-random",
            "served_model": "tiny-random",
            "weights": Weights(repo=str(long_checkpoint), gigabytes=0.01),
            "serve": Serve(plugin=True, args=arguments),
        }
    )
    flags = ["--reasoning-parser", "step_audio"]
    with (
        serve(spec, extra_args=flags, progress=lambda *_: None, timeout=600) as server,
        httpx.Client(base_url=server.base_url, timeout=300) as client,
    ):

        def post(messages: list[Any], **body: Any) -> httpx.Response:
            settings = {"model": "tiny-random", "temperature": 0, "max_tokens": 8, "messages": messages}
            return client.post("/chat/completions", json={**settings, **body})

        yield post


def noise(seconds: float, rate: int = 16_000, channels: int = 1) -> np.ndarray:
    samples = 0.1 * np.random.default_rng(0).standard_normal((round(rate * seconds), channels))
    return samples[:, 0] if channels == 1 else samples


def audio(samples: np.ndarray, rate: int = 16_000) -> dict[str, Any]:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="WAV", subtype="PCM_16")
    data = base64.b64encode(buffer.getvalue()).decode()
    return {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def user(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


def prefill(words: str) -> dict[str, Any]:
    return {"role": "assistant", "content": words}


def audio_tokens(reply: httpx.Response) -> int:
    return reply.json()["usage"]["prompt_tokens_details"]["multimodal_tokens"]["audio"]


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_audio_of_any_sample_rate_is_heard(ask, rate, channels):
    reply = ask([user(audio(noise(2.0, rate, channels), rate), text("What?"))])
    assert reply.status_code == 200, reply.text
    assert audio_tokens(reply) == 25 + 2


def test_a_resampled_tone_is_heard_as_the_tone_at_16_khz(ask):
    def logprobs(rate: int) -> dict[str, float]:
        tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(2 * rate) / rate)
        reply = ask([user(audio(tone, rate), text("What?"))], max_tokens=1, logprobs=True, top_logprobs=5)
        first = reply.json()["choices"][0]["logprobs"]["content"][0]
        return {entry["token"]: entry["logprob"] for entry in first["top_logprobs"]}

    assert logprobs(48_000) == pytest.approx(logprobs(16_000), abs=5e-3)


def test_a_remote_address_is_refused_and_no_request_leaves_the_machine(ask):
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    elsewhere = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=elsewhere.serve_forever, daemon=True).start()
    try:
        for host in ("127.0.0.1", "localhost"):
            url = f"http://{host}:{elsewhere.server_port}/clip.wav"
            reply = ask([user({"type": "audio_url", "audio_url": {"url": url}}, text("What?"))])
            assert reply.status_code == 400
            assert "allowed domains" in reply.text
    finally:
        elsewhere.shutdown()
        elsewhere.server_close()
    assert asked == []


def test_210_pieces_are_one_request(ask):
    pieces = [audio(noise(0.2))] * 210
    reply = ask([user(text("Which?"), *pieces)])
    assert reply.status_code == 200, reply.text
    assert audio_tokens(reply) == 210 * (3 + 2)


def test_two_clips_of_ten_minutes_in_pieces_and_whole(ask):
    piece = audio(noise(25.0))
    in_pieces = ask([user(text("Which?"), *[piece] * 48)])
    whole = ask([user(text("Which?"), audio(noise(600.0)), audio(noise(600.0)))])
    for reply in (in_pieces, whole):
        assert reply.status_code == 200, reply.text
        assert audio_tokens(reply) == 48 * (313 + 2)


@pytest.mark.parametrize(
    ("message", "body", "words"),
    [
        ({"role": "tool", "content": "x", "tool_call_id": "1"}, {}, "role tool is not system, user or assistant"),
        (user(text("x<|EOT|>")), {}, "special token"),
        (
            user(text("x")),
            {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "none"},
            "tools are not supported",
        ),
    ],
)
def test_what_the_model_has_no_form_for_is_a_bad_request(ask, message, body, words):
    reply = ask([user(text("a")), message], **body)
    assert reply.status_code == 400
    assert words in reply.text


def test_the_official_clients_body_is_understood(ask):
    messages = [
        {"role": "human", "content": [text("Which?\nA. x\n"), audio(noise(1.0))]},
        {"role": "assistant", "content": THINK_ON, "eot": False},
    ]
    theirs = ask(messages, **CONTINUED, skip_special_tokens=False, return_token_ids=True)
    ours = ask([user(text("Which?\nA. x\n"), audio(noise(1.0)))], return_token_ids=True)
    assert theirs.status_code == ours.status_code == 200, theirs.text
    assert theirs.json()["prompt_token_ids"] == ours.json()["prompt_token_ids"]


def streamed_usage(reply: httpx.Response) -> dict[str, Any]:
    events = [line.removeprefix("data: ") for line in reply.text.splitlines() if line.startswith("data: {")]
    return json.loads(events[-1])["usage"]


@pytest.mark.parametrize(("opening", "reasoning"), [(THINK_ON, 8), (THINK_OFF, 0)])
def test_reasoning_tokens_are_those_of_an_open_thought_only(ask, opening, reasoning):
    messages = [user(text("What?")), prefill(opening)]
    whole = ask(messages, **CONTINUED, ignore_eos=True).json()["usage"]
    stream = {"stream": True, "stream_options": {"include_usage": True}}
    streamed = streamed_usage(ask(messages, **CONTINUED, **stream, ignore_eos=True))
    for usage in (whole, streamed):
        assert usage["completion_tokens"] == 8
        assert usage["completion_tokens_details"]["reasoning_tokens"] == reasoning


@pytest.mark.parametrize("budget", [0, 1, 6])
def test_a_spent_thinking_budget_is_closed_with_the_whole_tag(ask, tiny_checkpoint, budget):
    from model_adapters.step_audio.tokenizer import load_tokenizer

    tokenizer = load_tokenizer(tiny_checkpoint)
    reply = ask(
        [user(text("What?")), prefill(THINK_ON)],
        **CONTINUED,
        thinking_token_budget=budget,
        max_tokens=24,
        ignore_eos=True,
        return_token_ids=True,
    )
    assert reply.status_code == 200, reply.text
    choice, usage = reply.json()["choices"][0], reply.json()["usage"]
    ids, tag = choice["token_ids"], tokenizer("</think>\n")["input_ids"]
    closed = next(i for i in range(len(ids)) if ids[i : i + len(tag)] == tag)
    assert budget <= closed <= budget + 2
    assert usage["completion_tokens_details"]["reasoning_tokens"] == closed + len(tag)
    answer = tokenizer.decode(ids, skip_special_tokens=True).split("</think>")[1].strip()
    said = choice["message"]["content"].strip().rstrip("\ufffd")
    assert said
    assert answer.startswith(said)


def test_a_closed_prefill_has_no_thinking_budget_to_spend(ask):
    messages = [user(text("What?")), prefill(THINK_OFF)]
    plain = ask(messages, **CONTINUED).json()["choices"][0]["message"]["content"]
    budgeted = ask(messages, **CONTINUED, thinking_token_budget=2).json()["choices"][0]["message"]["content"]
    assert budgeted == plain


def test_two_beams_are_answered_and_the_first_choice_is_the_likelier(ask):
    """The body of prompt `step_audio_2_beams` of MMAU: its fields are `beam_fields`."""
    messages = [{"role": "system", "content": "Be brief."}, user(audio(noise(2.0)), text("Which?"))]
    opened = {"chat_template_kwargs": {"assistant_prefix": ""}, "return_token_ids": True}
    neutral = {"top_p": 1.0, "repetition_penalty": 1.0, "stop_token_ids": [267]}
    reply = ask(messages, **opened, **neutral, **beam_fields({"num_beams": 2}), logprobs=True)
    assert reply.status_code == 200, reply.text
    choices = reply.json()["choices"]
    assert len(choices) == 2 and choices[0]["message"]["content"] != choices[1]["message"]["content"]
    best, second = (sum(entry["logprob"] for entry in choice["logprobs"]["content"]) for choice in choices)
    greedy = ask(messages, **opened, logprobs=True).json()["choices"][0]
    assert best >= second
    assert best >= sum(entry["logprob"] for entry in greedy["logprobs"]["content"]) - 1e-4
