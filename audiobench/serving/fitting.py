"""Which servers of a model are started on which GPUs, by arithmetic alone: nothing is looked up and nothing started.

A GPU offers a share of its memory (vLLM's `gpu-memory-utilization`). Off that go its part of the weights and a
workspace for activations and CUDA graphs; what is left is KV cache. A plan keeps the longest context, then the fewest
GPUs a server, then the smaller share that has room for one whole context; the other GPUs get servers of their own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from audiobench.model.spec import ModelSpec
from audiobench.serving.gpus import GIB, Gpu

CONTEXTS = (65_536, 32_768, 16_384)
"""Tokens: what `max-model-len` steps down through before a model is refused."""
SHARES = (0.90, 0.95)
"""Of a GPU's memory that vLLM may take: the usual one, and the one tried before the context steps down."""
WORKSPACE = 2 * GIB
"""Bytes on each GPU for activations and CUDA graphs."""
SPARE = GIB // 2
"""Bytes of a GPU's free memory that are not counted: a process's CUDA context takes them before vLLM looks, and vLLM
refuses to start where less is free than its share."""
TOKENS_A_SEQUENCE = 4096
"""KV tokens by which concurrent sequences are counted: an audio question, and the 2,300 to 2,800 tokens that
Step-Audio-R1 thinks (arXiv 2511.15848, figures 4 and 5), with room to spare."""
MOST_SEQUENCES = 256
UNKNOWN_KV_SHARE = 0.25
"""Of the weights' size, kept as KV cache where the model file does not say what a token takes."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a model takes."""

    weights: float
    """Bytes."""
    replicated: float
    """Bytes of the weights that every GPU of a server holds whole (an audio encoder that is not split)."""
    kv_per_token: float | None
    """Bytes over all GPUs of a server; None where it is not known."""
    context: int | None
    """Tokens, as the model file wishes it."""
    sequences: int | None
    """`max-num-seqs` of the model file; None = as many as the KV cache suggests."""
    tensor_parallel: tuple[int, ...]
    """GPUs a server, ascending."""
    shares: tuple[float, ...] = SHARES
    """Of a GPU's memory, in the order in which they are tried."""
    exact: bool = False
    """No shorter context will do."""

    @property
    def contexts(self) -> tuple[int | None, ...]:
        """The wished context, then the shorter ones; only the wish where the KV cache cannot be counted."""
        if self.context is None or self.kv_per_token is None or self.exact:
            return (self.context,)
        return (self.context, *(c for c in CONTEXTS if c < self.context))

    def weights_on(self, tensor_parallel: int) -> float:
        """Bytes of weights on each GPU of a server of so many."""
        return (self.weights - self.replicated) / tensor_parallel + self.replicated

    def kv_tokens(self, room: float, tensor_parallel: int) -> int:
        """KV tokens of a server whose GPUs each offer `room` bytes; negative where not even the weights fit."""
        assert self.kv_per_token is not None
        left = room - self.weights_on(tensor_parallel) - WORKSPACE
        return math.floor(left * tensor_parallel / self.kv_per_token)

    def bytes_on(self, tensor_parallel: int, context: int | None) -> float:
        """Bytes that each GPU of a server must offer for the weights and one whole context."""
        kv = UNKNOWN_KV_SHARE * self.weights if self.kv_per_token is None else self.kv_per_token * (context or 1)
        return self.weights_on(tensor_parallel) + WORKSPACE + kv / tensor_parallel


@dataclass(frozen=True, slots=True)
class Fit:
    """Where a model fits."""

    needs: Needs
    groups: tuple[tuple[Gpu, ...], ...]
    """The GPUs of each server."""
    shares: tuple[float, ...]
    """Of its GPUs' memory, for each server: less than asked where other processes hold some."""
    context: int | None
    """Tokens."""
    kv_tokens: int | None
    """Of each server, or of the poorest."""
    unused: int = 0
    """GPUs without a server: too few are left for one more, or too little of their memory is free."""

    @property
    def tensor_parallel(self) -> int:
        """GPUs a server."""
        return len(self.groups[0])

    @property
    def data_parallel(self) -> int:
        """Servers."""
        return len(self.groups)

    @property
    def sequences(self) -> int | None:
        """`max-num-seqs` of each server: the model file's, else from the KV cache."""
        if self.needs.sequences is not None or self.kv_tokens is None:
            return self.needs.sequences
        return max(1, min(MOST_SEQUENCES, self.kv_tokens // TOKENS_A_SEQUENCE))

    def lines(self) -> list[str]:
        """Every figure, for people."""
        per = "each of the GPUs" if self.tensor_parallel > 1 else "the GPU"
        many = self.data_parallel > 1
        servers = f"{self.data_parallel} servers (data parallel)" if many else "1 server"
        gpus = f"{self.tensor_parallel} GPUs" if self.tensor_parallel > 1 else "1 GPU"
        kind = " (tensor parallel)" if self.tensor_parallel > 1 else ""
        lines = [
            f"{servers} on {gpus}{' each' if many else ''}{kind}",
            *[f"left without a server: {self.unused} GPU{'s' if self.unused > 1 else ''}"] * (self.unused > 0),
            f"weights: {self.needs.weights / GIB:.1f} GiB, {self.needs.weights_on(self.tensor_parallel) / GIB:.1f} GiB "
            f"on {per}",
            f"memory share: {min(self.shares):.2f}; workspace: {WORKSPACE / GIB:.0f} GiB a GPU",
        ]
        if self.needs.kv_per_token is not None and self.kv_tokens is not None:
            size = self.kv_tokens * self.needs.kv_per_token / GIB
            lines.append(
                f"KV cache: {size:.1f} GiB = {self.kv_tokens:,} tokens a server, "
                f"{self.needs.kv_per_token:,.0f} bytes a token"
            )
        else:
            lines.append("KV cache: what is left; the model file does not say what a token takes")
        if self.context is not None:
            shorter = f" (the model file's {self.needs.context:,} does not fit)" if self.stepped_down else ""
            lines.append(f"context: {self.context:,} tokens{shorter}")
        if self.sequences is not None:
            lines.append(f"concurrent sequences: {self.sequences} a server")
        return lines

    def brief(self) -> str:
        """The figures in one line: `4 x TP2, context 65,536, share 0.90, 310k KV tokens, 75 sequences`."""
        parts = [f"{self.data_parallel} x TP{self.tensor_parallel}"]
        if self.context is not None:
            parts.append(f"context {self.context:,}")
        parts.append(f"share {min(self.shares):.2f}")
        if self.kv_tokens is not None:
            parts.append(f"{self.kv_tokens / 1000:.0f}k KV tokens")
        if self.sequences is not None:
            parts.append(f"{self.sequences} sequences")
        return ", ".join(parts)

    @property
    def stepped_down(self) -> bool:
        """Whether the context is shorter than the model file's."""
        return self.context != self.needs.context


def needs_of(spec: ModelSpec) -> Needs:
    """What the model file says that serving takes."""
    weights, serve = spec.weights, spec.serve
    args = serve.args if serve else {}
    per_token = weights.kv_bytes_per_token if weights else None
    if per_token is not None and str(args.get("kv-cache-dtype", "")).startswith("fp8"):
        per_token //= 2
    allowed = [n for n in (serve.tensor_parallel if serve else [1]) if n >= (serve.min_gpus if serve else 1)]
    return Needs(
        weights=1e9 * ((weights.gigabytes if weights else None) or 0.0),
        replicated=1e9 * ((weights.replicated_gigabytes if weights else None) or 0.0),
        kv_per_token=per_token,
        context=int(args["max-model-len"]) if "max-model-len" in args else None,
        sequences=int(args["max-num-seqs"]) if "max-num-seqs" in args else None,
        tensor_parallel=tuple(sorted(allowed)),
        shares=(float(args["gpu-memory-utilization"]),) if "gpu-memory-utilization" in args else SHARES,
    )


def fit(needs: Needs, gpus: Sequence[Gpu], tensor_parallel: int | None = None) -> Fit | None:
    """The servers that these GPUs can run (of `tensor_parallel` GPUs each, if given); None where not even one."""
    for context in needs.contexts:
        for parallel in needs.tensor_parallel if tensor_parallel is None else (tensor_parallel,):
            for share in needs.shares:
                if found := _fit(needs, gpus, context, parallel, share):
                    return found
    return None


def _fit(needs: Needs, gpus: Sequence[Gpu], context: int | None, parallel: int, share: float) -> Fit | None:
    need = needs.bytes_on(parallel, context)
    usable = [gpu for gpu in gpus if share_of(gpu, share) * gpu.total >= need]
    groups: list[tuple[Gpu, ...]] = []
    shares: list[float] = []
    rooms: list[float] = []
    for start in range(0, len(usable) - parallel + 1, parallel):
        group = tuple(usable[start : start + parallel])
        common = min(share_of(gpu, share) for gpu in group)
        room = min(common * gpu.total for gpu in group)
        if room >= need:
            groups.append(group)
            shares.append(common)
            rooms.append(room)
    if not groups:
        return None
    tokens = None if needs.kv_per_token is None else needs.kv_tokens(min(rooms), parallel)
    unused = len(gpus) - parallel * len(groups)
    return Fit(needs, tuple(groups), tuple(shares), context, tokens, unused)


def share_of(gpu: Gpu, share: float) -> float:
    """`share`, or less where other processes hold memory; rounded down to what the command line shows."""
    return math.floor(100 * min(share, (gpu.free - SPARE) / gpu.total) + 1e-9) / 100


def least(needs: Needs) -> list[tuple[int, float]]:
    """(GPUs, bytes of memory that each must have) of every allowed way to serve the model with its shortest context."""
    context = min((c for c in needs.contexts if c is not None), default=None)
    return [(n, needs.bytes_on(n, context) / max(needs.shares)) for n in needs.tensor_parallel]
