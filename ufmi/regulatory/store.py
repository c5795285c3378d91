"""Where the full JSON of report objects is kept: a local folder, or any S3-compatible store.

A snapshot lies under `objectId/version/hash`, the hash being the SM3 of its bytes. So nothing is
ever replaced by something else: what an overwrite of an object replaced stays readable and can be
proven, and whoever has the hash, which is on the regulatory channel, need not trust the store.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

from ufmi.crypto import sm3_hex
from ufmi.errors import (
    InvalidSnapshot,
    SnapshotDamaged,
    SnapshotMissing,
    StorageFailed,
    StoreRefused,
    StoreUnavailable,
    UsageError,
)
from ufmi.system import sync_folder, write_file

SNAPSHOT_BYTES_MAX = 16 * 1024 * 1024
OBJECT_ID_MAX = 128  # characters, as the data model has it
VERSION_MAX = 2**53 - 1  # what every reader of JSON takes for a whole number
LISTED_MAX = 10_000
_SEGMENT_BYTES_MAX = 240  # file names have at most 255
_SAID_MAX = 500
_DIGEST = re.compile("[0-9a-f]{64}")
_NUMBER = re.compile("0|[1-9][0-9]{0,15}")
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


class Stored(NamedTuple):
    """A snapshot that a store has: its version, its hash, its size in bytes."""

    version: int
    digest: str
    size: int


class Place(Protocol):
    """What keeps bytes under keys. Methods raise StoreRefused, StoreUnavailable, StorageFailed."""

    def read(self, key: str) -> bytes | None:
        """The bytes, None if there are none; one byte over the limit stands for all longer ones."""
        ...

    def write(self, key: str, data: bytes) -> None:
        """Returns when the bytes are there whole, and stay."""
        ...

    def keys(self, folder: str) -> Iterator[tuple[str, int]]:
        """All keys that begin with `folder/`, with the sizes of what they hold."""
        ...


class SnapshotStore:
    """Snapshots of report objects in some place. Several threads and processes may use one place.

    `open_store` makes one.
    """

    def __init__(self, place: Place) -> None:
        self._place = place

    def put(self, object_id: str, version: int, data: bytes) -> str:
        """Stores a snapshot durably; the same again changes nothing.

        Args:
            object_id: 1 to 128 characters of any kind.
            version: from 0.
            data: at most 16 MiB.

        Returns:
            The SM3 of `data`, the third part of its key.

        Raises:
            InvalidSnapshot: outside of these limits.
            StorageFailed: the local disk is full or refuses.
            StoreRefused, StoreUnavailable: the object store does not let us in, or is not there.
        """
        if len(data) > SNAPSHOT_BYTES_MAX:
            raise InvalidSnapshot(f"a snapshot has at most {SNAPSHOT_BYTES_MAX} bytes")
        digest = sm3_hex(data)
        self._place.write(key_of(object_id, version, digest), data)
        return digest

    def get(self, object_id: str, version: int, digest: str) -> bytes:
        """A snapshot, checked against its hash.

        Raises:
            InvalidSnapshot: no snapshot can have this id, version or hash.
            SnapshotMissing: it was never put here, or was removed.
            SnapshotDamaged: the store has other bytes under its key.
            StorageFailed, StoreRefused, StoreUnavailable: as for `put`.
        """
        key = key_of(object_id, version, digest)
        data = self._place.read(key)
        if data is None:
            raise SnapshotMissing(f"there is no snapshot {key}")
        if len(data) > SNAPSHOT_BYTES_MAX or sm3_hex(data) != digest:
            raise SnapshotDamaged(f"the bytes stored as {key} have another hash")
        return data

    def list(self, object_id: str) -> tuple[Stored, ...]:
        """All snapshots of an object, by version, then hash. Their bytes are not checked.

        Raises:
            InvalidSnapshot: not an object id, or more than 10,000 snapshots.
            StorageFailed, StoreRefused, StoreUnavailable: as for `put`.
        """
        found = []
        for key, size in self._place.keys(segment_of(object_id)):
            _, version, digest = (*key.split("/"), "", "")[:3]
            # Whatever else lies there is none of ours.
            if key.count("/") == 2 and _NUMBER.fullmatch(version) and _DIGEST.fullmatch(digest):
                found.append(Stored(int(version), digest, size))
            if len(found) > LISTED_MAX:
                raise InvalidSnapshot(f"an object with more than {LISTED_MAX} snapshots")
        return tuple(sorted(found))


def segment_of(object_id: str) -> str:
    """An object id as one name that is safe in any path.

    Letters, digits, - and _ stay, every other byte of its UTF-8 is %XX. What gets too long for a
    file is = and its SM3 instead. Raises InvalidSnapshot.
    """
    if not 1 <= len(object_id) <= OBJECT_ID_MAX:
        raise InvalidSnapshot(f"an object id has 1 to {OBJECT_ID_MAX} characters")
    try:
        raw = object_id.encode()
    except UnicodeEncodeError as problem:
        raise InvalidSnapshot("an object id that is not Unicode") from problem
    name = "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in raw)
    return name if len(name) <= _SEGMENT_BYTES_MAX else f"={sm3_hex(raw)}"


def key_of(object_id: str, version: int, digest: str) -> str:
    """`objectId/version/hash`. Raises InvalidSnapshot."""
    if not 0 <= version <= VERSION_MAX:
        raise InvalidSnapshot(f"a version is a number from 0 to {VERSION_MAX}")
    if not _DIGEST.fullmatch(digest):
        raise InvalidSnapshot("a hash is 64 hexadecimal digits in lower case")
    return f"{segment_of(object_id)}/{version}/{digest}"


# -- a local folder ---------------------------------------------------------------------------


class Folder:
    """A folder of files. obstore has one too, but it does not sync what it writes."""

    def __init__(self, root: Path) -> None:
        """Makes the folder where it is missing. Raises StorageFailed."""
        self._root = root
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_folder(root.parent)
        except OSError as problem:
            raise StorageFailed(f"{root} cannot be used: {problem}") from problem

    def read(self, key: str) -> bytes | None:
        """See `Place`."""
        try:
            with (self._root / key).open("rb") as file:
                return file.read(SNAPSHOT_BYTES_MAX + 1)
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise StorageFailed(f"{self._root / key} cannot be read: {problem}") from problem

    def write(self, key: str, data: bytes) -> None:
        """See `Place`. Bytes that do not fit their hash are replaced."""
        path = self._root / key
        try:
            with self._alone():
                if self.read(key) != data:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    write_file(path, data)
                # Also of what another process wrote just before it was killed.
                for folder in (path.parent, path.parent.parent, self._root):
                    sync_folder(folder)
        except OSError as problem:
            raise StorageFailed(f"{path} cannot be written: {problem}") from problem

    def keys(self, folder: str) -> Iterator[tuple[str, int]]:
        """See `Place`."""
        try:
            for path in (self._root / folder).glob("*/*"):
                if path.is_file():
                    yield path.relative_to(self._root).as_posix(), path.stat().st_size
        except OSError as problem:
            raise StorageFailed(f"{self._root} cannot be listed: {problem}") from problem

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One writer at a time, of all threads and processes; no file name of ours has a dot."""
        descriptor = os.open(self._root / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


# -- S3 ---------------------------------------------------------------------------------------


# Of a request that is not worth another try: 408 and 429 ask for one.
_REFUSAL = re.compile(r"status code: 4(?!08|29)\d\d")
_BUCKET = re.compile("[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ENDPOINT = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?/?|https?://\[[0-9a-f:]+\](:\d{1,5})?/?")
_S3_SETTINGS = ("endpoint", "region", "access_key_id", "secret_access_key", "session_token")


@dataclass(frozen=True)
class S3Options:
    """How to reach a bucket. What is left empty comes from the environment (docs/snapshots.md).

    `endpoint` is the URL of a store other than Amazon's; one with http:// is not encrypted on its
    way. `authority` is a file of certificates (PEM) to trust beside the system's. A request, tries
    again included, ends after about `seconds`.
    """

    endpoint: str = ""
    region: str = ""
    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    authority: Path | None = None
    seconds: int = 30


class Bucket:
    """A bucket of an S3-compatible store, or a part of one. It has to exist."""

    def __init__(self, bucket: str, prefix: str, options: S3Options) -> None:
        """Reaches for nothing yet. Raises StoreRefused, UsageError."""
        if not _BUCKET.fullmatch(bucket):
            raise UsageError("the name of a bucket is 3 to 63 of a-z, 0-9, - and .")
        if options.endpoint and not _ENDPOINT.fullmatch(options.endpoint):
            raise UsageError("an endpoint is https://host or https://host:port")
        try:
            # Not installed with plain `ufmi`, and not needed by a local folder.
            import obstore
            from obstore import store
        except ImportError as problem:
            raise UsageError(
                f"the package for S3 is missing: {problem}", hint="Install ufmi[regulatory]"
            ) from problem
        self._obstore: Any = obstore
        self.name = f"s3://{bucket}/{prefix}"
        given: Any = {name: value for name in _S3_SETTINGS if (value := getattr(options, name))}
        client: Any = {
            "connect_timeout": timedelta(seconds=min(5, options.seconds)),
            "timeout": timedelta(seconds=options.seconds),
        }
        # obstore does not look at the variable where it is given options for its client.
        allowed = os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("true", "1")
        if options.endpoint.startswith("http://") or allowed:
            client["allow_http"] = True
        try:
            if options.authority is not None:
                client["root_certificate"] = options.authority.read_bytes()
            self._store: Any = store.S3Store(
                bucket,
                prefix=prefix or None,
                config=given,
                client_options=client,
                retry_config={
                    "max_retries": 3,
                    "retry_timeout": timedelta(seconds=options.seconds),
                },
            )
        except (OSError, ValueError, obstore.exceptions.BaseError) as problem:
            raise StoreRefused(f"{self.name}: {_short(problem)}") from problem

    def read(self, key: str) -> bytes | None:
        """See `Place`."""
        with self._told():
            try:
                result = self._obstore.get(self._store, key)
            except (FileNotFoundError, self._obstore.exceptions.NotFoundError) as problem:
                # A bucket or a user may be what was not found.
                if "<Code>" in str(problem) and "<Code>NoSuchKey<" not in str(problem):
                    raise
                return None
            if result.meta["size"] > SNAPSHOT_BYTES_MAX:
                return bytes(SNAPSHOT_BYTES_MAX + 1)
            return bytes(result.bytes())

    def write(self, key: str, data: bytes) -> None:
        """See `Place`. The same key has the same bytes, so writing it twice does no harm."""
        with self._told():
            self._obstore.put(self._store, key, data, use_multipart=False)

    def keys(self, folder: str) -> Iterator[tuple[str, int]]:
        """See `Place`."""
        with self._told():
            for part in self._obstore.list(self._store, prefix=folder, chunk_size=1_000):
                for meta in part:
                    yield str(meta["path"]), int(meta["size"])

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Raises our errors for those of obstore."""
        exceptions = self._obstore.exceptions
        refusals = (
            *(FileNotFoundError, PermissionError, exceptions.NotFoundError),
            *(exceptions.PermissionDeniedError, exceptions.UnauthenticatedError),
        )
        try:
            yield
        except (exceptions.BaseError, OSError) as problem:
            said = f"{self.name}: {_short(problem)}"
            if isinstance(problem, refusals) or _REFUSAL.search(str(problem)):
                raise StoreRefused(said) from problem
            raise StoreUnavailable(said) from problem
        except BaseException as problem:
            # What obstore raises for an endpoint out of the environment that is no URL.
            if type(problem).__name__ != "PanicException":
                raise
            raise StoreRefused(f"{self.name}: {_short(problem)}") from None


def _short(problem: BaseException) -> str:
    """What a library said, in one line that is not endless."""
    return " ".join(str(problem).partition("Debug source:")[0].split())[:_SAID_MAX]


def open_store(where: str | Path, options: S3Options | None = None) -> SnapshotStore:
    """The store at a place.

    Args:
        where: a folder (a path, or file:///a/path), which is made where it is missing, or
            s3://bucket or s3://bucket/a/prefix.
        options: for S3, where the environment does not say all.

    Raises:
        UsageError: another kind of URL, or the extra `regulatory` is not installed.
        StorageFailed: the folder cannot be made.
        StoreRefused: the options for S3 fit nothing.
    """
    text = str(where)
    if "://" not in text:
        return SnapshotStore(Folder(Path(where)))
    try:
        url = urlsplit(text)
    except ValueError as problem:
        raise UsageError(f"not a URL of a store: {problem}") from problem
    if url.scheme == "file" and url.netloc in ("", "localhost") and url.path.strip("/"):
        return SnapshotStore(Folder(Path(unquote(url.path))))
    plain = not url.query and not url.fragment and ".." not in url.path
    if url.scheme == "s3" and url.netloc and plain:
        return SnapshotStore(Bucket(url.netloc, url.path.strip("/"), options or S3Options()))
    raise UsageError(
        "a store is a folder, file:///a/folder, or s3://bucket/prefix", hint=f"Not {text[:100]}"
    )
