"""Intake: receipts, arrival numbers, and what the front-end refuses by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from ufmi.crypto import sm3_hex
from ufmi.errors import Backpressure, BadReceipt, Refused
from ufmi.frontend import Receipt
from ufmi.frontend import frontend as module
from ufmi.node import Node
from ufmi.protocol import Line, Message
from ufmi.protocol.governance import Revoke
from ufmi.reconcile import reconcile
from ufmi.sdk import Operator, Wallet

from .town import BANK, BROKER, MATCHER, OPERATORS, Town, executed, found, key, signer, wallet


def arrivals(town: Town) -> int:
    """How many messages are in the journal."""
    return len(town.node.frontend._journal.read())


def submitted(town: Town, *lines: Line) -> list[str]:
    """The codes: of refusals by the front-end, and of results."""
    return [
        str(ticket.refusal.code if ticket.refusal else ticket.outcome(30).result.code)
        for ticket in town.node.frontend.submit(lines)
    ]


# -- receipts -------------------------------------------------------------------------------


def test_every_message_of_a_group_gets_a_receipt_that_verifies(town: Town) -> None:
    lines = town.admissions(5)
    for line, ticket in zip(lines, town.node.frontend.submit(lines), strict=True):
        assert ticket.receipt is not None
        assert ticket.receipt.digest == sm3_hex(line.text.encode())
        ticket.receipt.verify(line.text, town.node.frontend_key)
        kept = msgspec.json.decode(msgspec.json.encode(ticket.receipt), type=Receipt)
        kept.verify(line.text, town.node.frontend_key)


def tampered(receipt: Receipt) -> list[Receipt]:
    first, *rest = receipt.group.arrived
    later = replace(first, time=first.time + 1)
    return [
        replace(receipt, number=receipt.number + 7),
        replace(receipt, time=receipt.time - 1),
        replace(receipt, digest="00" * 32),
        replace(receipt, signature=""),
        replace(receipt, signature="zz"),
        replace(receipt, signature=receipt.signature[:-2] + "00"),
        replace(receipt, group=replace(receipt.group, arrived=(later, *rest))),
        replace(receipt, group=replace(receipt.group, network="00" * 32)),
        replace(
            receipt,
            time=later.time,
            group=replace(receipt.group, arrived=(later, *rest)),
        ),
    ]


def test_a_receipt_that_was_changed_does_not_verify(town: Town) -> None:
    lines = town.admissions(3)
    receipt = town.node.frontend.submit(lines)[0].receipt
    assert receipt is not None
    for wrong in tampered(receipt):
        with pytest.raises(BadReceipt):
            wrong.verify(lines[0].text, town.node.frontend_key)
    with pytest.raises(BadReceipt):
        receipt.verify(lines[1].text, town.node.frontend_key)
    with pytest.raises(BadReceipt):
        receipt.verify(lines[0].text, signer("another front-end").public_key)


def test_arrival_numbers_have_no_gap_across_refusals_and_restarts(
    open_town: Callable[..., Town],
) -> None:
    numbers: list[int] = []
    before = arrivals(open_town())
    for _ in range(3):
        town = open_town()
        lines = [
            town.line(town.y1(1, 5)),
            town.line(town.y1(1, 5), by=BANK),  # a bad signature, refused
            Line("nonsense", ""),
            town.line(town.y1(2, 5)),
        ]
        tickets = town.node.frontend.submit(lines)
        numbers += [ticket.receipt.number for ticket in tickets if ticket.receipt]
    assert numbers == list(range(before + 1, before + 7))
    assert reconcile(town.node).ok


# -- refusals -------------------------------------------------------------------------------


def revoked_matcher(town: Town) -> Line:
    operator = Operator(town.node, [signer(name) for name in OPERATORS])
    operator.revoke(MATCHER, signer(MATCHER).public_key)
    return town.line(
        Revoke(**town.head(MATCHER), subject=MATCHER, key=signer(MATCHER).public_key.to_hex())
    )


def badly_proven(town: Town) -> Line:
    proof = Wallet(town.node, wallet(9)).bind(broker=BROKER, tx="t", user="u9")
    wrong = replace(proof, signature=signer(BANK).sign(proof.bind.text().encode()).hex())
    return town.line(town.x1("u9", tx="t", proofs=(wrong,)))


def renamed(line: Line) -> Line:
    return Line("QQ" + line.text[line.text.index("(") :], line.signature)


REFUSALS: dict[str, Callable[[Town], Line]] = {
    "WRONG_NETWORK": lambda town: town.line(town.y1(1, 5, network="00" * 32)),
    "EXPIRED": lambda town: town.line(town.y1(1, 5, valid_until=town.node.clock.now_ms() - 1_000)),
    "SIGNER_UNKNOWN": lambda town: town.line(
        town.y1(1, 5, sender="NNOBOCNBJXXX", ag="NNOBOCNBJXXX")
    ),
    "KEY_REVOKED": revoked_matcher,
    "ROLE_NOT_ALLOWED": lambda town: town.line(town.y1(1, 5, sender=BANK)),
    "SIGNATURE_INVALID": lambda town: town.line(town.y1(1, 5), by=BANK),
    "PROOF_INVALID": badly_proven,
    "MALFORMED": lambda town: Line(town.line(town.y1(1, 5)).text[:-1], "00"),
    "UNKNOWN_MESSAGE": lambda town: renamed(town.line(town.y1(1, 5))),
    "TOO_LONG": lambda town: Line("Y1(" + "é" * 10_000 + ")", "00"),
    "FIELD_INVALID": lambda town: Line(
        town.line(town.y1(1, 5)).text.replace(",5,", ",-5,", 1), "00"
    ),
}


@pytest.mark.parametrize("code", REFUSALS)
def test_what_the_front_end_refuses_is_neither_journaled_nor_numbered(
    town: Town, code: str
) -> None:
    line = REFUSALS[code](town)
    before, blocks = arrivals(town), town.node.ledger.channel("udl").height
    (ticket,) = town.node.frontend.submit([line])
    assert ticket.receipt is None
    assert ticket.refusal is not None
    assert ticket.refusal.code == code
    with pytest.raises(Refused) as caught:
        ticket.outcome()
    assert (caught.value.result_code, caught.value.recorded) == (code, False)
    assert arrivals(town) == before
    assert town.node.ledger.channel("udl").height == blocks


@pytest.mark.parametrize("signature", ["", "zz", "00", "ab" * 80, "é"])
def test_a_signature_that_is_none_is_refused(town: Town, signature: str) -> None:
    line = Line(town.line(town.y1(1, 5)).text, signature)
    assert submitted(town, line) == ["SIGNATURE_INVALID"]


def test_a_form_that_is_no_message_is_refused(town: Town) -> None:
    proof = Wallet(town.node, wallet(1)).bind(broker=BROKER, tx="t", user="u1")
    line = Line(proof.bind.text(), signer(BROKER).sign(proof.bind.text().encode()).hex())
    assert submitted(town, line) == ["UNKNOWN_MESSAGE"]


def test_a_refused_id_is_free(town: Town) -> None:
    y1 = town.y1(1, 5)
    assert submitted(town, town.line(y1, by=BANK), town.line(y1)) == [
        "SIGNATURE_INVALID",
        "PENDING",
    ]


def test_one_refusal_does_not_touch_the_others(town: Town) -> None:
    lines = [make(town) for make in REFUSALS.values()]
    good = [town.line(town.y1(1, 5)) for _ in lines]
    mixed = [line for pair in zip(lines, good, strict=True) for line in pair]
    codes = submitted(town, *mixed)
    assert codes[1::2] == ["PENDING"] * len(lines)
    assert codes[::2] == list(REFUSALS)


def test_the_same_text_again_gives_the_first_result_and_changes_nothing(town: Town) -> None:
    y1 = town.y1(1, 5)
    pair = [town.line(y1), town.line(town.locked(y1))]
    assert submitted(town, *pair, *pair) == ["PENDING", "OK", "PENDING", "OK"]
    again = town.node.frontend.send(pair[1]).result
    assert again.repeated
    assert town.cash(1) == 5
    assert reconcile(town.node).ok


def test_another_text_under_the_same_id_is_refused(town: Town) -> None:
    y1 = town.y1(1, 5)
    other = replace(y1, amount=6)
    assert submitted(town, town.line(y1), town.line(other)) == ["PENDING", "ID_REUSED"]


def test_a_key_that_is_registered_is_known_at_once(town: Town) -> None:
    def first(message: Message, by: str = "") -> str:
        return submitted(town, town.line(message, by))[0]

    new = "NNEWXCNBJXXX"
    bind = Revoke(**town.head(new), subject=new, key=signer(new).public_key.to_hex())
    assert first(bind) == "SIGNER_UNKNOWN"
    Operator(town.node, [signer(name) for name in OPERATORS]).admit(
        new, "BROKER", signer(new).public_key, new
    )
    assert first(bind) == "OK"
    again = town.y1(1, 5, sender=new, ag=new)
    assert first(again) == "KEY_REVOKED"


# -- documents ------------------------------------------------------------------------------


def test_a_document_is_kept_if_the_text_names_it(town: Town) -> None:
    document = '{"name":"Li"}'
    digest = sm3_hex(document.encode())
    line = town.line(town.x1("u9", document=digest))
    town.node.frontend.send(Line(line.text, line.signature, (document,)))
    assert town.node.frontend.documents.get(digest) == document
    assert document.encode() not in b"".join(
        path.read_bytes() for path in town.node.folder.rglob("*.blocks")
    )
    town.node.frontend.documents.erase(digest)
    assert town.node.frontend.documents.get(digest) is None


def test_a_document_that_the_text_does_not_name_is_refused(town: Town) -> None:
    line = town.line(town.x1("u9"))
    for documents in (("other",), ("document of u9", "other")):
        assert submitted(town, Line(line.text, line.signature, documents)) == ["FIELD_INVALID"]
    assert town.node.frontend.documents.get(sm3_hex(b"other")) is None
    assert submitted(town, Line(line.text, line.signature, ("document of u9",))) == ["PENDING"]


def test_a_document_that_is_no_unicode_is_refused_like_any_other(town: Town) -> None:
    line = town.line(town.x1("u9"))
    good = town.line(town.y1(1, 5))
    codes = submitted(town, Line(line.text, line.signature, ("\ud800",)), good)
    assert codes[1] == "PENDING"
    assert codes[0] in ("FIELD_INVALID", "MALFORMED")


# -- limits ---------------------------------------------------------------------------------


def test_too_many_at_once_are_refused_as_a_whole(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SUBMIT_MAX", 3)
    before = arrivals(town)
    with pytest.raises(Backpressure) as caught:
        town.node.frontend.submit(town.admissions(4))
    assert caught.value.retryable
    assert arrivals(town) == before
    assert submitted(town, *town.admissions(3)) == ["PENDING"] * 3


def test_too_many_waiting_are_refused_until_there_is_room(
    open_town: Callable[..., Town], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "QUEUE_MAX", 3)
    town = open_town()
    real = town.node.frontend._dispatcher.run_waiting
    monkeypatch.setattr(town.node.frontend._dispatcher, "run_waiting", lambda: None)
    lines = town.admissions(6)
    tickets = town.node.frontend.submit(lines[:2])
    with pytest.raises(Backpressure):
        town.node.frontend.submit(lines[2:4])
    tickets += town.node.frontend.submit(lines[2:3])
    real()
    tickets += town.node.frontend.submit(lines[3:6])
    real()
    assert [ticket.outcome(5).result.code for ticket in tickets] == ["PENDING"] * 6


def test_the_observer_sees_every_line_with_its_ticket(town: Town) -> None:
    seen: list[Any] = []
    town.node.frontend.observer = lambda line, ticket: seen.append((line, ticket))
    lines = [town.line(town.y1(1, 5)), Line("nonsense", "")]
    tickets = town.node.frontend.submit(lines)
    assert seen == list(zip(lines, tickets, strict=True))


def test_a_second_front_end_has_a_network_of_its_own(town: Town, tmp_path: Any) -> None:
    node: Node
    with found(tmp_path / "other") as node:
        other = Town(node)
        assert node.network != town.node.network
        assert submitted(other, town.line(town.admit("NNEWXCNBJXXX"), OPERATORS[0])) == [
            "WRONG_NETWORK"
        ]
        assert executed(node) == []
    assert key(OPERATORS[0]).public_key.address == signer(OPERATORS[0]).address
