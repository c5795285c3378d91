"""A small market to try things out: everybody is admitted, users have cash and shares.

    with ufmi.sandbox() as market:
        market.broker.deposit(...)

It runs on an embedded ledger in a folder that is thrown away, on a clock under control.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from ufmi.crypto import Sm2PrivateKey
from ufmi.node import Node
from ufmi.scenario.cast import Cast, User
from ufmi.scenario.model import read_scenario
from ufmi.scenario.runner import open_market, start_ms
from ufmi.scenario.steps import Play
from ufmi.sdk import Bank, Broker, Matcher, Operator, Registry
from ufmi.system import ControlledClock


class Sandbox:
    """The market of the demonstration before its first step.

    Attributes:
        node: the UFMI.
        clock: `clock.advance(milliseconds)` lets time go by.
        operator, broker, bank, registry, matcher: the clients of the first of each kind.
        play: all parties (`play.cast.client(name)`) and users by their names in the file.
    """

    def __init__(self, node: Node, play: Play, clock: ControlledClock) -> None:
        cast = play.cast
        self.node = node
        self.clock = clock
        self.play = play
        self.operator: Operator = cast.operator
        self.broker: Broker = cast.broker("")
        self.bank: Bank = cast.bank("")
        self.registry: Registry = cast.registry("")
        self.matcher: Matcher = cast.matcher("")

    def user(self, name: str) -> User:
        """`li` (500 yuan at the bank, 1,000 shares), `wang` (20,000 yuan), `chen` (another bank).

        Has `wallet` and `unified`. Raises ScenarioError.
        """
        return self.play.cast.user(name)

    def asset(self, name: str = "tea") -> str:
        """The unified code of an asset of the file."""
        return self.play.cast.asset(name)[1]


@contextmanager
def sandbox() -> Iterator[Sandbox]:
    """Opens a small market; everything is gone at the end."""
    scenario = read_scenario(Path(str(files("ufmi.scenario").joinpath("demo.toml"))))
    clock = ControlledClock(start_ms(scenario))
    operators = [Sm2PrivateKey.generate() for _ in range(3)]
    with (
        tempfile.TemporaryDirectory(prefix="ufmi-sandbox-") as folder,
        Node.create(folder, operators=operators, clock=clock) as node,
    ):
        cast = Cast(node, scenario, operators)
        try:
            yield Sandbox(node, open_market(node, cast), clock)
        finally:
            cast.close()
