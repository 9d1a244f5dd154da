//! The disk of a node: an image on a file system that copies files by sharing their blocks, so that
//! a copy is of one instant while the node goes on writing.
//!
//! What had been handed to the image survives the cut, what was still in the memory of the system
//! does not; the kernel replays the journal of the copy's file system, as after a real one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An image that is mounted as long as the value stands.
pub struct Disk {
    images: PathBuf,
    cuts: u64,
    mounted_at: PathBuf,
}

impl Disk {
    /// An empty disk, made of `images/empty` in that folder.
    pub fn mounted(folder: &Path, at: &Path) -> Self {
        let disk = Self { images: folder.join("images"), cuts: 0, mounted_at: at.to_owned() };
        fs::create_dir_all(at).expect("the folder can be made");
        shared_copy(&disk.images.join("empty"), &disk.image(0));
        disk.mount();
        disk
    }

    /// The instant of the cut: keeps the disk as it is now.
    pub fn cut(&self) {
        shared_copy(&self.image(self.cuts), &self.image(self.cuts + 1));
    }

    /// The machine has power again: its disk is as it was at the cut.
    pub fn go_on_from_the_cut(&mut self) {
        self.unmount();
        self.cuts += 1;
        shared_copy(&self.image(self.cuts), &self.images.join("as-cut"));
        self.mount();
    }

    /// Keeps the disk as it was at the last cut, under this name, to be looked at.
    pub fn keep_the_cut(&self, name: &str) {
        shared_copy(&self.images.join("as-cut"), &self.images.join(name));
    }

    fn image(&self, cuts: u64) -> PathBuf {
        self.images.join(format!("after-{cuts}-cuts"))
    }

    fn mount(&self) {
        let mut mount = Command::new("mount");
        run(mount
            .args(["-t", "ext4", "-o", "loop"])
            .arg(self.image(self.cuts))
            .arg(&self.mounted_at));
    }

    /// The image is of no more use.
    fn unmount(&self) {
        run(Command::new("umount").arg(&self.mounted_at));
        fs::remove_file(self.image(self.cuts)).expect("the image can be removed");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.unmount();
        }
    }
}

/// Of one instant: the file system refuses writes to the source while it shares its blocks.
fn shared_copy(from: &Path, to: &Path) {
    run(Command::new("cp").arg("--reflink=always").arg(from).arg(to));
}

fn run(command: &mut Command) {
    let done = command.output().expect("the system has this command");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{command:?}: {}: {said}", done.status);
}
