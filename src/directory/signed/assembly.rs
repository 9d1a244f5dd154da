//! The directory that follows from the texts in force, and what stands in the way of a part of it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::directory::document::Directory;
use crate::directory::journal_keys::JournalKeys;
use crate::directory::link::Link;
use crate::directory::record::AgencyRecord;
use crate::directory::signed::held::Held;
use crate::directory::signed::roll::Status;
use crate::directory::witness_keys::WitnessKeys;
use crate::domain::ids::AgencyId;

/// What stands in the way of an agency, or of a link, while the others go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Complaint {
    /// The roll lists it as active, and there is no record of it.
    NoRecord(AgencyId),
    /// Its record was signed by a key that the roll does not name any more.
    OldKey(AgencyId),
    /// It names a link, and the other end does not.
    OneSided(AgencyId, AgencyId),
    /// Both name the link, and agree on no channel.
    NoChannel(AgencyId, AgencyId),
    /// Two agencies name the same public key.
    SharedKey(AgencyId, AgencyId),
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRecord(agency) => write!(f, "there is no record of {agency}"),
            Self::OldKey(agency) => {
                write!(f, "the record of {agency} is not signed by the key that the roll names")
            }
            Self::OneSided(agency, with) => {
                write!(f, "{agency} names a link with {with}, which names none with it")
            }
            Self::NoChannel(a, b) => write!(f, "{a} and {b} name a link, and no channel both"),
            Self::SharedKey(a, b) => write!(f, "{a} and {b} name the same key"),
        }
    }
}

impl Held {
    /// The directory that follows, and what stands in the way of agencies and links.
    ///
    /// Of an agency that is suspended or has left only the journals' and the witness's keys remain:
    /// nobody of it is let in and nothing is sent to it, and what it signed stays provable.
    pub fn directory(&self) -> (Directory, Vec<Complaint>) {
        let mut told = Vec::new();
        let mut agencies: BTreeMap<AgencyId, Arc<AgencyRecord>> = BTreeMap::new();
        for member in self.roll().into_iter().flat_map(|it| &it.roll.agencies) {
            let (id, active) = (member.id.clone(), member.status == Status::Active);
            match self.records.get(&member.id) {
                Some(held) if active && held.by == member.key => {
                    agencies.insert(id, Arc::clone(&held.agency));
                }
                Some(held) => {
                    if active {
                        told.push(Complaint::OldKey(id.clone()));
                    }
                    agencies.insert(id, Arc::new(only_provable(&held.agency)));
                }
                None if active => told.push(Complaint::NoRecord(id)),
                None => {}
            }
        }
        let links = self.link_up(&agencies, &mut told);
        tell_shared_keys(&agencies, &mut told);
        let lists = agencies.keys().map(|id| {
            let lists = self.lists.of(id).map(|(_, list)| Arc::clone(&list.der));
            (id.clone(), lists.collect())
        });
        let lists = lists.collect();
        let network = self.genesis().network.clone();
        let directory =
            Directory::assembled(network, (self.version(), self.hash()), agencies, links);
        let issued_at = self.roll().map(|it| it.roll.issued_at);
        (directory.issued(issued_at).with_lists(lists), told)
    }

    /// The links that both ends name, in the order of their names.
    fn link_up(
        &self,
        agencies: &BTreeMap<AgencyId, Arc<AgencyRecord>>,
        told: &mut Vec<Complaint>,
    ) -> Vec<Link> {
        let reachable = |id: &AgencyId| agencies.get(id).is_some_and(|it| !it.nodes.is_empty());
        let mut links = Vec::new();
        for (id, held) in self.records.iter().filter(|(id, _)| reachable(id)) {
            for offer in held.links.iter() {
                let back = self.records.get(&offer.with).filter(|_| reachable(&offer.with));
                let back = back.and_then(|it| it.links.iter().find(|back| back.with == *id));
                let Some(back) = back else {
                    told.push(Complaint::OneSided(id.clone(), offer.with.clone()));
                    continue;
                };
                if *id > offer.with {
                    continue;
                }
                let channels: std::collections::BTreeSet<_> =
                    offer.channels.intersection(&back.channels).copied().collect();
                if channels.is_empty() {
                    told.push(Complaint::NoChannel(id.clone(), offer.with.clone()));
                    continue;
                }
                let cost = offer.cost.max(back.cost);
                links.push(Link { a: id.clone(), b: offer.with.clone(), channels, cost });
            }
        }
        links
    }
}

/// What stays of an agency that takes no part.
fn only_provable(record: &AgencyRecord) -> AgencyRecord {
    AgencyRecord {
        id: record.id.clone(),
        country: record.country.clone(),
        roots: Vec::new(),
        issuing: Vec::new(),
        crls: Vec::new(),
        journals: record.journals.clone(),
        witness: record.witness.clone(),
        sealing: Vec::new(),
        nodes: Vec::new(),
        contact_points: Vec::new(),
        transit: None,
    }
}

/// A key signs or seals one kind of text for one agency. Who copies another's harms itself alone,
/// since every signature has its agency's name in it; it is told, and nobody is left out.
fn tell_shared_keys(agencies: &BTreeMap<AgencyId, Arc<AgencyRecord>>, told: &mut Vec<Complaint>) {
    let mut owners: BTreeMap<&[u8], &AgencyId> = BTreeMap::new();
    for (id, record) in agencies {
        let journals = record.journals.iter();
        let keys = journals.flat_map(JournalKeys::publics);
        let keys = keys.chain(record.sealing.iter().map(|it| it.public.as_slice()));
        let witness = record.witness.iter().flat_map(WitnessKeys::publics);
        for key in keys.chain(witness.map(|it| it.as_slice())) {
            match owners.get(key) {
                Some(owner) if *owner != id => {
                    told.push(Complaint::SharedKey((*owner).clone(), id.clone()));
                }
                Some(_) => {}
                None => {
                    owners.insert(key, id);
                }
            }
        }
    }
}
