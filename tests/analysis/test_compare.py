"""`compare`: pairing, what is counted, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import to_builtins

from audiobench.analysis.arms import Selector, matched
from audiobench.analysis.comparison import compare_arms
from audiobench.cli import main
from audiobench.core.errors import NotComparableError
from audiobench.statistics.multiplicity import benjamini_hochberg
from audiobench.statistics.paired import mcnemar
from tests.analysis.conftest import OPTIONS, line, write_run

ON = {"think": "on"}


def compared(*selectors: Any, **options: Any) -> dict[str, Any]:
    (group,) = matched([Selector.parse(str(s)) for s in selectors], "toy")
    return to_builtins(compare_arms(group, **options))


def pair_of_runs(tmp_path, first: list, second: list, **second_run: Any) -> tuple:
    return write_run(tmp_path / "a", first), write_run(tmp_path / "b", second, **second_run)


def test_gained_lost_and_the_exact_test(tmp_path):
    off = ["cat"] * 12 + ["dog"] * 20
    on = ["dog"] * 10 + ["cat"] * 5 + ["dog"] * 17
    lines = [line(f"s{i}", text) for i, text in enumerate(off)]
    lines += [line(f"s{i}", text, condition=ON) for i, text in enumerate(on)]
    folder = write_run(tmp_path / "run", lines)
    found = compared(f"{folder}:off", f"{folder}:on")
    (pair,) = found["pairs"]
    assert (pair["gained"], pair["lost"], pair["test"]) == (10, 3, "mcnemar-exact")
    assert pair["p"] == mcnemar(10, 3) == pytest.approx(0.09228515625)
    assert pair["difference"] == pytest.approx(7 / 32) and pair["ci"][0] < 7 / 32 < pair["ci"][1]
    assert [arm["value"] for arm in found["arms"]] == [20 / 32, 27 / 32]
    assert 0 < pair["mde"] < 1
    assert found["notes"] == ["think=on: 32 of 32 responses hold no reasoning"]


def test_only_common_samples_and_how_many_are_lost(tmp_path):
    first = [line(f"s{i}") for i in range(10)]
    second = [line(f"s{i}") for i in range(2, 12)]
    second[0] = line("s2", error={"kind": "error", "message": "x"})
    found = compared(*pair_of_runs(tmp_path, first, second))
    assert (found["n"], found["lost"]["samples"], found["lost"]["common"]) == (7, 12, 7)
    assert list(found["lost"]["by_arm"].values()) == [
        {"not_asked": 2, "no_response": 0},
        {"not_asked": 2, "no_response": 1},
    ]


def test_what_was_not_scored_is_told_apart(tmp_path):
    cut = {"finish_reason": "length", "reasoning": "so it", "reasoning_closed": False}
    lines = [line(f"s{i}") for i in range(6)]
    lines += [
        line("s0", "", condition=ON, response=cut),
        line("s1", "the d", condition=ON, response={"finish_reason": "length"}),
        line("s2", "", condition=ON, response={"finish_reason": "content_filter"}),
        line("s3", "well", condition=ON),
        line("s4", "cat", condition=ON, response={"raw": {"thinking_cut": True}}),
        line("s5", "dog", condition=ON),
    ]
    folder = write_run(tmp_path / "run", lines)
    found = compared(f"{folder}:off", f"{folder}:on")
    on = found["arms"][1]
    counts = {key: n for key, n in on["counts"].items() if n}
    assert counts == {
        "responses": 6, "scored": 2, "unparsed": 1, "refused": 1, "truncated_thinking": 1, "truncated_answer": 1,
        "budget_reached": 1,
    }  # fmt: skip
    assert on["value"] == pytest.approx(1 / 6), "every response counts"
    assert (on["parsed_only"]["value"], on["parsed_only"]["n"]) == (0.5, 2)
    assert found["pairs"][0]["parsed_only"]["n"] == 2
    assert found["pairs"][0]["parsed_only"]["difference"] == -0.5


def test_a_cut_thought_is_explained_on_the_screen(tmp_path, capsys):
    cut = {"finish_reason": "length", "reasoning": "so it", "reasoning_closed": False}
    lines = [line("s0"), line("s1"), line("s0", condition=ON), line("s1", "", condition=ON, response=cut)]
    folder = write_run(tmp_path / "run", lines)
    assert main(["compare", f"{folder}:off", f"{folder}:on"]) == 0
    assert "thinking cut: the token limit ended the response before the thought did" in capsys.readouterr().out


def test_samples_of_one_clip_are_one_unit(tmp_path):
    clips = [{"cluster": f"clip{i // 4}"} for i in range(40)]
    lines = [line(f"s{i}", "cat", sample=clips[i]) for i in range(40)]
    lines += [line(f"s{i}", "dog" if i < 8 else "cat", sample=clips[i], condition=ON) for i in range(40)]
    folder = write_run(tmp_path / "run", lines)
    (pair,) = compared(f"{folder}:off", f"{folder}:on")["pairs"]
    assert (pair["gained"], pair["lost"], pair["clusters"]) == (8, 0, 10)
    assert pair["test"] == "sign-flip-exact-clustered"
    assert pair["p"] == pytest.approx(0.5), "two clips gained, not eight samples"


def test_breakdowns_are_adjusted_together(tmp_path):
    kinds = [{"metadata": {"kind": "music" if i % 2 else "speech"}} for i in range(60)]
    lines = [line(f"s{i}", "cat", sample=kinds[i]) for i in range(60)]
    lines += [line(f"s{i}", "dog" if i % 2 or i < 6 else "cat", sample=kinds[i], condition=ON) for i in range(60)]
    folder = write_run(tmp_path / "run", lines)
    (pair,) = compared(f"{folder}:off", f"{folder}:on")["pairs"]
    rows = pair["breakdown"]["kind"]
    assert {name: (row["n"], row["gained"]) for name, row in rows.items()} == {"music": (30, 30), "speech": (30, 3)}
    adjusted = benjamini_hochberg([row["p"] for row in rows.values()])
    assert [row["p_adjusted"] for row in rows.values()] == adjusted


@pytest.mark.parametrize("part", ["prompt", "extraction", "scorer", "dataset", "scorer_version"])
def test_another_fingerprint_is_refused_by_name(tmp_path, capsys, part):
    lines = [line(f"s{i}") for i in range(3)]
    a, b = pair_of_runs(tmp_path, lines, lines, fingerprint={part: "other"})
    assert main(["compare", str(a), str(b)]) == 3
    assert f"cannot be compared: {part} differs (" in capsys.readouterr().err
    assert main(["compare", str(a), str(b), "--allow-different", part, "--json"]) == 0
    assert f"{part} differs, which was allowed" in json.loads(capsys.readouterr().out)["comparisons"][0]["notes"]
    assert main(["compare", str(a), str(b), "--allow-different", "colour"]) == 2


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("samples", {"sample": {"question": "another?"}}),
        ("samples", {"sample": {"target": "cat"}}),
        ("samples", {"sample": {"choices": ["dog", "cat", "cow", "ox"]}}),
        ("audio", {"audio": [{"path": "s0.wav", "sha256": "other", "transform": "full", "seconds": 1.0}]}),
    ],
)
def test_other_samples_or_clips_are_refused(tmp_path, part, change):
    first = [line(f"s{i}") for i in range(3)]
    a, b = pair_of_runs(tmp_path, first, [line("s0", **change), *first[1:]])
    with pytest.raises(NotComparableError, match=f"{part} differs .1 of 3 samples, the first is s0"):
        compared(a, b)


def test_conditions_may_change_the_clip_and_the_order_of_options(tmp_path):
    turned = {"choices": ["cat", "cow", "hen", "dog"]}
    lines = [line(f"s{i}") for i in range(4)]
    lines += [line(f"s{i}", condition={"audio": "none"}, audio=[]) for i in range(4)]
    swapped = [{"path": "x.wav", "sha256": "x", "transform": "full", "seconds": 1.0}]
    lines += [line(f"s{i}", condition={"audio": "swap"}, audio=swapped) for i in range(4)]
    lines += [line(f"s{i}", sample=turned, condition={"audio": "silence", "option_order": 1}) for i in range(4)]
    folder = write_run(tmp_path / "run", lines)
    for other in ("none", "swap"):
        assert compared(f"{folder}:full", f"{folder}:{other}")["n"] == 4


@pytest.mark.parametrize(
    ("judges", "told"),
    [
        ([("one", ""), ("two", "")], r"judge differs \(one \(t\) against two \(t\)\)"),
        ([("one", "a" * 64), ("one", "b" * 64)], r"judge differs \(one \(t\) aaaaaaaa against one \(t\) bbbbbbbb\)"),
    ],
)
def test_another_judge_is_refused_by_name_or_by_model_file_as_in_the_gate(tmp_path, judges, told):
    first = [line(f"s{i}") for i in range(3)]
    a, b = pair_of_runs(tmp_path, first, first, task={"scorer": "judge"})
    for folder, (judge, digest) in zip((a, b), judges, strict=True):
        plan = json.loads((b / "toy" / "plan.json").read_text())
        (folder / "toy" / "plan.json").write_text(json.dumps(plan))
        verdicts = [
            {
                "key": x["key"], "id": x["id"], "judge": judge, "judge_sha256": digest, "template": "t", "value": 1.0,
                "ratings": [1],
            }
            for x in first
        ]  # fmt: skip
        (folder / "toy" / "judgements.jsonl").write_text("".join(json.dumps(v) + "\n" for v in verdicts))
    with pytest.raises(NotComparableError, match=told):
        compared(a, b)


def test_error_rates_are_pooled_and_permuted(tmp_path):
    asr = {"scorer": "wer_raw", "extraction": ["full_text"], "breakdown": [], "chance": "none"}
    words = {"target": "one two three four", "choices": []}
    first = [line(f"s{i}", "one two three four" if i % 2 else "one two three", sample=words) for i in range(40)]
    second = [line(f"s{i}", "one two three four", sample=words) for i in range(40)]
    a, b = write_run(tmp_path / "a", first, task=asr), write_run(tmp_path / "b", second, task=asr)
    found = compared(a, b)
    (pair,) = found["pairs"]
    assert (found["metric"], found["higher_is_better"]) == ("wer", False)
    assert (pair["value_a"], pair["value_b"], pair["difference"]) == (20 / 160, 0.0, -20 / 160)
    assert (pair["gained"], pair["lost"]) == (20, 0), "gained: fewer errors"
    assert pair["test"] == "sign-flip-exact" and pair["p"] == pytest.approx(2**-19)
    assert pair["ci"][0] < -20 / 160 < pair["ci"][1] < 0 and 0 < pair["mde"] < 0.2


def test_a_corpus_metric_is_recomputed(tmp_path):
    bleu = {"scorer": "bleu", "extraction": ["full_text"], "breakdown": [], "chance": "none"}
    words = {"target": "the quick brown fox jumps over the lazy dog", "choices": []}
    first = [line(f"s{i}", "the quick fox jumps over a dog", sample=words) for i in range(12)]
    second = [line(f"s{i}", words["target"], sample=words) for i in range(12)]
    a, b = write_run(tmp_path / "a", first, task=bleu), write_run(tmp_path / "b", second, task=bleu)
    (pair,) = compared(a, b)["pairs"]
    assert pair["value_b"] == pytest.approx(100) and pair["test"] == "permutation-2000"
    assert pair["p"] < 0.01 and pair["ci"][0] <= pair["difference"] <= pair["ci"][1]


def test_spending_counts_tokens_of_right_answers(tmp_path):
    def use(reasoning: int | None, completion: int) -> dict[str, Any]:
        usage = {"completion": completion, "prompt": 10, "reasoning": reasoning}
        return {"usage": usage | ({} if reasoning else {"cached": 8}), "reasoning": "ab " * 30}

    priced = {"prices": [{"input": 1.0, "output": 10.0}]}
    lines = [line(f"s{i}", "dog" if i < 2 else "cat", response=use(80, 100)) for i in range(4)]
    lines += [line(f"s{i}", condition=ON, response=use(None, 186)) for i in range(4)]
    folder = write_run(tmp_path / "run", lines, model=priced)
    off, on = compared(f"{folder}:off", f"{folder}:on")["arms"]
    assert off["reasoning_tokens"] == {"mean": 80, "median": 80, "p95": 80, "n": 4, "estimated": False}
    assert (off["completion_tokens"], off["tokens_per_correct"]) == (100, 200)
    assert off["dollars"] == pytest.approx(4 * (10 + 100 * 10) / 1e6)
    assert off["dollars_per_correct"] == pytest.approx(off["dollars"] / 2)
    assert on["reasoning_tokens"]["estimated"] and on["reasoning_tokens"]["mean"] == pytest.approx(186 * 90 / 93)
    assert on["latency"]["total"]["median"] == 0.5
    assert (off["cached_prompt"], on["cached_prompt"]) == (None, 0.8)


def test_wrong_usage_is_one_line(tmp_path, capsys):
    folder = write_run(tmp_path / "run", [line("s0")])
    for words, message in (
        ([str(folder)], "compare needs two or more runs"),
        ([str(tmp_path / "none")], "not a run directory"),
        ([str(folder), f"{folder}:off"], "the same condition of the same run twice (task toy)"),
        ([str(tmp_path / "none"), str(folder)], "not a run directory"),
        ([f"{folder}:loud", str(folder)], "'loud' is not a condition"),
        ([str(folder), str(folder), "--tasks", "mmau"], "not in every run; shared: toy"),
    ):
        assert main(["compare", *words]) == 2
        assert message in capsys.readouterr().err
    assert main(["ablate", str(folder), "other"]) == 2
    assert f"takes one run directory; several are set beside each other by: audiobench compare {folder} other" in (
        capsys.readouterr().err
    )


def test_markdown_keeps_model_text_inert(tmp_path, capsys):
    kinds = [{"metadata": {"kind": name}} for name in ("a|b <img src=x>", "*@all*")]
    lines = [line(f"s{i}", sample=kind) for i, kind in enumerate(kinds)]
    lines += [line(f"s{i}", condition=ON, sample=kind) for i, kind in enumerate(kinds)]
    folder = write_run(tmp_path / "run", lines)
    assert main(["compare", f"{folder}:off", f"{folder}:on", "--markdown"]) == 0
    text = capsys.readouterr().out
    assert r"a\|b &lt;img src=x&gt;" in text and "\\*@\u200ball\\*" in text and "<img" not in text


@pytest.mark.parametrize("command", ["ablate", "compare"])
def test_a_run_that_has_hardly_begun_is_no_traceback(tmp_path, capsys, command):
    """One arm has answers, the other none: nothing can be compared, and that is what is said."""
    lines = [line(f"s{i}") for i in range(4)]
    lines += [line("s0", condition={**ON, "audio": "none"}, audio=[], error={"kind": "error", "message": "x"})]
    lines += [line("s0", condition=ON, error={"kind": "error", "message": "x"})]
    lines += [line("s0", condition={"audio": "none"}, audio=[], error={"kind": "error", "message": "x"})]
    folder = write_run(tmp_path / "run", lines)
    words = [str(folder)] if command == "ablate" else [f"{folder}:off,full", f"{folder}:on,full"]
    assert main([command, *words]) == 0
    text = capsys.readouterr().out
    assert "compared on the 0 samples that every arm answered; 4 of 4 are lost" in text
    (folder / "toy" / "samples.jsonl").write_text("")
    assert main([command, *words]) == 0


def test_judged_scores_without_a_judge_have_nothing_to_compare(tmp_path, capsys):
    lines = [line("s0"), line("s0", condition=ON)]
    folder = write_run(tmp_path / "run", lines, task={"scorer": "judge"})
    assert main(["compare", f"{folder}:off", f"{folder}:on"]) == 0
    assert "compared on the 0 samples" in capsys.readouterr().out


def test_only_shares_have_right_answers(tmp_path, capsys):
    """A sum of error rates is no number of right answers: the better arm would look the dearer one."""
    told = {"task": "wtoy", "scorer": "wer", "metric_list": [{"metric": "wer"}], "extraction": ["full_text"]}
    told |= {"chance": "none", "breakdown": []}
    shown = {"choices": [], "target": "a b"}
    used = {"usage": {"completion": 10, "prompt": 5}}
    lines = [
        line(f"s{i}", "a x" if i % 2 else "a b", sample=shown, response=used, condition={"think": think})
        for i in range(6)
        for think in ("off", "on")
    ]
    folder = write_run(tmp_path / "run", lines, task=told)
    assert main(["compare", f"{folder}:off", f"{folder}:on", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["comparisons"]
    assert [arm["tokens_per_correct"] for arm in found["arms"]] == [None, None]
    assert [arm["dollars_per_correct"] for arm in found["arms"]] == [None, None]
    assert found["arms"][0]["completion_tokens"] == 10


def test_a_request_that_failed_before_its_clips_is_no_other_clip(tmp_path, capsys):
    lines = [line(f"s{i}", epoch=epoch, condition=c) for i in range(6) for epoch in (0, 1) for c in ({}, ON)]
    lines[0] = line("s0", error={"kind": "error", "message": "x"}, audio=[])
    folder = write_run(tmp_path / "run", lines)
    assert main(["compare", f"{folder}:off", f"{folder}:on"]) == 0
    assert main(["ablate", str(folder)]) == 0


def failing_at_some_orders(count: int = 10, **failing: Any) -> list[dict[str, Any]]:
    """Right at option order 0 alone; the arm given by its condition has no response at the other orders."""
    lines = []
    for i in range(count):
        for order in range(4):
            shown = {"choices": OPTIONS[order:] + OPTIONS[:order]}
            asked = {"option_order": order}
            text = "cat" if order else "dog"
            lines.append(line(f"s{i}", text, sample=shown, condition=asked))
            gone: dict[str, Any] = {"error": {"kind": "error", "message": "x"}} if order else {}
            lines.append(line(f"s{i}", text, sample=shown, condition=asked | failing, **gone))
    return lines


def test_values_and_their_difference_rest_on_the_same_option_orders(tmp_path, capsys):
    folder = write_run(tmp_path / "run", failing_at_some_orders(think="on"))
    assert main(["compare", f"{folder}:off", f"{folder}:on", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["comparisons"]
    (pair,) = found["pairs"]
    assert [arm["value"] for arm in found["arms"]] == [pair["value_a"], pair["value_b"]] == [1.0, 1.0]
    assert pair["difference"] == 0
    assert found["lost"]["requests"] == {
        "think=off": {"made": 40, "no_response": 0, "set_aside": 30},
        "think=on": {"made": 40, "no_response": 30, "set_aside": 0},
    }
    for words in (["compare", f"{folder}:off", f"{folder}:on"], ["ablate", str(folder)]):
        assert main(words) == 0
        said = capsys.readouterr().out
        assert "think=off: of 40 requests 30 set aside; think=on: of 40 requests 30 without a response" in said


def test_listening_and_budgets_say_what_they_lost(tmp_path, capsys):
    folder = write_run(tmp_path / "audio", failing_at_some_orders(audio="none"))
    assert main(["ablate", str(folder)]) == 0
    assert "think=off, none: lost within the compared samples: " in capsys.readouterr().out
    folder = write_run(tmp_path / "budgets", failing_at_some_orders(think="budget:64"))
    assert main(["ablate", str(folder), "--json"]) == 0
    (curve,) = json.loads(capsys.readouterr().out)["tasks"][0]["scaling"]
    assert curve["accuracy"] == [1.0, 1.0] and curve["requests"]["think=off"]["set_aside"] == 30


@pytest.mark.parametrize(("chance", "known"), [("none", None), (0.0, 0.0), ("per_sample", 0.25)])
def test_a_chance_that_nobody_states_is_not_called_zero(tmp_path, capsys, chance, known):
    wrong = {"response": {"text": "cat"}, "condition": {"audio": "none"}}
    kinds = [{"sample": {"metadata": {"kind": "xy"[i % 2]}}} for i in range(10)]
    lines = [line(f"s{i}", **kind, **more) for i, kind in enumerate(kinds) for more in ({}, wrong)]
    folder = write_run(tmp_path / "run", lines, task={"chance": chance})
    assert main(["ablate", str(folder), "--json"]) == 0
    control = json.loads(capsys.readouterr().out)["tasks"][0]["listening"][0]["controls"]["none"]
    for row in (control, control["breakdown"]["kind"]["x"]):
        assert row["chance"] == known and row["gain"] == 1.0
        corrected = [key for key in row if key.startswith("corrected_") and row[key] is not None]
        assert bool(corrected) == (known is not None), corrected


def test_without_a_common_sample_nothing_looks_measured(tmp_path, capsys):
    failed = {"error": {"kind": "error", "message": "x"}, "audio": [], "condition": {"audio": "none"}}
    folder = write_run(tmp_path / "run", [line(f"s{i}", **more) for i in range(10) for more in ({}, failed)])
    assert main(["ablate", str(folder), "--json"]) == 0
    control = json.loads(capsys.readouterr().out)["tasks"][0]["listening"][0]["controls"]["none"]
    figures = ("full", "control", "gain", "ci", "p", "mde", "corrected_gain", "corrected_gain_ci", "retention")
    assert (control["n"], control["lost"]) == (0, 10) and all(control[key] is None for key in figures)
    assert main(["ablate", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "think=off: inconclusive-at-this-n (no samples in common with none)" in said and "+0.0" not in said


def test_samples_without_a_common_option_order_are_lost_and_said_to_be(tmp_path, capsys):
    lines = []
    for i in range(6):
        for think, order in (("off", 0), ("on", 1 if i < 2 else 0)):
            lines.append(line(f"s{i}", condition={"think": think, "option_order": order}))
    folder = write_run(tmp_path / "run", lines)
    assert main(["compare", f"{folder}:off", f"{folder}:on"]) == 0
    said = capsys.readouterr().out
    assert "compared on the 4 samples that every arm answered; 2 of 6 are lost (2 without an option order" in said
