//! Vectors that are given in session keys: RFC 3711 appendix B.2, RFC 6188 section 7.1, RFC 7714
//! sections 16 and 17.

use super::*;

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
    (0..hex.len()).step_by(2).map(digit).collect()
}

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const SALT: &str = "517569642070726f2071756f";

fn gcm(suite: Suite) -> Transform {
    let key = bytes(&KEY[..suite.key_length() * 2]);
    Transform::with_keys(suite, &key, &[], &bytes(SALT), TAG)
}

fn keystream(suite: Suite, key: &str) -> Vec<u8> {
    let salt = bytes("f0f1f2f3f4f5f6f7f8f9fafbfcfd");
    let transform = Transform::with_keys(suite, &bytes(key), &[0; 20], &salt, 10);
    let Transform::Cm(cm) = transform else {
        unreachable!("a counter mode suite")
    };
    let mut stream = vec![0; 0xff02 * 16];
    cm.crypt(Number { ssrc: 0, index: 0 }, &mut stream);
    stream
}

#[test]
fn rfc_3711_appendix_b_2() {
    let suite = Suite::AesCm128HmacSha1_80;
    let stream = keystream(suite, "2b7e151628aed2a6abf7158809cf4f3c");
    let first = "e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab\
                 41e95b3bb0a2e8dd477901e4fca894c0";
    let last = "ec8cdf7398607cb0f2d21675ea9ea1e4362b7c3c6773516318a077d7fc5073ae\
                6a2cc3787889374fbeb4c81b17ba6c44";
    assert_eq!(stream[..48], bytes(first));
    assert_eq!(stream[0xfeff * 16..], bytes(last));
}

#[test]
fn rfc_6188_section_7_1() {
    let key = "57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98";
    let stream = keystream(Suite::Aes256CmHmacSha1_80, key);
    let first = "92bdd28a93c3f52511c677d08b5515a49da71b2378a854f67050756ded165bac\
                 63c4868b7096d88421b563b8c94c9a31";
    let last = "cea518c90fd91ced9cbb18c078a547113dbc4814f4da5f00a08772b63c6a046d\
                6eb246913062a16891433e97dd01a57f";
    assert_eq!(stream[..48], bytes(first));
    assert_eq!(stream[0xfeff * 16..], bytes(last));
}

#[test]
fn rfc_7714_section_16() {
    let number = Number {
        ssrc: 0x5501_a0b2,
        index: 0xf17b,
    };
    let plain = bytes(
        "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e6973206469766973612069\
         6e207061727465732074726573",
    );
    let short = "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5\
                 f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce";
    let long = "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b\
                2a0276ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13";
    for (suite, sealed) in [(Suite::AeadAes128Gcm, short), (Suite::AeadAes256Gcm, long)] {
        let (transform, sealed) = (gcm(suite), bytes(sealed));
        let mut room = [0; 100];
        room[..plain.len()].copy_from_slice(&plain);
        let length = transform
            .seal_rtp(&mut room, 12, plain.len(), number)
            .expect("sealed");
        assert_eq!(room[..length], sealed);
        let length = transform
            .open_rtp(&mut room[..length], 12, number)
            .expect("opened");
        assert_eq!(room[..length], plain);
    }
}

/// The packet that section 17 works with, the sender's SSRC being "Mars".
const RTCP: &str =
    "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeef\
                    deadbeefdeadbeefdeadbeef";
const MARS: Number = Number {
    ssrc: 0x4d61_7273,
    index: 0x5d4,
};

#[test]
fn rfc_7714_section_17() {
    let plain = bytes(RTCP);
    let short = "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda\
                 4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4";
    let long = "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be\
                8415f658c61de0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be800005d4";
    for (suite, sealed) in [(Suite::AeadAes128Gcm, short), (Suite::AeadAes256Gcm, long)] {
        let (transform, sealed) = (gcm(suite), bytes(sealed));
        let mut room = [0; 100];
        room[..plain.len()].copy_from_slice(&plain);
        let length = transform
            .seal_rtcp(&mut room, plain.len(), MARS)
            .expect("sealed");
        assert_eq!(room[..length], sealed);
        assert_eq!(transform.word_at(length), Some(length - 4));
        let length = transform
            .open_rtcp(&mut room[..length], 0x8000_05d4, MARS)
            .expect("opened");
        assert_eq!(room[..length], plain);
    }
}

#[test]
fn rfc_7714_section_17_3_a_tag_without_encryption() {
    let tag = "841dd9683dd78ec92ae58790125f62b3000005d4";
    let mut sealed = [bytes(RTCP), bytes(tag)].concat();
    let opened = gcm(Suite::AeadAes128Gcm).open_rtcp(&mut sealed, 0x5d4, MARS);
    assert_eq!(opened, Ok(bytes(RTCP).len()));
}
