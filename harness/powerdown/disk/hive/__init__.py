"""Registry hives, read offline and changed in place."""
