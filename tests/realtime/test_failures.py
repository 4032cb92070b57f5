"""Which error a failed session is, and what is an answer although it is none."""

from __future__ import annotations

import pytest

from audiobench.model.adapter import RetryableError, RunError, SampleError
from tests.realtime.servers import Script, loopback


@pytest.mark.parametrize(
    ("script", "error", "message"),
    [
        (Script(close_with=(1006, ""), packets=[]), RetryableError, "code 1006"),
        (Script(close_with=(1006, "")), RetryableError, "code 1006"),
        (Script(close_with=(1011, "internal"), packets=[]), RetryableError, "1011: internal"),
        (Script(close_with=(1000, ""), packets=[]), RetryableError, "code 1000"),
        (Script(close_with=(1007, "Request contains an invalid argument."), packets=[]), SampleError, "invalid arg"),
        (Script(close_with=(1008, "policy"), packets=[]), SampleError, "code 1008"),
        (Script(close_with=(1008, "API key not valid"), close_at="setup"), RunError, "API key not valid"),
        (Script(close_with=(1011, "You exceeded your quota: requests per day"), packets=[]), RunError, "per day"),
        (Script(refuse=(401, b'{"error": {"message": "Incorrect API key"}}')), RunError, "Incorrect API key"),
        (Script(refuse=(404, b"{}")), RunError, "HTTP 404"),
        (Script(refuse=(503, b"busy")), RetryableError, "HTTP 503"),
        (Script(refuse=(200, b"<html>hello</html>")), RunError, "HTTP 200 instead of a websocket"),
        (Script(refuse=(502, b"<html><title>Bad Gateway</title>")), RetryableError, r"Bad Gateway \(an HTML page\)"),
        (Script(error_event={"type": "invalid_request_error", "code": "invalid_value", "message": "bad"}), SampleError, "bad"),
        (Script(error_event={"type": "server_error", "message": "oops"}), RetryableError, "oops"),
        (Script(error_event="the model is overloaded"), RetryableError, "the model is overloaded"),
        (Script(error_event={"type": "x", "code": "insufficient_quota", "message": "pay"}), RunError, "pay"),
        (Script(hang=True), RetryableError, "no complete audio within 0.4 s"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("protocol", ["openai", "gemini_live"])
def test_failures_are_told_apart(protocol, script, error, message, ask):
    with loopback(protocol, script) as server, pytest.raises(error, match=message):
        ask(server, pace="burst", timeout=0.4 if script.hang else 10.0)


@pytest.mark.parametrize("closing", [(1011, "quota exceeded, slow down"), (1008, "rate limit")])
def test_a_rate_limit_cuts_concurrency(closing, ask):
    script = Script(close_with=closing, packets=[])
    with loopback("gemini_live", script) as server, pytest.raises(RetryableError) as found:
        ask(server, pace="burst")
    assert found.value.rate_limited


def test_a_rate_limit_event_cuts_concurrency(ask):
    event = {"type": "requests", "code": "rate_limit_exceeded", "message": "slow down"}
    with loopback("openai", Script(error_event=event)) as server, pytest.raises(RetryableError) as found:
        ask(server, pace="burst")
    assert found.value.rate_limited


@pytest.mark.parametrize(("reason", "finish"), [("max_output_tokens", "length"), ("content_filter", "content_filter")])
def test_an_incomplete_answer_is_an_answer(reason, finish, ask):
    with loopback("openai", Script(status="incomplete", details={"reason": reason})) as server:
        found = ask(server, pace="burst")
    assert found.finish_reason == finish and found.raw["incomplete"] == reason and len(found.parts) == 1


def test_a_rejected_answer_of_gemini_is_a_refusal(ask):
    with loopback("gemini_live", Script(packets=[], transcript="", turn_reason="RESPONSE_REJECTED")) as server:
        assert ask(server, pace="burst").finish_reason == "content_filter"


@pytest.mark.parametrize("protocol", ["openai", "gemini_live"])
def test_an_answer_without_audio_says_nothing(protocol, ask, tmp_path):
    """Its transcript is kept and is not taken for speech."""
    with loopback(protocol, Script(packets=[])) as server:
        found = ask(server, pace="burst", folder=tmp_path)
    assert (found.text, found.finish_reason, found.raw["no_audio"]) == ("", "stop", True)
    assert found.raw["provider_text"] == "The answer is seven."
    assert "first_audio" not in found.latency and list(tmp_path.iterdir()) == []


def test_interruptions_are_tried_again(ask):
    with (
        loopback("gemini_live", Script(interrupted=True)) as server,
        pytest.raises(RetryableError, match="interrupted"),
    ):
        ask(server, pace="burst")
    script = Script(status="cancelled", details={"reason": "turn_detected"})
    with loopback("openai", script) as server, pytest.raises(RetryableError, match="turn_detected"):
        ask(server, pace="burst")
    script = Script(status="failed", details={"error": {"type": "server_error", "code": "server_error"}})
    with loopback("openai", script) as server, pytest.raises(RetryableError, match="server_error"):
        ask(server, pace="burst")


def test_an_answer_before_the_clip_ended_is_a_split_turn(ask):
    with loopback("openai", Script(early=True, delay=0.02, gap=0.02, packets=[b"\x00\x20" * 99] * 20)) as server, pytest.raises(SampleError, match="split turn"):  # fmt: skip
        ask(server, seconds=0.3, turn="vad")


def test_another_model_is_noticed(ask):
    with loopback("openai", Script(model="gpt-realtime-mini")) as server:
        found = ask(server, pace="burst")
    assert found.raw["model_differs"] and found.served_model == "gpt-realtime-mini"


def test_no_key_in_an_error(ask):
    script = Script(close_with=(1008, "key FAKE-key-for-tests is not valid"), close_at="setup")
    with loopback("openai", script) as server, pytest.raises(RunError) as found:
        ask(server, pace="burst")
    assert "FAKE-key" not in str(found.value) and "***" in str(found.value)


def test_nobody_there_is_tried_again(ask):
    with loopback("openai", Script()) as server:
        pass
    with pytest.raises(RetryableError):
        ask(server, pace="burst")


def test_a_quota_of_the_day_is_nobodys_mistake(ask):
    script = Script(close_with=(1011, "quota: requests per day"), packets=[])
    with loopback("gemini_live", script) as server, pytest.raises(RunError) as found:
        ask(server, pace="burst")
    assert found.value.incomplete
