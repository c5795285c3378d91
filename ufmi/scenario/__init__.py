"""Scenarios: a market's doings in a file that people can write and read, run and checked."""

from ufmi.scenario.model import Scenario, read_scenario
from ufmi.scenario.runner import Outcome, as_data, run, start_ms

__all__ = ["Outcome", "Scenario", "as_data", "read_scenario", "run", "start_ms"]
