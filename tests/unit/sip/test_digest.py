"""Digest: the vectors of the RFCs, the guide's form, both sides against each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farline._core import Message, WireError
from farline.sip import digest, responses
from farline.sip.digest import Challenge, Credentials
from farline.sip.digest_client import DigestClient
from farline.sip.digest_server import DigestServer, Outcome
from farline.testing import SeededIds, sip_request

GUIDE_CHALLENGE = 'Digest nonce="0aaf4581c70da6ab7193",realm="ipoffice",algorithm=MD5'
KEY = b"0123456789abcdef"


def check_vector(text: str, username: str, password: str, method: str, expected: str) -> None:
    credentials = Credentials.parse(text)
    assert credentials is not None
    base = digest.ha1(credentials.algorithm, username, credentials.realm, password)
    assert digest.response(credentials, base, method) == expected


def test_rfc_2617_3_5() -> None:
    check_vector(
        'Digest username="Mufasa", realm="testrealm@host.com",'
        ' nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", qop=auth,'
        ' nc=00000001, cnonce="0a4f113b", response="",'
        ' opaque="5ccc069c403ebaf9f0171e9517f40e41"',
        "Mufasa",
        "Circle Of Life",
        "GET",
        "6629fae49393a05397450978507c4ef1",
    )


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_rfc_7616_3_9_1(algorithm: str, expected: str) -> None:
    check_vector(
        f'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html",'
        f' algorithm={algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",'
        f' nc=00000001, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth,'
        f' response="{expected}", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"',
        "Mufasa",
        "Circle of Life",
        "GET",
        expected,
    )


def test_without_qop_as_in_rfc_2069() -> None:
    # Independent of the code under test: written out with hashlib.
    import hashlib

    def h(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    expected = h(
        f"{h('3001:ipoffice:1234')}:0aaf4581c70da6ab7193:{h('REGISTER:sip:ipo1xp.ipolab.com')}"
    )
    check_vector(
        'Digest realm="ipoffice",nonce="0aaf4581c70da6ab7193",uri="sip:ipo1xp.ipolab.com",'
        'response="4282302434bded15d6bdc4035dc4076b",username="3001"',
        "3001",
        "1234",
        "REGISTER",
        expected,
    )


def test_sess_form_hashes_the_nonces_in() -> None:
    import hashlib

    def h(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    first = h(f"{h('u:r:p')}:n:c")
    credentials = Credentials("u", "r", "n", "sip:x", "", "SHA-256-sess", "auth", "c", 1)
    base = digest.ha1("SHA-256-sess", "u", "r", "p")
    expected = h(f"{first}:n:00000001:c:auth:{h('INVITE:sip:x')}")
    assert digest.response(credentials, base, "INVITE") == expected


def test_the_guides_challenge_is_read_and_written() -> None:
    challenge = Challenge.parse(GUIDE_CHALLENGE)
    assert challenge == Challenge("ipoffice", "0aaf4581c70da6ab7193")
    assert str(challenge) == GUIDE_CHALLENGE


def test_the_guides_credentials_are_read_and_written() -> None:
    text = (
        'Digest realm="ipoffice",nonce="0aaf4581c70da6ab7193",uri="sip:ipo1xp.ipolab.com",'
        'response="4282302434bded15d6bdc4035dc4076b",username="3001"'
    )
    credentials = Credentials.parse(text)
    assert credentials is not None
    assert (credentials.username, credentials.qop, credentials.nc) == ("3001", "", 0)
    assert str(credentials) == text


@pytest.mark.parametrize("text", ["Basic MzAwMTox", "Bearer x", ""])
def test_other_schemes_are_none(text: str) -> None:
    assert Challenge.parse(text) is None and Credentials.parse(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "Digest",
        "Digest realm",
        'Digest realm="a"',
        'Digest realm="a,nonce=b',
        'Digest realm="a",realm="b",nonce="c"',
        "Digest " + ",".join(f"p{i}=1" for i in range(40)),
        'Digest realm="' + "a" * 5000 + '",nonce="b"',
        'Digest realm="a" nonce="b"',
    ],
)
def test_wrong_challenges_are_refused(text: str) -> None:
    with pytest.raises(WireError) as caught:
        Challenge.parse(text)
    assert caught.value.status == 400 and caught.value.where == "WWW-Authenticate"


@pytest.mark.parametrize("more", ["qop=auth", "qop=auth,cnonce=x,nc=zz", "nc=123456789"])
def test_wrong_counts_are_refused(more: str) -> None:
    with pytest.raises(WireError):
        Credentials.parse(f"Digest username=u,realm=r,nonce=n,uri=x,response=y,{more}")


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    for kind in (Credentials, Challenge):
        try:
            read = kind.parse("Digest " + text)
        except WireError:
            continue
        assert read is not None and kind.parse(str(read)) == read


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=50))
def test_quoting_comes_back(realm: str) -> None:
    challenge = Challenge.parse(str(Challenge(realm, "n")))
    assert challenge is not None and challenge.realm == realm


# ---- both sides ----


def server(**options) -> DigestServer:
    return DigestServer("ipoffice", KEY, SeededIds(5), **options)


def users(name: str, algorithm: str) -> str | None:
    return digest.ha1(algorithm, name, "ipoffice", "secret") if name == "3001" else None


def challenge(request: Message, side: DigestServer, now: float = 0.0, stale=False) -> Message:
    answer = responses.make(request, 401, to_tag="x")
    answer.set_all("WWW-Authenticate", side.challenges(now, stale=stale))
    return answer


def judge(side: DigestServer, request: Message, now: float = 0.0) -> Outcome:
    return side.check(request.method, request.all("Authorization"), users, now).outcome


@pytest.mark.parametrize("qop", [False, True])
@pytest.mark.parametrize("algorithm", digest.ALGORITHMS)
def test_every_algorithm_is_accepted(algorithm: str, qop: bool) -> None:
    side = server(algorithms=(algorithm,), qop=qop)
    first = sip_request("REGISTER")
    again = DigestClient("3001", "secret", SeededIds()).retry(first, challenge(first, side))
    assert again is not None
    assert again.cseq == 2 and again.get("Via") is None
    assert judge(side, again, 59.0) is Outcome.GOOD


@pytest.mark.parametrize(
    ("name", "password", "outcome"),
    [("3001", "guess", Outcome.WRONG), ("3009", "secret", Outcome.UNKNOWN)],
)
def test_wrong_name_and_wrong_password(name: str, password: str, outcome: Outcome) -> None:
    side = server()
    client = DigestClient(name, password, SeededIds())
    first = sip_request("REGISTER")
    again = client.retry(first, challenge(first, side))
    assert again is not None
    assert judge(side, again) is outcome
    assert client.retry(again, challenge(again, side)) is None
    assert password not in repr(client)


def test_no_credentials_or_those_of_another_realm() -> None:
    side = server()
    request = sip_request("REGISTER")
    assert judge(side, request) is Outcome.MISSING
    request.add("Authorization", "Digest username=u,realm=else,nonce=n,uri=x,response=y")
    assert judge(side, request) is Outcome.MISSING


def test_an_expired_nonce_is_stale_and_the_client_goes_on() -> None:
    side, client = server(lifetime=60.0), DigestClient("3001", "secret", SeededIds())
    first = sip_request("REGISTER")
    second = client.retry(first, challenge(first, side, 0.0))
    assert second is not None
    assert judge(side, second, 61.0) is Outcome.STALE
    third = client.retry(second, challenge(second, side, 61.0, stale=True))
    assert third is not None
    assert judge(side, third, 62.0) is Outcome.GOOD


def test_a_nonce_that_we_did_not_make_is_stale() -> None:
    side, other = server(), DigestServer("ipoffice", b"another key, 16+", SeededIds())
    first = sip_request("REGISTER")
    client = DigestClient("3001", "secret", SeededIds())
    again = client.retry(first, challenge(first, other))
    assert again is not None
    assert judge(side, again) is Outcome.STALE


@pytest.mark.parametrize("nonce", ["", "0", "é" * 32, "g" * 32, "0" * 32])
def test_forged_nonces_are_stale(nonce: str) -> None:
    side = server()
    request = sip_request("REGISTER")
    request.add(
        "Authorization",
        f'Digest username="3001",realm="ipoffice",nonce="{nonce}",uri="x",response="y"',
    )
    assert judge(side, request) is Outcome.STALE


def test_a_nonce_count_is_good_once_and_upwards() -> None:
    side, client = server(qop=True), DigestClient("3001", "secret", SeededIds())
    first = sip_request("REGISTER")
    one = client.retry(first, challenge(first, side))
    two, three = sip_request("INVITE"), sip_request("INVITE")
    client.authorize(two)
    client.authorize(three)
    assert one is not None
    assert judge(side, one) is Outcome.GOOD
    assert judge(side, one) is Outcome.STALE
    assert judge(side, three) is Outcome.GOOD
    assert judge(side, two) is Outcome.STALE


def test_the_table_of_counts_is_bounded_and_what_it_forgot_is_stale() -> None:
    side = server(qop=True, limit=2)
    made = []
    for _ in range(4):
        first = sip_request("REGISTER")
        again = DigestClient("3001", "secret", SeededIds()).retry(first, challenge(first, side))
        assert again is not None
        assert judge(side, again) is Outcome.GOOD or made
        made.append(again)
    assert len(side._used) <= 2
    assert judge(side, made[0]) is Outcome.STALE


def test_qop_cannot_be_talked_down() -> None:
    side = server(qop=True)
    nonce = Challenge.parse(side.challenges(0.0)[0]).nonce
    plain = Credentials("3001", "ipoffice", nonce, "sip:x", "")
    value = digest.response(plain, users("3001", "MD5"), "REGISTER")
    request = sip_request("REGISTER")
    request.add(
        "Authorization",
        str(Credentials("3001", "ipoffice", nonce, "sip:x", value)),
    )
    assert judge(side, request) is Outcome.WRONG


def test_the_client_takes_the_strongest_challenge_it_knows() -> None:
    side = server(algorithms=("SHA-256", "MD5"), qop=True)
    first = sip_request("REGISTER")
    answer = challenge(first, side)
    answer.add("WWW-Authenticate", 'Digest realm="ipoffice",nonce="n",algorithm=SHA-1024')
    answer.add("WWW-Authenticate", "Digest broken")
    answer.add(
        "WWW-Authenticate", 'Digest realm="ipoffice",nonce="n",algorithm=SHA-512-256,qop="auth-int"'
    )
    again = DigestClient("3001", "secret", SeededIds()).retry(first, answer)
    assert again is not None
    assert "algorithm=SHA-256" in again.get("Authorization")
    assert judge(side, again) is Outcome.GOOD


def test_a_proxy_is_answered_in_its_own_header() -> None:
    first = sip_request("INVITE")
    answer = responses.make(first, 407, to_tag="x")
    answer.add("Proxy-Authenticate", 'Digest realm="proxy",nonce="n"')
    again = DigestClient("3001", "secret", SeededIds()).retry(first, answer)
    assert again is not None
    assert again.get("Authorization") is None
    assert Credentials.parse(again.get("Proxy-Authorization")).realm == "proxy"


@pytest.mark.parametrize("status", [200, 403, 401])
def test_no_retry_without_a_challenge(status: int) -> None:
    first = sip_request("REGISTER")
    client = DigestClient("3001", "secret", SeededIds())
    assert client.retry(first, responses.make(first, status, to_tag="x")) is None


@pytest.mark.parametrize(("algorithms", "key"), [((), KEY), (("SHA-1",), KEY), (("MD5",), b"x")])
def test_wrong_settings_are_refused(algorithms: tuple[str, ...], key: bytes) -> None:
    with pytest.raises(ValueError, match="digest"):
        DigestServer("r", key, SeededIds(), algorithms=algorithms)


def test_an_unknown_name_cannot_be_let_in_by_a_guessed_ha1() -> None:
    side = server()
    nonce = Challenge.parse(side.challenges(0.0)[0]).nonce
    plain = Credentials("3009", "ipoffice", nonce, "sip:x", "")
    request = sip_request("REGISTER")
    for base in ("0", "", "None"):
        answer = digest.response(plain, base, "REGISTER")
        made = Credentials("3009", "ipoffice", nonce, "sip:x", answer)
        request.set("Authorization", str(made))
        assert judge(side, request) is Outcome.UNKNOWN


@pytest.mark.parametrize("more", ["algorithm=SHA-256", "algorithm=SHA-1", "qop=auth-int,cnonce=c"])
def test_what_was_not_offered_is_wrong(more: str) -> None:
    side = server()
    nonce = Challenge.parse(side.challenges(0.0)[0]).nonce
    request = sip_request("REGISTER")
    request.add(
        "Authorization",
        f'Digest username=3001,realm=ipoffice,nonce={nonce},uri="x",response=y,{more}',
    )
    assert judge(side, request) is Outcome.WRONG


def test_opaque_comes_back() -> None:
    first = sip_request("REGISTER")
    answer = responses.make(first, 401, to_tag="x")
    text = 'Digest nonce="n",realm="r",algorithm=SHA-256,qop="auth",opaque="o\\"p"'
    answer.add("WWW-Authenticate", text)
    assert str(Challenge.parse(text)) == text
    again = DigestClient("3001", "secret", SeededIds()).retry(first, answer)
    assert again is not None
    assert Credentials.parse(again.get("Authorization")).opaque == 'o"p'


def test_credentials_want_all_their_parts() -> None:
    with pytest.raises(WireError, match="nonce"):
        Credentials.parse("Digest username=u,realm=r,uri=x,response=y")


def test_a_client_remembers_a_bounded_number_of_realms() -> None:
    client = DigestClient("3001", "secret", SeededIds())
    for number in range(40):
        first = sip_request("REGISTER")
        answer = responses.make(first, 401, to_tag="x")
        answer.add("WWW-Authenticate", f'Digest realm="r{number}",nonce="n"')
        assert client.retry(first, answer) is not None
    assert len(client._known) <= 8
