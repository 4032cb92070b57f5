"""Hostile and mistaken input at the command line: one line that says what is wrong, soon, and never exit code 1."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from audiobench import cli as command_line
from audiobench import media as audio
from audiobench.cli import COMMANDS, build_parser, main
from audiobench.core.errors import UsageError
from audiobench.core.types import Clip
from audiobench.core.urls import check_url
from audiobench.files.summary_entry import SummaryEntry
from audiobench.model.registry import build_adapter, find_model, sha256_of
from audiobench.model.spec import ModelSpec
from audiobench.report import terminal
from audiobench.task.find import expand, find_task, task_files, task_tags
from model_adapters.http import HttpClient
from tests.run.conftest import command, make_task

Cli = Callable[..., Any]
LONG_LOOP = "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}"
DEEP = "{% for a in range(900) %}" * 3 + "{% endfor %}" * 3
WIDE = "{% for a in range(900) %}{% for b in range(900) %}xxxx{% endfor %}{% endfor %}"
MACRO = "{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(9) }}"


def check(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str]:
    """Exit code and standard error of a command, in this process."""
    began = time.monotonic()
    code = command_line.main([str(word) for word in words])
    assert time.monotonic() - began < 5
    return code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("metadata: " + "[" * 200_000, "nested more than 50 levels"),
        ("task_alias: 2026-13-45", "'2026-13-45' is no timestamp"),
        ("task_alias: !!int abc", "'abc' is no int"),
        ("expected_rows: " + "9" * 6000, "is no int"),
        ("choice_prefix: (a+)+$", "can take for ever"),
        ("choice_prefix: '(?:[A-Z]*x){2,}'", "can take for ever"),
        (f"doc_to_question: '{LONG_LOOP}'", "range of 99999 numbers"),
    ],
)
def test_tasks_check_answers_soon(line: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = make_task(tmp_path / "t", 1)
    key = line.split(":")[0]
    kept = [old for old in file.read_text().splitlines() if not old.startswith(f"{key}:")]
    file.write_text("\n".join([*kept[:2], line, *kept[2:]]) + "\n")
    code, said = check(capsys, "tasks", "check", file)
    if key == "doc_to_question":  # what a row gives is known in a run alone
        code, said = check(capsys, "run", "--model", "first_choice", "--tasks", file, "--out", tmp_path / "out")
    assert code == 2 and says in said, said[-500:]
    assert len(said) < 1000 and "Traceback" not in said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (LONG_LOOP, "a range of 99999 numbers; at most 1000"),
        (WIDE, "gives more than 1000000 characters"),
        (DEEP, "nested more than 2 deep"),
        (MACRO, "macros and recursive loops"),
        ("{{ 9 ** 9 ** 9 ** 9 }}", "** is not for templates"),
        ("{{ 'x' * 10000000000 }}", "repetition of more than"),
        ("x {{ " + "(" * 50_000 + " }}", "too deeply nested"),
    ],
)
def test_a_prompt_that_would_never_end(
    text: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = make_task(tmp_path / "t", 1)
    head = file.read_text().split("    text:")[0]
    file.write_text(head + f"    text: {json.dumps(text)}\n")
    code, said = check(capsys, "tasks", "check", file)
    assert code == 2 and says in said and len(said) < 1000, said[-500:]


@pytest.mark.parametrize(
    "text",
    [
        "{{ 'a'|center(999999999) }}",
        "{{ 'a'.ljust(width=999999999) }}",
        "{{ '%999999999d' % 1 }}",
        "{{ '{:999999999}'.format(1) }}",
        "{{ choices|slice(999999999)|list }}",
        "{{ ('x' * 999999).replace('x', 'y' * 999999) }}",
        "{{ ('a' * 999999)|wordwrap(1) }}",
        "{% set a = 'x' %}" + "{% set a = a ~ a %}" * 40 + "{{ a|length }}",
        "{{ [[1] * 9999] * 9999 }}",
        "{% set a = [1] %}" + "{% set a = [a, a, a, a] %}" * 20 + "{{ a }}",
        "{% set a = [1] %}" + "{% set a = [a, a, a, a] %}" * 20 + "{{ a ~ 'x' }}",
        "{% set a = [1] %}" + "{% set a = [a, a, a, a] %}" * 20 + "{{ a|string|length }}",
        "{% for a in range(999) %}{% for b in range(999) %}{{ range(999)|sum }}{% endfor %}{% endfor %}",
        "{% set a = 'x' * 999999 %}{% for b in a %}{% for c in a %}{% endfor %}{% endfor %}",
    ],
)
def test_a_template_bomb_ends_soon(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = make_task(tmp_path / "t", 1)
    file.write_text(file.read_text().split("    text:")[0] + f"    text: {json.dumps(text)}\n")
    code, said = check(capsys, "run", "--model", "first_choice", "--tasks", file, "--out", tmp_path / "out")
    assert code == 2 and any(word in said for word in ("steps", "width", "repetition")) and len(said) < 1000, said[
        -500:
    ]


def test_a_bug_is_neither_a_verdict_nor_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise KeyError("surprise")

    monkeypatch.setattr("audiobench.cli.tasks.task_files", broken)
    code, said = check(capsys, "tasks", "list")
    assert code == 70
    assert said.count("\n") == 1 and "KeyError: 'surprise' (audiobench/cli/tasks.py:" in said
    assert "this is a bug, please report it; AUDIOBENCH_TRACEBACK=1 shows where" in said
    monkeypatch.setenv("AUDIOBENCH_TRACEBACK", "1")
    assert "Traceback" in check(capsys, "tasks", "list")[1]
    command_line.main(["tasks", "list", "--json"])
    assert json.loads(capsys.readouterr().out)["exit_code"] == 70


def test_an_interrupt_stays_an_interrupt(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("audiobench.cli.tasks.task_files", interrupted)
    assert check(capsys, "tasks", "list") == (130, "audiobench: interrupted\n")


def test_the_help_tells_the_exit_code_of_a_bug(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command_line.main(["--help"])
    assert "70 a bug" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(SystemExit):
        command_line.main(["ablate", "--help"])
    assert "does it listen?\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "usage"),
    [
        (["run", "--model", "oracle", "--tasks", "x", "--thinc", "on"], "usage: audiobench run "),
        (["run", "--mod", "oracle", "--tasks", "x"], "usage: audiobench run "),
        (["models", "list", "--js"], "usage: audiobench models list "),
    ],
)
def test_a_mistyped_option_is_told_beside_the_usage_of_its_command(
    words: list[str], usage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command_line.main(words)
    assert capsys.readouterr().err.startswith(usage)


@pytest.mark.parametrize(
    "url",
    ["http://user:hunter22@127.0.0.1:1/v1", "https://hunter22@host/v1", "ftp://host/hunter22", "hunter22", "http://h/?key=hunter22",
     "ws://u:hunter22@host", "http://[hunter22", "file:///hunter22", "http://u:hunter22@/v1"],
)  # fmt: skip
def test_a_password_in_a_url_is_refused_and_not_shown(url: str) -> None:
    for refuse in (
        lambda: check_url(url),
        lambda: find_model("openai_chat:m", base_url=url),
        lambda: build_adapter(ModelSpec(name="m", adapter="openai_chat", served_model="m"), base_url=url),
        lambda: build_adapter(ModelSpec(name="m", adapter="openai_chat", served_model="m", base_url=url)),
    ):
        with pytest.raises(UsageError) as caught:
            refuse()
        assert "hunter22" not in str(caught.value)


def test_a_run_with_a_password_in_its_url_writes_nothing(cli: Cli, toy: Any, tmp_path: Path) -> None:
    url = "http://user:hunter22@127.0.0.1:9/v1"
    result = cli("run", "--model", "openai_chat:m", "--base-url", url, "--tasks", toy(2), "--out", tmp_path / "out")
    assert result.returncode == 2 and "must not contain a user or password" in result.stderr
    assert "hunter22" not in result.stdout + result.stderr
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and b"hunter22" in p.read_bytes()]


@pytest.mark.parametrize("url", ["http://localhost:8000/v1", "https://[::1]:1/v1", "wss://host/v1/realtime"])
def test_usual_addresses_pass(url: str) -> None:
    check_url(url)


def test_a_model_file_with_a_password_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "m.yaml"
    head = "name: m\nadapter: cascade\nserved_model: m\n"
    for line in ("base_url: http://u:hunter22@h/v1\n", "options: {asr_base_url: 'http://u:hunter22@h/v1'}\n"):
        file.write_text(head + line)
        with pytest.raises(UsageError, match="must not contain a user or password") as caught:
            find_model(str(file))
        assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "meant"),
    [(["runn"], "run"), (["models", "lst"], "list"), (["run", "--modle", "x"], "--model"), (["tasks", "list", "--formt", "md"], "--format")],
)  # fmt: skip
def test_a_word_that_is_nearly_one_gets_a_suggestion(
    capsys: pytest.CaptureFixture[str], words: list[str], meant: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2 and capsys.readouterr().err.endswith(f"; did you mean `{meant}`?\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples_that_the_parser_takes(capsys: pytest.CaptureFixture[str], command: str) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    examples = [line.split()[1:] for line in capsys.readouterr().out.splitlines() if line.startswith("  audiobench ")]
    assert examples
    for words in examples:
        assert build_parser(command).parse_args(words).command == command


@pytest.mark.parametrize("form", ["text", "md", "csv", "latex", "json"])
def test_lists_of_models_and_tasks_come_in_every_form(capsys: pytest.CaptureFixture[str], form: str) -> None:
    assert main(["models", "list", "--format", form]) == 0
    shown = capsys.readouterr().out
    assert "GEMINI\\_API\\_KEY" in shown if form == "latex" else "GEMINI" in shown
    assert main(["tasks", "list", "--format", form]) == 0
    shown = capsys.readouterr().out
    assert "cc-by-nc-4.0" in shown and "1000" in shown and "wer" in shown


def test_every_key_that_a_model_takes_is_listed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    monkeypatch.setenv("GEMINI_API_KEY", "k")
    monkeypatch.delenv("MISTRAL_API_KEY", raising=False)
    assert main(["models", "list", "--json"]) == 0
    keys = {row["name"]: row["keys"] for row in json.loads(capsys.readouterr().out)}
    assert keys["gemini-2.5-flash-lite"] == [["GOOGLE_API_KEY", "GEMINI_API_KEY"]]
    assert keys["gemini-3.1-pro-preview-vertex"] == [["VERTEX_ACCESS_TOKEN"]]
    assert keys["cascade-example"] == [["MISTRAL_API_KEY"], ["OPENAI_API_KEY"]]
    assert keys["qwen2-audio"] == keys["oracle"] == []
    assert main(["models", "list"]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "GEMINI_API_KEY  " in rows["gemini-2.5-flash-lite"] and "!" not in rows["gemini-2.5-flash-lite"]
    assert "MISTRAL_API_KEY + OPENAI_API_KEY !" in rows["cascade-example"]


def test_a_dry_run_needs_no_data_and_fetches_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AUDIOBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AUDIOBENCH_DATA", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    asked = ["--model", "oracle", "--limit", "100", "--think", "off", "--audio", "full,swap", "--dry-run"]
    assert main(["run", "--tasks", "mmau,listening_count", *asked]) == 0
    shown = capsys.readouterr().out
    assert "mmau: 200 requests, as declared; audio, tokens and price are known once its data are here" in shown
    assert "listening_count: 200 requests, 0." in shown
    assert main(["run", "--tasks", "mmau", *asked, "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)["estimate"]
    assert (entry["requests"], entry["dollars"], entry["data"]) == (200, None, "not fetched")
    assert not list((tmp_path / "cache").glob("*MMAU*"))


def test_control_characters_do_not_reach_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b[2J\x1b]0;owned\x07re\x9b31md\u202e\r\n"
    score = {"value": 0.5, "ci": (0.1, 0.9), "interval": "wilson", "n": 2}
    how = {"think": "on", "audio": "full", "option_order": 0, "prompt": "p", "protocol": "chat"}
    raw = {"task": evil, "condition": how, "coverage": 1.0, "fingerprint": {}, "metrics": {"acc": score}}
    entry = msgspec.convert({**raw, "breakdown": {evil: {evil: score}}}, SummaryEntry)
    terminal.console(200).print(terminal.breakdown_table(entry, evil))
    shown = capsys.readouterr().out
    assert "owned" in shown and "red" in shown.replace("31m", "")
    assert not set(shown) & set("\x1b\x07\x9b\r\u202e")
    assert HttpClient(timeout=1).scrub("bad \x1b[31mred\x1b[0m\x07") == "bad red"


@pytest.mark.parametrize(
    ("width", "says"),
    [
        (80, "toy, think=default audio=full\n  acc 100.0 [47.8, 100.0]  n 5  coverage 100.0%  chance 25.0\n"),
        (130, "toy   think=default audio=full  acc     5  100.0  [47.8, 100.0]    100.0%    25.0         -  -"),
    ],
)
def test_results_fit_the_terminal(
    width: int, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(terminal, "console", lambda: Console(width=width, highlight=False))
    words = ("run", "--model", "oracle", "--tasks", make_task(tmp_path / "t", 5), "--audio", "full,none", "--quiet")
    assert command_line.main([*map(str, words), "--out", str(tmp_path / "out")]) == 0
    assert says in capsys.readouterr().out


def test_control_characters_of_an_id_do_not_reach_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = make_task(tmp_path / "t", 1)
    rows = tmp_path / "t" / "items.jsonl"
    row = {**json.loads(rows.read_text()), "id": "a\x1b[2Jb", "answer": "none of them"}
    rows.write_text(json.dumps(row) + "\n")
    code, said = check(capsys, "run", "--model", "first_choice", "--tasks", file, "--out", tmp_path / "out")
    assert code == 2 and "id ab" in said and "\x1b" not in said


SPEC: dict[str, Any] = {
    "name": "m", "adapter": "openai_chat", "served_model": "m",
    "weights": {"repo": "o/r", "revision": "1", "license": "a", "parameters": 8, "gigabytes": 16},
    "serve": {"args": {"quantization": "fp8"}, "min_gpus": 1},
    "thinking": {"on": {"prefill": "<think>", "label": "x"}, "source": "a"},
    "audio": {"chunk_seconds": 25, "tokens_per_second": 12.5, "source": "a"}, "notes": "a",
}  # fmt: skip


@pytest.mark.parametrize(
    ("part", "change", "same"),
    [
        ("audio", {"source": "b"}, True), ("audio", {"tokens_per_second": 25}, True), ("thinking", {"source": "b"}, True),
        ("thinking", {"on": {"prefill": "<think>", "label": "y"}}, True), ("weights", {"license": "b"}, True),
        ("weights", {"gigabytes": 17, "parameters": 9}, True), ("serve", {"min_gpus": 2}, True),
        ("audio", {"chunk_seconds": 30}, False), ("thinking", {"on": {"prefill": "<think>\n"}}, False),
        ("weights", {"revision": "2"}, False), ("serve", {"args": {"quantization": "awq"}}, False),
        ("thinking", {"close_tag": "</thinking>"}, False), ("audio", {"formats": ["mp3"]}, False),
    ],
)  # fmt: skip
def test_a_model_is_the_same_model_as_long_as_its_answers_are(part: str, change: dict[str, Any], same: bool) -> None:
    before = sha256_of(ModelSpec(**SPEC))
    after = sha256_of(ModelSpec(**{**SPEC, part: {**SPEC[part], **change}}))
    assert (before == after) is same
    assert sha256_of(ModelSpec(**{**SPEC, "notes": "b", "source": ["b"]})) == before


@pytest.mark.parametrize("flag", ["--tasks", "--think", "--audio", "--ids"])
@pytest.mark.parametrize("text", ["", " , "])
def test_a_list_of_nothing_is_refused(flag: str, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["run", "--model", "oracle", "--tasks", make_task(tmp_path / "t", 1), "--out", tmp_path / "out", flag, text]
    for more in ([], ["--dry-run"]):
        code, said = check(capsys, *words, *more)
        assert code == 2 and f"{flag} {text!r}: names nothing" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("body", "says"),
    [(b"\n \n", "names nothing"), (b"\xff", "not a text file"), (None, "cannot be read: No such file")],
)
def test_a_file_of_ids_that_has_none(
    body: bytes | None, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if body is not None:
        (tmp_path / "ids").write_bytes(body)
    words = ["run", "--model", "oracle", "--tasks", make_task(tmp_path / "t", 1), "--ids", f"@{tmp_path / 'ids'}"]
    code, said = check(capsys, *words, "--out", tmp_path / "out")
    assert code == 2 and says in said and f"--ids '@{tmp_path}" in said.replace("--ids @", "--ids '@")


def test_a_file_of_ids_has_one_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, rows = make_task(tmp_path / "t", 3), tmp_path / "t" / "items.jsonl"
    rows.write_text(rows.read_text().replace('"s1"', '"a clip, of rain"'))
    (tmp_path / "ids").write_text("a clip, of rain \r\n\ns2\n")
    words = ["run", "--model", "oracle", "--tasks", file, "--ids", f"@{tmp_path / 'ids'}", "--out", tmp_path / "out"]
    assert check(capsys, *words)[0] == 0
    assert len((tmp_path / "out" / "toy" / "samples.jsonl").read_text().splitlines()) == 2


def test_data_of_an_unknown_task_is_refused_before_data_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = make_task(tmp_path / "t", 1)
    (tmp_path / "t" / "items.jsonl").unlink()
    code, said = check(capsys, "run", "--model", "oracle", "--tasks", file, "--data", "tyo=/nope")
    assert code == 2 and "--data tyo: this run has no such task; it has: toy" in said


def test_a_breakdown_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert check(capsys, "run", "--model", "oracle", "--tasks", make_task(tmp_path / "t", 2), "--out", out)[0] == 0
    code, said = check(capsys, "report", out, "--breakdown", "nope")
    assert code == 2 and "--breakdown nope: no such column; they are: group" in said
    assert check(capsys, "report", out, "--breakdown", "group")[0] == 0
    assert command_line.main(["report", str(out), "--breakdown", "group", "--json"]) == 2
    assert "JSON has all breakdowns" in json.loads(capsys.readouterr().out)["error"]


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("oracle", None),
        (
            "openai_chat:m",
            "cannot connect to http://127.0.0.1:9/v1/chat/completions: is the server running? (1 attempt)",
        ),
    ],
)
def test_the_json_of_a_run_says_why_it_ended(
    model: str, reason: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", "--model", model, "--tasks", make_task(tmp_path / "t", 30), "--out", tmp_path / "out", "--json"]
    words += [] if model == "oracle" else ["--base-url", "http://127.0.0.1:9/v1", "--attempts", "1"]
    code = command_line.main([str(word) for word in words])
    found = json.loads(capsys.readouterr().out)
    assert found["exit_code"] == code == (0 if reason is None else 4)
    assert found["reason"] is None if reason is None else reason in found["reason"], found["reason"]


def test_a_served_name_may_hold_a_colon() -> None:
    spec = find_model("openai_chat:google/gemini:free")
    assert (spec.adapter, spec.served_model, spec.name) == ("openai_chat", "google/gemini:free", "google-gemini-free")


def test_a_tag_is_the_tasks_that_carry_it(tmp_path: Path) -> None:
    declared = {name: find_task(name)[0].tag for name in task_files()}
    assert {name: task_tags(path) for name, path in task_files().items()} == declared
    assert expand(["audio_reasoning"]) == [name for name, tags in declared.items() if "audio_reasoning" in tags] != []
    assert expand(["listening"]) == [
        name for name, path in task_files().items() if path.parent.name == "listening"
    ] or ("listening" in task_files())
    file = tmp_path / "t.yaml"
    for text in ("task: t\ntag:\n  - a  # why\n  - 'b'\nx: 1\n", 'tag: [a,\n  "b"]\n', "tag:\n- a\n- b\nz: [c]\n"):
        file.write_text(text)
        assert task_tags(file) == ["a", "b"]
    with pytest.raises(UsageError, match="did you mean `audio_reasoning"):
        find_task("audio_reasonin")


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_what_is_no_plain_file_is_invalid_audio(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    {"pipe": lambda: os.mkfifo(path), "folder": path.mkdir, "device": lambda: path.symlink_to("/dev/zero")}[kind]()
    assert audio.duration(Clip(path)) is None
    with pytest.raises(audio.InvalidAudioError, match=r"not a plain file|Is a directory"):
        audio.read(Clip(path))


@pytest.mark.parametrize("endless", ["pipe", "/dev/zero"])
def test_no_file_that_is_named_is_waited_for(endless: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / endless
    if endless == "pipe":
        os.mkfifo(file)
    assert "not a plain file" in check(capsys, "score", "--task", "mmau", "--predictions", file)[1]
    assert (
        "not a plain file" in check(capsys, "run", "--model", "oracle", "--tasks", "listening", "--ids", f"@{file}")[1]
    )
    assert (
        command_line.main(
            ["run", "--model", "oracle", "--tasks", str(make_task(tmp_path / "t", 1)), "--out", str(tmp_path / "r")]
        )
        == 0
    )
    (tmp_path / "r" / "toy" / "plan.json").unlink()
    (tmp_path / "r" / "toy" / "plan.json").symlink_to(file)
    assert "plan.json: not a plain file" in check(capsys, "report", tmp_path / "r")[1]


def test_a_run_does_not_wait_for_a_pipe(cli: Cli, tmp_path: Path) -> None:
    file = make_task(tmp_path / "t", 3)
    clip = tmp_path / "t" / "audio" / "1.wav"
    clip.unlink()
    os.mkfifo(clip)
    result = cli("run", "--model", "first_choice", "--tasks", file, "--out", tmp_path / "out", timeout=20)
    assert result.returncode == 4, result.stderr
    assert "1 invalid_audio" in result.stdout, result.stdout
    (tmp_path / "t" / "items.jsonl").unlink()
    os.mkfifo(tmp_path / "t" / "items.jsonl")
    result = cli("run", "--model", "first_choice", "--tasks", file, "--out", tmp_path / "out2", timeout=20)
    assert result.returncode == 2 and "not a plain file" in result.stderr, result.stderr


@pytest.mark.parametrize(
    ("choices", "answer", "right"),
    [
        (["1", "2", "3", "4"], 3, None), (["4", "3", "2", "1"], 2, "2"), (["1", "2"], 2, None), (["a", "b"], 1, "b"),
        (["1", "2", "3", "4"], "3", "3"), ([" 1", "2 "], 1, None), (["0", "1"], 1, "1"),
    ],
)  # fmt: skip
def test_a_number_that_is_index_and_text_is_not_guessed(
    choices: list[str], answer: Any, right: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from audiobench import data as dataset

    file = make_task(tmp_path / "t", 1)
    rows = tmp_path / "t" / "items.jsonl"
    rows.write_text(json.dumps({**json.loads(rows.read_text()), "choices": choices, "answer": answer}) + "\n")
    if right is not None:
        assert dataset.load(*find_task(str(file))).samples[0].target == right
        return
    code, said = check(capsys, "run", "--model", "first_choice", "--tasks", file, "--out", tmp_path / "out")
    assert code == 2 and "row 1 (id s0): target" in said and "would be the index of another" in said
    text = file.read_text().replace("{{answer}}", "{{answer ~ ''}}")
    file.write_text(text)
    assert dataset.load(*find_task(str(file))).samples[0].target.strip() == str(answer)  # type: ignore[union-attr]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize("words", [("tasks", "list"), ("tasks", "list", "--json"), ("tasks", "show", "mmau")])
def test_a_full_disk_under_standard_output_is_incomplete(words: tuple[str, ...]) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(command(*words), stdout=full, stderr=subprocess.PIPE, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (4, "audiobench: standard output: No space left on device\n")
