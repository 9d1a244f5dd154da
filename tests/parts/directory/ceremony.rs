//! Authorities and agencies that sign, for tests of the signed directory.

use rogatory::clock::Timestamp;
use rogatory::directory::signed::record::OwnRecord;
use rogatory::directory::signed::roll::record_key_name;
use rogatory::directory::signed::{
    Authorities, Authority, Genesis, Held, Judging, LinkOffer, Member, Roll, Status, write,
};
use rogatory::directory::{AgencyRecord, Link};
use rogatory::domain::digest::Digest;
use rogatory::domain::ids::AgencyId;
use rogatory::merkle::note::SignedNote;
use rogatory::merkle::signature::Ed25519Signer;
use rogatory::merkle::vkey::VerifierKey;
use rogatory::redact::Secret;

use super::making::{authority, id, with_node, without_node};

pub(crate) const DAY_MS: i64 = 24 * 3600 * 1000;

/// When the tests happen.
pub(crate) fn at(day: i64) -> Timestamp {
    Timestamp::parse("2026-03-01T00:00:00Z").unwrap().plus_millis(day * DAY_MS)
}

pub(crate) fn now(day: i64) -> Judging {
    Judging::Now(at(day))
}

/// A key with its name; the same name and number give the same key.
pub(crate) struct Holder {
    pub(crate) key: VerifierKey,
    signer: Ed25519Signer,
}

impl Holder {
    pub(crate) fn new(name: &str, number: u8) -> Self {
        let mut seed = *Digest::of(name.as_bytes()).as_bytes();
        seed[0] = number;
        let signer = Ed25519Signer::from_seed(&Secret::new(seed));
        Self { key: VerifierKey::new(name, signer.public()).unwrap(), signer }
    }

    pub(crate) fn of(agency: &str) -> Self {
        Self::new(&record_key_name(&id(agency)), 0)
    }
}

/// A text with the signatures of some, once each as often as they are listed.
pub(crate) fn sign(text: &str, holders: &[&Holder]) -> Vec<u8> {
    let lines = holders.iter().map(|it| it.key.sign(text, &it.signer).unwrap());
    SignedNote { text: text.to_owned(), signatures: lines.collect() }.to_bytes()
}

pub(crate) fn authorities(threshold: usize, holders: &[&Holder]) -> Authorities {
    let members = holders.iter().map(|it| Authority { key: it.key.clone(), until: None });
    Authorities { threshold, members: members.collect() }
}

pub(crate) fn member(agency: &str) -> Member {
    Member { id: id(agency), key: Holder::of(agency).key, status: Status::Active, next: None }
}

/// Three authorities of which two decide; three agencies, two of them linked with the third.
pub(crate) struct Town {
    pub(crate) a: Holder,
    pub(crate) b: Holder,
    pub(crate) c: Holder,
    pub(crate) genesis: Genesis,
    pub(crate) genesis_text: String,
}

pub(crate) const TOWN: [&str; 3] = ["int.hub", "ita.coast-guard", "pan.flag"];

impl Town {
    pub(crate) fn new() -> Self {
        let [a, b, c] =
            ["ita.ministry", "pan.ministry", "int.secretariat"].map(|name| Holder::new(name, 0));
        let network = "demo".parse().unwrap();
        let genesis_text = write::genesis(&network, false, &authorities(2, &[&a, &b, &c]));
        let genesis = Genesis::parse(&genesis_text).unwrap();
        Self { a, b, c, genesis, genesis_text }
    }

    /// The first roll.
    pub(crate) fn first(&self) -> Roll {
        Roll {
            network: "demo".parse().unwrap(),
            version: 1,
            previous: self.genesis.hash(),
            issued_at: at(0),
            authorities: self.genesis.authorities.clone(),
            agencies: TOWN.iter().map(|it| member(it)).collect(),
        }
    }

    /// A roll by the first two authorities.
    pub(crate) fn signed(&self, roll: &Roll) -> Vec<u8> {
        sign(&write::roll(roll), &[&self.a, &self.b])
    }

    /// What follows the roll in force, a day later.
    pub(crate) fn next(&self, held: &Held) -> Roll {
        let before = held.roll().unwrap();
        let roll = before.roll.clone();
        Roll {
            version: roll.version + 1,
            previous: before.hash,
            issued_at: roll.issued_at.plus_millis(DAY_MS),
            ..roll
        }
    }

    /// The first roll and a record of each agency, adopted.
    pub(crate) fn held(&self) -> Held {
        let mut held = Held::begin(self.genesis.clone());
        held.adopt_roll(&self.signed(&self.first()), now(0)).unwrap();
        let pki = authority("demo");
        for (number, agency) in (1..).zip(TOWN) {
            let with = if agency == TOWN[0] { &TOWN[1..] } else { &TOWN[..1] };
            let own = own(with_node(agency, number, &pki), with);
            held.adopt_record(&signed_record(&own), now(0)).unwrap();
        }
        held
    }
}

/// Version 1 of a record with links.
pub(crate) fn own(agency: AgencyRecord, with: &[&str]) -> OwnRecord {
    let offer = |with: &&str| {
        let link = Link::between(agency.id.clone(), id(with));
        LinkOffer { with: link.b, channels: link.channels, cost: link.cost }
    };
    let links = with.iter().map(offer).collect();
    OwnRecord { network: "demo".parse().unwrap(), version: 1, previous: None, agency, links }
}

/// The record of an agency without a node.
pub(crate) fn small(agency: &str) -> OwnRecord {
    own(without_node(agency), &[])
}

pub(crate) fn signed_record(record: &OwnRecord) -> Vec<u8> {
    sign(&write::record(record), &[&Holder::of(record.agency.id.as_str())])
}

/// The record that follows the one in force.
pub(crate) fn next_record(held: &Held, agency: &AgencyId) -> OwnRecord {
    record_after(held, agency, held.note(agency).unwrap())
}

/// The same, of one whose text rests elsewhere.
pub(crate) fn record_after(held: &Held, agency: &AgencyId, note: &SignedNote) -> OwnRecord {
    let (version, hash) = held.record(agency).unwrap();
    let own = OwnRecord::parse(&note.text).unwrap();
    OwnRecord { version: version + 1, previous: Some(hash), ..own }
}
