"""Makes the data of own_task.yaml: two clips of half a second and a line of JSON for each."""

import json
import sys
from pathlib import Path

import numpy as np
import soundfile

folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
with (folder / "own_task.jsonl").open("w", encoding="utf-8") as rows:
    for name, pitch in (("low", 220), ("high", 880)):  # Hz
        tone = 0.3 * np.sin(2 * np.pi * pitch * np.arange(8000) / 16000)
        soundfile.write(folder / f"{name}.wav", tone, 16000)
        row = {
            "id": name,
            "audio": f"{name}.wav",
            "question": "Is the tone",
            "choices": ["low", "high"],
            "answer": name,
        }
        rows.write(json.dumps(row) + "\n")
