"""NTFS volumes at rest."""
