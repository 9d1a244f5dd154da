//! What an agency says of itself, signed by its record key.

use std::collections::BTreeSet;

use crate::directory::link;
use crate::directory::record::{self, AgencyRecord};
use crate::directory::signed::refusal::Refusal;
use crate::directory::signed::{read_hash, read_note};
use crate::directory::strict::{self, Fault, Table};
use crate::domain::digest::Digest;
use crate::domain::header::Channel;
use crate::domain::ids::{AgencyId, NetworkId};
use crate::merkle::note::SignedNote;
use crate::pki::revoke::SignedList;

/// Longest record with its signatures, in bytes: 512 contact points, 64 volumes and a list of
/// revocations of 100 KiB.
pub const RECORD_BYTES_MAX: usize = 512 * 1024;
/// Highest version of a record, so that those of all records together stay a number.
pub const VERSION_MAX: u64 = 1 << 40;
/// Most links of one agency.
pub const LINKS_MAX: usize = 512;

/// One end of a link, as its agency names it. The link stands while the other end names it too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkOffer {
    /// The other end.
    pub with: AgencyId,
    /// What this end lets through; never empty. The link carries what both do.
    pub channels: BTreeSet<Channel>,
    /// What this end reckons for it; the higher of the two costs counts. No unit.
    pub cost: u32,
}

/// What the text of a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnRecord {
    /// The network.
    pub network: NetworkId,
    /// From 1.
    pub version: u64,
    /// Hash of the version before; none for version 1.
    pub previous: Option<Digest>,
    /// Country, roots, revocations, keys, nodes, desks.
    pub agency: AgencyRecord,
    /// Its ends of links.
    pub links: Vec<LinkOffer>,
}

/// The keys of [`record::KEYS`], and what a record of its own has besides.
const KEYS: &[&str] = &[
    "network",
    "version",
    "previous",
    "link",
    "id",
    "country",
    "transit",
    "roots",
    "issuing",
    "crl",
    "witness",
    "witness_next",
    "witness_earlier",
    "journal",
    "sealing",
    "node",
    "contact_point",
];
const LINK_KEYS: &[&str] = &["with", "channels", "cost"];

impl OwnRecord {
    /// Reads the text of a record.
    ///
    /// # Errors
    /// Every fault of the text at once.
    pub fn parse(text: &str) -> Result<Self, Vec<Fault>> {
        Ok(Self::parse_whole(text)?.0)
    }

    /// The same with its revocation lists, as they were verified.
    fn parse_whole(text: &str) -> Result<(Self, Vec<SignedList>), Vec<Fault>> {
        strict::read(text, RECORD_BYTES_MAX, KEYS, read)
    }
}

/// A record and the note that it came in. Nothing is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRecord {
    /// What it says.
    pub record: OwnRecord,
    /// Its text and its signatures.
    pub note: SignedNote,
    /// SHA-256 of the text, without signatures.
    pub hash: Digest,
    /// Its revocation lists, each verified, in the order of the text.
    pub(crate) lists: Vec<SignedList>,
}

impl SignedRecord {
    /// Reads a signed record without verifying a signature.
    ///
    /// # Errors
    /// [`Refusal::Note`], [`Refusal::Unsigned`], [`Refusal::Faulty`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let note = read_note(bytes, RECORD_BYTES_MAX)?;
        let (record, lists) = OwnRecord::parse_whole(&note.text).map_err(Refusal::Faulty)?;
        let hash = Digest::of(note.text.as_bytes());
        Ok(Self { record, note, hash, lists })
    }
}

fn read(root: &Table<'_>) -> Option<(OwnRecord, Vec<SignedList>)> {
    root.require(&["network", "version"]);
    let network = root.parsed::<NetworkId>("network");
    let version = root.integer("version", 1..=VERSION_MAX);
    let previous = root.spot("previous").and_then(|spot| read_hash(&spot));
    if let Some(version) = version
        && (version == 1) == root.has("previous")
    {
        root.fault_at("previous", "is the hash of the version before, which version 1 has not");
    }
    let agency = record::read_with_lists(root);
    let own = agency.as_ref().map(|it| it.0.id.clone());
    let links = root.tables("link", LINK_KEYS, LINKS_MAX);
    let links = links.iter().filter_map(|it| read_link(it, own.as_ref())).collect();
    let (agency, lists) = agency?;
    let record = OwnRecord { network: network?, version: version?, previous, agency, links };
    Some((record, lists))
}

fn read_link(table: &Table<'_>, own: Option<&AgencyId>) -> Option<LinkOffer> {
    table.require(&["with"]);
    let with = table.spot("with").and_then(|spot| {
        let with: AgencyId = spot.parsed()?;
        if own == Some(&with) {
            spot.fault("links an agency with itself");
        }
        table.notes.claim("link", with.as_str().as_bytes(), &spot);
        Some(with)
    });
    let (channels, cost) = (link::read_channels(table), link::read_cost(table));
    Some(LinkOffer { with: with?, channels, cost })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_its_own_has_every_key_of_an_agency() {
        for key in record::KEYS {
            assert!(KEYS.contains(key), "{key}");
        }
        assert_eq!(KEYS.len(), record::KEYS.len() + 4);
    }
}
