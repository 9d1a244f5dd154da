//! A file of any size that is handed in and sent, made from numbers so that nobody has to hold it.

use rogatory::domain::digest::Hashing;
use rogatory::entropy::{Entropy as _, SeededEntropy};
use rogatory::transport::client::Client;
use rogatory::wire::pb;
use serde_json::json;

use crate::network::drafts::{request, sending};

/// Bytes of a mebibyte, of which a file has a whole number.
pub(crate) const MEBIBYTE: usize = 1024 * 1024;

/// One mebibyte of the file, the same each time.
fn piece(number: usize) -> Vec<u8> {
    let mut bytes = vec![0; MEBIBYTE];
    SeededEntropy::new(number as u64).fill(&mut bytes);
    bytes
}

/// SHA-256 of the file of so many mebibytes, as it is written.
pub(crate) fn sha256(mebibytes: usize) -> String {
    let mut hashing = Hashing::default();
    (0..mebibytes).for_each(|number| hashing.update(&piece(number)));
    hashing.finish().to_string()
}

/// Hands the file in.
pub(crate) async fn hand_in(officer: &Client, mebibytes: usize, sha256: &str) {
    let size_bytes = (mebibytes * MEBIBYTE) as u64;
    let asked = pb::BeginAttachmentRequest { size_bytes, sha256: sha256.to_owned() };
    officer.begin_attachment(asked).await.expect("it may be handed in");
    for number in 0..mebibytes {
        let (offset, bytes) = ((number * MEBIBYTE) as u64, piece(number));
        let sha256 = sha256.to_owned();
        let asked = pb::AppendAttachmentRequest { size_bytes, sha256, offset, bytes };
        officer.append_attachment(asked).await.expect("the piece is taken");
    }
}

/// Sends a message with the file, which was handed in.
pub(crate) async fn send(officer: &Client, mebibytes: usize, sha256: &str) -> pb::SentMessage {
    let size_bytes = (mebibytes * MEBIBYTE) as u64;
    let mut message = request("A recording of the radio traffic.");
    message["attachments"] = json!([{
        "id": "A1", "name": "radio.bin", "media_type": "application/octet-stream",
        "class": "evidence", "size_bytes": size_bytes, "sha256": sha256,
    }]);
    let call = sending(&format!("radio-{mebibytes}"), &message);
    let sent = officer.send_message_with(call, 100 * size_bytes).await;
    sent.expect("it is accepted").messages.remove(0)
}
