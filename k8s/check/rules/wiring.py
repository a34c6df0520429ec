"""That things which refer to each other fit together."""

from __future__ import annotations

from manifests import Project, Rendering, containers, get, name_of, pod_labels, pod_spec, selects
from rules.registry import (
    ADMIN_PORT,
    API_PORT,
    DATABASE_PORT,
    OWNER_SECRET,
    SERVICE_SECRET,
    Faults,
    expect,
    rule,
    within,
)


@rule
def selectors(rendering: Rendering, _: Project) -> Faults:
    """Whoever selects pods selects those that are meant, and nothing else."""
    for workload in rendering.workloads():
        if not selects(get(workload, "spec.selector.matchLabels"), pod_labels(workload)):
            yield f"{name_of(workload)}: its selector does not match its pods"
    targets = {
        "signalbox": ("Deployment/signalbox", "http", 80, API_PORT),
        "signalbox-admin": ("Deployment/signalbox", "admin", ADMIN_PORT, ADMIN_PORT),
        "signalbox-postgres": (
            "StatefulSet/signalbox-postgres",
            "postgres",
            DATABASE_PORT,
            DATABASE_PORT,
        ),
    }
    for service in rendering.of_kind("Service"):
        where = name_of(service)
        name = get(service, "metadata.name")
        if name not in targets:
            yield f"{where}: this Service is not known here"
            continue
        target, port_name, outside, inside = targets[name]
        selector = get(service, "spec.selector")
        chosen = [name_of(w) for w in rendering.workloads() if selects(selector, pod_labels(w))]
        if chosen != [target]:
            yield f"{where}: selects {chosen}, not {target}"
        ports = get(service, "spec.ports") or []
        if [(port.get("name"), port.get("port")) for port in ports] != [(port_name, outside)]:
            yield f"{where}: its ports are not {port_name}, {outside}, alone"
        for port in ports:
            workload = next((w for w in rendering.workloads() if name_of(w) == target), {})
            numbers = {
                known.get("name"): known.get("containerPort")
                for container in containers(workload)
                for known in container.get("ports") or []
            }
            aim = port.get("targetPort", port.get("port"))
            if numbers.get(aim, aim) != inside:
                yield f"{where}: leads to port {aim}"
    if rendering.find("Service", "signalbox") is None:
        yield "there is no Service signalbox"
    database = rendering.find("StatefulSet", "signalbox-postgres")
    if database:
        yield from expect(database, "spec.replicas", 1)
        if rendering.find("Service", get(database, "spec.serviceName", "")) is None:
            yield f"{name_of(database)}: there is no Service {get(database, 'spec.serviceName')}"


@rule
def references(rendering: Rendering, _: Project) -> Faults:
    """What a pod names is there. Secrets may be, but have the names that are documented."""
    secrets = {SERVICE_SECRET, OWNER_SECRET, "signalbox-postgres"}
    for workload in rendering.workloads():
        spec, where = pod_spec(workload), name_of(workload)
        volumes = {volume.get("name"): volume for volume in spec.get("volumes") or []}
        claims = get(workload, "spec.volumeClaimTemplates") or []
        known = volumes.keys() | {get(claim, "metadata.name") for claim in claims}
        mounted = set()
        for container in containers(workload):
            for source in container.get("envFrom") or []:
                config = get(source, "configMapRef.name")
                if rendering.find("ConfigMap", str(config)) is None:
                    yield f"{where} {container.get('name')}: envFrom names no known ConfigMap"
            for mount in container.get("volumeMounts") or []:
                mounted.add(mount.get("name"))
                if mount.get("name") not in known:
                    yield f"{where} {container.get('name')}: there is no volume {mount.get('name')}"
                kinds = volumes.get(mount.get("name"), {}).keys()
                if kinds & {"secret", "configMap"} and mount.get("readOnly") is not True:
                    yield f"{where} {container.get('name')}: {mount.get('name')} is not readOnly"
        for volume in volumes.values():
            if volume.get("name") not in mounted:
                yield f"{where}: nobody mounts the volume {volume.get('name')}"
            config = get(volume, "configMap.name")
            if "configMap" in volume and rendering.find("ConfigMap", str(config)) is None:
                yield f"{where}: there is no ConfigMap {config}"
            if "secret" in volume and get(volume, "secret.secretName") not in secrets:
                yield f"{where}: the name of a Secret, {get(volume, 'secret.secretName')}, is new"
            if "secret" in volume and get(volume, "secret.defaultMode") != 0o440:
                yield f"{where}: {volume.get('name')} is not readable for its group alone"
        if "secret" in {kind for volume in volumes.values() for kind in volume}:
            group = get(spec, "securityContext.fsGroup")
            if group is None or group != get(spec, "securityContext.runAsGroup"):
                yield f"{where}: fsGroup is not the process's group, so it cannot read its secrets"


@rule
def images(rendering: Rendering, project: Project) -> Faults:
    for workload in rendering.workloads():
        for container in containers(workload):
            where = f"{name_of(workload)} {container.get('name')}"
            yield from within(where, expect(container, "imagePullPolicy", "IfNotPresent"))
            name, _, tag = str(container.get("image")).rpartition(":")
            wanted = "17" if workload.get("kind") == "StatefulSet" else project.version
            if tag != wanted:
                yield f"{where}: the image is {container.get('image')}, not of version {wanted}"
            registry = "registry.example.com/" if rendering.name == "production" else ""
            known = (f"{registry}signalbox", "postgres")
            if name not in known:
                yield f"{where}: the image {name} is none of {known}"


@rule
def configuration(rendering: Rendering, project: Project) -> Faults:
    """Every variable is one that the service has, and it can be reached from outside of the pod."""
    names = [container.get("name") for container in containers(rendering.api())]
    if names != ["migrate", "signalbox"]:
        yield f"the pod's containers are {names}"
    for name in names:
        container = rendering.container(str(name))
        for variable in rendering.environment(container):
            if variable not in project.defaults:
                yield f"{name}: the service has no variable {variable}"
    yield from expect(rendering.container(), "args", ["serve"])
    environment = rendering.environment(rendering.container())
    for variable in ("SIGNALBOX_HOST", "SIGNALBOX_ADMIN_HOST"):
        if environment.get(variable) != "0.0.0.0":
            yield f"{variable} is {environment.get(variable)}: nobody gets in from outside"
    ports = {
        port.get("name"): port.get("containerPort")
        for port in rendering.container().get("ports") or []
    }
    wanted = {
        "http": int(environment.get("SIGNALBOX_PORT", project.defaults["SIGNALBOX_PORT"])),
        "admin": int(
            environment.get("SIGNALBOX_ADMIN_PORT", project.defaults["SIGNALBOX_ADMIN_PORT"])
        ),
    }
    if ports != wanted:
        yield f"the container's ports are {ports}, the configuration's are {wanted}"


@rule
def migrations(rendering: Rendering, _: Project) -> Faults:
    init = pod_spec(rendering.api()).get("initContainers") or []
    if [container.get("name") for container in init] != ["migrate"]:
        yield "no init container applies the migrations"
    yield from expect(rendering.container("migrate"), "args", ["migrate"])
    if rendering.container("migrate").get("image") != rendering.container().get("image"):
        yield "migrations and service are not of the same image"
    if rendering.container("migrate").get("envFrom") != rendering.container().get("envFrom"):
        yield "migrations and service have not the same configuration"
