//! What is read of a description.

/// A whole description.
#[derive(Debug)]
pub struct Description<'a> {
    /// Of the o= line: user, session, version, address. A user with blanks in it, which some phones
    /// write, is read from the right.
    pub origin: [&'a [u8]; 4],
    /// The address of the session's c= line.
    pub connection: Option<&'a str>,
    /// The session part's a= lines, trimmed.
    pub attributes: Vec<&'a [u8]>,
    /// The m= sections.
    pub media: Vec<Media<'a>>,
}

/// One m= section.
#[derive(Debug)]
pub struct Media<'a> {
    /// Audio, video, ...
    pub kind: &'a [u8],
    /// 0 where it is rejected.
    pub port: u16,
    /// What the m= line names, as it is written.
    pub protocol: &'a [u8],
    /// All behind it; `formats()` are its words.
    pub formats: &'a [u8],
    /// The address of its own c= line.
    pub connection: Option<&'a str>,
    /// The port of its last a=rtcp, and the address where that has one.
    pub rtcp: Option<(u16, Option<&'a str>)>,
    /// Its a= lines, trimmed.
    pub attributes: Vec<&'a [u8]>,
    /// Who sends, where it says so or the session does.
    pub direction: Direction,
}

impl<'a> Media<'a> {
    /// The words behind the protocol: of RTP the payload types, most wanted first. Blanks are those of
    /// ISO 8859-1, controls that part and the hard blank with them.
    pub fn formats(&self) -> impl Iterator<Item = &'a [u8]> {
        let parts = |byte: &u8| matches!(byte, 9..=13 | 28..=32 | 0x85 | 0xa0);
        self.formats.split(parts).filter(|word| !word.is_empty())
    }

    /// Whether it says that RTCP may share the port of RTP.
    #[must_use]
    pub fn muxes(&self) -> bool {
        self.attributes.contains(&&b"rtcp-mux"[..])
    }
}

/// Who sends (RFC 8866 section 6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Both.
    SendRecv,
    /// Its writer.
    SendOnly,
    /// Its reader.
    RecvOnly,
    /// Nobody.
    Inactive,
}

impl Direction {
    /// The attribute's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// The first of some attributes that is one.
    pub(crate) fn of(attributes: &[&[u8]]) -> Option<Self> {
        let all = [
            Self::SendRecv,
            Self::SendOnly,
            Self::RecvOnly,
            Self::Inactive,
        ];
        let read = |value: &&[u8]| all.into_iter().find(|one| one.name().as_bytes() == *value);
        attributes.iter().find_map(read)
    }
}
