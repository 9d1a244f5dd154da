//! How much a node owes still: what an operator looks at who waits for it to have passed all on.

use std::collections::BTreeSet;

use crate::domain::ids::AgencyId;
use crate::history::rows::HistoryError;
use crate::history::waiting::Waiting;
use crate::history::{attachments, drafts, outbox, set_aside, under_review};
use crate::node::outstanding::{self, COUNT_MAX, State};
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
    /// Statements to be told, or to be made by the node itself.
    pub statements: usize,
    /// What waits for a way, or for a link with its peer: for another directory.
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
    let mut rest = Rest { draining: records::draining(store)?, ..Rest::default() };
    let peers = outbox::owed_to(store)?;
    for waiting in Waiting::ALL {
        rest.add(setting, &peers, *waiting)?;
    }
    Ok(rest)
}

impl Rest {
    /// Adds what waits of this sort.
    fn add(
        &mut self,
        setting: &Setting,
        peers: &BTreeSet<AgencyId>,
        waiting: Waiting,
    ) -> Result<(), HistoryError> {
        let store = setting.store.as_ref();
        match waiting {
            Waiting::SetAside => {
                self.set_aside = set_aside::ROWS.page(store, None, COUNT_MAX)?.len();
            }
            Waiting::Reviews => {
                self.under_review = under_review::ROWS.page(store, None, COUNT_MAX)?.len();
            }
            Waiting::Drafts => self.drafts = drafts::page(store, true, None, COUNT_MAX)?.len(),
            Waiting::Messages => {
                self.messages = self.of_peers(setting, peers, |peer| {
                    Ok(outbox::owed(store, peer, None, COUNT_MAX)?.len())
                })?;
            }
            Waiting::Attachments => {
                self.attachments = self.of_peers(setting, peers, |peer| {
                    Ok(attachments::owed(store, peer, COUNT_MAX)?.len())
                })?;
            }
            Waiting::Statements => {
                let told = self.of_peers(setting, peers, |peer| {
                    let taken = records::notices_taken(store, peer)?;
                    let left = outbox::notices_counted(store, peer)?.saturating_sub(taken);
                    Ok(usize::try_from(left).unwrap_or(usize::MAX))
                })?;
                self.statements = self.statements.saturating_add(told);
            }
            Waiting::Lost
            | Waiting::Conclusions
            | Waiting::Orders
            | Waiting::Words
            | Waiting::Erasures => self.add_each(setting, waiting)?,
        }
        Ok(())
    }

    /// How much of it is owed to peers with which there is a link; the rest waits for one.
    fn of_peers(
        &mut self,
        setting: &Setting,
        peers: &BTreeSet<AgencyId>,
        count: impl Fn(&AgencyId) -> Result<usize, HistoryError>,
    ) -> Result<usize, HistoryError> {
        let directory = setting.directory();
        let mut linked = 0_usize;
        for peer in peers {
            let sum = match directory.are_linked(&setting.agency, peer) {
                true => &mut linked,
                false => &mut self.waiting_for_way,
            };
            *sum = sum.saturating_add(count(peer)?);
        }
        Ok(linked)
    }

    /// Adds what becomes a statement, or waits for a way; what waits for somebody else is not owed by this
    /// node now.
    fn add_each(&mut self, setting: &Setting, waiting: Waiting) -> Result<(), HistoryError> {
        for owed in outstanding::some_of(setting, (waiting, None), COUNT_MAX)? {
            if owed.state == State::WaitingForWay {
                self.waiting_for_way = self.waiting_for_way.saturating_add(1);
            } else if owed.state.must_act() == "node" {
                self.statements = self.statements.saturating_add(1);
            }
        }
        Ok(())
    }
}
