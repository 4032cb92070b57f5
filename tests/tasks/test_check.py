"""What people write wrong in a task file, and the one line that tells them: file:line: key: what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from audiobench.cli import main
from audiobench.core.errors import UsageError
from audiobench.task.check import check
from audiobench.task.find import find_task

GOOD = """\
task: mine
dataset_path: items.jsonl
doc_to_audio: "{{audio}}"
doc_to_question: "{{question}}"
doc_to_choice: "{{choices}}"
doc_to_target: "{{answer}}"
prompt:
  - text: "{{question}}{% for option in options %}\\n{{option.letter}}. {{option.text}}{% endfor %}"
"""


@pytest.fixture
def findings(tmp_path: Path):
    """Checks the text of a task file; findings come without the folder."""
    (tmp_path / "items.jsonl").write_text("{}\n", encoding="utf-8")

    def run(text: str) -> list[str]:
        path = tmp_path / "mine.yaml"
        path.write_text(text, encoding="utf-8")
        return [finding.replace(f"{tmp_path}/", "") for finding in check(path)]

    return run


def test_a_minimal_task_is_valid(findings):
    assert findings(GOOD) == []


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ("scorer: option_mach\n", "mine.yaml:9: scorer: unknown scorer 'option_mach'; did you mean `option_match`?"),
        (
            "extraction: [multiple_choise]\n",
            "mine.yaml:9: extraction.0: unknown extraction rule 'multiple_choise'; did you mean `multiple_choice`?",
        ),
        (
            "generation_kwargs: {max_new_tokens: 128}\n",
            "mine.yaml:9: generation_kwargs.max_new_tokens: unknown generation parameter 'max_new_tokens'; ",
        ),
        ("metric_list: [{metric: wer}]\n", "mine.yaml:9: metric_list.0.metric: scorer option_match gives acc, not wer"),
        (
            "reference_scores: [{model: m, value: 1, metric: f1, source: s}]\n",
            "mine.yaml:9: reference_scores.0.metric: 'f1' is not among the task's metrics (acc)",
        ),
        ("dataset_revision: main\n", "mine.yaml:9: dataset_revision: 'main' is no commit (40 hex digits)"),
        ("dataset_revision: ccd9696\n", "mine.yaml:9: dataset_revision: 'ccd9696' is no commit (40 hex digits)"),
        ("choice_prefix: '(['\n", "mine.yaml:9: choice_prefix: not a regular expression: unterminated character set"),
        ("breakdown: {part: '{{ part'}\n", "mine.yaml:9: breakdown.part: not a template: "),
        ("breakdown: {part: '{{ part | nope }}'}\n", "mine.yaml:9: breakdown.part: template '{{ part | nope }}': "),
        ("chance: 25\n", "mine.yaml:9: chance: 25.0 is not in [0, 1]"),
        ("data_files: [../../etc/passwd]\n", "mine.yaml:9: data_files.0: '../../etc/passwd' leaves the data set"),
        ("audio_files: [/etc/passwd]\n", "mine.yaml:9: audio_files.0: '/etc/passwd' leaves the data set"),
        ("submission: {id: '{{id}}'}\n", "mine.yaml:9: submission: only for answers_withheld: true"),
        (
            "doc_to_id: \"{{ ''.__class__ }}\"\n",
            "mine.yaml:9: doc_to_id: '__class__': names that begin with an underscore",
        ),
        ("doc_filter: \"{{ x['__init__'] }}\"\n", "mine.yaml:9: doc_filter: '__init__': names that begin"),
        ("class: !function os.system\n", "mine.yaml:9: class: only !function audiobench.lm_eval_bridge.AudioBenchTask"),
        (
            "answers_withheld: true\nsubmission: {file: ../up.json}\n",
            "mine.yaml:10: submission.file: '../up.json': a file name, not a path",
        ),
    ],
)
def test_findings_name_line_key_and_remedy(findings, extra, expected):
    found = findings(GOOD + extra)
    assert len(found) == 1 and found[0].startswith(expected), found


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("items.jsonl", "itms.jsonl", "mine.yaml:2: dataset_path: itms.jsonl: no such file or folder beside mine.yaml"),
        ("items.jsonl", "builtin:listning", "mine.yaml:2: dataset_path: unknown built-in data set 'listning'; did you"),
        ("items.jsonl", "no repository", "mine.yaml:2: dataset_path: 'no repository' is not a Hub repository"),
        ('"{{question}}{%', '"{{query}}{%', "mine.yaml:8: prompt.0.text: unknown variable 'query'; "),
        ('"{{question}}{%', '"{{doc.answer}}{%', "mine.yaml:8: prompt.0.text: shows the column 'answer', which holds"),
        ('"{{question}}{%', '"{{question.__class__}}{%', "mine.yaml:8: prompt.0.text: '__class__': names that begin"),
        ('"{{question}}{%', '"{{question + 1}}{%', "mine.yaml:8: prompt.0.text: on a made-up sample: template"),
        ("{% endfor %}", "", "mine.yaml:8: prompt.0.text: not a template: "),
        ("  - text:", "  - order: [audio]\n    text:", "mine.yaml:9: prompt.0.text: never shown: order does not name"),
    ],
)
def test_findings_in_the_keys_that_every_task_has(findings, old, new, expected):
    assert old in GOOD
    found = findings(GOOD.replace(old, new))
    assert len(found) == 1 and found[0].startswith(expected), found


def test_options_are_needed_by_what_uses_them(findings):
    found = findings(GOOD.replace('doc_to_choice: "{{choices}}"\n', "") + "chance: per_sample\n")
    assert sorted(f.split(": ")[1] for f in found) == ["chance", "extraction", "prompt.0.text"]


def test_all_findings_come_at_once_and_in_order_of_lines(findings):
    found = findings(GOOD + "scorer: nope\nchance: 7\nextraction: [nope]\n")
    assert [f.split(":")[1] for f in found] == ["9", "10", "11"]


HOSTILE = {
    "python object": (GOOD + "metadata: !!python/object/apply:os.system ['touch pwned']\n", ":9: metadata: the tag !!python/object/apply:os.system is"),
    "python name": (GOOD + "metadata: !!python/name:os.system ''\n", ":9: metadata: the tag !!python/name:os.system is not allowed"),
    "any other tag": (GOOD + "metadata: !secret x\n", ":9: metadata: the tag !secret is not allowed; only plain values are"),
    "key given twice": (GOOD + "task: other\n", ":9: task: key given twice"),
    "nested key given twice": (GOOD + "source:\n  paper: a\n  paper: b\n", ":11: paper: key given twice"),
    "unknown key": (GOOD + "scorrer: wer\n", ":9: scorrer: unknown key; did you mean `scorer`?"),
    "unknown nested key": (GOOD + "    txt: x\n", ":9: prompt.0.txt: unknown key; did you mean `text`?"),
    "two documents": (GOOD + "---\ntask: b\n", ""),
    "a list": ("- a\n", ":1"),
    "nothing": ("", ""),
    "not a name": (GOOD.replace("task: mine", "task: ../mine"), ":1: task: "),
    "no audio": (GOOD.replace('doc_to_audio: "{{audio}}"\n', ""), "doc_to_audio is required"),
    "no target": (GOOD.replace('doc_to_target: "{{answer}}"\n', ""), "doc_to_target is required"),
    "no prompt": (GOOD.split("prompt:")[0], ": prompt: required key is missing"),
    "same prompt twice": (GOOD + "  - text: x\n", "prompt names must differ"),
    "audio twice": (GOOD + "    order: [audio, audio]\n", ":9: prompt.0.order: each of text, audio, image and video at most once"),
    "few shots": (GOOD + "num_fewshot: -1\n", ":9: num_fewshot: "),
    "billion laughs": (
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{b}: &{b} [{','.join('*' + a for _ in range(9))}]\n" for a, b in zip("abcdefghijklm", "bcdefghijklmn", strict=True)),
        "aliases; at most",
    ),
    "deep nesting": ("metadata: " + "[" * 5000 + "]" * 5000, ""),
    "too large": ("#" + "x" * 1_100_000, "bytes; a declaration is at most"),
    "binary": ("task: \x00\x01", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_yaml_is_one_clear_error(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "items.jsonl").write_text("{}\n", encoding="utf-8")
    text, expected = HOSTILE[name]
    path = tmp_path / "hostile.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as error:
        find_task(str(path))
    message = str(error.value)
    assert message.startswith(str(path)) and expected in message, message
    assert all(len(line) < 500 for line in message.splitlines())
    assert check(path), "the check says the same"
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ ''['__class__'] }}",
        "{{ ''|attr('__class__') }}",
        "{{ '{0.__class__}'.format('') }}",
        "{{ range.__globals__ }}",
        "{{ doc.update({'a': 1}) }}",
        "{{ self.__init__.__globals__ }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{{ cycler }}",
        "{{ lipsum.__globals__ }}",
        "{% for i in range(10000000) %}x{% endfor %}",
    ],
)
def test_templates_cannot_escape(template):
    from audiobench.core.template import render, variables
    from audiobench.core.types import Sample

    with pytest.raises(UsageError):
        render(template, variables(Sample("id", "?", doc={"a": 0})))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('doc_to_choice: "{{choices}}"\n', ""),  # free text, read by rules that need options
        ('doc_to_audio: "{{audio}}"\n', ""),
        ("{{question}}{%", "{{nothing_of_the_kind}}{%"),
        ("{{question}}{%", "{{doc.answer}}{%"),
        ("prompt:", "submission: {id: '{{id}}'}\nprompt:"),
        ("prompt:", "scorer: wer\nmetric_list: [{metric: acc}]\nprompt:"),
    ],
)
def test_run_and_score_refuse_what_the_check_refuses(
    old: str, new: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task, answers = tmp_path / "mine.yaml", tmp_path / "answers.jsonl"
    assert old in GOOD
    task.write_text(GOOD.replace(old, new), encoding="utf-8")
    (tmp_path / "items.jsonl").write_text("{}\n", encoding="utf-8")
    answers.write_text('{"id": "s0", "output": "A"}\n', encoding="utf-8")
    assert main(["tasks", "check", str(task)]) == 2
    findings = capsys.readouterr().err.splitlines()
    for command in (
        ["run", "--model", "oracle", "--tasks", str(task), "--out", str(tmp_path / "out")],
        ["score", "--task", str(task), "--predictions", str(answers)],
    ):
        assert main(command) == 2
        said = capsys.readouterr().err
        assert findings and all(finding in said for finding in findings), said
    assert not (tmp_path / "out").exists()
