//! What one version of the roll may change of the one before, and who must have signed it.

use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::directory::signed::authorities::Authorities;
use crate::directory::signed::genesis::Genesis;
use crate::directory::signed::refusal::{Refusal, Whose};
use crate::directory::signed::roll::{Member, NOTICE_MS, Roll, SignedRoll};
use crate::domain::digest::Digest;
use crate::domain::ids::AgencyId;
use crate::domain::limits::CLOCK_SKEW_MS_MAX;
use crate::merkle::vkey::Verdict;

/// What the next version is held against: the roll in force, or the genesis.
pub(crate) struct Before<'a> {
    /// The version in force; 0 for the genesis.
    pub(crate) version: u64,
    /// Its hash.
    pub(crate) hash: Digest,
    /// Who signs the next version.
    pub(crate) authorities: &'a Authorities,
    /// The roll in force.
    pub(crate) roll: Option<&'a Roll>,
}

impl<'a> Before<'a> {
    pub(crate) fn genesis(genesis: &'a Genesis) -> Self {
        let (hash, authorities) = (genesis.hash(), &genesis.authorities);
        Self { version: 0, hash, authorities, roll: None }
    }

    pub(crate) fn roll(signed: &'a SignedRoll) -> Self {
        let roll = &signed.roll;
        Self {
            version: roll.version,
            hash: signed.hash,
            authorities: &roll.authorities,
            roll: Some(roll),
        }
    }

    /// Whether `next` may follow, judged at `at`.
    ///
    /// Who signed is asked before what the text changes, so a stranger's text is told nothing else.
    pub(crate) fn check(&self, next: &SignedRoll, at: Timestamp) -> Result<(), Refusal> {
        let roll = &next.roll;
        if roll.version <= self.version {
            return Err(Refusal::Rollback { version: roll.version, held: self.version });
        }
        if roll.version > self.version.saturating_add(1) {
            return Err(Refusal::Gap { version: roll.version, held: self.version });
        }
        signed_by(self.authorities, next, at, Whose::Present)?;
        if roll.previous != self.hash {
            let (held, other) = (self.hash, roll.previous);
            return Err(Refusal::Fork { version: self.version, held, other });
        }
        if roll.authorities != *self.authorities {
            roll.authorities.require(&next.note, at, Whose::New)?;
        }
        if self.roll.is_some_and(|before| roll.issued_at < before.issued_at) {
            return Err(Refusal::IssuedEarlier);
        }
        if roll.issued_at > at.plus_millis(CLOCK_SKEW_MS_MAX) {
            return Err(Refusal::IssuedLater);
        }
        self.roll.map_or(Ok(()), |before| check_members(before, next))?;
        check_notices(self.roll, roll)
    }
}

/// That a roll is signed by enough authorities, or why not.
pub(crate) fn signed_by(
    authorities: &Authorities,
    next: &SignedRoll,
    at: Timestamp,
    whose: Whose,
) -> Result<(), Refusal> {
    if !authorities.knows_a_line(&next.note) {
        return Err(Refusal::Stranger);
    }
    authorities.require(&next.note, at, whose)
}

/// No agency is dropped, and no record key is replaced unseen.
fn check_members(before: &Roll, next: &SignedRoll) -> Result<(), Refusal> {
    let now: BTreeMap<&AgencyId, &Member> =
        next.roll.agencies.iter().map(|it| (&it.id, it)).collect();
    for member in &before.agencies {
        let Some(after) = now.get(&member.id) else {
            return Err(Refusal::Dropped(member.id.clone()));
        };
        if after.key == member.key {
            continue;
        }
        match member.key.verdict(&next.note) {
            Verdict::Signed => {}
            Verdict::Wrong => return Err(Refusal::WrongSignature(member.key.name().to_owned())),
            Verdict::Absent if was_announced(member, after, next.roll.issued_at) => {}
            Verdict::Absent => return Err(Refusal::KeyReplaced(member.id.clone())),
        }
    }
    Ok(())
}

fn was_announced(before: &Member, after: &Member, issued_at: Timestamp) -> bool {
    before.next.as_ref().is_some_and(|it| it.key == after.key && it.from <= issued_at)
}

/// A key that is newly announced, or for another time, has seven days until it may be used.
fn check_notices(before: Option<&Roll>, roll: &Roll) -> Result<(), Refusal> {
    let known: BTreeMap<&AgencyId, &Member> =
        before.iter().flat_map(|it| &it.agencies).map(|it| (&it.id, it)).collect();
    for member in &roll.agencies {
        let Some(next) = &member.next else { continue };
        let stood = known.get(&member.id).is_some_and(|it| it.next.as_ref() == Some(next));
        if !stood && next.from < roll.issued_at.plus_millis(NOTICE_MS) {
            return Err(Refusal::ShortNotice(member.id.clone()));
        }
    }
    Ok(())
}
