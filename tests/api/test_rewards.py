"""A task's verdict as a reward, in the forms that TRL and verl call, and the selection that both read."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from audiobench import cli, rewards
from audiobench.core.errors import UsageError
from audiobench.core.types import Sample
from tests.run.conftest import make_task

SAMPLE = Sample(id="1", question="Which?", choices=("a dog", "a cat"), target="a cat")
RIGHT, WRONG = "<think>It meows.</think>B", "<think>It meows.</think>A"


@pytest.mark.parametrize(
    ("completion", "score", "status"),
    [
        (RIGHT, 1.0, "scored"),
        ("B", 0.8, "scored"),
        (WRONG, 0.2, "scored"),
        ("A", 0.0, "scored"),
        ("<think></think>B", 0.8, "scored"),
        ("<think>It meows, and B", 0.0, "truncated"),
        ("<think>It meows.</think>I cannot say.", 0.2, "unparsed"),
    ],
)
def test_the_reward_is_the_reports(completion: str, score: float, status: str) -> None:
    earned = rewards.task_reward("mmau").earned(completion, SAMPLE)
    assert earned.score == pytest.approx(score) and earned.status == status


def test_weights_readings_and_grounding_are_chosen() -> None:
    plain = rewards.task_reward("mmau", accuracy=1.0, reasoning=0.0)
    assert plain.earned("B", SAMPLE).score == 1.0
    begun = rewards.task_reward("mmau", prefill="<think>\n")
    assert begun.earned("It meows.</think>B", SAMPLE).score == pytest.approx(1.0)
    assert begun.earned("B", SAMPLE).score == 0.0, "a thought that was begun for the model and never closed"
    # the official scorer compares the option's words, and finds none in a letter
    official = rewards.task_reward("mmau", reading="official")
    assert official.earned("B", SAMPLE).score == 0.0 and official.earned("a cat", SAMPLE).score == pytest.approx(0.8)
    heard = rewards.task_reward(
        "mmau", accuracy=0.6, reasoning=0.2, grounding=0.2, grounded=lambda thought, sample: float("meow" in thought)
    )
    assert heard.earned(RIGHT, SAMPLE).score == pytest.approx(1.0)
    assert heard.earned("<think>Cats.</think>B", SAMPLE).score == pytest.approx(0.8)
    with pytest.raises(ValueError, match="grounded: returned 3"):
        rewards.task_reward("mmau", accuracy=0.8, reasoning=0.0, grounding=0.2, grounded=lambda *_: 3.0).earned(
            RIGHT, SAMPLE
        )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"task": "mmau", "accuracy": 0.9}, "must be 0 or more and add up to 1"),
        ({"task": "mmau", "accuracy": 0.7, "grounding": 0.1}, "give a weight and a function"),
        ({"task": "wildspeech"}, "not right or wrong by a rule"),
        ({"task": "librispeech_clean"}, "not right or wrong by a rule"),
        ({"task": "listening_count", "reading": "official"}, "has no official verdict"),
    ],
)
def test_what_is_no_reward_is_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        rewards.TaskReward(**options)


def test_trl_hands_over_columns_and_more() -> None:
    score = rewards.task_reward("mmau")
    columns = {"choices": [["a dog", "a cat"]] * 2, "target": [["a cat"]] * 2, "metadata": ["{}"] * 2}
    conversations = [[{"role": "assistant", "content": text}] for text in (RIGHT, WRONG)]
    for completions in ([RIGHT, WRONG], conversations):
        found = score(
            prompts=["p"] * 2, completions=completions, completion_ids=[[1], [2]], trainer_state=object(), **columns
        )
        assert found == pytest.approx([1.0, 0.2])
    assert score.__name__ == "audiobench_mmau"


@pytest.fixture
def selection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What `audiobench difficulty` writes for trainers, of a run of the random control."""
    monkeypatch.chdir(tmp_path)
    toy = make_task(tmp_path / "toy", 12)
    words = ["run", "--model", "random", "--tasks", str(toy), "--epochs", "4", "--out", "r", "--quiet"]
    assert cli.main(words) == 0
    assert cli.main(["difficulty", "r", "--k", "4", "--keep", "1..2", "--trainer", "rows.parquet"]) == 0
    return tmp_path / "rows.parquet"


def test_the_selection_holds_prompts_clips_and_what_the_reward_needs(
    selection: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import pyarrow.parquet as pq

    rows = pq.read_table(selection).to_pylist()
    kept = [json.loads(line) for line in Path("r/difficulty.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["id"] for row in rows] == [line["id"] for line in kept] and 0 < len(rows) < 12
    row = rows[0]
    (turn,) = row["prompt"]
    assert turn["role"] == "user" and turn["content"].endswith("<audio>") and Path(row["audios"][0]).is_file()
    assert row["data_source"] == "audiobench/toy" and row["kept"] and row["k"] == 4
    letter = "ABCD"[row["choices"].index(row["target"][0])]
    made = rewards.compute_score(
        f"audiobench/{Path('toy/toy.yaml').resolve()}", letter, row["reward_model"]["ground_truth"], row["extra_info"]
    )
    assert made == {"score": pytest.approx(0.8), "accuracy": 1.0, "reasoning": 0.0, "grounding": 0.0}
    with pytest.raises(UsageError, match="data_source toy: must be audiobench/"):
        rewards.compute_score("toy", "A", "x")


def test_one_grpo_step_of_trl(selection: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trl: Any = pytest.importorskip("trl", reason="TRL is not installed (pip install trl)")
    import torch
    from datasets import Dataset
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    words = ["<pad>", "<eos>", *"ABCD", "?", ":", "which", "sound", "is", "it", "item", "<unk>"]
    inner = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>")
    tokenizer.chat_template = "{% for m in messages %}{{ m.content }}{% endfor %}"
    torch.manual_seed(0)
    size = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = Qwen2ForCausalLM(
        Qwen2Config(vocab_size=len(words), num_key_value_heads=2, pad_token_id=0, eos_token_id=1, **size)
    )
    before = model.lm_head.weight.detach().clone()
    settings = trl.GRPOConfig(
        output_dir="trl", per_device_train_batch_size=8, num_generations=8, max_completion_length=2, max_steps=1,
        learning_rate=0.1, report_to=[], use_cpu=True, bf16=False, logging_steps=1, beta=0.0, save_strategy="no",
    )  # fmt: skip
    trainer = trl.GRPOTrainer(
        model=model, processing_class=tokenizer, args=settings, train_dataset=Dataset.from_parquet(str(selection)),
        reward_funcs=[rewards.task_reward(Path("toy/toy.yaml"), accuracy=1.0, reasoning=0.0)],
    )  # fmt: skip
    trainer.train()
    logged = [line for line in trainer.state.log_history if "reward" in line]
    assert 0 <= logged[0]["reward"] <= 1 and "rewards/audiobench_toy/mean" in logged[0]
    assert torch.isfinite(model.lm_head.weight).all()
    if logged[0]["reward_std"] > 0:
        assert not torch.equal(before, model.lm_head.weight.cpu())


def test_verls_reward_manager_calls_it(selection: Path) -> None:
    naive: Any = pytest.importorskip(
        "verl.workers.reward_manager.naive", reason="verl is not installed (pip install verl)"
    )
    import numpy as np
    import pyarrow.parquet as pq
    import torch
    from verl import DataProto

    row = pq.read_table(selection).to_pylist()[0]
    letter = "ABCD"[row["choices"].index(row["target"][0])]
    texts = {1: "which", 2: letter, 3: "Z"}
    tokenizer = SimpleNamespace(
        decode=lambda ids, skip_special_tokens: " ".join(texts[int(i)] for i in ids), eos_token=""
    )
    data = DataProto.from_dict(
        tensors={"prompts": torch.tensor([[1], [1]]), "responses": torch.tensor([[2], [3]]),
                 "attention_mask": torch.ones(2, 2, dtype=torch.long)},
        non_tensors={name: np.array([row[name]] * 2, dtype=object) for name in ("reward_model", "extra_info")}
        | {"data_source": np.array([f"audiobench/{Path('toy/toy.yaml').resolve()}"] * 2, dtype=object)},
    )  # fmt: skip
    manager = naive.NaiveRewardManager(tokenizer, num_examine=0, compute_score=rewards.compute_score)
    found = manager(data, return_dict=True)
    assert found["reward_tensor"].sum(-1).tolist() == pytest.approx([0.8, 0.0])
    assert found["reward_extra_info"]["accuracy"] == [1.0, 0.0]
