//! Descriptions: whatever comes is rewritten, what is rewritten stays as it is the next time, and it
//! has as many sections.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sdp::{read, rewrite, Ours, Profile, Section, Security};

fuzz_target!(|data: &[u8]| {
    let section = |security| Section {
        rtp: 40_000,
        rtcp: 40_001,
        security,
    };
    let added = [b"crypto:1 A".to_vec()];
    let secure = Security {
        profile: Profile::Rtp {
            secure: true,
            feedback: None,
        },
        added: &added,
    };
    let replaced = Security {
        profile: Profile::Replaced {
            profile: b"RTP/AVP",
            null_stays: false,
        },
        added: &[],
    };
    let sections = [
        section(Some(secure)),
        section(Some(replaced)),
        section(None),
    ];
    let ours = |sections| Ours {
        address: "192.0.2.7",
        sections,
        session: &[],
    };
    let _ = rewrite(data, &ours(&sections));
    let plain = rewrite(data, &ours(&sections[2..]));
    assert_eq!(rewrite(&plain, &ours(&sections[2..])), plain);
    // Not all that could be read can be: it has become longer, or a rejected section has a port.
    if let (Ok(before), Ok(after)) = (read(data), read(&plain)) {
        assert_eq!(after.media.len(), before.media.len());
    }
});
