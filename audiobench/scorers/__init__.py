"""Scorers by name: our verdict, the official verdict and the official summary of each benchmark family.

`SCORERS` are the built-in ones; `find_scorer` also knows those of other packages and files (`audiobench.scorers.own`).
A module is loaded when one of its scorers is first used. Everything here is a pure function of texts and samples; a judge
is described (`Judge`), never called.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from importlib import import_module
from typing import Any

from audiobench.core import plugins
from audiobench.core.errors import UsageError
from audiobench.core.types import Sample
from audiobench.scorers import own
from audiobench.scorers.base import Judge, Scorer, ScoreResult
from audiobench.scorers.metrics import Mean, Metric, Rate
from audiobench.scorers.normalizers import with_normalizer

__all__ = [
    "SCORERS", "Judge", "Mean", "Metric", "Rate", "ScoreResult", "Scorer", "find_scorer", "metric_named",
    "official_verdicts",
]  # fmt: skip

_BUILT_IN: Mapping[str, str] = {
    "option_match": "general.OPTION_MATCH",
    "exact_match": "general.EXACT_MATCH",
    "numeric": "general.NUMERIC",
    "wer": "text.WER_ENGLISH",
    "wer_basic": "text.WER_BASIC",
    "wer_raw": "text.WER_RAW",
    "cer": "text.CER_LETTERS",
    "cer_zh_uro": "text.CER_URO",
    "cer_zh_speechio": "speechio.PLAIN",
    "cer_zh_speechio_leaderboard": "speechio.LEADERBOARD",
    "cer_zh_simplified": "speechio.SIMPLIFIED",
    "wer_open_asr": "open_asr.SCORER",
    "mer": "mixed.SCORER",
    "contextasr_wer": "contextasr.SCORER",
    "contextasr_ne_wer": "contextasr.NE_WER",
    "contextasr_ne_fnr": "contextasr.NE_FNR",
    "aura_answer": "aura.ANSWER",
    "aurascore_fcs": "aura.FCS",
    "aurascore_cis": "aura.CIS",
    "bleu": "text.BLEU",
    "bleu_zh": "text.BLEU_ZH",
    "bleu_ja": "text.BLEU_JA",
    "bleu_flores200": "translation.BLEU",
    "chrf": "translation.CHRF",
    "cider_d": "captions.SCORER",
    "comet": "translation.COMET",
    "alias_contained": "lists.ALIAS",
    "option_micro_f1": "lists.MICRO",
    "option_macro_f1": "lists.MACRO",
    "yes_no_f1": "lists.YES",
    "tags_micro_f1": "lists.TAG_MICRO",
    "tags_macro_f1": "lists.TAG_MACRO",
    "judge_rating_5": "general.RATED_OF_5",
    "judge_rating_10": "general.RATED_OF_10",
    "judge": "general.JUDGE",
    "mmau_string_match": "mmau.SCORER",
    "mmsu_letter_v1": "mmsu.V1",
    "mmsu_letter_v2": "mmsu.V2",
    "gsm8k_number": "spoken_mqa.SCORER",
    "bba_extract": "big_bench_audio.EXTRACT",
    "bba_judge_aa": "big_bench_audio.JUDGED",
    "wildspeech_judge": "wildspeech.SCORER",
    "mmar_rubrics": "mmar_rubrics.SCORER",
    "mmaupro_aif": "mmau_pro.AIF",
    "mmaupro_open_judge": "mmau_pro.OPEN",
    "voicebench_bbh": "voicebench.BBH",
    "voicebench_mcq": "voicebench.MCQ",
    "voicebench_refusal": "voicebench.REFUSAL",
    "voicebench_ifeval": "voicebench.IFEVAL",
    "voicebench_open": "voicebench_judge.OPEN",
    "voicebench_qa": "voicebench_judge.QA",
    "bfcl_ast": "bfcl.SCORER",
    "tool_use": "tool_use.SCORER",
    "speech_fc": "speech_fc.SCORER",
    "mt_bench": "dialogues.MT_BENCH",
    "multi_challenge": "dialogues.MULTI_CHALLENGE",
    "airbench_foundation": "airbench.FOUNDATION",
    "airbench_chat": "airbench.CHAT",
    "airbench_chat_win": "airbench.CHAT_WIN",
    "openaudiobench_llama": "openaudiobench.LLAMA",
    "openaudiobench_aliases": "openaudiobench.ALIASES",
    "openaudiobench_alpaca": "openaudiobench.ALPACA",
    "openaudiobench_reasoning": "openaudiobench.REASONING",
    "stepeval_paralinguistic": "stepeval.SCORER",
    "step_caption": "step_audio_r15.CAPTION",
    "step_spqa": "step_audio_r15.SPQA",
    "step_dialogue_understanding": "step_audio_r15.DIALOGUE",
    "voxparadox_agreement": "voxparadox.SCORER",
    "sakura_judge": "sakura.JUDGE",
    "sakura_given_single": "sakura.GIVEN_SINGLE",
    "msu_bench": "msu_bench.SCORER",
    "starbench": "starbench.SCORER",
    "starbench_acr": "starbench.ACR",
    "starbench_perception": "starbench.PERCEPTION",
    "majority_vote": "majority.SCORER",
    "rul_muchomusic": "rul_muchomusic.SCORER",
    "hallucination_2024": "audio_hallucination.OBJECT",
    "hallucination_2025": "audio_hallucination.ORDER",
    "speech_ifeval": "speech_ifeval.SCORER",
    "speech_ifeval_judge": "speech_ifeval.JUDGE",
    "speech_ifeval_cot": "speech_ifeval.COT",
    "seed_tts_wer": "seed_tts.WER",
    "seed_tts_cer": "seed_tts.CER",
    "sound_frechet": "sound.FRECHET",
    "sound_kl": "sound.KL",
    "sound_inception": "sound.INCEPTION",
    "sound_text_similarity": "sound.TEXT_SIMILARITY",
    "sound_reference_similarity": "sound.REFERENCE_SIMILARITY",
    "sound_voice_similarity": "sound.VOICE_SIMILARITY",
    "sound_mos": "sound.MOS",
}
"""Name -> module of this package and its scorer."""


class _BuiltIn(Mapping[str, Scorer]):
    """The table above, each scorer made when it is asked for."""

    def __getitem__(self, name: str) -> Scorer:
        module, _, constant = _BUILT_IN[name].partition(".")
        return getattr(import_module(f"{__name__}.{module}"), constant)

    def __contains__(self, name: object) -> bool:
        return name in _BUILT_IN

    def __iter__(self) -> Iterator[str]:
        return iter(_BUILT_IN)

    def __len__(self) -> int:
        return len(_BUILT_IN)


SCORERS: Mapping[str, Scorer] = _BuiltIn()


def metric_named(name: str) -> Metric | None:
    """The metric of that name that a built-in scorer makes: for results of tasks that are not at hand."""
    return _metrics().get(name)


@cache
def _metrics() -> Mapping[str, Metric]:
    return {scorer.metric.name: scorer.metric for scorer in reversed(list(SCORERS.values()))}


@lru_cache(maxsize=256)
def find_scorer(name: str, normalizer: str | None = None) -> Scorer:
    """The scorer of that name: built in, of another package's entry point, or `FILE.py:Class`.

    `normalizer`: what it normalises texts with instead of its own (`audiobench.scorers.normalizers`).

    Raises:
        UsageError: there is none, it does not work, or it takes no normaliser.
    """
    found = SCORERS[name] if name in SCORERS else own.find(name)
    if found is None:
        raise UsageError(plugins.unknown("scorer", name, SCORERS, "FILE.py:Class"))
    return found if normalizer is None else with_normalizer(found, normalizer)


def official_verdicts(scorer: Scorer, texts: Sequence[str | None], samples: Sequence[Sample]) -> list[Any]:
    """Official verdicts of a whole file in its order; empty where the scorer has no official rule."""
    if scorer.official_sequence is not None:
        return scorer.official_sequence(texts, samples)
    if scorer.official is None:
        return []
    return [scorer.official(t, s) for t, s in zip(texts, samples, strict=True)]
