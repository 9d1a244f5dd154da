//! A blind transit learns nothing from what it holds: two runs that differ only in kind within a
//! channel, in contact point or in request show it equal clear fields and equal sizes.

use rogatory::wire::relay::Handing;

use crate::transit::row::{MARKER, Row, Told};

/// What a transit sees in clear of a message, but for what is random or a hash: ids, times, stream.
fn clear(handing: &Handing) -> (Vec<String>, Vec<usize>) {
    let envelope = &handing.envelope;
    let address = &envelope.header.address;
    let fields = vec![
        address.network.to_string(),
        address.origin.to_string(),
        address.destination.to_string(),
        address.channel.to_string(),
        address.lane.to_string(),
        address.expires_at.millis_since(address.sent_at).to_string(),
        address.hop_limit.to_string(),
        address.order.number.to_string(),
    ];
    let sizes = vec![
        envelope.header.bytes.len(),
        envelope.wraps_bytes.len(),
        envelope.particulars.len(),
        envelope.content.len(),
        envelope.origin.entry.len(),
        envelope.origin.proof.len(),
    ];
    (fields, sizes)
}

fn seen_by_transit(told: &Told<'_>) -> (Vec<String>, Vec<usize>) {
    let mut row = Row::new();
    row.submit(told);
    let handed = row.hand_over(0, 1);
    assert_eq!(handed.len(), 1);
    clear(&handed[0])
}

#[test]
fn kind_contact_point_and_request_make_no_difference_to_a_transit() {
    let first = seen_by_transit(&Told { kind: "UNTOC.27.1.B.I.PERSON", desk: "desk", request: 1 });
    let kind = seen_by_transit(&Told { kind: "UNTOC.28.STRATEGIC", desk: "desk", request: 1 });
    assert_eq!(first, kind);
    let desk = seen_by_transit(&Told { kind: "UNTOC.27.1.B.I.PERSON", desk: "deske", request: 1 });
    assert_eq!(first, desk);
    let request =
        seen_by_transit(&Told { kind: "UNTOC.27.1.B.I.PERSON", desk: "desk", request: 2 });
    assert_eq!(first, request);
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|it| it == part)
}

#[test]
fn a_transit_holds_no_word_of_it_and_drops_sealed_bytes_with_the_next_receipt() {
    let mut row = Row::new();
    row.submit(&Told { kind: "UNTOC.27.1.B.I.PERSON", desk: "desk", request: 77 });
    let sealed = row.hand_over(0, 1).remove(0).envelope;
    let before = row.held(1);
    for word in ["UNTOC.27", "int.n2/desk", MARKER] {
        assert!(!holds(&before, word.as_bytes()), "the transit holds {word}");
    }
    assert!(!holds(&before, &[77; 16]), "the transit holds the request id");
    // At rest it is sealed once more, under a key that goes with it.
    let piece = &sealed.content[100..160];
    assert!(!holds(&before, piece), "nothing stands as it travelled");
    let message = sealed.header.key();
    let kept = row.content(1, message);
    assert_eq!(kept.as_deref(), Some(&*sealed.content), "the transit holds it to pass it on");
    assert_eq!(row.hand_over(1, 2).len(), 1);
    assert_eq!(row.content(1, message), None, "the transit still holds sealed content");
    assert_eq!(row.content(2, message).as_deref(), Some(&*sealed.content));
    let destination = row.held(2);
    assert!(!holds(&destination, piece) && !holds(&destination, MARKER.as_bytes()));
}
