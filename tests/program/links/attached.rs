//! Attachments over lines that are cut: on each leg they go on at the last durable byte.

use rogatory::domain::digest::Digest;
use rogatory::identity::Role;
use rogatory::transport::client::{Client, ClientSettings};
use rogatory::wire::pb;
use serde_json::json;

use super::holding::{self, Sent};
use super::proxy::{Proxy, Way};
use super::{DESTINATION, HUB, Links, ORIGIN, send};
use crate::network::callers::insistently;
use crate::network::drafts::{request, sending};
use crate::network::until;

const MIB: usize = 1024 * 1024;
/// Length of a file.
pub(super) const BYTES: usize = 12 * MIB;
/// A line is cut after so many bytes.
const CUT: usize = 8 * MIB;
/// Bytes that may be on the way or not durable yet when a line is cut: less than what was durable, so
/// that whoever begins anew is found by it.
const ON_THE_WAY: u64 = 5 * MIB as u64;
/// And what else passes.
const BESIDES: u64 = MIB as u64;

/// A file that no other is like, for what is alike is sent once.
pub(super) fn file(kind: u64) -> Vec<u8> {
    let mut state = kind;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).take(BYTES / 8).flatten().collect()
}

/// Hands a file in, over a line that is good.
pub(super) async fn handed_in(links: &Links, file: &[u8]) {
    let told = insistently(|| links.officer.begin_attachment(beginning(file))).await;
    let mut offset = told.next_offset;
    while offset < file.len() as u64 {
        let piece = piece(file, offset);
        offset = insistently(|| links.officer.append_attachment(piece.clone())).await.next_offset;
    }
}

fn piece(file: &[u8], offset: u64) -> pb::AppendAttachmentRequest {
    let at = usize::try_from(offset).expect("it fits");
    let pb::BeginAttachmentRequest { size_bytes, sha256 } = beginning(file);
    let bytes = file[at..file.len().min(at + MIB)].to_vec();
    pb::AppendAttachmentRequest { size_bytes, sha256, offset, bytes }
}

fn beginning(file: &[u8]) -> pb::BeginAttachmentRequest {
    let sha256 = Digest::of(file).to_string();
    pb::BeginAttachmentRequest { size_bytes: file.len() as u64, sha256 }
}

/// Hands a file in, over a line that may break; gives where it went on each time.
async fn hand_in(links: &Links, line: &Proxy, file: &[u8]) -> Vec<u64> {
    let mut settings = links.network.line(ORIGIN, ORIGIN, Role::Officer);
    settings.address = line.address.to_string();
    let mut begun = Vec::new();
    loop {
        let officer =
            until("a connection", async || Client::connect(settings.clone()).await.ok()).await;
        let told = insistently(|| officer.begin_attachment(beginning(file))).await;
        begun.push(told.next_offset);
        let mut offset = told.next_offset;
        while offset < file.len() as u64 {
            match officer.append_attachment(piece(file, offset)).await {
                Ok(taken) => offset = taken.next_offset,
                Err(_) => break,
            }
        }
        if offset == file.len() as u64 {
            return begun;
        }
    }
}

/// Sends a request with the file, which the node has already.
pub(super) async fn attach(links: &mut Links, file: &[u8]) -> Sent {
    let mut message = request("a vessel without lights");
    message["attachments"] = json!([{
        "id": "A1", "name": "track.bin", "media_type": "application/octet-stream",
        "class": "evidence", "size_bytes": file.len(), "sha256": Digest::of(file).to_string(),
    }]);
    links.calls += 1;
    let call = sending(&format!("attached-{}", links.calls), &message);
    let sent = send(&links.officer, ORIGIN, call).await;
    links.sent.push(sent.clone());
    sent
}

/// Waits until the attachment has arrived, by what its origin shows.
pub(super) async fn arrived(links: &Links, sent: &Sent) {
    let asked = pb::GetRequestStateRequest { request_id: sent.request().to_owned() };
    until("the attachment to arrive", async || {
        let state = links.officer.get_request_state(asked.clone()).await.ok()?;
        let mut attached = state.messages.iter().flat_map(|it| &it.attachments);
        attached.any(|it| it.state == "arrived").then_some(())
    })
    .await;
}

/// Reads it at the destination over a line that may break; gives the bytes.
async fn read(links: &Links, line: &Proxy, sent: &Sent) -> Vec<u8> {
    let mut settings = links.network.line(DESTINATION, DESTINATION, Role::Officer);
    settings.address = line.address.to_string();
    read_by(settings, sent).await
}

/// The same by a caller who reaches the node so.
async fn read_by(settings: ClientSettings, sent: &Sent) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::new();
    while bytes.len() < BYTES {
        let officer =
            until("a connection", async || Client::connect(settings.clone()).await.ok()).await;
        let asked = pb::ReadAttachmentRequest {
            origin: ORIGIN.to_owned(),
            message_id: sent.message().to_owned(),
            attachment_id: "A1".to_owned(),
            offset: bytes.len() as u64,
        };
        let Ok(mut pieces) = officer.read_attachment(asked).await else { continue };
        while let Ok(Some(piece)) = pieces.next().await {
            bytes.extend(piece.bytes);
        }
    }
    bytes
}

/// A file that was sent with a message.
pub(super) struct Attached {
    /// The message.
    pub(super) sent: Sent,
    /// The file.
    pub(super) file: Vec<u8>,
}

impl Attached {
    /// Sends a file that no other is like.
    pub(super) async fn sent(links: &mut Links, kind: u64) -> Self {
        let file = file(kind);
        handed_in(links, &file).await;
        Self { sent: attach(links, &file).await, file }
    }

    /// Whether it has arrived, by what its origin shows.
    pub(super) async fn has_arrived(&self, links: &Links) -> bool {
        let request_id = self.sent.request().to_owned();
        let asked = pb::GetRequestStateRequest { request_id };
        let state = links.officer.get_request_state(asked).await.expect("the request is known");
        state.messages[0].attachments[0].state == "arrived"
    }
}

/// Asserts that these files and no others lie at both ends, whole, and nothing of any of them in between.
pub(super) async fn all_there(links: &Links, attached: &[Attached]) {
    for it in attached {
        let settings = links.network.line(DESTINATION, DESTINATION, Role::Officer);
        let read = read_by(settings, &it.sent).await;
        assert_eq!(Digest::of(&read), Digest::of(&it.file), "it is the file that was sent");
    }
    let whole = attached.len();
    for (stage, files) in [(ORIGIN, whole), (HUB, 0), (DESTINATION, whole)] {
        until("nothing to be left behind", async || {
            let names = names(links, stage);
            let is_whole = |it: &String| !it.contains('.');
            (names.len() == files && names.iter().all(is_whole)).then_some(())
        })
        .await;
    }
}

/// Names of what lies in a node's folder of attachments.
fn names(links: &Links, stage: &str) -> Vec<String> {
    let folder = links.network.store(stage).join("attachments");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|it| it.file_name().to_string_lossy().into_owned()).collect()
}

/// How much of a part is durable at a node, by what it notes beside the part.
pub(super) fn durable(links: &Links, stage: &str) -> u64 {
    let folder = links.network.store(stage).join("attachments");
    let marks = names(links, stage).into_iter().filter(|it| it.ends_with(".at"));
    let read = |it: String| {
        let mark = std::fs::read(folder.join(it)).ok()?;
        Some(u64::from_be_bytes(*mark.first_chunk()?))
    };
    marks.filter_map(read).max().unwrap_or(0)
}

/// Where attachments went on at a node, by what it has written beyond its first `after` bytes.
pub(super) fn went_on(links: &Links, stage: &str, after: usize) -> Vec<u64> {
    let log = links.network.log(stage);
    let lines = log[after..].lines().filter(|it| it.contains("an attachment goes on"));
    let offset = |it: &str| {
        let digits = it.split("offset").nth(1)?.trim_start_matches(['"', '=', ':', ' ']);
        digits.split(|it: char| !it.is_ascii_digit()).next()?.parse().ok()
    };
    lines.map(|it| offset(it).expect("it says where")).collect()
}

async fn line_of_callers(links: &Links, stage: &str) -> Proxy {
    let to = links.network.place(stage).listen.agency;
    Proxy::between((to.ip(), 0).into(), to).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attachment_goes_on_at_the_last_durable_byte_on_each_leg_that_is_cut() {
    let mut links = Links::laid().await;
    let file = file(7);
    let (length, twice) = (BYTES as u64, BYTES as u64 + ON_THE_WAY + BESIDES);

    // From the officer to the node.
    let line = line_of_callers(&links, ORIGIN).await;
    line.reset_after(Way::There, CUT);
    let begun = hand_in(&links, &line, &file).await;
    assert_eq!(begun.len(), 2, "{begun:?}");
    assert_eq!(begun[0], 0);
    assert!(begun[1] + ON_THE_WAY >= CUT as u64, "it went on at {}", begun[1]);
    let passed = line.passed(Way::There);
    assert!((length..twice).contains(&passed), "{passed} bytes passed to {ORIGIN}");

    // From node to node, twice.
    let before = [HUB, DESTINATION].map(|to| links.line(to).passed(Way::There));
    for to in [HUB, DESTINATION] {
        links.line(to).reset_after(Way::There, CUT);
    }
    let sent = attach(&mut links, &file).await;
    arrived(&links, &sent).await;
    for (to, before) in [HUB, DESTINATION].into_iter().zip(before) {
        links.line(to).struck(Way::There).await;
        let passed = links.line(to).passed(Way::There) - before;
        assert!((length..twice).contains(&passed), "{passed} bytes passed to {to}");
        assert!(links.network.log(to).contains("an attachment goes on"), "{to} began anew");
    }

    // From the node to whoever reads it.
    let line = line_of_callers(&links, DESTINATION).await;
    line.reset_after(Way::Back, CUT);
    assert!(read(&links, &line, &sent).await == file, "it is the file that was sent");
    line.struck(Way::Back).await;
    let passed = line.passed(Way::Back);
    assert!((length..twice).contains(&passed), "{passed} bytes passed from {DESTINATION}");
    links.hold().await;
    for stage in [ORIGIN, HUB, DESTINATION] {
        println!("{stage} took at most {} KiB", holding::memory_kib(&links.network, stage));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attachment_that_stands_still_holds_up_no_message() {
    let mut links = Links::laid().await;
    let file = file(11);
    let line = line_of_callers(&links, ORIGIN).await;
    hand_in(&links, &line, &file).await;
    // The connection of the attachment is left standing with a part of the file.
    let before = links.line(HUB).dialled();
    links.line(HUB).stall_after(Way::There, CUT);
    let sent = attach(&mut links, &file).await;
    links.line(HUB).struck(Way::There).await;
    assert!(links.line(HUB).dialled() > before, "it goes over a connection of its own");
    links.line(HUB).strand_latest();
    links.line(HUB).heal();
    let other = links.ask(1).await;
    links.delivered(&other).await;
    let state = pb::GetRequestStateRequest { request_id: sent.request().to_owned() };
    let state = links.officer.get_request_state(state).await.expect("the request is known");
    let attached = &state.messages[0].attachments[0];
    assert_ne!(attached.state, "arrived", "it stands still meanwhile");
    // What nobody ends is ended here, so that nobody waits for it to be given up.
    links.line(HUB).sever();
    arrived(&links, &sent).await;
    links.hold().await;
}
