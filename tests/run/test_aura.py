"""AURA's scores by their exact procedure: a judge's questions one after another, then an NLI model, each as a stage."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from audiobench.scorers import aura
from tests.run.conftest import wav

torch = pytest.importorskip("torch", reason="PyTorch (extra local) is not installed")
transformers = pytest.importorskip("transformers", reason="transformers (extra local) is not installed")
Cli = Callable[..., CompletedProcess[str]]

CODE = '''
import json
from pathlib import Path

from audiobench.model import Response

WORDS = ["a man has a hat", "a woman wears a coat", "nothing is seen"]


def reply(system, user):
    """What the judge says; the same for the stage and for the official script."""
    if "is_correct" in system + user:
        return json.dumps({"is_correct": "Clubs." not in user})
    if "factual_consistency_score" in system + user:
        return '```json\\n{"factual_consistency_score": 0.75,}\\n```'
    return json.dumps({"sanitized_reasoning": WORDS[len(user) % 3]})


class Model:
    def __init__(self, spec, *, base_url=None, timeout=60.0):
        pass

    async def generate(self, request):
        right = request.sample.target if request.sample.id != "v2" else "Clubs."
        return Response(right, reasoning=f"I hear it in {request.sample.id} and infer it.")

    async def close(self):
        pass


class Judge(Model):
    async def generate(self, request):
        with Path("asked.txt").open("a") as asked:
            asked.write(f"{request.sample_id}\\n")
        system, user = (message.parts[0].text for message in request.messages)
        return Response(reply(system, user))
'''
ROWS = [
    {"id": f"v{number}", "question": "What is thrown?", "options": {"A": "Balls.", "B": "Clubs.", "C": "Rings.", "D": "None."},
     "correct_answer_key": key, "gold_reasoning": f"The sound of number {number} says it.", "video_id": f"v{number}", "category": "cr"}
    for number, key in enumerate("ACAD")
]  # fmt: skip


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two tiny classifiers with random weights, made here."""
    made: list[Path] = []
    for seed in (0, 1):
        folder = tmp_path_factory.mktemp(f"nli{seed}")
        words = [
            "[PAD]",
            "[UNK]",
            "[CLS]",
            "[SEP]",
            "a",
            "man",
            "has",
            "hat",
            "woman",
            "wears",
            "coat",
            "nothing",
            "is",
            "seen",
        ]
        (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
        transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
        torch.manual_seed(seed)
        config = transformers.BertConfig(
            vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
            max_position_embeddings=64, initializer_range=1.0, num_labels=3,
            id2label={0: "contradiction", 1: "entailment", 2: "neutral"},
            label2id={"contradiction": 0, "entailment": 1, "neutral": 2},
        )  # fmt: skip
        transformers.BertForSequenceClassification(config).save_pretrained(folder)
        made.append(folder)
    return made


@pytest.fixture
def bench(tmp_path: Path, checkpoints: list[Path]) -> Iterator[Path]:
    (tmp_path / "made.py").write_text(CODE, encoding="utf-8")
    (tmp_path / "audio").mkdir()
    for number in range(len(ROWS)):
        (tmp_path / "audio" / f"v{number}.wav").write_bytes(wav(seed=number))
    (tmp_path / "aura.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    for number, folder in enumerate(checkpoints):
        (tmp_path / f"nli{number}.yaml").write_text(
            f"name: nli{number}\nadapter: nli\nserved_model: tiny\ntext_only: true\noptions: {{checkpoint: {json.dumps(str(folder))}}}\n",
            encoding="utf-8",
        )
    yield tmp_path


def entails(folder: Path) -> Callable[[str, str], float]:
    """As the official script: softmax over three classes, class 1."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()

    def probability(premise: str, hypothesis: str) -> float:
        with torch.inference_mode():
            return float(torch.softmax(model(**tokenizer(premise, hypothesis, return_tensors="pt")).logits[0], -1)[1])

    return probability


def official(folder: Path) -> dict[str, float]:
    """What the official script prints for the same answers, reasonings, replies and weights."""
    made: dict[str, Any] = {}
    exec(CODE.replace("from audiobench.model import Response", ""), made)  # the judge's own words
    items = [
        {**row, "question": row["id"], "m_answer": "Clubs." if row["id"] == "v2" else row["options"][row["correct_answer_key"]],
         "m_reason": f"I hear it in {row['id']} and infer it."}
        for row in ROWS
    ]  # fmt: skip
    return aura.evaluate(items, "m", made["reply"], entails(folder)).averages()


def run(cli: Cli, task: str, *more: str) -> CompletedProcess[str]:
    return cli("run", "--model", "made.py:Model", "--tasks", task, "--data", f"{task}=aura.jsonl", "--out", task, *more)


def summary(folder: Path, task: str) -> dict[str, Any]:
    (entry,) = json.loads((folder / task / task / "summary.json").read_text("utf-8"))
    return entry


def asked(folder: Path) -> list[str]:
    file = folder / "asked.txt"
    lines = sorted(file.read_text().split()) if file.is_file() else []
    file.unlink(missing_ok=True)
    return lines


def test_the_inference_score_is_the_official_one_in_two_stages(cli: Cli, bench: Path, checkpoints: list[Path]) -> None:
    task = "aura_audio_cis"
    first = run(cli, task, "--judge", "made.py:Judge")
    assert first.returncode == 4 and "--nli MODEL has compared what the judge took out" in first.stderr + first.stdout
    assert asked(bench) == ["v0"] * 3 + ["v1"] * 3 + ["v2"] + ["v3"] * 3, "a wrong answer is not asked about further"
    assert summary(bench, task)["counts"]["error"] == 3
    second = run(cli, task, "--judge", "made.py:Judge", "--nli", "nli0.yaml")
    assert second.returncode == 0, second.stderr
    assert asked(bench) == [], "the judge's replies are kept"
    entry = summary(bench, task)
    assert entry["counts"]["scored"] == 4
    expected = official(checkpoints[0])
    assert 100 * entry["metrics"]["cis"]["value"] == pytest.approx(expected["CIS"], abs=0.006) and expected["CIS"] > 0
    assert "aura_inference" in entry["fingerprint"]["judge"] and " + nli0 " in entry["fingerprint"]["judge"]
    third = run(cli, task, "--judge", "made.py:Judge", "--nli", "nli1.yaml")
    assert third.returncode == 0 and asked(bench) == []
    other = summary(bench, task)
    assert 100 * other["metrics"]["cis"]["value"] == pytest.approx(official(checkpoints[1])["CIS"], abs=0.006)
    assert other["metrics"]["cis"]["value"] != entry["metrics"]["cis"]["value"]
    assert other["fingerprint"]["judge"] != entry["fingerprint"]["judge"], "other weights are another score"


def test_the_facts_are_asked_for_where_the_judge_finds_the_answer_right(
    cli: Cli, bench: Path, checkpoints: list[Path]
) -> None:
    done = run(cli, "aura_audio_fcs", "--judge", "made.py:Judge")
    assert done.returncode == 0, done.stderr
    assert asked(bench) == ["v0"] * 2 + ["v1"] * 2 + ["v2"] + ["v3"] * 2
    value = summary(bench, "aura_audio_fcs")["metrics"]["fcs"]["value"]
    assert 100 * value == pytest.approx(official(checkpoints[0])["FCS"]) == 100 * 3 * 0.75 / 4


def test_what_is_no_nli_model_is_refused(cli: Cli, bench: Path) -> None:
    done = run(cli, "aura_audio_cis", "--judge", "made.py:Judge", "--nli", "oracle")
    assert done.returncode == 2 and "--nli oracle: no NLI model" in done.stderr
    done = run(cli, "aura_audio_cis", "--judge", "gpt-5.4-mini", "--judge-batch")
    assert done.returncode == 2 and "asks its judge one question after another" in done.stderr
