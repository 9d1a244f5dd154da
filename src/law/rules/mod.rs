//! The rules, one function each; every one names the paragraph that it rests on.
//!
//! A rule looks at the [`Case`] and writes down what it finds. Rules don't call each other; the
//! order of the table matters only where one stands in for another: a block that is missing is not
//! told by its kind where a rule of its own told it.

mod attachments;
#[cfg(test)]
mod borders;
mod content;
mod document;
mod form;
mod identifiers;
mod kind;
mod objects;
mod offer;
mod parties;
mod person;
mod protection;
mod redirect;
mod references;
mod response;
mod routing;
mod scope;
mod sea;
mod time;
mod use_limits;

use crate::law::case::{Case, Findings};

pub(super) use attachments::names_attachment;
pub(super) use content::has_base;
pub(super) use routing::outside;
pub(super) use use_limits::USE_ORIGINATOR;

/// A rule.
pub(super) struct Rule {
    /// File and function, such as `time::issued`.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "by it tests tell which border is not shown")
    )]
    name: &'static str,
    /// What it finds.
    pub(super) judge: fn(&Case<'_>, &mut Findings),
}

macro_rules! rules {
    ($($file:ident :: $function:ident),* $(,)?) => {
        &[$(Rule {
            name: concat!(stringify!($file), "::", stringify!($function)),
            judge: $file::$function,
        },)*]
    };
}

/// Every rule there is; `borders` shows what each lets pass and what not.
pub(super) const RULES: &[Rule] = rules![
    parties::party,
    parties::regime,
    routing::receivers,
    routing::senders,
    routing::language,
    form::oral,
    form::deadline,
    form::exercise,
    content::base,
    scope::offences,
    person::video_reason,
    person::transfer_consent,
    sea::order,
    sea::unit,
    sea::target,
    document::issuer,
    document::link,
    document::claimed_state,
    protection::not_criminalised,
    protection::asylum,
    protection::consular,
    use_limits::handling,
    use_limits::item_labels,
    use_limits::evaluation,
    use_limits::explicit,
    use_limits::originator,
    use_limits::parent,
    use_limits::left_out,
    offer::only_topic,
    redirect::competent,
    response::reasons,
    response::consulted,
    response::grounds,
    identifiers::accounts,
    identifiers::communications,
    identifiers::persons,
    identifiers::places,
    identifiers::message,
    objects::documents,
    objects::vessel,
    objects::vehicles,
    attachments::digests,
    attachments::names,
    attachments::referenced,
    references::unique,
    references::resolve,
    references::ids,
    time::issued,
    time::times,
    time::windows,
    // Last: it keeps silent where a rule of its own spoke.
    kind::blocks,
];
