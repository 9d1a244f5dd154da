//! The promise of [`FileDisk`] and [`Files`], kept by each backend: one suite, run against each.

use std::io::ErrorKind;
use std::sync::Arc;

use super::folder::FolderFiles;
use super::memory::MemoryFiles;
use super::{FileDisk, FileError, FileId, FileKind, Files, Found, Growth, SYNC_BYTES};

const ID: FileId = FileId::from_bytes([1; 16]);
const OTHER: FileId = FileId::from_bytes([2; 16]);

/// A place that files can be opened in again, as after a stop.
trait Backend {
    fn new() -> Self;
    fn open(&self) -> Arc<dyn FileDisk>;
}

struct InFolder(tempfile::TempDir);

impl Backend for InFolder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
    fn open(&self) -> Arc<dyn FileDisk> {
        Arc::new(FolderFiles::open(&self.0.path().join("attachments")).unwrap())
    }
}

struct InMemory(MemoryFiles);

impl Backend for InMemory {
    fn new() -> Self {
        Self(MemoryFiles::new())
    }
    fn open(&self) -> Arc<dyn FileDisk> {
        self.0.crash();
        Arc::new(self.0.clone())
    }
}

fn read(disk: &dyn FileDisk, id: FileId, at: u64, bytes: usize) -> Result<Vec<u8>, ErrorKind> {
    let mut into = vec![0; bytes];
    disk.read(id, at, &mut into).map(|()| into).map_err(|it| it.kind())
}

fn at(length: u64, durable: u64) -> Growth {
    Growth { length, durable }
}

fn a_part_grows_in_order_only<B: Backend>() {
    let place = B::new();
    let disk = place.open();
    disk.begin(ID).unwrap();
    assert_eq!(disk.begin(ID).unwrap_err().kind(), ErrorKind::AlreadyExists);
    disk.append(ID, 0, b"0123").unwrap();
    for wrong in [0, 3, 5, u64::MAX] {
        assert_eq!(disk.append(ID, wrong, b"x").unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    disk.append(ID, 4, b"456").unwrap();
    assert_eq!(disk.growth(ID).unwrap(), at(7, 0));
    assert_eq!(disk.sync(ID).unwrap(), 7);
    assert_eq!(disk.growth(ID).unwrap(), at(7, 7));
    assert_eq!(read(disk.as_ref(), ID, 2, 5), Ok(b"23456".to_vec()));
    assert_eq!(read(disk.as_ref(), ID, 3, 5), Err(ErrorKind::UnexpectedEof));
}

fn what_was_synced_survives_a_stop_and_the_rest_is_cut_off<B: Backend>() {
    let place = B::new();
    let disk = place.open();
    disk.begin(ID).unwrap();
    disk.append(ID, 0, b"durable").unwrap();
    disk.sync(ID).unwrap();
    disk.append(ID, 7, b" and not").unwrap();
    drop(disk);
    let disk = place.open();
    assert_eq!(disk.growth(ID).unwrap(), at(7, 7));
    assert_eq!(read(disk.as_ref(), ID, 0, 8), Err(ErrorKind::UnexpectedEof));
    disk.append(ID, 7, b" again").unwrap();
    assert_eq!(disk.finish(ID).unwrap(), 13);
    drop(disk);
    assert_eq!(read(place.open().as_ref(), ID, 0, 13), Ok(b"durable again".to_vec()));
}

fn a_finished_file_is_whole_for_good<B: Backend>() {
    let place = B::new();
    let disk = place.open();
    disk.begin(ID).unwrap();
    disk.append(ID, 0, b"whole").unwrap();
    assert_eq!(disk.length(ID).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(disk.finish(ID).unwrap(), 5);
    drop(disk);
    let disk = place.open();
    assert_eq!((disk.finish(ID).unwrap(), disk.length(ID).unwrap()), (5, 5));
    for error in [disk.append(ID, 5, b"x").err(), disk.sync(ID).err(), disk.growth(ID).err()] {
        assert_eq!(error.map(|it| it.kind()), Some(ErrorKind::NotFound));
    }
    assert_eq!(disk.begin(ID).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(read(disk.as_ref(), ID, 0, 5), Ok(b"whole".to_vec()));
}

fn files_are_listed_and_removed<B: Backend>() {
    let place = B::new();
    let disk = place.open();
    disk.begin(OTHER).unwrap();
    disk.append(OTHER, 0, b"part").unwrap();
    disk.sync(OTHER).unwrap();
    disk.begin(ID).unwrap();
    disk.append(ID, 0, b"finished").unwrap();
    disk.finish(ID).unwrap();
    let found = |id, kind, bytes| Found { id, kind, bytes };
    let both = [found(ID, FileKind::Finished, 8), found(OTHER, FileKind::Part, 4)];
    assert_eq!(disk.list().unwrap(), both);
    for id in [ID, OTHER] {
        disk.remove(id).unwrap();
        disk.remove(id).unwrap();
        assert_eq!(read(disk.as_ref(), id, 0, 1), Err(ErrorKind::NotFound));
    }
    drop(disk);
    assert_eq!(place.open().list().unwrap(), []);
}

fn an_empty_file_is_a_file<B: Backend>() {
    let place = B::new();
    let disk = place.open();
    disk.begin(ID).unwrap();
    assert_eq!((disk.sync(ID).unwrap(), disk.finish(ID).unwrap()), (0, 0));
    drop(disk);
    assert_eq!(place.open().length(ID).unwrap(), 0);
}

fn a_part_becomes_durable_each_few_mebibytes<B: Backend>() {
    let place = B::new();
    let files = Files::over(place.open());
    files.begin(ID).unwrap();
    let piece = vec![7; 1024 * 1024];
    let (mut length, mut seen) = (0, Vec::new());
    while length < 2 * SYNC_BYTES {
        let growth = files.append(ID, length, &piece).unwrap();
        length = growth.length;
        seen.push(growth.durable >> 20);
    }
    assert_eq!(seen, [0, 0, 0, 4, 4, 4, 4, 8]);
}

fn a_piece_out_of_step_says_where_to_go_on<B: Backend>() {
    let place = B::new();
    let files = Files::over(place.open());
    let missing = files.append(ID, 0, b"x").unwrap_err();
    assert!(matches!(missing, FileError::Missing { id: ID }), "{missing}");
    files.begin(ID).unwrap();
    files.append(ID, 0, b"0123").unwrap();
    let refused = files.append(ID, 9, b"x").unwrap_err();
    assert!(matches!(refused, FileError::OutOfStep { id: ID, length: 4 }), "{refused}");
    let damaged = files.read(ID, 3, &mut [0; 2]).unwrap_err();
    assert!(matches!(damaged, FileError::Damaged { id: ID }), "{damaged}");
    assert!(!files.have_failed());
    assert_eq!(files.append(ID, 4, b"4").unwrap(), at(5, 0));
}

macro_rules! suite {
    ($($promise:ident),* $(,)?) => {
        mod in_folder {
            $(#[test] fn $promise() { super::$promise::<super::InFolder>(); })*
        }
        mod in_memory {
            $(#[test] fn $promise() { super::$promise::<super::InMemory>(); })*
        }
    };
}

suite!(
    a_finished_file_is_whole_for_good,
    a_part_becomes_durable_each_few_mebibytes,
    a_part_grows_in_order_only,
    a_piece_out_of_step_says_where_to_go_on,
    an_empty_file_is_a_file,
    files_are_listed_and_removed,
    what_was_synced_survives_a_stop_and_the_rest_is_cut_off,
);

#[test]
fn a_failed_sync_closes_the_files_for_good() {
    let disk = MemoryFiles::new();
    let files = Files::over(Arc::new(disk.clone()));
    files.begin(ID).unwrap();
    files.append(ID, 0, b"bytes").unwrap();
    disk.fail_syncs(true);
    let error = files.sync(ID).unwrap_err();
    assert!(matches!(error, FileError::Io { doing: "synced", .. }) && error.is_fatal(), "{error}");
    disk.fail_syncs(false);
    assert!(matches!(files.sync(ID), Err(FileError::Failed)));
    assert!(matches!(files.append(ID, 5, b"x"), Err(FileError::Failed)));
    assert!(matches!(files.finish(ID), Err(FileError::Failed)));
    assert_eq!((files.have_failed(), disk.syncs()), (true, 1));
}

#[test]
fn a_disk_without_room_gives_the_piece_back_and_closes_nothing() {
    let disk = MemoryFiles::new();
    let files = Files::over(Arc::new(disk.clone()));
    files.begin(ID).unwrap();
    disk.allow_bytes(Some(8));
    files.append(ID, 0, b"12345").unwrap();
    let error = files.append(ID, 5, b"6789").unwrap_err();
    assert!(matches!(error, FileError::NoRoom { id: ID }) && !error.is_fatal(), "{error}");
    assert_eq!(files.append(ID, 5, b"678").unwrap(), at(8, 0));
    assert!(!files.have_failed());
}
