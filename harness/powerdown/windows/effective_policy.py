"""What several settings together mean by documentation, however they were read.

``None`` means unknown.
"""

from __future__ import annotations


def is_client(product_type: str) -> bool:
    """Whether a ``ProductType`` is a client's: WinNT. Servers have ServerNT, domain controllers
    LanmanNT (learn: RtlGetNtProductType; seen in every public SYSTEM hive).
    """
    return product_type.strip().lower() == "winnt"


def allowed_without_logon(value: bool | None, client: bool | None) -> bool | None:
    """Whether a shutdown is allowed while nobody is logged on: ShutdownWithoutLogon, else yes on
    clients and no on servers (fact:no-logon-default).

    :param value: ``None`` where there is no such value.
    """
    return client if value is None else value


def asks_for_reasons(policy: bool | None, client: bool | None) -> bool | None:
    """Whether the Shutdown Event Tracker is on: by policy, else on servers and not on clients
    (fact:tracker-default).

    Not looked at: ShutdownReasonUI, which may limit it to either (fact:tracker-ui-values), and
    the copies outside of the policies, with which image builders turn it off.

    :param policy: ShutdownReasonOn; ``None`` where there is no such value.
    """
    if policy is not None:
        return policy
    return None if client is None else not client


def starts_fast(local: bool | None, policy: bool | None, hibernation: bool | None) -> bool | None:
    """Whether fast startup is on. Off without hibernation. The policy can only require it:
    disabled, the local value counts (learn: ADMX_WinInit, Hiberboot).
    """
    wanted = True if policy or local else None if policy is None or local is None else False
    if hibernation is False or wanted is False:
        return False
    return None if hibernation is None else wanted
