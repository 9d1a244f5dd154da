//! The public keys with which an agency cosigns other agencies' checkpoints: the one in use, those
//! before it, and the one that follows.
//!
//! A witness has no size of its own to count by, for it cosigns many journals. But each cosignature
//! states its time (C2SP tlog-cosignature), which is signed with it: so the next key counts for what
//! is cosigned from its time on, and one that was retired for what was cosigned up to then. The node
//! picks its key by the time that it states, so no cosignature falls between two keys.

use crate::clock::Timestamp;
use crate::directory::record::{ED25519_PUBLIC_BYTES, read_ed25519};
use crate::directory::strict::Table;
use crate::domain::ids::AgencyId;
use crate::merkle::checkpoint::SignedCheckpoint;
use crate::merkle::cosignature::{self, CosignatureError};
use crate::merkle::note::{SignatureLine, TYPE_COSIGNATURE_ED25519, key_id};

/// Most retired witness keys of one agency.
pub const EARLIER_MAX: usize = 64;
/// How a witness's name ends in signature lines.
const NAME_ENDING: &str = "/witness";

/// The public witness keys of one agency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessKeys {
    /// Cosigns checkpoints of others.
    pub ed25519: [u8; ED25519_PUBLIC_BYTES],
    /// Keys that cosigned before, the oldest first.
    pub earlier: Vec<EarlierWitness>,
    /// The key that is announced.
    pub next: Option<NextWitness>,
}

/// A retired witness key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EarlierWitness {
    /// Cosigned checkpoints of others.
    pub ed25519: [u8; ED25519_PUBLIC_BYTES],
    /// It counts only for what it cosigned up to this time.
    pub retired_at: Timestamp,
}

/// A witness key that will cosign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextWitness {
    /// Will cosign checkpoints of others.
    pub ed25519: [u8; ED25519_PUBLIC_BYTES],
    /// From then on the agency's node cosigns with it; it counts for nothing that states an earlier
    /// time.
    pub from: Timestamp,
}

/// Why a line is not a cosignature of the agency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WitnessFault {
    /// No key of the agency made it, or it does not hold.
    #[error(transparent)]
    Cosignature(#[from] CosignatureError),
    /// It states a time after its key was retired.
    #[error("the witness key was retired before this time")]
    Retired,
    /// It states a time before its key was to be used.
    #[error("the witness key is announced for a later time")]
    Early,
}

/// One key, and for which times it counts.
struct Counted<'a> {
    ed25519: &'a [u8; ED25519_PUBLIC_BYTES],
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

/// The name under which an agency cosigns checkpoints of others.
pub fn witness_name(agency: &AgencyId) -> String {
    format!("{agency}{NAME_ENDING}")
}

/// The agency that a line names as the witness; none if it is another kind of line.
pub fn witness_of(line: &SignatureLine) -> Option<AgencyId> {
    line.name.strip_suffix(NAME_ENDING)?.parse().ok()
}

impl WitnessKeys {
    /// A key that none was before, and that none follows.
    pub const fn of(ed25519: [u8; ED25519_PUBLIC_BYTES]) -> Self {
        Self { ed25519, earlier: Vec::new(), next: None }
    }

    /// Verifies one line of a checkpoint under the key that made it, which must count at the time that
    /// the line states; gives that time. Whether the line has the agency's name is another question.
    ///
    /// # Errors
    /// [`CosignatureError::Unsigned`] if no key of the agency made it, else what does not hold.
    pub fn line(
        &self,
        signed: &SignedCheckpoint,
        line: &SignatureLine,
    ) -> Result<Timestamp, WitnessFault> {
        let made = |it: &Counted<'_>| {
            line.key_id == key_id(&line.name, TYPE_COSIGNATURE_ED25519, it.ed25519)
        };
        let key = self.keys().find(made).ok_or(CosignatureError::Unsigned)?;
        let at = cosignature::verify_line_ed25519(signed, line, key.ed25519)?;
        if key.until.is_some_and(|until| at > until) {
            return Err(WitnessFault::Retired);
        }
        if key.from.is_some_and(|from| at < from) {
            return Err(WitnessFault::Early);
        }
        Ok(at)
    }

    /// When the agency cosigned a checkpoint, under a key that counts at that time; the earliest time
    /// if it did so more than once.
    ///
    /// # Errors
    /// That it did not, or the first line that is wrong. One outside the time of its key is only told
    /// where no other counts.
    pub fn cosigned(
        &self,
        agency: &AgencyId,
        signed: &SignedCheckpoint,
    ) -> Result<Timestamp, WitnessFault> {
        let name = witness_name(agency);
        let (mut first, mut outside) = (None::<Timestamp>, None);
        for line in signed.note.signatures.iter().filter(|it| it.name == name) {
            match self.line(signed, line) {
                Ok(at) => first = Some(first.map_or(at, |known| known.min(at))),
                // By a key that the directory does not name.
                Err(WitnessFault::Cosignature(CosignatureError::Unsigned)) => {}
                Err(fault @ WitnessFault::Cosignature(_)) => return Err(fault),
                Err(fault @ (WitnessFault::Retired | WitnessFault::Early)) => {
                    outside = outside.or(Some(fault));
                }
            }
        }
        first.ok_or_else(|| outside.unwrap_or_else(|| CosignatureError::Unsigned.into()))
    }

    /// All keys, the one in use first.
    fn keys(&self) -> impl Iterator<Item = Counted<'_>> {
        let in_use = Counted { ed25519: &self.ed25519, from: None, until: None };
        let next = self.next.iter().map(|it| Counted {
            ed25519: &it.ed25519,
            from: Some(it.from),
            until: None,
        });
        let earlier = self.earlier.iter().rev().map(|it| Counted {
            ed25519: &it.ed25519,
            from: None,
            until: Some(it.retired_at),
        });
        std::iter::once(in_use).chain(next).chain(earlier)
    }

    /// The public keys, all of them.
    pub fn publics(&self) -> impl Iterator<Item = &[u8; ED25519_PUBLIC_BYTES]> {
        self.keys().map(|it| it.ed25519)
    }
}

const NEXT_KEYS: &[&str] = &["ed25519", "from"];
const EARLIER_KEYS: &[&str] = &["ed25519", "retired_at"];

/// Reads the witness keys of an agency.
pub(crate) fn read(table: &Table<'_>) -> Option<WitnessKeys> {
    let in_use = table.spot("witness").and_then(|spot| read_ed25519(table, &spot));
    let next = table.table("witness_next", NEXT_KEYS).and_then(|next| {
        next.require(NEXT_KEYS);
        let ed25519 = next.spot("ed25519").and_then(|spot| read_ed25519(&next, &spot));
        let from = next.spot("from").and_then(|spot| spot.time());
        Some(NextWitness { ed25519: ed25519?, from: from? })
    });
    let earlier = read_earlier(table);
    for key in ["witness_next", "witness_earlier"] {
        if table.has(key) && !table.has("witness") {
            table.fault_at(key, "has no use: there is no witness key");
        }
    }
    Some(WitnessKeys { ed25519: in_use?, earlier, next })
}

fn read_earlier(table: &Table<'_>) -> Vec<EarlierWitness> {
    let mut earlier: Vec<EarlierWitness> = Vec::new();
    for key in table.tables("witness_earlier", EARLIER_KEYS, EARLIER_MAX) {
        key.require(EARLIER_KEYS);
        let ed25519 = key.spot("ed25519").and_then(|spot| read_ed25519(&key, &spot));
        let retired_at = key.spot("retired_at").and_then(|spot| spot.time());
        if let (Some(at), Some(before)) = (retired_at, earlier.last())
            && before.retired_at > at
        {
            key.fault_at("retired_at", "is before that of the key before");
        }
        if let (Some(ed25519), Some(retired_at)) = (ed25519, retired_at) {
            earlier.push(EarlierWitness { ed25519, retired_at });
        }
    }
    earlier
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::checkpoint::{Checkpoint, sign_checkpoint};
    use crate::merkle::signature::Ed25519Signer;
    use crate::redact::Secret;

    fn key(byte: u8) -> Ed25519Signer {
        Ed25519Signer::from_seed(&Secret::new([byte; 32]))
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn agency() -> AgencyId {
        "mlt.police".parse().unwrap()
    }

    /// The key of byte 2 in use, of byte 1 up to second 100, of byte 3 from second 200 on.
    fn keys() -> WitnessKeys {
        WitnessKeys {
            ed25519: key(2).public(),
            earlier: vec![EarlierWitness { ed25519: key(1).public(), retired_at: at(100) }],
            next: Some(NextWitness { ed25519: key(3).public(), from: at(200) }),
        }
    }

    /// A checkpoint cosigned by keys, each at a second.
    fn cosigned(by: &[(u8, i64)]) -> SignedCheckpoint {
        let origin = "ita.coast-guard/journal/1".to_owned();
        let root = crate::domain::digest::Digest::of(b"root");
        let checkpoint = Checkpoint { origin, size: 7, root };
        let name = witness_name(&agency());
        let line = |(byte, second): &(u8, i64)| {
            cosignature::cosign_ed25519(&checkpoint, &name, &key(*byte), at(*second))
        };
        let lines: Vec<_> = by.iter().map(line).collect();
        let note = sign_checkpoint(&checkpoint, &key(9));
        SignedCheckpoint::parse(&cosignature::with_lines(&note, &lines).unwrap()).unwrap()
    }

    fn judged(by: &[(u8, i64)]) -> Result<Timestamp, WitnessFault> {
        keys().cosigned(&agency(), &cosigned(by))
    }

    #[test]
    fn each_key_counts_for_the_times_that_the_record_names() {
        for (byte, second) in [(1, 1), (1, 100), (2, 1), (2, 100), (2, 900), (3, 200), (3, 900)] {
            assert_eq!(judged(&[(byte, second)]), Ok(at(second)), "{byte} at {second}");
        }
        assert_eq!(judged(&[(1, 101)]), Err(WitnessFault::Retired));
        assert_eq!(judged(&[(3, 199)]), Err(WitnessFault::Early));
        let unsigned = Err(WitnessFault::Cosignature(CosignatureError::Unsigned));
        assert_eq!(judged(&[(4, 150)]), unsigned);
        assert_eq!(judged(&[]), unsigned);
    }

    #[test]
    fn one_line_that_counts_is_enough_beside_those_that_do_not() {
        assert_eq!(judged(&[(1, 150), (4, 150), (2, 160), (2, 150)]), Ok(at(150)));
        assert_eq!(judged(&[(1, 150), (3, 150)]), Err(WitnessFault::Retired));
    }

    #[test]
    fn a_line_that_is_wrong_condemns_the_others() {
        let mut signed = cosigned(&[(2, 150), (1, 50)]);
        let changed = signed.note.signatures.last_mut().unwrap();
        changed.signature[10] ^= 1;
        let wrong = Err(WitnessFault::Cosignature(CosignatureError::BadSignature));
        assert_eq!(keys().cosigned(&agency(), &signed), wrong);
    }

    #[test]
    fn a_line_of_another_name_is_not_the_agencys() {
        let other: AgencyId = "mlt.customs".parse().unwrap();
        let signed = cosigned(&[(2, 150)]);
        let unsigned = Err(WitnessFault::Cosignature(CosignatureError::Unsigned));
        assert_eq!(keys().cosigned(&other, &signed), unsigned);
        assert_eq!(witness_of(&signed.note.signatures[0]), None, "the journal's own");
        assert_eq!(witness_of(&signed.note.signatures[1]), Some(agency()));
    }
}
