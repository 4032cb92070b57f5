"""Answers in sound from the request to the report, on the built-in synthesiser; and files that cannot be used."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr

from audiobench.cli import main
from audiobench.files import annotations, embeddings, records
from audiobench.media.answers import examined, float_wav, keep, pcm16_wav
from audiobench.media.made_sounds import render
from audiobench.media.tone_speech import RATE, listen, speak
from audiobench.results.runs import find_runs
from audiobench.results.sounds import flaw
from audiobench.sound.tiny import Tiny
from audiobench.task.spec import SoundWanted
from audiobench.view.clips import ClipIndex
from audiobench.view.collect import collect
from audiobench.view.records import sample

TONE = render("a low beep", 1.0, 16_000)


def run(model: str, out: Path | str, *more: str, code: int = 0) -> dict[str, Any]:
    """The summary entry of `made_sounds` after a run."""
    words = ["run", "--model", model, "--tasks", "made_sounds", "--out", str(out), "--quiet", *more]
    assert main(words) == code
    (entry,) = json.loads((Path(out) / "made_sounds" / "summary.json").read_text("utf-8"))
    return entry


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Each control's summary entry, and the folder of the runs."""
    folder = tmp_path_factory.mktemp("sound")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("AUDIOBENCH_CACHE", str(folder / "cache"))
        entries = {name: run(f"synthesiser-{name}", folder / name) for name in ("right", "wrong", "noise", "silence")}
    return {"folder": folder, **entries}


@pytest.fixture
def here(runs: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the runs, as the working directory."""
    monkeypatch.chdir(runs["folder"])
    monkeypatch.setenv("AUDIOBENCH_CACHE", str(runs["folder"] / "cache"))
    return runs["folder"]


def figures(entry: dict[str, Any]) -> dict[str, float]:
    return {figure["name"]: figure["value"] for figure in entry["sound"]["figures"]}


def test_figures_tell_the_right_sound_from_the_wrong_one_from_noise_and_silence(runs: dict[str, Any]):
    right, wrong, noise, silence = (figures(runs[name]) for name in ("right", "wrong", "noise", "silence"))
    assert right["frechet"] < 0.5 and silence["frechet"] > 20 and noise["frechet"] > 20
    assert right["kl"] < 0.1 < noise["kl"] and wrong["kl"] > 1 and silence["kl"] > 5
    assert right["text_similarity"] > 0.95 > 0.7 > wrong["text_similarity"] and silence["text_similarity"] == 0.0
    assert silence["inception"] == pytest.approx(1.0) and right["inception"] > 1.5
    metric = runs["right"]["metrics"]["frechet"]
    assert (metric["unit"], metric["higher_is_better"], metric["n"]) == ("distance", False, 60)
    assert metric["value"] == right["frechet"] and metric["ci"][0] <= metric["value"] <= metric["ci"][1]


def test_a_run_leaves_files_that_say_what_was_made_and_measured(runs: dict[str, Any]):
    folder = runs["folder"] / "right"
    lines = list(records.read(folder / "made_sounds" / "samples.jsonl"))
    (part,) = lines[0].response.parts
    assert (part.sample_rate, part.channels, part.seconds, part.problem) == (16_000, 1, 2.0, "")
    assert examined((folder / part.path).read_bytes()).sha256 == part.sha256
    known = annotations.measured(folder / "made_sounds")["tiny"]
    line = known[lines[0].id, lines[0].key]
    assert line.audio_sha256 == part.sha256 and line.reference_sha256
    row = embeddings.read(folder / "made_sounds", line.shard)[line.row]
    assert {*row} == {*embeddings.COLUMNS} and row["vector"].shape == (32,)
    assert main(["verify", str(folder)]) == 0


def test_a_started_again_run_makes_and_measures_nothing_twice(here: Path, capsys: pytest.CaptureFixture[str]):
    before = {path: path.read_bytes() for path in (here / "right").rglob("*") if path.suffix in (".wav", ".jsonl")}
    entry = run("synthesiser-right", "right")
    assert {path: path.read_bytes() for path in before} == before
    assert entry["sound"]["usable"] == 60
    capsys.readouterr()
    assert main(["report", "right"]) == 0
    said = capsys.readouterr().out
    assert "60 answers in sound, 60 usable" in said and "lower is better" in said and "overstated at small n" in said


def test_intervals_do_not_depend_on_the_order_of_responses(
    here: Path, tmp_path: Path, runs: dict[str, Any], capsys: pytest.CaptureFixture[str]
):
    copy = Path(shutil.copytree(here / "right", tmp_path / "copy"))
    journal = copy / "made_sounds" / "samples.jsonl"
    journal.write_text("".join(reversed(journal.read_text("utf-8").splitlines(keepends=True))), "utf-8")
    capsys.readouterr()
    assert main(["report", str(copy), "--format", "json"]) == 0
    (again,) = json.loads(capsys.readouterr().out)[0]["results"]
    assert again["metrics"]["frechet"]["ci"] == pytest.approx(runs["right"]["metrics"]["frechet"]["ci"], rel=1e-6)
    of = {figure["name"]: figure for figure in again["sound"]["figures"]}["inception"]
    was = {figure["name"]: figure for figure in runs["right"]["sound"]["figures"]}["inception"]
    assert (of["ci"], of["parts"]) == (pytest.approx(was["ci"]), pytest.approx(was["parts"]))


def test_figures_of_two_models_are_compared_pair_by_pair(here: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["compare", "right", "wrong", "--format", "json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["comparisons"]
    assert (found["metric"], found["higher_is_better"], found["n"]) == ("frechet", False, 60)
    (pair,) = found["pairs"]
    assert pair["difference"] > 0.2


def test_the_gate_says_that_it_cannot_hold_a_figure_of_sets(here: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["gate", "--baseline", "b.json", "--run", "right", "--update-baseline"]) == 2
    assert "frechet is made of whole sets of sounds" in capsys.readouterr().err
    assert main(["leaderboard", "wrong", "right"]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if "think=default" in line]
    assert "synthesiser-right" in rows[0] and "synthesiser-wrong" in rows[1], "less is better"


def test_damaged_vectors_are_told(here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    copy = Path(shutil.copytree(here / "silence", tmp_path / "copy"))
    shard = next((copy / "made_sounds" / "embeddings").glob("*.parquet"))
    shard.unlink()
    assert main(["report", str(copy)]) == 4
    assert f"{shard.name}: No such file" in capsys.readouterr().err


def test_an_unknown_measure_and_one_that_lacks_the_figure_are_refused(here: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["run", "--model", "synthesiser-right", "--tasks", "made_sounds", "--measure", "clapp"]) == 2
    assert "did you mean `clap`?" in capsys.readouterr().err
    assert main(["run", "--model", "synthesiser-right", "--tasks", "made_sounds", "--measure", "dnsmos"]) == 2
    assert "its score is frechet, which these do not give: tiny, clap, ast" in capsys.readouterr().err
    assert main(["run", "--model", "oracle", "--tasks", "made_sounds"]) == 2
    assert "does not answer in audio" in capsys.readouterr().err


# ---- files that cannot be used -----------------------------------------------------------------------------------------


def with_nan() -> bytes:
    wave = TONE.copy()
    wave[100] = np.nan
    return float_wav(wave, 16_000)


BAD = {
    "empty": (b"", "not a sound: empty: 0 bytes"),
    "text": (b'{"error": "busy"}', "not a sound: "),
    "no samples": (pcm16_wav(np.zeros(0), 16_000), "not a sound: no audio in it (zero frames)"),
    "cut off": (pcm16_wav(TONE, 16_000)[:4000], "not a sound: truncated"),
    "NaN": (with_nan(), "not a sound: "),
    "clipped": (pcm16_wav(np.clip(20 * TONE, -1, 1), 16_000), "clipped: more than 5 % of its samples at full scale"),
    "too loud in float": (float_wav(20 * TONE, 16_000), "clipped: "),
    "wrong rate": (pcm16_wav(TONE, 8_000), "wrong rate: 8000 Hz, 16000 are wanted"),
    "endless": (pcm16_wav(np.zeros(16_000 * 31), 16_000), "endless: over 30 s"),
    "too short": (pcm16_wav(TONE[:100], 16_000), "too short: under 0.1 s"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_file_that_cannot_be_used_says_why(kind: str, tmp_path: Path):
    data, reason = BAD[kind]
    part = keep(data, tmp_path / "answers", "a/b c", 0)
    said = flaw(part, SoundWanted(longest=30, sample_rate=16_000))
    assert said is not None and said.startswith(reason)
    assert part.path is not None and (tmp_path / part.path).read_bytes() == data


def test_a_usable_file_and_a_missing_one(tmp_path: Path):
    assert flaw(keep(pcm16_wav(TONE, 16_000), tmp_path, "x", 0), SoundWanted(sample_rate=16_000)) is None
    assert flaw(None, SoundWanted()) == "missing: the answer holds no sound"


def test_a_file_is_never_overwritten(tmp_path: Path):
    part = keep(pcm16_wav(TONE, 16_000), tmp_path / "answers", "x", 0)
    file = tmp_path / str(part.path)
    file.write_bytes(b"what somebody else put there")
    again = keep(pcm16_wav(TONE, 16_000), tmp_path / "answers", "x", 0)
    assert file.read_bytes() == b"what somebody else put there"
    assert again.path != part.path and again.sha256 == part.sha256


ADAPTER = '''
from pathlib import Path

from audiobench.media.answers import keep
from audiobench.media.made_sounds import render
from audiobench.media.answers import pcm16_wav
from audiobench.model import Capabilities, Response


class Flawed:
    """Every third sound is empty, every third clipped, the others right."""

    capabilities = Capabilities(audio_out=True, in_process=True)

    def __init__(self, spec, *, base_url=None, timeout=0.0):
        self.audio_folder = None

    async def generate(self, request):
        wave = render(request.text, 2.0, 16000)
        data = [b"", pcm16_wav(30 * wave, 16000), pcm16_wav(wave, 16000)][int(request.sample_id) % 3]
        return Response("", parts=(keep(data, self.audio_folder, request.sample_id, request.epoch),))

    async def close(self):
        pass
'''


def test_flawed_sounds_are_counted_and_the_others_scored(here: Path, capsys: pytest.CaptureFixture[str]):
    (here / "flawed.py").write_text(ADAPTER, "utf-8")
    entry = run("flawed.py:Flawed", "flawed")
    assert entry["counts"]["unparsed"] == 40 and entry["counts"]["scored"] == 20
    assert (entry["sound"]["answers"], entry["sound"]["usable"]) == (60, 20)
    assert {flaw["message"]: flaw["n"] for flaw in entry["sound"]["flaws"]} == {
        "not a sound: empty: 0 bytes": 20,
        "clipped: more than 5 % of its samples at full scale": 20,
    }
    found = {figure["name"]: figure for figure in entry["sound"]["figures"]}
    assert found["frechet"]["n"] == 20, "a set without them"
    assert found["text_similarity"]["n"] == 60 and found["text_similarity"]["value"] < 0.4, "they count as unlike"
    assert entry["metrics"]["frechet"]["n"] == 20


def test_resampling_and_clipping_move_a_figure_as_they_must():
    """Without the upper half of the spectrum, and with the harmonics that clipping adds, a buzz is further from itself."""
    wave = render("a high buzz, then a hiss", 2.0, 16_000)
    there_and_back = [soxr.resample(soxr.resample(wave, 16_000, hz), hz, 16_000)[: len(wave)] for hz in (48_000, 6_000)]
    vectors, _ = Tiny().embed([wave, *there_and_back, np.clip(8 * wave, -1, 1)])
    lossless, narrow, clipped = (float(np.linalg.norm(vector - vectors[0])) for vector in vectors[1:])
    assert lossless < 0.1 < 1.0 < min(narrow, clipped)


# ---- spoken words ------------------------------------------------------------------------------------------------------


def test_tones_say_words_at_any_rate(tmp_path: Path):
    for text in ("The answer is (B).", "你好, wörld"):
        wave = speak(text)
        assert listen(wave, RATE) == text
        soundfile.write(tmp_path / "x.flac", wave, RATE)
        assert listen(soundfile.read(tmp_path / "x.flac")[0], RATE) == text
    assert listen(render("a hiss", 1.0, RATE), RATE) == listen(np.zeros(RATE), RATE) == ""


@pytest.mark.parametrize(("model", "value"), [("tone-oracle", 1.0), ("says-wrong.yaml", 0.0)])
def test_any_task_of_words_is_asked_speech_to_speech(here: Path, model: str, value: float):
    """The question as recorded, the answer spoken, a recogniser, and the task's own scorer."""
    (here / "says-wrong.yaml").write_text(
        "{name: says-wrong, adapter: tone_speaker, served_model: w, options: {says: wrong}, audio: {formats: [wav]}}",
        "utf-8",
    )
    words = [
        "run",
        "--model",
        model,
        "--tasks",
        "listening_sound",
        "--limit",
        "12",
        "--quiet",
        "--out",
        f"spoken-{value}",
    ]
    assert main([*words, "--spoken"]) == 4, "nothing is scored before somebody has listened"
    assert main([*words, "--spoken", "--asr", "tone-listener"]) == 0
    (entry,) = json.loads((here / f"spoken-{value}" / "listening_sound" / "summary.json").read_text("utf-8"))
    assert entry["metrics"]["acc"]["value"] == value
    assert (entry["speech"]["answers"], entry["speech"]["transcribed"], entry["sound"]["usable"]) == (12, 12, 12)
    assert entry["fingerprint"]["recogniser"].startswith("tone-listener") and entry["fingerprint"]["answer"] == "audio"


def test_a_model_of_words_cannot_speak(here: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["run", "--model", "oracle", "--tasks", "listening_sound", "--spoken"]) == 2
    assert "does not answer in audio" in capsys.readouterr().err


def test_the_viewer_has_the_answer_beside_its_reference(here: Path):
    runs = find_runs([here / "right"])
    (page,) = collect(runs)
    id = page.task_run.plan.ids[0]
    shown = sample(page, id, ClipIndex(), [run.folder for run in runs])
    (epoch,) = shown["arms"][0]
    assert [(part["role"], part["clip"] is not None) for part in epoch["audio"]] == [
        ("answer", True),
        ("reference", True),
    ]
    assert {clip["state"] for clip in shown["clips"]} == {"ok"} and len(shown["clips"]) == 2
    assert epoch["measured"]["text_similarity (tiny)"] > 0.9 and "vector" not in epoch["detail"]
    assert main(["view", "right", "--out", "page"]) == 0 and (here / "page" / "index.html").is_file()


def test_a_folder_is_scored_and_a_sound_that_has_changed_since_is_noticed(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = tmp_path / "made"
    made.mkdir()
    for record in records.read(here / "right" / "made_sounds" / records.FILE):
        assert record.response is not None
        shutil.copy(here / "right" / str(record.response.parts[0].path), made / f"{record.id}.wav")
    words = [
        "score",
        "--task",
        "made_sounds",
        "--predictions",
        str(made),
        "--measure",
        "tiny",
        "--out",
        str(tmp_path / "run"),
    ]
    (made / "0003.wav").rename(tmp_path / "later.wav")
    assert main(words) == 4
    (tmp_path / "later.wav").rename(made / "0003.wav")
    assert main(words) == 0
    shutil.copy(made / "0001.wav", made / "0002.wav")
    assert main(words) == 2
    assert "0002.wav: another sound now" in capsys.readouterr().err
