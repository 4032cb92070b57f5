"""From a data set's row to a Sample, as the task's columns say."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson

from audiobench.core.errors import UsageError
from audiobench.core.narrow import is_list, is_object, is_sequence
from audiobench.core.template import Row as TemplateRow
from audiobench.core.template import evaluate
from audiobench.core.tool_results import ScriptedResult, Toolbox, ToolErrors, check, results_of
from audiobench.core.tools import Tool, tools_of
from audiobench.core.types import Clip, Sample, check_options
from audiobench.data.clips import ClipError, ClipFinder, parts_of
from audiobench.data.dialogues import conversation
from audiobench.data.row_errors import RowError
from audiobench.data.rows import CLIPS, IMAGES, VIDEOS, Row, Rows
from audiobench.data.special_tokens import neutralise_row
from audiobench.extraction import OPTION_RULES
from audiobench.scorers import find_scorer
from audiobench.task.spec import Columns, TaskSpec

LONG = 1000
"""Characters; longer text columns stay in `doc` and out of `metadata`, but for those that the scorer reads."""
_PATH = re.compile(r"\A\s*\{\{\s*([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*|\[\s*(?:'[^'\\]*'|\"[^\"\\]*\")\s*\])*)\s*\}\}\s*\Z")
_STEP = re.compile(r"\.([A-Za-z_]\w*)|\[\s*['\"]([^'\"]*)['\"]\s*\]")

Getter = Callable[[Row], Any]


def choose_form(task: TaskSpec, columns: Iterable[str]) -> tuple[str, Columns, Mapping[str, str]]:
    """(form name, columns, breakdown as label -> template) for rows with these columns: the first form whose `when`
    columns are all there, else the task's own (`main`).
    """
    present = set(columns)
    own = {name: getattr(task, name) for name in Columns.model_fields}
    for form in task.forms:
        if present.issuperset(form.when):
            changed = {name: getattr(form, name) for name in Columns.model_fields if name in form.model_fields_set}
            breakdown = task.breakdown if form.breakdown is None else form.breakdown
            return form.name, Columns(**{**own, **changed}), _labels(breakdown)
    return "main", Columns(**own), _labels(task.breakdown)


def _labels(breakdown: list[str] | dict[str, str]) -> dict[str, str]:
    return breakdown if isinstance(breakdown, dict) else {name: name for name in breakdown}


def getter(template: str) -> Getter:
    """The template as a function of a row. `{{column}}`, `{{column.key}}` and a bare column name skip jinja (so that a
    name such as `sub-category`, which jinja would read as a subtraction, works too).
    """
    match = _PATH.match(template)
    if match and match[1] != "row":
        name, keys = match[1], tuple(a or b for a, b in _STEP.findall(match[2]))

        def look_up(row: Row) -> Any:
            value = _column(row, name)
            for key in keys:
                if isinstance(value, str) and value[:1] == "{":
                    value = _opened(value)
                if not is_object(value) or key not in value:
                    found = ", ".join(map(str, value)) if is_object(value) else type(value).__name__
                    raise RowError(f"template {template!r}: no key {key!r}; found {found}")
                value = value[key]
            return value

        return look_up

    bare = template.strip().removeprefix("{{").removesuffix("}}").strip()

    def rendered(row: Row) -> Any:
        if bare in row:
            return row[bare]
        if "{" not in template:
            raise RowError(f"no column {template!r}; columns: {', '.join(row)}")
        try:
            return evaluate(template, TemplateRow(row))
        except UsageError as error:
            raise RowError(str(error)) from None

    return rendered


def _column(row: Row, name: str) -> Any:
    try:
        return row[name]
    except KeyError:
        raise RowError(f"no column {name!r}; columns: {', '.join(row)}") from None


def _opened(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _listed(text: str) -> Any:
    """A list that stands as text in a column, as JSON or as Python writes it."""
    value = _opened(text)
    if isinstance(value, str):
        try:
            return ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return text
    return value


def column_of(template: str | None) -> str | None:
    """The column that a template is nothing but, else None."""
    match = _PATH.match(template or "")
    if match:
        return None if match[2] else match[1]
    return template if template and "{" not in template else None


class SampleBuilder:
    """Builds the samples of one data set; counts what it had to change."""

    def __init__(self, task: TaskSpec, rows: Rows, allow_links: bool = False) -> None:
        self._rows = rows
        self._withheld = task.answers_withheld
        self._numbered = task.number_ids
        self._allowed = int(task.dataset_kwargs.get("unmatched_targets", 0))
        first = rows.rows[0] if rows.rows else {}
        self.form, columns, breakdown = choose_form(task, first)
        self._id = self._id_getter(columns, first)
        self._audio = getter(columns.doc_to_audio) if columns.doc_to_audio else None
        self._span = getter(columns.doc_to_span) if columns.doc_to_span else None
        self._video = getter(columns.doc_to_video) if columns.doc_to_video else None
        self._reference = getter(columns.doc_to_reference) if columns.doc_to_reference else None
        self._image = getter(columns.doc_to_image) if columns.doc_to_image else None
        self._question = getter(columns.doc_to_question) if columns.doc_to_question else None
        self._choices = _choice_getter(columns.doc_to_choice)
        self._kept = frozenset(find_scorer(task.scorer).columns)
        self._choosing = columns.doc_to_choice is not None and set(task.extraction) <= set(OPTION_RULES)
        self._target = _target_getter(columns.doc_to_target)
        self._transcript = getter(columns.doc_to_transcript) if columns.doc_to_transcript else None
        self._cluster = getter(columns.doc_to_cluster) if columns.doc_to_cluster else None
        self._prefix = _pattern(columns.choice_prefix)
        self._dialogue = columns.dialogue
        self._tools = getter(columns.doc_to_tools) if columns.doc_to_tools else None
        self._results = getter(columns.doc_to_tool_results) if columns.doc_to_tool_results else None
        self._all_results = tuple(ScriptedResult(one.name, one.result, one.arguments) for one in task.tool_results)
        self._scripts_tools, self._errors = task.scripts_tools, ToolErrors(**task.tool_errors.model_dump())
        self._breakdown = {label: getter(template) for label, template in breakdown.items()}
        in_columns = (column_of(template) for template in (columns.doc_to_audio, columns.doc_to_image))
        self._media_columns = frozenset(column for column in in_columns if column is not None)
        self._reference_column = column_of(columns.doc_to_reference)
        used = [
            columns.doc_to_id or "id",
            columns.doc_to_audio,
            columns.doc_to_video,
            columns.doc_to_reference,
            columns.doc_to_image,
            columns.doc_to_question,
            columns.doc_to_transcript,
        ]
        for many in (columns.doc_to_choice, columns.doc_to_target):
            used.extend(many if isinstance(many, list) else [many])
        self._consumed = {column_of(template) for template in used} | {CLIPS, VIDEOS, IMAGES}
        self.finder = ClipFinder(rows.base, rows.roots, allow_links)
        self.neutralised = 0
        self.unmatched: list[str] = []

    def _id_getter(self, columns: Columns, first: Row) -> Getter | None:
        template = columns.doc_to_id or ("id" if "id" in first else None)
        return getter(template) if template else None

    def ids(self) -> list[str]:
        """Every row's id as text; the row's number (from 0) where the data set has none.

        Raises:
            UsageError: an empty id, or one that two rows share.
        """
        found: dict[str, int] = {}
        seen: dict[str, int] = {}
        ids: list[str] = []
        for number, row in enumerate(self._rows.rows):
            value: Any = self._rows.number(number)
            if self._id:
                try:
                    value = self._id(row)
                except RowError as error:
                    raise self._error(number, None, str(error)) from None
            name = value if isinstance(value, str) else str(value)
            if self._numbered and name:
                seen[name] = seen.get(name, -1) + 1
                name = f"{name}_{seen[name]}"
            if value is None or not name:
                raise self._error(number, None, "its id is empty")
            if name in found:
                raise self._error(number, name, f"row {self._rows.number(found[name]) + 1} has the same id")
            found[name] = number
            ids.append(name)
        return ids

    def build(self, number: int, name: str) -> Sample:
        """The sample of the row at place `number` (from 0), whose audio is taken out of the row: once for each row.

        Raises:
            UsageError: a column is missing, audio outside of the data root, a target that is none of the choices.
        """
        try:
            return self._build(self._rows.rows[number], name)
        except (RowError, ClipError, UsageError) as error:
            raise self._error(number, name, str(error)) from None

    def _error(self, number: int, name: str | None, problem: str) -> UsageError:
        who = f" (id {name})" if name is not None else ""
        return UsageError(f"{self._rows.file}: row {self._rows.number(number) + 1}{who}: {problem}")

    def _build(self, raw: Row, name: str) -> Sample:
        clips = self.finder.clips(self._heard(raw))
        if self._audio and not clips:
            clips = (self.finder.absent(f"no audio in row {name}"),)
        videos = self.finder.clips(raw[VIDEOS] if VIDEOS in raw else self._video(raw) if self._video else None)
        if self._video and not videos:
            videos = (self.finder.absent(f"no video in row {name}"),)
        images = self.finder.clips(raw[IMAGES] if IMAGES in raw else self._image(raw) if self._image else None)
        if self._image and not images:
            images = (self.finder.absent(f"no image in row {name}"),)
        if self._span:
            clips = parts_of(clips, self._span(raw))
        reference = self._reference_clip(raw, name) if self._reference else None
        cluster = None if self._cluster is None else str(self._cluster(raw))
        for column in (CLIPS, VIDEOS, IMAGES):
            raw.pop(column, None)
        for column in self._media_columns & raw.keys():
            if not isinstance(raw[column], str):
                del raw[column]  # not copied: ten thousand rows would stand in memory twice
        clean = neutralise_row(raw)
        self.neutralised += clean is not raw
        choices, target = self._answer(list(self._choices(clean)), clean, name)
        metadata = {
            key: value
            for key, value in clean.items()
            if key not in self._consumed and (key in self._kept or not isinstance(value, str) or len(value) <= LONG)
        }
        for label, value in self._breakdown.items():
            metadata[label] = _label(value(clean))
        question = self._question(clean) if self._question else ""
        transcript = self._transcript(clean) if self._transcript else None
        tools = tools_of(self._tools(clean)) if self._tools else ()
        return Sample(
            id=name,
            question="" if question is None else str(question),
            clips=clips,
            choices=choices,
            target=target,
            metadata=metadata,
            transcript=None if transcript is None else str(transcript),
            cluster=cluster,
            doc=clean,
            videos=videos,
            images=images,
            tools=tools,
            toolbox=self._toolbox(tools, clean) if self._scripts_tools else None,
            turns=conversation(self._dialogue, clean, clips) if self._dialogue is not None else (),
            reference=reference,
        )

    def _toolbox(self, tools: tuple[Tool, ...], row: Row) -> Toolbox:
        """The results of a row, and behind them those that the task has for the tools of this row."""
        own = results_of(self._results(row)) if self._results else ()
        names = {tool.name for tool in tools}
        shared = tuple(one for one in self._all_results if one.name.replace(".", "_") in names)
        check(found := Toolbox(tools, (*own, *shared), self._errors))
        return found

    def _heard(self, raw: Row) -> Any:
        """Where the row's clips are, as `ClipFinder.clips` takes it."""
        known = raw.get(CLIPS)
        if self._audio is None or is_list(known):
            return known
        value = self._audio(raw)
        if not is_object(known):
            return value
        return [known.get(item, item) for item in (value if is_list(value) else [value])]

    def _reference_clip(self, raw: Row, name: str) -> Clip:
        """The sound that answers are compared with, taken out of the row."""
        assert self._reference is not None
        found = self.finder.clips(self._reference(raw))
        if len(found) > 1:
            raise RowError(f"doc_to_reference: expected one sound, found {len(found)}")
        if self._reference_column in raw and not isinstance(raw[self._reference_column], str):
            del raw[self._reference_column]
        return found[0] if found else self.finder.absent(f"no reference in row {name}")

    def _answer(
        self, given: Sequence[Any], row: Row, name: str
    ) -> tuple[tuple[str | None, ...], str | tuple[str, ...] | None]:
        """(choices, target) without prefixes; the right slot is found before prefixes go."""
        choices = tuple(map(option_text, given))
        if self._choosing and all(choice is None for choice in choices):
            raise RowError("it has no choices")
        target = self._target(row)
        if not choices or not any(choice is not None for choice in choices):
            if is_sequence(target):
                return (), tuple(str(part) for part in target)
            return (), None if target is None else str(target)
        check_options(choices)
        slot = slot_of(given, target)
        text = choices[slot] if slot is not None else None if target is None else str(target)
        if slot is None:
            if self._withheld:
                text = None
            elif len(self.unmatched) < self._allowed:
                self.unmatched.append(name)
            else:
                found = ", ".join(repr(choice) for choice in choices if choice is not None)
                raise RowError(f"target {target!r} is not one of its choices: {found}")
        if self._prefix:
            strip = self._prefix
            choices = tuple(None if choice is None else strip.sub("", choice, count=1) for choice in choices)
            text = choices[slot] if slot is not None else text
        return choices, text


def _pattern(text: str | None) -> re.Pattern[str] | None:
    if text is None:
        return None
    try:
        return re.compile(rf"\A(?:{text.removeprefix('^')})")
    except re.error as error:
        raise UsageError(f"choice_prefix {text!r}: not a regular expression: {error}") from None


def option_text(given: Any) -> str | None:
    """An option as text; None for an empty slot (null, NaN, no text)."""
    if given is None or given != given or (isinstance(given, str) and not given.strip()):
        return None
    return given if isinstance(given, str) else str(given)


def slot_of(given: Sequence[Any], target: Any) -> int | None:
    """Slot of the right option among the options as the data has them: the one rule for runs and for `score`.

    An integer is an index (from 0), as in lm-eval, or where it can be none the option that is this number. Any other value is an option of the same type, or the text of one;
    a text may differ in white space, if only one does.

    Raises:
        RowError: a number that could be an index and is also another option.
    """
    choices = [option_text(choice) for choice in given]
    if is_sequence(target) and len(target) == 1:
        target = target[0]
    if isinstance(target, int | float) and not isinstance(target, bool):
        same = [i for i, choice in enumerate(choices) if choice is not None and _number(choice) == target]
        index = int(target) if target == int(target) and 0 <= target < len(choices) else None
        if isinstance(target, float) and any(isinstance(choice, float) for choice in given):
            index = None  # where options are such numbers, it is one of them
        if index is None and len(same) == 1 and isinstance(given[same[0]], int | float):
            return same[0]  # it can be no index, and is an option
        if same and same != [index] and not (index is None and isinstance(target, float)):
            raise RowError(
                f"target {target} is the text of option {same[0]} and would be the index of another: "
                "make it text (doc_to_target: '{{answer ~ \"\"}}') or, for an index, give the option itself "
                "(doc_to_target: '{{choices[answer]}}')"
            )
        if isinstance(target, int):
            return index if index is not None and choices[index] is not None else None
        return same[0] if len(same) == 1 else None
    if isinstance(target, bool):
        alike = [
            i for i, choice in enumerate(choices) if choice is not None and choice.casefold() == str(target).casefold()
        ]
        return alike[0] if len(alike) == 1 else None
    if not isinstance(target, str):
        return None
    if target in choices:
        return choices.index(target)
    squeezed = " ".join(target.split())
    near = [i for i, choice in enumerate(choices) if choice is not None and " ".join(choice.split()) == squeezed]
    return near[0] if squeezed and len(near) == 1 else None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _choice_getter(template: str | list[str] | None) -> Callable[[Row], Sequence[Any]]:
    if template is None:
        return lambda row: ()
    if isinstance(template, list):
        slots = [getter(part) for part in template]
        return lambda row: [slot(row) for slot in slots]
    whole = getter(template)

    def opened(row: Row) -> Sequence[Any]:
        value = whole(row)
        if isinstance(value, str) and value.lstrip()[:1] in ("[", "("):
            value = _listed(value)
        if value is None:
            return ()
        if not is_sequence(value):
            raise RowError(f"doc_to_choice {template!r}: must be a list, found {value!r:.80}")
        return value

    return opened


def _target_getter(template: str | list[str] | None) -> Getter:
    if template is None:
        return lambda row: None
    if isinstance(template, list):
        parts = [getter(part) for part in template]
        return lambda row: [part(row) for part in parts]
    return getter(template)


def _label(value: Any) -> str:
    """A breakdown value as text; a list is joined by ` + `."""
    if is_sequence(value):
        return " + ".join(map(str, value))
    return "none" if value is None else str(value)
