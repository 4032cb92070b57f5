"""The shipped task files: valid, in step with their schema, and saying what the papers say."""

from __future__ import annotations

import json
import re

import pytest

from audiobench.core import strict_yaml
from audiobench.model.schema import schemas
from audiobench.scorers import SCORERS
from audiobench.task.check import check
from audiobench.task.find import find_task, task_files
from audiobench.task.glance import glance, listed
from audiobench.task.overview import current, not_covered, revision
from audiobench.task.spec import CONVERTED, TaskSpec

COMMIT = re.compile(r"[0-9a-f]{40}")


def test_every_file_passes_its_check(task_paths):
    assert len(task_paths) >= 25
    assert [finding for path in task_paths for finding in check(path)] == []


def test_names_are_those_of_the_files(task_paths):
    assert {path.stem: path for path in task_paths} == task_files()


def test_editors_and_lm_eval_find_what_they_need(task_paths, root):
    for path in task_paths:
        first = path.read_text(encoding="utf-8").partition("\n")[0]
        schema = first.removeprefix("# yaml-language-server: $schema=")
        assert (path.parent / schema).resolve() == root / "tasks" / "task.schema.json", path
        assert strict_yaml.read(path).data["class"] == "!function audiobench.lm_eval_bridge.AudioBenchTask", path


def test_committed_schemas_are_current(root):
    for path, text in schemas(root).items():
        assert path.read_text(encoding="utf-8") == text, f"{path}: run `python -m audiobench.model.schema`"
        assert json.loads(text)["additionalProperties"] is False


def test_schema_knows_the_keys_that_are_used(root, task_paths):
    known = json.loads((root / "tasks" / "task.schema.json").read_text(encoding="utf-8"))["properties"]
    for path in task_paths:
        assert {*strict_yaml.load(path)[0], *strict_yaml.read(path).data} <= set(known), path


def test_what_a_run_needs_is_said_where_lists_look(task_paths):
    for path in task_paths:
        task = strict_yaml.validate(TaskSpec, path)
        seen = glance(path)
        assert task.needs == task.needed == listed(seen.get("needs")), f"{path}: needs: {task.needed}"
        assert listed(seen.get("tag")) == task.tag, path
        assert (seen.get("task_alias"), seen.get("expected_rows"), seen.get("scorer", "option_match"), seen.get("license")) == (
            task.task_alias, task.expected_rows, task.scorer, task.source.license,
        ), path  # fmt: skip


def test_revisions_are_commits_or_absent(task_paths):
    for path in task_paths:
        revision = strict_yaml.validate(TaskSpec, path).dataset_revision
        assert revision in (None, CONVERTED) or COMMIT.fullmatch(revision), path


def test_every_prompt_that_is_quoted_names_its_source(task_paths):
    for path in task_paths:
        spec = strict_yaml.validate(TaskSpec, path)
        for prompt in spec.prompt:
            own = prompt.name in ("default", "lettered")
            assert own or prompt.source, f"{path}: {prompt.name}"


def test_every_reference_score_has_a_source(task_paths):
    for path in task_paths:
        for score in strict_yaml.validate(TaskSpec, path).reference_scores:
            assert score.source, f"{path}: {score.model}"


def table_one(task: str) -> dict[str, float]:
    """What a task quotes from Table 1 of the Step-Audio-R1 report."""
    scores = find_task(task)[0].reference_scores
    return {score.model: score.value for score in scores if score.source.startswith("arXiv:2511.15848 Table 1")}


def test_table_1_of_the_step_audio_r1_report():
    columns = [table_one(t) for t in ("big_bench_audio", "spoken_mqa", "mmsu", "mmau", "wildspeech")]
    by_model = {model: [column[model] for column in columns] for model in columns[0]}
    assert by_model == {
        "step-audio-r1": [98.7, 95.2, 75.9, 77.7, 70.6],
        "step-audio-2": [59.1, 88.8, 64.3, 78.0, 51.1],
        "gemini-2.5-pro": [96.1, 94.8, 79.3, 77.4, 60.0],
        "gemini-3-pro": [92.1, 95.3, 82.9, 78.9, 76.4],
    }
    printed = {"step-audio-r1": 83.6, "step-audio-2": 68.3, "gemini-2.5-pro": 81.5, "gemini-3-pro": 85.1}
    assert {model: round(sum(row) / 5, 1) for model, row in by_model.items()} == printed


def test_gemini_has_two_mmau_scores_and_both_say_so():
    scores = [s for s in find_task("mmau")[0].reference_scores if s.model == "gemini-2.5-pro"]
    assert {s.value for s in scores} == {77.4, 71.6}
    assert all(s.notes and "prompt and scorer differ" in s.notes for s in scores)


@pytest.mark.parametrize(
    ("task", "rows", "scorer"),
    [
        ("mmau", 1000, "mmau_string_match"), ("mmau_test", 9000, "mmau_string_match"),
        ("mmar", 1000, "mmau_string_match"), ("mmsu", 5000, "mmsu_letter_v2"),
        ("big_bench_audio", 1000, "bba_extract"), ("big_bench_audio_judge", 1000, "bba_judge_aa"),
        ("spoken_mqa", 2269, "gsm8k_number"), ("wildspeech", 1100, "wildspeech_judge"),
        ("mmau_pro_if", 87, "mmaupro_aif"), ("mmau_pro_open", 625, "mmaupro_open_judge"),
        ("dcase2026_adqa", 1607, "option_match"), ("librispeech_clean", 2620, "wer"),
        ("librispeech_other", 2939, "wer"), ("voicebench_openbookqa", 455, "voicebench_mcq"),
        ("voicebench_mmsu", 3074, "voicebench_mcq"),
    ],
)  # fmt: skip
def test_sizes_and_scorers(task, rows, scorer):
    spec, _ = find_task(task)
    assert (spec.expected_rows, spec.scorer) == (rows, scorer)


def test_leaderboard_of_mmau(shared):
    """Our reference scores are the ones that the leaderboard's own file holds."""
    board = json.loads((shared / "data" / "leaderboards" / "leaderboard_data_v15_parsed.json").read_text("utf-8"))
    printed = set(re.findall(r"\d+\.\d+", json.dumps(board)))
    for task in ("mmau", "mmau_test"):
        for score in find_task(task)[0].reference_scores:
            if "v15_parsed" in score.source:
                assert {f"{score.value:.2f}", f"{score.value:.1f}"} & printed, f"{task}: {score.model} {score.value}"


def test_listening_files_are_parts_of_one():
    from audiobench.data.listening.families import FAMILIES

    parts = {
        name: find_task(f"listening_{name}")[0].dataset_kwargs["families"] for name in ("speech", "sound", "music")
    }
    assert {f: domain for domain, families in parts.items() for f in families} == {f.name: f.domain for f in FAMILIES}
    assert find_task("listening_count")[0].dataset_kwargs["families"] == [f.name for f in FAMILIES if f.tally]
    for name in ("listening", *(f"listening_{part}" for part in (*parts, "count"))):
        spec, _ = find_task(name)
        families = spec.dataset_kwargs.get("families", FAMILIES)
        assert spec.expected_rows == len(families) * spec.dataset_kwargs["per_family"] == len(families) * 30
        assert spec.dataset_kwargs["seed"] == 2026


def test_same_questions_with_and_without_a_judge():
    first, second = find_task("big_bench_audio")[0], find_task("big_bench_audio_judge")[0]
    names = ("dataset_path", "dataset_revision", "prompt", "generation_kwargs", "forms", "reference_scores")
    assert all(getattr(first, name) == getattr(second, name) for name in names)
    assert SCORERS[first.scorer].judge is None and SCORERS[second.scorer].judge is not None


def test_fingerprints_tell_prompts_apart():
    spec, _ = find_task("mmau")
    digests = {spec.fingerprint(prompt)["prompt"] for prompt in spec.prompt}
    assert len(digests) == len(spec.prompt)


def test_the_overview_of_the_tasks_is_current(root):
    text = (root / "docs" / "tasks.md").read_text("utf-8")
    assert all(what for _, what in not_covered()) and "\n## Not covered\n" in text
    assert text == current(), "run `python -m audiobench.task.overview`"


def test_what_is_not_pinned_or_counted_is_said(task_paths):
    for path in task_paths:
        task = strict_yaml.validate(TaskSpec, path)
        said = " ".join(task.evidence.unverified)
        assert task.evidence.read, f"{path}: evidence.read: what was read where?"
        assert task.expected_rows or "number of rows" in said, f"{path}: evidence.unverified: number of rows"
        assert revision(task) != "unpinned" or "revision" in said, f"{path}: evidence.unverified: revision"
        assert task.source.license or "licence" in said, f"{path}: evidence.unverified: licence"
