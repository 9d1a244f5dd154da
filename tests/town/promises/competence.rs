//! The directory that an entry names is the one by which its contact point was competent.

use rogatory::domain::competence::Competence;
use rogatory::domain::draft::Draft;
use rogatory::domain::ids::RequestId;
use rogatory::entropy;
use rogatory::node::command::{Command, Outcome, Submission, Submitted};
use rogatory::node::rejection::{Rejection, RejectionReason};
use rogatory::node::sealing::{self, Plan};
use rogatory::wire;

use crate::promises::messages::bank_records;
use crate::promises::network::{BRA, Network};

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
