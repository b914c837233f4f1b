"""Topology hiding, header by header: what each side of a call reads, and that answers go back."""

import pytest

from farline.border import Reconfigured
from farline.config import ConfigError, Secret, TopologyAudit, TopologyHidingProfile
from farline.sip import NameAddr, responses
from farline.testing.border import BorderWorld, changed
from farline.testing.border_phone import DOMAIN, OFFICE, Phone, offer

OURS_IN, OURS_OUT = "10.10.10.7", "192.168.64.96"
FLOWS = "  # Device Specific Settings > End Point Flows > Subscriber Flows"
SERVER = {"towards": "server"}


@pytest.fixture
def hidden(guide_border):
    """A border whose topology hiding profile has these rules, and a phone registered through it."""

    def make(*rules, audit=None, register=True, leaks=False):
        border = changed(
            guide_border,
            server_flows={"topology_hiding_profile": "strict"},
            topology_hiding_profiles=(TopologyHidingProfile(name="strict", rules=rules),),
            topology_hiding_key=Secret("key"),
            topology_audit=TopologyAudit(**(audit or {})),
        )
        world = BorderWorld(border)
        world.leaks_allowed = leaks
        phone = Phone(world)
        if register:
            phone.register()
        return world, phone

    return make


def rule(header, action="auto", value="", **more):
    return {"header": header, "replace_action": action, "overwrite_value": value, **more}


def from_phone(world, phone, method="MESSAGE", **headers):
    world.receive(phone.flow, phone.request(method, f"sip:3003@{DOMAIN}", **headers))
    return world.take(phone.upstream)


def from_office(world, phone, method="MESSAGE", **headers):
    world.receive(phone.upstream, phone.office_request(method, **headers))
    return world.take(phone.flow)


# ---- each header ----


@pytest.mark.parametrize(
    ("action", "value", "line"),
    [
        ("auto", "", f"sip:3003@{OFFICE}:5060"),
        ("destination_ip", "", f"sip:3003@{OFFICE}:5060"),
        ("next_hop", "", f"sip:3003@{OFFICE}:5060"),
        ("overwrite", "office.example", "sip:3003@office.example"),
    ],
)
def test_request_line(hidden, action, value, line):
    world, phone = hidden(rule("Request-Line", action, value, **SERVER))
    assert from_phone(world, phone).uri == line


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("From", "From"),
        ("To", "To"),
        ("Refer-To", "Refer_To"),
        ("Referred-By", "Referred_By"),
    ],
)
@pytest.mark.parametrize(
    ("action", "value"),
    [("auto", ""), ("overwrite", "office.example"), ("destination_ip", ""), ("next_hop", "")],
)
def test_address_towards_the_server(hidden, header, field, action, value):
    world, phone = hidden(rule(header, action, value, **SERVER))
    given = {} if field in ("From", "To") else {field: f'"N" <sip:3005@{DOMAIN}:5070;x=y>;p=1'}
    out = from_phone(world, phone, "REFER", **given)
    to_server = header in ("To", "Refer-To") or action in ("destination_ip", "next_hop")
    host = value or (OFFICE if to_server else OURS_IN)
    whole = {
        "From": f"<sip:3001@{host}>;tag=phone",
        "To": f"<sip:3003@{host}>",
    }.get(header, f'"N" <sip:3005@{host};x=y>;p=1')
    assert out.get(header) == whole
    # the answer tells the phone what it wrote itself
    phone.office_answer(out, 202)
    answer = world.take(phone.flow)
    assert (answer.get("From"), answer.get("To")) == (
        f"<sip:3001@{DOMAIN}>;tag=phone",
        f"<sip:3003@{DOMAIN}>;tag=office",
    )


@pytest.mark.parametrize(
    ("header", "field"),
    [("From", ""), ("P-Asserted-Identity", "P_Asserted_Identity"), ("To", "")],
)
@pytest.mark.parametrize(
    ("action", "value", "host"),
    [
        ("auto", "", OURS_OUT),
        ("overwrite", "office.example", "office.example"),
        ("destination_ip", "", "192.168.67.61"),
        ("next_hop", "", "172.22.33.101"),
    ],
)
def test_address_towards_the_phone(hidden, header, field, action, value, host):
    world, phone = hidden(rule(header, action, value, towards="endpoint"))
    given = {field: f'"Dora" <sip:3003@{OFFICE}:5060>'} if field else {}
    assert f"@{host}>" in from_office(world, phone, **given).get(header)


def test_criteria(hidden):
    world, phone = hidden(
        rule("Refer-To", "overwrite", "a.example", criteria="IP", **SERVER),
        rule("Referred-By", "overwrite", "b.example", criteria="Domain", **SERVER),
    )
    domain, address = f"<sip:3005@{DOMAIN}>", "<sip:3005@198.51.100.1>"
    out = from_phone(world, phone, "REFER", Refer_To=domain, Referred_By=address)
    assert (out.get("Refer-To"), out.get("Referred-By")) == (domain, address)
    out = from_phone(world, phone, "REFER", Refer_To=address, Referred_By=domain, call="call-9")
    assert out.get("Refer-To") == "<sip:3005@a.example>"
    assert out.get("Referred-By") == "<sip:3005@b.example>"


def test_own_names_in_via_record_route_and_contact(hidden):
    names = [rule(h, "overwrite", f"{h.lower()}.example") for h in ("Via", "Record-Route")]
    world, phone = hidden(*names, rule("Contact", "overwrite", "sbc.example"))
    ok = phone.call_office()
    invite = phone.inner_invite
    assert invite.get("Via").startswith("SIP/2.0/TCP via.example:5060;branch=")
    assert invite.get("Record-Route").startswith("<sip:record-route.example:5060;ipcs-line=11;")
    assert f"@sbc.example:5060;transport=tcp;subid_ipcs={phone.subid}" in invite.get("Contact")
    assert ok.get("Contact") == '"Dora" <sip:3003@sbc.example:5060;transport=tcp>'
    # and the office reaches the phone by them
    invite = phone.office_request("INVITE", body=offer(OFFICE, 40750), call="call-3")
    invite.uri = invite.uri.replace(OURS_IN, "sbc.example")
    world.receive(phone.upstream, invite)
    assert world.take(phone.upstream).status == 100
    assert world.take(phone.flow).get("Via").startswith("SIP/2.0/TCP via.example:5060")


def test_sdp(hidden):
    world, phone = hidden(
        rule("SDP", **SERVER), rule("SDP", "overwrite", OURS_OUT, towards="endpoint")
    )
    body = offer(user="sip:3001@172.22.33.101")
    world.receive(phone.flow, phone.request("INVITE", f"sip:3003@{DOMAIN}", body=body))
    inner = world.take(phone.upstream)
    assert b"o=- 1 2 IN IP4 10.10.10.7\r\n" in inner.body
    phone.office_answer(inner, 200, body=offer(OFFICE, 40750, user="pbx-17"))
    assert world.take(phone.flow).status == 100
    assert b"o=- 1 2 IN IP4 192.168.64.96\r\n" in world.take(phone.flow).body


@pytest.mark.parametrize(
    ("action", "value", "shown"), [("auto", "", OURS_OUT), ("overwrite", "x.example", "x.example")]
)
def test_warning(hidden, action, value, shown):
    world, phone = hidden(rule("Warning", action, value, towards="endpoint"))
    out = from_office(world, phone, Warning='399 pbx.lan:5060 "from a queue", 301 a "b"')
    assert out.get("Warning") == f'399 {shown} "from a queue"'
    assert out.all("Warning")[1] == f'301 {shown} "b"'


@pytest.mark.parametrize("header", ["Server", "User-Agent"])
def test_products(hidden, header):
    field = {header.replace("-", "_"): "IP Office 9.1.7.0 build 163"}
    world, phone = hidden(rule(header))
    assert from_office(world, phone, **field).get(header) is None
    world, phone = hidden(rule(header, "overwrite", "Farline"))
    assert from_office(world, phone, **field).get(header) == "Farline"


def test_one_interface_has_one_name_in_via(load_border):
    other = "    - {name: plain}\n"
    second = (
        "    - {name: S2, server_profile: IPO, received_interface: IPORWB1Sig, transport: TLS,\n"
        "       signaling_interface: IPORWA1Sig, media_interface: IPORWA1Media,\n"
        "       end_point_policy_group: avaya-def-low-enc, topology_hiding_profile: plain}\n"
    )
    rules = "[{header: Via, replace_action: overwrite, overwrite_value: a}]"
    via = f"    - {{name: strict, rules: {rules}}}"
    with pytest.raises(ConfigError, match="same rule for Via"):
        load_border(
            ("topology_hiding_profile: null", "topology_hiding_profile: strict"),
            (FLOWS, f"  topology_hiding_profiles:\n{via}\n{other}{FLOWS}"),
            ("  # Device Specific Settings > DMZ", second + "  # Device Specific Settings > DMZ"),
        )


def test_call_ids_need_a_key(load_border):
    with pytest.raises(ConfigError, match="topology_hiding_key"):
        load_border(
            (
                FLOWS,
                "  topology_hiding_profiles: [{name: s, rules: [{header: Call-ID}]}]\n" + FLOWS,
            )
        )


# ---- Call-ID on request ----


def test_call_id_is_hidden_and_found_again(hidden):
    world, phone = hidden(rule("Call-ID"))
    phone.call_office(call="secret@172.22.33.101")
    inner = phone.inner_invite.call_id
    assert inner.startswith("fl") and "172.22" not in inner and "secret" not in inner
    # the office hangs up by the Call-ID that it knows, the phone reads its own
    bye = phone.office_request("BYE", to_tag="phone", from_tag="office", call=inner)
    world.receive(phone.upstream, bye)
    out = world.take(phone.flow)
    assert out.call_id == "secret@172.22.33.101"
    phone.answer(out, 200)
    assert world.take(phone.upstream).call_id == inner
    assert not world.core.show()["sessions"]


def test_hidden_call_id_of_the_office_outlives_a_restart(hidden):
    tokens = []
    for _ in range(2):
        world, phone = hidden(rule("Call-ID", "overwrite", "sbc.example"))
        out = from_office(world, phone, call=f"77@{OFFICE}")
        tokens.append(out.call_id)
        phone.answer(out, 200)
        assert world.take(phone.upstream).call_id == f"77@{OFFICE}"
    assert tokens[0] == tokens[1] and tokens[0].endswith("@sbc.example")


def test_a_call_outlives_a_change_of_the_key(hidden):
    world, phone = hidden(rule("Call-ID"))
    phone.call_office(call="mine")
    before = phone.inner_invite.call_id
    assert before != "mine"
    border = world.core._context.plan.border
    world.give(Reconfigured(changed(border, topology_hiding_key=Secret("other"))))
    bye = phone.office_request("BYE", to_tag="phone", from_tag="office", call=before)
    world.receive(phone.upstream, bye)
    assert world.take(phone.flow).call_id == "mine"


def test_border_hangs_up_with_each_sides_call_id(hidden):
    world, phone = hidden(rule("Call-ID"))
    phone.call_office(call="mine")
    world.close(phone.flow)
    world.wait(300)
    bye = next(m for m in world.unread(phone.upstream) if m.method == "BYE")
    assert bye.call_id == phone.inner_invite.call_id != "mine"


def test_call_ids_of_other_dialogs(hidden):
    """Attended transfer and call pickup name dialogs: each side reads the one that it knows."""
    world, phone = hidden(rule("Call-ID"))
    phone.call_office(call="mine@a")
    token = phone.inner_invite.call_id
    out = from_phone(
        world, phone, "REFER", call="other",
        Refer_To=f"<sip:3005@{DOMAIN}?Replaces=mine%40a%3Bto-tag%3Doffice%3Bfrom-tag%3Dphone>",
    )  # fmt: skip
    assert f"?Replaces={token}%3Bto-tag%3Doffice" in out.get("Refer-To")
    phone.office_answer(out, 202)
    assert world.take(phone.flow).status == 202
    body = f'<dialog-info><dialog id="1" call-id="{token}"/></dialog-info>'.encode()
    notify = from_office(
        world, phone, "MESSAGE", body=body, Content_Type="application/dialog-info+xml",
        Replaces=f"{token};to-tag=a;from-tag=b",
    )  # fmt: skip
    assert b'call-id="mine@a"' in notify.body
    assert notify.get("Replaces") == "mine@a;to-tag=a;from-tag=b"


# ---- bodies ----

REGINFO = """<?xml version="1.0" encoding="{encoding}"?>
<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="0" state="full">
<registration aor="sip:3001@10.10.10.13" id="a" state="active"><contact id="1" state="active">
<uri>sip:3001@10.10.10.7:5060;transport=tcp;subid_ipcs={subid}</uri></contact>
<contact id="2"><uri>sip:3001@&#49;0.10.10.30:5060</uri></contact>
<contact id="3"><uri>sip:3001@10.10.10.7:5060;transport=tcp;subid_ipcs=99</uri></contact>
</registration></reginfo>"""


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16", "ISO-8859-1"])
def test_reginfo(hidden, encoding):
    world, phone = hidden(rule("Warning"))
    body = REGINFO.format(encoding=encoding, subid=phone.subid).encode(encoding)
    out = from_office(world, phone, body=body, Content_Type="application/reginfo+xml")
    assert f"<uri>{phone.contact}</uri>".encode() in out.body
    assert f'aor="sip:3001@{DOMAIN}"'.encode() in out.body
    assert f"<uri>sip:3001@{DOMAIN}</uri>".encode() in out.body
    assert b"<uri>sip:3001@192.168.64.96:5060;transport=tcp</uri>" in out.body
    assert b"10.10.10" not in out.body and b"subid" not in out.body
    assert b"UTF-8" in out.body.upper()


def test_body_that_nobody_can_read_does_not_pass(hidden):
    world, phone = hidden(rule("Warning"))
    body = b'<?xml version="1.0" encoding="EBCDIC-US"?><x/>'
    out = from_office(world, phone, body=body, Content_Type="application/pidf+xml")
    assert out.body == b"" and out.get("Content-Type") is None
    assert world.core.show()["counters"]["audit.bodies-removed"] == 1
    assert world.decisions("topology")[-1].value == "body removed"


def test_message_summary(hidden):
    world, phone = hidden(rule("Warning"))
    body = b"Messages-Waiting: yes\r\nMessage-Account: sip:3001@10.10.10.13:5060\r\n"
    out = from_office(world, phone, body=body, Content_Type="application/simple-message-summary")
    assert out.body.endswith(f"Message-Account: sip:3001@{DOMAIN}\r\n".encode())


@pytest.mark.parametrize("method", ["PUBLISH", "SUBSCRIBE", "MESSAGE", "REGISTER"])
def test_presence_of_the_phone(hidden, method):
    """What the phone says of its own address leads back to it."""
    world, phone = hidden(rule("Warning"))
    body = (
        f'<presence entity="pres:3001@{DOMAIN}"><tuple><contact>{phone.contact}</contact>'
        "</tuple><note>sip:3003@192.168.64.96:5060 calls</note></presence>"
    ).encode()
    uri = f"sip:{DOMAIN}" if method == "REGISTER" else f"sip:3001@{DOMAIN}"
    request = phone.request(
        method, uri, to=f"<sip:3001@{DOMAIN}>", body=body, Content_Type="application/pidf+xml",
        Contact=f'<{phone.contact}>;+sip.instance="{phone.instance}";reg-id=1',
    )  # fmt: skip
    world.receive(phone.flow, request)
    out = world.take(phone.upstream)
    inside = f"sip:3001@10.10.10.7:5060;transport=tcp;subid_ipcs={phone.subid}"
    assert f"<contact>{inside}</contact>".encode() in out.body
    assert b"sip:3003@10.10.10.13:5060 calls" in out.body
    assert f'"pres:3001@{DOMAIN}"'.encode() in out.body


# ---- the audit ----


def test_audit_cleans_names_and_addresses(hidden):
    audit = {"inside_names": ["inside.lan"], "outside_names": ["www.inside.lan"]}
    world, phone = hidden(rule("Server"), audit=audit)
    out = from_office(
        world, phone, X_From="host pbx7.INSIDE.lan:5060", X_Web="www.inside.lan.example",
        Call_Info="<http://10.10.10.30/x>", body=b"<a>pbx.inside.lan</a>",
        Content_Type="application/x+xml",
    )  # fmt: skip
    assert out.get("X-From") == f"host {OURS_OUT}:5060"
    assert out.get("X-Web") == "www.inside.lan.example"
    assert out.body == f"<a>{DOMAIN}</a>".encode()
    assert "audit.leaks" not in world.core.show()["counters"]


def test_audit_cleans_descriptions_that_the_media_engine_leaves_as_they_are(hidden):
    """Lines of SDP that no engine knows, in an offer, its answer and a repeated description."""
    world, phone = hidden(rule("Server"), audit={"inside_names": ["inside.lan"]})
    lines = (
        b"i=seen at 10.10.10.13\r\nu=http://pbx.inside.lan/\r\n",
        b"a=alt:1 1 : a b 10.10.10.13 40750\r\na=x-host:10.10.10.30\r\n",
    )
    told = offer(OFFICE, 40750, OFFICE).replace(b"c=", lines[0] + b"c=", 1) + lines[1]
    invite = phone.request("INVITE", f"sip:3003@{DOMAIN}", body=offer(phone.behind))
    world.receive(phone.flow, invite)
    assert world.take(phone.flow).status == 100
    inner = world.take(phone.upstream)
    for status in (183, 200):
        phone.office_answer(inner, status, body=told)
        answer = world.take(phone.flow)
        assert b"10.10.10" not in answer.body and b"inside.lan" not in answer.body
        assert b"a=alt:1 1 : a b 192.168.64.96 40750" in answer.body
    assert b"10.10.10" not in from_office(world, phone, "INVITE", body=told).body
    assert "audit.leaks" not in world.core.show()["counters"]


def test_audit_cleans_a_contacts_name_and_parameters(hidden):
    world, phone = hidden(rule("Server"))
    contact = f'"at {OFFICE}" <sip:{OFFICE}@{OFFICE}>;x="{OFFICE}"'
    assert OFFICE not in from_office(world, phone, Contact=contact).get("Contact")
    assert "audit.leaks" not in world.core.show()["counters"]


def test_audit_counts_what_cannot_be_replaced(hidden):
    world, phone = hidden(rule("Server"), leaks=True, register=False)
    request = phone.request("REGISTER", f"sip:{DOMAIN}", to=f"<sip:3001@{DOMAIN}>")
    world.receive(phone.flow, request)
    assert world.take(phone.flow).status == 100
    challenge = responses.make(world.take(world.opened[-1]), 401, to_tag="x")
    challenge.add("WWW-Authenticate", 'Digest realm="10.10.10.13", nonce="n"')
    world.receive(world.opened[-1], challenge)
    answer = world.take(phone.flow)
    # another realm would make every password wrong
    assert 'realm="10.10.10.13"' in answer.get("WWW-Authenticate")
    counters = world.core.show()["counters"]
    assert counters["audit.leaks"] == counters["audit.WWW-Authenticate"] == 1
    (decision,) = world.decisions("audit")
    assert decision.value == "leak in WWW-Authenticate" and "10.10.10.13" in decision.because


def test_audit_only_reports_if_told_so(hidden):
    world, phone = hidden(rule("Server"), audit={"action": "report"}, leaks=True)
    out = from_office(world, phone, X_From="10.10.10.30", Warning='399 10.10.10.13 "x"')
    assert out.get("X-From") == "10.10.10.30"
    assert world.core.show()["counters"]["audit.leaks"] == 2
    assert [d.value for d in world.decisions("audit")] == ["leak in X-From", "leak in Warning"]


def test_call_id_of_the_office_is_a_leak_until_a_rule_hides_it(hidden):
    world, phone = hidden(rule("Server"), leaks=True)
    from_office(world, phone, call=f"1@{OFFICE}")
    assert world.core.show()["counters"]["audit.Call-ID"] == 1
    world, phone = hidden(rule("Call-ID"))
    from_office(world, phone, call=f"1@{OFFICE}")
    assert "audit.leaks" not in world.core.show()["counters"]


@pytest.mark.parametrize(
    "name",
    [
        "<sip:3001@{}>;TAG=phone",
        "<sip:3001@{}> ; tag = phone",
        '"x;tag=zz" <sip:3001@{}>;tag=phone;y=1',
        '<sip:3001@{}>;x=";tag=q";tag=phone',
    ],
)
def test_a_dialog_whose_names_are_hidden_goes_on_however_its_tag_is_written(hidden, name):
    world, phone = hidden(rule("From"), rule("To"))
    whole, shown = NameAddr.parse(name.format(DOMAIN)), NameAddr.parse(name.format(OURS_IN))
    invite = phone.request("INVITE", f"sip:3003@{DOMAIN}", body=offer(), From=str(whole))
    world.receive(phone.flow, invite)
    world.take(phone.flow)
    inner = world.take(phone.upstream)
    assert inner.get("From") == str(shown)
    phone.office_answer(inner, 200, body=offer(OFFICE, 40750))
    world.take(phone.flow)
    world.receive(phone.flow, phone.in_dialog("ACK", cseq=phone.cseq, From=str(whole)))
    ack = NameAddr.parse(world.take(phone.upstream).get("From"))
    assert (ack.display, ack.uri.host) == (whole.display, OURS_IN)
    assert [pair for pair in ack.params if pair[0].lower() == "tag"] == [("tag", "phone")]
    bye = phone.office_request("BYE", to_tag="phone", call="call-1", To=str(shown))
    world.receive(phone.upstream, bye)
    to = NameAddr.parse(world.take(phone.flow).get("To"))
    assert (to.display, to.uri.host) == (whole.display, DOMAIN)
    assert [pair for pair in to.params if pair[0].lower() == "tag"] == [("tag", "phone")]
