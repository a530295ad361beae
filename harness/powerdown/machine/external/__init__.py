"""Guests whose QEMU was found running."""
