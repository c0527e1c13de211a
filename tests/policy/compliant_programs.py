"""Programs of others in the shapes of public examples, as their engine shows them on a first preview."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from foreign_stacks import satellites
from policy_harness import UNKNOWN, Toy, secret

_ROOT: Final = Toy("pulumi:pulumi:Stack", "shop-prod")
_ACCOUNT: Final = "123456789012"
_AWS: Final = Toy(
    "pulumi:providers:aws",
    "aws",
    {
        "region": "eu-west-1",
        "version": "7.51.1",
        "allowedAccountIds": f'["{_ACCOUNT}"]',
        "defaultTags": '{"tags": {"Project": "shop", "Environment": "prod", "ManagedBy": "pulumi"}}',
    },
)


def _provider(package: str, version: str, **inputs: Any) -> Toy:
    return Toy(f"pulumi:providers:{package}", package, {"version": version, **inputs})


def _made(token: str, name: str, provider: str, /, *, protect: bool = False, **inputs: Any) -> Toy:
    return Toy(token, name, inputs, provider=provider, options={"protect": protect})


def _aws(token: str, name: str, /, *, protect: bool = False, **inputs: Any) -> Toy:
    return _made(f"aws:{token}", name, "aws", protect=protect, **inputs)


def _bucket(name: str) -> list[Toy]:
    bucket = _aws("s3/bucket:Bucket", name, protect=True, bucket=f"shop-{name}", forceDestroy=False)
    return [bucket, *satellites(name)]


def _log() -> list[Toy]:
    return [toy for toy in _bucket("log") if "Logging" not in toy.type]


def _worthless(*stores: Toy, reason: str) -> Toy:
    return Toy(
        "shop:index:Valueless", "valueless", {"holdsNothing": [one.urn for one in stores], "reason": reason}
    )


def _role(name: str, service: str, *statements: dict[str, Any]) -> list[Toy]:
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": _ACCOUNT}},
    }
    role = _aws(
        "iam/role:Role",
        name,
        name=name,
        maxSessionDuration=3600,
        assumeRolePolicy=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )
    policy = Toy(
        "aws:iam/rolePolicy:RolePolicy",
        f"{name}-policy",
        {"role": name, "policy": json.dumps({"Version": "2012-10-17", "Statement": list(statements)})},
        provider="aws",
        made_from={"role": [name]},
    )
    lists = [
        Toy(
            f"aws:iam/role{kind}Exclusive:Role{kind}Exclusive",
            f"{name}-{kind}",
            {"roleName": name, **entries},
            provider="aws",
            made_from={"roleName": [name]},
        )
        for kind, entries in (
            ("Policies", {"policyNames": [f"{name}-policy"]}),
            ("PolicyAttachments", {"policyArns": []}),
        )
    ]
    return [role, policy, *lists]


def _allow(resource: Any, *actions: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}


def _static_site() -> list[Toy]:
    site = _bucket("site")
    return [
        *site,
        *_log(),
        _aws("cloudfront/originAccessControl:OriginAccessControl", "control", name="shop"),
        _aws("cloudfront/distribution:Distribution", "pages", enabled=True, aliases=["shop.example.com"]),
        _aws("route53/record:Record", "address", name="shop.example.com", type="A"),
        _aws("acm/certificate:Certificate", "certificate", domainName="shop.example.com"),
        _worthless(site[0], reason="Each deploy builds the pages from the repository"),
    ]


def _public_site() -> list[Toy]:
    def opened(toy: Toy) -> Toy:
        if not toy.type.endswith("BucketPolicy"):
            return toy
        document = json.loads(toy.inputs["policy"])
        document["Statement"].append(
            {
                "Effect": "Allow",
                "Principal": "*",
                "Action": "s3:GetObject",
                "Resource": "arn:aws:s3:::shop-site/*",
            }
        )
        return replace(toy, inputs={**toy.inputs, "policy": json.dumps(document)})

    return [opened(toy) if toy.name.startswith("site") else toy for toy in _static_site()]


def _function() -> list[Toy]:
    logs = f"arn:aws:logs:eu-west-1:{_ACCOUNT}:log-group:/aws/lambda/api:*"
    return [
        *_role(
            "api",
            "lambda.amazonaws.com",
            _allow(logs, "logs:CreateLogStream", "logs:PutLogEvents"),
            _allow("*", "xray:PutTraceSegments", "cloudwatch:PutMetricData"),
        ),
        _aws("lambda/function:Function", "api-function", role=UNKNOWN, runtime="python3.13"),
        _aws("cloudwatch/logGroup:LogGroup", "api-logs", name="/aws/lambda/api", retentionInDays=30),
        _aws("apigatewayv2/api:Api", "gateway", protocolType="HTTP"),
        _aws("apigatewayv2/stage:Stage", "stage", name="$default", autoDeploy=True),
        _aws("lambda/permission:Permission", "permission", action="lambda:InvokeFunction"),
    ]


def _container_with_database() -> list[Toy]:
    secrets = f"arn:aws:secretsmanager:eu-west-1:{_ACCOUNT}:secret:shop-*"
    return [
        *_role(
            "task",
            "ecs-tasks.amazonaws.com",
            _allow(secrets, "secretsmanager:GetSecretValue"),
            _allow(
                "*",
                "ecr:GetAuthorizationToken",
                "ssmmessages:CreateControlChannel",
                "ssmmessages:CreateDataChannel",
                "ssmmessages:OpenControlChannel",
                "ssmmessages:OpenDataChannel",
            ),
        ),
        _aws("ec2/vpc:Vpc", "network", cidrBlock="10.0.0.0/16"),
        _aws("ecs/cluster:Cluster", "cluster", name="shop"),
        _aws("ecs/service:Service", "service", desiredCount=2),
        _aws("lb/loadBalancer:LoadBalancer", "entry", internal=False),
        _aws("rds/subnetGroup:SubnetGroup", "subnets", name="shop"),
        _aws("elasticache/replicationGroup:ReplicationGroup", "cache", replicationGroupId="shop"),
        _aws(
            "rds/instance:Instance",
            "orders",
            protect=True,
            identifier="orders",
            backupRetentionPeriod=14,
            password=secret("hidden"),
        ),
    ]


def _kubernetes() -> list[Toy]:
    kinds = ("apps/v1:Deployment", "core/v1:Service", "core/v1:ConfigMap", "networking.k8s.io/v1:Ingress")
    return [
        _provider("kubernetes", "4.34.2", context="shop"),
        *(_made(f"kubernetes:{kind}", kind.rpartition(":")[2].lower(), "kubernetes") for kind in kinds),
        _made("kubernetes:apps/v1:StatefulSet", "stateless", "kubernetes", spec={"replicas": 2}),
    ]


def _kubernetes_with_volume() -> list[Toy]:
    claim = _made("kubernetes:core/v1:PersistentVolumeClaim", "queue-data", "kubernetes", protect=True)
    return [
        *_kubernetes(),
        claim,
        _worthless(claim, reason="A queue that its producers fill again after a restart"),
    ]


def _google() -> list[Toy]:
    backups = {"enabled": True, "pointInTimeRecoveryEnabled": True, "transactionLogRetentionDays": 7}
    return [
        _provider("gcp", "10.2.0", project="shop"),
        _made("gcp:cloudrunv2/service:Service", "api", "gcp", location="europe-west1"),
        _made("gcp:compute/network:Network", "network", "gcp"),
        _made("gcp:redis/instance:Instance", "cache", "gcp"),
        _made("gcp:sql/user:User", "app", "gcp", password=secret("hidden")),
        _made(
            "gcp:sql/databaseInstance:DatabaseInstance",
            "orders",
            "gcp",
            protect=True,
            name="orders",
            settings={"backupConfiguration": backups},
        ),
    ]


def _azure() -> list[Toy]:
    return [
        _provider("azure-native", "3.29.0", subscriptionId=UNKNOWN),
        _made("azure-native:resources:ResourceGroup", "group", "azure-native"),
        _made("azure-native:web:AppServicePlan", "plan", "azure-native"),
        _made("azure-native:web:WebApp", "api", "azure-native", httpsOnly=True),
        _made("azure-native:dbforpostgresql:Database", "orders-database", "azure-native"),
        _made(
            "azure-native:dbforpostgresql/v20240801:Server",
            "orders",
            "azure-native",
            protect=True,
            serverName="orders",
            backup={"backupRetentionDays": 14},
            administratorLoginPassword=secret("hidden"),
        ),
    ]


def _supabase() -> list[Toy]:
    return [
        _provider("supabase", "1.5.1", accessToken=secret("hidden")),
        _made("supabase:index/project:Project", "shop", "supabase", protect=True, name="shop"),
        _made("supabase:index/settings:Settings", "settings", "supabase"),
    ]


def _vercel_and_monitors() -> list[Toy]:
    return [
        _provider("vercel", "5.21.1", apiToken=secret("hidden")),
        _made("vercel:index/project:Project", "pages", "vercel", name="shop"),
        _made("vercel:index/projectDomain:ProjectDomain", "domain", "vercel", domain="shop.example.com"),
        _provider("cloudflare", "6.23.1", apiToken=secret("hidden")),
        _made("cloudflare:index/dnsRecord:DnsRecord", "address", "cloudflare", name="shop.example.com"),
        _made("cloudflare:index/zoneSetting:ZoneSetting", "tls", "cloudflare", settingId="min_tls_version"),
    ]


def _utilities() -> list[Toy]:
    return [
        _provider("random", "4.21.4"),
        _made("random:index/randomPassword:RandomPassword", "password", "random", length=32),
        _made("random:index/randomId:RandomId", "suffix", "random", byteLength=4),
        _provider("github", "6.15.0", token=secret("hidden")),
        _made(
            "github:index/repository:Repository", "repository", "github", name="shop", visibility="private"
        ),
        _made("github:index/branchProtection:BranchProtection", "main", "github", pattern="main"),
    ]


def _worker_in_a_cluster() -> list[Toy]:
    """Return a worker of an EKS cluster that takes jobs of an encrypted queue, by its service account."""
    issuer = "oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF"
    queue = f"arn:aws:sqs:eu-west-1:{_ACCOUNT}:jobs"
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::{_ACCOUNT}:oidc-provider/{issuer}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {
                f"{issuer}:aud": "sts.amazonaws.com",
                f"{issuer}:sub": "system:serviceaccount:shop:worker",
            }
        },
    }
    administered = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{_ACCOUNT}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    role = [
        replace(toy, inputs={**toy.inputs, "assumeRolePolicy": json.dumps({"Statement": [trust]})})
        if toy.type == "aws:iam/role:Role"
        else toy
        for toy in _role(
            "worker", "ecs-tasks.amazonaws.com", _allow(queue, "sqs:ReceiveMessage", "sqs:DeleteMessage")
        )
    ]
    return [
        _aws(
            "kms/key:Key",
            "jobs-key",
            protect=True,
            enableKeyRotation=True,
            rotationPeriodInDays=365,
            deletionWindowInDays=30,
            policy=json.dumps({"Statement": [administered]}),
        ),
        _aws("kms/alias:Alias", "jobs-alias", name="alias/jobs", targetKeyId=UNKNOWN),
        _aws("sqs/queue:Queue", "jobs", name="jobs", kmsMasterKeyId="alias/jobs"),
        _aws("sqs/queue:Queue", "failed", name="failed", kmsMasterKeyId="alias/jobs"),
        _aws("iam/openIdConnectProvider:OpenIdConnectProvider", "cluster", url=f"https://{issuer}"),
        _aws(
            "elasticache/replicationGroup:ReplicationGroup",
            "cache",
            description="answers that may be lost",
            authToken=secret("hidden"),
        ),
        *role,
        _provider("kubernetes", "4.34.2"),
        _made("kubernetes:core/v1:ServiceAccount", "account", "kubernetes", metadata={"name": "worker"}),
        _made("kubernetes:apps/v1:Deployment", "worker-pods", "kubernetes", spec={"replicas": 2}),
        _made("kubernetes:core/v1:Secret", "tokens", "kubernetes", stringData=secret({"token": "hidden"})),
    ]


_UNWATCHED: Final = ("endpoint-has-monitor", "endpoint-has-second-prober")
_ALONE: Final = "store-has-independent-backup"

PROGRAMS: Final[dict[str, tuple[Callable[[], list[Toy]], set[tuple[str, str]]]]] = {
    "static site": (_static_site, {(rule, "pages") for rule in _UNWATCHED}),
    "public static site": (
        _public_site,
        {("bucket-is-closed-to-the-public", "site"), *((rule, "pages") for rule in _UNWATCHED)},
    ),
    "function behind a gateway": (_function, set()),
    "containers with a database": (_container_with_database, {(_ALONE, "orders")}),
    "kubernetes": (_kubernetes, set()),
    "kubernetes with a volume": (_kubernetes_with_volume, set()),
    "google cloud": (_google, {(_ALONE, "orders")}),
    "azure": (_azure, {(_ALONE, "orders")}),
    "supabase": (_supabase, {(_ALONE, "shop"), ("store-has-history", "shop")}),
    "vercel and cloudflare": (_vercel_and_monitors, {(rule, "domain") for rule in _UNWATCHED}),
    "random values and a repository": (_utilities, set()),
    "worker in a cluster": (_worker_in_a_cluster, set()),
}
"""Program, and what is right to refuse: it has no backup elsewhere, nobody watches it, or it is public."""


def make_stack(program: Callable[[], list[Toy]]) -> list[Toy]:
    """Return the whole stack of a program."""
    toys = program()
    return [_ROOT, *([_AWS] if any(toy.provider == "aws" for toy in toys) else []), *toys]
