//! How a process ends whose store must not go on.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::cli::exit::{self, Exit, Failure};
use crate::config::Config;
use crate::journal::watch::Watch;

/// Ends the process at once, without closing anything: to close a store is to write and sync once
/// more, and a sync that failed is never tried again. Whoever waits for an answer gets none.
pub fn die(why: &str) -> ! {
    tracing::error!(stop = why, "the store failed; the node ends and answers nobody");
    exit::tell(&Failure::new(Exit::StoreFailed, why).into(), false);
    std::process::exit(i32::from(Exit::StoreFailed.number()))
}

/// Watches what the store of a configuration does; the process ends if it stands still.
///
/// # Errors
/// If the system gives no thread.
pub fn watch(config: &Config) -> Result<Arc<Watch>> {
    let limit = config.store.standstill_s;
    let watch = Watch::start(Duration::from_secs(limit), move |doing| {
        die(&format!("the store stands still: it could not {doing} within {limit} seconds"))
    });
    watch.context("watching the store")
}
