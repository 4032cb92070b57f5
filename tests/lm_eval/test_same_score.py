"""The same task, the same model, the same seed: the same number, to the last digit, whichever harness runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lm_eval", reason="lm-eval is not installed (the extra lm-eval)")

from audiobench.core.errors import UsageError
from tests.run.conftest import clean_environment

SCRIPT = """\
name: clumsy
adapter: scripted
served_model: clumsy
thinking: {default: "on", "on": {prefill: "<think>\\n"}, "off": {prefill: "<think>\\n\\n</think>\\n"}}
options: {accuracy: 0.7, reasoning_words: 20, truncation: 0.1, refusal: 0.1, unparsed: 0.1, faults: {"503": 0.2}}
"""
REPLIES = ("item zero is this", "which sound it is", "", "item 3 which sound is it")


def acc(found: dict[str, Any], task: str = "toy") -> float:
    return found["results"][task]["acc,none"]


@pytest.fixture
def clumsy(tmp_path: Path) -> Path:
    """A model that thinks, is cut off, refuses and fails now and then."""
    file = tmp_path / "clumsy.yaml"
    file.write_text(SCRIPT)
    return file


def test_one_server_behind_both_harnesses(bridged: Path, server: Any, evaluate: Any, ours: Any, tmp_path: Path) -> None:
    url = server()
    here = ours("--tasks", bridged / "toy.yaml", "--model", "openai_chat:m", "--base-url", url, "--out", "here")
    through_adapter = evaluate(
        bridged, "toy", "audiobench", model_args={"model": "openai_chat:m", "base_url": url, "out": str(tmp_path / "a")}
    )
    chat = {"model": "m", "base_url": f"{url}/chat/completions", "num_concurrent": 4}
    through_lm_eval = evaluate(bridged, "toy", "local-chat-completions", model_args=chat, apply_chat_template=True)
    value = here["metrics"]["acc"]["value"]
    assert 0.1 < value < 0.6
    assert acc(through_adapter) == value
    assert acc(through_lm_eval) == value
    # and the same answers, not only the same sum
    said = [[line["resps"][0][0] for line in found["samples"]["toy"]] for found in (through_adapter, through_lm_eval)]
    assert said[0] == said[1] and len(set(said[0])) > 1


@pytest.mark.parametrize("mode", ["on", "off"])
def test_thinking_truncation_refusal_and_retries(
    mode: str, clumsy: Path, bridged: Path, evaluate: Any, ours: Any, tmp_path: Path
) -> None:
    here = ours("--tasks", bridged / "toy.yaml", "--model", clumsy, "--think", mode, "--out", "here")
    there = evaluate(
        bridged, "toy", "audiobench", model_args={"model": str(clumsy), "think": mode, "out": str(tmp_path / "there")}
    )
    counts = here["counts"]
    lost = sum(counts[status] for status in ("unparsed", "truncated", "refused"))
    assert min(counts["unparsed"], counts["truncated"], counts["refused"]) > 0
    assert acc(there) == here["metrics"]["acc"]["value"]
    assert there["results"]["toy"]["no_answer,none"] == lost / 40


def test_pooled_word_errors(bridged: Path, evaluate: Any, ours: Any, tmp_path: Path) -> None:
    lines = [json.dumps({"id": f"s{i}", "text": REPLIES[i % 4] or " "}) for i in range(40)]
    (tmp_path / "replies.jsonl").write_text("\n".join(lines))
    model = tmp_path / "m.yaml"
    options = f"options: {{replies: {tmp_path / 'replies.jsonl'}}}"
    model.write_text(f"name: m\nadapter: scripted\nserved_model: m\n{options}\n")
    here = ours("--tasks", bridged / "words.yaml", "--model", model, "--out", "here")
    there = evaluate(bridged, "words", "audiobench", model_args={"model": str(model), "out": str(tmp_path / "there")})
    assert there["results"]["words"]["wer,none"] == here["metrics"]["wer"]["value"] > 0.1
    assert there["higher_is_better"]["words"]["wer"] is False


JUDGE = """\
from audiobench.model import Response

class Judge:
    def __init__(self, spec, *, base_url=None, timeout=600.0): ...
    async def generate(self, request):
        return Response("CORRECT" if "a0" in request.text or "b1" in request.text else "INCORRECT")
    async def close(self): ...
"""


def test_a_judge(bridged: Path, evaluate: Any, ours: Any, tmp_path: Path) -> None:
    file = bridged / "judged.yaml"
    toy = (bridged / "toy.yaml").read_text().replace("task: toy", "task: judged")
    file.write_text(toy.replace("chance: per_sample", "scorer: judge\nextraction: [full_text]"))
    (tmp_path / "judge.py").write_text(JUDGE)
    judge = f"{tmp_path / 'judge.py'}:Judge"
    here = ours("--tasks", file, "--model", "first_choice", "--judge", judge, "--out", "here")
    arguments = {"model": "first_choice", "judge": judge, "out": str(tmp_path / "there")}
    there = evaluate(bridged, "judged", "audiobench", model_args=arguments)
    assert 0 < acc(there, "judged") == here["metrics"]["acc"]["value"] < 1


def test_both_harnesses_share_one_journal(bridged: Path, evaluate: Any, ours: Any, tmp_path: Path, capfd: Any) -> None:
    ours("--tasks", bridged / "toy.yaml", "--model", "first_choice", "--out", "run")
    found = evaluate(bridged, "toy", "audiobench", model_args={"model": "first_choice", "out": str(tmp_path / "run")})
    assert "40 already done" in capfd.readouterr().err
    assert found["results"]["toy"]["sample_len"] == 40


def test_lm_evals_own_cache_keeps_outcomes(clumsy: Path, bridged: Path, evaluate: Any, tmp_path: Path) -> None:
    """A truncated answer is still a truncated one when it comes out of lm-eval's cache."""
    found = []
    for run in ("first", "second"):
        arguments = {"model": str(clumsy), "out": str(tmp_path / run)}
        found.append(evaluate(bridged, "toy", "audiobench", model_args=arguments, use_cache=str(tmp_path / "cache")))
    assert not (tmp_path / "second").exists()
    assert found[0]["results"] == found[1]["results"]
    assert found[0]["results"]["toy"]["no_answer,none"] > 0.1
    with pytest.raises(UsageError, match="it holds another model's answers"):
        evaluate(bridged, "toy", "audiobench", model_args={"model": "oracle"}, use_cache=str(tmp_path / "cache"))


def test_generation_parameters_of_the_command_line(bridged: Path, evaluate: Any, tmp_path: Path) -> None:
    arguments = {"model": "first_choice", "out": str(tmp_path / "run"), "seed": 7}
    found = evaluate(bridged, "toy", "audiobench", model_args=arguments, gen_kwargs={"temperature": 0.5}, limit=3)
    plan = json.loads((tmp_path / "run/toy/plan.json").read_text())
    assert plan["overrides"] == {"temperature": 0.5} and plan["seed"] == 7
    assert plan["ids"] == ["s0", "s1", "s2"]
    assert found["samples"]["toy"][0]["arguments"][0][1] == {"seed": 7, "temperature": 0.5}


@pytest.fixture
def stock(tmp_path: Path) -> dict[str, str]:
    """An environment with lm-eval as it is installed, but without its 14,000 task files, which take ten seconds."""
    import lm_eval

    package, copy = Path(lm_eval.__file__).parent, tmp_path / "site/lm_eval"
    (copy / "tasks").mkdir(parents=True)
    for entry in package.iterdir():
        if entry.name not in ("tasks", "__pycache__"):
            (copy / entry.name).symlink_to(entry)
    for module in (package / "tasks").glob("*.py"):
        (copy / "tasks" / module.name).symlink_to(module)
    return {**clean_environment(), "PYTHONPATH": str(copy.parent)}


def test_the_stock_command_line(stock: dict[str, str], bridged: Path, server: Any, ours: Any, tmp_path: Path) -> None:
    """By name with lm-eval's own chat class, and by path with `--model audiobench`: two processes at once."""
    url = server()
    lm_eval = [sys.executable, "-m", "lm_eval", "--log_samples", "--output_path"]
    chat = f"model=m,base_url={url}/chat/completions,num_concurrent=4"
    commands = {
        "by_name": ["--include_path", bridged, "--tasks", "toy", "--apply_chat_template",
                    "--model", "local-chat-completions", "--model_args", chat],
        "by_path": ["--tasks", bridged / "toy.yaml", "--model", "audiobench",
                    "--model_args", f"model=openai_chat:m,base_url={url},out={tmp_path / 'run'}"],
    }  # fmt: skip
    running = [
        subprocess.Popen(
            [*lm_eval, tmp_path / name, *map(str, rest)], cwd=tmp_path, env=stock, stderr=subprocess.PIPE, text=True
        )
        for name, rest in commands.items()
    ]
    value = ours("--tasks", bridged / "toy.yaml", "--model", "openai_chat:m", "--base-url", url)["metrics"]["acc"][
        "value"
    ]
    for name, process in zip(commands, running, strict=True):
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors[-2000:]
        (results,) = (tmp_path / name).rglob("results_*.json")
        assert acc(json.loads(results.read_text())) == value
        (log,) = (tmp_path / name).rglob("samples_*.jsonl")
        assert "base64" not in log.read_text() and log.stat().st_size < 100_000


def test_examples_with_sound_are_the_same_in_both_harnesses(
    bridged: Path, server: Any, evaluate: Any, ours: Any, tmp_path: Path
) -> None:
    url = server()
    here = ours(
        "--tasks", bridged / "toy.yaml", "--model", "openai_chat:m", "--base-url", url, "--out", "here",
        "--num-fewshot", "2",
    )  # fmt: skip
    journal = (tmp_path / "here" / "toy" / "samples.jsonl").read_text().splitlines()
    sent = {line["id"]: [clip["sha256"] for clip in line["audio"]] for line in map(json.loads, journal)}
    chat = {"model": "m", "base_url": f"{url}/chat/completions", "num_concurrent": 4}
    through_lm_eval = evaluate(
        bridged, "toy", "local-chat-completions", model_args=chat, apply_chat_template=True, num_fewshot=2
    )
    through_adapter = evaluate(
        bridged, "toy", "audiobench", num_fewshot=2,
        model_args={"model": "openai_chat:m", "base_url": url, "out": str(tmp_path / "a")},
    )  # fmt: skip
    assert acc(through_adapter) == acc(through_lm_eval) == here["metrics"]["acc"]["value"]
    for line in through_lm_eval["samples"]["toy"]:
        messages = json.loads(line["arguments"][0][0][0])
        assert [message["role"] for message in messages] == ["user", "assistant"] * 2 + ["user"]
        paths = [part["input_audio"]["path"] for m in messages if m["role"] == "user" for part in m["content"] if "input_audio" in part]  # fmt: skip
        assert len(paths) == len(sent[line["doc"]["id"]]) == 3
