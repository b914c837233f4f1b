"""G.711 against the recommendation's values and, where Python still has it, audioop."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest

from farline.media.g711 import (
    SILENCE_ALAW,
    SILENCE_ULAW,
    decode_alaw,
    decode_ulaw,
    encode_alaw,
    encode_ulaw,
)

EVERY_SAMPLE = np.arange(-32768, 32768, dtype=np.int32).astype(np.int16)
EVERY_CODE = bytes(range(256))


def test_values_of_the_recommendations_tables() -> None:
    """Tables 1a, 2a: the largest values, and the least on either side of zero (times 8 and 4)."""
    assert decode_alaw(bytes([0xAA, 0x2A, 0xD5, 0x55])).tolist() == [32256, -32256, 8, -8]
    assert decode_ulaw(bytes([0x80, 0x00, 0xFF, 0x7F])).tolist() == [32124, -32124, 0, 0]
    zero = np.zeros(1, np.int16)
    assert encode_alaw(zero) == bytes([SILENCE_ALAW])
    assert encode_ulaw(zero) == bytes([SILENCE_ULAW])


@pytest.mark.parametrize(
    ("encode", "decode"), [(encode_alaw, decode_alaw), (encode_ulaw, decode_ulaw)]
)
def test_every_code_survives_and_every_sample_goes_to_a_near_one(encode, decode) -> None:
    again = encode(decode(EVERY_CODE))
    changed = [code for code in range(256) if again[code] != code]
    assert changed in ([], [0x7F])  # µ-law has two zeroes
    error = np.abs(decode(encode(EVERY_SAMPLE)).astype(int) - EVERY_SAMPLE)
    assert np.all(error <= np.maximum(np.abs(EVERY_SAMPLE.astype(int)) / 31, 8) + 16)


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="Python 3.13 has no audioop")
def test_every_sample_and_code_as_audioop_has_it() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import audioop
    linear = EVERY_SAMPLE.tobytes()
    assert encode_alaw(EVERY_SAMPLE) == audioop.lin2alaw(linear, 2)
    assert encode_ulaw(EVERY_SAMPLE) == audioop.lin2ulaw(linear, 2)
    assert decode_alaw(EVERY_CODE).tobytes() == audioop.alaw2lin(EVERY_CODE, 2)
    assert decode_ulaw(EVERY_CODE).tobytes() == audioop.ulaw2lin(EVERY_CODE, 2)
