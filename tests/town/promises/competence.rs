//! The directory that an entry names is the one by which its contact point was competent, and what was
//! asked for is part of the rows that refolding gives again.

use rogatory::directory::{ContactPoint, DirectoryDraft};
use rogatory::domain::competence::Competence;
use rogatory::domain::draft::Draft;
use rogatory::domain::header::MessageKey;
use rogatory::domain::ids::RequestId;
use rogatory::entropy;
use rogatory::history::addressed::{self, Addressed};
use rogatory::node::command::{Command, Outcome, Submission, Submitted};
use rogatory::node::rejection::{Rejection, RejectionReason};
use rogatory::node::sealing::{self, Plan};
use rogatory::wire;

use crate::promises::erasures::{follow, refolds};
use crate::promises::messages::bank_records;
use crate::promises::network::{ARE, BRA, Network};

/// A request of BRA as it was read while one desk was competent by `competence`.
fn submit(network: &mut Network, competence: Competence) -> Result<Vec<Submitted>, Rejection> {
    let (call, setting) = (network.call(BRA, "clerk"), network.setting(BRA));
    let file = wire::json::read_file(bank_records().to_string().as_bytes()).unwrap();
    let draft = Draft { competence: Some(competence), ..wire::draft::read(file).unwrap() };
    let now = network.now();
    let request = RequestId::from(entropy::uuid_v7(setting.entropy.as_ref(), now));
    let plan = Plan { request, now, expires_in_ms: setting.policy.expiry_default_ms };
    let messages = sealing::prepare(&setting, &draft, &plan).unwrap();
    let submission = Submission::of(call, draft, &plan, messages);
    match network.ask(BRA, Command::Submit(Box::new(submission)))? {
        Outcome::Submitted(sent, false) => Ok(sent),
        other => panic!("a submission came to {other:?}"),
    }
}

fn desks_of_are(draft: &mut DirectoryDraft) -> &mut Vec<ContactPoint> {
    let mut agencies = draft.agencies.iter_mut();
    &mut agencies.find(|it| it.id.as_str() == "are.central-authority").unwrap().contact_points
}

#[test]
fn what_was_read_under_another_directory_is_not_sent_and_leaves_no_trace() {
    let mut network = Network::new();
    let asked = Competence::read("ARE", "central_authority").unwrap();
    let before = network.size(BRA);
    // Both desks of ARE are competent, so neither is.
    let no = submit(&mut network, asked).unwrap_err();
    assert_eq!(no.reason, RejectionReason::CompetenceMoved);
    let elsewhere = Competence::read("MLT", "central_authority").unwrap();
    let no = submit(&mut network, elsewhere).unwrap_err();
    assert_eq!(no.reason, RejectionReason::CompetenceMoved, "the desk is another State's");
    assert_eq!(network.size(BRA), before);
}

#[test]
fn the_entry_keeps_what_was_asked_for_and_refolding_gives_the_same_rows() {
    let mut network = Network::new();
    follow(&mut network, BRA, |draft| {
        draft.version += 1;
        desks_of_are(draft).truncate(1);
    });
    let competence = Competence::read("ARE", "central_authority").unwrap();
    let version = network.setting(BRA).directory().version();
    let sent = submit(&mut network, competence).unwrap().remove(0);
    let resolved = Addressed { competence, directory_version: version };
    assert_eq!(sent.addressed, Some(resolved));
    let entry = network.entries(BRA, sent.position.unwrap()).remove(0);
    assert_eq!(entry.skeleton.competence, Some(competence));
    assert_eq!(entry.entry.directory_version, version);
    let key = MessageKey::new(network.agency(BRA), sent.message);
    let kept =
        |network: &Network| addressed::ROWS.find(network.setting(BRA).store.as_ref(), key).unwrap();
    assert_eq!(kept(&network), Some(resolved));
    // A directory that changes later changes nothing of it.
    follow(&mut network, BRA, |draft| {
        draft.version += 1;
        desks_of_are(draft)[0].name = "Another name".to_owned();
    });
    network.settle();
    refolds(&network);
    assert_eq!(kept(&network), Some(resolved));
    let arrived = network.setting(ARE);
    assert_eq!(
        addressed::ROWS.find(arrived.store.as_ref(), key).unwrap(),
        None,
        "only its sender knows"
    );
}
