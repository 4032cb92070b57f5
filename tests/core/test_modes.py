"""Think modes, audio conditions and transforms have one parser, which gives back the form that was written."""

from __future__ import annotations

import pytest

from audiobench.core.modes import AudioCondition, Think, Transform


@pytest.mark.parametrize(
    ("written", "value", "limit"),
    [
        ("off", Think("off"), 0), ("on", Think("on"), None), ("default", Think(), None),
        ("budget:0", Think("budget", 0), 0), ("budget:256", Think("budget", 256), 256),
    ],
)  # fmt: skip
def test_a_think_mode_is_read_and_written(written: str, value: Think, limit: int | None) -> None:
    assert Think.parse(written) == value and str(value) == written and value.limit == limit


@pytest.mark.parametrize("written", ["", "ON", "budget", "budget:", "budget:-1", "budget:1.5", "budget:3\n", "noise:3"])
def test_what_is_no_think_mode_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="not a think mode; allowed: off, on, default, budget:N"):
        Think.parse(written)


@pytest.mark.parametrize("transform", [Transform(), Transform("silence"), Transform("reverse"), Transform("noise", 7)])
def test_a_transform_is_read_as_it_is_written(transform: Transform) -> None:
    assert Transform.parse(str(transform)) == transform


@pytest.mark.parametrize("written", ["noise", "noise:", "noise:x", "silence:1", "swap", "budget:3"])
def test_what_is_no_transform_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="must be full, silence, noise:SEED or reverse"):
        Transform.parse(written)


def test_each_audio_condition_says_what_is_done_to_a_clip() -> None:
    done = {c.value: str(c.transform(7)) for c in AudioCondition if c.sends_sound}
    assert done == {
        "full": "full", "silence": "silence", "noise": "noise:7", "swap": "full", "reverse": "reverse", "sound_only": "full",
    }  # fmt: skip
    with pytest.raises(ValueError, match="audio=none: no clip is sent"):
        AudioCondition.NONE.transform(0)
