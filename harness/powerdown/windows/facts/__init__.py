"""What Powerdown assumes of Windows, QEMU and libvirt: facts with status and sources."""
