"""Keys change while a market goes on: of parties, operators, the front-end."""

from __future__ import annotations

from pathlib import Path

import pytest

from ufmi import frontend_key
from ufmi.crypto import Signer, Sm2PrivateKey, sm3_hex
from ufmi.errors import Refused
from ufmi.node import Node
from ufmi.protocol import Line
from ufmi.sdk import Operator
from ufmi.system import ControlledClock

OPERATORS = [Sm2PrivateKey.from_hex(sm3_hex(name.encode())) for name in ("1", "2", "3")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Node.create(tmp_path / "it", operators=OPERATORS, clock=ControlledClock(10**12)):
        return tmp_path / "it"


def operator(node: Node, keys: list[Sm2PrivateKey] = OPERATORS) -> Operator:
    return Operator(node, [Signer.of(key) for key in keys])


def admit(node: Node, keys: list[Sm2PrivateKey] = OPERATORS) -> Line:
    """Admits somebody, and returns the last line that did."""
    seen: list[Line] = []
    node.frontend.observer = lambda line, ticket: seen.append(line)
    key = Sm2PrivateKey.generate()
    name = "N" + "".join(chr(65 + byte % 26) for byte in key.public_key.to_bytes()[1:9]) + "XXX"
    operator(node, keys).admit(name, "BROKER", key.public_key, "somebody")
    node.frontend.observer = None
    return seen[-1]


def receipt_holds(node: Node) -> None:
    line = admit(node)
    receipt = node.frontend.submit([line])[0].receipt
    assert receipt is not None
    receipt.verify(line.text, node.frontend_key)


def test_the_front_end_gets_another_key_and_signs_with_it(folder: Path) -> None:
    with Node.open(folder) as node:
        old = node.frontend_key
        operator(node).rotate_frontend_key()
        assert node.frontend_key.to_hex() != old.to_hex()
        receipt_holds(node)
    with Node.open(folder) as node:
        assert node.frontend_key.to_hex() != old.to_hex()
        receipt_holds(node)


@pytest.mark.parametrize("accepted", [False, True])
def test_a_change_that_was_interrupted_is_put_right(
    folder: Path, accepted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the ledger accepted it, the old key stays; after that, the new one is taken."""

    def crash(folder: Path) -> None:
        raise KeyboardInterrupt

    with Node.open(folder) as node:
        old = node.frontend_key.to_hex()
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            if accepted:
                patch.setattr(frontend_key, "put_in_place", crash)
            else:
                patch.setattr(Operator, "rotate", lambda *a: crash(folder))
            operator(node).rotate_frontend_key()
    with Node.open(folder) as node:
        assert (node.frontend_key.to_hex() != old) == accepted
        receipt_holds(node)
        if not accepted:
            operator(node).rotate_frontend_key()
            assert node.frontend_key.to_hex() != old
            receipt_holds(node)


def test_what_falls_due_is_signed_with_the_new_key(folder: Path) -> None:
    with Node.open(folder) as node:
        operator(node).rotate_frontend_key()
        network = node.frontend.view.network
        assert network is not None
        valid = [one for one, key in network.services.items() if key.key.until == 0]
        assert node.frontend_key.address in valid
        assert len([one for one in network.services.values() if one.role == "FRONTEND"]) == 2


def test_an_operator_key_is_changed_by_the_others_and_the_old_one_ends(folder: Path) -> None:
    new = Sm2PrivateKey.generate()
    with Node.open(folder) as node:
        first = OPERATORS[0].public_key
        operator(node, OPERATORS[1:]).rotate(first.address, first, Signer.of(new))
        with pytest.raises(Refused) as refused:
            admit(node, OPERATORS[:2])
        assert refused.value.result_code == "KEY_REVOKED"
        admit(node, [new, OPERATORS[1]])
