//! What no directory leads on: owed to a peer with which it names no link, or meant for an agency to which it
//! names no way. It waits for another directory, which people have to make.

use std::collections::BTreeMap;

use crate::domain::ids::AgencyId;
use crate::history::outbox;
use crate::history::rows::HistoryError;
use crate::history::waiting::Waiting;
use crate::node::outstanding::{self, Owed, State};
use crate::node::setting::Setting;

/// Of each list so much is looked at.
const LOOKED_AT: usize = 256;

/// Whether it waits for another directory.
const fn is_stranded(state: State) -> bool {
    matches!(state, State::WaitingForWay | State::DoubtWithoutLink)
}

/// How much waits for each agency, as far as it is looked at.
///
/// # Errors
/// `HistoryError` if the state can't be read.
pub fn by_agency(setting: &Setting) -> Result<BTreeMap<AgencyId, usize>, HistoryError> {
    let mut found = Vec::new();
    for waiting in Waiting::ALL.iter().filter(|it| !it.is_of_peers()) {
        found.extend(outstanding::some_of(setting, (*waiting, None), LOOKED_AT)?);
    }
    let directory = setting.directory();
    let peers = outbox::owed_to(setting.store.as_ref())?.into_iter();
    for peer in peers.filter(|it| !directory.are_linked(&setting.agency, it)) {
        for waiting in Waiting::ALL.iter().filter(|it| it.is_of_peers()) {
            found.extend(outstanding::some_of(setting, (*waiting, Some(&peer)), LOOKED_AT)?);
        }
    }
    let mut counts = BTreeMap::new();
    for Owed { peer, destination, .. } in found.into_iter().filter(|it| is_stranded(it.state)) {
        if let Some(agency) = peer.or(destination) {
            let count: &mut usize = counts.entry(agency).or_default();
            *count = count.saturating_add(1);
        }
    }
    Ok(counts)
}
