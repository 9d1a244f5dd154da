//! Role by verb, to be read as a table. What is not in it is not allowed.

use crate::identity::principal::Role;

/// What can be asked of a node: one for each call of the services in `proto/rogatory/v1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// `ExchangeService.SendMessage`
    SendMessage,
    /// `ExchangeService.ListRequestStates`
    ListRequests,
    /// `ExchangeService.GetRequestState`
    GetRequest,
    /// `ExchangeService.GetMessage`
    GetMessage,
    /// `ExchangeService.ResolveRecipients`
    ResolveRecipients,
    /// `ExchangeService.GrantAccess`
    GrantAccess,
    /// `ExchangeService.RevokeAccess`
    RevokeAccess,
    /// `ExchangeService.EraseContent`
    EraseContent,
    /// `ExchangeService.PlaceHold`
    PlaceHold,
    /// `ExchangeService.ReleaseHold`
    ReleaseHold,
    /// `ExchangeService.ListDeadlines`
    ListDeadlines,
    /// `ExchangeService.SearchRequests`
    SearchRequests,
    /// `ExchangeService.GetStatistics`
    GetStatistics,
    /// `InboxService.ListMessages`
    ListInbox,
    /// `InboxService.WatchMessages`
    WatchInbox,
    /// `InboxService.ClaimMessage`
    ClaimMessage,
    /// `InboxService.ReleaseMessage`
    ReleaseMessage,
    /// `InboxService.ReadMessage`
    ReadMessage,
    /// `InboxService.AcknowledgeMessage`
    AcknowledgeMessage,
    /// `AuditService.ReplayEntries`
    ReplayEntries,
    /// `AuditService.GetCheckpoint`
    GetCheckpoint,
    /// `AuditService.ProveInclusion`
    ProveInclusion,
    /// `AuditService.ProveConsistency`
    ProveConsistency,
    /// `AuditService.ListStatements`
    ListStatements,
    /// `AdminService.ListPeers`
    ListPeers,
    /// `AdminService.ListQueue`
    ListQueue,
    /// `AdminService.TakeBackup`
    TakeBackup,
    /// `RelayService.Transfer`
    Transfer,
}

impl Verb {
    /// Every verb, service by service.
    pub const ALL: [Self; 28] = [
        Self::SendMessage,
        Self::ListRequests,
        Self::GetRequest,
        Self::GetMessage,
        Self::ResolveRecipients,
        Self::GrantAccess,
        Self::RevokeAccess,
        Self::EraseContent,
        Self::PlaceHold,
        Self::ReleaseHold,
        Self::ListDeadlines,
        Self::SearchRequests,
        Self::GetStatistics,
        Self::ListInbox,
        Self::WatchInbox,
        Self::ClaimMessage,
        Self::ReleaseMessage,
        Self::ReadMessage,
        Self::AcknowledgeMessage,
        Self::ReplayEntries,
        Self::GetCheckpoint,
        Self::ProveInclusion,
        Self::ProveConsistency,
        Self::ListStatements,
        Self::ListPeers,
        Self::ListQueue,
        Self::TakeBackup,
        Self::Transfer,
    ];
}

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
        Verb::ListRequests       => EXCHANGE,
        Verb::GetRequest         => EXCHANGE,
        Verb::GetMessage         => EXCHANGE,
        Verb::ResolveRecipients  => EXCHANGE,
        Verb::GrantAccess        => EXCHANGE,
        Verb::RevokeAccess       => EXCHANGE,
        Verb::EraseContent       => KEEPING,
        Verb::PlaceHold          => KEEPING,
        Verb::ReleaseHold        => KEEPING,
        Verb::ListDeadlines      => EXCHANGE,
        Verb::SearchRequests     => EXCHANGE,
        Verb::GetStatistics      => STATISTICS,
        Verb::ListInbox          => EXCHANGE,
        Verb::WatchInbox         => EXCHANGE,
        Verb::ClaimMessage       => EXCHANGE,
        Verb::ReleaseMessage     => EXCHANGE,
        Verb::ReadMessage        => EXCHANGE,
        Verb::AcknowledgeMessage => EXCHANGE,
        Verb::ReplayEntries      => AUDIT,
        Verb::GetCheckpoint      => AUDIT,
        Verb::ProveInclusion     => AUDIT,
        Verb::ProveConsistency   => AUDIT,
        Verb::ListStatements     => AUDIT,
        Verb::ListPeers          => ADMIN,
        Verb::ListQueue          => ADMIN,
        Verb::TakeBackup         => ADMIN,
        Verb::Transfer           => RELAY,
    }
}

/// Whether `role` may ask for `verb`.
pub fn permitted(role: Role, verb: Verb) -> bool {
    roles(verb).contains(&role)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One line for each role, `y` for each verb of [`Verb::ALL`] that it may do: written by hand,
    /// so that a slip in the table shows.
    #[test]
    fn every_cell_is_as_written_here() {
        let written = [
            (Role::Auditor, "...................yyyyy...."),
            (Role::Node, "...........................y"),
            (Role::Officer, "yyyyyyyyyyyyyyyyyyy........."),
            (Role::Operator, "............y...........yyy."),
            (Role::Service, "yyyyyyy...yyyyyyyyy........."),
        ];
        for (role, line) in written {
            let found: String = Verb::ALL
                .into_iter()
                .map(|verb| if permitted(role, verb) { 'y' } else { '.' })
                .collect();
            assert_eq!(found, line, "{role}");
        }
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
