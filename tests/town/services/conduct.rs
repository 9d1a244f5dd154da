//! A neighbour with a sound certificate that goes on lying: its node's journal stays small, others are
//! served, and both operators are told why nothing is taken from it.

use std::time::Duration;

use rogatory::clock::Clock as _;
use rogatory::domain::fact::Fact;
use rogatory::domain::misconduct::CutOffCause;
use rogatory::identity::Role;
use rogatory::node::conduct::{LIES_MAX, SPAN_MS};
use rogatory::wire;
use rogatory::wire::pb;
use rogatory::wire::relay::{Incoming, Outgoing};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tonic_types::StatusExt as _;

use crate::services::hostile::{Neighbour, program_of};
use crate::services::town::{Town, file, sending};

/// Looks until something is there.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..2_400 {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("waited for {what}");
}

/// The handing among what was said, under another number and with a byte of its content changed.
fn lie(said: &[(pb::TransferRequest, Incoming)], number: u32) -> pb::TransferRequest {
    let handing = said.iter().find_map(|(frame, _)| match Outgoing::from_pb(frame.clone()) {
        Ok(Outgoing::Handing(handing)) => Some(handing),
        Ok(_) | Err(_) => None,
    });
    let mut handing = handing.expect("one was handed over");
    handing.handover = number;
    handing.envelope.content[0] ^= 1;
    Outgoing::Handing(handing).into_pb()
}

async fn metrics(town: &Town, n: usize) -> String {
    let mut stream = tokio::net::TcpStream::connect(town.operations(n)).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

pub(crate) async fn peer(town: &Town, n: usize, of: &str) -> pb::Peer {
    let operator = town.client(n, Role::Operator).await;
    let peers = operator.list_peers(pb::ListPeersRequest {}).await.unwrap().peers;
    peers.into_iter().find(|it| it.agency == of).expect("a neighbour")
}

/// Agency 2 sends to agency 1, and it arrives.
pub(crate) async fn others_are_served(town: &Town, key: &str) {
    let mut draft = file("a vessel without lights");
    draft["from"] = json!("int.n2/desk");
    draft["to"] = json!(["int.n1/desk"]);
    let draft = wire::json::read_file(draft.to_string().as_bytes()).unwrap();
    let officer = town.client(2, Role::Officer).await;
    let sent = officer.send_message(sending(key, draft)).await.unwrap();
    let id = sent.messages[0].message_id.clone();
    let there = town.client(1, Role::Officer).await;
    until("the message of another neighbour", async || {
        let contact_point = "int.n1/desk".to_owned();
        let asked = pb::ListMessagesRequest { contact_point, page_size: 50, ..Default::default() };
        let page = there.list_messages(asked).await.unwrap();
        let is_it = |it: &pb::InboxItem| it.message.as_ref().is_some_and(|it| it.message_id == id);
        page.items.iter().any(is_it).then_some(())
    })
    .await;
}

/// `rogatory node peers` shows until when the neighbour is cut off, and for what.
async fn shown_by_the_program(town: &Town, cut: &pb::Peer) {
    let home = tempfile::tempdir().unwrap();
    let mut command = program_of(town, home.path(), (1, Role::Operator), "text");
    command.args(["--utc", "node", "peers"]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let (out, err) = (output.stdout, String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{err}");
    let out = String::from_utf8(out).unwrap();
    let line = out.lines().rfind(|it| it.starts_with("int.n0")).unwrap_or_default();
    assert!(line.contains(&cut.cut_off_until), "{out}");
    let why = "it handed over what an honest node would have refused itself";
    assert!(line.contains(why), "{out}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_neighbour_that_goes_on_lying_is_cut_off_and_both_operators_read_why() {
    let mut neighbour = Neighbour::met().await;
    neighbour.submits(1).await;
    let said = neighbour.speaks().await;
    let hello = said[0].0.clone();
    let (_, before) = neighbour.state();
    let mut session = neighbour.greeted(&hello).await;
    let (mut answered, mut refused, mut ended) = (0, 0, 0);
    for number in 0..300 {
        match session.asks(lie(&said, 100 + number)).await {
            Ok(Incoming::Answer(_)) => answered += 1,
            Ok(Incoming::Refused(it)) => {
                assert_eq!(it.reason, "PEER_CUT_OFF");
                refused += 1;
            }
            Ok(other) => panic!("{other:?}"),
            // The stream ends, with its reason if nothing else was under way.
            Err(status) => {
                let told = status.get_details_error_info();
                assert!(told.is_none_or(|it| it.reason == "PEER_CUT_OFF"), "{status:?}");
                ended += 1;
                session = neighbour.silent().await;
            }
        }
    }
    assert_eq!(answered, LIES_MAX, "{refused} refused, {ended} ended");
    assert!(refused > 0, "{ended} ended");
    let journal = &neighbour.town.writers[1].setting().journal;
    let came = journal.read(before, usize::MAX).unwrap();
    assert_eq!(came.len(), usize::try_from(LIES_MAX).unwrap() + 1, "the journal stays small");
    let last = wire::entry::read(came.last().unwrap()).unwrap().fact;
    let cause = Some(CutOffCause::Handovers);
    let peer_id = "int.n0".parse().unwrap();
    assert_eq!(last, Fact::PeerCutOff { peer: peer_id, refused: LIES_MAX, cause });

    others_are_served(&neighbour.town, "meanwhile").await;
    // Its operator reads it here,
    let cut = peer(&neighbour.town, 1, "int.n0").await;
    assert_eq!(cut.cut_off_cause, "handovers");
    let until_then = neighbour.clock.now().plus_millis(SPAN_MS).to_string();
    assert_eq!(cut.cut_off_until, until_then);
    let honest = peer(&neighbour.town, 1, "int.n2").await;
    assert_eq!((honest.cut_off_until.as_str(), honest.cut_off_cause.as_str()), ("", ""));
    shown_by_the_program(&neighbour.town, &cut).await;
    let shown = metrics(&neighbour.town, 1).await;
    assert!(shown.contains("rogatory_peer_cut_off{peer=\"int.n0\"} 1"), "{shown}");
    assert!(shown.contains("rogatory_peer_cut_off{peer=\"int.n2\"} 0"), "{shown}");
    let line = format!("rogatory_peer_refused{{peer=\"int.n0\"}} {LIES_MAX}");
    assert!(shown.contains(&line), "{shown}");
    let counted = shown.lines().find_map(|it| {
        it.strip_prefix("rogatory_peer_refused_unrecorded{peer=\"int.n0\"} ")?.parse::<u64>().ok()
    });
    assert!(counted.is_some_and(|it| it >= refused), "{counted:?} of {refused}");
    // and the neighbour's own there, once its node dials.
    drop(session);
    neighbour.town.serve_again(0).await;
    until("the neighbour's operator to be told", async || {
        let seen = peer(&neighbour.town, 0, "int.n1").await;
        seen.last_error.contains("PEER_CUT_OFF").then_some(())
    })
    .await;
    // After its time it is heard again.
    neighbour.clock.advance(SPAN_MS);
    until("the neighbour to be heard", async || {
        peer(&neighbour.town, 0, "int.n1").await.connected.then_some(())
    })
    .await;
    assert!(peer(&neighbour.town, 1, "int.n0").await.cut_off_until.is_empty());
    neighbour.town.stopped().await;
}
