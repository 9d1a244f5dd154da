//! Where a cut is placed, rather than left to chance: named points of what a node does with its disk.
//!
//! What a disk holds changes only by the calls that the node makes, so a point is a call: before or
//! after it the node stands still (`tests/network/shim.c`), its disk is copied, and it is killed. The
//! program is the one that is released; it knows of no points. One more point is one more line.
//!
//! A point of a file of an attachment follows `src/journal/files/folder.rs`: pieces are written into
//! `ID.part` and synced; how far is written into `ID.at` and synced; the part is renamed to `ID`; the
//! folder is synced; `ID.at` is removed; a commit says that the file is whole; the caller is told.

use std::collections::BTreeMap;
use std::path::Path;

use rogatory::entropy::{self, Entropy};

/// A call before or after which a node stands still.
#[derive(Debug)]
struct Step {
    /// Before or after which call.
    call: &'static str,
    /// On which file of the store; its name begins so, or is as `tests/network/shim.c` says.
    file: &'static str,
    /// At the how-manieth such call at the most.
    most: u64,
}

const fn step(call: &'static str, file: &'static str, most: u64) -> Step {
    Step { call, file, most }
}

/// What a node does when it comes to a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    /// It serves.
    Serving,
    /// It starts.
    Starting,
    /// It erases, which only a node that receives does here.
    Erasing,
    /// A file is handed in, at a node that sends.
    Uploading,
    /// An attachment comes, at a node that receives.
    Arriving,
}

/// A point.
#[derive(Debug)]
pub struct Point {
    /// What has been done, and what has not.
    pub name: &'static str,
    doing: Doing,
    /// The call that it lies at, and before it one that must have been made. None: it lies at the
    /// node's word that a file is whole.
    steps: &'static [Step],
}

const fn point(name: &'static str, doing: Doing, steps: &'static [Step]) -> Point {
    Point { name, doing, steps }
}

const PIECE_WRITTEN: &[Step] = &[step("before sync", "attachments/*.part", 4)];
const PIECE_SYNCED: &[Step] = &[step("before write", "attachments/*.at", 4)];
const LENGTH_WRITTEN: &[Step] = &[step("before sync", "attachments/*.at", 4)];
const FILE_SYNCED: &[Step] = &[step("before rename", "attachments/", 3)];
const FILE_NAMED: &[Step] = &[step("after rename", "attachments/", 3)];
const FOLDER_SYNCED: &[Step] =
    &[step("after rename", "attachments/", 3), step("before unlink", "attachments/*.at", 1)];
const COMMITTED: &[Step] =
    &[step("after unlink", "attachments/*.at", 3), step("after write", "mark", 2)];

/// All points.
pub const POINTS: &[Point] = &[
    point("commit written, not synced", Doing::Serving, &[step("before sync", "db", 40)]),
    point("commit synced, not marked", Doing::Serving, &[step("before write", "mark", 20)]),
    point(
        "commit marked, not folded and not answered",
        Doing::Serving,
        &[step("after write", "mark", 20)],
    ),
    point("rows and pages partly written", Doing::Serving, &[step("before write", "db", 60)]),
    point("a part of a batch written", Doing::Serving, &[step("after write", "db", 60)]),
    point(
        "erasure committed, its slot not overwritten",
        Doing::Erasing,
        &[step("before write", "slots", 3)],
    ),
    point("slot overwritten, not synced", Doing::Erasing, &[step("before sync", "slots", 3)]),
    point(
        "slot synced, not freed and not answered",
        Doing::Erasing,
        &[step("after sync", "slots", 3)],
    ),
    point("end of the log not cleared", Doing::Starting, &[step("before write", "db", 1)]),
    point("end of the log cleared, not synced", Doing::Starting, &[step("after write", "db", 1)]),
    point("snapshot begun", Doing::Starting, &[step("after open", "snap.", 2)]),
    point("snapshot partly written", Doing::Starting, &[step("after write", "snap.", 2)]),
    point("snapshot written, not synced", Doing::Starting, &[step("before sync", "snap.", 1)]),
    point("snapshot synced, not named", Doing::Starting, &[step("before rename", "snap.", 1)]),
    point(
        "snapshot named, its forerunner still there",
        Doing::Starting,
        &[step("after rename", "snap.", 1)],
    ),
    point("opened, not synced", Doing::Starting, &[step("before sync", "db", 4)]),
    point("opened, its folder not synced", Doing::Starting, &[step("after sync", "", 5)]),
    point("upload: pieces written, not synced", Doing::Uploading, PIECE_WRITTEN),
    point("upload: pieces synced, their length not noted", Doing::Uploading, PIECE_SYNCED),
    point("upload: length noted, not synced", Doing::Uploading, LENGTH_WRITTEN),
    point("upload: file synced, not named", Doing::Uploading, FILE_SYNCED),
    point("upload: file named, its folder not synced", Doing::Uploading, FILE_NAMED),
    point("upload: folder synced, no row says it is whole", Doing::Uploading, FOLDER_SYNCED),
    point("upload: the commit that says so", Doing::Uploading, COMMITTED),
    point("upload: whole by the node's word", Doing::Uploading, &[]),
    point("arrival: pieces written, not synced", Doing::Arriving, PIECE_WRITTEN),
    point("arrival: pieces synced, their length not noted", Doing::Arriving, PIECE_SYNCED),
    point("arrival: file synced, not named", Doing::Arriving, FILE_SYNCED),
    point("arrival: file named, its folder not synced", Doing::Arriving, FILE_NAMED),
    point("arrival: folder synced, no entry says it arrived", Doing::Arriving, FOLDER_SYNCED),
    point("arrival: the commit that says so", Doing::Arriving, COMMITTED),
];

impl Point {
    /// A point of an erasure or of a file that no cut has come to yet. Each run comes to all of them, so
    /// they go before what chance chooses.
    pub fn owed(
        cut: &BTreeMap<&'static str, u64>,
        receives: Option<bool>,
    ) -> Option<&'static Self> {
        let must = |it: &&Self| match it.doing {
            Doing::Serving | Doing::Starting => false,
            Doing::Erasing | Doing::Uploading | Doing::Arriving => true,
        };
        let comes = |it: &&Self| receives.is_none_or(|receives| it.comes_to(receives));
        POINTS.iter().filter(must).filter(comes).find(|it| !cut.contains_key(it.name))
    }

    /// The one that lies at the node's word that a file is whole.
    pub fn at_its_word() -> &'static Self {
        POINTS.iter().find(|it| it.is_at_its_word()).expect("there is one")
    }

    /// One of them, by chance: one that can come to a node that receives, or to one that sends.
    pub fn chosen(chance: &dyn Entropy, receives: bool) -> &'static Self {
        let points: Vec<&'static Self> = POINTS.iter().filter(|it| it.comes_to(receives)).collect();
        let at = u64::from_be_bytes(entropy::bytes(chance)) % points.len() as u64;
        points[at as usize]
    }

    fn comes_to(&self, receives: bool) -> bool {
        match self.doing {
            Doing::Serving | Doing::Starting => true,
            Doing::Erasing | Doing::Arriving => receives,
            Doing::Uploading => !receives,
        }
    }

    /// Whether it lies in a start of the node rather than in its service.
    pub fn is_in_a_start(&self) -> bool {
        self.doing == Doing::Starting
    }

    /// Whether it lies at the node's word, and no call leads to it.
    pub const fn is_at_its_word(&self) -> bool {
        self.steps.is_empty()
    }

    /// The plan for a node with its store in that folder.
    pub fn plan(&self, store: &Path, chance: &dyn Entropy) -> String {
        let mut lines = Vec::new();
        for (at, step) in self.steps.iter().enumerate() {
            let number = 1 + u64::from_be_bytes(entropy::bytes(chance)) % step.most;
            let path = match step.file {
                "" => store.to_owned(),
                file => store.join(file),
            };
            let (when, call) = step.call.split_once(' ').expect("it says when, and which call");
            let action = if at + 1 < self.steps.len() { "pass" } else { when };
            lines.push(format!("{action} {call} {number} {}", path.display()));
        }
        lines.join("\n")
    }
}
