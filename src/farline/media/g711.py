"""G.711 (ITU-T G.711): A-law and µ-law, as tables over numpy arrays.

Samples are 16-bit linear, codes one byte a sample. Encoding goes to the decision intervals of the
recommendation's tables 1 and 2, with the linear value scaled to 16 bits (13 bits for A-law, 14 for
µ-law), as the reference code of ITU-T G.191 and every telephone does.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

SILENCE_ALAW: Final = 0xD5
"""The code of +0 in A-law; µ-law's is 0xFF."""
SILENCE_ULAW: Final = 0xFF

_ULAW_BIAS = 33  # in units of 14 bits
_ULAW_CLIP = 8158
_EVERY_CODE = np.arange(256, dtype=np.int32)
_EVERY_SAMPLE = np.arange(-32768, 32768, dtype=np.int32)


def _segment(value: NDArray[np.int32]) -> NDArray[np.int32]:
    """The number of the highest bit that is set; 0 for 0 and 1."""
    return np.where(value > 0, np.log2(np.maximum(value, 1)).astype(np.int32), 0)


def _alaw_decode_table() -> Samples:
    code = _EVERY_CODE ^ 0x55
    exponent, mantissa = (code >> 4) & 7, code & 15
    linear = np.where(
        exponent == 0, 2 * mantissa + 1, (2 * mantissa + 33) << np.maximum(exponent - 1, 0)
    )
    return np.where(code & 0x80, linear * 8, -linear * 8).astype(np.int16)


def _alaw_encode_table() -> NDArray[np.uint8]:
    linear = _EVERY_SAMPLE >> 3
    magnitude = np.where(linear >= 0, linear, -linear - 1)
    exponent = np.maximum(_segment(magnitude) - 4, 0)
    mantissa = np.where(exponent == 0, magnitude >> 1, magnitude >> exponent) & 15
    code = (exponent << 4) | mantissa | np.where(linear >= 0, 0x80, 0)
    return (code ^ 0x55).astype(np.uint8)


def _ulaw_decode_table() -> Samples:
    code = ~_EVERY_CODE & 0xFF
    exponent, mantissa = (code >> 4) & 7, code & 15
    linear = ((2 * mantissa + 33) << exponent) - _ULAW_BIAS
    return np.where(code & 0x80, -linear * 4, linear * 4).astype(np.int16)


def _ulaw_encode_table() -> NDArray[np.uint8]:
    linear = _EVERY_SAMPLE >> 2
    magnitude = np.minimum(np.abs(linear), _ULAW_CLIP) + _ULAW_BIAS
    exponent = _segment(magnitude) - 5
    mantissa = (magnitude >> (exponent + 1)) & 15
    code = (exponent << 4) | mantissa | np.where(linear < 0, 0x80, 0)
    return np.asarray(code ^ 0xFF, np.uint8)


# Indexed by the sample seen as unsigned: a view of the array instead of an addition.
_ALAW_ENCODE = np.roll(_alaw_encode_table(), 32768)
_ULAW_ENCODE = np.roll(_ulaw_encode_table(), 32768)
_ALAW_DECODE = _alaw_decode_table()
_ULAW_DECODE = _ulaw_decode_table()


def encode_alaw(samples: Samples) -> bytes:
    """One A-law code for each 16-bit sample."""
    return _ALAW_ENCODE[samples.view(np.uint16)].tobytes()


def decode_alaw(codes: bytes) -> Samples:
    """One 16-bit sample for each A-law code."""
    return _ALAW_DECODE[np.frombuffer(codes, np.uint8)]


def encode_ulaw(samples: Samples) -> bytes:
    """One µ-law code for each 16-bit sample."""
    return _ULAW_ENCODE[samples.view(np.uint16)].tobytes()


def decode_ulaw(codes: bytes) -> Samples:
    """One 16-bit sample for each µ-law code."""
    return _ULAW_DECODE[np.frombuffer(codes, np.uint8)]
