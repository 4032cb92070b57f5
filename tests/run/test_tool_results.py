"""Conversations with scripted tool results: resumed at the open turn, under kills and faults, what a model is told, the score."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audiobench.core.tool_results import Toolbox, results_of
from audiobench.core.tools import tools_of
from audiobench.core.types import Message, Request, TextPart, ToolCall
from audiobench.model.registry import build_adapter, find_model
from tests.run.conftest import wav
from tests.run.test_interrupted import FAULTS, finished, killed_when_grown
from tests.run.test_relisten import answered, lines

LOOK_UP = {
    "name": "look.up",
    "description": "Look a word up.",
    "parameters": {
        "type": "dict",
        "properties": {"word": {"type": "string"}, "most": {"type": "integer"}, "in": {"enum": ["en", "zh"]}},
        "required": ["word"],
    },
}
TASK = """\
task: toy
dataset_path: items.jsonl
doc_to_id: "{{id}}"
doc_to_audio: "{{audio}}"
doc_to_target: "{{answer}}"
doc_to_tools: "{{tools}}"
doc_to_tool_results: "{{results}}"
tool_results: [{name: look_up, result: {meaning: unknown}}]
prompt:
  - {name: native, order: [text, audio], text: "item {{id[1:]}}", tools: true}
  - {name: in_words, order: [text, audio], text: "item {{id[1:]}} {{tools}}"}
extraction: [full_text]
scorer: tool_use
"""
TURNS = 3


@pytest.fixture
def talks(tmp_path: Path) -> Callable[..., Path]:
    """Make a benchmark of so many items that a tool helps with: it is to be asked for w0 and then for w1."""

    def make(count: int) -> Path:
        folder = tmp_path / "talks"
        folder.mkdir()
        rows = []
        for i in range(count):
            (folder / f"{i}.wav").write_bytes(wav(seed=i))
            results = [{"name": "look.up", "arguments": {"word": "w0"}, "result": f"first {i}"}]
            reference = [{"look.up": {"word": [word], "most": [""], "in": [""]}} for word in ("w0", "w1")]
            rows.append(
                {"id": f"s{i}", "audio": f"{i}.wav", "tools": [LOOK_UP], "results": results, "reference": reference, "answer": f"first {i}"}
            )  # fmt: skip
        (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        file = folder / "toy.yaml"
        file.write_text(TASK)
        return file

    return make


def run(task: Path, url: str, out: Path, *more: str | Path) -> tuple[str | Path, ...]:
    return ("run", "--model", "openai_chat:mock", "--tasks", task, "--base-url", url, "--out", out, "--quiet", *more)


def test_a_conversation_goes_on_behind_a_call_and_resumes_at_its_open_turn(
    talks: Any, server: Any, cli: Any, tmp_path: Path
) -> None:
    task, out, log, later = talks(3), tmp_path / "out", tmp_path / "log", tmp_path / "later"
    broken = cli(*run(task, server(tools=2, broken_turn=2, log=log), out))
    assert broken.returncode == 4 and set(answered(log)) == {f"{n}.{turn}" for n in range(3) for turn in (0, 1)}
    again = cli(*run(task, server(tools=2, log=later), out))
    assert again.returncode == 0, again.stderr
    assert answered(later) == dict.fromkeys((f"{n}.2" for n in range(3)), 1)
    for line in lines(out):
        if "response" not in line:
            continue
        number = line["id"][1:]
        assert line["condition"]["protocol"] == "tools:turns=8"
        # the server gave its calls no ids, so each has one of ours, and its result has the same
        assert line["response"]["text"] == f'call00000=first {number} call00001={{"meaning":"unknown"}}'
        assert line["response"]["raw"]["tools"] == [
            {"name": "look_up", "arguments": {"word": f"w{n}"}, "turn": n + 1, "told": "result"} for n in (0, 1)
        ]
        assert line["response"]["usage"] == {"prompt": 300, "completion": 15} and len(line["turns"]) == TURNS
        call = {"name": "look_up", "arguments": {"word": "w0"}}
        assert line["turns"][1]["sent"] == [
            {"role": "assistant", "parts": [], "calls": [call]},
            {"role": "tool", "parts": [f"first {number}"], "answers": call},
        ]
    (entry,) = json.loads((out / "toy" / "summary.json").read_text())
    assert entry["metrics"]["acc"]["value"] == 1.0 == entry["official"]["parts"]["both"]
    assert [(t["turn"], t["n"], t["usage"]["prompt"]) for t in entry["turns"]] == [(n, 3, 300) for n in (1, 2, 3)]
    assert entry["fingerprint"]["protocol"] == "tools@1:turns=8"
    assert "by turn" in cli("report", out, COLUMNS="120").stdout
    assert cli("verify", out).returncode == 0
    rows = task.parent / "items.jsonl"
    rows.write_text(rows.read_text().replace("first 1", "changed 1"))
    third = tmp_path / "third"
    assert cli(*run(task, server(tools=2, log=third), out)).returncode == 0
    assert answered(third) == {"1.0": 1, "1.1": 1, "1.2": 1}, "results are part of the key"


def test_the_last_turn_ends_it_and_the_item_is_truncated(talks: Any, server: Any, cli: Any, tmp_path: Path) -> None:
    log, out = tmp_path / "log", tmp_path / "out"
    assert cli(*run(talks(2), server(tools=9, log=log), out, "--protocol", "tools:turns=2")).returncode == 0
    assert set(answered(log)) == {"0.0", "0.1", "1.0", "1.1"}
    (entry,) = json.loads((out / "toy" / "summary.json").read_text())
    assert entry["counts"]["truncated"] == 2 and entry["official"]["parts"]["turn_limit"] == 0.5
    assert lines(out)[0]["response"]["raw"]["turn_limit"] == 2


SCRIPT = {
    "s0": [
        {"text": "I look it up.", "calls": [{"name": "find", "arguments": {}}, {"name": "look_up", "arguments": {}}]},
        {"calls": [{"name": "look_up", "arguments": {"word": " W0 ", "most": 2}}]},
        {"text": "It is: first 0 (Berlin)."},
    ],
    "s1": [{"text": "look_up(word='w0')"}, {"text": "Nothing."}],
}


@pytest.mark.parametrize("prompt", ["native", "in_words"])
def test_what_a_model_is_told_of_its_calls(prompt: str, talks: Any, cli: Any, tmp_path: Path) -> None:
    task, out = talks(2), tmp_path / "out"
    task.write_text("tool_errors: {unknown_tool: 'No {{name}}, but {{tools}}.'}\n" + TASK)
    replies, model = tmp_path / "replies.jsonl", tmp_path / "model.yaml"
    replies.write_text("".join(json.dumps({"id": name, "turns": turns}) + "\n" for name, turns in SCRIPT.items()))
    model.write_text(f"name: m\nadapter: scripted\nserved_model: m\noptions: {{replies: {replies}}}\n")
    done = cli("run", "--model", model, "--tasks", task, "--out", out, "--quiet", "--prompt", prompt)
    assert done.returncode == 0, done.stderr
    first, second = sorted(lines(out), key=lambda line: line["id"])
    told = ["No find, but look_up.", "Error: look_up: the argument word is missing.", "first 0"]
    if prompt == "native":
        said = [turn["parts"][0] for turn in first["turns"][2]["sent"] if turn["role"] == "tool"]
        assert said == told
        assert first["turns"][1]["sent"][0]["parts"] == ["I look it up."]
        assert "turns" not in second, "a call in words is no call where tools are handed to the server"
    else:
        # in words, a call counts only where nothing else is said, so this one is an answer
        assert "turns" not in first
        sent = second["turns"][1]["sent"]
        assert sent[0]["parts"] == ["look_up(word='w0')"]
        assert sent[1] == {
            "role": "user", "parts": ['Results of the calls, in order:\n[{"name":"look_up","result":"first 1"}]'],
        }  # fmt: skip
        return
    assert [one["told"] for one in first["response"]["raw"]["tools"]] == ["unknown_tool", "wrong_arguments", "result"]
    (entry,) = json.loads((out / "toy" / "summary.json").read_text())
    parts = entry["official"]["parts"]
    assert entry["metrics"]["acc"]["value"] == 0.5 == parts["answer"]
    assert (parts["unknown_tool"], parts["wrong_arguments"], parts["no_result"]) == (1 / 3, 1 / 3, 0)
    assert (parts["calls"], parts["trigger_recall"]) == (0.0, 0.5)


def test_hostile_calls_end_a_conversation_or_are_told_so_and_never_the_run(
    talks: Any, cli: Any, tmp_path: Path
) -> None:
    said = [
        '[{"%s": {}}]' % ("x" * 2_000_000),
        '[{"look_up": {"word": "%s"}}]' % ("x" * 2_000_000),
        "look_up(word=1j)",
        "look_up(word={(1, 2): 3})",
        '[{"look_up": {"word": %s}}]' % ("[" * 900 + "]" * 900),
        '[{"%s": {}}]' % ("y" * 40_000),
    ]
    task, out = talks(len(said)), tmp_path / "out"
    replies, model = tmp_path / "replies.jsonl", tmp_path / "model.yaml"
    turns = [{"id": f"s{n}", "turns": [{"text": text}, {"text": "I give up."}]} for n, text in enumerate(said)]
    replies.write_text("".join(json.dumps(one) + "\n" for one in turns))
    model.write_text(f"name: m\nadapter: scripted\nserved_model: m\noptions: {{replies: {replies}}}\n")
    done = cli("run", "--model", model, "--tasks", task, "--out", out, "--quiet", "--prompt", "in_words")
    assert done.returncode == 0, done.stderr
    found = sorted(lines(out), key=lambda line: line["id"])
    assert [len(line.get("turns", ())) for line in found] == [0, 0, 0, 0, 0, 2]
    assert found[-1]["response"]["text"] == "I give up."
    assert len(found[-1]["turns"][1]["sent"][1]["parts"][0]) < 41_000, "the name that it made up is not said twice"


def box(**more: Any) -> Toolbox:
    return Toolbox(tools_of([LOOK_UP]), results_of(more.get("results", [{"name": "look_up", "result": "x"}])))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"word": "a"}, None),
        ({"word": "a", "most": 2.0, "in": "zh"}, None),
        ({"most": 1}, "the argument word is missing"),
        ({"word": "a", "size": 1}, "there is no argument size"),
        ({"word": "a", "most": True}, "the argument most must be of type integer"),
        ({"word": 5}, "the argument word must be of type string"),
        ({"word": "a", "in": "fr"}, "the argument in must be one of en, zh"),
    ],
)
def test_arguments_are_checked_as_the_tool_declares_them(arguments: dict[str, Any], problem: str | None) -> None:
    found = box().answer(ToolCall("look.up", arguments))
    assert (found.told, found.problem) == (("wrong_arguments", problem) if problem else ("result", ""))


def test_a_result_is_that_of_the_first_entry_whose_arguments_the_call_has() -> None:
    results = [
        {"name": "look_up", "arguments": {"word": "a", "most": 1}, "result": {"n": 1}},
        {"name": "look_up", "arguments": {"word": "A"}, "result": "any"},
    ]
    told = box(results=json.dumps(results))
    calls = [{"word": "a", "most": 1}, {"word": "a ", "most": 2}, {"word": "b"}]
    found = [told.answer(ToolCall("look_up", call)) for call in calls]
    assert [(one.told, one.text) for one in found] == [("result", '{"n":1}'), ("result", "any"), ("no_result", "")]


def conversation() -> Request:
    calls = (ToolCall("look_up", {"word": "a"}, "c1", "c2ln"), ToolCall("look_up", {"word": "b"}))
    results = (
        Message("tool", (TextPart('{"n": 1}'),), answers=calls[0]),
        Message("tool", (TextPart("none"),), answers=calls[1]),
    )
    asked = Message("user", (TextPart("Look them up."),))
    return Request((asked, Message("assistant", (TextPart("I do."),), calls), *results), tools=tools_of([LOOK_UP]))


def test_calls_and_results_go_back_in_the_form_of_chat_completions() -> None:
    adapter: Any = build_adapter(find_model("openai_chat:mock"), base_url="http://127.0.0.1:1/v1")
    _, calling, *results = json.loads(adapter.body(conversation()))["messages"]
    assert calling["content"] == "I do." and [call["id"] for call in calling["tool_calls"]] == ["c1", "call00001"]
    assert json.loads(calling["tool_calls"][0]["function"]["arguments"]) == {"word": "a"}
    assert results == [
        {"role": "tool", "tool_call_id": "c1", "content": '{"n": 1}'},
        {"role": "tool", "tool_call_id": "call00001", "content": "none"},
    ]


def test_gemini_gets_results_in_one_turn_and_its_signatures_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """As google-genai 3.6.1 writes them (types.FunctionCall, types.FunctionResponse, `result` of its automatic calls)."""
    monkeypatch.setenv("GEMINI_API_KEY", "k")
    adapter: Any = build_adapter(find_model("gemini-2.5-flash"))
    _, calling, results = json.loads(adapter.body(conversation()))["contents"]
    first = {"functionCall": {"name": "look_up", "args": {"word": "a"}, "id": "c1"}, "thoughtSignature": "c2ln"}
    second = {"functionCall": {"name": "look_up", "args": {"word": "b"}}}
    assert calling == {"role": "model", "parts": [{"text": "I do."}, first, second]}
    assert results["role"] == "user" and [part["functionResponse"] for part in results["parts"]] == [
        {"name": "look_up", "response": {"n": 1}, "id": "c1"}, {"name": "look_up", "response": {"result": "none"}},
    ]  # fmt: skip
    answer = {"candidates": [{"content": {"parts": [first]}, "finishReason": "STOP"}]}
    assert adapter.parsed(answer, "here").calls == (ToolCall("look_up", {"word": "a"}, "c1", "c2ln"),)


@pytest.mark.slow
def test_kills_and_faults_cost_no_more_than_the_open_turns(talks: Any, server: Any, cli: Any, tmp_path: Path) -> None:
    count, width, kills = 30, 4, 6
    task, log, out = talks(count), tmp_path / "log", tmp_path / "killed"
    url = server(tools=TURNS - 1, faults=FAULTS, latency=0.03, log=log)
    more = ("--max-concurrency", str(width), "--timeout", "1.5", "--attempts", "6")
    journal, turns, draw = out / "toy" / "samples.jsonl", out / "toy" / "turns.jsonl", random.Random(7)
    for _ in range(kills):
        killed_when_grown(run(task, url, out, *more), turns, draw.randint(1, 2500), tmp_path)
    assert len(finished(journal)) < count
    done = cli(*run(task, url, out, *more), timeout=120)
    assert done.returncode == 0, done.stderr
    asked = answered(log)
    assert set(asked) == {f"{n}.{turn}" for n in range(count) for turn in range(TURNS)}
    assert asked.total() - count * TURNS <= kills * width, asked.most_common(10)
    whole = tmp_path / "whole"
    cli(*run(task, server(tools=TURNS - 1), whole))
    told = ({line["id"]: line["response"] for line in lines(folder) if "response" in line} for folder in (out, whole))
    killed, at_once = ({k: (r["text"], r["raw"]["tools"], r["usage"]) for k, r in rows.items()} for rows in told)
    assert killed == at_once and len(finished(journal)) == count
    assert cli("verify", out).returncode == 0


REFUSED = {
    "another protocol": ("", ["--protocol", "relisten"], "task toy has results of tools, which --protocol tools asks"),
    "batch": ("", ["--batch"], "--batch:"),
    "one turn": ("", ["--protocol", "tools:turns=1"], "turns=1: must be at least 2"),
    "no tools": ('doc_to_tools: "{{tools}}"\n', [], "need doc_to_tools"),
    "no results": ('doc_to_tool_results: "{{results}}"\n', ["--protocol", "tools"], "has no results of tools"),
    "another name": ("", [], "tool_errors.no_result"),
    "another tool": ('"look.up", "arguments"', [], "row 1 (id s0): tool results: 'find' is no tool of the item"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_cannot_work_is_refused_before_anything_is_sent(why: str, talks: Any, cli: Any, tmp_path: Path) -> None:
    task = talks(2)
    gone, more, said = REFUSED[why]
    if why == "another tool":
        rows = task.parent / "items.jsonl"
        rows.write_text(rows.read_text().replace(gone, '"find", "arguments"'))
    elif why == "another name":
        task.write_text("tool_errors: {no_result: 'No {{word}}.'}\n" + TASK)
    elif gone:
        text = TASK.replace(gone, "")
        if why == "no results":
            text = text.replace("tool_results: [{name: look_up, result: {meaning: unknown}}]\n", "")
        task.write_text(text)
    refused = cli(*run(task, "http://127.0.0.1:1/v1", tmp_path / "out"), *more)
    assert refused.returncode == 2 and said in refused.stderr, refused.stderr
    assert not (tmp_path / "out").exists()


def test_a_model_without_tools_is_refused_the_native_prompt_and_takes_the_words(
    talks: Any, cli: Any, tmp_path: Path
) -> None:
    task = talks(2)
    arguments = ("run", "--model", "tiny-audio-r1", "--tasks", task, "--out", tmp_path / "out", "--dry-run")
    refused = cli(*arguments)
    assert refused.returncode == 2 and "cannot be handed tools to call" in refused.stderr
    taken = cli(*arguments, "--prompt", "in_words")
    assert taken.returncode == 0, taken.stderr
