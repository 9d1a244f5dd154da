//! An urgent message overtakes on a line that is slow and full: behind no more than the window, whatever
//! waits.

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;

use super::{DESTINATION, HUB, Links, ORIGIN, holding, queue, send};
use crate::network::drafts::{DESTINATION_DESK, request, sending};
use crate::network::until;

/// Ordinary messages; the window is 64.
const ORDINARY: usize = 180;
const WINDOW: usize = 64;
/// Longer than what crosses the slow line needs.
const LONGEST: Duration = Duration::from_secs(240);

/// How many messages the hub owes in a state, from the first page.
async fn owed(links: &Links, state: &str) -> usize {
    let items = Box::pin(queue(&links.network, HUB)).await.unwrap_or_default();
    items.iter().filter(|it| it.item == "message" && it.state == state).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_urgent_message_overtakes_what_waits_behind_a_full_window_on_a_slow_line() {
    let links = Links::laid().await;
    links.line(DESTINATION).shut();
    links.loses(HUB, DESTINATION).await;
    let mut sending_all = JoinSet::new();
    for n in 0..ORDINARY {
        let call = sending(&format!("ordinary-{n}"), &request("A vessel adrift"));
        let officer = links.officer.clone();
        sending_all.spawn(async move { send(&officer, ORIGIN, call).await });
        if n % 8 == 7 {
            while let Some(sent) = sending_all.join_next().await {
                sent.expect("no sender panics");
            }
        }
    }
    while let Some(sent) = sending_all.join_next().await {
        sent.expect("no sender panics");
    }
    until("all of it to wait at the hub", async || {
        (owed(&links, "waiting").await == ORDINARY).then_some(())
    })
    .await;
    // 16,000 bytes a second: a handful of messages.
    links.heal();
    links.line(DESTINATION).trickle(1_600, Duration::from_millis(100));
    until("the window to be full", async || {
        (owed(&links, "in_doubt").await == WINDOW).then_some(())
    })
    .await;
    let mut file = request("Lives are at risk");
    file["urgency"] = json!({"level": "immediate", "reason": "Lives are at risk"});
    let urgent = send(&links.officer, ORIGIN, sending("urgent", &file)).await;
    until("the hub to have it", async || {
        let stations = Box::pin(holding::stations(&links.network, &urgent)).await?;
        stations.iter().any(|it| it.station == "relayed").then_some(())
    })
    .await;
    let waits = owed(&links, "waiting").await;
    assert!(waits > ORDINARY / 3, "only {waits} still wait behind the window");
    let listing =
        async || Box::pin(holding::inbox(&links.network, DESTINATION, DESTINATION_DESK)).await;
    let arriving = async {
        loop {
            let items = listing().await;
            let place = items.iter().position(|it| {
                it.message.as_ref().is_some_and(|it| it.message_id == urgent.message())
            });
            if let Some(place) = place {
                return place;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let arrived = tokio::time::timeout(LONGEST, arriving).await;
    let before = arrived.expect("the urgent message arrives");
    println!("{before} of {ORDINARY} ordinary messages came first, {waits} waited");
    // Nothing overtakes what was on the way when it came; of what waited then, some may have gone since.
    assert!(before <= ORDINARY - waits + WINDOW / 8, "it waited behind what waited: {before}");
    assert!(before < ORDINARY - ORDINARY / 3, "{before} of {ORDINARY} came before it");
    links.heal();
    until("the rest to come", async || (listing().await.len() == ORDINARY + 1).then_some(())).await;
}
