"""What an adapter can do is declared on its class; nobody tests its name."""

from __future__ import annotations

import ast
import asyncio
import json
from pathlib import Path
from typing import Any, get_args

import pytest

from audiobench.core.parts import words
from audiobench.core.types import AudioPart, Clip, Message, Request, TextPart, VideoPart
from audiobench.media.support import VideoSupport
from audiobench.model.adapter import SampleError
from audiobench.model.capabilities import ALL, LACKS, Capabilities, needs, unmet
from audiobench.model.registry import ADAPTERS, build_adapter, capabilities, find_model, model_files, refusal
from audiobench.model.spec import ModelCapability, ModelSpec
from model_adapters.local import sampling_of

RESOLVES = {"registry.py"}
"""Where a name becomes a class."""
CLASSES = {target.rpartition(":")[2] for target in ADAPTERS.values()}


def where_tested(tree: ast.AST) -> list[int]:
    """Lines that compare `....adapter` with something, or ask whether something is one of our adapter classes."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and not any(isinstance(op, ast.Is | ast.IsNot) for op in node.ops):
            operands = [node.left, *node.comparators]
            operands += [item for o in operands if isinstance(o, ast.Tuple | ast.List | ast.Set) for item in o.elts]
            if any(isinstance(o, ast.Attribute) and o.attr == "adapter" for o in operands):
                found.append(node.lineno)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance":
            names = {name.id for name in ast.walk(node.args[1]) if isinstance(name, ast.Name)}
            if names & CLASSES:
                found.append(node.lineno)
        if isinstance(node, ast.Match) and getattr(node.subject, "attr", "") == "adapter":
            found.append(node.lineno)
    return found


def test_the_search_finds_each_way_of_testing_a_name() -> None:
    code = "a.adapter == 'x'\n'x' in (a.adapter, b)\nisinstance(a, (Gemini, int))\nmatch a.adapter:\n case 'x': pass\n"
    assert sorted(where_tested(ast.parse(code))) == [1, 2, 3, 4]


def test_nobody_tests_an_adapters_name(root: Path) -> None:
    files = [f for folder in ("audiobench", "model_adapters") for f in (root / folder).rglob("*.py")]
    found = {
        f"{file.relative_to(root)}:{line}"
        for file in files
        if file.name not in RESOLVES
        for line in where_tested(ast.parse(file.read_text(encoding="utf-8")))
    }
    assert len(files) > 200 and found == set()


ANSWERS_IN_SOUND = {
    "realtime", "diffusers", "made_sounds_folder", "sound_command", "sound_service", "speech", "synthesiser", "tone_speaker",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_every_adapter_declares_what_it_can_do(name: str) -> None:
    have = capabilities(ModelSpec(name="m", adapter=name, served_model="m"))
    assert have.audio_out is (name in ANSWERS_IN_SOUND)


def test_a_class_that_declares_nothing_is_taken_at_the_model_files_word(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text("class Own:\n    pass\n")
    model = find_model(f"{file}:Own")
    assert capabilities(model) == Capabilities()
    assert refusal(model, Request((), {"min_p": 0.1}, prefill=words("x"))) is None


def test_which_models_have_what() -> None:
    having = {name: capabilities(find_model(name)) for name in model_files()}
    assert {name for name, have in having.items() if have.made_of} == {"cascade-example"}
    assert {name for name, have in having.items() if have.tells_cost} == {"openrouter-gemini-2.5-flash-lite"}
    assert {name for name, have in having.items() if have.checkpoint} == {"tiny-audio-r1"}
    assert having["gpt-5.4-mini"].batch and having["gemini-3.8-flash"].batch
    assert not having["gemini-3.1-pro-preview-vertex"].batch and not having["voxtral"].batch
    assert {name for name, have in having.items() if have.protocol == "realtime"} == {
        name for name in having if find_model(name).adapter == "realtime"
    }


def test_the_local_model_refuses_a_parameter_that_it_does_not_have() -> None:
    with pytest.raises(SampleError, match=r"adapter local has no parameter for min_p=0\.1; it takes max_gen_toks"):
        sampling_of({"min_p": 0.1})
    assert sampling_of({"min_p": 0, "presence_penalty": 0.0, "top_p": 0.9}).top_p == 0.9
    assert refusal(find_model("tiny-audio-r1"), Request((), {"min_p": 0.1})) == (
        "model tiny-audio-r1: adapter local has no parameter for min_p=0.1; --gen min_p=null leaves it out"
    )


CLIP = Clip(Path("a.wav"))
SOUND, WORDS, FILM = AudioPart(CLIP, data=b"RIFF", format="wav"), TextPart("Which?"), VideoPart(CLIP, b"ftyp", "mp4")
ASKED = Message("user", (SOUND, WORDS))
NEEDS = {
    "assistant_turns": Request((ASKED, Message("assistant", (WORDS,)), ASKED)),
    "assistant_audio": Request((ASKED, Message("assistant", (SOUND,)), ASKED)),
    "prefill": Request((ASKED,), prefill=(WORDS,)),
    "prefill_audio": Request((ASKED,), prefill=(WORDS, SOUND)),
    "tool_role": Request((ASKED, Message("tool", (WORDS,)))),
    "several_clips": Request((Message("user", (SOUND, SOUND)),)),
    "video": Request((Message("user", (FILM,)),)),
}


@pytest.mark.parametrize("name", NEEDS)
def test_what_an_adapter_does_not_declare_is_refused_by_name(name: str) -> None:
    assert name in needs(NEEDS[name])
    spec = ModelSpec(
        name="m", adapter="own", served_model="m", video=VideoSupport(), capabilities=list(get_args(ModelCapability))
    )
    assert unmet(spec, Capabilities(), NEEDS[name]) is None
    assert unmet(spec, Capabilities(ALL - {name}), NEEDS[name]) == f"model m: adapter own {LACKS[name]}"


@pytest.mark.parametrize("name", get_args(ModelCapability))
def test_what_hangs_on_the_model_must_stand_in_its_file(name: str) -> None:
    spec = ModelSpec(name="m", adapter="own", served_model="m")
    assert unmet(spec, Capabilities(), NEEDS[name]) == (
        f"model m: its model file does not declare `capabilities: [{name}]`, which this request needs"
    )


def test_a_kind_of_medium_that_the_model_file_does_not_declare_is_refused() -> None:
    spec = ModelSpec(name="m", adapter="own", served_model="m", text_only=True)
    assert unmet(spec, Capabilities(), NEEDS["video"]) == (
        "model m: its model file declares no video (`video:`), which this request holds"
    )
    assert "declares no audio" in str(unmet(spec, Capabilities(), Request((ASKED,))))


def built(adapter: str, **fields: Any) -> Any:
    spec = ModelSpec(name="m", adapter=adapter, served_model="m", video=VideoSupport(), **fields)
    return build_adapter(spec, base_url="http://127.0.0.1:1/v1")


def test_vllm_is_sent_sound_in_a_prefill_and_in_an_assistants_turn_and_video_as_a_data_url() -> None:
    adapter = built("openai_chat", capabilities=["prefill_audio", "assistant_audio"])
    sound = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
    text = {"type": "text", "text": "Which?"}
    body = json.loads(adapter.body(NEEDS["prefill_audio"]))
    # vLLM goes on behind the last text, so one stands behind the sound
    assert body["messages"][1] == {"role": "assistant", "content": [text, sound, {"type": "text", "text": ""}]}
    assert body["continue_final_message"] is True
    body = json.loads(adapter.body(NEEDS["assistant_audio"]))
    assert [m["role"] for m in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][1]["content"] == [sound]
    (film,) = json.loads(adapter.body(NEEDS["video"]))["messages"][0]["content"]
    assert film == {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,ZnR5cA=="}}


@pytest.mark.parametrize("name", ["prefill_audio", "assistant_audio", "tool_role", "video"])
def test_openai_is_sent_none_of_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    adapter = built("openai_chat", dialect="openai", capabilities=list(get_args(ModelCapability)))
    with pytest.raises(SampleError, match="model m: openai cannot"):
        adapter.body(NEEDS[name])


def test_gemini_is_sent_video_inline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "k")
    body = json.loads(built("gemini").body(NEEDS["video"]))
    assert body["contents"][0]["parts"] == [{"inlineData": {"mimeType": "video/mp4", "data": "ZnR5cA=="}}]


@pytest.mark.parametrize("name", sorted(set(NEEDS) - {"several_clips"}))
def test_realtime_sends_the_users_turn_and_refuses_every_other_by_name(name: str) -> None:
    adapter = built("realtime", capabilities=list(get_args(ModelCapability)))
    with pytest.raises(SampleError, match="model m: adapter realtime cannot"):
        asyncio.run(adapter.generate(NEEDS[name]))


def test_the_local_model_hears_sound_in_an_assistants_turn_and_refuses_video() -> None:
    have = capabilities(find_model("tiny-audio-r1"))
    assert {"assistant_audio", "prefill_audio"} <= have.can and "video" not in have.can
