//! Small messages of the vessel case, and the calls that send them.

use rogatory::wire::json::read_file;
use rogatory::wire::pb;
use serde_json::{Value, json};

use super::{DESTINATION, ORIGIN};

/// The desk that asks.
pub const ORIGIN_DESK: &str = "ita.coast-guard/operations-centre";
/// The desk that is asked.
pub const DESTINATION_DESK: &str = "pan.maritime-authority/flag-state-desk";

/// A request for information about a vessel, as a message file.
pub fn request(facts: &str) -> Value {
    json!({
        "message_type": "request",
        "kind": "SOM.8.2.VESSEL",
        "from": ORIGIN_DESK,
        "to": [DESTINATION_DESK],
        "urgency": {"level": "priority", "reason": "A vessel adrift"},
        "facts": facts,
    })
}

/// An act of agency `by` on a request of [`request`], as a message file.
pub fn act(by: &str, act: &str, request_id: &str, in_reply_to: &str) -> Value {
    let (from, to) = match by {
        ORIGIN => (ORIGIN_DESK, DESTINATION_DESK),
        DESTINATION => (DESTINATION_DESK, ORIGIN_DESK),
        other => panic!("{other} is no party of the request"),
    };
    json!({
        "message_type": act,
        "kind": "SOM.8.2.VESSEL",
        "from": from,
        "to": [to],
        "urgency": {"level": "priority", "reason": "A vessel adrift"},
        "request_id": request_id,
        "in_reply_to": in_reply_to,
    })
}

/// A call that sends a message file.
pub fn sending(key: &str, file: &Value) -> pb::SendMessageRequest {
    let draft = read_file(file.to_string().as_bytes()).expect("a well-formed message file");
    pb::SendMessageRequest {
        idempotency_key: key.to_owned(),
        draft: Some(draft),
        ..pb::SendMessageRequest::default()
    }
}
