//! Facts about volumes, both ways.

use crate::domain::digest::Digest;
use crate::domain::volume::VolumeFact;
use crate::wire::fact::{read_ref, write_ref};
use crate::wire::{WireError, ids, pb};

use pb::entry::Fact as PbFact;

/// Most neighbours that may be named as gone.
const UNASKED_MAX: usize = 64;

pub(super) fn write(fact: &VolumeFact) -> PbFact {
    let hash = |it: &Option<Digest>| it.map(|it| it.as_bytes().to_vec()).unwrap_or_default();
    match fact {
        VolumeFact::Opened { before, size, seen, shown, unasked } => {
            PbFact::VolumeOpened(pb::VolumeOpened {
                before: before.to_string(),
                size: *size,
                seen: *seen,
                shown_hash: hash(shown),
                unasked: unasked.iter().map(ToString::to_string).collect(),
            })
        }
        VolumeFact::Confirmed { journal, witnessed, known } => {
            PbFact::VolumeConfirmed(pb::VolumeConfirmed {
                journal: journal.to_string(),
                witnessed: *witnessed,
                known_hash: hash(known),
            })
        }
        VolumeFact::Missed { message, issuer, entry } => PbFact::MessageMissed(pb::MessageMissed {
            message: write_ref(message),
            issuer: issuer.to_string(),
            entry_hash: entry.as_bytes().to_vec(),
        }),
        VolumeFact::TakenBack { message } => {
            PbFact::MessageTakenBack(pb::MessageTakenBack { message: write_ref(message) })
        }
    }
}

fn hash(field: &'static str, bytes: &[u8]) -> Result<Option<Digest>, WireError> {
    if bytes.is_empty() { Ok(None) } else { ids::digest(field, bytes).map(Some) }
}

pub(super) fn opened(it: &pb::VolumeOpened) -> Result<VolumeFact, WireError> {
    let pb::VolumeOpened { before, size, seen, shown_hash, unasked } = it;
    if unasked.len() > UNASKED_MAX {
        return Err(WireError::OutOfRange { field: "volume_opened.unasked" });
    }
    let unasked = unasked.iter().map(|it| ids::name("volume_opened.unasked", it));
    Ok(VolumeFact::Opened {
        before: ids::name("volume_opened.before", before)?,
        size: *size,
        seen: *seen,
        shown: hash("volume_opened.shown_hash", shown_hash)?,
        unasked: unasked.collect::<Result<_, _>>()?,
    })
}

pub(super) fn confirmed(it: &pb::VolumeConfirmed) -> Result<VolumeFact, WireError> {
    let pb::VolumeConfirmed { journal, witnessed, known_hash } = it;
    Ok(VolumeFact::Confirmed {
        journal: ids::name("volume_confirmed.journal", journal)?,
        witnessed: *witnessed,
        known: hash("volume_confirmed.known_hash", known_hash)?,
    })
}

pub(super) fn missed(it: pb::MessageMissed) -> Result<VolumeFact, WireError> {
    let pb::MessageMissed { message, issuer, entry_hash } = it;
    Ok(VolumeFact::Missed {
        message: read_ref(message)?,
        issuer: ids::name("message_missed.issuer", &issuer)?,
        entry: ids::digest("message_missed.entry_hash", &entry_hash)?,
    })
}

pub(super) fn taken_back(it: pb::MessageTakenBack) -> Result<VolumeFact, WireError> {
    Ok(VolumeFact::TakenBack { message: read_ref(it.message)? })
}

#[cfg(test)]
pub(super) mod samples {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::fact::samples::{any_journal, any_ref};
    use crate::wire::header::samples::{any_agency, any_digest};

    pub(in crate::wire) fn any_volume_fact() -> impl Strategy<Value = VolumeFact> {
        let hash = || prop::option::of(any_digest());
        let unasked = prop::collection::vec(any_agency(), 0..3);
        prop_oneof![
            (any_journal(), any::<u64>(), any::<u64>(), hash(), unasked).prop_map(
                |(before, size, seen, shown, unasked)| {
                    VolumeFact::Opened { before, size, seen, shown, unasked }
                }
            ),
            (any_journal(), any::<u64>(), hash()).prop_map(|(journal, witnessed, known)| {
                VolumeFact::Confirmed { journal, witnessed, known }
            }),
            (any_ref(), any_journal(), any_digest()).prop_map(|(message, issuer, entry)| {
                VolumeFact::Missed { message, issuer, entry }
            }),
            any_ref().prop_map(|message| VolumeFact::TakenBack { message }),
        ]
    }
}
