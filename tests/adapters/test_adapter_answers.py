"""How answers are read: text, reasoning, finish reason, usage, streams, the served model."""

from __future__ import annotations

import asyncio
import json

import pytest

from audiobench.model.adapter import RetryableError, SampleError
from audiobench.model.registry import build_adapter
from model_adapters.dialects import same_model


@pytest.fixture
def answer(serve, spec, ask):
    """The response of the adapter to a server with this handler."""

    def run(handler, **fields):
        async def main():
            async with serve(handler) as server:
                adapter = build_adapter(spec(**fields), base_url=server.url + "/v1", timeout=20)
                try:
                    return await adapter.generate(ask())
                finally:
                    await adapter.close()

        return asyncio.run(main())

    return run


def chat(message: dict, finish: str | None = "stop", **fields) -> dict:
    return {"id": "c1", "model": "some-model", "choices": [{"message": message, "finish_reason": finish}], **fields}


def sse(*chunks: dict, done: bool = True, end: str = "\n\n") -> bytes:
    lines = [f"data: {json.dumps(chunk)}{end}" for chunk in chunks]
    return ("".join(lines) + ("data: [DONE]\n\n" if done else "")).encode()


def delta(finish: str | None = None, **fields) -> dict:
    return {"model": "some-model", "choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


@pytest.mark.parametrize(
    ("message", "text", "reasoning"),
    [
        ({"content": "B"}, "B", None),
        ({"content": "B", "reasoning": "r"}, "B", "r"),
        ({"content": "B", "reasoning_content": "rc"}, "B", "rc"),
        ({"content": "B", "reasoning": "r", "reasoning_content": "rc"}, "B", "r"),
        ({"content": "B", "reasoning": None, "reasoning_content": "rc"}, "B", "rc"),
        ({"content": "B", "reasoning": ""}, "B", None),
        ({"content": "thought\n</think>\nB"}, "thought\n</think>\nB", None),
        ({"content": None, "reasoning": "only thought"}, "", "only thought"),
        ({"content": [{"type": "text", "text": "B"}, {"type": "text", "text": "."}]}, "B.", None),
        (
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "r"}]}, {"type": "text", "text": "B"}]},
            "B",
            "r",
        ),
        ({"content": None, "audio": {"data": "AAAA", "transcript": "spoken"}}, "spoken", None),
    ],
)  # fmt: skip
def test_text_and_reasoning(message, text, reasoning, answer, reply_with):
    response = answer(reply_with(chat(message)))
    assert (response.text, response.reasoning) == (text, reasoning)


@pytest.mark.parametrize(
    ("given", "finish"),
    [
        ("stop", "stop"), ("length", "length"), ("content_filter", "content_filter"), ("model_length", "length"),
        ("STOP", "stop"), ("tool_calls", "tool_calls"), (None, "unknown"),
    ],
)  # fmt: skip
def test_finish_reason(given, finish, answer, reply_with):
    assert answer(reply_with(chat({"content": "B"}, given))).finish_reason == finish


def test_refusals_and_blocked_prompts_are_answers_not_errors(answer, reply_with):
    refused = answer(reply_with(chat({"content": None, "refusal": "I can't help with that."})))
    assert (refused.text, refused.finish_reason) == ("I can't help with that.", "content_filter")
    body = {"error": {"code": "content_filter", "message": "The response was filtered", "status": 400}}
    blocked = answer(reply_with(body, 400))
    assert (blocked.text, blocked.finish_reason) == ("", "content_filter")
    assert blocked.raw["blocked"] == "The response was filtered"


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}, {"prompt": 5, "completion": 2, "total": 7}),
        (
            {
                "prompt_tokens": 900,
                "prompt_tokens_details": {"audio_tokens": 100, "cached_tokens": 768, "text_tokens": 32},
                "completion_tokens": 50,
                "completion_tokens_details": {"reasoning_tokens": 40, "audio_tokens": 3, "text_tokens": 7},
                "total_tokens": 950,
            },
            {
                "prompt": 900, "audio": 100, "cached": 768, "completion": 50, "reasoning": 40, "audio_output": 3,
                "total": 950,
            },
        ),
        (
            {"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": None, "multimodal_tokens": {"audio": 8}}},
            {"prompt": 9, "audio": 8},
        ),
        ({"prompt_tokens": 9, "prompt_tokens_details": None, "prompt_audio_seconds": 3}, {"prompt": 9, "audio_seconds": 3}),
        (None, {}),
    ],
    ids=["plain", "openai", "vllm", "mistral", "none"],
)  # fmt: skip
def test_usage(usage, expected, answer, reply_with):
    assert answer(reply_with(chat({"content": "B"}, usage=usage))).usage == expected


def test_small_fields_are_kept_and_large_ones_are_not(answer, reply_with):
    body = chat({"content": "B"}, system_fingerprint="fp", usage={"cost": 0.25}, prompt_logprobs=[1] * 999)
    response = answer(reply_with(body))
    assert response.raw == {"id": "c1", "system_fingerprint": "fp", "requested_model": "some-model", "cost": 0.25}
    assert response.latency["total"] > 0
    assert "first_token" not in response.latency


# -- streams


def test_a_stream_is_put_together_with_usage_in_its_last_chunk(answer, stream_with):
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    body = sse(
        delta(role="assistant", content=""),
        delta(reasoning_content="hm"),
        delta(reasoning_content=" yes"),
        delta(content="The "),
        delta(content="answer"),
        delta("stop"),
        {"model": "some-model", "choices": [], "usage": usage},
    )
    response = answer(stream_with(body), options={"stream": True})
    assert (response.text, response.reasoning, response.finish_reason) == ("The answer", "hm yes", "stop")
    assert response.usage == {"prompt": 3, "completion": 4, "total": 7}
    assert response.served_model == "some-model"


def test_a_stream_may_be_cut_anywhere_and_hold_comments(answer, stream_with):
    whole = b": PROCESSING\r\n\r\n" + sse(
        delta(reasoning="rüf"), delta(content="日本"), delta("length", content="語"), end="\r\n\r\n"
    )
    for size in (1, 7, 100):
        blocks = [whole[i : i + size] for i in range(0, len(whole), size)]
        response = answer(stream_with(*blocks), options={"stream": True})
        assert (response.text, response.reasoning, response.finish_reason) == ("日本語", "rüf", "length")


def test_time_to_the_first_token(answer, stream_with):
    blocks = [sse(delta(content=""), done=False), sse(delta(content="B"), done=False), sse(delta("stop"))]
    response = answer(stream_with(*blocks, pause=0.05), options={"stream": True})
    assert 0.1 <= response.latency["first_token"] < response.latency["total"]
    assert response.latency["total"] >= 0.15


def test_a_stream_that_stops_early_may_be_tried_again(answer, stream_with):
    with pytest.raises(RetryableError, match="the stream ended before the answer did"):
        answer(stream_with(sse(delta(content="The "), done=False)), options={"stream": True})
    with pytest.raises(RetryableError, match="no choices"):
        answer(stream_with(b"data: [DONE]\n\n"), options={"stream": True})
    with pytest.raises(RetryableError, match="not valid JSON"):
        answer(stream_with(b'data: {"choi\n\n'), options={"stream": True})


def test_a_stream_whose_last_event_has_no_blank_line_is_whole(answer, stream_with):
    body = sse(delta(content="B"), delta("stop"), done=False).rstrip(b"\n")
    assert answer(stream_with(body), options={"stream": True}).text == "B"


def test_an_error_within_a_stream(answer, stream_with):
    overloaded = {"error": {"message": "overloaded", "code": 503}}
    with pytest.raises(RetryableError, match="HTTP 503: overloaded"):
        answer(stream_with(sse(delta(content="The "), overloaded)), options={"stream": True})
    with pytest.raises(SampleError, match="HTTP 400"):
        answer(stream_with(sse({"error": {"message": "too long", "code": 400}})), options={"stream": True})


def test_what_a_filter_stops_within_a_stream_is_a_refusal(answer, stream_with):
    stopped = {"error": {"message": "Output data may contain inappropriate content.", "code": "data_inspection_failed"}}
    response = answer(stream_with(sse(delta(content="The "), stopped)), options={"stream": True})
    assert (response.text, response.finish_reason) == ("", "content_filter")
    assert response.raw["blocked"].startswith("Output data")


def test_a_server_that_answers_a_stream_in_one_piece(answer, reply_with):
    assert answer(reply_with(chat({"content": "B"})), dialect="dashscope").text == "B"


def test_very_long_lines_in_a_stream(answer, stream_with):
    text = "long " * 100_000
    assert answer(stream_with(sse(delta("stop", content=text))), options={"stream": True}).text == text


# -- who answered


@pytest.mark.parametrize(
    ("asked", "served", "same"),
    [
        ("gpt-audio-1.5", "gpt-audio-1.5-2026-02-23", True),
        ("gpt-audio", "gpt-audio-mini", False),
        ("gpt-audio", "gpt-audio-1.5", False),
        ("gemini-2.5-pro", "gemini-3.8-flash", False),
        ("gemini-2.5-flash", "gemini-2.5-flash-lite", False),
        ("gemini-2.5-flash-lite", "models/gemini-2.5-flash-lite-001", True),
        ("voxtral-small-latest", "voxtral-small-2507", True),
        ("voxtral-small-latest", "voxtral-mini-2507", False),
        ("google/gemini-2.5-flash-lite", "gemini-2.5-flash-lite", True),
        ("step-audio-r1", "step-audio-r1.1", False),
        ("Qwen/Qwen3-Omni-30B-A3B-Instruct", "Qwen/Qwen3-Omni-30B-A3B-Thinking", False),
        ("/models/Step-Audio-R1", "Step-Audio-R1", True),
    ],
)
def test_same_model(asked, served, same):
    assert same_model(asked, served) is same


def test_another_model_than_asked_is_recorded(answer, reply_with):
    response = answer(reply_with(chat({"content": "B"}) | {"model": "other-model"}))
    assert response.served_model == "other-model"
    assert response.raw["requested_model"] == "some-model"
    assert response.raw["model_differs"] is True
    assert "model_differs" not in answer(reply_with(chat({"content": "B"}))).raw


def test_an_azure_deployment_is_compared_with_the_model_it_should_run(answer, reply_with):
    options = {"api_version": "v", "model": "gpt-audio-1.5"}
    fine = answer(
        reply_with(chat({"content": "B"}) | {"model": "gpt-audio-1.5-2026-02-23"}), dialect="azure", options=options
    )
    assert "model_differs" not in fine.raw
    wrong = answer(reply_with(chat({"content": "B"}) | {"model": "gpt-audio-mini"}), dialect="azure", options=options)
    assert wrong.raw["model_differs"] is True


def test_the_list_of_served_models(serve, spec, reply_with):
    async def main():
        async with serve(reply_with({"object": "list", "data": [{"id": "a"}, {"id": "b"}]})) as server:
            adapter = build_adapter(spec(), base_url=server.url + "/v1/")
            names = await adapter.served_models()
            await adapter.close()
            return names, server.seen[0].path

    assert asyncio.run(main()) == (["a", "b"], "/v1/models")


def test_adapters_share_one_session_and_the_last_one_closes_it(serve, spec, ask, reply_with):
    from model_adapters import http

    async def main():
        async with serve(reply_with(chat({"content": "B"}))) as server:
            first, second = (build_adapter(spec(), base_url=server.url + "/v1") for _ in range(2))
            await asyncio.gather(first.generate(ask()), second.generate(ask()))
            (pool,) = [p for loop, p in http._pools.items() if loop is asyncio.get_running_loop()]
            await first.close()
            assert not pool.session.closed
            assert (await second.generate(ask())).text == "B"
            await second.close()
            assert pool.session.closed
            assert (await first.generate(ask())).text == "B"  # used again: a fresh session
            await first.close()

    asyncio.run(main())
