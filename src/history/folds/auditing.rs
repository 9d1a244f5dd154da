//! What auditors are shown, and may be.

use crate::domain::auditing::AuditFact;
use crate::history::Opened;
use crate::history::grants::{self, GrantRecord};
use crate::history::rows::{HistoryError, Working};

const DAMAGED: HistoryError = HistoryError::Damaged { what: "entry about an auditor" };

pub(super) fn fold(
    rows: &mut Working<'_>,
    opened: &Opened,
    fact: &AuditFact,
) -> Result<(), HistoryError> {
    let skeleton = &opened.skeleton;
    match fact {
        AuditFact::Granted => {
            let grant = skeleton.audit.as_ref().ok_or(DAMAGED)?;
            let record = GrantRecord {
                auditor: grant.auditor.clone(),
                scope: grant.scope.clone(),
                reason: grant.reason.ok_or(DAMAGED)?,
                until: grant.until.ok_or(DAMAGED)?,
                by: skeleton.principal.clone().ok_or(DAMAGED)?,
                at: opened.entry.recorded_at,
                position: opened.position,
            };
            grants::give(rows, &record);
            Ok(())
        }
        AuditFact::Revoked => {
            let grant = skeleton.audit.as_ref().ok_or(DAMAGED)?;
            grants::take(rows, &grant.auditor, &grant.scope);
            Ok(())
        }
        AuditFact::ContentRead { .. }
        | AuditFact::SealedRead { .. }
        | AuditFact::JournalRead { .. } => Ok(()),
    }
}
