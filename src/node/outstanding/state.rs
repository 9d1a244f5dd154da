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
    /// The directory names no link with that peer any more, so it can't answer.
    DoubtWithoutLink,
    /// The peer was offered it and had not answered when it expired.
    DoubtPastExpiry,
    /// It can't be handed over, and waits for an operator.
    SetAside,
    /// It is carried as soon as the peer can be reached.
    ToCarry,
    /// It is told as soon as the peer can be reached.
    ToTell,
    /// No way leads to its destination, or no link to the peer that it is for; it goes on as soon as the
    /// directory names one.
    WaitingForWay,
    /// It is told once its message is known to have arrived.
    WaitingForArrival,
    /// The node answers it by itself.
    ToAnswer,
    /// An officer answers it.
    WaitingForDecision,
    /// It was lost here: it is given up once every neighbour was asked and none has it.
    LostOnTheWay,
    /// It goes no further, but a neighbour may have it that has not shown yet what was lost here with the end of
    /// a volume.
    AskedAbout,
    /// It goes no further, and the node has still to say so.
    ToConclude,
    /// It has come, and is listed once what comes before it has come, is void, or it expires itself.
    WaitingForOrder,
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
            Self::DoubtWithoutLink => "in_doubt_without_link",
            Self::DoubtPastExpiry => "in_doubt_past_expiry",
            Self::SetAside => "set_aside",
            Self::ToCarry => "to_carry",
            Self::ToTell => "to_tell",
            Self::WaitingForWay => "waiting_for_way",
            Self::WaitingForArrival => "waiting_for_arrival",
            Self::ToAnswer => "to_answer",
            Self::WaitingForDecision => "waiting_for_decision",
            Self::LostOnTheWay => "lost_on_the_way",
            Self::AskedAbout => "asked_about",
            Self::ToConclude => "to_conclude",
            Self::WaitingForOrder => "waiting_for_order",
            Self::WaitingForApproval => "waiting_for_approval",
            Self::UnderReview => "under_review",
        }
    }

    /// Who must act for it to go on.
    pub const fn must_act(self) -> &'static str {
        match self {
            Self::Waiting | Self::ToCarry | Self::ToTell | Self::ToAnswer | Self::ToConclude => {
                "node"
            }
            Self::WaitingForWitness
            | Self::InDoubt
            | Self::WaitingForArrival
            | Self::LostOnTheWay
            | Self::AskedAbout
            | Self::WaitingForOrder => "peer",
            Self::DoubtPastExpiry | Self::DoubtWithoutLink => "operators",
            Self::SetAside | Self::WaitingForWay => "operator",
            Self::WaitingForApproval | Self::UnderReview | Self::WaitingForDecision => "officer",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
