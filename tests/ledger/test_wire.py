"""What is put together by hand has the bytes that protobuf gives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ufmi.ledger.protos import common
from ufmi.ledger.wire import field


@given(st.binary(max_size=400), st.binary(max_size=400))
def test_nested_fields_are_those_of_protobuf(header: bytes, data: bytes) -> None:
    payload = common.Payload(header=common.Header(channel_header=header), data=data)
    inner = field(1, field(1, [header]) if header else []) + (field(2, [data]) if data else [])
    assert b"".join(inner) == payload.SerializeToString()
    envelope = common.Envelope(payload=payload.SerializeToString(), signature=b"s")
    assert b"".join(field(1, inner) + field(2, [b"s"])) == envelope.SerializeToString()
