"""Verification by tongsuopy: in this process, or run as a program that verifies for another one.

As a program it reads requests and writes verdicts until its input ends, which it does with the
process that started it, however that ends. It starts quickly because it imports nothing of ours.
"""

from __future__ import annotations

import signal
import struct
import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, BinaryIO

import msgspec
from tongsuopy.crypto import hashes
from tongsuopy.crypto.asymciphers import ec
from tongsuopy.crypto.exceptions import InvalidSignature

ALGORITHM = ec.ECDSA(hashes.SM3())
CURVE = ec.SM2()
LENGTH = struct.Struct(">I")
_Signed = tuple[bytes, bytes, bytes]


@lru_cache(maxsize=20_000)
def _public(raw: bytes) -> Any:
    return ec.EllipticCurvePublicKey.from_encoded_point(CURVE, raw)


def verify(items: Sequence[_Signed]) -> list[bool]:
    """One verdict an item, in order."""
    verdicts = []
    for key, message, signature in items:
        try:
            _public(key).verify(signature, message, ALGORITHM)
            verdicts.append(True)
        except (InvalidSignature, ValueError):
            verdicts.append(False)
    return verdicts


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """A request is its length and a list of items; an answer has a byte 1 and one a verdict."""
    decoder = msgspec.msgpack.Decoder(list[_Signed])
    while len(head := requests.read(LENGTH.size)) == LENGTH.size:
        items = decoder.decode(requests.read(LENGTH.unpack(head)[0]))
        answers.write(b"\1" + bytes(verify(items)))
        answers.flush()


if __name__ == "__main__":
    # An interrupt from the keyboard is for the process that started this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(sys.stdin.buffer, sys.stdout.buffer)
