"""The part of `audiobench doctor MODEL` that opens the model's checkpoint: configuration, tokenizer, tensors, an answer.

Small files of a Hub repository are fetched if the Hub can be reached; weights never are.
"""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path

from audiobench.model.checks import Check
from audiobench.model.registry import FAMILIES, capabilities, family, served_family
from audiobench.model.spec import ModelSpec
from audiobench.serving.planner import located

SMALL_FILES = ["*.json", "*.txt", "*.model", "*.jinja"]


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
        known = served_family(spec)
        return [*([check] if check else []), *(known.expected(spec) if known else [])]
    config_file = folder / "config.json"
    if not config_file.is_file():
        return [Check("checkpoint", "problem", f"{folder} has no config.json")]
    data = json.loads(config_file.read_text(encoding="utf-8"))
    found = f"{data.get('model_type')} ({', '.join(data.get('architectures') or ['no architecture named'])})"
    checks = [Check("checkpoint", "ok", f"{folder}: {found}")]
    known = str(data.get("model_type")) in FAMILIES
    lacking = [name for name in ("torch", "transformers", "safetensors") if version_of(name) is None]
    if known and lacking:
        checks.append(Check("configuration", "note", f"not checked: needs {', '.join(lacking)}"))
    elif known and (found_family := family(data["model_type"])):
        checks += found_family.examined(spec, folder, answers=capabilities(spec).checkpoint is not None)
    return checks


def _folder(spec: ModelSpec) -> tuple[Path | None, Check | None]:
    if (own := capabilities(spec).checkpoint) is not None:
        return own, None
    if spec.weights is None:
        return None, None
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
