"""What is on the wire: the exact audio bytes, in the prompt's order, for every dialect."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path

import pytest

from audiobench.core.errors import UsageError
from audiobench.core.types import AudioPart, Clip, Message, Request, TextPart
from audiobench.model.adapter import SampleError
from audiobench.model.registry import build_adapter
from model_adapters.dialects import DIALECTS
from model_adapters.openai_chat import OpenAIChat

ANSWER = {"model": "some-model", "choices": [{"message": {"content": "B"}, "finish_reason": "stop"}]}
EVENTS = b"data: " + json.dumps({"choices": [{"delta": {"content": "B"}, "finish_reason": "stop"}]}).encode() + b"\n\n"


def audio_of(part: dict) -> bytes:
    """The audio bytes of a content part, whatever the dialect's shape."""
    held = part["audio_url"]["url"] if part["type"] == "audio_url" else part["input_audio"]
    data = held["data"] if isinstance(held, dict) else held
    return base64.b64decode(data.split(",", 1)[1] if data.startswith("data:") else data, validate=True)


def body_of(adapter: OpenAIChat, request: Request) -> dict:
    return json.loads(adapter.body(request))


@pytest.fixture
def built(spec):
    """Build an adapter for a dialect."""

    def make(dialect: str, **fields) -> OpenAIChat:
        options = fields.pop("options", {})
        if dialect == "azure":
            options = {"api_version": "2025-01-01-preview", **options}
        adapter = build_adapter(spec(dialect=dialect, options=options, **fields), base_url="http://127.0.0.1:9/v1")
        assert isinstance(adapter, OpenAIChat)
        return adapter

    return make


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("order", [("Which?", 0), (0, "Which?"), (1, "First,", 0, "then?")], ids=str)
def test_every_dialect_sends_the_exact_bytes_in_the_prompts_order(dialect, order, serve, spec, ask, clips):
    async def main():
        async def answer(_request, _body):
            from aiohttp import web

            if DIALECTS[dialect].must_stream:
                return web.Response(body=EVENTS, content_type="text/event-stream")
            return web.json_response(ANSWER)

        async with serve(answer) as server:
            model = spec(dialect=dialect, options={"api_version": "v"} if dialect == "azure" else {})
            adapter = build_adapter(model, base_url=server.url + "/v1")
            response = await adapter.generate(ask(*order))
            await adapter.close()
        return response, server.seen[0].json

    response, body = asyncio.run(main())
    assert response.text == "B"
    assert body["model"] == "some-model"
    sent = body["messages"][-1]["content"]
    got = [part["text"] if part["type"] == "text" else audio_of(part) for part in sent]
    assert got == [x if isinstance(x, str) else clips[x].data for x in order]


def test_shape_of_the_audio_part_by_dialect(built, ask, clips):
    data = base64.b64encode(clips[0].data).decode()
    uri = "data:audio/wav;base64," + data
    plain = {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}
    expected = {
        "sglang": {"type": "audio_url", "audio_url": {"url": uri}},
        "dashscope": {"type": "input_audio", "input_audio": {"data": uri, "format": "wav"}},
        "mistral": {"type": "input_audio", "input_audio": data},
    }
    for dialect in DIALECTS:
        part = body_of(built(dialect), ask("Q", 0))["messages"][0]["content"][1]
        assert part == expected.get(dialect, plain), dialect


def test_a_clip_over_a_megabyte_arrives_whole_and_with_its_length(serve, reply_with, spec, ask):
    clip = AudioPart(Clip(Path("big.wav")), data=bytes(range(256)) * 12000, format="wav")

    async def main():
        async with serve(reply_with(ANSWER)) as server:
            adapter = build_adapter(spec(), base_url=server.url + "/v1")
            await adapter.generate(ask(clip, "Q"))
            await adapter.close()
            return server.seen[0]

    seen = asyncio.run(main())
    assert audio_of(seen.json["messages"][0]["content"][0]) == clip.data
    assert int(seen.headers["Content-Length"]) == len(seen.body)


def test_text_only_turns_are_strings_and_odd_text_survives(built):
    odd = 'quote " backslash \\ newline \n @@audio@@ 你好 \u2028 </think>'
    request = Request((Message("system", (TextPart("S"),)), Message("user", (TextPart(odd),))))
    assert body_of(built("vllm"), request)["messages"] == [
        {"role": "system", "content": "S"},
        {"role": "user", "content": odd},
    ]


def test_a_clip_without_bytes_is_never_sent(built, ask, clips):
    with pytest.raises(SampleError, match=r"440\.wav: no bytes"):
        built("vllm").body(ask("Q", AudioPart(clips[0].clip, format="wav")))


@pytest.mark.parametrize("dialect", ["openai", "azure", "llama_cpp"])
def test_a_container_that_the_server_does_not_take_is_refused(dialect, built, ask, clips):
    flac = AudioPart(clips[0].clip, data=b"fLaC....", format="flac")
    with pytest.raises(SampleError, match=r"takes mp3, wav, not 'flac'"):
        built(dialect).body(ask("Q", flac))


@pytest.mark.parametrize("dialect", ["vllm", "sglang"])
def test_prefill_is_continued(dialect, built, ask):
    body = body_of(built(dialect), ask("Q", 0, prefill="<think>\n"))
    assert body["messages"][-1] == {"role": "assistant", "content": "<think>\n"}
    assert (body["continue_final_message"], body["add_generation_prompt"]) == (True, False)


def test_prefill_in_the_publishers_own_server_is_what_its_client_sends(built, ask):
    body = body_of(built("stepfun_vllm"), ask("Q", 0, prefill="<think>\n"))
    assert body["messages"][0]["role"] == "human"
    assert body["messages"][-1] == {"role": "assistant", "content": "<think>\n", "eot": False}
    assert (body["continue_final_message"], body["add_generation_prompt"]) == (True, False)


def test_the_publishers_own_server_joins_the_parts_itself_and_gets_no_newline_from_us(built, ask):
    body = body_of(built("stepfun_vllm"), ask("Which?\nB. y\n", 0, prefill="<think>\n"))
    assert [part.get("text", part["type"]) for part in body["messages"][0]["content"]] == [
        "Which?\nB. y\n",
        "input_audio",
    ]


@pytest.mark.parametrize("dialect", ["openai", "azure", "dashscope", "stepfun", "mistral", "openrouter"])
def test_prefill_is_refused_where_the_server_cannot(dialect, built, ask):
    with pytest.raises(SampleError, match=f"{dialect} cannot continue an assistant's turn"):
        built(dialect).body(ask("Q", 0, prefill="<think>\n"))


def test_generation_parameters_get_the_servers_names(built, ask):
    asked = {
        "max_gen_toks": 100, "temperature": 0.7, "top_p": 0.9, "seed": 3, "until": ["###"], "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
    }  # fmt: skip
    common = {"temperature": 0.7, "top_p": 0.9, "stop": ["###"], "presence_penalty": 0.1, "frequency_penalty": 0.2}
    limit = {"openai": "max_completion_tokens", "azure": "max_completion_tokens"}
    for dialect in DIALECTS:
        body = body_of(built(dialect), ask("Q", generation=asked))
        expected = {**common, limit.get(dialect, "max_tokens"): 100}
        expected["random_seed" if dialect == "mistral" else "seed"] = 3
        assert {k: body[k] for k in expected} == expected, dialect
        assert "max_gen_toks" not in body
        assert "until" not in body


def test_mistral_as_its_sdk_sends_it(built, ask, clips):
    """The body that mistralai 3.7.0 sends for the same call, but for its `stream: false`."""
    asked = {
        "max_gen_toks": 64, "temperature": 0.7, "top_p": 0.9, "seed": 1, "until": ["###"], "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
    }  # fmt: skip
    audio = base64.b64encode(clips[0].data).decode()
    assert body_of(built("mistral", served_model="voxtral-small-latest"), ask("Q", 0, generation=asked)) == {
        "model": "voxtral-small-latest",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Q"}, {"type": "input_audio", "input_audio": audio}]}
        ],
        "temperature": 0.7, "top_p": 0.9, "max_tokens": 64, "stop": ["###"], "random_seed": 1, "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
    }  # fmt: skip


def test_open_weight_servers_take_the_rest(built, ask):
    asked = {"top_k": 20, "min_p": 0.05, "repetition_penalty": 1.07, "stop_token_ids": [151665]}
    for dialect in ("vllm", "sglang", "stepfun_vllm"):
        body = body_of(built(dialect), ask("Q", generation=asked))
        assert {k: body[k] for k in asked} == asked
    assert body_of(built("llama_cpp"), ask("Q", generation={"repetition_penalty": 1.1}))["repeat_penalty"] == 1.1


def test_a_parameter_the_server_lacks_is_refused_and_a_neutral_one_left_out(built, ask):
    with pytest.raises(SampleError, match=r"openai has no parameter repetition_penalty \(asked: 1\.07\)"):
        built("openai").body(ask("Q", generation={"repetition_penalty": 1.07}))
    neutral = {"repetition_penalty": 1.0, "top_k": -1, "min_p": 0.0, "stop_token_ids": [], "until": []}
    body = body_of(built("openai"), ask("Q", generation=neutral))
    assert set(body) == {"model", "messages", "store"}


def test_extra_body_is_merged_and_the_requests_own_wins(built, ask):
    adapter = built("vllm", options={"extra_body": {"chat_template_kwargs": {"a": 1, "b": {"c": 1}}, "x": 1}})
    extra = {"chat_template_kwargs": {"b": {"d": 2}}, "x": 2}
    for _ in range(2):  # nothing of one request stays in the model's options
        body = body_of(adapter, ask("Q", extra_body=extra))
        assert body["chat_template_kwargs"] == {"a": 1, "b": {"c": 1, "d": 2}}
        assert body["x"] == 2
    assert body_of(adapter, ask("Q"))["chat_template_kwargs"] == {"a": 1, "b": {"c": 1}}


def test_streaming_asks_for_usage(built, ask):
    assert body_of(built("dashscope"), ask("Q"))["stream_options"] == {"include_usage": True}
    streamed = body_of(built("vllm", options={"stream": True}), ask("Q"))
    assert streamed["stream"] is True
    assert streamed["stream_options"] == {"include_usage": True}
    assert "stream" not in body_of(built("vllm"), ask("Q"))
    assert "stream_options" not in body_of(built("mistral", options={"stream": True}), ask("Q"))


@pytest.mark.parametrize(
    ("fields", "url", "message"),
    [
        ({"dialect": "vlm"}, "http://h/v1", "'vlm' is unknown; known: vllm, sglang"),
        ({"options": {"strem": True}}, "http://h/v1", "options.strem: Extra inputs"),
        ({}, None, "no server address: give --base-url"),
        ({}, "localhost:8000/v1", "must look like http://host:port/v1"),
        ({"dialect": "azure"}, "http://h", "set options.api_version or OPENAI_API_VERSION"),
        ({"dialect": "azure", "options": {"api_version": "v"}}, None, "or set AZURE_OPENAI_ENDPOINT"),
    ],
)
def test_wrong_declarations_are_said_in_one_line(fields, url, message, spec):
    with pytest.raises(UsageError) as raised:
        build_adapter(spec(**fields), base_url=url)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
