"""The task files on the benchmarks' real metadata, and on the six real clips that Step-Audio-R1's client ships."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from audiobench.core import strict_yaml
from audiobench.core.template import render, variables
from audiobench.data import Dataset, load
from audiobench.task.find import find_task
from audiobench.task.spec import TaskSpec

SILENCE = (
    b"RIFF\x2c\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\x3e\x00\x00\x00\x7d\x00\x00\x02\x00\x10\x00"
    b"data\x08\x00\x00\x00\x01\x00\x02\x00\x03\x00\x04\x00"
)
"""A valid WAV of four samples, for metadata without its audio."""


def loaded(task: str, data: Path) -> Dataset:
    """The task's samples from a local copy."""
    spec, path = find_task(task)
    return load(spec, path, data=data)


def with_silence(folder: Path, metadata: Path, name: str, column: str) -> Path:
    """A copy of `metadata` as `folder`/`name`, with a clip for every row."""
    folder.mkdir(exist_ok=True)
    shutil.copyfile(metadata, folder / name)
    text = metadata.read_text("utf-8")
    rows = json.loads(text) if name.endswith(".json") else [json.loads(line) for line in text.splitlines()]
    for row in rows:
        clip = folder / row[column]
        clip.parent.mkdir(parents=True, exist_ok=True)
        clip.write_bytes(SILENCE)
    return folder / name


def counts(samples, label: str) -> Counter:
    return Counter(sample.metadata[label] for sample in samples)


@pytest.fixture(scope="module")
def mmau(shared, tmp_path_factory):
    source = shared / "data" / "mmau" / "mmau-test-mini.json"
    folder = tmp_path_factory.mktemp("mmau")
    return loaded("mmau", with_silence(folder, source, "mmau-test-mini.json", "audio_id"))


@pytest.fixture(scope="module")
def mmar(shared, tmp_path_factory):
    source = shared / "data" / "mmar" / "MMAR-meta.jsonl"
    return with_silence(tmp_path_factory.mktemp("mmar"), source, "MMAR-meta.jsonl", "audio_path")


def test_mmau_as_published_on_github(mmau):
    samples = mmau.samples
    assert (mmau.form, len(samples), len({s.id for s in samples})) == ("github", 1000, 1000)
    assert all(sample.target in sample.choices for sample in samples)
    assert counts(samples, "task") == {"music": 334, "sound": 333, "speech": 333}
    assert counts(samples, "difficulty") == {"medium": 540, "hard": 236, "easy": 224}
    assert counts(samples, "category") == {"Reasoning": 677, "Information Extraction": 323}
    subs = counts(samples, "sub-category")
    assert len(subs) == 27 and subs["Emotion State summarisation"] == 44 and subs["Lyrical Reasoning"] == 10
    assert Counter(len(s.choices) for s in samples) == {4: 948, 2: 27, 5: 24, 8: 1}


def test_mmau_on_the_hub_gives_the_same_samples(mmau, shared, tmp_path):
    """The Hub's parquet has the same items with prefixed options and the rest as JSON in a string."""
    rows = json.loads((shared / "data" / "mmau" / "mmau-test-mini.json").read_text("utf-8"))
    hub = []
    for row in rows:
        prefixed = [f"({'ABCDEFGH'[i]}) {choice}" for i, choice in enumerate(row["choices"])]
        kept = ("id", "dataset", "task", "split", "category", "sub-category", "difficulty")
        hub.append(
            {
                "context": {"bytes": SILENCE, "path": None},
                "instruction": row["question"],
                "choices": prefixed,
                "answer": prefixed[row["choices"].index(row["answer"])],
                "other_attributes": json.dumps({key: row[key] for key in kept}),
            }
        )
    parquet.write_table(pa.Table.from_pylist(hub), tmp_path / "test_mini.parquet")
    dataset = loaded("mmau", tmp_path)
    assert dataset.form == "main"
    for ours, theirs in zip(dataset.samples, mmau.samples, strict=True):
        assert ours.id == theirs.id and ours.question == theirs.question
        assert [c.strip() for c in ours.choices] == [c.strip() for c in theirs.choices]
        assert ours.target.strip() == theirs.target.strip()
        for label in ("task", "difficulty", "category", "sub-category"):
            assert ours.metadata[label] == theirs.metadata[label]


def test_mmar_as_published_on_github(mmar):
    dataset = loaded("mmar", mmar)
    samples = dataset.samples
    assert (dataset.form, len(samples)) == ("github", 1000)
    assert all(sample.target in sample.choices for sample in samples)
    assert counts(samples, "modality") == {
        "speech": 294, "mix-sound-speech": 218, "music": 206, "sound": 165, "mix-music-speech": 82,
        "mix-sound-music-speech": 24, "mix-sound-music": 11,
    }  # fmt: skip
    assert counts(samples, "category") == {
        "Semantic Layer": 412, "Perception Layer": 404, "Cultural Layer": 141, "Signal Layer": 43,
    }  # fmt: skip
    assert len(counts(samples, "sub-category")) == 16
    assert counts(samples, "language")["en"] == 554
    assert sum(None in sample.choices for sample in samples) == 4  # published empty: no option
    asked = next(sample for sample in samples if sample.id == "BV1Tm4y1h7JU_00-00-00_00-00-25")
    ends = {
        "step_audio_r1": "B. Did not enter\nC. \n",
        "lmms_eval": "C. \nThe best answer is:",
        "mimo": "given 3 choices",
    }
    for prompt in find_task("mmar")[0].prompt:  # printed all the same, as each script does
        assert ends[prompt.name] in render(prompt.text or "", variables(asked))
    assert sum(sample.id != sample.clips[0].path.stem for sample in samples) == 46


def test_mmar_as_first_published_on_the_hub_is_corrected(mmar):
    """The Hub's metadata with its six defects, as described by the data set's history, gives the corrected items."""
    defects = {
        "BV1NtQuYTELJ_00-00-00_00-00-26": "American\nColombian",
        "BV1mifMY4Ebq_00-02-41_00-03-10": "one\ntwo\nthree",
        "BV1NX4y1p7Xq_00-33-16_00-33-45": "verbal slip, 'terrierst' and 'terrorist' sound similar",
        "BV16j411E7Z9_00-00-13_00-00-34": "Octave interval leap",
        "BV1P4411677K_00-00-00_00-00-20": "Clarinet player is at ARSM level",
    }
    rows = [json.loads(line) for line in mmar.read_text("utf-8").splitlines()]
    for row in rows:
        for key in ("thinking", "cue", "rubric"):
            del row[key]
        stem = Path(row["audio_path"]).stem
        row["answer"] = defects.get(stem, row["answer"])
        if stem == "Txj3Qv1lJgs_00-00-00_00-00-16":
            row["choices"] = [choice + " " for choice in row["choices"]]
    first = mmar.parent / "MMAR-meta.json"
    first.write_text(json.dumps(rows), encoding="utf-8")
    hub, github = loaded("mmar", first), loaded("mmar", mmar)
    assert hub.form == "main"
    for ours, theirs in zip(hub.samples, github.samples, strict=True):
        assert (ours.id, ours.choices, ours.target) == (theirs.id, theirs.choices, theirs.target)


def test_mmar_rubrics_reach_the_judge_and_no_prompt(mmar):
    dataset = loaded("mmar_rubrics", mmar)
    assert all(len(sample.metadata["rubric"]) == 5 for sample in dataset.samples)
    spec, _ = find_task("mmar_rubrics")
    for sample in dataset.samples:
        text = render(spec.prompt[0].text or "", variables(sample))
        assert sample.metadata["rubric"][0]["scoring_point"] not in text


@pytest.mark.parametrize("task", ["big_bench_audio", "big_bench_audio_judge"])
def test_big_bench_audio(task, shared, tmp_path):
    source = shared / "data" / "big_bench_audio" / "metadata_reconstructed.jsonl"
    dataset = loaded(task, with_silence(tmp_path / "bba", source, "metadata.jsonl", "file_name"))
    samples = dataset.samples
    assert (dataset.form, len(samples), len({s.id for s in samples})) == ("with_text", 1000, 1000)
    assert set(counts(samples, "category").values()) == {250} and len(counts(samples, "category")) == 4
    assert Counter(s.target for s in samples if s.metadata["category"] == "formal_fallacies") == {
        "valid": 133,
        "invalid": 117,
    }
    assert len({s.target for s in samples}) == 21
    assert all(isinstance(s.target, str) and s.question for s in samples)


@pytest.mark.parametrize("task", ["mmau", "mmar"])
def test_every_prompt_renders_for_every_item(task, request):
    found = request.getfixturevalue(task)
    samples = found.samples if task == "mmau" else loaded("mmar", found).samples
    spec, _ = find_task(task)
    for prompt in spec.prompt:
        for sample in samples:
            text = render(prompt.text or "", variables(sample))
            assert sample.question in text
            assert all(choice in text for choice in sample.choices if choice)


def test_step_audio_r1_text_on_every_item(mmau):
    """Byte for byte, over all published questions, what the example client builds."""
    spec, _ = find_task("mmau")
    template = spec.find_prompt("step_audio_r1").text or ""
    for sample in mmau.samples:
        expected = sample.question + "\nPlease choose the answer from the following options, do not provide any "
        expected += "additional explanations or content: \n"
        for i, choice in enumerate(sample.choices):
            expected += chr(65 + i) + ". " + str(choice) + "\n"
        assert render(template, variables(sample)) == expected


CLIPS = {
    "mmau": ("mmau_test.wav", "audio_id", {"id": "59a98d10-a56c-4ae3-9a8d-bd16b141a70c"}),
    "mmar": ("mmar_test.wav", "audio_path", {"id": "5jX8pPYe_Vo_00-00-00_00-00-10"}),
    "mmsu": (
        "mmsu_test.wav",
        "audio",
        {
            "id": "non_verbal_sound_detection_1", "question": "What type of non-verbal sound is in the audio?",
            "choice_a": "laugh", "choice_b": "burp", "choice_c": "cough", "choice_d": None, "answer_gt": "cough",
            "task_name": "non_verbal_sound_detection", "category": "Perception", "sub-category": "Linguistics",
            "sub-sub-category": "Semantics", "linguistics_sub_discipline": None,
        },
    ),
    "big_bench_audio": (
        "big_bench_audio_test.wav", "file_name", {"id": 0, "category": "navigate", "official_answer": "Yes"},
    ),
    "spoken_mqa": (
        "spoken_mqa_test.wav",
        "context",
        {
            "context_transcript": "A made-up problem.", "answer": {"text": ["7"]}, "split": "single_step_reasoning",
            "instruction": {"text": "Solve the given math question step by step.", "audio": None},
        },
    ),
    "wildspeech": (
        "wild_speech_test.wav",
        "audio",
        {
            "user_query": "A made-up request.", "taskType": "prosodical", "checklist": "- Is it polite?",
            "conversation_hash": "abc", "modification_type": None, "additional_info": "word stuttering",
        },
    ),
}  # fmt: skip
"""Task -> clip, audio column, row. MMAU and MMAR rows come from the published metadata; the answers of the others are
placeholders, because the client does not say which items its clips are."""


def write_clip_task(task: str, shared: Path, folder: Path) -> Path:
    """A data set of one real clip in the benchmark's own form; returns its rows file."""
    clip, column, row = CLIPS[task]
    published = {
        "mmau": shared / "data" / "mmau" / "mmau-test-mini.json",
        "mmar": shared / "data" / "mmar" / "MMAR-meta.jsonl",
    }
    if task in published:
        text = published[task].read_text("utf-8")
        rows = json.loads(text) if task == "mmau" else [json.loads(line) for line in text.splitlines()]
        row = next(found for found in rows if found["id"] == row["id"])
    folder.mkdir(exist_ok=True)
    shutil.copyfile(shared / "data" / "step_audio_r1_samples" / clip, folder / clip)
    path = folder / "items.jsonl"
    path.write_text(json.dumps({**row, column: f"./{clip}"}) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("task", CLIPS)
def test_real_clips_load_and_are_asked(task, shared, tmp_path):
    dataset = loaded(task, write_clip_task(task, shared, tmp_path / task))
    (sample,) = dataset.samples
    assert len(sample.clips) == 1 and sample.clips[0].path.stat().st_size > 100_000
    spec, _ = find_task(task)
    for prompt in spec.prompt:
        if prompt.text is not None:
            assert render(prompt.text, variables(sample)).strip()
    breakdown = spec.breakdown if isinstance(spec.breakdown, list) else list(spec.breakdown)
    assert all(label in sample.metadata for label in breakdown)


def test_real_items_are_the_ones_that_the_client_asks(shared, tmp_path):
    (mmau,) = loaded("mmau", write_clip_task("mmau", shared, tmp_path / "mmau")).samples
    assert (mmau.target, mmau.metadata["task"]) == ("Aggressive and talking", "music")
    (mmar,) = loaded("mmar", write_clip_task("mmar", shared, tmp_path / "mmar")).samples
    assert (mmar.choices, mmar.target) == (("No", "Yes"), "No")


def test_wildspeech_labels(shared, tmp_path):
    (sample,) = loaded("wildspeech", write_clip_task("wildspeech", shared, tmp_path / "w")).samples
    assert (sample.metadata["noise"], sample.metadata["prosodical"]) == ("clean", "stuttering")
    assert sample.metadata["checklist"] == "- Is it polite?" and sample.question == "A made-up request."


def test_padded_slots_of_mmsu_are_not_options(shared, tmp_path):
    (sample,) = loaded("mmsu", write_clip_task("mmsu", shared, tmp_path / "m")).samples
    assert sample.choices == ("laugh", "burp", "cough", None)
    assert sample.options == [("A", "laugh"), ("B", "burp"), ("C", "cough")]


def test_spoken_mqa_references_are_a_list(shared, tmp_path):
    (sample,) = loaded("spoken_mqa", write_clip_task("spoken_mqa", shared, tmp_path / "s")).samples
    assert sample.target == ("7",)


def test_mmau_test_needs_no_answers(shared, tmp_path):
    row = json.loads((shared / "data" / "mmau" / "mmau-test-mini.json").read_text("utf-8"))[0]
    row = {**row, "answer": "", "choices": [1, "two"], "audio_id": "./clip.wav"}
    (tmp_path / "clip.wav").write_bytes(SILENCE)
    (tmp_path / "mmau-test.json").write_text(json.dumps([row]), encoding="utf-8")
    (sample,) = loaded("mmau_test", tmp_path / "mmau-test.json").samples
    assert sample.target is None and sample.choices == ("1", "two")


def test_parts_of_mmau_pro(tmp_path):
    """One file, three tasks: each takes its own rows."""
    (tmp_path / "clip.wav").write_bytes(SILENCE)
    common = {"audio_path": ["clip.wav"], "length_type": "short", "task_identifier": None, "kwargs": None}
    rows = [
        {"id": "1", "category": "sound", "question": "a?", "choices": ["x", "y"], "answer": "y", **common},
        {"id": "2", "category": "open", "question": "b?", "choices": ["x", "y"], "answer": "text", **common},
        {"id": "3", "category": "instruction following", "question": "c", "choices": [], "answer": None, **common},
        {"id": "4", "category": "music", "question": "d?", "choices": None, "answer": "y", **common},
    ]
    path = tmp_path / "test.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    tasks = ("mmau_pro", "mmau_pro_open", "mmau_pro_if")
    assert [[s.id for s in loaded(task, path).samples] for task in tasks] == [["1"], ["2"], ["3"]]


def test_dcase_2025_parts_and_prefixes(tmp_path):
    rows = [
        {"id": str(i), "audio_url": name, "question": "?", "choice": ["A. Wri. ting", "B. Door"], "answer": "B. Door"}
        for i, name in enumerate(("fold1-x.wav", "audio7.wav", "whale.wav"))
    ]
    for row in rows:
        (tmp_path / row["audio_url"]).write_bytes(SILENCE)
    path = tmp_path / "dev.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    samples = loaded("dcase2025_aqa", path).samples
    assert [s.metadata["part"] for s in samples] == ["TSQA", "CQA", "BQA"]
    assert samples[0].choices == ("Wri. ting", "Door") and samples[0].target == "Door"


def test_starbench_puts_three_clips_in_another_order_each_time(tmp_path):
    orders = [f"clip {a} -> clip {b} -> clip {6 - a - b}" for a in (1, 2, 3) for b in (1, 2, 3) if a != b]
    rows = [
        {"id": f"x_{kind}_{number}", "category": "c", "sub-category": kind, "question": "?", "options": orders,
         "audio_paths": ["1.wav", "2.wav", "3.wav"]}
        for kind in ("OSM", "ISSE", "TAO", "DSS", "ETC") for number in (0, 17)
    ]  # fmt: skip
    for name in ("1.wav", "2.wav", "3.wav"):
        (tmp_path / name).write_bytes(SILENCE)
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    shown = {}
    for sample in loaded("starbench_temporal", path).samples:
        names = [clip.path.name for clip in sample.clips]
        places = [int(place) for place in re.findall(r"\d", sample.target)]
        assert [names[place - 1] for place in places] == ["1.wav", "2.wav", "3.wav"]
        shown[sample.id] = "".join(name[0] for name in names)
    assert [shown[f"x_OSM_0@{run}"] for run in "012"] == ["123", "132", "213"]
    assert [shown[f"x_ETC_17@{run}"] for run in "012"] == ["231", "312", "321"]
    assert all(len({shown[f"{row['id']}@{run}"] for run in "012"}) == 3 for row in rows)


def test_listening_is_generated(task_paths):
    path = next(p for p in task_paths if p.stem == "listening_count")
    spec = strict_yaml.validate(TaskSpec, path)
    dataset = load(spec, path, limit=5)
    assert len(dataset.samples) == 5 and dataset.total == 150
    sample = dataset.samples[0]
    text = render(spec.prompt[0].text or "", variables(sample))
    assert text == sample.question + "".join(f"\n{letter}. {option}" for letter, option in sample.options)
    assert all(sample.metadata[label] for label in ("domain", "kind", "skill", "family"))
    assert sample.transcript
