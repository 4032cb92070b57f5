"""Tools: handed to a server by its own means or shown in words, calls in one form, matched by BFCL's rules."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from msgspec import structs

from audiobench.ask.prompt import build
from audiobench.core import strict_yaml
from audiobench.core.parts import text_of
from audiobench.core.tools import in_words, tools_of
from audiobench.core.types import (
    Answer,
    Clip,
    Condition,
    Message,
    Request,
    Response,
    Sample,
    TextPart,
    Tool,
    ToolCall,
)
from audiobench.model.capabilities import unmet
from audiobench.model.registry import build_adapter, capabilities, find_model
from audiobench.model.think import resolve
from audiobench.scorers import bfcl, speech_fc
from audiobench.task.spec import TaskSpec
from tests.run.conftest import wav
from tests.run.test_relisten import lines

PLAY = {
    "name": "music.play",
    "description": "Play a song.",
    "parameters": {
        "type": "dict",
        "properties": {"title": {"type": "string"}, "speed": {"type": "float"}},
        "required": ["title"],
    },
}
TASK = """\
task: toy
dataset_path: items.jsonl
doc_to_id: "{{id}}"
doc_to_audio: "{{audio}}"
doc_to_tools: "{{tools}}"
prompt:
  - {name: in_words, order: [text, audio], text: "item 0: {{tools}}"}
  - {name: native, order: [audio], tools: true}
extraction: [full_text]
scorer: bfcl_ast
"""
CALLS = [{"id": "c1", "type": "function", "function": {"name": "music_play", "arguments": '{"title": "Blue Moon"}'}}]


@pytest.fixture
def player(tmp_path: Path) -> Path:
    """A task of one item that a tool helps with and one that none does."""
    (tmp_path / "clip.wav").write_bytes(wav())
    wanted = [{"music.play": {"title": ["Blue Moon"], "speed": [1.0, ""]}}]
    rows = [
        {"id": name, "audio": "clip.wav", "tools": [PLAY], "reference": reference}
        for name, reference in (("s0", wanted), ("s1", []))
    ]
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    file = tmp_path / "toy.yaml"
    file.write_text(TASK)
    return file


def test_calls_of_a_server_and_calls_in_words_are_scored_alike(
    player: Path, server: Any, cli: Any, tmp_path: Path
) -> None:
    native = server(message=json.dumps({"content": None, "tool_calls": CALLS}))
    words = server(message=json.dumps({"content": 'Sure. ```json\n[{"music_play": {"title": "blue moon"}}]\n```'}))
    for prompt, url in (("native", native), ("in_words", words)):
        out = tmp_path / prompt
        done = cli(
            "run", "--model", "openai_chat:mock", "--tasks", player, "--base-url", url, "--out", out, "--quiet",
            "--prompt", prompt,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        (entry,) = json.loads((out / "toy" / "summary.json").read_text())
        assert entry["metrics"]["acc"]["value"] == 0.5 == entry["official"]["value"]
        assert entry["official"]["parts"] == {
            "trigger_precision": 0.5, "trigger_recall": 1.0, "tool_choice": 1.0, "arguments": 1.0, "irrelevance": 0.0,
        }  # fmt: skip
    told = lines(tmp_path / "native")[0]["response"]
    assert told["calls"] == [{"name": "music_play", "arguments": {"title": "Blue Moon"}, "id": "c1"}]
    assert told["text"] == '[{"music_play":{"title":"Blue Moon"}}]'
    shown = lines(tmp_path / "in_words")[0]["prompt"][0]["parts"][0]
    assert '"name": "music_play"' in shown and '"type": "dict"' in shown


def request() -> Request:
    return Request((Message("user", (TextPart("Play Blue Moon."),)),), tools=tools_of([PLAY]))


async def ask(streamed: bool, asked: list[Any]) -> Response:
    """What a loopback server is asked, and the response that its call makes."""

    async def chat(received: web.Request) -> web.StreamResponse:
        asked.append(await received.json())
        if not streamed:
            message = {"role": "assistant", "content": None, "tool_calls": CALLS}
            return web.json_response({"choices": [{"message": message, "finish_reason": "tool_calls"}]})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(received)
        pieces = [
            {"index": 0, "id": "c1", "function": {"name": "music_play", "arguments": ""}},
            {"index": 0, "function": {"arguments": '{"title": "Blu'}},
            {"index": 0, "function": {"arguments": 'e Moon"}'}},
        ]
        for piece in pieces:
            chunk = {"choices": [{"index": 0, "delta": {"tool_calls": [piece]}}]}
            await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
        await response.write(b"data: " + json.dumps(end).encode() + b"\n\ndata: [DONE]\n\n")
        return response

    app = web.Application()
    app.router.add_post("/v1/chat/completions", chat)
    async with TestServer(app) as served:
        spec = find_model("openai_chat:mock").model_copy(update={"options": {"stream": streamed}})
        adapter = build_adapter(spec, base_url=str(served.make_url("/v1")))
        found = await adapter.generate(request())
        await adapter.close()
    return found


@pytest.mark.parametrize("streamed", [False, True])
def test_tools_go_out_as_json_schema_and_calls_come_back(streamed: bool) -> None:
    asked: list[Any] = []
    response = asyncio.run(ask(streamed, asked))
    assert response.calls == (ToolCall("music_play", {"title": "Blue Moon"}, "c1"),)
    assert (response.text, response.finish_reason) == (in_words(response.calls), "stop")
    (function,) = asked[0]["tools"]
    assert function["type"] == "function" and function["function"]["name"] == "music_play"
    assert function["function"]["parameters"]["type"] == "object"
    assert function["function"]["parameters"]["properties"]["speed"] == {"type": "number"}


def test_tools_are_part_of_the_key_and_asked_for_by_name() -> None:
    plain, handed = Request(request().messages), request()
    assert plain.key("m") != handed.key("m")
    other = Request(plain.messages, tools=(Tool("other", "", {}),))
    assert other.key("m") != handed.key("m")
    spec = find_model("openai_chat:mock")
    assert unmet(spec, capabilities(spec), handed) is None
    cannot = find_model("tiny-audio-r1")
    why = unmet(cannot, capabilities(cannot), handed)
    assert why is not None and "cannot be handed tools to call" in why


def test_arguments_that_are_no_json_are_the_models_answer_and_no_error() -> None:
    spec = find_model("openai_chat:mock")
    adapter: Any = build_adapter(spec, base_url="http://127.0.0.1:1/v1")
    broken = [{"function": {"name": "music_play", "arguments": '{"title": '}}]
    said = adapter.parsed({"choices": [{"message": {"content": None, "tool_calls": broken}}]}, "here")
    assert said.calls == () and said.raw["tool_calls_unread"] and "music_play" in said.text


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ('```json\n [] \n ```', []),
        ('[{"f": {"a": 1}}]', [{"f": {"a": 1}}]),
        ('{"f": {"a": 1}}', [{"f": {"a": 1}}]),
        ("[m.f(a=-1, b=[1, 2])]", [{"m.f": {"a": -1, "b": [1, 2]}}]),
        ("I cannot help with that.", None),
        ("f(a=__import__('os').system('x'))", [{"f": {"a": "__import__('os').system('x')"}}]),
    ],
)  # fmt: skip
def test_calls_are_read_as_json_or_as_python_and_nothing_is_run(text: str, calls: Any) -> None:
    assert bfcl.calls_in(text) == calls


def test_no_call_is_right_where_no_tool_helps() -> None:
    item = Sample("x", "", metadata={"tools": [PLAY], "reference": []})
    assert [bfcl.judged(text, item)["valid"] for text in ("[]", "No tool does that.", "music.play(title='x')")] == [
        True, True, False,
    ]  # fmt: skip


def test_gemini_is_handed_tools_as_its_own_client_sends_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Body and answer as google-genai 3.6.1 sends and reads them."""
    monkeypatch.setenv("GEMINI_API_KEY", "k")
    adapter: Any = build_adapter(find_model("gemini-2.5-flash"))
    schema = {"type": "object", "properties": {"title": {"type": "string"}, "speed": {"type": "number"}}, "required": ["title"]}  # fmt: skip
    assert json.loads(adapter.body(request()))["tools"] == [
        {
            "functionDeclarations": [
                {"name": "music_play", "description": "Play a song.", "parameters_json_schema": schema}
            ]
        }
    ]
    parts = [{"functionCall": {"id": "c1", "name": "music_play", "args": {"title": "Blue Moon"}}}]
    said = adapter.parsed({"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}, "here")
    assert said.calls == (ToolCall("music_play", {"title": "Blue Moon"}, "c1"),)
    assert said.text == '[{"music_play":{"title":"Blue Moon"}}]'


def spoken(kind: str, allowed: list[Any]) -> Sample:
    """An item of SpeechFCEval with one parameter of this type."""
    parameters = {"type": "dict", "properties": {"x": {"type": kind}}, "required": ["x"]}
    function = [{"type": "function", "function": {"name": "a.b", "description": "", "parameters": parameters}}]
    columns = {"function": json.dumps(function), "ground_truth": json.dumps([{"a.b": {"x": allowed}}])}
    return Sample("x", "", metadata=columns, tools=tools_of(columns["function"]))


@pytest.mark.parametrize(
    ("kind", "allowed", "given", "ours", "official"),
    [
        ("string", ["Rain"], "rain", 1.0, True),
        ("number", [1.5], 1.5, 1.0, True),
        ("number", [2], 2.0, 1.0, False),  # bfcl-eval takes a number for a float
        ("object", [{"k": [1]}], {"other": 2}, 0.0, True),
        ("integer", [2], 3, 0.0, False),
    ],
)
def test_speech_fc_scores_by_bfcl_and_has_the_published_verdict_beside_it(
    kind: str, allowed: list[Any], given: Any, ours: float, official: bool
) -> None:
    """Official verdicts as the released code gives them (4,046 responses compared, 578 of them published)."""
    item = spoken(kind, allowed)
    for name in ("a.b", "a_b"):
        call = f"<tool_call>\n{json.dumps({'name': name, 'arguments': {'x': given}})}\n</tool_call>"
        assert speech_fc.score(Answer(call), item, call)[0] == ours
        assert speech_fc.official(call, item) is (official and name == "a.b")
    native = in_words([ToolCall("a_b", {"x": given})])
    assert (speech_fc.score(Answer(native), item, native)[0], speech_fc.official(native, item)) == (ours, False)


def test_a_system_turn_shows_the_functions_line_by_line() -> None:
    shipped = Path(__file__).parents[2] / "tasks" / "speech" / "speech_fc_bfcl_single.yaml"
    task = strict_yaml.validate(TaskSpec, shipped)
    item = structs.replace(spoken("string", ["rain"]), clips=(Clip(shipped),))
    model = find_model("scripted:x")
    request = build(item, task, task.find_prompt("in_words"), Condition(), model, resolve(model, "default"))
    system = request.messages[0]
    assert system.role == "system"
    (line,) = text_of(system.parts).split("<tools>\n")[1].split("\n</tools>")[0].splitlines()
    assert json.loads(line)["function"]["parameters"] == {
        "type": "dict", "properties": {"x": {"type": "string"}}, "required": ["x"],
    }  # fmt: skip
