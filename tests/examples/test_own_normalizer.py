"""A normaliser that audiobench does not know: from a file beside the task, and from another package."""

from __future__ import annotations

import json
import shutil
import wave
from pathlib import Path

import pytest

from audiobench.cli import main
from audiobench.scorers import find_scorer

TASK = """\
task: streets
dataset_path: streets.jsonl
doc_to_audio: "{{audio}}"
doc_to_target: "{{text}}"
scorer: wer_raw
normalizer: own_normalizer.py:german
prompt:
  - text: "Please transcribe."
"""


@pytest.fixture
def here(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copy(root / "examples/own_normalizer.py", tmp_path)
    (tmp_path / "streets.yaml").write_text(TASK)
    with wave.open("0.wav", "wb") as clip:
        clip.setparams((1, 2, 16000, 800, "NONE", ""))
        clip.writeframes(bytes(1600))
    (tmp_path / "streets.jsonl").write_text(json.dumps({"id": "0", "audio": "0.wav", "text": "Große Straße, München"}))
    (tmp_path / "replies.jsonl").write_text(json.dumps({"id": "0", "output": "grosse Strasse Muenchen"}))
    return tmp_path


def test_a_task_names_a_normalizer_in_a_file_beside_it(here, capsys):
    assert main(["tasks", "check", "streets.yaml"]) == 0
    capsys.readouterr()
    assert main(["score", "--task", "streets.yaml", "--predictions", "replies.jsonl", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["value"] == 0.0


def test_what_is_wrong_with_a_normalizer_is_said_in_one_line(here, capsys):
    for wrong, words in (
        ("wisper_en", "unknown normalizer 'wisper_en'; did you mean `whisper_en`?"),
        ("own_normalizer.py:french", "has no attribute 'french'"),
    ):
        (here / "streets.yaml").write_text(TASK.replace("own_normalizer.py:german", wrong))
        assert main(["tasks", "check", "streets.yaml"]) != 0
        found = "".join(capsys.readouterr())
        assert words in found.splitlines()[0]
    (here / "streets.yaml").write_text(TASK.replace("wer_raw", "exact_match"))
    assert main(["tasks", "check", "streets.yaml"]) != 0
    assert "scorer exact_match takes no normalizer" in "".join(capsys.readouterr())


def test_another_package_brings_a_normalizer(here, monkeypatch):
    info = here / "site" / "german-0.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: german\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[audiobench.normalizers]\ngerman_letters = own_normalizer:german\n")
    monkeypatch.syspath_prepend(here / "site")
    monkeypatch.syspath_prepend(here)
    assert find_scorer("wer_raw", "german_letters").version == "1/german_letters+0.1"
