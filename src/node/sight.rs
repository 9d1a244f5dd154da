//! Who may see what of a request: whoever reads at one of its desks by the agency's policy; and of a
//! confidential one (UNTOC 18(20)) fact and substance are for those who need to know, and for nobody
//! else not even there.

use crate::domain::ids::RequestId;
use crate::history::message::{MessageRecord, Part};
use crate::history::rows::{HistoryError, Rows};
use crate::history::{access, requests};
use crate::node::desks;
use crate::node::setting::Setting;

/// How much of a message a caller may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Everything.
    Full,
    /// That it stands here and can be claimed: nobody has taken it yet.
    Envelope,
    /// Nothing: it is as if it were not there.
    None,
}

/// May `holder`, a SPIFFE id, see the request? Unknown requests and those that are not
/// confidential hide nothing.
pub fn has<R: Rows + ?Sized>(
    setting: &Setting,
    rows: &R,
    request: RequestId,
    holder: &str,
) -> Result<bool, HistoryError> {
    Ok(of_request(setting, rows, request, holder)? == Sight::Full)
}

/// How much of a request `holder` may see.
pub fn of_request<R: Rows + ?Sized>(
    setting: &Setting,
    rows: &R,
    request: RequestId,
    holder: &str,
) -> Result<Sight, HistoryError> {
    if requests::find(rows, request)?.is_some() && !desks::reads_of(setting, rows, request, holder)?
    {
        return Ok(Sight::None);
    }
    confided(rows, request, holder)
}

/// How much of a request its confidentiality lets `holder` see.
pub(super) fn confided<R: Rows + ?Sized>(
    rows: &R,
    request: RequestId,
    holder: &str,
) -> Result<Sight, HistoryError> {
    confided_as(rows, request, false, holder)
}

/// As [`confided`], of what says itself whether it is confidential.
fn confided_as<R: Rows + ?Sized>(
    rows: &R,
    request: RequestId,
    says: bool,
    holder: &str,
) -> Result<Sight, HistoryError> {
    let confidential = says || requests::find(rows, request)?.is_some_and(|it| it.confidential);
    if !confidential || access::has(rows, request, holder)? {
        Ok(Sight::Full)
    } else if access::holders(rows, request)?.is_empty() {
        Ok(Sight::Envelope)
    } else {
        Ok(Sight::None)
    }
}

/// How much of a message `holder` may see.
pub fn of_message<R: Rows + ?Sized>(
    setting: &Setting,
    rows: &R,
    record: &MessageRecord,
    holder: &str,
) -> Result<Sight, HistoryError> {
    if !desks::reads(setting, record, holder) {
        return Ok(Sight::None);
    }
    match &record.particulars {
        // A note may come before the confidential request that it is about.
        Some(it) if it.bearing.noted().is_some() && record.part == Part::Destination => {
            confided_as(rows, it.request, it.bearing.confidential, holder)
        }
        Some(particulars) => confided(rows, particulars.request, holder),
        None => Ok(Sight::Full),
    }
}
