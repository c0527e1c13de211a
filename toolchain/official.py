"""Run the official installer of the Pulumi CLI, in a process of its own that can be timed and ended."""

import socket
import sys

from pulumi.automation import PulumiCommand

_SILENCE_SECONDS = 5
"""Socket timeout. The installer sets none, and would wait for minutes if packets are dropped."""

if __name__ == "__main__":
    socket.setdefaulttimeout(_SILENCE_SECONDS)
    PulumiCommand.install(root=sys.argv[1])
