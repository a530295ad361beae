r"""What happens to programs that do not end: ``Control Panel\Desktop`` of each user
(fact:desktop-values), and the policy for programs without a window."""

from __future__ import annotations

from powerdown.core.outcome import Cause
from powerdown.core.severity import Severity
from powerdown.windows.facts import application_facts as facts
from powerdown.windows.registry_edit import ValueType
from powerdown.windows.settings import registry_keys as keys
from powerdown.windows.settings.declaration import Default, TakesEffect, Unit
from powerdown.windows.settings.harm import Harm, is_on
from powerdown.windows.settings.readings import Group
from powerdown.windows.settings.registry_setting import RegistrySetting, of_each_user

_DESKTOP = of_each_user(keys.DESKTOP)

HUNG_APP_MS = 5000
"""Milliseconds a program has to answer by default (fact:hung-app-timeout)."""

AUTO_END_TASKS = RegistrySetting(
    id="auto-end-tasks",
    group=Group.APPLICATIONS,
    name="AutoEndTasks",
    unit=Unit.SWITCH,
    key=_DESKTOP,
    type=ValueType.SZ,
    default=Default(False, facts=(facts.AUTO_END_TASKS,)),
    takes_effect=TakesEffect.NEXT_LOGON,
    safe=True,
    facts=(facts.DESKTOP_VALUES, facts.AUTO_END_TASKS),
    online=True,
)
"""Whether programs that do not end are ended without asking."""

HUNG_APP_TIMEOUT = RegistrySetting(
    id="hung-app-timeout",
    group=Group.APPLICATIONS,
    name="HungAppTimeout",
    unit=Unit.MILLISECONDS,
    key=_DESKTOP,
    type=ValueType.SZ,
    default=Default(HUNG_APP_MS, facts=(facts.HUNG_APP_TIMEOUT,)),
    takes_effect=TakesEffect.NEXT_LOGON,
    safe=HUNG_APP_MS,
    facts=(facts.DESKTOP_VALUES,),
    online=True,
)
"""Milliseconds until a program that does not answer counts as hung."""

WAIT_TO_KILL_APP_TIMEOUT = RegistrySetting(
    id="wait-to-kill-app-timeout",
    group=Group.APPLICATIONS,
    name="WaitToKillAppTimeout",
    unit=Unit.MILLISECONDS,
    key=_DESKTOP,
    type=ValueType.SZ,
    default=Default(20_000, facts=(facts.WAIT_TO_KILL_APP,)),
    takes_effect=TakesEffect.NEXT_LOGON,
    safe=2000,
    facts=(facts.DESKTOP_VALUES,),
    online=True,
)
"""Milliseconds a program has to end after it agreed."""

BLOCKING_APPS = RegistrySetting(
    id="allow-blocking-apps",
    group=Group.APPLICATIONS,
    name="AllowBlockingAppsAtShutdown",
    unit=Unit.SWITCH,
    key=keys.WINDOWS_POLICY,
    default=Default(False),
    takes_effect=TakesEffect.NOT_KNOWN,
    advice="{commands}, or disable the policy that sets it",
    harms=(
        Harm(
            Cause.UNRESPONSIVE_APP,
            Severity.LATENT,
            is_on,
            "programs without a visible window can also block a shutdown",
            facts=(facts.HIDDEN_PROGRAMS,),
        ),
    ),
    facts=(facts.HIDDEN_PROGRAMS,),
    note="on: programs without a visible window can also block a shutdown",
    online=True,
)
"""Whether console programs and programs without a visible window may hold a shutdown
(fact:blocking-policy-effect)."""
