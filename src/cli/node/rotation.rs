//! Keys that change while a node serves: those that its folder and the directory newly name come into
//! force together, and sealing keys that were retired long ago are destroyed.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use crate::cli::exit::{Exit, Failure};
use crate::cli::node::setting;
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::config::{Config, Environment, NodeKeys, sealing_keys};
use crate::directory::{Directory, JournalKeys};
use crate::envelope::keyring::{Keyring, SealingPrivate};
use crate::node::setting::Setting;
use crate::node::signing::{FirstSigned, JournalSigning};
use crate::transport::Tasks;

/// A node looks so often for keys that are to be destroyed.
const INTERVAL: Duration = Duration::from_secs(3_600);

/// Keys that were read and fit the directory, and are not in force yet.
pub(super) struct Ready {
    signing: JournalSigning,
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
        let own = NodeKeys::load(&config.keys.folder)?;
        let signing = setting::signing(&own, named)
            .ok_or_else(|| refused(format!("the directory names other keys for {}", named.name)))?;
        must_reach(setting, named)?;
        Ok(Self { signing, ring: setting::ring(&own) })
    }

    /// Brings them into force.
    ///
    /// # Errors
    /// What can't be read of the journal.
    pub(super) fn take(self, setting: &Setting) -> Result<()> {
        setting.keys.journal.replace(self.signing, setting.journal.as_ref())?;
        setting.keys.sealing.store(Arc::new(self.ring));
        Ok(())
    }
}

/// What the keys before have signed must count under the size at which they are retired.
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

/// A private sealing key that was destroyed, or could not be.
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

/// [`destroy_over`], in the trace.
pub(super) fn destroy_and_tell(config: &Config, directory: &Directory) {
    match destroy_over(config, directory, SystemClock.now()) {
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
        let directory = setting.directory();
        let record = directory.agency(&setting.agency);
        let now = setting.clock.now();
        if !record.is_some_and(|it| it.sealing.iter().any(|key| key.is_over(now))) {
            continue;
        }
        tokio::task::block_in_place(|| {
            destroy_and_tell(&config, &directory);
            match NodeKeys::load(&config.keys.folder) {
                Ok(own) => setting.keys.sealing.store(Arc::new(setting::ring(&own))),
                Err(error) => tracing::error!(%error, "the keys can't be read again"),
            }
        });
    }
}
