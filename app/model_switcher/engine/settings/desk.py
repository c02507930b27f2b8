"""Where the settings of a running instance are looked at, tried out and changed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from model_switcher.domain.errors import UnknownModel
from model_switcher.domain.option_help import OptionHelp, read_help
from model_switcher.engine.background import in_background
from model_switcher.engine.binaries.find import choose_engine
from model_switcher.engine.control.preflight import Preflight, names_of
from model_switcher.engine.settings.engines import engines_of
from model_switcher.engine.settings.trial import check_room, load_once, smallest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from model_switcher.domain.catalog import Model
    from model_switcher.domain.engines import FoundEngine, Tried
    from model_switcher.domain.launch import Option
    from model_switcher.domain.need import Supposed
    from model_switcher.domain.settings_state import SettingsState
    from model_switcher.engine.binaries.probe import EngineProber
    from model_switcher.engine.control.renewal import Renewal
    from model_switcher.engine.hub import Hub
    from model_switcher.engine.log import LogRing
    from model_switcher.engine.needs.needs import Needs
    from model_switcher.engine.settings.live import LiveSettings
    from model_switcher.engine.settings.trial import Read
    from model_switcher.engine.settings_file import Changes


class SettingsDesk:
    """Lives on the runtime's loop.

    Args:
        live: The settings in force.
        hub: Tells of models.
        prober: Asks engines what they are.
        needs: What models take.
        renewal: Loads models again.
        log: What the engines write.
        read: A fresh reading of memory, with those processes among the servers.
    """

    def __init__(
        self,
        live: LiveSettings,
        *,
        hub: Hub,
        prober: EngineProber,
        needs: Needs,
        renewal: Renewal,
        log: LogRing,
        read: Read,
    ) -> None:
        self._live = live
        self._hub = hub
        self._prober = prober
        self._needs = needs
        self._renewal = renewal
        self._log = log
        self._read = read
        self._trial = asyncio.Lock()

    async def state(self) -> SettingsState:
        """What the file says, and what is in force."""
        return self._live.state

    async def change(self, changes: Changes) -> SettingsState:
        """Write single keys, `("server", "port")`, into the file, and go by them; None takes a key away.

        Raises:
            SettingsError: They are not right, or the file cannot be changed. Nothing was changed.
        """
        return await self._live.change(changes)

    async def reload(self, model: str) -> None:
        """Load a model that runs with older settings again, with those of now.

        Raises:
            SwitchFailed: It did not come up; it is back as it was before.
        """
        await self._renewal.reload(model)

    async def engines(self) -> tuple[FoundEngine, ...]:
        """Every engine that was found or that the settings name, with its version and its devices."""
        return await engines_of(self._live.state.file, self._prober)

    async def options(self, engine: str) -> tuple[OptionHelp, ...]:
        """What the engine of that setting says about its options.

        Raises:
            EngineError: There is none, or it does not run.
        """
        binary = await in_background(choose_engine, engine)
        facts = await self._prober.facts(binary)
        return await in_background(read_help, facts.usage)

    async def suppose(self, model: str, options: Mapping[str, Option], engine: str) -> Supposed:
        """What a model, by its id, would take with those launch options and that engine.

        Raises:
            UnknownModel: There is no such model.
        """
        return await self._needs.with_options(self._model(model), options, engine)

    async def try_engine(self, engine: str, model: str | None = None) -> Tried:
        """Load a model with the engine of that setting, beside what runs, and unload it again.

        Args:
            engine: As in the settings.
            model: Its id; the smallest one if None.

        Raises:
            SwitcherError: The engine or the model cannot be used, there is no room, or it did not come up.
        """
        async with self._trial:
            found = self._model(model) if model is not None else smallest(self._hub.snapshot.catalog.models)
            supposed = await self._needs.with_options(found, self._options(found), engine)
            check_room(found, supposed, alone=not self._hub.snapshot.servers)
            settings = self._live.in_force
            preflight = Preflight(settings, self._prober, engine=engine)
            return await load_once(await preflight.prepare(found), self._log, self._read)

    def _options(self, model: Model) -> Mapping[str, Option]:
        return self._live.in_force.launch_options(names_of(model))

    def _model(self, model_id: str) -> Model:
        model = self._hub.snapshot.catalog.get(model_id)
        if model is None:
            raise UnknownModel(f"{model_id} is not in the catalog any more")
        return model
