"""SCRAM keys against the conversations printed in RFC 5802 and RFC 7677."""

import hashlib
import hmac
from base64 import b64decode

import pytest

from farline.portal.scram import ScramKeys, decoy

CONVERSATIONS = [
    (
        "sha1", "QSXCR+Q6sek8bf92",
        "n=user,r=fyko+d2lbbFgONRv9qkxdawL,"
        "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096,"
        "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j",
        "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", "rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    ),
    (
        "sha256", "W22ZaJ0SNY7soEsUEjb6gQ==",
        "n=user,r=rOprNGfwEbeRWgbNEkqO,"
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "salt", "messages", "proof", "signature"), CONVERSATIONS)
def test_keys_of_the_rfc_conversations(name, salt, messages, proof, signature):
    keys = ScramKeys.derive(name, "pencil", b64decode(salt), 4096)
    client_signature = hmac.digest(keys.stored_key, messages.encode(), name)
    client_key = bytes(a ^ b for a, b in zip(b64decode(proof), client_signature, strict=True))
    assert hashlib.new(name, client_key).digest() == keys.stored_key
    assert hmac.digest(keys.server_key, messages.encode(), name) == b64decode(signature)


def test_keys_match_their_password_only():
    keys = ScramKeys.derive("sha256", "pencil", b"salt", 4096)
    assert keys.matches("pencil")
    assert keys.matches("pen\u00adcil")  # a soft hyphen is mapped to nothing
    for wrong in ("Pencil", "pencil ", "", "pen\x00cil"):
        assert not keys.matches(wrong)


def test_text_form_goes_round_and_hides_keys_when_shown():
    keys = ScramKeys.derive("sha1", "pencil", b"salt", 4096)
    assert ScramKeys.parse("sha1", str(keys)) == keys
    assert repr(keys.stored_key) not in repr(keys)


@pytest.mark.parametrize(
    "text",
    [
        "", "1:2:3", "x:AAAA:AAAA:AAAA", "4096:AA==:AAAA:AAAA", "4096:!:AAAA:AAAA",
        "0:AA==:{k}:{k}", "99999999:AA==:{k}:{k}", "4096::{k}:{k}", "٣:AA==:{k}:{k}",
    ],
)  # fmt: skip
def test_unusable_keys_are_refused(text):
    with pytest.raises(ValueError):
        ScramKeys.parse("sha1", text.format(k="A" * 27 + "="))


def test_decoys_stay_the_same_and_differ_by_name_and_hash():
    one = decoy("sha256", b"secret", "nobody")
    assert one == decoy("sha256", b"secret", "nobody")
    assert one.salt != decoy("sha256", b"secret", "somebody").salt
    assert one.salt != decoy("sha256", b"other secret", "nobody").salt
    assert ScramKeys.parse("sha1", str(decoy("sha1", b"secret", "nobody")))
