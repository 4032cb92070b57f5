"""Sounds made elsewhere: a folder of files (`made_sounds_folder`), or a command line that writes one (`sound_command`)."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from audiobench.core.errors import UsageError
from audiobench.core.types import Request, Response
from audiobench.media.answers import keep
from audiobench.model.adapter import RetryableError, SampleError
from audiobench.model.capabilities import WORDS, Capabilities
from audiobench.model.spec import ModelSpec
from model_adapters.speech import prompt_text

ENDINGS = ("wav", "flac", "mp3", "ogg", "m4a", "aiff")
"""Looked for in this order."""
MESSAGE = 300
"""Characters of a command's last words that an error shows."""


class FolderOptions(BaseModel):
    """What `options:` of a model file may say for `made_sounds_folder`."""

    model_config = ConfigDict(extra="forbid")

    folder: str | None = None
    """A leading ~ is expanded; none = `served_model`, so that `made_sounds_folder:DIR` names a folder."""
    name: str = "{id}"
    """A file's name without its ending: `{id}` is the sample's, `{epoch}` the repetition (from 0)."""


class CommandOptions(BaseModel):
    """What `options:` of a model file may say for `sound_command`."""

    model_config = ConfigDict(extra="forbid")

    command: list[str] = Field(min_length=1)
    """Program and arguments, no shell: `{text}`, `{out}` (the file that it is to write), `{seconds}`, `{seed}`, `{id}`, and `{voice}`
    (a file with the sound of the request) stand for what is asked."""
    ending: str = "wav"


class MadeSoundsFolder:
    """Answers that lie in a folder, one file for each sample (and repetition, where `name` says so).

    Raises:
        UsageError: an option is unknown, or there is no such folder.
    """

    capabilities = Capabilities(WORDS, audio_out=True, in_process=True)

    def __init__(self, spec: ModelSpec, *, base_url: str | None = None, timeout: float = 0.0) -> None:
        del base_url, timeout
        self.spec = spec
        self.options = spec.read_options(FolderOptions)
        self.folder = Path(self.options.folder or spec.served_model).expanduser()
        self.audio_folder: Path | None = None
        """Where answers are kept, set by the runner."""
        if not self.folder.is_dir():
            raise UsageError(f"model {spec.name}: {self.folder}: no such folder")

    def file(self, sample_id: str, epoch: int) -> Path | None:
        """A sample's file; None where there is none.

        Raises:
            SampleError: its name leads out of the folder.
        """
        name = self._name(sample_id, epoch)
        if ".." in Path(name).parts or Path(name).is_absolute():
            raise SampleError(f"{name}: leads out of {self.folder}")
        return next((file for ending in ENDINGS if (file := self.folder / f"{name}.{ending}").is_file()), None)

    def _name(self, sample_id: str, epoch: int) -> str:
        return self.options.name.replace("{id}", sample_id).replace("{epoch}", str(epoch))

    async def generate(self, request: Request) -> Response:
        """The sample's file as it is; raises SampleError where there is none."""
        file = self.file(request.sample_id, request.epoch)
        if file is None:
            name = self._name(request.sample_id, request.epoch)
            raise SampleError(f"missing: no {name}.{'|'.join(ENDINGS)} in {self.folder}")
        data = await asyncio.to_thread(file.read_bytes)
        return Response("", parts=(keep(data, self.audio_folder, request.sample_id, request.epoch),))

    async def close(self) -> None:
        """Nothing to release."""


class SoundCommand:
    """A program that writes a sound; one process for each request."""

    capabilities = Capabilities(WORDS, audio_out=True, in_process=True)

    def __init__(self, spec: ModelSpec, *, base_url: str | None = None, timeout: float = 600.0) -> None:
        del base_url
        self.spec = spec
        self.timeout = timeout
        self.options = spec.read_options(CommandOptions)
        self.audio_folder: Path | None = None
        """Where answers are kept, set by the runner."""

    async def generate(self, request: Request) -> Response:
        """What the program wrote.

        Raises:
            RetryableError: it took longer than `timeout`.
            SampleError: it failed, or wrote nothing.
        """
        began = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="audiobench-") as folder:
            out = Path(folder) / f"sound.{self.options.ending}"
            voice = Path(folder) / "voice"
            if request.audio:
                voice = voice.with_suffix(f".{request.audio[0].format}")
                voice.write_bytes(request.audio[0].data)
            given = {
                "text": prompt_text(request), "out": str(out), "seconds": str(request.generation.get("seconds", "")),
                "seed": str(request.generation.get("seed", "")), "id": request.sample_id, "voice": str(voice),
            }  # fmt: skip
            await self._run([_filled(word, given) for word in self.options.command])
            if not out.is_file():
                raise SampleError(f"missing: {self.options.command[0]} wrote no {{out}}")
            part = keep(out.read_bytes(), self.audio_folder, request.sample_id, request.epoch)
        return Response("", parts=(part,), latency={"total": time.perf_counter() - began})

    async def _run(self, words: list[str]) -> None:
        try:
            process = await asyncio.create_subprocess_exec(
                *words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise SampleError(f"{words[0]}: cannot be run: {error.strerror}") from error
        try:
            _, said = await asyncio.wait_for(process.communicate(), self.timeout)
        except TimeoutError:
            raise RetryableError(f"{words[0]}: not done within {self.timeout:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            last = " ".join(said.decode(errors="replace").split())[-MESSAGE:]
            raise SampleError(f"{words[0]}: exit code {process.returncode}: {last}")

    async def close(self) -> None:
        """Nothing to release."""


def _filled(word: str, given: dict[str, str]) -> str:
    """`word` with each `{name}` replaced, in one pass: braces inside a text are only text."""
    out, rest = "", word
    while rest:
        at = min(((rest.find(f"{{{name}}}"), name) for name in given if f"{{{name}}}" in rest), default=None)
        if at is None:
            return out + rest
        place, name = at
        out, rest = out + rest[:place] + given[name], rest[place + len(name) + 2 :]
    return out
