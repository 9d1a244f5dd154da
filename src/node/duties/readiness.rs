//! Whether a message that waits can be offered to its next hop.

use crate::domain::header::MessageKey;
use crate::history::message::MessageRecord;
use crate::history::rows::HistoryError;
use crate::node::content;
use crate::node::setting::Setting;

/// What is done with a message that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    /// It is offered.
    Ready,
    /// It waits on.
    NotNow,
    /// It can't be put together, and is set aside before anybody is in doubt about it.
    Never,
}

/// How a message stands that waits.
pub(super) fn readiness(
    setting: &Setting,
    held_back: bool,
    key: MessageKey,
    record: &MessageRecord,
) -> Result<Readiness, HistoryError> {
    if held_back || setting.clock.now() >= record.header()?.address.expires_at {
        return Ok(Readiness::NotNow);
    }
    let is_whole = content::is_whole(setting, key, record.part)?;
    Ok(if is_whole { Readiness::Ready } else { Readiness::Never })
}
