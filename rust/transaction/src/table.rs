//! A transaction machine as a table: (state, input) -> (next state, actions).
//!
//! The four tables stand in `invite_client`, `invite_server`, `non_invite_client` and
//! `non_invite_server`, each to be held beside its figure in RFC 3261 section 17 (as changed by
//! RFC 6026). Three rules:
//!
//! - An input that a state does not list is absorbed: nothing happens.
//! - A timer that a state does not list is stopped by entering that state.
//! - The state changes first, then the actions run in order. A timer of zero seconds (D, I, J, K
//!   on a reliable transport) fires at once, so its start is the last action of its row.

/// Makes an enumeration whose members have names for people, and know them all.
macro_rules! named {
    ($(#[$about:meta])* $kind:ident { $($(#[$note:meta])* $member:ident = $name:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $kind { $($(#[$note])* #[doc = $name] $member,)* }

        impl $kind {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$member,)*];

            /// How people know it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$member => $name,)* }
            }
        }
    };
}

named! {
    /// States of RFC 3261 section 17 and RFC 6026.
    State {
        Start = "Start",
        Calling = "Calling",
        Trying = "Trying",
        Proceeding = "Proceeding",
        Completed = "Completed",
        Confirmed = "Confirmed",
        Accepted = "Accepted",
        Terminated = "Terminated",
    }
}

named! {
    /// What happens to a transaction: a message, a lost flow, or a timer (by its name).
    Input {
        /// The request itself: from the user at a client, from the wire (also again) at a server.
        Request = "request",
        Ack = "ACK",
        /// Responses: from the wire at a client, from the user at a server.
        Provisional = "1xx",
        Success = "2xx",
        Rejection = "300-699",
        TransportError = "transport error",
        TimerA = "A",
        TimerB = "B",
        /// No provisional response any more for over three minutes (section 16.8):
        TimerC = "C",
        TimerD = "D",
        TimerE = "E",
        TimerF = "F",
        TimerG = "G",
        TimerH = "H",
        TimerI = "I",
        TimerJ = "J",
        TimerK = "K",
        TimerL = "L",
        TimerM = "M",
        /// 200 ms without a provisional response (section 17.2.1):
        Timer100 = "100",
        /// A non-INVITE request unanswered while Timer E grows to T2 (RFC 4320 section 4.1):
        TimerLate = "LATE",
        /// 64*T1 after CANCEL without a final response (section 9.1):
        TimerCancel = "CANCEL",
    }
}

named! {
    /// What a transition does; `actions` says how.
    Action {
        SendRequest = "send request",
        SendResponse = "send response",
        SendAck = "send ACK",
        Send100 = "send 100 unless a response was sent",
        Resend = "send the last message again",
        Pass = "pass to user",
        TimedOut = "inform user: timeout",
        Broken = "inform user: transport",
        Unacknowledged = "end with cause timeout",
        Unreachable = "end with cause transport",
        Lost = "inform user: no way back",
        Cancel = "send CANCEL",
        StartA = "start A",
        RepeatA = "restart A, doubled",
        StartB = "start B",
        StartC = "start C again",
        StartD = "start D",
        StartE = "start E",
        RepeatE = "restart E, doubled up to T2",
        SlowE = "restart E with T2",
        StartF = "start F",
        StartG = "start G",
        RepeatG = "restart G, doubled up to T2",
        StartH = "start H",
        StartI = "start I",
        StartJ = "start J",
        StartK = "start K",
        StartL = "start L",
        StartM = "start M",
        Start100 = "start 100",
        StartLate = "start LATE",
    }
}

/// In a state an input leads to a state, by actions.
pub type Row = (State, Input, State, &'static [Action]);

/// Rows as people write them: `State, Input => State after it [actions];`.
macro_rules! rows {
    ($($state:ident, $input:ident => $after:ident [$($action:ident)*];)*) => {
        &[$((
            $crate::table::State::$state,
            $crate::table::Input::$input,
            $crate::table::State::$after,
            &[$($crate::table::Action::$action),*],
        ),)*]
    };
}
pub(crate) use rows;

/// A machine, ready to run.
pub struct Table {
    rows: &'static [Row],
    /// By state and input the number of the row, counted from 1; 0 where there is none.
    places: [[u8; Input::ALL.len()]; State::ALL.len()],
}

impl Table {
    /// The machine of these rows.
    pub const fn new(rows: &'static [Row]) -> Self {
        let mut places = [[0; Input::ALL.len()]; State::ALL.len()];
        let mut row = 0;
        while row < rows.len() {
            let (state, input, ..) = rows[row];
            row += 1;
            places[state as usize][input as usize] = row as u8;
        }
        Self { rows, places }
    }

    /// As written.
    pub const fn rows(&self) -> &'static [Row] {
        self.rows
    }

    /// What an input does in a state; `None`: nothing.
    pub fn row(&self, state: State, input: Input) -> Option<(State, &'static [Action])> {
        let place = usize::from(self.places[state as usize][input as usize]);
        let (_, _, after, actions) = self.rows.get(place.checked_sub(1)?)?;
        Some((*after, actions))
    }
}
