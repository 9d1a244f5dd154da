//! The section `[store]`.

use std::path::PathBuf;

use crate::config::check::number;
use crate::directory::strict::Table;
use crate::journal::store::Memory;

/// The keys of the section.
pub(super) const KEYS: &[&str] =
    &["cache_bytes", "recent_rows", "tiles", "low_water_bytes", "standstill_s"];

/// `[store]`: the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// Most memory for pages of the store, in bytes.
    pub cache_bytes: u64,
    /// Rows that may lie in the part of the store which is written first.
    pub recent_rows: u64,
    /// Folder in which journals are published; `tiles` in the node's own folder where none is set.
    pub tiles: Option<PathBuf>,
    /// With less free room than this on its disk, in bytes, the node takes nothing new.
    pub low_water_bytes: u64,
    /// A write that takes longer ends the node, in seconds.
    pub standstill_s: u64,
}

impl Store {
    /// How much memory it may use.
    pub const fn memory(&self) -> Memory {
        Memory { cache_bytes: self.cache_bytes, recent_rows: self.recent_rows }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self {
            cache_bytes: 16 * 1024 * 1024,
            recent_rows: Memory::RECENT_ROWS,
            low_water_bytes: 256 * 1024 * 1024,
            standstill_s: 240,
            tiles: None,
        }
    }
}

/// Reads the section.
pub(super) fn read(table: &Table<'_>, tiles: Option<PathBuf>) -> Store {
    let default = Store::default();
    let number = |key, least, most, default| number(table, key, least, most, default);
    Store {
        cache_bytes: number("cache_bytes", 1 << 20, 1 << 36, default.cache_bytes),
        recent_rows: number("recent_rows", 1, 1 << 32, default.recent_rows),
        low_water_bytes: number("low_water_bytes", 0, 1 << 50, default.low_water_bytes),
        standstill_s: number("standstill_s", 10, 3600, default.standstill_s),
        tiles,
    }
}
