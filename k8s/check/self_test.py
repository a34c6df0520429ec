"""Shows that the rules notice what is wrong: each field is taken away in turn, and values that must
not be are put in. What may go unnoticed when it is away is listed, with the reason."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import rules
from manifests import Object, Project, Rendering, name_of
from schema import Schema

Path = tuple[str | int, ...]

# Fields that no rule is about, as regular expressions, and why.
OPTIONAL = {
    r"\S+ metadata\.labels(\..+)?": "for people, except where somebody selects by them",
    r"Deployment/\S+ spec\.revisionHistoryLimit": "how far one can roll back is a matter of taste",
    r"Deployment/.*\.terminationMessagePolicy": "only says where to show why it ended",
    r"Service/\S+ spec\.type": "the default",
    r"Service/\S+ spec\.ports\.0\.(protocol|appProtocol)": "the default; a hint for proxies",
    r"Service/\S+ spec\.ports\.0\.targetPort": "where it is the same as the port",
    r"Secret/\S+ type": "the default",
    r"ConfigMap/\S+ data\.SIGNALBOX_TIMEOUT_GRACEFUL_SHUTDOWN": "the default, said for its sum",
    r"StatefulSet/\S+ spec\.template\.spec\.terminationGracePeriodSeconds": "30 s are enough",
    r"StatefulSet/.*\.fsGroupChangePolicy": "only makes it faster",
    r"StatefulSet/.*\.emptyDir\.sizeLimit": "for trying it out",
    r"NetworkPolicy/signalbox-postgres spec\.egress": "none is the same as an empty list",
    r"NetworkPolicy/signalbox-database spec\.egress\.0\.to\.\d": "one of several networks",
}

# Values that have to be noticed: the rule that does, object, path and what is put there. In a list
# the next free index appends.
POD = "spec.template.spec"
API = f"{POD}.containers.0"
MIGRATE = f"{POD}.initContainers.0"
DEPLOYMENT, DATABASE = "local Deployment/signalbox", "local StatefulSet/signalbox-postgres"
POLICY = "local NetworkPolicy/signalbox"
CONFIG = "local ConfigMap/signalbox-[a-z0-9]{10}"
ANYBODY = [{"ports": [{"port": 9464, "protocol": "TCP"}]}]
WITH_PASSWORD = "postgresql://signalbox_app:secret@db/signalbox"
WRONG: list[tuple[str, str, str, Any]] = [
    ("pod_security", DEPLOYMENT, f"{POD}.hostNetwork", True),
    ("pod_security", DEPLOYMENT, f"{POD}.hostPID", True),
    ("pod_security", DEPLOYMENT, f"{POD}.securityContext.runAsNonRoot", False),
    ("pod_security", DEPLOYMENT, f"{POD}.securityContext.runAsUser", 0),
    ("pod_security", DEPLOYMENT, f"{POD}.securityContext.seccompProfile.type", "Unconfined"),
    ("pod_security", DEPLOYMENT, f"{POD}.volumes.0", {"name": "database", "hostPath": {}}),
    ("pod_security", DEPLOYMENT, f"{API}.securityContext.privileged", True),
    ("pod_security", DEPLOYMENT, f"{API}.securityContext.runAsUser", 0),
    ("pod_security", DEPLOYMENT, f"{API}.securityContext.allowPrivilegeEscalation", True),
    ("pod_security", DEPLOYMENT, f"{API}.securityContext.capabilities.add", ["NET_ADMIN"]),
    ("pod_security", DEPLOYMENT, f"{API}.ports.0.hostPort", 8000),
    ("pod_security", DEPLOYMENT, f"{MIGRATE}.securityContext.readOnlyRootFilesystem", False),
    ("pod_security", DATABASE, f"{POD}.securityContext.runAsUser", 0),
    ("pod_security", DATABASE, f"{API}.securityContext.capabilities.drop", ["NET_RAW"]),
    ("no_rights_in_the_cluster", DEPLOYMENT, f"{POD}.automountServiceAccountToken", True),
    ("no_rights_in_the_cluster", DEPLOYMENT, f"{POD}.serviceAccountName", "default"),
    ("service_links", DEPLOYMENT, f"{POD}.enableServiceLinks", True),
    ("resources", DEPLOYMENT, f"{API}.resources.requests.cpu", "3"),
    ("resources", DEPLOYMENT, f"{API}.env.1", {"name": "SIGNALBOX_WORKERS", "value": "4"}),
    ("probes", DEPLOYMENT, f"{API}.readinessProbe.httpGet.path", "/readyz"),
    ("probes", DEPLOYMENT, f"{API}.livenessProbe.httpGet.path", "/readyz"),
    ("probes", DEPLOYMENT, f"{API}.livenessProbe.httpGet.port", "http"),
    ("probes", DEPLOYMENT, f"{API}.livenessProbe.failureThreshold", 1),
    ("probes", DEPLOYMENT, f"{API}.startupProbe.failureThreshold", 30),
    ("probes", CONFIG, "data.SIGNALBOX_DATABASE_STARTUP_TIMEOUT", "5m"),
    ("shutdown", DEPLOYMENT, f"{POD}.terminationGracePeriodSeconds", 45),
    ("shutdown", DEPLOYMENT, f"{API}.lifecycle.preStop.sleep.seconds", 20),
    ("shutdown", DEPLOYMENT, f"{API}.livenessProbe.terminationGracePeriodSeconds", 10),
    ("shutdown", CONFIG, "data.SIGNALBOX_SHUTDOWN_DELAY", "1m"),
    ("shutdown", CONFIG, "data.SIGNALBOX_SHUTDOWN_DELAY", "1s"),
    ("shutdown", CONFIG, "data.SIGNALBOX_TIMEOUT_GRACEFUL_SHUTDOWN", "10s"),
    ("shutdown", CONFIG, "data.SIGNALBOX_TIMEOUT_REQUEST", "2m"),
    ("rollout", DEPLOYMENT, "spec.strategy.type", "Recreate"),
    ("rollout", DEPLOYMENT, "spec.strategy.rollingUpdate.maxUnavailable", 1),
    ("rollout", DEPLOYMENT, "spec.replicas", 2),
    ("spread", DEPLOYMENT, f"{POD}.topologySpreadConstraints", []),
    ("disruption_budget", "local PodDisruptionBudget/signalbox", "spec.maxUnavailable", "100%"),
    ("autoscaler", "local HorizontalPodAutoscaler/signalbox", "spec.minReplicas", 1),
    ("autoscaler", "local HorizontalPodAutoscaler/signalbox", "spec.maxReplicas", 20),
    ("autoscaler", "local HorizontalPodAutoscaler/signalbox", "spec.scaleTargetRef.name", "api"),
    ("autoscaler", CONFIG, "data.SIGNALBOX_DATABASE_POOL_SIZE", "50"),
    ("selectors", "local Service/signalbox", "spec.ports.0.targetPort", "admin"),
    ("selectors", "local Service/signalbox", "spec.ports.1", {"name": "admin", "port": 9464}),
    ("selectors", "local Service/signalbox", "spec.selector", {"app.kubernetes.io/name": "x"}),
    ("selectors", DEPLOYMENT, "spec.selector.matchLabels", {"app.kubernetes.io/name": "x"}),
    ("references", DEPLOYMENT, f"{API}.envFrom.0.configMapRef.name", "signalbox"),
    ("references", DEPLOYMENT, f"{POD}.volumes.0.secret.secretName", "another"),
    ("references", DEPLOYMENT, f"{POD}.securityContext.fsGroup", 1000),
    ("images", DEPLOYMENT, f"{API}.image", "signalbox:latest"),
    ("images", DEPLOYMENT, f"{API}.image", "signalbox"),
    ("images", "production Deployment/signalbox", f"{API}.image", "signalbox:0.1.0"),
    ("images", DEPLOYMENT, f"{API}.imagePullPolicy", "Always"),
    ("configuration", CONFIG, "data.SIGNALBOX_SHUTDOWN_DELAYS", "10s"),
    ("configuration", CONFIG, "data.SIGNALBOX_ADMIN_HOST", "127.0.0.1"),
    ("configuration", CONFIG, "data.SIGNALBOX_PORT", "9000"),
    ("migrations", DEPLOYMENT, f"{MIGRATE}.args", ["migrate", "--status"]),
    ("migrations", DEPLOYMENT, f"{MIGRATE}.image", "signalbox:0.0.9"),
    (
        "database_roles",
        DEPLOYMENT,
        f"{POD}.volumes.0.secret.secretName",
        "signalbox-database-owner",
    ),
    ("database_roles", DEPLOYMENT, f"{API}.volumeMounts.0.subPath", "url"),
    (
        "database_roles",
        DEPLOYMENT,
        f"{API}.volumeMounts.1",
        {"name": "database-owner", "mountPath": "/owner", "readOnly": True},
    ),
    ("no_passwords", CONFIG, "data.DATABASE_URL", WITH_PASSWORD),
    ("no_passwords", CONFIG, "data.SOMETHING", WITH_PASSWORD),
    ("no_passwords", DEPLOYMENT, f"{API}.args.1", f"--database-url={WITH_PASSWORD}"),
    ("no_passwords", DEPLOYMENT, f"{API}.env.1", {"name": "DATABASE_URL", "value": "host=db"}),
    ("no_passwords", DEPLOYMENT, f"{API}.env.1", {"name": "PGPASSWORD", "value": "secret"}),
    ("no_passwords", "production Namespace/signalbox", "kind", "Secret"),
    ("local_secrets", "local Secret/signalbox-postgres", "data.app-password", "c2VjcmV0"),
    ("local_secrets", "local Secret/signalbox-database", "data.url", "c2VjcmV0"),
    ("postgres_setup", "local ConfigMap/signalbox-postgres-initdb", "data", {"10-roles.sh": ""}),
    ("postgres_setup", DATABASE, f"{POD}.volumes.2.configMap.defaultMode", 0o444),
    ("postgres_setup", DATABASE, f"{API}.env.0.name", "POSTGRES_PASSWORD"),
    ("postgres_probes", DATABASE, f"{API}.readinessProbe.exec.command", ["true"]),
    ("network", POLICY, "spec.ingress.1", ANYBODY[0]),
    ("network", POLICY, "spec.ingress", [{}]),
    ("network", POLICY, "spec.egress.1", {}),
    ("network", POLICY, "spec.egress.1", {"ports": [{"port": 443, "protocol": "TCP"}]}),
    ("network", POLICY, "spec.policyTypes", ["Ingress"]),
    ("network", POLICY, "spec.podSelector", {}),
    ("network", "local NetworkPolicy/signalbox-postgres", "spec.ingress.0.from", []),
    ("network", "local NetworkPolicy/signalbox-postgres", "spec.egress", [{}]),
    ("network", "production NetworkPolicy/signalbox", "spec.ingress.0.from", []),
    ("network", "production NetworkPolicy/signalbox-admin", "spec.ingress", ANYBODY),
    (
        "network",
        "production NetworkPolicy/signalbox-database",
        "spec.egress.0.to.0.ipBlock.cidr",
        "0.0.0.0/0",
    ),
    ("ingress_route", "production Ingress/signalbox", "spec.rules.0.host", "api.example.com"),
    ("ingress_route", "production Ingress/signalbox", "spec.tls.0.secretName", "another"),
    (
        "monitoring",
        "production PrometheusRule/signalbox-alerts",
        "spec.groups.0.rules.0.expr",
        "vector(1)",
    ),
    ("monitoring", "production PrometheusRule/signalbox-alerts", "spec.groups.0.rules.0.for", "9m"),
    ("monitoring", "production ConfigMap/signalbox-dashboard", "data", {"signalbox.json": "{}"}),
    ("monitoring", "production ServiceMonitor/signalbox", "spec.jobLabel", "job"),
    ("monitoring", "production ServiceMonitor/signalbox", "spec.endpoints.0.path", "/livez"),
    ("namespaces", "base Service/signalbox", "metadata.namespace", "signalbox"),
    ("namespaces", "local Service/signalbox", "metadata.namespace", "default"),
    ("empty_cluster", "local Service/signalbox", "apiVersion", "monitoring.coreos.com/v1"),
    ("empty_cluster", DATABASE, "spec.volumeClaimTemplates", [{"metadata": {"name": "data"}}]),
    ("object_identity", "local Service/signalbox-postgres", "metadata.name", "signalbox"),
]

# What the schema has to notice: whether Kubernetes' own is needed for it, object, path and value.
NOTHING = object()
WRONG_STRUCTURE: list[tuple[bool, str, str, Any]] = [
    (True, DEPLOYMENT, f"{POD}.enableServiceLink", False),
    (True, DEPLOYMENT, f"{POD}.terminationGracePeriodSeconds", "60"),
    (True, DEPLOYMENT, f"{API}.resources.limits.cpu", "two"),
    (True, DEPLOYMENT, f"{API}.name", NOTHING),
    (True, DEPLOYMENT, "apiVersion", "apps/v1beta1"),
    (True, DEPLOYMENT, "metadata", NOTHING),
    (True, CONFIG, "data.SIGNALBOX_PORT", 8000),
    (True, POLICY, "spec.ingres", []),
    (False, "production PrometheusRule/signalbox-alerts", "spec.groups.0.rules.0.foo", "1m"),
    (False, "production PrometheusRule/signalbox-alerts", "spec.groups.0.rules.0.expr", NOTHING),
    (False, "production ServiceMonitor/signalbox", "spec.endpoint", []),
]


@contextmanager
def changed(thing: Object, path: Path, *value: Any) -> Iterator[None]:
    """For the time of a `with` the field has the value; without one it is away."""
    place: Any = thing
    for step in path[:-1]:
        place = place[step]
    last = path[-1]
    if isinstance(place, list):
        items = list(place)
        assert isinstance(last, int)
        place[last : last + 1] = value
        yield
        place[:] = items
    else:
        fields = dict(place)
        if value:
            place[last] = value[0]
        else:
            del place[last]
        yield
        place.clear()
        place.update(fields)


def paths(tree: Any, depth: int, before: Path = ()) -> Iterator[Path]:
    fields: Any = ()
    if isinstance(tree, dict):
        fields = list(tree.items())
    elif isinstance(tree, list):
        fields = list(enumerate(tree))
    for key, value in fields if depth > 0 else ():
        yield (*before, key)
        yield from paths(value, depth - 1, (*before, key))


def steps(path: str) -> Path:
    return tuple(int(step) if step.isdigit() else step for step in path.split("."))


def noticed_by(rendering: Rendering, project: Project) -> list[str]:
    return list(dict.fromkeys(name for name, _ in rules.faults(rendering, project)))


class SelfTest:
    def __init__(self, renderings: list[Rendering], project: Project, verbose: bool) -> None:
        self._renderings = renderings
        self._project = project
        self._verbose = verbose
        self._used: set[str] = set()
        self._rules_seen: set[str] = set()
        self.failures = 0

    def _fail(self, text: str) -> None:
        print(f"self-test: {text}", file=sys.stderr)
        self.failures += 1

    def _say(self, text: str) -> None:
        if self._verbose:
            print(text)

    def _is_optional(self, place: str) -> bool:
        matching = {pattern for pattern in OPTIONAL if re.fullmatch(pattern, place)}
        self._used |= matching
        return bool(matching)

    def remove_each_field(self) -> int:
        number = 0
        for rendering in self._renderings:
            for thing in rendering.objects:
                # Rules are compared as a whole, so their innermost parts need not be tried.
                depth = 5 if thing.get("kind") == "PrometheusRule" else 99
                name = name_of(thing)
                for path in list(paths(thing, depth)):
                    with changed(thing, path):
                        noticed = noticed_by(rendering, self._project)
                    place = f"{name} {'.'.join(map(str, path))}"
                    number += 1
                    self._rules_seen |= set(noticed)
                    optional = self._is_optional(place)
                    if not noticed and not optional:
                        self._fail(f"{rendering.name}: {place} can be removed unnoticed")
                    by = ", ".join(noticed) or "nobody; it is optional"
                    self._say(f"{rendering.name}: without {place}: noticed by {by}")
        for pattern in OPTIONAL.keys() - self._used:
            self._fail(f"no field is like {pattern}")
        return number

    def _find(self, place: str) -> tuple[Rendering, Object]:
        overlay, name = place.split(" ")
        rendering = next(r for r in self._renderings if r.name == overlay)
        return rendering, next(o for o in rendering.objects if re.fullmatch(name, name_of(o)))

    def put_in_wrong_values(self) -> int:
        for rule, place, path, value in WRONG:
            rendering, thing = self._find(place)
            with changed(thing, steps(path), value):
                noticed = noticed_by(rendering, self._project)
            self._rules_seen |= set(noticed)
            text = f"{rendering.name}: {name_of(thing)} {path} = {str(value)[:60]!r}"
            if rule not in noticed:
                self._fail(f"{text} is not noticed by {rule}, only by {noticed}")
            self._say(f"{text}: noticed by {', '.join(noticed)}")
        return len(WRONG)

    def break_the_structure(self, schema: Schema) -> int:
        number = 0
        for needs_kubernetes, place, path, value in WRONG_STRUCTURE:
            if needs_kubernetes and not schema.knows_kubernetes:
                continue
            rendering, thing = self._find(place)
            number += 1
            with changed(thing, steps(path), *(() if value is NOTHING else (value,))):
                noticed = list(schema.faults(thing))
            text = f"{rendering.name}: {name_of(thing)} with another {path}"
            if not noticed:
                self._fail(f"{text} is not noticed by the schema")
            self._say(f"{text}: {noticed}")
        return number

    def every_rule_was_seen(self) -> None:
        for rule in rules.RULES:
            if rule.__name__ not in self._rules_seen:
                self._fail(f"nothing here breaks the rule {rule.__name__}")


def run(renderings: list[Rendering], project: Project, schema: Schema, verbose: bool) -> int:
    for rendering in renderings:
        before = noticed_by(rendering, project)
        if before:
            print(
                f"self-test: {rendering.name} has faults to begin with: {before}", file=sys.stderr
            )
            return 1
    test = SelfTest(renderings, project, verbose)
    removed = test.remove_each_field()
    wrong = test.put_in_wrong_values()
    broken = test.break_the_structure(schema)
    test.every_rule_was_seen()
    print(
        f"self-test of {len(rules.RULES)} rules: {removed} fields removed one at a time, "
        f"{wrong} wrong values and {broken} wrong structures put in, {test.failures} of them unnoticed"
    )
    return 1 if test.failures else 0
