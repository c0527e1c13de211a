"""The policy pack `bulwark`. The engine starts it and stops it at the end of the operation."""

import gc
import os
import sys
from datetime import UTC, datetime

from pulumi_policy import EnforcementLevel, PolicyPack

from core.engine_watch import end_with_engine
from policies import report
from policies.framework import analyzer, configuration, drill_history, settings_folder, waivers
from policies.framework.pack import Pack
from policies.rules import RULES

end_with_engine()
# The process is short and its objects live until it ends, so garbage collection only costs CPU time.
gc.disable()
try:
    # policies/config is for stacks of this project; another project may have a stack of the same name.
    folder = settings_folder.find_settings_folder(os.environ)
    stack_name = os.environ.get("PULUMI_STACK", "") if folder else ""
    configured = configuration.read(stack_name, (folder or settings_folder.PACK) / "config")
    configuration.check(configured, {rule.id: [one.name for one in rule.parameters] for rule in RULES})
except configuration.ConfigurationError as error:
    sys.exit(f"bulwark: {error}.")
now = datetime.now(UTC)
history = drill_history.read(os.environ, now)
waivers_file = (folder or settings_folder.PACK) / waivers.NAME
pack = Pack(RULES, today=now.date(), waivers_file=waivers_file, configured=configured, drill_history=history)
analyzer.install(pack, report.write)
# The SDK's default level is advisory, which refuses nothing.
PolicyPack(
    "bulwark",
    pack.policies,
    enforcement_level=EnforcementLevel.MANDATORY,
    initial_config=pack.initial_configuration,
)
