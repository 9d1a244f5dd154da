//! Writes the files of a published journal, and looks after them.
//!
//! Work comes in rounds, each bounded, so that whoever runs them can stop between two. A round
//! writes what the latest countersigned checkpoint covers and the folder lacks; then it looks at
//! some of the tiles that should be there.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::merkle::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::merkle::tile::{TILE_LEVELS, TILE_WIDTH, Tile, write_entries};
use crate::merkle::tree::{Frontier, Hashes as _, leaf_hash, root_of};

use super::super::{Fault, Journal, JournalError, JournalHashes, Record};
use super::{CHECKPOINT, Folder, PublishedError, is_absence};

/// Files are written under this name first, and get their own when they are whole and synced.
const UNFINISHED: &str = "unfinished";
/// Tiles of level 0 that one round writes at most.
const TILES_PER_ROUND: u64 = 64;
/// Tiles of each level that one round looks at while it has not looked at all of them yet.
const LOOKS_PER_ROUND: u64 = 64;
/// The same afterwards, and of the narrower forms of a tile, of which there may be 255 that are not full for
/// long: 10 million entries take three hours at one round a second.
const LOOKS_AT_LEISURE: u64 = 4;

/// Whether a note is a checkpoint of this journal with its signature.
pub type IsOurs = Box<dyn Fn(&[u8]) -> bool + Send>;

/// What came of a round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Entries that the folder shows, all under one checkpoint.
    pub published: u64,
    /// Tiles, bundles and checkpoints that were missing or damaged and were made again.
    pub repaired: u64,
    /// Whether there is more to do now.
    pub more: bool,
}

/// The one writer of the folder of a volume.
pub struct Publisher {
    folder: Folder,
    journal: Arc<dyn Journal>,
    is_ours: IsOurs,
    /// What was found when the first round looked; then what was published.
    published: Option<u64>,
    /// Tiles up to this entry are written: a multiple of 256 at or above what is published.
    written: u64,
    look: Look,
}

/// How far the looking is.
#[derive(Clone, Copy, Debug, Default)]
struct Look {
    /// The next tile of each level.
    index: u64,
    /// Rounds since all were looked at once.
    rounds: u64,
    /// All were looked at once since the publisher began.
    is_done_once: bool,
}

impl Publisher {
    /// Publishes `journal` below the folder of all volumes. Nothing is read or written yet.
    pub fn new(all: &Path, journal: Arc<dyn Journal>, is_ours: IsOurs) -> Self {
        let folder = Folder::of(all, journal.name());
        Self { folder, journal, is_ours, published: None, written: 0, look: Look::default() }
    }

    /// One round.
    ///
    /// # Errors
    /// What keeps the files from being written; the next round tries again.
    /// [`PublishedError::Ahead`] and [`PublishedError::Forked`] are for an operator.
    pub fn round(&mut self) -> Result<Round, PublishedError> {
        let Some(note) = self.journal.countersigned()? else { return Ok(Round::default()) };
        let size = checkpoint_of(&note)?.size;
        let (known, mut repaired) = match self.published {
            Some(known) => (known, 0),
            None => self.begin()?,
        };
        if !self.write_up_to(known, size)? {
            return Ok(Round { published: known, repaired, more: true });
        }
        let shown = self.folder.checkpoint();
        let is_shown = matches!(&shown, Ok(Some(found)) if *found == note);
        if !is_shown {
            // What stood there was the one before, or it was harmed.
            repaired += u64::from(known == size);
            self.put(CHECKPOINT, &note)?;
            self.sync([self.folder.path().to_owned()])?;
        }
        self.drop_partials(known, size)?;
        self.published = Some(size);
        repaired += self.look(size)?;
        Ok(Round { published: size, repaired, more: !self.look.is_done_once })
    }

    /// What the folder shows already. What is not ours is damage, and counts as nothing.
    fn begin(&mut self) -> Result<(u64, u64), PublishedError> {
        let found = match self.folder.checkpoint() {
            Ok(None) => {
                self.published = Some(0);
                return Ok((0, 0));
            }
            Ok(Some(found)) => Some(found),
            Err(error) if error.is_damage() => None,
            Err(error) => return Err(error),
        };
        let found = found.filter(|found| (self.is_ours)(found));
        let Some(found) = found.and_then(|found| checkpoint_of(&found).ok()) else {
            self.published = Some(0);
            return Ok((0, 1));
        };
        let stored = self.journal.next();
        if found.size > stored {
            return Err(PublishedError::Ahead { published: found.size, stored });
        }
        if root_of(&JournalHashes::over(self.journal.as_ref()), found.size)? != found.root {
            return Err(PublishedError::Forked { size: found.size });
        }
        self.published = Some(found.size);
        self.written = found.size - found.size % TILE_WIDTH;
        Ok((found.size, 0))
    }

    /// Writes tiles until all of a tree of `size` are there; false if the round ends before.
    fn write_up_to(&mut self, known: u64, size: u64) -> Result<bool, PublishedError> {
        if size <= known {
            return Ok(true);
        }
        let full_end = size - size % TILE_WIDTH;
        let step = TILES_PER_ROUND.saturating_mul(TILE_WIDTH);
        let until = full_end.min(self.written.saturating_add(step));
        let mut folders = BTreeSet::new();
        for tile in Tile::new_since(self.written, until).filter(Tile::is_full) {
            match self.judge(&tile) {
                // From a time before the checkpoint was lost, or the last stop.
                Ok(()) => {}
                Err(error) if error.is_damage() => self.make(&tile, &mut folders)?,
                Err(error) => return Err(error),
            }
        }
        let is_last = until == full_end;
        if is_last {
            let partial = Tile::new_since(0, size).filter(|tile| !tile.is_full());
            let partial: Vec<Tile> = partial.collect();
            partial.iter().try_for_each(|tile| self.make(tile, &mut folders))?;
        }
        self.sync(folders)?;
        self.written = until;
        Ok(is_last)
    }

    /// Makes a tile, and with one of level 0 the bundle of its entries.
    fn make(&self, tile: &Tile, folders: &mut BTreeSet<PathBuf>) -> Result<(), PublishedError> {
        if tile.level == 0 {
            let entries = self.entries(tile)?;
            let bundle = write_entries(entries.iter().map(Vec::as_slice));
            folders.extend(self.put(&tile.entries_path(), &bundle)?);
        }
        let bytes = tile.write(&JournalHashes::over(self.journal.as_ref()))?;
        folders.extend(self.put(&tile.path(), &bytes)?);
        Ok(())
    }

    fn entries(&self, tile: &Tile) -> Result<Vec<Vec<u8>>, PublishedError> {
        let width = usize::try_from(tile.width).unwrap_or(usize::MAX);
        let entries = self.journal.read(tile.first_entry(), width)?;
        if entries.len() == width {
            return Ok(entries);
        }
        let position = self.journal.next();
        Err(JournalError::Absent { position }.into())
    }

    /// Writes a file whole or not at all; gives the folders whose names are to be synced.
    #[expect(
        clippy::disallowed_methods,
        reason = "file and folders are synced, the latter at once"
    )]
    fn put(&self, path: &str, bytes: &[u8]) -> Result<Vec<PathBuf>, PublishedError> {
        let io = |source| PublishedError::Io { path: path.to_owned(), source };
        let to = self.folder.path().join(path);
        let within = to.parent().unwrap_or(self.folder.path());
        std::fs::create_dir_all(within).map_err(io)?;
        let unfinished = self.folder.path().join(UNFINISHED);
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&unfinished);
        let mut file = file.map_err(io)?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io)?;
        std::fs::rename(&unfinished, &to).map_err(io)?;
        let above = within.ancestors().take_while(|it| it.starts_with(self.folder.path()));
        Ok(above.map(Path::to_path_buf).collect())
    }

    fn sync(&self, folders: impl IntoIterator<Item = PathBuf>) -> Result<(), PublishedError> {
        for folder in folders {
            let synced = File::open(&folder).and_then(|it| it.sync_all());
            let io = |source| PublishedError::Io { path: folder.display().to_string(), source };
            synced.map_err(io)?;
        }
        Ok(())
    }

    /// Removes the narrower forms of tiles that are full now: whoever wants one of them takes the
    /// full one (C2SP tlog-tiles, "Partial Tiles").
    fn drop_partials(&self, known: u64, size: u64) -> Result<(), PublishedError> {
        let mut full = Tile::new_since(known, size).filter(Tile::is_full);
        full.try_for_each(|tile| self.drop_partial(&tile))
    }

    fn drop_partial(&self, tile: &Tile) -> Result<(), PublishedError> {
        let mut paths = vec![tile.path()];
        if tile.level == 0 {
            paths.push(tile.entries_path());
        }
        for path in paths {
            let path = format!("{path}.p");
            match std::fs::remove_dir_all(self.folder.path().join(&path)) {
                Err(source) if !is_absence(&source) => {
                    return Err(PublishedError::Io { path, source });
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Looks at some tiles of a tree of `size` and makes again what is not as it should be; gives
    /// how many that were.
    fn look(&mut self, size: u64) -> Result<u64, PublishedError> {
        let looks = if self.look.is_done_once { LOOKS_AT_LEISURE } else { LOOKS_PER_ROUND };
        let mut repaired = 0;
        let mut folders = BTreeSet::new();
        for index in self.look.index..self.look.index.saturating_add(looks) {
            let levels = (0..TILE_LEVELS).map_while(|level| Tile::within(level, index, size));
            for tile in levels.collect::<Vec<_>>() {
                if tile.is_full() {
                    repaired += self.heal(&tile, &mut folders)?;
                    self.drop_partial(&tile)?;
                    continue;
                }
                for narrower in self.of_turn(self.narrower(&tile)?).into_iter().chain([tile]) {
                    repaired += self.heal(&narrower, &mut folders)?;
                }
            }
        }
        self.sync(folders)?;
        self.look.index = self.look.index.saturating_add(looks);
        self.look.rounds += u64::from(self.look.is_done_once);
        if Tile::within(0, self.look.index, size).is_none() {
            (self.look.index, self.look.is_done_once) = (0, true);
        }
        Ok(repaired)
    }

    /// Those of the narrower forms of a tile whose turn it is to be looked at: all, until they all were once.
    fn of_turn(&self, mut narrower: Vec<Tile>) -> Vec<Tile> {
        if self.look.is_done_once {
            narrower.sort_unstable_by_key(|tile| tile.width);
            let turns = (narrower.len() as u64).div_ceil(LOOKS_AT_LEISURE).max(1);
            let turn = self.look.rounds % turns * LOOKS_AT_LEISURE;
            let first = usize::try_from(turn).unwrap_or(usize::MAX);
            let looks = usize::try_from(LOOKS_AT_LEISURE).unwrap_or(usize::MAX);
            narrower = narrower.into_iter().skip(first).take(looks).collect();
        }
        narrower
    }

    /// Makes a tile again if it is not as it should be; 1 if it was not.
    fn heal(&self, tile: &Tile, folders: &mut BTreeSet<PathBuf>) -> Result<u64, PublishedError> {
        match self.judge(tile) {
            Ok(()) => Ok(0),
            Err(error) if error.is_damage() => self.make(tile, folders).map(|()| 1),
            Err(error) => Err(error),
        }
    }

    /// The narrower forms of a tile that lie beside it, from checkpoints that were shown before.
    fn narrower(&self, tile: &Tile) -> Result<Vec<Tile>, PublishedError> {
        let path = tile.full().path() + ".p";
        let names = match std::fs::read_dir(self.folder.path().join(&path)) {
            Ok(names) => names,
            Err(error) if is_absence(&error) => return Ok(Vec::new()),
            Err(source) => return Err(PublishedError::Io { path, source }),
        };
        let widths = names.filter_map(|name| name.ok()?.file_name().to_str()?.parse().ok());
        let narrower = widths.filter(|width| (1..tile.width).contains(width));
        Ok(narrower.map(|width| Tile { width, ..*tile }).collect())
    }

    /// Is the tile what the journal says, and does its bundle lead to it?
    fn judge(&self, tile: &Tile) -> Result<(), PublishedError> {
        let found = self.folder.hashes(tile)?;
        let hashes = JournalHashes::over(self.journal.as_ref());
        let is_right = if tile.is_full() {
            let mut root = Frontier::new();
            found.iter().for_each(|hash| root.push(*hash));
            let above = tile.level.saturating_add(1).saturating_mul(TILE_LEVELS);
            hashes.complete(above, tile.index)? == root.root()
        } else {
            tile.read(&tile.write(&hashes)?).as_ref() == Ok(&found)
        };
        let differs = |path| PublishedError::Differs { path };
        if !is_right {
            return Err(differs(tile.path()));
        }
        if tile.level > 0 {
            return Ok(());
        }
        let entries = self.folder.entries(tile)?;
        let same = entries.iter().map(|entry| leaf_hash(entry)).eq(found);
        if same { Ok(()) } else { Err(differs(tile.entries_path())) }
    }
}

fn checkpoint_of(note: &[u8]) -> Result<Checkpoint, PublishedError> {
    let damaged = JournalError::Damaged { record: Record::Countersigned, fault: Fault::Malformed };
    SignedCheckpoint::parse(note).map(|it| it.checkpoint).map_err(|_| damaged.into())
}
