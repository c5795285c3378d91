"""Random interleavings of valid and hostile messages: objects stay right whatever is sent."""

from __future__ import annotations

from random import Random, SystemRandom

import pytest

from tests.market.examples import EXAMPLES
from tests.market.machine import moves_of
from tests.market.market import fund, open_up
from tests.market.test_stateful import MarketMachine
from ufmi.regulatory.builders import Builder

from .reports import Reported, assert_balances_follow, fold

WALKS, STEPS = EXAMPLES or 8, 150


@pytest.mark.parametrize("seed", range(4))
def test_random_walks(seed: int) -> None:
    """`Reported` checks every object and compares totals after every batch."""
    if EXAMPLES:
        seed = SystemRandom().randrange(2**32)
        print(f"seed {seed}")
    chance = Random(seed)
    moves = moves_of(MarketMachine)
    weights = [often for _, often, _ in moves]
    for _ in range(WALKS // 4):
        machine = MarketMachine()
        market = Reported()
        fund(open_up(market))
        machine.market = market
        for name, _, choices in chance.choices(moves, weights, k=STEPS):
            drawn = {argument: chance.choice(values) for argument, values in choices.items()}
            getattr(machine, name)(**drawn)
        machine.flush()
        drafts = market.archive.drafts
        assert_balances_follow(drafts)
        # Folded again, with a checkpoint in the middle.
        cut = chance.randrange(len(market.blocks))
        first = Builder(market.known.get)
        again = fold(market.blocks[:cut], first)
        second = Builder.resume(first.checkpoint(), market.known.get)
        assert again + fold(market.blocks[cut:], second) == drafts
        assert second.checkpoint() == market.builder.checkpoint()
