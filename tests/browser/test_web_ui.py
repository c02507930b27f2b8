"""llama.cpp's own web interface, served by an engine behind the gateway, in a real Chromium."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from fakes.instance import Instance
from fakes.telling import ALDER, BIRCH, CEDAR, STRANGE, write_strange_model, write_telling_settings

PATIENCE = 30
SCREENSHOTS = os.environ.get("SCREENSHOTS")
MODEL_BUTTON = "//button[.//text()[contains(., 'demo-')]]"


class WebInterface:
    """The page, as a person uses it."""

    def __init__(self, browser: webdriver.Chrome) -> None:
        self._browser = browser

    def _until(self, condition: Callable[[webdriver.Chrome], Any]) -> Any:
        return WebDriverWait(self._browser, PATIENCE, poll_frequency=0.05).until(condition)

    def _all(self, way: str, what: str) -> list[WebElement]:
        return [one for one in self._browser.find_elements(way, what) if one.is_displayed()]

    def open(self, address: str) -> None:
        self._browser.get(f"{address}/")

    def open_menu(self) -> list[str]:
        """The lines of the model menu."""
        # A notice of what was done before may lie over it for some seconds.
        self._until(lambda _: not self._all(By.CSS_SELECTOR, "[data-sonner-toast]"))
        self._until(lambda _: self._all(By.XPATH, MODEL_BUTTON))[-1].click()
        menu = self._until(lambda _: self._all(By.CSS_SELECTOR, "[role=menu]"))[0]
        return str(menu.text).splitlines()

    def pick(self, model: str) -> None:
        """Pick a model in the open menu."""
        options = self._until(lambda _: self._all(By.CSS_SELECTOR, "[role=option]"))
        next(option for option in options if option.text.splitlines()[0] == model).click()

    def see(self, text: str) -> None:
        """Wait until the page says so."""
        self._until(lambda browser: text in browser.find_element(By.TAG_NAME, "body").text)

    def send(self, message: str) -> None:
        box = self._until(lambda _: self._all(By.TAG_NAME, "textarea"))[-1]
        box.send_keys(message + Keys.ENTER)

    def answers(self, count: int) -> list[str]:
        """The models' answers, once there are so many that are finished."""

        def finished(_: webdriver.Chrome) -> list[str] | None:
            shown = self._all(By.CSS_SELECTOR, "[aria-label='Assistant message with actions']")
            texts = [one.text.split("\n")[0].strip() for one in shown]
            return texts if len(texts) >= count and all(text.startswith("demo-") for text in texts) else None

        return list(self._until(finished))

    def troubles(self) -> list[str]:
        """What the page complained of, less the tools that the engine does not offer."""
        return [
            entry["message"]
            for entry in self._browser.get_log("browser")
            if entry["level"] == "SEVERE" and "/tools" not in entry["message"]
        ]

    def keep(self, name: str) -> None:
        """Keep a picture where `SCREENSHOTS` says."""
        if SCREENSHOTS:
            self._browser.save_screenshot(str(Path(SCREENSHOTS, f"{name}.png")))


async def test_the_other_model_is_picked_in_its_menu_and_answers(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    def use(address: str) -> None:
        page = WebInterface(browser)
        page.open(address)
        assert page.open_menu() == ["Loaded models", ALDER, "Available models", BIRCH, CEDAR]
        page.keep("web-ui-menu")
        page.pick(BIRCH)
        page.see(f"Model loaded: {BIRCH}")
        page.send("Who are you?")
        assert page.answers(1) == [BIRCH]
        page.keep("web-ui")
        page.open_menu()
        page.pick(ALDER)
        page.see(f"Model loaded: {ALDER}")
        page.send("And you?")
        assert page.answers(2) == [BIRCH, ALDER]
        assert page.troubles() == []

    async with Instance(write_telling_settings(tmp_path)) as instance:
        await instance.ready()
        await asyncio.to_thread(use, instance.address)
        state = instance.state()
        assert state.selected == ALDER
        assert state.outcome is not None
        assert (state.outcome.target, state.outcome.result) == (ALDER, "switched")


async def test_a_model_that_cannot_be_loaded_is_told_and_the_old_one_goes_on(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    def use(address: str) -> None:
        page = WebInterface(browser)
        page.open(address)
        page.open_menu()
        page.pick(STRANGE)
        page.see(f"Failed to load model: {STRANGE}")
        page.open(address)
        page.send("Who are you?")
        assert page.answers(1) == [ALDER]

    settings = write_telling_settings(tmp_path)
    write_strange_model(tmp_path)
    async with Instance(settings) as instance:
        await instance.ready()
        await asyncio.to_thread(use, instance.address)
        assert instance.state().selected == ALDER
