"""`self_reflect`: what the last call shows, how its answer is read, and whose answers are shown."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from audiobench.ask.protocols import find_protocol
from audiobench.ask.self_reflect import action_of
from audiobench.core.types import AudioPart, Clip, Exchange, Message, Request, Response, Sample, TextPart
from audiobench.model.spec import ModelSpec
from audiobench.model.think import resolve

CLIP = AudioPart(Clip(Path("a.wav"), sha256="ab" * 32))
QUESTION = Sample("s", "Which animal?", choices=("dog", "cat", "cow"), target="cat")
SPEECH = Sample("s", "", target="a b c")


def converse(
    sample: Sample, replies: Sequence[str], *hypotheses: str, nbest: int = 1
) -> tuple[Exchange, list[Request]]:
    """The exchange with a server that gives these replies, and what it was sent."""
    sent: list[Request] = []

    async def send(asked: Request) -> Response:
        sent.append(asked)
        return Response(replies[len(sent) - 1], usage={"prompt": 5})

    turns = (
        Message("system", (TextPart("Be brief."),)),
        Message("user", (CLIP, TextPart("Which? A. dog B. cat C. cow"))),
    )
    request = Request(turns, {"seed": 1}, hypotheses=hypotheses, sample=sample)
    plan = resolve(ModelSpec(name="m", adapter="local", served_model="m"), "default")
    return asyncio.run(find_protocol(f"self_reflect:nbest={nbest}").exchange(send, request, plan)), sent


def shown(request: Request) -> str:
    system, user = request.messages
    assert system == Message("system", (TextPart("You are a helpful assistant."),)) and user.parts[0] == CLIP
    text = user.parts[1]
    assert isinstance(text, TextPart)
    return text.text


def test_the_last_call_shows_the_sound_both_answers_and_the_published_words() -> None:
    exchange, (first, last) = converse(QUESTION, ["The answer is A.", "<external> cat"], "cat")
    assert [m.role for m in first.messages] == ["system", "user"] and "External" not in first.text
    text = shown(last)
    assert text.startswith(
        "You are an audio understanding model with access to three inputs:\n\n(1) The original audio;\n(2) One answer"
    )
    assert text.endswith(
        "Question: Which animal?\nOptions:\n- dog\n- cat\n- cow\n\nExternal model 1-best predictions:\ncat\n\nInternal prediction: dog\n\n"
    )
    response = exchange.response
    assert (response.text, response.usage) == ("cat", {"prompt": 10})
    assert response.raw["self_reflect"] == {
        "action": "external", "internal": "The answer is A.", "external": ["cat"], "internal_finish": "stop", "internal_closed": True,
    }  # fmt: skip


def test_five_hypotheses_are_shown_as_a_list_and_another_number_in_its_word() -> None:
    _, (_, last) = converse(QUESTION, ["hmm", "<rewrite> cow"], "cat", "dog", "cat", "cow", "cat", nbest=5)
    assert "(2) Five answer candidates generated" in shown(last)
    assert (
        "External model 5-best predictions:\n['cat', 'dog', 'cat', 'cow', 'cat']\n\nInternal prediction: hmm"
        in shown(last)
    )
    _, (_, last) = converse(QUESTION, ["hmm", "<rewrite> cow"], "cat", "dog", nbest=5)
    assert "(2) Two answer candidates generated" in shown(last) and "External model 2-best predictions:" in shown(last)


def test_transcripts_are_shown_as_the_scripts_have_them() -> None:
    exchange, (_, last) = converse(SPEECH, ["A, b (uh) <c>", "<need_ref> a b c"], *"vwxyz", nbest=5)
    text = shown(last)
    assert "    (2) Five transcription hypotheses from another ASR system (external);\n" in text
    assert "    Hypotheses:\n    ['v', 'w', 'x', 'y', 'z']\n\n    Internal transcript:\n    a b" in text
    assert exchange.response.text == "a b c" and exchange.response.raw["self_reflect"]["action"] == "need_ref"
    _, (_, last) = converse(SPEECH, ["a", "<no_ref> a"], "b")
    assert "(2) One transcription hypothesis from another ASR system" in shown(last)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("<internal> dog", ("internal", "dog")),
        ("I choose <rewrite>: cow", ("rewrite", ": cow")),
        ("<external>", ("external", "")),
        ("<external> <internal> x", ("external", "<internal> x")),
        ("dog", (None, "dog")),
        ("<Internal> dog", (None, "<Internal> dog")),
    ],
)
def test_an_action_is_the_first_token_and_the_answer_stands_behind_it(text: str, read: Any) -> None:
    assert action_of(text) == read


def test_hypotheses_are_in_the_key_and_absent_ones_leave_it_as_it_was() -> None:
    bare = Request((Message("user", (TextPart("x"),)),))
    keys = {Request(bare.messages, hypotheses=h).key("m") for h in ((), ("a",), ("a", "b"))}
    assert len(keys) == 3 and bare.key("m") in keys
