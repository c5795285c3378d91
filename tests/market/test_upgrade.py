"""New contracts over an old state, and new rules that wait until they are put in force."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from msgspec.structs import replace

from chaincode.udl import batch, standing
from chaincode.udl.run import EFFECTS, Refusal, Run
from ufmi.errors import ContractFailure
from ufmi.protocol import Code, Message, Side
from ufmi.protocol.holdings import Z2
from ufmi.protocol.settlement import Leg

from .compare import records
from .drafts import (
    BANK_A,
    BANK_B,
    BROKER_A,
    DAY_MS,
    MATCHER_A,
    MATCHER_B,
    OPERATORS,
    REGULATOR,
    address,
)
from .market import ALICE, BOB, MARK_A, MARK_B, WHOLE, Market, open_market

# The fields that records did not have before, by the first part of their key.
ADDED = {
    "network": ("rules",),
    "party": ("removed", "halted", "receiving"),
    "address": ("removed",),
    "asset": ("tracked",),
}
# Records that did not exist.
NEW = ("account/", "update/", "amendment/", "withdrawal/", "subscriptions")


def old_form(raw: bytes, key: str) -> bytes:
    """A record as it was encoded before its new fields."""
    record = json.loads(raw)
    for name in ADDED.get(key.partition("/")[0], ()):
        record.pop(name, None)
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode()


def aged(market: Market) -> Market:
    """The same market with its state as an older contract would have left it."""
    market.state = {
        key: old_form(raw, key) for key, raw in market.state.items() if not key.startswith(NEW)
    }
    assert market.model is not None
    market.model.known_as = {}
    return market


@pytest.fixture
def old(market: Market) -> Market:
    """Alice and Bob own something, orders and instructions are open, no record has a new field."""
    for wallet in ("alice", "bob"):
        market.deposit(wallet, 1_000)
        market.bring(wallet, "600001", 100)
    market.deposit("alice", 500, payer="alice-2")
    market.accept(market.s1(market.order("bob", Side.SELL, WHOLE, 10, 20, number="old")))
    market.accept(market.y1("bob", BOB, "bob", 7, tx="open"))
    return aged(market)


def test_the_old_state_has_nothing_new_in_it() -> None:
    state = aged(open_market()).state
    for prefix, names in ADDED.items():
        found = [json.loads(raw) for key, raw in state.items() if key.partition("/")[0] == prefix]
        assert found and not any(name in record for record in found for name in names)
    assert "rules" not in json.loads(state["network"])
    assert not [key for key in state if key.startswith(NEW)]


def test_what_was_open_goes_on(old: Market) -> None:
    y1 = old.y1("bob", BOB, "bob", 7, tx="open")
    assert old.send(y1).repeated
    old.accept(old.y1_locked(y1))
    sold = old.order("bob", Side.SELL, WHOLE, 10, 20, number="old")
    bought = old.order("alice", Side.BUY, WHOLE, 10, 5)
    old.accept(old.s1(bought), old.t1([bought, sold], [Leg(0, 1, 5, 10)]))
    old.accept(old.s2(sold))
    assert old.holding("bob") == 95


def test_old_records_take_part_in_everything_new(old: Market) -> None:
    old.name_receiving(BANK_A, BANK_B)
    y2 = old.withdraw("alice", ALICE, "alice", 1_200, [MARK_A, MARK_B])
    old.accept(y2, old.burn(y2, BANK_A, 1_000), old.moved(y2, BANK_A, 1_000))
    old.accept(old.credited(y2, BANK_A, 1_000), old.burn(y2, BANK_B, 200, False))
    old.accept(old.x2("bob", BOB, ["bob"], ["dora"], by="bob"))
    old.accept(old.s3(MATCHER_B), old.z2(WHOLE))
    old.accept(old.s1(old.order("bob", Side.SELL, WHOLE, 1, 1, broadcast=True)))
    p2 = old.p2("600001")
    answer = old.p2_registry(p2)
    old.accept(p2, answer, old.p2_update(p2, answer))
    old.accept(old.rotate(MATCHER_A, MATCHER_A, "new"))
    old.accept(old.status("ADDRESS", address("bob"), "FROZEN", REGULATOR))
    old.set_status("NETWORK", old.network, "HALTED")
    old.set_status("PARTY", BROKER_A, "REMOVED")


def test_old_accounts_are_shown_to_who_keeps_them(old: Market) -> None:
    line = old.line(old.x3(BROKER_A, BOB)).encode()
    assert json.loads(old.invoke("ask", line))["code"] == Code.OK


def test_a_record_is_brought_up_to_date_when_it_is_written(old: Market) -> None:
    old.set_status("ADDRESS", address("bob"), "FROZEN")
    written = json.loads(old.state[f"address/{address('bob')}"])
    assert (written["frozen"], written["removed"]) == (True, False)
    others = [json.loads(raw) for key, raw in old.state.items() if key.startswith("address/")]
    assert sum("removed" in record for record in others) == 1


def test_old_instructions_expire(old: Market) -> None:
    old.advance(2 * DAY_MS)
    old.accept(old.expire("DEPOSIT", BROKER_A, "open"))
    sold = old.order("bob", Side.SELL, WHOLE, 10, 20, number="old")
    old.accept(old.expire_order(sold))
    assert not [one for _, one in records(old.state, "deposit") if one["open"]]


# -- rules ------------------------------------------------------------------------------------


@dataclass
class Two:
    """A contract that knows rules 2, under which registries no longer follow their assets."""

    market: Market

    def activate(self) -> list[Message]:
        draft = self.market.activate(2)
        return [replace(draft, sender=address(one)) for one in OPERATORS[:2]]

    def code(self) -> str:
        return self.market.send(self.market.z2(WHOLE)).code


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch, market: Market) -> Two:
    by_old_rules = EFFECTS[Z2]

    def follow(run: Run, z2: Any) -> Any:
        if run.rules >= 2:
            raise Refusal(Code.NOT_AGREED, "not under these rules")
        return by_old_rules(run, z2)

    monkeypatch.setattr(standing, "RULES", 2)
    monkeypatch.setattr(batch, "RULES", 2)
    monkeypatch.setitem(EFFECTS, Z2, follow)
    assert market.model is not None
    market.model.known_rules = {1, 2}
    return Two(market)


def test_new_rules_do_nothing_by_being_installed(two: Two) -> None:
    assert two.code() == Code.OK
    two.market.accept(two.activate()[0])
    assert two.code() == Code.OK


def test_new_rules_hold_from_the_next_transaction_on(two: Two) -> None:
    market = two.market
    lines = [market.z2(WHOLE), *two.activate(), market.z2(WHOLE, False)]
    codes = [one.code for one in market.execute([market.line(one) for one in lines])]
    assert codes == [Code.OK, Code.PENDING, Code.OK, Code.OK]
    assert market.record("network")["rules"] == 2
    market.model = None  # which knows rules 1 alone
    assert two.code() == Code.NOT_AGREED


def test_what_was_recorded_under_old_rules_stays(two: Two) -> None:
    z2 = two.market.z2(WHOLE)
    two.market.accept(z2, *two.activate())
    again = two.market.send(z2)
    assert (again.code, again.repeated) == (Code.OK, True)


def test_an_operator_activates_once_and_as_the_others_do(two: Two) -> None:
    first, second = two.activate()
    two.market.accept(first)
    two.market.refuse(replace(first, valid_until=two.market.now), Code.ID_REUSED)
    third = address(OPERATORS[2])
    other = replace(two.market.activate(3), tx=first.tx, sender=third)
    two.market.refuse(other, Code.RULES_UNKNOWN)
    two.market.accept(replace(second, valid_until=two.market.now))


def test_rules_in_force_are_not_put_in_force_again(two: Two) -> None:
    two.market.accept(*two.activate())
    two.market.refuse(two.market.activate(2), Code.STATUS_INVALID)
    two.market.refuse(two.market.activate(1), Code.STATUS_INVALID)
    two.market.refuse(two.market.activate(3), Code.RULES_UNKNOWN)


def test_a_contract_does_not_execute_by_rules_that_it_does_not_know(market: Market) -> None:
    market.change("network", rules=2)
    with pytest.raises(ContractFailure, match="rules 2 are in force"):
        market.send(market.p1("600009"))
