//! URIs, addresses and Via values.
use std::borrow::Cow;

use sip_wire::{Error, NameAddr, Uri, Via};

fn plain(value: Option<Cow<'_, [u8]>>) -> Option<String> {
    value.map(|value| String::from_utf8_lossy(&value).into_owned())
}

fn show(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn uri_parts() -> Result<(), Error> {
    let uri =
        Uri::parse(b"sips:al%69ce:pw@[2001:db8::1]:5061;transport=tcp;lr;x=%41?Subject=a&b=c")?;
    assert_eq!(uri.scheme(), b"sips");
    assert_eq!(plain(uri.user()).as_deref(), Some("alice"));
    assert_eq!(uri.host(), b"2001:db8::1");
    assert_eq!(uri.port(), Some(5061));
    assert_eq!(plain(uri.param(b"TRANSPORT")).as_deref(), Some("tcp"));
    assert_eq!(plain(uri.param(b"lr")).as_deref(), Some(""));
    assert_eq!(plain(uri.param(b"x")).as_deref(), Some("A"));
    assert_eq!(uri.param(b"y"), None);
    assert_eq!(uri.params().count(), 3);
    assert_eq!(uri.headers(), b"Subject=a&b=c");
    Ok(())
}

#[test]
fn uri_changes_keep_the_rest() -> Result<(), Error> {
    let uri = Uri::parse(b"sip:a%40b@host.example;LR;q=1;;z=2?h=1")?;
    let changed = uri
        .with_param(b"q", Some(b"a b"))?
        .with_param(b"new", None)?;
    assert_eq!(
        show(changed.text()),
        "sip:a%40b@host.example;LR;q=a%20b;;z=2;new?h=1"
    );
    let changed = changed
        .without_param(b"lr")?
        .with_host(b"::1", Some(5070))?;
    assert_eq!(
        show(changed.text()),
        "sip:a%40b@[::1]:5070;q=a%20b;;z=2;new?h=1"
    );
    assert!(uri.with_host(b"bad host", None).is_err());
    Ok(())
}

#[test]
fn other_schemes() -> Result<(), Error> {
    let tel = Uri::parse(b"tel:+1-201-555;phone-context=x")?;
    assert_eq!(plain(tel.user()).as_deref(), Some("+1-201-555"));
    assert_eq!(plain(tel.param(b"phone-context")).as_deref(), Some("x"));
    assert!(tel.equivalent(&Uri::parse(b"TEL:+1201555;PHONE-context=X")?));
    let urn = Uri::parse(b"urn:uuid:96cd7630")?;
    assert_eq!(
        (urn.scheme(), urn.host(), urn.user()),
        (&b"urn"[..], &b""[..], None)
    );
    assert!(urn.with_param(b"a", None).is_err());
    Ok(())
}

#[test]
fn no_uris() {
    for text in [
        "",
        "sip",
        "sip:",
        ":a",
        "1sip:a",
        "sip:@host",
        "sip:a@",
        "sip:a@b@c",
        "sip:a b@c",
        "sip:a@h:0",
        "sip:a@h:65536",
        "sip:a@h:",
        "sip:a@[::1",
        "sip:a@[zz]",
        "sip:a@h\u{e4}",
        "tel:",
        "sip:<a@b>",
        "sip:a@h!",
    ] {
        assert!(Uri::parse(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn build_escapes() -> Result<(), Error> {
    let params = [(Cow::Borrowed(&b"a;b"[..]), Some(Cow::Borrowed(&b"1=2"[..])))];
    let uri = Uri::build(
        b"sip",
        Some(b"a@b:c d"),
        b"2001:db8::1",
        Some(5060),
        &params,
    )?;
    assert_eq!(
        show(uri.text()),
        "sip:a%40b%3Ac%20d@[2001:db8::1]:5060;a%3Bb=1%3D2"
    );
    assert_eq!(plain(uri.user()).as_deref(), Some("a@b:c d"));
    assert_eq!(plain(uri.param(b"a;b")).as_deref(), Some("1=2"));
    Ok(())
}

#[test]
fn equivalence_of_the_rfc() -> Result<(), Error> {
    // The examples of RFC 3261 section 19.1.4.
    let same = [
        (
            "sip:%61lice@atlanta.com;transport=TCP",
            "sip:alice@AtLanTa.CoM;Transport=tcp",
        ),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
    ];
    let different = [
        (
            "SIP:ALICE@AtLanTa.CoM;Transport=udp",
            "sip:alice@AtLanTa.CoM;Transport=UDP",
        ),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        (
            "sip:bob@biloxi.com",
            "sip:bob@biloxi.com:6000;transport=tcp",
        ),
        (
            "sip:carol@chicago.com",
            "sip:carol@chicago.com?Subject=next%20meeting",
        ),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        (
            "sip:carol@chicago.com;security=off",
            "sip:carol@chicago.com;security=on",
        ),
        ("sip:a%3Bb@x.example", "sip:a;b@x.example"),
        ("sip:a@x.example", "sips:a@x.example"),
    ];
    let equal = |one: &str, two: &str| -> Result<bool, Error> {
        let (one, two) = (Uri::parse(one.as_bytes())?, Uri::parse(two.as_bytes())?);
        assert_eq!(one.equivalent(&two), two.equivalent(&one));
        Ok(one.equivalent(&two))
    };
    for (one, two) in same {
        assert!(equal(one, two)?, "{one} {two}");
    }
    for (one, two) in different {
        assert!(!equal(one, two)?, "{one} {two}");
    }
    Ok(())
}

#[test]
fn address_forms() -> Result<(), Error> {
    let quoted = NameAddr::parse(
        b"\"J \\\"R\\\" <x>, y\"  <sip:j@example.com;lr> ; tag = 9 ;lone;q=\"a;b\"",
    )?;
    assert_eq!(show(&quoted.display()), "J \"R\" <x>, y");
    assert_eq!(show(quoted.uri()?.text()), "sip:j@example.com;lr");
    assert_eq!(plain(quoted.param(b"TAG")).as_deref(), Some("9"));
    assert_eq!(plain(quoted.param(b"lone")).as_deref(), Some(""));
    assert_eq!(plain(quoted.param(b"q")).as_deref(), Some("a;b"));
    assert_eq!(quoted.param(b"lr"), None);
    let words = NameAddr::parse("Jos\u{e9} (home)<sip:a@b>".as_bytes())?;
    assert_eq!(show(&words.display()), "Jos\u{e9} (home)");
    let bare = NameAddr::parse(b"sip:a@b;tag=1")?;
    assert_eq!(show(bare.uri()?.text()), "sip:a@b");
    assert_eq!(plain(bare.param(b"tag")).as_deref(), Some("1"));
    Ok(())
}

#[test]
fn address_changes_keep_the_rest() -> Result<(), Error> {
    let contact =
        NameAddr::parse(b"Bob  <sip:b@192.0.2.1>;q=1; +sip.instance=\"<urn:uuid:0>\";reg-id=1")?;
    let uri = Uri::parse(b"sip:b@10.0.0.1;transport=tcp")?;
    let moved = contact
        .with_uri(&uri)?
        .with_param(b"Q", Some(b"0.5"))?
        .without_param(b"reg-id")?;
    let expected = "Bob  <sip:b@10.0.0.1;transport=tcp>;Q=0.5; +sip.instance=\"<urn:uuid:0>\"";
    assert_eq!(show(moved.text()), expected);
    let bare = NameAddr::parse(b"sip:b@192.0.2.1;expires=3")?.with_uri(&uri)?;
    assert_eq!(
        show(bare.text()),
        "<sip:b@10.0.0.1;transport=tcp>;expires=3"
    );
    let quoted = moved.with_param(b"x", Some(b"say \"hi\""))?;
    assert_eq!(plain(quoted.param(b"x")).as_deref(), Some("say \"hi\""));
    Ok(())
}

#[test]
fn no_addresses() {
    for text in [
        "",
        "*",
        "<>",
        "<sip:a@b",
        "\"x <sip:a@b>",
        "\"x\" sip:a@b",
        "a, b <sip:a@b>",
        "< sip:a@b >",
        "<sip:a@b>;;",
        "<sip:a@b>;",
        "<sip:a@b> x",
        "sip:a@b?x=1",
        "<sip:a@b>;x=\"y",
        "<sip:a@b>;=1",
    ] {
        assert!(NameAddr::parse(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn via_values() -> Result<(), Error> {
    let via = Via::parse(
        b"SIP / 2.0 / TCP  [2001:db8::9] : 5060 ; branch = z9hG4bK1;rport;received=::1",
    )?;
    assert_eq!(
        (via.transport(), via.host(), via.port()),
        (&b"TCP"[..], &b"2001:db8::9"[..], Some(5060))
    );
    assert_eq!(plain(via.param(b"branch")).as_deref(), Some("z9hG4bK1"));
    assert_eq!(plain(via.param(b"received")).as_deref(), Some("::1"));
    let filled = via.with_param(b"rport", Some(b"4711"))?;
    assert!(show(filled.text()).ends_with("z9hG4bK1;rport=4711;received=::1"));
    for text in [
        "",
        "SIP/2.0 UDP h",
        "SIP/2.0/UDP",
        "SIP/2.0/UDPh ",
        "SIP/2.0/UDP h;;",
        "SIP/2.0/UDP h:x",
        "SIP/2.0/UDP a b",
    ] {
        assert!(Via::parse(text.as_bytes()).is_err(), "{text}");
    }
    Ok(())
}
