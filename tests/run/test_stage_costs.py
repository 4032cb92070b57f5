"""Stages after a run: one progress line, one cost account, one limit."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from audiobench.ask.progress import StageTally
from tests.run.conftest import clean_environment, command, wav

TASK = """\
task: chatty
dataset_path: items.jsonl
doc_to_audio: "{{audio}}"
doc_to_question: "{{question}}"
prompt: [{name: audio_only, order: [audio]}]
scorer: judge_rating_10
"""
MODEL = """
from audiobench.model import Response

class Model:
    def __init__(self, spec, *, base_url=None, timeout=600.0): self.text = spec.options["says"]
    async def generate(self, request):
        return Response(self.text, usage={"prompt": 100_000, "completion": 0})
    async def close(self): pass
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten items, a model and a judge: an answer costs 10 cents, a question to the judge 20."""
    monkeypatch.chdir(tmp_path)
    Path("clip.wav").write_bytes(wav())
    rows = [{"id": f"q{i}", "audio": "clip.wav", "question": "What is it?", "answer": "a dog"} for i in range(10)]
    Path("items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    Path("chatty.yaml").write_text(TASK + 'doc_to_target: "{{answer}}"\n', encoding="utf-8")
    Path("own.py").write_text(MODEL, encoding="utf-8")
    for name, says, price in (("model", "A dog.", 1), ("judge", "8", 2)):
        Path(f"{name}.yaml").write_text(
            f"name: {name}\nadapter: own.py:Model\nserved_model: {name}\noptions: {{says: '{says}'}}\n"
            f"prices: [{{input: {price}, output: 0}}]\n",
            encoding="utf-8",
        )
    return tmp_path


RUN = (
    "run",
    "--model",
    "model.yaml",
    "--tasks",
    "chatty.yaml",
    "--out",
    "out",
    "--max-concurrency",
    "1",
    "--judge",
    "judge.yaml",
)


def test_what_each_part_cost_is_kept_and_shown(here, cli):
    done = cli(*RUN)
    assert done.returncode == 0, done.stderr
    assert "judge judge  10/10  100%  failed 0" in done.stderr and "$2.00  ETA 0:00" in done.stderr
    assert "cost: model $1.00, judge $2.00; $3.00 in all" in done.stdout
    lines = [json.loads(line) for line in Path("out/chatty/judgements.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {line["dollars"] for line in lines} == {0.2} and {line["usage"]["prompt"] for line in lines} == {100_000}
    (shown,) = json.loads(cli("report", "out", "--json").stdout)
    assert shown["dollars"] == pytest.approx(1.0)
    assert [(c["part"], c["lines"], round(c["dollars"], 6)) for c in shown["costs"]] == [
        ("model", 10, 1.0),
        ("judge", 10, 2.0),
    ]
    quiet = cli(*RUN, "--json")
    assert quiet.returncode == 0 and not quiet.stderr
    assert [part["part"] for part in json.loads(quiet.stdout)["costs"]] == ["model", "judge"]


def test_a_limit_counts_the_judge_too(here, cli):
    stopped = cli(*RUN, "--max-cost", "1.7")
    assert stopped.returncode == 4 and "judge judge: --max-cost 1.7: reached" in stopped.stderr
    kept = len(Path("out/chatty/judgements.jsonl").read_text(encoding="utf-8").splitlines())
    assert 4 <= kept <= 5, "1.00 for the answers, 0.20 a verdict"
    more = cli(*RUN, "--max-cost", "10")
    assert more.returncode == 0 and "$3.00 in all" in more.stdout
    assert len(Path("out/chatty/judgements.jsonl").read_text(encoding="utf-8").splitlines()) == 10


def test_a_limit_that_nothing_can_be_counted_against_is_refused(here, cli):
    file = Path("judge.yaml")
    file.write_text(re.sub("prices.*", "", file.read_text(encoding="utf-8")), encoding="utf-8")
    refused = cli(*RUN, "--max-cost", "5")
    assert refused.returncode == 2 and "no price of the judge is known" in refused.stderr
    assert not Path("out").exists()
    done = cli(*RUN)
    assert done.returncode == 0 and "cost: model $1.00, judge not known; $1.00 in all" in done.stdout


@pytest.mark.parametrize("columns", [50, 60, 80, 120])
def test_a_progress_line_fits_its_terminal(columns):
    tally = StageTally("judge a-model-with-quite-a-long-name", 123_456, asked=100_000, dollars=1234.5, priced=True)
    assert len(tally.line(columns)) <= columns and "100000/123456" in tally.line(columns)
    assert tally.line().startswith("judge a-model") and "/s" in tally.line()


def test_a_terminal_shows_one_line_for_each_stage(here):
    master, slave = pty.openpty()
    environment = {**clean_environment(), "COLUMNS": "80", "TERM": "xterm"}
    process = subprocess.Popen(command(*RUN), env=environment, stdout=subprocess.DEVNULL, stderr=slave, cwd=here)
    os.close(slave)
    shown = b""
    while True:
        try:
            chunk = os.read(master, 65536)
        except OSError:
            break
        if not chunk:
            break
        shown += chunk
    assert process.wait(60) == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode()).replace("\r", "\n")
    assert all(len(line) <= 80 for line in text.splitlines() if "ETA" in line)
    assert "judge judge  10/10  100%  failed 0" in text
