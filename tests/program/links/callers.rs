//! Lines between a node and those who call it.

use std::time::Duration;

use rogatory::identity::Role;
use rogatory::transport::client::{Client, ClientSettings};
use rogatory::wire::pb;

use super::holding::{self, Sent};
use super::proxy::{Proxy, Way};
use crate::network::callers::insistently;
use crate::network::drafts::{DESTINATION_DESK, request, sending};
use crate::network::{DESTINATION, Network, ORIGIN, until};

/// A caller gives up so soon, where its answer is known not to come.
const SHORT: Duration = Duration::from_secs(2);

/// A proxy before the listener for callers, and a caller behind it.
async fn called(network: &Network, stage: &str, role: Role) -> (Proxy, ClientSettings) {
    let to = network.place(stage).listen.agency;
    let line = Proxy::between((to.ip(), 0).into(), to).await;
    let mut settings = network.line(stage, stage, role);
    settings.address = line.address.to_string();
    (line, settings)
}

async fn dial(settings: &ClientSettings) -> Client {
    until("a connection", async || Client::connect(settings.clone()).await.ok()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_submission_that_is_cut_off_on_its_way_is_made_again_and_is_one_message() {
    let network = Network::started().await;
    let (line, settings) = called(&network, ORIGIN, Role::Officer).await;
    let officer = dial(&settings).await;
    let call = sending("cut", &request(&"A vessel adrift. ".repeat(1_000)));
    line.reset_after(Way::There, 6_000);
    let cut = officer.send_message(call.clone()).await.expect_err("the connection is cut");
    assert_eq!(cut.code(), 14, "{cut}");
    line.struck(Way::There).await;
    let officer = dial(&settings).await;
    let mut answer = insistently(|| officer.send_message(call.clone())).await;
    assert!(!answer.repeated_call, "the node had seen a part of it only");
    let answer = answer.messages.remove(0);
    Box::pin(holding::hold(&network, &[Sent { origin: ORIGIN, call, answer }])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_submission_whose_answer_is_lost_is_made_again_and_is_one_message() {
    let network = Network::started().await;
    let (line, settings) = called(&network, ORIGIN, Role::Officer).await;
    let officer = dial(&ClientSettings { time_max: SHORT, ..settings.clone() }).await;
    let call = sending("unanswered", &request("A vessel adrift"));
    line.stall_after(Way::Back, 0);
    let lost = officer.send_message(call.clone());
    let taken = async {
        until("the destination to have it", async || {
            let items = holding::inbox(&network, DESTINATION, DESTINATION_DESK).await;
            (items.len() == 1).then_some(())
        })
        .await;
    };
    let (lost, ()) = tokio::join!(lost, taken);
    assert!(lost.is_err(), "no answer comes over a line that stands still");
    line.reset_after(Way::Back, 0);
    line.struck(Way::Back).await;
    let officer = dial(&settings).await;
    let mut answer = insistently(|| officer.send_message(call.clone())).await;
    assert!(answer.repeated_call, "the node had taken it");
    let answer = answer.messages.remove(0);
    Box::pin(holding::hold(&network, &[Sent { origin: ORIGIN, call, answer }])).await;
}

/// Notes a message that was shown; gives its place.
fn note(seen: &mut Vec<String>, shown: pb::WatchMessagesResponse) -> u64 {
    let item = shown.item.expect("something is shown");
    seen.push(item.message.expect("an item has its message").message_id);
    item.sequence
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inbox_that_is_watched_over_a_line_that_breaks_shows_each_message_once() {
    let network = Network::started().await;
    let (line, settings) = called(&network, DESTINATION, Role::Service).await;
    let officer = network.client(ORIGIN, Role::Officer).await;
    let (mut sent, mut seen, mut after) = (Vec::new(), Vec::new(), 0);
    for round in 0..3 {
        let service = dial(&settings).await;
        let contact_point = DESTINATION_DESK.to_owned();
        let asked = pb::WatchMessagesRequest { contact_point, after };
        let mut watch = service.watch_messages(asked).await.expect("it may be watched");
        for number in 0..2 {
            let call = sending(&format!("{round}-{number}"), &request("A vessel adrift"));
            let mut answer = insistently(|| officer.send_message(call.clone())).await;
            let answer = answer.messages.remove(0);
            sent.push(Sent { origin: ORIGIN, call, answer });
        }
        // The second of them finds the line cut.
        let item = watch.next().await.expect("the first is shown").expect("the watch goes on");
        after = note(&mut seen, item);
        line.shut();
        while let Ok(Some(item)) = watch.next().await {
            after = note(&mut seen, item);
        }
        line.heal();
    }
    Box::pin(holding::hold(&network, &sent)).await;
    let service = dial(&settings).await;
    let contact_point = DESTINATION_DESK.to_owned();
    let asked = pb::WatchMessagesRequest { contact_point, after };
    let mut watch = service.watch_messages(asked).await.expect("it may be watched");
    while seen.len() < sent.len() {
        let item = watch.next().await.expect("the rest is shown").expect("the watch goes on");
        note(&mut seen, item);
    }
    let sent: Vec<&str> = sent.iter().map(Sent::message).collect();
    assert_eq!(seen, sent);
}
