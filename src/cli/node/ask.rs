//! Asks a node that runs: peers and status.

use anyhow::Result;

use crate::cli::call::Line;
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;
use crate::domain::misconduct::CutOffCause;
use crate::wire::{json, pb};

/// How the node stands with its neighbours.
///
/// # Errors
/// What the node answers.
pub async fn peers(line: &Line, output: &Output) -> Result<()> {
    let answer = line.client.list_peers(pb::ListPeersRequest {}).await?;
    if let Some(doubt) = &answer.doubt {
        output.note(doubted(doubt));
    }
    if let Some(directory) = &answer.directory {
        let issued = output.times().show(&directory.issued_at);
        output.note(format!("directory {}, its roll issued {issued}", directory.version));
    }
    output.list(
        || json::from_message(&answer),
        "peers",
        || {
            let rows = answer.peers.iter().map(|it| {
                let state = match (it.conflict, it.connected) {
                    (true, _) => "CONFLICT",
                    _ if !it.cut_off_until.is_empty() => "cut off",
                    (false, true) if it.draining => "draining",
                    (false, true) => "connected",
                    (false, false) => "not connected",
                };
                [
                    it.agency.clone(),
                    state.to_owned(),
                    it.waiting.to_string(),
                    it.cosigned_size.to_string(),
                    it.witnessed_size.to_string(),
                    output.times().show(&it.next_attempt),
                    it.last_error.clone(),
                ]
            });
            let header = [
                "agency",
                "state",
                "waiting",
                "cosigned",
                "witnessed",
                "next attempt",
                "last error",
            ];
            show_cut_off(Sheet::new().table(header, rows), &answer.peers, output)
        },
    )
}

/// What the node does not know of its own journal, and who can tell it or what people must name.
fn doubted(doubt: &pb::JournalDoubt) -> String {
    let pb::JournalDoubt { reason, size, size_seen: seen, seen_by, unanswered, size_counted } =
        doubt;
    let mut told = vec![format!("{reason}: {size} entries are here")];
    match seen_by.as_str() {
        "" if unanswered.is_empty() => {
            told.push("the directory names nobody to ask".to_owned());
        }
        "" => {}
        by if reason == "JOURNAL_UNCONFIRMED" => told.push(format!(
            "{by} has shown {seen} entries of the volume before, and the directory counts \
             {size_counted}: name retired_at_size = {seen} in the agency's record"
        )),
        by => told.push(format!("{by} has seen {seen} entries")),
    }
    if !unanswered.is_empty() {
        told.push(format!("not answered yet: {}", unanswered.join(", ")));
    }
    told.join("; ")
}

/// The peers that are cut off: until when, and what did not hold.
fn show_cut_off(sheet: Sheet, peers: &[pb::Peer], output: &Output) -> Sheet {
    let mut cut = peers.iter().filter(|it| !it.cut_off_until.is_empty()).peekable();
    if cut.peek().is_none() {
        return sheet;
    }
    let rows = cut.map(|it| {
        let cause = it.cut_off_cause.parse().map(CutOffCause::told);
        let until = output.times().show(&it.cut_off_until);
        [it.agency.clone(), until, cause.unwrap_or("what it sent did not hold").to_owned()]
    });
    sheet.line("").table(["cut off", "until", "because"], rows)
}

/// What the node shows and believes.
///
/// # Errors
/// What the node answers.
pub async fn status(line: &Line, output: &Output) -> Result<()> {
    let answer = line.client.get_node_status(pb::GetNodeStatusRequest {}).await?;
    if !answer.read_fault.is_empty() {
        output.note(format!("read again, and kept as it was: {}", answer.read_fault));
    }
    if answer.drain.is_some() {
        output.note("the node takes nothing new: rogatory node drain");
    }
    output.show(
        || json::from_message(&answer),
        || {
            let times = output.times();
            let own = answer.certificates.iter().map(|it| {
                [
                    it.listener.clone(),
                    it.state.clone(),
                    times.show(&it.not_after),
                    times.show(&it.due_at),
                    it.principal.clone(),
                ]
            });
            let lists = answer.lists.iter().map(|it| {
                let state = if it.overdue { "OVERDUE" } else { "fine" };
                [it.agency.clone(), state.to_owned(), times.show(&it.next_update)]
            });
            let sheet = Sheet::new()
                .table(["certificate", "state", "ends", "renew from", "stands for"], own);
            let sheet = match &answer.directory {
                Some(directory) => show_directory(sheet, directory, output),
                None => sheet,
            };
            if answer.lists.is_empty() {
                return sheet;
            }
            sheet.line("").table(["revocation list", "state", "next update"], lists)
        },
    )
}

/// How the directory stands: how old, confirmed when and until when it counts, what the peers hold and
/// how far their clocks are apart, what was refused.
fn show_directory(sheet: Sheet, directory: &pb::DirectoryStanding, output: &Output) -> Sheet {
    let times = output.times();
    let followed = directory.followed.clone().unwrap_or_default();
    let peers = directory.peers.iter().map(|it| {
        [
            it.agency.clone(),
            it.version.to_string(),
            if it.agrees { "the same" } else { "another" }.to_owned(),
            times.show(&it.heard_at),
            format!("{} ms", it.clock_ahead_ms),
            if it.clock_alarm { "TOO FAR APART" } else { "fine" }.to_owned(),
        ]
    });
    let sheet = sheet
        .line("")
        .field("directory", followed.version)
        .field("state", &directory.state)
        .field("roll issued", times.show(&followed.issued_at))
        .field("confirmed", times.show(&directory.confirmed_at))
        .field("ends", times.show(&directory.ends_at));
    let header = ["peer", "directory", "holds", "heard", "clock ahead", "clocks"];
    let sheet = show_desks(sheet.table(header, peers), directory, output);
    if directory.refused.is_empty() {
        return sheet;
    }
    let refused = directory
        .refused
        .iter()
        .map(|it| [it.text.clone(), it.from.clone(), times.show(&it.at), it.reason.clone()]);
    sheet.line("").table(["refused text", "given by", "at", "reason"], refused)
}

/// The contact points that changed, and those that are gone while requests are open with them.
fn show_desks(sheet: Sheet, directory: &pb::DirectoryStanding, output: &Output) -> Sheet {
    let times = output.times();
    let changed = directory
        .changed_desks
        .iter()
        .map(|it| [it.contact_point.clone(), it.changes.join(", "), times.show(&it.at)]);
    let gone = directory
        .gone_desks
        .iter()
        .map(|it| [it.contact_point.clone(), it.open_requests.to_string()]);
    let mut sheet = sheet;
    if !directory.changed_desks.is_empty() {
        sheet = sheet.line("").table(["contact point", "changed", "at"], changed);
    }
    if !directory.gone_desks.is_empty() {
        sheet = sheet.line("").table(["desk that is gone", "requests open with it"], gone);
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_in_doubt_is_told_with_who_can_end_that() {
        let mut doubt = pb::JournalDoubt {
            reason: "JOURNAL_BEHIND".to_owned(),
            size: 40,
            ..Default::default()
        };
        let nobody = "JOURNAL_BEHIND: 40 entries are here; the directory names nobody to ask";
        assert_eq!(doubted(&doubt), nobody);
        doubt.unanswered = vec!["int.n1".to_owned(), "int.n2".to_owned()];
        let asked = "JOURNAL_BEHIND: 40 entries are here; not answered yet: int.n1, int.n2";
        assert_eq!(doubted(&doubt), asked);
        (doubt.seen_by, doubt.size_seen) = ("int.n3".to_owned(), 44);
        let behind = "JOURNAL_BEHIND: 40 entries are here; int.n3 has seen 44 entries; not answered \
                      yet: int.n1, int.n2";
        assert_eq!(doubted(&doubt), behind);
    }

    #[test]
    fn what_is_shown_beyond_what_counts_names_the_size_that_the_record_must_say() {
        let doubt = pb::JournalDoubt {
            reason: "JOURNAL_UNCONFIRMED".to_owned(),
            size: 3,
            size_seen: 44,
            seen_by: "int.n3".to_owned(),
            unanswered: vec!["int.n1".to_owned()],
            size_counted: 41,
        };
        let told = "JOURNAL_UNCONFIRMED: 3 entries are here; int.n3 has shown 44 entries of the volume \
                    before, and the directory counts 41: name retired_at_size = 44 in the agency's \
                    record; not answered yet: int.n1";
        assert_eq!(doubted(&doubt), told);
    }
}
