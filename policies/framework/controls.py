"""Controls of compliance frameworks that rules answer. Ids change between a framework's versions."""

from enum import Enum
from typing import Final


class Framework(Enum):
    """A compliance framework: name and version."""

    SOC_2 = ("SOC 2", "2017")
    ISO_27001 = ("ISO 27001", "2022")
    NIST_800_53 = ("NIST 800-53", "r5")
    CIS_CONTROLS = ("CIS Controls", "8.1")
    CIS_AWS = ("CIS AWS Foundations", "3.0")

    def __str__(self) -> str:
        return " ".join(self.value)


_SOC: Final = Framework.SOC_2
_ISO: Final = Framework.ISO_27001
_NIST: Final = Framework.NIST_800_53
_CIS: Final = Framework.CIS_CONTROLS
_AWS: Final = Framework.CIS_AWS


class Control(Enum):
    """One control: framework, id, and requirement."""

    SOC_A1_1 = (_SOC, "A1.1", "capacity is managed to meet demand")
    SOC_A1_2 = (_SOC, "A1.2", "backups and recovery infrastructure exist")
    SOC_A1_3 = (_SOC, "A1.3", "recovery is tested")
    SOC_CC6_1 = (_SOC, "CC6.1", "access to protected assets is restricted")
    SOC_CC6_3 = (_SOC, "CC6.3", "access is granted by role, with least privilege")
    SOC_CC6_6 = (_SOC, "CC6.6", "what is outside the boundary is kept out")
    SOC_CC6_7 = (_SOC, "CC6.7", "data in transmission is protected")
    SOC_CC7_1 = (_SOC, "CC7.1", "changes that open vulnerabilities are detected")
    SOC_CC7_2 = (_SOC, "CC7.2", "components are monitored for anomalies")
    SOC_CC7_3 = (_SOC, "CC7.3", "events are evaluated")
    SOC_CC7_4 = (_SOC, "CC7.4", "incidents are answered")
    SOC_CC8_1 = (_SOC, "CC8.1", "changes are authorised and tracked")
    ISO_A_5_9 = (_ISO, "A.5.9", "assets are known and owned")
    ISO_A_5_15 = (_ISO, "A.5.15", "access is controlled by rule")
    ISO_A_5_17 = (_ISO, "A.5.17", "authentication information is protected")
    ISO_A_5_26 = (_ISO, "A.5.26", "incidents are answered by procedure")
    ISO_A_5_30 = (_ISO, "A.5.30", "readiness for continuity is tested")
    ISO_A_8_2 = (_ISO, "A.8.2", "privileged rights are restricted")
    ISO_A_8_3 = (_ISO, "A.8.3", "access to information is restricted")
    ISO_A_8_6 = (_ISO, "A.8.6", "capacity is planned and watched")
    ISO_A_8_9 = (_ISO, "A.8.9", "configurations are established and reviewed")
    ISO_A_8_13 = (_ISO, "A.8.13", "information is backed up, and backups tested")
    ISO_A_8_14 = (_ISO, "A.8.14", "facilities are redundant")
    ISO_A_8_15 = (_ISO, "A.8.15", "activity is logged, and logs protected")
    ISO_A_8_16 = (_ISO, "A.8.16", "systems are monitored")
    ISO_A_8_24 = (_ISO, "A.8.24", "cryptography is used, and keys managed")
    NIST_AC_3 = (_NIST, "AC-3", "access is enforced")
    NIST_AC_6 = (_NIST, "AC-6", "least privilege")
    NIST_AC_12 = (_NIST, "AC-12", "sessions end")
    NIST_AU_2 = (_NIST, "AU-2", "events are logged")
    NIST_AU_9 = (_NIST, "AU-9", "audit information is protected")
    NIST_AU_11 = (_NIST, "AU-11", "audit records are retained")
    NIST_CM_2 = (_NIST, "CM-2", "a baseline configuration is kept")
    NIST_CM_3 = (_NIST, "CM-3", "changes are controlled")
    NIST_CM_8 = (_NIST, "CM-8", "components are in an inventory")
    NIST_CP_4 = (_NIST, "CP-4", "the contingency plan is tested")
    NIST_CP_6_1 = (_NIST, "CP-6(1)", "alternate storage is separate")
    NIST_CP_9 = (_NIST, "CP-9", "backups are made")
    NIST_CP_9_1 = (_NIST, "CP-9(1)", "backups are tested")
    NIST_CP_9_8 = (_NIST, "CP-9(8)", "backups are protected by cryptography")
    NIST_CP_10 = (_NIST, "CP-10", "the system is recovered to a known state in time")
    NIST_IA_5 = (_NIST, "IA-5", "authenticators are managed")
    NIST_IA_5_7 = (_NIST, "IA-5(7)", "no authenticator stands unencrypted in configuration")
    NIST_IR_4 = (_NIST, "IR-4", "incidents are handled")
    NIST_SC_5 = (_NIST, "SC-5", "effects of denial of service are limited")
    NIST_SC_8 = (_NIST, "SC-8", "transmission is confidential")
    NIST_SC_12 = (_NIST, "SC-12", "keys are managed")
    NIST_SC_28 = (_NIST, "SC-28", "information at rest is protected")
    NIST_SI_4 = (_NIST, "SI-4", "the system is monitored")
    NIST_SI_4_12 = (_NIST, "SI-4(12)", "alerts come by themselves")
    NIST_SI_13 = (_NIST, "SI-13", "predictable failure is prevented")
    CIS_1_1 = (_CIS, "1.1", "assets are in an inventory")
    CIS_3_1 = (_CIS, "3.1", "data is managed by process")
    CIS_3_3 = (_CIS, "3.3", "access to data is by need to know")
    CIS_3_10 = (_CIS, "3.10", "sensitive data is encrypted in transit")
    CIS_3_11 = (_CIS, "3.11", "sensitive data is encrypted at rest")
    CIS_4_1 = (_CIS, "4.1", "configuration follows a secure process")
    CIS_6_8 = (_CIS, "6.8", "access is by role")
    CIS_8_2 = (_CIS, "8.2", "audit logs are collected")
    CIS_8_10 = (_CIS, "8.10", "audit logs are retained")
    CIS_11_1 = (_CIS, "11.1", "recovery is a documented process")
    CIS_11_2 = (_CIS, "11.2", "backups are automated")
    CIS_11_3 = (_CIS, "11.3", "recovery data is protected")
    CIS_11_4 = (_CIS, "11.4", "recovery data has an isolated instance")
    CIS_11_5 = (_CIS, "11.5", "recovery is tested")
    CIS_13_1 = (_CIS, "13.1", "alerting is in one place")
    CIS_17_2 = (_CIS, "17.2", "contacts for incidents are kept")
    CIS_AWS_1_16 = (_AWS, "1.16", "no policy grants everything")
    CIS_AWS_2_1_1 = (_AWS, "2.1.1", "buckets refuse requests without TLS")
    CIS_AWS_2_1_4 = (_AWS, "2.1.4", "buckets block public access")
    CIS_AWS_3_6 = (_AWS, "3.6", "customer keys rotate")

    @property
    def framework(self) -> Framework:
        return self.value[0]

    @property
    def id(self) -> str:
        return self.value[1]

    @property
    def requirement(self) -> str:
        return self.value[2]

    def __str__(self) -> str:
        return f"{self.framework} {self.id}"
