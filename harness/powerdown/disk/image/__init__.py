"""Disk images: formats, chains of overlays, partitions."""
