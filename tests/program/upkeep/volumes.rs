//! A node whose backup is older than what its neighbours have seen: its journal goes on in a new
//! volume, once the directory names it and their operators have confirmed it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rogatory::config::DirectoryFolder;
use rogatory::directory::Directory;
use rogatory::domain::fact::Fact;
use rogatory::domain::ids::JournalName;
use rogatory::domain::volume::VolumeFact;
use rogatory::identity::Role;
use rogatory::merkle::checkpoint::verify_checkpoint;
use rogatory::wire::pb;
use serde_json::Value;

use crate::network::drafts::{self, DESTINATION_DESK, ORIGIN_DESK};
use crate::network::{DESTINATION, HUB, Network, ORIGIN, STAGES, until};
use crate::stores::{at_rest, exchange, listed, node, program, send, text};
use crate::upkeep::backups::Town;

const PROGRAM: &str = env!("CARGO_BIN_EXE_rogatory");

fn put(path: &Path, bytes: &[u8]) {
    let mut file = std::fs::File::create(path).expect("a file");
    std::io::Write::write_all(&mut file, bytes).expect("a write");
}

fn directory_told(words: &[&str]) {
    let done = program(&[&["directory"], words].concat());
    assert_eq!(done.code, 0, "{words:?}: {}", done.err);
}

/// Publishes what `node new-volume` showed: the next version of the agency's signed record.
fn publish(town: &Town, stage: &str, shown: &Value) -> Directory {
    let folder = &town.network.made.directory_path;
    directory_told(&["propose", text(folder), "--record", stage]);
    let proposed = folder.join(format!("proposed/{stage}-2.toml"));
    let before = std::fs::read_to_string(&proposed).expect("the record");
    let journal = shown["before"].as_str().expect("a name");
    let (head, rest) = before.split_once(&format!("name = \"{journal}\"")).expect("it is named");
    let (table, tail) = rest.split_once("\n\n").expect("something follows");
    let said = |name: &str| shown["directory"][name].as_str().expect("a text").to_owned();
    let (retired, volume) = (said("before"), said("journal"));
    let after = format!("{head}name = \"{journal}\"{table}\n{retired}\n\n{volume}\n\n{tail}");
    put(&proposed, after.as_bytes());
    let key = town.network.made.folder.join(format!("directory-keys/{stage}.key"));
    directory_told(&["sign", text(&proposed), "--key", text(&key)]);
    directory_told(&["adopt", text(folder), text(&proposed.with_extension("note"))]);
    let loaded = DirectoryFolder::at(folder).load(None).expect("the folder holds");
    assert!(loaded.refused.is_empty());
    loaded.held.directory().0
}

/// The proof of a statement verifies against the directory as it is now.
fn proof_holds(town: &Town, statement: Option<&pb::Statement>) {
    let statement = statement.expect("a statement");
    let [entry, proof] = ["old.entry", "old.tlog-proof"].map(|it| town.file(it));
    put(&entry, &statement.entry);
    put(&proof, &statement.proof);
    let directory = town.file("directory");
    let words = ["audit", "verify", "--proof", text(&proof), "--entry", text(&entry)];
    let done = program(&[&words[..], &["--directory", text(&directory)]].concat());
    assert_eq!(done.code, 0, "{}", done.err);
}

fn new_volume(network: &Network, stage: &str, more: &[&str]) -> crate::stores::Done {
    node(network, stage, &[&["new-volume", "--by", "duty-1"], more].concat())
}

/// Kills `node new-volume` at many instants; whatever it has done by then, the next one goes on.
fn begun_although_it_is_killed(network: &Network, stage: &str) -> Value {
    let config = &network.place(stage).config;
    for step in 0..12_u64 {
        let mut command = Command::new(PROGRAM);
        command.args(["node", "new-volume", "--config"]).arg(config).args(["--by", "duty-1"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the program starts");
        std::thread::sleep(Duration::from_millis(step * step * 3));
        // It may have ended by itself.
        drop(child.kill());
        child.wait().expect("it has ended");
    }
    let done = new_volume(network, stage, &[]);
    assert_eq!(done.code, 0, "{}", done.err);
    let again = new_volume(network, stage, &[]);
    assert_eq!((again.code, &again.out), (0, &done.out), "the same again: {}", again.err);
    done.out
}

async fn behind(town: &mut Town, stage: &str, backup: &str) -> u64 {
    std::fs::remove_dir_all(town.network.store(stage)).expect("the store goes");
    let backup = town.file(backup);
    let done = town.restore(stage, &town.key.clone(), &[&backup]);
    assert_eq!(done.code, 0, "{}", done.err);
    town.network.start(stage);
    until("the node to know that it is behind", async || {
        let health = town.network.operations(stage, "/health").await;
        health.contains("JOURNAL_BEHIND").then_some(())
    })
    .await;
    assert!(town.network.terminate(stage).await.success());
    done.out["entries"].as_u64().expect("a count")
}

async fn confirm(
    network: &Network,
    (stage, role): (&str, Role),
    journal: &str,
) -> Result<pb::ConfirmVolumeResponse, String> {
    let client = network.client(stage, role).await;
    let asked = pb::ConfirmVolumeRequest { journal: journal.to_owned() };
    client.confirm_volume(asked).await.map_err(|error| error.reason().to_owned())
}

async fn restarted(town: &mut Town, stages: &[&str]) {
    for stage in stages {
        town.network.start(stage);
    }
    for stage in stages {
        town.network.serves(stage).await;
    }
}

async fn lost(network: &Network, stage: &str) -> pb::ListLostResponse {
    let operator = network.client(stage, Role::Operator).await;
    operator.list_lost(pb::ListLostRequest::default()).await.expect("an answer")
}

/// ORIGIN loses what it sent and got after its backup.
pub async fn an_origin_goes_on_and_lists_what_it_lost(town: &mut Town) {
    let officer = town.network.client(ORIGIN, Role::Officer).await;
    let kept = Box::pin(send(&officer, "kept", &drafts::request("Lights at night."))).await;
    Box::pin(exchange(&town.network, "first", "Lights were seen at night.")).await;
    // In flight: it waits when the backup is made, and is delivered afterwards.
    assert!(town.network.terminate(HUB).await.success());
    let flying = drafts::act(ORIGIN, "supplement", &kept.request_id, &kept.message_id);
    let flying = Box::pin(send(&officer, "kept-flying", &flying)).await;
    Box::pin(at_rest(&town.network, ORIGIN)).await;
    let backup = town.file("old");
    assert_eq!(town.backup((ORIGIN, Role::Operator), &[text(&backup)]).code, 0);
    Box::pin(restarted(town, &[HUB])).await;
    let other = town.file("old-destination");
    assert_eq!(town.backup((DESTINATION, Role::Operator), &[text(&other)]).code, 0);
    // Lost: an act on a request that is known, and a request with its answer.
    let more = drafts::act(ORIGIN, "supplement", &kept.request_id, &kept.message_id);
    let more = Box::pin(send(&officer, "kept-more", &more)).await;
    let answerer = town.network.client(DESTINATION, Role::Service).await;
    Box::pin(listed(&answerer, DESTINATION_DESK, &flying.message_id)).await;
    Box::pin(listed(&answerer, DESTINATION_DESK, &more.message_id)).await;
    let second = Box::pin(send(&officer, "second", &drafts::request("It was there again."))).await;
    Box::pin(listed(&answerer, DESTINATION_DESK, &second.message_id)).await;
    let answer = drafts::act(DESTINATION, "ack_receipt", &second.request_id, &second.message_id);
    let answer = Box::pin(send(&answerer, "second-answer", &answer)).await;
    Box::pin(listed(&officer, ORIGIN_DESK, &answer.message_id)).await;
    Box::pin(at_rest(&town.network, HUB)).await;
    drop((officer, answerer));

    let running = new_volume(&town.network, ORIGIN, &[]);
    assert!(running.code == 6 && running.err["error"].to_string().contains("stop it first"));
    assert!(town.network.terminate(ORIGIN).await.success());
    let healthy = new_volume(&town.network, ORIGIN, &[]);
    assert!(healthy.code == 6 && healthy.err["error"].to_string().contains("nobody has seen more"));
    let size = Box::pin(behind(town, ORIGIN, "old")).await;
    let odd = new_volume(&town.network, ORIGIN, &["--gone", DESTINATION]);
    assert!(odd.code == 6 && odd.err["error"].to_string().contains("no neighbour"), "{}", odd.err);
    let begun = begun_although_it_is_killed(&town.network, ORIGIN);
    let seen = begun["retired_at_size"].as_u64().expect("a size");
    assert_eq!(begun["size"].as_u64(), Some(size));
    assert!(seen > size, "{begun}");
    let early = node(&town.network, ORIGIN, &["check"]);
    assert_eq!(early.code, 6, "the directory does not name it: {} {}", early.out, early.err);
    for stage in [HUB, DESTINATION] {
        assert!(town.network.terminate(stage).await.success());
    }
    let directory = publish(town, ORIGIN, &begun);
    Box::pin(restarted(town, &[HUB, DESTINATION])).await;
    town.network.start(ORIGIN);
    Box::pin(not_before_it_is_confirmed(town, &directory, (size, seen))).await;
    town.network.serves(ORIGIN).await;
    Box::pin(it_goes_on_with_what_was_shown(town, (&kept, &more), (&second, &answer))).await;
    Box::pin(it_was_delivered_once(&town.network, &flying.message_id)).await;
    for statement in [&kept.receipt, &flying.receipt, &more.receipt, &second.receipt] {
        proof_holds(town, statement.as_ref());
    }
    Box::pin(both_volumes_are_published(&town.network)).await;
    assert!(town.network.terminate(ORIGIN).await.success());
    let checked = node(&town.network, ORIGIN, &["check"]);
    assert_eq!(checked.code, 0, "{}", checked.err);
    assert!(checked.out["entries"].as_u64() > Some(size), "{}", checked.out);
    let rebuilt = node(&town.network, ORIGIN, &["rebuild"]);
    assert_eq!((rebuilt.code, &rebuilt.out["same"]), (0, &true.into()), "{}", rebuilt.err);
}

/// The files of the store were lost with it; those of the old volume are made again too, and an
/// auditor finds that they hold.
async fn both_volumes_are_published(network: &Network) {
    for volume in ["1", "2"] {
        let folder = network.store(ORIGIN).join("tiles").join(ORIGIN).join("journal").join(volume);
        let directory = text(&network.made.directory_path);
        until("a published volume", async || {
            let words = ["audit", "verify", "--tiles", text(&folder), "--directory", directory];
            (program(&words).code == 0).then_some(())
        })
        .await;
    }
}

/// The neighbour takes nothing of the new volume, and the node waits, until an operator confirms it.
async fn not_before_it_is_confirmed(town: &Town, directory: &Directory, sizes: (u64, u64)) {
    let (size, seen) = sizes;
    let network = &town.network;
    let operator = network.client(ORIGIN, Role::Operator).await;
    until("the neighbour's refusal", async || {
        let health = network.operations(ORIGIN, "/health").await;
        (health.starts_with("HTTP/1.1 503") && health.contains("JOURNAL_UNCONFIRMED")).then_some(())
    })
    .await;
    let doubt = operator.list_peers(Default::default()).await.expect("an answer").doubt;
    let doubt = doubt.expect("it asks");
    assert_eq!((doubt.reason.as_str(), doubt.size), ("JOURNAL_UNCONFIRMED", size));
    assert_eq!(doubt.unanswered, [HUB]);
    let officer = network.client(ORIGIN, Role::Officer).await;
    let call = drafts::sending("not-now", &drafts::request("A message for later."));
    let error = officer.send_message(call).await.expect_err("nothing is taken");
    assert_eq!(error.reason(), "JOURNAL_UNCONFIRMED");
    let named = |it: &str| format!("{ORIGIN}/journal/{it}");
    let no =
        Box::pin(confirm(network, (HUB, Role::Officer), &named("2"))).await.expect_err("refused");
    assert_eq!(no, "ROLE_NOT_PERMITTED");
    for other in ["1", "3"] {
        let no = Box::pin(confirm(network, (HUB, Role::Operator), &named(other)))
            .await
            .expect_err("refused");
        assert_eq!(no, "NOT_FOUND", "{other}");
    }
    let confirmed =
        Box::pin(confirm(network, (HUB, Role::Operator), &named("2"))).await.expect("it is");
    assert_eq!(confirmed.before, named("1"));
    assert!(confirmed.witnessed > size && confirmed.witnessed <= seen);
    let old: JournalName = named("1").parse().expect("a name");
    let keys = directory.journal(&old).expect("it is named");
    assert_eq!(keys.retired_at_size, Some(seen));
    let known = verify_checkpoint(&confirmed.known, &named("1"), &keys.ed25519);
    let known = known.expect("the evidence is signed by the old volume");
    assert_eq!(known.checkpoint.size, confirmed.witnessed);
    let again = Box::pin(confirm(network, (HUB, Role::Operator), &named("2"))).await;
    assert_eq!(again, Ok(confirmed), "the same answer");
}

/// What was in flight when the backup was made is known as delivered, and stands in the inbox once.
async fn it_was_delivered_once(network: &Network, message: &str) {
    let officer = network.client(ORIGIN, Role::Officer).await;
    let asked = pb::GetMessageRequest { message_id: message.to_owned(), ..Default::default() };
    let stations = until("the destination's receipt", async || {
        let found = Box::pin(officer.get_message(asked.clone())).await.ok()?.message?;
        let stations: Vec<String> = found.stations.into_iter().map(|it| it.station).collect();
        stations.contains(&"delivered".to_owned()).then_some(stations)
    })
    .await;
    assert!(!stations.contains(&"undelivered".to_owned()), "{stations:?}");
    let answerer = network.client(DESTINATION, Role::Service).await;
    let asked = pb::ListMessagesRequest {
        contact_point: DESTINATION_DESK.to_owned(),
        page_size: 200,
        ..Default::default()
    };
    let page = Box::pin(answerer.list_messages(asked)).await.expect("an inbox");
    let ids = page.items.iter().filter_map(|it| it.message.as_ref());
    assert_eq!(ids.filter(|it| it.message_id == message).count(), 1);
}

/// What the neighbour knows is there again or listed; old and new requests go on, both ways.
async fn it_goes_on_with_what_was_shown(
    town: &Town,
    (kept, more): (&pb::SentMessage, &pb::SentMessage),
    (second, answer): (&pb::SentMessage, &pb::SentMessage),
) {
    let network = &town.network;
    // Rows are seen a little after the word that they follow from.
    let found = until("the list of what was lost", async || {
        let found = Box::pin(lost(network, ORIGIN)).await;
        (!found.messages.is_empty()).then_some(found)
    })
    .await;
    assert_eq!(found.before, format!("{ORIGIN}/journal/1"));
    assert!(found.seen > found.size && !found.checkpoint.is_empty());
    let mut listed_as: Vec<_> = found
        .messages
        .iter()
        .map(|it| (it.message_id.as_str(), it.restated, it.station.as_str(), it.issuer.clone()))
        .collect();
    listed_as.sort_unstable();
    let own = format!("{ORIGIN}/journal/1");
    let hub = format!("{HUB}/journal/1");
    let mut expected = vec![
        (more.message_id.as_str(), false, "relayed", hub.clone()),
        (second.message_id.as_str(), false, "relayed", hub),
        (answer.message_id.as_str(), true, "delivered", own),
    ];
    expected.sort_unstable();
    assert_eq!(listed_as, expected);
    for it in &found.messages {
        proof_holds(town, it.shown.as_ref());
    }
    let officer = network.client(ORIGIN, Role::Officer).await;
    let asked = pb::ListMessagesRequest {
        contact_point: ORIGIN_DESK.to_owned(),
        page_size: 200,
        ..Default::default()
    };
    let page = officer.list_messages(asked).await.expect("an inbox");
    let places: Vec<u64> = page.items.iter().map(|it| it.sequence).collect();
    assert!(places.iter().any(|it| *it > 1 << 32), "no place is given twice: {places:?}");
    // The lost supplement took a number that the recipient has seen: the next one follows it.
    let next = drafts::act(ORIGIN, "supplement", &kept.request_id, &kept.message_id);
    let next = Box::pin(send(&officer, "kept-next", &next)).await;
    let answerer = network.client(DESTINATION, Role::Service).await;
    Box::pin(listed(&answerer, DESTINATION_DESK, &next.message_id)).await;
    let reply = drafts::act(DESTINATION, "ack_receipt", &kept.request_id, &kept.message_id);
    let reply = Box::pin(send(&answerer, "kept-answer", &reply)).await;
    Box::pin(listed(&officer, ORIGIN_DESK, &reply.message_id)).await;
    Box::pin(exchange(network, "third", "It goes on.")).await;
}

/// A backup holds all volumes, and a store that is restored from it is the same.
pub async fn a_backup_holds_all_volumes(town: &mut Town) {
    Box::pin(restarted(town, &[ORIGIN])).await;
    Box::pin(at_rest(&town.network, ORIGIN)).await;
    let [full, next] = ["volumes", "volumes-next"].map(|it| town.file(it));
    let taken = town.backup((ORIGIN, Role::Operator), &[text(&full)]);
    assert_eq!(taken.code, 0, "{}", taken.err);
    assert_eq!(taken.out["head"]["before"], Value::from(vec![format!("{ORIGIN}/journal/1")]));
    Box::pin(exchange(&town.network, "between", "Between two backups.")).await;
    Box::pin(at_rest(&town.network, ORIGIN)).await;
    let since = [text(&next), "--since", text(&full)];
    assert_eq!(town.backup((ORIGIN, Role::Operator), &since).code, 0);
    assert!(town.network.terminate(ORIGIN).await.success());
    let store = town.network.store(ORIGIN);
    let had = node(&town.network, ORIGIN, &["check"]);
    assert_eq!(had.code, 0, "{}", had.err);
    let aside = town.file("salvaged");
    let saved = node(&town.network, ORIGIN, &["salvage", "--to", text(&aside)]);
    assert_eq!(saved.code, 0, "all of it is saved: {} {}", saved.out, saved.err);
    for what in ["entries", "checkpoints", "contents", "statements"] {
        assert_eq!(saved.out[what], had.out[what], "{what}");
    }
    std::fs::remove_dir_all(&store).expect("the store goes");
    let key = town.key.clone();
    let done = town.restore(ORIGIN, &key, &[&full, &next]);
    assert_eq!(done.code, 0, "{}", done.err);
    let has = node(&town.network, ORIGIN, &["check"]);
    assert_eq!(has.code, 0, "{}", has.err);
    for what in ["entries", "checkpoints", "contents", "statements", "folded_entries"] {
        assert_eq!(has.out[what], had.out[what], "{what}");
    }
    Box::pin(restarted(town, &[ORIGIN])).await;
    Box::pin(exchange(&town.network, "restored", "Restored with both volumes.")).await;
}

/// The only neighbour of DESTINATION is gone: nobody can say what it has seen, and the operator goes
/// on without it, which stands in the first entry.
pub async fn an_operator_goes_on_without_neighbours_that_are_gone(town: &mut Town) {
    let store = town.network.store(DESTINATION);
    std::fs::remove_dir_all(&store).expect("the store goes");
    let (backup, key) = (town.file("old-destination"), town.key.clone());
    let done = town.restore(DESTINATION, &key, &[&backup]);
    assert_eq!(done.code, 0, "{}", done.err);
    let size = done.out["entries"].as_u64().expect("a count");
    town.network.start(DESTINATION);
    until("the node to ask", async || {
        let health = town.network.operations(DESTINATION, "/health").await;
        health.contains("JOURNAL_UNCONFIRMED").then_some(())
    })
    .await;
    assert!(town.network.terminate(DESTINATION).await.success());
    let refused = new_volume(&town.network, DESTINATION, &[]);
    assert_eq!((refused.code, &refused.err["unanswered"]), (6, &Value::from(vec![HUB])));
    let begun = new_volume(&town.network, DESTINATION, &["--gone", HUB]);
    assert_eq!(begun.code, 0, "{}", begun.err);
    assert_eq!(begun.out["retired_at_size"].as_u64(), Some(size), "nobody has shown more");
    publish(town, DESTINATION, &begun.out);
    Box::pin(restarted(town, &[DESTINATION])).await;
    let auditor = town.network.client(DESTINATION, Role::Auditor).await;
    let asked = pb::ReplayEntriesRequest { start: 0, end: 1 };
    let mut entries = auditor.replay_entries(asked).await.expect("entries");
    let first = entries.next().await.expect("an entry").expect("an entry");
    let entry = rogatory::wire::entry::read(&first.entry).expect("an entry");
    let Fact::Volume(VolumeFact::Opened { before, seen, shown, unasked, .. }) = entry.fact else {
        panic!("{:?}", entry.fact);
    };
    assert_eq!((before.to_string(), seen), (format!("{DESTINATION}/journal/1"), size));
    assert_eq!((shown, unasked), (None, vec![crate::network::agency(HUB)]));
    assert!(first.skeleton_json.contains("operator/duty-1"), "{}", first.skeleton_json);
    assert!(town.network.terminate(DESTINATION).await.success());
}

/// HUB loses a message that it had taken over; ORIGIN, which still has it, hands it over again.
pub async fn a_transit_gets_back_what_it_lost(town: &mut Town) {
    Box::pin(at_rest(&town.network, HUB)).await;
    let backup = town.file("old-hub");
    assert_eq!(town.backup((HUB, Role::Operator), &[text(&backup)]).code, 0);
    Box::pin(exchange(&town.network, "passed", "Passed on before the loss.")).await;
    assert!(town.network.terminate(DESTINATION).await.success());
    let officer = town.network.client(ORIGIN, Role::Officer).await;
    let waiting =
        Box::pin(send(&officer, "waiting", &drafts::request("It waits at the hub."))).await;
    until("the hub's receipt", async || {
        let asked =
            pb::GetMessageRequest { message_id: waiting.message_id.clone(), ..Default::default() };
        let found = officer.get_message(asked).await.ok()?.message?;
        found.stations.iter().any(|it| it.station == "relayed").then_some(())
    })
    .await;
    drop(officer);
    assert!(town.network.terminate(HUB).await.success());
    std::fs::remove_dir_all(town.network.store(HUB)).expect("the store goes");
    let key = town.key.clone();
    let done = town.restore(HUB, &key, &[&backup]);
    assert_eq!(done.code, 0, "{}", done.err);
    town.network.start(HUB);
    until("the node to know that it is behind", async || {
        let health = town.network.operations(HUB, "/health").await;
        health.contains("JOURNAL_BEHIND").then_some(())
    })
    .await;
    assert!(town.network.terminate(HUB).await.success());
    // DESTINATION was never reached.
    let early = new_volume(&town.network, HUB, &[]);
    assert_eq!((early.code, &early.err["reason"]), (6, &"JOURNAL_UNCONFIRMED".into()));
    assert_eq!(early.err["unanswered"], Value::from(vec![DESTINATION]));
    town.network.start(DESTINATION);
    town.network.serves(DESTINATION).await;
    town.network.start(HUB);
    until("the other neighbour's word", async || {
        let operator = town.network.client(HUB, Role::Operator).await;
        let doubt = operator.list_peers(Default::default()).await.ok()?.doubt?;
        doubt.unanswered.is_empty().then_some(())
    })
    .await;
    assert!(town.network.terminate(HUB).await.success());
    let begun = new_volume(&town.network, HUB, &[]);
    assert_eq!(begun.code, 0, "{}", begun.err);
    for stage in [ORIGIN, DESTINATION] {
        assert!(town.network.terminate(stage).await.success());
    }
    publish(town, HUB, &begun.out);
    Box::pin(restarted(town, &[ORIGIN, DESTINATION])).await;
    town.network.start(HUB);
    let journal = format!("{HUB}/journal/2");
    for stage in [ORIGIN, DESTINATION] {
        Box::pin(confirm(&town.network, (stage, Role::Operator), &journal))
            .await
            .expect("confirmed");
    }
    town.network.serves(HUB).await;
    let answerer = town.network.client(DESTINATION, Role::Service).await;
    Box::pin(listed(&answerer, DESTINATION_DESK, &waiting.message_id)).await;
    Box::pin(exchange(&town.network, "fourth", "And on.")).await;
    let found = Box::pin(lost(&town.network, HUB)).await;
    let waits = found.messages.iter().any(|it| it.message_id == waiting.message_id);
    assert!(!waits, "what came again is not listed");
    for stage in STAGES {
        assert!(town.network.terminate(stage).await.success());
        let checked = node(&town.network, stage, &["check"]);
        assert_eq!(checked.code, 0, "{stage}: {}", checked.err);
    }
}
