"""YAML as people mean it: `on` and `off` are words, and every finding names its place."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from audiobench.core import strict_yaml
from audiobench.core.errors import UsageError
from audiobench.model.registry import sha256_of
from audiobench.model.spec import ModelSpec

GOOD = "name: m\nadapter: scripted\nserved_model: m\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "m.yaml"
    path.write_text(text)
    return path


def test_on_and_off_are_words(tmp_path: Path) -> None:
    spec = strict_yaml.validate(
        ModelSpec,
        write(tmp_path, GOOD + "thinking: {default: on, on: {prefill: x}, off: {how: exact}}\ntext_only: true\n"),
    )
    assert (spec.thinking.default, spec.thinking.on.prefill, spec.text_only) == ("on", "x", True)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("samplng: {}\n", 4, "did you mean `sampling`"),
        ("thinking:\n  offf: {}\n", 5, "did you mean `off`"),
        ("thinking:\n  off: {how: sometimes}\n", 5, "allowed: 'exact', 'approx' or 'unsupported'"),
        ("audio: {sample_rate: fast}\n", 4, "found 'fast'"),
        ("prices: [{input: 1}]\n", 4, "prices.0.output: required key is missing"),
        ("name: again\n", 4, "name: key given twice"),
        ("options: !!python/name:os.system x\n", 4, "python/name"),
        ("options: [1\n", 4, "expected"),
    ],
)
def test_a_finding_names_file_line_and_what_would_be_right(text: str, line: int, says: str, tmp_path: Path) -> None:
    path = write(tmp_path, GOOD + text)
    with pytest.raises(UsageError) as caught:
        strict_yaml.validate(ModelSpec, path)
    message = str(caught.value)
    assert says in message
    assert message.startswith(f"{path}:") and int(message[len(str(path)) + 1 :].split(":")[0]) in (line, line + 1)


def test_several_findings_are_several_lines(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        strict_yaml.validate(ModelSpec, write(tmp_path, "name: m\nfoo: 1\n"))
    assert len(str(caught.value).splitlines()) == 3


def test_an_alias_bomb_is_refused(tmp_path: Path) -> None:
    bomb = GOOD + "options:\n  a: &a [x]\n" + "".join(f"  k{i}: *a\n" for i in range(200))
    with pytest.raises(UsageError, match="200 aliases"):
        strict_yaml.validate(ModelSpec, write(tmp_path, bomb))


def doubling(levels: int, form: str) -> str:
    """Each level holds the one before twice: 2 ** levels values in a small file."""
    steps = [f"  a{n}: &a{n} " + form.format(f"*a{n - 1}") for n in range(1, levels + 1)]
    return GOOD + "options:\n  a0: &a0 {k: v}\n" + "\n".join(steps) + "\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (doubling(45, "[{0}, {0}]"), "aliases are written out"),
        (doubling(30, "{{<<: [{0}, {0}]}}"), "<<: takes one alias"),
        (GOOD + "options: {a: &a [*a]}\n", "an alias inside of what it stands for"),
        (GOOD + "options: " + "[" * 200_000, "nested more than 50 levels"),
        (GOOD + "options: " + "{a: " * 100_000, "nested more than 50 levels"),
        (GOOD + "options: {" + "? [" * 100_000, "nested more than 50 levels"),
        (GOOD + "options: {? [a, b] : c}\n", "a key must be text"),
    ],
)
def test_what_would_take_for_ever_is_refused_at_once(text: str, says: str, tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(UsageError, match=re.escape(says)):
        strict_yaml.validate(ModelSpec, write(tmp_path, text))
    assert time.monotonic() - began < 2


def test_ninety_uses_of_one_value_are_fine(tmp_path: Path) -> None:
    text = GOOD + "options:\n  a: &a {x: [1, 2]}\n" + "".join(f"  k{i}: *a\n" for i in range(90))
    assert strict_yaml.validate(ModelSpec, write(tmp_path, text)).options["k89"] == {"x": [1, 2]}


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("2026-13-45", "'2026-13-45' is no timestamp"),
        ("!!int abc", "'abc' is no int"),
        ("!!float abc", "'abc' is no float"),
        ("!!timestamp abc", "'abc' is no timestamp"),
        ("9" * 6000, "is no int"),
        ("9" * 30, "more than 64 bits"),
        ("!!binary aGk=", "the tag !!binary is not allowed"),
        ("!!set {a, b}", "the tag !!set is not allowed"),
    ],
)
def test_a_value_that_is_none_of_its_type_is_named(value: str, says: str, tmp_path: Path) -> None:
    path = write(tmp_path, GOOD + f"description: {value}\n")
    with pytest.raises(UsageError) as caught:
        strict_yaml.validate(ModelSpec, path)
    assert str(caught.value).startswith(f"{path}:4: description: ") and says in str(caught.value)
    assert len(str(caught.value)) < 400


def test_keys_are_text_as_in_json(tmp_path: Path) -> None:
    text = GOOD + "options: {logit_bias: {50256: -100, true: 1, 2026-01-01: 2, null: 3}}\n"
    spec = strict_yaml.validate(ModelSpec, write(tmp_path, text))
    assert spec.options["logit_bias"] == {"50256": -100, "true": 1, "2026-01-01": 2, "null": 3}
    assert len(sha256_of(spec)) == 64


def test_a_pipe_is_no_declaration(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "m.yaml")
    with pytest.raises(UsageError, match="not a plain file"):
        strict_yaml.load(tmp_path / "m.yaml")
