import os
import sys

from cli.app import app
from core.failure import Failure
from toolchain.step import end_on_sigterm

end_on_sigterm()
if not (sys.stdout.isatty() or sys.stderr.isatty()):
    # No terminal says how wide it is, and the 80 columns that rich then takes are too few for the tables.
    os.environ.setdefault("COLUMNS", "120")
try:
    app()
except Failure as failure:
    sys.exit(str(failure))
except KeyboardInterrupt:
    sys.exit(130)
