//! Asks a peer for what was lost of an earlier volume, page by page, until it has shown everything.

use crate::clock::Timestamp;
use crate::domain::ids::AgencyId;
use crate::node::command::Command;
use crate::node::duties::outbound::{Lie, SessionEnd, Then, Wish, send};
use crate::node::recovery::Recovery;
use crate::node::setting::Setting;
use crate::wire::relay::{Missing, Outgoing, Shown};

/// How asking stands in one session.
#[derive(Debug, Default)]
pub(super) struct Missed {
    /// The peer owes an answer, or it is being taken.
    asked: bool,
    /// It is asked again then.
    again: Option<Timestamp>,
}

impl Missed {
    /// The peer can't answer now.
    pub(super) const fn refused(again: Timestamp) -> Self {
        Self { asked: false, again: Some(again) }
    }

    /// True while the peer owes an answer, or it is being taken.
    pub(super) const fn is_asked(&self) -> bool {
        self.asked
    }

    /// The next question, if one is to be asked now.
    pub(super) fn ask(
        &mut self,
        setting: &Setting,
        peer: &AgencyId,
        recovery: &Recovery,
    ) -> Result<Option<Wish>, SessionEnd> {
        let now = setting.clock.now();
        if self.asked || self.again.is_some_and(|again| now < again) {
            return Ok(None);
        }
        let (Some(from), Ok(journal)) = (recovery.asks(setting, peer), recovery.before.parse())
        else {
            return Ok(None);
        };
        *self = Self { asked: true, again: None };
        Ok(Some(send(Outgoing::Missing(Missing { journal, size: recovery.size, from }))))
    }

    /// Takes an answer.
    pub(super) fn shown(&self, peer: &AgencyId, shown: Shown) -> Result<Vec<Wish>, SessionEnd> {
        if !self.asked {
            return Err(Lie::NotAsked.into());
        }
        let command = Command::Recover { by: peer.clone(), shown };
        Ok(vec![Wish::Execute(Box::new(command), Then::Recovered)])
    }
}
