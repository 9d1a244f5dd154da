//! The file of settled rows: a B-tree that lies on the disk and keeps no index in memory.

use std::fs;
use std::io::ErrorKind;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use redb::{Database, ReadOnlyTable, ReadableDatabase as _, TableDefinition};

use super::super::engine::told_by;
use super::super::folder::{self, io};
use super::super::kept::Kept;
use super::super::store::{Records, StoreError, checked, guarded};
use super::super::watch::Watch;

/// Name of the file in the folder of a store.
pub const FILE_NAME: &str = "settled";

/// Rows by key; each value behind its checksum.
const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");
/// Number of the last move.
const MOVES: TableDefinition<'_, (), u64> = TableDefinition::new("moves");
/// What is told of work that does not end.
const WORKING: &str = "use its settled rows";

/// The table of rows as it was after a move.
type Table = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// Rows that were moved out of the part of a store which is written first.
pub(super) struct SettledFile {
    /// What readers read: the rows after the last move. To open a table costs more than to read a row.
    rows: ArcSwapOption<Table>,
    database: Database,
    watch: Arc<Watch>,
}

impl std::fmt::Debug for SettledFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SettledFile").finish_non_exhaustive()
    }
}

/// How a file is opened.
pub(super) struct Opening<'a> {
    /// The folder of its store.
    pub(super) folder: &'a Path,
    /// Most memory for its pages, in bytes.
    pub(super) cache_bytes: u64,
    /// Every page is held against its checksum, and the whole is put in order first.
    pub(super) is_suspect: bool,
    /// What its work is told to.
    pub(super) watch: &'a Arc<Watch>,
}

impl Opening<'_> {
    fn path(&self) -> PathBuf {
        self.folder.join(FILE_NAME)
    }

    /// Whether there is a file.
    pub(super) fn is_there(&self) -> Result<bool, StoreError> {
        self.path().try_exists().map_err(io("look for its settled rows"))
    }

    /// Removes a file in which nothing counts yet.
    pub(super) fn remove(&self) -> Result<(), StoreError> {
        fs::remove_file(self.path()).map_err(io("remove settled rows that do not count"))?;
        folder::sync_path(self.folder)
    }

    /// Makes the file; its name is durable.
    pub(super) fn create(&self) -> Result<SettledFile, StoreError> {
        let made = self.opened(|builder, path| builder.create(path))?;
        folder::sync_path(self.folder)?;
        Ok(made)
    }

    /// Opens the file.
    ///
    /// # Errors
    /// [`StoreError::Engine`] if it is damaged.
    pub(super) fn open(&self) -> Result<SettledFile, StoreError> {
        self.opened(|builder, path| builder.open(path))
    }

    fn opened(
        &self,
        open: impl FnOnce(&redb::Builder, PathBuf) -> Result<Database, redb::DatabaseError>,
    ) -> Result<SettledFile, StoreError> {
        // To look at every page takes as long as the file is long.
        let _working = (!self.is_suspect).then(|| self.watch.begin(WORKING));
        let mut builder = Database::builder();
        builder.set_cache_size(usize::try_from(self.cache_bytes).unwrap_or(usize::MAX));
        builder.set_check_integrity_on_open(self.is_suspect);
        // The engine panics at some damage. Nothing of it is used afterwards.
        let opened = catch_unwind(AssertUnwindSafe(|| open(&builder, self.path())));
        let opened = opened.map_err(|panic| StoreError::Engine { detail: told_by(&*panic) })?;
        let (database, rows) = (opened.map_err(engine)?, ArcSwapOption::empty());
        let file = SettledFile { rows, database, watch: Arc::clone(self.watch) };
        file.show()?;
        Ok(file)
    }
}

impl SettledFile {
    /// Number of the last move; 0 before the first.
    pub(super) fn moves(&self) -> Result<u64, StoreError> {
        let _working = self.watch.begin(WORKING);
        let reading = self.database.begin_read().map_err(engine)?;
        let Some(table) = known(reading.open_table(MOVES))? else {
            return Ok(0);
        };
        Ok(table.get(()).map_err(engine)?.map_or(0, |it| it.value()))
    }

    /// Lets readers see the rows as they are now.
    fn show(&self) -> Result<(), StoreError> {
        let reading = self.database.begin_read().map_err(engine)?;
        self.rows.store(known(reading.open_table(ROWS))?.map(Arc::new));
        Ok(())
    }

    /// Whether there is a row under `key`.
    pub(super) fn has(&self, key: &[u8]) -> Result<bool, StoreError> {
        let _working = self.watch.begin(WORKING);
        let rows = self.rows.load();
        let Some(rows) = rows.as_ref() else {
            return Ok(false);
        };
        Ok(rows.get(key).map_err(engine)?.is_some())
    }

    /// The value of the row under `key`.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if its checksum does not hold.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let _working = self.watch.begin(WORKING);
        let rows = self.rows.load();
        let Some(rows) = rows.as_ref() else {
            return Ok(None);
        };
        let stored = rows.get(key).map_err(engine)?;
        stored.map(|stored| checked(key, stored.value())).transpose()
    }

    /// At most `limit` rows within the bounds, ascending, or with `back` the last one first.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] naming the first row whose checksum does not hold.
    pub(super) fn range(
        &self,
        bounds: (Bound<&[u8]>, Bound<&[u8]>),
        limit: usize,
        back: bool,
    ) -> Result<Records, StoreError> {
        let _working = self.watch.begin(WORKING);
        let rows = self.rows.load();
        let Some(rows) = rows.as_ref() else {
            return Ok(Records::new());
        };
        let mut range = rows.range::<&[u8]>(bounds).map_err(engine)?;
        let mut next = || if back { range.next_back() } else { range.next() };
        let mut found = Records::new();
        while found.len() < limit {
            let Some(row) = next() else {
                break;
            };
            let (key, stored) = row.map_err(engine)?;
            let key = key.value().to_vec();
            let value = checked(&key, stored.value())?;
            found.push((key, value));
        }
        Ok(found)
    }

    /// Takes these rows, all or none: a value goes in, what is gone goes out. Durable when it returns,
    /// as move `number`, and what readers see. Whoever writes waits for it only where rows come faster
    /// than they are moved, so it may take as long as the disk needs.
    pub(super) fn take(&self, number: u64, rows: &[(Vec<u8>, Kept)]) -> Result<(), StoreError> {
        let mut writing = self.database.begin_write().map_err(engine)?;
        // Where its free pages are is written with each move: a start after a stop reads that, and not
        // the whole file. That takes two syncs a move.
        writing.set_quick_repair(true);
        {
            let mut table = writing.open_table(ROWS).map_err(engine)?;
            for (key, kept) in rows {
                let key = key.as_slice();
                match kept {
                    Kept::Value(value) => {
                        table.insert(key, guarded(key, value).as_slice()).map_err(engine)?;
                    }
                    Kept::Gone => {
                        table.remove(key).map_err(engine)?;
                    }
                }
            }
            let mut moves = writing.open_table(MOVES).map_err(engine)?;
            moves.insert((), number).map_err(engine)?;
        }
        writing.commit().map_err(engine)?;
        self.show()
    }
}

/// A table that nothing was written to yet is `None`.
fn known<T>(table: Result<T, redb::TableError>) -> Result<Option<T>, StoreError> {
    let is_new = matches!(table, Err(redb::TableError::TableDoesNotExist(_)));
    if is_new { Ok(None) } else { table.map(Some).map_err(engine) }
}

/// A file that is cut short, or no file of this engine, is damage and no failure of the disk.
fn engine(error: impl Into<redb::Error>) -> StoreError {
    let damaged = |what: &dyn std::fmt::Display| StoreError::Engine {
        detail: format!("its settled rows: {what}"),
    };
    let error = error.into();
    let redb::Error::Io(source) = error else {
        return damaged(&error);
    };
    match source.kind() == ErrorKind::InvalidData || source.kind() == ErrorKind::UnexpectedEof {
        true => damaged(&source),
        false => StoreError::Io { doing: WORKING, source },
    }
}
