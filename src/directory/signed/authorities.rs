//! The directory's authorities: n keys, of which t must sign.

use crate::clock::Timestamp;
use crate::directory::signed::refusal::{Refusal, Whose};
use crate::directory::strict::Table;
use crate::merkle::note::SignedNote;
use crate::merkle::vkey::{Verdict, VerifierKey};

/// Most authorities: the old and the new ones together fit into one note, with room to spare for
/// agencies that replace their key.
pub const AUTHORITIES_MAX: usize = 12;
/// Least threshold, so that no single authority controls a network (DESIGN §10 rule 18).
pub const THRESHOLD_MIN: usize = 2;

/// One authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Its name and key.
    pub key: VerifierKey,
    /// Its signatures count on what is adopted before this time; for ever without one.
    pub until: Option<Timestamp>,
}

impl Authority {
    fn counts_at(&self, at: Timestamp) -> bool {
        self.until.is_none_or(|until| at < until)
    }
}

/// Who must sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorities {
    /// How many must.
    pub threshold: usize,
    /// Of whom.
    pub members: Vec<Authority>,
}

pub(crate) const KEYS: &[&str] = &["key", "until"];

impl Authorities {
    /// Reads `threshold` and the tables `authority` of a text.
    pub(crate) fn read(root: &Table<'_>, least: usize) -> Option<Self> {
        root.require(&["threshold", "authority"]);
        let tables = root.tables("authority", KEYS, AUTHORITIES_MAX);
        let members: Vec<_> = tables.iter().filter_map(read_one).collect();
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let most = number(tables.len());
        let threshold = root.integer("threshold", 1..=number(AUTHORITIES_MAX))?;
        if threshold < number(least) {
            let problem = format!("must be at least {least}: no single authority decides");
            root.fault_at("threshold", problem);
        }
        if threshold > most && root.has("authority") {
            root.fault_at("threshold", format!("is more than the {most} authorities"));
        }
        Some(Self { threshold: usize::try_from(threshold).ok()?, members })
    }

    /// How many authorities' keys still count at `at`.
    pub fn left_at(&self, at: Timestamp) -> usize {
        self.members.iter().filter(|it| it.counts_at(at)).count()
    }

    /// The names of those whose signatures on a note count at `at`, each once.
    ///
    /// # Errors
    /// [`Refusal::WrongSignature`] if a line claims to be by one of them and is not.
    pub fn signed(&self, note: &SignedNote, at: Timestamp) -> Result<Vec<&str>, Refusal> {
        let mut counted = Vec::new();
        for authority in &self.members {
            match authority.key.verdict(note) {
                Verdict::Wrong => {
                    return Err(Refusal::WrongSignature(authority.key.name().to_owned()));
                }
                Verdict::Signed if authority.counts_at(at) => counted.push(authority.key.name()),
                Verdict::Signed | Verdict::Absent => {}
            }
        }
        Ok(counted)
    }

    /// That at least t of n have signed a note.
    ///
    /// # Errors
    /// [`Refusal::WrongSignature`], [`Refusal::ThresholdExpired`], [`Refusal::TooFew`].
    pub fn require(&self, note: &SignedNote, at: Timestamp, whose: Whose) -> Result<(), Refusal> {
        let counted = self.signed(note, at)?.len();
        if counted >= self.threshold {
            return Ok(());
        }
        let (left, needed) = (self.left_at(at), self.threshold);
        Err(if left < needed {
            Refusal::ThresholdExpired { whose, left, needed }
        } else {
            Refusal::TooFew { whose, counted, needed }
        })
    }

    /// Whether any line of a note has the name and id of one of them.
    pub fn knows_a_line(&self, note: &SignedNote) -> bool {
        self.members.iter().any(|it| it.key.verdict(note) != Verdict::Absent)
    }
}

fn read_one(table: &Table<'_>) -> Option<Authority> {
    table.require(&["key"]);
    let key = table.spot("key").and_then(|spot| {
        let key: VerifierKey = spot.parsed()?;
        table.notes.claim("authority", key.name().as_bytes(), &spot);
        table.notes.claim("key", key.public(), &spot);
        Some(key)
    });
    let until = table.spot("until").and_then(|spot| spot.time());
    Some(Authority { key: key?, until })
}
