//! Which auditor is shown the content of what, and until when.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::auditing::AuditReason;
use crate::history::rows::{HistoryError, Rows, Working, after, decode, key, name_part};
use crate::history::table;
use crate::wire::auditing::AuditScope;

/// A grant that was given and not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantRecord {
    /// SPIFFE id of the auditor.
    pub auditor: String,
    /// Of what.
    pub scope: AuditScope,
    /// Why.
    pub reason: AuditReason,
    /// Until when.
    pub until: Timestamp,
    /// SPIFFE id of who gave it.
    pub by: String,
    /// When it was given.
    pub at: Timestamp,
    /// Position of that entry.
    pub position: u64,
}

fn grant_key(auditor: &str, scope: &AuditScope) -> Vec<u8> {
    let scope = match scope {
        AuditScope::Request(request) => format!("request {request}"),
        AuditScope::Message(origin, message) => format!("message {origin} {message}"),
    };
    key(table::AUDIT_GRANTS, &[&name_part(auditor), &name_part(&scope)])
}

/// The grant of exactly this to an auditor, whether its time has run out or not.
pub fn find<R: Rows + ?Sized>(
    rows: &R,
    auditor: &str,
    scope: &AuditScope,
) -> Result<Option<GrantRecord>, HistoryError> {
    rows.load(&grant_key(auditor, scope), "grant to an auditor")
}

/// Most grants that are listed.
pub const GRANTS_MAX: usize = 1_000;

/// The grants that stand, by the hashes of auditor and scope.
pub fn all<R: Rows + ?Sized>(rows: &R) -> Result<Vec<GrantRecord>, HistoryError> {
    let prefix = key(table::AUDIT_GRANTS, &[]);
    let found = rows.rows(&prefix, &after(&prefix), GRANTS_MAX)?;
    found.iter().map(|(_, value)| decode(value, "grant to an auditor")).collect()
}

pub(super) fn give(rows: &mut Working<'_>, record: &GrantRecord) {
    rows.save(grant_key(&record.auditor, &record.scope), record);
}

pub(super) fn take(rows: &mut Working<'_>, auditor: &str, scope: &AuditScope) {
    rows.remove(grant_key(auditor, scope));
}
