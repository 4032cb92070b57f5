"""What was asked about a response later on, one line each beside the journal: ratings, transcripts, trace measures.

This module owns the formats of judgements.jsonl, transcripts.jsonl, measures.jsonl, readings.jsonl, traces.jsonl,
early_answers.jsonl, caption_answers.jsonl and annotations.jsonl. A line belongs to the response whose sample id and journal key it names; a later
line replaces an earlier one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct

from audiobench.files import journal
from audiobench.files.records import BatchOrigin

Slot = tuple[str, str]
"""(sample id, journal key)."""


class Asked(Struct, omit_defaults=True, kw_only=True):
    """What the calls for a line took; empty in files that an older version wrote."""

    usage: dict[str, Any] = {}
    """Token counts of all replies."""
    dollars: float | None = None
    """US dollars at the prices of the day; None where they are not known."""
    time: float = 0.0
    """Seconds since 1970."""


class Judgement(Asked, omit_defaults=True):
    """What a judge said of one response."""

    id: str
    key: str
    value: float | None
    """On the template's scale; None where no reply could be read."""
    judge: str = "unnamed"
    judge_sha256: str = ""
    template: str = "unnamed"
    served_models: list[str] = []
    """Names under which the judge's server answered."""
    prompt_sha256: str = ""
    replies: list[str] = []
    ratings: list[float | None] = []
    batch: BatchOrigin | None = None
    stale: bool = False
    """Takes an earlier verdict back that rests on an item which the data has corrected since."""
    hears: bool = False
    """Whether the judge was sent what the model heard."""
    claims: tuple[str, str] | None = None
    """(premise, hypothesis) that the judge took out of the texts for an NLI model; `value` is None until it has compared them."""
    nli: str = ""
    """The NLI model that compared them, and the revision of its weights where it says it."""
    nli_sha256: str = ""

    FILE = "judgements.jsonl"
    PART = "judge"

    @property
    def rater(self) -> str:
        """Who judged by which template; the start of a sha256 tells two settings of one name apart."""
        template = f"{self.template}, hears" if self.hears else self.template
        compared = f" + {self.nli} {self.nli_sha256[:8]}" if self.nli else ""
        return f"{self.judge} ({template}) {self.judge_sha256[:8]}".strip() + compared


class Transcript(Asked, omit_defaults=False):
    """What a recogniser heard in one spoken answer."""

    id: str
    key: str
    text: str = ""
    audio_sha256: str = ""
    """Hex digest of the answer's audio."""
    epoch: int = 0
    asr: str = "unnamed"
    asr_sha256: str = ""
    served_model: str | None = None
    finish_reason: str | None = None

    FILE = "transcripts.jsonl"
    PART = "recogniser"

    @property
    def rater(self) -> str:
        """Who listened."""
        return f"{self.asr} {self.asr_sha256[:8]}".strip()


class Measured(Asked, omit_defaults=True):
    """What a measure found in one answer's sound: numbers, and vectors in a row of a Parquet file (`files.embeddings`)."""

    id: str
    key: str
    measure: str
    """Name of the measure."""
    version: str
    model: str = ""
    """Repository or folder of its weights; empty where it has none."""
    model_sha256: str = ""
    """Commit of the repository, or a digest of the folder's files."""
    audio_sha256: str = ""
    """Hex digest of the answer's audio."""
    reference_sha256: str = ""
    """Hex digest of what it was compared with; empty where that was nothing."""
    values: dict[str, float] = {}
    """Figures by name (`audiobench.scorers.sound.FIGURES`), and what else the measure says."""
    shard: str = ""
    """Parquet file in the task's `embeddings/`; empty where there are no vectors."""
    row: int = 0
    checksum: int = 0
    """CRC-32 of the row's vectors."""

    FILE = "measures.jsonl"
    PART = "measures"

    @property
    def rater(self) -> str:
        """Who measured, by which weights."""
        return f"{self.measure}@{self.version} {self.model} {self.model_sha256[:12]}".strip()


class Reading(Asked, omit_defaults=True):
    """Which option a reader found in a response that no rule could read."""

    id: str
    key: str
    option: str | None
    """Its letter, or `none`; None where the reply itself could not be read."""
    reader: str = "unnamed"
    reader_sha256: str = ""
    served_model: str | None = None
    template_sha256: str = ""
    prompt_sha256: str = ""
    reply: str = ""

    FILE = "readings.jsonl"
    PART = "reader"

    @property
    def rater(self) -> str:
        """Who read."""
        return f"{self.reader} {self.reader_sha256[:8]}".strip()


class TraceVerdict(Asked, omit_defaults=False):
    """What a judge said about one reasoning trace."""

    id: str
    key: str
    measure: str
    """grounding | consistency | rubrics | agfv."""
    judge: str
    judge_sha256: str = ""
    """Of the judge's model file; empty in files of version 0.1."""
    served_models: list[str] = []
    template_sha256: str = ""
    prompt_sha256: str = ""
    replies: list[str] = []
    verdicts: list[Any] = []
    """One for each reply; None where it cannot be read."""
    failed: int = 0
    """Calls that failed for good."""

    FILE = "traces.jsonl"
    PART = "trace judge"


class EarlyAnswer(Asked, omit_defaults=False):
    """What the model answered after a fraction of its reasoning."""

    id: str
    key: str
    fraction: float
    text: str = ""
    finish_reason: str | None = None
    status: str = ""
    value: float | None = None
    answer: str | None = None
    same: bool = False
    """Whether that is the final answer."""
    prefill_sha256: str = ""

    FILE = "early_answers.jsonl"
    PART = "early answers"


class CaptionAnswer(Asked, omit_defaults=False):
    """What a text model answered from the caption in a structured thought."""

    id: str
    key: str
    model: str
    """The text model."""
    model_sha256: str = ""
    served_model: str | None = None
    text: str = ""
    finish_reason: str | None = None
    reasoning_closed: bool = True
    prompt_sha256: str = ""

    FILE = "caption_answers.jsonl"
    PART = "caption answers"


class Note(Asked, omit_defaults=True):
    """What an annotator found about one response: the value of a column of its name."""

    id: str
    key: str
    annotator: str
    """Name of the column."""
    value: str | bool | int | float | None = None
    """None where nothing could be said."""
    version: str = ""
    """Of the annotator, and of its code."""
    model: str = ""
    """Empty where none was asked."""
    model_sha256: str = ""
    served_models: list[str] = []
    replies: list[str] = []

    FILE = "annotations.jsonl"
    PART = "annotators"

    @property
    def rater(self) -> str:
        """Who says so."""
        return f"{self.annotator}@{self.version} {self.model} {self.model_sha256[:8]}".strip()


Annotation = Judgement | Transcript | Measured | Reading | Note
KINDS: tuple[
    type[Judgement]
    | type[Transcript]
    | type[Measured]
    | type[Reading]
    | type[TraceVerdict]
    | type[EarlyAnswer]
    | type[CaptionAnswer]
    | type[Note],
    ...,
] = (
    Judgement, Transcript, Measured, Reading, TraceVerdict, EarlyAnswer, CaptionAnswer, Note,
)  # fmt: skip
"""Every kind of line, by which a cost account reads them."""
A = TypeVar("A", Judgement, Transcript, Reading)


def read(folder: Path, kind: type[A]) -> dict[Slot, A]:
    """The annotations of a task's folder by response; see `journal.read`."""
    return read_file(folder / kind.FILE, kind)


def notes(folder: Path) -> dict[str, dict[Slot, Note]]:
    """What annotators found in a task's folder, by column and response, a later line for an earlier one."""
    found: dict[str, dict[Slot, Note]] = {}
    for line in journal.read(folder / Note.FILE, Note):
        found.setdefault(line.annotator, {})[line.id, line.key] = line
    return found


def measured(folder: Path) -> dict[str, dict[Slot, Measured]]:
    """What measures found in a task's folder, by measure and response, a later line for an earlier one."""
    found: dict[str, dict[Slot, Measured]] = {}
    for line in journal.read(folder / Measured.FILE, Measured):
        found.setdefault(line.measure, {})[line.id, line.key] = line
    return found


def read_file(file: Path, kind: type[A]) -> dict[Slot, A]:
    """The annotations in a file by response, a later line for an earlier one; see `journal.read`."""
    found = {(line.id, line.key): line for line in journal.read(file, kind)}
    return {slot: line for slot, line in found.items() if not (isinstance(line, Judgement) and line.stale)}
