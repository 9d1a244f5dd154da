//! Brings the store of a node that does not run to the format of this program.
//!
//! Nothing is done to the store itself: a copy is migrated, opened and checked as a node would open
//! it, and then the two folders change places in one step. The store as it was stays beside it.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde_json::json;

use crate::cli::exit::{Exit, Failure};
use crate::cli::node::apart::{Copy, TILES, lock};
use crate::cli::node::setting::{self, Opened};
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;
use crate::config::Config;
use crate::entropy::{self, SystemEntropy};
use crate::history::rows::HistoryError;
use crate::journal::format::{FORMAT_NUMBER, number_of, record_of};
use crate::journal::store::{Batch, DiskStore, FORMAT_KEY, Store};
use crate::journal::{Depth, Journal as _};
use crate::node;
use crate::node::setting::Setting;

/// One step from a format to the next.
struct Migration {
    /// The format that it takes; it gives the one after it.
    from: u32,
    /// What it does, for an operator.
    what: &'static str,
    /// Changes what is in the store, the format record apart.
    run: fn(&Setting) -> Result<(), HistoryError>,
    /// Whether the rows are to be folded again from the journal.
    refolds: bool,
}

/// Every step there is, in order. Format 1 is the first that was released.
const MIGRATIONS: &[Migration] = &[Migration {
    from: 1,
    what: "sealed parts of a message become one value, rows are laid by time and request",
    run: node::older::to_format_2,
    refolds: true,
}];

/// Says what would be done, or does it.
///
/// # Errors
/// Exit status 5 without a store, 6 if a node has it, if it is of a newer format, or if no step
/// leads from it to this one; 7 if what came of it does not hold. The store is then as it was.
pub(super) fn run(path: &Path, apply: bool, output: &Output) -> Result<()> {
    let config = Config::load(path)?;
    let doing = output.doing(format!("copying {}", config.node.data_dir.display()));
    let work = Work::begin(&config, MIGRATIONS)?;
    drop(doing);
    let steps: Vec<&str> = work.steps.iter().map(|step| step.what).collect();
    let found = work.found;
    let kept = if apply && !steps.is_empty() { Some(work.apply()?) } else { None };
    output.show(
        || {
            let kept = kept.as_ref().map(|it| it.display().to_string());
            json!({
                "found": found, "wanted": FORMAT_NUMBER, "steps": steps,
                "applied": kept.is_some(), "kept": kept,
            })
        },
        || {
            let sheet = Sheet::new()
                .field("format of the store", found)
                .field("format of this program", FORMAT_NUMBER);
            let sheet = match &kept {
                Some(kept) => sheet.field("the store as it was", kept.display()),
                None => sheet,
            };
            sheet.table(["step"], steps.iter().map(|step| [(*step).to_owned()]))
        },
    )?;
    if steps.is_empty() {
        output.note("there is nothing to migrate");
    } else if !apply {
        output.note("do it: rogatory node migrate --config FILE --apply");
    }
    Ok(())
}

/// A migration that was thought out and not done: the store is locked, and there is a copy of it.
struct Work<'a> {
    config: &'a Config,
    /// The format of the store.
    found: u32,
    steps: Vec<&'a Migration>,
    copy: Copy,
    _lock: File,
}

impl<'a> Work<'a> {
    fn begin(config: &'a Config, migrations: &'a [Migration]) -> Result<Self> {
        let folder = &config.node.data_dir;
        let lock = lock(folder)?;
        let name = format!(".migrate-{}", hex::encode(entropy::bytes::<6>(&SystemEntropy)));
        let copy = Copy::at(folder.parent().unwrap_or(Path::new(".")).join(name));
        copy.fill(folder)?;
        let found = format_of(&open(copy.path(), config)?)?;
        let steps = steps(migrations, found).ok_or_else(|| {
            let text = format!("no step leads from format {found} to format {FORMAT_NUMBER}");
            Failure::new(Exit::Refused, text)
        })?;
        Ok(Self { config, found, steps, copy, _lock: lock })
    }

    /// Migrates the copy and puts it in the place of the store; gives where the store as it was
    /// stands now.
    fn apply(self) -> Result<PathBuf> {
        let Self { config, found, steps, copy, _lock } = self;
        let folder = &config.node.data_dir;
        let kept = beside(folder, found)?;
        migrate(copy.path(), config, &steps)?;
        sync_all(copy.path())?;
        renameat_with(CWD, copy.path(), CWD, folder, RenameFlags::EXCHANGE)
            .with_context(|| format!("exchanging {} for its copy", folder.display()))?;
        // What the copy is called now is the store as it was.
        move_to(copy.path(), &kept)?;
        let published = kept.join(TILES);
        if published.exists() {
            move_to(&published, &folder.join(TILES))?;
        }
        File::open(folder.parent().unwrap_or(Path::new("."))).and_then(|it| it.sync_all())?;
        Ok(kept)
    }
}

fn move_to(from: &Path, to: &Path) -> Result<()> {
    let moved = renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE);
    moved.with_context(|| format!("calling {} {}", from.display(), to.display()))
}

/// The folder that keeps the store as it was; nothing may stand there.
fn beside(folder: &Path, format: u32) -> Result<PathBuf> {
    let name = folder.file_name().ok_or_else(|| anyhow!("the store's folder has no name"))?;
    let kept = folder.with_file_name(format!("{}.format-{format}", name.to_string_lossy()));
    crate::cli::file::must_be_free([kept.as_path()])?;
    Ok(kept)
}

fn open(folder: &Path, config: &Config) -> Result<DiskStore> {
    DiskStore::open_older(folder, config.store.cache_bytes)
        .map_err(|error| Failure::new(Exit::Refused, error.to_string()).into())
}

fn format_of(store: &dyn Store) -> Result<u32> {
    let record = store.get(FORMAT_KEY)?.unwrap_or_default();
    number_of(&record).ok_or_else(|| anyhow!("the store lost its format record"))
}

/// The steps that lead from `found` to the format of this program; `None` if one is missing.
fn steps(migrations: &[Migration], found: u32) -> Option<Vec<&Migration>> {
    (found..FORMAT_NUMBER).map(|from| migrations.iter().find(|it| it.from == from)).collect()
}

/// Takes the steps on a copy and checks it as a node's store.
fn migrate(copy: &Path, config: &Config, steps: &[&Migration]) -> Result<()> {
    let mut config = config.clone();
    config.node.data_dir = copy.to_owned();
    for step in steps {
        let Opened { setting, journal, store, .. } = setting::open_older(&config)?;
        (step.run)(&setting).with_context(|| format!("migrating: {}", step.what))?;
        let mut batch = Batch::new();
        batch.put(FORMAT_KEY, record_of(step.from.saturating_add(1)));
        store.commit(batch)?;
        drop((setting, journal, store));
    }
    let Opened { setting, journal, store, .. } = setting::open(&config)?;
    let no = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::AnswerIsNo, format!("the migrated store does not hold: {error}"))
    };
    journal.check(Depth::Full).map_err(|error| no(&error))?;
    if steps.iter().any(|step| step.refolds) {
        node::rebuild(&setting).map_err(|stop| no(&stop))?;
    }
    tracing::info!(entries = journal.next(), "the copy is migrated");
    store.commit(Batch::new())?;
    Ok(())
}

fn sync_all(folder: &Path) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            sync_all(&path)?;
        } else {
            File::open(&path).and_then(|it| it.sync_all())?;
        }
    }
    File::open(folder).and_then(|it| it.sync_all())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn migration(from: u32) -> Migration {
        Migration { from, what: "a step", run: |_| Ok(()), refolds: true }
    }

    fn numbered(folder: &Path, number: u32) {
        let store = DiskStore::open_older(folder, 1 << 20).unwrap();
        let mut batch = Batch::new();
        batch.put(FORMAT_KEY, record_of(number));
        batch.put(*b"zz", *b"of an older format");
        store.commit(batch).unwrap();
    }

    fn names(folder: &Path) -> Vec<String> {
        let files = std::fs::read_dir(folder.parent().unwrap()).unwrap();
        let mut names: Vec<_> =
            files.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names.retain(|it| it.contains("store") || it.starts_with(".migrate"));
        names
    }

    #[tokio::test]
    async fn a_copy_is_migrated_and_takes_the_stores_place() {
        let home = tempfile::tempdir().unwrap();
        let agency = "ita.coast-guard".parse().unwrap();
        let running = [&agency].into_iter().cloned().collect();
        let made = crate::cli::demo::network::make(home.path(), &running).await.unwrap();
        let config = Config::load(&made.place(&agency).unwrap().config).unwrap();
        let folder = &config.node.data_dir;
        drop(node::Node::open(setting::open(&config).unwrap().setting.into()).unwrap());
        std::fs::create_dir(folder.join(TILES)).unwrap();
        numbered(folder, 0);

        let refused = Work::begin(&config, MIGRATIONS).map(drop).unwrap_err().to_string();
        assert_eq!(refused, "no step leads from format 0 to format 2");
        numbered(folder, 1);
        let run = |setting: &Setting| {
            let mut batch = Batch::new();
            batch.delete(*b"zz");
            Ok(setting.store.commit(batch)?)
        };
        let step = [Migration { run, ..migration(1) }];
        drop(Work::begin(&config, &step).unwrap());
        assert_eq!(names(folder), ["store"], "who only looks leaves nothing behind");
        let kept = Work::begin(&config, &step).unwrap().apply().unwrap();
        assert_eq!(names(folder), ["store", "store.format-1"]);
        let opened = setting::open(&config).unwrap();
        assert_eq!((opened.journal.next(), opened.store.get(b"zz").unwrap()), (2, None));
        assert!(folder.join(TILES).exists());
        drop(opened);
        let old = DiskStore::open_older(&kept, 1 << 20).unwrap();
        assert_eq!(format_of(&old).unwrap(), 1);
        drop(old);

        numbered(folder, 1);
        let run = |_: &Setting| Err(HistoryError::Damaged { what: "step" });
        let failing = [Migration { run, ..migration(1) }];
        std::fs::remove_dir_all(&kept).unwrap();
        assert!(Work::begin(&config, &failing).unwrap().apply().is_err());
        assert_eq!(names(folder), ["store"]);
        assert_eq!(format_of(&DiskStore::open_older(folder, 1 << 20).unwrap()).unwrap(), 1);
    }

    #[test]
    fn the_steps_lead_without_a_gap_from_the_oldest_to_this_format() {
        for (place, migration) in (1..).zip(MIGRATIONS) {
            assert_eq!(migration.from, place);
            assert!(!migration.what.is_empty());
        }
        assert_eq!(MIGRATIONS.len() + 1, usize::try_from(FORMAT_NUMBER).unwrap());
        let found = |all: &[Migration], from| steps(all, from).map(|steps| steps.len());
        assert_eq!(found(MIGRATIONS, FORMAT_NUMBER), Some(0));
        assert_eq!(found(MIGRATIONS, 0), None, "older than the first release");
        assert_eq!(found(&[migration(1), migration(0)], 0), Some(2));
        assert_eq!(found(&[migration(3)], 1), None);
    }
}
