"""NTFS volumes, read offline."""
