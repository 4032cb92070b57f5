"""A task whose sound is in its videos, asked under every arm through the real command: what each model is really sent."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.films import film, pitch, tracks
from tests.run.test_video import GEMINI, TASK, VLLM, seeing

__all__ = ["seeing"]

pytest.importorskip("av", reason="PyAV (extra av) is not installed")
Cli = Callable[..., CompletedProcess[str]]
TONES = (440.0, 660.0, 880.0, 1100.0)
ARMS = "full,none,swap,sound_only,text_only"


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    rows: list[dict[str, Any]] = []
    for number, tone in enumerate(TONES):
        (folder / f"{number}.mp4").write_bytes(film(tone))
        rows.append(
            {"id": f"f{number}", "video": f"{number}.mp4", "question": f"Which animal is it ({number})?", "choices": ["a dog", "a cat"],
             "answer": ["a dog", "a cat"][number % 2]}
        )  # fmt: skip
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "films.yaml").write_text(TASK)
    return folder


def records(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "films" / "samples.jsonl").read_text().splitlines()]
    return {(line["id"], line["condition"]["audio"]): line for line in lines}


def test_the_oracle_needs_the_whole_video_and_ablate_compares_the_arms(cli: Cli, films: Path, tmp_path: Path) -> None:
    done = cli("run", "--model", "oracle", "--tasks", films / "films.yaml", "--audio", ARMS, "--out", "out")
    assert done.returncode == 0, done.stderr
    summaries = json.loads((tmp_path / "out" / "films" / "summary.json").read_text())
    scores = {entry["condition"]["audio"]: entry["metrics"]["acc"]["value"] for entry in summaries}
    assert scores.pop("full") == 1.0 and set(scores) == set(ARMS.split(",")) - {"full"} and max(scores.values()) < 1.0
    assert len({entry["fingerprint"]["audio"] for entry in summaries}) == 3, (
        "the file of the item, another sound in it, or none"
    )
    lines = records(tmp_path / "out")
    muted, swapped, heard = (lines["f0", arm]["audio"][0] for arm in ("none", "swap", "sound_only"))
    assert muted["transform"] == "muted" and muted["changed"] == ["without its sound"]
    assert (
        swapped["transform"] == "swapped"
        and Path(swapped["donor"][0]).name != "0.mp4"
        and len(swapped["donor"][1]) == 64
    )
    assert heard.get("kind", "audio") == "audio" and heard["path"].endswith("0.mp4")
    assert "audio" not in lines["f0", "text_only"]
    assert len({line["key"] for line in lines.values()}) == 4 * 5
    donors = [lines[f"f{n}", "swap"]["audio"][0]["donor"][1] for n in range(4)]
    assert len(set(donors)) == 4, "every sound is used once"
    again = cli(
        "run", "--model", "oracle", "--tasks", films / "films.yaml", "--audio", ARMS, "--out", "out", "--dry-run"
    )
    assert "20 already done" in again.stdout + again.stderr
    found = json.loads(cli("ablate", "out", "--json").stdout)
    controls = found["tasks"][0]["listening"][0]["controls"]
    assert set(controls) == {"sound_only", "swap", "none", "text_only"}
    assert [name for name, control in controls.items() if control["soundless"]] == ["swap", "none"]
    shown = cli("ablate", "out").stdout
    assert "(sound_only)" in shown and "takes the picture away" in shown
    assert cli("view", "out", "--out", "page").returncode == 0
    page = "".join(path.read_text() for path in (tmp_path / "page" / "data").rglob("*.js"))
    assert '\\"kind\\":\\"video\\"' in page


def test_what_a_server_is_sent_under_each_arm(
    cli: Cli, films: Path, seeing: tuple[str, list[Any]], tmp_path: Path
) -> None:
    url, seen = seeing
    vllm = VLLM.replace("max_bytes: 5000", "sound: {mm_processor_kwargs: {use_audio_in_video: true}}")
    (films / "model.yaml").write_text(vllm)
    done = cli("run", "--model", films / "model.yaml", "--tasks", films / "films.yaml", "--base-url", f"{url}/v1",
               "--audio", ARMS, "--out", "out", "--max-concurrency", "1")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(seen) == 20
    sent: dict[str, list[Any]] = {"film": [], "mute": [], "sound": [], "text": []}
    for body in seen:
        content = body["messages"][0]["content"]
        part: dict[str, Any] = content[0] if isinstance(content, list) else {"type": "text"}
        hears = "mm_processor_kwargs" in body
        if part["type"] == "video_url":
            data = base64.b64decode(part["video_url"]["url"].partition(",")[2])
            kind = "film" if "audio" in tracks(data) else "mute"
            assert hears == (kind == "film"), "the switch is sent where there is sound in the video, and only there"
            sent[kind].append(data)
        else:
            assert not hears
            sent["sound" if part["type"] == "input_audio" else "text"].append(part)
    assert {kind: len(parts) for kind, parts in sent.items()} == {"film": 8, "mute": 4, "sound": 4, "text": 4}
    assert sorted(round(pitch(data), -1) for data in sent["film"]) == sorted([*TONES, *TONES])
    heard = [base64.b64decode(part["input_audio"]["data"]) for part in sent["sound"]]
    assert {part["input_audio"]["format"] for part in sent["sound"]} == {"wav"}
    assert sorted(round(pitch(data), -1) for data in heard) == list(TONES)


def test_a_model_without_video_is_refused_and_gets_the_sound_alone(
    cli: Cli, films: Path, seeing: tuple[str, list[Any]], tmp_path: Path
) -> None:
    url, seen = seeing
    (films / "model.yaml").write_text(GEMINI.replace("video: {formats: [mp4]}\n", ""))
    words = ["run", "--model", films / "model.yaml", "--tasks", films / "films.yaml", "--base-url", url, "--out", "out"]
    refused = cli(*words, GOOGLE_API_KEY="k")
    assert refused.returncode == 2 and "takes none (its model file declares no `video:`)" in refused.stderr
    assert "--audio sound_only asks it by the sound alone" in refused.stderr and seen == []
    done = cli(*words, "--audio", "sound_only,text_only", GOOGLE_API_KEY="k")
    assert done.returncode == 0, done.stderr
    mimes = [[p["inlineData"]["mimeType"] for p in b["contents"][0]["parts"] if "inlineData" in p] for b in seen]
    assert sorted(mimes) == [[]] * 4 + [["audio/wav"]] * 4


def test_arms_without_a_picture_are_refused_where_there_is_none(cli: Cli, films: Path) -> None:
    (films / "films.yaml").write_text(
        TASK.replace("doc_to_video", "doc_to_audio").replace("[video, text]", "[audio, text]")
    )
    done = cli(
        "run", "--model", "oracle", "--tasks", films / "films.yaml", "--audio", "full,sound_only", "--out", "out"
    )
    assert (
        done.returncode == 2
        and "has no picture that could be left out; here it would be the same as full" in done.stderr
    )
