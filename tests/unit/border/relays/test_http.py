"""The HTTP relay's judgement: what passes, in which spelling, and every way that does not."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farline.border.relays.http import HttpInspector
from farline.border.relays.http_judge import MAX_HEAD, HttpPolicy
from farline.border.relays.paths import Malformed, normal_path

POLICY = HttpPolicy(
    methods=("GET", "POST"),
    hosts=("portal.example", "192.0.2.1"),
    paths=("/rest/my/", "/exact"),
    bootstrap_paths=None,
    tls_passthrough=True,
    websocket=False,
    forwarded_for="set",
    max_body=1000,
)
HOST = b"Host: portal.example\r\n"


def inspector(*, known=True, **changes):
    return HttpInspector(replace(POLICY, **changes), 8444, "198.51.100.7", lambda: known)


def request(target=b"/rest/my/im-info", *, method=b"GET", headers=HOST, body=b"", version=b"1.1"):
    return method + b" " + target + b" HTTP/" + version + b"\r\n" + headers + b"\r\n" + body


def test_a_request_passes_written_anew():
    relay = inspector()
    gone = b"Connection: keep-alive, X-Gone\r\nX-Gone: 1\r\n"
    lies = b"X-Forwarded-For: 10.0.0.1\r\nX-Original-URL: /admin\r\n"
    lies += b"X_Forwarded_For: 10.0.0.1\r\nContent_Length: 7\r\nx_real-ip: 10.0.0.1\r\n"
    out = relay.up(request(headers=HOST + b"Accept: a/b\r\n" + gone + lies))
    assert out.to_server == (
        b"GET /rest/my/im-info HTTP/1.1\r\nhost: portal.example\r\naccept: a/b\r\n"
        b"x-forwarded-for: 198.51.100.7\r\n\r\n"
    )
    assert not out.refused and not out.close and not relay.waiting


@pytest.mark.parametrize(
    ("how", "value"),
    [("set", b"198.51.100.7"), ("append", b"10.0.0.1, 198.51.100.7"), ("remove", None)],
)
def test_forwarded_for(how, value):
    headers = HOST + b"X-Forwarded-For: 10.0.0.1\r\n"
    sent = inspector(forwarded_for=how).up(request(headers=headers)).to_server
    assert (b"x-forwarded-for: " + value + b"\r\n" in sent) if value else b"forwarded" not in sent


@pytest.mark.parametrize(
    ("given_", "sent"),
    [
        (b"/rest/my/a", b"/rest/my/a"),
        (b"//rest///my//a", b"/rest/my/a"),
        (b"/rest/./my/x/../a", b"/rest/my/a"),
        (b"/%72est/m%79/a%20b", b"/rest/my/a%20b"),
        (b"/rest/my/%2e%2e/my/a", b"/rest/my/a"),
        (b"/rest/my/a?x=../%2f", b"/rest/my/a?x=../%2f"),
        (b"http://portal.example/exact", b"/exact"),
        (b"HTTPS://PORTAL.example.:8444/exact?q", b"/exact?q"),
    ],
)
def test_one_spelling_reaches_the_server(given_, sent):
    out = inspector().up(request(given_))
    assert out.to_server.split(b" ")[1] == sent


@pytest.mark.parametrize(
    ("target", "word"),
    [
        (b"/admin", "path"),
        (b"/", "path"),
        (b"/exactly", "path"),
        (b"/exact/more", "path"),
        (b"/rest/my", "path"),
        (b"/rest/my/../../admin", "path"),
        (b"/rest/my/%2e%2e/%2E%2e/admin", "path"),
        (b"/rest/my/..%2f..%2fadmin", "malformed"),
        (b"/rest/my/..%5c..%5cadmin", "malformed"),
        (b"/rest/my/..\\..\\admin", "malformed"),
        (b"/rest/my/..;/..;/admin", "malformed"),
        (b"/rest/my/%252e%252e/admin", "malformed"),
        (b"/rest/my/%c0%ae%c0%ae/admin", "malformed"),
        (b"/rest/my/a%00b", "malformed"),
        (b"/rest/my/a%0d%0aX:b", "malformed"),
        (b"/rest/my/%zz", "malformed"),
        (b"/rest/my/a#b", "malformed"),
        (b"http://other.example/rest/my/a", "host"),
        (b"http://portal.example@other.example/rest/my/a", "malformed"),
        (b"http://portal.example:22/rest/my/a", "host"),
        (b"ftp://portal.example/rest/my/a", "malformed"),
        (b"portal.example:443", "malformed"),
        (b"*", "malformed"),
    ],
)
def test_targets_that_lead_elsewhere(target, word):
    out = inspector().up(request(target))
    assert (out.refused, out.to_server, out.close) == (word, b"", True)


@pytest.mark.parametrize(
    ("host", "passes"),
    [
        (b"portal.example", True), (b"PORTAL.Example", True), (b"portal.example.", True),
        (b"portal.example:8444", True), (b"192.0.2.1", True),
        (b"portal.example:80", False), (b"other.example", False), (b"portal.example..", False),
        (b"user@portal.example", False), (b"portal.example:8444:1", False), (b"", False),
        (b"portal.example other", False), (b"portal.example/x", False), (b"127.0.0.1", False),
        (b"[::1]", False), (b"xportal.example", False), (b"portal.example.evil.example", False),
        (b"portal.example:99999", False), (b"portal.example,other.example", False),
    ],
)  # fmt: skip
def test_host_games(host, passes):
    out = inspector().up(request(headers=b"Host: " + host + b"\r\n"))
    assert (bool(out.to_server), bool(out.refused)) == (passes, not passes)


@pytest.mark.parametrize("headers", [b"", HOST + HOST, HOST + b"Host: other.example\r\n"])
def test_one_host_header_it_must_be(headers):
    out = inspector().up(request(headers=headers))
    assert (out.refused, out.to_server) == ("malformed", b"")


@pytest.mark.parametrize("method", [b"CONNECT", b"TRACE", b"DELETE", b"OPTIONS", b"get", b"PRI"])
def test_methods(method):
    target = b"portal.example:8444" if method == b"CONNECT" else b"/rest/my/a"
    out = inspector().up(request(target, method=method))
    assert (out.refused, out.to_server) == ("method", b"")
    assert out.to_client.startswith(b"HTTP/1.1 403 ")


SMUGGLED = b"GET /admin HTTP/1.1\r\nHost: portal.example\r\n\r\n"


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        b"Content-Length: 4\r\nContent-Length: 5\r\n",
        b"Content-Length: 4, 5\r\n",
        b"Content-Length: +4\r\n",
        b"Content-Length: 0x4\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 99999999999999999999999999\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: identity, chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding: \x0bchunked\r\n",
        b" Transfer-Encoding: chunked\r\n",
        b"X: a\rContent-Length: 4\r\n",
    ],
)
def test_framing_games_send_nothing(headers):
    out = inspector().up(
        request(method=b"POST", headers=HOST + headers, body=b"0\r\n\r\n" + SMUGGLED)
    )
    assert b"/admin" not in out.to_server
    assert out.refused and out.close
    assert out.to_client.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 403 "))


def test_equal_lengths_twice_become_one():
    headers = HOST + b"Content-Length: 4\r\nContent-Length: 4\r\n"
    sent = inspector().up(request(method=b"POST", headers=headers, body=b"body")).to_server
    assert sent.lower().count(b"content-length: 4") == 1 and sent.endswith(b"\r\n\r\nbody")


def test_a_bare_line_feed_cannot_hide_a_header():
    sent = inspector().up(request(headers=HOST + b"X: a\nY: b\r\n")).to_server
    assert b"a\nY" not in sent.replace(b"\r\n", b"|")


def test_a_bad_chunk_ends_it():
    relay = inspector()
    head = HOST + b"Transfer-Encoding: chunked\r\n"
    out = relay.up(request(method=b"POST", headers=head, body=b"4\r\nbody\r\n"))
    assert b"4\r\nbody\r\n" in out.to_server and relay.waiting
    out = relay.up(b"5;a\nGET /admin HTTP/1.1\r\n\r\n")
    assert (out.refused or b"/admin" not in out.to_server) and b"GET" not in out.to_server


def test_pipelined_requests_wait_for_their_turn_and_are_judged():
    relay = inspector()
    first = relay.up(request() + SMUGGLED)
    assert b"/admin" not in first.to_server and not first.refused
    out = relay.down(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    assert (out.refused, out.to_server) == ("path", b"")
    assert out.to_client.endswith(
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    assert b"200 OK" in out.to_client


def test_sizes():
    assert inspector().up(b"GET /" + b"a" * (2 * MAX_HEAD)).refused == "malformed"
    whole = HOST + b"X: " + b"a" * MAX_HEAD + b"\r\n"
    assert inspector().up(request(headers=whole)).refused == "malformed"
    many = b"".join(b"X-%d: a\r\n" % number for number in range(200))
    assert inspector().up(request(headers=HOST + many)).refused == "malformed"
    relay = inspector()
    head = HOST + b"Content-Length: 2000\r\n"
    assert relay.up(request(method=b"POST", headers=head, body=b"x" * 2000)).refused == "body"
    relay = inspector(max_body=2000)
    assert not relay.up(request(method=b"POST", headers=head, body=b"x" * 2000)).refused
    relay = inspector()
    relay.up(request())
    assert relay.up(request() * 2000).refused == "malformed"


def test_refusals_look_alike():
    answers = {
        inspector().up(request(headers=b"Host: " + host + b"\r\n")).to_client
        for host in (b"a.example", b"127.0.0.1", b"10.10.10.13")
    }
    assert answers == {b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"}


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket", b"TLS/1.0"])
def test_upgrades_are_refused(protocol):
    headers = HOST + b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\n"
    assert inspector().up(request(headers=headers)).refused == "upgrade"


def test_websocket_where_it_is_allowed():
    relay = inspector(websocket=True)
    out = relay.up(request(headers=HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"))
    assert b"upgrade: websocket\r\nconnection: Upgrade\r\n" in out.to_server
    answer = b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    out = relay.down(answer + b"\x81\x01a")
    assert out.to_client.startswith(b"HTTP/1.1 101") and out.to_client.endswith(b"\x81\x01a")
    assert relay.opaque and relay.up(b"\x81\x00").to_server == b"\x81\x00"


@pytest.mark.parametrize(
    ("location", "passes"),
    [
        (b"/rest/my/a", True), (b"https://portal.example:8444/x", True),
        (b"http://10.10.10.13/x", False), (b"//other.example/x", False),
        (b"https://user@portal.example/", False),
    ],
)  # fmt: skip
def test_redirects(location, passes):
    relay = inspector()
    relay.up(request())
    out = relay.down(
        b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n"
    )
    assert (location in out.to_client) is passes
    assert out.to_client.startswith(b"HTTP/1.1 302" if passes else b"HTTP/1.1 502")


@pytest.mark.parametrize("version", [b"2.0", b"3.0", b"0.9", b"1.2"])
def test_other_versions_of_http_are_not_spoken(version):
    """RFC 9110 section 15.6.6; an answer that has one cannot be read."""
    out = inspector().up(request(version=version))
    assert (out.refused, out.to_server, out.close) == ("version", b"", True)
    assert out.to_client.startswith(b"HTTP/1.1 505 HTTP Version Not Supported\r\n")
    relay = inspector()
    relay.up(request(version=b"1.0"))
    answer = relay.down(b"HTTP/" + version + b" 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert answer.refused == "response" and answer.to_client.startswith(b"HTTP/1.1 502 ")


def test_whole_requests_are_counted():
    relay = inspector()
    relay.up(request() + request(method=b"POST", headers=HOST + b"Content-Length: 4\r\n"))
    assert relay.whole == 1  # the second waits for the answer to the first
    relay.down(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert (relay.whole, relay.waiting) == (1, True)
    relay.up(b"body")
    assert (relay.whole, relay.waiting) == (2, False)


def test_answers_stream_and_the_connection_is_used_again():
    relay = inspector()
    relay.up(request())
    out = relay.down(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    assert out.to_client.endswith(b"3\r\nabc\r\n")
    assert not relay.down(b"0\r\n\r\n").close
    assert relay.up(request(b"/exact")).to_server.startswith(b"GET /exact ")


def test_a_server_that_closes_ends_the_answer():
    relay = inspector()
    relay.up(request())
    relay.down(b"HTTP/1.0 200 OK\r\n\r\nabc")
    out = relay.down_end()
    assert out.close and not out.refused


def test_a_client_that_half_closes_gets_its_answer():
    relay = inspector()
    relay.up(request())
    assert not relay.up_end().close
    out = relay.down(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    assert out.to_client.endswith(b"ok") and out.close


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * (2 * MAX_HEAD),
    ],
)
def test_answers_that_cannot_be_read(answer):
    relay = inspector()
    relay.up(request())
    out = relay.down(answer)
    assert out.refused == "response" and out.to_client.startswith(b"HTTP/1.1 502 ")


def test_a_server_must_not_speak_first():
    assert inspector().down(b"HTTP/1.1 200 OK\r\n\r\n").refused == "response"


def test_before_login_only_the_bootstrap_paths():
    first = ("/rest/my/im-info",)
    assert inspector(bootstrap_paths=first, known=False).up(request()).to_server
    out = inspector(bootstrap_paths=first, known=False).up(request(b"/rest/my/other"))
    assert (out.refused, out.to_server) == ("whitelist", b"")
    assert inspector(bootstrap_paths=first, known=True).up(request(b"/rest/my/other")).to_server


def test_a_request_that_trickles_is_waited_for_until_it_is_whole():
    relay = inspector()
    assert relay.waiting
    for byte in request():
        assert relay.waiting
        relay.up(bytes((byte,)))
    assert not relay.waiting


@given(st.text(alphabet="/.%2eEfF5cCab;\\", max_size=40))
def test_normal_paths_are_fixed_points_without_a_way_up(text):
    try:
        path = normal_path("/" + text)
    except Malformed:
        return
    assert normal_path(path) == path
    assert not {"..", "."} & set(path.split("/")) and "//" not in path


@given(st.binary(min_size=1, max_size=300), st.binary(min_size=1, max_size=300))
def test_nothing_that_is_sent_raises(one, other):
    relay = inspector()
    for data in (one, other):
        if not relay.up(data).close:
            relay.down(data)
