"""Measures that are networks: the classes of transformers, tiny and untrained, loaded from a folder as real weights are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audiobench.core.errors import UsageError
from audiobench.media.made_sounds import render
from audiobench.sound import Heard, find_measure
from audiobench.sound.measure import Measure

torch: Any = pytest.importorskip("torch", reason="networks run on torch, an extra")
transformers: Any = pytest.importorskip("transformers", reason="networks are those of transformers, an extra")


def heard(rate: int, *captions: str) -> list[Heard]:
    waves = [render(caption, 1.0, rate).astype(np.float32) for caption in captions]
    return [Heard(wave, caption, reference=wave, voice=wave) for wave, caption in zip(waves, captions, strict=True)]


def prepared(written: str, monkeypatch: pytest.MonkeyPatch) -> Measure:
    monkeypatch.setenv("AUDIOBENCH_DEVICE", "cpu")
    measure = find_measure(written)
    measure.prepare()
    return measure


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLAP, an AST and a WavLM of a few thousand weights."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    root = tmp_path_factory.mktemp("networks")
    torch.manual_seed(0)
    words = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "beep": 4, "low": 5}
    plain = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=plain,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        model_max_length=32,
    ).save_pretrained(root / "clap")
    text = {"vocab_size": 8, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
            "max_position_embeddings": 64, "projection_dim": 8}  # fmt: skip
    audio = {"spec_size": 64, "patch_size": 4, "patch_stride": [4, 4], "num_mel_bins": 16, "window_size": 4, "hidden_size": 32,
             "patch_embeds_hidden_size": 16, "depths": [1, 1], "num_attention_heads": [2, 2], "projection_dim": 8, "num_classes": 4}  # fmt: skip
    clap = transformers.ClapConfig(text_config=text, audio_config=audio, projection_dim=8)
    transformers.ClapModel(clap).save_pretrained(root / "clap")
    transformers.ClapFeatureExtractor(
        feature_size=16,
        sampling_rate=16_000,
        hop_length=480,
        max_length_s=1,
        fft_window_size=512,
        truncation="rand_trunc",
    ).save_pretrained(root / "clap")
    ast = transformers.ASTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        num_mel_bins=32,
        max_length=64,
        num_labels=5,
    )
    transformers.ASTForAudioClassification(ast).save_pretrained(root / "ast")
    transformers.ASTFeatureExtractor(num_mel_bins=32, max_length=64).save_pretrained(root / "ast")
    wavlm = transformers.WavLMConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, conv_dim=[8, 8], conv_kernel=[10, 3],
        conv_stride=[5, 2], num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2, tdnn_dim=[8, 8, 16], tdnn_kernel=[3, 3, 1],
        tdnn_dilation=[1, 2, 1], xvector_output_dim=8, num_feat_extract_layers=2,
    )  # fmt: skip
    transformers.WavLMForXVector(wavlm).save_pretrained(root / "wavlm")
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(root / "wavlm")
    return root


def test_clap_makes_vectors_of_sounds_and_captions(folder: Path, monkeypatch: pytest.MonkeyPatch):
    measure = prepared(f"clap={folder / 'clap'}", monkeypatch)
    found = measure.measure(heard(measure.rate, "a low beep", "a hiss"))
    assert [one.arrays["vector"].shape for one in found] == [(8,), (8,)]
    assert {*found[0].values} == {"text_similarity", "reference_similarity"} <= measure.gives
    assert (
        found[0].values["reference_similarity"] == pytest.approx(1.0) and -1 <= found[0].values["text_similarity"] <= 1
    )
    assert len(measure.identity) == 64
    alone = measure.measure(heard(measure.rate, "a low beep"))
    assert alone[0].arrays["vector"] == pytest.approx(found[0].arrays["vector"], abs=1e-5), "whatever is in the batch"


def test_clap_hears_all_of_a_long_sound_the_same_way_each_time(folder: Path, monkeypatch: pytest.MonkeyPatch):
    measure = prepared(f"clap={folder / 'clap'}", monkeypatch)
    wave = render("a low beep, then a hiss, then a high sweep", 3.5, measure.rate).astype(np.float32)
    first, again = (measure.measure([Heard(wave)])[0].arrays["vector"] for _ in range(2))
    assert np.array_equal(first, again)
    start = measure.measure([Heard(wave[: measure.rate])])[0].arrays["vector"]
    assert not np.allclose(first, start, atol=1e-4)


def test_ast_makes_vectors_and_labels(folder: Path, monkeypatch: pytest.MonkeyPatch):
    measure = prepared(f"ast={folder / 'ast'}", monkeypatch)
    (found,) = measure.measure(heard(measure.rate, "a low beep"))
    assert {name: values.shape for name, values in found.arrays.items()} == {
        "vector": (16,), "logits": (5,), "reference_vector": (16,), "reference_logits": (5,)
    }  # fmt: skip
    assert np.array_equal(found.arrays["logits"], found.arrays["reference_logits"])


def test_wavlm_compares_voices(folder: Path, monkeypatch: pytest.MonkeyPatch):
    measure = prepared(f"wavlm_sv={folder / 'wavlm'}", monkeypatch)
    same, other = heard(measure.rate, "a low beep", "a hiss")
    found = measure.measure([same, Heard(same.sound, voice=other.sound), Heard(same.sound[:100])])
    assert found[0].values == {"voice_similarity": pytest.approx(1.0)}
    assert found[1].values["voice_similarity"] < 1.0 and found[2].values == {}, "nothing to compare with"


def test_other_weights_are_another_measure(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    before = prepared(f"ast={folder / 'ast'}", monkeypatch).identity
    (folder / "ast" / "note.txt").write_text("changed", "utf-8")
    assert prepared(f"ast={folder / 'ast'}", monkeypatch).identity != before
    with pytest.raises(UsageError, match="measure ast: weights"):
        prepared(f"ast={tmp_path / 'nowhere'}", monkeypatch)
    with pytest.raises(UsageError, match="tiny has no weights"):
        find_measure("tiny=x")


def test_dnsmos_rates_noise_below_a_tone(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("speechmos", reason="an extra (mos) that CI does not install")
    measure = prepared("dnsmos", monkeypatch)
    rng = np.random.default_rng(0)
    noise = (0.1 * rng.standard_normal(16_000)).astype(np.float32)
    tone, rough = measure.measure([Heard(5 * heard(16_000, "a low beep")[0].sound), Heard(noise)])
    assert {*tone.values} == measure.gives and all(
        0.5 <= v <= 5.0 for v in (*tone.values.values(), *rough.values.values())
    )
    assert rough.values["mos_background"] < tone.values["mos_background"]
    assert measure.identity
