//! Whole messages between the agencies of the network, made from the worked examples.

use rogatory::domain::ids::RequestId;
use serde_json::{Value, json};

/// The request for bank records, from BRA to ARE.
const BANK_RECORDS: &str = include_str!("../../../config/demo/ex1-bank-records-untoc-18-3-f.json");
/// What happened to it.
const THREAD: &str = include_str!("../../../config/demo/thread1-ex1-lifecycle.json");

/// The request that a witness be heard by video.
const HEARING: &str =
    include_str!("../../../config/demo/ex6-witness-video-hearing-untoc-18-18.json");

/// The request to the flag State of a vessel.
const VESSEL: &str = include_str!("../../../config/demo/ex2-vessel-boarding-som-8-2.json");
/// Information on a route, given unasked.
const ROUTE: &str =
    include_str!("../../../config/demo/ex5-spontaneous-route-som-10-untoc-18-4.json");

/// The desk of BRA.
pub const BRA_DESK: &str = "bra.central-authority/mla";
/// The desk of ARE that answers.
pub const ARE_DESK: &str = "are.central-authority/mla";

/// The desk of the third State.
pub const MLT_DESK: &str = "mlt.central-authority/mla";

/// A value with the fields of another in place of its own.
pub fn with(mut value: Value, fields: Value) -> Value {
    let (Some(own), Value::Object(fields)) = (value.as_object_mut(), fields) else {
        panic!("messages are objects");
    };
    own.extend(fields);
    value
}

/// The worked request for bank records with every message that follows, all as they were written.
pub fn thread() -> Vec<Value> {
    let thread: Value = serde_json::from_str(THREAD).unwrap();
    let request = serde_json::from_str(BANK_RECORDS).unwrap();
    [vec![request], thread["messages"].as_array().unwrap().clone()].concat()
}

/// The worked request for bank records: the node names it, and it is not confidential.
pub fn bank_records() -> Value {
    plain(BANK_RECORDS)
}

/// The worked request that a witness be heard, as one of BRA.
pub fn hearing() -> Value {
    let own = json!({"from": BRA_DESK, "to": [ARE_DESK]});
    let mut request = with(plain(HEARING), own);
    request["handling"]["originator"] = json!("BRA");
    request
}

/// The worked request to a flag State, which must be answered at once, as one of BRA.
pub fn vessel() -> Value {
    let mut request = with(plain(VESSEL), json!({"from": BRA_DESK, "to": [ARE_DESK]}));
    request["handling"]["originator"] = json!("BRA");
    request["handling"]["handling_code"] = json!("H1");
    request
}

/// An offer of the worked information on a route, as one of BRA: topic and restrictions only.
pub fn offer() -> Value {
    let own = json!({"from": BRA_DESK, "to": [ARE_DESK], "offer": true});
    let mut offer = with(plain(ROUTE), own);
    offer["handling"]["originator"] = json!("BRA");
    offer["handling"]["handling_code"] = json!("H1");
    let fields = offer.as_object_mut().unwrap();
    for content in ["facts", "routes", "organisations", "persons", "comms", "attachments"] {
        fields.remove(content);
    }
    offer
}

/// A worked request without ids and times, and not confidential.
fn plain(text: &str) -> Value {
    let mut request: Value = serde_json::from_str(text).unwrap();
    let fields = request.as_object_mut().unwrap();
    for gone in ["message_id", "request_id", "issued_at", "respond_by"] {
        fields.remove(gone);
    }
    request["handling"]["confidentiality_requested"] = json!(false);
    request["handling"]["review_by"] = Value::Null;
    request
}

/// The same, asking for these items.
pub fn bank_records_of(items: &[&str]) -> Value {
    let mut request = bank_records();
    let items = items.iter().map(|id| json!({"id": id, "text": "Certified copies"}));
    request["assistance"]["items"] = items.collect();
    request
}

/// An act in the life of a request for bank records, from one desk to another.
pub fn act((from, to): (&str, &str), request: RequestId, act: &str, own: Value) -> Value {
    let whole = bank_records();
    let message = json!({
        "request_id": request.to_string(),
        "message_type": act,
        "kind": whole["kind"],
        "form": "electronic_written",
        "urgency": whole["urgency"],
        "from": from,
        "official": whole["official"],
        "to": [to],
        "references": {"requesting": "BRA-CA-01/2026/000417", "requested": "SYN-REPLY-0001"},
        "languages": {"request": "en"},
        "handling": whole["handling"],
    });
    with(message, own)
}

/// An act of ARE towards BRA.
pub fn from_are(request: RequestId, word: &str, own: Value) -> Value {
    act((ARE_DESK, BRA_DESK), request, word, own)
}

/// An act of BRA towards ARE.
pub fn from_bra(request: RequestId, word: &str, own: Value) -> Value {
    act((BRA_DESK, ARE_DESK), request, word, own)
}
