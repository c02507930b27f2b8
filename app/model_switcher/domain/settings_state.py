"""What the settings file says beside what is in force."""

from __future__ import annotations

from dataclasses import dataclass, replace

from model_switcher.domain.settings import Problem, Settings
from model_switcher.domain.settings_form import exposure


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsState:
    """The settings of a running instance.

    Attributes:
        file: What the file says; while it is broken, what it said last.
        in_force: What the program goes by.
        path: The file.
        problems: Why the file cannot be used; none while it can.
    """

    file: Settings
    in_force: Settings
    path: str
    problems: tuple[Problem, ...] = ()

    @property
    def after_restart(self) -> tuple[str, ...]:
        """Dotted keys whose value in the file counts from the next start of the program on."""
        keys = []
        if self.file.server.host != self.in_force.server.host:
            keys.append("server.host")
        if self.file.server.port != self.in_force.server.port:
            keys.append("server.port")
        if model_ports(self.file) != model_ports(self.in_force):
            keys.append("models.port")
        return tuple(keys)


def model_ports(settings: Settings) -> dict[str, int]:
    """The ports of their own that models have, by what the settings call them."""
    return {name: model.port for name, model in settings.models.items() if model.port is not None}


def applied(wanted: Settings, now: Settings) -> Settings:
    """What is in force once `wanted` was read: all of it but the addresses that are listened on already.

    Keys stay as long as the address can be reached by other computers.
    """
    server = replace(wanted.server, host=now.server.host, port=now.server.port)
    if exposure(server) is not None:
        server = replace(server, api_keys=now.server.api_keys)
    ports = model_ports(now)
    models = {name: replace(model, port=ports.get(name)) for name, model in wanted.models.items()}
    return replace(wanted, server=server, models=models)
