"""Step-Caption, Step-SPQA and Step-DU, the open benchmarks of Step-Audio-R1.5, each by its published judge.

Prompts and protocol: stepfun-ai/Step-Audio-R1 benchmarks/Step-Audio-R1.5 @c73a43c (Apache-2.0), read in the copy RolfLobo/step-audio-r1
@ad1269d; there is no code. Not published, and therefore ours: which model judges and its parameters, how a list of speakers is written for
the judge, and how texts are normalised before Step-SPQA compares them. A reply that cannot be read is no verdict.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from audiobench.core.narrow import is_list, is_object
from audiobench.core.types import Sample
from audiobench.scorers.aura import normalise_json_str
from audiobench.scorers.base import Judge, Scorer, Turns, fill, mean, references
from audiobench.scorers.metrics import ACC, Mean
from audiobench.scorers.text import letters_only

SOURCE = "stepfun-ai/Step-Audio-R1 benchmarks/Step-Audio-R1.5 @c73a43c"
SCORE = Mean("judge_score", label="judge's score, from 0 to 1", unit="graded")


@cache
def prompts() -> Mapping[str, str]:
    """Name -> published prompt; `spqa KIND` for each kind of question."""
    return json.loads((Path(__file__).parent / "data" / "step_audio_r15_prompts.json").read_text("utf-8"))


def _field(reply: str, name: str) -> Any:
    try:
        read: Any = json.loads(normalise_json_str(reply))
    except ValueError:
        return None
    return read.get(name) if is_object(read) else None


def _share(reply: str, name: str) -> float | None:
    found = _field(reply, name)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) and 0 <= found <= 1 else None


# -- Step-Caption


def speakers_text(speakers: Any) -> str:
    """The labels of each speaker, one a line, below its number."""
    lines: list[str] = []
    for number, speaker in enumerate(speakers if is_list(speakers) else [], 1):
        lines.append(f"说话人{number}：")
        lines += [f"- {name}: {value}" for name, value in speaker.items()] if is_object(speaker) else [f"- {speaker}"]
    return "\n".join(lines)


def _render_caption(sample: Sample, text: str, reasoning: str) -> Turns:
    del reasoning
    speakers = sample.metadata.get("speakers")
    values = {
        "ground_truth": "多人" if sample.metadata.get("is_multi_speakers") else "单人",
        "num_speakers": str(len(speakers) if is_list(speakers) else 0),
        "model_output": text,
        "speakers_str": speakers_text(speakers),
    }
    return [("system", prompts()["caption_system"]), ("user", fill(prompts()["caption"], values))]


def parse_caption(reply: str, sample: Sample | None = None) -> float | None:
    """`overall_score`; 0 where the judge says that one speaker was taken for several or the other way round."""
    del sample
    return 0.0 if _field(reply, "multi_speaker_judgment_correct") is False else _share(reply, "overall_score")


# -- Step-DU


def _render_dialogue(sample: Sample, text: str, reasoning: str) -> Turns:
    del reasoning
    values = {
        "secondary_dimension": str(sample.metadata.get("secondary_dimension") or ""),
        "question": sample.question,
        "reference_answer": " / ".join(references(sample)),
        "model_answer": text,
    }
    return [("system", prompts()["dialogue_system"]), ("user", fill(prompts()["dialogue"], values))]


def parse_dialogue(reply: str, sample: Sample | None = None) -> float | None:
    """`score`, from 0 to 1."""
    del sample
    return _share(reply, "score")


# -- Step-SPQA


def same_words(text: str, sample: Sample) -> float | None:
    """1 where the response is the reference answer or the short label, but for punctuation, space and case; else None."""
    known = {letters_only(known) for known in (*references(sample), str(sample.metadata.get("label") or ""))} - {""}
    return 1.0 if letters_only(text) in known else None


def _render_spqa(sample: Sample, text: str, reasoning: str) -> Turns:
    del reasoning
    prompt = prompts().get(f"spqa {sample.metadata.get('task_type')}", prompts()["spqa default"])
    return [("user", fill(prompt, {"text1": " / ".join(references(sample)), "text2": text}))]


def parse_spqa(reply: str, sample: Sample | None = None) -> float | None:
    """1 for YES, 0 for NO, when that is all of the reply."""
    del sample
    return {"YES": 1.0, "NO": 0.0}.get(reply.strip().strip("\"'.。“”").upper())


def _judge(name: str, template: str, render: Any, parse: Any, length: int, settled: Any = None) -> Judge:
    return Judge(
        name=name, source=SOURCE, template=template, generation={"temperature": 0.0, "max_gen_toks": length}, runs=1,
        render=render, parse=parse, combine=mean, settled=settled,
    )  # fmt: skip


def _said(*names: str) -> str:
    return "\n\n".join(prompts()[name] for name in names)


CAPTION = Scorer(
    name="step_caption",
    version="1",
    score=lambda answer, sample, text: (0.0, {}),
    doc="a judge's score of a description of voices against fifteen labels a speaker (Step-Caption)",
    metric=SCORE,
    source=SOURCE,
    judge=_judge("step_caption", _said("caption_system", "caption"), _render_caption, parse_caption, 8192),
    columns=("speakers", "is_multi_speakers"),
    needs_target=False,
)
DIALOGUE = Scorer(
    name="step_dialogue_understanding",
    version="1",
    score=lambda answer, sample, text: (0.0, {}),
    doc="a judge's score of an answer about a voice, halves for a part of it (Step-DU)",
    metric=SCORE,
    source=SOURCE,
    judge=_judge(
        "step_dialogue_understanding", _said("dialogue_system", "dialogue"), _render_dialogue, parse_dialogue, 1024
    ),
    columns=("secondary_dimension",),
)
SPQA = Scorer(
    name="step_spqa",
    version="1",
    score=lambda answer, sample, text: (same_words(text, sample) or 0.0, {}),
    doc="the reference in the same words, or a judge says that it agrees, by its kind (Step-SPQA)",
    metric=ACC,
    source=SOURCE,
    judge=_judge(
        "step_spqa",
        _said(*(name for name in prompts() if name.startswith("spqa "))),
        _render_spqa,
        parse_spqa,
        16,
        same_words,
    ),
    columns=("task_type", "label"),
)
