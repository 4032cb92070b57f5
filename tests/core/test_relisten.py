"""`relisten`: what is sent at each turn, what counts as the answer, and what is refused before anything is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audiobench.ask.protocols import find_protocol
from audiobench.core.parts import words
from audiobench.core.types import AudioPart, Clip, Exchange, Message, Request, Response, TextPart
from audiobench.media.wav import pcm_wav
from audiobench.model.spec import BudgetMode, ModelSpec, Thinking, ThinkMode
from audiobench.model.think import resolve

SPEC = ModelSpec(
    name="m",
    adapter="local",
    served_model="m",
    thinking=Thinking(on=ThinkMode(prefill="<think>\n"), budget=BudgetMode()),
)


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    """Ten seconds."""
    file = tmp_path / "clip.wav"
    file.write_bytes(pcm_wav(np.zeros(80_000, "<i2").tobytes(), 8000, 1))
    return Clip(file)


def converse(
    request: Request, replies: Sequence[str | Response], *, written: str = "relisten", think: str = "on"
) -> tuple[Exchange, list[Request]]:
    """The exchange with a server that gives these replies, and what it was sent. It cuts at stop strings."""
    sent: list[Request] = []

    async def send(asked: Request) -> Response:
        reply = replies[len(sent)]
        sent.append(asked)
        said = reply if isinstance(reply, Response) else Response(reply)
        for stop in asked.generation.get("until", ()):
            said.text = said.text.split(stop)[0]
        said.usage = {"prompt": 10, "completion": 2}
        said.latency = {"total": 1.0}
        return said

    exchange = asyncio.run(find_protocol(written).exchange(send, request, resolve(SPEC, think)))
    assert len(exchange.turns) == len(sent)
    return exchange, sent


def question(clip: Clip, transform: str = "full", **generation: Any) -> Request:
    turns = (Message("user", (AudioPart(clip, transform), TextPart("Which?"))),)
    return Request(turns, {"seed": 1, **generation}, prefill=words("<think>\n"), sample_id="s")


def test_a_named_span_stands_behind_its_tag_and_everything_before_it_stays(clip: Clip) -> None:
    replies = ["A bark <seg>1.0, 2.5</seg>", "low <seg>4,99</seg>", "so a dog.</think><answer>dog</answer>"]
    exchange, sent = converse(question(clip, until=["\n\n"]), replies)
    first, second, third = sent
    assert [request.generation["until"] for request in sent] == [["\n\n", "</seg>"]] * 3
    assert first.prefill == words("<think>\n") and first.messages == second.messages == third.messages
    one = TextPart("<think>\nA bark <seg>1.0, 2.5</seg>"), AudioPart(clip, span=(1.0, 2.5))
    assert second.prefill == one
    assert third.prefill == (*one, TextPart("low <seg>4,99</seg>"), AudioPart(clip, span=(4.0, 10.0)))
    answer = exchange.response
    assert answer.text == "<answer>dog</answer>"
    assert answer.reasoning == "A bark <seg>1.0, 2.5</seg>low <seg>4,99</seg>so a dog."
    assert (answer.usage, answer.latency) == ({"prompt": 30, "completion": 6}, {"total": 3.0})


@pytest.mark.parametrize(
    "named",
    ["3,1", "1.0,1.1", "12,14", "1.2.3,4", "x", "1,2 s"],
    ids=["reversed", "short", "outside", "no number", "word", "unit"],
)
def test_a_span_that_cannot_be_heard_is_not_and_the_thought_goes_on(clip: Clip, named: str) -> None:
    exchange, (_, second) = converse(question(clip), [f"Here <seg>{named}</seg>", "well</think>dog"])
    assert second.prefill == words(f"<think>\nHere <seg>{named}</seg>")
    assert exchange.response.text == "dog"


def test_the_last_of_several_spans_is_heard(clip: Clip) -> None:
    said = Response("one <seg>1,2</seg> two <seg>3,4", raw={"stop_reason": "</seg>"})
    said.text = "two <seg>3,4"
    _, (_, second) = converse(question(clip), [said, "</think>dog"])
    assert second.audio[-1].span == (3.0, 4.0)


def test_without_sound_only_the_timestamps_stay(clip: Clip) -> None:
    replies = ["A bark <seg>1,2</seg>", "low</think>dog"]
    _, (_, second) = converse(question(clip), replies, written="relisten:hear=text_only")
    assert second.prefill == words("<think>\nA bark <seg>1,2</seg>")


def test_a_random_segment_is_as_long_is_elsewhere_and_is_drawn_again_alike(clip: Clip) -> None:
    def heard(**generation: Any) -> tuple[float, float]:
        replies = ["A bark <seg>1,2.5</seg>", "low</think>dog"]
        _, (_, second) = converse(question(clip, **generation), replies, written="relisten:hear=random_segment")
        assert second.prefill and second.prefill[0] == TextPart("<think>\nA bark <seg>1,2.5</seg>")
        assert second.audio[-1].span
        return second.audio[-1].span

    start, end = heard()
    assert end - start == pytest.approx(1.5) and start >= 2.5
    assert heard() == (start, end) != heard(seed=2)


def test_off_is_one_turn_that_nothing_stops(clip: Clip) -> None:
    exchange, (only,) = converse(question(clip), ["<seg>1,2</seg> so</think>dog"], written="relisten:hear=off")
    assert "until" not in only.generation and exchange.response.reasoning == "<seg>1,2</seg> so"


def test_after_the_last_turn_the_thought_is_cut_off(clip: Clip) -> None:
    exchange, sent = converse(question(clip), ["again <seg>1,2</seg>"] * 3, written="relisten:turns=3")
    assert len(sent) == 3 and len(sent[-1].audio) == 3
    response = exchange.response
    assert (response.finish_reason, response.reasoning_closed, response.raw["turn_limit"]) == ("length", False, 3)


def test_a_reversed_clip_is_heard_again_where_it_sounded(clip: Clip) -> None:
    _, (_, second) = converse(question(clip, "reverse"), ["<seg>1,3</seg>", "</think>dog"])
    assert (second.audio[-1].span, second.audio[-1].transform) == ((7.0, 9.0), "reverse")


def test_a_thought_that_the_server_took_out_is_put_back(clip: Clip) -> None:
    first = Response("", reasoning="A bark <seg>1,2")
    exchange, (_, second) = converse(question(clip), [first, Response("dog", reasoning="low")])
    assert second.prefill and second.prefill[0] == TextPart("<think>\nA bark <seg>1,2</seg>")
    assert (exchange.response.text, exchange.response.reasoning) == ("dog", "A bark <seg>1,2</seg>low")


def test_a_stop_that_the_server_explains_is_believed(clip: Clip) -> None:
    ended = Response("<seg>1,2", raw={"stop_reason": "<|im_end|>"})
    exchange, sent = converse(question(clip), [ended])
    assert len(sent) == 1 and not exchange.response.reasoning_closed


def test_turn_based_sends_the_span_as_the_users_next_turn(clip: Clip) -> None:
    replies = ["A bark <seg>1,2</seg>", "low <seg>5,4</seg>", "so</think>dog"]
    exchange, sent = converse(question(clip), replies, written="relisten:form=turn_based")
    *_, answered, heard, then, silent = sent[2].messages
    assert answered == Message("assistant", (TextPart("<think>\nA bark <seg>1,2</seg>"),))
    assert heard.parts == (AudioPart(clip, span=(1.0, 2.0)), TextPart("This is the recording from 1 to 2 s. Go on."))
    assert then.role == "assistant" and silent.parts == (TextPart("Go on."),)
    assert all(request.prefill == words("<think>\n") for request in sent)
    assert exchange.response.text == "dog"
    assert exchange.response.reasoning == "A bark <seg>1,2</seg>\nlow <seg>5,4</seg>\nso"


def test_without_any_clip_nothing_is_heard() -> None:
    request = Request((Message("user", (TextPart("Which?"),)),), prefill=words("<think>\n"))
    _, (_, second) = converse(request, ["<seg>1,2</seg>", "</think>dog"])
    assert second.prefill == words("<think>\n<seg>1,2</seg>")
