"""Think modes: what is sent, what is refused, and how a reply is taken apart."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiobench.ask import protocols
from audiobench.core.errors import UsageError
from audiobench.core.types import Message, Request, Response, TextPart
from audiobench.model import think
from audiobench.model.spec import BudgetMode, ModelSpec, Thinking, ThinkMode

ON, OFF = "<think>\n", "<think>\n\n</think>\n"
STEP = Thinking(
    default="on",
    on=ThinkMode(prefill=ON),
    off=ThinkMode(prefill=OFF),
    budget=BudgetMode(method="two_pass"),
)


def spec(thinking: Thinking) -> ModelSpec:
    return ModelSpec(name="m", adapter="scripted", served_model="m", thinking=thinking)


def request() -> Request:
    return Request((Message("user", (TextPart("Which?"),)),), {"max_gen_toks": 100})


@pytest.mark.parametrize(
    ("text", "prefill", "field", "reasoning", "answer", "closed"),
    [
        ("I hear a low voice.</think>\nB", ON, None, "I hear a low voice.", "B", True),
        ("<think>low voice</think>\n\nB", None, None, "low voice", "B", True),
        ("low voice, so maybe B", ON, None, "low voice, so maybe B", "", False),
        ("<think>low voice, so B", None, None, "low voice, so B", "", False),
        ("low voice</think>", ON, None, "low voice", "", True),
        ("one</think>two</think>B", ON, None, "one</think>two", "B", True),
        ("one</think>B</think>", ON, None, "one", "B", True),
        ("B", OFF, None, None, "B", True),
        ("B", None, "I listen", "I listen", "B", True),
        ("B", ON, "the server took the thought out", "the server took the thought out", "B", True),
        ("The answer is B.", None, None, None, "The answer is B.", True),
    ],
)
def test_split(text: str, prefill: str | None, field: str | None, reasoning: str, answer: str, closed: bool) -> None:
    got = think.split(Response(text, reasoning=field), prefill, Thinking())
    assert (got.reasoning, got.text, got.reasoning_closed) == (reasoning, answer, closed)


def test_a_thought_that_filled_the_token_limit_is_not_closed() -> None:
    got = think.split(Response("", reasoning="and then", finish_reason="length"), None, Thinking())
    assert not got.reasoning_closed


@given(st.text(), st.text(alphabet=st.characters(exclude_characters="<")))
def test_what_was_thought_never_becomes_the_answer(thought: str, answer: str) -> None:
    got = think.split(Response(f"{thought}</think>{answer}"), ON, Thinking())
    assert got.text == answer.strip() or not answer.strip()
    assert got.reasoning_closed


@given(st.text(alphabet=st.characters(exclude_characters="<")))
def test_an_unclosed_thought_has_no_answer(thought: str) -> None:
    got = think.split(Response(thought), ON, Thinking())
    assert got.text == "" and not got.reasoning_closed


@pytest.mark.parametrize(("asked", "prefill"), [("on", ON), ("off", OFF), ("default", ON)])
def test_the_prefill_of_each_mode(asked: str, prefill: str) -> None:
    assert think.apply(request(), think.resolve(spec(STEP), asked)).prefill_text == prefill


@pytest.mark.parametrize(
    ("thinking", "asked", "says"),
    [
        (Thinking(), "on", "no such mode"),
        (Thinking(), "budget:64", "no such mode"),
        (STEP, "maybe", "not a think mode"),
        (STEP, "budget:", "not a think mode"),
        (Thinking(off=ThinkMode(how="approx", label="minimal")), "off", "only approximately"),
        (Thinking(budget=BudgetMode(method="native", range=(128, 512))), "budget:64", "takes 128 to 512"),
    ],
)
def test_refused_before_the_first_request(thinking: Thinking, asked: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        think.resolve(spec(thinking), asked)


def test_an_approximation_is_labelled_as_what_it_is() -> None:
    thinking = Thinking(off=ThinkMode(how="approx", label="minimal", extra_body={"level": "MINIMAL"}))
    plan = think.resolve(spec(thinking), "off", allow_approx=True)
    assert plan.effective == "approx:minimal"
    assert think.apply(request(), plan).extra_body == {"level": "MINIMAL"}


def test_a_native_budget_is_filled_in_as_a_number() -> None:
    thinking = Thinking(budget=BudgetMode(method="native", extra_body={"config": {"thinkingBudget": "{budget}"}}))
    plan = think.resolve(spec(thinking), "budget:512")
    assert think.apply(request(), plan).extra_body == {"config": {"thinkingBudget": 512}}


def test_a_budget_in_two_passes() -> None:
    asked: list[Request] = []

    async def model(sent: Request) -> Response:
        asked.append(sent)
        if len(asked) == 1:
            return Response(
                "It is a low voice and", finish_reason="length", usage={"prompt": 50, "cached": 40, "completion": 8}
            )
        return Response("B", usage={"prompt": 60, "completion": 1})

    plan = think.resolve(spec(STEP), "budget:8")
    got = asyncio.run(protocols.for_plan(plan)(model, think.apply(request(), plan))).response
    first, second = asked
    assert (first.generation["max_gen_toks"], first.generation["until"], first.prefill_text) == (8, ["</think>"], ON)
    assert second.prefill_text == ON + "It is a low voice and\n</think>\n"
    assert second.generation["max_gen_toks"] == 100
    assert (got.text, got.reasoning, got.think_effective) == ("B", "It is a low voice and", "two_pass:8")
    assert got.usage == {"prompt": 110, "cached": 40, "completion": 9, "reasoning": 8}
    assert got.raw["thinking_cut"] is True


@pytest.mark.parametrize("piece", ["</think", "\n</", "</think\n"])
def test_a_budget_that_ends_within_the_closing_tag_is_an_ended_thought(piece: str) -> None:
    asked: list[Request] = []

    async def model(sent: Request) -> Response:
        asked.append(sent)
        return Response("two beeps" + piece, finish_reason="length") if len(asked) == 1 else Response("B")

    plan = think.resolve(spec(STEP), "budget:8")
    got = asyncio.run(protocols.for_plan(plan)(model, think.apply(request(), plan))).response
    assert asked[1].prefill_text == ON + "two beeps\n</think>\n"
    assert (got.reasoning, got.raw["thinking_cut"]) == ("two beeps", False)


def test_default_sends_nothing_to_a_model_of_which_nothing_is_known() -> None:
    thinking = Thinking(off=ThinkMode(how="unsupported"))
    sent = think.apply(request(), think.resolve(spec(thinking), "default"))
    assert (sent.prefill, dict(sent.extra_body)) == (None, {})


def test_a_think_suffix_is_part_of_the_user_turn() -> None:
    thinking = Thinking(on=ThinkMode(how="approx", label="cot_prompt", prompt_suffix="\nThink step by step."))
    sent = think.apply(request(), think.resolve(spec(thinking), "on", allow_approx=True))
    parts: Any = sent.messages[-1].parts
    assert [part.text for part in parts] == ["Which?", "\nThink step by step."]
