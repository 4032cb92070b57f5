"""`--log-to`: each tracker's own library is handed a run and read again, offline."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

import audiobench as ab
from audiobench import cli
from tests.run.conftest import make_task

WHY = "the tracker's library is an extra (pip install 'audiobench-harness[{}]')"
ACC = "toy/think_default_audio_full/acc"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ab.Run:
    """A run of 8 samples, a quarter of them right."""
    monkeypatch.chdir(tmp_path)
    return ab.run(model="first_choice", tasks=make_task(tmp_path / "toy", 8), out="r", quiet=True)


def test_tensorboard_holds_values_intervals_and_tables(run: ab.Run, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tensorboardX", reason=WHY.format("tensorboard"))
    events = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason=WHY.format("tensorboard")
    )
    assert cli.main(["report", "r", "--log-to", "tensorboard:tb"]) == 0
    assert "logged to tensorboard: tb/first_choice_r_" in capsys.readouterr().err
    (folder,) = Path("tb").iterdir()
    held = events.EventAccumulator(str(folder))
    held.Reload()
    assert held.Scalars(ACC)[0].value == 0.25 and held.Scalars(f"{ACC[:-3]}n")[0].value == 8
    assert held.Scalars(f"{ACC}_low")[0].value == pytest.approx(run.table().low[0])
    assert any("scores" in tag for tag in held.Tags()["tensors"])


def test_mlflow_holds_one_run_however_often_it_is_logged(run: ab.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow", reason=WHY.format("mlflow"))
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri(Path("mlruns").resolve().as_uri())
    for _ in range(2):
        run.log_to("mlflow:ours", page="https://example.org/page")
    client = mlflow.MlflowClient()
    (held,) = client.search_runs([client.get_experiment_by_name("ours").experiment_id])
    assert held.data.metrics[ACC] == 0.25 and held.data.params["model"] == "first_choice"
    assert "https://example.org/page" in held.data.tags["mlflow.note.content"]
    samples = json.loads(
        Path(mlflow.artifacts.download_artifacts(f"runs:/{held.info.run_id}/samples.json")).read_text(encoding="utf-8")
    )
    assert len(samples["data"]) == 8 and samples["data"][0][:2] == ["toy", "s0"]


def test_wandb_holds_values_and_tables_offline(run: ab.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason=WHY.format("wandb"))
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_DIR", str(Path.cwd()))
    run.log_to("wandb:ours", page="https://example.org/page")
    (folder,) = Path("wandb").glob("offline-run-*")
    tables = [json.loads(file.read_text()) for file in folder.rglob("*.table.json")]
    assert {tuple(table["columns"][:2]) for table in tables} == {("task", "condition"), ("task", "id")}
    (held,) = folder.glob("*.wandb")
    deadline = time.monotonic() + 30  # wandb's own process writes it
    while ACC.encode() not in held.read_bytes() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert ACC.encode() in held.read_bytes() and b"https://example.org/page" in held.read_bytes()


def test_trackio_holds_values_and_tables(run: ab.Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    trackio: Any = pytest.importorskip("trackio", reason=WHY.format("trackio"))
    from trackio import sqlite_storage

    for module in (sqlite_storage, __import__("trackio.utils", fromlist=["utils"])):
        monkeypatch.setattr(module, "TRACKIO_DIR", tmp_path / "trackio", raising=False)
    run.log_to("trackio:ours")
    (name,) = sqlite_storage.SQLiteStorage.get_runs("ours")
    logs = sqlite_storage.SQLiteStorage.get_logs("ours", name)
    assert any(line.get(ACC) == 0.25 for line in logs) and trackio


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("wandbb", "--log-to wandbb: no such tracker; did you mean `wandb`?"),
        ("comet", "--log-to comet: no such tracker; allowed: wandb, mlflow, trackio, tensorboard"),
    ],
)
def test_an_unknown_tracker_is_said_before_anything_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], asked: str, says: str
) -> None:
    toy, out = make_task(tmp_path / "toy", 2), tmp_path / "r"
    words = ["run", "--model", "oracle", "--tasks", str(toy), "--out", str(out), "--log-to", asked]
    assert cli.main(words) == 2 and says in capsys.readouterr().err
    assert not out.exists()


def test_a_missing_library_names_the_extra(run: ab.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ab.UsageError, match=r"--log-to wandb needs wandb: pip install '\.\[wandb\]'"):
        run.log_to("wandb")


def test_a_tracker_that_refuses_leaves_the_results_and_says_so(
    run: ab.Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys
    import types

    def refuses(*_: Any, **__: Any) -> None:
        raise RuntimeError("not logged in")

    monkeypatch.setitem(sys.modules, "wandb", types.SimpleNamespace(init=refuses))
    words = ["run", "--from", "r", "--log-to", "wandb"]
    assert cli.main(words) == 4
    said = capsys.readouterr()
    assert "--log-to wandb: RuntimeError: not logged in" in said.err and "25.0" in said.out
