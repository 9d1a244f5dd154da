//! Who has sight of a confidential request (UNTOC 18(20)): who sent or claimed a message of it, and
//! whoever was given it.

use crate::domain::ids::RequestId;
use crate::history::rows::{HistoryError, Rows, Working, after, decode, name_part, request_row};
use crate::history::table::OfRequest;

fn holder_key(request: RequestId, holder: &str) -> Vec<u8> {
    request_row(request, OfRequest::Holders, &[&name_part(holder)])
}

/// Gives `holder`, a SPIFFE id, sight of a request.
pub(super) fn grant(rows: &mut Working<'_>, request: RequestId, holder: &str) {
    rows.save(holder_key(request, holder), &holder.to_owned());
}

/// Takes sight of a request from `holder`.
pub(super) fn revoke(rows: &mut Working<'_>, request: RequestId, holder: &str) {
    rows.remove(holder_key(request, holder));
}

/// True if `holder` has sight of the request.
pub fn has<R: Rows + ?Sized>(
    rows: &R,
    request: RequestId,
    holder: &str,
) -> Result<bool, HistoryError> {
    Ok(rows.row(&holder_key(request, holder))?.is_some())
}

/// Most holders that one request is shown with.
pub const HOLDERS_MAX: usize = 256;

/// Who has sight of the request, by the hash of their names.
pub fn holders<R: Rows + ?Sized>(
    rows: &R,
    request: RequestId,
) -> Result<Vec<String>, HistoryError> {
    let prefix = request_row(request, OfRequest::Holders, &[]);
    let found = rows.rows(&prefix, &after(&prefix), HOLDERS_MAX)?;
    found.iter().map(|(_, value)| decode(value, "holder of a request")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::memory::MemoryStore;

    #[test]
    fn sight_is_given_and_taken_for_one_request() {
        let store = MemoryStore::new();
        let mut rows = Working::over(&store);
        let (one, two) = (RequestId::from_bytes([1; 16]), RequestId::from_bytes([2; 16]));
        let (anna, ben) = ("spiffe://ita.x/officer/anna", "spiffe://ita.x/officer/ben");
        grant(&mut rows, one, anna);
        grant(&mut rows, one, ben);
        assert!(has(&rows, one, anna).unwrap() && !has(&rows, two, anna).unwrap());
        assert_eq!(holders(&rows, one).unwrap().len(), 2);
        revoke(&mut rows, one, anna);
        assert_eq!(holders(&rows, one).unwrap(), [ben]);
    }
}
