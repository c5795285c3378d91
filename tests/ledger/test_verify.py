"""`verify_channel` finds whatever does not follow from the blocks."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import lmdb
import pytest

from ufmi.errors import StoreCorrupted
from ufmi.ledger.blocks import Block, header_bytes
from ufmi.ledger.ca import Organisation
from ufmi.ledger.embedded import Cut, EmbeddedLedger
from ufmi.ledger.protos import common, validation_name
from ufmi.recordlog import HEAD_BYTES

from .kv import A, block_file, endorsed, found, kv, network, pack, reopen, spans, topology, verified

Change = Callable[[list[Block]], None]


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five blocks of two transactions, some invalid; do not write to it."""
    folder = tmp_path_factory.mktemp("closed") / "ledger"
    with found(folder, topology(Cut(count=2, timeout_ms=600_000))) as ledger:
        client = kv(ledger)
        for at in range(10):
            by = (A,) if at == 5 else ()
            endorsed(client, "add", b"k%d" % (at % 4), by=by).submit()
        endorsed(client, "put", b"x", b"y").submit()
    return folder


@pytest.fixture
def folder(closed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(closed, tmp_path / "copy"))


def read(folder: Path) -> list[Block]:
    raw = block_file(folder).read_bytes()
    return [Block.from_bytes(raw[start + HEAD_BYTES : end]) for start, end in spans(raw)]


def write(folder: Path, blocks: list[Block]) -> None:
    """Writes the blocks with right lengths and checksums."""
    parts = [pack(block.message.SerializeToString()) for block in blocks]
    block_file(folder).write_bytes(b"".join(parts))


def problems(folder: Path, change: Change, rebuild: bool) -> str:
    """What is found after a change of the blocks, with the state as it was or built anew."""
    blocks = read(folder)
    change(blocks)
    write(folder, blocks)
    if rebuild:
        shutil.rmtree(folder / "channels/one/state")
    try:
        with reopen(folder) as ledger:
            return "; ".join(verified(ledger).problems)
    except StoreCorrupted as problem:
        return str(problem)


def sign_again(folder: Path, block: Block, msp: str, name: str) -> None:
    """Replaces the orderer's signature by that of somebody else."""
    member = Organisation(folder / "organisations" / msp, msp).member(name)
    metadata = common.Metadata.FromString(block.message.metadata.metadata[0])
    head = common.SignatureHeader(creator=member.serialized, nonce=b"n").SerializeToString()
    header = block.message.header
    over = metadata.value + head
    over += header_bytes(header.number, header.previous_hash, header.data_hash)
    metadata.signatures[0].signature_header = head
    metadata.signatures[0].signature = member.sign(over)
    block.message.metadata.metadata[0] = metadata.SerializeToString()


def test_a_good_channel_is_ok(folder: Path) -> None:
    with reopen(folder) as ledger:
        report = verified(ledger)
        assert report.ok, report.problems
        codes = [c for n in range(1, 7) for c in ledger.channel("one").block(n).codes]
        assert {validation_name(code) for code in codes} == {"VALID", "ENDORSEMENT_POLICY_FAILURE"}
        assert (report.blocks, report.transactions, report.keys) == (7, 12, 5)


def test_a_channel_is_ok_while_changes_wait_to_be_flushed(folder: Path) -> None:
    with reopen(folder) as ledger:
        for at in range(4):
            endorsed(kv(ledger), "add", b"k%d" % at).submit()
        assert verified(ledger).ok


def test_a_channel_of_block_0_alone_is_ok(tmp_path: Path) -> None:
    with found(tmp_path / "l") as ledger:
        assert verified(ledger).ok


@pytest.mark.parametrize("rebuild", [False, True])
@pytest.mark.parametrize("number", [0, 1, 3, 6])
def test_a_changed_envelope_is_found(folder: Path, number: int, rebuild: bool) -> None:
    def change(blocks: list[Block]) -> None:
        data = blocks[number].message.data.data
        raw = bytearray(data[0])
        raw[len(raw) // 2] ^= 1
        data[0] = bytes(raw)

    assert "data hash" in problems(folder, change, rebuild)


@pytest.mark.parametrize("rebuild", [False, True])
@pytest.mark.parametrize(("number", "at", "code"), [(3, 1, 0), (2, 0, 11), (6, 0, 255)])
def test_a_changed_verdict_is_found(
    folder: Path, number: int, at: int, code: int, rebuild: bool
) -> None:
    def change(blocks: list[Block]) -> None:
        codes = bytearray(blocks[number].codes)
        codes[at] = code
        blocks[number].message.metadata.metadata[2] = bytes(codes)

    assert f"block {number}, transaction {at}" in problems(folder, change, rebuild)


@pytest.mark.parametrize(("msp", "name"), [(A, "peer0"), ("OrdererMSP", "admin")])
def test_a_block_that_the_orderer_did_not_sign_is_found(folder: Path, msp: str, name: str) -> None:
    found = problems(folder, lambda blocks: sign_again(folder, blocks[2], msp, name), True)
    assert "block 2: the orderer's signature" in found


def test_a_damaged_orderer_signature_is_found(folder: Path) -> None:
    def change(blocks: list[Block]) -> None:
        metadata = common.Metadata.FromString(blocks[2].message.metadata.metadata[0])
        metadata.signatures[0].signature = blocks[3].hash
        blocks[2].message.metadata.metadata[0] = metadata.SerializeToString()

    assert "orderer's signature" in problems(folder, change, True)


@pytest.mark.parametrize("rebuild", [False, True])
@pytest.mark.parametrize("number", [0, 2, 5])
def test_a_missing_block_is_found(folder: Path, number: int, rebuild: bool) -> None:
    def change(blocks: list[Block]) -> None:
        del blocks[number]

    assert problems(folder, change, rebuild)


def test_a_missing_block_in_an_open_ledger_is_found(folder: Path) -> None:
    with reopen(folder) as ledger:
        blocks = read(folder)
        del blocks[3]
        write(folder, blocks)
        try:
            found = "; ".join(verified(ledger).problems)
        except StoreCorrupted as problem:
            found = str(problem)
    assert found


def test_a_block_inserted_twice_is_found(folder: Path) -> None:
    assert problems(folder, lambda blocks: blocks.insert(3, blocks[3]), False)


def test_a_changed_commit_hash_is_found(folder: Path) -> None:
    def change(blocks: list[Block]) -> None:
        wrong = common.Metadata(value=b"\1" * 32).SerializeToString()
        blocks[4].message.metadata.metadata[4] = wrong

    assert "commit hash" in problems(folder, change, False)


@pytest.mark.parametrize("place", [0, 4])
def test_metadata_that_cannot_be_read_is_found(folder: Path, place: int) -> None:
    def change(blocks: list[Block]) -> None:
        blocks[4].message.metadata.metadata[place] = b"\xff"

    assert problems(folder, change, True)


@pytest.mark.parametrize("kept", [0, 1, 3, 4])
def test_metadata_that_is_missing_is_found(folder: Path, kept: int) -> None:
    def change(blocks: list[Block]) -> None:
        del blocks[4].message.metadata.metadata[kept:]

    assert problems(folder, change, True)


@pytest.mark.parametrize("rebuild", [False, True])
def test_any_flipped_byte_of_a_block_is_found(folder: Path, rebuild: bool) -> None:
    """With the checksum put right."""
    raw = block_file(folder).read_bytes()
    start, end = spans(raw)[3]
    missed = []
    # The metadata stand at the end: the orderer's signature, codes, commit hash.
    places = (*range(start + HEAD_BYTES, end, 97), *range(end - 900, end - 60, 11))
    for at in (*places, *range(end - 60, end)):
        record = bytearray(raw[start + HEAD_BYTES : end])
        record[at - start - HEAD_BYTES] ^= 4
        block_file(folder).write_bytes(raw[:start] + pack(bytes(record)) + raw[end:])
        if rebuild:
            shutil.rmtree(folder / "channels/one/state")
        try:
            with reopen(folder) as ledger:
                if verified(ledger).ok:
                    missed.append(at)
        except StoreCorrupted:
            pass
    assert missed == []


# -- the state --------------------------------------------------------------------------------


def poke(folder: Path, key: bytes, value: bytes | None) -> None:
    """Writes into the state store behind the ledger's back."""
    with (
        lmdb.open(str(folder / "channels/one/state")) as store,
        store.begin(write=True) as transaction,
    ):
        if value is None:
            assert transaction.delete(key)
        else:
            transaction.put(key, value)


def peek(folder: Path, key: bytes) -> bytes:
    with lmdb.open(str(folder / "channels/one/state")) as store, store.begin() as transaction:
        return bytes(transaction.get(key))


def found_in(folder: Path) -> str:
    with reopen(folder) as ledger:
        return "; ".join(verified(ledger).problems)


def test_a_changed_value_is_found(folder: Path) -> None:
    raw = peek(folder, b"skv\0k1")
    poke(folder, b"skv\0k1", raw[:12] + b"999")
    assert "k1 is not what the blocks say" in found_in(folder)


def test_a_changed_version_is_found(folder: Path) -> None:
    raw = peek(folder, b"skv\0k1")
    poke(folder, b"skv\0k1", b"\0" * 12 + raw[12:])
    assert "k1 is not what the blocks say" in found_in(folder)


def test_a_missing_key_is_found(folder: Path) -> None:
    poke(folder, b"skv\0k1", None)
    assert "k1 is missing" in found_in(folder)


def test_a_key_that_nobody_wrote_is_found(folder: Path) -> None:
    poke(folder, b"skv\0new", b"\0" * 12 + b"1")
    assert "new follows from no block" in found_in(folder)


def test_a_key_in_a_namespace_that_is_no_contract_is_found(folder: Path) -> None:
    poke(folder, b"sother\0new", b"\0" * 12 + b"1")
    assert found_in(folder)


def test_a_changed_status_in_the_index_is_found(folder: Path) -> None:
    with reopen(folder) as ledger:
        (block,) = network(ledger).block_events(3, stop=3)
        tx_id = list(block.transactions())[1].tx_id
    raw = peek(folder, b"t" + tx_id.encode())
    poke(folder, b"t" + tx_id.encode(), raw[:12] + b"\0")
    assert found_in(folder), "the index says VALID of what the block says is not"


def test_two_channels_are_verified_apart(tmp_path: Path) -> None:
    ledger: EmbeddedLedger
    with found(tmp_path / "l", topology(channels=2)) as ledger:
        endorsed(kv(ledger, "two"), "add", b"k").submit()
    with (
        lmdb.open(str(tmp_path / "l/channels/two/state")) as store,
        store.begin(write=True) as transaction,
    ):
        transaction.delete(b"skv\0k")
    with reopen(tmp_path / "l") as ledger:
        assert verified(ledger, "one").ok
        assert not verified(ledger, "two").ok
