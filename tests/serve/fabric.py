"""Fabric's own programs, run as their users run them."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from network import binaries
from tests.networks import PARAMETERS

versions = pytest.mark.parametrize("fabric", PARAMETERS, indirect=True)


def variables(connection: Path, msp: str) -> dict[str, str]:
    """What MSP/peer.env exports."""
    text = (connection / msp / "peer.env").read_text()
    return dict(re.findall(r"^export (\w+)='(.*)'$", text, re.MULTILINE))


@dataclass
class Peer:
    """The command `peer` as one organisation's client."""

    fabric: binaries.Fabric
    connection: Path
    msp: str
    folder: Path
    member: str = ""

    def _variables(self) -> dict[str, str]:
        own = variables(self.connection, self.msp)
        if self.member:
            own["CORE_PEER_MSPCONFIGPATH"] = str(self.connection / self.msp / f"{self.member}-msp")
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder)} | own

    def run(self, *arguments: str, ok: bool = True, answer: bool = False) -> str:
        """What it prints; of the `answer` alone, without its log, standard output."""
        done = subprocess.run(
            [self.fabric.tool("peer"), *arguments],
            cwd=self.folder,
            env=self._variables(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode == 0) is ok, done.stderr
        return done.stdout if answer else done.stdout + done.stderr

    def call(self, *arguments: str) -> str:
        return json.dumps({"Args": arguments})

    def query(self, *arguments: str, contract: str = "kv", channel: str = "one") -> str:
        chosen = ("-C", channel, "-n", contract, "-c", self.call(*arguments))
        return self.run("chaincode", "query", *chosen, answer=True).strip()

    def invoke(
        self,
        *arguments: str,
        peers: tuple[tuple[str, str], ...] = (),
        ok: bool = True,
        contract: str = "kv",
        channel: str = "one",
    ) -> str:
        """Invokes and waits for the event; on these peers (organisation, address) or its own."""
        shared = variables(self.connection, self.msp)
        options = ["-o", shared["ORDERER"], "--tls", "--cafile", shared["ORDERER_CA"]]
        for msp, address in peers:
            authority = str(self.connection / msp / "tls-ca.pem")
            options += ["--peerAddresses", address, "--tlsRootCertFiles", authority]
        chosen = ["-C", channel, "-n", contract, "-c", self.call(*arguments)]
        return self.run("chaincode", "invoke", *options, *chosen, "--waitForEvent", ok=ok)


def decoded(fabric: binaries.Fabric, block: Path) -> Any:
    """A block as `configtxlator` decodes it."""
    done = subprocess.run(
        [
            fabric.tool("configtxlator"),
            "proto_decode",
            "--type",
            "common.Block",
            "--input",
            block,
        ],
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)
