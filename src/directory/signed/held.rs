//! What was adopted so far: takes newer texts or refuses them. `assembly.rs` gives the directory that
//! follows.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::directory::record::AgencyRecord;
use crate::directory::signed::authorities::Authorities;
use crate::directory::signed::genesis::Genesis;
use crate::directory::signed::lists::{self, HeldList, Lists, NewList};
use crate::directory::signed::record::{LinkOffer, SignedRecord};
use crate::directory::signed::refusal::{Refusal, Whose};
use crate::directory::signed::roll::{Member, SignedRoll, Status};
use crate::directory::signed::seen::Seen;
use crate::directory::signed::succession::{Before, signed_by};
use crate::domain::digest::Digest;
use crate::domain::ids::AgencyId;
use crate::merkle::note::SignedNote;
use crate::merkle::vkey::{Verdict, VerifierKey};
use crate::pki::revoke::{self, SignedList};

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

/// One agency's record, adopted.
#[derive(Clone, Debug)]
pub(crate) struct HeldRecord {
    version: u64,
    hash: Digest,
    pub(crate) agency: Arc<AgencyRecord>,
    pub(crate) links: Arc<Vec<LinkOffer>>,
    /// Its text, unless that rests with whoever keeps it.
    note: Option<Arc<SignedNote>>,
    /// The key that its signature was verified with.
    pub(crate) by: VerifierKey,
}

/// A record that may be put in force.
#[derive(Debug)]
pub struct NewRecord {
    agency: AgencyId,
    record: HeldRecord,
    seen: Seen,
    lists: Vec<SignedList>,
}

impl NewRecord {
    /// Whose it is.
    pub fn agency(&self) -> &AgencyId {
        &self.agency
    }

    /// The versions that were seen, this one included.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// The same without its text, which the caller keeps: of thousands of records that is most of
    /// what is held.
    pub fn resting(self) -> Self {
        Self { record: HeldRecord { note: None, ..self.record }, ..self }
    }
}

/// A version of the roll that was in force: its hash, and who signs the next.
#[derive(Clone, Debug)]
struct PastRoll {
    hash: Digest,
    authorities: Arc<Authorities>,
}

/// The roll and the records that are in force.
#[derive(Clone, Debug)]
pub struct Held {
    genesis: Genesis,
    roll: Option<Arc<SignedRoll>>,
    /// Where each agency stands in it.
    places: Arc<BTreeMap<AgencyId, usize>>,
    /// All rolls so far, by version.
    past: BTreeMap<u64, PastRoll>,
    pub(crate) records: BTreeMap<AgencyId, HeldRecord>,
    /// Record keys that earlier rolls named, by agency.
    past_keys: BTreeMap<AgencyId, Vec<VerifierKey>>,
    /// Hashes of the versions of records that were seen.
    seen: BTreeMap<AgencyId, Seen>,
    /// Revocation lists in force.
    pub(crate) lists: Lists,
}

impl Held {
    /// Nothing but the genesis, which the caller trusts.
    pub fn begin(genesis: Genesis) -> Self {
        Self {
            genesis,
            roll: None,
            places: Arc::default(),
            past: BTreeMap::new(),
            records: BTreeMap::new(),
            seen: BTreeMap::new(),
            lists: Lists::default(),
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

    /// What the roll in force says of an agency.
    pub fn member(&self, agency: &AgencyId) -> Option<&Member> {
        self.roll.as_ref()?.roll.agencies.get(*self.places.get(agency)?)
    }

    /// Version and hash of the record in force of an agency.
    pub fn record(&self, agency: &AgencyId) -> Option<(u64, Digest)> {
        self.records.get(agency).map(|it| (it.version, it.hash))
    }

    /// The text of that record with its signatures, unless it rests with whoever keeps it.
    pub fn note(&self, agency: &AgencyId) -> Option<&SignedNote> {
        self.records.get(agency)?.note.as_deref()
    }

    /// Whether there is a record of an agency that is signed by the key that the roll names.
    pub fn stands(&self, agency: &AgencyId) -> bool {
        let held = self.records.get(agency);
        self.member(agency).zip(held).is_some_and(|(member, held)| member.key == held.by)
    }

    /// What an agency's record in force says, whatever its status.
    pub fn says(&self, agency: &AgencyId) -> Option<&AgencyRecord> {
        self.records.get(agency).map(|it| it.agency.as_ref())
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
        if let Some(past) = self.past.get(&next.roll.version) {
            return self.again(past, &next, at);
        }
        let before = match &self.roll {
            Some(held) => Before::roll(held),
            None => Before::genesis(&self.genesis),
        };
        before.check(&next, at)?;
        let authorities = Arc::new(next.roll.authorities.clone());
        self.past.insert(next.roll.version, PastRoll { hash: next.hash, authorities });
        let members = next.roll.agencies.iter().zip(0_usize..);
        self.places = Arc::new(members.map(|(it, at)| (it.id.clone(), at)).collect());
        let before = self.roll.replace(Arc::new(next));
        self.remember_keys(before.as_deref());
        self.judge_keys();
        Ok(Adopted::Newer)
    }

    /// A version that is or was in force once more. The same text is no news. Another one is
    /// evidence, if enough have signed it; one that is older is judged when it was issued.
    fn again(&self, past: &PastRoll, next: &SignedRoll, at: Timestamp) -> Result<Adopted, Refusal> {
        let (version, held) =
            (next.roll.version, self.roll.as_ref().map_or(0, |it| it.roll.version));
        if past.hash == next.hash {
            let rollback = Refusal::Rollback { version, held };
            return if version == held { Ok(Adopted::Already) } else { Err(rollback) };
        }
        let signers = match self.past.get(&version.saturating_sub(1)) {
            Some(before) => before.authorities.as_ref(),
            None => &self.genesis.authorities,
        };
        let at = if version == held { at } else { next.roll.issued_at };
        signed_by(signers, next, at, Whose::Present)?;
        Err(Refusal::Fork { version, held: past.hash, other: next.hash })
    }

    /// After a new roll: the keys that it names no more.
    fn remember_keys(&mut self, before: Option<&SignedRoll>) {
        let (Some(before), Some(now)) = (before, &self.roll) else { return };
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
                && held.note.as_deref().is_some_and(|it| member.key.verdict(it) == Verdict::Signed)
            {
                held.by = member.key.clone();
            }
        }
    }

    /// The agencies whose record is not known to be signed by the key that the roll names, while its
    /// text rests elsewhere: [`Held::settle`] wants to see it.
    pub fn unsettled(&self) -> Vec<AgencyId> {
        let members = self.roll().into_iter().flat_map(|it| &it.roll.agencies);
        let open = members.filter(|member| {
            let held = self.records.get(&member.id);
            held.is_some_and(|it| it.note.is_none() && it.by != member.key)
        });
        open.map(|it| it.id.clone()).collect()
    }

    /// Shows the text of an agency's record in force once more: whether the key that the roll names
    /// now has signed it too. Another text changes nothing.
    pub fn settle(&mut self, agency: &AgencyId, note: &SignedNote) {
        let Some(key) = self.member(agency).map(|it| it.key.clone()) else { return };
        if let Some(held) = self.records.get_mut(agency)
            && Digest::of(note.text.as_bytes()) == held.hash
            && key.verdict(note) == Verdict::Signed
        {
            held.by = key;
        }
    }

    /// Adopts an agency's record, if its version is above the one in force. Versions between may
    /// be missing: a record replaces all before it.
    ///
    /// # Errors
    /// Why not; nothing is changed then.
    pub fn adopt_record(&mut self, bytes: &[u8], judging: Judging) -> Result<Adopted, Refusal> {
        self.adopt_read(SignedRecord::parse(bytes)?, judging)
    }

    /// [`Held::adopt_record`] of a record that was read before.
    ///
    /// # Errors
    /// As [`Held::adopt_record`].
    pub fn adopt_read(
        &mut self,
        signed: SignedRecord,
        judging: Judging,
    ) -> Result<Adopted, Refusal> {
        match self.judge_read(signed, judging)? {
            Some(newer) => {
                self.put(newer);
                Ok(Adopted::Newer)
            }
            None => Ok(Adopted::Already),
        }
    }

    /// Puts a record in force that [`Held::judge_record`] gave.
    /// Gives the revocation lists in it that are newer than those in force.
    pub fn put(&mut self, newer: NewRecord) -> Vec<NewList> {
        let NewRecord { agency, record, seen, lists } = newer;
        let brought = self.lists.follow(&record.agency, lists);
        self.seen.insert(agency.clone(), seen);
        self.records.insert(agency, record);
        brought
    }

    /// Remembers what was seen of an agency's record before this start.
    pub fn remember(&mut self, agency: AgencyId, seen: Seen) {
        self.seen.insert(agency, seen);
    }

    /// The hash of a version of an agency's record, if it was seen.
    pub fn seen(&self, agency: &AgencyId, version: u64) -> Option<Digest> {
        self.seen.get(agency)?.hash(version)
    }

    /// The hash of a version of the roll that is or was in force.
    pub fn past_roll(&self, version: u64) -> Option<Digest> {
        self.past.get(&version).map(|it| it.hash)
    }

    /// What [`Held::put_list`] would put in force; `None` if it is in force already.
    ///
    /// # Errors
    /// Why it would not.
    pub fn judge_list(&self, agency: &AgencyId, der: &[u8]) -> Result<Option<NewList>, Refusal> {
        let none = || Refusal::NoRecord(agency.clone());
        self.lists.judge(&self.records.get(agency).ok_or_else(none)?.agency, der)
    }

    /// Puts a revocation list in force.
    pub fn put_list(&mut self, newer: NewList) {
        self.lists.put(newer);
    }

    /// The agency one of whose authorities has signed a list.
    ///
    /// # Errors
    /// Why it is nobody's: of all agencies what comes nearest.
    pub fn list_owner(&self, der: &[u8]) -> Result<&AgencyId, Refusal> {
        let mut fault = revoke::ListFault::Issuer;
        for (agency, record) in &self.records {
            match revoke::list_of(der, record.agency.authorities()) {
                Ok(_) => return Ok(agency),
                Err(revoke::ListFault::Issuer) => {}
                Err(nearer) => fault = nearer,
            }
        }
        Err(Refusal::List(fault))
    }

    /// The agency of a list that is said to be of one; without that, as [`Held::list_owner`].
    ///
    /// # Errors
    /// As [`Held::list_owner`].
    pub fn list_owner_at(&self, der: &[u8], said: Option<&AgencyId>) -> Result<AgencyId, Refusal> {
        match said {
            Some(agency) => Ok(agency.clone()),
            None => self.list_owner(der).cloned(),
        }
    }

    /// The revocation lists in force: agency, issuer, list.
    pub fn lists(&self) -> impl Iterator<Item = (&AgencyId, &Digest, &HeldList)> {
        self.lists.all()
    }

    /// Hash over which revocation lists are in force.
    pub fn lists_hash(&self) -> Digest {
        self.lists.hash()
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
        self.judge_read(SignedRecord::parse(bytes)?, judging)
    }

    fn judge_read(
        &self,
        signed: SignedRecord,
        judging: Judging,
    ) -> Result<Option<NewRecord>, Refusal> {
        let agency = signed.record.agency.id.clone();
        if signed.record.network != self.genesis.network {
            return Err(Refusal::OtherNetwork);
        }
        if self.roll.is_none() {
            return Err(Refusal::NoRoll);
        }
        let member = self.member(&agency).ok_or_else(|| Refusal::NotOnTheRoll(agency.clone()))?;
        let by = self.signer(member, &signed.note, judging)?;
        if member.status != Status::Active && judging != Judging::Then {
            return Err(Refusal::NotActive(agency));
        }
        let held = self.records.get(&agency);
        if held.is_some_and(|it| it.by != by && by != member.key) {
            return Err(Refusal::OldKey(agency));
        }
        let mut seen = self.seen.get(&agency).cloned().unwrap_or_default();
        if let Some(held) = held.filter(|it| it.by == by) {
            if follows(held, &seen, &signed)? == Adopted::Already {
                return Ok(None);
            }
            lists::go_on(&held.agency, &signed.record.agency)?;
        } else if held.is_some() {
            // Another key: its versions are its own.
            seen = Seen::default();
        }
        seen.note(&signed);
        let SignedRecord { record, note, hash, lists } = signed;
        let held = HeldRecord {
            version: record.version,
            hash,
            agency: Arc::new(record.agency),
            links: Arc::new(record.links),
            note: Some(Arc::new(note)),
            by,
        };
        Ok(Some(NewRecord { agency, record: held, seen, lists }))
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
}

fn follows(held: &HeldRecord, seen: &Seen, next: &SignedRecord) -> Result<Adopted, Refusal> {
    let (version, record) = (next.record.version, &next.record);
    if held.hash == next.hash {
        return Ok(Adopted::Already);
    }
    let known =
        |version: u64| if version == held.version { Some(held.hash) } else { seen.hash(version) };
    // Two texts of one version: of this one, or of the one before, which it names.
    let before = record.previous.map(|hash| (version.saturating_sub(1), hash));
    for (version, other) in [Some((version, next.hash)), before].into_iter().flatten() {
        if let Some(held) = known(version).filter(|held| *held != other) {
            return Err(Refusal::Fork { version, held, other });
        }
    }
    if version < held.version {
        return Err(Refusal::Rollback { version, held: held.version });
    }
    Ok(Adopted::Newer)
}
