"""What is in force beside what the file says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from model_switcher.domain.settings import ModelSettings, ServerSettings, Settings
from model_switcher.domain.settings_state import SettingsState, applied

NOW = Settings(server=ServerSettings(port=8080), models={"a": ModelSettings(port=8081)})


def test_everything_but_addresses_counts_at_once() -> None:
    wanted = replace(
        NOW,
        launch={"ctx-size": 1},
        server=replace(NOW.server, port=9090, host="::1", hold_limit=3),
        models={"a": ModelSettings(port=8082, pinned=True), "b": ModelSettings(port=8083)},
    )
    found = applied(wanted, NOW)
    assert found.launch == {"ctx-size": 1}
    assert found.server == replace(NOW.server, hold_limit=3)
    assert found.models == {"a": ModelSettings(port=8081, pinned=True), "b": ModelSettings()}
    state = SettingsState(file=wanted, in_force=found, path="")
    assert state.after_restart == ("server.host", "server.port", "models.port")


@pytest.mark.parametrize(
    ("host", "keys"), [("0.0.0.0", ("secret",)), ("192.168.1.5", ("secret",)), ("127.0.0.1", ())]
)
def test_keys_stay_as_long_as_other_computers_can_reach_the_address(host: str, keys: tuple[str, ...]) -> None:
    now = Settings(server=ServerSettings(host=host, api_keys=("secret",)))
    assert applied(Settings(), now).server.api_keys == keys


def test_nothing_waits_for_a_start_where_nothing_is_different() -> None:
    assert SettingsState(file=NOW, in_force=NOW, path="").after_restart == ()
