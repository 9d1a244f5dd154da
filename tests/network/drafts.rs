//! Small messages of the vessel case, and the calls that send them.

use rogatory::wire::json::read_file;
use rogatory::wire::pb;
use serde_json::{Value, json};

use super::{DESTINATION, ORIGIN};

/// The desk that asks.
pub const ORIGIN_DESK: &str = "ita.coast-guard/operations-centre";
/// The desk that is asked.
pub const DESTINATION_DESK: &str = "pan.maritime-authority/flag-state-desk";

/// The requester's own reference in [`request`].
pub const REFERENCE: &str = "ITA-SEA-01/2026/000031";

/// The worked example of a vessel, whole and lawful.
const VESSEL: &str = include_str!("../../config/demo/ex2-vessel-boarding-som-8-2.json");

/// The worked example without ids, times and attachments of its own.
fn vessel() -> Value {
    let mut file: Value = serde_json::from_str(VESSEL).expect("an example is JSON");
    let fields = file.as_object_mut().expect("an example is an object");
    let own = ["message_id", "request_id", "issued_at", "respond_by", "attachments"];
    fields.retain(|name, _| !own.contains(&name.as_str()));
    // Nothing is translated: the translations were attachments.
    file["languages"] = json!({"request": "en"});
    file["handling"]["confidentiality_requested"] = json!(false);
    file["handling"]["review_by"] = Value::Null;
    file
}

/// A request about a vessel, as a message file.
pub fn request(facts: &str) -> Value {
    let mut file = vessel();
    file["from"] = json!(ORIGIN_DESK);
    file["to"] = json!([DESTINATION_DESK]);
    file["urgency"] = json!({"level": "priority", "reason": "A vessel adrift"});
    file["facts"] = json!(facts);
    file
}

/// An act of agency `by` on a request of [`request`], as a message file.
pub fn act(by: &str, act: &str, request_id: &str, in_reply_to: &str) -> Value {
    let (from, to) = match by {
        ORIGIN => (ORIGIN_DESK, DESTINATION_DESK),
        DESTINATION => (DESTINATION_DESK, ORIGIN_DESK),
        other => panic!("{other} is no party of the request"),
    };
    let request = vessel();
    json!({
        "message_type": act,
        "kind": "SOM.8.2.VESSEL",
        "from": from,
        "to": [to],
        "urgency": {"level": "priority", "reason": "A vessel adrift"},
        "request_id": request_id,
        "in_reply_to": in_reply_to,
        "languages": request["languages"],
        "handling": request["handling"],
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
