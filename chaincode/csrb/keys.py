"""The keys of channel `csrb`'s state. Numbers are padded, so that keys stand in their order."""

from __future__ import annotations

from chaincode.csrb.records import Fault

PARAMETERS = "parameters"


def progress(channel: str) -> str:
    return f"progress/{channel}"


def totals(channel: str) -> str:
    return f"totals/{channel}"


def anchor(channel: str, number: int) -> str:
    return f"anchor/{channel}/{number:012d}"


def object(id: str) -> str:
    return f"object/{id}"


def snapshots(id: str) -> str:
    """What the keys of all versions of an object begin with."""
    return f"snapshot/{id}/"


def snapshot(id: str, version: int) -> str:
    return f"snapshot/{id}/{version:06d}"


def faults(owner: str = "") -> str:
    """What the keys of all exceptions begin with, of an owner or of all."""
    return f"fault/{owner}/" if owner else "fault/"


def fault_at(owner: str, channel: str, block: int, place: int) -> str:
    return f"fault/{owner}/{channel}/{block:012d}/{place:06d}"


def fault(one: Fault) -> str:
    return fault_at(one.owner, one.source.channel, one.source.block, one.source.place)


def after(prefix: str) -> str:
    """The first key after all that begin with a prefix, whose last character is a slash."""
    return prefix[:-1] + "0"
