"""The image at rest: partitions, NTFS."""
