//! What handling, deadlines and the course of a request need to know of a message's content.
//!
//! Content can be erased, and folds never read it. So what must be known for good of what a
//! message says (how it is labelled, what it asks item by item, which times it sets) stands beside
//! it in the particulars. No free text, no person.

use crate::domain::acts::Act;
use crate::domain::handling::{Classification, HandlingCodes, Label, Onward, Tlp};
use crate::domain::ids::{ContactPointId, ItemId, MessageId, StateCode};
use crate::domain::lifecycle::State;
use crate::domain::obligation::StatedDue;

/// What an act does to one item of its request.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ItemMark {
    /// The item; none where the request names no items.
    pub item: Option<ItemId>,
    /// What is done to it: a result may deliver one item and refuse another.
    pub act: Act,
    /// Where its sender had seen the item; none in the message that opens the request.
    pub seen: Option<State>,
}

/// A word on passing content on to other States (UNTOC 18(5), 18(19); Protocol 10(2)).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Consent {
    /// Granted, or not; a request for it says neither.
    pub granted: Option<bool>,
    /// The States to which the content is to go; at most
    /// [`CONSENT_STATES_MAX`](crate::domain::limits::CONSENT_STATES_MAX).
    pub states: Vec<StateCode>,
}

/// Where a request goes that came to a wrong authority (Budapest Convention 27(9)(c), EIO 7(6)).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Redirect {
    /// This desk is competent. Its own agency goes on with the request; one of another agency gets
    /// it from the requester, anew.
    Named(ContactPointId),
    /// This desk is competent, and the request is on its way there already.
    PassedOn(ContactPointId),
    /// The request itself, handed on to the desk that is competent; this desk asked.
    HandedOn(ContactPointId),
    /// Nowhere: it is a reviewing transit's note about a message that this desk sent (UNTOC 18(13)).
    Noted(ContactPointId),
}

/// What must be known for good of what a message says.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Bearing {
    /// The strictest label of the message and of all that it holds.
    pub label: Label,
    /// Fact and substance of the request are confidential (UNTOC 18(20)).
    pub confidential: bool,
    /// An exercise: without effect in law.
    pub exercise: bool,
    /// Topic and restrictions only; the content follows once they are accepted.
    pub offer: bool,
    /// What it does to which items; in the opening message, the items that there are. At most
    /// [`ITEMS_MAX`](crate::domain::limits::ITEMS_MAX).
    pub items: Vec<ItemMark>,
    /// The number of the other side's last message in this request that its sender had heard.
    pub heard: u64,
    /// Times that it sets; at most
    /// [`STATED_DUES_MAX`](crate::domain::limits::STATED_DUES_MAX).
    pub dues: Vec<StatedDue>,
    /// What it says of passing content on.
    pub consent: Option<Consent>,
    /// The message whose content it passes on, or that it is a note about.
    pub relay_of: Option<MessageId>,
    /// Where its request goes, if it came to a wrong authority.
    pub redirect: Option<Redirect>,
}

impl Default for Bearing {
    fn default() -> Self {
        Self::silent(None)
    }
}

impl Bearing {
    /// What holds of a message that says nothing about itself: the strictest label short of
    /// naming recipients one by one, of information that belongs to `originator`.
    pub fn silent(originator: Option<StateCode>) -> Self {
        Self {
            label: Label {
                tlp: Tlp::AmberStrict,
                codes: HandlingCodes::default(),
                classification: None::<Classification>,
                onward: Onward::OriginatorConsent,
                originator,
            },
            confidential: false,
            exercise: false,
            offer: false,
            items: Vec::new(),
            heard: 0,
            dues: Vec::new(),
            consent: None,
            relay_of: None,
            redirect: None,
        }
    }

    /// The desk whose request it hands on; none if it does not.
    pub const fn handed_on(&self) -> Option<&ContactPointId> {
        match &self.redirect {
            Some(Redirect::HandedOn(requester)) => Some(requester),
            Some(Redirect::Named(_) | Redirect::PassedOn(_) | Redirect::Noted(_)) | None => None,
        }
    }

    /// The desk that the request is passed on to with it; none if it is not.
    pub const fn passed_on(&self) -> Option<&ContactPointId> {
        match &self.redirect {
            Some(Redirect::PassedOn(desk)) => Some(desk),
            Some(Redirect::Named(_) | Redirect::HandedOn(_) | Redirect::Noted(_)) | None => None,
        }
    }

    /// The desk whose message it is a note about; none if it is no note.
    pub const fn noted(&self) -> Option<&ContactPointId> {
        match &self.redirect {
            Some(Redirect::Noted(sender)) => Some(sender),
            Some(Redirect::Named(_) | Redirect::PassedOn(_) | Redirect::HandedOn(_)) | None => None,
        }
    }

    /// The items by name, in the order of the message; none where it names none.
    pub fn named(&self) -> impl Iterator<Item = &ItemId> {
        self.items.iter().filter_map(|it| it.item.as_ref())
    }
}
