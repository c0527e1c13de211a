"""The official installer of the Pulumi CLI, as a process of its own so that it can be timed and ended."""

import socket
import sys

from pulumi.automation import PulumiCommand

_SILENCE_SECONDS = 5
"""The installer sets no limit of its own, and would wait for minutes where packets are dropped."""

if __name__ == "__main__":
    socket.setdefaulttimeout(_SILENCE_SECONDS)
    PulumiCommand.install(root=sys.argv[1])
