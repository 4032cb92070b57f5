"""What an adapter can do is declared on its class; nobody tests its name."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from audiobench.types import Request
from model_adapters.base import SampleError
from model_adapters.capabilities import Capabilities
from model_adapters.local import sampling_of
from model_adapters.registry import ADAPTERS, capabilities, find_model, model_files, refusal
from model_adapters.spec import ModelSpec

RESOLVES = {"registry.py"}
"""Where a name becomes a class."""
CLASSES = {target.rpartition(":")[2] for target in ADAPTERS.values()}


def where_tested(tree: ast.AST) -> list[int]:
    """Lines that compare `....adapter` with something, or ask whether something is one of our adapter classes."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
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


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_every_adapter_declares_what_it_can_do(name: str) -> None:
    have = capabilities(ModelSpec(name="m", adapter=name, served_model="m"))
    assert have.audio_out is (name == "realtime")


def test_a_class_that_declares_nothing_is_taken_at_the_model_files_word(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text("class Own:\n    pass\n")
    model = find_model(f"{file}:Own")
    assert capabilities(model) == Capabilities()
    assert refusal(model, Request((), {"min_p": 0.1}, prefill="x")) is None


def test_which_models_have_what() -> None:
    having = {name: capabilities(find_model(name)) for name in model_files()}
    assert {name for name, have in having.items() if have.made_of} == {"cascade-example"}
    assert {name for name, have in having.items() if have.tells_cost} == {"openrouter-gemini-2.5-flash-lite"}
    assert {name for name, have in having.items() if have.reads_checkpoint} == {"tiny-audio-r1"}
    assert having["gpt-5.4-mini"].batch == "openai" and having["gemini-3.8-flash"].batch == "gemini"
    assert having["gemini-3.1-pro-preview-vertex"].batch is having["voxtral"].batch is None
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
