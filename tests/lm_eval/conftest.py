"""lm-eval in this process, with nothing but the tasks of a test in its index (its own 14,000 take ten seconds)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.run.conftest import cli, make_task, server, toy  # noqa: F401  fixtures

BRIDGE = "class: !function audiobench.lm_eval_bridge.AudioBenchTask\n"
WER_TASK = """\
task: words
dataset_path: items.jsonl
doc_to_id: "{{id}}"
doc_to_audio: "{{audio}}"
doc_to_target: "{{question}}"
prompt: [{text: "Write down what is said."}]
extraction: [full_text]
scorer: wer
metric_list: [{metric: wer, aggregation: mean, higher_is_better: false}]
"""


@pytest.fixture
def bridged(tmp_path: Path) -> Path:
    """A folder with two tasks over 40 clips that run in both harnesses: toy (options) and words (recognition)."""
    file = make_task(tmp_path / "tasks", 40)
    file.write_text(BRIDGE + file.read_text())
    (file.parent / "words.yaml").write_text(BRIDGE + WER_TASK)
    return file.parent


@pytest.fixture
def evaluate() -> Callable[..., dict[str, Any]]:
    """`lm_eval.simple_evaluate` over the tasks of a folder."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    import audiobench.lm_eval_bridge as bridge

    assert bridge.AudioBenchTask  # as lm-eval does on reading `class: !function ...`: everything is registered

    def run(folder: Path, task: str, model: Any, **options: Any) -> dict[str, Any]:
        arguments = options.get("model_args")
        index = TaskManager(
            include_path=str(folder), include_defaults=False, metadata=arguments if isinstance(arguments, dict) else {}
        )
        found = simple_evaluate(model=model, tasks=[task], task_manager=index, bootstrap_iters=0, **options)
        assert found is not None
        return dict(found)

    return run


@pytest.fixture
def ours(cli: Callable[..., Any]) -> Callable[..., dict[str, Any]]:  # noqa: F811
    """`audiobench run ... --json`; the first summary."""

    def run(*arguments: str | Path) -> dict[str, Any]:
        import json

        done = cli("run", *arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["results"][0]

    return run
