"""The sound of a video taken out or swapped: what is really in the file afterwards."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from audiobench.core.parts import Clip, VideoPart
from audiobench.media import InvalidAudioError, soundtrack, video
from audiobench.media.support import VideoSupport
from tests.films import film, pitch, seconds, tracks

pytest.importorskip("av", reason="PyAV (extra av) is not installed")
PATH = Path("a.mp4")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUDIOBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("container", ["mp4", "webm"])
def test_a_muted_video_has_all_of_its_picture_and_no_track_of_sound(container: str) -> None:
    whole = film(container=container)
    muted = soundtrack.muted(whole, container, PATH)
    assert set(tracks(whole)) == {"video", "audio"} and tracks(muted) == {"video": 10}
    assert seconds(muted) == pytest.approx(1.0, abs=0.02)
    assert video.sniff(muted) == container


def test_a_swapped_video_has_the_others_sound_cut_at_the_end_of_the_picture() -> None:
    own, other = film(440.0), film(880.0, seconds=3.0)
    swapped = soundtrack.with_sound_of(own, "mp4", PATH, other, Path("b.mp4"))
    assert pitch(own) == pytest.approx(440, abs=5) and pitch(swapped) == pytest.approx(880, abs=5)
    assert tracks(swapped)["video"] == 10 and seconds(other) > 2.9
    assert seconds(swapped) == pytest.approx(1.0, abs=0.1)


def test_the_same_files_give_the_same_bytes_and_are_made_once(cache: Path) -> None:
    def swapped() -> bytes:
        return soundtrack.with_sound_of(film(440.0), "mp4", PATH, film(880.0), Path("b.mp4"))

    first = swapped()
    (kept,) = (cache / "remuxed").iterdir()
    kept.unlink()
    assert swapped() == first
    kept.write_bytes(b"from the cache")
    assert swapped() == b"from the cache"


def test_threads_that_make_the_same_video_do_not_get_in_each_others_way(cache: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = set(threads.map(lambda _: soundtrack.muted(film(440.0), "mp4", PATH), range(64)))
    assert len(made) == 1 and [path.suffix for path in (cache / "remuxed").iterdir()] == [".mp4"]


def test_what_cannot_be_swapped_is_invalid() -> None:
    with pytest.raises(InvalidAudioError, match=r"b\.mp4: 0 audio tracks, expected one"):
        soundtrack.with_sound_of(film(), "mp4", PATH, film(None), Path("b.mp4"))
    with pytest.raises(InvalidAudioError, match=r"a\.mp4: cannot be written as webm with sound coded as aac"):
        soundtrack.with_sound_of(film(container="webm"), "webm", PATH, film(880.0), Path("b.mp4"))
    with pytest.raises(InvalidAudioError, match="corrupt"):
        soundtrack.muted(film()[:900], "mp4", PATH)


def test_the_loader_says_what_it_did_and_holds_the_model_to_its_cap(tmp_path: Path) -> None:
    own, other = tmp_path / "a.mp4", tmp_path / "b.mp4"
    own.write_bytes(film(440.0))
    other.write_bytes(film(880.0))
    part = VideoPart(Clip(own), transform="swapped", donor=Clip(other))
    sent, _, changed = video.loaded(part, VideoSupport())
    assert changed == ("with the sound of b.mp4",) and pitch(sent.data) == pytest.approx(880, abs=5)
    assert sent.clip.size == len(film(440.0))
    with pytest.raises(InvalidAudioError, match="bytes of video, the model takes at most 100"):
        video.loaded(VideoPart(Clip(own), transform="muted"), VideoSupport(max_bytes=100))
