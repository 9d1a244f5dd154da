//! The sorts of what waits here for somebody. Each has its line in the queue that operators see: whoever
//! lists the queue matches over all of them, and each table says which of them its rows are
//! ([`table`](super::table)), so neither a sort nor a table can be without one.

macro_rules! sorts {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What waits.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Waiting {
            $($(#[$doc])* $name,)*
        }

        impl Waiting {
            /// All of them, in the order in which they are listed.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
        }
    };
}

sorts! {
    /// Messages that were set aside, for an operator.
    SetAside,
    /// Messages that are held for review, for an officer.
    Reviews,
    /// Messages that were lost here on their way, until all neighbours were asked.
    Lost,
    /// Messages that go no further, and of which this node has still to say so.
    Conclusions,
    /// Messages that have come, and are not listed before what comes before them.
    Orders,
    /// Words of origins that no way leads on.
    Words,
    /// Erasures that are to be asked for, or answered.
    Erasures,
    /// Drafts, for a second officer.
    Drafts,
    /// Messages that are owed to a peer.
    Messages,
    /// Attachments that are owed to a peer.
    Attachments,
    /// Statements that are owed to a peer.
    Statements,
}

impl Waiting {
    /// Its number, as pages of the queue name it.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Whether it is listed for each peer by itself.
    pub const fn is_of_peers(self) -> bool {
        match self {
            Self::Messages | Self::Attachments | Self::Statements => true,
            Self::SetAside
            | Self::Reviews
            | Self::Lost
            | Self::Conclusions
            | Self::Orders
            | Self::Words
            | Self::Erasures
            | Self::Drafts => false,
        }
    }
}
