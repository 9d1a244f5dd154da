//! A request goes from desk to desk, and every station is proven at its origin.

use std::time::Duration;

use rogatory::evidence::statement;
use rogatory::identity::Role;
use rogatory::transport::client::{Client, ClientError};
use rogatory::wire::envelope::Statement;
use rogatory::wire::pb;

use crate::services::town::{Town, draft, reason, sending};

/// Waits until the origin knows so many stations of a message.
async fn stations(client: &Client, message_id: &str, count: usize) -> Vec<pb::Station> {
    for _ in 0..1_200 {
        let asked = pb::GetMessageRequest {
            message_id: message_id.to_owned(),
            ..pb::GetMessageRequest::default()
        };
        let message = client.get_message(asked).await.unwrap().message.unwrap();
        if message.stations.len() >= count {
            return message.stations;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{count} stations were due");
}

async fn arrived(client: &Client) -> pb::InboxItem {
    let asked = pb::ListMessagesRequest { wait_seconds: 10, ..Default::default() };
    let found = client.list_messages(asked).await.unwrap();
    assert_eq!((found.items.len(), found.next_after), (1, 1));
    found.items.into_iter().next().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_goes_from_desk_to_desk_and_each_station_is_proven() {
    let town = Town::built().await;
    let (officer, system) =
        (town.client(0, Role::Officer).await, town.client(2, Role::Service).await);
    let sent = officer.send_message(sending("k1", draft("A vessel was sighted"))).await.unwrap();
    assert!(!sent.repeated_call);
    let [sent] = sent.messages.as_slice() else { panic!("one agency, one message") };
    assert_eq!(sent.route, ["int.n1", "int.n2"]);

    let item = arrived(&system).await;
    let message = item.message.unwrap();
    assert_eq!((item.sequence, item.status.as_str()), (1, "new"));
    assert_eq!((&message.message_id, &message.request_id), (&sent.message_id, &sent.request_id));
    assert_eq!((message.kind.as_str(), message.urgency.as_str()), ("SOM.8.2.VESSEL", "immediate"));
    let asked =
        pb::ReadMessageRequest { origin: "int.n0".to_owned(), message_id: sent.message_id.clone() };
    let read = system.read_message(asked.clone()).await.unwrap();
    assert_eq!(read.content.unwrap().facts(), "A vessel was sighted");
    assert!(read.receipt.is_some() && read.origin.is_some());

    let stations = stations(&officer, &sent.message_id, 4).await;
    let way: Vec<_> = stations.iter().map(|it| (it.station.as_str(), it.agency.as_str())).collect();
    let expected = [
        ("accepted", "int.n0"),
        ("relayed", "int.n1"),
        ("delivered", "int.n2"),
        ("retrieved", "int.n2"),
    ];
    assert_eq!(way, expected);
    for station in stations {
        let proof = Statement::from_pb(station.receipt.unwrap()).unwrap();
        let (entry, _) = statement::verify(&town.directory, &proof).unwrap();
        assert_eq!(entry.fact.station().unwrap().as_str(), station.station);
    }
    let auditor = town.client(2, Role::Auditor).await;
    assert_eq!(reason(auditor.read_message(asked).await), "ROLE_NOT_PERMITTED");
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_call_gets_the_same_receipt_and_another_is_refused() {
    let town = Town::built().await;
    let officer = town.client(0, Role::Officer).await;
    let mut check = sending("k1", draft("one"));
    check.validate_only = true;
    let checked = officer.send_message(check).await.unwrap();
    assert!(checked.messages[0].receipt.is_none() && !checked.repeated_call);
    let first = officer.send_message(sending("k1", draft("one"))).await.unwrap();
    let again = officer.send_message(sending("k1", draft("one"))).await.unwrap();
    assert!(again.repeated_call && !first.repeated_call);
    assert_eq!(first.messages, again.messages);
    let other = officer.send_message(sending("k1", draft("two"))).await;
    assert_eq!(reason(other), "IDEMPOTENCY_KEY_REUSED");
    let unnamed = officer.send_message(sending("", draft("one"))).await.unwrap_err();
    assert_eq!(unnamed.violations()[0].pointer, "/idempotency_key");
    let long = officer.send_message(sending(&"k".repeat(65), draft("one"))).await.unwrap_err();
    assert_eq!(long.violations()[0].code, "LIMIT_EXCEEDED");
    let longest = officer.send_message(sending(&"k".repeat(64), draft("one"))).await.unwrap();
    assert_eq!((longest.messages.len(), longest.repeated_call), (1, false));
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_draft_comes_at_once_and_nothing_is_written() {
    let town = Town::built().await;
    let officer = town.client(0, Role::Officer).await;
    let before = town.writers[0].setting().journal.next();
    let mut wrong = draft("x");
    wrong.kind = Some("SOM.99".to_owned());
    wrong.from = None;
    let error = officer.send_message(sending("k1", wrong)).await.unwrap_err();
    let pointers: Vec<_> = error.violations().iter().map(|it| it.pointer.as_str()).collect();
    assert_eq!((error.reason(), error.code()), ("CONTENT_INVALID", 3));
    assert!(pointers.contains(&"/kind") && pointers.contains(&"/from"), "{pointers:?}");
    let mut unknown = draft("x");
    unknown.to = vec!["int.n2/desk".to_owned(), "pan.nobody/desk".to_owned()];
    let error = officer.send_message(sending("k2", unknown)).await.unwrap_err();
    let found: Vec<_> = error.violations().iter().map(|it| (&*it.pointer, &*it.code)).collect();
    assert_eq!(found, [("/to/1", "UNKNOWN_CONTACT_POINT")]);
    let mut foreign = draft("x");
    foreign.from = Some("int.n2/desk".to_owned());
    assert_eq!(
        reason(officer.send_message(sending("k3", foreign)).await),
        "NOT_YOUR_CONTACT_POINT"
    );
    let mut early = sending("k4", draft("x"));
    early.expires_in_seconds = 90 * 24 * 3600 + 1;
    let error = officer.send_message(early).await.unwrap_err();
    assert_eq!(error.violations()[0].pointer, "/expires_in_seconds");
    assert_eq!(town.writers[0].setting().journal.next(), before);
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_paged_and_only_parties_see_them() {
    let town = Town::built().await;
    let officer = town.client(0, Role::Officer).await;
    let mut ids = Vec::new();
    for n in 0..3 {
        let sent = officer.send_message(sending(&format!("k{n}"), draft("x"))).await.unwrap();
        ids.insert(0, sent.messages[0].request_id.clone());
    }
    let page = |page_token: String| pb::ListRequestStatesRequest { page_size: 2, page_token };
    let first = officer.list_request_states(page(String::new())).await.unwrap();
    let second = officer.list_request_states(page(first.next_page_token.clone())).await.unwrap();
    let found = first.requests.iter().chain(&second.requests).map(|it| it.request_id.clone());
    assert_eq!(found.collect::<Vec<_>>(), ids);
    assert_eq!((first.requests.len(), second.next_page_token.as_str()), (2, ""));
    assert_eq!(
        reason(officer.list_request_states(page("AAAA".to_owned())).await),
        "CURSOR_INVALID"
    );

    let one = pb::GetRequestStateRequest { request_id: ids[0].clone() };
    let shown = officer.get_request_state(one.clone()).await.unwrap();
    assert_eq!(shown.messages.len(), 1);
    let party = &shown.request.unwrap().parties[0];
    assert_eq!(party.agency, "int.n2");
    assert!(party.possible_acts.contains(&"withdrawal".to_owned()), "{party:?}");
    let transit = town.client(1, Role::Officer).await;
    assert_eq!(reason(transit.get_request_state(one).await), "NOT_FOUND");
    let passed = pb::GetMessageRequest {
        origin: "int.n0".to_owned(),
        message_id: shown.messages[0].message_id.clone(),
        with_content: true,
    };
    assert_eq!(reason(transit.get_message(passed.clone()).await), "NOT_FOUND");
    let own = officer.get_message(passed).await.unwrap();
    assert_eq!(own.content.unwrap().facts(), "x");
    // The handshake of TLS 1.3 ends at the caller before the node has judged the certificate.
    if let Ok(foreign) = town.client_as(0, 2, Role::Officer).await {
        let asked = foreign.list_request_states(page(String::new())).await;
        let error = asked.unwrap_err();
        assert!(matches!(error, ClientError::Refused(_) | ClientError::Lost(_)), "{error}");
    }
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_do_not_answer_the_same_message() {
    let town = Town::built().await;
    let officer = town.client(0, Role::Officer).await;
    let sent = officer.send_message(sending("k1", draft("x"))).await.unwrap();
    let (one, two) = (town.client(2, Role::Service).await, town.client(2, Role::Officer).await);
    arrived(&one).await;
    let claim = |key: &str| pb::ClaimMessageRequest {
        idempotency_key: key.to_owned(),
        origin: "int.n0".to_owned(),
        message_id: sent.messages[0].message_id.clone(),
        lease_seconds: 600,
    };
    let claimed = one.claim_message(claim("c1")).await.unwrap();
    assert_eq!(one.claim_message(claim("c1")).await.unwrap(), claimed);
    assert_eq!(reason(two.claim_message(claim("c2")).await), "CLAIMED_BY_ANOTHER");
    let listed = two.list_messages(pb::ListMessagesRequest::default()).await.unwrap();
    assert_eq!(listed.items[0].status, "claimed");
    assert_eq!(listed.items[0].claimed_by, "spiffe://int.n2/service/one");
    let release = |key: &str| pb::ReleaseMessageRequest {
        idempotency_key: key.to_owned(),
        origin: "int.n0".to_owned(),
        message_id: sent.messages[0].message_id.clone(),
    };
    let acknowledge = pb::AcknowledgeMessageRequest {
        idempotency_key: "a1".to_owned(),
        origin: "int.n0".to_owned(),
        message_id: sent.messages[0].message_id.clone(),
    };
    assert_eq!(reason(two.release_message(release("r1")).await), "NOT_CLAIMED_BY_CALLER");
    one.release_message(release("r2")).await.unwrap();
    two.acknowledge_message(acknowledge).await.unwrap();
    let open = pb::ListMessagesRequest { open_only: true, ..Default::default() };
    let left = two.list_messages(open).await.unwrap();
    assert_eq!((left.items.len(), left.next_after), (0, 1));
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_has_no_gap_and_ends_when_the_node_stops() {
    let town = Town::built().await;
    let officer = town.client(0, Role::Officer).await;
    let system = town.client(2, Role::Service).await;
    let asked = pb::WatchMessagesRequest { contact_point: "int.n2/desk".to_owned(), after: 0 };
    let mut watch = system.watch_messages(asked.clone()).await.unwrap();
    for n in 0..3 {
        officer.send_message(sending(&format!("k{n}"), draft("x"))).await.unwrap();
    }
    for sequence in 1..=3 {
        let item = watch.next().await.unwrap().unwrap().item.unwrap();
        assert_eq!(item.sequence, sequence);
    }
    let resumed = pb::WatchMessagesRequest { after: 2, ..asked };
    let mut resumed = system.watch_messages(resumed).await.unwrap();
    assert_eq!(resumed.next().await.unwrap().unwrap().item.unwrap().sequence, 3);
    let foreign = pb::WatchMessagesRequest { contact_point: "int.n0/desk".to_owned(), after: 0 };
    assert_eq!(reason(system.watch_messages(foreign).await.map(drop)), "NOT_YOUR_CONTACT_POINT");
    let (stopped, ended) = tokio::join!(town.stopped(), watch.next());
    let () = stopped;
    assert_eq!(reason(ended), "DRAINING");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recipients_are_resolved_with_their_way_and_readers() {
    let town = Town::built().await;
    let officer = town.client(0, Role::Officer).await;
    let asked = |to: &[&str], kind: &str| pb::ResolveRecipientsRequest {
        to: to.iter().map(ToString::to_string).collect(),
        kind: kind.to_owned(),
        ..Default::default()
    };
    let found =
        officer.resolve_recipients(asked(&["int.n2/desk"], "SOM.8.2.VESSEL")).await.unwrap();
    let [recipient] = found.recipients.as_slice() else { panic!("one was asked for") };
    assert_eq!((recipient.name.as_str(), recipient.hours.as_str()), ("Desk of int.n2", "24/7"));
    assert_eq!(recipient.route, ["int.n1", "int.n2"]);
    assert_eq!(recipient.readers, ["int.n2"]);
    let error = officer.resolve_recipients(asked(&["int.n2/no", "?"], "SOM.8.2.VESSEL")).await;
    let error = error.unwrap_err();
    let found: Vec<_> = error.violations().iter().map(|it| (&*it.pointer, &*it.code)).collect();
    assert_eq!(found, [("/to/0", "UNKNOWN_CONTACT_POINT"), ("/to/1", "MALFORMED")]);
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_are_competent_are_found_by_state_function_and_instant() {
    let town = Town::built().await;
    let officer = town.client(0, Role::Officer).await;
    let asked = pb::ResolveRecipientsRequest {
        kind: "SOM.8.2.VESSEL".to_owned(),
        country: "int".to_owned(),
        at: "2026-07-07T03:00:00Z".to_owned(),
        ..Default::default()
    };
    let found = officer.resolve_recipients(asked.clone()).await.unwrap();
    let desks: Vec<_> =
        found.recipients.iter().map(|it| (&*it.contact_point, it.route.len(), it.open)).collect();
    assert_eq!(
        desks,
        [("int.n1/desk", 1, true), ("int.n2/desk", 2, true), ("int.n0/desk", 0, true)],
        "this agency is no recipient of its own, so it comes last"
    );
    assert_eq!((&*found.at, found.left_out), ("2026-07-07T03:00:00Z", 0));
    assert_eq!(found.recipients[0].competent_as, "flag_state_authority");
    let with = |function: &str| pb::ResolveRecipientsRequest {
        function: function.to_owned(),
        ..asked.clone()
    };
    let only = officer.resolve_recipients(with("flag_state_authority")).await.unwrap();
    assert_eq!(only.recipients, found.recipients);
    let none = pb::ResolveRecipientsRequest { country: "PER".to_owned(), ..asked.clone() };
    assert_eq!(officer.resolve_recipients(none).await.unwrap().recipients, []);
    let wrong = [
        (with("fiu"), "/function", "WRONG_AUTHORITY_ROLE"),
        (with("nobody"), "/function", "UNKNOWN_WORD"),
        (
            pb::ResolveRecipientsRequest { country: "ABC".to_owned(), ..asked.clone() },
            "/country",
            "UNKNOWN_WORD",
        ),
        (
            pb::ResolveRecipientsRequest { at: "soon".to_owned(), ..asked.clone() },
            "/at",
            "MALFORMED",
        ),
        (
            pb::ResolveRecipientsRequest { to: vec!["int.n2/desk".to_owned()], ..asked },
            "/to",
            "NOT_ALLOWED_HERE",
        ),
    ];
    for (call, pointer, code) in wrong {
        let error = officer.resolve_recipients(call).await.unwrap_err();
        let found: Vec<_> = error.violations().iter().map(|it| (&*it.pointer, &*it.code)).collect();
        assert_eq!(found, [(pointer, code)]);
    }
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_reaches_open_connections_and_open_streams() {
    let town = Town::built().await;
    let issued = town.leaf(2, Role::Officer, "one");
    let officer = town.client_with(2, &issued).await.unwrap();
    let asked = pb::WatchMessagesRequest::default();
    let mut watch = officer.watch_messages(asked).await.unwrap();
    officer.list_messages(pb::ListMessagesRequest::default()).await.unwrap();
    town.revoke(2, &issued);
    let listed = officer.list_messages(pb::ListMessagesRequest::default()).await.unwrap_err();
    assert_eq!((listed.reason(), listed.code()), ("CERTIFICATE_REVOKED", 16));
    let ended = tokio::time::timeout(Duration::from_secs(7), watch.next()).await;
    assert_eq!(reason(ended.expect("within 5 s")), "CERTIFICATE_REVOKED");
    town.stopped().await;
}
