//! Judges that nothing is left to nobody, and that nothing grows by itself.

use std::collections::BTreeMap;

use super::{Journal, address, fact, lost, of_header, of_reference, place_in_order};
use crate::proto;
use crate::seen::{Id, Seen, Tally, count};

/// The last state of a request.
const CLOSED: &str = "closed";
/// What a store holds at the most before anything is written, and of each entry, in bytes.
const STORE_BYTES: (usize, usize) = (256 * 1024, 4 * 1024);
/// Where a skeleton says which place in a stream is void.
const VOID: u64 = 11;
/// Commands that wait at the most for a writer whose disk is slow.
const QUEUE_MAX: usize = 1_024;

/// The message of which an entry speaks that changes where a request stands.
fn about(entry: &proto::Fields) -> Option<Id> {
    for came in [fact::SUBMITTED, fact::DELIVERED] {
        if entry.contains_key(&came) {
            return Some(of_header(&proto::bytes(&proto::message(entry, came), 1)));
        }
    }
    let told = [fact::UNDELIVERED, fact::ORDER_WAIT_ENDED, fact::STATEMENT_RECORDED];
    let number = told.into_iter().find(|it| entry.contains_key(it))?;
    Some(of_reference(&proto::message(entry, number)))
}

/// The request whose messages stand in each stream, by the origin and the stream.
type Streams = BTreeMap<(String, Vec<u8>), Vec<u8>>;

fn streams(journal: &Journal) -> Streams {
    let headers = journal.entries.iter().map(|(_, entry)| {
        let came = proto::message(entry, fact::DELIVERED);
        proto::bytes(&came, 1)
    });
    let known = headers.filter(|it| !it.is_empty()).filter_map(|header| {
        let id = of_header(&header);
        let request = journal.request(&id)?;
        Some(((id.0, place_in_order(&header).0), request))
    });
    known.collect()
}

/// The request that goes on once a place in its stream is void: the message that was to stand there is
/// known to nobody here.
fn of_void(skeleton: &proto::Fields, streams: &Streams) -> Option<Vec<u8>> {
    let void = proto::message(skeleton, VOID);
    let order = proto::message(&void, 3);
    streams.get(&(proto::text(&void, 1), proto::bytes(&order, 1))).cloned()
}

/// `owned-and-due`: of each request that is not closed, at each of its executing agencies, an entry says
/// what is owed, by which side and by when; and each message says when its custody ends.
pub(super) fn what_is_open_is_owned_and_due(
    seen: &Seen,
    journals: &[Journal],
) -> Result<Tally, String> {
    let mut tally = Tally::new();
    let touched = lost::touched_requests(seen, journals);
    for (node, journal) in seen.nodes.iter().zip(journals) {
        let broken = |what: String| format!("owned-and-due: {}: {what}", node.agency);
        let streams = streams(journal);
        let mut owed: BTreeMap<Vec<u8>, bool> = BTreeMap::new();
        for ((_, entry), skeleton) in journal.entries.iter().zip(&journal.skeletons) {
            let header = proto::bytes(&proto::message(entry, fact::SUBMITTED), 1);
            let (sent, ends) =
                (proto::number(&address(&header), 8), proto::number(&address(&header), 9));
            if !header.is_empty() && ends <= sent {
                return Err(broken(format!("{:?} has no end", of_header(&header))));
            }
            let of_message = about(entry).and_then(|id| journal.request(&id));
            let Some(request) = of_message.or_else(|| of_void(skeleton, &streams)) else {
                continue;
            };
            for field in [12, 17] {
                let due = proto::message(skeleton, field);
                let (what, owner) = (proto::number(&due, 1), proto::number(&due, 2));
                let is_whole = what > 0 && (1..=2).contains(&owner) && proto::number(&due, 3) > 0;
                if skeleton.contains_key(&field) && !is_whole {
                    return Err(broken(format!("{request:?} is owed by nobody or for ever")));
                }
                *owed.entry(request.clone()).or_default() |= is_whole;
            }
        }
        for ((request, agency), states) in node.courses.as_ref().map_err(Clone::clone)? {
            if touched.contains(request) || states.iter().all(|it| it == CLOSED) {
                continue;
            }
            if owed.get(request) != Some(&true) {
                return Err(broken(format!(
                    "{request:?} at {agency} is {states:?}, owed by nobody"
                )));
            }
            count(&mut tally, "open request owed");
        }
    }
    Ok(tally)
}

/// `bounded`: a store grows by what its journal says, and no line of commands without end.
pub(super) fn nothing_grows_by_itself(seen: &Seen, journals: &[Journal]) -> Result<(), String> {
    for (node, journal) in seen.nodes.iter().zip(journals) {
        let bytes_max = STORE_BYTES.0 + STORE_BYTES.1 * journal.entries.len();
        let (agency, entries) = (&node.agency, journal.entries.len());
        if node.store_bytes > bytes_max {
            let bytes = node.store_bytes;
            return Err(format!("bounded: {agency} holds {bytes} bytes for {entries} entries"));
        }
        if node.queue_max > QUEUE_MAX {
            return Err(format!("bounded: {} commands waited at {agency}", node.queue_max));
        }
    }
    Ok(())
}
