"""The snapshot store: what holds in a folder and in an S3 bucket alike, and S3's own troubles."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.regulatory import gateway
from tests.regulatory.conftest import Kept, options
from tests.regulatory.gateway import Gateway
from ufmi.crypto import sm3_hex
from ufmi.errors import (
    InvalidSnapshot,
    SnapshotDamaged,
    SnapshotMissing,
    StoreRefused,
    StoreUnavailable,
    UsageError,
)
from ufmi.regulatory.store import SNAPSHOT_BYTES_MAX, S3Options, Stored, key_of, open_store

ID = "EXPROD0000000001"
HOSTILE = {
    ".": "%2E",
    "..": "%2E%2E",
    "../../etc/passwd": "%2E%2E%2F%2E%2E%2Fetc%2Fpasswd",
    "/etc/passwd": "%2Fetc%2Fpasswd",
    "a/b": "a%2Fb",
    "a%2Fb": "a%252Fb",
    "a\\b": "a%5Cb",
    "~": "%7E",
    " ": "%20",
    "a\0b\n": "a%00b%0A",
    "a*?[b]": "a%2A%3F%5Bb%5D",
    "a#b?c&d=e+f": "a%23b%3Fc%26d%3De%2Bf",
    ".lock": "%2Elock",
    "产品": "%E4%BA%A7%E5%93%81",
    "x" * 128: "x" * 128,
    "品" * 128: "=" + sm3_hex(("品" * 128).encode()),
    "=" + "0" * 64: "%3D" + "0" * 64,
}


def files(kept: Kept) -> set[str]:
    """The keys under which something lies, as the file system has them."""
    found = (path for path in kept.folder.rglob("*") if path.is_file())
    return {path.relative_to(kept.folder).as_posix() for path in found} - {".lock"}


def test_what_was_put_comes_back(kept: Kept) -> None:
    for data in (b"", b"{}", bytes(range(256)) * 100):
        digest = kept.store.put(ID, 0, data)
        assert digest == sm3_hex(data)
        assert kept.store.get(ID, 0, digest) == data


def test_a_key_is_object_version_and_hash(kept: Kept) -> None:
    digest = kept.store.put(ID, 7, b"data")
    assert key_of(ID, 7, digest) == f"{ID}/7/{digest}"
    assert files(kept) == {f"{ID}/7/{digest}"}


def test_the_same_again_changes_nothing(kept: Kept) -> None:
    assert kept.store.put(ID, 0, b"data") == kept.store.put(ID, 0, b"data")
    assert len(kept.store.list(ID)) == 1


def test_what_an_overwrite_replaced_stays(kept: Kept) -> None:
    first, second = kept.store.put(ID, 3, b"wrong"), kept.store.put(ID, 3, b"corrected")
    assert kept.store.get(ID, 3, first) == b"wrong"
    assert kept.store.get(ID, 3, second) == b"corrected"


def test_snapshots_are_listed_by_version(kept: Kept) -> None:
    assert kept.store.list(ID) == ()
    wanted = []
    for version in (10, 2, 0, 1, 2):
        data = b"x" * (version + len(wanted))
        wanted.append(Stored(version, kept.store.put(ID, version, data), len(data)))
    kept.store.put(ID + "0", 5, b"of another object")
    kept.store.put(ID[:-1], 5, b"of another object")
    assert kept.store.list(ID) == tuple(sorted(wanted))


def test_what_else_lies_there_is_not_listed(kept: Kept) -> None:
    digest = kept.store.put(ID, 0, b"data")
    (kept.folder / ID / "0" / f"{digest}.new").write_bytes(b"left by a process that was killed")
    (kept.folder / ID / "00").mkdir()
    (kept.folder / ID / "00" / digest).write_bytes(b"data")
    (kept.folder / ID / "note").write_bytes(b"data")
    assert kept.store.list(ID) == (Stored(0, digest, 4),)


@pytest.mark.parametrize("object_id", HOSTILE)
def test_no_object_id_gets_out_of_its_place(kept: Kept, object_id: str) -> None:
    digest = kept.store.put(object_id, 0, b"data")
    assert files(kept) == {f"{HOSTILE[object_id]}/0/{digest}"}
    assert kept.store.get(object_id, 0, digest) == b"data"
    assert kept.store.list(object_id) == (Stored(0, digest, 4),)


def test_hostile_object_ids_stay_apart(kept: Kept) -> None:
    digests = {name: kept.store.put(name, 0, name.encode()) for name in HOSTILE}
    for name, digest in digests.items():
        assert [one.digest for one in kept.store.list(name)] == [digest]


@pytest.mark.parametrize("object_id", ["", "x" * 129, "\ud800"])
def test_what_is_no_object_id_is_refused(kept: Kept, object_id: str) -> None:
    with pytest.raises(InvalidSnapshot, match="UFMI-7101"):
        kept.store.put(object_id, 0, b"data")
    with pytest.raises(InvalidSnapshot):
        kept.store.get(object_id, 0, "0" * 64)
    with pytest.raises(InvalidSnapshot):
        kept.store.list(object_id)


@pytest.mark.parametrize("version", [-1, 2**53])
def test_what_is_no_version_is_refused(kept: Kept, version: int) -> None:
    with pytest.raises(InvalidSnapshot):
        kept.store.put(ID, version, b"data")


@pytest.mark.parametrize("digest", ["", "0" * 63, "A" * 64, "../" + "0" * 61, "0" * 64 + "\n"])
def test_what_is_no_hash_is_refused(kept: Kept, digest: str) -> None:
    with pytest.raises(InvalidSnapshot):
        kept.store.get(ID, 0, digest)


def test_the_largest_snapshot_is_kept_and_a_larger_one_refused(kept: Kept) -> None:
    data = bytes(SNAPSHOT_BYTES_MAX)
    assert kept.store.get(ID, 0, kept.store.put(ID, 0, data)) == data
    with pytest.raises(InvalidSnapshot, match="at most 16777216 bytes"):
        kept.store.put(ID, 1, data + b"\0")


def test_a_missing_snapshot_is_told(kept: Kept) -> None:
    digest = kept.store.put(ID, 0, b"data")
    for key in ((ID, 1, digest), ("another", 0, digest), (ID, 0, "0" * 64)):
        with pytest.raises(SnapshotMissing, match="UFMI-7102"):
            kept.store.get(*key)


@pytest.mark.parametrize("tampered", [b"", b"datA", b"data ", bytes(SNAPSHOT_BYTES_MAX + 5)])
def test_a_tampered_snapshot_is_told_and_can_be_put_right(kept: Kept, tampered: bytes) -> None:
    digest = kept.store.put(ID, 0, b"data")
    (kept.folder / ID / "0" / digest).write_bytes(tampered)
    with pytest.raises(SnapshotDamaged, match="UFMI-7103"):
        kept.store.get(ID, 0, digest)
    assert kept.store.put(ID, 0, b"data") == digest
    assert kept.store.get(ID, 0, digest) == b"data"


def test_many_writers_at_once(kept: Kept) -> None:
    contents = [b"x" * size for size in range(8)] * 4
    with ThreadPoolExecutor(8) as pool:
        digests = list(pool.map(lambda data: kept.store.put(ID, 0, data), contents))
        read = list(pool.map(lambda digest: kept.store.get(ID, 0, digest), digests))
    assert read == contents
    assert len(kept.store.list(ID)) == 8


# -- S3 ---------------------------------------------------------------------------------------


def test_a_bucket_has_many_pages(kept: Kept, s3: Gateway) -> None:
    """S3 lists a thousand keys at a time."""
    digest = kept.store.put(ID, 0, b"data")
    for version in range(1, 1_101):
        folder = kept.folder / ID / str(version)
        folder.mkdir()
        (folder / digest).write_bytes(b"data")
    assert [one.version for one in kept.store.list(ID)] == list(range(1_101))


def test_the_environment_says_how_to_reach_a_bucket(
    s3: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_REGION", gateway.REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", gateway.ACCESS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", gateway.SECRET)
    store = open_store("s3://snapshots/of/environment")
    assert store.get(ID, 0, store.put(ID, 0, b"data")) == b"data"


TROUBLES = {
    "no such bucket": ("s3://nonesuch", {}),
    "a wrong secret": ("s3://snapshots", {"secret_access_key": "wrong"}),
    "an unknown user": ("s3://snapshots", {"access_key_id": "wrong"}),
    "another region": ("s3://snapshots", {"region": "eu-west-1"}),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_a_store_that_does_not_let_us_in_is_told(s3: Gateway, name: str) -> None:
    where, wrong = TROUBLES[name]
    store = open_store(where, replace(options(s3), **wrong))
    for call in (
        lambda: store.put(ID, 0, b"data"),
        lambda: store.get(ID, 0, "0" * 64),
        lambda: store.list(ID),
    ):
        with pytest.raises(StoreRefused, match="UFMI-7104") as told:
            call()
        assert not told.value.retryable
        assert gateway.SECRET not in str(told.value)


def test_a_store_that_does_not_run_is_told(s3: Gateway) -> None:
    there = replace(options(s3), endpoint=f"http://127.0.0.1:{gateway.free_port()}", seconds=1)
    with pytest.raises(StoreUnavailable, match="UFMI-7105") as told:
        open_store("s3://snapshots", there).put(ID, 0, b"data")
    assert told.value.retryable


def test_a_store_that_never_answers_is_not_waited_for_for_ever(s3: Gateway) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        there = f"http://127.0.0.1:{silent.getsockname()[1]}"
        store = open_store("s3://snapshots", replace(options(s3), endpoint=there, seconds=1))
        with pytest.raises(StoreUnavailable):
            store.put(ID, 0, b"data")
        with pytest.raises(StoreUnavailable):
            store.get(ID, 0, "0" * 64)


def test_an_endpoint_that_is_no_url_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("obstore", reason="S3 needs ufmi[regulatory]")
    given = S3Options(region="r", access_key_id="a", secret_access_key="s", seconds=1)
    with pytest.raises(UsageError):
        open_store("s3://snapshots", replace(given, endpoint="no url"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "no url")
    with pytest.raises(StoreRefused):
        open_store("s3://snapshots", given).put(ID, 0, b"data")


def test_secrets_do_not_show() -> None:
    shown = repr(S3Options(secret_access_key="hidden", session_token="hidden"))
    assert "hidden" not in shown


def test_certificates_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    pytest.importorskip("obstore", reason="S3 needs ufmi[regulatory]")
    with pytest.raises(StoreRefused):
        open_store("s3://snapshots", S3Options(authority=tmp_path / "missing"))
    (tmp_path / "wrong").write_text("-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n")
    with pytest.raises(StoreRefused):
        open_store("s3://snapshots", S3Options(authority=tmp_path / "wrong"))


@pytest.mark.parametrize(
    "where",
    [
        *(
            "http://host/bucket",
            "s3://",
            "s3:///a",
            "s3://snap shots",
            "s3://A",
            "s3://bucket/../a",
        ),
        *("s3://bucket?a=b", "file://", "file:///", "file://host/a", "s3://[", "gs://bucket"),
    ],
)
def test_what_is_no_store_is_told(where: str) -> None:
    with pytest.raises(UsageError):
        open_store(where)
