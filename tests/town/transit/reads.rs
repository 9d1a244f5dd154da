//! The promise: what a reader asks for costs what is shown, and not what lies before it. Values that
//! are read from the store are counted, so the promise holds on any machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rogatory::domain::ids::RequestId;
use rogatory::journal::memory::{MemoryDisk, MemoryStore};
use rogatory::journal::slot_disks::MemorySlots;
use rogatory::journal::store::{Batch, Records, Store, StoreError};
use rogatory::node::duties::due;
use rogatory::node::query;
use serde_json::json;

use crate::corridor::{Corridor, Place, desk_of};
use crate::support::{Federation, agency};

const DESKS: [&str; 1] = ["second"];
/// Messages of one page.
const PAGE: usize = 20;
/// So long has a peer been away of which nothing is to wait any more, in milliseconds.
const LONG_MS: i64 = 86_400_000;
/// Reads that a page makes once: the places of the inbox, and the tiles of the tree.
const BESIDE: usize = 8;

/// A store that counts how often it is asked.
struct Counting {
    store: Arc<dyn Store>,
    asked: Arc<AtomicUsize>,
}

impl Counting {
    fn count(&self) -> &dyn Store {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.store.as_ref()
    }
}

impl Store for Counting {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.count().get(key)
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Records, StoreError> {
        self.count().range(from, to, limit)
    }

    fn range_back(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Records, StoreError> {
        self.count().range_back(from, to, limit)
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        self.store.apply(batch)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.store.commit(batch)
    }
}

/// A corridor whose node `at` counts.
fn counted(at: usize) -> (Corridor, Arc<AtomicUsize>) {
    let federation = Federation::grow(1, 3, &[(0, 1), (1, 2)], &DESKS);
    let asked = Arc::new(AtomicUsize::new(0));
    let place = |n| -> Place {
        let store = MemoryStore::open(&MemoryDisk::new()).unwrap();
        let store: Arc<dyn Store> = Arc::new(federation.sealed(n, store).unwrap());
        let counting = Counting { store: Arc::clone(&store), asked: Arc::clone(&asked) };
        let store = if n == at { Arc::new(counting) } else { store };
        (store, Box::new(MemorySlots::new()))
    };
    (Corridor::over(&DESKS, std::array::from_fn(place)), asked)
}

fn submit(row: &mut Corridor, numbers: std::ops::Range<u8>) {
    let file = json!({
        "message_type": "request", "kind": "SOM.8.2.VESSEL", "facts": "A vessel without lights",
        "from": desk_of(0, "desk"), "to": [desk_of(2, "desk")],
        "urgency": {"level": "priority", "reason": "A vessel adrift"},
    });
    for n in numbers {
        row.submit(0, &format!("key-{n}"), RequestId::from_bytes([n; 16]), &file.to_string());
    }
}

fn send(row: &mut Corridor, numbers: std::ops::Range<u8>) {
    submit(row, numbers);
    row.rest();
}

/// How often the store is asked for the page after place `after`.
fn reads(row: &Corridor, asked: &AtomicUsize, after: u64) -> usize {
    let desk = desk_of(2, "desk").parse().unwrap();
    let before = asked.load(Ordering::SeqCst);
    let page = query::inbox_page(row.nodes[2].setting(), &desk, after, PAGE).unwrap();
    assert_eq!(page.len(), PAGE);
    assert!(page.iter().all(|(_, view)| view.stations.iter().all(|it| it.receipt.is_some())));
    asked.load(Ordering::SeqCst) - before
}

#[test]
fn a_page_of_the_inbox_reads_three_values_for_a_message_however_long_the_history_is() {
    let (mut row, asked) = counted(2);
    send(&mut row, 1..21);
    let few = reads(&row, &asked, 0);
    assert!(few <= 3 * PAGE + BESIDE, "{few} reads");
    send(&mut row, 21..121);
    let many = reads(&row, &asked, 0);
    assert!(many <= few + 2, "{many} reads with more messages behind, {few} without");
    let last = reads(&row, &asked, 100);
    assert!(last <= 3 * PAGE + BESIDE, "{last} reads of the last page");
}

#[test]
fn what_waits_for_a_peer_that_is_away_is_looked_through_once_and_then_what_changes() {
    let (mut row, asked) = counted(0);
    submit(&mut row, 1..21);
    let setting = Arc::clone(row.nodes[0].setting());
    let since = setting.clock.now().plus_millis(-LONG_MS);
    setting.reach.lost(&agency(1), since);
    let looks = || {
        let before = asked.load(Ordering::SeqCst);
        assert!(due::commands(&setting).unwrap().is_empty(), "there is no other way");
        asked.load(Ordering::SeqCst) - before
    };
    let (first, again) = (looks(), looks());
    assert!(first >= again + 20, "{first} reads, then {again}");
    submit(&mut row, 21..22);
    let changed = looks();
    assert!(again < changed && changed < again + 20, "{changed} reads for one more");
    assert_eq!(looks(), again);
    // Who else is away decides about other ways.
    setting.reach.lost(&agency(2), since);
    assert!(looks() >= again + 21);
    assert_eq!(looks(), again);
}
