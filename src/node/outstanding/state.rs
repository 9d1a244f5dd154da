//! How something stands that is owed, and who must act for it to go on.

use std::fmt;

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is handed over as soon as the peer can be reached.
    Waiting,
    /// The peer has not cosigned a checkpoint that covers it yet.
    WaitingForWitness,
    /// The peer was offered it and has not answered.
    InDoubt,
    /// Nor before it expired.
    DoubtPastExpiry,
    /// It can't be handed over, and waits for an operator.
    SetAside,
    /// It is carried as soon as the peer can be reached.
    ToCarry,
    /// It is told as soon as the peer can be reached.
    ToTell,
    /// No way leads to its destination, or no link to the peer that it is for; it is told as soon as the
    /// directory names one.
    WaitingForWay,
    /// It waits for a second officer.
    WaitingForApproval,
    /// It passes through here, and waits for the word of an officer.
    UnderReview,
}

impl State {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::WaitingForWitness => "waiting_for_witness",
            Self::InDoubt => "in_doubt",
            Self::DoubtPastExpiry => "in_doubt_past_expiry",
            Self::SetAside => "set_aside",
            Self::ToCarry => "to_carry",
            Self::ToTell => "to_tell",
            Self::WaitingForWay => "waiting_for_way",
            Self::WaitingForApproval => "waiting_for_approval",
            Self::UnderReview => "under_review",
        }
    }

    /// Who must act for it to go on.
    pub const fn must_act(self) -> &'static str {
        match self {
            Self::Waiting | Self::ToCarry | Self::ToTell => "node",
            Self::WaitingForWitness | Self::InDoubt => "peer",
            Self::DoubtPastExpiry => "operators",
            Self::SetAside | Self::WaitingForWay => "operator",
            Self::WaitingForApproval | Self::UnderReview => "officer",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
