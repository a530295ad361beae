"""Guests in a QEMU that the harness starts itself."""
