//! A blind transit learns neither kind, contact points nor request of what crosses it, there and
//! back: for every kind of the catalogue, for the shortest and the longest names, for long texts.

use prost::Message as _;
use rogatory::domain::header::Channel;
use rogatory::domain::ids::RequestId;
use rogatory::domain::kinds::KindCode;
use rogatory::wire::relay::Outgoing;
use serde_json::json;

use crate::corridor::{Corridor, Crossed, desk_of};

/// Desks of an agency, from the shortest name that there can be to the longest.
const DESKS: [&str; 3] =
    ["d", "document-laboratory", "the-longest-name-of-a-desk-has-sixty-three-characters-and-so-ha"];
/// Stands in the text of a message.
const MARKER: &str = "Quassia-Marker";
const REQUEST: [u8; 16] = *b"\x01\x9c\xad\xb0\x5d\xa8\x76\x4d\x8e\xde\xa5\x70\x47\x39\x07\xc2";

/// What one message differs in from another.
#[derive(Clone)]
struct Secrets {
    kind: &'static str,
    from: &'static str,
    to: &'static str,
    request: RequestId,
    facts: String,
}

fn base() -> Secrets {
    Secrets {
        kind: "SOM.8.2.VESSEL",
        from: "document-laboratory",
        to: "document-laboratory",
        request: RequestId::from_bytes(REQUEST),
        facts: format!("{MARKER}: a vessel was sighted without lights"),
    }
}

/// A row of nodes in which that message went from node 0 to node 2, and was answered.
fn run(secrets: &Secrets) -> Corridor {
    let mut row = Corridor::grown(&DESKS);
    let (from, to) = (desk_of(0, secrets.from), desk_of(2, secrets.to));
    let urgency = json!({"level": "priority", "reason": MARKER});
    let file = json!({
        "message_type": "request", "kind": secrets.kind, "from": from, "to": [to],
        "urgency": urgency, "facts": secrets.facts,
    });
    row.submit(0, "key-1", secrets.request, &file.to_string());
    row.rest();
    let answer = json!({
        "message_type": "ack_receipt", "kind": secrets.kind, "from": to, "to": [from],
        "urgency": urgency, "request_id": secrets.request.to_string(),
    });
    row.submit(2, "key-2", secrets.request, &answer.to_string());
    row.rest();
    row
}

/// Everything that a transit can see of what crosses its links, without ids, hashes and chance:
/// clear fields by value, everything else by size.
fn seen(row: &Corridor) -> Vec<String> {
    let mut seen = Vec::new();
    for (from, to, crossed) in &row.crossed {
        let bytes = match crossed {
            Crossed::Out(frame) => frame.clone().into_pb().encoded_len(),
            Crossed::Back(frame) => frame.clone().into_pb().encoded_len(),
        };
        let mut line = format!("{from} to {to}: {bytes} bytes");
        if let Crossed::Out(Outgoing::Handing(handing)) = crossed {
            let envelope = &handing.envelope;
            let address = &envelope.header.address;
            line.push_str(&format!(
                "; message of {} bytes from {} to {} in {} on {} {}, sent {}, until {}, hops {} of \
                 {}, order {}, handover {}; wraps {}, particulars {}, content {}, entry {}, proof {}",
                envelope.header.bytes.len(),
                address.origin,
                address.destination,
                address.network,
                address.channel,
                address.lane,
                address.sent_at,
                address.expires_at,
                handing.hops,
                address.hop_limit,
                address.order.number,
                handing.handover,
                envelope.wraps_bytes.len(),
                envelope.particulars.len(),
                envelope.content.len(),
                envelope.origin.entry.len(),
                envelope.origin.proof.len(),
            ));
        }
        seen.push(line);
    }
    let entries = row.entries(1);
    let entries = entries.iter().map(|it| format!("entry of {} bytes", it.len()));
    seen.extend(entries);
    let stored = row.stored(1);
    seen.push(format!("{} values stored", stored.len()));
    let bytes: usize = stored.iter().map(|(key, value)| key.len() + value.len()).sum();
    seen.push(format!("{bytes} bytes stored"));
    seen
}

/// Both runs look the same to the transit.
fn assert_alike(what: &str, secrets: &Secrets, expected: &[String]) {
    let found = seen(&run(secrets));
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected, "{what}");
    }
}

#[test]
fn kinds_of_a_channel_look_alike() {
    for channel in Channel::ALL {
        let kinds: Vec<KindCode> = KindCode::all()
            .filter(|kind| kind.channel == channel && takes_a_request(*kind))
            .collect();
        let expected = seen(&run(&Secrets { kind: kinds[0].as_str(), ..base() }));
        let messages = expected.iter().filter(|it| it.contains("; message of ")).count();
        assert_eq!(messages, 4, "there and back, two links each: {expected:#?}");
        for kind in &kinds {
            let secrets = Secrets { kind: kind.as_str(), ..base() };
            assert_alike(kind.as_str(), &secrets, &expected);
        }
        println!("{channel}: {} kinds look alike", kinds.len());
    }
}

fn takes_a_request(kind: KindCode) -> bool {
    kind.as_str() != "SOM.10.1.SPONTANEOUS"
}

#[test]
fn contact_points_look_alike() {
    let expected = seen(&run(&base()));
    for from in DESKS {
        for to in DESKS {
            assert_alike(&format!("{from} to {to}"), &Secrets { from, to, ..base() }, &expected);
        }
    }
}

#[test]
fn requests_look_alike() {
    let expected = seen(&run(&base()));
    for request in [[0; 16], [0x7f; 16], [0xff; 16]] {
        let request = RequestId::from_bytes(request);
        assert_alike("another request", &Secrets { request, ..base() }, &expected);
    }
}

#[test]
fn sizes_tell_little_about_longer_texts_too() {
    // Whatever the length of the text, what differs only in kind and desks looks alike.
    for length in (0..4_000).step_by(97) {
        let facts = "x".repeat(length);
        let first = Secrets { kind: "SOM.8.2.VESSEL", facts: facts.clone(), ..base() };
        let expected = seen(&run(&first));
        let other = Secrets { from: DESKS[0], to: DESKS[2], ..first.clone() };
        assert_alike(&format!("{length} characters, desks"), &other, &expected);
        for kind in KindCode::all().filter(|it| it.channel == Channel::Sea).take(3) {
            let other = Secrets { kind: kind.as_str(), ..first.clone() };
            assert_alike(&format!("{length} characters, {kind}"), &other, &expected);
        }
    }
}

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|it| it == text)
}

#[test]
fn a_transit_holds_nothing_of_what_it_passed_on() {
    let secrets = base();
    let row = run(&secrets);
    let (from, to) = (desk_of(0, secrets.from), desk_of(2, secrets.to));
    let request = secrets.request.to_string();
    let hidden: [(&str, &[u8]); 6] = [
        ("kind", secrets.kind.as_bytes()),
        ("sender's desk", from.as_bytes()),
        ("recipient's desk", to.as_bytes()),
        ("request", request.as_bytes()),
        ("request, as bytes", &REQUEST),
        ("text", MARKER.as_bytes()),
    ];
    // A journal entry names its agency: the search finds what is there.
    assert!(row.stored(1).iter().any(|(_, value)| holds(value, b"int.n1/journal/1")));
    for (key, value) in row.stored(1) {
        for (what, text) in hidden {
            assert!(!holds(&key, text) && !holds(&value, text), "{what} stands in {key:02x?}");
        }
    }
    for (at, entry) in row.entries(1).iter().enumerate() {
        for (what, text) in hidden {
            assert!(!holds(entry, text), "{what} stands in entry {at}");
        }
    }
    for (from, to, crossed) in &row.crossed {
        let bytes = match crossed {
            Crossed::Out(frame) => frame.clone().into_pb().encode_to_vec(),
            Crossed::Back(frame) => frame.clone().into_pb().encode_to_vec(),
        };
        for (what, text) in hidden {
            assert!(!holds(&bytes, text), "{what} crosses from {from} to {to}");
        }
    }
}
