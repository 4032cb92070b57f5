"""What fits where: the arithmetic of weights and KV cache, and the plans for GPUs that are not here."""

from __future__ import annotations

from pathlib import Path

import pytest

from audiobench.cli import main
from audiobench.core.errors import UsageError
from audiobench.model.registry import find_model
from audiobench.serving.fitting import fit, least, needs_of
from audiobench.serving.gpus import GIB, Gpu, imagined

R1 = needs_of(find_model("step-audio-r1"))
MINI = needs_of(find_model("step-audio-2-mini"))


def plan(needs, cards, tensor_parallel=None):
    found = fit(needs, imagined(cards), tensor_parallel)
    assert found is not None
    return found


def shape(found):
    return found.tensor_parallel, found.data_parallel, found.shares[0], found.context


@pytest.mark.parametrize("name", ["mini", "r1"])
def test_the_model_files_say_what_the_configuration_adds_up_to(name):
    from model_adapters.step_audio.configuration import released_config
    from model_adapters.step_audio.reference import count_parameters

    config = released_config(name)
    text, counts = config.text_config, count_parameters(config)
    needs = {"mini": MINI, "r1": R1}[name]
    head = text.hidden_size // text.num_attention_heads
    assert needs.kv_per_token == text.num_hidden_layers * 2 * text.num_key_value_heads * head * 2
    assert needs.weights == pytest.approx(2 * counts["total"], rel=0.003)
    assert needs.replicated == pytest.approx(2 * (counts["encoder"] + counts["adapter"]), rel=0.01)


def test_r1_in_figures():
    assert R1.weights / GIB == pytest.approx(62.4, abs=0.05)
    one = plan(R1, "1xH100-80")
    assert shape(one) == (1, 1, 0.95, 32_768)
    assert one.kv_tokens == pytest.approx(46_000, rel=0.01)
    assert one.kv_tokens * R1.kv_per_token / GIB == pytest.approx(11, abs=0.5)
    assert plan(R1, "1xH200").kv_tokens == pytest.approx(254_000, rel=0.01)
    # 316,000 where the encoder counts once; both GPUs hold it
    assert plan(R1, "2xH100").kv_tokens == pytest.approx(316_000, rel=0.02)
    assert plan(R1, "8xH100", 8).kv_tokens == pytest.approx(2_000_000, rel=0.02)


@pytest.mark.parametrize(
    ("needs", "cards", "expected"),
    [
        (R1, "8xH100-80", (2, 4, 0.90, 65_536)),
        (R1, "2xH100", (2, 1, 0.90, 65_536)),
        (R1, "3xH100", (2, 1, 0.90, 65_536)),
        (R1, "1xA100-80", (1, 1, 0.95, 32_768)),
        (R1, "2xA100-40", (2, 1, 0.95, 32_768)),
        (R1, "2xL40S", (2, 1, 0.95, 65_536)),
        (R1, "8xL40S", (2, 4, 0.95, 65_536)),
        (R1, "4x4090", (4, 1, 0.95, 65_536)),
        (R1, "1xH200", (1, 1, 0.90, 65_536)),
        (MINI, "1x4090", (1, 1, 0.90, 16_384)),
        (MINI, "1xL4", (1, 1, 0.90, 16_384)),
        (MINI, "8xH100", (1, 8, 0.90, 16_384)),
    ],
)
def test_the_longest_context_then_the_fewest_gpus_then_the_smaller_share(needs, cards, expected):
    assert shape(plan(needs, cards)) == expected


@pytest.mark.parametrize(("needs", "cards"), [(R1, "1x4090"), (R1, "1xL40S"), (R1, "2x4090"), (MINI, "1x16GiB")])
def test_what_does_not_fit_is_refused(needs, cards):
    assert fit(needs, imagined(cards)) is None


def test_sequences_come_from_the_kv_cache():
    assert [plan(R1, cards).sequences for cards in ("1xH100", "1xH200", "2xH100")] == [11, 61, 75]
    assert plan(MINI, "1xB200").sequences == 256


def test_a_model_whose_kv_cache_is_not_known_is_planned_from_its_weights():
    qwen = needs_of(find_model("qwen2-audio"))
    found = plan(qwen, "2x4090")
    assert (found.data_parallel, found.kv_tokens, found.sequences) == (2, None, 32)
    assert fit(qwen, imagined("1x16GiB")) is None


MACHINES = ("1x4090", "1xL40S", "2xL40S", "1xA100-80", "2xH100", "8xH100", "1xH200", "1xB200")
MODELS = ("step-audio-r1", "step-audio-r1-fp8", "step-audio-2-mini")


def test_the_table_in_the_docs_is_what_would_be_started():
    lines = [f"| GPUs | {' | '.join(MODELS)} |", f"|{'---|' * (len(MODELS) + 1)}"]
    for cards in MACHINES:
        found = [fit(needs_of(find_model(name)), imagined(cards)) for name in MODELS]
        lines.append(f"| {cards} | {' | '.join(f.brief() if f else 'does not fit' for f in found)} |")
    docs = Path(__file__).parents[2] / "docs" / "step_audio.md"
    assert "\n".join(lines) + "\n" in docs.read_text(encoding="utf-8"), "\n".join(lines)


def test_the_plans_of_the_table():
    expected = {
        "step-audio-r1": (None, None, (2, 1), (1, 1), (2, 1), (2, 4), (1, 1), (1, 1)),
        "step-audio-r1-fp8": (None, (1, 1), (2, 1), (1, 1), (1, 2), (1, 8), (1, 1), (1, 1)),
        "step-audio-2-mini": ((1, 1), (1, 1), (1, 2), (1, 1), (1, 2), (1, 8), (1, 1), (1, 1)),
    }
    for name, shapes in expected.items():
        found = [fit(needs_of(find_model(name)), imagined(cards)) for cards in MACHINES]
        assert tuple(f and (f.tensor_parallel, f.data_parallel) for f in found) == shapes, name
    contexts = [f and f.context for f in (fit(R1, imagined(cards)) for cards in MACHINES)]
    assert contexts == [None, None, 65_536, 32_768, 65_536, 65_536, 65_536, 65_536]


def test_fp8_is_offered_where_only_it_fits(capsys):
    fp8 = needs_of(find_model("step-audio-r1-fp8"))
    assert fp8.weights / GIB == pytest.approx(33.5, abs=0.2)
    assert main(["serve", "step-audio-r1", "--dry-run", "--gpus", "1xL40S"]) == 2
    said = capsys.readouterr().err
    assert "It fits with quantised weights, which is another model: step-audio-r1-fp8 (fp8" in said
    assert main(["serve", "step-audio-r1", "--dry-run", "--gpus", "1x4090"]) == 2
    assert "another model" not in capsys.readouterr().err
    assert main(["serve", "step-audio-r1", "--dry-run", "--gpus", "1xA100-40"]) == 2
    assert "another model: step-audio-r1-nvfp4a16 (NVFP4 weights" in capsys.readouterr().err
    assert main(["serve", "step-audio-r1-fp8", "--dry-run", "--gpus", "1xL40S"]) == 0
    assert "--quantization fp8_per_tensor" in capsys.readouterr().out


def test_fp8_kv_cache_holds_twice_as_many_tokens():
    spec = find_model("step-audio-r1")
    assert spec.serve is not None
    arguments = {**spec.serve.args, "kv-cache-dtype": "fp8"}
    half = needs_of(spec.model_copy(update={"serve": spec.serve.model_copy(update={"args": arguments})}))
    assert half.kv_per_token == R1.kv_per_token / 2
    assert plan(half, "1xA100-80").context == 65_536


def test_busy_gpus_are_left_out_and_others_share_less():
    free = imagined("4xH100")
    busy = [Gpu(g.index, g.name, g.total, 10 * GIB) for g in free[:1]]
    found = fit(R1, [*busy, *free[1:]])
    assert found is not None
    assert [gpu.index for gpu in found.groups[0]] == ["1", "2"] and found.data_parallel == 1
    crowded = [Gpu(g.index, g.name, g.total, 30 * GIB) for g in free]
    found = fit(R1, crowded)
    assert found is not None
    assert shape(found) == (4, 1, 0.37, 65_536)
    assert fit(R1, crowded[:2]) is None


def test_what_is_least_needed_is_enough():
    for number, size in least(R1):
        gpus = [Gpu(str(i), "x", int(size * 1.01), int(size * 1.01)) for i in range(number)]
        found = fit(R1, gpus, number)
        assert found is not None and found.context == 16_384, number
        short = [Gpu(gpu.index, gpu.name, int(size * 0.97), int(size * 0.97)) for gpu in gpus]
        assert fit(R1, short, number) is None, number


def test_cards_by_name():
    assert [gpu.index for gpu in imagined("2xH100,4090")] == ["0", "1", "2"]
    assert imagined("1x48GiB")[0].total == 48 * GIB
    assert imagined("h200")[0].total == imagined("1xH200")[0].total
    assert len(imagined("2XH100")) == 2
    with pytest.raises(UsageError, match=r"did you mean `4090`\?"):
        imagined("1xRTX4090")
    for words in ("", "0xH100", "8xK9", "H100x8", "4x"):
        with pytest.raises(UsageError, match=r"--gpus .*: expected COUNTxCARD .* H200"):
            imagined(words)


def test_the_plan_counts_with_the_arguments_given_to_vllm(capsys):
    def said(*words: str) -> str:
        assert main(["serve", "step-audio-r1", "--dry-run", "--gpus", "1xH100", "--", *words]) == 0
        return capsys.readouterr().out

    assert "# context: 8,192 tokens\n" in said("--max-model-len", "8192")
    assert "# memory share: 0.97;" in said("--gpu-memory-utilization=0.97")
    assert "# concurrent sequences: 3 a server" in said("--max-num-seqs", "3")
    twice = said("--kv-cache-dtype", "fp8")
    assert "131,072 bytes a token" in twice and "# context: 65,536 tokens\n" in twice


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--max-model-len", "65536"], "1 GPU with 85 GiB free"),  # never a shorter one than asked for
        (["--max-model-len=64k"], "expected a whole number, such as 32768"),
        (["--gpu-memory-utilization"], "expected a number, such as 0.9"),
        (["--tensor-parallel-size", "2"], "use audiobench's own --tensor-parallel N"),
    ],
)
def test_arguments_that_contradict_the_plan_are_refused(capsys, words, told):
    assert main(["serve", "step-audio-r1", "--dry-run", "--gpus", "1xH100", "--", *words]) == 2
    assert told in capsys.readouterr().err


def test_a_model_file_may_fix_the_memory_share():
    spec = find_model("step-audio-r1")
    assert spec.serve is not None
    serve = spec.serve.model_copy(update={"args": {**spec.serve.args, "gpu-memory-utilization": 0.8}})
    found = plan(needs_of(spec.model_copy(update={"serve": serve})), "1xH200")
    assert shape(found) == (1, 1, 0.8, 65_536)


def test_gpus_that_are_left_over_are_named(capsys):
    assert main(["serve", "step-audio-r1", "--dry-run", "--gpus", "3xH100"]) == 0
    assert "# 1 server on 2 GPUs (tensor parallel)\n# left without a server: 1 GPU\n" in capsys.readouterr().out


def test_an_empty_list_of_gpus_is_no_list(capsys):
    assert main(["serve", "step-audio-r1", "--dry-run", "--gpus", ""]) == 2
    assert "--gpus '': expected COUNTxCARD" in capsys.readouterr().err


def test_a_dry_run_shows_every_figure_and_command(capsys):
    assert main(["serve", "step-audio-r1", "--dry-run", "--gpus", "8xH100-80", "--port", "7000"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[:6] == [
        "# 4 servers (data parallel) on 2 GPUs each (tensor parallel)",
        "# weights: 62.4 GiB, 31.8 GiB on each of the GPUs",
        "# memory share: 0.90; workspace: 2 GiB a GPU",
        "# KV cache: 75.7 GiB = 310,258 tokens a server, 262,144 bytes a token",
        "# context: 65,536 tokens",
        "# concurrent sequences: 75 a server",
    ]
    assert len(out) == 10
    assert "CUDA_VISIBLE_DEVICES=6,7 python -m" in out[-1] and "--port 7003" in out[-1]
    for flag in ("--tensor-parallel-size 2", "--max-model-len 65536", "--max-num-seqs 75", "utilization 0.9"):
        assert all(flag in line for line in out[6:])


def test_a_dry_run_says_when_the_context_steps_down_and_when_nothing_fits(capsys):
    assert main(["serve", "step-audio-r1", "--dry-run", "--gpus", "1xA100-80"]) == 0
    assert "# context: 32,768 tokens (the model file's 65,536 does not fit)" in capsys.readouterr().out
    assert main(["serve", "step-audio-r1", "--dry-run", "--gpus", "1x4090"]) == 2
    said = capsys.readouterr()
    assert said.out == "" and "needs 1 GPU with 72 GiB free" in said.err
    assert main(["serve", "step-audio-r1", "--gpus", "1x4090"]) == 2
    assert "--gpus: only with --dry-run" in capsys.readouterr().err
