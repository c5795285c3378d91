"""Scenario files: who takes part, what they have, what they do, and what should come of it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from ufmi.errors import ScenarioError
from ufmi.protocol.codes import INSTITUTION, MARKET
from ufmi.protocol.kinds import ADMITTED

STEPS_MAX = 100_000


class PartySpec(msgspec.Struct, forbid_unknown_fields=True):
    """A market or institution; admitted at the beginning."""

    id: str
    role: str
    name: str = ""
    market: str = ""


class AssetSpec(msgspec.Struct, forbid_unknown_fields=True):
    """An asset of a registry; registered at the beginning."""

    registry: str
    id: str
    name: str
    asset_class: str = "STOCK"
    decimals: int = 0
    currency: str = "CNY"
    broker: str = ""  # who registers it; the first broker if empty


class UserSpec(msgspec.Struct, forbid_unknown_fields=True):
    """A user, what he has at bank and registry, and his broker; registered at the beginning."""

    broker: str
    bank: str
    registry: str
    cash: dict[str, str] = {}  # currency → amount at the bank
    assets: dict[str, str] = {}  # asset → quantity at the registry


class LegSpec(msgspec.Struct, forbid_unknown_fields=True):
    """One exchange of a trade: names of a buy and a sell order."""

    buy: str
    sell: str
    quantity: str
    price: str


class Step(msgspec.Struct, forbid_unknown_fields=True):
    """One thing that somebody does. `do` says what; docs/scenarios.md lists the fields of each."""

    do: str
    say: str = ""  # shown to people
    expect: str = ""  # result code; any accepting one if empty
    user: str = ""
    party: str = ""
    name: str = ""
    currency: str = "CNY"
    amount: str = ""
    asset: str = ""
    quantity: str = ""
    side: str = ""
    price: str = ""
    matcher: str = ""
    buy: str = ""
    sell: str = ""
    legs: list[LegSpec] = []
    order: str = ""
    time: str = ""
    text: str = ""
    step: str = ""
    replace: str = ""  # `again`: what is changed in the text …
    by: str = ""  # … and into what
    wallet: str = ""  # which address of the user; his first one if empty
    add: str = ""  # `update_user`: the wallet whose address is added …
    remove: str = ""  # … and the one whose address is removed
    agreed_by: str = "owner"  # who agrees to that: owner, bank, registry, nobody
    kind: str = ""  # `status`: party, address, asset, network
    status: str = ""
    rules: int = 0
    asset_class: str = ""
    matchers: list[str] = []
    broadcast: bool = False
    refuse: bool = False  # `adopt`, `subscribe`: no, or no longer
    lasts: str = "24h"  # how long an order is valid
    signed_by: str = ""  # with whose key


class Scenario(msgspec.Struct, forbid_unknown_fields=True):
    """A whole scenario."""

    title: str
    parties: dict[str, PartySpec]
    assets: dict[str, AssetSpec] = {}
    users: dict[str, UserSpec] = {}
    steps: list[Step] = []
    start: str = "2026-03-02T09:00:00Z"
    # User → what he should have free on the ledger at the end: currency or asset → amount.
    final: dict[str, dict[str, str]] = {}


def read_scenario(path: Path) -> Scenario:
    """Reads a scenario file (TOML).

    Raises:
        ScenarioError: it cannot be read; the message says where and why.
    """
    try:
        raw = path.read_bytes()
        scenario = msgspec.convert(tomllib.loads(raw.decode()), Scenario)
    except OSError as problem:
        raise ScenarioError(f"{path} cannot be read: {problem.strerror}") from problem
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as problem:
        raise ScenarioError(f"{path.name}: {problem}", hint="See docs/scenarios.md") from problem
    for name, spec in scenario.parties.items():
        if spec.role not in ADMITTED:
            roles = ", ".join(ADMITTED)
            raise ScenarioError(f"{path.name}: party {name}: {spec.role!r} is not one of {roles}")
        if not (INSTITUTION.fullmatch(spec.id) or MARKET.fullmatch(spec.id)):
            raise ScenarioError(f"{path.name}: party {name}: {spec.id!r} is not an id N… or M…")
    if len(scenario.steps) > STEPS_MAX:
        raise ScenarioError(f"{path.name} has more than {STEPS_MAX} steps")
    return scenario
