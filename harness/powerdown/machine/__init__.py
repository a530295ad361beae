"""One running guest as its host sees it: QEMU, QMP, ACPI, screen."""
