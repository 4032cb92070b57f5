"""The task format: what a `tasks/*.yaml` may say.

Keys that lm-eval has keep lm-eval's name and meaning. Everything but `task`, `dataset_path`, the `doc_to_*` keys and
one prompt has a default. The only code that a task file can name is a scorer's (`scorer: FILE.py:Class`); templates are
rendered in jinja2's immutable sandbox (`audiobench.core.template`).
"""

from __future__ import annotations

import hashlib
from typing import Any, Literal, get_args

import orjson
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from audiobench.core.errors import UsageError
from audiobench.core.tool_results import ToolErrors
from audiobench.scorers import SCORERS, Scorer, find_scorer
from audiobench.scorers import Metric as ScorerMetric
from audiobench.scorers.base import EXTRAS


class Declared(BaseModel):
    """Base of everything people declare in YAML: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Source(Declared):
    """Where a benchmark comes from."""

    paper: str | None = None
    homepage: str | None = None
    license: str | None = None
    version: str | None = None
    notes: str | None = None


LOCAL = "local:"
"""Start of a `dataset_path` that names no loader."""
ROW_FILES = (".jsonl", ".json", ".parquet", ".csv", ".tsv")
"""How files that hold rows can end."""
CONVERTED = "refs/convert/parquet"
"""The Hub's own conversion of a data set to parquet: `<config>/<split>/0000.parquet`."""

FIRST_VERSIONS = ("1.0", "1")
"""Values of `metadata.version` that are no part of a fingerprint: so that runs from before it was one stay comparable."""


OPTION_NAMES = frozenset(("options", "slots", "choices", "letters"))
"""Names by which a prompt's template shows the options."""


class Prompt(Declared):
    """One named, versioned way of asking."""

    name: str = "default"
    source: str | None = None
    """Where the text comes from: repository@commit, file."""
    version: str = "1"
    order: list[Literal["text", "audio", "image", "video"]] = ["audio", "text"]
    """Order of the parts in the user turn."""
    system: str | None = None
    """System turn; a template, where it holds one."""
    text: str | None = None
    """jinja template over question, options, choices, transcript and the data set's columns; none = audio only."""
    generation_kwargs: dict[str, Any] = {}
    """What this prompt's source changes in the generation parameters."""
    clip_label: str | None = None
    """Template for a text before each clip: what `text` can show, and `number` (from 1), `clips` (how many)."""
    tools: bool = False
    """Hand the item's tools (`doc_to_tools`) to the server by its own means; else only what the text shows of them."""

    @field_validator("order")
    @classmethod
    def _no_repeats(cls, order: list[str]) -> list[str]:
        if len(set(order)) != len(order):
            raise ValueError("each of text, audio, image and video at most once")
        return order


class Dialogue(Declared):
    """How a row of the data set becomes a conversation. Templates see the row and, of each turn, `turn`, `number` (from 1)
    and `role`.
    """

    turns: str
    """A list with an element for each turn, such as `{{conversation}}`. Where a turn of the user is not followed by one of
    the assistant, the model under test answers; the last turn is the user's."""
    role: str = "user"
    """user, assistant, system or tool."""
    text: str = "{{turn}}"
    """The turn's words; of a turn with sound they are only for a judge, and for the audio condition `transcript`."""
    heard: str = "{{role == 'user'}}"
    """Whether the turn is heard: it then takes the next clip of `doc_to_audio`."""


class ToolResult(Declared):
    """What a call of a tool is answered with, in every item."""

    name: str
    """Of the tool."""
    arguments: dict[str, Any] = {}
    """Those that the call must have; a call may have others too."""
    result: Any
    """A text, or a value that is sent as JSON."""


class ToolErrorTexts(Declared):
    """What a model is told instead of a result: templates over `name` (of the tool), `tools` (the names of all) and `problem`
    (what is wrong with the arguments).
    """

    unknown_tool: str = ToolErrors().unknown_tool
    wrong_arguments: str = ToolErrors().wrong_arguments
    no_result: str = ToolErrors().no_result


class SoundWanted(Declared):
    """What an answer in sound must be to count; another one is an answer that cannot be used, and is counted as such."""

    shortest: float = Field(default=0.1, ge=0)
    """Seconds."""
    longest: float = Field(default=300.0, gt=0)
    """Seconds; beyond that the model is taken to have found no end."""
    sample_rate: int | None = None
    """Hz that the file must have; None = any."""
    most_clipped: float = Field(default=0.05, ge=0, le=1)
    """Largest share of samples at full scale."""


class Columns(Declared):
    """How a row of the data set becomes a sample: jinja templates over its columns."""

    doc_to_id: str | None = None
    doc_to_audio: str | None = None
    """A column (or a list of them): a path, bytes, {bytes, path}, or a list of these."""
    doc_to_span: str | None = None
    """The part of the clip that is heard: `[start, end]` in seconds, or null for all of it. A list of these is one for each
    clip, or several parts of a sole clip, one after another."""
    doc_to_reference: str | None = None
    """For `answer: audio`: a column with the sound that answers are compared with, which no model is sent."""
    doc_to_image: str | None = None
    """A column with an image: a path, bytes, {bytes, path}, or a list of these; a prompt's `order` says where it is shown."""
    doc_to_video: str | None = None
    """A column with the path of a video, or a list of them; a prompt's `order` says where it is shown."""
    doc_to_question: str | None = None
    doc_to_choice: str | list[str] | None = None
    """A column that holds a list, or a list of templates (one an option; a null column is a padded slot)."""
    doc_to_target: str | list[str] | None = None
    doc_to_transcript: str | None = None
    doc_to_cluster: str | None = None
    doc_to_tools: str | None = None
    """Tools that the model may call: a list of `{name, description, parameters}`, or its JSON text."""
    doc_to_tool_results: str | None = None
    """What calls are answered with: a list of `{name, arguments, result}`, or its JSON text. The conversation then goes on
    until the model calls no tool (protocol `tools`)."""
    dialogue: Dialogue | None = None
    """For items that are a conversation of several turns."""
    choice_prefix: str | None = None
    """Regular expression of a published prefix such as `\\([A-Z]\\)\\s*`; removed once the right option is known."""


class Form(Columns):
    """The same items published in another form (a repository's JSON beside the Hub's parquet)."""

    name: str
    when: list[str]
    """Columns whose presence tells this form."""
    breakdown: list[str] | dict[str, str] | None = None


class Metric(Declared):
    """A metric to report, of those that the scorer makes."""

    metric: str
    aggregation: str = "mean"
    """Only for lm-eval: the metric itself knows how samples become a score."""
    higher_is_better: bool | None = None
    """None = as the metric has it; the other way round is an error."""


class ReferenceScore(Declared):
    """A published score, for orientation beside ours."""

    model: str
    value: float
    """In the unit the source prints (per cent for accuracies)."""
    metric: str = "acc"
    source: str
    think: str | None = None
    notes: str | None = None


class Evidence(Declared):
    """How far a task file can be trusted."""

    read: list[str] = []
    """What was read where: `columns and split: repository@commit, file`."""
    unverified: list[str] = []
    """What could not be established, one fact each: `number of rows`."""


Need = Literal["judge", "nli", "recogniser", "measure", "image", "video", "access", "local"]
"""What a run can need beyond a model and public data: a judge (`--judge`), an NLI model (`--nli`), a recogniser (`--asr`), a measure
of sound (`--measure`), a model that takes images or video, terms accepted on the Hub, a local copy because no public loader is known.
An extra of audiobench by its name."""
NEEDS = (*get_args(Need), *sorted(EXTRAS))


class Join(Declared):
    """Columns that each row takes over from the first row of another configuration that has the same key; rows without one
    are left out.
    """

    dataset_name: str
    """The other configuration of the same data set on the Hub, in the same split."""
    on: str
    """Column that both have."""
    columns: dict[str, str] = Field(min_length=1)
    """New column -> column of the other configuration."""


class Nested(Declared):
    """A list within each row whose elements are the items; what else the row holds is theirs too."""

    list: str
    """Template that gives it: `{{questions}}`; a row where it is empty has no items."""
    item: str = "item"
    """New column: the element."""
    number: str = "number"
    """New column: its place in the list, from 0."""


class TaskSpec(Columns):
    """One benchmark."""

    task: str = Field(pattern=r"^[a-z0-9][a-z0-9_\-]*$")
    class_: str | None = Field(default=None, alias="class")
    """Only for lm-eval, which reads this file too; an inert string here."""
    task_alias: str | None = None
    tag: list[str] = []
    description: str | None = None
    source: Source = Source()
    evidence: Evidence = Evidence()
    needs: list[str] = []
    """What a run needs beyond a model and public data. Lists show it; `needed` adds what follows from other keys."""

    dataset_path: str
    """Hub repository, `builtin:NAME`, a local .jsonl, .json, .csv, .parquet file or folder beside this file, or `local:WHERE`
    for data that no public loader has: WHERE says in words where to get them, and `--data` names the copy."""
    dataset_name: str | None = None
    join: Join | None = None
    """For a target that stands in another configuration, such as the same sentence in another language."""
    dataset_revision: str | None = None
    """Commit on the Hub, or `refs/convert/parquet`, where the Hub keeps what a script would load; where none is known, `main`
    is resolved at first use and recorded."""
    dataset_kwargs: dict[str, Any] = {}
    data_files: list[str] = []
    """Files (globs) in the repository that hold the rows; default: what belongs to the split."""
    audio_files: list[str] = []
    """Files (globs) in the repository that hold the audio: archives (.tar, .tar.gz, .zip) or loose files."""
    test_split: str | list[str] = "test"
    """Split name, or several that are read one after another (column `split` tells them apart)."""
    file_column: str | None = None
    """New column: the path of the row's file below the data set's root, for what only names of folders tell."""
    list_column: str | None = None
    """For a CSV or TSV file whose lines end with a list: the last column of its header, which takes all further values."""
    nested: Nested | None = None
    """For files of which each row is a recording with a list of questions."""
    derived: dict[str, str] = {}
    """New column -> template over the row and the new columns before it, for what other templates need more than once. Clips
    that lie in a Hub repository beside its rows are looked for earlier: their `doc_to_audio` cannot use them."""
    number_ids: bool = False
    """Put `_0`, `_1`, ... behind the ids of rows, counting those of one id in the data set's order: for several captions of a
    sound."""
    doc_filter: str | None = None
    """Template over a row; rows for which it is false are not of this task (`{{category == 'open'}}`)."""
    repeat: dict[str, list[str]] = Field(default={}, max_length=1)
    """Column -> values: each row stands once for each value, under this new column (`{hop: [single, multi]}` for rows that hold
    two questions), which the filter sees too; ids must differ by it."""
    expected_rows: int | None = None
    """Number of rows, after filter and repetition; another number is an error."""
    forms: list[Form] = []

    protocol: Literal["chat", "realtime"] = "chat"
    """realtime: speech to speech; the answer is what a recogniser (`--asr`) hears in the answer's audio."""
    answer: Literal["text", "audio"] = "text"
    """audio: the model is asked for sound (docs/answers_in_sound.md). A scorer of words scores what a recogniser (`--asr`)
    hears in it, a scorer of sound what measures (`--measure`) say of it."""
    sound: SoundWanted = SoundWanted()
    """What the sound must be, for `answer: audio`."""
    measures: list[str] = []
    """What a scorer of sound goes by, unless `--measure` names others: names of docs/answers_in_sound.md, the first that
    gives what the scorer needs."""
    prompt: list[Prompt] = Field(min_length=1)
    generation_kwargs: dict[str, Any] = {}
    scorer: str = "option_match"
    """A built-in one, another package's (entry point `audiobench.scorers`), or `FILE.py:Class` beside this file."""
    normalizer: str | None = None
    """What texts are normalised with before they are compared, instead of the scorer's own: a built-in one
    (docs/scorers.md), another package's (entry point `audiobench.normalizers`), or `FILE.py:function` beside this file."""
    extraction: list[str] = Field(default_factory=lambda declared: list(_scorer(declared).extraction))
    """How an answer is read, rule after rule; default: the scorer's own."""
    metric_list: list[Metric] = Field(default_factory=lambda declared: [Metric(metric=_scorer(declared).metric.name)])
    """Default, and all there is to choose from: what the scorer makes."""
    breakdown: list[str] | dict[str, str] = []
    """Columns, or label: template, to report separately."""
    chance: Literal["per_sample", "none"] | float = "none"
    """per_sample = one over the number of options, averaged; or a number in [0, 1]."""
    answers_withheld: bool = False
    """The data set has no targets: a run writes the submission file instead of a score."""
    submission: dict[str, str] = {}
    """For withheld answers: field -> template over id, answer, question and the row; plus `file`, whose name
    ends in .csv or .json."""
    reference_scores: list[ReferenceScore] = []
    tool_results: list[ToolResult] = []
    """Results that hold for every item, asked after those of `doc_to_tool_results`."""
    tool_errors: ToolErrorTexts = ToolErrorTexts()
    """What the model is told where a call has no result."""
    num_fewshot: int = Field(default=0, ge=0)
    """Answered examples before each item: other samples with their sound, drawn by seed, as earlier turns of the conversation.
    `--num-fewshot` takes another number."""
    fewshot_answer: str = "{% if letter %}{{letter}}. {% endif %}{{target}}"
    """How an example is answered: a template over what a prompt sees, `target` (the first, where there are several) and
    `letter` (of the right option; empty where there are no options)."""
    metadata: dict[str, Any] = {}

    @field_validator("needs")
    @classmethod
    def _known_needs(cls, needs: list[str]) -> list[str]:
        if unknown := [need for need in needs if need not in NEEDS]:
            raise ValueError(f"{', '.join(unknown)}: allowed: {', '.join(NEEDS)}")
        return needs

    @model_validator(mode="after")
    def _consistent(self) -> TaskSpec:
        names = [prompt.name for prompt in self.prompt]
        if len(set(names)) != len(names):
            raise ValueError(f"prompt names must differ, found {names}")
        forms: list[Columns] = [self, *self.forms]
        for form in forms:
            silent = form.doc_to_audio is None and form.doc_to_video is None
            if silent and self.answer == "text" and not self.forms:
                raise ValueError("doc_to_audio is required (or doc_to_video): which column holds the clip?")
            targets = self.answers_withheld or self.forms or not _scorer({"scorer": self.scorer}).needs_target
            if form.doc_to_target is None and not targets:
                raise ValueError("doc_to_target is required (or set answers_withheld: true)")
        if self.num_fewshot and (self.answers_withheld or any(form.dialogue for form in forms)):
            why = "answers are withheld" if self.answers_withheld else "items are conversations"
            raise ValueError(f"num_fewshot {self.num_fewshot}: {why}, so no example can be shown with its answer")
        if self.scripts_tools and any(form.dialogue for form in forms):
            raise ValueError("doc_to_tool_results and tool_results are for items of one question, not for `dialogue`")
        if self.scripts_tools and not any(form.doc_to_tools for form in forms):
            raise ValueError("doc_to_tool_results and tool_results need doc_to_tools: which tools can be called?")
        if self.answer == "text" and any(form.doc_to_reference for form in forms):
            raise ValueError("doc_to_reference is for tasks with answer: audio")
        if self.answer == "text" and _scorer({"scorer": self.scorer}).measured:
            raise ValueError(f"scorer {self.scorer} is about sound: set answer: audio")
        for kind, shown in (("image", self.pictured), ("video", self.filmed)):
            for prompt in self.prompt:
                if shown != (kind in prompt.order):
                    lacks = f"add {kind} to {prompt.order}" if shown else f"doc_to_{kind} is not given"
                    raise ValueError(
                        f"prompt {prompt.name}: order says where the {kind} of doc_to_{kind} is shown: {lacks}"
                    )
        return self

    @property
    def scripts_tools(self) -> bool:
        """Whether calls of tools are answered, so that the conversation goes on."""
        return bool(self.tool_results) or any(form.doc_to_tool_results is not None for form in (self, *self.forms))

    @property
    def pictured(self) -> bool:
        """Whether its items have images."""
        return any(form.doc_to_image is not None for form in (self, *self.forms))

    @property
    def filmed(self) -> bool:
        """Whether its items have videos."""
        return any(form.doc_to_video is not None for form in (self, *self.forms))

    @property
    def sounds_in_video(self) -> bool:
        """Whether what is heard of its items stands in the videos themselves, not in clips beside them."""
        return self.filmed and not any(form.doc_to_audio is not None for form in (self, *self.forms))

    @property
    def made(self) -> ScorerMetric:
        """The metric: what the scorer makes."""
        return _scorer({"scorer": self.scorer}).metric

    @property
    def spoken(self) -> bool:
        """Whether an answer is what a recogniser hears in its sound."""
        return self.protocol == "realtime" or (self.answer == "audio" and not self.measured)

    @property
    def measured(self) -> str:
        """What the scorer needs of a measure of the answer's sound; empty where it goes by words."""
        return _scorer({"scorer": self.scorer}).measured

    @property
    def needed(self) -> list[str]:
        """`needs`, and what follows from the rest: a judge and an extra by the scorer, a recogniser, images, video."""
        scorer = _scorer({"scorer": self.scorer})
        found = {
            *self.needs, "judge" if scorer.judge else "", "nli" if scorer.judge and scorer.judge.compares else "", "recogniser" if self.spoken else "",
            "image" if self.pictured else "", "video" if self.filmed else "", "measure" if scorer.measured else "",
            scorer.extra,
        }  # fmt: skip
        return [need for need in NEEDS if need in found]

    @property
    def title(self) -> str:
        """What tables call it."""
        return self.task_alias or self.task

    def find_prompt(self, name: str | None) -> Prompt:
        """The prompt of that name; the first one for None or `default`.

        Raises:
            KeyError: no prompt of that name.
        """
        asked = name.removesuffix(self._shots) if name is not None else None
        for prompt in self.prompt:
            if prompt.name == asked:
                return self.with_shots(prompt)
        if asked in (None, "default"):
            return self.with_shots(self.prompt[0])
        raise KeyError(name)

    def with_shots(self, prompt: Prompt) -> Prompt:
        """`prompt` under a name that says how many answered examples stand before the item."""
        if not self.num_fewshot or prompt.name.endswith(self._shots):
            return prompt
        return prompt.model_copy(update={"name": prompt.name + self._shots})

    @property
    def _shots(self) -> str:
        return f"+{self.num_fewshot}shot" if self.num_fewshot else ""

    def fingerprint(self, prompt: Prompt, extra: dict[str, str] | None = None) -> dict[str, str]:
        """sha256 (hex) of each part that can change a score; `extra` brings the parts known only to a run.

        Parts: prompt (name, version, order, system, text), extraction, scorer (name; its version comes in `extra`),
        dataset (path, name, split, filter; its content and revision come with the run), task_version (in words: the
        `version` of `metadata`, as lm-eval raises it where numbers are no longer comparable; absent for the first). Generation parameters are the
        model's business: a run records them with its plan.
        """
        after = f" {self.normalizer.rpartition('/')[2]}" if self.normalizer else ""
        parts: dict[str, Any] = {
            "prompt": {
                **prompt.model_dump(exclude={"source", "generation_kwargs", *_unused(prompt)}),
                **({"num_fewshot": self.num_fewshot, "answer": self.fewshot_answer} if self.num_fewshot else {}),
            },
            "extraction": [rule.rpartition("/")[2] for rule in self.extraction],
            "scorer": self.scorer.rpartition("/")[2] + after,
            "dataset": [
                self.dataset_path,
                self.dataset_name,
                self.test_split,
                self.doc_filter,
                *filter(
                    None,
                    [
                        self.repeat,
                        self.join and self.join.model_dump(),
                        self.nested and self.nested.model_dump(),
                        self.derived,
                    ],
                ),
                *(
                    [{"tool_results": self.model_dump(include={"tool_results", "tool_errors"})}]
                    if self.scripts_tools
                    else []
                ),
            ],
        }
        digests = {name: _digest(part) for name, part in parts.items()}
        if self.answer == "audio":
            digests["answer"] = self.answer
        version = str(self.metadata.get("version", FIRST_VERSIONS[0]))
        if version not in FIRST_VERSIONS:
            digests["task_version"] = version
        digests.update(extra or {})
        return digests


def _scorer(declared: dict[str, Any]) -> Scorer:
    try:
        return find_scorer(declared["scorer"])
    except (KeyError, UsageError):
        return SCORERS["option_match"]  # `audiobench.task.check` says what is wrong with the name


def _unused(prompt: Prompt) -> tuple[str, ...]:
    """Later keys of a prompt that it does not use: they are no part of its fingerprint."""
    return tuple(name for name in ("clip_label", "tools") if not getattr(prompt, name))


def _digest(value: Any) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()
