"""A credential that does not expire, or a user who needs one, is refused."""

from typing import Final

from pulumi_policy import Severity

from policies.framework.controls import Control
from policies.framework.messages import message
from policies.framework.rule import Rule, of_type

_LONG_LIVED: Final = (
    "aws:iam/accessKey:AccessKey",
    "aws:iam/serviceSpecificCredential:ServiceSpecificCredential",
    "aws:iam/signingCertificate:SigningCertificate",
    "aws:iam/sshKey:SshKey",
    "aws:iam/user:User",
    "aws:iam/userLoginProfile:UserLoginProfile",
    "neon:index/apiKey:ApiKey",
    "neon:index/orgApiKey:OrgApiKey",
    "neon:index/projectApiKey:ProjectApiKey",
)
"""Keys, passwords, and users, who sign in with nothing else."""

RULE: Final = Rule(
    id="no-long-lived-key",
    title="No stack makes users or keys that don't expire",
    violated="is or needs a key that does not expire",
    severity=Severity.HIGH,
    risk="Such a key is copied into files and settings, leaks from one of them, and still works years later.",
    fix="Let the workload take on a role with its own identity (GitHub's OIDC, a service's role) instead.",
    controls=(Control.NIST_IA_5, Control.SOC_CC6_1, Control.ISO_A_5_17, Control.CIS_6_8),
    subjects=of_type(*_LONG_LIVED),
    judge=lambda *_: (message("roles are taken on for a session, keys stay"),),
)
