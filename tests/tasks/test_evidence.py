"""Every shipped task, on invented rows in the published form of its data set, through a loopback Hub.

Right answers score best, random ones near chance, the data open without a finding, and the official scorer has its say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audiobench.cli import main
from audiobench.scorers.base import EXTRAS
from audiobench.task.find import find_task, task_files
from tests.data.loopback_hub import LoopbackHub, cache, hub
from tests.tasks.published import FOLDER, Published

__all__ = ["cache", "hub"]

TASKS = sorted(path.stem for path in FOLDER.glob("*.yaml"))
SAYS = '''
import os

from audiobench.model import Capabilities, Response


class _Says:
    def __init__(self, spec, *, base_url=None, timeout=600.0):
        pass

    async def generate(self, request):
        return Response(os.environ[type(self).__name__.upper()])

    async def close(self):
        pass


class Right(_Says):
    """The response that the fixture calls right."""


class Verdict(_Says):
    """A judge that is content."""


class Entails(_Says):
    """An NLI model that is certain."""

    capabilities = Capabilities(frozenset(), in_process=True, compares_texts=True)
'''


COPY, SHOUTS = "copy.yaml", "shouts.yaml"
COPIES = "{name: copies, adapter: synthesiser, served_model: c, options: {makes: copy}, text_only: true}"
SHOUTING = (
    "{name: shouts, adapter: tone_speaker, served_model: s, options: {says: wrong}, audio: {formats: [wav, mp3, flac]}}"
)


class Bench:
    """A shipped task with its invented rows."""

    def __init__(self, name: str, hub: LoopbackHub, folder: Path) -> None:
        self.published = Published.of(name)
        self.spec, file = find_task(name)
        short = "sound: {shortest: 0.01}\n" if self.spec.answer == "audio" else ""
        self.file = folder / f"{name}.yaml"
        self.file.write_text(f"include: {json.dumps(str(file))}\nexpected_rows: null\n" + short, "utf-8")
        self.local: list[str] = []
        if self.published.repository is None:
            (folder / "data").mkdir()
            self.local = [str(self.published.write(folder / "data"))]
        else:
            assert self.spec.dataset_path == self.published.repository
            hub.repositories[self.published.repository] = self.published.published()
            if len(self.spec.dataset_revision or "") == 40:
                hub.commits[self.published.repository] = str(self.spec.dataset_revision)

    def run(self, model: str, *more: str) -> dict[str, Any]:
        """The task's summary entry after a run."""
        data = [f"--data={self.spec.task}={path}" for path in self.local]
        words = [
            "run",
            "--model",
            model,
            "--tasks",
            str(self.file),
            "--out",
            f"out-{model[-6:]}",
            "--quiet",
            *data,
            *more,
        ]
        assert main(words) == 0
        (entry,) = json.loads(next(Path(f"out-{model[-6:]}").rglob("summary.json")).read_text("utf-8"))
        return entry


@pytest.fixture
def bench(
    request: pytest.FixtureRequest, hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bench]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "says.py").write_text(SAYS, "utf-8")
    made = Bench(request.param, hub, tmp_path)
    for module in EXTRAS.get(made.spec.needed[-1] if made.spec.needed else "", ()):
        pytest.importorskip(module)
    if "flores" in made.spec.needed:
        flores_pieces(tmp_path, monkeypatch)
    monkeypatch.setenv("RIGHT", made.published.right or "")
    monkeypatch.setenv("VERDICT", made.published.verdict or "")
    certain = made.published.entails or 0.0
    monkeypatch.setenv("ENTAILS", json.dumps({"contradiction": 1 - certain, "entailment": certain, "neutral": 0.0}))
    yield made


def flores_pieces(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tiny model of pieces where sacrebleu keeps that of FLORES-200, which it would download."""
    import sentencepiece
    from sacrebleu.tokenizers import tokenizer_spm

    file = folder / "models" / Path(tokenizer_spm.SPM_MODELS["flores200"]["url"]).name
    file.parent.mkdir()
    text = ["เขาเห็นนกสีขาวที่แม่น้ำ", "การประชุมคือพรุ่งนี้ตอนบ่าย"]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text * 20), model_prefix=str(file), vocab_size=40, hard_vocab_limit=False, minloglevel=2
    )
    file.with_name(file.name + ".model").rename(file)
    monkeypatch.setattr(tokenizer_spm, "SACREBLEU_DIR", str(folder))


def test_every_task_has_a_fixture() -> None:
    generated = {name for name in task_files() if find_task(name)[0].dataset_path.startswith("builtin:")}
    assert {*TASKS} == {*task_files()} - generated


@pytest.mark.parametrize("bench", TASKS, indirect=True)
def test_a_task_reads_its_data_and_scores_right_and_random_answers(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tasks", "check", "--data", *bench.local, "--", str(bench.file)]) == 0, capsys.readouterr().err
    assert "no findings" in capsys.readouterr().out
    if bench.spec.protocol == "realtime":
        return
    if bench.spec.answer == "audio":
        return sounds_score(bench)
    fixture = bench.published
    judged = ["--judge", "says.py:Verdict"] if fixture.verdict else []
    judged += ["--nli", "says.py:Entails"] if fixture.entails is not None else []
    entry = bench.run("says.py:Right" if fixture.right else "oracle", *judged)
    assert entry["counts"]["scored"] == entry["n"] == fixture.rows, entry["counts"]
    if bench.spec.answers_withheld:
        assert next(Path("out-oracle").rglob(bench.spec.submission["file"])).is_file()
        return
    metric = bench.spec.made
    best = metric.bounds[1 if metric.higher_is_better else 0]
    assert entry["metrics"][metric.name]["value"] == pytest.approx(best if fixture.best is None else fixture.best)
    official = entry.get("official")
    if official is not None and fixture.official == "unread":
        assert official["n"] == 0 or official["value"] is None
    elif official is not None:
        assert official["n"] > 0
        expected = (1.0 if metric.higher_is_better else 0.0) if fixture.official is None else fixture.official
        assert official["value"] == pytest.approx(expected)
    if bench.spec.chance != "none" and bench.spec.doc_to_choice is not None:
        drawn = bench.run("random", "--epochs", "30")
        found = drawn["metrics"][metric.name]
        assert found["value"] == pytest.approx(drawn["chance"], abs=0.15)
        low, high = found["ci"]
        assert low is None or metric.bounds[0] <= low <= found["value"] <= high <= metric.bounds[1]


def sounds_score(bench: Bench) -> None:
    """A text in tones is understood word for word, and the reference itself is at no distance; another sound is not."""
    best, other = ("tone-speaker", SHOUTS) if bench.spec.spoken else (COPY, "synthesiser-wrong")
    Path("copy.yaml").write_text(COPIES, "utf-8")
    Path("shouts.yaml").write_text(SHOUTING, "utf-8")
    more = ["--asr", "tone-listener"] if bench.spec.spoken else []
    right, wrong = (bench.run(model, "--measure", "tiny", *more) for model in (best, other))
    assert right["counts"]["scored"] == right["n"] == bench.published.rows, (right["counts"], right["errors"])
    metric = bench.spec.made
    assert right["metrics"][metric.name]["value"] == pytest.approx(0.0, abs=1e-9)
    assert wrong["metrics"][metric.name]["value"] > 0.5 and not metric.higher_is_better


def test_a_further_set_of_a_family_is_a_few_lines(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the fixture of one set of Dynamic-SUPERB shows holds for another with the same columns."""
    monkeypatch.chdir(tmp_path)
    form = task_files()["asvspoof2017"].parent / "_dynamic_superb.yaml"
    Path("more.yaml").write_text(f"include: {form}\ntask: more\ndataset_path: DynamicSuperb/Another\n", "utf-8")
    hub.repositories["DynamicSuperb/Another"] = Published.of("asvspoof2017").published()
    assert main(["run", "--model", "oracle", "--tasks", "more.yaml", "--out", "out", "--quiet"]) == 0
    (entry,) = json.loads(Path("out/more/summary.json").read_text("utf-8"))
    assert (entry["metrics"]["acc"]["value"], entry["n"]) == (1.0, 2)


@pytest.mark.parametrize(
    ("model", "task", "where"),
    [
        ("oracle", "tut2017", "the evaluation archives of Zenodo record 1040168"),
        ("synthesiser-right", "audiocaps_t2a", "data/audiocaps_test.tsv of Text-to-Audio/Make-An-Audio"),
    ],
)
def test_data_without_a_loader_are_asked_for(
    capsys: pytest.CaptureFixture[str], model: str, task: str, where: str
) -> None:
    assert main(["run", "--model", model, "--tasks", task]) == 2
    said = capsys.readouterr().err
    assert f"no public loader has its data ({where}" in said
    assert f"give your copy: --data {task}=PATH" in said
