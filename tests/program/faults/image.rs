//! A small disk of its own for a node: an ext4 image, mounted as long as the value stands.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A mounted image.
pub struct Image {
    _folder: TempDir,
    mounted_at: PathBuf,
}

impl Image {
    /// Mounts an empty disk of so many MiB; `None`, said aloud, where that can't be done.
    pub fn mounted(what: &str, mib: u64, at: &Path) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let image = folder.path().join("image");
        let file = File::create(&image).expect("the folder takes a file");
        file.set_len(mib * 1024 * 1024).expect("an image that is empty needs no room");
        fs::create_dir_all(at).expect("the folder can be made");
        let made = Command::new("mkfs.ext4").arg("-q").args(["-m", "0"]).arg(&image).output();
        let mounted = made.is_ok_and(|it| it.status.success())
            && run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(at));
        if !mounted {
            println!("SKIPPED: {what}: only root can mount an image, and only where there is ext4");
            return None;
        }
        Some(Self { _folder: folder, mounted_at: at.to_owned() })
    }

    /// Lets nobody write to it any more, or lets them again.
    pub fn set_read_only(&self, read_only: bool) {
        let how = if read_only { "remount,ro" } else { "remount,rw" };
        assert!(run(Command::new("mount").args(["-o", how]).arg(&self.mounted_at)), "{how}");
    }

    /// Takes all its room but so many MiB, until the value goes. A node that writes meanwhile may
    /// take what was counted as free: then it is counted again.
    pub fn filled_but(&self, mib: u64) -> Ballast {
        let ballast = Ballast(self.mounted_at.join("ballast"));
        let filled = (0..100).any(|_| {
            drop(std::fs::remove_file(&ballast.0));
            let taken = self.free_bytes().saturating_sub(mib * 1024 * 1024).to_string();
            run(Command::new("fallocate").arg("-l").arg(taken).arg(&ballast.0))
        });
        assert!(filled, "no ballast of {} bytes", self.free_bytes());
        ballast
    }

    /// Bytes that are free.
    pub fn free_bytes(&self) -> u64 {
        let mut stat = Command::new("stat");
        let told = stat.args(["-f", "-c", "%a %S"]).arg(&self.mounted_at).output();
        let told = String::from_utf8(told.expect("there is stat").stdout).expect("digits");
        told.split_whitespace().map(|it| it.parse::<u64>().expect("digits")).product()
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // A node that a failed test leaves may still have it; it goes when that ends.
        run(Command::new("umount").arg("-l").arg(&self.mounted_at));
    }
}

/// Something else that takes room.
pub struct Ballast(PathBuf);

impl Drop for Ballast {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

fn run(command: &mut Command) -> bool {
    command.output().is_ok_and(|it| it.status.success())
}
