//! Nodes that serve with keys in a token.

use rogatory::config::DirectoryFolder;
use rogatory::directory::Directory;
use rogatory::identity::Role;
use rogatory::wire::pb;

use crate::network::callers::insistently;
use crate::network::drafts::{self, DESTINATION_DESK, sending};
use crate::network::{DESTINATION, ORIGIN, STAGES, until};
use crate::stores::{listed, send, text};
use crate::token::hsm::{PIN, uri};
use crate::token::{Held, journal, put};

fn directory(held: &Held) -> Directory {
    let folder = DirectoryFolder::at(&held.network.made.directory_path);
    folder.load(None).expect("the folder holds").held.directory().0
}

/// Sends a request; gives its message's id.
pub async fn sent(held: &Held, name: &str) -> String {
    let officer = held.network.client(ORIGIN, Role::Officer).await;
    let facts = format!("A vessel was sighted without lights: {name}");
    send(&officer, name, &drafts::request(&facts)).await.message_id
}

/// Waits for messages in the destination's inbox and opens what they say.
pub async fn opens(held: &Held, messages: &[String]) {
    let service = held.network.client(DESTINATION, Role::Service).await;
    for message in messages {
        listed(&service, DESTINATION_DESK, message).await;
        let (origin, message_id) = (ORIGIN.to_owned(), message.clone());
        let asked = pb::ReadMessageRequest { origin, message_id };
        let read = insistently(|| service.read_message(asked.clone())).await;
        assert!(read.content.is_some(), "{message} is opened");
    }
}

/// The origin's journal replays against the directory as it is now; gives how many entries it has.
async fn replays(held: &Held) -> u64 {
    let copy = held.network.journal(ORIGIN).await;
    let verdict = copy.replayed(&directory(held)).unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(verdict.countersigned, verdict.entries);
    verdict.entries
}

pub async fn started(held: &mut Held, stages: &[&str]) {
    for stage in stages {
        held.network.start(stage);
    }
    for stage in stages {
        held.network.serves(stage).await;
    }
}

pub async fn it_serves_and_proves() {
    let Some(mut held) = Held::made().await else {
        return;
    };
    let told = held.configured(&["keys", "list"]);
    let keys = told.out["keys"].as_array().expect("a list").clone();
    let in_token: Vec<_> = keys.iter().filter(|it| it["held"] == "token").collect();
    let purposes: Vec<_> = in_token.iter().map(|it| &it["purpose"]).collect();
    assert_eq!(purposes, ["journal 1 ed25519", "tls agency", "tls peers"]);
    assert!(in_token.iter().all(|it| it["state"] == "in use"), "{in_token:?}");

    started(&mut held, &STAGES).await;
    let mut messages = vec![sent(&held, "first").await];
    opens(&held, &messages).await;
    for round in 0..2 {
        held.network.kill(ORIGIN);
        started(&mut held, &[ORIGIN]).await;
        messages.push(sent(&held, &format!("after a kill {round}")).await);
    }
    opens(&held, &messages).await;
    let size = replays(&held).await;
    proof_holds(&held, size - 1).await;
    let log = held.network.log(ORIGIN);
    assert!(!log.contains("is asked anew"), "no session was lost:\n{log}");
    let ended = held.network.terminate(ORIGIN).await;
    assert!(ended.success(), "{ended}");

    let folder = held.folder();
    for file in ["node.key", "token.key", "keys/journal.ed25519", "keys/journal-1.2.ed25519"] {
        assert!(!folder.join(file).exists(), "{file}");
    }
    assert!(!log.contains(PIN), "the PIN is in no trace");
    let checked = held.configured(&["node", "config", "check"]);
    assert_eq!(checked.code, 0, "{}", checked.err);
    let checked = held.configured(&["node", "check"]);
    assert_eq!(checked.code, 0, "{}", checked.err);
}

/// A proof by the journal's key in the token, shown to the program as anybody has it.
async fn proof_holds(held: &Held, index: u64) {
    let auditor = held.network.client(ORIGIN, Role::Auditor).await;
    let asked = pb::ProveInclusionRequest { index, ..Default::default() };
    let answer = auditor.prove_inclusion(asked).await.expect("a proof");
    let [entry, proof] = ["it.entry", "it.proof"].map(|it| held.network.folder().join(it));
    put(&entry, &answer.entry);
    put(&proof, &answer.proof);
    let folder = held.network.made.directory_path.clone();
    held.done(&[
        "audit",
        "verify",
        "--proof",
        text(&proof),
        "--entry",
        text(&entry),
        "--directory",
        text(&folder),
    ]);
}

pub async fn a_token_goes_and_comes() {
    let Some(mut held) = Held::made().await else {
        return;
    };
    // Alone, so that nothing is signed but what this test asks for.
    started(&mut held, &[ORIGIN]).await;
    let first = sent(&held, "before").await;
    let line = held.network.line(ORIGIN, ORIGIN, Role::Officer);
    let connect = || rogatory::transport::client::Client::connect(line.clone());
    let standing = connect().await.expect("a connection");

    held.hsm.pull();
    assert!(connect().await.is_err(), "a handshake needs the key");
    let said = "a handshake ends: the certificate's key does not sign";
    until(said, async || held.network.log(ORIGIN).contains(said).then_some(())).await;
    held.hsm.put_back();
    until("a handshake", async || connect().await.ok()).await;
    assert!(held.network.log(ORIGIN).contains("the token was logged in to anew"));
    let second = sent(&held, "once it is back").await;
    let before = replays(&held).await;

    held.hsm.pull();
    let call = sending("while it is away", &drafts::request("A vessel that nobody hears of"));
    assert!(standing.send_message(call).await.is_err(), "nothing is answered");
    let ended = held.network.ends(ORIGIN).await;
    assert_eq!(ended.code(), Some(74), "{}", held.network.log(ORIGIN));
    let log = held.network.log(ORIGIN);
    assert!(log.contains("the journal's key does not sign: pkcs11:token="), "{log}");
    assert!(log.contains("was asked for once more"), "{log}");

    // It does not start without the token, and says which field names what is not there.
    held.network.start(ORIGIN);
    let ended = held.network.ends(ORIGIN).await;
    assert_eq!(ended.code(), Some(6), "{}", held.network.log(ORIGIN));
    let log = held.network.log(ORIGIN);
    let wanted = "token, serial: no slot of the module holds such a token";
    assert!(
        log.contains(&format!("keys.journal_ed25519: {}: {wanted}", uri("journal", ""))),
        "{log}"
    );

    held.hsm.put_back();
    started(&mut held, &STAGES).await;
    let third = sent(&held, "afterwards").await;
    opens(&held, &[first, second, third]).await;
    assert!(replays(&held).await > before);
    let service = held.network.client(DESTINATION, Role::Service).await;
    let asked = pb::ListMessagesRequest {
        contact_point: DESTINATION_DESK.to_owned(),
        page_size: 200,
        ..Default::default()
    };
    let page = insistently(|| service.list_messages(asked.clone())).await;
    assert_eq!(page.items.len(), 3, "what was not answered is not there");
}

pub async fn one_key_follows_another() {
    let Some(mut held) = Held::made().await else {
        return;
    };
    started(&mut held, &STAGES).await;
    let mut messages = vec![sent(&held, "before").await];
    let rotate = ["keys", "rotate", "journal", "--after-hours", "0"];
    let told = held.configured(&rotate);
    assert_eq!(told.code, 6, "{}", told.err);
    assert!(told.err.contains("the journal's next key is to be in the token"), "{}", told.err);
    held.hsm.make("edwards25519", "journal-2", "03");
    let uris = [uri("journal", ""), uri("journal-2", "")];
    held.configure(&journal(&[&uris[0]]), &journal(&[&uris[0], &uris[1]]));
    let told = held.configured(&rotate);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(!held.folder().join("keys/journal-1.2.ed25519").exists(), "that half is in the token");
    assert!(held.folder().join("keys/journal-1.2.mldsa44").exists());
    held.adopt(&told.out, str::to_owned);
    // The configuration is read at a start.
    held.network.kill(ORIGIN);
    started(&mut held, &[ORIGIN]).await;
    messages.push(sent(&held, "while it changes").await);
    opens(&held, &messages).await;
    replays(&held).await;
    let told = held.configured(&["keys", "rotate", "journal", "--retire"]);
    assert_eq!(told.code, 0, "{}", told.err);
    held.adopt(&told.out, str::to_owned);
    held.network.kill(ORIGIN);
    held.configure(&journal(&[&uris[0], &uris[1]]), &journal(&[&uris[1]]));
    started(&mut held, &[ORIGIN]).await;
    messages.push(sent(&held, "after").await);
    opens(&held, &messages).await;
    replays(&held).await;
}

pub async fn its_certificate_is_renewed() {
    let Some(mut held) = Held::made().await else {
        return;
    };
    started(&mut held, &[ORIGIN]).await;
    let folder = held.folder();
    let (certificate, key) = (folder.join("node.pem"), uri("tls", ""));
    let before = std::fs::read(&certificate).expect("a certificate");
    let renew = ["pki", "renew", "--certificate", text(&certificate), "--key", &key];
    let asked = held.program(&[&renew[..], &["--request", "request.pem", "--force"]].concat());
    assert_eq!(asked.code, 6, "{}", asked.err);
    assert!(asked.err.contains("--key: the key is in a token and stays"), "{}", asked.err);
    held.done(&[&renew[..], &["--ca", text(&folder), "--force"]].concat());
    assert_ne!(std::fs::read(&certificate).expect("a certificate"), before);
    let hup = format!("kill -s HUP {}", held.network.process(ORIGIN));
    assert!(
        std::process::Command::new("sh").args(["-c", &hup]).status().expect("a shell").success()
    );
    let said = "certificates, desks and the directory were read again";
    until(said, async || held.network.log(ORIGIN).contains(said).then_some(())).await;
    sent(&held, "under the renewed one").await;
    assert!(!folder.join("node.key").exists());
}
