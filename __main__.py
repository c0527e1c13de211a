"""The stack: settings -> providers -> Platform -> exports."""

import pulumi

from components.platform import Platform
from components.providers import build
from components.settings import PROJECT
from components.stack import outputs, read

settings, secrets = read(pulumi.Config(PROJECT))
platform = Platform(settings.platform.name, settings, secrets=secrets, providers=build(settings, secrets))

for name, value in outputs(platform, settings).items():
    pulumi.export(name, value)
