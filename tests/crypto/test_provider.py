from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ufmi.crypto import found, provider, use
from ufmi.errors import ProviderError

from .helpers import key_of

NAMES = [one.name for one in found()]


def _in_a_new_process(name: str | None) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "UFMI_SM2_PROVIDER"}
    if name is not None:
        environment["UFMI_SM2_PROVIDER"] = name
    return subprocess.run(
        [sys.executable, "-c", "from ufmi.crypto import provider; print(provider().name)"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_environment_names_the_provider(name: str) -> None:
    assert _in_a_new_process(name).stdout.split() == [name]


@pytest.mark.parametrize("name", [None, ""])
def test_without_a_choice_the_fastest_is_used(name: str | None) -> None:
    assert _in_a_new_process(name).stdout.split() == [NAMES[0]]


def test_an_unknown_name_in_the_environment_is_told() -> None:
    told = _in_a_new_process("nonesuch")
    assert told.returncode != 0
    assert "UFMI-1004" in told.stderr
    assert "nonesuch" in told.stderr


def test_names_are_unique_and_versions_known() -> None:
    assert len(set(NAMES)) == len(NAMES) > 0
    assert all(one.version for one in found())


@pytest.mark.parametrize("name", NAMES)
def test_use_changes_the_provider(name: str) -> None:
    use(name)
    assert provider().name == name
    key = key_of("chosen")
    key.public_key.verify(key.sign(b"text"), b"text")
    use("")
    assert provider().name == NAMES[0]


def test_an_unknown_name_changes_nothing() -> None:
    before = provider()
    with pytest.raises(ProviderError):
        use("nonesuch")
    assert provider() is before
