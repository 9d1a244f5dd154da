//! The closed list of what a message does in the life of a request (message types).
//!
//! Which act is possible when, and what it changes, is the business of `lifecycle`.

use std::fmt;
use std::str::FromStr;

use crate::domain::header::UnknownWord;

macro_rules! acts {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// One act in the life of a request. Written and kept as its word, never as a number.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize,
        )]
        #[serde(into = "String", try_from = "String")]
        pub enum Act {
            $($(#[$doc])* $name,)*
        }

        impl Act {
            /// Every act there is, in the order in which officers read them.
            pub const ALL: [Self; 33] = [$(Self::$name,)*];

            /// The act's word, `message_type` of a message file.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

acts! {
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
        Self::ALL.into_iter().find(|it| it.as_str() == text).ok_or(UnknownWord { what: "act" })
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
            assert_eq!(bad.parse::<Act>(), Err(UnknownWord { what: "act" }), "{bad}");
        }
    }

    #[test]
    fn an_act_is_kept_as_its_word() {
        let json = serde_json::to_string(&Act::AckReceipt).unwrap();
        assert_eq!(json, "\"ack_receipt\"");
        assert_eq!(serde_json::from_str::<Act>(&json).unwrap(), Act::AckReceipt);
        assert!(serde_json::from_str::<Act>("\"relay\"").is_err());
    }
}
