"""``python -m harness`` is ``powerdown``."""

from powerdown.cli.main import main

raise SystemExit(main())
