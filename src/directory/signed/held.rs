//! What was adopted so far, and the directory that follows from it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::directory::document::Directory;
use crate::directory::link::Link;
use crate::directory::record::AgencyRecord;
use crate::directory::signed::genesis::Genesis;
use crate::directory::signed::record::{LinkOffer, SignedRecord};
use crate::directory::signed::refusal::{Refusal, Whose};
use crate::directory::signed::roll::{Member, SignedRoll, Status};
use crate::directory::signed::succession::{Before, signed_by};
use crate::domain::digest::Digest;
use crate::domain::ids::AgencyId;
use crate::merkle::note::SignedNote;
use crate::merkle::vkey::{Verdict, VerifierKey};

/// At which time a text is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judging {
    /// It arrives now: authorities whose keys have ended do not count any more.
    Now(Timestamp),
    /// It was adopted before, or a later one that is judged now follows it: it is judged at the
    /// time at which it was issued, as TUF does with roots on the way (specification §5.3).
    Then,
}

/// What came of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adopted {
    /// It is in force now.
    Newer,
    /// It was in force already.
    Already,
}

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

/// One agency's record, adopted.
#[derive(Clone, Debug)]
struct HeldRecord {
    version: u64,
    hash: Digest,
    agency: Arc<AgencyRecord>,
    links: Vec<LinkOffer>,
    note: Arc<SignedNote>,
    /// The key that its signature was verified with.
    by: VerifierKey,
}

/// A record that may be put in force.
#[derive(Debug)]
pub struct NewRecord(AgencyId, HeldRecord);

impl NewRecord {
    /// Whose it is.
    pub fn agency(&self) -> &AgencyId {
        &self.0
    }
}

/// The roll and the records that are in force.
#[derive(Clone, Debug)]
pub struct Held {
    genesis: Genesis,
    roll: Option<Arc<SignedRoll>>,
    /// The roll before that one, whose authorities signed it.
    before: Option<Arc<SignedRoll>>,
    records: BTreeMap<AgencyId, HeldRecord>,
    /// Record keys that earlier rolls named, by agency.
    past_keys: BTreeMap<AgencyId, Vec<VerifierKey>>,
}

impl Held {
    /// Nothing but the genesis, which the caller trusts.
    pub fn begin(genesis: Genesis) -> Self {
        Self {
            genesis,
            roll: None,
            before: None,
            records: BTreeMap::new(),
            past_keys: BTreeMap::new(),
        }
    }

    /// What the network began with.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The roll in force.
    pub fn roll(&self) -> Option<&SignedRoll> {
        self.roll.as_deref()
    }

    /// Version, hash and note of the record in force of an agency.
    pub fn record(&self, agency: &AgencyId) -> Option<(u64, Digest, &SignedNote)> {
        self.records.get(agency).map(|it| (it.version, it.hash, it.note.as_ref()))
    }

    /// The agencies of which there is a record.
    pub fn recorded(&self) -> impl Iterator<Item = &AgencyId> {
        self.records.keys()
    }

    /// Adopts a roll, if it follows the one in force.
    ///
    /// # Errors
    /// Why not; nothing is changed then.
    pub fn adopt_roll(&mut self, bytes: &[u8], judging: Judging) -> Result<Adopted, Refusal> {
        let next = SignedRoll::parse(bytes, self.genesis.threshold_min())?;
        if next.roll.network != self.genesis.network {
            return Err(Refusal::OtherNetwork);
        }
        let at = match judging {
            Judging::Now(now) => now,
            Judging::Then => next.roll.issued_at,
        };
        if let Some(held) = &self.roll
            && held.roll.version == next.roll.version
        {
            return self.same_version(held, &next, at);
        }
        let before = match &self.roll {
            Some(held) => Before::roll(held),
            None => Before::genesis(&self.genesis),
        };
        before.check(&next, at)?;
        self.before = self.roll.replace(Arc::new(next));
        self.remember_keys();
        self.judge_keys();
        Ok(Adopted::Newer)
    }

    /// The same text once more is no news. Another one is evidence, if enough have signed it.
    fn same_version(
        &self,
        held: &SignedRoll,
        next: &SignedRoll,
        at: Timestamp,
    ) -> Result<Adopted, Refusal> {
        if held.hash == next.hash {
            return Ok(Adopted::Already);
        }
        let signers = match &self.before {
            Some(before) => Before::roll(before),
            None => Before::genesis(&self.genesis),
        };
        signed_by(signers.authorities, next, at, Whose::Present)?;
        Err(Refusal::Fork { version: next.roll.version, held: held.hash, other: next.hash })
    }

    /// After a new roll: the keys that it names no more.
    fn remember_keys(&mut self) {
        let (Some(before), Some(now)) = (&self.before, &self.roll) else { return };
        let keys: BTreeMap<_, _> = now.roll.agencies.iter().map(|it| (&it.id, &it.key)).collect();
        for member in &before.roll.agencies {
            if keys.get(&member.id).is_some_and(|key| **key != member.key) {
                self.past_keys.entry(member.id.clone()).or_default().push(member.key.clone());
            }
        }
    }

    /// After a new roll: which records are by the keys that it names.
    fn judge_keys(&mut self) {
        let Some(roll) = &self.roll else { return };
        for member in &roll.roll.agencies {
            if let Some(held) = self.records.get_mut(&member.id)
                && held.by != member.key
                && member.key.verdict(&held.note) == Verdict::Signed
            {
                held.by = member.key.clone();
            }
        }
    }

    /// Adopts an agency's record, if its version is above the one in force. Versions between may
    /// be missing: a record replaces all before it.
    ///
    /// # Errors
    /// Why not; nothing is changed then.
    pub fn adopt_record(&mut self, bytes: &[u8], judging: Judging) -> Result<Adopted, Refusal> {
        match self.judge_record(bytes, judging)? {
            Some(newer) => {
                self.put(newer);
                Ok(Adopted::Newer)
            }
            None => Ok(Adopted::Already),
        }
    }

    /// Puts a record in force that [`Held::judge_record`] gave.
    pub fn put(&mut self, newer: NewRecord) {
        self.records.insert(newer.0, newer.1);
    }

    /// What [`Held::adopt_record`] would put in force; `None` if it is in force already.
    ///
    /// # Errors
    /// Why it would not.
    pub fn judge_record(
        &self,
        bytes: &[u8],
        judging: Judging,
    ) -> Result<Option<NewRecord>, Refusal> {
        let signed = SignedRecord::parse(bytes)?;
        let agency = signed.record.agency.id.clone();
        if signed.record.network != self.genesis.network {
            return Err(Refusal::OtherNetwork);
        }
        let roll = self.roll.as_ref().ok_or(Refusal::NoRoll)?;
        let member =
            roll.roll.member(&agency).ok_or_else(|| Refusal::NotOnTheRoll(agency.clone()))?;
        let by = self.signer(member, &signed.note, judging)?;
        if member.status != Status::Active && judging != Judging::Then {
            return Err(Refusal::NotActive(agency));
        }
        if let Some(held) = self.records.get(&agency).filter(|it| it.by == by)
            && follows(held, &signed)? == Adopted::Already
        {
            return Ok(None);
        }
        let SignedRecord { record, note, hash } = signed;
        let held = HeldRecord {
            version: record.version,
            hash,
            agency: Arc::new(record.agency),
            links: record.links,
            note: Arc::new(note),
            by,
        };
        Ok(Some(NewRecord(agency, held)))
    }

    /// The key that signed a record: the one that the roll names, or, for a record that was adopted
    /// before, one that an earlier roll named.
    fn signer(
        &self,
        member: &Member,
        note: &SignedNote,
        judging: Judging,
    ) -> Result<VerifierKey, Refusal> {
        let past = self.past_keys.get(&member.id).map(Vec::as_slice).unwrap_or_default();
        let past = past.iter().rev().filter(|_| judging == Judging::Then);
        for key in std::iter::once(&member.key).chain(past) {
            match key.verdict(note) {
                Verdict::Signed => return Ok(key.clone()),
                Verdict::Wrong => return Err(Refusal::WrongSignature(key.name().to_owned())),
                Verdict::Absent => {}
            }
        }
        Err(Refusal::Stranger)
    }

    /// The version of the directory that follows: that of the roll and those of all records, added
    /// up. It is the same wherever the same are in force, and goes up with each text that is
    /// adopted; only a record under a new key may begin again with a lower version.
    pub fn version(&self) -> u64 {
        let roll = self.roll.as_ref().map_or(0, |it| it.roll.version);
        self.records.values().fold(roll, |sum, it| sum.saturating_add(it.version))
    }

    /// Hash over the genesis, the roll and every record in force.
    pub fn hash(&self) -> Digest {
        let mut hashes = vec![self.genesis.hash()];
        hashes.extend(self.roll.as_ref().map(|it| it.hash));
        hashes.extend(self.records.values().map(|it| it.hash));
        let parts: Vec<&[u8]> = hashes.iter().map(|it| it.as_bytes().as_slice()).collect();
        Digest::of_parts(&parts)
    }

    /// The directory that follows, and what stands in the way of agencies and links.
    ///
    /// Of an agency that is suspended or has left only the journals' and the witness's keys remain:
    /// nobody of it is let in and nothing is sent to it, and what it signed stays provable.
    pub fn directory(&self) -> (Directory, Vec<Complaint>) {
        let mut told = Vec::new();
        let mut agencies: BTreeMap<AgencyId, Arc<AgencyRecord>> = BTreeMap::new();
        for member in self.roll.iter().flat_map(|it| &it.roll.agencies) {
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
        let links = self.links(&agencies, &mut told);
        tell_shared_keys(&agencies, &mut told);
        let network = self.genesis.network.clone();
        let directory =
            Directory::assembled(network, (self.version(), self.hash()), agencies, links);
        let issued_at = self.roll.as_ref().map(|it| it.roll.issued_at);
        (directory.issued(issued_at), told)
    }

    /// The links that both ends name, in the order of their names.
    fn links(
        &self,
        agencies: &BTreeMap<AgencyId, Arc<AgencyRecord>>,
        told: &mut Vec<Complaint>,
    ) -> Vec<Link> {
        let reachable = |id: &AgencyId| agencies.get(id).is_some_and(|it| !it.nodes.is_empty());
        let mut links = Vec::new();
        for (id, held) in self.records.iter().filter(|(id, _)| reachable(id)) {
            for offer in &held.links {
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

fn follows(held: &HeldRecord, next: &SignedRecord) -> Result<Adopted, Refusal> {
    let (version, record) = (next.record.version, &next.record);
    let fork = |version, other| Err(Refusal::Fork { version, held: held.hash, other });
    if held.hash == next.hash {
        return Ok(Adopted::Already);
    }
    if version < held.version {
        return Err(Refusal::Rollback { version, held: held.version });
    }
    if version == held.version {
        return fork(version, next.hash);
    }
    match record.previous {
        Some(previous) if version == held.version.saturating_add(1) && previous != held.hash => {
            fork(held.version, previous)
        }
        Some(_) | None => Ok(Adopted::Newer),
    }
}

/// What stays of an agency that takes no part.
fn only_provable(record: &AgencyRecord) -> AgencyRecord {
    AgencyRecord {
        id: record.id.clone(),
        country: record.country.clone(),
        roots: Vec::new(),
        crl: None,
        journals: record.journals.clone(),
        witness: record.witness,
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
        let keys = journals.flat_map(|it| [it.ed25519.as_slice(), it.mldsa44.as_slice()]);
        let keys = keys.chain(record.sealing.iter().map(|it| it.public.as_slice()));
        for key in keys.chain(record.witness.iter().map(|it| it.as_slice())) {
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
