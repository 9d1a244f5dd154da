//! Contact points as the directory has them, and the way to each.

use tonic::Status;

use crate::directory::contact_point::Hours;
use crate::domain::ids::ContactPointId;
use crate::domain::kinds::KindCode;
use crate::domain::limits::RECIPIENTS_MAX;
use crate::domain::violation::Violation;
use crate::node::setting::Setting;
use crate::transport::exchange::route;
use crate::transport::status;
use crate::wire::pb;

fn hours(hours: &Hours) -> String {
    let zone = match hours {
        Hours::Office(office) => office.zone(),
        Hours::Always => None,
    };
    zone.map_or_else(|| hours.as_str().to_owned(), |zone| format!("{} ({zone})", hours.as_str()))
}

/// Resolves contact points, and shows which way a message would take to them.
///
/// # Errors
/// An unknown kind, and every contact point that the directory does not have.
pub(super) fn resolve(
    setting: &Setting,
    asked: &pb::ResolveRecipientsRequest,
) -> Result<pb::ResolveRecipientsResponse, Status> {
    let directory = &setting.directory();
    let kind: KindCode = asked
        .kind
        .parse()
        .map_err(|_| status::of_field("/kind", "UNKNOWN_WORD", "the catalogue has no such kind"))?;
    if asked.to.len() > RECIPIENTS_MAX {
        let text = format!("a message names at most {RECIPIENTS_MAX} contact points");
        return Err(status::of_field("/to", "LIMIT_EXCEEDED", text));
    }
    let mut violations = Vec::new();
    let mut recipients = Vec::new();
    for (index, text) in asked.to.iter().enumerate() {
        let id = text.parse::<ContactPointId>().map_err(|fault| ("MALFORMED", fault.to_string()));
        let unknown = || ("UNKNOWN_CONTACT_POINT", "it is not in the directory".to_owned());
        let desk = id.and_then(|id| directory.contact_point(&id).ok_or_else(unknown));
        match desk {
            Err((code, text)) => {
                violations.push(Violation::new(format!("/to/{index}"), code, text));
            }
            Ok(desk) => recipients.push(pb::ResolvedRecipient {
                contact_point: desk.id.to_string(),
                name: desk.name.clone(),
                functions: desk.functions.iter().map(ToString::to_string).collect(),
                languages: desk.languages.iter().map(ToString::to_string).collect(),
                hours: hours(&desk.hours),
                route: route(setting, desk.id.agency(), kind.channel),
                readers: vec![desk.id.agency().to_string()],
            }),
        }
    }
    if !violations.is_empty() {
        return Err(status::of_violations(violations));
    }
    Ok(pb::ResolveRecipientsResponse { recipients, directory_version: directory.version() })
}
