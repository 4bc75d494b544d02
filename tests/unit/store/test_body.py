import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.store.body import DamagedBodyError, pack, unpack


@given(st.binary(max_size=20_000))
def test_a_body_comes_back_as_it_was_packed(body: bytes) -> None:
    assert unpack(pack(body)) == body


@given(st.binary(min_size=1, max_size=2000), st.data())
def test_a_flipped_bit_never_yields_another_body(body: bytes, data: st.DataObject) -> None:
    stored = bytearray(pack(body))
    position = data.draw(st.integers(0, len(stored) - 1))
    stored[position] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = unpack(bytes(stored))
    except DamagedBodyError:
        return
    assert found == body  # a few header bits carry no meaning


def test_a_cut_off_body_is_called_damaged() -> None:
    with pytest.raises(DamagedBodyError):
        unpack(pack(b"a body of some length")[:-3])
