//! A contact point of another agency changes in the directory that a running node adopts: its operator is
//! told what changed, and of a desk that is gone while a request is open with it, until that is over.

use rogatory::identity::Role;
use rogatory::wire::pb;
use serde_json::json;

use super::{adopt, next_record, read_again, status};
use crate::faults::rung::{kept_by_a_command, rung};
use crate::network::drafts::{self, DESTINATION_DESK, sending};
use crate::network::{DESTINATION, HUB, Network, ORIGIN, until};

const MOVED_DESK: &str = "pan.maritime-authority/sea-desk";

async fn standing(network: &Network, stage: &str) -> pb::DirectoryStanding {
    status(network, stage).await.directory.expect("a directory is followed")
}

/// Waits until a node shows that a contact point changed so.
async fn has_changed(network: &Network, stage: &str, changes: &[&str]) {
    until("the changed contact point", async || {
        let told = standing(network, stage).await.changed_desks;
        let found = |it: &pb::ChangedDesk| {
            it.contact_point == DESTINATION_DESK && it.changes == changes && !it.at.is_empty()
        };
        told.iter().any(found).then_some(())
    })
    .await;
}

/// Waits until a node shows that so many requests are open with the desk that is gone.
async fn has_lost_the_desk(network: &Network, stage: &str, open_requests: u64) {
    let contact_point = DESTINATION_DESK.to_owned();
    let wanted = [pb::GoneDesk { contact_point, open_requests }];
    until("the desk that is gone", async || {
        (standing(network, stage).await.gone_desks == wanted).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_desk_that_changes_is_told_and_one_that_goes_with_an_open_request_rings() {
    let mut network = Network::started_with(&[]).await;
    let told = kept_by_a_command(&network, ORIGIN);
    for stage in [ORIGIN, HUB] {
        network.start(stage);
        network.serves(stage).await;
    }
    let officer = network.client(ORIGIN, Role::Officer).await;
    let opened = officer.send_message(sending("k1", &drafts::request("Where is she?"))).await;
    let opened = opened.expect("it is accepted");

    // What its agency says of the desk changes; the hub's operator takes it over, and peers tell it on.
    let note = next_record(&network, DESTINATION, |it| {
        it.contact_points[0].languages = ["en", "es"].map(str::to_owned).into();
    });
    adopt(&network, &note);
    read_again(&network, HUB);
    has_changed(&network, ORIGIN, &["languages"]).await;
    assert_eq!(standing(&network, ORIGIN).await.gone_desks, []);
    until("the trace", async || {
        let log = network.log(ORIGIN);
        let line = log.lines().find(|it| it.contains("a contact point of the directory has"))?;
        (line.contains(DESTINATION_DESK) && line.contains("languages")).then_some(())
    })
    .await;

    // Then the desk has another address, and a request is open with the old one.
    let note = next_record(&network, DESTINATION, |it| {
        it.contact_points[0].id = MOVED_DESK.parse().expect("an address");
    });
    adopt(&network, &note);
    read_again(&network, HUB);
    has_changed(&network, ORIGIN, &[&format!("moved to {MOVED_DESK}")]).await;
    has_lost_the_desk(&network, ORIGIN, 1).await;
    let metrics = network.operations(ORIGIN, "/metrics").await;
    for line in [
        "rogatory_directory_desk_changes{change=\"languages\"} 1\n",
        "rogatory_directory_desk_changes{change=\"moved\"} 1\n",
        "rogatory_directory_desks_gone 1\n",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    let alarm = rung(&told, "desk_gone").await;
    assert_eq!(alarm["subject"], DESTINATION_DESK);
    let detail =
        format!("the directory names {DESTINATION_DESK} no more; requests open with it: 1");
    assert_eq!(alarm["detail"], detail);

    // After a restart too; the next act is refused by name, and goes to the new address.
    network.kill(ORIGIN);
    network.start(ORIGIN);
    network.serves(ORIGIN).await;
    has_lost_the_desk(&network, ORIGIN, 1).await;
    assert_eq!(standing(&network, ORIGIN).await.changed_desks, []);
    let officer = network.client(ORIGIN, Role::Officer).await;
    let mut more = drafts::act(
        ORIGIN,
        "supplement",
        &opened.messages[0].request_id,
        &opened.messages[0].message_id,
    );
    let refused = officer.send_message(sending("k2", &more)).await.expect_err("nobody is there");
    assert!(refused.to_json().to_string().contains("UNKNOWN_CONTACT_POINT"), "{refused}");
    more["to"] = json!([MOVED_DESK]);
    let sent = officer.send_message(sending("k3", &more)).await;
    assert!(sent.is_ok(), "another desk of the agency goes on with it: {sent:?}");
}
