//! Who may see what of a confidential request (UNTOC 18(20)): fact and substance are for those who
//! need to know, and for nobody else not even there.

use crate::domain::ids::RequestId;
use crate::history::message::MessageRecord;
use crate::history::rows::{HistoryError, Rows};
use crate::history::{access, requests};

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
    rows: &R,
    request: RequestId,
    holder: &str,
) -> Result<bool, HistoryError> {
    Ok(of_request(rows, request, holder)? == Sight::Full)
}

/// How much of a request `holder` may see.
pub fn of_request<R: Rows + ?Sized>(
    rows: &R,
    request: RequestId,
    holder: &str,
) -> Result<Sight, HistoryError> {
    let confidential = requests::find(rows, request)?.is_some_and(|it| it.confidential);
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
    rows: &R,
    record: &MessageRecord,
    holder: &str,
) -> Result<Sight, HistoryError> {
    match &record.particulars {
        Some(particulars) => of_request(rows, particulars.request, holder),
        None => Ok(Sight::Full),
    }
}
