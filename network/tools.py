"""Fabric's own command-line tools, as an administrator uses them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from network.binaries import Fabric
from network.material import ADMIN, Material
from network.plan import NodePlan, Plan
from ufmi.errors import NetworkError

_SECONDS = 90
_SAID_MAX = 1_500


class Change:
    """The files of one change of a channel's configuration."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.block = folder / "config.block"
        self.json = folder / "config.json"


class Tools:
    """`peer`, `osnadmin`, `configtxgen` and `configtxlator` over one network's folder."""

    def __init__(self, fabric: Fabric, folder: Path, plan: Plan, material: Material) -> None:
        self._fabric = fabric
        self._folder = folder
        self._plan = plan
        self._material = material

    def run(
        self, tool: str, *arguments: str | Path, environment: dict[str, str] | None = None
    ) -> bytes:
        """Runs a tool; returns what it printed. Raises NetworkError with what it said."""
        done = subprocess.run(
            [str(self._fabric.tool(tool)), *map(str, arguments)],
            env={**os.environ, "FABRIC_LOGGING_SPEC": "error", **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
        )
        if done.returncode:
            said = (done.stderr + done.stdout).decode(errors="replace").strip()
            short = " ".join(map(str, arguments[:3]))
            raise NetworkError(f"{tool} {short} failed: …{said[-_SAID_MAX:]}")
        return done.stdout

    # -- peers ------------------------------------------------------------------------------

    def peer(self, node: NodePlan, *arguments: str | Path) -> bytes:
        """Runs `peer` as the administrator of a peer's organisation, against that peer."""
        msp = node.organisation
        return self.run(
            "peer",
            *arguments,
            environment={
                "FABRIC_CFG_PATH": str(self._folder / "nodes" / node.name),
                "CORE_PEER_ADDRESS": node.address,
                "CORE_PEER_LOCALMSPID": msp,
                "CORE_PEER_MSPCONFIGPATH": str(self._material.member_msp(msp, ADMIN)),
                "CORE_PEER_TLS_ROOTCERT_FILE": str(self._material.tls_files(msp, node.name)[2]),
            },
        )

    def orderer_flags(self) -> tuple[str | Path, ...]:
        """What `peer` needs to reach the first orderer that runs."""
        node = self._plan.orderers()[0]
        authority = self._material.tls_files(node.organisation, node.name)[2]
        return ("-o", node.address, "--tls", "--cafile", authority)

    def target_flags(self, peers: Sequence[NodePlan]) -> list[str | Path]:
        """What `peer` needs to have several peers endorse."""
        flags: list[str | Path] = []
        for node in peers:
            authority = self._material.tls_files(node.organisation, node.name)[2]
            flags += ["--peerAddresses", node.address, "--tlsRootCertFiles", authority]
        return flags

    def channels_of(self, node: NodePlan) -> set[str]:
        """The channels that a peer has joined."""
        lines = self.peer(node, "channel", "list").decode().splitlines()
        return {line.strip() for line in lines if line.strip() and ":" not in line}

    def installed(self, node: NodePlan) -> set[str]:
        """The ids of the packages that a peer has."""
        raw = self.peer(node, "lifecycle", "chaincode", "queryinstalled", "-O", "json")
        found = json.loads(raw).get("installed_chaincodes", [])
        return {str(one["package_id"]) for one in found}

    def committed(self, node: NodePlan, channel: str) -> dict[str, dict[str, Any]]:
        """The contract definitions of a channel, by name."""
        raw = self.peer(
            node, "lifecycle", "chaincode", "querycommitted", "-C", channel, "-O", "json"
        )
        return {one["name"]: one for one in json.loads(raw).get("chaincode_definitions", [])}

    def approved(self, node: NodePlan, channel: str, contract: str) -> dict[str, Any] | None:
        """What a peer's organisation has approved of a contract; None if it never did."""
        try:
            raw = self.peer(
                node,
                *("lifecycle", "chaincode", "queryapproved"),
                *("-C", channel, "-n", contract, "-O", "json"),
            )
        except NetworkError:
            return None
        found: dict[str, Any] = json.loads(raw)
        return found

    # -- orderers ---------------------------------------------------------------------------

    def _orderer_admin(self, node: NodePlan) -> tuple[str | Path, ...]:
        key, certificate, authority = self._material.tls_files(node.organisation, node.name)
        address = f"{node.address.partition(':')[0]}:{node.second}"
        return (
            *("-o", address, "--ca-file", authority),
            *("--client-cert", certificate, "--client-key", key),
        )

    def orderer_channels(self, node: NodePlan) -> set[str]:
        """The channels that an orderer takes part in."""
        raw = self.run("osnadmin", "channel", "list", *self._orderer_admin(node))
        found = json.loads(raw[raw.index(b"{") :]).get("channels") or []
        return {str(one["name"]) for one in found}

    def join_orderer(self, node: NodePlan, channel: str, block: Path) -> None:
        """Makes an orderer take part in a channel."""
        said = self.run(
            *("osnadmin", "channel", "join", "--channelID", channel, "--config-block", block),
            *self._orderer_admin(node),
        )
        if b"Status: 201" not in said:
            raise NetworkError(f"{node.name} does not join {channel}: {said.decode()[:_SAID_MAX]}")

    # -- configuration ----------------------------------------------------------------------

    def make_block(self, configuration: Path, profile: str, channel: str, out: Path) -> None:
        """Block 0 of a channel."""
        self.run(
            *("configtxgen", "-configPath", configuration, "-profile", profile),
            *("-channelID", channel, "-outputBlock", out),
        )

    def organisation_json(self, configuration: Path, msp: str) -> Any:
        """An organisation's part of a channel's configuration, as JSON."""
        return json.loads(self.run("configtxgen", "-configPath", configuration, "-printOrg", msp))

    def compute_update(self, channel: str, before: Any, after: Any, files: Change) -> Path:
        """The envelope, not yet signed, that leads from one configuration to another."""
        for content, name in ((before, "before"), (after, "after")):
            (files.folder / f"{name}.json").write_text(json.dumps(content))
            self.translate(
                "encode",
                "common.Config",
                files.folder / f"{name}.json",
                files.folder / f"{name}.pb",
            )
        self.run(
            *("configtxlator", "compute_update", "--channel_id", channel),
            *("--original", files.folder / "before.pb", "--updated", files.folder / "after.pb"),
            *("--output", files.folder / "update.pb"),
        )
        update = files.folder / "update.json"
        self.translate("decode", "common.ConfigUpdate", files.folder / "update.pb", update)
        envelope = {
            "payload": {
                "header": {"channel_header": {"channel_id": channel, "type": 2}},
                "data": {"config_update": json.loads(update.read_bytes())},
            }
        }
        (files.folder / "envelope.json").write_text(json.dumps(envelope))
        target = files.folder / "envelope.pb"
        self.translate("encode", "common.Envelope", files.folder / "envelope.json", target)
        return target

    def translate(self, direction: str, kind: str, source: Path, target: Path) -> None:
        """`configtxlator proto_decode` or `proto_encode`."""
        self.run(
            *("configtxlator", f"proto_{direction}", "--type", kind),
            *("--input", source, "--output", target),
        )
