"""Runs a chaincode server as a process: python -m ufmi.ledger.fabric.serve SETTINGS

SETTINGS is a JSON file: contract (module:Class), package_id, address, tls (key, certificate,
client_authority: files), metrics (host:port), skew_seconds.
"""

from __future__ import annotations

import asyncio
import logging
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
    kind = getattr(import_module(module), name)
    label = settings.package_id.partition(":")[0]
    source = source_digest(kind)
    if not source.startswith(label.rpartition("-")[2]):
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
        host, _, port = settings.metrics.partition(":")
        server.metrics.serve(host, int(port))
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
