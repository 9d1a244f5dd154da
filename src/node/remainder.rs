//! How much a node owes still: what an operator looks at who waits for it to have passed all on.

use crate::history::rows::HistoryError;
use crate::history::{attachments, drafts, outbox, set_aside, under_review};
use crate::node::outstanding::{COUNT_MAX, words};
use crate::node::records::{self, Draining};
use crate::node::setting::Setting;

/// How much is owed, and whether anything new is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rest {
    /// An operator's word that nothing new is taken, if one stands.
    pub draining: Option<Draining>,
    /// Messages to be handed over; counting stops at [`COUNT_MAX`] a peer.
    pub messages: usize,
    /// Attachments to be carried, counted likewise.
    pub attachments: usize,
    /// Statements to be told.
    pub statements: u64,
    /// Statements that wait for a way, or for a link with their peer: for another directory.
    pub waiting_for_way: usize,
    /// Messages that wait for an operator.
    pub set_aside: usize,
    /// Messages that are held for review.
    pub under_review: usize,
    /// Drafts that wait for a second officer.
    pub drafts: usize,
}

impl Rest {
    /// Whether nothing is owed but what waits for people.
    pub const fn is_empty(&self) -> bool {
        self.messages == 0 && self.attachments == 0 && self.statements == 0
    }
}

/// How much is still owed.
pub fn rest(setting: &Setting) -> Result<Rest, HistoryError> {
    let store = setting.store.as_ref();
    let mut rest = Rest {
        draining: records::draining(store)?,
        set_aside: set_aside::ROWS.page(store, None, COUNT_MAX)?.len(),
        under_review: under_review::ROWS.page(store, None, COUNT_MAX)?.len(),
        waiting_for_way: words::counted(setting, COUNT_MAX)?,
        drafts: drafts::page(store, true, None, COUNT_MAX)?.len(),
        ..Rest::default()
    };
    let directory = setting.directory();
    for peer in directory.agencies().map(|it| &it.id).filter(|it| **it != setting.agency) {
        rest.messages += outbox::owed(store, peer, None, COUNT_MAX)?.len();
        rest.attachments += attachments::owed(store, peer, COUNT_MAX)?.len();
        let taken = records::notices_taken(store, peer)?;
        let statements = outbox::notices_counted(store, peer)?.saturating_sub(taken);
        if directory.are_linked(&setting.agency, peer) {
            rest.statements += statements;
        } else {
            rest.waiting_for_way += usize::try_from(statements).unwrap_or(usize::MAX);
        }
    }
    Ok(rest)
}
