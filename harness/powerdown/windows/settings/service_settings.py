"""How long services can delay a shutdown (fact:preshutdown-phase, fact:service-timeout)."""

from __future__ import annotations

from powerdown.core.outcome import Cause
from powerdown.core.severity import Severity
from powerdown.windows.facts import application_facts as facts
from powerdown.windows.facts import update_facts as preshutdown_facts
from powerdown.windows.registry_edit import ValueType
from powerdown.windows.settings import registry_keys as keys
from powerdown.windows.settings.declaration import Default, TakesEffect, Unit
from powerdown.windows.settings.harm import Harm, longer_than
from powerdown.windows.settings.readings import Group
from powerdown.windows.settings.registry_setting import RegistrySetting, of_each_service
from powerdown.windows.settings.stored_value import Registry

SERVICES_DOCUMENTED_MS = 20_000
"""What the documentation says services get in the shutdown phase, roughly
(fact:service-timeout-documented)."""

WINDOWS_OWN = frozenset({"gpsvc", "trustedinstaller", "wuauserv", "usosvc", "deviceinstall"})
"""Windows' own services that have a preshutdown timeout in real hives
(fact:preshutdown-own-services)."""

START_WORDS = {0: "boot", 1: "system", 2: "automatic", 3: "manual", 4: "disabled"}
"""How a service is started (learn: CreateService)."""

AUTOMATIC = 2
DISABLED = 4

SERVICE_START = RegistrySetting(
    id="service-start",
    group=Group.SERVICES,
    name="Start",
    unit=Unit.NUMBER,
    words=START_WORDS,
    key=of_each_service(),
)
"""How each service is started."""


def is_disabled(registry: Registry, service: str) -> bool:
    """Whether a service is disabled."""
    return SERVICE_START.of(service).stored(registry).number == DISABLED


def _remark(registry: Registry, service: str) -> str:
    own = "Windows' own" if service.lower() in WINDOWS_OWN else ""
    disabled = "disabled" if is_disabled(registry, service) else ""
    return ", ".join(filter(None, (own, disabled)))


PRESHUTDOWN_TIMEOUT = RegistrySetting(
    id="preshutdown-timeout",
    group=Group.SERVICES,
    name="PreshutdownTimeout",
    unit=Unit.MILLISECONDS,
    key=of_each_service(),
    lowest=0,
    highest=0xFFFFFFFF,
    takes_effect=TakesEffect.RESTART,
    safe=10_000,
    remark=_remark,
    facts=(preshutdown_facts.PRESHUTDOWN_VALUE,),
    online=True,
)
"""Milliseconds a service may take before the others are stopped (fact:preshutdown-value).

``sc.exe`` has no verb for it; the keys of protected services refuse administrators
(fact:preshutdown-value-effect, fact:protected-service-keys).
"""

WAIT_TO_KILL_SERVICE = RegistrySetting(
    id="wait-to-kill-service",
    group=Group.SERVICES,
    name="WaitToKillServiceTimeout",
    unit=Unit.MILLISECONDS,
    key=keys.CONTROL,
    type=ValueType.SZ,
    lowest=0,
    default=Default(5000, facts=(facts.SERVICE_TIMEOUT_DEFAULT,)),
    takes_effect=TakesEffect.RESTART,
    safe=5000,
    advice="Limit the time of services: {commands}; then find the service that does not stop "
    "(sc.exe queryex type= service)",
    harms=(
        Harm(
            Cause.UNRESPONSIVE_SERVICE,
            Severity.DELAYS,
            longer_than(SERVICES_DOCUMENTED_MS),
            "services get {value} ms (WaitToKillServiceTimeout)",
            facts=(facts.SERVICE_TIMEOUT,),
        ),
    ),
    facts=(facts.SERVICE_TIMEOUT,),
    online=True,
)
"""Milliseconds that services have to stop at SHUTDOWN (fact:service-timeout-effect)."""

CLEAR_PAGE_FILE = RegistrySetting(
    id="clear-page-file",
    group=Group.SERVICES,
    name="ClearPageFileAtShutdown",
    unit=Unit.SWITCH,
    key=rf"{keys.SESSION_MANAGER}\Memory Management",
    default=Default(False),
    takes_effect=TakesEffect.RESTART,
    safe=False,
    facts=(facts.CLEAR_PAGE_FILE,),
    note="on: the power-off takes longer, but completes",
)
"""Whether the page file is cleared at shutdown."""
