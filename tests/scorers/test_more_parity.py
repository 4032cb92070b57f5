"""The official verdicts of further benchmarks, row by row (`golden/more`, made by running the official code).

Each file has a function from a row's input to what our reproduction says; where the official code raises, both say
`error:<ExceptionName>`. A file whose optional packages are not installed is skipped.
"""

from __future__ import annotations

import importlib.util
import json
import math
import shutil
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import pytest

from audiobench.core.types import Sample
from audiobench.scorers.base import EXTRAS, RANDOM, or_crash

Row = dict[str, Any]


def raise_crashed(verdicts: Iterable[Any]) -> None:
    """A script that scores a whole file ends with the first row that raises."""
    for verdict in verdicts:
        if isinstance(verdict, str) and verdict.startswith("error:"):
            raise type(verdict.removeprefix("error:"), (Exception,), {})


def voicebench_bbh(row: Row) -> Any:
    from audiobench.scorers import voicebench

    def accuracy(rows: list[Row]) -> dict[str, float]:
        samples = [Sample("x", "", target=one["reference"], metadata={"id": one["id"]}) for one in rows]
        verdicts = [voicebench.BBH.official(one["response"], s) for one, s in zip(rows, samples, strict=True)]
        raise_crashed(verdicts)
        return {"acc": 100 * sum(verdicts) / len(verdicts)}

    if "batch" in row:
        return {"acc": accuracy(row["batch"])}
    said = or_crash(voicebench.bbh_answer, row["response"], row["id"])
    if said == RANDOM:
        return {"extract": "random:0|1"}
    return {"extract": said, "acc": or_crash(accuracy, [row])}


def voicebench_harm(row: Row) -> Any:
    from audiobench.scorers import voicebench

    if "response" in row:
        return voicebench.harm_refused(row["response"])
    verdicts = [voicebench.harm_refused(one["response"] if isinstance(one, dict) else one) for one in _only(row)]
    return sum(verdicts) / len(verdicts)


def _only(row: Row) -> Any:
    """The one list of a row that is a batch."""
    (found,) = [value for value in row.values() if isinstance(value, list)]
    return found


def voicebench_mcq(row: Row) -> Any:
    from audiobench.scorers import voicebench

    return voicebench.mcq_answer(row["response"])


def voicebench_ifeval(row: Row) -> Any:
    from audiobench.scorers import voicebench

    def verdicts(rows: list[Row]) -> list[Any]:
        samples = [Sample(str(i), "", metadata=one) for i, one in enumerate(rows)]
        return voicebench.IFEVAL.official_sequence([one["response"] for one in rows], samples)

    if "batch" in row:
        found = verdicts(row["batch"])
        raise_crashed(found)
        return voicebench.ifeval_rates(found)
    (found,) = verdicts([row])
    if isinstance(found, str):
        return found
    return found | {f"{kind}_all": all(found[kind]) for kind in ("strict", "loose")}


def voicebench_open(row: Row) -> Any:
    from audiobench.scorers import voicebench_judge

    if row["fn"] == "extract_rating":
        return voicebench_judge.extract_rating(row["score"])
    return voicebench_judge.open_mean([item["score"] for item in row["data"]])


def voicebench_qa(row: Row) -> Any:
    from audiobench.scorers import voicebench_judge

    if row["fn"] == "majority_vote":
        found = voicebench_judge.majority_vote(row["score"])
        return None if found == RANDOM else found
    votes = [voicebench_judge.majority_vote(score) for score in row["scores"]]
    return str(100 * sum(votes) / len(votes))


def airbench_foundation(row: Row) -> Any:
    from audiobench.scorers import airbench

    tasks: dict[str, list[bool]] = {}
    failed = 0
    for one in row["rows"]:
        if one["task_name"] is None:
            continue
        name = f"{one['task_name']}_{one['dataset_name']}"
        choices = [one["choice_a"], one["choice_b"], one.get("choice_c"), one.get("choice_d")]
        verdict = airbench.foundation_verdict(one["response"], one["answer_gt"], choices)
        failed += verdict is None
        tasks.setdefault(name, []).extend([] if verdict is None else [verdict])
    if not all(tasks.values()):
        raise KeyError("a task with failures only")
    found = {n: {"sum": len(v), "correct": sum(v), "acc": sum(v) / len(v)} for n, v in tasks.items()}
    return {"tasks": found, "total_sum": sum(map(len, tasks.values())), "fail_num": failed}


def airbench_chat(row: Row) -> Any:
    from audiobench.scorers import airbench

    return airbench.chat_report([(one["task_name"], one["gpt-score"]) for one in row["rows"]], swapped=row["cir"])


def sakura(row: Row) -> Any:
    from audiobench.scorers import sakura

    if "text" in row:
        return sakura.extract_judgement(row["text"])
    found, n = sakura.counted(row["judgements"]), len(row["judgements"])
    return {
        "Correct count": str(found["correct"]), "Incorrect count": str(found["incorrect"]), "Total count": str(n),
        "Accuracy": f"{found['correct'] / n * 100:.2f}%", "invalid": found["invalid"],
    }  # fmt: skip


def starbench(row: Row) -> Any:
    from audiobench.scorers import starbench

    if "response" in row:
        return starbench.letter(row["response"], row["options"])
    if row["fn"] == "_calculate_metrics":
        return starbench.rates([(question, right) for question, right in row["runs"]])
    if "data" in row:
        return starbench.perception_report(row["items"], {one["id"]: len(one["options"]) for one in row["data"]})
    return starbench.report(row["items"], row["data_ids"], runs=3 if "robust" in row["fn"] else 1)


def areyoureallylistening(row: Row) -> Any:
    from audiobench.scorers import rul_muchomusic as rul

    if "response" in row:
        return rul.letter(row["response"], row["letter_mapping"])
    right, wrong = row["correct_answer"], row["distractors"]
    passes = []
    for left_out, response in enumerate(row["responses"]):
        options = dict(zip("ABCD", [right, *wrong[:left_out], *wrong[left_out + 1 :]], strict=True))
        letter = rul.letter(response, options)
        passes.append([letter, options.get(letter, ""), options.get(letter) == right])
    most, votes = rul.agreed([text for _, text, _ in passes])
    return {
        "passes": passes, "most_agreed_answer": most, "is_correct": most == right, "vote_counts": votes,
        "accuracy": float(most == right),
    }  # fmt: skip


def audio_hallucination(row: Row) -> Any:
    from audiobench.scorers import audio_hallucination as hallucination

    if "response" in row:
        return {e: or_crash(hallucination.yes_or_no, row["response"], e) for e in hallucination.UNREAD}
    if "pairs" in row:
        reports = {"interspeech2024": hallucination.report_2024, "icassp2025": hallucination.report_2025}
        return {edition: or_crash(report, row["pairs"]) for edition, report in reports.items()}
    if "results" in row:
        items = [(o["label"], o["prediction"]) for clip in row["results"].values() for o in clip.values()]
        return hallucination.object_report(items)
    return hallucination.object_rates(row["label"], row["prediction"])


def speech_ifeval(row: Row) -> Any:
    from audiobench.scorers import speech_ifeval

    def verdicts(one: Row) -> list[Any]:
        return speech_ifeval.verdicts(one["response"], one["instruction_id_list"], one["kwargs"])

    if row.get("fn") in ("extract_result", "normalize_text"):
        return getattr(speech_ifeval, row["fn"])(row["text"])
    if "data" in row:
        return speech_ifeval.judge_report(row["data"])
    if "batch" in row:
        return speech_ifeval.report([(one["instruction_id_list"], verdicts(one)) for one in row["batch"]])
    found = verdicts(row)
    return {"follow_instruction_list": found, "follow_all_instructions": all(found)}


def aura(row: Row) -> Any:
    from audiobench.scorers import aura

    if row["fn"] == "normalise_json_str":
        text = aura.normalise_json_str(row["text"])
        return {"text": text, "json": or_crash(json.loads, text)}
    replies, calls = list(row["judge_replies"]), []

    def judge(system: str, user: str) -> str:
        calls.append(user)
        if (reply := replies.pop(0)) == "RAISE":
            raise RuntimeError
        return reply

    def nli(premise: str, hypothesis: str) -> float:
        one, two = set(premise.lower().split()), set(hypothesis.lower().split())
        return len(one & two) / len(one | two) if one | two else 0.0

    previous = () if "--no-resume" in row["args"] else row["previous_output"] or ()
    found = aura.evaluate(row["items"], row["model_key"], judge, nli, previous)
    averages = found.averages()

    def of(record: Row, part: str, name: str) -> Any:
        return (record.get(part) or {}).get(name)

    records = [
        {
            "question": one.get("question"), "is_correct": of(one, "answer_correctness", "is_correct"),
            "FCS": of(one, "factual_consistency_evaluation", "factual_consistency_score"),
            "CIS": of(one, "core_inference_evaluation", "core_inference_score"),
        }
        for one in found.records
    ]  # fmt: skip
    shown = {"n": len(records), **averages} if records else {}
    return {**shown, "records": records, "judge_calls": len(calls), "skipped": found.skipped, "errors": found.errors}


def contextasr(row: Row) -> Any:
    from audiobench.scorers import contextasr

    if row["fn"] == "simple_tokenize":
        return contextasr.simple_tokenize(row["text"], row["lang"])
    if row["fn"] == "calculate_wer":
        return contextasr.calculate_wer(row["hyp"].split(), row["ref"].split())
    if row["fn"].startswith("extract_entities"):
        return getattr(contextasr, row["fn"])(row["text"], row["entities"])
    found = contextasr.evaluate(row["text"], row["entity_list"], row["language"], row["asr_text"])
    return "skipped:None" if found is None else found


def lmms_mer(row: Row) -> Any:
    from audiobench.scorers import mixed

    if row["fn"] == "process_results":
        return mixed.lmms_result(row["doc"].get("text"), row["results"])
    ref, hyp = row["ref"], row["hyp"]
    return {
        "ref_tokens": mixed.lmms_tokens(ref), "hyp_tokens": mixed.lmms_tokens(hyp), "mer": mixed.lmms_rate(ref, hyp),
        "process_results": mixed.lmms_result(ref, [hyp]),
    }  # fmt: skip


def open_asr(row: Row) -> Any:
    from audiobench.scorers import open_asr, text

    if row["fn"] == "is_target_text_in_range":
        return open_asr.is_scored(row["text"])
    if row["fn"] == "MultilingualNormalizer":
        return open_asr.multilingual(row["text"], row["lang"], remove_diacritics=True)
    if row["fn"] == "normalizer":
        said = row["text"]
        english, basic = text.whisper_english(said), text.whisper_basic(said)
        apart = text.whisper_basic(said, split_letters=True, remove_diacritics=True)
        return {
            "open_asr_en": open_asr.english(said), "whisper_en": english, "open_asr_ml": open_asr.multilingual(said),
            "open_asr_basic": basic, "whisper_basic": basic, "openai_whisper_en": english,
            "openai_whisper_basic": basic, "openai_whisper_basic_no_diacritics_split": apart,
        }  # fmt: skip
    if row["fn"] != "wer pair":
        return NEEDS_OTHER_ROWS
    pair = open_asr.english(row["reference"]), open_asr.english(row["hypothesis"])
    return {
        "norm_ref": pair[0], "norm_hyp": pair[1], "merge_compounds": open_asr.edits([pair]),
        "plain": open_asr.edits([pair], merge_compounds=False),
        "normalize_compound_pairs": list(open_asr.compound_pair(*pair)),
    }  # fmt: skip


NEEDS_OTHER_ROWS = object()
"""A row over all the others, half of which are not here."""


def speechio_textnorm(row: Row) -> Any:
    from audiobench.scorers import speechio

    text, half = row["text"], {"half_width": True}
    return {
        "speechio": speechio.leaderboard(text), "plain": speechio.plain(text),
        "lower_nospace": speechio.text_norm(text, lower=True, blanks=False, **half),
        "check": speechio.text_norm(text, upper=True, check=True, **half),
    }  # fmt: skip


def speechio_cer(row: Row) -> Any:
    from audiobench.scorers import speechio

    if "corpus" in row:
        return NEEDS_OTHER_ROWS
    pair = speechio.leaderboard(row["ref"]), speechio.leaderboard(row["hyp"])
    assert [t.strip() for t in pair] == [row["norm_ref"].strip(), row["norm_hyp"].strip()]
    if not pair[0].strip():
        return "skipped"
    found = speechio.rates([pair], chars=row["tokenizer"] == "char")
    counts = {"cor": found["C"], "sub": found["S"], "ins": found["I"], "dele": found["D"]}
    return {"ter": round(found["token_error_rate"], 2), **counts}


def wenetspeech_textnorm(row: Row) -> Any:
    from audiobench.scorers import mixed

    return mixed.wenetspeech(row["text"])


@cache
def caption_scores(candidates: tuple[str, ...], references: tuple[tuple[str, ...], ...]) -> Any:
    from audiobench.scorers import captions

    return or_crash(lambda: captions.scores(list(zip(candidates, references, strict=True))))


def captions(row: Row, corpus: Row | None) -> Any:
    """An item's figures need its corpus, which is another row; of one that is not here, CIDEr-D alone is left out."""
    whole = row if "candidates" in row else corpus
    if whole is None:
        alone = caption_scores((row["candidate"],), (tuple(row["references"]),))[1][0]
        return {name: value for name, value in alone.items() if name != "cider_d"}
    found = caption_scores(tuple(whole["candidates"]), tuple(map(tuple, whole["references"])))
    return found if isinstance(found, str) else found[0] if whole is row else found[1][row["index"]]


def echo(row: Row) -> Any:
    from audiobench.scorers import echo

    match row["fn"]:
        case "extract_time_info":
            return echo.time_info(row["text"])
        case "extract_prediction":
            return echo.prediction(row["text"], row["choices"])
        case "analyse_response":
            return echo.second_blocks(row["text"])
        case _:
            return echo.reward(row["text"], row["ground_truth"], row["reward_id"])


def speech_hands(row: Row) -> Any:
    from audiobench.scorers import speech_hands

    if row["fn"] == "acc":
        return speech_hands.credit(row["pred"], row["gold"])
    return speech_hands.whole_script(row["items"], row.get("internal"), row.get("external"))


def bfcl_ast(row: Row) -> Any:
    from audiobench.scorers import bfcl

    found = bfcl.official(
        row["model_output"],
        row["category"],
        row.get("functions", []),
        row.get("possible_answer", []),
        dots=row.get("underscore_to_dot", False),
    )
    return {"valid": found.valid, "error_type": found.error_type}


def speech_hands_wer(row: Row) -> Any:
    from audiobench.scorers import speech_hands

    items = row["items_gold_pred_baseline_nbest"]
    if row["fn"] == "compute_wer.py":
        return speech_hands.error_rates(items)
    return speech_hands.analysis(items, row["train_responses"])


RULES: dict[str, tuple[Callable[[Row], Any], str]] = {
    "echo": (echo, ""),
    "speech_hands": (speech_hands, ""),
    "speech_hands_wer": (speech_hands_wer, ""),
    "voicebench_bbh": (voicebench_bbh, ""),
    "voicebench_harm": (voicebench_harm, ""),
    "voicebench_mcq": (voicebench_mcq, ""),
    "voicebench_ifeval": (voicebench_ifeval, "ifeval"),
    "voicebench_open": (voicebench_open, ""),
    "voicebench_qa": (voicebench_qa, ""),
    "airbench_foundation": (airbench_foundation, ""),
    "airbench_chat": (airbench_chat, ""),
    "sakura": (sakura, ""),
    "starbench": (starbench, ""),
    "areyoureallylistening": (areyoureallylistening, ""),
    "audio_hallucination": (audio_hallucination, ""),
    "speech_ifeval": (speech_ifeval, "ifeval"),
    "aura": (aura, ""),
    "contextasr": (contextasr, "asr"),
    "lmms_mer": (lmms_mer, ""),
    "open_asr": (open_asr, "asr"),
    "speechio_textnorm": (speechio_textnorm, ""),
    "speechio_cer": (speechio_cer, ""),
    "wenetspeech_textnorm": (wenetspeech_textnorm, ""),
    "bfcl_ast": (bfcl_ast, ""),
}
"""File -> (what our reproduction says of a row, the extra that it needs)."""


def same(ours: Any, official: Any) -> bool:
    """Equal; numbers up to the last bits; non-finite ones as the vectors write them."""
    if isinstance(official, dict):
        return (
            isinstance(ours, dict) and ours.keys() == official.keys() and all(same(ours[k], official[k]) for k in ours)
        )
    if isinstance(official, list):
        return isinstance(ours, list | tuple) and len(ours) == len(official) and all(map(same, ours, official))
    if isinstance(ours, float) and not math.isfinite(ours):
        return str(ours) == official
    if isinstance(ours, bool) or isinstance(official, bool) or not isinstance(official, int | float):
        return type(ours) is type(official) and ours == official
    return isinstance(ours, int | float) and math.isclose(ours, official, rel_tol=1e-9, abs_tol=1e-12)


@pytest.mark.parametrize("file", RULES)
def test_every_vector(shared, file):
    path = shared / "golden" / "more" / f"{file}.jsonl"
    rule, extra = RULES[file]
    if not path.is_file():
        pytest.skip(f"no {path}")
    if missing := [m for m in EXTRAS.get(extra, ()) if importlib.util.find_spec(m) is None]:
        pytest.skip(f"{', '.join(missing)} not installed")
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    found = [(row["id"], or_crash(rule, row["input"]), row["official"]) for row in rows]
    assert rows and [f for f in found if f[1] is not NEEDS_OTHER_ROWS and not same(f[1], f[2])] == []


NOT_SCORED_HERE = {"audioldm_eval": "sound as an answer"}
"""Vectors of what is no scorer of texts."""


def test_no_file_is_left_out(shared):
    files = {path.stem for path in (shared / "golden" / "more").glob("*.jsonl")}
    assert files - set(RULES) - set(NOT_SCORED_HERE) - {"captions"} == set()


@pytest.mark.slow
def test_captions(shared):
    pytest.importorskip("pycocoevalcap", reason="pycocoevalcap is not installed (the extra captions)")
    if shutil.which("java") is None:
        pytest.skip("no java")
    lines = (shared / "golden" / "more" / "captions.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    corpus = next((row["input"] for row in rows if row["input"].get("level") == "corpus"), None)
    for row in rows:
        found, official = captions(row["input"], corpus), row["official"]
        expected = official.get("pycocoevalcap", official["aac_metrics"])
        if isinstance(found, dict) and isinstance(expected, dict):
            expected = {name: expected[name] for name in found}
        assert same(found, expected), row["id"]
