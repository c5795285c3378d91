"""The `openssl` command reads our keys and signatures, and we read its keys."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ufmi.crypto import Sm2PrivateKey

from .helpers import key_of

KEY = key_of("openssl")
MESSAGE = b"Y1(a text)"


def _openssl(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["openssl", *arguments], capture_output=True, check=False, timeout=60)


def _reason_to_skip() -> str:
    if shutil.which("openssl") is None:
        return "there is no openssl command"
    curves = _openssl("ecparam", "-list_curves").stdout
    return "" if b"SM2" in curves else "this openssl command has no SM2"


WHY_NOT = _reason_to_skip()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)


def test_openssl_reads_a_key_file(tmp_path: Path) -> None:
    KEY.save(tmp_path / "key.pem")
    read = _openssl("pkey", "-in", tmp_path / "key.pem", "-pubout")
    assert (read.returncode, read.stdout) == (0, KEY.public_key.to_pem()), read.stderr


def test_openssl_reads_a_protected_key_file(tmp_path: Path) -> None:
    KEY.save(tmp_path / "key.pem", "password")
    path = tmp_path / "key.pem"
    read = _openssl("pkey", "-in", path, "-passin", "pass:password", "-pubout")
    assert (read.returncode, read.stdout) == (0, KEY.public_key.to_pem()), read.stderr
    assert _openssl("pkey", "-in", path, "-passin", "pass:wrong", "-pubout").returncode != 0


def test_openssl_verifies_a_signature(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(MESSAGE)
    (tmp_path / "signature").write_bytes(KEY.sign(MESSAGE))
    (tmp_path / "public.pem").write_bytes(KEY.public_key.to_pem())
    command: list[str | Path] = ["pkeyutl", "-verify", "-pubin", "-rawin", "-digest", "sm3"]
    command += ["-inkey", tmp_path / "public.pem", "-sigfile", tmp_path / "signature"]
    command += ["-pkeyopt", "distid:1234567812345678", "-in", tmp_path / "text"]
    verified = _openssl(*command)
    assert verified.returncode == 0, verified.stderr
    (tmp_path / "text").write_bytes(MESSAGE + b" ")
    assert _openssl(*command).returncode != 0


def test_a_key_made_by_openssl_is_read() -> None:
    made = _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2")
    key = Sm2PrivateKey.from_pem(made.stdout)
    key.public_key.verify(key.sign(MESSAGE), MESSAGE)


def test_openssl_decrypts_what_we_encrypt_and_the_other_way_round(tmp_path: Path) -> None:
    KEY.save(tmp_path / "key.pem")
    (tmp_path / "sealed").write_bytes(KEY.public_key.encrypt(b"0123456789abcdef"))
    read = _openssl(
        "pkeyutl", "-decrypt", "-inkey", tmp_path / "key.pem", "-in", tmp_path / "sealed"
    )
    assert (read.returncode, read.stdout) == (0, b"0123456789abcdef"), read.stderr
    (tmp_path / "public.pem").write_bytes(KEY.public_key.to_pem())
    (tmp_path / "plain").write_bytes(b"fedcba9876543210")
    command: list[str | Path] = ["pkeyutl", "-encrypt", "-pubin"]
    made = _openssl(*command, "-inkey", tmp_path / "public.pem", "-in", tmp_path / "plain")
    assert made.returncode == 0, made.stderr
    assert KEY.decrypt(made.stdout) == b"fedcba9876543210"
