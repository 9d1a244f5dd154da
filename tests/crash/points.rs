//! Where a cut is placed, rather than left to chance: named points of what a node does with its disk.
//!
//! What a disk holds changes only by the calls that the node makes, so a point is a call: before or
//! after it the node stands still (`tests/faults/shim.c`), its disk is copied, and it is killed. The
//! program is the one that is released; it knows of no points. One more point is one more line.

use std::collections::BTreeMap;

use rogatory::entropy::{self, Entropy};

/// A point.
#[derive(Debug)]
pub struct Point {
    /// What has been done, and what has not.
    pub name: &'static str,
    /// Before or after which call.
    call: &'static str,
    /// On which file of the store; its name begins so.
    file: &'static str,
    /// At the how-manieth such call at the most.
    most: u64,
    /// Whether it lies in a start of the node rather than in its service.
    pub is_in_a_start: bool,
    /// Whether it lies in an erasure, which only a node that receives makes.
    is_in_an_erasure: bool,
}

const fn serving(name: &'static str, call: &'static str, file: &'static str, most: u64) -> Point {
    Point { name, call, file, most, is_in_a_start: false, is_in_an_erasure: false }
}

const fn erasing(name: &'static str, call: &'static str) -> Point {
    let (file, most) = ("slots", 3);
    Point { name, call, file, most, is_in_a_start: false, is_in_an_erasure: true }
}

const fn starting(name: &'static str, call: &'static str, file: &'static str, most: u64) -> Point {
    Point { name, call, file, most, is_in_a_start: true, is_in_an_erasure: false }
}

/// All points.
pub const POINTS: &[Point] = &[
    serving("commit written, not synced", "before sync", "db", 40),
    serving("commit synced, not marked", "before write", "mark", 20),
    serving("commit marked, not folded and not answered", "after write", "mark", 20),
    serving("rows and pages partly written", "before write", "db", 60),
    serving("a part of a batch written", "after write", "db", 60),
    erasing("erasure committed, its slot not overwritten", "before write"),
    erasing("slot overwritten, not synced", "before sync"),
    erasing("slot synced, not freed and not answered", "after sync"),
    starting("end of the log not cleared", "before write", "db", 1),
    starting("end of the log cleared, not synced", "after write", "db", 1),
    starting("snapshot begun", "after open", "snap.", 2),
    starting("snapshot partly written", "after write", "snap.", 2),
    starting("snapshot written, not synced", "before sync", "snap.", 1),
    starting("snapshot synced, not named", "before rename", "snap.", 1),
    starting("snapshot named, its forerunner still there", "after rename", "snap.", 1),
    starting("opened, not synced", "before sync", "db", 4),
    starting("opened, its folder not synced", "after sync", "store", 5),
];

impl Point {
    /// A point of an erasure that no cut has come to yet. Each run comes to all of them, so they go
    /// before what chance chooses.
    pub fn owed(cut: &BTreeMap<&'static str, u64>) -> Option<&'static Self> {
        POINTS.iter().find(|it| it.is_in_an_erasure && !cut.contains_key(it.name))
    }

    /// One of them, by chance: one that can come to a node that erases, or does not.
    pub fn chosen(chance: &dyn Entropy, erases: bool) -> &'static Self {
        let comes = |it: &&Self| erases || !it.is_in_an_erasure;
        let points: Vec<&'static Self> = POINTS.iter().filter(comes).collect();
        let at = u64::from_be_bytes(entropy::bytes(chance)) % points.len() as u64;
        points[at as usize]
    }

    /// The plan for a node with its store in that folder.
    pub fn plan(&self, store: &std::path::Path, chance: &dyn Entropy) -> String {
        let number = 1 + u64::from_be_bytes(entropy::bytes(chance)) % self.most;
        let path = if self.file == "store" { store.to_owned() } else { store.join(self.file) };
        format!("{} {number} {}", self.call, path.display())
    }
}
