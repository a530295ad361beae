"""Control channels and the machine."""

from __future__ import annotations

from powerdown.windows.facts.fact import Fact, Status

WINRM_DEFAULTS = Fact(
    "winrm-defaults",
    "WinRM refuses Basic authentication and unencrypted traffic by default; NTLM needs "
    "neither. Ports 5985 and 5986.",
    Status.DOCUMENTED,
    ("learn: Installation and configuration for Windows Remote Management",),
)

WINRM_TOKEN_FILTER = Fact(
    "winrm-token-filter",
    r"A local administrator over the network has full rights only with `WCV\Policies\System` "
    "`LocalAccountTokenFilterPolicy` 1.",
    Status.DOCUMENTED,
    ("learn: User Account Control and remote restrictions",),
)

AGENT_SERVICE = Fact(
    "agent-service",
    "The guest agent is the service QEMU-GA and runs as LocalSystem.",
    Status.DOCUMENTED,
    ("qemu:qga/installer/qemu-ga.wxs",),
)

AGENT_FORCES = Fact(
    "agent-forces",
    "guest-shutdown forces applications (EWX_FORCE), with reason 0x80000000.",
    Status.DOCUMENTED,
    ("qemu:qga/commands-win32.c",),
)

CLOCK_LOCAL_TIME = Fact(
    "clock-local-time",
    "Windows keeps local time in the hardware clock unless `RealTimeIsUniversal` is 1.",
    Status.REPORTED,
    ("qemu documentation, -rtc", "image guides"),
)

VIRTIO_DRIVERS = Fact(
    "virtio-drivers",
    "Without virtio drivers a guest needs SATA or NVMe, e1000e and a standard display.",
    Status.DOCUMENTED,
    ("virtio-win",),
)

HYPERV_FLAGS = Fact(
    "hyperv-flags",
    "Every Hyper-V enlightenment is off unless asked for; stimer needs vpindex, synic and time.",
    Status.DOCUMENTED,
    ("qemu:docs/system/i386/hyperv.rst",),
)

WINRM_REGISTRY = Fact(
    "winrm-registry",
    "WinRM's configuration is in the registry as public exports and image scripts have it: "
    r"listeners below `WCV\WSMAN\Listener`, `allow_unencrypted` and `auth_basic` below "
    r"`WCV\WSMAN\Service`.",
    Status.UNCONFIRMED,
    ("registry exports; image build scripts",),
)

FACTS = (
    WINRM_DEFAULTS,
    WINRM_TOKEN_FILTER,
    AGENT_SERVICE,
    AGENT_FORCES,
    CLOCK_LOCAL_TIME,
    VIRTIO_DRIVERS,
    HYPERV_FLAGS,
    WINRM_REGISTRY,
)
"""In the order of ``docs/windows-facts.md``."""
