"""What a stand-in kubelet does, in an event loop: heartbeats of its node, and a local process for each of its pods."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nasfleet_testing.api_calls import STRATEGIC, ApiCalls, Raw
from nasfleet_testing.local_pod import LocalPod
from nasfleet_testing.pod_translation import translation

HEARTBEAT_SECONDS = 1.0


class NodeAgent:
    """Keeps a node and its pods; pods are named NAMESPACE/NAME."""

    def __init__(self, name: str, folder: Path, api: ApiCalls, services: Mapping[str, str]) -> None:
        self.name = name
        self._folder = folder
        self._api = api
        self._services = services
        self._pods: dict[str, LocalPod] = {}  # by uid
        self._uids: dict[str, str] = {}  # by NAMESPACE/NAME, of the newest
        self._work: dict[str, asyncio.Task[None]] = {}  # by uid, and what keeps the node itself

    async def lose(self) -> None:
        """Be a machine whose power went: nothing runs, nothing is said any more."""
        for task in self._work.values():
            task.cancel()
        done = await asyncio.gather(*self._work.values(), return_exceptions=True)
        self._work.clear()
        for error in done:
            if isinstance(error, Exception):
                raise error

    async def join(self, node: Raw) -> None:
        """Register the node and begin to work."""
        assert await self._api.call("POST", "/api/v1/nodes", node) is not None, f"there is a node {self.name} already"
        self._write_ports()
        self._work["heartbeats"] = asyncio.create_task(self._beat())
        self._work["pods"] = asyncio.create_task(self._follow_pods())

    async def leave(self) -> None:
        """End all pods at once and take the node out of the cluster."""
        try:
            await self.lose()
            await self._api.call("DELETE", f"/api/v1/nodes/{self.name}")
        finally:
            await self._api.close()

    def pod(self, name: str) -> LocalPod:
        """Return the newest pod of a name."""
        assert name in self._uids, f"{name} does not run on {self.name}"
        return self._pods[self._uids[name]]

    async def _beat(self) -> None:
        leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
        spec: dict[str, Any] = {"holderIdentity": self.name, "leaseDurationSeconds": 40}
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": self.name}, "spec": spec}
        await self._api.call("POST", leases, lease)
        while True:
            now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
            patch = {"spec": spec | {"renewTime": now}}
            await self._api.call("PATCH", f"{leases}/{self.name}", patch, "application/merge-patch+json")
            await asyncio.sleep(HEARTBEAT_SECONDS)

    async def _follow_pods(self) -> None:
        while True:  # a watch that ends is begun anew, and tells of all pods again
            async for kind, pod in self._api.watch(f"/api/v1/pods?watch=1&fieldSelector=spec.nodeName={self.name}"):
                self._see(kind, pod)

    def _see(self, kind: str, pod: Raw) -> None:
        about = pod["metadata"]
        known = self._pods.get(about["uid"])
        if known is None:
            if kind == "DELETED" or pod["status"].get("phase", "Pending") != "Pending":
                return  # never ours
            known = self._start(pod)
        if kind == "DELETED":
            known.leave(0)
        elif "deletionTimestamp" in about:
            known.leave(about["deletionGracePeriodSeconds"])
            if self._work[about["uid"]].done():  # it was evicted before
                self._work[about["uid"]] = asyncio.create_task(self._remove(pod))

    def _start(self, pod: Raw) -> LocalPod:
        """Begin to run a pod."""
        about, uid = pod["metadata"], pod["metadata"]["uid"]
        folder = self._folder / "pods" / uid
        volumes = {
            volume["name"]: self._volume(volume, about["namespace"], folder) for volume in pod["spec"].get("volumes", ())
        }
        (container,) = pod["spec"]["containers"]
        path = f"/api/v1/namespaces/{about['namespace']}/pods/{about['name']}/status"

        async def report(status: dict[str, Any]) -> None:
            await self._api.call("PATCH", path, {"metadata": {"uid": uid}, "status": status}, STRATEGIC)

        self._pods[uid] = local = LocalPod(pod, folder, translation(container, volumes, self._services), report)
        self._uids[_name(pod)] = uid
        self._write_ports()
        self._work[uid] = asyncio.create_task(self._run(pod, local, volumes))
        return local

    def _volume(self, volume: Raw, namespace: str, pod_folder: Path) -> Path:
        """Return the folder that a volume is, made if need be; claims are shared by all pods of a namespace."""
        claim = volume.get("persistentVolumeClaim")
        folder = pod_folder / volume["name"] if claim is None else self._folder / "claims" / namespace / claim["claimName"]
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    async def _run(self, pod: Raw, local: LocalPod, volumes: dict[str, Path]) -> None:
        for volume in pod["spec"].get("volumes", ()):
            for source in volume.get("projected", {}).get("sources", ()):
                if "serviceAccountToken" in source:
                    await self._write_token(pod, source["serviceAccountToken"], volumes[volume["name"]])
        await local.run()
        if not local.evicted:
            await self._remove(pod)

    async def _write_token(self, pod: Raw, source: Raw, folder: Path) -> None:
        about, account = pod["metadata"], pod["spec"]["serviceAccountName"]
        spec = {
            "audiences": [source["audience"]] if "audience" in source else [],
            "expirationSeconds": source["expirationSeconds"],
            "boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": about["name"], "uid": about["uid"]},
        }
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        path = f"/api/v1/namespaces/{about['namespace']}/serviceaccounts/{account}/token"
        answer = await self._api.call("POST", path, request)
        if answer is not None:
            (folder / source["path"]).write_text(answer["status"]["token"])

    async def _remove(self, pod: Raw) -> None:
        """Tell the API server that nothing is left of a pod that was to go."""
        about = pod["metadata"]
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": about["uid"]}}
        await self._api.call("DELETE", f"/api/v1/namespaces/{about['namespace']}/pods/{about['name']}", options)

    def _write_ports(self) -> None:
        """Tell the port-forwarder where the ports of pods are."""
        ports = {name: dict(self._pods[uid].local.ports) for name, uid in self._uids.items()}
        part = self._folder / "ports.part"
        part.write_text(json.dumps(ports))
        part.replace(self._folder / "ports.json")


def _name(pod: Raw) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
