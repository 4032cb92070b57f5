"""What reaches the model through lm-eval, what is refused, and lm-eval's own kinds of tasks."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lm_eval", reason="lm-eval is not installed (the extra lm-eval)")

from audiobench.core.errors import IncompleteError, UsageError
from audiobench.task.find import group_files, task_files
from tests.lm_eval.conftest import BRIDGE

ECHO = """\
import io, soundfile
from audiobench.core.types import Response, TextPart

class Echo:
    def __init__(self, spec, *, base_url=None, timeout=600.0): ...
    async def generate(self, request):
        said = []
        for message in request.messages:
            said.append(message.role)
            for part in message.parts:
                if isinstance(part, TextPart):
                    said.append(part.text.strip())
                else:
                    samples, rate = soundfile.read(io.BytesIO(part.data))
                    said.append(f"[{len(samples)} at {rate}]")
        return Response(f"{' | '.join(said)} seed {request.generation['seed']}")
    async def close(self): ...
"""
NATIVE = """\
task: Native.Audio
custom_dataset: !function native.load
test_split: test
output_type: generate_until
doc_to_audio: !function native.audio
doc_to_text: "Before <audio> after."
doc_to_target: "{{answer}}"
fewshot_config: {samples: []}
generation_kwargs: {until: [], max_gen_toks: 64, do_sample: false}
repeats: 2
metric_list:
  - {metric: wer, aggregation: wer, higher_is_better: false}
  - {metric: cer, aggregation: cer, higher_is_better: false}
metadata: {version: 1.0}
"""
NATIVE_CODE = """\
import datasets
import numpy as np

def load(**_):
    return {"test": datasets.Dataset.from_list([{"answer": "one two three"}, {"answer": "user before"}])}

def audio(doc):
    return [{"array": np.zeros(800 if "one" in doc["answer"] else 1600), "sampling_rate": 8000}]
"""


def test_every_shipped_task_is_one_of_lm_eval_by_its_name(root: Path) -> None:
    from lm_eval.tasks import TaskManager

    import audiobench.lm_eval_bridge as bridge

    index = TaskManager(include_path=str(root / "tasks"), include_defaults=False)
    assert set(index.all_subtasks) == set(task_files())
    assert set(index.all_groups) >= set(group_files()), "a tag of the same name hides a group from lm-eval"
    for name in index.all_subtasks:
        task = index.load([name])["tasks"][name]
        assert isinstance(task, bridge.AudioBenchTask) and task.MULTIMODAL
        assert json.dumps(task.dump_config())


def test_the_audio_reaches_the_model(evaluate: Any, tmp_path: Path, bridged: Path) -> None:
    for model, least, most in (("oracle", 1.0, 1.0), ("deaf", 0.0, 0.6)):
        found = evaluate(bridged, "toy", "audiobench", model_args={"model": model, "out": str(tmp_path / model)})
        assert least <= found["results"]["toy"]["acc,none"] <= most
    assert found["config"]["audiobench"]["model"] == "deaf"


def test_a_model_class_that_takes_waveforms(bridged: Path, evaluate: Any) -> None:
    """By lm-eval's convention: `<audio>` in the text, {array, sampling_rate} in the third argument."""
    from lm_eval.api.model import LM

    class Waveforms(LM):
        MULTIMODAL = True

        def generate_until(self, requests: list[Any]) -> list[str]:
            (clip,) = requests[0].args[2]["audio"]
            assert clip["sampling_rate"] == 16000 and clip["array"].shape == (1600,)
            assert requests[0].args[0].count("<audio>") == 1
            return ["A"] * len(requests)

        def loglikelihood(self, requests: Any) -> Any: ...
        def loglikelihood_rolling(self, requests: Any) -> Any: ...

    assert evaluate(bridged, "toy", Waveforms())["results"]["toy"]["acc,none"] == 0.25


def test_bare_texts_are_read_like_responses(bridged: Path, evaluate: Any) -> None:
    """Other model classes give text only: a closed thought is looked behind, one that never closed has no answer."""
    from lm_eval.api.model import LM

    said = ["A", "<think>not A</think>B", "<think>so it is C", "I cannot tell."]

    class Texts(LM):
        MULTIMODAL = True

        def generate_until(self, requests: list[Any]) -> list[str]:
            return [said[number % 4] for number in range(len(requests))]

        def loglikelihood(self, requests: Any) -> Any: ...
        def loglikelihood_rolling(self, requests: Any) -> Any: ...

    found = evaluate(bridged, "toy", Texts())["results"]["toy"]
    assert (found["acc,none"], found["no_answer,none"]) == (0.5, 0.5)


def test_what_a_chat_server_is_sent(bridged: Path) -> None:
    """Parts in the order of the prompt, the clip's own bytes; paths alone in what is kept and logged."""
    from lm_eval.models.api_models import JsonChatStr
    from lm_eval.tasks import TaskManager

    task: Any = TaskManager(include_path=str(bridged), include_defaults=False).load(["toy"])["tasks"]["toy"]
    task.build_all_requests(limit=1, apply_chat_template=True, chat_template=lambda turns: JsonChatStr(str(turns)))
    (chat, generation) = task.instances[0].args
    (message,) = json.loads(chat.prompt)
    text, clip = message["content"]
    assert text == {
        "type": "text",
        "text": "item 0: which sound is it?\nA. sound a0\nB. sound b1\nC. sound c2\nD. sound d3",
    }
    assert clip["type"] == "input_audio" and clip["input_audio"]["format"] == "wav"
    assert base64.b64decode(clip["input_audio"]["data"]) == (bridged / "audio/0.wav").read_bytes()
    assert generation == {"seed": 0} and len(json.dumps(chat)) < 500


def test_a_task_of_lm_evals_own_kind(tmp_path: Path, evaluate: Any) -> None:
    (tmp_path / "echo.py").write_text(ECHO)
    (tmp_path / "native.py").write_text(NATIVE_CODE)
    (tmp_path / "native.yaml").write_text(NATIVE)
    run = tmp_path / "run"
    arguments = {"model": f"{tmp_path / 'echo.py'}:Echo", "out": str(run)}
    found = evaluate(tmp_path, "Native.Audio", "audiobench", model_args=arguments)
    lines = found["samples"]["Native.Audio"]
    assert [line["resps"][0] for line in lines] == [
        [f"user | Before | [{n} at 8000] | after. seed {seed}" for seed in (0, 1)] for n in (800, 1600)
    ]
    # counted over both documents: 3 + 2 reference words; 3 wrong + "before" too late
    said = [line["filtered_resps"][0] for line in lines]
    from audiobench.lm_eval_bridge import pooled_cer, pooled_wer

    pairs = list(zip(["one two three", "user before"], said, strict=True))
    assert found["results"]["Native.Audio"]["wer,none"] == pooled_wer(pairs)
    assert found["results"]["Native.Audio"]["cer,none"] == pooled_cer(pairs)
    journal = [json.loads(line) for line in (run / "native_audio/samples.jsonl").read_text().splitlines()]
    assert len(journal) == 4 and {record["audio"][0]["seconds"] for record in journal} == {0.1, 0.2}


def test_word_errors_are_pooled_and_normalised() -> None:
    from lm_eval.api.registry import get_aggregation, get_metric, is_higher_better

    import audiobench.lm_eval_bridge as bridge

    assert get_metric("wer") is bridge.wer and get_aggregation("wer") is bridge.pooled_wer
    assert is_higher_better("cer") is False
    pairs = [("Mr. Brown said: no!", "mister brown said no"), ("a b c d e f", "a b c"), ("x", "x y z")]
    assert bridge.pooled_wer(pairs) == (0 + 3 + 2) / (4 + 6 + 1)
    assert bridge.pooled_cer([("ab, c", "abd"), ("e", "")]) == (1 + 1) / (3 + 1)


def test_what_failed_is_not_scored_and_the_same_command_resumes(
    bridged: Path, server: Any, evaluate: Any, tmp_path: Path
) -> None:
    arguments = {"model": "openai_chat:m", "base_url": server(faults="400:0.2"), "out": str(tmp_path / "run")}
    with pytest.raises(IncompleteError, match=r"\d of 40 requests have no response.*rerun the command"):
        evaluate(bridged, "toy", "audiobench", model_args=arguments)
    answered = len([1 for line in (tmp_path / "run/toy/samples.jsonl").open() if '"response"' in line])
    log = tmp_path / "log"
    again = {**arguments, "base_url": server(log=log)}
    found = evaluate(bridged, "toy", "audiobench", model_args=again)
    assert found["results"]["toy"]["sample_len"] == 40 and 20 < answered < 40
    assert len(log.read_text().splitlines()) == 40 - answered


def test_only_predictions(bridged: Path, evaluate: Any, tmp_path: Path) -> None:
    arguments = {"model": "first_choice", "out": str(tmp_path / "run")}
    found = evaluate(bridged, "toy", "audiobench", model_args=arguments, predict_only=True)
    assert found["results"]["toy"]["bypass,none"] == 999 and "acc,none" not in found["results"]["toy"]
    assert found["samples"]["toy"][0]["resps"][0][0].startswith("(A)")


def test_refusals_say_why(bridged: Path, evaluate: Any, tmp_path: Path) -> None:
    judged = (bridged / "toy.yaml").read_text().replace("task: toy", "task: judged").replace("chance: per_sample", "scorer: judge\nextraction: [full_text]")  # fmt: skip
    (bridged / "judged.yaml").write_text(judged)
    (bridged / "wrong.yaml").write_text(BRIDGE + "task: wrong\ndataset_path: x.jsonl\nprompts: []\n")
    model = {"model": "first_choice", "out": str(tmp_path / "run")}
    with pytest.raises(UsageError, match="judged needs a judge: add judge=MODEL"):
        evaluate(bridged, "judged", "audiobench", model_args=model)
    with pytest.raises(UsageError, match=r"system_instruction.*belongs to the task"):
        evaluate(bridged, "toy", "audiobench", model_args=model, system_instruction="Be brief.")
    with pytest.raises(UsageError, match=r"wrong\.yaml: "):
        evaluate(bridged, "wrong", "audiobench", model_args=model)
    with pytest.raises(UsageError, match="prompt=other: task toy has: plain"):
        evaluate(bridged, "toy", "audiobench", model_args={**model, "prompt": "other"})
    with pytest.raises(UsageError, match="has no such mode"):
        evaluate(bridged, "toy", "audiobench", model_args={**model, "think": "budget:5"})
    with pytest.raises(UsageError, match=r"sends no audio.*--apply_chat_template"):
        chat = {"model": "m", "base_url": "http://127.0.0.1:9/v1/chat/completions"}
        evaluate(bridged, "toy", "local-chat-completions", model_args=chat)
    tools = "doc_to_tools: \"{{[{'name': 'f'}]}}\"\ntool_results: [{name: f, result: x}]\n"
    (bridged / "called.yaml").write_text(
        (bridged / "toy.yaml").read_text().replace("task: toy", "task: called") + tools
    )
    with pytest.raises(UsageError, match=r"called: id .* the model answers several times: use --model audiobench"):
        evaluate(bridged, "called", "local-chat-completions", model_args=chat, apply_chat_template=True)
    (tmp_path / "t.yaml").write_text(NATIVE)
    from lm_eval.api.instance import Instance

    from audiobench.lm_eval_bridge import AudiobenchLM

    with pytest.raises(NotImplementedError, match="compares log-likelihoods"):
        AudiobenchLM("oracle").loglikelihood([Instance("loglikelihood", {}, ("a", "b"), 0, ("t", 0, 1))])


def test_a_folder_with_another_models_answers_is_refused_and_left_alone(
    evaluate: Any, tmp_path: Path, bridged: Path
) -> None:
    out = tmp_path / "out"
    evaluate(bridged, "toy", "audiobench", model_args={"model": "oracle", "out": str(out)}, limit=4)
    before = {file: file.read_bytes() for file in out.rglob("*") if file.is_file() and file.name != ".lock"}
    with pytest.raises(UsageError, match=f"--out {out}: contains a run of model oracle"):
        evaluate(bridged, "toy", "audiobench", model_args={"model": "first_choice", "out": str(out)}, limit=4)
    assert {file: file.read_bytes() for file in before} == before


def test_a_run_that_lm_eval_drove_is_repeated_by_audiobench(evaluate: Any, tmp_path: Path, bridged: Path) -> None:
    from msgspec.structs import replace

    from audiobench import api
    from audiobench.files import run_info

    out = tmp_path / "out"
    evaluate(bridged, "toy", "audiobench", model_args={"model": "oracle", "out": str(out)}, limit=4)
    (start,) = run_info.read(out).starts
    assert start.tasks == ["toy"] and start.spec.ids == ["s0", "s1", "s2", "s3"] and start.spec.out is None
    journal = (out / "toy" / "samples.jsonl").read_bytes()
    assert api.run(replace(start.spec, out=out, quiet=True)).exit_code == 0
    assert (out / "toy" / "samples.jsonl").read_bytes() == journal, "every request is the one that lm-eval made"
