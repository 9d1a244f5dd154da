//! Keys that change while a node serves: those that its folder and the directory newly name come into
//! force together, and sealing keys that were retired long ago are destroyed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use crate::cli::exit::{Exit, Failure};
use crate::cli::node::own_keys::OwnKeys;
use crate::cli::node::setting;
use crate::clock::Timestamp;
use crate::config::{Config, Environment, sealing_keys, witness_keys};
use crate::directory::record::AgencyRecord;
use crate::directory::{Directory, JournalKeys};
use crate::envelope::keyring::{Keyring, SealingPrivate, key_id};
use crate::merkle::signature::{Ed25519Signer, MlDsa44Signer};
use crate::node::cosigning::WitnessSigning;
use crate::node::setting::Setting;
use crate::node::signing::{FirstSigned, JournalSigning};
use crate::transport::Tasks;

/// A node looks so often for keys that are to be destroyed.
const INTERVAL: Duration = Duration::from_secs(3_600);

/// Keys that were read and fit the directory, and are not in force yet.
pub(super) struct Ready {
    signing: JournalSigning,
    witness: WitnessSigning,
    ring: Keyring,
}

impl Ready {
    /// Reads the keys that a directory names; nothing changes.
    ///
    /// # Errors
    /// Keys that can't be read, another volume, keys that are not here, and a retirement at a size
    /// that the journal has passed.
    pub(super) fn of(config: &Config, setting: &Setting, directory: &Directory) -> Result<Self> {
        let refused = |text: String| Failure::new(Exit::Refused, text);
        let named = directory.current_journal(&setting.agency);
        let named = named.filter(|it| it.name == setting.journal_name).ok_or_else(|| {
            refused(
                "the newer directory names another journal for this node; it is followed after a \
                 restart with the keys of that one"
                    .to_owned(),
            )
        })?;
        let own = OwnKeys::load(config)?;
        let signing = own
            .signing(named)
            .ok_or_else(|| refused(format!("the directory names other keys for {}", named.name)))?;
        must_reach(setting, named)?;
        let witness = setting::witness(&own, directory.agency(&setting.agency))?;
        Ok(Self { signing, witness, ring: setting::ring(&own.files) })
    }

    /// Brings them into force.
    ///
    /// # Errors
    /// What can't be read of the journal.
    pub(super) fn take(self, setting: &Setting) -> Result<()> {
        setting.keys.journal.replace(self.signing, setting.journal.as_ref())?;
        setting.keys.witness.replace(self.witness);
        setting.keys.sealing.store(Arc::new(self.ring));
        Ok(())
    }
}

/// What the keys before have signed must count under the size at which they are retired: asked at a
/// start too, for the directory may have come while the node did not run.
///
/// # Errors
/// What can't be read, and exit status 6 with the size that the record must name.
pub(super) fn must_reach_at_start(setting: &Setting) -> Result<()> {
    let directory = setting.directory();
    let named = directory.current_journal(&setting.agency);
    let named = named.filter(|it| it.name == setting.journal_name);
    named.map_or(Ok(()), |it| must_reach(setting, it))
}

fn must_reach(setting: &Setting, named: &JournalKeys) -> Result<()> {
    let Some(retired) = named.earlier.last() else {
        return Ok(());
    };
    let signed = FirstSigned::within(setting.journal.as_ref(), &named.ed25519)?;
    if signed <= retired.retired_at_size {
        return Ok(());
    }
    let text = format!(
        "the directory retires a key of {} at {} entries, and it has signed {signed}: name that \
         size in the next version of the record",
        named.name, retired.retired_at_size
    );
    Err(Failure::new(Exit::Refused, text).into())
}

/// A private key that was destroyed, or could not be.
pub(in crate::cli) struct Destroyed {
    /// The key's id.
    pub(in crate::cli) key_id: String,
    /// Why not.
    pub(in crate::cli) fault: Option<String>,
}

/// Destroys private sealing keys of which the agency's own record says that they were retired 30 days
/// ago or longer.
///
/// # Errors
/// Keys that can't be read.
pub(in crate::cli) fn destroy_over(
    config: &Config,
    directory: &Directory,
    now: Timestamp,
) -> Result<Vec<Destroyed>> {
    let record = directory.agency(&config.node.agency);
    let sealing = record.map(|it| it.sealing.as_slice()).unwrap_or_default();
    if !sealing.iter().any(|it| it.is_over(now)) {
        return Ok(Vec::new());
    }
    let mut told = Vec::new();
    for (path, seed) in sealing_keys::files(&config.keys.folder, &Environment::of_process())? {
        let key_id = SealingPrivate::from_seed(&seed).key_id().to_owned();
        if sealing.iter().any(|it| it.key_id == key_id && it.is_over(now)) {
            let fault = sealing_keys::destroy(&path).err().map(|it| it.to_string());
            told.push(Destroyed { key_id, fault });
        }
    }
    Ok(told)
}

/// Whether the record retired a key of the journal, of either kind, and names it nowhere else.
pub(in crate::cli) fn is_retired(record: Option<&AgencyRecord>, public: &[u8]) -> bool {
    let journals = record.map(|it| it.journals.as_slice()).unwrap_or_default();
    let is = |ed25519: &[u8; 32], mldsa44: &[u8]| public == ed25519 || public == mldsa44;
    let counts = journals.iter().any(|it| {
        let in_use = it.retired_at_size.is_none() && is(&it.ed25519, &it.mldsa44);
        in_use || it.next.as_ref().is_some_and(|next| is(&next.ed25519, &next.mldsa44))
    });
    !counts && journals.iter().any(|it| it.publics().any(|named| named == public))
}

/// Destroys pairs of the journal's keys, in files, that the agency's own record has retired: they sign
/// nothing any more, and what they signed is verified by their public halves.
pub(in crate::cli) fn destroy_retired(
    config: &Config,
    own: &OwnKeys,
    record: Option<&AgencyRecord>,
) -> Vec<Destroyed> {
    let mut told = Vec::new();
    let mut seen = BTreeSet::new();
    for named in record.map(|it| it.journals.as_slice()).unwrap_or_default() {
        for (place, seeds) in own.files.pairs(named.name.volume()) {
            let mldsa44 = MlDsa44Signer::from_seed(seeds.mldsa44).public();
            if !is_retired(record, &mldsa44) || !seen.insert(mldsa44.clone()) {
                continue;
            }
            let fault = own.files.destroy_pair(&config.keys.folder, place).err();
            let fault = fault.map(|it| it.to_string());
            let ed25519 = seeds.ed25519.map(|it| Ed25519Signer::from_seed(it).public().to_vec());
            for public in ed25519.into_iter().chain([mldsa44]) {
                told.push(Destroyed { key_id: key_id(&public), fault: fault.clone() });
            }
        }
    }
    told
}

/// Destroys witness keys that the agency's own record has retired, and names nowhere else.
pub(in crate::cli) fn destroy_witness(
    config: &Config,
    own: &OwnKeys,
    record: Option<&AgencyRecord>,
) -> Vec<Destroyed> {
    let Some(named) = record.and_then(|it| it.witness.as_ref()) else {
        return Vec::new();
    };
    let mut told = Vec::new();
    for (number, seed) in &own.files.witness {
        let public = Ed25519Signer::from_seed(seed).public();
        if named.earlier.iter().any(|it| it.ed25519 == public) {
            let fault = witness_keys::destroy(&config.keys.folder, *number).err();
            let fault = fault.map(|it| it.to_string());
            told.push(Destroyed { key_id: key_id(&public), fault });
        }
    }
    told
}

/// [`destroy_over`], in the trace.
pub(super) fn destroy_and_tell(config: &Config, directory: &Directory, now: Timestamp) {
    match destroy_over(config, directory, now) {
        Ok(told) => {
            for Destroyed { key_id, fault } in told {
                match fault {
                    None => tracing::info!(key = key_id, "a retired sealing key is destroyed"),
                    Some(error) => tracing::error!(
                        key = key_id,
                        error,
                        "a retired sealing key must be destroyed: rogatory keys destroy"
                    ),
                }
            }
        }
        Err(error) => tracing::error!(%error, "retired sealing keys can't be looked for"),
    }
}

/// Destroys while the node serves, and lets go of what is gone.
pub(super) async fn destroy_in_time(config: Config, setting: Arc<Setting>, tasks: Tasks) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = tasks.stopping() => return,
        }
        tokio::task::block_in_place(|| round(&config, &setting));
    }
}

/// One round: what is over by the node's clock is destroyed, and opens nothing any more.
fn round(config: &Config, setting: &Setting) {
    let directory = setting.directory();
    let record = directory.agency(&setting.agency);
    let now = setting.clock.now();
    if !record.is_some_and(|it| it.sealing.iter().any(|key| key.is_over(now))) {
        return;
    }
    destroy_and_tell(config, &directory, now);
    match OwnKeys::load(config) {
        Ok(own) => setting.keys.sealing.store(Arc::new(setting::ring(&own.files))),
        Err(error) => tracing::error!(%error, "the keys can't be read again"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::cli::demo::network;
    use crate::clock::HandClock;
    use crate::directory::SealingKey;
    use crate::directory::record::SEALING_KEPT_MS;
    use crate::directory::write::{DirectoryDraft, to_toml};
    use crate::entropy::SystemEntropy;

    /// The directory, with a newer sealing key of an agency, and the one before it retired at a time.
    fn followed_by(
        directory: &Directory,
        agency: &str,
        newer: &[u8],
        retired: Timestamp,
    ) -> Directory {
        let mut agencies: Vec<_> = directory.agencies().cloned().collect();
        let record = agencies.iter_mut().find(|it| it.id.as_str() == agency).unwrap();
        record.sealing[0].retired_at = Some(retired);
        record.sealing.insert(0, SealingKey::new(newer.to_vec()));
        let draft = DirectoryDraft {
            network: directory.network().clone(),
            version: directory.version(),
            agencies,
            links: directory.links().to_vec(),
        };
        Directory::parse(&to_toml(&draft)).unwrap()
    }

    #[test]
    fn a_round_destroys_a_sealing_key_30_days_after_its_retirement_and_not_before() {
        const AGENCY: &str = "ita.coast-guard";
        let home = tempfile::tempdir().unwrap();
        let agency = AGENCY.parse().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let made = runtime.block_on(network::make(home.path(), &BTreeSet::from([agency]))).unwrap();
        let place = made.places.iter().find(|it| it.agency.as_str() == AGENCY).unwrap();
        let config = Config::load(&place.config).unwrap();
        let mut setting = setting::open(&config).unwrap().setting;
        let old = config.keys.folder.join("sealing/0001.xwing");
        let path = sealing_keys::make(&config.keys.folder, &SystemEntropy).unwrap();
        let seeds = sealing_keys::files(&config.keys.folder, &Environment::default()).unwrap();
        let seed = &seeds.iter().find(|(it, _)| *it == path).unwrap().1;
        let newer = SealingPrivate::from_seed(seed);
        let retired = Timestamp::parse("2026-06-01T00:00:00Z").unwrap();
        let directory = followed_by(&setting.directory(), AGENCY, &newer.public(), retired);
        setting.directory = Arc::new(directory).into();
        let over = retired.plus_millis(SEALING_KEPT_MS);
        let held =
            || sealing_keys::files(&config.keys.folder, &Environment::default()).unwrap().len();
        for at in [retired, over.plus_millis(-1)] {
            setting.clock = Arc::new(HandClock::at(at));
            round(&config, &setting);
            assert!(old.exists() && held() == 2, "{at}");
        }
        setting.clock = Arc::new(HandClock::at(over));
        round(&config, &setting);
        assert!(!old.exists(), "30 days are over");
        assert_eq!(held(), 1);
        let ring = setting.keys.sealing.load();
        assert!(ring.find(newer.key_id()).is_some(), "the newer one opens on");
        assert!(ring.find(SealingPrivate::from_seed(&seeds[0].1).key_id()).is_none());
    }
}
