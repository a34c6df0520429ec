"""That Kubernetes gets the rules and the dashboard everybody else has."""

from __future__ import annotations

from manifests import Project, Rendering, get, selects
from rules.registry import Faults, expect, rule


@rule
def monitoring(rendering: Rendering, project: Project) -> Faults:
    """Rules and dashboard are those of observability/, and the job is called as its file of rules has it."""
    if rendering.name != "production":
        return
    found = {get(r, "metadata.name"): r.get("spec") for r in rendering.of_kind("PrometheusRule")}
    if found.keys() != project.rules.keys():
        yield f"there are {list(found)}, not {list(project.rules)}"
    for name, spec in found.items():
        if spec != project.rules.get(name):
            yield f"PrometheusRule/{name} differs from observability/: run scripts/prometheus-rules"
        groups = [group.get("name") for group in get(spec, "groups") or []]
        if len(set(groups)) != len(groups):
            yield f"PrometheusRule/{name}: two groups have the same name"
    dashboard = rendering.find("ConfigMap", "signalbox-dashboard") or {}
    if dashboard.get("data") != {"signalbox.json": project.dashboard}:
        yield "the dashboard differs from observability/"
    yield from expect(dashboard.get("metadata"), "labels.grafana_dashboard", "1")

    monitor = rendering.find("ServiceMonitor", "signalbox") or {}
    selector = get(monitor, "spec.selector.matchLabels")
    services = [
        service
        for service in rendering.of_kind("Service")
        if selects(selector, get(service, "metadata.labels") or {})
    ]
    if [get(service, "metadata.name") for service in services] != ["signalbox-admin"]:
        yield "the ServiceMonitor does not select the Service signalbox-admin"
    job_label = get(monitor, "spec.jobLabel", "")
    for service in services:
        if (get(service, "metadata.labels") or {}).get(job_label) != "signalbox":
            yield 'jobLabel does not make the job="signalbox" of observability/prometheus/services'
        yield from expect(service, "spec.clusterIP", "None")
        yield from expect(service, "spec.publishNotReadyAddresses", True)
    yield from expect(monitor, "spec.endpoints.0.port", "admin")
    yield from expect(monitor, "spec.endpoints.0.path", "/metrics")
    yield from expect(monitor, "spec.endpoints.0.interval", "15s")
