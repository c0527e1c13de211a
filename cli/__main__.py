import sys

from cli.app import app
from toolchain.failure import Failure
from toolchain.step import end_on_sigterm

end_on_sigterm()
try:
    app()
except Failure as failure:
    sys.exit(str(failure))
except KeyboardInterrupt:
    sys.exit(130)
