"""Audio-grounded fact verification: a judge takes thoughts apart and hears, fact by fact, what the model heard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from audiobench.analysis.traces.facts import parse_check, parse_facts
from audiobench.cli import main
from audiobench.core.types import Sample

CODE = r'''
import io, json, re
from pathlib import Path

import numpy, soundfile

from audiobench.model import Response, SampleError

THOUGHTS = {
    "a": "There is a low tone. It is one tone.",
    "b": "There is a high tone. There is a low tone.",
    "c": "I know that tones are dull.",
    "d": "BABBLE",
}


class Model:
    def __init__(self, spec, *, base_url=None, timeout=60.0):
        self.spec = spec

    async def generate(self, request):
        return Response("low", reasoning=THOUGHTS[request.sample.id[0]])

    async def close(self):
        pass


class Judge(Model):
    """Takes sentences about tones as facts, and knows a low tone by its pitch."""

    async def generate(self, request):
        with Path("judged.txt").open("a") as log:
            log.write(f"{request.sample_id} {len(request.audio)}\n")
        said = json.loads(re.search(r"(DATA-\w+) begin\n(.*)\n\1 end", request.text, re.S)[2])
        if not request.audio:
            facts = [one.strip() for one in re.split(r"(?<=[.]) ", said) if "tone" in one and "know" not in one]
            return Response("What?" if said == "BABBLE" else json.dumps(facts))
        if Path("down").exists():
            raise SampleError("HTTP 400")
        samples, rate = soundfile.read(io.BytesIO(request.audio[0].data))
        pitch = numpy.abs(numpy.fft.rfft(samples)).argmax() * rate / len(samples)
        if "low" not in said and "high" not in said:
            return Response('{"supported": "unclear"}')
        return Response(json.dumps({"supported": "yes" if ("low" in said) == (pitch < 500) else "no"}))
'''
NAMES = [*(f"a{n}" for n in range(6)), *(f"b{n}" for n in range(6)), "c", "d"]
TASK = """\
task: tones
dataset_path: rows.jsonl
doc_to_audio: "{{audio}}"
doc_to_question: "{{question}}"
doc_to_choice: "{{choices}}"
doc_to_target: "{{answer}}"
prompt:
  - order: [audio, text]
    text: "{{question}}"
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("made.py").write_text(CODE, "utf-8")
    Path("tones.yaml").write_text(TASK, "utf-8")
    asked = {"question": "Is it low or high?", "choices": ["low", "high"], "answer": "low"}
    rows = [{"id": name, "audio": f"{name}.wav", **asked} for name in NAMES]
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    for place, name in enumerate(NAMES):
        low = 0.3 * np.sin(2 * np.pi * (200 + place) * np.arange(8000) / 16000)  # Hz
        soundfile.write(f"{name}.wav", low, 16000, subtype="PCM_16", format="WAV")
    words = [
        "run",
        "--model",
        "made.py:Model",
        "--tasks",
        "tones.yaml",
        "--audio",
        "full,none",
        "--out",
        "run",
        "--quiet",
    ]
    assert main(words) == 0
    return tmp_path


def traces(capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, list[dict[str, Any]]]:
    capsys.readouterr()
    code = main(["traces", "run", "--json", *more])
    return code, json.loads(capsys.readouterr().out)["tasks"][0]["arms"]


def test_facts_are_checked_against_what_was_heard(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    judged = ["--judge", "made.py:Judge", "--measures", "agfv"]
    Path("down").touch()
    code, arms = traces(capsys, *judged)
    assert code == 4, "a call that failed leaves the thought open"
    Path("down").unlink()
    Path("judged.txt").unlink()
    code, arms = traces(capsys, *judged)
    full, none = (next(arm for arm in arms if arm["audio"] == audio) for audio in ("full", "none"))
    asked = sorted(Path("judged.txt").read_text(encoding="utf-8").split("\n")[:-1])
    each = [f"{name} {heard}" for name in NAMES[:12] for heard in (0, 1, 1)]
    assert code == 0 and asked == sorted(each), "c and d were done; without sound nothing is"
    (found,) = full["agfv"]
    assert none["agfv"] == []
    assert (found["n"], found["mean"], found["passed"]) == (12, 0.75, 0.5)
    assert (found["supported"], found["refuted"], found["unclear"], found["without_facts"]) == (12, 6, 6, 2)
    assert (found["unreadable"], found["parse_failures"]) == (1, 1)
    low, high = found["ci"]
    assert 0.4 < low < 0.75 < high < 1 and found["passed_ci"][0] < 0.5 < found["passed_ci"][1]
    Path("judged.txt").unlink()
    assert traces(capsys, *judged)[0] == 0 and not Path("judged.txt").exists(), "nothing is asked twice"
    capsys.readouterr()
    assert main(["traces", "run"]) == 0
    assert "audio-grounded fact verification (AGFV), heard by Judge" in capsys.readouterr().out


def test_a_judge_that_cannot_hear_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("deaf.yaml").write_text("name: deaf\nadapter: made.py:Judge\nserved_model: x\ntext_only: true\n", "utf-8")
    assert main(["traces", "run", "--judge", "deaf.yaml", "--measures", "agfv"]) == 2
    assert "judge deaf takes text only; facts are verified by listening" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("reply", "facts"),
    [('["a dog barks", " "]', None), ('["a dog barks"]', ["a dog barks"]), ("[]", []), ('{"facts": []}', None), ("none", None),
     ("```json\n[\"x\"]\n```", ["x"]), (json.dumps([str(n) for n in range(30)]), [str(n) for n in range(20)])],
)  # fmt: skip
def test_only_a_list_of_texts_is_facts(reply: str, facts: list[str] | None) -> None:
    assert parse_facts(reply, Sample("1", "?")) == facts


def test_only_the_three_answers_count() -> None:
    assert [parse_check(f'{{"supported": "{word}"}}') for word in ("yes", "no", "unclear", "maybe")] == [
        "yes",
        "no",
        "unclear",
        None,
    ]
    assert parse_check('{"supported": true}') is None and parse_check("yes") is None
