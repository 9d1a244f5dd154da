//! The attachments of a message that is sent: are they here, what are they on the road, whose are they
//! from then on.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::draft::Draft;
use crate::domain::header::MessageKey;
use crate::domain::ids::AgencyId;
use crate::domain::limits::ATTACHMENTS_MAX;
use crate::domain::violation::Violation;
use crate::history::rows::HistoryError;
use crate::node::attachments::{find, fresh_key, mark_of_upload, reading, upload};
use crate::node::commands::Decline;
use crate::node::rejection::Rejection;
use crate::node::sealing::{self, Attached, PrepareError};
use crate::node::setting::Setting;
use crate::node::turn::Turn;
use crate::wire;
use crate::wire::draft::Described;

/// Says no where a file that is to be attached is not here (any more).
///
/// # Errors
/// `CONTENT_INVALID` with `ATTACHMENT_NOT_UPLOADED`, or a store that fails.
pub(in crate::node) fn must_be_here(
    turn: &Turn<'_>,
    attached: Option<&Attached>,
) -> Result<(), Decline> {
    for file in attached.iter().flat_map(|it| &it.files) {
        if turn.held(*file)?.is_none_or(|held| !held.whole) {
            return Err(Rejection::content(vec![not_uploaded("/attachments")]).into());
        }
    }
    Ok(())
}

/// Lets the files that were sealed ahead be the attachments of a message.
pub(in crate::node) fn attach(
    turn: &mut Turn<'_>,
    message: MessageKey,
    attached: &Attached,
) -> Result<(), HistoryError> {
    for (number, file) in (1..).zip(&attached.files) {
        turn.refer((message, number), *file)?;
    }
    Ok(())
}

fn not_uploaded(pointer: &str) -> Violation {
    let text = "its bytes are not here; hand them in first, with this size and hash";
    Violation::new(pointer, "ATTACHMENT_NOT_UPLOADED", text)
}

/// Bytes that sealing the attachments of a draft comes to, each once for each of its destinations: at the
/// most those that a message may have.
pub fn bytes_to_seal(setting: &Setting, draft: &Draft) -> u64 {
    let described = wire::draft::attachments(&draft.content).unwrap_or_default();
    let bytes = described.iter().fold(0_u64, |sum, it| sum.saturating_add(it.bytes));
    let bytes = bytes.min(setting.policy.attachments.message_bytes_max);
    let agencies = u64::try_from(sealing::destinations(draft).len()).unwrap_or(u64::MAX);
    bytes.saturating_mul(agencies)
}

/// The attachments that a draft describes, sealed for each of its destinations; nothing for a draft
/// without. Each file is read once for each destination.
///
/// # Errors
/// `CONTENT_INVALID` with every attachment that was not handed in by `caller`, `LIMIT_EXCEEDED`, or
/// files that can't be read.
pub fn prepare(
    setting: &Setting,
    draft: &Draft,
    caller: &str,
) -> Result<BTreeMap<AgencyId, Arc<Attached>>, PrepareError> {
    let damaged = |_| HistoryError::Damaged { what: "content that was just read" };
    let described = wire::draft::attachments(&draft.content).map_err(damaged)?;
    if described.is_empty() {
        return Ok(BTreeMap::new());
    }
    within(setting, &described)?;
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for it in &described {
        let mark = mark_of_upload(setting, caller, it.bytes, &it.digest);
        match find(setting.store.as_ref(), mark)? {
            Some((file, held)) if held.whole => found.push((file, held)),
            Some(_) | None => missing.push(not_uploaded(&it.pointer)),
        }
    }
    if !missing.is_empty() {
        return Err(Rejection::content(missing).into());
    }
    let mut all = BTreeMap::new();
    for (agency, _) in sealing::destinations(draft) {
        let key = fresh_key(setting);
        let mut sealed = Vec::with_capacity(found.len());
        for (number, (file, held)) in (1..).zip(&found) {
            let source = reading::Source::over(setting, *file, held)?;
            sealed.push(source.sealed(&key, number).map_err(HistoryError::from)?);
        }
        let files = found.iter().map(|(file, _)| *file).collect();
        all.insert(agency, Arc::new(Attached { key, sealed, files }));
    }
    Ok(all)
}

/// Not more attachments, and not more bytes, than a message may have.
fn within(setting: &Setting, described: &[Described]) -> Result<(), Rejection> {
    let count = |it| u64::try_from(it).unwrap_or(u64::MAX);
    let given = described.len();
    if given > ATTACHMENTS_MAX {
        return Err(upload::over("attachments", "files", count(ATTACHMENTS_MAX), count(given)));
    }
    let bytes = described.iter().fold(0_u64, |sum, it| sum.saturating_add(it.bytes));
    let allowed = setting.policy.attachments.message_bytes_max;
    if bytes > allowed {
        return Err(upload::over("attachments of a message", "bytes", allowed, bytes));
    }
    Ok(())
}
