"""The places that snapshots are kept in: a folder always, an S3 server where one can be had."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.regulatory import gateway
from tests.regulatory.gateway import Gateway
from ufmi.regulatory.store import S3Options, SnapshotStore, open_store


@dataclass(frozen=True)
class Kept:
    """A store, and the folder in which its files lie."""

    store: SnapshotStore
    folder: Path


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A real S3-compatible server with a bucket `snapshots`, for the whole session."""
    pytest.importorskip("obstore", reason="S3 needs ufmi[regulatory]")
    try:
        gateway.build()
    except gateway.NoGateway as problem:
        pytest.skip(f"no S3 server: {problem}")
    with gateway.running(tmp_path_factory.mktemp("s3"), ("snapshots",)) as server:
        yield server


def options(server: Gateway) -> S3Options:
    """How to reach it."""
    return S3Options(
        endpoint=server.endpoint,
        region=gateway.REGION,
        access_key_id=gateway.ACCESS,
        secret_access_key=gateway.SECRET,
        seconds=20,
    )


@pytest.fixture(params=["folder", "s3"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    """Runs a test with every kind of place, each empty."""
    if request.param == "folder":
        return Kept(open_store(tmp_path / "store"), tmp_path / "store")
    server: Gateway = request.getfixturevalue("s3")
    prefix = f"of/{tmp_path.name}"
    store = open_store(f"s3://snapshots/{prefix}", options(server))
    return Kept(store, server.folder / "snapshots" / prefix)
