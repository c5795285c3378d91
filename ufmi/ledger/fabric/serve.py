"""Runs a chaincode server as a process: python -m ufmi.ledger.fabric.serve SETTINGS

SETTINGS is a JSON file: contract (module:Class), package_id, address, tls (key, certificate,
client_authority: files), metrics (host:port), skew_seconds.
"""

from __future__ import annotations

import asyncio
import logging
import re
import signal
import sys
from importlib import import_module
from pathlib import Path

import msgspec
import structlog

from ufmi.contract import source_digest
from ufmi.errors import LedgerError, UfmiError
from ufmi.ledger.fabric.server import ChaincodeServer, ServerTls
from ufmi.ledger.tuning import tune

_SOURCE = re.compile(r"-([0-9a-f]{16})$")
_log = structlog.get_logger("ufmi.chaincode")


class TlsFiles(msgspec.Struct, frozen=True):
    """Files in PEM."""

    key: str
    certificate: str
    client_authority: str = ""


class Settings(msgspec.Struct, frozen=True):
    """What the settings file holds."""

    contract: str
    package_id: str
    address: str
    tls: TlsFiles | None = None
    metrics: str = ""
    skew_seconds: int = 60


def make_server(settings: Settings) -> ChaincodeServer:
    """The server that the settings describe.

    Raises:
        LedgerError: the package was made for another source of the contract.
    """
    module, _, name = settings.contract.partition(":")
    try:
        kind = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as problem:
        raise LedgerError(f"there is no contract {settings.contract}: {problem}") from problem
    label = settings.package_id.partition(":")[0]
    if not label:
        raise LedgerError(f"{settings.package_id!r} is no id of a package")
    named = _SOURCE.search(label)
    source = source_digest(kind)
    if named is None:
        _log.warning("the package's label does not end with the source's digest", label=label)
    elif not source.startswith(named[1]):
        raise LedgerError(
            f"the package {label} is not for the source here ({source[:16]}…)",
            hint="Deploy the contract anew: `ufmi network up`",
        )
    tls = None
    if settings.tls is not None:
        files = settings.tls
        authority = files.client_authority
        tls = ServerTls(
            Path(files.key), Path(files.certificate), Path(authority) if authority else None
        )
    return ChaincodeServer(
        kind(),
        settings.package_id,
        settings.address,
        tls=tls,
        skew_seconds=settings.skew_seconds,
    )


async def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT."""
    server = make_server(settings)
    if settings.metrics:
        host, _, port = settings.metrics.rpartition(":")
        try:
            server.metrics.serve(host, int(port))
        except (OSError, ValueError, OverflowError) as problem:
            raise LedgerError(f"metrics cannot be at {settings.metrics}: {problem}") from problem
    await server.start()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    await server.stop()


def main() -> None:
    """Entry point."""
    tune()
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    if len(sys.argv) != 2:
        sys.exit("usage: python -m ufmi.ledger.fabric.serve SETTINGS")
    try:
        settings = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Settings)
        asyncio.run(run(settings))
    except (UfmiError, OSError, msgspec.DecodeError) as problem:
        sys.exit(f"error: {problem}")


if __name__ == "__main__":
    main()
