"""Strict mode finds what a contract must not depend on, and changes nothing else."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ufmi.contract import Context, Contract, submit
from ufmi.errors import EndorseError, LedgerError
from ufmi.ledger import Contract as Client
from ufmi.ledger.embedded import EmbeddedLedger, strict
from ufmi.ledger.embedded.rwset import RangeQuery, ReadWriteSet
from ufmi.ledger.embedded.strict import Outcome, differences, other_hash_seed
from ufmi.node import Node, kept_key
from ufmi.scenario import as_data, model, read_scenario, start_ms
from ufmi.scenario import run as run_scenario
from ufmi.system import ControlledClock

from .chancy import Chancy, Unpickled, found_strict
from .kv import CONTRACTS, A, B, C, endorsed, found, kv, network, program, state, topology, verified

HERE = str(os.getpid()).encode()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedLedger]:
    with found_strict(tmp_path_factory.mktemp("strict") / "ledger") as one:
        yield one


def chancy(ledger: EmbeddedLedger) -> Client:
    return network(ledger).contract("chancy")


def pid_of(ledger: EmbeddedLedger) -> int:
    assert ledger.second is not None and ledger.second.pid is not None
    return ledger.second.pid


def refused(ledger: EmbeddedLedger, function: str, *arguments: bytes) -> str:
    """What is said of a call that did not do the same twice."""
    height = ledger.channel("one").height
    proposal = chancy(ledger).new_proposal(function, *arguments)
    with pytest.raises(EndorseError, match="ProposalResponsePayloads do not match") as caught:
        proposal.endorse()
    assert f"chancy.{function}" in caught.value.message
    assert caught.value.transaction_id == proposal.transaction_id
    assert ledger.channel("one").height == height
    return caught.value.message


@pytest.mark.parametrize(
    ("function", "part"),
    [
        ("order", "the key order, written as b'[\"name-"),
        ("hashed", "the response: b'[["),
        ("clock", "the response: "),
        ("chance", "the key drawn, written as b'"),
        ("address", "the event: ('address', b'"),
        ("ranges", "the ranges read: [('', "),
    ],
)
def test_what_differs_is_named(shared: EmbeddedLedger, function: str, part: str) -> None:
    said = refused(shared, function)
    assert f"differs in {part}" in said
    assert "; " not in said, "nothing else differs"


def test_a_key_used_by_one_only_is_named(shared: EmbeddedLedger) -> None:
    said = refused(shared, "process")
    assert f"the key process/{os.getpid()}, read by the first only" in said
    assert f"the key process/{pid_of(shared)}, read by the second only" in said
    assert "written by the first only" in refused(shared, "keys")


@pytest.mark.parametrize(
    ("function", "part"),
    [("environment", "BrokenPipeError: a defect of its own"), ("refuse", "UFMI-3005: not here")],
)
def test_a_failure_of_the_second_only_is_told(
    shared: EmbeddedLedger, function: str, part: str
) -> None:
    before = pid_of(shared)
    said = refused(shared, function, HERE)
    assert "the second execution failed" in said and part in said
    assert pid_of(shared) == before


def test_one_endorser_executes_once_as_on_a_network(shared: EmbeddedLedger) -> None:
    assert endorsed(chancy(shared), "clock", by=(A,)).result
    with pytest.raises(EndorseError, match="do not match"):
        endorsed(chancy(shared), "clock", by=(A, B, C))


def test_what_is_asked_is_not_compared(shared: EmbeddedLedger) -> None:
    assert chancy(shared).evaluate("clock") != chancy(shared).evaluate("clock")


def test_what_a_contract_refuses_is_told_as_ever(shared: EmbeddedLedger) -> None:
    with pytest.raises(EndorseError, match="UFMI-3005: because") as caught:
        kv(shared).submit("fail", b"because")
    assert "match" not in caught.value.message


def test_what_contracts_print_stays_out_of_the_way(
    shared: EmbeddedLedger, capfd: pytest.CaptureFixture[str]
) -> None:
    assert chancy(shared).submit("shout") == b"same"
    assert capfd.readouterr().out == "to standard output\n"


def test_the_ledgers_own_refusals_are_the_same_in_both(shared: EmbeddedLedger) -> None:
    with shared.anchor():
        assert chancy(shared).submit("survive") == b"same"


def work(ledger: EmbeddedLedger) -> list[Any]:
    """Calls that do all that contracts can; their answers."""
    client = kv(ledger)
    answers: list[Any] = [client.submit("put", b"k", b"v"), client.submit("add", b"n")]
    answers += [client.submit("copy", b"k", b"l"), client.submit("delete", b"k")]
    steps = (["scan", "", "", 9], ["put", "é", "日"], ["get", "l"], ["scan", "m", "", 1])
    transaction = program(client, *steps, ["put", "l", None])
    answers += [transaction.result, transaction.submit().status(5).name]
    late = endorsed(client, "add", b"n", by=(A, B, C))
    answers += [client.submit("add", b"n"), late.submit().status(5).name]
    events = []
    for event in network(ledger).chaincode_events("kv", 0):
        events.append((event.block, event.name, event.payload))
        if event.block == ledger.channel("one").height - 2:
            break
    return [answers, events, state(ledger)]


def test_a_sound_contract_does_the_same_with_and_without(tmp_path: Path) -> None:
    with found(tmp_path / "strict", strict=True) as ledger:
        assert pid_of(ledger) != os.getpid()
        strictly = work(ledger)
        assert verified(ledger).ok
    with found(tmp_path / "plain") as ledger:
        assert ledger.second is None
        assert work(ledger) == strictly
    with EmbeddedLedger.open(tmp_path / "plain", CONTRACTS, strict=True) as ledger:
        assert kv(ledger).submit("add", b"n") == b"3"
        pid = pid_of(ledger)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def played(folder: Path, strictly: bool) -> Any:
    """The demonstration on keys that are the same every time."""
    numbers = iter(range(10**9))

    def no_chance(size: int) -> bytes:
        return next(numbers).to_bytes(size, "big")

    scenario = read_scenario(Path(model.__file__).with_name("demo.toml"))
    clock = ControlledClock(start_ms(scenario))
    keys = [kept_key(folder / f"{at}.pem", None, no_chance) for at in range(3)]
    with Node.create(
        folder, operators=keys, clock=clock, random_bytes=no_chance, strict=strictly
    ) as node:
        assert (node.ledger.second is not None) == strictly
        outcome = run_scenario(node, scenario, keys)
        assert outcome.ok
        document = json.dumps(as_data(outcome), ensure_ascii=False)
        records = [*node.ledger.channel("udl").store.scan("udl", "", "")]
        assert len(records) > 50
        document += repr(records)
    # Certificates, and so the network's digest and transactions' ids, are new every time, and so
    # are all signatures.
    return re.sub("[0-9a-f]{64,}", "…", document)


def test_the_demonstration_is_the_same_with_and_without(tmp_path: Path) -> None:
    assert played(tmp_path / "strict", True) == played(tmp_path / "plain", False)


# -- the process --------------------------------------------------------------------------------


def test_a_contract_keeps_how_it_was_made(tmp_path: Path) -> None:
    with found_strict(tmp_path / "l", Chancy("another mark")) as ledger:
        assert "marked" not in refused(ledger, "order")


def test_a_second_process_that_dies_is_told_and_started_anew(tmp_path: Path) -> None:
    with found_strict(tmp_path / "l") as ledger:
        before = pid_of(ledger)
        for _ in range(2):
            with pytest.raises(LedgerError, match="second process .* status 3") as caught:
                chancy(ledger).submit("die", HERE)
            assert caught.value.retryable
            assert kv(ledger).submit("put", b"k", b"v") == b"done"
            assert pid_of(ledger) != before
        assert "do not match" in refused(ledger, "order")


def test_a_second_process_that_was_killed_is_started_anew(tmp_path: Path) -> None:
    with found_strict(tmp_path / "l") as ledger:
        before = pid_of(ledger)
        os.kill(before, signal.SIGKILL)
        os.waitid(os.P_PID, before, os.WEXITED | os.WNOWAIT)
        assert kv(ledger).submit("put", b"k", b"v") == b"done"
        assert pid_of(ledger) != before


def test_a_second_process_that_does_not_answer_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with found_strict(tmp_path / "l") as ledger:
        pid = pid_of(ledger)
        assert ledger.second is not None and ledger.second._wire is not None
        ledger.second._wire._connection.settimeout(0.2)
        with pytest.raises(LedgerError, match="did not answer"):
            chancy(ledger).submit("hang", HERE)
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert kv(ledger).submit("put", b"k", b"v") == b"done"


def test_an_interrupt_in_the_midst_of_a_call_does_not_mix_up_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with found_strict(tmp_path / "l") as ledger:
        with monkeypatch.context() as patch:
            patch.setattr(strict, "_answer", interrupted)
            with pytest.raises(KeyboardInterrupt):
                kv(ledger).submit("put", b"k", b"v")
        assert kv(ledger).submit("add", b"n") == b"1"


def is_running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc")
def test_the_second_process_ends_with_the_first_whatever_it_does(tmp_path: Path) -> None:
    script = Path(__file__).with_name("strict_victim.py")
    with subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "l")], stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout
        second = int(first.stdout.readline())
        assert is_running(second)
        first.kill()
    deadline = time.monotonic() + 60
    while is_running(second):
        assert time.monotonic() < deadline, "the second process goes on"
        time.sleep(0.01)


# -- from the command line ----------------------------------------------------------------------

COUNTING = """
import sys
from ufmi.ledger.embedded.strict import SecondProcess
real, calls = SecondProcess.repeat, []
def repeat(*arguments):
    calls.append(real(*arguments))
SecondProcess.repeat = repeat
from ufmi.cli.main import main
try:
    main()
finally:
    print("repeated", len(calls), file=sys.stderr)
"""


def repeated(*arguments: str | Path, given: str = "") -> tuple[Any, int]:
    """What a command prints, and how many executions it repeated."""
    done = subprocess.run(
        [sys.executable, "-c", COUNTING, *map(str, arguments), "--json"],
        input=given,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return json.loads(done.stdout), int(done.stderr.split()[-1])


def test_the_command_line_runs_strictly_where_it_is_told_to(tmp_path: Path) -> None:
    document, calls = repeated("demo", "--strict")
    assert calls > 20 and document["reconciliation"]["ok"]
    demo = Path(model.__file__).with_name("demo.toml")
    document, calls = repeated("run", demo, "--data", tmp_path)
    assert calls == 0
    line = next(one["line"] for one in document["instructions"] if one["code"] == "OK")
    for options, expected in (((), 0), (("--strict",), 1)):
        assert repeated("submit", "-", "--data", tmp_path, *options, given=line)[1] == expected
    text = demo.read_text()
    empty = tmp_path / "empty.toml"
    empty.write_text(text[: text.index("[[steps]]")])
    assert repeated("run", empty, "--strict")[1] > 0


# -- contracts that cannot be had twice ---------------------------------------------------------


class Orphan(Contract):
    """As if defined in the script that was started."""

    @submit
    def nothing(self, context: Context) -> bytes:
        return b""


def test_a_contract_that_cannot_be_imported_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Local(Chancy):
        """Within a function."""

    with pytest.raises(LedgerError, match="Local") as caught:
        found_strict(tmp_path / "local", Local())
    assert "top level of a module" in caught.value.hint
    monkeypatch.setattr(Orphan, "__module__", "__main__")
    with pytest.raises(LedgerError, match="__main__.Orphan is defined in the script"):
        found_strict(tmp_path / "main", Orphan())
    with pytest.raises(LedgerError, match="RuntimeError: cannot be made there"):
        found_strict(tmp_path / "loud", Unpickled())
    # The folder is not left locked.
    with EmbeddedLedger.open(tmp_path / "loud", CONTRACTS) as ledger:
        assert ledger.second is None


def test_the_other_hash_seed_is_another() -> None:
    for own in ("0", "1", "77", str(2**32 - 1)):
        other = other_hash_seed({"PYTHONHASHSEED": own})
        assert other != own and 0 <= int(other) < 2**32
    assert other_hash_seed({}) == other_hash_seed({"PYTHONHASHSEED": "random"}) == "1"


def test_long_values_are_shown_where_they_part() -> None:
    def outcome(payload: bytes, writes: dict[str, bytes | None]) -> Outcome:
        return Outcome(payload, ReadWriteSet("kv", {}, writes), None)

    long = b"x" * 500
    (part,) = differences(outcome(long + b"1" + long, {}), outcome(long + b"2" + long, {}))
    assert "xxx1xxx" in part and "xxx2xxx" in part and len(part) < 200
    (part,) = differences(outcome(b"", {"k": b"v"}), outcome(b"", {"k": None}))
    assert part == "the key k, written as b'v' and None"
    one = ReadWriteSet("kv", {}, {}, (RangeQuery("a", "b", True, ()),))
    two = ReadWriteSet("kv", {}, {}, (RangeQuery("a", "c", True, ()),))
    (part,) = differences(Outcome(b"", one, None), Outcome(b"", two, None))
    assert part == "the ranges read: [('a', 'b')] and [('a', 'c')]"
    assert topology().organisations == (A, B, C)
