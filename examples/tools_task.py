"""Makes the data of tools_task.yaml and tools_answer.yaml: four spoken requests, for which tones stand in, the calls that are
right, what the tools answer, and what must stand in the final answer.
"""

import json
from pathlib import Path

import numpy as np
import soundfile

TIMER = {
    "name": "set_timer",
    "description": "Set a timer.",
    "parameters": {"type": "dict", "properties": {"minutes": {"type": "integer"}}, "required": ["minutes"]},
}
SONG = {
    "name": "play_song",
    "description": "Play a song.",
    "parameters": {"type": "dict", "properties": {"title": {"type": "string"}}, "required": ["title"]},
}
RIGHT = [
    [{"set_timer": {"minutes": [5]}}],
    [{"set_timer": {"minutes": [50]}}],
    [{"play_song": {"title": ["Blue Moon"]}}],
    [],  # no tool helps
]
RESULTS = [
    [{"name": "set_timer", "arguments": {"minutes": 5}, "result": {"ends_at": "12:05"}}],
    [{"name": "set_timer", "arguments": {"minutes": 50}, "result": {"ends_at": "12:50"}}],
    [{"name": "play_song", "arguments": {"title": "Blue Moon"}, "result": {"artist": "The Marcels"}}],
    [],
]
ANSWERS = ["12:05", "12:50", "The Marcels", "cannot"]

folder = Path(__file__).parent
with (folder / "tools_task.jsonl").open("w", encoding="utf-8") as rows:
    for number, (reference, results, answer) in enumerate(zip(RIGHT, RESULTS, ANSWERS, strict=True)):
        tone = 0.3 * np.sin(2 * np.pi * 220 * (number + 1) * np.arange(8000) / 16000)
        soundfile.write(folder / f"request{number}.wav", tone, 16000)
        row = {"id": f"s{number}", "audio": f"request{number}.wav", "tools": [TIMER, SONG], "reference": reference}
        rows.write(json.dumps({**row, "results": results, "answer": answer}) + "\n")
