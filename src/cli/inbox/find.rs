//! Finds a message of the inbox by its id.

use anyhow::{Context as _, Result};

use crate::cli::call::Line;
use crate::cli::exit::{Exit, Failure};
use crate::cli::inbox::Named;
use crate::wire::pb;

/// Messages that are looked at in one step.
const PAGE_SIZE: i32 = 200;

/// The agency of origin of a message.
///
/// # Errors
/// Exit status 5 if no message of the inbox has this id.
pub async fn origin(line: &Line, named: &Named) -> Result<String> {
    match &named.message.origin {
        Some(origin) => Ok(origin.to_string()),
        None => Ok(item(line, named).await?.message.context("an item without a message")?.origin),
    }
}

/// The place of the inbox at which a message stands.
///
/// # Errors
/// Exit status 5 if no message of the inbox has this id, 6 if several have.
pub async fn item(line: &Line, named: &Named) -> Result<pb::InboxItem> {
    let id = named.message.id.to_string();
    let mut found: Vec<pb::InboxItem> = Vec::new();
    let mut after = 0;
    loop {
        let asked = pb::ListMessagesRequest {
            contact_point: line.desk(),
            after,
            page_size: PAGE_SIZE,
            ..pb::ListMessagesRequest::default()
        };
        let page = line.client.list_messages(asked).await?;
        if page.items.is_empty() {
            break;
        }
        after = page.next_after;
        found.extend(page.items.into_iter().filter(|it| {
            it.message.as_ref().is_some_and(|message| {
                let is_of =
                    named.message.origin.as_ref().is_none_or(|it| it.as_str() == message.origin);
                message.message_id == id && is_of
            })
        }));
    }
    if found.len() > 1 {
        let text = format!("several agencies sent a message {id}; name one: AGENCY/{id}");
        return Err(Failure::new(Exit::Refused, text).into());
    }
    found.pop().ok_or_else(|| {
        Failure::new(Exit::NotFound, format!("there is no message {id} in the inbox")).into()
    })
}
