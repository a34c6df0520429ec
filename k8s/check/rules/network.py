"""Who may talk to whom."""

from __future__ import annotations

import re
from typing import Any

from manifests import Object, Project, Rendering, get, name_of, pod_labels, selects
from rules.registry import (
    ADMIN_PORT,
    API_PORT,
    DATABASE_PORT,
    DNS_PORT,
    Faults,
    expect,
    is_base,
    rule,
)


def _policies(rendering: Rendering, workload: Object, direction: str) -> list[Object]:
    return [
        policy
        for policy in rendering.of_kind("NetworkPolicy")
        if selects(get(policy, "spec.podSelector.matchLabels"), pod_labels(workload))
        and direction in (get(policy, "spec.policyTypes") or [])
    ]


def _admitted(policies: list[Object], direction: str) -> dict[tuple[Any, Any], list[Any]]:
    """Who may, by port and protocol; None in a list stands for everybody."""
    peers = "from" if direction == "ingress" else "to"
    result: dict[tuple[Any, Any], list[Any]] = {}
    for policy in policies:
        for entry in get(policy, f"spec.{direction}") or []:
            for port in entry.get("ports") or [{}]:
                key = (port.get("port"), port.get("protocol"))
                result.setdefault(key, []).extend(entry.get(peers) or [None])
    return result


@rule
def network(rendering: Rendering, _: Project) -> Faults:
    """What is needed gets through, and nothing else."""
    for policy in rendering.of_kind("NetworkPolicy"):
        selector = get(policy, "spec.podSelector.matchLabels")
        if not any(selects(selector, pod_labels(workload)) for workload in rendering.workloads()):
            yield f"{name_of(policy)}: selects no pods"
        for direction in ("ingress", "egress"):
            if direction.capitalize() not in (get(policy, "spec.policyTypes") or []):
                if get(policy, f"spec.{direction}"):
                    yield f"{name_of(policy)}: {direction} is not in its policyTypes"
    for workload in rendering.workloads():
        for direction in ("Ingress", "Egress"):
            if not _policies(rendering, workload, direction):
                yield f"{name_of(workload)}: nothing restricts its {direction.lower()}"
    yield from _api_network(rendering)
    yield from _postgres_network(rendering)


def _api_network(rendering: Rendering) -> Faults:
    api = rendering.api()
    ingress = _admitted(_policies(rendering, api, "Ingress"), "ingress")
    clients = ingress.pop((API_PORT, "TCP"), [])
    if rendering.name == "production":
        wanted = [{"namespaceSelector": {"matchLabels": _namespace("ingress-nginx")}}]
        if clients != wanted:
            yield "the API is not for the ingress controller alone"
    elif clients != [None]:
        yield "the API is not reachable"
    monitoring = ingress.pop((ADMIN_PORT, "TCP"), [])
    prometheus = {
        "namespaceSelector": {"matchLabels": _namespace("monitoring")},
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "prometheus"}},
    }
    if monitoring != ([prometheus] if rendering.of_kind("ServiceMonitor") else []):
        yield "the admin port is not for Prometheus alone, where there is one"
    if ingress:
        yield f"more ports are open: {sorted(map(str, ingress))}"

    egress = _admitted(_policies(rendering, api, "Egress"), "egress")
    resolvers = [
        {
            "namespaceSelector": {"matchLabels": _namespace("kube-system")},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        },
        {"ipBlock": {"cidr": "169.254.20.10/32"}},
    ]
    for protocol in ("UDP", "TCP"):
        if egress.pop((DNS_PORT, protocol), []) != resolvers:
            yield f"names cannot be resolved over {protocol}"
    databases = egress.pop((DATABASE_PORT, "TCP"), [])
    if not is_base(rendering) and (not databases or None in databases):
        yield "PostgreSQL cannot be reached, or everybody's can"
    for peer in databases:
        if "ipBlock" in (peer or {}):
            if not re.fullmatch(r"[0-9.]+/([89]|[12]\d|3[0-2])", get(peer, "ipBlock.cidr", "")):
                yield f"{peer} is no address, or half of the internet"
        elif not any(
            selects(get(peer, "podSelector.matchLabels"), pod_labels(workload))
            for workload in rendering.of_kind("StatefulSet")
        ):
            yield f"{peer} is not PostgreSQL"
    if egress:
        yield f"more may be called than names and the database: {sorted(map(str, egress))}"


def _postgres_network(rendering: Rendering) -> Faults:
    for workload in rendering.of_kind("StatefulSet"):
        ingress = _admitted(_policies(rendering, workload, "Ingress"), "ingress")
        clients = ingress.pop((DATABASE_PORT, "TCP"), [])
        api = [{"podSelector": {"matchLabels": pod_labels(rendering.api())}}]
        if clients != api or ingress:
            yield f"{name_of(workload)}: is not for the service alone"
        if _admitted(_policies(rendering, workload, "Egress"), "egress"):
            yield f"{name_of(workload)}: may call others"


def _namespace(name: str) -> dict[str, str]:
    return {"kubernetes.io/metadata.name": name}


@rule
def ingress_route(rendering: Rendering, _: Project) -> Faults:
    """In production there is TLS, for every host name that leads to the service."""
    if rendering.name == "production" and len(rendering.of_kind("Ingress")) != 1:
        yield "there is no Ingress"
    for ingress in rendering.of_kind("Ingress"):
        if not get(ingress, "spec.ingressClassName"):
            yield "it has no class"
        if "FORWARDED_ALLOW_IPS" not in rendering.environment(rendering.container()):
            yield "FORWARDED_ALLOW_IPS does not name the ingress controller"
        encrypted = [
            host
            for entry in get(ingress, "spec.tls") or []
            if entry.get("secretName") == "signalbox-tls"
            for host in entry.get("hosts") or []
        ]
        hosts = get(ingress, "spec.rules") or [{}]
        for entry in hosts:
            if not entry.get("host") or entry.get("host") not in encrypted:
                yield f"{entry.get('host')} has no TLS"
            paths = get(entry, "http.paths") or [{}]
            for path in paths:
                yield from expect(path, "path", "/")
                yield from expect(path, "pathType", "Prefix")
                yield from expect(path, "backend.service.name", "signalbox")
                yield from expect(path, "backend.service.port.name", "http")
