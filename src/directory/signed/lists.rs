//! Revocation lists: each is signed by an authority that its agency's record names, and goes about
//! by itself, so that a revocation needs no signature of the record key.
//!
//! Of each authority the list with the highest number is in force, whether it stands in the record
//! or came alone. An older one, or a second one of the same number, is never taken. Lists change no
//! version of the directory: no entry rests on them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::directory::record::AgencyRecord;
use crate::directory::signed::refusal::Refusal;
use crate::domain::digest::Digest;
use crate::domain::ids::AgencyId;
use crate::pki::revoke::{self, SignedList};

/// Longest list that goes about by itself, in bytes: some 7,000 certificates.
pub const LIST_BYTES_MAX: usize = 256 * 1024;

/// A list in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldList {
    /// Its number (RFC 5280, 5.2.3).
    pub number: u64,
    /// Hash of what its authority signed.
    pub hash: Digest,
    /// When the next was to follow.
    pub next_update: Timestamp,
    /// The list, DER.
    pub der: Arc<Vec<u8>>,
}

/// A list that may be put in force.
#[derive(Clone, Debug)]
pub struct NewList {
    /// Whose.
    pub agency: AgencyId,
    /// Hash of the public key of the authority that signed it.
    pub issuer: Digest,
    /// The list.
    pub list: HeldList,
}

/// The lists in force of all agencies, by issuer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lists(BTreeMap<AgencyId, BTreeMap<Digest, HeldList>>);

impl Lists {
    pub(crate) fn of(&self, agency: &AgencyId) -> impl Iterator<Item = (&Digest, &HeldList)> {
        self.0.get(agency).into_iter().flatten()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (&AgencyId, &Digest, &HeldList)> {
        self.0.iter().flat_map(|(agency, lists)| {
            lists.iter().map(move |(issuer, list)| (agency, issuer, list))
        })
    }

    /// What a list comes to, held against those in force; `None` if it is in force already.
    pub(crate) fn judge(
        &self,
        record: &AgencyRecord,
        der: &[u8],
    ) -> Result<Option<NewList>, Refusal> {
        if der.len() > LIST_BYTES_MAX {
            return Err(Refusal::ListTooLong);
        }
        // What is in force byte for byte was verified then.
        if self.of(&record.id).any(|(_, it)| it.der.as_slice() == der) {
            return Ok(None);
        }
        let read = revoke::list_of(der, record.authorities()).map_err(Refusal::List)?;
        self.weigh(&record.id, read, der)
    }

    /// The same of a list that was verified.
    fn weigh(
        &self,
        agency: &AgencyId,
        read: SignedList,
        der: &[u8],
    ) -> Result<Option<NewList>, Refusal> {
        let SignedList { issuer, hash, says } = read;
        let number = says.number;
        let held = self.0.get(agency).and_then(|it| it.get(&issuer));
        if let Some(held) = held {
            if held.hash == hash {
                return Ok(None);
            }
            if number < held.number {
                return Err(Refusal::ListBackwards { number, held: held.number });
            }
            if number == held.number {
                return Err(Refusal::Fork { version: number, held: held.hash, other: hash });
            }
        }
        let der = Arc::new(der.to_vec());
        let list = HeldList { number, hash, next_update: says.next_update, der };
        Ok(Some(NewList { agency: agency.clone(), issuer, list }))
    }

    pub(crate) fn put(&mut self, newer: NewList) {
        self.0.entry(newer.agency).or_default().insert(newer.issuer, newer.list);
    }

    /// After a record was adopted: its own lists where they are newer, and none of authorities that
    /// it names no more. `lists` are its lists as they were verified. Gives those that it brought.
    pub(crate) fn follow(&mut self, record: &AgencyRecord, lists: Vec<SignedList>) -> Vec<NewList> {
        if let Some(lists) = self.0.get_mut(&record.id) {
            let named: Vec<_> = record.authorities().filter_map(revoke::authority_id).collect();
            lists.retain(|issuer, _| named.contains(issuer));
        }
        let mut brought = Vec::new();
        for (list, der) in lists.into_iter().zip(&record.crls) {
            // One that is longer than what goes about alone stays in its record.
            if der.len() > LIST_BYTES_MAX {
                continue;
            }
            // One that is older than what came alone is in force no more.
            if let Ok(Some(newer)) = self.weigh(&record.id, list, der) {
                brought.push(newer.clone());
                self.put(newer);
            }
        }
        brought
    }

    /// Hash over which lists are in force.
    pub(crate) fn hash(&self) -> Digest {
        let mut parts: Vec<u8> = Vec::new();
        for (agency, issuer, list) in self.all() {
            parts.extend(Digest::of(agency.as_str().as_bytes()).as_bytes());
            parts.extend(issuer.as_bytes());
            parts.extend(list.number.to_be_bytes());
        }
        Digest::of(&parts)
    }
}

/// That no list of a record has a lower number than the same authority's in the record before it.
pub(crate) fn go_on(before: &AgencyRecord, after: &AgencyRecord) -> Result<(), Refusal> {
    let mut known = Lists::default();
    for der in &before.crls {
        if let Ok(Some(list)) = known.judge(before, der) {
            known.put(list);
        }
    }
    for der in &after.crls {
        if let Err(Refusal::ListBackwards { number, held }) = known.judge(after, der) {
            return Err(Refusal::ListBackwards { number, held });
        }
    }
    Ok(())
}
