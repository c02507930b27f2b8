from __future__ import annotations

from pathlib import Path

import pytest

from fakes.engines import ENGINES
from fakes.instance import Instance, write_settings
from fakes.storm import storm
from model_switcher.domain.engines import EngineBinary
from model_switcher.engine.demo_models import write_demo_models


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.kind)
async def test_no_stream_is_lost_across_fifty_switches(tmp_path: Path, engine: EngineBinary) -> None:
    settings = write_settings(tmp_path, write_demo_models(tmp_path), engine=engine)
    async with Instance(settings) as instance:
        await instance.ready()
        result = await storm(
            instance.address, ["demo-alder", "demo-birch"], clients=8, switches=50, streams=1000
        )
        assert result.problems == []
        assert result.streams >= 1000
        assert result.switches >= 50
        assert set(result.by_model) == {"demo-alder", "demo-birch"}
        await instance.until(lambda s: s.held == 0 and [server.in_flight for server in s.servers] == [0])
