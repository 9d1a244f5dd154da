<<<<<<< HEAD
//! The closed list of what a message can do in the life of a request.
=======
//! The closed list of what a message does in the life of a request (message types).
//!
//! Which act is possible when, and what it changes, is the business of `lifecycle`.
>>>>>>> domain

use std::fmt;
use std::str::FromStr;

use crate::domain::header::UnknownWord;

macro_rules! acts {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
<<<<<<< HEAD
        /// What a message does in the life of a request.
=======
        /// One act in the life of a request. Written and kept as its word, never as a number.
>>>>>>> domain
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize,
        )]
<<<<<<< HEAD
        #[serde(try_from = "String", into = "String")]
=======
        #[serde(into = "String", try_from = "String")]
>>>>>>> domain
        pub enum Act {
            $($(#[$doc])* $name,)*
        }

        impl Act {
<<<<<<< HEAD
            /// All acts, in the order of a request's life.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The act's word in message files.
=======
            /// Every act there is, in the order in which officers read them.
            pub const ALL: [Self; 33] = [$(Self::$name,)*];

            /// The act's word, `message_type` of a message file.
>>>>>>> domain
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

acts! {
<<<<<<< HEAD
    /// Asks for assistance or information.
    Request = "request",
    /// Gives information unasked (UNTOC 18(4), Protocol 10).
    SpontaneousInformation = "spontaneous_information",
    /// Acknowledges, by the authority: names reference and contact person.
    AckReceipt = "ack_receipt",
    /// Says which authority is competent and has been given the request.
    RedirectNotice = "redirect_notice",
    /// Names the executing authority.
    TransmittedForExecution = "transmitted_for_execution",
    /// Asks for more information (UNTOC 18(16)).
    ClarificationRequest = "clarification_request",
    /// Answers a clarification request, or adds to a request.
    Supplement = "supplement",
    /// Changes a request.
    Amendment = "amendment",
    /// Consults on terms before refusing or postponing (UNTOC 18(26)).
    Consultation = "consultation",
    /// Offers assistance on conditions (UNTOC 18(26), Protocol 8(5)).
    ConditionsOffer = "conditions_offer",
    /// Accepts the conditions; they bind from then on.
    ConditionsAccept = "conditions_accept",
    /// Declines the conditions.
    ConditionsDecline = "conditions_decline",
    /// Consults on extraordinary costs (UNTOC 18(28)).
    CostConsultation = "cost_consultation",
    /// Asks how the execution stands (UNTOC 18(24)).
    ProgressQuery = "progress_query",
    /// Says how the execution stands.
    ProgressReport = "progress_report",
    /// Postpones because of an ongoing proceeding (UNTOC 18(25)).
    Postponement = "postponement",
    /// Takes a postponed request up again.
    Resumption = "resumption",
    /// Gives a part of what was asked for.
    PartialResult = "partial_result",
    /// Gives what was asked for, item by item.
    Result = "result",
    /// Confirms that the result arrived whole.
    ReceiptOfResult = "receipt_of_result",
    /// Refuses, with grounds and reasons (UNTOC 18(21), 18(23)).
    Refusal = "refusal",
    /// Needs the assistance no longer (UNTOC 18(24)).
    Withdrawal = "withdrawal",
    /// Confirms a withdrawal.
    WithdrawalConfirmed = "withdrawal_confirmed",
    /// Asks for consent to another use (UNTOC 18(19)).
    UseConsentRequest = "use_consent_request",
    /// Gives or withholds consent to another use.
    UseConsent = "use_consent",
    /// Tells that exculpatory information will be, or was, disclosed (UNTOC 18(5)).
    ExculpatoryNotice = "exculpatory_notice",
    /// Says that confidentiality cannot be kept (UNTOC 18(20)).
    ConfidentialityImpossible = "confidentiality_impossible",
    /// Tells that a person is no longer needed (UNTOC 18(27)).
    SafeConductNotice = "safe_conduct_notice",
    /// Reports the results of a measure (Protocol 8(3)).
    MeasureReport = "measure_report",
    /// Says of what use the information was.
    UsefulnessFeedback = "usefulness_feedback",
    /// Takes back what was sent in error.
    Recall = "recall",
    /// Closes the request; limits and conditions survive.
=======
    /// Asks for assistance; opens the request.
    Request = "request",
    /// Gives information unasked (UNTOC 18(4), Protocol 10).
    SpontaneousInformation = "spontaneous_information",
    /// The authority has it: receiving reference and contact person.
    AckReceipt = "ack_receipt",
    /// Another recipient is competent and gets it.
    RedirectNotice = "redirect_notice",
    /// The executing authority has it.
    TransmittedForExecution = "transmitted_for_execution",
    /// Asks for additional information (UNTOC 18(16)).
    ClarificationRequest = "clarification_request",
    /// Gives additional information.
    Supplement = "supplement",
    /// Changes what is asked for.
    Amendment = "amendment",
    /// Consults before a refusal or postponement (UNTOC 18(26)).
    Consultation = "consultation",
    /// Offers assistance on terms and conditions (UNTOC 18(26), Protocol 8(5)).
    ConditionsOffer = "conditions_offer",
    /// Accepts them: they bind.
    ConditionsAccept = "conditions_accept",
    /// Does not accept them.
    ConditionsDecline = "conditions_decline",
    /// Consults about substantial or extraordinary costs (UNTOC 18(28)).
    CostConsultation = "cost_consultation",
    /// Asks how far it is (UNTOC 18(24)).
    ProgressQuery = "progress_query",
    /// Says how far it is (UNTOC 18(24)).
    ProgressReport = "progress_report",
    /// Puts execution off (UNTOC 18(25)).
    Postponement = "postponement",
    /// Takes execution up again.
    Resumption = "resumption",
    /// Delivers part of what was asked for.
    PartialResult = "partial_result",
    /// Delivers what was asked for, or the rest of it.
    Result = "result",
    /// The result has arrived and its integrity was checked.
    ReceiptOfResult = "receipt_of_result",
    /// Declines, in whole or in part, with grounds and reasons (UNTOC 18(23)).
    Refusal = "refusal",
    /// Takes the request back (UNTOC 18(24), last sentence).
    Withdrawal = "withdrawal",
    /// Execution has ended after a withdrawal.
    WithdrawalConfirmed = "withdrawal_confirmed",
    /// Asks for another use than the one stated (UNTOC 18(19)).
    UseConsentRequest = "use_consent_request",
    /// Answers it.
    UseConsent = "use_consent",
    /// Announces disclosure of exculpatory material (UNTOC 18(5), 18(19)).
    ExculpatoryNotice = "exculpatory_notice",
    /// Confidentiality as asked for cannot be kept (UNTOC 18(5), 18(20)).
    ConfidentialityImpossible = "confidentiality_impossible",
    /// Safe conduct begins or ends (UNTOC 18(27)).
    SafeConductNotice = "safe_conduct_notice",
    /// Reports the results of a measure at sea (Protocol 8(3)).
    MeasureReport = "measure_report",
    /// Says what became of the information.
    UsefulnessFeedback = "usefulness_feedback",
    /// A message was sent in error.
    Recall = "recall",
    /// Closes the request; use limits, confidentiality and conditions survive it.
>>>>>>> domain
    Closing = "closing",
    /// Opens a closed request again.
    Reopening = "reopening",
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Act {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
<<<<<<< HEAD
        let found = Self::ALL.iter().find(|act| act.as_str() == text);
        found.copied().ok_or(UnknownWord { what: "message type" })
=======
        Self::ALL
            .into_iter()
            .find(|it| it.as_str() == text)
            .ok_or(UnknownWord { what: "act" })
>>>>>>> domain
    }
}

impl TryFrom<String> for Act {
    type Error = UnknownWord;

    fn try_from(text: String) -> Result<Self, UnknownWord> {
        text.parse()
    }
}

impl From<Act> for String {
    fn from(act: Act) -> Self {
        act.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
<<<<<<< HEAD
    use super::*;

    #[test]
    fn every_act_reads_back_from_its_word() {
        assert_eq!(Act::ALL.len(), 33);
        for act in Act::ALL {
            assert_eq!(act.as_str().parse(), Ok(*act));
        }
        assert_eq!("acknowledge".parse::<Act>(), Err(UnknownWord { what: "message type" }));
=======
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_act_has_a_word_of_its_own_and_is_found_by_it() {
        let words: BTreeSet<_> = Act::ALL.iter().map(|act| act.as_str()).collect();
        assert_eq!(words.len(), 33);
        for act in Act::ALL {
            assert_eq!(act.as_str().parse(), Ok(act));
        }
    }

    #[test]
    fn words_outside_the_list_are_no_acts() {
        for bad in ["", "Request", "request ", "relay", "ack"] {
            assert_eq!(
                bad.parse::<Act>(),
                Err(UnknownWord { what: "act" }),
                "{bad}"
            );
        }
    }

    #[test]
    fn an_act_is_kept_as_its_word() {
        let json = serde_json::to_string(&Act::AckReceipt).unwrap();
        assert_eq!(json, "\"ack_receipt\"");
        assert_eq!(serde_json::from_str::<Act>(&json).unwrap(), Act::AckReceipt);
        assert!(serde_json::from_str::<Act>("\"relay\"").is_err());
>>>>>>> domain
    }
}
