"""Modules of the project are imported at the top of a module, so that a cycle cannot hide in a function."""

import ast
import subprocess
import sys
from pathlib import Path

from audiobench.cli import COMMANDS

ROOT = Path(__file__).parents[2]
LISTING = "`tasks list` into a pipe answers in 80 ms, without rich, msgspec and the readers of data"
SOUND = "decodes with soundfile and numpy, which a run of answers made elsewhere never needs"
TORCH = "torch and transformers, seconds of import: only where a model runs in this process"
ALLOWED = {
    "audiobench -> audiobench.api": "every command imports the package, and few need the Python API",
    "audiobench.cli.output -> audiobench.core.disk": LISTING,
    "audiobench.cli.output -> audiobench.core.sheet": LISTING,
    "audiobench.cli.tasks -> audiobench.core.sheet": LISTING,
    "audiobench.cli.tasks -> audiobench.data": LISTING,
    "audiobench.cli.tasks -> audiobench.data.checking": LISTING,
    "audiobench.cli.tasks -> audiobench.data.lengths": LISTING,
    "audiobench.cli.tasks -> audiobench.task.check": LISTING,
    "audiobench.cli.tasks -> audiobench.task.groups": LISTING,
    "audiobench.task.find -> audiobench.core.strict_yaml": LISTING,
    "audiobench.task.find -> audiobench.task.lm_eval": LISTING,
    "audiobench.task.find -> audiobench.task.spec": LISTING,
    "audiobench.data.materialise -> audiobench.data.listening": "makes its clips with numpy; other data sets need none",
    "audiobench.media.converting -> audiobench.media.decoding": SOUND,
    "audiobench.media.reading -> audiobench.media.decoding": SOUND,
    "audiobench.media.sounds -> audiobench.media.decoding": SOUND,
    "audiobench.media.answers -> audiobench.media.decoding": SOUND,
    "audiobench.media.waves -> audiobench.media.decoding": SOUND,
    "audiobench.view.pictures -> audiobench.media.decoding": SOUND,
    "model_adapters.realtime.adapter -> model_adapters.realtime.stamped": "builds on websockets, an extra",
    "model_adapters.local -> model_adapters.step_audio.prompts": TORCH,
    "model_adapters.local -> model_adapters.step_audio.reference": TORCH,
    "model_adapters.local -> model_adapters.step_audio.sampling": TORCH,
    "model_adapters.step_audio -> model_adapters.step_audio.configuration": TORCH,
    "model_adapters.step_audio.doctor -> model_adapters.step_audio.examination": TORCH,
    "model_adapters.step_audio.doctor -> model_adapters.step_audio.golden": TORCH,
    "model_adapters.step_audio.tiny.evaluate -> model_adapters.step_audio.reference": TORCH,
    "model_adapters.step_audio.tiny.evaluate -> model_adapters.step_audio.sampling": TORCH,
    "model_adapters.vllm_engine -> model_adapters.step_audio.prompts": TORCH,
}
"""Importer -> imported: why that import stands in a function."""


def test_only_what_is_heavy_is_imported_in_a_function():
    modules = {_name(path): path for top in ("audiobench", "model_adapters") for path in (ROOT / top).rglob("*.py")}
    found = {f"{name} -> {of}" for name, path in modules.items() for of in _hidden(path) & modules.keys()}
    assert found == ALLOWED.keys()


def test_the_options_of_every_command_are_declared_without_heavy_libraries():
    code = """
import sys
before = set(sys.modules)
from audiobench.cli import COMMANDS, build_parser
for name in COMMANDS:
    build_parser(name)
print(*{name.split(".")[0] for name in set(sys.modules) - before} - sys.stdlib_module_names)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {"audiobench", "msgspec", "typing_extensions"}


def test_every_command_has_its_options_and_what_it_runs():
    parsers = {path.stem for path in (ROOT / "audiobench/cli/parsers").glob("*.py")} - {"__init__"}
    modules = {path.stem for path in (ROOT / "audiobench/cli").glob("*.py")}
    assert parsers == COMMANDS.keys()
    assert parsers <= modules


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _hidden(path: Path) -> set[str]:
    """Every module, and every name of one, that a function of the file imports."""
    functions = [
        node
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    imports = [node for function in functions for node in ast.walk(function)]
    names = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
    for node in imports:
        if isinstance(node, ast.ImportFrom):
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            whole = {name for name in inner if (ROOT / name.replace(".", "/")).with_suffix(".py").exists()}
            whole |= {name for name in inner if (ROOT / name.replace(".", "/")).is_dir()}
            names |= whole or {str(node.module)}
    return names
