//! Tells operators when contact points change in the directory that is followed, and which desks are gone
//! while requests are open with them.
//!
//! It looks at the directory in force, however that came about, so no way of adopting one is left
//! out. What changed is traced, counted and shown; a desk that is gone with open requests is an
//! alarm for as long as that is so, and after a restart too, since it is looked up in what is here.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::directory::Directory;
use crate::directory::changes::{ChangedDesk, DeskChange, changed_desks};
use crate::node::gone_desks;
use crate::node::setting::Setting;
use crate::transport::Tasks;
use crate::transport::followed::DirectoryBoard;

/// The directory in force is looked at so often.
const INTERVAL: Duration = Duration::from_secs(1);
/// While desks are gone, their requests are counted again after this time, in milliseconds.
const AGAIN_AFTER_MS: i64 = 60_000;
/// Most changed desks that are traced one by one; the others are counted.
const TRACED_MAX: usize = 100;

/// Watches the desks of the directory in force.
pub(super) struct DeskWatch {
    setting: Arc<Setting>,
    board: DirectoryBoard,
    seen: Arc<Directory>,
    counted_at: Timestamp,
}

impl DeskWatch {
    /// Begins with the directory that is in force now.
    pub(super) fn new(setting: Arc<Setting>, board: DirectoryBoard) -> Self {
        let (seen, counted_at) = (setting.directory(), setting.clock.now());
        Self { setting, board, seen, counted_at }
    }

    /// Until told to stop.
    pub(super) async fn keep(mut self, tasks: Tasks) {
        self.count().await;
        loop {
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                () = tasks.stopping() => return,
            }
            self.look().await;
        }
    }

    async fn look(&mut self) {
        let (directory, now) = (self.setting.directory(), self.setting.clock.now());
        let is_newer = directory.hash() != self.seen.hash();
        if is_newer {
            let (before, after) = (Arc::clone(&self.seen), Arc::clone(&directory));
            self.seen = directory;
            let changed = tokio::task::spawn_blocking(move || changed_desks(&before, &after)).await;
            let changed = changed.unwrap_or_default();
            trace(&changed);
            self.board.desks_changed(&changed, now);
        }
        let again = now.millis_since(self.counted_at) >= AGAIN_AFTER_MS;
        if is_newer || (again && self.board.has_gone_desks()) {
            self.count().await;
        }
    }

    /// Counts the requests that are open with desks that are gone.
    async fn count(&mut self) {
        self.counted_at = self.setting.clock.now();
        let setting = Arc::clone(&self.setting);
        let found =
            tokio::task::spawn_blocking(move || gone_desks::with_open_requests(&setting)).await;
        match found {
            Ok(Ok(found)) => {
                let gone = found.into_iter();
                self.board.desks_gone(gone.map(|(desk, open)| (desk, open.len())).collect());
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "requests with desks that are gone can't be read");
            }
            // The node is stopping.
            Err(_) => {}
        }
    }
}

fn trace(changed: &[ChangedDesk]) {
    for it in changed.iter().take(TRACED_MAX) {
        let words: Vec<String> = it.changes.iter().map(ToString::to_string).collect();
        let (desk, change) = (&it.desk, words.join(", "));
        let is_away = it.changes.iter().any(DeskChange::ends_the_address);
        if is_away {
            tracing::warn!(%desk, change, "a contact point of the directory is gone");
        } else {
            tracing::info!(%desk, change, "a contact point of the directory has changed");
        }
    }
    let more = changed.len().saturating_sub(TRACED_MAX);
    if more > 0 {
        tracing::warn!(size = more, "more contact points of the directory have changed");
    }
}
