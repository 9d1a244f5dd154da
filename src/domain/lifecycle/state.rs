//! The states of a request at one executing agency, and the two sides.

use std::fmt;
use std::str::FromStr;

use crate::domain::header::UnknownWord;

/// Who acts: each request has one of each for every executing agency.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The agency that asks, or that gives information unasked.
    Requester,
    /// The agency that is asked, or informed.
    Requested,
}

impl Side {
    /// Both sides.
    pub const ALL: [Self; 2] = [Self::Requester, Self::Requested];

    /// The other side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Requester => Self::Requested,
            Self::Requested => Self::Requester,
        }
    }

    /// The side's name in files and on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requester => "requester",
            Self::Requested => "requested",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! states {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// Where a request stands at one executing agency. The order is how far along it is: of two
        /// acts that crossed, the one that leads further counts. Rows hold the place in this order.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize,
        )]
        #[serde(rename_all = "snake_case")]
        pub enum State {
            $($(#[$doc])* $name,)*
        }

        impl State {
            /// Every state there is, the least far along first.
            pub const ALL: [Self; 18] = [$(Self::$name,)*];

            /// The state's name in files and on screens.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

states! {
    /// The origin accepted it and owes its delivery.
    Sent = "sent",
    /// It is at the requested agency; the authority has not acknowledged it.
    Delivered = "delivered",
    /// Another authority is competent, and named; the requester sends the request there.
    Redirected = "redirected",
    /// The authority acknowledged it.
    Received = "received",
    /// The executing authority looks at it.
    InExamination = "in_examination",
    /// The requester owes an answer to questions.
    AwaitingRequester = "awaiting_requester",
    /// The requester owes a word on the conditions offered.
    ConditionsPending = "conditions_pending",
    /// Both consult, before a refusal or postponement or a better way.
    Consulting = "consulting",
    /// Execution is put off.
    Postponed = "postponed",
    /// It is being executed.
    InExecution = "in_execution",
    /// Part of it is done.
    PartiallyExecuted = "partially_executed",
    /// The requester took it back.
    Withdrawn = "withdrawn",
    /// It was declined, in whole or in part.
    Refused = "refused",
    /// The result is on its way, or the requester reported its own measures.
    Executed = "executed",
    /// The requester has the result and checked it.
    DeliveredResult = "delivered_result",
    /// Information was offered unasked: topic and restrictions, no content yet.
    Offered = "offered",
    /// Information was given unasked.
    Informed = "informed",
    /// Nothing more is owed. The only final state; use limits and conditions survive it.
    Closed = "closed",
}

impl State {
    /// Nothing more is owed by anybody.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Closed)
    }

    /// What was asked for may still be done: not executed, refused, withdrawn or closed.
    pub const fn is_open(self) -> bool {
        match self {
            Self::Sent
            | Self::Delivered
            | Self::Redirected
            | Self::Received
            | Self::InExamination
            | Self::AwaitingRequester
            | Self::ConditionsPending
            | Self::Consulting
            | Self::Postponed
            | Self::InExecution
            | Self::PartiallyExecuted => true,
            Self::Withdrawn
            | Self::Refused
            | Self::Executed
            | Self::DeliveredResult
            | Self::Offered
            | Self::Informed
            | Self::Closed => false,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|it| it.as_str() == text).ok_or(UnknownWord { what: "state" })
    }
}
/// Who goes on with a request that came to a wrong authority.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum Redirection {
    /// The requester, who sends it to the agency that was named.
    #[default]
    SentAnew,
    /// The same agency, at another of its desks.
    Within,
    /// The agency that it was passed on to; here it is left to be closed.
    PassedOn,
}

impl Redirection {
    /// Whose turn it is.
    pub const fn owner(self) -> Side {
        match self {
            Self::SentAnew | Self::PassedOn => Side::Requester,
            Self::Within => Side::Requested,
        }
    }
}
