"""audiobench and lm-eval (0.4.13): our tasks and models inside lm-eval, lm-eval's audio task inside audiobench.

    lm_eval --include_path tasks --tasks listening --model local-chat-completions --apply_chat_template --model_args ...
    lm_eval --tasks tasks/listening/listening.yaml --model audiobench --model_args model=oracle
    python -m audiobench.lm_eval_bridge --include_path tasks --tasks listening --model audiobench --model_args model=...
    audiobench run --tasks lm_eval:common_voice_en --model ...

Nothing of lm-eval is imported before one of the names below is used: `docs/lm_eval.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audiobench.lm_eval_bridge.metrics import cer, pooled_cer, pooled_wer, wer
    from audiobench.lm_eval_bridge.model import AudiobenchLM
    from audiobench.lm_eval_bridge.task import AudioBenchTask

__all__ = ["AudioBenchTask", "AudiobenchLM", "cer", "pooled_cer", "pooled_wer", "wer"]

_HOMES = {"AudioBenchTask": "task", "AudiobenchLM": "model"}


def __getattr__(name: str) -> Any:
    """`AudioBenchTask` and the other public names, with everything registered in lm-eval."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    import_module(f"{__name__}.registration").register()
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'metrics')}"), name)
