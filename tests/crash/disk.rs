//! The disk of a node: an image on a file system that copies files by sharing their blocks, so that
//! a copy is of one instant while the node goes on writing.
//!
//! What had been handed to the image survives the cut, what was still in the memory of the system
//! does not; the kernel replays the journal of the copy's file system, as after a real one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rogatory::journal::files::FOLDER_NAME;

/// An image that is mounted as long as the value stands.
pub struct Disk {
    images: PathBuf,
    name: &'static str,
    cuts: u64,
    mounted_at: PathBuf,
}

impl Disk {
    /// An empty disk of that name, made of `images/empty` in that folder.
    pub fn mounted(folder: &Path, name: &'static str, at: &Path) -> Self {
        let (images, mounted_at) = (folder.join("images"), at.to_owned());
        let disk = Self { images, name, cuts: 0, mounted_at };
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
        self.begin_again();
    }

    /// The same, of a disk that is not mounted.
    fn begin_again(&mut self) {
        self.cuts += 1;
        shared_copy(&self.image(self.cuts), &self.as_cut());
        self.mount();
    }

    /// Keeps the disk as it was at the last cut, under this name, to be looked at.
    pub fn keep_the_cut(&self, name: &str) {
        shared_copy(&self.as_cut(), &self.images.join(format!("{name}-{}", self.name)));
    }

    fn as_cut(&self) -> PathBuf {
        self.images.join(format!("{}-as-cut", self.name))
    }

    fn image(&self, cuts: u64) -> PathBuf {
        self.images.join(format!("{}-after-{cuts}-cuts", self.name))
    }

    /// The file system writes nothing out by itself in the time of a test.
    fn mount(&self) {
        // The disk that it lies in may have forgotten it.
        fs::create_dir_all(&self.mounted_at).expect("the folder can be made");
        let mut mount = Command::new("mount");
        run(mount
            .args(["-t", "ext4", "-o", "loop,commit=300"])
            .arg(self.image(self.cuts))
            .arg(&self.mounted_at));
    }

    /// The image is of no more use.
    fn unmount(&self) {
        run(Command::new("umount").arg(&self.mounted_at));
        fs::remove_file(self.image(self.cuts)).expect("the image can be removed");
    }
}

/// What a node has its data on: one disk, or one more for files of attachments.
pub struct Disks {
    of_files: Option<Disk>,
    of_store: Disk,
}

impl Disks {
    /// Empty disks for a store in that folder.
    pub fn mounted(folder: &Path, store: &Path, has_own_for_files: bool) -> Self {
        let of_store = Disk::mounted(folder, "store", store);
        let mounted = || Disk::mounted(folder, "files", &store.join(FOLDER_NAME));
        Self { of_store, of_files: has_own_for_files.then(mounted) }
    }

    /// Whether there are two, which are not copied at the same instant unless the node stands still.
    pub const fn are_two(&self) -> bool {
        self.of_files.is_some()
    }

    /// The instant of the cut: keeps the disks as they are now.
    pub fn cut(&self) {
        self.of_store.cut();
        self.of_files.iter().for_each(Disk::cut);
    }

    /// The machine has power again: its disks are as they were at the cut.
    pub fn go_on_from_the_cut(&mut self) {
        // The one lies in the other.
        if let Some(files) = &self.of_files {
            files.unmount();
        }
        self.of_store.unmount();
        self.of_store.begin_again();
        if let Some(files) = &mut self.of_files {
            files.begin_again();
        }
    }

    /// Keeps the disks as they were at the last cut, under this name, to be looked at.
    pub fn keep_the_cut(&self, name: &str) {
        self.of_store.keep_the_cut(name);
        self.of_files.iter().for_each(|it| it.keep_the_cut(name));
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
