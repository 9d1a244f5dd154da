//! The roll: who belongs to the network, with the key that signs each agency's record.

use std::fmt;
use std::str::FromStr;

use crate::clock::Timestamp;
use crate::directory::document::AGENCIES_MAX;
use crate::directory::signed::authorities::Authorities;
use crate::directory::signed::refusal::Refusal;
use crate::directory::signed::{read_hash, read_note};
use crate::directory::strict::{self, Fault, Table};
use crate::domain::digest::Digest;
use crate::domain::ids::{AgencyId, NetworkId};
use crate::merkle::note::SignedNote;
use crate::merkle::vkey::VerifierKey;

/// Longest roll with its signatures, in bytes: 4,096 agencies, each with a key that is announced.
pub const ROLL_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Highest version of a roll.
pub const VERSION_MAX: u64 = 1 << 40;
/// Time between the announcement of a record key and its use without the old key's signature.
pub const NOTICE_MS: i64 = 7 * 24 * 3600 * 1000;

/// Whether an agency takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It does.
    Active,
    /// Its nodes are cut off until it is active again.
    Suspended,
    /// It has left; it stays listed, so that what it signed stays provable.
    Left,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Active, Self::Suspended, Self::Left];

    /// The word in files and on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Left => "left",
        }
    }
}

/// A word that is no status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be active, suspended or left")]
pub struct UnknownStatus;

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        Self::ALL.into_iter().find(|it| it.as_str() == text).ok_or(UnknownStatus)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A record key that is announced for an agency that lost its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextKey {
    /// The key.
    pub key: VerifierKey,
    /// From when a later roll may name it as the agency's record key.
    pub from: Timestamp,
}

/// One agency of the roll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Which.
    pub id: AgencyId,
    /// The key that signs its record; its name is [`record_key_name`].
    pub key: VerifierKey,
    /// Whether it takes part.
    pub status: Status,
    /// The key that is announced for it.
    pub next: Option<NextKey>,
}

/// Name of the key that signs an agency's record.
pub fn record_key_name(agency: &AgencyId) -> String {
    format!("{agency}/record")
}

/// What a roll says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roll {
    /// The network.
    pub network: NetworkId,
    /// From 1.
    pub version: u64,
    /// Hash of the version before; of the genesis for version 1.
    pub previous: Digest,
    /// When its authorities issued it.
    pub issued_at: Timestamp,
    /// Who signs the next version.
    pub authorities: Authorities,
    /// The agencies, in the order in which they joined.
    pub agencies: Vec<Member>,
}

const KEYS: &[&str] =
    &["network", "version", "previous", "issued_at", "threshold", "authority", "agency"];
const MEMBER_KEYS: &[&str] = &["id", "record_key", "status", "next_record_key", "next_from"];

impl Roll {
    /// Reads the text of a roll, whose threshold may not be below `threshold_min`.
    ///
    /// # Errors
    /// Every fault of the text at once.
    pub fn parse(text: &str, threshold_min: usize) -> Result<Self, Vec<Fault>> {
        strict::read(text, ROLL_BYTES_MAX, KEYS, |root| read(root, threshold_min))
    }

    /// One agency.
    pub fn member(&self, agency: &AgencyId) -> Option<&Member> {
        self.agencies.iter().find(|it| it.id == *agency)
    }
}

/// A roll and the note that it came in. Nothing is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRoll {
    /// What it says.
    pub roll: Roll,
    /// Its text and its signatures.
    pub note: SignedNote,
    /// SHA-256 of the text, without signatures.
    pub hash: Digest,
}

impl SignedRoll {
    /// Reads a signed roll without verifying a signature.
    ///
    /// # Errors
    /// [`Refusal::Note`], [`Refusal::Unsigned`], [`Refusal::Faulty`].
    pub fn parse(bytes: &[u8], threshold_min: usize) -> Result<Self, Refusal> {
        let note = read_note(bytes, ROLL_BYTES_MAX)?;
        let roll = Roll::parse(&note.text, threshold_min).map_err(Refusal::Faulty)?;
        let hash = Digest::of(note.text.as_bytes());
        Ok(Self { roll, note, hash })
    }
}

fn read(root: &Table<'_>, threshold_min: usize) -> Option<Roll> {
    root.require(&["network", "version", "previous", "issued_at"]);
    let network = root.parsed::<NetworkId>("network");
    let version = root.integer("version", 1..=VERSION_MAX);
    let previous = root.spot("previous").and_then(|spot| read_hash(&spot));
    let issued_at = root.spot("issued_at").and_then(|spot| spot.time());
    let authorities = Authorities::read(root, threshold_min);
    let tables = root.tables("agency", MEMBER_KEYS, AGENCIES_MAX);
    let agencies = tables.iter().filter_map(read_member).collect();
    Some(Roll {
        network: network?,
        version: version?,
        previous: previous?,
        issued_at: issued_at?,
        authorities: authorities?,
        agencies,
    })
}

fn read_member(table: &Table<'_>) -> Option<Member> {
    table.require(&["id", "record_key", "status"]);
    let id = table.spot("id").and_then(|spot| {
        let id: AgencyId = spot.parsed()?;
        table.notes.claim("agency", id.as_str().as_bytes(), &spot);
        Some(id)
    });
    let key = read_key(table, "record_key", id.as_ref());
    let status = table.parsed::<Status>("status");
    let next = read_next(table, id.as_ref());
    Some(Member { id: id?, key: key?, status: status?, next })
}

fn read_next(table: &Table<'_>, agency: Option<&AgencyId>) -> Option<NextKey> {
    if table.has("next_record_key") != table.has("next_from") {
        table.fault("next_record_key and next_from stand together or not at all");
    }
    let key = read_key(table, "next_record_key", agency);
    let from = table.spot("next_from").and_then(|spot| spot.time());
    Some(NextKey { key: key?, from: from? })
}

fn read_key(
    table: &Table<'_>,
    name: &'static str,
    agency: Option<&AgencyId>,
) -> Option<VerifierKey> {
    let spot = table.spot(name)?;
    let key: VerifierKey = spot.parsed()?;
    if let Some(wanted) = agency.map(record_key_name).filter(|wanted| wanted != key.name()) {
        spot.fault(format!("must be a key of the name {wanted}"));
    }
    table.notes.claim("key", key.public(), &spot);
    Some(key)
}
