//! A message that names a competence goes to whoever is competent by the directory in force, and its
//! entry says by which; what leads to nobody in particular is refused.

use std::sync::Arc;

use rogatory::directory::write::to_toml;
use rogatory::directory::{Directory, DirectoryDraft};
use rogatory::domain::competence::Function;
use rogatory::identity::Role;
use rogatory::identity::desks::{DeskPolicy, DeskRights, FourEyes, Right, Rules, Who};
use rogatory::merkle::checkpoint::SignedCheckpoint;
use rogatory::node::command::Command;
use rogatory::transport::client::{Client, ClientError};
use rogatory::wire;
use rogatory::wire::pb;

use crate::services::town::{Town, draft, sending};

const FLAG: &str = "flag_state_authority";

fn asking(country: &str, function: &str) -> pb::Draft {
    let (country, function) = (Some(country.to_owned()), Some(function.to_owned()));
    let competence = Some(pb::Competence { country, function });
    pb::Draft { to: Vec::new(), competence, ..draft("A vessel was sighted") }
}

/// The desk of agency `n` answers for ships, or does not.
fn answers_for_ships(draft: &mut DirectoryDraft, n: usize, does: bool) {
    let point = &mut draft.agencies[n].contact_points[0];
    let mut functions: Vec<Function> = point.functions.to_vec();
    functions.retain(|it| *it != Function::FlagStateAuthority);
    functions.extend(does.then_some(Function::FlagStateAuthority));
    point.functions = functions.into();
}

/// Node 0 follows the next version of its directory.
async fn follow(town: &Town, change: impl FnOnce(&mut DirectoryDraft)) {
    let writer = &town.writers[0];
    let mut draft = writer.setting().directory().draft();
    draft.version += 1;
    change(&mut draft);
    let directory = Directory::parse(&to_toml(&draft)).unwrap();
    writer.ask(Command::AdoptDirectory(Arc::new(directory))).await.unwrap();
}

/// What the door says no to: places and codes, and the first text.
async fn refused(client: &Client, key: &str, draft: pb::Draft) -> (Vec<(String, String)>, String) {
    let error = client.send_message(sending(key, draft)).await.unwrap_err();
    assert_eq!(error.reason(), "CONTENT_INVALID");
    let found = error.violations();
    let text = found[0].text.clone();
    (found.iter().map(|it| (it.pointer.clone(), it.code.clone())).collect(), text)
}

fn one(pointer: &str, code: &str) -> Vec<(String, String)> {
    vec![(pointer.to_owned(), code.to_owned())]
}

/// By which version of the directory the desk of agency `n` was competent.
fn led_to(n: usize, directory_version: u64) -> pb::ResolvedCompetence {
    pb::ResolvedCompetence {
        country: "int".to_owned(),
        function: FLAG.to_owned(),
        contact_point: format!("int.n{n}/desk"),
        directory_version,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_competence_is_resolved_recorded_and_stays_what_it_was() {
    let town = Town::built_where(|draft| answers_for_ships(draft, 1, false)).await;
    let officer = town.client(0, Role::Officer).await;
    let check =
        pb::SendMessageRequest { validate_only: true, ..sending("k1", asking("int", FLAG)) };
    let planned = officer.send_message(check).await.unwrap().messages.remove(0);
    assert_eq!((planned.competence, planned.receipt), (Some(led_to(2, 1)), None));

    let answer = officer.send_message(sending("k1", asking("int", FLAG))).await.unwrap();
    let sent = &answer.messages[0];
    assert_eq!(
        (sent.competence.as_ref(), sent.destination.as_str()),
        (Some(&led_to(2, 1)), "int.n2")
    );
    let entry = wire::entry::read(&sent.receipt.as_ref().unwrap().entry).unwrap();
    assert_eq!(entry.directory_version, 1, "the receipt proves which directory it was");

    let asked = pb::GetMessageRequest {
        message_id: sent.message_id.clone(),
        with_content: true,
        ..pb::GetMessageRequest::default()
    };
    let shown = officer.get_message(asked).await.unwrap();
    let (message, content) = (shown.message.unwrap(), shown.content.unwrap());
    assert_eq!(
        (&message.to[..], message.competence),
        (&["int.n2/desk".to_owned()][..], Some(led_to(2, 1)))
    );
    assert_eq!(content.to, ["int.n2/desk"]);
    assert!(content.competence.is_none(), "its recipient reads contact points");
    let of_request = pb::GetRequestStateRequest { request_id: sent.request_id.clone() };
    let state = officer.get_request_state(of_request).await.unwrap();
    assert_eq!(state.messages[0].competence, Some(led_to(2, 1)));
    told_to_auditors(&town).await;

    // Another answers for ships too: the call of before is answered as before, byte for byte.
    follow(&town, |draft| answers_for_ships(draft, 1, true)).await;
    let again = officer.send_message(sending("k1", asking("int", FLAG))).await.unwrap();
    assert_eq!((again.messages, again.repeated_call), (answer.messages.clone(), true));
    let (found, text) = refused(&officer, "k2", asking("int", FLAG)).await;
    assert_eq!(found, one("/competence", "SEVERAL_COMPETENT_CONTACT_POINTS"));
    assert!(text.contains("int.n1/desk, int.n2/desk"), "{text}");
    // And then only that one.
    follow(&town, |draft| answers_for_ships(draft, 2, false)).await;
    let later = officer.send_message(sending("k2", asking("int", FLAG))).await.unwrap();
    assert_eq!(later.messages[0].competence, Some(led_to(1, 3)));
    let again = officer.send_message(sending("k1", asking("int", FLAG))).await.unwrap();
    assert_eq!(again.messages, answer.messages);
    town.stopped().await;
}

/// The entry of what was sent names the competence and the contact point; no other entry does.
async fn told_to_auditors(town: &Town) {
    let auditor = town.client(0, Role::Auditor).await;
    let shown = auditor.get_checkpoint(pb::GetCheckpointRequest {}).await.unwrap();
    let end = SignedCheckpoint::parse(&shown.checkpoint).unwrap().checkpoint.size;
    let asked = pb::ReplayEntriesRequest { start: 0, end };
    let mut entries = auditor.replay_entries(asked).await.unwrap();
    let mut told = Vec::new();
    while let Some(entry) = entries.next().await.unwrap() {
        let skeleton: serde_json::Value =
            serde_json::from_str(&entry.skeleton_json).unwrap_or_default();
        if !skeleton["competence"].is_null() {
            told.push((skeleton["competence"].clone(), skeleton["to"].clone()));
        }
    }
    let expected = ("int flag_state_authority".into(), serde_json::json!(["int.n2/desk"]));
    assert_eq!(told, [expected]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_competence_that_leads_to_nobody_in_particular_is_refused() {
    let town = Town::built().await;
    let officer = town.client(0, Role::Officer).await;
    let (found, text) = refused(&officer, "k", asking("int", FLAG)).await;
    assert_eq!(found, one("/competence", "SEVERAL_COMPETENT_CONTACT_POINTS"));
    assert!(text.contains("int.n1/desk, int.n2/desk"), "{text}");
    let (found, _) = refused(&officer, "k", asking("PER", FLAG)).await;
    assert_eq!(found, one("/competence", "NO_COMPETENT_CONTACT_POINT"));
    let secret = "Maria";
    for (country, function, pointer, code) in [
        (secret, FLAG, "/competence/country", "COUNTRY_UNKNOWN"),
        ("PAN", secret, "/competence/function", "FUNCTION_UNKNOWN"),
        ("PAN", "fiu", "/competence/function", "WRONG_AUTHORITY_ROLE"),
    ] {
        let (found, text) = refused(&officer, "k", asking(country, function)).await;
        assert_eq!(found, one(pointer, code));
        assert!(!text.contains(secret), "{text}");
    }
    let bare = pb::Draft { competence: Some(pb::Competence::default()), ..asking("int", FLAG) };
    let (found, _) = refused(&officer, "k", bare).await;
    let missing = [one("/competence/country", "MISSING"), one("/competence/function", "MISSING")];
    assert_eq!(found, missing.concat());
    let both = pb::Draft { to: vec!["int.n2/desk".to_owned()], ..asking("int", FLAG) };
    let (found, _) = refused(&officer, "k", both).await;
    assert_eq!(found, one("/to", "TO_AND_COMPETENCE"));
    // Nothing of it was kept: the key is free.
    let named = officer.send_message(sending("k", draft("x"))).await.unwrap();
    assert_eq!((named.repeated_call, named.messages[0].competence.as_ref()), (false, None));
    town.stopped().await;
}

/// Whatever the desk of agency 0 sends waits for a second officer.
fn hold_to_four_eyes(town: &Town) {
    let officers = vec![Who { role: Role::Officer, name: None }];
    let rights: DeskRights = Right::ALL.map(|it| (it, officers.clone())).into();
    let all = FourEyes { desks: vec![], kinds: vec![], acts: vec![], within_ms: 3_600_000 };
    let desks = [("int.n0/desk".parse().unwrap(), rights)].into();
    let rules = Rules { desks, four_eyes: vec![all], ..Rules::default() };
    town.writers[0].setting().hold_to(DeskPolicy::from(rules));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_four_eyes_it_goes_to_whoever_is_competent_when_it_is_approved() {
    let town = Town::built_where(|draft| answers_for_ships(draft, 1, false)).await;
    hold_to_four_eyes(&town);
    let clerk = town.client(0, Role::Officer).await;
    let head = town.client_with(0, &town.leaf(0, Role::Officer, "head")).await.unwrap();
    let drafted = clerk.send_message(sending("k", asking("int", FLAG))).await.unwrap();
    assert_eq!(drafted.messages, []);
    let draft = drafted.draft.expect("it waits");
    let approve = async |key: &str| {
        let (draft_id, fingerprint) = (draft.draft_id.clone(), draft.fingerprint.clone());
        let idempotency_key = key.to_owned();
        let asked = pb::ApproveDraftRequest { idempotency_key, draft_id, fingerprint };
        let approved = head.approval().approve_draft(asked).await.map_err(ClientError::from)?;
        Ok::<_, ClientError>(approved.into_inner().sent.expect("it is sent").messages)
    };
    // Two are competent by now, so nobody is, and the draft waits on.
    follow(&town, |draft| answers_for_ships(draft, 1, true)).await;
    let no = approve("a").await.unwrap_err();
    let found: Vec<_> =
        no.violations().iter().map(|it| (it.pointer.clone(), it.code.clone())).collect();
    assert_eq!(found, one("/competence", "SEVERAL_COMPETENT_CONTACT_POINTS"));
    // Another one than when it was drafted.
    follow(&town, |draft| answers_for_ships(draft, 2, false)).await;
    let messages = approve("b").await.unwrap();
    let [sent] = messages.as_slice() else { panic!("{messages:?}") };
    let led = (sent.competence.as_ref(), sent.destination.as_str());
    assert_eq!(led, (Some(&led_to(1, 3)), "int.n1"));
    let entry = wire::entry::read(&sent.receipt.as_ref().unwrap().entry).unwrap();
    assert_eq!(entry.directory_version, 3);
    // It stays so, for both of them, whatever the directory says later.
    follow(&town, |draft| answers_for_ships(draft, 2, true)).await;
    assert_eq!(approve("c").await.unwrap(), messages);
    let again = clerk.send_message(sending("k", asking("int", FLAG))).await.unwrap();
    assert_eq!((again.messages, again.repeated_call), (messages, true));
    town.stopped().await;
}
