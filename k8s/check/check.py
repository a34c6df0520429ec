#!/usr/bin/env python3
"""Checks what kustomize rendered: the structure of each object, and what has to fit together across
objects and files, which no schema knows. It holds for any overlay: no overlay's name stands here, and
no value that is an example.

    k8s/check/check.py SERVICE RENDERED.yaml...     SERVICE is the folder that k8s/ is in
"""

import base64
import json
import re
import subprocess
import sys
from math import ceil
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
PASSWORD_IN_URL = re.compile(r"://[^/\s:]*:([^/\s@]*)@")


def every(tree, key):
    """All values of this key, at any depth."""
    for name, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        if name == key:
            yield value
        if isinstance(value, (dict, list)):
            yield from every(value, key)


def seconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(ms|s|m|)", text).groups()
    return float(number) * {"ms": 1e-3, "s": 1, "": 1, "m": 60}[unit]


def number(value, of):
    """`2`, or `25%` of so many."""
    return ceil(int(value.rstrip("%")) * of / 100) if isinstance(value, str) else value


def name_of(thing):
    return f"{thing['kind']}/{thing['metadata']['name']}"


def pods_of(workload):
    return workload["spec"]["template"]["spec"]


def containers(workload):
    return pods_of(workload).get("initContainers", []) + pods_of(workload)["containers"]


def ports(workload):
    """The ports of a workload, by number and by name."""
    known = [port for container in containers(workload) for port in container.get("ports", [])]
    return {p.get(key): p["containerPort"] for p in known for key in ("name", "containerPort")}


class Rendering:
    """One kustomization's objects."""

    def __init__(self, text, service):
        self.text = text
        self.objects = [thing for thing in yaml.load_all(text, yaml.CSafeLoader) if thing]
        for secret in self.of("Secret"):  # kustomize breaks long lines
            secret["data"] = {key: "".join(v.split()) for key, v in secret.get("data", {}).items()}
        self.workloads = self.of("Deployment", "StatefulSet")
        every_container = [(w, container) for w in self.workloads for container in containers(w)]
        [(self.api, self.main)] = [c for c in every_container if "serve" in c[1].get("args", [])]
        # Without sidecars.
        self.ours = [c for c in containers(self.api) if "DATABASE_URL_FILE" in self.environment(c)]
        cmake = (service / "CMakeLists.txt").read_text()
        self.version = re.search(r"(?m)^project\(\S+ VERSION ([\d.]+)", cmake)[1]
        # The service's variables with their defaults. A unit test holds this table against the flags.
        self.defaults = {"DATABASE_URL_FILE": ""}
        document = (ROOT / "docs/configuration.md").read_text()
        for names, default in re.findall(r"(?m)^\| `--[a-z-]+` \| ([^|]*) \| ([^|]*) \|", document):
            self.defaults |= dict.fromkeys(re.findall("`([A-Z_]+)`", names), default.strip("`"))

    def of(self, *kinds):
        return [thing for thing in self.objects if thing["kind"] in kinds]

    def selected(self, selector):
        """The workloads whose pods have these labels."""
        asked = selector.get("matchLabels", selector).items()
        of_pods = [(w, w["spec"]["template"]["metadata"]["labels"].items()) for w in self.workloads]
        return [workload for workload, labels in of_pods if asked <= labels]

    def environment(self, container):
        """What a container gets as plain values: its ConfigMaps, then its own list."""
        names = [ref["name"] for ref in every(container.get("envFrom", []), "configMapRef")]
        maps = [m["data"] for m in self.of("ConfigMap") if m["metadata"]["name"] in names]
        maps += [{v["name"]: v["value"]} for v in container.get("env", []) if "value" in v]
        return {name: value for values in maps for name, value in values.items()}

    def setting(self, variable):
        return (self.defaults | self.environment(self.main))[f"SIGNALBOX_{variable}"]

    def times(self):
        """Of a pod that goes, in seconds: preStop, delay, drain."""
        drain = [seconds(self.setting(name)) for name in ("SHUTDOWN_DELAY", "TIMEOUT_GRACEFUL_SHUTDOWN")]
        return sum(every(self.main.get("lifecycle", {}), "seconds")), *drain

    def lasts(self, probe):
        probe = self.main.get(probe, {})
        return probe.get("periodSeconds", 10) * probe.get("failureThreshold", 3)


def normal_form(r):
    """Kubernetes does not keep what is empty, so `kubectl diff` would differ for ever."""
    yield from (f"{m[1]} is empty" for m in re.finditer(r"(?m)^ *(\w+): (\[\]|null)$", r.text))


def selectors(r):
    """Whoever selects pods selects those of one workload, by ports that they have."""
    found = [(p, p["spec"]["podSelector"]) for p in r.of("NetworkPolicy") if p["spec"]["podSelector"]]
    for thing in r.of("Service", "PodDisruptionBudget", "Deployment", "StatefulSet"):
        found += [(thing, s) for key in ("selector", "labelSelector") for s in every(thing, key)]
    for thing, selector in found:
        chosen = r.selected(selector)
        if len(chosen) != 1 or (thing in r.workloads and chosen != [thing]):
            yield f"{name_of(thing)}: selects {[name_of(workload) for workload in chosen]}"
        asked = {*every(thing, "targetPort"), *(to["port"] for to in every(thing, "httpGet"))}
        if not all(asked <= ports(workload).keys() for workload in chosen):
            yield f"{name_of(thing)}: asks a port that the pods do not have"


def jobs(r):
    """Metrics are scraped under the name by which the rules know the service."""
    expected = [rule for rules in every(r.of("PrometheusRule"), "rules") for rule in rules]
    expected = [e["labels"]["job"] for e in expected if e.get("record", "").endswith(":expected")]
    for monitor in r.of("ServiceMonitor"):
        asked = monitor["spec"]["selector"]["matchLabels"].items()
        labels = [service["metadata"]["labels"] for service in r.of("Service")]
        found = [those.get(monitor["spec"]["jobLabel"]) for those in labels if asked <= those.items()]
        if len(found) != 1 or (expected and found != expected):
            yield f"the jobs are {found}, and the rules expect {expected}"


def network(r):
    """The admin port is for named peers only, and peers and ports that may be called have names."""
    for policy in r.of("NetworkPolicy"):
        for entry in policy["spec"].get("ingress", []):
            open_ports = {port["port"] for port in entry.get("ports", [])}
            if not entry.get("from") and (not open_ports or ports(r.api)["admin"] in open_ports):
                yield f"{name_of(policy)}: everybody gets to the admin port"
        for entry in policy["spec"].get("egress", []):
            if not {"to", "ports"} <= entry.keys():
                yield f"{name_of(policy)}: anybody may be called, or any port"


def lifecycle(r):
    """Times that stand in several files add up."""
    stop, delay, drain = r.times()
    grace = pods_of(r.api).get("terminationGracePeriodSeconds", 30)
    # 2 s for what was cancelled, 2 s for the log, and as much as that again.
    if grace < stop + delay + drain + 8:
        yield f"terminationGracePeriodSeconds is {grace}, and to go takes {stop + delay + drain + 8:g}"
    if r.main.get("livenessProbe", {}).get("terminationGracePeriodSeconds", grace) < stop + delay + 5:
        yield "livenessProbe.terminationGracePeriodSeconds is less than preStop and delay take"
    if drain < seconds(r.setting("TIMEOUT_REQUEST")):
        yield "SIGNALBOX_TIMEOUT_GRACEFUL_SHUTDOWN is less than a request may take"
    if delay < r.lasts("readinessProbe"):
        yield "SIGNALBOX_SHUTDOWN_DELAY ends before the pod is seen not to be ready"
    if "startupProbe" in r.main and r.lasts("startupProbe") < seconds(r.setting("DATABASE_STARTUP_TIMEOUT")) + 10:
        yield "the startup probe gives up before the service gives up the database"


def connections(r):
    """The formula of k8s/base/horizontalpodautoscaler.yaml."""
    for scaler in r.of("HorizontalPodAutoscaler"):
        most, time = scaler["spec"]["maxReplicas"], sum(r.times())
        ready = r.api["spec"].get("minReadySeconds")
        strategy = r.api["spec"].get("strategy", {})
        surge = strategy.get("rollingUpdate", {}).get("maxSurge", "25%")
        surge = 0 if strategy.get("type") == "Recreate" else number(surge, most)
        pods = most + surge * (1 + (ceil(time / ready) if ready else most))
        down = scaler["spec"].get("behavior", {}).get("scaleDown", {})
        for policy in down.get("policies", [{"type": "Percent", "value": 100, "periodSeconds": 15}]):
            leaving = f"{policy['value']}%" if policy["type"] == "Percent" else policy["value"]
            pods += number(leaving, most) * ceil(time / policy["periodSeconds"])
        needed = pods * int(r.setting("DATABASE_POOL_SIZE"))
        notes = scaler["metadata"].get("annotations", {}).items()
        there = sum(int(value) for key, value in notes if key.endswith("/database-connections"))
        if needed > there:
            yield f"{pods} pods may need {needed} connections, and PostgreSQL has {there}"


def configuration(r):
    """Variables are those that the service has, and fit to what the pod and the routes say."""
    for container in r.ours:
        for variable in r.environment(container).keys() - r.defaults.keys():
            if variable.startswith("SIGNALBOX_"):
                yield f"{container['name']}: the service has no variable {variable}"
    for listener, port in (("", "http"), ("ADMIN_", "admin")):
        if int(r.setting(f"{listener}PORT")) != ports(r.api).get(port):
            yield f"SIGNALBOX_{listener}PORT is not the port {port} of the container"
        if r.setting(f"{listener}HOST") in ("127.0.0.1", "::1", "localhost"):
            yield f"SIGNALBOX_{listener}HOST is this machine: neither Service nor probes get in"
    if r.of("Ingress", "HTTPRoute") and "FORWARDED_ALLOW_IPS" not in r.environment(r.main):
        yield "FORWARDED_ALLOW_IPS does not name the proxy: its address would be every client's"
    for ingress in r.of("Ingress"):
        secured = {host for entry in ingress["spec"].get("tls", []) for host in entry["hosts"]}
        for host in [entry.get("host", "*") for entry in ingress["spec"]["rules"]]:
            if not {host, f"*.{host.partition('.')[2]}"} & secured:
                yield f"{name_of(ingress)}: {host} has no TLS"


def images(r):
    """Migrations and service are of one image, of this version or named by what is in it: a digest, or
    a tag with a revision."""
    image, *others = {container["image"] for container in [r.main, *r.ours]}
    label = r.api["metadata"]["labels"].get("app.kubernetes.io/version")
    named = re.search(rf"@sha256:|:{re.escape(label)}$|:[^:/]*[0-9a-f]{{7,}}[^:/]*$", image)
    if others or label != r.version or not named:
        yield f"{[image, *others]}, label {label}: not one, of version {r.version} or with a digest"


def passwords(r):
    """Each container reads its URL from a Secret of its own; no password stands anywhere else."""
    secrets = {}  # by volume; of a store outside of the cluster the class stands for what it brings
    for volume in pods_of(r.api)["volumes"]:
        projected = (secret["name"] for secret in every(volume, "secret") if "name" in secret)
        names = {*every(volume, "secretName"), *projected, *every(volume, "secretProviderClass")}
        secrets[volume["name"]] = names
    mounts = {}
    for container in r.ours:
        found = {m["mountPath"]: secrets[m["name"]] for m in container["volumeMounts"]}
        mounts[container["name"]] = found
    folders = {c["name"]: r.environment(c)["DATABASE_URL_FILE"].rpartition("/")[0] for c in r.ours}
    urls = {name: mounts[name].get(folder, set()) for name, folder in folders.items()}
    if r.main not in r.ours or not all(urls.values()):
        yield f"DATABASE_URL_FILE is not in a Secret: {urls}"
    for name, url in urls.items():
        for other in urls.keys() - {name}:
            if any(url & names for names in mounts[other].values()):
                yield f"the Secret {url} is not only for {name}"
    for container in r.ours:
        if {"DATABASE_URL", "PGPASSWORD"} & r.environment(container).keys():
            yield f"{container['name']}: a password in a variable"
    for thing in r.objects:
        if thing["kind"] != "Secret" and PASSWORD_IN_URL.search(json.dumps(thing)):
            yield f"{name_of(thing)}: a URL with a password"
    made = [base64.b64decode(v).decode() for s in r.of("Secret") for v in s["data"].values()]
    for value in made:
        if "local-only-" not in value:
            yield "a Secret is made in the cluster, or says of each value that it is local-only"
        elif (url := PASSWORD_IN_URL.search(value)) and url[1] not in made:
            yield "PostgreSQL is made with other passwords than the URLs have"


RULES = [normal_form, selectors, jobs, network, lifecycle, connections, configuration, images, passwords]


def structure(objects):
    """What is wrong with each, by the schemas of Kubernetes and of the kinds that are used here."""
    name, here = "kubernetes-models", Path(__file__).parent / "structure"
    subprocess.run([ROOT / "scripts/npm-install", here, name], check=True)
    program = ["node", ROOT / "build" / name / "structure.mjs"]
    return json.loads(subprocess.check_output(program, input=json.dumps(objects), text=True))


def check(renderings):
    """All faults of each; where the structure is wrong, only those of it."""
    found = iter(structure([thing for r in renderings for thing in r.objects]))
    for r in renderings:
        lines = [f"structure: {name_of(o)}: {text}" for o in r.objects for text in next(found)]
        for rule in () if lines else RULES:
            try:
                lines += [f"{rule.__name__}: {fault}" for fault in rule(r)]
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                lines.append(f"{rule.__name__}: something that it asks for is not there: {error!r}")
        yield lines


if __name__ == "__main__":
    renderings = [Rendering(Path(file).read_text(), Path(sys.argv[1])) for file in sys.argv[2:]]
    faults = [*check(renderings)]
    for file, r, lines in zip(sys.argv[2:], renderings, faults):
        print(f"{file}: {len(r.objects)} objects, {len(lines)} faults", *lines, sep="\n  ")
    sys.exit(1 if any(faults) else 0)
