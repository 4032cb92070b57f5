"""Rows that hold lists of questions, names of files as columns, derived columns, parts of clips, and labels before clips."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from audiobench.ask import prompt
from audiobench.core.errors import UsageError
from audiobench.core.types import AudioPart, Condition, TextPart
from audiobench.data import Dataset, load
from audiobench.model import think
from audiobench.model.spec import ModelSpec
from audiobench.task.spec import TaskSpec
from tests.data.loopback_hub import make_task, write_clips

MODEL = ModelSpec.model_validate(
    {"name": "any", "adapter": "oracle", "served_model": "any", "audio": {"formats": ["wav"]}}
)
NESTED: dict[str, Any] = {
    "file_column": "file",
    "nested": {"list": "{{questions}}"},
    "derived": {"room": "{{file.split('/')[0]}}", "heard": "{{item.heard}}"},
    "doc_filter": "{{item.ask is defined}}",
    "doc_to_id": "{{file}}#{{number}}",
    "doc_to_question": "{{item.ask}}",
    "doc_to_choice": "{{item.options}}",
    "doc_to_target": "{{item.right}}",
    "doc_to_span": "{{heard}}",
    "breakdown": ["room"],
}


def question(ask: str, heard: Any) -> dict[str, Any]:
    return {"ask": ask, "heard": heard, "options": ["x", "y"], "right": "y"}


def task(**fields: Any) -> TaskSpec:
    return make_task(**{**NESTED, **fields})


def read(folder: Path, spec: TaskSpec, *questions: Any) -> Dataset:
    """Two files of one object each, in a folder for each room."""
    for room in ("hall", "yard"):
        (folder / room).mkdir(parents=True, exist_ok=True)
        row = {"audio": f"{room}/1.wav", "questions": [{"heard": None, "note": "no question"}, *questions]}
        (folder / room / "1.json").write_text(json.dumps(row), "utf-8")
        write_clips(folder, [f"{room}/1.wav"])
    return load(spec.model_copy(update={"data_files": ["*.json"]}), folder / "task.yaml", data=folder)


def test_each_element_of_a_list_is_an_item_and_hears_its_own_part(tmp_path: Path) -> None:
    asked = [question("whole?", None), question("part?", [0.01, 0.02]), question("two?", [[0, 0.01], None])]
    data = read(tmp_path, task(), *asked)
    assert data.ids == [f"{room}/1.json#{n}" for room in ("hall", "yard") for n in (1, 2, 3)]
    heard = [[(clip.path.name, clip.span, clip.seconds) for clip in sample.clips] for sample in data.samples[:3]]
    assert heard == [
        [("1.wav", None, None)], [("1.wav", (0.01, 0.02), pytest.approx(0.01))],
        [("1.wav", (0.0, 0.01), 0.01), ("1.wav", None, None)],
    ]  # fmt: skip
    assert [sample.metadata["room"] for sample in data.samples] == ["hall"] * 3 + ["yard"] * 3
    assert [sample.question for sample in data.samples[:3]] == ["whole?", "part?", "two?"]


def test_other_parts_are_other_data(tmp_path: Path) -> None:
    digests = {
        read(tmp_path / str(n), task(), question("part?", heard)).content_sha256
        for n, heard in enumerate((None, [0, 0.01], [0, 0.02]))
    }
    assert len(digests) == 3


@pytest.mark.parametrize(
    ("heard", "wrong"),
    [
        ([0.02, 0.01], "must be [start, end] in seconds with 0 <= start < end, found [0.02, 0.01]"),
        ([-1, 1], "0 <= start < end"), ("all", "must be [start, end], null or a list of these, found 'all'"),
        ([], "0 spans for 0 clips"), ([[0, 1, 2]], "must be [start, end] in seconds"), ([["0", "1"]], "in seconds"),
    ],
)  # fmt: skip
def test_a_part_that_is_none_is_refused_with_its_row(tmp_path: Path, heard: Any, wrong: str) -> None:
    with pytest.raises(UsageError, match=r"row 1 \(id hall/1\.json#1\): ") as said:
        read(tmp_path, task(), question("part?", heard))
    assert wrong in str(said.value)


def test_a_list_that_is_none_and_columns_that_are_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nested: '\{\{audio\}\}' must be a list, found 'hall/1\.wav'"):
        read(tmp_path, task(nested={"list": "{{audio}}"}))
    for key, fields in (
        ("file_column", {"file_column": "audio"}), ("nested", {"nested": {"list": "{{questions}}", "item": "audio"}}),
        ("derived", {"derived": {"questions": "1"}}),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=f"{key}: the data set has a column"):
            read(tmp_path, task(**fields))
    with pytest.raises(UsageError, match=r"row 1: derived\.room: "):
        read(tmp_path, task(derived={"room": "{{nowhere}}"}))


def test_clips_have_their_labels_and_none_without_sound(tmp_path: Path) -> None:
    label = "{{'clip ' ~ number ~ ' of ' ~ clips ~ ':' if clips > 1 else ''}}"
    spec = task(prompt=[{"order": ["text", "audio"], "text": "{{question}}", "clip_label": label}])
    two, one = read(tmp_path, spec, question("two?", [[0, 0.01], None]), question("one?", None)).samples[:2]

    def shown(sample: Any, audio: str) -> list[Any]:
        condition = Condition(audio=audio)
        plan = think.resolve(MODEL, "default")
        (turn,) = prompt.build(sample, spec, spec.prompt[0], condition, MODEL, plan).messages
        said = [part.text if isinstance(part, TextPart) else part for part in turn.parts]
        return [(part.clip.path.name, part.span) if isinstance(part, AudioPart) else part for part in said]

    assert shown(two, "full") == ["two?", "clip 1 of 2:", ("1.wav", (0.0, 0.01)), "clip 2 of 2:", ("1.wav", None)]
    assert shown(one, "full") == ["one?", ("1.wav", None)]
    assert shown(two, "none") == ["two?"]
    assert shown(replace(two, transcript="a b"), "transcript") == ["two?", "Transcript of the audio:\na b\n"]
    assert spec.fingerprint(spec.prompt[0])["prompt"] != task().fingerprint(task().prompt[0])["prompt"]
