"""URI Manipulation and Header Manipulation of interworking profiles."""

import pytest

from farline.config.interworking import HeaderRule, UriRule
from farline.sip import responses
from farline.testing.border_phone import DOMAIN, OFFICE, inner, registered

URI = f"sip:3003@{DOMAIN}"


@pytest.mark.parametrize(
    ("rule", "user", "domain"),
    [
        ("user_action: add_prefix, user_value: '9'", "93003", DOMAIN),
        ("user_action: add_suffix, user_value: '0'", "30030", DOMAIN),
        ("user_regex: '^30', user_action: remove", "03", DOMAIN),
        (r"user_regex: '^(\d)0(.*)', user_action: replace, user_value: '\2-\1'", "03-3", DOMAIN),
        (r"user_regex: '^30(7)?', user_action: replace, user_value: '\1-'", "-03", DOMAIN),
        ("domain_action: replace, domain_value: pbx.lan", "3003", "pbx.lan"),
        ("user_regex: '^4', user_action: add_prefix, user_value: '9'", "3003", DOMAIN),
        ("domain_regex: nowhere, user_action: add_prefix, user_value: '9'", "3003", DOMAIN),
    ],
)
def test_uri_manipulation(with_profile, rule, user, domain):
    phone = registered(with_profile(f"uri_manipulation: [{{{rule}}}]"))
    message = inner(phone)
    assert message.uri == f"sip:{user}@{domain}"
    assert message.get("To") == f"<sip:{user}@{domain}>"


def test_phones_and_dialogs_keep_their_names(with_profile):
    phone = registered(
        with_profile("uri_manipulation: [{user_action: add_prefix, user_value: '9'}]")
    )
    ok = phone.call_office()
    assert ok.get("To").startswith(f"<{URI}>;tag=")
    assert ok.get("From").startswith(f"<sip:3001@{DOMAIN}>")
    phone.world.receive(phone.flow, phone.in_dialog("BYE"))
    bye = phone.world.take(phone.upstream)
    assert bye.get("To").startswith(f"<sip:93003@{DOMAIN}>;tag=")
    assert bye.uri == f"sip:3003@{OFFICE}:5060;transport=tcp"


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("header: X-Site, action: add, value: vienna", ["a; b=1", "vienna"]),
        ("header: X-Site, action: remove", []),
        ("header: X-Site, action: remove, match: zzz", ["a; b=1"]),
        ("header: X-Site, action: replace, value: new", ["new"]),
        (r"header: X-Site, action: replace, match: 'b=(\d)', value: 'c=\1'", ["a; c=1"]),
        (r"header: X-Site, action: replace, match: 'b=1', value: 'ü:\'", ["a; ü:\\"]),
        ("header: X-Site, action: remove, method: INVITE", ["a; b=1"]),
        ("header: X-Site, action: remove, direction: from_server", ["a; b=1"]),
    ],
)
def test_header_manipulation_to_the_server(with_profile, rule, value):
    phone = registered(with_profile(f"header_manipulation: [{{{rule}}}]"))
    assert inner(phone, X_Site="a; b=1").all("X-Site") == value


def test_header_manipulation_from_the_server(with_profile):
    rule = "header: Server, action: remove, direction: from_server"
    phone = registered(with_profile(f"header_manipulation: [{{{rule}}}]"))
    message = inner(phone)
    phone.world.receive(
        phone.upstream, responses.make(message, 200, to_tag="x", headers=(("Server", "IPO/11"),))
    )
    assert phone.world.take(phone.flow).get("Server") is None


@pytest.mark.parametrize(
    ("form", "fields", "said"),
    [
        (
            UriRule,
            {"user_regex": "^(30)", "user_action": "replace", "user_value": r"\2"},
            "1 groups",
        ),
        (UriRule, {"domain_action": "replace", "domain_value": "a:5060"}, "nor a host name"),
        (HeaderRule, {"action": "replace", "match": "a", "value": r"\1"}, "0 groups"),
        (HeaderRule, {"action": "add", "match": "a", "value": "b"}, "Add has no Match"),
        (HeaderRule, {"action": "remove", "value": "b"}, "Remove has no Value"),
    ],
)
def test_rules_that_would_fail_on_every_message(form, fields, said):
    header = {"header": "X-Site"} if form is HeaderRule else {}
    with pytest.raises(ValueError, match=said):
        form(**header, **fields)
