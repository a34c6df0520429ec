"""How pods are watched, stopped, replaced and counted."""

from __future__ import annotations

from typing import Any

from manifests import (
    Project,
    Rendering,
    containers,
    get,
    name_of,
    pod_labels,
    pod_spec,
    seconds,
    selects,
)
from rules.registry import ADMIN_PORT, Faults, expect, rule, within


def _admin_port(rendering: Rendering) -> Any:
    """What a probe may call the admin port."""
    for port in rendering.container().get("ports") or []:
        if port.get("containerPort") == ADMIN_PORT:
            return port.get("name")
    return None


@rule
def probes(rendering: Rendering, project: Project) -> Faults:
    container = rendering.container()
    wanted = {
        "startupProbe": "/readyz?exclude=database",
        "readinessProbe": "/readyz?exclude=database",
        "livenessProbe": "/livez",
    }
    port = _admin_port(rendering)
    if port is None:
        yield f"the container has no named port {ADMIN_PORT}"
    for probe, path in wanted.items():
        faults = [*expect(container, f"{probe}.httpGet.path", path)]
        if get(container, f"{probe}.httpGet.port") not in (ADMIN_PORT, port or ADMIN_PORT):
            faults.append(f"{probe} does not ask the admin port")
        for field in ("periodSeconds", "timeoutSeconds", "failureThreshold"):
            if not get(container, f"{probe}.{field}"):
                faults.append(f"{probe}.{field} is left to the default")
        yield from faults
    environment = rendering.environment(container)
    variable = "SIGNALBOX_DATABASE_STARTUP_TIMEOUT"
    patience = seconds(environment.get(variable, project.defaults[variable]))
    if patience < 60:
        yield f"{variable} is short for a PostgreSQL that is being made at the same time"
    period = get(container, "startupProbe.periodSeconds", 0)
    if not period * get(container, "startupProbe.failureThreshold", 0) >= patience + 10:
        yield f"the startup probe gives up before {variable}, {patience:g} s, has passed"
    if "livenessProbe" in container and not get(container, "livenessProbe.failureThreshold", 0) > 1:
        yield "one late answer is enough for livenessProbe"


@rule
def postgres_probes(rendering: Rendering, _: Project) -> Faults:
    workload = rendering.find("StatefulSet", "signalbox-postgres")
    for container in containers(workload) if workload else []:
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            command = get(container, f"{probe}.exec.command")
            if command != ["pg_isready", "--host=127.0.0.1", "--username=postgres", "--quiet"]:
                yield f"{name_of(workload or {})}: {probe} does not ask PostgreSQL over TCP"
            for field in ("periodSeconds", "timeoutSeconds", "failureThreshold"):
                if not get(container, f"{probe}.{field}"):
                    yield f"{name_of(workload or {})}: {probe}.{field} is left to the default"


@rule
def shutdown(rendering: Rendering, project: Project) -> Faults:
    """A pod that is to go: what proxies need to notice, then what requests in flight need."""
    environment = rendering.environment(rendering.container())

    def configured(variable: str) -> float:
        return seconds(environment.get(variable, project.defaults[variable]))

    pre_stop = get(rendering.container(), "lifecycle.preStop.sleep.seconds", 0)
    delay = configured("SIGNALBOX_SHUTDOWN_DELAY")
    drain = configured("SIGNALBOX_TIMEOUT_GRACEFUL_SHUTDOWN")
    grace = get(pod_spec(rendering.api()), "terminationGracePeriodSeconds", 30)
    if pre_stop < 5:
        yield "preStop: SIGTERM comes before proxies have heard that the pod goes"
    # Readiness has to be seen to fail as often as it takes, by load balancers like by the kubelet.
    period = get(rendering.container(), "readinessProbe.periodSeconds", 10)
    failures = period * get(rendering.container(), "readinessProbe.failureThreshold", 3)
    if not delay >= failures:
        yield f"SIGNALBOX_SHUTDOWN_DELAY is less than the {failures} s until a pod is not ready"
    if not drain >= configured("SIGNALBOX_TIMEOUT_REQUEST"):
        yield "SIGNALBOX_TIMEOUT_GRACEFUL_SHUTDOWN is less than a request may take"
    # 2 s for what was cancelled, 2 s for the log, and as much as that again.
    needed = pre_stop + delay + drain + 8
    if not grace >= needed:
        yield f"terminationGracePeriodSeconds is {grace}: less than the {needed:g} s of a drain"
    after_hang = get(rendering.container(), "livenessProbe.terminationGracePeriodSeconds", grace)
    if not pre_stop + delay + 5 <= after_hang < grace:
        yield f"livenessProbe.terminationGracePeriodSeconds is {after_hang}, which makes no sense"


@rule
def rollout(rendering: Rendering, _: Project) -> Faults:
    api = rendering.api()
    yield from expect(api, "spec.strategy.type", "RollingUpdate")
    yield from expect(api, "spec.strategy.rollingUpdate.maxUnavailable", 0)
    yield from expect(api, "spec.strategy.rollingUpdate.maxSurge", 1)
    if "replicas" in get(api, "spec", {}):
        yield "replicas is set: each apply would undo what the autoscaler decided"


@rule
def spread(rendering: Rendering, _: Project) -> Faults:
    constraints = pod_spec(rendering.api()).get("topologySpreadConstraints") or []
    for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname"):
        found = [constraint for constraint in constraints if constraint.get("topologyKey") == key]
        if len(found) != 1:
            yield f"the pods are not spread over {key}"
        for constraint in found:
            labels = pod_labels(rendering.api())
            if not selects(get(constraint, "labelSelector.matchLabels"), labels):
                yield f"{key}: the constraint counts other pods"
            yield from within(key, expect(constraint, "maxSkew", 1))
            yield from within(key, expect(constraint, "whenUnsatisfiable", "ScheduleAnyway"))
            yield from within(key, expect(constraint, "matchLabelKeys", ["pod-template-hash"]))


@rule
def disruption_budget(rendering: Rendering, _: Project) -> Faults:
    budget = rendering.find("PodDisruptionBudget", "signalbox") or {}
    if not selects(get(budget, "spec.selector.matchLabels"), pod_labels(rendering.api())):
        yield "the PodDisruptionBudget does not select the service's pods"
    yield from expect(budget, "spec.maxUnavailable", 1)
    yield from expect(budget, "spec.unhealthyPodEvictionPolicy", "AlwaysAllow")


@rule
def autoscaler(rendering: Rendering, project: Project) -> Faults:
    scaler = rendering.find("HorizontalPodAutoscaler", "signalbox") or {}
    yield from expect(scaler, "spec.scaleTargetRef.apiVersion", "apps/v1")
    yield from expect(scaler, "spec.scaleTargetRef.kind", "Deployment")
    yield from expect(scaler, "spec.scaleTargetRef.name", get(rendering.api(), "metadata.name"))
    fewest, most = get(scaler, "spec.minReplicas", 1), get(scaler, "spec.maxReplicas", 0)
    if not 2 <= fewest < most:
        yield f"{fewest} to {most} replicas: none may be missing, or it cannot scale"
    targets = [
        get(metric, "resource.target.averageUtilization")
        for metric in get(scaler, "spec.metrics") or []
        if metric.get("type") == "Resource"
        and get(metric, "resource.name") == "cpu"
        and get(metric, "resource.target.type") == "Utilization"
    ]
    if not targets or not all(isinstance(target, int) and 0 < target <= 80 for target in targets):
        yield "there is no target for the use of the CPU"
    for direction in ("scaleUp", "scaleDown"):
        behavior = get(scaler, f"spec.behavior.{direction}") or {}
        if "stabilizationWindowSeconds" not in behavior:
            yield f"behavior.{direction}.stabilizationWindowSeconds is left to the default"
        for policy in behavior.get("policies") or [{}]:
            if not policy.keys() >= {"type", "value", "periodSeconds"}:
                yield f"behavior.{direction} has no whole policy"
    # PostgreSQL's max_connections is 100 by default, three of them kept for superusers. A rolling
    # update has one pod more, and each pod that starts a connection or two for its migrations.
    variable = "SIGNALBOX_DATABASE_POOL_SIZE"
    environment = rendering.environment(rendering.container())
    pool = int(environment.get(variable, project.defaults[variable]))
    if (most + 1) * pool + 4 > 97:
        yield f"{most} replicas × {pool} connections are more than PostgreSQL has by default"
