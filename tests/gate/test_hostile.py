"""Anything may stand in a file or come from a model: readers answer with one clear error, writers stay well-formed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import to_builtins

from audiobench.core.errors import AudiobenchError
from audiobench.gate import baseline
from audiobench.gate.arms import arms_of_run
from audiobench.gate.checks import evaluate
from audiobench.gate.junit import junit
from audiobench.gate.markdown import MAX_BYTES, escape, summary
from audiobench.gate.policy import Policy
from audiobench.gate.verdict import Check, Flip, Item, Verdict
from audiobench.leaderboard.board import make_board
from audiobench.leaderboard.check import check
from audiobench.results.runs import Run
from audiobench.results.summary import summaries
from tests.gate.runs import answers, write_run

ANYTHING = st.text(st.characters(), max_size=60)
"""Text with control characters, lone surrogates and right-to-left marks."""
JSON = st.none() | st.booleans() | st.integers(-3, 10**6) | st.floats(allow_nan=False) | st.text(max_size=5) | st.just([]) | st.just({})  # fmt: skip
FUZZ = settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FUZZ
@given(ANYTHING, ANYTHING, ANYTHING)
def test_reports_are_well_formed_whatever_a_model_says(name: str, answer: str, target: str) -> None:
    item = Item("score", name, name, "acc", 0.01, [Check("score", "regression", answer)])
    item.flips = [Flip(name, 1.0, 0.0, answer, target)] * 3
    verdict = Verdict(name, name, name, name, 0.05, 0.8, [item], [answer])
    tree = ElementTree.fromstring(junit(verdict))
    assert [len(list(tree.iter(tag))) for tag in ("testcase", "failure", "skipped")] == [3, 1, 0]
    page = summary(verdict)
    assert len(page.encode()) <= MAX_BYTES
    for line in page.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) in (8, 11), line
    assert not re.search(r"<(?!/?$)", page) and "\x1b" not in page


@FUZZ
@given(ANYTHING)
def test_escaped_text_is_one_line_and_ends_no_cell(text: str) -> None:
    safe = escape(text)
    assert "\n" not in safe and "<" not in safe and not re.search(r"(?<!\\)(?:\\\\)*\|", safe)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value[:3]) if isinstance(value, list) else ()
    return [path, *(place for key, child in inner for place in places(child, (*path, key)))]


def replaced(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return value
    copy = orjson.loads(orjson.dumps(document))
    spot = copy
    for key in place[:-1]:
        spot = spot[key]
    spot[place[-1]] = value
    return copy


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lines = answers([1, 0] * 6, think="on") + answers([0, 0] * 6, think="off")
    return write_run(tmp_path_factory.mktemp("hostile") / "run", {"listening_sound": lines})


@FUZZ
@given(st.data())
def test_a_spoiled_baseline_is_read_or_refused_in_one_line(folder: Path, data: st.DataObject) -> None:
    run = Run.open(folder)
    arms = arms_of_run(run)
    document = to_builtins(baseline.make(run, arms))
    spoiled = replaced(document, data.draw(st.sampled_from(places(document)[1:])), data.draw(JSON))
    spoiled["sha256"] = baseline.digest(spoiled)
    file = folder.parent / "b.json"
    file.write_bytes(orjson.dumps(spoiled))
    try:
        verdict = evaluate(baseline.read(file), arms, Policy())
    except AudiobenchError as error:
        assert str(error).count("\n") == 0
    else:
        orjson.dumps(verdict.as_dict())
        ElementTree.fromstring(junit(verdict))


@FUZZ
@given(st.data())
def test_a_spoiled_submission_never_breaks_the_check_or_the_board(folder: Path, data: st.DataObject) -> None:
    run = Run.open(folder)
    published = folder.parent / "pub"
    target = published / run.model / "run"
    (target / "listening_sound").mkdir(parents=True, exist_ok=True)
    files = {
        "run.json": orjson.loads((folder / "run.json").read_bytes()),
        "listening_sound/summary.json": to_builtins(summaries(run)),
    }
    name = data.draw(st.sampled_from(sorted(files)))
    files[name] = replaced(files[name], data.draw(st.sampled_from(places(files[name]))), data.draw(JSON))
    for path, document in files.items():
        (target / path).write_bytes(orjson.dumps(document))
    check(published)
    try:
        make_board([published])
    except AudiobenchError as error:
        assert str(error).count("\n") == 0
