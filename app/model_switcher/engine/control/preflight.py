"""Everything that can be checked about a switch before anything is stopped."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model_switcher.domain.catalog import Model, Reject
from model_switcher.domain.errors import SwitcherError, UnsupportedOption, UnusableModel
from model_switcher.domain.failures import failure_of
from model_switcher.domain.launch import Launch, arguments, unsupported
from model_switcher.domain.states import Cause, Failure
from model_switcher.domain.units import format_seconds
from model_switcher.engine.background import in_background
from model_switcher.engine.binaries.find import choose_engine
from model_switcher.engine.binaries.workers import check_workers
from model_switcher.engine.gguf import HeaderError, read_header
from model_switcher.engine.gguf.beginning import read_beginning

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from model_switcher.domain.engines import EngineBinary
    from model_switcher.domain.launch import Option
    from model_switcher.domain.settings import Settings
    from model_switcher.engine.binaries.probe import EngineProber

    Prepare = Callable[[str], Awaitable[Launch]]
    Annotate = Callable[[str, Failure], Awaitable[Failure]]

PATIENCE = 60.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Checked:
    """How to start a model that passed, and the one that takes its place if it fails all the same."""

    launch: Launch
    fallback: Launch | None


async def as_it_is(model: str, failure: Failure) -> Failure:
    """Where there is nothing more to say of a failure."""
    del model
    return failure


async def check(
    prepare: Prepare,
    target: str,
    *,
    loaded: Launch | None = None,
    fallback: str | None = None,
    annotate: Annotate = as_it_is,
) -> Checked | Failure:
    """Prepare the model `target`, and `fallback` if there is one; why not, if `target` cannot be served.

    Of a target that is `loaded` nothing needs to be checked. A fallback that cannot be served is none: choosing it
    says why. Nothing waits for a drive that does not answer for longer than `PATIENCE` seconds.
    """
    launch = loaded or await _prepared(prepare, target)
    if isinstance(launch, Failure):
        return await annotate(target, launch)
    second = await _prepared(prepare, fallback) if fallback is not None else None
    return Checked(launch, None if isinstance(second, Failure) else second)


async def _prepared(prepare: Prepare, model: str) -> Launch | Failure:
    try:
        async with asyncio.timeout(PATIENCE):
            return await prepare(model)
    except TimeoutError:
        return Failure(
            cause=Cause.NOT_CHECKED_IN_TIME,
            sentence=f"Its files or its engine did not answer for {format_seconds(PATIENCE)}",
            hint="Is the drive still there?",
        )
    except SwitcherError as error:
        return failure_of(error)
    except Exception as error:
        logger.exception("The preflight of %s failed", model)
        return Failure(cause=SwitcherError.code, sentence=f"It could not be checked: {error}")


def _counted(options: Mapping[str, Option], known: Collection[str]) -> tuple[str, ...]:
    """What has an engine count its tokens for `GET /metrics`, unless the settings say something about that."""
    return ("--metrics",) if "metrics" not in options and "--metrics" in known else ()


class Preflight:
    """Checks models before they are started.

    Of a file whose whole header was found good since it last changed, by size, time and inode, only the beginning is
    read: that it can be read at all has to be seen now.

    Args:
        settings: In force; they may be replaced.
        prober: Asks engines what they are.
        found_good: Whether somebody else has read the whole header of a file that is as this status says.
        engine: What every model is started with, whatever the settings say.
    """

    def __init__(
        self,
        settings: Settings,
        prober: EngineProber,
        found_good: Callable[[str, os.stat_result], bool] = lambda _path, _status: False,
        *,
        engine: str | None = None,
    ) -> None:
        self.settings = settings
        self._prober = prober
        self._found_good = found_good
        self._engine = engine
        self._good: dict[str, tuple[int, int]] = {}

    async def prepare(self, model: Model) -> Launch:
        """How `model` is to be started, once its files and its engine were looked at.

        Raises:
            UnusableModel: A file is missing, damaged or shorter than its header says.
            NoEngine, EngineUnusable: There is no engine, or it does not run on this machine.
            UnsupportedOption: The settings name an option that the engine does not have.
            WorkerLost: A machine over which the model is to be spread cannot be reached.
        """
        names = names_of(model)
        binary = await in_background(self._look, model, self._engine or self.settings.engine_for(names))
        facts = await self._prober.facts(binary)
        options = self.settings.launch_options(names)
        if missing := unsupported(options, facts.flags):
            listed = ", ".join(missing)
            raise UnsupportedOption(
                f"The engine {facts.version} does not know the launch option {listed}",
                hint=f"Take {listed} out of [launch] or of the model's own options, or use another engine.",
                details={"options": missing, "engine": facts.version},
            )
        await check_workers(options)
        engine = facts.version if binary.kind == "embedded" else f"{binary.kind} {facts.version}"
        return Launch(
            model=model,
            binary=binary,
            engine=engine,
            options=(*_counted(options, facts.flags), *arguments(options)),
            pinned=self.settings.is_pinned(names),
        )

    def _look(self, model: Model, engine: str) -> EngineBinary:
        for path in (*model.files, *filter(None, [model.projector])):
            self._check_file(path)
        return choose_engine(engine)

    def _check_file(self, path: str) -> None:
        name = Path(path).name
        try:
            status = Path(path).stat()
            stamp = (status.st_size, status.st_mtime_ns)
            good = self._good.get(path) == stamp or self._found_good(path, status)
            if not good or read_beginning(path) is None:
                read_header(path)
                self._good[path] = stamp
        except HeaderError as error:
            raise UnusableModel.because(error.code, f"{name}: {error.reason}") from error
        except FileNotFoundError as error:
            raise UnusableModel.because(
                Reject.UNREADABLE,
                f"{name} is not there any more",
                hint="Put it back, or choose another model.",
            ) from error
        except OSError as error:
            raise UnusableModel.because(
                Reject.UNREADABLE, f"{name} cannot be read: {error.strerror or error}"
            ) from error


def names_of(model: Model) -> tuple[str, ...]:
    """All names under which the settings may speak of a model."""
    return (model.id, model.name, Path(model.path).stem, *model.aliases)
