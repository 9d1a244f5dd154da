//! Blocks of mutual legal assistance (UNTOC 18) and of information given unasked (18(4)).

use super::Block;

blocks! {
    PERSON_TO_BE_HEARD = "person_to_be_heard", "UNTOC 18(3)(a)",
        "the person to be heard, by a name or by an id of this message",
        [["/persons/0/names/0/full"], ["/testimony/person"]];
    TESTIMONY_CAPACITY = "capacity", "UNTOC 18(3)(a)",
        "witness, expert, victim, suspect or accused", [["/testimony/capacity"]];
    OATH_FORM = "oath_form", "UNTOC 18(17)", "form of oath or declaration",
        [["/testimony/oath_form"]];
    FOREIGN_OFFICERS_AT_HEARING = "presence_of_foreign_officers", "UNTOC 18(17)",
        "officers of the requesting State who ask to be present, a list",
        [["/testimony/foreign_officers"]];
    RECORDING = "audio_video_record", "UNTOC 18(17)", "whether sound or picture is to be recorded",
        [["/testimony/recording"]];
    TESTIMONY_INTERPRETER = "interpreter", "UNTOC 18(17)", "true if interpretation is needed",
        [["/testimony/interpreter/needed"]];
    SERVED_DOCUMENT = "document", "UNTOC 18(3)(b)", "id of the attachment that is to be served",
        [["/service/document"]];
    ADDRESSEE_NAME = "addressee_name", "UNTOC 18(3)(b)", "name of the addressee",
        [["/service/addressee_name"]];
    ADDRESSEE_ADDRESS = "addressee_address", "UNTOC 18(3)(b)",
        "where the addressee is found: town and country",
        [["/service/addressee_address/locality", "/service/addressee_address/country"]];
    HEARING_OR_EXPIRY_DATE = "hearing_or_expiry_date", "UNTOC 18(24)",
        "day of the hearing, or day on which the document loses its effect",
        [["/service/hearing_or_expiry_date"]];
    PROOF_FORM = "proof_form", "UNTOC 18(17)", "form in which service is to be proved",
        [["/service/proof_form"]];
    LEGAL_CONSEQUENCES = "legal_consequences_notice", "UNTOC 18(3)(b)",
        "what follows in law if the addressee does nothing",
        [["/service/legal_consequences_notice"]];
    PLACE_OR_OBJECT = "place_or_object", "UNTOC 18(3)(c)",
        "place to be searched, or object to be seized", [["/search/place_or_object"]];
    ORDER_OR_GROUNDS = "order_or_statement_of_grounds", "UNTOC 18(3)(c)",
        "id of the attachment with the order, or the grounds in words",
        [["/search/order"], ["/search/statement_of_grounds"]];
    FOREIGN_OFFICERS_AT_SEARCH = "presence_of_foreign_officers", "UNTOC 18(17)",
        "officers of the requesting State who ask to be present, a list",
        [["/search/foreign_officers"]];
    CUSTODY_RULES = "chain_of_custody_rules", "UNTOC 18(17)", "rules for the chain of custody",
        [["/search/chain_of_custody_rules"]];
    DEVICE_LIST = "device_list", "UNTOC 18(3)(c)", "devices that are looked for, a list",
        [["/search/devices"]];
    OBJECT_OR_SITE = "object_or_site", "UNTOC 18(3)(d)", "what is examined",
        [["/examination/object_or_site"]];
    EXAMINATION_METHOD = "examination_method", "UNTOC 18(3)(d)", "by which method",
        [["/examination/method"]];
    EXPERT_NAME = "expert_name", "UNTOC 18(3)(d)", "expert who is asked for",
        [["/examination/expert"]];
    EXAMINATION_SAMPLES = "samples", "UNTOC 18(3)(d)", "samples to be taken, a list",
        [["/examination/samples"]];
    ITEMS_OR_QUESTIONS = "items_or_questions", "UNTOC 18(3)(e)",
        "a list of questions, or items with id and text",
        [["/questions"], ["/assistance/items/0/id", "/assistance/items/0/text"]];
    FORMAT = "format", "UNTOC 18(17)", "form in which it is to come, such as CSV",
        [["/records/format"]];
    RETURN_OF_ORIGINALS = "return_of_originals", "UNTOC 18(3)(e)",
        "true if originals are given back", [["/records/return_of_originals"]];
    RECORD_HOLDER = "record_holder", "UNTOC 18(3)(f)", "who holds the records",
        [["/records/holder"], ["/accounts/0/institution"]];
    ACCOUNT_OR_COMPANY = "account_or_company_identifier", "UNTOC 18(3)(f)",
        "IBAN or number of the account, or number in a register or LEI of the company",
        [
            ["/accounts/0/iban"],
            ["/accounts/0/number"],
            ["/organisations/0/register_no"],
            ["/organisations/0/lei"],
        ];
    RECORD_PERIOD = "period", "UNTOC 18(3)(f)", "first and last day that the records are about",
        [
            ["/records/period/from", "/records/period/to"],
            ["/accounts/0/period/from", "/accounts/0/period/to"],
        ];
    NEXUS_TO_FACTS = "nexus_to_facts", "UNTOC 18(15)(c), 18(15)(d)",
        "how the records are connected with the facts", [["/nexus"]];
    CERTIFICATE = "certificate_of_authenticity", "UNTOC 18(3)(f)",
        "certificate of authenticity that is asked for", [["/records/certificate_of_authenticity"]];
    NON_DISCLOSURE = "non_disclosure_to_customer", "UNTOC 18(20)",
        "true if the customer is not to be told", [["/records/non_disclosure_to_customer"]];
    ASSET_LEAD = "asset_lead", "UNTOC 18(3)(g)", "what leads to the property", [["/tracing/lead"]];
    TRACING_SUBJECT = "subject", "UNTOC 18(3)(g), 18(2)",
        "id of the person or organisation whose property it is", [["/tracing/subject"]];
    ASSET_OFFICE = "asset_recovery_office_contact", "UNTOC 18(3)(g)",
        "contact at an asset recovery office", [["/tracing/asset_recovery_office_contact"]];
    PLACE_AND_DATES = "place_and_dates", "UNTOC 18(3)(h)",
        "where and when the person is to appear; a list of times, RFC 3339",
        [["/appearance/place", "/appearance/dates"]];
    EXPENSES_OFFER = "expenses_offer", "UNTOC 18(3)(h)", "expenses that the requesting State pays",
        [["/appearance/expenses_offer"]];
    SAFE_CONDUCT = "safe_conduct_statement", "UNTOC 18(27)", "safe conduct: granted, in one word",
        [["/safe_conduct_18_27"]];
    APPEARANCE_PROTECTION = "protective_measures", "UNTOC 24(1)",
        "what protects the person, a list", [["/appearance/protective_measures"]];
    APPEARANCE_TRAVEL = "travel_documents", "UNTOC 18(3)(h)",
        "travel documents that the person needs", [["/appearance/travel_documents"]];
    ASSISTANCE_TEXT = "assistance_text", "UNTOC 18(3)(i)", "the assistance, in words",
        [["/assistance/description"]];
    LEGAL_REASON = "legal_reason", "UNTOC 18(3)(i)",
        "why the law of the requested State does not stand against it",
        [["/other_assistance/legal_reason"]];
    HEARING_CAPACITY = "capacity", "UNTOC 18(18)", "witness or expert", [["/hearing/capacity"]];
    REASON_NOT_IN_PERSON = "reason_not_in_person", "UNTOC 18(18)",
        "not_possible or not_desirable, with the reason in words",
        [["/hearing/reason_not_in_person/code", "/hearing/reason_not_in_person/text"]];
    HEARING_DATES = "dates", "UNTOC 18(18)", "times proposed, a list, RFC 3339",
        [["/hearing/dates"]];
    WHO_CONDUCTS = "who_conducts", "UNTOC 18(18)", "the authority that conducts the hearing",
        [["/hearing/conducted_by/authority"]];
    HEARING_TECHNICAL = "technical", "UNTOC 18(18)", "how the link is made, such as `SIP/H.323`",
        [["/hearing/technical/protocol"]];
    HEARING_INTERPRETER = "interpreter", "UNTOC 18(18)", "true if interpretation is needed",
        [["/hearing/interpreter/needed"]];
    HEARING_PROTECTION = "protective_measures", "UNTOC 24(2)(b)",
        "what protects the person, a list", [["/hearing/protective_measures"]];
    WHO_ATTENDS = "who_attends", "UNTOC 18(18)",
        "true if an authority of the requested State attends",
        [["/hearing/attended_by_requested_authority"]];
    COST_PROPOSAL = "cost_proposal", "UNTOC 18(28)", "who is to bear what", [["/costs/proposal"]];
    DETAINED_PERSON = "detained_person", "UNTOC 18(10)",
        "id of the detained person, who is named among the persons",
        [["/custody_transfer/person", "/persons/0/names/0/full"]];
    INFORMED_CONSENT = "informed_consent", "UNTOC 18(10)(a)",
        "true twice: the person was informed, and agrees",
        [["/custody_transfer/consent/informed=true", "/custody_transfer/consent/given=true"]];
    TRANSFER_DATES = "dates", "UNTOC 18(10)(b), 18(11)(b)",
        "times of the transfer, a list, RFC 3339, and the day of return",
        [["/custody_transfer/dates", "/custody_transfer/return_by"]];
    CUSTODY_UNDERTAKING = "custody_undertaking", "UNTOC 18(11)(a)",
        "true: the person is kept in custody", [["/custody_transfer/custody_undertaking=true"]];
    RETURN_UNDERTAKING = "return_undertaking", "UNTOC 18(11)(b), 18(11)(c)",
        "true: the person is returned without delay",
        [["/custody_transfer/return_undertaking=true"]];
    CREDIT_FOR_TIME = "credit_for_time", "UNTOC 18(11)(d)",
        "true: time in custody counts as time served", [["/custody_transfer/credit_for_time=true"]];
    IMMUNITY_WAIVER = "immunity_waiver_request", "UNTOC 18(12)",
        "waiver of immunity that is asked for", [["/custody_transfer/immunity_waiver_request"]];
    TRANSFER_ESCORT = "escort", "UNTOC 18(10)(b)", "who escorts the person",
        [["/custody_transfer/escort"]];
    RECORD_DESCRIPTION = "record_description", "UNTOC 18(29)", "which records",
        [["/records/description"]];
    PUBLIC_OR_RESTRICTED = "public_or_restricted", "UNTOC 18(29)(a), 18(29)(b)",
        "public or restricted", [["/records/access"]];
    WHY_IT_MAY_HELP = "why_it_may_help", "UNTOC 18(4)", "why it may help the one who receives it",
        [["/intelligence/why_it_may_help"], ["/purpose"]];
    INVITATION_TO_REQUEST = "invitation_to_request", "UNTOC 18(4)",
        "true if a request on the strength of it is welcome",
        [["/intelligence/invitation_to_request"]];
}
