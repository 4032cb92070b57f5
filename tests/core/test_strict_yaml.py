"""YAML as people mean it: `on` and `off` are words, and every finding names its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from audiobench import strict_yaml
from audiobench.errors import UsageError
from model_adapters.spec import ModelSpec

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
