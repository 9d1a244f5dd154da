//! The section `[attachments]`: what may be handed in, and how much of it is held.

use crate::config::check::number;
use crate::directory::strict::Table;
use crate::node::attachments::upload::Limits;

/// The keys of the section.
pub(super) const KEYS: &[&str] =
    &["file_bytes_max", "message_bytes_max", "quota_bytes", "upload_days", "parallel"];

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// `[attachments]`: large files beside messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attachments {
    /// Largest file, in bytes.
    pub file_bytes_max: u64,
    /// Most bytes of all attachments of one message.
    pub message_bytes_max: u64,
    /// Most bytes that everything held may take on the disk.
    pub quota_bytes: u64,
    /// What no message names is dropped after so many days.
    pub upload_days: u64,
    /// Files that grow at a time.
    pub parallel: u64,
}

impl Default for Attachments {
    fn default() -> Self {
        Self {
            file_bytes_max: 16 << 30,
            message_bytes_max: 32 << 30,
            quota_bytes: 256 << 30,
            upload_days: 7,
            parallel: 8,
        }
    }
}

impl Attachments {
    /// The same, as the node holds it.
    pub fn limits(&self) -> Limits {
        let days = i64::try_from(self.upload_days).unwrap_or(i64::MAX);
        Limits {
            file_bytes_max: self.file_bytes_max,
            message_bytes_max: self.message_bytes_max,
            quota_bytes: self.quota_bytes,
            upload_ms: days.saturating_mul(DAY_MS),
            parallel: usize::try_from(self.parallel).unwrap_or(usize::MAX),
        }
    }

    pub(super) fn to_toml(self) -> String {
        let Self { file_bytes_max, message_bytes_max, quota_bytes, upload_days, parallel } = self;
        format!(
            "[attachments]\nfile_bytes_max = {file_bytes_max}\n\
             message_bytes_max = {message_bytes_max}\nquota_bytes = {quota_bytes}\n\
             upload_days = {upload_days}\nparallel = {parallel}\n"
        )
    }
}

/// Reads the section; each wrong value is a fault.
pub(super) fn read(table: &Table<'_>) -> Attachments {
    const MOST: u64 = 1 << 50;
    let default = Attachments::default();
    Attachments {
        file_bytes_max: number(table, "file_bytes_max", 1, MOST, default.file_bytes_max),
        message_bytes_max: number(table, "message_bytes_max", 1, MOST, default.message_bytes_max),
        quota_bytes: number(table, "quota_bytes", 0, MOST, default.quota_bytes),
        upload_days: number(table, "upload_days", 1, 90, default.upload_days),
        parallel: number(table, "parallel", 1, 1024, default.parallel),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_configuration_says_by_default_is_what_a_node_has() {
        assert_eq!(Attachments::default().limits(), Limits::default());
    }
}
