"""Tools against a real server: vLLM's own parser reads a call, its template shows the result, and the conversation goes on.

The model is random and tiny, so each answer is held to one wording: a call in the form of Hermes, then an answer.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from audiobench import media
from audiobench.ask.tools import tools
from audiobench.core.tool_results import Toolbox, results_of
from audiobench.core.tools import as_openai, tools_of
from audiobench.core.types import Message, Request, Response, TextPart, ToolCall
from audiobench.model.registry import build_adapter
from audiobench.model.spec import ModelSpec, Serve, Weights
from audiobench.serving.launch import serve
from tests.vllm_plugin import other_models
from tests.vllm_plugin.test_other_models import frames_40_ms
from tests.vllm_plugin.test_relisten import wav

pytestmark = pytest.mark.slow

SECONDS = 2.0
LOOK_UP = {
    "name": "look_up",
    "description": "Look a word up.",
    "parameters": {"type": "object", "properties": {"word": {"enum": ["rain"]}}, "required": ["word"]},
}
SAID = '<tool_call>\n{"name": "look_up", "arguments": {"word": "rain"}}\n</tool_call>'
TEMPLATE = (
    "{% if tools %}{{ '<|im_start|>system\\nTools: ' + (tools | tojson) + '<|im_end|>\\n' }}{% endif %}"
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' }}"
    "{% if m.content is string %}{{ m.content }}{% elif m.content %}{% for p in m.content %}"
    "{% if p.type == 'text' %}{{ p.text }}{% else %}{{ '<|audio_bos|><|AUDIO|><|audio_eos|>' }}{% endif %}{% endfor %}{% endif %}"
    "{% for c in m.tool_calls or [] %}{{ '<tool_call>\\n' + ({'name': c.function.name, 'arguments': c.function.arguments}"
    " | tojson) + '\\n</tool_call>' }}{% endfor %}"
    "{{ '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def test_a_call_is_read_by_the_server_and_its_result_goes_back(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    other_models.qwen2_audio(folder)
    (tmp_path / "tools.jinja").write_text(TEMPLATE)
    arguments = {
        "max-model-len": 2048, "dtype": "float32", "enforce-eager": True, "enable-auto-tool-choice": True,
        "tool-call-parser": "hermes", "chat-template": str(tmp_path / "tools.jinja"),
    }  # fmt: skip
    model = ModelSpec(
        name="tiny", adapter="openai_chat", served_model="tiny", weights=Weights(repo=str(folder), gigabytes=0.01),
        serve=Serve(args=arguments),
    )  # fmt: skip
    clip = media.read(wav(tmp_path, SECONDS))
    (part,) = media.parts(clip, wav(tmp_path, SECONDS), model.audio, "full", None)[0]
    declared = tools_of([LOOK_UP])
    request = Request(
        (Message("user", (part, TextPart("What was said?"))),),
        {"max_gen_toks": 128, "temperature": 0.0},
        tools=declared,
        toolbox=Toolbox(declared, results_of([{"name": "look_up", "result": "water from above"}])),
    )

    async def converse(url: str, stream: bool) -> tuple[Any, list[Response]]:
        adapter = build_adapter(model.model_copy(update={"options": {"stream": stream}}), base_url=url, timeout=120)
        heard: list[Response] = []

        async def ask(asked: Request) -> Response:
            wording = "It is water." if any(m.role == "tool" for m in asked.messages) else SAID
            held = {
                "structured_outputs": {"regex": wording.replace("{", r"\{").replace("}", r"\}").replace(".", r"\.")}
            }
            heard.append(await adapter.generate(replace(asked, extra_body=held)))
            return heard[-1]

        try:
            exchange: Any = await tools(ask, request)  # type: ignore[arg-type]
            return exchange.response, heard
        finally:
            await adapter.close()

    with serve(model, progress=lambda *_: None, timeout=600) as server:
        found = [asyncio.run(converse(server.base_url, stream)) for stream in (False, True)]
    for final, (call, answer) in found:
        (made,) = call.calls
        assert (made.name, made.arguments, bool(made.id)) == ("look_up", {"word": "rain"}, True)
        assert (call.text, call.finish_reason) == ('[{"look_up":{"word":"rain"}}]', "stop")
        assert final.text == "It is water." == answer.text
        assert final.raw["tools"] == [{"name": "look_up", "arguments": {"word": "rain"}, "turn": 1, "told": "result"}]
        assert call.usage["prompt"] == length(folder, [])
        assert answer.usage["prompt"] == length(folder, [ToolCall("look_up", {"word": "rain"})])


def length(folder: Path, calls: list[ToolCall]) -> int:
    """Tokens of the prompt, with a call and its result behind it."""
    from transformers import AutoTokenizer

    asked: list[dict[str, Any]] = [
        {"role": "user", "content": [{"type": "audio"}, {"type": "text", "text": "What was said?"}]}
    ]
    for call in calls:
        function = {"name": call.name, "arguments": call.arguments}
        asked.append({"role": "assistant", "tool_calls": [{"function": function}]})
        asked.append({"role": "tool", "content": "water from above"})
    tokenizer = AutoTokenizer.from_pretrained(folder)
    text = tokenizer.apply_chat_template(
        asked, tools=as_openai(tools_of([LOOK_UP])), chat_template=TEMPLATE, add_generation_prompt=True, tokenize=False
    )
    return len(tokenizer.encode(text, add_special_tokens=False)) - 1 + frames_40_ms(SECONDS)
