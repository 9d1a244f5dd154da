//! For whom a message is that names a competence: what the directory makes of it.
//!
//! A message file names contact points in `to`, or in their place a `competence`: a country and a
//! function; the kind is its own. Whoever judges with a directory asks it who that is, by the time at
//! which it is judged. Of the message as it is sent, `to` holds the contact point that was found.

use std::borrow::Cow;

use crate::directory::{Unaddressed, Wanted};
use crate::domain::competence::Competence;
use crate::domain::ids::{AgencyId, ContactPointId};
use crate::domain::kinds::KindCode;
use crate::law::Standing;
use crate::wire::pb;

/// The competence that a message names, if both of its words are known.
pub(super) fn of(draft: &pb::Draft) -> Option<Competence> {
    let pb::Competence { country, function } = draft.competence.as_ref()?;
    Competence::read(country.as_deref()?, function.as_deref()?)
}

/// The contact point that is competent; `None` where no directory is there to say so.
///
/// # Errors
/// As [`Directory::addressee`](crate::directory::Directory::addressee).
pub(super) fn desk(
    standing: &Standing<'_>,
    own: &AgencyId,
    (asked, kind): (&Competence, KindCode),
) -> Option<Result<ContactPointId, Unaddressed>> {
    let wanted = Wanted::by(asked, kind);
    let found = standing.directory?.addressee(own, &wanted, standing.now);
    Some(found.map(|desk| desk.id.clone()))
}

/// The message as it is sent: a competence gives way to the contact point that is competent. The
/// message itself where it names none, or where nobody in particular is competent.
pub fn addressed<'d>(draft: &'d pb::Draft, standing: &Standing<'_>) -> Cow<'d, pb::Draft> {
    let found = || {
        let (asked, kind) = (of(draft)?, draft.kind().parse().ok()?);
        let from: ContactPointId = draft.from().parse().ok()?;
        desk(standing, from.agency(), (&asked, kind))?.ok()
    };
    match found() {
        Some(desk) if draft.to.is_empty() => {
            let to = vec![desk.to_string()];
            Cow::Owned(pb::Draft { to, competence: None, ..draft.clone() })
        }
        Some(_) | None => Cow::Borrowed(draft),
    }
}
