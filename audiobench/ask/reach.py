"""Reaching the model of a run: at given addresses, at servers of our own, or on the replicas of a cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence

from audiobench.ask import identity
from audiobench.ask.prepare import Prepared
from audiobench.ask.replicated import replicas, wanted_of
from audiobench.core.errors import UsageError
from audiobench.files import run_info
from audiobench.model.adapter import Adapter, KeepsAudio
from audiobench.model.registry import build_adapter
from audiobench.model.spec import ModelSpec
from audiobench.serving import launch
from audiobench.serving.planner import Plan, plan_server, starts_server
from audiobench.serving.pool import EndpointPool


def check_server(prepared: Prepared, adapter: Adapter | None) -> None:
    """Raise UsageError when the server says that it is another model than the one that gave this run's answers."""
    options, file = prepared.options, prepared.folder / run_info.FILE
    prepared.server = identity.told(adapter)
    if prepared.finished and file.is_file() and not options.allow_other_model:
        identity.check_same(run_info.read(prepared.folder).server, prepared.server, answers=prepared.finished)


def reached(prepared: Prepared) -> Adapter | None:
    """The adapter of a server that the user names, to ask it what it serves; None where that cannot be."""
    if not (prepared.options.base_url or prepared.model.base_url):
        return None
    try:
        return adapter_for(prepared, prepared.options.base_url)
    except UsageError:
        return None


def reach(prepared: Prepared) -> Adapter | None:
    """The adapter of a model that is there already; None for one whose server can be started here, or whose replicas on a
    cluster, which is not done yet.

    Raises:
        UsageError: no key, no address, no GPU that fits.
    """
    if wanted_of(prepared.options) is not None:
        return None
    if not starts_server(prepared.model, prepared.options.base_url):
        return adapter_for(prepared, prepared.options.base_url)
    check_context(prepared, plan_server(prepared.model))
    return None


def check_context(prepared: Prepared, plan: Plan) -> None:
    """Raise UsageError when requests ask for more new tokens than the planned context holds: vLLM refuses them all."""
    if plan.fit is None or (context := plan.fit.context) is None:
        return
    for work in prepared.works:
        for condition in work.conditions if work.samples else ():
            asked = work.request(work.samples[0], condition, 0).generation.get("max_gen_toks") or 0
            if asked > context:
                raise UsageError(
                    f"model {prepared.model.name}: on these GPUs its context is {context:,} tokens, and task "
                    f"{work.task.task} asks for up to {asked:,} new ones: --gen max_gen_toks={context * 3 // 4} leaves "
                    "room for the prompt; what is cut there counts as truncated"
                )


@contextlib.contextmanager
def answering(prepared: Prepared, there: Adapter | None) -> Generator[Adapter]:
    """The adapter, for as long as it is used; `there`: what `reach` gave.

    Raises:
        UsageError: as `endpoints`, and as `replicas`.
        IncompleteError: a cluster has no room for the replicas.
    """
    options, wanted = prepared.options, wanted_of(prepared.options)
    if there is not None:
        yield there
    elif wanted is not None:
        with replicas(
            prepared.model, wanted, base_urls=options.base_url, timeout=options.timeout, quiet=options.quiet
        ) as fleet:
            fleet.audio_folder = prepared.folder / "answers"
            yield fleet
    else:
        with endpoints(prepared.model, options.base_url, quiet=options.quiet) as base_urls:
            yield adapter_for(prepared, base_urls)


@contextlib.contextmanager
def endpoints(model: ModelSpec, base_urls: Sequence[str], *, quiet: bool = False) -> Generator[Sequence[str]]:
    """Where the model answers: the given servers, else our own for a model file that says how to serve it.

    Raises:
        UsageError: no GPU fits, with what is needed, what is there and what else can be done.
    """
    if not starts_server(model, base_urls):
        yield base_urls
        return

    with launch.serve(model, progress=launch.silent if quiet else None) as server:
        yield server.base_urls


def adapter_for(prepared: Prepared, base_urls: Sequence[str]) -> Adapter:
    """The model's adapter: one endpoint, or a pool of them. Adapters that answer in audio keep it under `answers/`."""
    timeout = prepared.options.timeout
    adapters = [build_adapter(prepared.model, base_url=url, timeout=timeout) for url in base_urls or [None]]
    for adapter in adapters:
        if isinstance(adapter, KeepsAudio):
            adapter.audio_folder = prepared.folder / "answers"
    if len(adapters) > 1:
        return EndpointPool(adapters)
    return adapters[0]
