//! Role by verb, to be read as a table. What is not in it is not allowed.
//!
//! The verbs are made of the descriptors of `proto/` (`build.rs`), and the table is a match without
//! a remainder: a method that nobody has decided on does not compile.

use crate::identity::principal::Role;

include!(concat!(env!("OUT_DIR"), "/verbs.rs"));

const EXCHANGE: &[Role] = &[Role::Officer, Role::Service];
/// What can't be undone, and what keeps it from being done, is a person's to decide.
const KEEPING: &[Role] = &[Role::Officer];
const AUDIT: &[Role] = &[Role::Auditor];
/// Counts only, of no single request.
const STATISTICS: &[Role] = &[Role::Officer, Role::Service, Role::Operator];
const ADMIN: &[Role] = &[Role::Operator];
const RELAY: &[Role] = &[Role::Node];

/// Who may do it: the table.
#[rustfmt::skip]
const fn roles(verb: Verb) -> &'static [Role] {
    match verb {
        Verb::SendMessage        => EXCHANGE,
        Verb::ListRequestStates  => EXCHANGE,
        Verb::GetRequestState    => EXCHANGE,
        Verb::GetMessage         => EXCHANGE,
        Verb::ResolveRecipients  => EXCHANGE,
        Verb::GrantAccess        => EXCHANGE,
        Verb::RevokeAccess       => EXCHANGE,
        Verb::EraseContent       => KEEPING,
        Verb::RefuseErasure      => KEEPING,
        Verb::ReviewContent      => KEEPING,
        Verb::PlaceHold          => KEEPING,
        Verb::ReleaseHold        => KEEPING,
        Verb::ListDeadlines      => EXCHANGE,
        Verb::SearchRequests     => EXCHANGE,
        Verb::GetStatistics      => STATISTICS,
        Verb::ListDrafts         => EXCHANGE,
        Verb::GetDraft           => EXCHANGE,
        Verb::ApproveDraft       => KEEPING,
        Verb::WithdrawDraft      => EXCHANGE,
        Verb::ListMessages       => EXCHANGE,
        Verb::WatchMessages      => EXCHANGE,
        Verb::ClaimMessage       => EXCHANGE,
        Verb::ReleaseMessage     => EXCHANGE,
        Verb::ReadMessage        => EXCHANGE,
        Verb::AcknowledgeMessage => EXCHANGE,
        Verb::ReleaseTransit     => KEEPING,
        Verb::ReturnTransit      => KEEPING,
        Verb::AnnotateTransit    => KEEPING,
        Verb::BeginAttachment    => EXCHANGE,
        Verb::AppendAttachment   => EXCHANGE,
        Verb::ReadAttachment     => EXCHANGE,
        Verb::ReplayEntries      => AUDIT,
        Verb::GetCheckpoint      => AUDIT,
        Verb::ProveInclusion     => AUDIT,
        Verb::ProveConsistency   => AUDIT,
        Verb::ListStatements     => AUDIT,
        Verb::ReadSealed         => AUDIT,
        Verb::ReadGranted        => AUDIT,
        Verb::GrantContent       => KEEPING,
        Verb::RevokeContent      => KEEPING,
        Verb::ListContentGrants  => KEEPING,
        Verb::ListPeers          => ADMIN,
        Verb::ListQueue          => ADMIN,
        Verb::ReleaseSetAside    => ADMIN,
        Verb::ReturnSetAside     => ADMIN,
        Verb::SetDrain           => ADMIN,
        Verb::TakeBackup         => ADMIN,
        Verb::GetNodeStatus      => ADMIN,
        Verb::ConfirmVolume      => ADMIN,
        Verb::ListLost           => ADMIN,
        Verb::Transfer           => RELAY,
        Verb::TransferAttachments => RELAY,
        Verb::Compare            => RELAY,
    }
}

/// Whether `role` may ask for `verb`.
pub fn permitted(role: Role, verb: Verb) -> bool {
    roles(verb).contains(&role)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One line for each verb, written by hand, so that a slip in the table shows.
    const WRITTEN: [(&str, &str); Verb::ALL.len()] = [
        ("AdminService/ListPeers", "operator"),
        ("AdminService/ListQueue", "operator"),
        ("AdminService/ReleaseSetAside", "operator"),
        ("AdminService/ReturnSetAside", "operator"),
        ("AdminService/SetDrain", "operator"),
        ("AdminService/TakeBackup", "operator"),
        ("AdminService/GetNodeStatus", "operator"),
        ("AdminService/ConfirmVolume", "operator"),
        ("AdminService/ListLost", "operator"),
        ("ExchangeService/SendMessage", "officer service"),
        ("ExchangeService/ListRequestStates", "officer service"),
        ("ExchangeService/GetRequestState", "officer service"),
        ("ExchangeService/GetMessage", "officer service"),
        ("ExchangeService/ResolveRecipients", "officer service"),
        ("ExchangeService/GrantAccess", "officer service"),
        ("ExchangeService/RevokeAccess", "officer service"),
        ("ExchangeService/EraseContent", "officer"),
        ("ExchangeService/RefuseErasure", "officer"),
        ("ExchangeService/ReviewContent", "officer"),
        ("ExchangeService/PlaceHold", "officer"),
        ("ExchangeService/ReleaseHold", "officer"),
        ("ExchangeService/ListDeadlines", "officer service"),
        ("ExchangeService/SearchRequests", "officer service"),
        ("ExchangeService/GetStatistics", "officer operator service"),
        ("ApprovalService/ListDrafts", "officer service"),
        ("ApprovalService/GetDraft", "officer service"),
        ("ApprovalService/ApproveDraft", "officer"),
        ("ApprovalService/WithdrawDraft", "officer service"),
        ("AttachmentService/BeginAttachment", "officer service"),
        ("AttachmentService/AppendAttachment", "officer service"),
        ("AttachmentService/ReadAttachment", "officer service"),
        ("AuditService/ReplayEntries", "auditor"),
        ("AuditService/GetCheckpoint", "auditor"),
        ("AuditService/ProveInclusion", "auditor"),
        ("AuditService/ProveConsistency", "auditor"),
        ("AuditService/ListStatements", "auditor"),
        ("AuditService/ReadSealed", "auditor"),
        ("AuditService/ReadGranted", "auditor"),
        ("AuditService/GrantContent", "officer"),
        ("AuditService/RevokeContent", "officer"),
        ("AuditService/ListContentGrants", "officer"),
        ("GossipService/Compare", "node"),
        ("InboxService/ListMessages", "officer service"),
        ("InboxService/WatchMessages", "officer service"),
        ("InboxService/ClaimMessage", "officer service"),
        ("InboxService/ReleaseMessage", "officer service"),
        ("InboxService/ReadMessage", "officer service"),
        ("InboxService/AcknowledgeMessage", "officer service"),
        ("InboxService/ReleaseTransit", "officer"),
        ("InboxService/ReturnTransit", "officer"),
        ("InboxService/AnnotateTransit", "officer"),
        ("RelayService/Transfer", "node"),
        ("RelayService/TransferAttachments", "node"),
    ];

    #[test]
    fn every_cell_is_as_written_here() {
        for (verb, (name, roles)) in Verb::ALL.into_iter().zip(WRITTEN) {
            assert_eq!(verb.path(), format!("/rogatory.v1.{name}"));
            for role in Role::ALL {
                let expected = roles.split(' ').any(|it| it == role.as_str());
                assert_eq!(permitted(role, verb), expected, "{name} {role}");
            }
        }
    }

    #[test]
    fn a_verb_is_found_under_its_path_and_no_other() {
        for verb in Verb::ALL {
            assert_eq!(Verb::of_path(verb.path()), Some(verb));
            for near in ["/", " ", "x"] {
                assert_eq!(Verb::of_path(&format!("{}{near}", verb.path())), None);
            }
        }
        for path in ["", "/", "/rogatory.v1.ExchangeService", "/rogatory.v2.RelayService/Transfer"]
        {
            assert_eq!(Verb::of_path(path), None, "{path}");
        }
        let streamed: Vec<&str> =
            Verb::ALL.into_iter().filter(|it| it.is_streamed()).map(Verb::path).collect();
        let named = [
            "TakeBackup",
            "ReadAttachment",
            "ReplayEntries",
            "Compare",
            "WatchMessages",
            "Transfer",
            "TransferAttachments",
        ];
        assert!(
            streamed.iter().zip(named).all(|(path, name)| path.ends_with(name)),
            "{streamed:?}"
        );
        assert_eq!(streamed.len(), named.len());
    }

    #[test]
    fn an_auditor_may_do_nothing_that_another_role_may() {
        for verb in Verb::ALL {
            let others = Role::ALL.into_iter().filter(|role| *role != Role::Auditor);
            if others.into_iter().any(|role| permitted(role, verb)) {
                assert!(!permitted(Role::Auditor, verb), "{verb:?}");
            }
        }
    }
}
