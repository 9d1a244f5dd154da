//! A reviewing transit in the middle of the row, on real sockets: what its people list, read and decide,
//! attachments included.

use rogatory::directory::Transit;
use rogatory::identity::Role;
use rogatory::transport::client::{Client, ClientError};
use rogatory::wire;
use rogatory::wire::pb;

use crate::services::attachments::{asking, file, hand_in, read, with};
use crate::services::queue::until;
use crate::services::town::{Town, reason, sending};

const ORIGIN: &str = "int.n0";

async fn town() -> Town {
    Town::built_where(|draft| draft.agencies[1].transit = Some(Transit::Reviewing)).await
}

/// What is listed at the only desk of an agency, of this message.
async fn listed(client: &Client, id: &str) -> Option<pb::InboxItem> {
    let asked = pb::ListMessagesRequest::default();
    let items = client.list_messages(asked).await.unwrap().items;
    items.into_iter().find(|it| it.message.as_ref().is_some_and(|it| it.message_id == id))
}

fn releasing(key: &str, id: &str) -> pb::ReleaseTransitRequest {
    let (origin, message_id) = (ORIGIN.to_owned(), id.to_owned());
    pb::ReleaseTransitRequest { idempotency_key: key.to_owned(), origin, message_id }
}

fn giving_back(key: &str, id: &str, reason: &str) -> pb::ReturnTransitRequest {
    let pb::ReleaseTransitRequest { idempotency_key, origin, message_id } = releasing(key, id);
    pb::ReturnTransitRequest { idempotency_key, origin, message_id, reason: reason.to_owned() }
}

fn code<T: std::fmt::Debug>(result: Result<T, ClientError>) -> String {
    result.unwrap_err().violations()[0].code.clone()
}

/// The message as its sender sees it.
async fn seen(client: &Client, id: &str) -> pb::MessageSummary {
    let asked = pb::GetMessageRequest { message_id: id.to_owned(), ..Default::default() };
    client.get_message(asked).await.unwrap().message.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attachments_wait_with_their_message_are_read_in_between_and_pass_with_it() {
    let town = town().await;
    let (sender, reviewer) =
        (town.client(0, Role::Officer).await, town.client(1, Role::Officer).await);
    let recipient = town.client(2, Role::Officer).await;
    let annex = file(70_003, 5);
    hand_in(&sender, &annex).await;
    let sent = sender.send_message(sending("k1", with(&[&annex]))).await.unwrap();
    let sent = &sent.messages[0];
    assert_eq!(sent.route, ["int.n1", "int.n2"]);
    assert_eq!(sent.readers, ["int.n1", "int.n2"]);
    let id = &sent.message_id;
    let item = until("the message to be listed", async || listed(&reviewer, id).await).await;
    assert_eq!(item.status, "under_review");
    let message = item.message.unwrap();
    assert_eq!((message.custody.as_str(), message.in_transit), ("under_review", true));
    assert_eq!((message.kind.as_str(), message.incoming), ("SOM.8.2.VESSEL", false));
    let bytes =
        until("the attachment", async || read(&reviewer, asking(sent, "A1", 0)).await.ok()).await;
    assert!(bytes == annex, "what passes is read as it was handed in");
    let asked = pb::ReadMessageRequest { origin: ORIGIN.to_owned(), message_id: id.clone() };
    let shown = reviewer.read_message(asked.clone()).await.unwrap();
    assert_eq!(shown.content.unwrap().facts(), "A vessel was sighted");
    assert_eq!(listed(&recipient, id).await, None, "nothing has gone on");
    let unread = read(&recipient, asking(sent, "A1", 0)).await;
    assert_eq!(reason(unread), "NOT_FOUND");

    let service = town.client(1, Role::Service).await;
    assert_eq!(reason(service.release_transit(releasing("s", id)).await), "ROLE_NOT_PERMITTED");
    let elsewhere = recipient.release_transit(releasing("s", id)).await;
    assert_eq!(reason(elsewhere), "NOT_FOUND", "only where it is held");
    let released = reviewer.release_transit(releasing("r", id)).await.unwrap();
    let stated = wire::entry::read(&released.receipt.as_ref().unwrap().entry).unwrap();
    assert_eq!(stated.fact.name(), "transit_released");
    let again = reviewer.release_transit(releasing("r", id)).await.unwrap();
    let entry = |it: pb::ReleaseTransitResponse| it.receipt.unwrap().entry;
    assert_eq!(entry(again), entry(released), "the same call is the same entry");
    let arrived =
        until("the attachment", async || read(&recipient, asking(sent, "A1", 0)).await.ok()).await;
    assert!(arrived == annex);
    let item = until("the transit to be rid of it", async || {
        let item = listed(&reviewer, id).await?;
        (item.message.as_ref()?.custody == "passed_on"
            || item.message.as_ref()?.custody == "delivered")
            .then_some(item)
    })
    .await;
    assert_eq!(item.status, "reviewed");
    let gone = reviewer.read_message(asked).await;
    assert!(gone.is_err(), "its content is not kept where it only passed");
    let open = pb::ListMessagesRequest { open_only: true, ..Default::default() };
    assert_eq!(reviewer.list_messages(open).await.unwrap().items, []);
    until("the word to reach the sender", async || {
        let told = seen(&sender, id).await;
        told.stations.iter().any(|it| it.station == "released").then_some(())
    })
    .await;
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_given_back_is_not_delivered_for_the_reason_that_was_given() {
    let town = town().await;
    let (sender, reviewer) =
        (town.client(0, Role::Officer).await, town.client(1, Role::Officer).await);
    let sent = sender.send_message(sending("k1", with(&[]))).await.unwrap();
    let id = &sent.messages[0].message_id;
    until("the message to be listed", async || listed(&reviewer, id).await).await;
    assert_eq!(seen(&sender, id).await.readers, ["int.n1"]);
    for wrong in ["", "EXPIRED", "review_form"] {
        let refused = reviewer.return_transit(giving_back("w", id, wrong)).await;
        assert_eq!(code(refused), "UNKNOWN_WORD", "{wrong}");
    }
    let (origin, message_id) = (ORIGIN.to_owned(), id.clone());
    let remark = |remark: &str| pb::AnnotateTransitRequest {
        idempotency_key: remark.to_owned(),
        origin: origin.clone(),
        message_id: message_id.clone(),
        remark: remark.to_owned(),
    };
    assert_eq!(code(reviewer.annotate_transit(remark("well done")).await), "UNKNOWN_WORD");
    reviewer.annotate_transit(remark("LANGUAGE_DOUBTFUL")).await.unwrap();
    reviewer.return_transit(giving_back("b", id, "REVIEW_FORM")).await.unwrap();
    let end = until("the end to be stated", async || {
        let stations = seen(&sender, id).await.stations;
        stations.iter().any(|it| it.station == "undelivered").then_some(stations)
    })
    .await;
    let told: Vec<_> = end.iter().map(|it| (it.station.as_str(), it.reason.as_str())).collect();
    let expected = [
        ("accepted", ""),
        ("relayed", ""),
        ("annotated_language_doubtful", ""),
        ("returned", "REVIEW_FORM"),
        ("undelivered", "REVIEW_FORM"),
    ];
    assert_eq!(told, expected);
    let late = reviewer.release_transit(releasing("l", id)).await;
    assert_eq!(reason(late), "STATE_FORBIDS");
    town.stopped().await;
}
