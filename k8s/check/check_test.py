#!/usr/bin/env python3
"""What people do to the overlays that they copy passes, and each rule notices what it is there for."""

import copy
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import check

DIGEST = f"{{name: registry.example.com/signalbox, digest: sha256:{'1a' * 32}}}"
STORAGE = "- {op: add, path: /spec/volumeClaimTemplates/0/spec/storageClassName, value: fast}"
SCALE = "behavior: {scaleDown: {policies: [{type: Percent, value: 10, periodSeconds: 60}]}}"
RECREATE = """target: {kind: Deployment}
    patch: '- {op: add, path: /spec/strategy, value: {type: Recreate}}'"""
DEFAULTS = """{target: {kind: Deployment}, patch: '- {op: remove, path: /spec/strategy}'}
  - {target: {kind: HorizontalPodAutoscaler}, patch: '- {op: remove, path: /spec/behavior}'}"""
AUTHORITY = """target: {kind: Deployment}
    patch: |-
      - {op: add, path: /spec/template/spec/volumes/-, value: {name: ca, secret: {secretName: ca}}}
      - op: add
        path: /spec/template/spec/containers/0/volumeMounts/-
        value: {name: ca, mountPath: /ca}"""
FIRST = "target: {kind: Deployment}\n    patch: '- {op: replace, path: /spec/template/spec/volumes/0, value: "
CSI = "{driver: secrets-store.csi.k8s.io, volumeAttributes: {secretProviderClass: db}}"
STORE = f"{FIRST}{{name: database, csi: {CSI}}}}}'"
SOURCES = "{sources: [{secret: {name: signalbox-database}}]}"
PROJECTED = f"{FIRST}{{name: database, projected: {SOURCES}}}}}'"
TOKENS = """target: {kind: Deployment}
    patch: |-
      - op: add
        path: /spec/template/spec/containers/0/envFrom/-
        value: {secretRef: {name: tokens}}"""
UNHURRIED = """target: {kind: Deployment}
    patch: '- {op: remove, path: /spec/template/spec/containers/0/startupProbe}'"""
SCALER = """      spec:
        # Three, so that one may be missing while another is replaced.
        minReplicas: 3
        maxReplicas: 8"""
WILDCARD = "hosts/0, value: signalbox.example.com}"
FIXED = "replicas: [{name: signalbox, count: 3}]\n"
MEMORY = """  - path: postgres-storage.yaml
    target:
      kind: StatefulSet
      name: signalbox-postgres
"""
SELECTOR = "- {namespaceSelector: {}, podSelector: {matchLabels: {app: pgbouncer}}}"
# The overlay, and what is replaced in its kustomization.yaml by what.
COPIED = {
    "another registry": ("production", "registry.example.com/signalbox", "ghcr.io/acme/api"),
    "the digest that a release writes": ("staging", "patches:", f"images:\n  - {DIGEST}\npatches:"),
    "another ingress controller": ("production", "traefik", "haproxy-controller"),
    "another host name": ("production", "signalbox.example.com", "api.acme.org"),
    "another namespace": ("production", "namespace: signalbox\n", "namespace: acme\n"),
    "PgBouncer's port": ("production", "5432", "6432"),
    "a database in the cluster": ("production", "- ipBlock: {cidr: 10.0.0.0/8}", SELECTOR),
    "another place of Prometheus": ("production", "name: monitoring\n", "name: observability\n"),
    "the Gateway API": ("production", "components/ingress ", "components/gateway "),
    "cert-manager": ("production", "# - ../../components/cert", "- ../../components/cert"),
    "no operator": ("production", "components/monitoring ", "components/scrape-annotations "),
    "rules by another service": ("production", "- ../../components/rules ", "# "),
    "a larger database": ("production", '"97"', '"400"', "maxReplicas: 8", "maxReplicas: 30"),
    "a sidecar": ("production", " containers:\n", " containers:\n              - {name: a, image: a:1}\n"),
    "calls to others": ("production", "- ipBlock: {cidr: 10.0.0.0/8}", "- ipBlock: {cidr: 0.0.0.0/0}"),
    "another way to scale down": ("production", "maxReplicas: 8", f"maxReplicas: 6\n        {SCALE}"),
    "Deployments by Recreate": ("production", "patches:", f"patches:\n  - {RECREATE}"),
    "Kubernetes's own strategy": ("production", "patches:", f"patches:\n  - {DEFAULTS}", '"97"', '"700"'),
    "variables of its own": ("production", "10.0.0.0/8\n", "10.0.0.0/8\n      - TZ=UTC\n"),
    "a wildcard certificate": ("production", WILDCARD, "hosts/0, value: '*.example.com'}"),
    "an authority for TLS": ("production", "patches:", f"patches:\n  - {AUTHORITY}"),
    "a store outside of the cluster": ("production", "patches:", f"patches:\n  - {STORE}"),
    "a projected Secret": ("production", "patches:", f"patches:\n  - {PROJECTED}"),
    "variables from a Secret": ("production", "patches:", f"patches:\n  - {TOKENS}"),
    "no startup probe": ("production", "patches:", f"patches:\n  - {UNHURRIED}"),
    "a revision for a tag": ("production", ".com/signalbox", ".com/signalbox\n    newTag: git-1a2b3c4"),
    "a prefix of all names": ("production", "namespace: s", "namePrefix: acme-\nnamespace: s"),
    "a fixed number of pods": ("production", SCALER, "      $patch: delete", "namespace: s", f"{FIXED}namespace: s"),
    "storage that stays": ("local", MEMORY, ""),
    "another storage": ("local", "- path: postgres-storage.yaml", f"- patch: '{STORAGE}'"),
}  # fmt: skip

POD = "spec.template.spec"
API, CONFIG, POLICY = "local Deployment/signalbox", "local ConfigMap/signalbox", "NetworkPolicy/signalbox"
MAIN, EVERYBODY = f"{POD}.containers.0", [{"ports": [{"port": 9464}, {"port": 8000}]}]
URL = "postgresql://signalbox_app:secret@db/signalbox"
# The rule that notices, the overlay and object, the field, and what is put there.
WRONG = [
    ("structure", API, f"{POD}.enableServiceLink", False),
    ("structure", API, f"{POD}.terminationGracePeriodSeconds", "60"),
    ("structure", API, f"{MAIN}.resources.limits.cpu", "two"),
    ("structure", API, "apiVersion", "apps/v1beta9"),
    ("structure", "production PrometheusRule/signalbox-alerts", "spec.groups.0.rules.0.foo", "1m"),
    ("normal_form", f"local {POLICY}-postgres", "spec.egress", []),
    ("selectors", "local Service/signalbox", "spec.selector", {"app.kubernetes.io/name": "signalbox"}),
    ("selectors", "local Service/signalbox", "spec.ports.0.targetPort", "web"),
    ("selectors", API, f"{MAIN}.livenessProbe.httpGet.port", "operators"),
    ("selectors", API, f"{POD}.topologySpreadConstraints.0.labelSelector.matchLabels", {"a": "b"}),
    ("jobs", "production ServiceMonitor/signalbox", "spec.selector.matchLabels", {"a": "b"}),
    ("jobs", "production Service/signalbox-admin", "metadata.labels.job", "api"),
    ("network", f"local {POLICY}", "spec.ingress", EVERYBODY),
    ("network", f"local {POLICY}", "spec.egress.0.ports", None),
    ("lifecycle", API, f"{MAIN}.lifecycle.preStop.sleep.seconds", 20),
    ("lifecycle", API, f"{MAIN}.livenessProbe.terminationGracePeriodSeconds", 10),
    ("lifecycle", CONFIG, "data.SIGNALBOX_SHUTDOWN_DELAY", "5s"),
    ("lifecycle", CONFIG, "data.SIGNALBOX_TIMEOUT_REQUEST", "2m"),
    ("lifecycle", CONFIG, "data.SIGNALBOX_DATABASE_STARTUP_TIMEOUT", "5m"),
    ("connections", API, "spec.minReadySeconds", None),
    ("connections", CONFIG, "data.SIGNALBOX_DATABASE_POOL_SIZE", "10"),
    ("connections", "production HorizontalPodAutoscaler/signalbox", "spec.maxReplicas", 9),
    ("connections", "local HorizontalPodAutoscaler/signalbox", "metadata.annotations", {}),
    ("configuration", CONFIG, "data.SIGNALBOX_SHUTDOWN_DELAYS", "10s"),
    ("configuration", CONFIG, "data.SIGNALBOX_ADMIN_HOST", "127.0.0.1"),
    ("configuration", CONFIG, "data.SIGNALBOX_PORT", "9000"),
    ("configuration", "production ConfigMap/signalbox", "data.FORWARDED_ALLOW_IPS", None),
    ("configuration", "production Ingress/signalbox", "spec.rules.0.host", "api.example.com"),
    ("images", API, f"{MAIN}.image", "signalbox:latest"),
    ("images", API, f"{POD}.initContainers.0.image", "signalbox:0.0.9"),
    ("passwords", API, f"{POD}.volumes.0.secret.secretName", "signalbox-database-owner"),
    ("passwords", API, f"{MAIN}.args.1", f"--database-url={URL}"),
    ("passwords", API, f"{MAIN}.env.1", {"name": "DATABASE_URL", "value": "host=db"}),
    ("passwords", API, f"{MAIN}.env", []),
    ("passwords", "local Secret/signalbox-postgres", "data.app-password", "bG9jYWwtb25seS1hYmM="),
    ("passwords", "local Secret/signalbox-database", "data.url", "c2VjcmV0"),
]  # fmt: skip


class CheckTest(unittest.TestCase):
    def render(self, overlay, root=check.ROOT):
        command = [check.ROOT / "scripts/kustomize", root / "k8s/overlays" / overlay]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        return check.Rendering(done.stdout, check.ROOT)

    def test_what_people_change_in_a_copy_passes(self):
        renderings = []
        for _, (overlay, *texts) in COPIED.items():
            with tempfile.TemporaryDirectory() as folder:
                for part in ("k8s", "deploy/postgres", "observability/grafana/dashboards"):
                    shutil.copytree(check.ROOT / part, Path(folder, part))
                renamed = Path(folder, "k8s/overlays", overlay).rename(f"{folder}/k8s/overlays/eu-1")
                text = (renamed / "kustomization.yaml").read_text()
                for before, after in zip(texts[::2], texts[1::2]):
                    self.assertIn(before, text)
                    text = text.replace(before, after)
                (renamed / "kustomization.yaml").write_text(text)
                renderings.append(self.render("eu-1", Path(folder)))
        for change, faults in zip(COPIED, check.check(renderings)):
            with self.subTest(change):
                self.assertEqual(faults, [])

    def test_each_rule_notices_what_is_wrong(self):
        good = {name: self.render(name) for name in ("local", "production")}
        wrong = []
        for _, place, path, value in WRONG:
            overlay, name = place.split()
            r = copy.deepcopy(good[overlay])
            form = re.compile(f"{name}(-[a-z0-9]{{10}})?")  # of a ConfigMap kustomize hashes
            [field] = [thing for thing in r.objects if form.fullmatch(check.name_of(thing))]
            *parents, last = [int(key) if key.isdigit() else key for key in path.split(".")]
            for key in parents:
                field = field[key]
            if value is None:
                del field[last]
            elif isinstance(field, list):
                field[last : last + 1] = [value]
            else:
                field[last] = value
            wrong.append(check.Rendering(check.yaml.safe_dump_all(r.objects), check.ROOT))
        for (rule, *change), faults in zip(WRONG, check.check(wrong)):
            with self.subTest(rule, change=change):
                self.assertIn(rule, [fault.partition(":")[0] for fault in faults])
        rules = {"structure", *(rule.__name__ for rule in check.RULES)}
        self.assertEqual(rules, {rule for rule, *_ in WRONG}, "a rule that nothing here breaks")


if __name__ == "__main__":
    unittest.main()
