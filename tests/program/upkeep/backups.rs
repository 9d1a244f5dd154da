//! Backups of running nodes: what comes back is what was there, and what is wrong with a backup is
//! said before anything is written.

use std::path::{Path, PathBuf};

use rogatory::clock::{Clock as _, SystemClock, Timestamp};
use rogatory::config::backup_keys::backup_public;
use rogatory::entropy::SystemEntropy;
use rogatory::identity::Role;
use rogatory::merkle::tree::empty_root;
use rogatory::node::copy::sealed::{Label, Sealing};
use rogatory::node::copy::{Counts, Item, Reach};
use serde_json::Value;

use crate::network::callers::is_passing;
use crate::network::drafts::{self, sending};
use crate::network::{DESTINATION, HUB, Network, ORIGIN, until};
use crate::stores::{Done, at_rest, entries, exchange, node, program, text};
use crate::upkeep::salvaged::holding;

/// A network whose nodes have a backup key, and the key.
pub struct Town {
    pub network: Network,
    pub key: PathBuf,
}

fn name_key(config: &Path, public: &str) {
    let before = std::fs::read_to_string(config).expect("a file");
    let after = before.replace("[backup]\nkey = \"\"", &format!("[backup]\nkey = \"{public}\""));
    assert_ne!(before, after, "the configuration has a place for the key");
    put(config, after.as_bytes());
}

fn put(path: &Path, bytes: &[u8]) {
    let mut file = std::fs::File::create(path).expect("a file");
    std::io::Write::write_all(&mut file, bytes).expect("a write");
}

impl Town {
    pub async fn started() -> Self {
        let mut network = Network::started_with(&[]).await;
        let key = network.folder().join("backup.key");
        let made = program(&["keys", "backup", text(&key)]);
        assert_eq!(made.code, 0, "{}", made.err);
        assert_eq!(program(&["keys", "backup", text(&key)]).code, 6, "never overwritten");
        for stage in [ORIGIN, HUB, DESTINATION] {
            let public = made.out["public"].as_str().expect("a path");
            name_key(&network.place(stage).config, public);
            network.start(stage);
        }
        for stage in [ORIGIN, HUB, DESTINATION] {
            network.serves(stage).await;
        }
        Self { network, key }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.network.folder().join(name)
    }

    /// `node backup` as the operator of a stage, or as somebody else.
    pub fn backup(&self, who: (&str, Role), words: &[&str]) -> Done {
        self.asks(who, &[&["node", "backup"], words].concat())
    }

    /// The program as somebody of a stage.
    pub fn asks(&self, (stage, role): (&str, Role), words: &[&str]) -> Done {
        let place = self.network.place(stage);
        let caller = &place.callers[&role];
        let address = place.listen.agency.to_string();
        let directory = self.file("directory");
        let who = ["--address", &address, "--agency", stage, "--directory", text(&directory)];
        let papers = ["--tls-cert", text(&caller.certificate), "--tls-key", text(&caller.key)];
        program(&[words, &who[..], &papers].concat())
    }

    fn verify(&self, key: &Path, files: &[&Path]) -> Done {
        let directory = self.file("directory");
        let files: Vec<&str> = files.iter().map(|it| text(it)).collect();
        let words = ["node", "backup", "--verify", "--key", text(key)];
        program(&[&words[..], &files, &["--directory", text(&directory)]].concat())
    }

    pub fn restore(&self, stage: &str, key: &Path, files: &[&Path]) -> Done {
        let files: Vec<&str> = files.iter().map(|it| text(it)).collect();
        node(&self.network, stage, &[&["restore", "--key", text(key)], &files[..]].concat())
    }

    /// Verifying and restoring both refuse, for this reason, and nothing is written.
    fn refused(&self, stage: &str, key: &Path, files: &[&Path], reasons: &[&str]) {
        let verified = self.verify(key, files);
        let restored = self.restore(stage, key, files);
        for (done, code) in [(&verified, 7), (&restored, 6)] {
            let reason = done.err["reason"].as_str().unwrap_or_default();
            assert_eq!(done.code, code, "{reasons:?}: {}", done.err);
            assert!(reasons.contains(&reason), "{reasons:?}: {}", done.err);
        }
        self.nothing_is_there(stage);
    }

    fn nothing_is_there(&self, stage: &str) {
        let place = self.network.place(stage);
        let store = self.network.store(stage);
        assert!(!store.exists(), "nothing was written");
        let left = std::fs::read_dir(&place.folder).expect("the folder");
        let left: Vec<_> = left.map(|it| it.expect("an entry").file_name()).collect();
        assert!(!left.iter().any(|it| it.to_string_lossy().starts_with(".restore")), "{left:?}");
    }
}

const OPERATOR: Role = Role::Operator;

/// A flip of one byte in each region of a backup, and cuts.
fn damaged(whole: &[u8]) -> Vec<(String, Vec<u8>, &'static [&'static str])> {
    let mut ends = whole.iter().enumerate().filter(|(_, it)| **it == b'\n').map(|(at, _)| at);
    let (magic, head) = (ends.next().expect("a line"), ends.next().expect("a line"));
    let sealed: &[&str] = &["ALTERED"];
    let clear: &[&str] = &["ALTERED", "NO_BACKUP", "WRONG_KEY"];
    let mut cases = Vec::new();
    let mut flip = |at: usize, reasons| {
        let mut bytes = whole.to_vec();
        bytes[at] ^= 1;
        cases.push((format!("byte {at}"), bytes, reasons));
    };
    flip(0, &["NO_BACKUP"][..]);
    flip(magic, &["NO_BACKUP"]);
    (magic + 1..head).step_by(131).for_each(|at| flip(at, clear));
    let ends = [whole.len() / 2, whole.len() - 17, whole.len() - 1];
    let places = [head + 1, head + 25, head + 56, head + 57, head + 9_000];
    places.into_iter().chain(ends).for_each(|at| flip(at, sealed));
    for (length, reasons) in [
        (0, &["NO_BACKUP"][..]),
        (magic, &["NO_BACKUP"]),
        (head, &["NO_BACKUP"]),
        (head + 1, &["TRUNCATED"]),
        (head + 57, &["TRUNCATED"]),
        (head + 57 + 16_400, &["TRUNCATED"]),
        (whole.len() - 1, sealed),
    ] {
        cases.push((format!("{length} bytes"), whole[..length].to_vec(), reasons));
    }
    cases.push(("longer".to_owned(), [whole, &[0]].concat(), sealed));
    cases
}

pub async fn what_is_wrong_is_said_and_nothing_written(town: &mut Town) {
    let [full, next, foreign] = ["full", "next", "foreign"].map(|it| town.file(it));
    exchange(&town.network, "first", &"Lights were seen at night. ".repeat(1200)).await;
    at_rest(&town.network, ORIGIN).await;
    let denied = town.backup((ORIGIN, Role::Officer), &[text(&full)]);
    assert_eq!((denied.code, &denied.err["reason"]), (4, &"ROLE_NOT_PERMITTED".into()));
    assert!(!full.exists() && !full.with_file_name("full.part").exists());
    let taken = town.backup((ORIGIN, OPERATOR), &[text(&full)]);
    assert_eq!(taken.code, 0, "{}", taken.err);
    assert_eq!(town.backup((ORIGIN, OPERATOR), &[text(&full)]).code, 6, "never overwritten");
    exchange(&town.network, "second", "It was there again.").await;
    let since = ["--since", text(&full)];
    let taken = town.backup((ORIGIN, OPERATOR), &[&[text(&next)][..], &since].concat());
    assert_eq!(taken.code, 0, "{}", taken.err);
    let (from, to) = (&taken.out["head"]["from"]["size"], &taken.out["head"]["to"]["size"]);
    assert!(from.as_u64() > Some(0) && from.as_u64() < to.as_u64(), "{}", taken.out);
    let odd = town.backup((ORIGIN, OPERATOR), &[text(&foreign), "--from", "100000"]);
    assert_eq!(odd.err["reason"], "SIZE_UNKNOWN", "{}", odd.err);
    let other = town.backup((DESTINATION, OPERATOR), &[text(&foreign), since[0], since[1]]);
    let reason = other.err["reason"].as_str().unwrap_or_default().to_owned();
    assert!(["OTHER_HISTORY", "SIZE_UNKNOWN"].contains(&reason.as_str()), "{}", other.err);
    assert_eq!(town.backup((DESTINATION, OPERATOR), &[text(&foreign)]).code, 0);
    assert!(town.network.terminate(ORIGIN).await.success());
    let busy = town.restore(ORIGIN, &town.key, &[&full]);
    assert!(busy.code == 6 && busy.err["error"].to_string().contains("not empty"), "{}", busy.err);
    let store = town.network.store(ORIGIN);
    std::fs::remove_dir_all(&store).expect("the store goes");

    let good = town.verify(&town.key, &[&full, &next]);
    assert_eq!((good.code, good.out["verified"].clone()), (0, true.into()), "{}", good.err);
    assert!(good.out["contents"].as_u64() >= Some(6), "{}", good.out);
    let bad = town.file("bad");
    for (name, bytes, reasons) in damaged(&std::fs::read(&full).expect("the backup")) {
        put(&bad, &bytes);
        let verified = town.verify(&town.key, &[&bad]);
        assert_eq!(verified.code, 7, "{name}: {}", verified.err);
        let reason = verified.err["reason"].as_str().unwrap_or_default();
        assert!(reasons.contains(&reason), "{name}: {}", verified.err);
        town.refused(ORIGIN, &town.key, &[&bad], reasons);
    }
    let other = town.file("other.key");
    assert_eq!(program(&["keys", "backup", text(&other)]).code, 0);
    town.refused(ORIGIN, &other, &[&full], &["WRONG_KEY"]);
    town.refused(ORIGIN, &town.key, &[&next], &["OUT_OF_ORDER"]);
    town.refused(ORIGIN, &town.key, &[&next, &full], &["OUT_OF_ORDER"]);
    town.refused(ORIGIN, &town.key, &[&full, &full], &["OUT_OF_ORDER"]);
    let done = town.restore(ORIGIN, &town.key, &[&foreign]);
    assert_eq!((done.code, &done.err["reason"]), (6, &"OTHER_JOURNAL".into()), "{}", done.err);
    town.nothing_is_there(ORIGIN);
    an_expired_one_is_asked_for(town, &bad);
}

/// A backup lives as long as it is told to, within what the configuration allows; whoever erases what
/// it holds is told of it.
pub async fn an_erasure_names_the_backups_that_hold_it(town: &Town) {
    Box::pin(exchange(&town.network, "before", "Words that are to go.")).await;
    Box::pin(at_rest(&town.network, ORIGIN)).await;
    let kept = town.file("kept");
    for (end, reason) in [("2020-01-01", "past"), ("2999-01-01", "too late")] {
        let words = [text(&kept), "--keep-until", end];
        let refused = town.backup((ORIGIN, OPERATOR), &words);
        assert_eq!((refused.code, kept.exists()), (6, false), "{reason}: {}", refused.err);
    }
    let end = SystemClock.now().plus_millis(3 * 24 * 3_600_000).to_string();
    let taken = town.backup((ORIGIN, OPERATOR), &[text(&kept), "--keep-until", &end]);
    assert_eq!((taken.code, &taken.out["head"]["keep_until"]), (0, &end.as_str().into()));
    let officer = town.network.client(ORIGIN, Role::Officer).await;
    let states = officer.list_request_states(Default::default()).await.expect("an answer");
    let request = states.requests[0].request_id.as_str();
    let words = ["request", "erase", request, "--reason", "authority_order", "--yes"];
    let erased = town.asks((ORIGIN, Role::Officer), &words);
    assert_eq!(erased.code, 0, "{}", erased.err);
    let messages = erased.out["messages"].as_array().expect("messages");
    assert_eq!(messages.len(), 3);
    for message in messages {
        let named = message["backups"].as_array().expect("the backups that hold it");
        assert_eq!(named.len(), 1, "{message}");
        assert_eq!(named[0]["keep_until"], end.as_str());
        assert_eq!(named[0]["to_size"], taken.out["head"]["to"]["size"]);
        let own = message["origin"] == ORIGIN;
        assert_eq!(message.get("asked").is_some_and(|it| !it.is_null()), own, "{message}");
    }
}

/// A backup whose time is over; made by hand, since none lives less than a day.
fn an_expired_one_is_asked_for(town: &Town, path: &Path) {
    let nothing = Reach { size: 0, root: empty_root() };
    let label = Label {
        journal: format!("{ORIGIN}/journal/1"),
        before: Vec::new(),
        from: nothing,
        to: nothing,
        made_at: Timestamp::from_millis(1_000),
        keep_until: SystemClock.now().plus_millis(-1_000),
    };
    let public = backup_public(&town.file("backup.key.pub")).expect("a key");
    let (mut sealing, mut bytes) =
        Sealing::begin(label, &public, &SystemEntropy).expect("a backup key");
    bytes.extend(sealing.push(&Item::End(Counts::default())));
    bytes.extend(sealing.finish());
    put(path, &bytes);
    let refused = town.restore(ORIGIN, &town.key, &[path]);
    assert_eq!((refused.code, &refused.err["reason"]), (6, &"EXPIRED".into()), "{}", refused.err);
    town.nothing_is_there(ORIGIN);
    let key = town.key.clone();
    let words = ["restore", "--key", text(&key), "--expired", text(path)];
    let taken = node(&town.network, ORIGIN, &words);
    assert_eq!((taken.code, &taken.out["entries"]), (0, &0.into()), "{}", taken.err);
    std::fs::remove_dir_all(town.network.store(ORIGIN)).expect("the store goes");
}

/// The origin's store is gone and comes back whole: the node asks, and goes on.
pub async fn a_restored_node_goes_on(town: &mut Town) {
    let [full, next, last] = ["full", "next", "last"].map(|it| town.file(it));
    let done = town.restore(ORIGIN, &town.key, &[&full, &next]);
    assert_eq!(done.code, 0, "{}", done.err);
    let checked = node(&town.network, ORIGIN, &["check"]);
    assert_eq!(checked.code, 0, "{}", checked.err);
    assert_eq!(checked.out["entries"], done.out["entries"]);
    assert_eq!(checked.out["contents"], done.out["contents"]);
    // Nobody can be asked: nothing is signed, and nothing taken.
    for stage in [HUB, DESTINATION] {
        assert!(town.network.terminate(stage).await.success());
    }
    let size = done.out["entries"].as_u64().expect("a count");
    town.network.start(ORIGIN);
    no_new_work(&town.network, "JOURNAL_UNCONFIRMED", size).await;
    // The neighbour is there again and has seen no more.
    for stage in [HUB, DESTINATION] {
        town.network.start(stage);
        town.network.serves(stage).await;
    }
    town.network.serves(ORIGIN).await;
    exchange(&town.network, "third", "Restored and at work.").await;
    at_rest(&town.network, ORIGIN).await;
    let since = ["--since", text(&next)];
    let taken = town.backup((ORIGIN, OPERATOR), &[&[text(&last)][..], &since].concat());
    assert_eq!(taken.code, 0, "{}", taken.err);
    assert!(town.network.terminate(ORIGIN).await.success());
    let store = town.network.store(ORIGIN);
    let had = holding(&town.network, &store, ORIGIN);
    std::fs::remove_dir_all(&store).expect("the store goes");
    let done = town.restore(ORIGIN, &town.key, &[&full, &next, &last]);
    assert_eq!(done.code, 0, "{}", done.err);
    let has = holding(&town.network, &store, ORIGIN);
    assert!(has == had, "entries, checkpoints, contents and statements are the same bytes");
    std::fs::remove_dir_all(&store).expect("the store goes");
}

/// A backup that is older than what the hub has witnessed: the node says so and forks nothing.
pub async fn a_node_that_is_behind_says_so(town: &mut Town) {
    let full = town.file("full");
    let done = town.restore(ORIGIN, &town.key, &[&full]);
    assert_eq!(done.code, 0, "{}", done.err);
    let size = done.out["entries"].as_u64().expect("a count");
    town.network.start(ORIGIN);
    no_new_work(&town.network, "JOURNAL_BEHIND", size).await;
    let operator = town.network.client(ORIGIN, OPERATOR).await;
    let peers = operator.list_peers(Default::default()).await.expect("an answer");
    let doubt = peers.doubt.expect("a doubt");
    assert_eq!((doubt.reason.as_str(), doubt.size), ("JOURNAL_BEHIND", size));
    assert!(doubt.size_seen > size && doubt.seen_by == HUB, "{doubt:?}");
    let told = node(&town.network, ORIGIN, &["health"]);
    assert_eq!(told.code, 7);
    assert!(told.err["error"].to_string().contains("JOURNAL_BEHIND"), "{}", told.err);
    // It knows without anyone to ask, too.
    assert!(town.network.terminate(ORIGIN).await.success());
    for stage in [HUB, DESTINATION] {
        assert!(town.network.terminate(stage).await.success());
    }
    town.network.start(ORIGIN);
    no_new_work(&town.network, "JOURNAL_BEHIND", size).await;
    assert!(town.network.terminate(ORIGIN).await.success());
    let checked = node(&town.network, ORIGIN, &["check"]);
    assert_eq!((checked.code, checked.out["entries"].as_u64()), (0, Some(size)), "no fork");
}

/// A message is refused for this reason; the journal is read and does not grow.
async fn no_new_work(network: &Network, reason: &str, size: u64) {
    let officer = network.client(ORIGIN, Role::Officer).await;
    let call = sending("not-now", &drafts::request("A message for later."));
    until("the reason", async || {
        let error = officer.send_message(call.clone()).await.expect_err("nothing is taken");
        assert!(is_passing(&error) || error.reason() == reason, "{}", error.to_json());
        let told = (error.reason() == reason).then(|| error.to_json())?;
        if reason == "JOURNAL_BEHIND" {
            assert_eq!(told["metadata"]["size"], Value::from(size.to_string()));
            assert_eq!(told["metadata"]["seen_by"], HUB);
        }
        Some(())
    })
    .await;
    let health = network.operations(ORIGIN, "/health").await;
    assert!(health.starts_with("HTTP/1.1 503") && health.contains(reason), "{health}");
    let states = officer.list_request_states(Default::default()).await.expect("it reads");
    assert!(!states.requests.is_empty(), "requests are shown");
    assert_eq!(entries(network, ORIGIN).await, size);
    assert_eq!(entries(network, ORIGIN).await, size);
}
