"""`ufmi init` and `ufmi keys`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ufmi.crypto import Sm2PrivateKey, Sm2PublicKey

from .command import good, ufmi, wrong

TEXT = "Y1(t1,NBROKCNBJXXX,NBANKCNBJXXX,L000000001,u,b,CNY,5,2,{},{},NBROKCNBJXXX,1)"


def text(address: str) -> str:
    return TEXT.format(address, "00" * 32)


def test_init_founds_a_ledger_with_keys(founded: Path) -> None:
    assert {path.name for path in (founded / "keys").iterdir()} == {
        "frontend.pem",
        "operator-1.pem",
        "operator-2.pem",
        "operator-3.pem",
        "regulator.pem",
        "relay.pem",
    }
    for path in (founded / "keys").iterdir():
        assert path.stat().st_mode & 0o077 == 0
    assert len(good("show", "network", "--json", data=founded).json["services"]) == 4


def test_init_takes_numbers_of_operators_and_tells_the_network(tmp_path: Path) -> None:
    answer = good(
        "init", "--data", tmp_path / "d", "--operators", "1", "--threshold", "1", "--json"
    )
    shown = good("show", "network", "--data", tmp_path / "d", "--json").json
    assert answer.json["network"] == shown["network"]
    assert len(shown["services"]) == 2


def test_init_never_overwrites(data: Path) -> None:
    before = {path: path.read_bytes() for path in (data / "keys").iterdir()}
    assert "already" in wrong(2, "init", "--data", data)
    assert {path: path.read_bytes() for path in (data / "keys").iterdir()} == before


def test_init_keeps_keys_that_are_there(tmp_path: Path) -> None:
    made = good("keys", "generate", "operator-2", "--json", data=tmp_path).json
    before = (tmp_path / "keys/operator-2.pem").read_bytes()
    good("init", data=tmp_path)
    assert (tmp_path / "keys/operator-2.pem").read_bytes() == before
    assert made["address"] in good("show", "network", "--json", data=tmp_path).json["services"]


@pytest.mark.parametrize(
    "options",
    [
        ("--threshold", "4"),
        ("--threshold", "0"),
        ("--operators", "17"),
        ("--operators", "x"),
        ("--clock", "sun"),
        ("--nothing",),
    ],
)
def test_init_with_impossible_options_is_wrong_use(tmp_path: Path, options: tuple[str]) -> None:
    wrong(2, "init", "--data", tmp_path / "d", *options)
    assert not (tmp_path / "d/ledger").exists()


def test_keys_are_made_shown_and_listed(tmp_path: Path) -> None:
    made = good("keys", "generate", "li", "--data", tmp_path, "--json").json
    assert good("keys", "show", "li", "--data", tmp_path, "--json").json == made
    assert made["address"] in good("keys", "show", "li", data=tmp_path).out
    key = Sm2PrivateKey.load(tmp_path / "keys/li.pem")
    assert (key.public_key.to_hex(), key.public_key.address) == (
        made["public_key"],
        made["address"],
    )
    good("keys", "generate", "another", data=tmp_path)
    assert good("keys", "list", "--json", data=tmp_path).json == ["another", "li"]
    assert good("keys", "list", data=tmp_path).out.split() == ["another", "li"]


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    good("keys", "generate", "li", data=tmp_path)
    before = (tmp_path / "keys/li.pem").read_bytes()
    assert "exists" in wrong(2, "keys", "generate", "li", data=tmp_path)
    assert (tmp_path / "keys/li.pem").read_bytes() == before


@pytest.mark.parametrize("name", ["../x", "", "a/b", ".hidden", "日"])
def test_a_key_is_not_named_like_a_path(tmp_path: Path, name: str) -> None:
    wrong(2, "keys", "generate", name, data=tmp_path)
    assert not list(tmp_path.rglob("*.pem"))


def test_a_key_that_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    assert "no key" in wrong(2, "keys", "show", "nobody", data=tmp_path)


def test_a_key_file_that_is_none_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/li.pem").write_text("not a key")
    assert "UFMI-1001" in wrong(1, "keys", "show", "li", data=tmp_path)


def test_a_password_protects_keys(tmp_path: Path) -> None:
    good("keys", "generate", "li", data=tmp_path, UFMI_PASSWORD="secret")
    assert b"ENCRYPTED" in (tmp_path / "keys/li.pem").read_bytes()
    good("keys", "show", "li", data=tmp_path, UFMI_PASSWORD="secret")
    assert "UFMI-1003" in wrong(1, "keys", "show", "li", data=tmp_path)
    assert "UFMI-1003" in wrong(1, "keys", "show", "li", data=tmp_path, UFMI_PASSWORD="wrong")


def test_signing_prints_the_line_that_submit_reads(tmp_path: Path) -> None:
    made = good("keys", "generate", "li", "--json", data=tmp_path).json
    signed = text(made["address"])
    line = json.loads(good("keys", "sign", "li", signed, data=tmp_path).out)
    assert line["text"] == signed
    key = Sm2PublicKey.from_hex(made["public_key"])
    key.verify(bytes.fromhex(line["signature"]), signed.encode())


@pytest.mark.parametrize("bad", ["nonsense", "", "Y1()", "QQ(1)", "Y1(\udcff)"])
def test_what_is_no_message_is_not_signed(tmp_path: Path, bad: str) -> None:
    good("keys", "generate", "li", data=tmp_path)
    answer = ufmi("keys", "sign", "li", bad, data=tmp_path)
    assert answer.status in (1, 2)
    assert (answer.out, bool(answer.err)) == ("", True)


def test_the_version_names_the_implementations_found() -> None:
    assert "in use" in good("version").out
