//! The signed directory of a throw-away network: three authorities of which two decide, and a
//! record key for each agency. All their private keys stand in one folder, as nowhere else.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};

use crate::cli::demo::folder;
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::config::DirectoryFolder;
use crate::config::directory::{GENESIS, RECORDS, ROLLS};
use crate::config::note_keys::NoteKey;
use crate::directory::signed::record::OwnRecord;
use crate::directory::signed::roll::record_key_name;
use crate::directory::signed::{
    Authorities, Authority, Genesis, LinkOffer, Member, Roll, Status, write,
};
use crate::directory::{AgencyRecord, Directory, DirectoryDraft, Link};
use crate::domain::digest::Digest;
use crate::domain::ids::{AgencyId, NetworkId};
use crate::entropy::SystemEntropy;
use crate::merkle::note::SignedNote;

const NAMES: [&str; 3] = ["demo.first-authority", "demo.second-authority", "demo.third-authority"];
const THRESHOLD: usize = 2;

/// Those who sign the directory.
pub struct Ceremony {
    directory: PathBuf,
    keys: PathBuf,
    network: NetworkId,
    holders: Vec<NoteKey>,
    genesis: Genesis,
}

impl Ceremony {
    /// Makes the authorities' keys in `keys` and the genesis in `directory`.
    ///
    /// # Errors
    /// What the file system said.
    pub fn begin(network: NetworkId, directory: &Path, keys: PathBuf) -> Result<Self> {
        folder::make(&keys)?;
        for inner in [ROLLS, RECORDS] {
            folder::make(&directory.join(inner))?;
        }
        let holders = NAMES
            .map(|name| NoteKey::create(&keys.join(format!("{name}.key")), name, &SystemEntropy));
        let holders = holders.into_iter().collect::<Result<Vec<_>, _>>()?;
        let text = write::genesis(&network, false, &authorities(&holders));
        let genesis = Genesis::parse(&text).map_err(|faults| anyhow!("genesis: {faults:?}"))?;
        folder::write(&directory.join(GENESIS), &text)?;
        Ok(Self { directory: directory.to_owned(), keys, network, holders, genesis })
    }

    /// What every node pins.
    pub fn genesis(&self) -> Digest {
        self.genesis.hash()
    }

    /// Signs the roll and every agency's record; gives the directory that follows.
    ///
    /// # Errors
    /// What the file system said, or a directory that does not hold.
    pub fn sign(&self, draft: &DirectoryDraft) -> Result<Directory> {
        let folder = DirectoryFolder::at(&self.directory);
        let mut agencies = Vec::new();
        for record in &draft.agencies {
            let path = self.keys.join(format!("{}.key", record.id));
            let key = NoteKey::create(&path, &record_key_name(&record.id), &SystemEntropy)?;
            let text = write::record(&self.record(record, &draft.links));
            folder::write(&folder.record_path(&record.id), note(&text, &[&key]))?;
            let (id, key) = (record.id.clone(), key.key().clone());
            agencies.push(Member { id, key, status: Status::Active, next: None });
        }
        let millis = SystemClock.now().millis();
        let roll = Roll {
            network: self.network.clone(),
            version: 1,
            previous: self.genesis.hash(),
            issued_at: Timestamp::from_millis(millis - millis.rem_euclid(1000)),
            authorities: self.genesis.authorities.clone(),
            agencies,
        };
        let signers: Vec<&NoteKey> = self.holders.iter().take(THRESHOLD).collect();
        folder::write(&folder.roll_path(1), note(&write::roll(&roll), &signers))?;
        let loaded = folder.load(Some(self.genesis()))?;
        let (directory, complaints) = loaded.held.directory();
        if let Some(complaint) = complaints.first() {
            return Err(anyhow!("the directory that was made does not hold: {complaint}"));
        }
        if let Some(it) = loaded.refused.first() {
            return Err(anyhow!("{}: {}", it.path.display(), it.refusal));
        }
        Ok(directory)
    }

    fn record(&self, agency: &AgencyRecord, links: &[Link]) -> OwnRecord {
        let offer = |with: &AgencyId, link: &Link| LinkOffer {
            with: with.clone(),
            channels: link.channels.clone(),
            cost: link.cost,
        };
        let links = links.iter().filter_map(|it| match (it.a == agency.id, it.b == agency.id) {
            (true, _) => Some(offer(&it.b, it)),
            (_, true) => Some(offer(&it.a, it)),
            (false, false) => None,
        });
        OwnRecord {
            network: self.network.clone(),
            version: 1,
            previous: None,
            links: links.collect(),
            agency: agency.clone(),
        }
    }
}

fn authorities(holders: &[NoteKey]) -> Authorities {
    let members = holders.iter().map(|it| Authority { key: it.key().clone(), until: None });
    Authorities { threshold: THRESHOLD, members: members.collect() }
}

fn note(text: &str, keys: &[&NoteKey]) -> Vec<u8> {
    let signatures = keys.iter().map(|it| it.sign(text)).collect();
    SignedNote { text: text.to_owned(), signatures }.to_bytes()
}
