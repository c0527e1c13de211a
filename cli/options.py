"""Options that several commands take."""

from typing import Annotated

from cyclopts import Parameter

StackOption = Annotated[str, Parameter(name=["--stack", "-s"])]
TwinOption = Annotated[bool, Parameter(name="--twin", negative=())]
JsonOption = Annotated[bool, Parameter(name="--json", negative=())]
