"""Disks of guests that are off: image formats, NTFS, registry hives, event logs, power history,
settings, and changes to a registry offline."""
