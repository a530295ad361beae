"""One guest as chance makes it: settings, programs, services, session, and how it is pressed.

A configuration says only what is so. What must come of it is in :mod:`.oracle`, how a real guest is
brought there in :mod:`.apply`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from powerdown.windows.settings.button_settings import ButtonAction


class Session(StrEnum):
    """Who is at the console."""

    LOGGED_ON = "logged on"
    LOCKED = "locked"
    LOGGED_OFF = "logged off"


class Program(StrEnum):
    """A program on the desktop, by the probe program that it is."""

    DOCUMENT = "document"
    REFUSER = "refuser"
    REASONED = "reasoned"
    HANGER = "hanger"
    LINGERER = "lingerer"
    HIDDEN = "hidden"
    CONSOLE = "console"


class Update(StrEnum):
    """What servicing has left for the shutdown; packages are those of the image definition."""

    NONE = "none"
    MARKER = "marker"
    PACKAGE = "package"
    LONG_PACKAGE = "long_package"
    RESTARTING_PACKAGE = "restarting_package"


class Damage(StrEnum):
    """What is broken before the command."""

    NONE = "none"
    HANG = "hang"
    CRASH = "crash"


class Ask(StrEnum):
    """When and how the guest is asked to shut down."""

    PRESS = "press"
    PRESS_TWICE = "press twice"
    PRESS_IN_FIRMWARE = "press in firmware"
    PRESS_WHEN_ARMED = "press as soon as the button is armed"
    COMMAND = "command"
    COMMAND_WITH_COUNTDOWN = "command with countdown"

    @property
    def inside(self) -> bool:
        """Whether it comes from inside the guest."""
        return self in (Ask.COMMAND, Ask.COMMAND_WITH_COUNTDOWN)

    @property
    def early(self) -> bool:
        """Whether it comes before the guest is up."""
        return self in (Ask.PRESS_IN_FIRMWARE, Ask.PRESS_WHEN_ARMED)


@dataclass(frozen=True)
class Holder:
    """A service with work at PRESHUTDOWN.

    :param timeout_ms: how long it asks the system to wait.
    :param work_ms: how long it takes.
    """

    timeout_ms: int
    work_ms: int


@dataclass(frozen=True)
class Configuration:
    """Guest ``number`` of a seed. The defaults are those of a guest that nothing holds.

    ``None`` leaves what the image has.

    :param button_ac: the active scheme's power button action on AC; a guest has no battery.
    :param button_dc: likewise on battery.
    :param button_policy: group policy's action.
    :param tracker: Shutdown Event Tracker, by policy.
    :param dialog: "Shut Down Windows" is open on the desktop.
    :param dark: the display has gone dark.
    :param hung_app_ms: HungAppTimeout.
    :param wait_to_kill_app_ms: WaitToKillAppTimeout.
    :param linger_ms: how long the lingerer takes over the end of the session.
    :param stubborn: number of services that ignore SHUTDOWN.
    :param aborter: a service aborts every shutdown that counts down.
    :param asleep: it sleeps (S3).
    """

    number: int
    seed: int
    ask: Ask = Ask.PRESS
    button_ac: ButtonAction | None = None
    button_dc: ButtonAction | None = None
    button_policy: ButtonAction | None = None
    hibernation: bool = False
    fast_startup: bool = False
    session: Session = Session.LOGGED_ON
    shutdown_without_logon: bool | None = None
    tracker: bool | None = None
    dialog: bool = False
    dark: bool = False
    auto_end_tasks: bool = False
    hung_app_ms: int | None = None
    wait_to_kill_app_ms: int | None = None
    allow_blocking_apps: bool = False
    programs: tuple[Program, ...] = ()
    linger_ms: int = 0
    stubborn: int = 0
    holders: tuple[Holder, ...] = ()
    aborter: bool = False
    wait_to_kill_service_ms: int | None = None
    update: Update = Update.NONE
    asleep: bool = False
    damage: Damage = Damage.NONE

    def __post_init__(self) -> None:
        """:raise ValueError: no guest can be like this."""
        for wrong, why in (
            (self.session is Session.LOGGED_OFF and self.programs, "programs of nobody"),
            (self.session is Session.LOGGED_OFF and self.dialog, "a dialog of nobody"),
            (
                self.session is Session.LOGGED_OFF and self.shutdown_without_logon is None,
                "what the image says of the logon screen is not known",
            ),
            ((Program.LINGERER in self.programs) != (self.linger_ms > 0), "no time to linger"),
            (self.dialog and self.tracker is None, "what the image's dialog asks is not known"),
            (self.fast_startup and not self.hibernation, "fast startup needs hibernation"),
            (
                self.asleep and (self.hibernation or self.damage is not Damage.NONE),
                "with hibernation the command to sleep hibernates; what sleeps neither hangs",
            ),
            (
                self.ask.inside and (self.asleep or self.damage is not Damage.NONE),
                "it could not be told anything",
            ),
            (self.ask.early and self.needs_to_be_up, "a start undoes it"),
            ((self.button_ac is None) != (self.button_dc is None), "half a power button"),
            (
                self.button_policy is ButtonAction.DISPLAY_OFF,
                "the policy knows 0 to 3 (fact:button-policy)",
            ),
        ):
            if wrong:
                raise ValueError(f"guest {self.number} of seed {self.seed}: {why}")

    @property
    def needs_restart(self) -> bool:
        """Whether it has values that are read at logon or at start (fact:desktop-values-effect)."""
        return (
            self.auto_end_tasks
            or self.hung_app_ms is not None
            or self.wait_to_kill_app_ms is not None
            or self.wait_to_kill_service_ms is not None
        )

    @property
    def needs_to_be_up(self) -> bool:
        """Whether it has something that does not outlive a start, or is done by it."""
        return bool(
            self.session is not Session.LOGGED_ON
            or self.dialog
            or self.dark
            or self.programs
            or self.stubborn
            or self.holders
            or self.aborter
            or self.update not in (Update.NONE, Update.MARKER)
            or self.asleep
            or self.damage is not Damage.NONE
        )

    @property
    def deviations(self) -> tuple[str, ...]:
        """What differs from a guest that nothing holds, ``name=value`` each."""
        plain = Configuration(self.number, self.seed)
        return tuple(
            f"{name}={value}"
            for name, value in self.to_json().items()
            if value != plain.to_json()[name]
        )

    def to_json(self) -> dict[str, Any]:
        """As a report shows it."""
        values = asdict(self)
        for name in ("button_ac", "button_dc", "button_policy"):
            action = getattr(self, name)
            values[name] = None if action is None else action.name.lower()
        return values
