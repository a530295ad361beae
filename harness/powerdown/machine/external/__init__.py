"""Guests whose QEMU the harness did not start."""
