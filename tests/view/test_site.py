"""The page as files: what is written, what never is."""

from __future__ import annotations

import hashlib
import re
from functools import partial
from pathlib import Path

import orjson
import pytest
from msgspec import to_builtins

from audiobench.analysis.arms import arms_of, common
from audiobench.analysis.measure import difference as compare
from audiobench.cli import main
from audiobench.core.errors import UsageError
from audiobench.files.records import ClipFacts
from audiobench.results.runs import Run
from audiobench.results.summary import summaries
from audiobench.view.clips import ClipIndex, clip_of
from audiobench.view.collect import arm_labels, collect, difference
from audiobench.view.site import PAGE, Written, write_site

from .synthetic import HOSTILE_IDS, SOUNDS, many, record, task_json, wav, write_run


def data(folder: Path, name: str):
    """A data file as the page reads it: a call with two JSON strings, and nothing else."""
    text = (folder / "data" / f"{name}.js").read_text(encoding="utf-8")
    call = re.fullmatch(r"AB\.put\((\".*?\"),(\".*\")\);\n", text, re.DOTALL)
    assert call, text[:200]
    assert orjson.loads(call[1]) == name
    return orjson.loads(orjson.loads(call[2]))


def samples(folder: Path, task: str = "household") -> list[dict]:
    starts = data(folder, f"{task}/index")["blocks"]
    return [sample for block in range(len(starts)) for sample in data(folder, f"{task}/{block}")]


def test_every_sample_and_outcome_is_there(export, run) -> None:
    written: Written = export(run)
    index = data(written.folder, "household/index")
    shown = samples(written.folder)
    assert [sample["id"] for sample in shown] == index["ids"] == [f"house-{i:05d}" for i in range(300)]
    page = collect([Run.open(run)])[0]
    for place, sample in enumerate(shown):
        for arm, epochs in enumerate(page.samples[sample["id"]]):
            outcome = epochs[0].outcome
            entry = sample["arms"][arm][0]
            assert (entry["status"], entry["value"], entry["answer"]) == (outcome.status, outcome.value, outcome.answer)
            assert index["arms"][arm]["value"][place] == outcome.value
            if outcome.answer:
                assert entry["pick"] in sample["choices"]
                assert outcome.answer.endswith(entry["pick"])


def test_blocks_start_where_the_index_says(export, run) -> None:
    folder = export(run).folder
    index = data(folder, "household/index")
    for number, start in enumerate(index["blocks"]):
        assert data(folder, f"household/{number}")[0]["id"] == index["ids"][start]


def test_the_overview_holds_the_summaries_and_the_paired_difference(export, run) -> None:
    opened = Run.open(run)
    task = data(export(run).folder, "index")["tasks"][0]
    assert [arm["summary"] for arm in task["arms"]] == orjson.loads(orjson.dumps(to_builtins(summaries(opened))))
    assert [arm["label"] for arm in task["arms"]] == ["think=off", "think=on"]
    page = collect([opened])[0]
    pairs = [
        (a[0].outcome.value, b[0].outcome.value)
        for a, b in page.samples.values()
        if a[0].outcome.value is not None and b[0].outcome.value is not None
    ]
    found = task["differences"][1]
    assert found["n"] == len(pairs)
    assert found["gained"] == sum(b > a for a, b in pairs)
    assert found["lost"] == sum(b < a for a, b in pairs)
    assert found["value"] == pytest.approx(sum(b - a for a, b in pairs) / len(pairs))


def test_audio_is_named_by_relative_path_and_never_copied(export, run, clips) -> None:
    folder: Path = export(run).folder
    for sample in samples(folder)[:6]:
        [clip] = sample["clips"]
        assert clip["src"].startswith("./")
        assert "#" not in clip["src"]
        from urllib.parse import unquote

        target = (folder / unquote(clip["src"])).resolve()
        assert hashlib.sha256(target.read_bytes()).hexdigest() == clip["sha256"]
    assert not (folder / "data" / "clips").exists()
    assert not [path for path in folder.rglob("*") if path.suffix in (".wav", ".mp3", ".flac")]


def test_embed_keeps_only_the_chosen_samples_and_brings_their_audio(tmp_path: Path, run, clips) -> None:
    out = tmp_path / "chosen"
    assert main(["view", str(run), "--out", str(out), "--embed", "house-00003, household/house-00001"]) == 0
    assert data(out, "household/index")["ids"] == ["house-00003", "house-00001"]
    assert data(out, "index")["tasks"][0]["arms"][0]["summary"]["n"] == 300
    import base64

    for number in (1, 3):
        clip = data(out, f"clips/{clips[number]['sha256']}")
        assert base64.b64decode(clip["data"]) == Path(clips[number]["path"]).read_bytes()
        assert clip["type"] == "audio/wav"
    assert len(list((out / "data" / "clips").iterdir())) == 2


def test_embed_takes_no_file_that_the_model_did_not_hear(tmp_path: Path) -> None:
    heard, private = (wav(tmp_path / name, place, 1.0) for place, name in enumerate(("heard.wav", "private.wav")))
    run = write_run(tmp_path / "run", many(2, [heard]), model="m")
    journal = next(run.glob("*/samples.jsonl"))
    journal.write_text(journal.read_text().replace(str(heard["path"]), str(private["path"])))
    out = tmp_path / "page"
    assert main(["view", str(run), "--out", str(out), "--embed", "house-00001"]) == 0
    assert not list((out / "data").glob("clips/*"))


def test_unknown_id_to_embed_is_refused(tmp_path: Path, run, capsys) -> None:
    assert main(["view", str(run), "--out", str(tmp_path / "x"), "--embed", "nobody"]) == 2
    assert "--embed nobody" in capsys.readouterr().err


@pytest.mark.parametrize("extra", [["--embed", "house-00001"], ["--pictures", "3"], ["--port", "99999"]])
def test_options_that_make_no_sense_are_refused(run, extra, capsys) -> None:
    assert main(["view", str(run), *extra]) == 2
    assert extra[0] in capsys.readouterr().err


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path, export, run) -> None:
    (tmp_path / "thesis.tex").write_text("years of work", encoding="utf-8")
    runs = [Run.open(run)]
    with pytest.raises(UsageError, match="holds other files"):
        write_site(runs, collect(runs), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_writing_again_replaces_the_page(tmp_path: Path, run) -> None:
    runs = [Run.open(run)]
    write_site(runs, collect(runs), tmp_path, only=["house-00001"])
    write_site(runs, collect(runs), tmp_path)
    assert len(data(tmp_path, "household/index")["ids"]) == 300


def test_pictures_go_to_flipped_and_failed_samples_first(tmp_path: Path, clips) -> None:
    lines = []
    for number, clip in enumerate(clips[:4]):
        answers = ("A. a dog barking", "B. a door closing") if number == 2 else ("A. a dog barking",) * 2
        lines += [record(f"s{number}", think, text, [clip]) for think, text in zip(("off", "on"), answers, strict=True)]
    runs = [Run.open(write_run(tmp_path / "run", lines))]
    written = write_site(runs, collect(runs), tmp_path / "out", pictures=1)
    drawn = {path.stem for path in (tmp_path / "out" / "data" / "pictures").iterdir()}
    assert drawn == {clips[2]["sha256"], "index"}
    assert data(tmp_path / "out", "pictures/index") == [clips[2]["sha256"][:16]]
    assert written.pictures == 1


def test_the_picture_shows_the_tone_where_it_is(tmp_path: Path) -> None:
    import base64
    import math
    import struct
    import wave

    from audiobench.view.pictures import COLUMNS, ROWS, TOP_HZ, picture

    path, rate, hz = tmp_path / "tone.wav", 22_050, 1000.0
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, rate, "NONE", ""))
        half = [int(16000 * math.sin(2 * math.pi * hz * i / rate)) if i > rate // 2 else 0 for i in range(rate)]
        file.writeframes(struct.pack(f"<{rate}h", *half))
    drawn = picture(path, hashlib.sha256(path.read_bytes()).hexdigest())
    packed = base64.b64decode(drawn["cells"])
    cells = [nibble for byte in packed for nibble in (byte >> 4, byte & 15)]
    column = cells[ROWS * (COLUMNS * 3 // 4) : ROWS * (COLUMNS * 3 // 4 + 1)]
    expected = math.log10(1 + hz / 700) / math.log10(1 + TOP_HZ / 700) * (ROWS + 1) - 1
    assert abs(column.index(max(column)) - expected) <= 1
    assert max(cells[ROWS * (COLUMNS // 4) : ROWS * (COLUMNS // 4 + 1)]) == 0
    peaks = base64.b64decode(drawn["peaks"])
    assert peaks[2 * (COLUMNS // 4)] in (127, 128)
    assert abs((peaks[2 * (COLUMNS * 3 // 4) + 1] - 127.5) / 127.5 - 16000 / 32768) < 0.02


def test_clips_that_moved_changed_or_are_no_audio(tmp_path: Path) -> None:
    fact = partial(ClipFacts, **wav(tmp_path / "a.wav", 1))
    assert clip_of(fact(), tmp_path).state == "ok"  # type: ignore[union-attr]
    assert clip_of(fact(bytes=7), tmp_path).state == "changed"  # type: ignore[union-attr]
    assert clip_of(fact(path="gone.wav"), tmp_path).state == "missing"  # type: ignore[union-attr]
    assert clip_of(fact(path="/etc/passwd"), tmp_path).state == "missing"  # type: ignore[union-attr]
    assert clip_of(fact(path=str(tmp_path)), tmp_path).state == "missing"  # type: ignore[union-attr]
    assert clip_of(fact(sha256="../../x"), tmp_path) is None
    assert ClipIndex().find([ClipFacts("0" * 64, "nul\0byte")], tmp_path)[0].state == "missing"  # type: ignore[union-attr]


def test_a_path_relative_to_the_run_is_found(tmp_path: Path) -> None:
    fact = partial(ClipFacts, **wav(tmp_path / "audio" / "a.wav", 1))
    assert clip_of(fact(path="audio/a.wav"), tmp_path).path == (tmp_path / "audio" / "a.wav").resolve()  # type: ignore[union-attr]


def test_hostile_data_stays_data(export, hostile_run) -> None:
    written: Written = export(hostile_run)
    assert data(written.folder, "hostile/index")["ids"] == list(HOSTILE_IDS)
    assert [sample["id"] for sample in samples(written.folder, "hostile")] == list(HOSTILE_IDS)
    assert all(clip["src"] is None for sample in samples(written.folder, "hostile") for clip in sample["clips"])
    assert "hacked" not in (written.folder / "index.html").read_text(encoding="utf-8")
    inside = {path.resolve().is_relative_to(written.folder.resolve()) for path in written.folder.rglob("*")}
    assert inside == {True}


def test_two_runs_of_a_task_stand_side_by_side(tmp_path: Path, export, run, clips) -> None:
    other = write_run(tmp_path / "other", many(200, clips, seed=5), model="another-model")
    folder = export(run, other).folder
    task = data(folder, "index")["tasks"][0]
    assert [arm["label"] for arm in task["arms"]] == [
        f"{model} · think={think}" for model in ("step-audio-r1", "another-model") for think in ("off", "on")
    ]
    said = "The runs do not rest on the same samples: go by the paired differences, not by the scores."
    assert task["notes"][0] == said
    last = samples(folder)[299]
    assert [len(epochs) for epochs in last["arms"]] == [1, 1, 0, 0]


def test_thinking_is_compared_with_not_thinking_in_whatever_order_it_ran(tmp_path: Path, export, clips) -> None:
    lines = list(many(40, clips))
    by_mode = {think: [line for line in lines if line["condition"]["think"] == think] for think in ("on", "off")}
    together = write_run(tmp_path / "together", [*by_mode["on"], *by_mode["off"]])
    apart = [write_run(tmp_path / think, by_mode[think]) for think in ("on", "off")]
    usual = write_run(tmp_path / "usual", [*by_mode["off"], *by_mode["on"]])
    wanted = collect([Run.open(usual)])[0]
    for runs in ([together], apart):
        page = collect([Run.open(run) for run in runs])[0]
        assert [arm.condition.think for arm in page.arms] == ["off", "on"]
        assert [arm.summary.metrics for arm in page.arms] == [arm.summary.metrics for arm in wanted.arms]
        assert difference(page, 0, 1) == difference(wanted, 0, 1)
    other = write_run(tmp_path / "other", by_mode["off"], model="another-model")
    page = collect([Run.open(apart[0]), Run.open(other)])[0]
    assert [arm.condition.think for arm in page.arms] == ["on", "off"], "two models keep the order given"


def test_runs_come_in_the_order_given_and_once(tmp_path: Path, run, clips) -> None:
    first = write_run(tmp_path / "zzz", many(5, clips), model="zzz")
    assert main(["view", str(first), str(run.parent), str(run), "--out", str(tmp_path / "out"), "--pictures", "0"]) == 0
    assert [entry["name"] for entry in data(tmp_path / "out", "index")["runs"]] == ["zzz", run.name]


def test_labels_name_only_what_differs(run) -> None:
    opened = Run.open(run)
    conditions = opened.tasks["household"].conditions
    assert arm_labels([(opened, conditions[0])]) == ["think=off audio=full".replace(" ", " · ")]
    assert arm_labels([(opened, condition) for condition in conditions]) == ["think=off", "think=on"]
    found = difference(collect([opened])[0], 0, 0)
    assert found is not None and found.gained == 0


def test_epochs_are_averaged_in_the_list_and_kept_in_the_sample(tmp_path: Path, clips) -> None:
    lines = [
        record("s", "off", f"{letter}.", clips[:1], epoch=epoch) for epoch, letter in enumerate("ABAA")
    ] + [record("t", "off", "A.", clips[:1], epoch=epoch) for epoch in range(4)]  # fmt: skip
    runs = [Run.open(write_run(tmp_path / "run", lines))]
    write_site(runs, collect(runs), tmp_path / "out")
    assert data(tmp_path / "out", "household/index")["arms"][0]["value"] == [0.75, 1.0]
    epochs = samples(tmp_path / "out")[0]["arms"][0]
    assert [(e["epoch"], e["value"], e["pick"]) for e in epochs] == [
        (0, 1.0, SOUNDS[0]), (1, 0.0, SOUNDS[1]), (2, 1.0, SOUNDS[0]), (3, 1.0, SOUNDS[0]),
    ]  # fmt: skip


def test_a_run_that_has_only_errors_can_be_looked_at(tmp_path: Path) -> None:
    line = record("s", "off", "", [])
    for key in ("response", "sample", "prompt"):
        del line[key]
    line["error"] = {"kind": "invalid_audio", "message": "a.wav: empty"}
    runs = [Run.open(write_run(tmp_path / "run", [line], task=task_json(chance="none")))]
    write_site(runs, collect(runs), tmp_path / "out")
    [sample] = samples(tmp_path / "out")
    assert sample["arms"][0][0]["error"]["message"] == "a.wav: empty"


def test_word_error_rates_are_pooled_and_fewer_errors_are_a_gain(tmp_path: Path, export) -> None:
    long = " ".join(f"word{i}" for i in range(100))
    lines = []
    for i in range(40):
        target, off, on = ("one", "one", "two") if i % 2 else (long, long[:300], long)
        sample = {"question": "", "choices": [], "target": target, "metadata": {}, "cluster": None}
        lines += [record(f"s{i}", think, text, [], sample=sample) for think, text in (("off", off), ("on", on))]
    task = task_json("asr", scorer="wer", extraction=["full_text"], metric_list=[{"metric": "wer"}], chance="none")
    run = write_run(tmp_path / "run", lines, task=task)
    shown = data(export(run).folder, "index")["tasks"][0]
    arms = [arm["summary"]["metrics"]["wer"]["value"] for arm in shown["arms"]]
    found = shown["differences"][1]
    assert found["value"] == pytest.approx(arms[1] - arms[0]) and found["value"] < 0
    off, on = arms_of(Run.open(run), Run.open(run).tasks["asr"])
    compared = compare(off, on, common([off, on]))
    assert (found["ci"], found["p"]) == ([compared.interval.low, compared.interval.high], compared.p)
    assert (found["gained"], found["lost"], shown["higher_is_better"]) == (20, 20, False)


def test_two_dozen_arms_have_colours_of_their_own() -> None:
    style = (PAGE / "style.css").read_text(encoding="utf-8")
    colours = re.findall(r"\.arm-(\d+) \{ --arm: (light-dark\(.+?\)); \}", style)
    assert [int(number) for number, _ in colours] == list(range(24)) and len({colour for _, colour in colours}) == 24
    assert "(arm % 24)" in (PAGE / "core.js").read_text(encoding="utf-8")
