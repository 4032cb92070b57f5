"""`audiobench doctor`: the wheels that do not fit together, keys never shown, a checkpoint opened."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from audiobench.core import sheet
from audiobench.core.errors import ExitCode
from audiobench.doctor import machine as doctor_module
from audiobench.doctor.machine import Check, Findings, check_sheet, doctor, exit_code, judge_wheels, of_model, probe
from audiobench.doctor.probe import Checkpoint, Golden, Module
from audiobench.serving.gpus import GIB, Gpu

CPU = Module("torch", "2.13.0+cpu")
CUDA = Module("torch", "2.14.0", cuda="13.0", devices=2)


def by_name(checks: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def test_a_cuda_torchaudio_beside_a_cpu_torch():
    broken = Module("", error="OSError: libcudart.so.13: cannot open shared object file: No such file or directory")
    checks = by_name(judge_wheels({"torch": CPU, "torchaudio": broken, "torchcodec": broken}))
    assert checks["torch"].status == "ok" and "CPU build" in checks["torch"].found
    audio = checks["torchaudio"]
    assert audio.status == "problem"
    assert "a CUDA build beside a CPU build of torch" in audio.found
    assert "pip uninstall -y torchaudio" in audio.fix and "whl/cpu" in audio.fix
    assert "whl/cpu" not in checks["torchcodec"].fix


def test_wheels_that_fit_and_a_driver_that_does_not():
    fine = judge_wheels({"torch": CUDA, "torchaudio": Module("torchaudio", "2.14.0")})
    assert [c.status for c in fine] == ["ok", "ok"]
    blind = by_name(judge_wheels({"torch": Module("torch", "2.14.0", cuda="13.0")}))
    assert blind["cuda"].status == "note" and "nvidia-smi" in blind["cuda"].fix
    assert judge_wheels({"torch": Module("torch", error="ImportError: x")})[0].status == "problem"


def test_imports_are_probed_in_a_process_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "raises_oserror.py").write_text("raise OSError('libcudart.so.13: cannot open')", encoding="utf-8")
    (tmp_path / "kills_it.py").write_text("import os; os._exit(7)", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    raised = probe(["raises_oserror", "json"]).modules["raises_oserror"]
    assert raised.error == "OSError: libcudart.so.13: cannot open"
    found = probe(["json", "kills_it"]).modules
    assert "exit code 7" in found["kills_it"].error and found["json"].version != "?"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch):
    """Without network and without starting interpreters."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(doctor_module, "wheels", lambda *_: [Check("torch", "ok", "2.13.0+cpu")])
    monkeypatch.setattr(doctor_module, "_front_end", lambda *_: Check("golden clip", "ok", "fine"))


def show(checks: Iterable[Check]) -> ExitCode:
    found = list(checks)
    sheet.show([check_sheet(found)])
    return exit_code(found)


def test_keys_are_named_and_never_shown(quick, monkeypatch, capsys):
    monkeypatch.setenv("GEMINI_API_KEY", "sk-very-secret-1")
    monkeypatch.setenv("HF_TOKEN", "hf_very-secret-2")
    code = show(doctor())
    out = capsys.readouterr().out
    assert "GEMINI_API_KEY" in out and "a token is set" in out
    assert "secret" not in out
    assert code == ExitCode.OK and "no problem found" in out


def test_gpus_and_memory_are_listed(quick, monkeypatch):
    import audiobench.serving.gpus as gpus

    monkeypatch.setattr(gpus, "visible_gpus", lambda: [Gpu("0", "H200", 141 * GIB, 140 * GIB)])
    assert by_name(doctor())["GPUs"].found == "H200 (140 of 141 GiB free)"


def test_an_unwritable_cache_is_a_problem(quick, monkeypatch, capsys, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("AUDIOBENCH_CACHE", str(tmp_path / "file" / "cache"))
    assert show(doctor()) == ExitCode.INCOMPLETE
    assert "set AUDIOBENCH_CACHE" in capsys.readouterr().out


def model_file(folder: Path, checkpoint: Path) -> str:
    file = folder / "mine.yaml"
    file.write_text(
        json.dumps(
            {"name": "mine", "adapter": "local", "served_model": "m", "options": {"checkpoint": str(checkpoint)}}
        ),
        encoding="utf-8",
    )
    return str(file)


def test_a_checkpoint_is_opened(tmp_path, tiny_checkpoint):
    checks = by_name(of_model(model_file(tmp_path, tiny_checkpoint)))
    assert {c.status for c in checks.values()} == {"ok"}
    assert "1.02 M" in checks["parameters"].found
    assert "<|EOT|> 267" in checks["special tokens"].found
    assert r"'<think>\n' = [259, 258, 264]" in checks["<think>"].found
    assert "25 audio tokens in" in checks["answer"].found


def test_a_checkpoint_that_does_not_fit(tmp_path):
    from safetensors.torch import load_file, save_file

    from model_adapters.step_audio.testing import make_tiny_checkpoint

    folder = make_tiny_checkpoint(tmp_path / "ck")
    tensors = load_file(folder / "model.safetensors")
    tensors.pop("adapter.conv.bias")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    checks = by_name(of_model(model_file(tmp_path, folder)))
    assert checks["tensors"].status == "problem"
    assert "1 missing, first adapter.conv.bias" in checks["tensors"].found
    assert "answer" not in checks


def test_a_released_model_that_is_not_here(monkeypatch, capsys):
    import audiobench.serving.planner as planner

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(planner, "visible_gpus", list)
    monkeypatch.setattr(planner, "_is_cpu_build", lambda: False)
    checks = by_name(of_model("step-audio-r1"))
    assert checks["parameters"].found == "expected 33.487 B; the r1 configuration gives 33.487 B"
    assert checks["serving"].status == "problem"
    assert "cannot be served here: " in checks["serving"].found and "67 GB in bf16" in checks["serving"].found
    assert show(checks.values()) == ExitCode.INCOMPLETE
    assert "the model cannot be served here" in capsys.readouterr().out.splitlines()[-1]
    assert checks["checkpoint"].status == "note"


def test_it_takes_under_five_seconds_of_cpu_also_for_a_model():
    import resource
    import subprocess
    import sys

    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    for model in ([], ["step-audio-r1"]):
        before = spent()
        subprocess.run([sys.executable, "-m", "audiobench", "doctor", *model], capture_output=True, check=False)
        assert spent() - before < 5.0


def test_pytorch_is_loaded_once_also_for_a_model_that_answers(monkeypatch):
    """Loading it and transformers is most of the time: `doctor tiny-audio-r1` takes 4 to 5 s of CPU with one process."""
    asked = []
    answer = Check("answer", "ok", "25 audio tokens in")

    def counted(modules, **what):
        asked.append((list(modules), what))
        return Findings({"torch": CPU}, Golden(error="x"), Checkpoint([answer]))

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(doctor_module, "probe", counted)
    doctor_module._probed.cache_clear()
    checks = by_name(doctor("tiny-audio-r1"))
    assert checks["answer"] == answer
    assert len(asked) == 1 and asked[0][1]["model"] == "tiny-audio-r1"
    doctor_module._probed.cache_clear()


def test_a_checkpoint_that_cannot_be_read_is_one_line_and_pytorch_is_still_fine(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "step_audio_2"', encoding="utf-8")
    found = probe(["json"], model=model_file(tmp_path, tmp_path))
    assert not found.modules["json"].error
    assert found.checkpoint and found.checkpoint.error.startswith("JSONDecodeError")


def test_what_was_found_before_the_time_is_up_stays_found(tmp_path, monkeypatch):
    (tmp_path / "sleeps.py").write_text("import time; time.sleep(60)", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = probe(["json", "sleeps"], timeout=5).modules
    assert not found["json"].error
    assert found["sleeps"].error == "not done within 5 s"


def test_the_golden_clip_says_which_front_end_a_device_would_use():
    from model_adapters.step_audio.doctor import golden_clip

    found = golden_clip()
    assert found.status == "ok" and "torchaudio" in found.found
