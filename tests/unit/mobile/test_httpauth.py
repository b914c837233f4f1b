from __future__ import annotations

import base64
import hashlib
import re

from farline.config import Secret
from farline.mobile.httpauth import authorization
from farline.testing import SeededIds

URI = "/sipxconfig/rest/my/im-info"


def answer(*challenges):
    return authorization(challenges, "GET", URI, "Ruel", Secret("ruelpwd"), SeededIds())


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_strongest_digest_is_taken():
    value = answer(
        'Basic realm="ipoffice"',
        'Digest realm="ipoffice", nonce="n", qop="auth", algorithm=MD5',
        'Digest realm="ipoffice", nonce="n", qop="auth", algorithm=SHA-256',
    )
    assert value is not None
    fields = dict(re.findall(r'(\w+)="?([^",]*)', value.removeprefix("Digest ")))
    first, second = sha("Ruel:ipoffice:ruelpwd"), sha(f"GET:{URI}")
    expected = sha(f"{first}:n:00000001:{fields['cnonce']}:auth:{second}")
    assert fields["response"] == expected
    assert (fields["uri"], fields["algorithm"], fields["nc"]) == (URI, "SHA-256", "00000001")


def test_basic_only_where_there_is_no_digest():
    value = answer('Basic realm="ipoffice"')
    assert value == "Basic " + base64.b64encode(b"Ruel:ruelpwd").decode()


def test_unknown_schemes_cannot_be_met():
    assert answer() is None
    assert answer("Negotiate", 'Digest realm="a", nonce="b", algorithm=SHA-1') is None
    assert answer('Digest realm="a", nonce="b", qop="auth-int"') is None
    assert answer('Digest realm="unfinished') is None
