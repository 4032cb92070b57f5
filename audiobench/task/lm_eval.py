"""`audiobench run --tasks lm_eval:NAME`: an audio task that lm-eval ships, as a task of ours.

What lm-eval declares is translated; what only code says is tried out where that is safe and refused where it is not.
Of lm-eval 0.4.13's tasks one has audio: common_voice_en. Its data comes through audiobench's own data cache, which
needs neither `datasets` nor torchcodec.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from audiobench.core import strict_yaml
from audiobench.core.errors import UsageError, install
from audiobench.core.narrow import is_list
from audiobench.task.spec import TaskSpec

SCORERS = {"bleu": "bleu", "wer": "wer", "cer": "cer"}
"""lm-eval metric -> scorer of ours that computes the same number (sacrebleu's corpus BLEU; the bridge's wer and cer)."""
_UNUSED = ("task", "task_alias", "tag", "group", "training_split", "validation_split", "fewshot_split",
           "num_fewshot", "fewshot_config", "repeats", "metadata", "description", "target_delimiter",
           "fewshot_delimiter", "should_decontaminate", "doc_to_decontamination_query")  # fmt: skip
_TRANSLATED = ("dataset_path", "dataset_name", "dataset_kwargs", "test_split", "output_type", "doc_to_audio",
               "doc_to_text", "doc_to_target", "generation_kwargs", "metric_list")  # fmt: skip
_FUNCTION = "!function "


def translate(name: str) -> tuple[TaskSpec, Path]:
    """lm-eval's task of that name, and its file.

    Raises:
        UsageError: lm-eval is not installed, has no such task, or the task says something that a task file cannot.
    """
    file = _find(name)
    config = dict(strict_yaml.read(file).data)

    if config.get("output_type", "generate_until") != "generate_until":
        why = f"output_type {config['output_type']}: it compares log-likelihoods, and models here generate text"
        raise UsageError(f"--tasks lm_eval:{name}: {why} ({file})")
    inside = f"python -m audiobench.lm_eval_bridge --model audiobench --model_args model=... --tasks {name}"

    def refuse(why: str) -> UsageError:
        return UsageError(
            f"--tasks lm_eval:{name}: {why} ({file}); lm-eval itself can run it on a model here: {inside}"
        )

    if not config.get("doc_to_audio"):
        raise refuse("it has no doc_to_audio: it is not an audio task")
    unknown = [key for key in config if key not in _UNUSED and key not in _TRANSLATED and config[key]]
    if unknown:
        raise refuse(f"{', '.join(unknown)}: code or filters that a task file cannot hold")
    metadata: dict[str, Any] = config.get("metadata") or {}
    metrics = config.get("metric_list") or [{"metric": "exact_match"}]
    scorer = SCORERS.get(str(metrics[0].get("metric")))
    if scorer is None or len(metrics) > 1:
        raise refuse(f"metric {metrics[0].get('metric')}: only {', '.join(SCORERS)} are the same number here as there")
    return TaskSpec.model_validate(
        {
            "task": re.sub(r"[^a-z0-9_\-]+", "_", name.lower()),
            "task_alias": f"{config.get('task_alias') or name} (lm-eval)",
            "tag": ["lm_eval"],
            "source": {"notes": f"lm-eval's own task {name}, version {metadata.get('version')}"},
            "dataset_path": config["dataset_path"],
            "dataset_name": config.get("dataset_name"),
            "test_split": config.get("test_split") or config.get("validation_split") or "test",
            "doc_to_audio": _audio_column(config["doc_to_audio"], file, refuse),
            "doc_to_target": config["doc_to_target"],
            "prompt": [_prompt(config["doc_to_text"], file, refuse)],
            "generation_kwargs": _generation(config.get("generation_kwargs") or {}),
            "extraction": ["full_text"],
            "scorer": scorer,
        }
    ), file


def _find(name: str) -> Path:
    package = importlib.util.find_spec("lm_eval")
    if package is None or not package.submodule_search_locations:
        raise UsageError(f"--tasks lm_eval:{name}: lm-eval is not installed: {install('lm-eval')}")
    root = Path(package.submodule_search_locations[0]) / "tasks"
    declares = re.compile(rb"^task:\s*[\"']?" + re.escape(name.encode()) + rb"[\"']?\s*(?:#.*)?$", re.MULTILINE)
    likely = root.rglob(f"{name}.yaml") if re.fullmatch(r"[\w\-]+", name) else ()
    for file in (*likely, *root.rglob("*.yaml")):
        if declares.search(file.read_bytes()):
            return file
    raise UsageError(f"--tasks lm_eval:{name}: lm-eval has no task of that name in {root}")


def _function(text: str, file: Path) -> Callable[[Any], Any]:
    """The function that `!function module.name` names, from the module beside the file."""
    module_name, _, function = text.removeprefix(_FUNCTION).rpartition(".")
    spec = importlib.util.spec_from_file_location(module_name, file.parent / f"{module_name}.py")
    if spec is None or spec.loader is None or not (file.parent / f"{module_name}.py").is_file():
        raise UsageError(f"{file}: {text}: no module {module_name}.py beside it")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, function)


class _Probe(dict[str, Any]):
    """A document of which only the use is of interest: `probe[column][key]` gives a mark of that place."""

    def __init__(self, place: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.place = place

    def __missing__(self, key: str) -> _Probe:
        return _Probe((*self.place, key))


def _audio_column(value: Any, file: Path, refuse: Callable[[str], UsageError]) -> str:
    """The column that holds the clip: named, or re-packed by a function as {array, sampling_rate}."""
    if not str(value).startswith(_FUNCTION):
        return str(value)
    try:
        given = _function(value, file)(_Probe())
        (clip,) = given if is_list(given) else [given]
        places: dict[str, tuple[str, ...]] = (
            {key: part.place for key, part in clip.items()} if clip else {"array": (*clip.place, "array")}
        )
        column = places["array"][0]
        plain = all(place == (column, key) for key, place in places.items())
    except Exception:
        plain = False
        column = ""
    if not plain:
        raise refuse(f"doc_to_audio is code ({value}) that does more than pass a column on")
    return "{{" + column + "}}"


def _prompt(value: Any, file: Path, refuse: Callable[[str], UsageError]) -> dict[str, Any]:
    """The prompt; text before a leading or trailing placeholder decides the order, the placeholder itself goes."""
    text = str(value)
    if text.startswith(_FUNCTION):
        used: list[str] = []

        class Doc(dict[str, Any]):
            def __missing__(self, key: str) -> str:
                used.append(key)
                return ""

        try:
            text = _function(text, file)(Doc())
        except Exception:
            raise refuse(f"doc_to_text is code ({value}) that could not be tried out") from None
        if used:
            raise refuse(f"doc_to_text is code ({value}) over the columns {', '.join(used)}")
    elif "{" not in text:
        text = "{{" + text + "}}"  # a column's name
    audio_last = text.rstrip().endswith("<audio>")
    return {
        "name": "lm_eval",
        "source": f"lm-eval, {file.parent.name}/{file.name}; a model class of lm-eval puts the clip in place of <audio>",
        "order": ["text", "audio"] if audio_last else ["audio", "text"],
        "text": re.sub(r"\s*<audio>", "", text).strip(),
    }


def _generation(given: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in given.items() if key != "do_sample"}
    if given.get("do_sample") is False:
        kept["temperature"] = 0.0
    return {"until": [], **kept}
