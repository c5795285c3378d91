"""What tests of the builders need: ledgers to fold, and an archive that takes nothing wrong."""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from tests.market import drafts as named
from tests.market.compare import State, records
from tests.market.market import Market, fund, open_up
from ufmi.contract.context import encode_record
from ufmi.crypto import Sm2PrivateKey, sm3_hex
from ufmi.ledger import Block
from ufmi.node import Node
from ufmi.protocol import Entry, Line, Result
from ufmi.protocol.codes import mark_currency
from ufmi.protocol.governance import Status
from ufmi.protocol.records import RECORDS
from ufmi.regulatory import History, check
from ufmi.regulatory.builders import Builder, Documents, Draft
from ufmi.scenario import Scenario, run, start_ms
from ufmi.system import ControlledClock

BALANCES = ("before_transfer", "after_transfer")


class Archive:
    """All objects so far: every one passes the strict check, its references and its life cycle."""

    def __init__(self) -> None:
        self.histories: dict[str, History] = {}
        self.drafts: list[Draft] = []

    def lookup(self, object_id: str, version: int) -> str | None:
        history = self.histories.get(object_id)
        if history is None or history.state is None or version > history.state.latest:
            return None
        return history.state.type

    def take(self, drafts: Iterable[Draft]) -> None:
        for draft in drafts:
            found = check(draft.snapshot, lookup=self.lookup)
            assert not found, (draft.reference, found)
            history = self.histories.setdefault(draft.object_id, History(lookup=self.lookup))
            history.apply(draft.snapshot)
            self.drafts.append(draft)

    def whole(self, draft: Draft) -> dict[str, Any]:
        """The group of an object's body as it stands after a draft."""
        body = self.histories[draft.object_id].merged(draft.version)["body"]
        (group,) = body.values()
        return cast(dict[str, Any], group)


def group(draft: Draft) -> dict[str, Any]:
    """The one group of a body."""
    (found,) = draft.body.values()
    return cast(dict[str, Any], found)


def of_type(drafts: Iterable[Draft], kind: str) -> list[Draft]:
    return [draft for draft in drafts if draft.type == kind]


def message_of(draft: Draft) -> str:
    return str(draft.header["metadata"]["source"]["message"]).split("/")[0]


def counts(drafts: Iterable[Draft]) -> Counter[tuple[str, str, str]]:
    """How many objects of each type each message brought."""
    return Counter([(message_of(one), one.type, one.operation) for one in drafts])


def play(scenario: Scenario) -> tuple[list[Block], State]:
    """The blocks of a scenario played on an embedded ledger, and what its state is at the end."""
    operators = [Sm2PrivateKey.from_hex(sm3_hex(name.encode())) for name in ("1", "2", "3")]
    clock = ControlledClock(start_ms(scenario))
    with (
        tempfile.TemporaryDirectory() as folder,
        Node.create(Path(folder) / "data", operators=operators, clock=clock) as node,
    ):
        outcome = run(node, scenario, operators)
        assert outcome.faults == []
        blocks = list(node.channel.past_blocks())
        return blocks, dict(_state(node))


def _state(node: Node) -> Iterator[tuple[str, bytes]]:
    for kind in ("cash", "holding", "order", "withdrawal"):
        for key, record in node.records(f"{kind}/", RECORDS[kind]):
            yield key, encode_record(record)


def fold(blocks: Iterable[Block], builder: Builder) -> list[Draft]:
    return [draft for block in blocks for draft in builder.block(block)]


def assert_totals(builder: Builder, state: State) -> None:
    """What was folded from texts alone is what the ledger's state says."""
    money: dict[str, Counter[str]] = defaultdict(Counter)
    free: dict[str, dict[str, int]] = {}
    holdings: dict[str, Counter[str]] = defaultdict(Counter)
    for [address], record in records(state, "cash"):
        free[address] = record["marks"]
        money[address].update(record["marks"])
    for [address, asset], record in records(state, "holding"):
        holdings[address][asset] += record["quantity"]
    for [address, _], order in records(state, "order"):
        money[address].update(order["held_cash"])
        holdings[address][order["asset"]] += order["held"]
    for [address, _], withdrawal in records(state, "withdrawal"):
        for part in withdrawal["parts"]:
            if part["status"] not in ("DESTROYED", "RETURNED"):
                money[address][part["mark"]] += part["amount"]
    folded = builder.state
    assert folded.free == {address: marks for address, marks in free.items() if marks}
    assert folded.money == {address: dict(+own) for address, own in money.items() if +own}
    assert folded.holdings == {address: dict(+own) for address, own in holdings.items() if +own}
    opened = {"/".join(key) for key, order in records(state, "order") if order["status"] == "OPEN"}
    assert set(folded.orders) == opened
    going = {"/".join(key) for key, one in records(state, "withdrawal") if one["open"]}
    assert set(folded.withdrawals) == going


def assert_balances_follow(drafts: Iterable[Draft]) -> None:
    """Each balance before is the balance after of the address's last object, from nothing on."""
    last: dict[tuple[str, str], Any] = defaultdict(int)

    def follow(owner: tuple[str, str], before: Any, after: Any) -> None:
        assert before == last[owner], owner
        last[owner] = after

    for draft in drafts:
        metadata, found = draft.header["metadata"], group(draft) if draft.body else {}
        if draft.type == "registration":
            right = found["registration_rights"]["basic_information_rights"]
            amounts = right["available_registration"]
            before, after = (
                amounts[f"register_asset_balance_{one}"] for one in ("before", "after")
            )
            assert after - before == amounts["register_asset_balance_change"]
            follow((metadata["address"], metadata["asset"]), before, after)
        elif draft.type == "settlement":
            value = found["basic_information_capital_settlement"]["settlement_value"]
            for name, side, sign in (("transferor", "out", -1), ("transferee", "in", 1)):
                party = found[f"{name}_information"]
                address = metadata.get({"out": "payer", "in": "payee"}[side])
                keys = [f"settlement_{side}_account_balance_{one}" for one in BALANCES]
                assert (keys[0] in party) == (address is not None)
                if address is not None:
                    before, after = (party[key] for key in keys)
                    assert after - before == sign * value
                    follow((address, mark_currency(metadata["mark"])), before, after)


class Reported(Market):
    """A market in memory whose every batch is a block for a builder and an archive.

    After every batch the folded totals are compared with the contract's state.
    """

    documents: Documents

    def __init__(self, documents: dict[str, Any] | None = None) -> None:
        self.known: dict[str, Any] = documents if documents is not None else {}
        self.builder = Builder(self.known.get)
        self.archive = Archive()
        self.blocks: list[Block] = []
        self.strict = True  # off: objects that the model cannot take are allowed
        super().__init__()

    def invoke(self, function: str, *arguments: bytes, **caller: str) -> bytes:
        answer = super().invoke(function, *arguments, **caller)
        if function == "execute":
            block = batch(len(self.blocks), arguments, answer)
            self.blocks.append(block)
            drafts = self.builder.block(block)
            if self.strict:
                self.archive.take(drafts)
            else:
                self.archive.drafts += drafts
            assert_totals(self.builder, self.state)
        return answer

    def last(self, count: int) -> list[Draft]:
        """The newest drafts."""
        return self.archive.drafts[-count:]

    def since(self, count: int) -> list[Draft]:
        """All drafts but the first ones."""
        return self.archive.drafts[count:]

    @property
    def count(self) -> int:
        return len(self.archive.drafts)


def batch(number: int, arguments: Sequence[bytes], answer: bytes) -> Block:
    """What a block with one batch is to a builder."""
    response = SimpleNamespace(response=SimpleNamespace(payload=answer))
    endorsed = SimpleNamespace(arguments=[b"execute", *arguments], action=response)
    transaction = SimpleNamespace(
        valid=True, endorsed=endorsed, block=number, tx_id=f"{number:064x}"
    )
    block = SimpleNamespace(number=number, transactions=lambda: iter([transaction]))
    return cast(Block, block)


def lone(number: int, entry: Entry, line: Line, result: Result) -> Block:
    """A block with one line and a result that the test makes up."""
    header = encode_record([entry])
    return batch(number, [header, line.encode()], encode_record([result]))


@cache
def _funded() -> Reported:
    market = Reported()
    fund(open_up(market))
    market.model = None  # it does not know every message that is sent here
    return market


def funded() -> Reported:
    """Parties, users and assets, cash and holdings, all reported; to be gone on with."""
    found = _funded().copy()
    assert isinstance(found, Reported)
    found.builder = Builder.resume(found.builder.checkpoint(), found.known.get)
    found.archive = deepcopy(found.archive)
    found.blocks = list(found.blocks)
    return found


def kinds(drafts: list[Draft]) -> list[str]:
    """Type and operation of each."""
    return [f"{one.type} {one.operation}" for one in drafts]


def status(
    market: Reported, kind: str, subject: str, value: str, sender: str = "", tx: str = ""
) -> None:
    """STATUS by the regulator, or by two operators."""
    senders = [sender] if sender else [named.address(name) for name in named.OPERATORS[:2]]
    tx = tx or market.new_tx()
    for one in senders:
        head = market._head(one, tx)
        market.accept(Status(kind=kind, subject=subject, status=value, **head))


def account(market: Reported, unified: str, broker: str, kind: str) -> dict[str, Any]:
    """An account's body as it is now."""
    id = f"{market.network[:12]}-AC-{unified}-{broker}-{kind}"
    history = market.archive.histories[id]
    assert history.latest is not None
    found: dict[str, Any] = history.merged(history.latest)["body"]["account_information"]
    return found
