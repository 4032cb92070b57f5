"""The official scorers' verdicts, row by row, and the numbers their scripts print.

The vectors were made by running the official code. `data/mcq.jsonl` is in the repository; the others are looked for in
the shared folder and skipped where it is absent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audiobench.core.types import Sample
from audiobench.scorers import (
    SCORERS,
    chinese,
    mmar_rubrics,
    mmau_pro,
    official_verdicts,
    speechio,
    spoken_mqa,
    wildspeech,
)
from audiobench.scorers import mmau as mmau_rule
from audiobench.scorers import text as text_scorers

HERE = Path(__file__).parent


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def sample(row: dict[str, Any]) -> Sample:
    target = row["answer"]
    return Sample(
        id=str(row["id"]),
        question=row["question"] or "",
        choices=tuple(row["choices"] or ()),
        target=tuple(target) if isinstance(target, list) else target,
        metadata=row,
    )


def differing(rows: list[dict[str, Any]], verdict: Callable[[str | None, Sample], Any], key: str) -> list[Any]:
    return [(r["output"], r[key], v) for r in rows if key in r and (v := verdict(r["output"], sample(r))) != r[key]]


def official(name: str) -> Callable[[str | None, Sample], Any]:
    rule = SCORERS[name].official
    assert rule is not None
    return rule


def stripped(rule: Callable[[str | None, Sample], Any]) -> Callable[[str | None, Sample], Any]:
    return lambda text, item: rule(text if text is None else text.split("</think>")[-1].strip(), item)


@pytest.mark.parametrize(
    ("scorer", "key"),
    [
        ("mmau_string_match", "official_verdict"),
        ("mmsu_letter_v2", "mmsu_v2_verdict"),
        ("mmsu_letter_v1", "mmsu_v1_verdict_single_record"),
    ],
)
def test_free_questions(scorer, key):
    rows = read(HERE / "data" / "mcq.jsonl")
    if scorer.startswith("mmsu"):
        rows = [r | {"choices": r["choices"] + [None] * (4 - len(r["choices"]))} for r in rows if key in r]
    assert len(rows) > 200
    assert differing(rows, official(scorer), key) == []


def test_free_questions_after_thinking():
    rows = read(HERE / "data" / "mcq.jsonl")
    assert differing(rows, stripped(official("mmau_string_match")), "official_verdict_after_think_strip") == []


PER_ROW = [
    ("mmau.jsonl", "mmau_string_match", "official_verdict", 200),
    ("mmar.jsonl", "mmau_string_match", "official_verdict", 200),
    ("mmar.jsonl", "mmar_rubrics", "official_verdict", 200),
    ("clean/mcq.jsonl", "mmau_string_match", "official_verdict", 254),
    ("mmsu.jsonl", "mmsu_letter_v2", "official_verdict", 201),
    ("mmsu.jsonl", "mmsu_letter_v1", "official_verdict_v1", 201),
    ("spoken_mqa.jsonl", "gsm8k_number", "official_verdict", 209),
    ("mmau_pro_aif.jsonl", "mmaupro_aif", "official_verdict", 260),
]


@pytest.mark.parametrize(("file", "scorer", "key", "rows"), PER_ROW)
def test_every_row(shared, file, scorer, key, rows):
    vectors = read(shared / "golden" / file)
    assert len(vectors) == rows
    assert differing(vectors, official(scorer), key) == []


@pytest.mark.parametrize(
    ("file", "scorer"),
    [
        ("mmau.jsonl", "mmau_string_match"),
        ("mmar.jsonl", "mmau_string_match"),
        ("mmsu.jsonl", "mmsu_letter_v2"),
        ("spoken_mqa.jsonl", "gsm8k_number"),
    ],
)
def test_every_row_after_thinking(shared, file, scorer):
    rows = [r for r in read(shared / "golden" / file) if r["output"] is not None]
    assert differing(rows, stripped(official(scorer)), "official_verdict_after_think_strip") == []


def test_mmsu_v1_carries_letters_from_row_to_row(shared):
    rows = read(shared / "golden" / "mmsu.jsonl")
    found = official_verdicts(SCORERS["mmsu_letter_v1"], [r["output"] for r in rows], [sample(r) for r in rows])
    assert found == [r["official_verdict_v1_in_sequence"] for r in rows]


def test_spoken_mqa_extracted_text(shared):
    rows = [r for r in read(shared / "golden" / "spoken_mqa.jsonl") if r["output"] is not None]
    found = [(r["output"], spoken_mqa.extract_official(r["output"]), r["official_extracted"]) for r in rows]
    assert [f for f in found if f[1] != f[2]] == []


def printed(lines: str) -> dict[str, tuple[float, int]]:
    found = re.findall(r"(?m)^(.+?)\s*: ([\d.]+)% over (\d+) samples$", lines)
    return {name.strip(): (float(value), int(n)) for name, value, n in found}


@pytest.mark.parametrize(
    ("name", "keys"),
    [("mmau", ("task", "difficulty", "sub-category")), ("mmar", ("modality", "category", "sub-category"))],
)
def test_string_match_script_output(shared, name, keys):
    rows = read(shared / "golden" / f"{name}.jsonl")
    stdout = (shared / "golden" / f"{name}.official_stdout.txt").read_text("utf-8")
    expected = printed(stdout)
    total = re.search(r"Total Accuracy: ([\d.]+)% over (\d+) samples", stdout)
    assert total is not None
    samples = [sample(r) for r in rows]
    scorer = SCORERS["mmau_string_match"]
    verdicts = official_verdicts(scorer, [r["output"] for r in rows], samples)
    assert scorer.official_summary is not None
    summary = scorer.official_summary(verdicts, samples)
    assert (round(100 * summary.value, 2), summary.n) == (float(total.group(1)), int(total.group(2)))
    groups = 0
    for key in keys:
        for group in {row[key] for row in rows}:
            inside = [i for i, row in enumerate(rows) if row[key] == group]
            part = scorer.official_summary([verdicts[i] for i in inside], [samples[i] for i in inside])
            assert (round(100 * part.value, 2), part.n) == expected[group]
            groups += 1
    assert groups == len([e for e in expected if e != "Total Accuracy"])


@pytest.mark.parametrize(("version", "file"), [("v1", "mmsu_v1_20250608"), ("v2", "mmsu_v2_20260212")])
def test_mmsu_script_output(shared, version, file):
    rows = read(shared / "golden" / "mmsu.jsonl")
    stdout = (shared / "golden" / f"{file}.official_stdout.txt").read_text("utf-8")
    samples = [sample(r) for r in rows]
    scorer = SCORERS[f"mmsu_letter_{version}"]
    verdicts = official_verdicts(scorer, [r["output"] for r in rows], samples)
    assert scorer.official_summary is not None
    summary = scorer.official_summary(verdicts, samples)
    assert f"Overall Accuracy: {summary.value:.4f}" in stdout
    assert f"Total count: {summary.n}" in stdout
    for category, sub, value in re.findall(
        r"Category: (\w+), (?:Sub-category: (\w+), |Average )Accuracy: ([\d.]+)", stdout
    ):
        inside = [i for i, r in enumerate(rows) if r["category"] == category and sub in ("", r["sub-category"])]
        part = scorer.official_summary([verdicts[i] for i in inside], [samples[i] for i in inside])
        assert f"{part.value:.4f}" == value


def test_wildspeech_rating(shared):
    rows = read(shared / "golden" / "wildspeech_judge_parse.jsonl")
    found = [(r["output"], wildspeech.parse_rating(r["output"]), r["official_verdict"]) for r in rows]
    assert len(rows) == 200 and [f for f in found if f[1] != f[2]] == []


def test_wildspeech_repeat_filter(shared):
    rows = read(shared / "golden" / "wildspeech_asr_repeat_filter.jsonl")
    found = [(r["output"], wildspeech.has_repeated_sentence(r["output"]), r["official_verdict"]) for r in rows]
    assert len(rows) == 60 and [f for f in found if f[1] != f[2]] == []


def test_wildspeech_script_output(shared):
    """The official mean of each group of items, from the first responses and the ratings as our scorer combines them."""
    judge = SCORERS["wildspeech_judge"].judge
    assert judge is not None and judge.settled is not None
    groups: dict[str, list[float]] = {}
    for item in read(shared / "golden" / "wildspeech_aggregate_input.jsonl"):
        settled = judge.settled(item["response"][0], Sample("", ""))
        rating = judge.combine(item["score"]) if settled is None else settled
        assert rating is not None
        noise = item["modification_type"]
        noise = noise if noise in ("natural_noise", "human_noise") else "clean"
        for title in ("gpt_scores", f"gpt_score_{noise}", item["taskType"]):
            groups.setdefault(title, []).append(rating)
    stdout = (shared / "golden" / "wildspeech_aggregate.official_stdout.txt").read_text("utf-8")
    printed = dict(re.findall(r"(?m)^(.+) stats:\n(?:length: \d+\n)?  Mean: (\S+)", stdout))
    ours = {title: f"{sum(values) / len(values):.4f}" for title, values in groups.items()}
    assert ours == {title: mean for title, mean in printed.items() if not title.lower().startswith("mos")
                    and not title.endswith(" MOS")}  # fmt: skip


def test_mmar_rubrics_replies(shared):
    rows = read(shared / "golden" / "mmar_rubrics_judge_parse.jsonl")
    found = [(r["output"], mmar_rubrics.official_parse(r["output"], r["rubric"]), r["official_verdict"]) for r in rows]
    assert len(rows) == 60
    assert [f for f in found if f[1] != (pytest.approx(f[2]) if isinstance(f[2], float) else f[2])] == []


def test_mmau_pro_replies(shared):
    rows = read(shared / "golden" / "mmau_pro_judge_parse.jsonl")
    found = [(r["output"], mmau_pro.parse_scores(r["output"]), r["official_verdict"]) for r in rows]
    assert len(rows) == 96 and [f for f in found if f[1] != f[2]] == []


def test_big_bench_audio_is_read_as_constructed(shared):
    from audiobench.extraction import extract

    rows = read(shared / "golden" / "big_bench_audio.jsonl")
    scorer = SCORERS["bba_extract"]
    wrong = []
    for row in rows:
        value, _ = scorer.score(extract(row["output"], scorer.extraction), sample(row), row["output"])
        if bool(value) != row["expected_verdict"]:
            wrong.append((row["output"], row["answer"]))
    assert len(rows) == 200 and wrong == []


def cases(shared: Path, key: str) -> list[dict[str, Any]]:
    found = json.loads((shared / "golden" / "seed_systems.json").read_text("utf-8"))[key]
    assert found
    return found


SYSTEMS: dict[str, Callable[[dict[str, Any]], tuple[Any, Any]]] = {
    "mmau_mmar_string_match": lambda c: (
        mmau_rule.string_match(c["answer"], c["prediction"], c["choices"]),
        c["expected"],
    ),
    "speechio_cn_tn": lambda c: (speechio.plain(c["text"]), c["expected"]),
    "uro_bench_zh_cer": lambda c: (
        round(text_scorers.rate(text_scorers.char_counts(chinese.uro(c["ref"]), chinese.uro(c["hyp"]))), 6),
        c["cer"],
    ),
    "jiwer_4.0.0": lambda c: (text_scorers.rate(text_scorers.word_counts(c["ref"], c["hyp"])), c["wer"]),
    "whisper_normalizer_0.1.15": lambda c: (
        (
            text_scorers.whisper_english(c["text"]),
            text_scorers.whisper_basic(c["text"]),
            text_scorers.whisper_basic(c["text"], split_letters=True, remove_diacritics=True),
        ),
        (c["english"], c["basic"], c["basic_split"]),
    ),
}


FOREIGN = {
    "echo_extract_prediction", "echo_extract_time_info", "muchomusic_extract", "rulistening_extract",
    "dcase_third_party_letter",
}  # fmt: skip
"""Answer rules of other systems, which nothing here follows."""


@pytest.mark.parametrize("key", SYSTEMS)
def test_published_systems(shared, key):
    assert [pair for case in cases(shared, key) if (pair := SYSTEMS[key](case))[0] != pair[1]] == []


def test_no_vector_is_left_out(shared):
    """A new golden file or key needs a test here; `more/` has its own (test_more_parity)."""
    assert set(json.loads((shared / "golden" / "seed_systems.json").read_text("utf-8"))) == {*SYSTEMS, *FOREIGN}
    files = {p.relative_to(shared / "golden").as_posix() for p in (shared / "golden").rglob("*.*") if p.is_file()}
    source = Path(__file__).read_text("utf-8")
    for name in files - {"README.md", "wildspeech_aggregate.official_stdout.txt"}:
        if name.startswith("more/"):
            continue
        assert Path(name).name.split(".")[0] in source
