"""The policy pack `bulwark`; the engine starts it and talks to it until the operation ends."""

import gc
import os
import sys
from datetime import UTC, datetime

from pulumi_policy import EnforcementLevel, PolicyPack

from core.engine_watch import end_with_engine
from policies import report
from policies.framework import analyzer, configuration, drill_history
from policies.framework.pack import Pack
from policies.rules import RULES

end_with_engine()
# What is allocated here stays until the process ends; looking for garbage among it is CPU for nothing.
gc.disable()
try:
    # The files are this project's; a stack of another one may have the same name. A state is analyzed without
    # a program, and without these variables: then the configuration is passed.
    own = os.environ.get("PULUMI_PROJECT") == "bulwark"
    configured = configuration.read(os.environ.get("PULUMI_STACK", "") if own else "")
    configuration.check(configured, [rule.id for rule in RULES])
except configuration.ConfigurationError as error:
    sys.exit(f"bulwark: policies/config: {error}.")
now = datetime.now(UTC)
pack = Pack(RULES, today=now.date(), configured=configured, drills=drill_history.read(os.environ, now))
analyzer.install(pack, report.write)
# The SDK's own default is advisory, which refuses nothing.
PolicyPack(
    "bulwark",
    pack.policies,
    enforcement_level=EnforcementLevel.MANDATORY,
    initial_config=pack.initial_configuration,
)
