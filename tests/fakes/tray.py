"""Looks at a StatusNotifierItem and clicks its exported menu as a panel does, over D-Bus."""

from __future__ import annotations

import contextlib
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from jeepney import DBusAddress, MessageType, Properties, new_method_call, new_method_return, new_signal
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import open_dbus_connection

if TYPE_CHECKING:
    from jeepney import Message

WATCHER = DBusAddress(
    "/StatusNotifierWatcher",
    bus_name="org.kde.StatusNotifierWatcher",
    interface="org.kde.StatusNotifierWatcher",
)


@dataclass(frozen=True)
class Entry:
    """One entry of the menu: where it is (the labels from the top), and what it looks like."""

    number: int
    path: tuple[str, ...]
    enabled: bool
    checked: bool
    radio: bool
    separator: bool

    @property
    def label(self) -> str:
        return self.path[-1]


class TrayDriver:
    """A panel without a face, on the session bus at `address`."""

    def __init__(self, address: str) -> None:
        self._bus = open_dbus_connection(bus=address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bus.close()

    def items(self) -> list[str]:
        """Every registered item whose program is there, "service/path"; empty while there is no panel.

        An item may stay registered when its program has ended: xfce's watcher was seen to keep some.
        """
        try:
            registered = list(self._property(WATCHER, "RegisteredStatusNotifierItems"))
        except LookupError:
            return []
        return [item for item in registered if self._is_there(item.partition("/")[0])]

    def tooltip(self) -> str:
        return str(self._property(self._item(), "ToolTip")[2])

    def title(self) -> str:
        return str(self._property(self._item(), "Title"))

    def icon_sizes(self) -> set[int]:
        return {width for width, _height, _data in self._property(self._item(), "IconPixmap")}

    def icon(self, size: int) -> bytes:
        """The icon's pixels of that size: ARGB, line by line from the top."""
        pixmaps = self._property(self._item(), "IconPixmap")
        return next(bytes(data) for width, _height, data in pixmaps if width == size)

    def open(self) -> None:
        """Says that the menu is shown."""
        self._call(self._menu(), "AboutToShow", "i", (0,))
        self._event(0, "opened")

    def close(self) -> None:
        """Says that it is not shown any more."""
        self._event(0, "closed")

    def entries(self) -> list[Entry]:
        """The menu from top to bottom, submenus after the entry that opens them."""
        _revision, root = self._call(self._menu(), "GetLayout", "iias", (0, -1, []))
        found: list[Entry] = []
        _walk(root, (), found)
        return found

    def labels(self) -> list[str]:
        """The first level, "---" for a separator."""
        return ["---" if e.separator else e.label for e in self.entries() if len(e.path) == 1]

    def find(self, *path: str) -> Entry:
        """The entry at `path`; a label may be given by its beginning.

        Raises:
            LookupError: There is none.
        """
        for entry in self.entries():
            pairs = zip(entry.path, path, strict=False)
            if len(entry.path) == len(path) and all(label.startswith(part) for label, part in pairs):
                return entry
        raise LookupError(path)

    def click(self, *path: str) -> None:
        """Clicks an entry, which must be enabled."""
        entry = self.find(*path)
        assert entry.enabled, f"{path} is disabled"
        self._event(entry.number, "clicked")

    def activate(self, x: int = 1200, y: int = 790) -> None:
        """Clicks the icon itself with the left button."""
        self._call(self._item(), "Activate", "ii", (x, y))

    def _is_there(self, service: str) -> bool:
        return bool(self._send(message_bus.NameHasOwner(service))[0])

    def _item(self) -> DBusAddress:
        service, _, path = self.items()[0].partition("/")
        return DBusAddress("/" + path, bus_name=service, interface="org.kde.StatusNotifierItem")

    def _menu(self) -> DBusAddress:
        item = self._item()
        path = str(self._property(item, "Menu"))
        return DBusAddress(path, bus_name=item.bus_name, interface="com.canonical.dbusmenu")

    def _event(self, number: int, kind: str) -> None:
        self._call(self._menu(), "Event", "isvu", (number, kind, ("i", 0), 0))

    def _property(self, address: DBusAddress, name: str) -> Any:
        return self._send(Properties(address).get(name))[0][1]

    def _call(self, address: DBusAddress, method: str, signature: str, body: tuple[Any, ...]) -> Any:
        return self._send(new_method_call(address, method, signature, body))

    def _send(self, message: Message) -> Any:
        reply = self._bus.send_and_get_reply(message, timeout=10)
        if reply.header.message_type is MessageType.error:
            raise LookupError(reply.body)
        return reply.body


def _walk(node: Any, above: tuple[str, ...], found: list[Entry]) -> None:
    number, properties, children = node
    values = {name: value for name, (_signature, value) in properties.items()}
    path = above
    if number:
        path = (*above, _spoken(str(values.get("label", ""))))
        found.append(
            Entry(
                number=number,
                path=path,
                enabled=bool(values.get("enabled", True)),
                checked=values.get("toggle-state") == 1,
                radio=values.get("toggle-type") == "radio",
                separator=values.get("type") == "separator",
            )
        )
    for _signature, child in children:
        _walk(child, path, found)


def _spoken(label: str) -> str:
    """A label without its marks: one underscore marks the next letter, two are one."""
    return re.sub(r"_(_?)", r"\1", label)


class NotificationDaemon:
    """Takes the place of the desktop's notification daemon and keeps what it is told: (title, text)."""

    def __init__(self, address: str) -> None:
        self._bus = open_dbus_connection(bus=address)
        self._bus.send_and_get_reply(message_bus.RequestName("org.freedesktop.Notifications", 4))
        self.told: list[tuple[str, str]] = []
        self._thread = threading.Thread(target=self._serve)
        self._ended = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._thread.join()
        self._bus.close()

    def click(self, number: int) -> None:
        """Tells everybody that a message was clicked, whoever sent it."""
        address = DBusAddress("/org/freedesktop/Notifications", interface="org.freedesktop.Notifications")
        self._bus.send(new_signal(address, "ActionInvoked", "us", (number, "default")))

    def _serve(self) -> None:
        while not self._ended:
            with contextlib.suppress(TimeoutError):
                self._answer(self._bus.receive(timeout=0.1))

    def _answer(self, message: Message) -> None:
        if message.header.message_type is not MessageType.method_call:
            return
        member = message.header.fields.get(3)  # the field code of a member in the D-Bus specification
        match member:
            case "Notify":
                self.told.append((str(message.body[3]), str(message.body[4])))
                self._bus.send(new_method_return(message, "u", (len(self.told),)))
            case "GetCapabilities":
                self._bus.send(new_method_return(message, "as", (["body"],)))
            case "GetServerInformation":
                self._bus.send(new_method_return(message, "ssss", ("test", "test", "1", "1.2")))
            case _:
                self._bus.send(new_method_return(message))
