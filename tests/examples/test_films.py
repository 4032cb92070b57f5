"""The run of docs/audio_visual.md, as a reader repeats it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("av", reason="PyAV (extra av) is not installed")
ARMS = "full,none,swap,sound_only,text_only"


def test_what_a_model_owes_to_sound_and_picture(tmp_path: Path, root: Path, cli: Any) -> None:
    for name in ("films.py", "films.yaml", "films_model.yaml"):
        shutil.copy(root / "examples" / name, tmp_path)
    subprocess.run([sys.executable, "films.py"], check=True, cwd=tmp_path)
    done = cli("run", "--model", "films_model.yaml", "--tasks", "films.yaml", "--audio", ARMS, "--out", "watcher")
    assert done.returncode == 0, done.stderr
    entries = json.loads((tmp_path / "watcher" / "films" / "summary.json").read_text("utf-8"))
    found = {
        entry["condition"]["audio"]: {need: row["value"] for need, row in entry["breakdown"]["needs"].items()}
        for entry in entries
    }
    assert found["full"] == {"both": 1.0, "picture": 1.0, "sound": 1.0}
    assert found["none"] == {"both": 0.5, "picture": 1.0, "sound": 0.5}
    assert found["sound_only"] == {"both": 0.5, "picture": 0.5, "sound": 1.0}
    assert found["text_only"] == {"both": 0.5, "picture": 0.5, "sound": 0.5}
    assert found["swap"]["picture"] == 1.0 and max(found["swap"]["both"], found["swap"]["sound"]) < 0.7
    shown = cli("ablate", "watcher").stdout
    page = (root / "docs" / "audio_visual.md").read_text("utf-8")
    for line in (line for line in page.split("## A run to repeat")[1].splitlines() if line.startswith("default ")):
        assert line in shown, "docs/audio_visual.md shows what the command prints"
