"""Training batches: a function of the step, never an evaluation clip, and a tree that equals separate prompts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (the extra local)")
pytest.importorskip("transformers", reason="transformers is not installed (the extra local)")

from audiobench.data.listening.draw import Draw  # noqa: E402
from audiobench.data.listening.items import training_item  # noqa: E402
from audiobench.data.listening.synthesis import render  # noqa: E402
from model_adapters.step_audio.prompts import Turn  # noqa: E402
from model_adapters.step_audio.reference import Reference, StepAudio2  # noqa: E402
from model_adapters.step_audio.tiny import batches, model, tokenizer  # noqa: E402
from model_adapters.step_audio.tiny.prompts import STYLES, user_text  # noqa: E402
from model_adapters.step_audio.tokenizer import load_tokenizer  # noqa: E402


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer.save(tokenizer.build(1_000_000), folder)
    return load_tokenizer(folder)


def test_a_batch_is_a_function_of_seed_and_step(words, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(batches, "SHAPES", ((2.0, 2), (3.0, 2)))
    a, b = (batches.Maker(1_000_001, words)[3] for _ in range(2))
    other = batches.Maker(1_000_001, words)[4]
    for name in ("ids", "positions", "segments", "targets", "weights", "events", "roles"):
        assert np.array_equal(getattr(a, name), getattr(b, name)), name
    assert all(np.array_equal(x, y) for x, y in zip(a.mels, b.mels, strict=True))
    assert not np.array_equal(a.ids, other.ids)


def test_an_evaluation_seed_is_refused(words):
    with pytest.raises(ValueError, match="seed 777001: training seeds start at 1000000"):
        batches.Maker(777_001, words)


def test_every_branch_of_the_tree_equals_its_own_prompt(words, monkeypatch: pytest.MonkeyPatch):
    """Next-token probabilities inside the tree = those of the reference on the prompt the harness would send."""
    monkeypatch.setattr(batches, "SHAPES", ((2.0, 1), (2.5, 1)))
    torch.manual_seed(0)
    trainer = model.TinyTrainer(model.tiny_config()).eval()
    plain = StepAudio2(model.tiny_config())
    plain.load_state_dict({k: v for k, v in trainer.state_dict().items() if not k.startswith(("events.", "tree"))})
    reference = Reference(plain, words)
    maker = batches.Maker(1_000_005, words)
    batch = next(b for b in (maker[i] for i in range(9)) if b.mels)
    captured: list[torch.Tensor] = []
    trainer.language_model.lm_head.register_forward_hook(lambda m, i, out: captured.append(out))
    with torch.no_grad():
        trainer(batch)
    places = np.argwhere(batch.targets >= 0)
    tree = captured[0][: len(places)].float().log_softmax(-1)
    eot = words.convert_tokens_to_ids("<|EOT|>")
    checked = 0
    for row in range(2):
        for node in (2, 3, 5, 6):
            path = [0, node - 1 if node in (2, 5) else node - 2, node]
            ids = [i for part in path for i in batch.ids[row][batch.segments[row] == part].tolist()]
            at = [n for n, (r, c) in enumerate(places) if r == row and batch.segments[r, c] == node]
            prompt = reference.prompts.build([Turn("user", ("x",))])
            prompt.ids = ids[: len(ids) - len(at) + 1]
            prompt.mels = [torch.from_numpy(batch.mels[row][0])]
            alone = reference.logprobs(prompt, ids[len(ids) - len(at) + 1 :])
            assert (alone - tree[at]).abs().max() < 2e-4
            wanted = [int(batch.targets[tuple(places[n])]) for n in at]
            assert wanted == [*ids[len(ids) - len(at) + 1 :], eot]
            checked += 1
    assert checked == 8


def test_a_row_spells_what_the_prompt_builder_builds(words, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(batches, "SHAPES", ((3.0, 1),))
    monkeypatch.setattr(batches, "draw_style", lambda draw: "lettered")
    maker = batches.Maker(1_000_007, words, text_share=0.0)
    reference = Reference(StepAudio2(model.tiny_config()), words)
    item = training_item(1_000_007, "syllables", 0)
    asked = [(item.family.name, item.question, item.choices, item.target, item.trace)] * 2
    clip = render(item.scene, Draw("x")).astype(np.float32) / 32768
    prompt = reference.prompt(clip, user_text(item.question, item.choices), prefill="<think>\n")
    row = maker._row(item.scene, asked, prompt.audio_tokens, Draw("y"))
    think = row[2][0].tolist()
    given = int((row[2][2] < 0).sum()) + 1
    assert prompt.ids == [*row[0][0].tolist(), *row[1][0].tolist(), *think[:given]]
    assert words.decode(think) == f"<think>\n{item.trace}\n</think>\n{item.target}"


def test_events_of_a_token_follow_the_clip():
    item = training_item(1_000_000, "first_vowel", 3)
    told = batches.token_events(item.scene, round(item.scene.seconds / 0.08))
    assert told[:, 1].sum() == len(item.events)
    for event in item.events:
        middle = int((event["start"] + event["end"]) / 2 / 0.08)
        assert batches.CLASSES[told[middle, 0]] == event["label"]


@pytest.mark.parametrize("style", STYLES)
def test_every_way_of_asking_names_the_options(style: str):
    text = user_text("How many?", ("1", "2"), style)
    assert text.startswith("How many?")
    assert style == "open" or ("1" in text and "2" in text)
    with pytest.raises(ValueError, match="style 'loud' is not one of lettered"):
        user_text("How many?", ("1", "2"), "loud")


def test_the_listening_task_asks_the_way_the_model_was_trained(root: Path):
    from audiobench.core import strict_yaml
    from audiobench.core.template import render as fill
    from audiobench.data.listening.families import FAMILIES
    from audiobench.task.spec import TaskSpec

    wanted = user_text("Q?", ("x", "y"))
    seen: dict[str, set[str]] = {}
    for file in sorted((root / "tasks" / "listening").glob("*.yaml")):
        task = strict_yaml.validate(TaskSpec, file)
        first = task.prompt[0]
        assert list(first.order) == ["audio", "text"]
        options = [{"letter": "A", "text": "x"}, {"letter": "B", "text": "y"}]
        assert fill(first.text, {"question": "Q?", "options": options}) == wanted
        seen[file.stem] = set(task.dataset_kwargs.get("families", [f.name for f in FAMILIES]))
    for domain in ("speech", "sound", "music"):
        assert seen[f"listening_{domain}"] == {f.name for f in FAMILIES if f.domain == domain}
    assert seen["listening_count"] == {f.name for f in FAMILIES if f.tally}
