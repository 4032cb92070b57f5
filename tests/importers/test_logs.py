"""`audiobench score --predictions` on the sample logs of Inspect, lm-eval and lmms-eval.

`inspect.eval` and `inspect.json` were written by inspect_ai 0.3.285 (the second without its events), `lm_eval.jsonl`
by lm-eval 0.4.13; `lmms_eval.jsonl` follows the code of lmms-eval 0.7.3.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from audiobench.core.errors import UsageError
from audiobench.importers import predictions
from audiobench.importers.logs.lmms_eval import options
from audiobench.task.find import find_task

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="module")
def task() -> Any:
    """A task with the general multiple-choice scorer."""
    return find_task("listening")[0]


def scored(task: Any, file: Path) -> list[tuple[Any, ...]]:
    """(id, outcome, value, answer) of each prediction."""
    return [(s.id, s.outcome, s.value, s.answer) for s in predictions.score(task, file)]


@pytest.mark.parametrize("name", ["inspect.eval", "inspect.json"])
def test_inspect(name: str, task: Any) -> None:
    """Three samples: right, wrong behind a thought, cut off at the token limit."""
    assert scored(task, DATA / name) == [
        ("s0", "scored", 1.0, "A. a dog"),
        ("s1", "scored", 0.0, "C. a child"),
        ("s2", "truncated", 0.0, None),
    ]
    first = next(predictions.read(DATA / name))[1]
    assert first == {
        "id": "s0", "question": "Which sound?", "choices": ["a dog", "a cat", "rain", "a bell"], "answer": "a dog",
        "group": "even", "output": "ANSWER: A", "finish_reason": "stop",
    }  # fmt: skip


def test_lm_eval_takes_the_raw_response_once(task: Any) -> None:
    """Two documents, each logged under two filters; the target is an option's number."""
    assert scored(task, DATA / "lm_eval.jsonl") == [
        ("q1", "scored", 1.0, "B. a cat"),
        ("q2", "unparsed", 0.0, None),
    ]
    entries = [entry for _, entry in predictions.read(DATA / "lm_eval.jsonl")]
    assert [entry["hard"] for entry in entries] == [False, True]


def test_lmms_eval(task: Any) -> None:
    """Right by letter; wrong behind a thought; a failure that lmms-eval scores as an answer."""
    assert scored(task, DATA / "lmms_eval.jsonl") == [
        ("m-1", "scored", 1.0, "B. a cat"),
        (1, "scored", 0.0, "A. rain"),
        (2, "error", None, None),
    ]


def test_the_command_line(cli: Any) -> None:
    done = cli("score", "--task", "listening", "--predictions", DATA / "inspect.eval", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"]["scored"] == 2
    done = cli("score", "--task", "listening", "--predictions", DATA / "lmms_eval.jsonl", "--json")
    assert done.returncode == 4 and json.loads(done.stdout)["counts"]["error"] == 1
    done = cli("score", "--task", "listening", "--predictions", DATA / "lmms_eval.jsonl")
    assert done.returncode == 4 and "  1 x " in done.stderr, "why there is no response"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_other_compressions_and_failed_samples(method: int, task: Any, tmp_path: Path) -> None:
    sample = {"id": 1, "epoch": 1, "input": "Which?", "choices": ["x", "y"], "target": "B"}
    good = {**sample, "output": {"choices": [{"message": {"content": "B"}, "stop_reason": "stop"}]}}
    bad = {**sample, "id": 2, "output": {"choices": []}, "error": {"message": "Connection refused"}}
    file = tmp_path / "log.eval"
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("header.json", "{}")
        for number, one in enumerate((good, bad)):
            archive.writestr(f"samples/{number}_epoch_1.json", json.dumps(one))
    assert scored(task, file) == [(1, "scored", 1.0, "B. y"), (2, "error", None, None)]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"PK\x03\x04 cut off", "not a complete zip file"),
        (b'{"version": 2, "status": "error", "eval": {"eval_id": "x"}}', "without samples"),
        (b'{"version": 2, "eval": {"eval_id": "x"}, "samples": [{"id": 1}]}', "sample 1: not a sample of Inspect"),
        (b'{"version": 2, "eval": {"eval_id": "x"}, "samples": [', "not JSON"),
        (b'{"doc_id": 0, "doc": {"choices": ["a"]}, "target": "a", "resps": [["a"]]}\n{"doc_id": 1}', ":2: not a line of an lm-eval"),
        (b'{"doc_id": 0, "doc": {}, "target": "a", "resps": [[[-0.5, false]]]}', ":1: a log of log-likelihoods"),
        (b'{"doc_id": 0, "target": "a", "filtered_resps": [], "input": "?"}', ":1: no text in resps"),
        (b'{"doc_id": 0, "target": "c", "filtered_resps": "A", "input": "A. a\\nB. b"}', "target 'c' is not one of its choices"),
    ],
)  # fmt: skip
def test_broken_logs_are_named_with_their_place(content: bytes, says: str, task: Any, tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=says) as caught:
        scored(task, file)
    assert str(file) in str(caught.value)


def test_a_broken_archive_entry(tmp_path: Path, task: Any) -> None:
    raw = bytearray((DATA / "inspect.eval").read_bytes())
    entry = next(e for e in zipfile.ZipFile(io.BytesIO(raw)).infolist() if e.filename.startswith("samples/"))
    raw[entry.header_offset + 90 : entry.header_offset + 400] = bytes(310)
    (tmp_path / "log.eval").write_bytes(raw)
    with pytest.raises(UsageError, match=r"samples/s0_epoch_1\.json"):
        scored(task, tmp_path / "log.eval")


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("Which?\nA. x\nB. y z", ["x", "y z"]),
        ("(A) x\n(B) y\n(D) gap", ["x", "y"]),
        ("A. an example\nB. of options\n\nWhich?\nA. p\nB. q", ["p", "q"]),
        ("A. only one", []),
        ("What is said?", []),
    ],
)
def test_options_are_read_from_a_prompt(prompt: str, found: list[str]) -> None:
    assert options(prompt) == found
