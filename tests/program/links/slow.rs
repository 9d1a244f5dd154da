//! A line that is slow: what needs longer than a peer may be silent arrives all the same, at once.

use std::time::Duration;

use rogatory::domain::digest::Digest;
use rogatory::wire::pb;

use super::attached::{arrived, attach};
use super::proxy::Way;
use super::{DESTINATION, HUB, Links, ORIGIN};
use crate::network::callers::insistently;

/// The line carries 16,000 bytes a second.
const TICK: Duration = Duration::from_millis(100);
const BYTES_A_TICK: usize = 1_600;
/// So much needs 53 seconds there: longer than a peer that owes an answer is waited for where little is on
/// the way (30 s), and longer than a sign of life is (50 s).
const LONG: usize = 850_000;
const LONGEST: Duration = Duration::from_secs(300);

/// A file that the origin's node has.
async fn handed_in(links: &Links) -> Vec<u8> {
    let mut state = 1_u64;
    let next = || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        state.to_be_bytes()
    };
    let file: Vec<u8> = std::iter::repeat_with(next).take(LONG / 8).flatten().collect();
    let (size_bytes, sha256) = (file.len() as u64, Digest::of(&file).to_string());
    let beginning = pb::BeginAttachmentRequest { size_bytes, sha256: sha256.clone() };
    insistently(|| links.officer.begin_attachment(beginning.clone())).await;
    let bytes = file.clone();
    let piece = pb::AppendAttachmentRequest { size_bytes, sha256, offset: 0, bytes };
    insistently(|| links.officer.append_attachment(piece.clone())).await;
    file
}

/// Waits until the line has passed so many bytes since `before`: it takes its time, and a slow machine more.
async fn carried(links: &Links, before: u64, bytes: u64) {
    let carrying = async {
        while links.line(DESTINATION).passed(Way::There) < before + bytes {
            tokio::time::sleep(TICK).await;
        }
    };
    let passed = tokio::time::timeout(LONGEST, carrying).await;
    assert!(passed.is_ok(), "the line carried less than {bytes} bytes in {LONGEST:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_needs_a_minute_on_a_slow_line_arrives_over_the_connection_on_which_it_began() {
    let mut links = Links::laid().await;
    // Both have dialled each other, and each has heard the other answer since.
    let first = links.ask(1).await;
    links.delivered(&first).await;
    let file = handed_in(&links).await;
    let line = links.line(DESTINATION);
    let (before, passed) = (line.dialled(), line.passed(Way::There));
    links.line(DESTINATION).trickle(BYTES_A_TICK, TICK);
    let attached = attach(&mut links, &file).await;
    let long = links.ask(LONG).await;
    links.line(DESTINATION).struck(Way::There).await;
    carried(&links, passed, 2 * LONG as u64).await;
    links.delivered(&long).await;
    arrived(&links, &attached).await;
    let passed = links.line(DESTINATION).passed(Way::There) - passed;
    println!("{passed} bytes passed the slow line for two times {LONG}");
    // One more, for attachments.
    assert_eq!(links.line(DESTINATION).dialled(), before + 1, "it was taken for dead");
    assert!(passed < 3 * LONG as u64, "something was sent twice: {passed} bytes");
    let log = links.network.log(HUB);
    for end in ["owes an answer and is silent", "no sign of life"] {
        assert!(!log.contains(end), "{end}");
    }
    assert!(!links.network.log(ORIGIN).contains("owes an answer and is silent"));
    links.heal();
    links.hold().await;
}
