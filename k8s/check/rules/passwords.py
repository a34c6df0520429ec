"""Who gets which password, and where none may stand."""

from __future__ import annotations

import base64
import re

from manifests import Object, Project, Rendering, containers, get, name_of, pod_spec
from rules.registry import OWNER_SECRET, SERVICE_SECRET, Faults, expect, rule


def _secret_of_file(rendering: Rendering, container: Object) -> tuple[str, str] | None:
    """The Secret and its key that DATABASE_URL_FILE leads to."""
    file = rendering.environment(container).get("DATABASE_URL_FILE", "")
    for mount in container.get("volumeMounts") or []:
        folder = f"{mount.get('mountPath')}/"
        if not file.startswith(folder) or "subPath" in mount:
            continue
        for volume in pod_spec(rendering.api()).get("volumes") or []:
            if volume.get("name") == mount.get("name") and "secret" in volume:
                return get(volume, "secret.secretName"), file.removeprefix(folder)
    return None


@rule
def database_roles(rendering: Rendering, _: Project) -> Faults:
    """Migrations get the owner's URL, the service the other one, and each only its own."""
    for name, secret in (("migrate", OWNER_SECRET), ("signalbox", SERVICE_SECRET)):
        container = rendering.container(name)
        found = _secret_of_file(rendering, container)
        if found != (secret, "url"):
            yield f"{name}: DATABASE_URL_FILE leads to {found}, not to the key url of {secret}"
        if len(container.get("volumeMounts") or []) != 1:
            yield f"{name}: mounts more than its own Secret"


@rule
def no_passwords(rendering: Rendering, _: Project) -> Faults:
    """In no variable, no argument and no ConfigMap; and no Secret but the local overlay's."""
    in_url = re.compile(r"://[^/\s]*:[^/\s]*@")
    for workload in rendering.workloads():
        for container in containers(workload):
            where = f"{name_of(workload)} {container.get('name')}"
            for variable in container.get("env") or []:
                value = str(variable.get("value", ""))
                secretive = re.search(
                    "PASSWORD|SECRET|TOKEN|DATABASE_URL", variable.get("name", "")
                )
                if in_url.search(value) or (secretive and not value.startswith("/run/secrets/")):
                    yield f"{where}: {variable.get('name')} has a secret as its value"
            for word in (container.get("args") or []) + (container.get("command") or []):
                if in_url.search(str(word)):
                    yield f"{where}: a password in an argument"
    for config in rendering.of_kind("ConfigMap"):
        for key, value in (config.get("data") or {}).items():
            if in_url.search(value) or key.endswith(("PASSWORD", "DATABASE_URL")):
                yield f"{name_of(config)}: {key} has a secret as its value"
    if rendering.name != "local":
        for secret in rendering.of_kind("Secret"):
            yield f"{name_of(secret)}: Secrets are named here, not made"


@rule
def local_secrets(rendering: Rendering, _: Project) -> Faults:
    """The local overlay's passwords fit together, and say what they are."""
    if rendering.name != "local":
        return
    data = {
        get(secret, "metadata.name"): {
            key: base64.b64decode(value).decode()
            for key, value in (secret.get("data") or {}).items()
        }
        for secret in rendering.of_kind("Secret")
    }
    passwords = data.get("signalbox-postgres", {})
    for key in ("superuser-password", "owner-password", "app-password"):
        if not passwords.get(key, "").startswith("local-only-"):
            yield f"signalbox-postgres: {key} does not say that it is for local use only"
    if len(set(passwords.values())) != len(passwords):
        yield "signalbox-postgres: two passwords are the same"
    roles = ((SERVICE_SECRET, "app"), (OWNER_SECRET, "owner"))
    for secret, role in roles:
        password = passwords.get(f"{role}-password")
        url = f"postgresql://signalbox_{role}:{password}@signalbox-postgres/signalbox"
        if data.get(secret) != {"url": url}:
            yield f"{secret}: the URL is not the one of the role signalbox_{role}"


@rule
def postgres_setup(rendering: Rendering, project: Project) -> Faults:
    """The database is made by the same script as elsewhere, with passwords from files."""
    workload = rendering.find("StatefulSet", "signalbox-postgres")
    if workload is None:
        return
    container = (containers(workload) or [{}])[0]
    yield from expect(container, "name", "postgres")
    environment = {v.get("name"): v.get("value") for v in container.get("env") or []}
    mounts = {m.get("mountPath"): m.get("name") for m in container.get("volumeMounts") or []}
    volumes = {v.get("name"): v for v in pod_spec(workload).get("volumes") or []}

    scripts = volumes.get(mounts.get("/docker-entrypoint-initdb.d"), {})
    config = rendering.find("ConfigMap", get(scripts, "configMap.name", "")) or {}
    if config.get("data") != {"10-roles.sh": project.database_script}:
        yield "/docker-entrypoint-initdb.d is not deploy/postgres/initdb.d"
    if get(scripts, "configMap.defaultMode") != 0o555:
        yield "/docker-entrypoint-initdb.d: the script is not executable"
    folder = "/run/secrets/signalbox-postgres"
    secret = get(volumes.get(mounts.get(folder), {}), "secret.secretName")
    if secret != "signalbox-postgres":
        yield f"{folder} is not the Secret signalbox-postgres"
    wanted = {
        "POSTGRES_PASSWORD_FILE": f"{folder}/superuser-password",
        "SIGNALBOX_OWNER_PASSWORD_FILE": f"{folder}/owner-password",
        "SIGNALBOX_APP_PASSWORD_FILE": f"{folder}/app-password",
        "PGDATA": "/var/lib/postgresql/data/pgdata",
    }
    if environment != wanted:
        yield f"the environment is not {wanted}"
    for path in ("/var/lib/postgresql/data", "/var/run/postgresql", "/tmp"):
        if path not in mounts:
            yield f"{path} is not a volume, and the root file system is read only"
