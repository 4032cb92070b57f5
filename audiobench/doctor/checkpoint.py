"""The part of `audiobench doctor MODEL` that opens the model's checkpoint: configuration, tokenizer, tensors, an answer.

Small files of a Hub repository are fetched if the Hub can be reached; weights never are.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from audiobench.model.registry import capabilities

if TYPE_CHECKING:
    from audiobench.model.spec import ModelSpec

Status = Literal["ok", "note", "problem"]

SMALL_FILES = ["*.json", "*.txt", "*.model", "*.jinja"]


@dataclass(frozen=True)
class Check:
    """One line of the table."""

    name: str
    status: Status
    found: str
    fix: str = ""


def version_of(package: str) -> str | None:
    """Installed version of a distribution, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def of_checkpoint(spec: ModelSpec) -> list[Check]:
    """Checks of the checkpoint that the model file names; none where it names none."""
    folder, check = _folder(spec)
    if folder is None:
        return [*([check] if check else []), *_expected(spec)]
    config_file = folder / "config.json"
    if not config_file.is_file():
        return [Check("checkpoint", "problem", f"{folder} has no config.json")]
    data = json.loads(config_file.read_text(encoding="utf-8"))
    found = f"{data.get('model_type')} ({', '.join(data.get('architectures') or ['no architecture named'])})"
    checks = [Check("checkpoint", "ok", f"{folder}: {found}")]
    if data.get("model_type") != "step_audio_2":
        return checks
    lacking = [name for name in ("torch", "transformers", "safetensors") if version_of(name) is None]
    if lacking:
        return [*checks, Check("configuration", "note", f"not checked: needs {', '.join(lacking)}")]
    checks += _configuration(spec, folder)
    checks += _tokenizer(folder)
    if capabilities(spec).reads_checkpoint and not any(c.status == "problem" for c in checks):
        checks.append(_answer(spec))
    return checks


def _expected(spec: ModelSpec) -> list[Check]:
    """For a released Step-Audio model that is not on this machine: what its configuration must add up to."""
    declared = spec.weights.parameters if spec.weights else None
    if spec.serve is None or not spec.serve.plugin or declared is None:
        return []
    from model_adapters.step_audio.sizes import RELEASED_TEXT, parameters

    totals = {size: parameters(text) / 1e9 for size, text in RELEASED_TEXT.items()}
    size, total = min(totals.items(), key=lambda item: abs(item[1] - declared))
    status: Status = "ok" if abs(total - declared) < 0.001 else "problem"
    return [Check("parameters", status, f"expected {declared} B; the {size} configuration gives {total:.3f} B")]


def _folder(spec: ModelSpec) -> tuple[Path | None, Check | None]:
    if capabilities(spec).reads_checkpoint:
        from model_adapters.local import EMBEDDED

        named = spec.options.get("checkpoint") or (spec.weights.repo if spec.weights else None)
        return (Path(os.path.expanduser(named)) if named else EMBEDDED), None
    if spec.weights is None:
        return None, None
    from audiobench.serving.planner import located

    folder = Path(located(spec.weights.repo)).expanduser()
    if folder.is_dir():
        return folder, None
    from huggingface_hub import snapshot_download

    try:
        found = snapshot_download(
            spec.weights.repo, revision=spec.weights.revision, allow_patterns=SMALL_FILES, etag_timeout=5
        )
    except Exception as error:  # the Hub's client has many kinds
        return None, Check(
            "checkpoint", "note", f"{spec.weights.repo} was not looked at: {type(error).__name__} from the Hub"
        )
    return Path(found), None


def _configuration(spec: ModelSpec, folder: Path) -> list[Check]:
    from model_adapters.step_audio.reference import count_parameters, load_config

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
    import torch

    from model_adapters.step_audio.reference import StepAudio2
    from model_adapters.step_audio.weights import (
        CheckpointError,
        checkpoint_files,
        is_quantised,
        to_published,
        without_quantisation,
    )

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
    from model_adapters.step_audio.tokenizer import THINK_END, THINK_OFF, THINK_ON, SpecialTokens, load_tokenizer

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


def _answer(spec: ModelSpec) -> Check:
    import numpy as np
    import torch

    from model_adapters.local import EMBEDDED
    from model_adapters.step_audio.reference import Reference
    from model_adapters.step_audio.sampling import Sampling

    model = Reference.load(spec.options.get("checkpoint") or (spec.weights.repo if spec.weights else EMBEDDED))
    torch.set_num_threads(1)  # of a small model: more threads only wait for each other
    t = np.arange(32_000) / 16_000
    beeps = 0.3 * np.sin(2 * np.pi * 660 * t) * ((t % 0.7) < 0.2)
    prompt = model.prompt(beeps.astype(np.float32), "How many beeps?\nA. 1\nB. 2\nC. 3\nD. 4")
    answer = model.generate([prompt], Sampling(max_new_tokens=64))[0]
    words = " ".join(answer.text.split())
    return Check("answer", "ok" if answer.ids else "problem", f"{prompt.audio_tokens} audio tokens in, out: {words!r}")
