"""What base and overlays promise."""

from __future__ import annotations

from manifests import Project, Rendering, get, name_of
from rules.registry import Faults, expect, is_base, rule, within


@rule
def namespaces(rendering: Rendering, _: Project) -> Faults:
    """The base has none; an overlay has one, which refuses pods that may too much."""
    if is_base(rendering):
        for thing in rendering.objects:
            if get(thing, "metadata.namespace") or thing.get("kind") == "Namespace":
                yield f"{name_of(thing)}: the base names a namespace"
        return
    namespace = rendering.find("Namespace", "signalbox") or {}
    for mode in ("enforce", "warn"):
        labels = get(namespace, "metadata.labels") or {}
        if labels.get(f"pod-security.kubernetes.io/{mode}") != "restricted":
            yield f"the namespace does not {mode} the Pod Security Standard"
    for thing in rendering.objects:
        if thing.get("kind") != "Namespace":
            yield from within(name_of(thing), expect(thing, "metadata.namespace", "signalbox"))


@rule
def empty_cluster(rendering: Rendering, _: Project) -> Faults:
    """The local overlay comes up where there is nothing yet."""
    if rendering.name != "local":
        return
    for thing in rendering.objects:
        group, slash, _version = str(thing.get("apiVersion")).partition("/")
        if slash and "." in group and not group.endswith(".k8s.io"):
            yield f"{name_of(thing)}: {group} is not part of Kubernetes"
        if thing.get("kind") in ("Ingress", "PersistentVolumeClaim"):
            yield f"{name_of(thing)}: needs something that the cluster may not have"
        if get(thing, "spec.volumeClaimTemplates"):
            yield f"{name_of(thing)}: needs a storage class"
    if not rendering.of_kind("StatefulSet"):
        yield "there is no database"


@rule
def object_identity(rendering: Rendering, _: Project) -> Faults:
    """Each object says what it is, once; those of the service carry the usual labels."""
    names = [name_of(thing) for thing in rendering.objects]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{name} is there twice"
    for thing in rendering.objects:
        for field in ("apiVersion", "kind", "metadata.name"):
            if not get(thing, field):
                yield f"{name_of(thing)} has no {field}"
    expected = {
        *("Deployment/signalbox", "Service/signalbox", "ServiceAccount/signalbox"),
        *("PodDisruptionBudget/signalbox", "HorizontalPodAutoscaler/signalbox"),
        "NetworkPolicy/signalbox",
    }
    for name in sorted(expected - set(names)):
        yield f"{name} is missing"
