//! What two nodes hold of the directory, told and compared.
//!
//! A node tells what it holds in short ([`Holding`]): whoever holds the same knows it from that. If
//! not, the rolls follow by number, and of records and revocation lists the other says which it has
//! ([`Listing`]). What comes out is a list of names of texts to ask for: those that are newer, and
//! those that contradict what is known here, since two texts of one version are evidence.

use std::collections::{BTreeMap, BTreeSet};

use crate::directory::signed::held::Held;
use crate::domain::digest::Digest;
use crate::domain::ids::AgencyId;
use crate::pki::revoke;

/// Most texts that are asked for at once.
pub const TEXTS_AT_ONCE: usize = 16;
/// Most texts that were refused and are not asked for again; the oldest are forgotten first.
pub const DECLINED_MAX: usize = 1_024;

/// What a node holds, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Hash of the genesis: which network.
    pub genesis: Digest,
    /// Version of the roll in force.
    pub roll: u64,
    /// Its hash.
    pub roll_hash: Digest,
    /// Version of the directory that follows.
    pub version: u64,
    /// Its hash, over roll and records.
    pub hash: Digest,
    /// Hash over which revocation lists are in force.
    pub lists_hash: Digest,
}

/// A record that a node holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRecord {
    /// Whose.
    pub agency: AgencyId,
    /// Its version.
    pub version: u64,
    /// Its hash.
    pub hash: Digest,
}

/// A revocation list that a node holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedList {
    /// Whose.
    pub agency: AgencyId,
    /// Hash of the public key of the authority that signed it.
    pub issuer: Digest,
    /// Its number.
    pub number: u64,
}

/// What a node holds besides its roll.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Records.
    pub records: Vec<ListedRecord>,
    /// Revocation lists.
    pub lists: Vec<ListedList>,
}

/// Which text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TextName {
    /// A version of the roll.
    Roll(u64),
    /// An agency's record.
    Record(AgencyId),
    /// An agency's revocation list, by the hash of its authority's public key.
    List(AgencyId, Digest),
}

impl TextName {
    /// What kind of text it is, in a word.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Roll(_) => "roll",
            Self::Record(_) => "record",
            Self::List(..) => "list",
        }
    }
}

impl std::fmt::Display for TextName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Roll(version) => write!(f, "roll {version}"),
            Self::Record(agency) => write!(f, "record of {agency}"),
            Self::List(agency, _) => write!(f, "revocation list of {agency}"),
        }
    }
}

/// A text that another holds: its name, and the version or number and hash that it was told to have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lacked {
    /// Which.
    pub name: TextName,
    /// Its version or number.
    pub version: u64,
    /// Its hash; none is told of a revocation list.
    pub hash: Option<Digest>,
}

/// What was asked for and refused: it is not asked for again.
#[derive(Clone, Debug, Default)]
pub struct Declined {
    seen: BTreeSet<Lacked>,
    order: std::collections::VecDeque<Lacked>,
}

impl Declined {
    /// Remembers one.
    pub fn note(&mut self, lacked: Lacked) {
        if self.seen.insert(lacked.clone()) {
            self.order.push_back(lacked);
        }
        if self.order.len() > DECLINED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
    }

    /// Whether it is among them.
    pub fn has(&self, lacked: &Lacked) -> bool {
        self.seen.contains(lacked)
    }

    /// Forgets all: what is in force has changed, and with it what may follow.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Held {
    /// What is held here, in short.
    pub fn holding(&self) -> Holding {
        let (roll, roll_hash) =
            self.roll().map_or((0, self.genesis().hash()), |it| (it.roll.version, it.hash));
        Holding {
            genesis: self.genesis().hash(),
            roll,
            roll_hash,
            version: self.version(),
            hash: self.hash(),
            lists_hash: self.lists_hash(),
        }
    }

    /// What is held here besides the roll.
    pub fn listing(&self) -> Listing {
        let records = self.recorded().filter_map(|agency| {
            let (version, hash) = self.record(agency)?;
            Some(ListedRecord { agency: agency.clone(), version, hash })
        });
        let lists = self.lists().map(|(agency, issuer, list)| ListedList {
            agency: agency.clone(),
            issuer: *issuer,
            number: list.number,
        });
        Listing { records: records.collect(), lists: lists.collect() }
    }

    /// The rolls to ask for of somebody who holds this, in order: those that follow the one here, or
    /// the other text of one that is or was in force here.
    pub fn rolls_lacked(&self, theirs: &Holding) -> Vec<Lacked> {
        let own = self.roll().map_or(0, |it| it.roll.version);
        let roll = |version: u64, hash| Lacked { name: TextName::Roll(version), version, hash };
        if theirs.roll > own {
            let next = own.saturating_add(1)..=theirs.roll;
            let hash_of = |version| (version == theirs.roll).then_some(theirs.roll_hash);
            return next.take(TEXTS_AT_ONCE).map(|it| roll(it, hash_of(it))).collect();
        }
        let differs = self.past_roll(theirs.roll).is_some_and(|own| own != theirs.roll_hash);
        differs.then(|| roll(theirs.roll, Some(theirs.roll_hash))).into_iter().collect()
    }

    /// The records and revocation lists to ask for of somebody who has listed these.
    pub fn lacked(&self, theirs: &Listing) -> Vec<Lacked> {
        let records = theirs.records.iter().filter(|it| self.lacks_record(it)).map(|it| Lacked {
            name: TextName::Record(it.agency.clone()),
            version: it.version,
            hash: Some(it.hash),
        });
        let mut authorities: BTreeMap<&AgencyId, Vec<Digest>> = BTreeMap::new();
        let mut lists = Vec::new();
        for it in &theirs.lists {
            let Some(record) = self.records.get(&it.agency) else { continue };
            let named = authorities.entry(&it.agency).or_insert_with(|| {
                record.agency.authorities().filter_map(revoke::authority_id).collect()
            });
            let held = self.lists.of(&it.agency).find(|(issuer, _)| **issuer == it.issuer);
            let is_newer = held.is_none_or(|(_, held)| it.number > held.number);
            if is_newer && named.contains(&it.issuer) {
                let name = TextName::List(it.agency.clone(), it.issuer);
                lists.push(Lacked { name, version: it.number, hash: None });
            }
        }
        records.chain(lists).collect()
    }

    fn lacks_record(&self, listed: &ListedRecord) -> bool {
        if self.member(&listed.agency).is_none() {
            return false;
        }
        let Some((version, _)) = self.record(&listed.agency) else {
            return true;
        };
        let seen = self.seen(&listed.agency, listed.version);
        (listed.version > version && seen.is_none()) || seen.is_some_and(|it| it != listed.hash)
    }

    /// Whether a record or revocation list that was lacking is in force now.
    pub fn has(&self, lacked: &Lacked) -> bool {
        match &lacked.name {
            TextName::Roll(version) => self.past_roll(*version).is_some(),
            TextName::Record(agency) => {
                self.record(agency).is_some_and(|it| Some(it.1) == lacked.hash)
            }
            TextName::List(agency, issuer) => {
                let held = self.lists.of(agency).find(|(it, _)| *it == issuer);
                held.is_some_and(|(_, held)| held.number >= lacked.version)
            }
        }
    }

    /// One of the texts in force, as it travels; `None` if it is not, is an earlier roll, or is a
    /// record whose text rests with whoever keeps it.
    pub fn text(&self, name: &TextName) -> Option<Vec<u8>> {
        match name {
            TextName::Roll(version) => {
                let roll = self.roll().filter(|it| it.roll.version == *version)?;
                Some(roll.note.to_bytes())
            }
            TextName::Record(agency) => Some(self.note(agency)?.to_bytes()),
            TextName::List(agency, issuer) => {
                let (_, list) = self.lists.of(agency).find(|(it, _)| *it == issuer)?;
                Some(list.der.as_ref().clone())
            }
        }
    }
}
