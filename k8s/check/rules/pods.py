"""What a pod may do, and what it gets."""

from __future__ import annotations

from typing import Any

from manifests import Object, Project, Rendering, containers, get, name_of, pod_spec, quantity
from rules.registry import Faults, expect, rule, within


@rule
def pod_security(rendering: Rendering, _: Project) -> Faults:
    """The Pod Security Standard `restricted`, and a root file system that is read only."""
    for workload in rendering.workloads():
        spec = pod_spec(workload)
        yield from within(name_of(workload), _pod_is_restricted(spec))
        for container in containers(workload):
            where = f"{name_of(workload)} {container.get('name')}"
            yield from within(where, _container_is_restricted(spec, container))


def _pod_is_restricted(spec: Object) -> Faults:
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(field):
            yield f"{field} is not allowed"
    if get(spec, "securityContext.sysctls"):
        yield "sysctls are not allowed"
    allowed = {
        *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim"),
        *("projected", "secret"),
    }
    for volume in spec.get("volumes") or []:
        kinds = set(volume) - {"name"}
        if len(kinds) != 1 or kinds - allowed:
            yield f"volume {volume.get('name')} is of kind {sorted(kinds)}"


def _container_is_restricted(spec: Object, container: Object) -> Faults:
    pod = spec.get("securityContext") or {}
    own = container.get("securityContext") or {}

    def effective(field: str) -> Any:
        return own.get(field, pod.get(field))

    if effective("runAsNonRoot") is not True:
        yield "runAsNonRoot is not true"
    # Numeric, because the kubelet cannot tell of a name that it is not root.
    for field in ("runAsUser", "runAsGroup"):
        if not isinstance(effective(field), int) or effective(field) == 0:
            yield f"{field} is not a number above 0"
    if get(effective("seccompProfile"), "type") not in ("RuntimeDefault", "Localhost"):
        yield "seccompProfile is not RuntimeDefault"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation is not false"
    if own.get("readOnlyRootFilesystem") is not True:
        yield "readOnlyRootFilesystem is not true"
    if own.get("privileged"):
        yield "privileged"
    if own.get("procMount", "Default") != "Default":
        yield "procMount is not Default"
    if get(own, "capabilities.drop") != ["ALL"]:
        yield "capabilities.drop is not ALL"
    if set(get(own, "capabilities.add") or []) - {"NET_BIND_SERVICE"}:
        yield "capabilities.add is not empty"
    for context in (own, pod):
        if {"seLinuxOptions", "windowsOptions", "appArmorProfile"} & context.keys():
            yield "a security module's options are set, which this check cannot judge"
    for port in container.get("ports") or []:
        if port.get("hostPort"):
            yield f"hostPort {port['hostPort']}"


@rule
def no_rights_in_the_cluster(rendering: Rendering, _: Project) -> Faults:
    """Own service accounts, none of which has a token or a role."""
    for workload in rendering.workloads():
        spec = pod_spec(workload)
        where = name_of(workload)
        yield from within(where, expect(spec, "automountServiceAccountToken", False))
        account = rendering.find("ServiceAccount", str(spec.get("serviceAccountName")))
        if account is None:
            yield f"{where}: there is no ServiceAccount {spec.get('serviceAccountName')}"
        else:
            token = expect(account, "automountServiceAccountToken", False)
            yield from within(name_of(account), token)
        for volume in spec.get("volumes") or []:
            for source in get(volume, "projected.sources") or []:
                if "serviceAccountToken" in source:
                    yield f"{where}: volume {volume['name']} holds a token"
    for kind in ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"):
        for thing in rendering.of_kind(kind):
            yield f"{name_of(thing)}: the service needs no rights in the cluster"


@rule
def service_links(rendering: Rendering, _: Project) -> Faults:
    """Without this the Service signalbox makes a variable SIGNALBOX_PORT=tcp://…"""
    for workload in rendering.workloads():
        yield from within(
            name_of(workload), expect(pod_spec(workload), "enableServiceLinks", False)
        )


@rule
def resources(rendering: Rendering, _: Project) -> Faults:
    """Requests and limits everywhere, and a number of workers that follows the limit."""
    for workload in rendering.workloads():
        for container in containers(workload):
            where = f"{name_of(workload)} {container.get('name')}"
            for resource in ("cpu", "memory"):
                request = quantity(get(container, f"resources.requests.{resource}"))
                limit = quantity(get(container, f"resources.limits.{resource}"))
                if not 0 < request <= limit:
                    yield f"{where}: {resource} has no request with a limit above it"
    environment = rendering.environment(rendering.container())
    for variable in ("SIGNALBOX_WORKERS", "WEB_CONCURRENCY"):
        if variable in environment:
            yield f"{variable} is set: the number of workers would not follow the CPU limit"
