//! What a request for assistance must say (UNTOC 18(15)), and blocks that many kinds share.

use super::Block;

blocks! {
    REQUESTING_AUTHORITY = "requesting_authority", "UNTOC 18(15)(a)",
        "the authority that asks: its contact point, `agency/desk`", [["/from"]];
    SUBJECT_AND_NATURE = "subject_and_nature_of_proceeding", "UNTOC 18(15)(b)",
        "what the proceeding is about, and what kind of proceeding it is",
        [["/matter/subject", "/matter/nature"]];
    CONDUCTING_AUTHORITY = "conducting_authority", "UNTOC 18(15)(b)",
        "name and functions of the authority that conducts the proceeding",
        [["/conducting_authority/name", "/conducting_authority/functions"]];
    FACTS = "facts", "UNTOC 18(15)(c)", "summary of the relevant facts", [["/facts"]];
    ASSISTANCE = "assistance_description", "UNTOC 18(15)(d)", "the assistance sought",
        [["/assistance/description"]];
    PURPOSE = "purpose", "UNTOC 18(15)(f)", "purpose for which it is sought", [["/purpose"]];
    PROCEDURE_WISHED = "procedure_wished", "UNTOC 18(15)(d), 18(17)",
        "procedures that are to be followed, a list", [["/assistance/procedure"]];
    PERSON_CONCERNED = "person_concerned", "UNTOC 18(15)(e)",
        "where possible: identity, location and nationality of the person concerned",
        [
            [
                "/persons/0/names/0/full",
                "/persons/0/location/country",
                "/persons/0/nationalities/0/code",
            ],
            ["/organisations/0/name", "/organisations/0/country"],
        ];
    PERSON = "person", "UNTOC 18(15)(e)", "the person, by a name as it stands somewhere",
        [["/persons/0/names/0/full"], ["/persons/0/identity_status=pseudonymous", "/persons/0/id"]];
    HANDLING = "handling", "UNTOC 18(19), 18(20); Protocol 10(2)",
        "how the content may be seen and passed on, such as `TLP:AMBER`", [["/handling/tlp"]];
    EVALUATION = "evaluation", "policy",
        "scheme, code for the source and code for the information, such as `europol_4x4`, `B`, `2`",
        [["/evaluation/scheme", "/evaluation/source", "/evaluation/information"]];
    RESTRICTIONS_OR_NONE = "restrictions_or_none", "UNTOC 18(5); Protocol 10(2)",
        "restrictions on use, in words; an empty text states that there are none",
        [["/art_18_5/restrictions"]];
    FACTS_OR_QUESTION = "facts or question", "Protocol 10(1), 11(6)",
        "what is known, or a list of questions", [["/facts"], ["/questions"]];
    OFFENCE_TEXT_AND_PENALTY = "offence_text_and_penalty", "UNTOC 16(1), 18(9)",
        "the provision of domestic law and its longest imprisonment, in years",
        [
            ["/offences/0/domestic_law", "/offences/0/max_penalty_years"],
            ["/offences/0/text_attachment", "/offences/0/max_penalty_years"],
        ];
    OFFENCE = "offence", "UNTOC 27(1)(b)",
        "the offence: an article such as `6(1)(a)`, or a provision of domestic law",
        [["/offences/0/article"], ["/offences/0/domestic_law"]];
    STATEMENT_OF_FACTS = "statement_of_facts", "UNTOC 13(3)(b), 13(3)(c)",
        "statement of the facts relied on", [["/facts"]];
    MATTER = "matter", "UNTOC 19, 27(1)(d)", "what the matter is about", [["/matter/subject"]];
    QUESTION_LIST = "question_list", "UNTOC 18(3)(a)",
        "the questions, a list, or an attachment of class `question_list`",
        [["/questions"], ["/attachments/0/class=question_list"]];
    QUESTIONS = "questions", "Protocol 13", "the questions, a list", [["/questions"]];
}
