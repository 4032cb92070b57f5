"""The Hub path, against a loopback Hub that huggingface_hub itself talks to."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from loopback_hub import COMMIT, LoopbackHub, make_rows, make_task, tone

from audiobench.cli import main
from audiobench.core.errors import AudiobenchError, IncompleteError, UsageError
from audiobench.data import load, manifest
from audiobench.media import read

REPO = "lab/probe"
YAML = Path("/nowhere/probe.yaml")


def jsonl(rows: list[dict]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def parquet(rows: list[dict], **columns: list) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = [name for name in rows[0] if name != "audio"]
    data = {name: [row[name] for row in rows] for name in names}
    clips = pa.array(
        [{"bytes": tone(i), "path": None} for i in range(len(rows))],
        pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
    )
    out = io.BytesIO()
    pq.write_table(pa.table({"audio": clips, **data, **columns}), out, row_group_size=4)
    return out.getvalue()


def tar(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as bundle:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            bundle.addfile(info, io.BytesIO(data))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            bundle.addfile(info)
    return out.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, data in files.items():
            bundle.writestr(name, data)
    return out.getvalue()


def test_parquet_with_embedded_audio_at_a_pinned_revision(hub: LoopbackHub, cache: Path):
    rows = make_rows(10)
    hub.repositories[REPO] = {"data/test-00000-of-00001.parquet": parquet(rows), "README.md": b"card"}
    task = make_task(dataset_path=REPO, dataset_revision=COMMIT, expected_rows=10)

    loaded = load(task, YAML)

    assert (loaded.total, loaded.source, loaded.revision, loaded.notes) == (10, REPO, COMMIT, [])
    assert f"/api/datasets/{REPO}/revision/{COMMIT}" in hub.paths("GET")
    assert not any("README" in path for path in hub.paths("GET"))
    for number, sample in enumerate(loaded.samples):
        (clip,) = sample.clips
        assert clip.path.read_bytes() == tone(number)
        assert read(clip).sha256 == clip.sha256 == clip.path.stem
        assert clip.seconds == pytest.approx(0.05)
        assert "audio" not in sample.doc
    found = manifest(task)
    assert found is not None
    assert (found.repo, found.revision, found.rows) == (REPO, COMMIT, 10)
    assert found.files[0].path == "data/test-00000-of-00001.parquet"
    assert len(found.files[0].sha256 or "") == 64
    assert not list(cache.rglob("*.tmp"))


def test_a_later_run_reads_rows_only_and_asks_nobody(hub: LoopbackHub, cache: Path, tmp_path: Path):
    hub.repositories[REPO] = {"test.parquet": parquet(make_rows(4))}
    task = make_task(dataset_path=REPO)
    first = load(task, YAML)
    asked = len(hub.requests)
    (tmp_path / "task.json").write_text(task.model_dump_json(), encoding="utf-8")
    code = (
        "import sys; from pathlib import Path\n"
        "from audiobench.task.spec import TaskSpec; from audiobench.data import load\n"
        f"task = TaskSpec.model_validate_json(Path({str(tmp_path / 'task.json')!r}).read_text())\n"
        "loaded = load(task, Path('/nowhere/probe.yaml'))\n"
        "heavy = {'pyarrow', 'huggingface_hub', 'numpy', 'soundfile', 'pandas'} & set(sys.modules)\n"
        "print(loaded.content_sha256, loaded.revision, sorted(heavy))"
    )
    environment = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split() == [first.content_sha256, COMMIT, "[]"]
    assert len(hub.requests) == asked


def test_an_unpinned_revision_is_resolved_once_recorded_and_said(hub: LoopbackHub, cache: Path):
    hub.repositories[REPO] = {"test.jsonl": jsonl(make_rows(2)), "audio/0.wav": tone(0), "audio/1.wav": tone(1)}
    task = make_task(dataset_path=REPO)
    assert manifest(task) is None

    first = load(task, YAML)
    hub.commits[REPO] = "f" * 40
    second = load(task, YAML)

    assert first.revision == second.revision == COMMIT
    assert any(COMMIT in note and "main" in note for note in second.notes)
    assert json.loads((cache / "lab--probe" / "revisions.json").read_bytes())["main"]["commit"] == COMMIT
    load(task, YAML, refresh=True)
    assert load(task, YAML).revision == "f" * 40


def test_audio_folder_with_loose_files(hub: LoopbackHub, cache: Path):
    rows = [{"id": i, "file_name": f"data/question_{i}.wav", "category": "x", "official_answer": "7"} for i in range(5)]
    hub.repositories[REPO] = {"metadata.jsonl": jsonl(rows).replace(b"data/", b"data\\/"), "README.md": b"x"}
    hub.repositories[REPO] |= {f"data/question_{i}.wav": tone(i) for i in range(6)}
    task = make_task(
        dataset_path=REPO, test_split="train", doc_to_audio="{{file_name}}", doc_to_question=None, doc_to_choice=None,
        doc_to_target="{{official_answer}}",
    )  # fmt: skip
    loaded = load(task, YAML)
    assert [sample.id for sample in loaded.samples] == ["0", "1", "2", "3", "4"]
    assert [read(sample.clips[0]).data for sample in loaded.samples] == [tone(i) for i in range(5)]
    assert loaded.samples[0].target == "7"
    assert not any("question_5" in path for path in hub.paths("GET")), "only what rows name is fetched"


@pytest.mark.parametrize("pack, name", [(tar, "probe-audio.tar.gz"), (zipped, "data.zip")])
def test_archives(hub: LoopbackHub, cache: Path, pack, name: str):
    rows = make_rows(4, "./audio/{i}.wav")
    clips = {f"audio/{i}.wav": tone(i) for i in range(4)}
    hub.repositories[REPO] = {"probe-meta.json": json.dumps(rows).encode(), name: pack(clips)}
    loaded = load(make_task(dataset_path=REPO), YAML)
    assert [read(sample.clips[0]).data for sample in loaded.samples] == [tone(i) for i in range(4)]
    assert loaded.samples[1].clips[0].sha256


def test_an_order_of_clips_that_depends_on_the_repetition(hub: LoopbackHub, cache: Path):
    row = {**make_rows(1)[0], "audio": ["a/0.wav", "a/1.wav"]}
    hub.repositories[REPO] = {"test.jsonl": jsonl([row]), "a.zip": zipped({f"a/{i}.wav": tone(i) for i in range(2)})}
    turned = {"repeat": {"run": ["0", "1"]}, "doc_to_id": "{{id}}@{{run}}"}
    order = "{{audio if run == '0' else [audio[1], audio[0]]}}"
    loaded = load(make_task(dataset_path=REPO, doc_to_audio=order, **turned), YAML)
    heard = [[read(clip).data for clip in sample.clips] for sample in loaded.samples]
    assert heard == [[tone(0), tone(1)], [tone(1), tone(0)]]


@pytest.mark.parametrize("member", ["../../escaped.wav", "/tmp/escaped.wav", "a/../../../escaped.wav"])
@pytest.mark.parametrize("pack, name", [(tar, "a.tar.gz"), (zipped, "a.zip")])
def test_an_archive_that_leads_outside_is_refused(hub: LoopbackHub, cache: Path, tmp_path: Path, pack, name, member):
    hub.repositories[REPO] = {"test.jsonl": jsonl(make_rows(1)), name: pack({member: tone(0)})}
    with pytest.raises(UsageError, match="leads outside"):
        load(make_task(dataset_path=REPO), YAML)
    assert not list(tmp_path.rglob("escaped.wav"))


def test_links_in_an_archive_are_left_out(hub: LoopbackHub, cache: Path):
    bundle = tar({"audio/1.wav": tone(1)}, {"audio/0.wav": "/etc/passwd"})
    hub.repositories[REPO] = {"test.jsonl": jsonl(make_rows(2)), "a.tar.gz": bundle}
    loaded = load(make_task(dataset_path=REPO), YAML)
    assert not loaded.samples[0].clips[0].path.exists()
    assert any("1 of 2 clips are missing" in note for note in loaded.notes)


def test_an_archive_that_grows_without_bound_is_refused(hub: LoopbackHub, cache: Path, monkeypatch):
    monkeypatch.setenv("AUDIOBENCH_MAX_ARCHIVE_BYTES", "100000")
    hub.repositories[REPO] = {"test.jsonl": jsonl(make_rows(1)), "a.zip": zipped({"audio/0.wav": bytes(200000)})}
    with pytest.raises(UsageError, match="more than 100000 bytes"):
        load(make_task(dataset_path=REPO), YAML)


@pytest.mark.parametrize("pack, name", [(tar, "a.tar.gz"), (zipped, "a.zip")])
def test_an_archive_that_is_packed_too_tightly_is_refused(hub: LoopbackHub, cache: Path, monkeypatch, pack, name):
    monkeypatch.setattr("audiobench.data.archives.FREE_BYTES", 10_000)
    bundle = pack({"audio/0.wav": bytes(4_000_000)})
    hub.repositories[REPO] = {"test.jsonl": jsonl(make_rows(1)), name: bundle}
    packed = len(bundle)
    with pytest.raises(UsageError, match=rf"unpacks to more than {100 * packed} bytes .packed {packed}"):
        load(make_task(dataset_path=REPO), YAML)
    assert not list(cache.rglob("*.wav"))


def test_several_splits_are_told_apart(hub: LoopbackHub, cache: Path):
    a, b = make_rows(3), [{**row, "id": f"b{i}"} for i, row in enumerate(make_rows(2))]
    hub.repositories[REPO] = {
        "data/short_digit-00000-of-00001.parquet": parquet(a),
        "data/long_digit-00000-of-00001.parquet": parquet(b),
        "data/other-00000-of-00001.parquet": parquet(a),
    }
    task = make_task(dataset_path=REPO, test_split=["short_digit", "long_digit"], breakdown=["split"])
    loaded = load(task, YAML)
    assert [sample.metadata["split"] for sample in loaded.samples] == ["short_digit"] * 3 + ["long_digit"] * 2


@pytest.mark.parametrize(
    "status, code, says",
    [(403, "GatedRepo", "gated.*HF_TOKEN"), (401, "RepoNotFound", "private.*HF_TOKEN"), (404, "RepoNotFound", "--data"),
     (500, "", "HTTP 500"), (404, "RevisionNotFound", "no revision")],
)  # fmt: skip
def test_refusals_are_one_line_that_says_what_to_do(hub: LoopbackHub, cache: Path, status, code, says):
    hub.refuse[REPO] = (status, code)
    with pytest.raises(AudiobenchError, match=says) as caught:
        load(make_task(dataset_path=REPO), YAML)
    assert "\n" not in str(caught.value)
    assert "sentinel" not in str(caught.value)


def test_no_network_is_incomplete_and_says_so(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf"))
    with pytest.raises(IncompleteError, match=r"cannot be reached.*--data probe=PATH") as caught:
        load(make_task(dataset_path=REPO), YAML)
    assert "\n" not in str(caught.value)


def test_the_token_is_sent_to_the_hub_and_written_nowhere(hub: LoopbackHub, cache: Path, tmp_path: Path):
    hub.repositories[REPO] = {"test.parquet": parquet(make_rows(2))}
    load(make_task(dataset_path=REPO), YAML)
    assert hub.tokens == {"Bearer hf_sentinel_token"}
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and b"hf_sentinel_token" in p.read_bytes()]


def test_rows_that_are_not_what_the_task_expects(hub: LoopbackHub, cache: Path):
    hub.repositories[REPO] = {"test.parquet": parquet(make_rows(3))}
    with pytest.raises(UsageError, match="3 rows, the task expects 1000"):
        load(make_task(dataset_path=REPO, expected_rows=1000), YAML)


def test_files_that_could_be_meant_are_named(hub: LoopbackHub, cache: Path):
    hub.repositories[REPO] = {"a.jsonl": b"{}\n", "b.jsonl": b"{}\n"}
    with pytest.raises(UsageError, match=r"no file is plainly split 'test'.*a\.jsonl, b\.jsonl.*data_files"):
        load(make_task(dataset_path=REPO), YAML)
    with pytest.raises(UsageError, match=r"data_files .* match nothing"):
        load(make_task(dataset_path=REPO, data_files=["c*.jsonl"]), YAML)


def test_a_broken_off_fetch_goes_on(hub: LoopbackHub, cache: Path):
    rows = make_rows(3)
    hub.repositories[REPO] = {"test.jsonl": jsonl(rows), "audio/0.wav": tone(0), "audio/1.wav": tone(1)}
    hub.repositories[REPO]["a.tar.gz"] = b"not an archive"
    task = make_task(dataset_path=REPO)
    with pytest.raises(UsageError, match=r"a\.tar\.gz: a broken archive"):
        load(task, YAML)
    assert manifest(task) is None
    hub.repositories[REPO]["audio/2.wav"] = tone(2)
    before = len([path for path in hub.paths("GET") if path.endswith("0.wav")])
    assert [read(s.clips[0]).data for s in load(task, YAML).samples] == [tone(i) for i in range(3)]
    assert len([path for path in hub.paths("GET") if path.endswith("0.wav")]) == before


def test_the_hub_librarys_own_cache_serves_where_there_is_no_network(hub: LoopbackHub, cache: Path, monkeypatch):
    hub.repositories[REPO] = {"test.parquet": parquet(make_rows(3))}
    pinned = make_task(dataset_path=REPO, dataset_revision=COMMIT)
    online = load(pinned, YAML)
    shutil.rmtree(cache)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert load(pinned, YAML).content_sha256 == online.content_sha256
    with pytest.raises(IncompleteError, match="cannot be reached"):
        load(make_task(dataset_path=REPO, dataset_revision="e" * 40), YAML)


def test_many_small_row_files_make_one_data_set(hub: LoopbackHub, cache: Path):
    rows = make_rows(12, "audio/{i}.wav")
    hub.repositories[REPO] = {f"questions/dev/{i:03}.json": json.dumps(row).encode() for i, row in enumerate(rows)}
    hub.repositories[REPO] |= {f"questions/dev/audio/{i}.wav": tone(i) for i in range(12)}
    loaded = load(make_task(dataset_path=REPO, data_files=["questions/dev/*.json"]), YAML)
    assert [sample.id for sample in loaded.samples] == [row["id"] for row in rows]
    assert read(loaded.samples[11].clips[0]).data == tone(11), "paths are tried from the row's own folder first"


def test_two_processes_at_once_build_one_cache(hub: LoopbackHub, cache: Path, tmp_path: Path):
    hub.repositories[REPO] = {"test.parquet": parquet(make_rows(40))}
    (tmp_path / "task.json").write_text(make_task(dataset_path=REPO).model_dump_json(), encoding="utf-8")
    code = (
        "from pathlib import Path; from audiobench.task.spec import TaskSpec; from audiobench.data import load\n"
        f"task = TaskSpec.model_validate_json(Path({str(tmp_path / 'task.json')!r}).read_text())\n"
        "print(load(task, Path('/nowhere/probe.yaml')).content_sha256)"
    )
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = {process.communicate(timeout=60)[0] for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert len(outputs) == 1 and outputs.pop().strip()
    assert len(list(cache.rglob("manifest.json"))) == 1
    assert not list(cache.rglob("*.tmp"))


def test_a_full_disk_is_incomplete_and_leaves_no_half_data_set(hub: LoopbackHub, cache: Path, monkeypatch):
    hub.repositories[REPO] = {"test.parquet": parquet(make_rows(3))}
    task = make_task(dataset_path=REPO)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(IncompleteError, match=r"data cache .*: No space left on device; set AUDIOBENCH_CACHE"):
        load(task, YAML)
    monkeypatch.undo()
    assert manifest(task) is None


def test_only_part_of_a_data_set(hub: LoopbackHub, cache: Path):
    hub.repositories[REPO] = {"test.parquet": parquet([*make_rows(5), {**make_rows(6)[5], "answer": "bird"}])}
    loaded = load(make_task(dataset_path=REPO, doc_filter="{{kind == 'a'}}", expected_rows=3, doc_to_id=None), YAML)
    assert [sample.id for sample in loaded.samples] == ["item-0", "item-2", "item-4"]
    with pytest.raises(UsageError, match=r"row 6 \(id item-5\)"):
        load(make_task(dataset_path=REPO, doc_filter="{{kind == 'b'}}"), YAML)
    with pytest.raises(UsageError, match="keeps none of the 6 rows"):
        load(make_task(dataset_path=REPO, doc_filter="{{kind == 'c'}}"), YAML)


def test_a_disk_that_fills_while_downloading_is_not_taken_for_a_lost_network(
    hub: LoopbackHub, cache: Path, monkeypatch
):
    import huggingface_hub

    hub.repositories[REPO] = {"test.parquet": parquet(make_rows(3))}

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", full)
    with pytest.raises(IncompleteError, match="No space left on device"):
        load(make_task(dataset_path=REPO), YAML)


def test_the_fetch_command_says_how_far_it_is_and_checks_what_came(
    hub: LoopbackHub, cache: Path, tmp_path: Path, capsys, monkeypatch
):
    monkeypatch.setattr("audiobench.data.progress.PLAIN_EVERY_SECONDS", 0.0)
    hub.repositories[REPO] = {"test.jsonl": jsonl(make_rows(2)), "audio/0.wav": tone(0), "audio/1.wav": tone(1)}
    file = tmp_path / "probe.yaml"
    file.write_text(
        f"task: probe\ndataset_path: {REPO}\nexpected_rows: 2\ndoc_to_audio: audio\ndoc_to_question: question\n"
        "doc_to_choice: choices\ndoc_to_target: answer\nprompt: [{text: '{{question}}'}]\n"
    )
    assert main(["tasks", "fetch", str(file)]) == 0
    said = capsys.readouterr()
    assert f"probe: 2 rows from {REPO} @ {COMMIT}" in said.out and "downloading audio 2/2" in said.err
    file.write_text(file.read_text().replace("expected_rows: 2", "expected_rows: 3"))
    assert main(["tasks", "fetch", str(file)]) == 2
    assert "2 rows, the task expects 3; correct dataset_revision or expected_rows" in capsys.readouterr().err
