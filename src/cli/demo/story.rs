//! The vessel case: from the question whose flag a ship flies to the report of what was found.
//!
//! The request is the worked example; the answers are written here in the form of a message file,
//! as an officer would write them.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::cli::demo::carry::{Carried, Corridor};
use crate::cli::demo::examples::{self, Example};
use crate::clock::Timestamp;

/// Messages of the story.
pub(super) const MESSAGES: u64 = 7;
/// When the conditions must be answered, in milliseconds after the request.
const ANSWER_MS: i64 = 45 * 60_000;
/// When the boarding began and ended, in milliseconds after the request.
const BOARDING_MS: (i64, i64) = (55 * 60_000, 250 * 60_000);

/// Both parties of the case and what they write in every message.
struct Case {
    request: Value,
    start: Timestamp,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Party {
    Italy,
    Panama,
}

impl Case {
    fn new(start: Timestamp) -> Result<Self> {
        let request = examples::load(Example::Vessel, start)?;
        let issued = request.get("issued_at").and_then(Value::as_str);
        let start = issued.and_then(Timestamp::parse).context("the example has a time of issue")?;
        Ok(Self { request, start })
    }

    fn field(&self, name: &str) -> Value {
        self.request.get(name).cloned().unwrap_or(Value::Null)
    }

    /// A message of one party, in answer to `answers`.
    fn message(&self, party: Party, act: &str, answers: &Carried, own: Value) -> Value {
        let requester = self.field("from");
        let requested = self.request.pointer("/to/0").cloned().unwrap_or(Value::Null);
        let (from, to, official) = match party {
            Party::Italy => (requester, requested, self.field("official")),
            Party::Panama => (requested, requester, panama_official()),
        };
        let reference = self.request.pointer("/references/requesting").cloned();
        let mut message = json!({
            "request_id": answers.request,
            "in_reply_to": answers.message,
            "message_type": act,
            "kind": self.field("kind"),
            "form": "electronic_written",
            "urgency": {"level": "immediate", "reason": "Answers a request that is immediate"},
            "from": from,
            "official": official,
            "to": [to],
            "references": {"requesting": reference, "requested": "PAN-FSD-000112"},
            "languages": {"request": "en"},
            "handling": self.field("handling"),
        });
        if let (Some(message), Value::Object(own)) = (message.as_object_mut(), own) {
            message.extend(own);
        }
        message
    }

    fn after(&self, millis: i64) -> String {
        self.start.plus_millis(millis).to_string()
    }

    fn acknowledgement(&self, request: &Carried) -> Value {
        self.message(
            Party::Panama,
            "ack_receipt",
            request,
            json!({
                "ack": {
                    "level": "executing_authority",
                    "requested_reference": "PAN-FSD-000112",
                    "completeness": "complete",
                    "contact": "flag-state-desk@maritime.example",
                },
            }),
        )
    }

    fn registry(&self, request: &Carried) -> Value {
        self.message(Party::Panama, "partial_result", request, json!({
            "outcome": "registry_confirmed",
            "result": {
                "items": [
                    {"asked": "confirm_registry", "status": "delivered"},
                    {"asked": "authorise", "status": "pending"},
                ],
                "complete": false,
                "text": "AZUR MERIDIAN, IMO 1234567, call sign H3ZZ9, is on the register of Panama \
                         and entitled to fly its flag. Registered owner: Meridian Short Sea S.A., \
                         Panama City.",
            },
        }))
    }

    fn authorisation(&self, request: &Carried) -> Value {
        self.message(
            Party::Panama,
            "conditions_offer",
            request,
            json!({
                "outcome": "authorised_with_conditions",
                "conditions": {
                    "basis": "SOM-PROTOCOL 8(5)",
                    "items": [{
                        "id": "K1",
                        "text": "Boarding, search and the measures asked for are authorised if the \
                                 results are reported without delay, and anything beyond them is \
                                 asked for anew, save where life is in imminent danger",
                    }],
                    "answer_by": self.after(ANSWER_MS),
                },
            }),
        )
    }

    fn acceptance(&self, offer: &Carried) -> Value {
        self.message(
            Party::Italy,
            "conditions_accept",
            offer,
            json!({
                "conditions": {"basis": "SOM-PROTOCOL 8(5)", "accepted": ["K1"]},
            }),
        )
    }

    fn report(&self, offer: &Carried) -> Value {
        self.message(Party::Italy, "measure_report", offer, json!({
            "kind": "SOM.8.3.RESULTS",
            "measure_report": {
                "authorisation_reference": offer.message,
                "measures": ["board", "search", "appropriate_measures"],
                "window": {"from": self.after(BOARDING_MS.0), "to": self.after(BOARDING_MS.1)},
                "what_was_done": "Boarded by CP 999 in sea state 4; hold pumped; vessel taken in \
                                  tow to Catania; persons on board taken off and questioned.",
                "result": "No crew found. Navigation equipment and two satellite telephones \
                           secured on the bridge.",
                "persons_on_board": 183,
                "persons_status": "All alive; 9 in hospital; 41 children in care",
                "vessel_status": "Moored at Catania under seal, in the hands of the port authority",
                "evidence": ["bridge equipment", "two satellite telephones", "photographs"],
                "damage": "",
                "compensation_9_2": false,
            },
        }))
    }

    fn closing(&self, report: &Carried) -> Value {
        self.message(
            Party::Italy,
            "closing",
            report,
            json!({
                "closing": {
                    "outcome": "executed",
                    "use": "Criminal investigation by the public prosecutor in Catania",
                    "conditions_still_bind": ["K1"],
                },
            }),
        )
    }
}

/// A message file with which Panama acknowledges any request of the case: whoever replies adds
/// what it answers.
///
/// # Errors
/// If the example that was built in does not read.
pub(super) fn acknowledgement(start: Timestamp) -> Result<Value> {
    let none = Carried { message: String::new(), request: String::new() };
    let mut message = Case::new(start)?.acknowledgement(&none);
    if let Some(fields) = message.as_object_mut() {
        fields.shift_remove("request_id");
        fields.shift_remove("in_reply_to");
    }
    Ok(message)
}

fn panama_official() -> Value {
    json!({
        "name": "Flag-state desk",
        "function": "Duty officer",
        "email": "flag-state-desk@maritime.example",
    })
}

/// Plays the case from `start` on.
///
/// # Errors
/// A rejection, a proof that does not hold, or a message that does not arrive in time.
pub(super) async fn play(corridor: &mut Corridor<'_>, start: Timestamp) -> Result<()> {
    let case = Case::new(start)?;
    let title = "Italy asks Panama: is the vessel yours, and may we board it?";
    let request = corridor.carry(title, &examples::as_new(&case.request)).await?;
    let title = "Panama has the request and works on it";
    corridor.carry(title, &case.acknowledgement(&request)).await?;
    let title = "Panama confirms that the vessel is on its register";
    corridor.carry(title, &case.registry(&request)).await?;
    let title = "Panama authorises boarding, on a condition";
    let offer = corridor.carry(title, &case.authorisation(&request)).await?;
    let title = "Italy accepts the condition";
    corridor.carry(title, &case.acceptance(&offer)).await?;
    let title = "Italy reports what was done and found";
    let report = corridor.carry(title, &case.report(&offer)).await?;
    let title = "Italy closes the request";
    corridor.carry(title, &case.closing(&report)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::read_file;

    #[test]
    fn every_message_of_the_story_is_a_message_file() {
        let start = Timestamp::parse("2027-03-05T12:00:30Z").unwrap();
        let case = Case::new(start).unwrap();
        let id = "019cadb0-5da8-764d-8ede-a570473907c2".to_owned();
        let known = Carried { message: id.clone(), request: id };
        for message in [
            examples::as_new(&case.request),
            case.acknowledgement(&known),
            case.registry(&known),
            case.authorisation(&known),
            case.acceptance(&known),
            case.report(&known),
            case.closing(&known),
        ] {
            let draft = read_file(message.to_string().as_bytes()).unwrap();
            crate::wire::draft::read(draft).unwrap();
        }
        let offer = case.authorisation(&known);
        assert_eq!(offer.pointer("/conditions/answer_by").unwrap(), "2027-03-05T12:45:30Z");
        assert_eq!(case.field("respond_by").get("at").unwrap(), "2027-03-05T15:58:30Z");
    }
}
