"""``python -m harness`` is ``powerdown``."""

from harness.cli import main

raise SystemExit(main())
