"""A checkpoint of the Step-Audio family opened with PyTorch, for `audiobench doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from audiobench.model.checks import Check
from audiobench.model.spec import ModelSpec
from model_adapters.step_audio.reference import Reference, StepAudio2, count_parameters, load_config
from model_adapters.step_audio.sampling import Sampling
from model_adapters.step_audio.tokenizer import THINK_END, THINK_OFF, THINK_ON, SpecialTokens, load_tokenizer
from model_adapters.step_audio.weights import (
    CheckpointError,
    checkpoint_files,
    is_quantised,
    to_published,
    without_quantisation,
)


def examined(spec: ModelSpec, folder: Path, *, answers: bool) -> list[Check]:
    """Configuration, tensors and special tokens in `folder`; with `answers`, what the model says to a clip of beeps."""
    checks = [*_configuration(spec, folder), *_tokenizer(folder)]
    if answers and not any(check.status == "problem" for check in checks):
        checks.append(_answer(folder))
    return checks


def _configuration(spec: ModelSpec, folder: Path) -> list[Check]:

    try:
        config = load_config(folder)
    except ValueError as error:
        return [Check("configuration", "problem", str(error))]
    text, audio = config.text_config, config.audio_encoder_config
    sizes = (
        f"decoder {text.num_hidden_layers} layers x {text.hidden_size}, {text.num_attention_heads} heads, "
        f"{text.num_key_value_heads} kv, vocabulary {text.vocab_size}, context {text.max_position_embeddings}; "
        f"encoder {audio.n_audio_layer} x {audio.n_audio_state}; mel_trim_frames {config.mel_trim_frames}"
    )
    checks = [Check("configuration", "ok", sizes)]
    counts = count_parameters(config)
    total = counts["total"] / 1e9
    words = f"{total:.3f} B" if total >= 0.1 else f"{counts['total'] / 1e6:.2f} M"
    words += (
        f" (encoder {counts['encoder'] / 1e6:.1f} M, adaptor {counts['adapter'] / 1e6:.1f} M) from the configuration"
    )
    declared = spec.weights.parameters if spec.weights else None
    if declared and abs(declared - total) > 0.005 * declared:
        checks.append(Check("parameters", "problem", f"{words}; the model file says {declared} B",
                            "another checkpoint than the one the model file is about?"))  # fmt: skip
    else:
        checks.append(Check("parameters", "ok", words))
    return [*checks, *_tensors(folder, config)]


def _tensors(folder: Path, config: Any) -> list[Check]:

    try:
        held = set(checkpoint_files(folder))
    except CheckpointError as error:
        return [Check("tensors", "note", f"not checked: {error}")]
    quantised = is_quantised(folder)
    if quantised:
        held = without_quantisation(held)
    with torch.device("meta"):
        model = StepAudio2(config)
    expected = {to_published(name) for name, _ in model.named_parameters()}
    missing, extra = sorted(expected - held), sorted(held - expected)
    if missing or extra:
        words = "; ".join(f"{len(names)} {what}, first {names[0]}" for what, names in
                          (("missing", missing), ("extra", extra)) if names)  # fmt: skip
        return [Check("tensors", "problem", words, "download the checkpoint again")]
    scales = " (quantised: the scales are checked when vLLM loads them)" if quantised else ""
    return [Check("tensors", "ok", f"all {len(held)} names fit{scales}")]


def _tokenizer(folder: Path) -> list[Check]:

    try:
        tokenizer = load_tokenizer(folder)
        special = SpecialTokens.of(tokenizer)
    except (ValueError, OSError) as error:
        return [Check("special tokens", "problem", str(error))]
    ids = (
        f"<|BOT|> {special.bot}, <|EOT|> {special.eot}, <audio_start> {special.audio_start}, "
        f"<audio_end> {special.audio_end}, <audio_patch> {special.audio_patch}; a turn ends with {list(special.stop)}"
    )
    split = {text: tokenizer(text, add_special_tokens=False)["input_ids"] for text in (THINK_ON, THINK_OFF, THINK_END)}
    words = "; ".join(f"{text!r} = {ids}" for text, ids in split.items())
    single = tokenizer.get_vocab().get("<think>")
    checks = [Check("special tokens", "ok", ids)]
    if single is None:
        checks.append(Check("<think>", "ok", f"ordinary text: {words}"))
    else:
        checks.append(Check("<think>", "note", f"one token ({single}) here, unlike the published family: {words}"))
    return checks


def _answer(folder: Path) -> Check:

    model = Reference.load(folder)
    torch.set_num_threads(1)  # of a small model: more threads only wait for each other
    t = np.arange(32_000) / 16_000
    beeps = 0.3 * np.sin(2 * np.pi * 660 * t) * ((t % 0.7) < 0.2)
    prompt = model.prompt(beeps.astype(np.float32), "How many beeps?\nA. 1\nB. 2\nC. 3\nD. 4")
    answer = model.generate([prompt], Sampling(max_new_tokens=64))[0]
    words = " ".join(answer.text.split())
    return Check("answer", "ok" if answer.ids else "problem", f"{prompt.audio_tokens} audio tokens in, out: {words!r}")
