"""``python -m powerdown`` is ``powerdown``."""

from powerdown.cli.main import main

raise SystemExit(main())
