//! Keeps the published journal (`journal/published/`) up with the journal while a node runs.
//!
//! It works beside the writer and never in its way: commits do not wait for files, and a folder
//! that can't be written is told and tried again while the node goes on.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::journal::Journal;
use crate::journal::published::{IsOurs, PublishedError, Publisher, Round};
use crate::node::setting::Setting;
use crate::transport::Tasks;

/// Time between two rounds when there is nothing to catch up with.
const INTERVAL: Duration = Duration::from_secs(1);
/// After a round that failed the next one comes so much later.
const AFTER_FAILURE: Duration = Duration::from_secs(10);

/// The volumes of a node's journal that are published: those before the one that is written, which
/// do not grow any more but are looked after too, and that one.
pub(super) fn publishers(all: &Path, setting: &Arc<Setting>) -> Vec<Publisher> {
    let before = setting.before.volumes().iter();
    let written = std::iter::once(&setting.journal);
    before.chain(written).map(|volume| publisher(all, volume, setting)).collect()
}

fn publisher(all: &Path, volume: &Arc<dyn Journal>, setting: &Arc<Setting>) -> Publisher {
    let (name, own) = (volume.name().clone(), Arc::clone(setting));
    let is_ours: IsOurs = Box::new(move |note| {
        let directory = own.directory();
        directory.journal(&name).is_some_and(|keys| keys.checkpoint(note).is_ok())
    });
    Publisher::new(all, Arc::clone(volume), is_ours)
}

/// Publishes until told to stop; a round that is under way is finished.
pub(super) async fn publish(mut publisher: Publisher, tasks: Tasks) {
    let mut told = String::new();
    loop {
        let round = tokio::task::spawn_blocking(move || {
            let came = publisher.round();
            (publisher, came)
        });
        let Ok((same, came)) = round.await else { return };
        publisher = same;
        let pause = pause_after(came, &mut told);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = tasks.stopping() => return,
        }
    }
}

/// Tells what came of a round, a failure once, and when the next is due.
fn pause_after(came: Result<Round, PublishedError>, told: &mut String) -> Duration {
    match came {
        Ok(round) => {
            told.clear();
            if round.repaired > 0 {
                tracing::warn!(files = round.repaired, "published files were harmed; made again");
            }
            if round.more { Duration::ZERO } else { INTERVAL }
        }
        Err(error) => {
            let text = error.to_string();
            if text != *told {
                tracing::error!(%error, "the journal is not published");
                *told = text;
            }
            AFTER_FAILURE
        }
    }
}
