"""Checkpoints in the published naming: strict, sharded or not; every misfit is named."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from model_adapters.step_audio.reference import Reference, StepAudio2
from model_adapters.step_audio.testing import make_tiny_checkpoint, tiny_config
from model_adapters.step_audio.weights import CheckpointError, load_strict, to_module, to_published

PUBLISHED = (
    "lm_head.weight",
    "model.embed_tokens.weight",
    "model.norm.weight",
    "model.layers.1.self_attn.q_proj.bias",
    "encoder.conv1.weight",
    "encoder.conv2.bias",
    "encoder.positional_embedding.weight",
    "encoder.blocks.1.attn.query.bias",
    "encoder.blocks.1.attn.out.bias",
    "encoder.blocks.0.attn_ln.weight",
    "encoder.blocks.0.mlp.0.weight",
    "encoder.blocks.0.mlp.2.bias",
    "encoder.blocks.0.mlp_ln.bias",
    "encoder.after_norm.weight",
    "adapter.conv.weight",
    "adapter.linear1.bias",
    "adapter.linear2.weight",
)


def test_names_are_the_published_ones(tiny_checkpoint):
    names = set(load_file(tiny_checkpoint / "model.safetensors"))
    assert set(PUBLISHED) <= names
    assert "encoder.blocks.0.attn.key.bias" not in names
    model = StepAudio2(tiny_config())
    assert {to_published(name) for name, _ in model.named_parameters()} == names
    assert all(to_module(to_published(name)) == name for name, _ in model.named_parameters())


def test_sharded_and_single_hold_the_same_model(tmp_path, tiny_checkpoint):
    sharded = make_tiny_checkpoint(tmp_path, shard_bytes=1_000_000)
    shards = sorted(p.name for p in sharded.glob("*.safetensors"))
    assert len(shards) > 3 and shards[0].startswith("model-00001-of-")
    one, other = Reference.load(tiny_checkpoint), Reference.load(sharded)
    for (name, a), (_, b) in zip(one.model.named_parameters(), other.model.named_parameters(), strict=True):
        assert torch.equal(a, b), name


def rewrite(folder, change):
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop("adapter.conv.bias"), "missing adapter.conv.bias"),
        (lambda t: t.update({"encoder.blocks.9.attn.key.bias": torch.zeros(2)}), "extra encoder.blocks.9.attn.key.b"),
        (
            lambda t: t.update({"lm_head.weight": torch.zeros(7, 128)}),
            r"misshapen lm_head.weight is \[7, 128\], not \[320, 128\]",
        ),
    ],
)
def test_a_misfit_is_named(tmp_path, change, words):
    folder = make_tiny_checkpoint(tmp_path)
    rewrite(folder, change)
    with pytest.raises(CheckpointError, match=words):
        Reference.load(folder)


def test_many_missing_tensors_are_counted(tmp_path):
    folder = make_tiny_checkpoint(tmp_path)
    rewrite(folder, lambda t: [t.pop(name) for name in list(t) if name.startswith("encoder.blocks.")])
    with pytest.raises(CheckpointError, match=r"missing encoder.blocks.0.attn.key.weight.* and \d+ more"):
        Reference.load(folder)


def test_a_lost_shard_and_a_wrong_index(tmp_path):
    folder = make_tiny_checkpoint(tmp_path, shard_bytes=1_000_000)
    index = folder / "model.safetensors.index.json"
    data = json.loads(index.read_text(encoding="utf-8"))
    first, last = (sorted(set(data["weight_map"].values()))[i] for i in (0, -1))
    moved = next(name for name, file in data["weight_map"].items() if file == first)
    data["weight_map"][moved] = last
    index.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(CheckpointError, match="the index says"):
        Reference.load(folder)
    (folder / last).unlink()
    with pytest.raises(CheckpointError, match=f"1 of .* shards are missing, first {last}"):
        Reference.load(folder)
    index.write_text("[]", encoding="utf-8")
    with pytest.raises(CheckpointError, match="no weight_map"):
        Reference.load(folder)
    index.unlink()
    with pytest.raises(CheckpointError, match=r"neither model.safetensors.index.json nor model.safetensors"):
        load_strict(StepAudio2(tiny_config()), folder)


def test_bfloat16_checkpoints_load_as_asked(tmp_path):
    folder = make_tiny_checkpoint(tmp_path, dtype=torch.bfloat16)
    assert Reference.load(folder).model.adapter.linear1.weight.dtype == torch.float32
    kept = Reference.load(folder, dtype=torch.bfloat16)
    assert {p.dtype for p in kept.model.parameters()} == {torch.bfloat16}
