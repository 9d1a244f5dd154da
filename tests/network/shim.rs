//! The library that brings faults into a node: compiled once, one copy a test, told by small files
//! beside it. `shim.c` says which.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

/// A copy of the library, for the nodes of one test.
pub struct Shim {
    folder: TempDir,
}

impl Shim {
    /// Compiles the library; `None`, said aloud, where there is no C compiler.
    pub fn built(what: &str) -> Option<Self> {
        static LIBRARY: OnceLock<Option<Vec<u8>>> = OnceLock::new();
        let Some(library) = LIBRARY.get_or_init(compiled) else {
            println!("SKIPPED: {what}: there is no cc");
            return None;
        };
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let shim = Self { folder };
        put(&shim.library(), library);
        Some(shim)
    }

    /// Where the library lies.
    pub fn library(&self) -> PathBuf {
        self.folder.path().join("shim.so")
    }

    fn beside(&self, ending: &str) -> PathBuf {
        self.folder.path().join(format!("shim.so.{ending}"))
    }

    /// Plans a fault; calls count from now on.
    pub fn plan(&self, line: &str) {
        // The node must not read half of it.
        let whole = self.beside("next");
        put(&whole, line.as_bytes());
        fs::hard_link(&whole, self.beside("plan")).expect("there is no plan yet");
        fs::remove_file(whole).expect("it has another name");
    }

    /// Nothing is planned, and nothing has happened.
    pub fn clear(&self) {
        for ending in ["plan", "fired", "again", "clock"] {
            drop(fs::remove_file(self.beside(ending)));
        }
    }

    /// Whether what was planned has happened.
    pub fn has_fired(&self) -> bool {
        self.beside("fired").exists()
    }

    /// Whether the store was synced again after a call that had failed.
    pub fn was_synced_again(&self) -> bool {
        self.beside("again").exists()
    }

    /// Sets the clock of the nodes by so many seconds.
    pub fn set_clock(&self, seconds: i64) {
        put(&self.beside("clock"), seconds.to_string().as_bytes());
    }
}

fn put(path: &Path, bytes: &[u8]) {
    let mut file = File::create(path).expect("the folder takes a file");
    file.write_all(bytes).expect("the file is written");
}

fn compiled() -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let library = folder.path().join("shim.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/network/shim.c");
    let mut cc = Command::new("cc");
    cc.args(["-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-O1", "-pthread", "-o"]);
    let done = cc.arg(&library).arg(source).arg("-ldl").output().ok()?;
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "the library compiles: {said}");
    Some(fs::read(library).expect("it was made"))
}
