"""Tasks with images or video: which audio conditions they can be asked under, and by which models."""

from __future__ import annotations

from collections.abc import Sequence

from audiobench.core.errors import UsageError
from audiobench.core.modes import AudioCondition
from audiobench.media.soundtrack import needs_pyav
from audiobench.model.spec import ModelSpec
from audiobench.task.spec import TaskSpec

IN_VIDEO = tuple(
    kind
    for kind in AudioCondition
    if kind not in (AudioCondition.SILENCE, AudioCondition.NOISE, AudioCondition.REVERSE)
)
"""What can be asked of items whose sound is in a video: its track is copied, taken out or swapped, never made anew."""


def check_pictures(task: TaskSpec, model: ModelSpec, conditions: Sequence[str]) -> None:
    """Refuse what cannot be asked.

    Raises:
        UsageError: a condition that the task's pictures, or their absence, rule out; a model that takes no such pictures;
            PyAV is missing.
    """
    asked = [AudioCondition(name) for name in conditions]
    if not (task.pictured or task.filmed):
        if needless := [kind for kind in asked if not kind.shows_picture]:
            same = "full" if needless[0] is AudioCondition.SOUND_ONLY else "none"
            raise UsageError(
                f"--audio {','.join(needless)}: task {task.task} has no picture that could be left out; here it would be "
                f"the same as {same}"
            )
        return
    if task.sounds_in_video and (refused := [kind for kind in asked if kind not in IN_VIDEO]):
        raise UsageError(
            f"--audio {','.join(refused)}: the sound of task {task.task} is in its videos (doc_to_video), where it can "
            f"only be taken out or swapped; allowed: {', '.join(IN_VIDEO)}"
        )
    shown = [kind for kind in asked if kind.shows_picture]
    for kind, has, support in (("image", task.pictured, model.image), ("video", task.filmed, model.video)):
        if has and support is None and shown:
            raise UsageError(
                f"--audio {','.join(shown)}: task {task.task} shows {kind}s, and model {model.name} takes none (its model "
                f"file declares no `{kind}:`); --audio sound_only asks it by the sound alone"
            )
    changed = [kind for kind in asked if kind not in (AudioCondition.FULL, AudioCondition.TEXT_ONLY)]
    if task.filmed and changed and (task.sounds_in_video or changed != [AudioCondition.SOUND_ONLY]):
        needs_pyav(f"--audio {','.join(changed)}: changing the sound of task {task.task}'s videos")
