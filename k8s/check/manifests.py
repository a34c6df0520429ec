"""What kustomize rendered, and the facts of the project that it has to agree with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]

# Reading YAML in C is ten times as fast, where libyaml is there.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_yaml(text: str) -> Any:
    return yaml.load(text, _Loader)


def load_all_yaml(text: str) -> list[Any]:
    return [document for document in yaml.load_all(text, _Loader) if document]


def get(tree: Any, path: str, default: Any = None) -> Any:
    """The value at a path of keys and indices, `spec.ports.0.name`; the default where it ends."""
    for step in path.split("."):
        if isinstance(tree, dict) and step in tree:
            tree = tree[step]
        elif isinstance(tree, list) and step.isdigit() and int(step) < len(tree):
            tree = tree[int(step)]
        else:
            return default
    return tree


def name_of(thing: Object) -> str:
    return f"{thing.get('kind')}/{get(thing, 'metadata.name')}"


def quantity(text: Any) -> float:
    """Kubernetes' notation of amounts: `250m`, `512Mi`, `2`. NaN for what is none."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(m|[kMGT]i?|Ki)?", str(text))
    if not match:
        return float("nan")
    units = {None: 1, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
    units |= {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
    return float(match[1]) * units.get(match[2], float("nan"))


def seconds(text: str) -> float:
    """The service's notation of durations: `250ms`, `5s`, `1m`, `1h`, `0`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h)?", text)
    if not match:
        return float("nan")
    return float(match[1]) * {"ms": 1e-3, "s": 1, "m": 60, "h": 3600, None: 1}[match[2]]


@dataclass
class Rendering:
    """One kustomization's objects."""

    name: str
    objects: list[Object]

    @staticmethod
    def read(path: Path) -> Rendering:
        return Rendering(path.stem, load_all_yaml(path.read_text()))

    def of_kind(self, kind: str) -> list[Object]:
        return [thing for thing in self.objects if thing.get("kind") == kind]

    def find(self, kind: str, name: str) -> Object | None:
        for thing in self.of_kind(kind):
            if get(thing, "metadata.name") == name:
                return thing
        return None

    def workloads(self) -> list[Object]:
        """Whatever makes pods."""
        return [thing for thing in self.objects if get(thing, "spec.template.spec") is not None]

    def api(self) -> Object:
        """The Deployment of the service; an empty one, which breaks every rule, when it is away."""
        return self.find("Deployment", "signalbox") or {"kind": "Deployment", "metadata": {}}

    def container(self, name: str = "signalbox") -> Object:
        """A container of the service's pod, init containers included."""
        for container in containers(self.api()):
            if container.get("name") == name:
                return container
        return {}

    def environment(self, container: Object) -> dict[str, str]:
        """What a container gets as plain values: of ConfigMaps, then of its own list."""
        result: dict[str, str] = {}
        for source in container.get("envFrom") or []:
            config = self.find("ConfigMap", get(source, "configMapRef.name", ""))
            result |= (config or {}).get("data") or {}
        for variable in container.get("env") or []:
            if "value" in variable and "name" in variable:
                result[variable["name"]] = variable["value"]
        return result


def pod_spec(workload: Object) -> Object:
    spec: Object = get(workload, "spec.template.spec", {})
    return spec


def pod_labels(workload: Object) -> dict[str, str]:
    return get(workload, "spec.template.metadata.labels", {}) or {}


def containers(workload: Object) -> list[Object]:
    spec = pod_spec(workload)
    return (spec.get("initContainers") or []) + (spec.get("containers") or [])


def selects(selector: Any, labels: dict[str, str]) -> bool:
    """Whether a selector matches. One that does not ask for both labels may match others as well,
    which is a mistake everywhere here."""
    asked = {"app.kubernetes.io/name", "app.kubernetes.io/component"}
    if not isinstance(selector, dict) or not selector.keys() >= asked:
        return False
    return all(labels.get(key) == value for key, value in selector.items())


@dataclass
class Project:
    """What stands elsewhere in the repository."""

    version: str
    defaults: dict[str, str]
    """Every environment variable of the service, with its default."""
    rules: dict[str, Any]
    """Prometheus rules by the name of their PrometheusRule."""
    dashboard: str
    database_script: str

    @staticmethod
    def read(root: Path) -> Project:
        cmake = (root / "CMakeLists.txt").read_text()
        version = re.search(r"project\(signalbox VERSION ([0-9.]+)", cmake)
        if not version:
            raise SystemExit("check-k8s: CMakeLists.txt does not say the version")
        # A unit test holds this table against the flags of the program.
        readme = (root / "README.md").read_text()
        defaults = {}
        for variables, default in re.findall(
            r"^\| `--[a-z-]+` \| ([^|]*) \| ([^|]*) \|", readme, re.MULTILINE
        ):
            defaults |= {name: default.strip("`") for name in re.findall(r"`([A-Z_]+)`", variables)}
        defaults["DATABASE_URL_FILE"] = ""
        if "SIGNALBOX_SHUTDOWN_DELAY" not in defaults:
            raise SystemExit("check-k8s: found no variables in README.md")
        folder = root / "observability/prometheus/rules"
        rules = {
            path.stem.replace(".", "-"): load_yaml(path.read_text()) for path in _files(folder)
        }
        service = root / "observability/prometheus/services/signalbox.yml"
        rules["signalbox-service"] = load_yaml(service.read_text())
        dashboard = root / "observability/grafana/dashboards/signalbox.json"
        script = root / "deploy/postgres/initdb.d/10-roles.sh"
        return Project(version[1], defaults, rules, dashboard.read_text(), script.read_text())


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.glob("*.yml"))
