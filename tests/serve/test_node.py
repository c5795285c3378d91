"""Fabric's clients for Node, unmodified, against a served ledger.

They run where UFMI_NODE_MODULES names a folder into which npm has installed
`@hyperledger/fabric-gateway`, `@grpc/grpc-js` and `fabric-network@2.2`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .conftest import Served

VARIABLE = "UFMI_NODE_MODULES"
SCRIPTS = Path(__file__).parent / "node"


def run(script: str, package: str, *arguments: str) -> Any:
    """What a script prints, as JSON."""
    node, modules = shutil.which("node"), os.environ.get(VARIABLE, "")
    if node is None or not modules or not (Path(modules) / package).is_dir():
        pytest.skip(f"needs Node and {package} in the folder that {VARIABLE} names")
    done = subprocess.run(
        [node, SCRIPTS / script, *arguments],
        env=os.environ | {"NODE_PATH": modules, "NODE_NO_WARNINGS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_official_gateway_client(alone: Served) -> None:
    place = alone.server.places.peers[0]
    answer = run("gateway.js", "@hyperledger/fabric-gateway", str(alone.connection), place.address)
    assert (answer["submitted"], answer["evaluated"]) == ("done", '"tea"')
    said = {
        "address": place.address,
        "mspId": place.msp,
        "message": "chaincode response 500, UFMI-3005: no tea",
    }
    assert answer["endorse"] == {"kind": "EndorseError", "code": 10, "details": [said]}
    assert answer["evaluate"] == {"kind": "GatewayError", "code": 2, "details": [said]}
    assert answer["commit"]["kind"] == "CommitError"
    assert answer["commit"]["code"] == 10  # ENDORSEMENT_POLICY_FAILURE
    assert answer["status"] == 0
    assert answer["events"] == [[1, "node"], [3, "later"]]
    assert answer["blocks"] == answer["filtered"] == [0, 1, 2]


@pytest.mark.parametrize(("options", "endorsers"), [((), 3), (("discovery",), 2)])
def test_the_old_sdk_reads_the_profile(
    alone: Served, options: tuple[str, ...], endorsers: int
) -> None:
    answer = run("network.js", "fabric-network", str(alone.connection), *options)
    assert answer == {"submitted": "done", "evaluated": '"tea"'}
    (found,) = alone.ledger.channel("one").block(1).transactions()
    assert found.endorsed is not None
    # Without discovery it asks every peer of the profile, with it as many as the policy needs.
    assert len(found.endorsed.endorsements) == endorsers
