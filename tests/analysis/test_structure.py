"""Structured thoughts: read tolerantly, counted strictly, and answered from their caption alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from audiobench.cli import main
from audiobench.core.sections import sections, well_formed
from audiobench.core.types import Response
from audiobench.model.registry import find_model, sha256_of
from audiobench.model.spec import ModelSpec, Thinking
from audiobench.model.think import split
from audiobench.results.runs import Run
from audiobench.view.clips import ClipIndex
from audiobench.view.collect import collect
from audiobench.view.records import sample
from tests.analysis.conftest import line, write_run

NAMES = ["PLANNING", "CAPTION", "REASONING", "SUMMARY"]
LOWER = ["question_analysis", "question_type", "audio_evidence", "reasoning"]
WHOLE = "<PLANNING>p</PLANNING><CAPTION>a dog</CAPTION>\n<REASONING>r</REASONING><SUMMARY>s</SUMMARY>"
SYSTEM = "Answer in parts."


@pytest.mark.parametrize(
    ("thought", "names", "parts", "formed"),
    [
        (WHOLE, NAMES, {"PLANNING": "p", "CAPTION": "a dog", "REASONING": "r", "SUMMARY": "s"}, True),
        (WHOLE.lower(), NAMES, {"PLANNING": "p", "CAPTION": "a dog", "REASONING": "r", "SUMMARY": "s"}, True),
        ("".join(f"<{n}>{n[0]}</{n}>" for n in LOWER), LOWER, {n: n[0] for n in LOWER}, True),
        # nothing closes a part, or its opening mark is gone
        ("<PLANNING>p <CAPTION>a dog</CAPTION> <SUMMARY>s", NAMES, {"PLANNING": "p", "CAPTION": "a dog", "SUMMARY": "s"}, False),
        ("p</PLANNING><CAPTION>a dog</CAPTION><REASONING>r", NAMES, {"PLANNING": "p", "CAPTION": "a dog", "REASONING": "r"}, False),
        # another order, a part twice, one within another, an empty one, words between
        ("<CAPTION>c</CAPTION><PLANNING>p</PLANNING>", NAMES[:2], {"PLANNING": "p", "CAPTION": "c"}, False),
        ("<PLANNING>p</PLANNING><CAPTION>c</CAPTION><CAPTION>d</CAPTION>", NAMES[:2], {"PLANNING": "p", "CAPTION": "c\nd"}, False),
        ("<PLANNING>p<CAPTION>c</CAPTION></PLANNING>", NAMES[:2], {"PLANNING": "p", "CAPTION": "c"}, False),
        ("<PLANNING>p</PLANNING><CAPTION> </CAPTION>", NAMES[:2], {"PLANNING": "p"}, False),
        ("<PLANNING>p</PLANNING> so <CAPTION>c</CAPTION>", NAMES[:2], {"PLANNING": "p", "CAPTION": "c"}, False),
        ("no parts", NAMES, {}, False),
    ],
)  # fmt: skip
def test_parts_are_read_tolerantly_and_counted_strictly(
    thought: str, names: list[str], parts: dict[str, str], formed: bool
) -> None:
    assert sections(thought, names) == parts
    assert well_formed(thought, names) is formed


def test_a_thought_without_its_outer_tags_keeps_its_parts() -> None:
    thinking = find_model("audio-reasoner").thinking
    assert (thinking.sections, thinking.caption_section) == (NAMES, "CAPTION")
    for text in (f"<THINK>{WHOLE}</THINK><RESPONSE>B</RESPONSE>", f"{WHOLE}<RESPONSE>B</RESPONSE>"):
        found = split(Response(text), None, thinking)
        assert found.text == "<RESPONSE>B</RESPONSE>" and found.reasoning
        assert sections(found.reasoning, NAMES)["CAPTION"] == "a dog"
        assert well_formed(found.reasoning, NAMES) is text.startswith("<THINK>")


def test_parts_are_the_models_and_a_caption_is_one_of_them() -> None:
    with pytest.raises(ValueError, match="caption_section: 'CAPTION' is no section; there are: PLANNING"):
        Thinking(sections=["PLANNING"], caption_section="CAPTION")
    plain = ModelSpec(name="m", adapter="scripted", served_model="m")
    parted = plain.model_copy(update={"thinking": Thinking(sections=NAMES)})
    named = plain.model_copy(update={"thinking": Thinking(sections=NAMES, caption_section="CAPTION")})
    assert sha256_of(plain) != sha256_of(parted) == sha256_of(named), "where a thought ends may hang on its parts"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Four answers: in form and right, in form and wrong, without a summary and right, without any thought."""
    told = [
        (WHOLE, "dog"),
        (WHOLE.replace("a dog", "a cat"), "cat"),
        (WHOLE[: WHOLE.index("<SUMMARY>")], "dog"),
        (None, "dog"),
    ]
    prompt = [
        {"role": "system", "parts": [SYSTEM]},
        {"role": "user", "parts": [{"audio": 0}, "Which animal? dog, cat, cow, hen"]},
        {"role": "assistant", "parts": ["<THINK>"]},
    ]  # fmt: skip
    lines = [
        line(f"s{i}", text, response={"reasoning": thought, "usage": {"reasoning": 40}}, prompt=prompt)
        for i, (thought, text) in enumerate(told)
    ]
    model = {"thinking": {"sections": NAMES, "caption_section": "CAPTION"}, "system": SYSTEM}
    return write_run(tmp_path / "run", lines, model=model)


def traces(capsys: Any, *words: str | Path) -> dict[str, Any]:
    assert main(["traces", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)["tasks"][0]["arms"][0]


def test_form_and_length_of_each_part_with_intervals(run: Path, capsys: Any) -> None:
    found = traces(capsys, run)["structure"]
    assert (found["well_formed"]["value"], found["well_formed"]["n"]) == (0.5, 4)
    assert found["well_formed"]["ci"][0] < 0.5 < found["well_formed"]["ci"][1]
    assert (found["acc_well_formed"]["value"], found["acc_other"]["value"]) == (0.5, 1.0)
    there = {part["name"]: part["present"]["value"] for part in found["parts"]}
    assert there == {"PLANNING": 0.75, "CAPTION": 0.75, "REASONING": 0.75, "SUMMARY": 0.5}
    planning, caption, *_ = found["parts"]
    assert caption["words"] == 2 and caption["tokens"]["n"] == 3
    assert caption["tokens"]["value"] == pytest.approx(5 * planning["tokens"]["value"]), "shared out by characters"
    assert main(["traces", str(run)]) == 0
    assert "in form: the declared parts" in capsys.readouterr().out


READER = '''
import json
from pathlib import Path

from audiobench.model import Response


class Reader:
    """Answers with the last word of the description, and writes down what it was shown."""

    def __init__(self, spec, *, base_url=None, timeout=0.0):
        self.log = Path(spec.options["log"])

    async def close(self):
        pass

    async def generate(self, request):
        with self.log.open("a") as file:
            file.write(json.dumps([[m.role, *(p.text for p in m.parts)] for m in request.messages]) + "\\n")
        return Response("<think>hm</think>" + request.text.split("audio:\\n")[1].split("\\n")[0].split()[-1], usage={"prompt": 9})
'''


def test_a_text_model_answers_from_the_caption_alone_once(run: Path, capsys: Any, tmp_path: Path) -> None:
    (tmp_path / "reader.py").write_text(READER)
    log, file = tmp_path / "log", tmp_path / "reader.yaml"
    declared = {"name": "reader", "adapter": f"{tmp_path}/reader.py:Reader", "served_model": "r", "text_only": True}
    file.write_text(json.dumps({**declared, "options": {"log": str(log)}}))
    (found,) = traces(capsys, run, "--captions", file)["captions"]
    shown = [json.loads(x) for x in log.read_text().splitlines()]
    asked = "Which animal? dog, cat, cow, hen"
    assert shown.count([["user", "Description of the audio:\na dog\n", asked]]) == 2 and len(shown) == 3
    assert (found["n"], found["value"], found["own"]) == (3, pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert (found["same"]["value"], found["against_own"]["difference"]) == (1.0, 0.0)
    assert traces(capsys, run, "--captions", file)["captions"] == [found] and len(log.read_text().splitlines()) == 3
    assert traces(capsys, run)["captions"] == [found], "shown without being asked again"
    assert main(["verify", str(run)]) == 0 and capsys.readouterr()
    file.write_text(json.dumps({**declared, "served_model": "other", "options": {"log": str(log)}}))
    traces(capsys, run, "--captions", file)
    assert len(log.read_text().splitlines()) == 6, "another model of that name answers anew"


def test_captions_need_a_model_that_declares_them(tmp_path: Path, capsys: Any) -> None:
    plain = write_run(tmp_path / "run", [line("s", response={"reasoning": WHOLE})])
    assert main(["traces", str(plain), "--captions", "scripted:x"]) == 2
    assert "toy-model declares no part of its thought that describes the sound" in capsys.readouterr().err


def test_the_viewer_has_the_parts(run: Path) -> None:
    opened = Run.open(run)
    (page,) = collect([opened])
    epoch = sample(page, "s0", ClipIndex(hashed=False), [opened.folder])["arms"][0][0]
    assert dict(epoch["sections"]) == {"PLANNING": "p", "CAPTION": "a dog", "REASONING": "r", "SUMMARY": "s"}
