//! Requests by the references under which the two sides file them. References are kept as keyed
//! marks: they can be found, and not read.

use crate::domain::ids::RequestId;
use crate::history::rows::{HistoryError, Rows, Working, after, key, request_id};
use crate::history::table;
use crate::wire::skeleton::ReferenceMark;

/// Most requests that one reference finds.
pub const FOUND_MAX: usize = 100;

/// The request is found by this reference.
pub(super) fn mark(rows: &mut Working<'_>, reference: &ReferenceMark, request: RequestId) {
    rows.save(key(table::REFERENCES, &[reference, request.as_bytes()]), &request);
}

/// The requests that are filed under a reference.
pub fn requests<R: Rows + ?Sized>(
    rows: &R,
    reference: &ReferenceMark,
) -> Result<Vec<RequestId>, HistoryError> {
    let prefix = key(table::REFERENCES, &[reference]);
    let found = rows.rows(&prefix, &after(&prefix), FOUND_MAX)?;
    found.iter().map(|(_, value)| request_id(value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::memory::MemoryStore;

    #[test]
    fn a_reference_finds_its_requests_and_no_others() {
        let store = MemoryStore::new();
        let mut rows = Working::over(&store);
        let request = |n| RequestId::from_bytes([n; 16]);
        mark(&mut rows, &[1; 16], request(1));
        mark(&mut rows, &[1; 16], request(2));
        mark(&mut rows, &[2; 16], request(3));
        assert_eq!(requests(&rows, &[1; 16]).unwrap(), [request(1), request(2)]);
        assert_eq!(requests(&rows, &[3; 16]).unwrap(), []);
    }
}
