//! How long a peer may be silent before it is taken for dead: a while, and as long again as a slow line
//! needs for what was handed over and is not answered.
//!
//! An answer comes after each frame, so between two answers a line carries one frame at the most: what
//! is granted beyond the while is bounded by the largest frame, however much waits behind it.

use std::collections::VecDeque;
use std::time::Duration;

use crate::transport::limits::{self, KEEPALIVE_INTERVAL, KEEPALIVE_TIME_MAX};
use crate::transport::tls::Beats;

/// What is asked of a connection at each look.
pub(super) struct Patience {
    /// An answer that is owed may take so long, besides what the line needs.
    while_owed: Duration,
    /// How long the peer has owed an answer and said nothing.
    silent: Duration,
    /// For how long no byte at all has come, and how often any had before.
    no_sign_for: Duration,
    heard: u64,
}

impl Patience {
    /// Of a session whose peer has just been heard.
    pub(super) const fn of(while_owed: Duration) -> Self {
        Self { while_owed, silent: Duration::ZERO, no_sign_for: Duration::ZERO, heard: 0 }
    }

    /// The peer has answered something.
    pub(super) const fn heard(&mut self) {
        self.silent = Duration::ZERO;
    }

    /// So much time has passed; `unanswered` bytes were handed over before it, or nothing is owed. Whether
    /// any byte has come meanwhile, and how many were written since, the connection's pulse says.
    ///
    /// # Errors
    /// Why the session is to end: its peer is to be dialled anew.
    pub(super) fn passed(
        &mut self,
        time: Duration,
        unanswered: Option<usize>,
        pulse: Beats,
    ) -> Result<(), String> {
        // Who owed nothing was not silent.
        self.silent = if unanswered.is_some() { self.silent + time } else { Duration::ZERO };
        let bytes = unanswered.unwrap_or(0);
        if self.silent > with_crossing(self.while_owed, bytes) {
            return Err("the peer owes an answer and is silent".to_owned());
        }
        // What stands in the way of an answer stands in the way of a sign of life too.
        let is_new = pulse.heard != self.heard;
        self.no_sign_for = if is_new { Duration::ZERO } else { self.no_sign_for + time };
        self.heard = pulse.heard;
        let without_sign = KEEPALIVE_INTERVAL + KEEPALIVE_TIME_MAX;
        if self.no_sign_for > with_crossing(without_sign, bytes.max(pulse.written)) {
            return Err("no sign of life comes over the connection".to_owned());
        }
        Ok(())
    }
}

/// A time, and what a line needs for so many bytes.
fn with_crossing(time: Duration, bytes: usize) -> Duration {
    time + limits::crossing(bytes.min(limits::FRAME_BYTES_MAX))
}

/// Sizes of the frames that were handed over and not answered, in bytes: each is answered once, in order.
#[derive(Default)]
pub(super) struct Unanswered(VecDeque<usize>);

impl Unanswered {
    /// A frame was handed over.
    pub(super) fn handed(&mut self, bytes: usize) {
        self.0.push_back(bytes);
    }

    /// The oldest was answered.
    pub(super) fn answered(&mut self) {
        self.0.pop_front();
    }

    /// Of all of them together.
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHILE: Duration = Duration::from_secs(30);
    const SECOND: Duration = Duration::from_secs(1);
    const OWES: &str = "the peer owes an answer and is silent";

    /// Looks each second at a connection over which something comes all the time.
    struct Looks(Patience, u64);

    impl Looks {
        fn of() -> Self {
            Self(Patience::of(WHILE), 0)
        }

        fn on(&mut self, owed: Option<usize>) -> Result<(), String> {
            self.1 += 1;
            self.0.passed(SECOND, owed, Beats { heard: self.1, written: 0 })
        }
    }

    /// After how many seconds a peer is given up that owes an answer to so many bytes.
    fn given_up_after(bytes: usize) -> u64 {
        let mut looks = Looks::of();
        while looks.on(Some(bytes)).is_ok() {}
        looks.1
    }

    #[test]
    fn a_dead_peer_is_found_as_soon_as_ever_where_little_is_on_the_way() {
        assert_eq!(given_up_after(0), 31);
        assert_eq!(given_up_after(limits::RATE_MIN / 2), 31);
    }

    #[test]
    fn each_second_of_the_slowest_line_is_granted_and_not_one_more() {
        for seconds in [1, 2, 128] {
            assert_eq!(given_up_after(seconds * limits::RATE_MIN), 31 + seconds as u64);
            assert_eq!(given_up_after(seconds * limits::RATE_MIN - 1), 30 + seconds as u64);
        }
    }

    #[test]
    fn what_waits_behind_the_largest_frame_grants_nothing_more() {
        let largest = given_up_after(limits::FRAME_BYTES_MAX);
        assert_eq!(largest, 31 + limits::crossing(limits::FRAME_BYTES_MAX).as_secs());
        assert_eq!(given_up_after(64 * limits::FRAME_BYTES_MAX), largest);
    }

    #[test]
    fn a_peer_that_owes_nothing_is_not_silent_and_has_all_its_time_once_it_does() {
        let mut looks = Looks::of();
        for _ in 0..1_000 {
            looks.on(None).expect("nothing is owed");
        }
        for _ in 0..30 {
            looks.on(Some(0)).expect("it has its time");
        }
        assert_eq!(looks.on(Some(0)), Err(OWES.to_owned()));
        looks.0.heard();
        assert_eq!(looks.on(Some(0)), Ok(()));
    }

    #[test]
    fn frames_are_answered_in_their_order() {
        let mut unanswered = Unanswered::default();
        unanswered.handed(5);
        unanswered.handed(7);
        assert_eq!(unanswered.bytes(), 12);
        unanswered.answered();
        assert_eq!(unanswered.bytes(), 7);
        unanswered.answered();
        unanswered.answered();
        assert_eq!(unanswered.bytes(), 0);
    }

    #[test]
    fn a_connection_without_a_sign_of_life_ends_although_nothing_is_owed() {
        let gone = Err("no sign of life comes over the connection".to_owned());
        let mut patience = Patience::of(WHILE);
        let mut look = |written| patience.passed(SECOND, None, Beats { heard: 0, written });
        for _ in 0..50 {
            look(0).expect("as long as a sign of life may take");
        }
        assert_eq!(look(0), gone);
        // What was written since is on its way first.
        assert_eq!(look(2 * limits::RATE_MIN), Ok(()));
        assert_eq!(look(2 * limits::RATE_MIN), gone);
        assert_eq!(patience.passed(SECOND, None, Beats { heard: 1, written: 0 }), Ok(()));
    }
}
