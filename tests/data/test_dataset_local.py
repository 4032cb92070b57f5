"""Local copies: where rows are found, how they become samples, what is refused."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback_hub import make_rows, make_task, tone, write_clips, write_jsonl

from audiobench.core.errors import IncompleteError, UsageError
from audiobench.data import load
from audiobench.data.listening.items import Item
from audiobench.data.selection import select
from audiobench.data.special_tokens import neutralise
from audiobench.media import InvalidAudioError, read

IDS = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=60, unique=True)


@pytest.fixture
def folder(tmp_path: Path, cache: Path) -> Path:
    """A data set of six items beside a task file."""
    write_jsonl(tmp_path / "set" / "items.jsonl", make_rows(6))
    write_clips(tmp_path / "set", [f"audio/{i}.wav" for i in range(6)])
    return tmp_path / "set"


def load_rows(tmp_path: Path, rows: list[dict], **fields):
    write_jsonl(tmp_path / "one" / "rows.jsonl", rows)
    write_clips(tmp_path / "one", ["audio/0.wav"])
    return load(make_task(**fields), tmp_path / "one" / "task.yaml")


def test_a_file_beside_the_task(folder: Path):
    loaded = load(make_task(dataset_path="items.jsonl", breakdown=["kind"]), folder / "task.yaml")
    sample = loaded.samples[4]
    assert (sample.id, sample.question, sample.target) == ("item-4", "What is heard in 4?", "cat")
    assert sample.choices == ("dog", "cat", "rain")
    assert sample.metadata == {"kind": "a"}
    assert sample.clips[0].size == len(tone(4))
    assert read(sample.clips[0]).data == tone(4)
    assert loaded.source == str(folder / "items.jsonl")
    assert (loaded.total, loaded.revision, loaded.form) == (6, None, "main")


def test_data_wins_over_the_environment_and_both_over_the_task(folder: Path, tmp_path: Path, monkeypatch):
    other = write_jsonl(tmp_path / "root" / "probe" / "items.jsonl", make_rows(2)).parent
    write_clips(other, ["audio/0.wav", "audio/1.wav"])
    task, yaml = make_task(dataset_path="items.jsonl"), folder / "task.yaml"
    monkeypatch.setenv("AUDIOBENCH_DATA", str(tmp_path / "root"))
    assert load(task, yaml).total == 2
    assert load(task, yaml, data=folder).total == 6
    assert load(task, yaml, data=tmp_path / "root").total == 2, "a folder with an entry named like the task"
    monkeypatch.setenv("AUDIOBENCH_DATA", str(tmp_path / "gone"))
    with pytest.raises(UsageError, match=r"AUDIOBENCH_DATA=.*gone: no such folder"):
        load(task, yaml)
    with pytest.raises(UsageError, match=r"--data probe=.*gone: no such file or folder"):
        load(task, yaml, data=tmp_path / "gone")


def test_a_json_array_and_the_file_taken_is_said(tmp_path: Path, cache: Path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "mmau-like.json").write_text(json.dumps(make_rows(2)), encoding="utf-8")
    write_clips(tmp_path / "set", ["audio/0.wav", "audio/1.wav"])
    loaded = load(make_task(dataset_path="set"), tmp_path / "task.yaml")
    assert loaded.notes == [f"rows are taken from mmau-like.json in {tmp_path / 'set'}"]


def test_a_folder_that_could_mean_several_files_names_them(folder: Path):
    write_jsonl(folder / "metadata.jsonl", make_rows(1))
    with pytest.raises(UsageError, match=r"several files could hold the rows \(items\.jsonl, metadata\.jsonl\)"):
        load(make_task(dataset_path="."), folder / "task.yaml")


@pytest.mark.parametrize(
    "text, says",
    [("{'id': 1}\n", r"rows\.jsonl:1: not JSON"), ("[1]\n", r"rows\.jsonl:1: must be a JSON object"),
     ("\n\n", "no rows in it")],
)  # fmt: skip
def test_files_that_are_not_rows(tmp_path: Path, cache: Path, text: str, says: str):
    (tmp_path / "rows.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=says):
        load(make_task(), tmp_path / "task.yaml")


@pytest.mark.parametrize(
    "audio, says",
    [("../secret.wav", "leads outside"), ("/etc/hostname", "leads outside"), ("audio/../../secret.wav", "leads outside"),
     ("https://example.org/x.wav", "URLs are not fetched"), ("file:///etc/hostname", "URLs are not fetched"),
     ("audio/", "not a file name"), ("link.wav", "a link that leads outside"), ("linked/secret.wav", "leads outside"),
     (7, "audio must be a path"), ({"array": [0.1]}, "found an object with array"), ("", "must be a path")],
)  # fmt: skip
def test_audio_that_leaves_the_data_root_names_file_row_and_path(tmp_path: Path, cache: Path, audio, says):
    (tmp_path / "secret.wav").write_bytes(tone(0))
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "link.wav").symlink_to(tmp_path / "secret.wav")
    (tmp_path / "one" / "linked").symlink_to(tmp_path)
    with pytest.raises(UsageError, match=rf"rows\.jsonl: row 1 \(id item-0\): .*{says}"):
        load_rows(tmp_path, make_rows(1) and [{**make_rows(1)[0], "audio": audio}])


def test_a_link_that_stays_inside_is_fine(folder: Path):
    (folder / "audio" / "0.wav").unlink()
    (folder / "audio" / "0.wav").symlink_to(folder / "audio" / "1.wav")
    loaded = load(make_task(dataset_path="items.jsonl"), folder / "task.yaml")
    assert read(loaded.samples[0].clips[0]).data == tone(1)
    assert loaded.samples[0].cluster == loaded.samples[1].cluster is not None
    assert loaded.samples[2].cluster is None


def test_the_same_bytes_under_two_names_are_one_clip(folder: Path):
    (folder / "audio" / "4.wav").write_bytes(tone(1))
    loaded = load(make_task(dataset_path="items.jsonl"), folder / "task.yaml")
    clusters = [sample.cluster for sample in loaded.samples]
    assert clusters[4] == clusters[1] is not None
    assert clusters.count(None) == 4, "the others are of the same size and differ"


def test_missing_clips_are_noted_and_a_wrong_folder_is_an_error(folder: Path):
    task = make_task(dataset_path="items.jsonl")
    (folder / "audio" / "3.wav").unlink()
    notes = load(task, folder / "task.yaml").notes
    assert notes and "1 of 6 clips are missing, such as audio/3.wav" in notes[0]
    (folder / "audio").rename(folder / "elsewhere")
    with pytest.raises(UsageError, match=r"no audio: none of the 6 clips exists, such as audio/0\.wav"):
        load(task, folder / "task.yaml")


@pytest.mark.parametrize("nothing", [None, []])
def test_a_row_without_audio_is_never_asked_without_it(folder: Path, nothing):
    rows = make_rows(2)
    rows[1]["audio"] = nothing
    write_jsonl(folder / "items.jsonl", rows)
    loaded = load(make_task(dataset_path="items.jsonl"), folder / "task.yaml")
    assert "1 of 2 clips are missing, such as no audio in row item-1" in loaded.notes[0]
    with pytest.raises(InvalidAudioError, match="no audio in row item-1: no such file"):
        read(loaded.samples[1].clips[0])


def test_scoring_needs_no_audio_and_a_packed_archive_is_pointed_at(folder: Path):
    task = make_task(dataset_path="items.jsonl")
    (folder / "audio").rename(folder.parent / "elsewhere")
    (folder / "audio.tar.gz").write_bytes(b"")
    loaded = load(task, folder / "task.yaml", audio_required=False)
    assert len(loaded.samples) == 6 and "6 of 6 clips are missing" in loaded.notes[0]
    with pytest.raises(UsageError, match=r"; unpack audio\.tar\.gz there"):
        load(task, folder / "task.yaml")


def test_a_file_of_the_same_name_elsewhere_is_not_taken(folder: Path):
    (folder / "audio").rename(folder / "test-mini-audios")
    with pytest.raises(UsageError, match="no audio"):
        load(make_task(dataset_path="items.jsonl"), folder / "task.yaml")


def test_two_rows_with_one_id(tmp_path: Path, cache: Path):
    with pytest.raises(UsageError, match=r"rows\.jsonl: row 2 \(id item-0\): row 1 has the same id"):
        load_rows(tmp_path, make_rows(1) * 2)


@pytest.mark.parametrize("answer", ["bird", None, 3, ["dog", "cat"]])
def test_a_target_that_is_no_choice(tmp_path: Path, cache: Path, answer):
    rows = [{**make_rows(1)[0], "answer": answer}]
    with pytest.raises(
        UsageError, match=r"row 1 \(id item-0\): target .* is not one of its choices: 'dog', 'cat', 'rain'"
    ):
        load_rows(tmp_path, rows)
    withheld = load_rows(tmp_path, rows, answers_withheld=True)
    assert withheld.samples[0].target is None
    allowed = load_rows(tmp_path, rows, dataset_kwargs={"unmatched_targets": 1})
    assert any("1 targets are none of the choices: item-0" in note for note in allowed.notes)


@pytest.mark.parametrize("choices", [None, [], [None, None]])
def test_a_choice_among_nothing(tmp_path: Path, cache: Path, choices):
    rows = [{**make_rows(1)[0], "choices": choices}]
    with pytest.raises(UsageError, match=r"row 1 \(id item-0\): it has no choices"):
        load_rows(tmp_path, rows)
    assert load_rows(tmp_path, rows, extraction=["full_text"]).samples[0].choices == ()


@pytest.mark.parametrize("answer, slot", [(2, 2), ("rain ", 2), ("cat", 1), (["dog"], 0)])
def test_targets_by_index_and_by_text(tmp_path: Path, cache: Path, answer, slot: int):
    loaded = load_rows(tmp_path, [{**make_rows(1)[0], "answer": answer}])
    assert loaded.samples[0].target == loaded.samples[0].choices[slot]


def test_choices_as_json_text_and_as_columns_with_empty_slots(tmp_path: Path, cache: Path):
    base = make_rows(1)[0]
    packed = load_rows(tmp_path, [{**base, "choices": json.dumps(base["choices"])}])
    assert packed.samples[0].choices == ("dog", "cat", "rain")
    row = {**base, "choice_a": None, "choice_b": "dog", "choice_c": None, "choice_d": "None"}
    slots = load_rows(tmp_path, [row], doc_to_choice=[f"{{{{choice_{x}}}}}" for x in "abcd"]).samples[0]
    assert slots.choices == (None, "dog", None, "None")
    assert slots.options == [("B", "dog"), ("D", "None")]
    with pytest.raises(UsageError, match=r"doc_to_choice .*: must be a list, found 'dog'"):
        load_rows(tmp_path, [{**base, "choices": "dog"}])


def test_the_right_slot_is_taken_before_prefixes_go(tmp_path: Path, cache: Path):
    row = {**make_rows(1)[0], "choices": ["(A) tone", "(B) tone", "(C) J. (D) x"], "answer": "(B) tone"}
    sample = load_rows(tmp_path, [row], choice_prefix=r"^\([A-Z]\)\s*").samples[0]
    assert sample.choices == ("tone", "tone", "J. (D) x")
    assert sample.target == "tone", "two options read the same: either is right"


def test_the_published_form_is_told_by_its_columns(tmp_path: Path, cache: Path):
    form = {
        "name": "hub", "when": ["instruction", "other_attributes"], "doc_to_id": "{{other_attributes.id}}",
        "doc_to_question": "{{instruction}}", "choice_prefix": r"\([A-Z]\)\s*",
        "breakdown": {"sub-category": "{{other_attributes['sub-category']}}", "task": "{{other_attributes.task}}"},
    }  # fmt: skip
    attributes = {"id": "u-1", "task": "music", "sub-category": ["Reasoning"], "note": "{not json"}
    row = {
        "audio": "audio/0.wav", "instruction": "Which?", "choices": ["(A) dog", "(B) cat"], "answer": "(B) cat",
        "other_attributes": json.dumps(attributes),
    }  # fmt: skip
    hub = load_rows(tmp_path, [row], forms=[form], breakdown=["kind"])
    assert (hub.form, hub.samples[0].id, hub.samples[0].question) == ("hub", "u-1", "Which?")
    assert hub.samples[0].target == "cat"
    assert hub.samples[0].metadata["sub-category"] == "Reasoning"
    assert hub.samples[0].metadata["task"] == "music"
    own = load_rows(tmp_path, make_rows(1), forms=[form], breakdown=["kind"])
    assert (own.form, own.samples[0].metadata["kind"]) == ("main", "a")


def test_columns_with_hyphens_and_lists_in_breakdowns(tmp_path: Path, cache: Path):
    row = {**make_rows(1)[0], "sub-category": "x", "category": ["Reasoning"], "language": None}
    sample = load_rows(tmp_path, [row], breakdown=["sub-category", "category", "language"]).samples[0]
    assert sample.metadata["sub-category"] == "x"
    assert sample.metadata["category"] == "Reasoning"
    assert sample.metadata["language"] == "none"


def test_a_column_that_is_not_there(tmp_path: Path, cache: Path):
    with pytest.raises(UsageError, match=r"row 1 \(id item-0\): no column 'text'; columns: id, audio"):
        load_rows(tmp_path, make_rows(1), doc_to_question="{{text}}")
    with pytest.raises(UsageError, match=r"row 1 \(id item-0\): .*text"):
        load_rows(tmp_path, make_rows(1), doc_to_question="Q: {{text}}")


def test_several_clips_and_open_answers(tmp_path: Path, cache: Path):
    row = {
        **make_rows(1)[0],
        "audio": ["audio/0.wav", {"path": "audio/0.wav", "seconds": 0.05}],
        "answer": ["7", "#### 7"],
    }
    loaded = load_rows(tmp_path, [row], doc_to_choice=None)
    assert len(loaded.samples[0].clips) == 2
    assert loaded.samples[0].clips[1].seconds == 0.05
    assert loaded.samples[0].target == ("7", "#### 7")


def test_special_tokens_are_made_harmless_everywhere_alike_and_counted(tmp_path: Path, cache: Path):
    row = {
        **make_rows(1)[0], "question": "x<|EOT|><think>y</think>", "choices": ["a <audio_patch>", "b", "3 < 4 > 2"],
        "answer": "a <audio_patch>", "note": {"deep": ["<|im_start|>system"]},
    }  # fmt: skip
    loaded = load_rows(tmp_path, [row, *make_rows(2)[1:]])
    sample = loaded.samples[0]
    assert sample.question == "x< |EOT| >< think >y< /think >"
    assert sample.choices == ("a < audio_patch >", "b", "3 < 4 > 2")
    assert sample.target == sample.choices[0]
    assert sample.doc["note"] == {"deep": ["< |im_start| >system"]}
    assert any("1 samples were made harmless" in note for note in loaded.notes)


@given(st.text(alphabet="<>|/[]athinkEOTS ", max_size=40))
def test_neutralising_twice_is_neutralising_once(text: str):
    once = neutralise(text)
    assert neutralise(once) == once
    assert "<|EOT|>" not in once and "<think>" not in once and "</think>" not in once


@given(IDS, st.integers(0, 3), st.data())
def test_a_larger_limit_holds_the_smaller_and_order_is_kept(ids: list[str], seed: int, data):
    small = data.draw(st.integers(1, len(ids)))
    large = data.draw(st.integers(small, len(ids)))
    few, many = select(ids, limit=small, seed=seed), select(ids, limit=large, seed=seed)
    assert len(few) == small and len(many) == large
    assert set(few) <= set(many)
    assert few == sorted(few)


@given(IDS, st.integers(1, 7))
def test_shards_are_a_partition(ids: list[str], count: int):
    parts = [select(ids, shard=(i, count)) for i in range(1, count + 1)]
    assert sorted(place for part in parts for place in part) == list(range(len(ids)))


@given(IDS, st.integers(1, 5))
def test_shards_do_not_change_with_the_limit(ids: list[str], count: int):
    limited = set(select(ids, limit=max(1, len(ids) // 2)))
    for i in range(1, count + 1):
        both = select(ids, limit=max(1, len(ids) // 2), shard=(i, count))
        assert set(both) == limited & set(select(ids, shard=(i, count)))


def test_ids_are_exact_and_a_missing_one_is_named(folder: Path):
    task, yaml = make_task(dataset_path="items.jsonl"), folder / "task.yaml"
    loaded = load(task, yaml, ids=["item-4", "item-1"])
    assert [sample.id for sample in loaded.samples] == ["item-1", "item-4"]
    assert loaded.total == 6
    with pytest.raises(UsageError, match=r"--ids item-9: no such id"):
        load(task, yaml, ids=["item-1", "item-9"])


@pytest.mark.parametrize("bad", [{"limit": 0}, {"shard": (0, 2)}, {"shard": (3, 2)}])
def test_selections_that_make_no_sense(folder: Path, bad: dict):
    with pytest.raises(UsageError, match="must be"):
        load(make_task(dataset_path="items.jsonl"), folder / "task.yaml", **bad)


def test_the_content_hash_tells_texts_apart_but_not_orders(tmp_path: Path, cache: Path):
    rows = [{**row, "audio": "audio/0.wav"} for row in make_rows(4)]
    first = load_rows(tmp_path, rows).content_sha256
    assert load_rows(tmp_path, rows[::-1]).content_sha256 == first
    assert load_rows(tmp_path, rows[:3]).content_sha256 != first
    assert load_rows(tmp_path, [{**rows[0], "answer": "cat"}, *rows[1:]]).content_sha256 != first


def test_a_count_that_differs_is_a_note_for_local_copies(folder: Path):
    loaded = load(make_task(dataset_path="items.jsonl", expected_rows=1000), folder / "task.yaml")
    assert any("6 rows, the task expects 1000" in note for note in loaded.notes)


def test_the_listening_probes_need_no_download(cache: Path):
    task = make_task(
        task="listening",
        dataset_path="builtin:listening",
        dataset_kwargs={"per_family": 1, "seed": 3},
        breakdown=["skill"],
    )
    first, again = load(task, Path("/nowhere/t.yaml")), load(task, Path("/nowhere/t.yaml"))
    assert first == again
    assert first.source == "builtin:listening" and first.revision
    assert all(read(sample.clips[0]).exact_header for sample in first.samples)
    with pytest.raises(UsageError, match="builtin sets are"):
        load(make_task(dataset_path="builtin:x"), Path("/nowhere/t.yaml"))
    with pytest.raises(UsageError, match="dataset_kwargs"):
        load(make_task(dataset_path="builtin:listening", dataset_kwargs={"colour": 1}), Path("/nowhere/t.yaml"))


def test_the_revision_of_a_builtin_set_is_that_of_its_samples(cache: Path, monkeypatch: pytest.MonkeyPatch):
    def revision(**arguments: int) -> str | None:
        task = make_task(dataset_path="builtin:listening", dataset_kwargs={"per_family": 1, **arguments})
        return load(task, Path("/nowhere/t.yaml")).revision

    before = revision()
    read_bytes = Path.read_bytes
    with monkeypatch.context() as edited:  # a comment at the end of each source
        edited.setattr(Path, "read_bytes", lambda path: read_bytes(path) + (b"# more" if path.suffix == ".py" else b""))
        assert revision() == before
        assert len(list((cache / "builtin").iterdir())) == 2, "made anew"
        made = Item.wav
        edited.setattr(Item, "wav", lambda self: made(self)[:-1] + b"\1")
        edited.setattr(
            Path, "read_bytes", lambda path: read_bytes(path) + (b"# other" if path.suffix == ".py" else b"")
        )
        assert revision() != before, "another sound is another revision"
    assert revision(seed=3) != before


@pytest.mark.parametrize("pick", ["folder", "file"])
def test_a_local_parquet_with_embedded_audio(tmp_path: Path, cache: Path, pick: str):
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = make_rows(3)
    clips = [{"bytes": tone(i), "path": f"{i}.mp3"} for i in range(3)]
    columns = {name: [row[name] for row in rows] for name in rows[0] if name != "audio"}
    nested = [{"text": "Solve it.", "audio": None}] * 3
    path = tmp_path / "set" / "data" / "test-00000-of-00001.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table({"audio": clips, "instruction": nested, **columns}), path)
    data = path if pick == "file" else tmp_path / "set"
    loaded = load(make_task(), tmp_path / "task.yaml", data=data)
    assert [read(sample.clips[0]).data for sample in loaded.samples] == [tone(i) for i in range(3)]
    assert loaded.samples[0].clips[0].path.suffix == ".wav", "named by what the bytes are"
    assert "audio" not in loaded.samples[0].doc
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(UsageError, match=r"broken\.parquet: not a readable parquet file"):
        load(make_task(), tmp_path / "task.yaml", data=tmp_path / "broken.parquet")


@pytest.fixture
def parquet(tmp_path: Path, cache: Path) -> Path:
    """A parquet file of one row with its clip inside."""
    return write_parquet(tmp_path / "one.parquet", "dog")


def write_parquet(path: Path, answer: str) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    row = {**make_rows(1)[0], "audio": {"bytes": tone(0), "path": "0.wav"}, "answer": answer}
    pq.write_table(pa.Table.from_pylist([row]), path, compression="none", use_dictionary=False)
    os.utime(path, ns=(0, 0))
    return path


def test_a_parquet_replaced_with_the_same_size_and_time_is_read_again(parquet: Path, tmp_path: Path):
    size = parquet.stat().st_size
    assert load(make_task(), tmp_path / "t.yaml", data=parquet).samples[0].target == "dog"
    write_parquet(parquet, "cat")
    assert parquet.stat().st_size == size
    assert load(make_task(), tmp_path / "t.yaml", data=parquet).samples[0].target == "cat"


def test_a_full_disk_is_said_to_be_one_and_leaves_nothing_half_written(
    parquet: Path, cache: Path, tmp_path, monkeypatch
):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", full)
        with pytest.raises(IncompleteError, match="No space left on device; set AUDIOBENCH_CACHE"):
            load(make_task(), tmp_path / "t.yaml", data=parquet)
    assert list(cache.rglob("*.tmp")) == []
    killed = next(path for path in cache.rglob(".lock")).with_name("rows.jsonl.1.tmp")
    killed.write_bytes(b"half")
    assert load(make_task(), tmp_path / "t.yaml", data=parquet).total == 1
    assert list(cache.rglob("*.tmp")) == [], "what a killed one left is taken away"


# ---- the benchmarks' own metadata ------------------------------------------------------------------------------------


def stage(source: Path, folder: Path, clips: list[str]) -> Path:
    """The benchmark's own file in a folder with a few tiny clips in the published places."""
    folder.mkdir()
    (folder / source.name).write_bytes(source.read_bytes())
    write_clips(folder, clips)
    return folder


def test_mmau_json(shared: Path, tmp_path: Path, cache: Path):
    source = shared / "data" / "mmau" / "mmau-test-mini.json"
    row = json.loads(source.read_bytes())[0]
    folder = stage(source, tmp_path / "mmau", [row["audio_id"]])
    task = make_task(
        task="mmau", dataset_path="gamma-lab-umd/MMAU-test-mini", doc_to_audio="{{audio_id}}", expected_rows=1000,
        breakdown=["task", "difficulty", "category", "sub-category"],
    )  # fmt: skip
    loaded = load(task, tmp_path / "mmau.yaml", data=folder)
    assert loaded.total == len(loaded.samples) == 1000
    assert read(loaded.samples[0].clips[0]).data == tone(0)
    assert {sample.metadata["category"] for sample in loaded.samples} == {"Reasoning", "Information Extraction"}
    assert all(sample.target in sample.choices for sample in loaded.samples)
    assert any("999 of 1000 clips are missing" in note for note in loaded.notes)
    one = load(task, tmp_path / "mmau.yaml", data=folder, ids=[row["id"]])
    assert one.samples[0].question == row["question"]
    assert not any("missing" in note for note in one.notes)


def test_mmar_jsonl(shared: Path, tmp_path: Path, cache: Path):
    source = shared / "data" / "mmar" / "MMAR-meta.jsonl"
    row = json.loads(source.read_text(encoding="utf-8").splitlines()[0])
    folder = stage(source, tmp_path / "mmar", [row["audio_path"]])
    task = make_task(task="mmar", doc_to_audio="{{audio_path}}", breakdown=["modality", "category", "language"])
    loaded = load(task, tmp_path / "mmar.yaml", data=folder)
    assert len(loaded.samples) == 1000
    assert len(loaded.samples[0].metadata["rubric"]) == 5, "what its judge needs is kept"
    assert loaded.samples[0].target == row["answer"]
    assert "none" in {sample.metadata["language"] for sample in loaded.samples}


def test_big_bench_audio_folder(shared: Path, tmp_path: Path, cache: Path):
    source = shared / "data" / "big_bench_audio" / "metadata_reconstructed.jsonl"
    folder = stage(source, tmp_path / "bba", ["data/question_0.mp3", "data/question_999.mp3"])
    task = make_task(
        task="bba", doc_to_audio="{{file_name}}", doc_to_question=None, doc_to_choice=None,
        doc_to_target="{{official_answer}}", breakdown=["category"],
    )  # fmt: skip
    loaded = load(task, tmp_path / "bba.yaml", data=folder)
    assert [sample.id for sample in loaded.samples] == [str(i) for i in range(1000)]
    assert loaded.samples[0].target == "invalid"
    assert read(loaded.samples[999].clips[0]).format == "wav", "named .mp3, sniffed as what it is"
