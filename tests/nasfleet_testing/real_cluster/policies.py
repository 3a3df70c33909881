"""NetworkPolicies enforced on the nodes of a test, for the pods of this moment: our policies are tested, no implementation.

The bridge plug-in enforces none, and no implementation that does can be had as a Go module. This compiles them into one table
of nftables for each node. It watches nothing, so no pod may come or go meanwhile. A kubelet's probes do not pass it.
"""

import ipaddress
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.real_cluster.machines import Machine

TABLE = "policies"
Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class World:
    """The pods with an address, and the labels of their namespaces."""

    pods: Sequence[Raw]
    namespaces: Mapping[str, Mapping[str, str]]
    policies: Sequence[Raw]


def enforce(plane: ControlPlane, machines: Mapping[str, Machine]) -> None:
    """Have every node enforce the policies of now."""
    world = _world(plane)
    for made in machines.values():
        made.do("nft", "-f", "-", stdin=ruleset(world).encode())


def lift(machines: Mapping[str, Machine]) -> None:
    """Have no node enforce anything."""
    for made in machines.values():
        made.do("nft", "delete", "table", "inet", TABLE)


def ruleset(world: World) -> str:
    """Return the rules: what a pod sends that is selected for egress, or gets that is for ingress, must be allowed by one."""
    jumps, chains = [], []
    for pod in world.pods:
        address = pod["status"]["podIP"]
        for direction, mine, other in (("Egress", "saddr", "daddr"), ("Ingress", "daddr", "saddr")):
            chosen = [policy for policy in world.policies if _selects(policy, pod, direction)]
            if not chosen:
                continue
            chain = f"{direction.lower()}_{address.replace('.', '_')}"
            allowed = [line for policy in chosen for line in _allowed(world, policy, pod, direction, other)]
            jumps.append(f"    ip {mine} {address} jump {chain}")
            # A pod always reaches itself.
            chains.append(
                f"  chain {chain} {{\n    ip saddr {address} ip daddr {address} return\n{''.join(allowed)}    drop\n  }}"
            )
    forward = "    type filter hook forward priority 0;\n    ct state established,related accept\n" + "\n".join(jumps)
    # Chains come before what jumps to them.
    return f"table inet {TABLE} {{\n" + "\n".join(chains) + f"\n  chain forward {{\n{forward}\n  }}\n}}\n"


def _world(plane: ControlPlane) -> World:
    def listed(kind: str) -> list[Any]:
        return list(json.loads(plane.do("get", kind, "--all-namespaces", "--output=json"))["items"])

    pods = [pod for pod in listed("pods") if pod["status"].get("podIP") and not pod["spec"].get("hostNetwork")]
    return World(
        pods=[pod for pod in pods if pod["status"]["phase"] == "Running"],
        namespaces={one["metadata"]["name"]: one["metadata"]["labels"] for one in listed("namespaces")},
        policies=listed("networkpolicies"),
    )


def _selects(policy: Raw, pod: Raw, direction: str) -> bool:
    spec = policy["spec"]
    types = spec.get("policyTypes", ["Ingress", *(["Egress"] if "egress" in spec else [])])
    here = policy["metadata"]["namespace"] == pod["metadata"]["namespace"]
    return here and direction in types and _matches(spec.get("podSelector", {}), pod["metadata"].get("labels", {}))


def _allowed(world: World, policy: Raw, pod: Raw, direction: str, other: str) -> Iterator[str]:
    for rule in policy["spec"].get(direction.lower(), ()):
        peers = rule.get("from" if direction == "Ingress" else "to")
        namespace = policy["metadata"]["namespace"]
        for peer in [{"ipBlock": {"cidr": "0.0.0.0/0"}}] if peers is None else peers:
            for block, peer_pod in _addresses(world, peer, namespace):
                served = pod if direction == "Ingress" else peer_pod
                for port in _ports(rule.get("ports"), served):
                    yield f"    ip {other} {block}{port} return\n"


def _addresses(world: World, peer: Raw, namespace: str) -> Iterator[tuple[str, Raw | None]]:
    if "ipBlock" in peer:
        assert not peer["ipBlock"].get("except"), "not understood here"
        yield str(ipaddress.ip_network(peer["ipBlock"]["cidr"])), None
        return
    for pod in world.pods:
        about = pod["metadata"]
        if "namespaceSelector" in peer:
            near = _matches(peer["namespaceSelector"], world.namespaces[about["namespace"]])
        else:
            near = about["namespace"] == namespace
        if near and _matches(peer.get("podSelector", {}), about.get("labels", {})):
            yield pod["status"]["podIP"], pod


def _ports(ports: Sequence[Raw] | None, pod: Raw | None) -> Iterator[str]:
    if ports is None:
        yield ""
        return
    for port in ports:
        protocol, number = port.get("protocol", "TCP").lower(), port.get("port")
        if isinstance(number, str):
            named = {} if pod is None else _named(pod)
            if number not in named:
                continue
            number = named[number]
        end = f"-{port['endPort']}" if "endPort" in port else ""
        yield f" {protocol} dport {number}{end}" if number is not None else f" meta l4proto {protocol}"


def _named(pod: Raw) -> dict[str, int]:
    ports = (port for container in pod["spec"]["containers"] for port in container.get("ports", ()))
    return {port["name"]: port["containerPort"] for port in ports if "name" in port}


def _matches(selector: Raw, labels: Mapping[str, str]) -> bool:
    wanted = selector.get("matchLabels", {}).items() <= labels.items()
    return wanted and all(_holds(one, labels) for one in selector.get("matchExpressions", ()))


def _holds(expression: Raw, labels: Mapping[str, str]) -> bool:
    there = labels.get(expression["key"])
    match expression["operator"]:
        case "In":
            return there in expression["values"]
        case "NotIn":
            return there not in expression["values"]
        case "Exists":
            return there is not None
        case other:
            assert other == "DoesNotExist"
            return there is None
