"""`include:`, as lm-eval has it: what a file takes over, and what is said of a file that cannot be taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from audiobench.core.errors import UsageError
from audiobench.task.check import check
from audiobench.task.find import find_task, task_tags
from audiobench.task.glance import glance

BASE = """\
tag: [asr, speech]
source: {license: cc-by-4.0, paper: base}
dataset_path: items.jsonl
doc_to_audio: "{{audio}}"
doc_to_target: "{{text}}"
expected_rows: 7
prompt:
  - text: Write down what is said.
scorer: wer
"""


@pytest.fixture
def files(tmp_path: Path):
    """Writes files into one folder; the first is the task."""
    (tmp_path / "items.jsonl").write_text("{}\n", encoding="utf-8")

    def write(**texts: str) -> Path:
        for name, text in texts.items():
            (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
        return tmp_path / f"{next(iter(texts))}.yaml"

    return write


def findings(path: Path) -> list[str]:
    return [line.replace(f"{path.parent}/", "") for line in check(path)]


def test_a_file_has_the_keys_of_what_it_includes_and_its_own_win(files):
    path = files(
        mine="include: [_base.yaml, _cer.yaml]\ntask: mine\nexpected_rows: null\nsource: {license: mit}\n",
        _base=BASE,
        _cer="include: _more.yaml\nscorer: cer\n",
        _more="scorer: mer\ndescription: of a file that is included by an included one\n",
    )
    assert findings(path) == []
    task, _ = find_task(str(path))
    assert (task.scorer, task.expected_rows, task.source.license, task.source.paper) == ("cer", None, "mit", None)
    assert (task.tag, task.description) == (["asr", "speech"], "of a file that is included by an included one")


def test_a_list_of_tasks_sees_the_same(files):
    path = files(mine="include: _base.yaml\ntask: mine\ntask_alias: 'Mine: 1'\n", _base=BASE)
    task, _ = find_task(str(path))
    seen = glance(path)
    assert (seen["task"], seen["task_alias"], seen["scorer"]) == (task.task, task.task_alias, task.scorer)
    assert (seen["expected_rows"], seen["license"]) == (task.expected_rows, task.source.license)
    assert task_tags(path) == task.tag


@pytest.mark.parametrize(
    ("own", "base", "expected"),
    [
        ("include: _bas.yaml\ntask: mine\n", BASE, "mine.yaml:1: include: _bas.yaml: no such file beside mine.yaml"),
        ("task: mine\ninclude: 7\n", BASE, "mine.yaml:2: include: 7 is no file name"),
        ("include: mine.yaml\ntask: mine\n", BASE, "mine.yaml:1: include: mine.yaml: a circle: mine.yaml includes mine.yaml"),
        (
            "task: mine\ninclude: _base.yaml\n", f"{BASE}include: mine.yaml\n",
            "_base.yaml:10: include: mine.yaml: a circle: mine.yaml includes _base.yaml includes mine.yaml",
        ),
        ("include: _base.yaml\ntask: mine\n", f"{BASE}scorrer: wer\n", "_base.yaml:10: scorrer: unknown key; did you mean `scorer`?"),
        ("include: _base.yaml\ntask: mine\n", "- a\n", "_base.yaml:1: expected keys and values, found list"),
        ("include: _base.yaml\ntask: mine\n", f"{BASE}scorer: cer\n", "_base.yaml:10: scorer: key given twice"),
        ("include: _base.yaml\ntask: mine\nscorer: nope\n", BASE, "mine.yaml:3: scorer: unknown scorer 'nope'"),
        ("include: _base.yaml\ntask: mine\n", BASE.replace("wer", "nope"), "_base.yaml:9: scorer: unknown scorer 'nope'"),
    ],
)  # fmt: skip
def test_findings_name_the_file_that_says_it(files, own, base, expected):
    found = findings(files(mine=own, _base=base))
    assert any(line.startswith(expected) for line in found), found


def test_two_files_may_include_the_same(files):
    path = files(
        mine="include: [_a.yaml, _b.yaml]\ntask: mine\n",
        _a="include: _base.yaml\n",
        _b="include: _base.yaml\n",
        _base=BASE,
    )
    assert findings(path) == []


def test_a_missing_file_stops_a_run_too(files):
    with pytest.raises(UsageError, match="no such file beside"):
        find_task(str(files(mine="include: _gone.yaml\ntask: mine\n")))
