"""Thought and answer: the marks of current models, closed or not, for every kind of task."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from audiobench.core.types import Response
from audiobench.extraction import extract
from audiobench.model import think
from audiobench.model.spec import Thinking

MARKS = [
    ("<think>", "</think>"),
    ("<THINK>", "</THINK>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<Thoughts>", "</Thoughts>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("<mm:think>", "</mm:think>"),
    ("<ifm|think_fast>", "</ifm|think_fast>"),
    ("<longcat_think>", "</longcat_think>"),
    ("[THINK]", "[/THINK]"),
    ("[think]", "[/think]"),
    ("◁think▷", "◁/think▷"),
    ("<|START_THINKING|>", "<|END_THINKING|><|START_RESPONSE|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>\n<|begin_of_solution|>"),
    ("<|plamo:begin_think:plamo|>", "<|plamo:end_think:plamo|>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("<|channel>thought\n", "<channel|>"),
    ("<unused94>thought\n", "<unused95>"),
    ("<|open|>think<|sep|>", "<|close|>think<|sep|><|open|>response<|sep|>"),
    ("<|inner_prefix|>", "<|inner_suffix|>"),
    ("Here is my thought process: ", "\nHere is my response: "),
    ("Here's my thought process:\n", "Here's my response:\n"),
    ("Thinking...\n", "\n...done thinking.\n\n"),
    ("analysis", "assistantfinal"),
]
VOICES = ("Woman", "Man", "Child", "Robot")


@pytest.mark.parametrize(("opening", "closing"), MARKS)
def test_a_closed_thought_is_not_read(opening: str, closing: str) -> None:
    text = f"{opening}The answer is A? Perhaps. It says 7, so no.{closing}"
    assert extract(text + "B", ["multiple_choice"], slots=VOICES).value == "B"
    assert extract(text + "12", ["number"]).value == "12"
    assert extract(text + "yes", ["short_answer"]).value == "yes"
    assert extract(text + "good morning", ["full_text"]).value == "good morning"
    got = think.split(Response(text + "B"), None, Thinking())
    assert got.text.endswith("B") and "The answer is A" not in got.text and got.reasoning_closed


@pytest.mark.parametrize(("opening", "closing"), MARKS)
def test_a_thought_that_never_ends_is_never_searched(opening: str, closing: str) -> None:
    text = f"{opening}The answer is A. It says 7, so yes, valid"
    for rule in ("multiple_choice", "number", "short_answer", "full_text"):
        assert extract(text, [rule], slots=VOICES).value is None
    got = think.split(Response(text), None, Thinking())
    assert (got.text, got.reasoning_closed) == ("", False)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("It is A, no.</think>B", "B"),
        ("<think>A</think>Let me see.<think>C?</think>B", "B"),
        ("B\n<reasoning>It is not A.</reasoning>", "B"),
        ("<answer>B</answer><reasoning>It is not A.</reasoning>", "<answer>B</answer>"),
        ("<THINK><PLANNING>A?</PLANNING><REASONING>A</REASONING>so</THINK><RESPONSE>B</RESPONSE>", "<RESPONSE>B</RESPONSE>"),
        ("<Reasoning> It is not A. <Conclusion>B", "<Conclusion>B"),
        ("<Reasoning>\nIt is not A.\n<Conclusion>B</Conclusion>", "<Conclusion>B</Conclusion>"),
        ("<think>It is not A. <answer>B</answer>", "<answer>B</answer>"),
        ("<think>It is not A. I must write <answer>B</answer> at the end, so let me check", None),
        ("<think>The form is <answer>B", None),
        ("<think>A</think><think>B", None),
        ("[THINK]I write </think> and A", None),
    ],
)  # fmt: skip
def test_which_part_is_the_answer(text: str, answer: str | None) -> None:
    assert extract(text, ["full_text"]).value == answer


def test_everyday_words_close_only_what_they_opened() -> None:
    said = "he said here is my response: no"
    assert extract(said, ["full_text"]).value == said


@pytest.mark.parametrize(
    "piece", ["<think>", "</think>", "<answer>", "<a:think", "<|channel|>final", "analysis", "to=self "]
)
def test_repeated_marks_are_read_in_good_time(piece: str) -> None:
    start = time.process_time()
    extract(piece * 5000, ["full_text"])
    assert time.process_time() - start < 2


def score(cli: Any, folder: Path, task: str, outputs: list[str], item: dict[str, Any], *more: str) -> Any:
    file = folder / "predictions.jsonl"
    rows = [{"id": str(number), "output": text, **item} for number, text in enumerate(outputs)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return cli("score", "--task", task, "--predictions", file, *more)


def test_word_errors_are_not_counted_in_a_thought(cli: Any, tmp_path: Path) -> None:
    outputs = ["[THINK]four words of thought[/THINK]hello", "<seed:think>x</seed:think>hello", "[THINK]hello"]
    result = score(cli, tmp_path, "librispeech_clean", outputs, {"question": "", "answer": "HELLO"})
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(line["outcome"], line["value"]) for line in lines] == [
        ("scored", 0.0),
        ("scored", 0.0),
        ("truncated", 1.0),
    ]


def test_tags_that_nobody_else_writes_are_named(cli: Any, tmp_path: Path) -> None:
    outputs = ["<plan>A</plan>B", "<PLAN>A", "[[A]]B"]
    item = {"question": "Who?", "choices": ["Man", "Woman"], "answer": "Woman"}
    tags = ("--think-tags", "<plan>,</plan>", "--think-tags", "[[,]]")
    result = score(cli, tmp_path, "mmau", outputs, item, *tags)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(line["outcome"], line["answer"]) for line in lines] == [
        ("scored", "B. Woman"), ("truncated", None), ("scored", "B. Woman"),
    ]  # fmt: skip
    refused = score(cli, tmp_path, "mmau", outputs, item, "--think-tags", "<plan>")
    assert refused.returncode == 2 and "'<plan>': expected two tags and a comma" in refused.stderr
