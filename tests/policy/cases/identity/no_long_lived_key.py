from case import Case

from cases.identity import extra

CASE = Case(
    rule="no-long-lived-key",
    at="extra",
    weak=(
        *(
            extra(f"aws:iam/{kind}:{kind[0].upper()}{kind[1:]}")
            for kind in (
                "accessKey",
                "serviceSpecificCredential",
                "signingCertificate",
                "sshKey",
                "user",
                "userLoginProfile",
            )
        ),
        *(
            extra(f"neon:index/{kind}:{kind[0].upper()}{kind[1:]}", "neon")
            for kind in ("apiKey", "orgApiKey", "projectApiKey")
        ),
    ),
    absent=(),
    unknown=(),
)
