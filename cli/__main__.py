"""The command line, as `python -m cli` in a checkout and as `bulwark` from a wheel."""

import os
import sys

from cli.app import app
from core.failure import Failure
from toolchain.step import end_on_sigterm


def main() -> None:
    """Run the command that the process's arguments name, and exit with its code."""
    end_on_sigterm()
    if not (sys.stdout.isatty() or sys.stderr.isatty()):
        # Without a terminal rich takes 80 columns, which are too few for the tables.
        os.environ.setdefault("COLUMNS", "120")
    try:
        app()
    except Failure as failure:
        sys.exit(str(failure))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
