"""A template made of small files, for tests of what keeps templates."""

from __future__ import annotations

import os
import time
from pathlib import Path

from powerdown.host.snapshots.template import Template, content_digest
from powerdown.host.snapshots.template_store import TemplateStore

KEY = "0123456789abcdef0123"
OTHER_KEY = "f" * 20


def make(store: TemplateStore, key: str = KEY, image: str = "image", age: float = 0.0) -> Template:
    """A complete template in ``store``; its memory is a page of data between holes."""
    partial = store.partial(key, store.memory_backing(1 << 20))
    partial.devices.write_bytes(b"devices")
    partial.disk.write_bytes(b"disk")
    partial.empty_overlay.write_bytes(b"overlay")
    with partial.memory.open("wb") as memory:
        memory.truncate(1 << 20)
        memory.seek(1 << 19)
        memory.write(b"x" * 4096)
    template = Template(
        key=key,
        image=image,
        made_at=time.time() - age,
        uptime=12.5,
        clock_ahead=3600.0,
        memory_mib=1,
        partial=partial,
        digests={str(file): content_digest(file) for file in partial.files()},
    )
    template.write_manifest()
    return template


def flip(file: Path) -> None:
    """Change one byte without changing size or time of change."""
    before = file.stat()
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.chmod(0o600)
    file.write_bytes(content)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
