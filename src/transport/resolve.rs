//! Contact points as the directory has them, those that are competent, and the way to each.

use tonic::Status;

use crate::clock::Timestamp;
use crate::directory::contact_point::{ContactPoint, Hours};
use crate::directory::{Directory, Wanted};
use crate::domain::competence::{Function, read_country};
use crate::domain::ids::ContactPointId;
use crate::domain::kinds::KindCode;
use crate::domain::limits::RECIPIENTS_MAX;
use crate::domain::violation::Violation;
use crate::node::setting::Setting;
use crate::transport::status;
use crate::wire::pb;

/// Most competent contact points of one answer.
const COMPETENT_MAX: usize = 100;

/// What recipients are resolved by.
struct Asking<'s> {
    setting: &'s Setting,
    directory: &'s Directory,
    kind: KindCode,
    at: Timestamp,
}

fn hours(hours: &Hours) -> String {
    let zone = match hours {
        Hours::Office(office) => office.zone(),
        Hours::Always => None,
    };
    zone.map_or_else(|| hours.as_str().to_owned(), |zone| format!("{} ({zone})", hours.as_str()))
}

/// Resolves contact points, or finds those that are competent, and shows which way a message would
/// take to each.
///
/// # Errors
/// An unknown kind, function or State, a time that is none, and every contact point that the
/// directory does not have.
pub(super) fn resolve(
    setting: &Setting,
    asked: &pb::ResolveRecipientsRequest,
) -> Result<pb::ResolveRecipientsResponse, Status> {
    let directory = &*setting.directory();
    let kind: KindCode = asked
        .kind
        .parse()
        .map_err(|_| status::of_field("/kind", "UNKNOWN_WORD", "the catalogue has no such kind"))?;
    let at = match asked.at.as_str() {
        "" => setting.clock.now(),
        text => Timestamp::parse(text).ok_or_else(|| {
            status::of_field("/at", "MALFORMED", "it is a time such as 2030-01-01T00:00:00Z")
        })?,
    };
    let asking = Asking { setting, directory, kind, at };
    let (recipients, left_out) = if asked.country.is_empty() {
        (asking.named(asked)?, 0)
    } else {
        asking.competent(asked)?
    };
    Ok(pb::ResolveRecipientsResponse {
        recipients,
        directory_version: directory.version(),
        at: at.to_string(),
        left_out,
    })
}

impl Asking<'_> {
    /// Contact points by their names, in the order asked for.
    fn named(
        &self,
        asked: &pb::ResolveRecipientsRequest,
    ) -> Result<Vec<pb::ResolvedRecipient>, Status> {
        if asked.to.len() > RECIPIENTS_MAX {
            let text = format!("a message names at most {RECIPIENTS_MAX} contact points");
            return Err(status::of_field("/to", "LIMIT_EXCEEDED", text));
        }
        if !asked.function.is_empty() {
            let text = "a function narrows the contact points of a country, and none is given";
            return Err(status::of_field("/function", "NOT_ALLOWED_HERE", text));
        }
        let mut violations = Vec::new();
        let mut recipients = Vec::new();
        for (index, text) in asked.to.iter().enumerate() {
            let id = text.parse::<ContactPointId>();
            let id = id.map_err(|fault| ("MALFORMED", fault.to_string()));
            let unknown = || ("UNKNOWN_CONTACT_POINT", "it is not in the directory".to_owned());
            match id.and_then(|id| self.directory.contact_point(&id).ok_or_else(unknown)) {
                Err((code, text)) => {
                    violations.push(Violation::new(format!("/to/{index}"), code, text));
                }
                Ok(desk) => recipients.push(self.shown(desk, desk.hours.next_open(self.at))),
            }
        }
        if violations.is_empty() { Ok(recipients) } else { Err(status::of_violations(violations)) }
    }

    /// The contact points of a State that are competent, those with a route first; and how many more
    /// there are.
    fn competent(
        &self,
        asked: &pb::ResolveRecipientsRequest,
    ) -> Result<(Vec<pb::ResolvedRecipient>, u32), Status> {
        if !asked.to.is_empty() {
            let text = "either contact points or a country is asked for, not both";
            return Err(status::of_field("/to", "NOT_ALLOWED_HERE", text));
        }
        let country = read_country(&asked.country).ok_or_else(|| {
            let text = "it is a country of ISO 3166-1 alpha-3, or int for international bodies";
            status::of_field("/country", "UNKNOWN_WORD", text)
        })?;
        let function = match asked.function.as_str() {
            "" => None,
            text => Some(self.receiving(text)?),
        };
        let wanted = Wanted { country, kind: self.kind, function };
        let found = self.directory.competent(&wanted, self.at);
        let reached = |desk: &ContactPoint| {
            let (own, to) = (&self.setting.agency, desk.id.agency());
            self.directory.next_hop(own, to, self.kind.channel).is_some()
        };
        let (mut order, without): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|it| reached(it.desk));
        order.extend(without);
        let left_out = order.len().saturating_sub(COMPETENT_MAX);
        let listed = order.into_iter().take(COMPETENT_MAX);
        let recipients = listed.map(|it| self.shown(it.desk, it.opens)).collect();
        Ok((recipients, u32::try_from(left_out).unwrap_or(u32::MAX)))
    }

    /// A function, if the kind is received by it.
    fn receiving(&self, text: &str) -> Result<Function, Status> {
        let no = |code, text: String| status::of_field("/function", code, text);
        let function: Function =
            text.parse().map_err(|_| no("UNKNOWN_WORD", "there is no such function".to_owned()))?;
        if self.kind.receivers.contains(&function.as_str()) {
            return Ok(function);
        }
        let (kind, receivers) = (self.kind, self.kind.receivers.join(" or "));
        let text = format!("{kind} goes to a contact point that is {receivers}");
        Err(no("WRONG_AUTHORITY_ROLE", text))
    }

    fn shown(&self, desk: &ContactPoint, opens: Timestamp) -> pb::ResolvedRecipient {
        let has = |it: &&&str| desk.functions.iter().any(|own| own.as_str() == **it);
        let competent_as = self.kind.receivers.iter().find(has).copied().unwrap_or_default();
        let (own, to) = (&self.setting.agency, desk.id.agency());
        let way = self.directory.routes(own, to, self.kind.channel).into_iter().next();
        let route = way.iter().flat_map(|it| &it.hops).map(ToString::to_string).collect();
        let readers = way.iter().flat_map(|it| &it.readers).chain([to]);
        let readers = readers.map(ToString::to_string).collect();
        pb::ResolvedRecipient {
            contact_point: desk.id.to_string(),
            name: desk.name.clone(),
            functions: desk.functions.iter().map(ToString::to_string).collect(),
            languages: desk.languages.iter().map(ToString::to_string).collect(),
            hours: hours(&desk.hours),
            route,
            readers,
            competent_as: competent_as.to_owned(),
            open: opens == self.at,
            opens_at: opens.to_string(),
        }
    }
}
