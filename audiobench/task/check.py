"""What is wrong with a task file beyond its form: names that nothing knows, templates that cannot work.

`audiobench tasks check FILE` prints these findings, one a line: `file:line: key: what is wrong; what would be right`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from jinja2 import TemplateSyntaxError, nodes

from audiobench.core import strict_yaml, template
from audiobench.core.errors import UsageError, suggestion
from audiobench.core.narrow import is_list, is_object
from audiobench.core.types import Sample
from audiobench.extraction import EXTRACTORS, OPTION_RULES, find_extractor
from audiobench.scorers import Scorer, find_scorer
from audiobench.task import generation
from audiobench.task.find import read_task
from audiobench.task.glance import glance
from audiobench.task.groups import group_findings
from audiobench.task.spec import CONVERTED, LOCAL, OPTION_NAMES, ROW_FILES, Columns, TaskSpec

BUILTIN = ("listening", "made_sounds")
PROMPT_NAMES = frozenset(template.variables(Sample("", "")))
TOOL_ERROR_NAMES = frozenset(("name", "tools", "problem"))
SUBMISSION_NAMES = frozenset(("id", "answer", "output", "question", "choices", "row"))
LM_EVAL_CLASS = "!function audiobench.lm_eval_bridge.AudioBenchTask"

_NESTED = re.compile(r"\((?:[^()\\]|\\.)*[+*}](?:[^()\\]|\\.)*\)(?:[+*]|\{\d*,)")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_PARSER = template.Sandbox()

Key = tuple[str | int, ...]
Finding = tuple[Key, str]


def check(path: Path) -> list[str]:
    """Everything that is wrong with a task or group file, as `file:line: key: message`; an empty list is a valid one."""
    if "group" in glance(path):
        return group_findings(path)
    try:
        task = read_task(path)
    except UsageError as error:
        return str(error).splitlines()
    return _placed(_findings(task, path), path)


def refusals(task: TaskSpec, path: Path) -> list[str]:
    """What `check` finds and `audiobench run` refuses: all but where the data are, which `--data` may say instead."""
    return _placed(_declared(task), path)


def _placed(findings: Iterable[Finding], path: Path) -> list[str]:
    listed = list(findings)
    if not listed:
        return []
    document = strict_yaml.read(path)
    found = [(document.where(key), f"{'.'.join(map(str, key))}: {message}") for key, message in listed]
    return [f"{where}: {text}" for where, text in sorted(found, key=_by_line)]


def _by_line(found: tuple[str, str]) -> tuple[str, int, str]:
    file, _, line = found[0].rpartition(":")
    return file, int(line), found[1]


def _findings(task: TaskSpec, path: Path) -> Iterator[Finding]:
    if task.class_ not in (None, LM_EVAL_CLASS):
        yield ("class",), f"only {LM_EVAL_CLASS} (for lm-eval) is allowed here; audiobench never runs it"
    yield from _declared(task)
    yield from _dataset(task, path)


def _declared(task: TaskSpec) -> Iterator[Finding]:
    yield from _template(("fewshot_answer",), task.fewshot_answer, PROMPT_NAMES | {"target", "letter"})
    yield from _scoring(task)
    yield from _columns(task)
    yield from _prompts(task)
    yield from _submission(task)


def _unknown(kind: str, name: str, allowed: Any) -> str:
    hint = suggestion(name, allowed, f"allowed: {', '.join(sorted(allowed))}")
    return f"unknown {kind} {name!r}; {hint}"


def _scoring(task: TaskSpec) -> Iterator[Finding]:
    try:
        yield from _metrics(task, find_scorer(task.scorer))
    except UsageError as error:
        yield ("scorer",), str(error)
    else:
        try:
            find_scorer(task.scorer, task.normalizer)
        except UsageError as error:
            yield ("normalizer",), str(error)
    if not task.extraction:
        yield ("extraction",), f"at least one rule is needed; allowed: {', '.join(EXTRACTORS)}"
    for index, rule in enumerate(task.extraction):
        try:
            find_extractor(rule)
        except UsageError as error:
            yield ("extraction", index), str(error)
    for where, parameters in [
        (("generation_kwargs",), task.generation_kwargs),
        *((("prompt", i, "generation_kwargs"), p.generation_kwargs) for i, p in enumerate(task.prompt)),
    ]:
        for name, value in parameters.items():
            if name not in generation.NAMES:
                yield (*where, name), _unknown("generation parameter", name, generation.NAMES)
            if problem := generation.wrong(name, value):
                yield (*where, name), problem


def _columns(task: TaskSpec) -> Iterator[Finding]:
    if task.doc_filter is not None:
        yield from _template(("doc_filter",), task.doc_filter)
    if task.nested is not None:
        yield from _template(("nested", "list"), task.nested.list)
    yield from _template_values(("derived",), task.derived)
    forms: list[tuple[Key, Columns, Any]] = [((), task, task.breakdown)]
    forms += [(("forms", i), form, form.breakdown) for i, form in enumerate(task.forms)]
    for where, columns, breakdown in forms:
        for name in type(columns).model_fields:
            if name.startswith("doc_to_"):
                yield from _template_values((*where, name), getattr(columns, name))
        if columns.dialogue is not None:
            yield from _template_values((*where, "dialogue"), columns.dialogue.model_dump())
        if isinstance(breakdown, dict):
            yield from _template_values((*where, "breakdown"), breakdown)
        if columns.choice_prefix is not None:
            yield from _pattern((*where, "choice_prefix"), columns.choice_prefix)
    for name, text in task.tool_errors.model_dump().items():
        yield from _template(("tool_errors", name), text, TOOL_ERROR_NAMES)
    for index, form in enumerate(task.forms):
        if not form.when:
            yield ("forms", index, "when"), "name at least one column that only this form has"
    heard = any(form.doc_to_audio or form.doc_to_video for form in (task, *task.forms))
    if not heard and task.answer == "text":
        yield ("doc_to_audio",), "which column holds the clip?"
    yield from _chance(task)


def _chance(task: TaskSpec) -> Iterator[Finding]:
    if not _has_choices(task):
        if {*task.extraction, *_rules(task)} & {*OPTION_RULES}:
            yield ("extraction",), "these rules and this scorer need options: give doc_to_choice, or other ones"
        if task.chance == "per_sample":
            yield ("chance",), "per_sample needs options: give doc_to_choice, a number in [0, 1], or none"
    if isinstance(task.chance, float | int) and not 0 <= task.chance <= 1:
        yield ("chance",), f"{task.chance} is not in [0, 1]"


def _pattern(key: Key, text: str) -> Iterator[Finding]:
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        yield key, f"not a regular expression: {error}"
    if _NESTED.search(text):
        yield key, f"{text!r} repeats what is repeated already, as in (a+)+, which can take for ever: repeat it once"


def _has_choices(task: TaskSpec) -> bool:
    return task.doc_to_choice is not None or any(form.doc_to_choice for form in task.forms)


def _template_values(key: Key, value: Any) -> Iterator[Finding]:
    if isinstance(value, str):
        yield from _template(key, value)
    elif is_list(value):
        for index, item in enumerate(value):
            yield from _template((*key, index), item)
    elif is_object(value):
        for name, item in value.items():
            yield from _template((*key, name), item)


def _template(key: Key, text: str, allowed: frozenset[str] | None = None) -> Iterator[Finding]:
    """Findings about one template; `allowed` = the names it may use (None: any, they are columns)."""
    from jinja2 import meta

    try:
        template.compiled(text)
        tree = _PARSER.parse(text)
    except UsageError as error:
        wrong = type(error.__cause__) is TemplateSyntaxError
        yield key, f"not a template: {error.__cause__}" if wrong else str(error)
        return
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        name = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
        if isinstance(name, str) and name.startswith("_"):
            yield key, f"{name!r}: names that begin with an underscore are out of reach of a template"
    if allowed is not None:
        columns = "doc" if "doc" in allowed else "row"
        for name in sorted(meta.find_undeclared_variables(tree) - allowed - {"range"}):
            yield key, f"{_unknown('variable', name, allowed)} (a column is `{columns}.{name}`)"


def _prompts(task: TaskSpec) -> Iterator[Finding]:
    leaks = _roots(task.doc_to_target) if _has_choices(task) else frozenset[str]()
    for index, prompt in enumerate(task.prompt):
        key: Key = ("prompt", index, "text")
        if not prompt.order:
            yield ("prompt", index, "order"), "text, audio or both"
        if prompt.clip_label is not None:
            yield from _template(("prompt", index, "clip_label"), prompt.clip_label, PROMPT_NAMES | {"number", "clips"})
        if prompt.system is not None and "{{" in prompt.system:
            yield from _template(("prompt", index, "system"), prompt.system, PROMPT_NAMES)
        if prompt.text is None:
            if "text" in prompt.order:
                yield key, "order names text, but there is none: give text, or order: [audio]"
            continue
        if "text" not in prompt.order:
            yield key, "never shown: order does not name text"
        wrong = list(_template(key, prompt.text, PROMPT_NAMES))
        yield from wrong
        if wrong:
            continue
        names = template.names(prompt.text)
        if not _has_choices(task) and names & OPTION_NAMES:
            yield key, "shows options, but there is no doc_to_choice"
        for column in sorted(_columns_of_doc(prompt.text) & leaks):
            yield key, f"shows the column {column!r}, which holds the right answer"
        if not names & {"doc", "row"}:
            yield from _rendered(key, prompt.text, task)


def _rendered(key: Key, text: str, task: TaskSpec) -> Iterator[Finding]:
    choices = ("red", None, "blue") if _has_choices(task) else ()
    sample = Sample("id-1", "What colour is it?", choices=choices, transcript="It is red.")
    try:
        template.render(text, template.variables(sample))
    except UsageError as error:
        yield key, f"on a made-up sample: {error}"


def _roots(value: str | list[str] | None) -> frozenset[str]:
    """Columns that are a target by themselves (`{{answer}}`), not those that merely choose one."""
    texts = value if isinstance(value, list) else [value] if value else []
    single = [re.fullmatch(r"\s*\{\{\s*(\w+)\s*\}\}\s*", text) for text in texts]
    return frozenset(match[1] for match in single if match)


def _columns_of_doc(text: str) -> set[str]:
    """Columns that a prompt takes from `doc` or `row`."""
    found: set[str] = set()
    for node in _PARSER.parse(text).find_all((nodes.Getattr, nodes.Getitem)):
        name = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
        if isinstance(node.node, nodes.Name) and node.node.name in ("doc", "row") and isinstance(name, str):
            found.add(name)
    return found


def _dataset(task: TaskSpec, path: Path) -> Iterator[Finding]:
    where = task.dataset_path
    if where.startswith("builtin:"):
        if where.removeprefix("builtin:") not in BUILTIN:
            yield ("dataset_path",), _unknown("built-in data set", where.removeprefix("builtin:"), BUILTIN)
    elif where.startswith(LOCAL):
        if not where.removeprefix(LOCAL).strip():
            yield ("dataset_path",), "say after local: where the data can be had"
    elif where.endswith(ROW_FILES) or where.startswith((".", "/", "~")):
        if not (path.parent / Path(where).expanduser()).exists():
            yield ("dataset_path",), f"{where}: no such file or folder beside {path.name}"
    elif not re.fullmatch(r"[\w.\-]+/[\w.\-]+", where) and not (path.parent / where).exists():
        yield ("dataset_path",), f"{where!r} is not a Hub repository (owner/name), builtin:NAME or local file"
    revision = task.dataset_revision
    if revision not in (None, CONVERTED) and not _COMMIT.fullmatch(str(revision)):
        yield (
            ("dataset_revision",),
            f"{revision!r} is no commit (40 hex digits); a name can move: leave the key out to have main resolved "
            "and recorded",
        )
    for key in ("data_files", "audio_files"):
        for index, name in enumerate(getattr(task, key)):
            if name.startswith("/") or ".." in PurePosixPath(name).parts:
                yield (key, index), f"{name!r} leaves the data set"
    if task.expected_rows is not None and task.expected_rows < 1:
        yield ("expected_rows",), f"{task.expected_rows} rows"


def _metrics(task: TaskSpec, scorer: Scorer) -> Iterator[Finding]:
    """A task chooses among what its scorer makes."""
    made = scorer.metric
    if not task.metric_list:
        yield ("metric_list",), "at least one metric is needed"
    for index, metric in enumerate(task.metric_list):
        if metric.metric != made.name:
            yield ("metric_list", index, "metric"), f"scorer {scorer.name} gives {made.name}, not {metric.metric}"
        elif metric.higher_is_better not in (None, made.higher_is_better):
            direction = "higher" if made.higher_is_better else "lower"
            yield ("metric_list", index, "higher_is_better"), f"of {made.name}, {direction} is better"
    for index, score in enumerate(task.reference_scores):
        if score.metric != made.name:
            yield (
                ("reference_scores", index, "metric"),
                f"{score.metric!r} is not among the task's metrics ({made.name})",
            )


def _rules(task: TaskSpec) -> tuple[str, ...]:
    """What the scorer itself reads."""
    try:
        return find_scorer(task.scorer).extraction
    except UsageError:
        return ()


def _submission(task: TaskSpec) -> Iterator[Finding]:
    if task.submission and not task.answers_withheld:
        yield ("submission",), "only for answers_withheld: true"
    if task.answers_withheld and "file" not in task.submission:
        yield ("submission", "file"), "name the file to submit"
    for name, text in task.submission.items():
        if name == "file":
            if "/" in text or "\\" in text or text in (".", ".."):
                yield ("submission", "file"), f"{text!r}: a file name, not a path"
        else:
            yield from _template(("submission", name), text, SUBMISSION_NAMES)
