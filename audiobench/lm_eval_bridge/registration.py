"""What lm-eval 0.4.13 has no plug-ins for: put our model, metrics and aggregations into its registries.

Later releases read the entry points `lm_eval.models`, `lm_eval.metrics` and `lm_eval.aggregations` themselves; what is
there already stays.
"""

from __future__ import annotations

from importlib import import_module

from audiobench.lm_eval_bridge import metrics


def register() -> None:
    """Make `--model audiobench` and the metrics wer and cer known to lm-eval; safe to call again."""
    # first: lm-eval fills its own registries only while they are empty
    import_module("lm_eval.models")
    from lm_eval.api import registry

    if "audiobench" not in registry.model_registry:
        registry.model_registry.register("audiobench", target="audiobench.lm_eval_bridge.model:AudiobenchLM")
    for name, pool in metrics.AGGREGATIONS.items():
        if name not in registry.aggregation_registry:
            registry.aggregation_registry.register(name, target=pool)
        if name not in registry.metric_registry:
            registry.metric_registry.register(name, target=metrics.METRICS[name])
        if name not in registry.higher_is_better_registry:
            registry.higher_is_better_registry.register(name, target=False)
        if name not in registry.metric_agg_registry:
            registry.metric_agg_registry.register(name, target=pool)
