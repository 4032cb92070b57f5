"""What `audiobench run` can be told. Each option is declared once, as a field of `RunSpec`.

The command line, a suite file, run.json, the Python API and the lm-eval bridge all make a `RunSpec`; a field is read and
checked by its kind, whoever gives it.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, get_args

import msgspec

from audiobench.core.errors import UsageError
from audiobench.core.limits import ATTEMPTS, BATCH_POLL_SECONDS, REPLICA_WAIT_SECONDS, TIMEOUT_SECONDS
from audiobench.files.option_kinds import (
    Addresses,
    Choice,
    Data,
    External,
    Folder,
    Ids,
    Kind,
    Label,
    Least,
    Model,
    Names,
    Number,
    Parameters,
    Protocols,
    Shard,
    Switch,
    Text,
    Whole,
)


class Option(msgspec.Struct, frozen=True):
    """What is declared of an option beside its name, type and default."""

    kind: Kind
    help: str
    """`{default}` stands for the default."""
    metavar: str | None = None
    also: str | None = None
    """Another name of the flag."""
    recorded: bool = True
    """Whether run.json holds it; False where it is about one command and not about the run."""


class RunSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One run: a model, tasks, conditions, and how they are run.

    Raises:
        UsageError: a value is not what its option takes.
    """

    model: Annotated[str, Option(Model(), "declared model, model YAML, adapter:served-name, or FILE.py:Class", "M")]
    tasks: Annotated[list[str], Option(Names(), "tasks, groups, task YAMLs or lm_eval:NAME, comma-separated", "A,B")]
    limit: Annotated[
        int | None, Option(Whole(1), "seeded random subset of N samples a task; a larger N includes a smaller one", "N")
    ] = None
    ids: Annotated[
        list[str] | None, Option(Ids(), "only these sample ids, comma-separated or @FILE with one a line", "A,B")
    ] = None
    shard: Annotated[
        tuple[int, int] | None,
        Option(Shard(), "only the I-th of N parts (1-based); join them with `audiobench merge`", "I/N"),
    ] = None
    prompt: Annotated[str | None, Option(Text(), "which of the task's prompts (default: its first)", "NAME")] = None
    num_fewshot: Annotated[
        int | None,
        Option(Whole(0), "answered examples with sound before each item (default: what the task says)", "K"),
    ] = None
    epochs: Annotated[int, Option(Whole(1), "run every sample K times", "K")] = 1
    think: Annotated[
        list[str],
        Option(Names(), "think modes: off, on, default, budget:N; comma-separated (default: default)", "MODES"),
    ] = msgspec.field(default_factory=lambda: ["default"])
    audio: Annotated[
        list[str],
        Option(
            Names(),
            "full,none,silence,noise,swap,reverse,transcript; with pictures also sound_only,text_only (default: full)",
            "CONDS",
        ),
    ] = msgspec.field(default_factory=lambda: ["full"])
    protocol: Annotated[
        list[str],
        Option(
            Protocols(),
            "how an item is asked: single (one turn), NAME:setting=value or FILE.py:function (default: single)",
            "P,Q",
        ),
    ] = msgspec.field(default_factory=lambda: ["single"])
    external: Annotated[
        str | None,
        Option(
            External(),
            "what another system answered, for --protocol self_reflect: RUN[:CONDITION], FILE.jsonl, column:NAME, or "
            "model:NAME, which is asked first",
            "SOURCE",
        ),
    ] = None
    external_base_url: Annotated[str | None, Option(Text(), "server of the external model", "URL")] = None
    option_order: Annotated[int, Option(Whole(1), "run under K rotations of the options", "K")] = 1
    data: Annotated[dict[str, Path], Option(Data(), "local copy of a task's data", "TASK=PATH")] = {}
    allow_links: Annotated[bool, Option(Switch(), "follow links that lead out of a task's data folder")] = False
    base_url: Annotated[list[str], Option(Addresses(), "server; repeat for several replicas", "URL")] = []
    engine: Annotated[
        str,
        Option(
            Choice("local", "ray"),
            "where to run models without a --base-url: local (this machine) or ray (replicas on a cluster)",
            "ENGINE",
        ),
    ] = "local"
    replicas: Annotated[
        tuple[int, int] | None,
        Option(
            Least(),
            "with --engine ray: N replicas, or at least A before the first request and up to B; others join as the cluster "
            "has room (default: 1)",
            "N|A:B",
        ),
    ] = None
    ray_address: Annotated[
        str | None,
        Option(
            Text(),
            "with --engine ray: HOST:PORT of the cluster's head, or auto for this machine's cluster (default: "
            "RAY_ADDRESS, else this machine alone)",
            "ADDRESS",
        ),
    ] = None
    gpus_per_replica: Annotated[
        float | None,
        Option(
            Number(zero=True),
            "with --engine ray: GPUs of a replica, may be a fraction (default: as planned for the cluster's cards)",
            "N",
        ),
    ] = None
    keep_replicas: Annotated[
        bool,
        Option(
            Switch(),
            "with --engine ray: leave the replicas running; the next run of the model uses them, and stops them unless it "
            "has this option too",
            recorded=False,
        ),
    ] = False
    replica_wait: Annotated[
        float,
        Option(
            Number(),
            "with --engine ray: seconds without any replica up or starting after which the run ends; rerun to resume "
            "(default {default})",
            "S",
        ),
    ] = REPLICA_WAIT_SECONDS
    max_concurrency: Annotated[
        int | None, Option(Whole(1), "fixed number of requests at once (default: adaptive)", "N")
    ] = None
    out: Annotated[
        Path | None,
        Option(
            Folder(),
            "where to write the result (a run directory; default: results/<model>/<run>)",
            "DIR",
            recorded=False,
        ),
    ] = None
    name: Annotated[
        str | None,
        Option(
            Label(),
            "what tells this run from others of its model (a checkpoint, a date): at the end of its directory's name, and "
            "beside the model's name in every table",
            "NAME",
            also="--tag",
        ),
    ] = None
    fresh: Annotated[
        bool,
        Option(Switch(), "start a new run; what the directory holds is kept as <directory>.earlier-N", recorded=False),
    ] = False
    judge: Annotated[str | None, Option(Model(), "text model that judges tasks which need a judge", "M")] = None
    judge_base_url: Annotated[str | None, Option(Text(), "server of the judge", "URL")] = None
    judge_hears: Annotated[
        bool, Option(Switch(), "send the judge what the model heard as well; it must be a model that takes audio")
    ] = False
    judge_batch: Annotated[
        bool, Option(Switch(), "send the judge's requests as batch jobs: half the price, within a day")
    ] = False
    nli: Annotated[
        str | None,
        Option(
            Model(), "NLI model for scores that compare what a judge took out of two texts (nli-deberta-v3-base)", "M"
        ),
    ] = None
    reader: Annotated[
        str | None, Option(Model(), "text model that reads multiple-choice responses which no rule can read", "M")
    ] = None
    reader_base_url: Annotated[str | None, Option(Text(), "server of the reader", "URL")] = None
    asr: Annotated[
        str | None, Option(Model(), "model that transcribes spoken answers (speech-to-speech tasks)", "M")
    ] = None
    spoken: Annotated[
        bool,
        Option(
            Switch(), "ask tasks of words for spoken answers; what a recogniser (--asr) hears in them is scored as ever"
        ),
    ] = False
    measure: Annotated[
        list[str],
        Option(
            Names(),
            "measures for answers in sound: tiny, clap, ast, wavlm_sv, dnsmos, each NAME[=WEIGHTS[@REVISION]] (default: what "
            "the task names)",
            "NAMES",
        ),
    ] = msgspec.field(default_factory=list[str])
    asr_base_url: Annotated[str | None, Option(Text(), "server of the recogniser", "URL")] = None
    gen: Annotated[dict[str, Any], Option(Parameters(), "override a generation parameter (temperature=0)", "K=V")] = {}
    seed: Annotated[int, Option(Whole(), "base seed; epoch k uses seed + k (default {default})", "N")] = 0
    allow_approx: Annotated[bool, Option(Switch(), "allow think modes that the model supports only approximately")] = (
        False
    )
    batch: Annotated[
        bool, Option(Switch(), "batch jobs of OpenAI or Gemini: half the price, within a day; resumable")
    ] = False
    batch_poll: Annotated[float, Option(Number(), "seconds between looks at a batch job (default {default})", "S")] = (
        BATCH_POLL_SECONDS
    )
    max_cost: Annotated[
        float | None,
        Option(
            Number(),
            "stop cleanly once the run has cost this much: the model, the judge, the reader and the recogniser, earlier "
            "starts included",
            "USD",
        ),
    ] = None
    allow_other_model: Annotated[bool, Option(Switch(), "continue if the server reports a different model")] = False
    attempts: Annotated[int, Option(Whole(1), "calls a request may take (default {default})", "N")] = ATTEMPTS
    timeout: Annotated[float, Option(Number(), "seconds one call may take (default {default})", "S")] = TIMEOUT_SECONDS
    quiet: Annotated[bool, Option(Switch(), "show neither the plan nor the progress", recorded=False)] = False

    def __post_init__(self) -> None:
        for option in options():
            value = getattr(self, option.name)
            if value is None and option.default is None:
                continue
            try:
                value = option.kind.read(value)
            except ValueError as error:
                raise UsageError(f"{option.flag} {error}") from error
            msgspec.structs.force_setattr(self, option.name, value)

    def rebased(self, folder: Path) -> RunSpec:
        """The same with its relative paths taken from `folder` (but for `out`); itself where that is where we are."""
        if folder.resolve() == Path.cwd():
            return self
        changed = {}
        for option in options():
            value = getattr(self, option.name)
            if value is not None:
                changed[option.name] = option.kind.rebased(value, Path(os.path.normpath(folder)))
        return msgspec.structs.replace(self, **changed)

    def recorded(self) -> RunSpec:
        """What run.json holds: without what is about one command only."""
        dropped = {option.name: option.default for option in options() if not option.declared.recorded}
        return msgspec.structs.replace(self, **dropped)


class Named(msgspec.Struct, frozen=True):
    """An option with its name and default."""

    name: str
    """As in YAML and Python."""
    declared: Option
    default: Any
    """`msgspec.NODEFAULT` where there is none."""

    @property
    def flag(self) -> str:
        """As on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def kind(self) -> Kind:
        """How its value is read."""
        return self.declared.kind

    @property
    def help(self) -> str:
        """What it does, in a line."""
        shown = f"{self.default:g}" if isinstance(self.default, float) else str(self.default)
        return self.declared.help.replace("{default}", shown)


@lru_cache(maxsize=1)
def options() -> tuple[Named, ...]:
    """Every option of `audiobench run`, in order."""
    return tuple(Named(field.name, get_args(field.type)[1], field.default) for field in msgspec.structs.fields(RunSpec))
