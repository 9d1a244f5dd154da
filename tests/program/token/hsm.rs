//! A token in software: SoftHSM keeps it in a folder of the test's own.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::token::put;

/// The PIN of the token's user.
pub const PIN: &str = "4321";
/// The token's label.
pub const LABEL: &str = "rogatory test";

/// Where Debian, Fedora and others put the module.
const MODULES: [&str; 4] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
];

/// A token with its module and settings.
pub struct Hsm {
    pub module: PathBuf,
    folder: PathBuf,
}

impl Hsm {
    /// A new token in a folder; none, aloud, where the tools are not there.
    #[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
    pub fn new(folder: &Path) -> Option<Self> {
        let module = MODULES.iter().map(PathBuf::from).find(|it| it.exists());
        let has_tools = ["softhsm2-util", "pkcs11-tool"]
            .iter()
            .all(|tool| Command::new(tool).arg("--help").output().is_ok());
        let Some(module) = module.filter(|_| has_tools) else {
            println!("SKIPPED: no softhsm2 or no opensc on this machine");
            return None;
        };
        let hsm = Self { module, folder: folder.join("hsm") };
        std::fs::create_dir_all(hsm.tokens()).expect("a folder");
        hsm.set("");
        hsm.add_token(LABEL);
        Some(hsm)
    }

    /// The file of SoftHSM's settings, for `SOFTHSM2_CONF`.
    pub fn settings(&self) -> PathBuf {
        self.folder.join("softhsm2.conf")
    }

    /// Writes the settings, and one line more.
    pub fn set(&self, line: &str) {
        let tokens = self.tokens();
        let text = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n{line}\n",
            tokens.display()
        );
        put(&self.settings(), text.as_bytes());
    }

    fn tokens(&self) -> PathBuf {
        self.folder.join("tokens")
    }

    fn run(&self, tool: &str, words: &[&str]) -> Vec<u8> {
        let mut command = Command::new(tool);
        command.args(words).env("SOFTHSM2_CONF", self.settings());
        let done = command.output().expect("the tool starts");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{tool} {words:?}: {said}");
        done.stdout
    }

    /// Makes another token.
    pub fn add_token(&self, label: &str) {
        let words = ["--init-token", "--free", "--label", label, "--so-pin", "12345678"];
        self.run("softhsm2-util", &[&words[..], &["--pin", PIN]].concat());
    }

    /// Removes the token that was made last; the first has keys.
    pub fn remove_second(&self) {
        for entry in std::fs::read_dir(self.tokens()).expect("a folder") {
            let path = entry.expect("an entry").path();
            let objects = std::fs::read_dir(&path).expect("a folder").filter_map(Result::ok);
            let names = objects.map(|it| it.file_name().to_string_lossy().into_owned());
            // One object is the token itself.
            if names.filter(|it| it.ends_with(".object")).count() == 1 {
                std::fs::remove_dir_all(&path).expect("the token goes");
            }
        }
    }

    fn tool(&self, words: &[&str]) -> Vec<u8> {
        let module = self.module.to_str().expect("UTF-8");
        let always = ["--module", module, "--token-label", LABEL, "--login", "--pin", PIN];
        self.run("pkcs11-tool", &[&always[..], words].concat())
    }

    /// Makes a key pair in the token.
    pub fn make(&self, kind: &str, label: &str, id: &str) {
        let kind = format!("EC:{kind}");
        self.tool(&["--keypairgen", "--key-type", &kind, "--label", label, "--id", id]);
    }

    /// The public half of a key, as the tool writes it.
    pub fn public(&self, label: &str) -> Vec<u8> {
        self.tool(&["--read-object", "--type", "pubkey", "--label", label])
    }

    /// Takes the public half of a key out of the token.
    pub fn forget_public(&self, label: &str) {
        self.tool(&["--delete-object", "--type", "pubkey", "--label", label]);
    }

    /// Takes the token away, as if it were pulled out.
    pub fn pull(&self) {
        move_to(&self.tokens(), &self.folder.join("pulled"));
        std::fs::create_dir(self.tokens()).expect("a folder");
    }

    /// Puts it back.
    pub fn put_back(&self) {
        std::fs::remove_dir_all(self.tokens()).expect("the folder goes");
        move_to(&self.folder.join("pulled"), &self.tokens());
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's files need not survive it")]
fn move_to(from: &Path, to: &Path) {
    std::fs::rename(from, to).expect("it moves");
}

/// The URI of a key, with more behind it.
pub fn uri(object: &str, more: &str) -> String {
    format!("pkcs11:token={};object={object}{more}", LABEL.replace(' ', "%20"))
}
