//! How a policy is read: what is in force after one that is wrong, and what the operator is told.

use rogatory::identity::Role;
use serde_json::{Value, json};

use crate::desks::posts::{Post, put, read_again, restarted_with};
use crate::network::drafts;
use crate::network::{Network, ORIGIN};

fn draft(file: &Value, key: &str) -> Value {
    json!({"idempotency_key": key, "draft": file})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_policy_keeps_the_last_good_one_and_the_operator_is_told_line_and_field() {
    let mut network = Network::started_with(&[ORIGIN]).await;
    let origin = drafts::ORIGIN_DESK;
    let only = |post: &str| {
        let head = format!("format = 1\n[[desk]]\nid = \"{origin}\"\n");
        format!("{head}read = [\"officer\"]\nsend = [\"officer/{post}\"]\n")
    };
    restarted_with(&mut network, ORIGIN, &only("one")).await;
    let one = Post::of(&network, ORIGIN, Role::Officer, "one");
    let two = Post::of(&network, ORIGIN, Role::Officer, "two");
    let send = |key: &str| draft(&drafts::request("A vessel"), key);
    let call = "ExchangeService/SendMessage";
    assert_eq!(one.json(call, &send("a")).await.reason, "");
    assert_eq!(two.json(call, &send("a")).await.reason, "DESK_NOT_PERMITTED");

    let told = read_again(&network, ORIGIN, &only("../two")).await;
    let fault = "line 5, column 9: desk[0].send[0]: the id's name is not 1 to 63";
    assert!(told.read_fault.contains(fault), "{}", told.read_fault);
    assert_eq!(one.json(call, &send("b")).await.reason, "");
    assert_eq!(two.json(call, &send("b")).await.reason, "DESK_NOT_PERMITTED");

    let told = read_again(&network, ORIGIN, &only("two")).await;
    assert_eq!(told.read_fault, "");
    assert_eq!(one.json(call, &send("c")).await.reason, "DESK_NOT_PERMITTED");
    assert_eq!(two.json(call, &send("c")).await.reason, "");
    // What was accepted stays accepted: the same call has the same answer.
    assert_eq!(one.json(call, &send("a")).await.reason, "");

    // A desk that the policy does not name is nobody's.
    let elsewhere = only("one").replace(origin, &format!("{ORIGIN}/elsewhere"));
    assert_eq!(read_again(&network, ORIGIN, &elsewhere).await.read_fault, "");
    for post in [&one, &two] {
        assert_eq!(post.json(call, &send("d")).await.reason, "DESK_NOT_PERMITTED");
        let listed = json!({"contact_point": origin});
        let came = post.grpc("InboxService/ListMessages", &listed).await;
        assert_eq!(came.reason, "DESK_NOT_PERMITTED");
    }

    // A node does not start with a policy that is wrong, and says why.
    network.terminate(ORIGIN).await;
    put(&network, ORIGIN, "format = 1\nread = 3\n");
    network.start(ORIGIN);
    let status = network.opens(ORIGIN).await.unwrap_err();
    assert_eq!(status.code(), Some(6));
    assert!(network.log(ORIGIN).contains("line 2, column 1: read: unknown key"));
    let config = network.place(ORIGIN).config.clone();
    let check = std::process::Command::new(env!("CARGO_BIN_EXE_rogatory"))
        .args(["node", "config", "check", "--config"])
        .arg(config)
        .output()
        .unwrap();
    assert_eq!(check.status.code(), Some(6));
    let said = String::from_utf8_lossy(&check.stderr);
    assert!(said.contains("line 2, column 1: read: unknown key"), "{said}");
}
