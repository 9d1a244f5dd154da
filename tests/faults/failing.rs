//! Calls that fail: write, sync, rename and open, with EIO and ENOSPC.

use std::time::Duration;

use rogatory::entropy::{self, SeededEntropy};

use crate::network::ORIGIN;
use crate::shim::Shim;
use crate::{Bench, STORE_FAILED, seed};

/// What fails while the node serves: error, call, path, and at which call of this kind at the most.
const UNDER_LOAD: &[(&str, &str, &str, u64)] = &[
    ("EIO", "write", "/store/db", 60),
    ("ENOSPC", "write", "/store/db", 60),
    ("EIO", "sync", "/store/db", 60),
    ("ENOSPC", "sync", "/store/db", 60),
    ("EIO", "write", "/store/mark", 20),
    ("ENOSPC", "write", "/store/mark", 20),
];
/// What fails while it starts: each of its calls of this kind, one start after the other.
const AT_THE_START: &[(&str, &str)] = &[
    ("EIO", "open"),
    ("ENOSPC", "open"),
    ("EIO", "write"),
    ("ENOSPC", "write"),
    ("EIO", "sync"),
    ("EIO", "rename"),
    ("ENOSPC", "rename"),
];
/// More calls of one kind than a start makes.
const CALLS_MAX: u64 = 400;
/// A start that neither serves nor ends by then stands still.
const STILL_AFTER: Duration = Duration::from_secs(45);
/// Starts that may stand still in all rows together: see decision 14 in ARCHITECTURE.md.
const STILL_MAX: u32 = 3;
/// Messages that the store holds before a row begins.
const MESSAGES: usize = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_or_sync_that_fails_ends_the_node_at_once_and_nothing_acknowledged_is_lost() {
    let Some(shim) = Shim::built("calls that fail under load") else { return };
    let chance = SeededEntropy::new(seed());
    let mut bench = Bench::made(Some(shim.library())).await;
    for (error, call, path, most) in UNDER_LOAD {
        shim.clear();
        bench.start().await;
        bench.send(10).await;
        let number = 1 + u64::from_be_bytes(entropy::bytes(&chance)) % most;
        let row = format!("{error} {call} {number} {path}");
        let status = bench.send_until_the_end(|| shim.plan(&row)).await;
        assert!(shim.has_fired(), "{row}");
        assert_eq!(status.code(), Some(STORE_FAILED), "{row}: {}", bench.last_line());
        assert!(!shim.was_synced_again(), "{row}: a sync that failed was tried again");
        shim.clear();
        bench.start().await;
        let checked = "a write or a sync had failed: everything in the store is checked";
        assert!(bench.network.log(ORIGIN).contains(checked), "{row}");
        bench.holds_everything().await;
        assert!(bench.network.terminate(ORIGIN).await.success(), "{row}");
        println!("{row}: ended with 74; {} acknowledged, none lost", bench.kept.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_cannot_open_its_files_says_so_and_starts_once_it_can() {
    let Some(shim) = Shim::built("calls that fail at a start") else { return };
    let mut bench = Bench::made(Some(shim.library())).await;
    bench.start().await;
    bench.send(MESSAGES).await;
    let mut still = 0;
    for (error, call) in AT_THE_START {
        let mut refused = 0;
        for number in 1..=CALLS_MAX {
            bench.network.end(ORIGIN);
            shim.clear();
            let row = format!("{error} {call} {number} /store/");
            shim.plan(&row);
            let started = tokio::time::timeout(STILL_AFTER, bench.try_start()).await;
            match started {
                Ok(Ok(())) if !shim.has_fired() => break,
                // What failed was not needed, or the node that served has ended of it since; or the
                // start has to be ended from outside. Whatever it was, nothing is lost.
                Ok(Ok(())) | Err(_) => {
                    still += u32::from(started.is_err());
                    assert!(still <= STILL_MAX, "{row}: starts stand still");
                    bench.network.end(ORIGIN);
                    shim.clear();
                    bench.start().await;
                    bench.holds_everything().await;
                }
                Ok(Err(status)) => {
                    let said = bench.last_line();
                    assert_eq!(status.code(), Some(STORE_FAILED), "{row}: {said}");
                    let named = ["the store cannot", "the file of slots can", "/store/directory"];
                    let named = named.iter().any(|it| said.contains(it));
                    assert!(named, "{row}: {said}");
                    refused += 1;
                }
            }
            assert!(number < CALLS_MAX, "{row}: a start makes fewer calls");
        }
        assert!(refused > 0, "{error} {call}");
        println!("{error} at each {call} of a start: {refused} starts refused");
    }
    println!("{still} starts stood still");
    bench.network.end(ORIGIN);
    shim.clear();
    bench.start().await;
    bench.holds_everything().await;
}
