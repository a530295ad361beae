"""What the harness assumes of Windows, QEMU and libvirt: facts with their status and sources."""
