//! Blocks of confiscation, extradition, joint work and police cooperation (UNTOC 13 to 28).

use super::Block;

blocks! {
    PROPERTY = "property_description", "UNTOC 13(3)(a)", "description of the property",
        [["/confiscation/property_description"]];
    FACTS_FOR_ORDER = "facts_sufficient_for_order", "UNTOC 13(3)(a)",
        "facts that let the requested State seek an order", [["/confiscation/facts_for_order"]];
    THIRD_PARTY_CLAIMS = "third_party_claims", "UNTOC 13(8)",
        "claims of third parties who act in good faith", [["/confiscation/third_party_claims"]];
    COPY_OF_ORDER = "admissible_copy_of_order", "UNTOC 13(3)(b)",
        "id of the attachment with the legally admissible copy of the order",
        [["/confiscation/order"]];
    EXTENT_OF_EXECUTION = "extent_of_execution", "UNTOC 13(3)(b)",
        "how far the order is to be executed", [["/confiscation/extent_of_execution"]];
    FINALITY = "finality_certificate", "UNTOC 13(1)(b)",
        "id of the attachment that certifies the order as final",
        [["/confiscation/finality_certificate"]];
    SHARING = "sharing_proposal 14(3)", "UNTOC 14(3)", "how proceeds are to be shared",
        [["/confiscation/sharing_proposal"]];
    COMPENSATION_OR_RETURN = "compensation_or_return 14(2)", "UNTOC 14(2)",
        "compensation of victims, or return to lawful owners",
        [["/confiscation/compensation_or_return"]];
    ACTIONS_REQUESTED = "actions_requested", "UNTOC 13(3)(c)", "actions requested, a list",
        [["/freezing/actions"]];
    FREEZING_PROPERTY = "property_description", "UNTOC 13(3)(c)", "description of the property",
        [["/freezing/property_description"]];
    FREEZING_DURATION = "duration", "UNTOC 13(2)", "last day of the freeze", [["/freezing/until"]];
    PERSON_SOUGHT = "person_sought", "UNTOC 16(1)",
        "the person sought, by a name as it stands somewhere", [["/persons/0/names/0/full"]];
    WARRANT_OR_JUDGMENT = "warrant_or_judgment", "UNTOC 16(7)",
        "id of the attachment with the warrant or judgment", [["/extradition/warrant_or_judgment"]];
    TREATY_BASIS = "treaty_basis", "UNTOC 16(3)-(6)",
        "the treaty, or the Convention itself, as basis", [["/extradition/treaty_basis"]];
    SENTENCE_REMAINING = "sentence_remaining", "UNTOC 16(7)",
        "sentence that remains, such as `P2Y3M`", [["/extradition/sentence_remaining"]];
    SPECIALTY = "specialty_statement", "UNTOC 16(7)", "statement on the rule of specialty",
        [["/extradition/specialty_statement"]];
    WARRANT_REFERENCE = "warrant_reference", "UNTOC 16(9)", "reference of the warrant",
        [["/extradition/warrant_reference"]];
    URGENCY_REASON = "urgency_reason", "UNTOC 16(9)", "why it is urgent", [["/urgency/reason"]];
    INTENT_TO_SEND_REQUEST = "intent_to_send_request", "UNTOC 16(9)",
        "true: a request for extradition will follow",
        [["/extradition/intent_to_send_request=true"]];
    ARREST_LOCATION = "location", "UNTOC 16(9)", "where the person is believed to be",
        [["/extradition/location"], ["/persons/0/location/country"]];
    NOTICE_REFERENCE = "notice_reference", "UNTOC 16(9)", "reference of a notice of INTERPOL",
        [["/extradition/notice_reference"]];
    JUDGMENT = "judgment", "UNTOC 16(12), 17", "id of the attachment with the judgment",
        [["/sentence/judgment"]];
    REMAINING_SENTENCE = "remaining_sentence", "UNTOC 16(12)",
        "sentence that remains, such as `P2Y3M`", [["/sentence/remaining"]];
    REFUSAL_REFERENCE = "refusal_reference", "UNTOC 16(12)", "the message that refused extradition",
        [["/sentence/refusal_reference"]];
    SENTENCED_CONSENT = "consent", "UNTOC 17", "true: the sentenced person consents",
        [["/sentence/consent=true"]];
    AGREEMENT = "agreement_or_arrangement", "UNTOC 17",
        "agreement or arrangement on which the transfer rests", [["/sentence/agreement"]];
    FAMILY_TIES = "family_ties", "UNTOC 17", "family ties of the person",
        [["/sentence/family_ties"]];
    PARTICIPANTS = "participants", "UNTOC 19", "authorities that take part, a list",
        [["/joint_team/participants"]];
    TEAM_TERRITORY = "territory", "UNTOC 19", "countries in which it acts, a list",
        [["/joint_team/territory"]];
    LEADER = "leader", "UNTOC 19", "who leads it", [["/joint_team/leader"]];
    TEAM_DURATION = "duration", "UNTOC 19", "how long it works, such as `P6M`",
        [["/joint_team/duration"]];
    DATA_RULES = "data_rules", "UNTOC 19", "rules for data and evidence",
        [["/joint_team/data_rules"]];
    BUDGET = "budget", "UNTOC 19", "its budget", [["/joint_team/budget"]];
    PARTNERS = "partners", "UNTOC 19", "others who support it, a list", [["/joint_team/partners"]];
    TECHNIQUE = "technique", "UNTOC 20(1)",
        "controlled_delivery, electronic_surveillance, undercover_operation",
        [["/special_technique/technique"]];
    TECHNIQUE_GROUNDS = "grounds", "UNTOC 20(1)", "grounds", [["/special_technique/grounds"]];
    TIME_WINDOW = "time_window", "UNTOC 20(3)", "begin and end, RFC 3339",
        [["/special_technique/window/from", "/special_technique/window/to"]];
    TECHNIQUE_TERRITORY = "territory", "UNTOC 20(2)", "countries in which it takes place, a list",
        [["/special_technique/territory"]];
    DOMESTIC_AUTHORISATION = "domestic_authorisation", "UNTOC 20(1)",
        "authorisation under the law of the requesting State",
        [["/special_technique/domestic_authorisation"]];
    TECHNIQUE_COSTS = "costs 20(3)", "UNTOC 20(3)", "who bears which costs",
        [["/special_technique/costs"]];
    INTERCEPT_OR_REPLACE = "consent_to_intercept_or_replace 20(4)", "UNTOC 20(4)",
        "whether goods may be intercepted, removed or replaced",
        [["/special_technique/intercept_or_replace"]];
    CASE_FILE_INDEX = "case_file_index", "UNTOC 21",
        "id of the attachment with the index of the case file",
        [["/proceedings_transfer/case_file_index"]];
    REASON_FOR_CONCENTRATION = "reason_for_concentration", "UNTOC 21",
        "why the proceedings are concentrated there",
        [["/proceedings_transfer/reason_for_concentration"]];
    SUSPECT_AND_VICTIMS = "position_of_suspect_and_victims", "UNTOC 21, 25(3)",
        "where suspect and victims stand",
        [["/proceedings_transfer/position_of_suspect_and_victims"]];
    EVIDENCE_TRANSFER = "evidence_transfer", "UNTOC 21", "how the evidence is handed over",
        [["/proceedings_transfer/evidence_transfer"]];
    PSEUDONYM = "pseudonymous_reference", "UNTOC 24(3)", "a reference that names nobody",
        [["/relocation/pseudonymous_reference"]];
    RISK_SUMMARY = "risk_summary", "UNTOC 24(3)",
        "the risk, without what would identify the person", [["/relocation/risk_summary"]];
    RELOCATION_NEEDS = "needs", "UNTOC 24(3)", "what the person needs, a list",
        [["/relocation/needs"]];
    RELOCATION_DURATION = "duration", "UNTOC 24(3)", "how long, such as `P2Y`",
        [["/relocation/duration"]];
    RELOCATION_COSTS = "costs", "UNTOC 24(3)", "who bears which costs", [["/relocation/costs"]];
    COOPERATOR_REFERENCE = "person_reference", "UNTOC 26(5)", "reference of the person",
        [["/cooperator/person_reference"]];
    VALUE_OF_COOPERATION = "value_of_cooperation", "UNTOC 26(5)", "what the cooperation is worth",
        [["/cooperator/value_of_cooperation"]];
    TREATMENT_SOUGHT = "treatment_sought", "UNTOC 26(5)", "treatment that is sought",
        [["/cooperator/treatment_sought"]];
    REQUESTING_UNIT = "requesting_unit", "UNTOC 27(1)(b)", "unit that asks",
        [["/inquiry/requesting_unit"]];
    IDENTIFIERS = "identifiers", "UNTOC 27(1)(b)(i)", "identifiers of the person, a list",
        [["/inquiry/identifiers"]];
    PHOTOS = "photos", "UNTOC 27(1)(b)(i)", "a portrait among the biometric records of the person",
        [["/persons/0/biometrics/0/type=portrait"]];
    ASSET_OR_ACCOUNT = "asset_or_account", "UNTOC 27(1)(b)(ii)",
        "IBAN or number of the account, or the property in words",
        [["/accounts/0/iban"], ["/accounts/0/number"], ["/inquiry/asset"]];
    TRANSACTIONS = "transactions", "UNTOC 27(1)(b)(ii)",
        "transactions that are asked about, a list", [["/inquiry/transactions"]];
    OBJECT = "object", "UNTOC 27(1)(b)(iii)",
        "vehicle, boat or equipment: in words, by plate, VIN, container number or name",
        [
            ["/inquiry/object"],
            ["/vehicles/0/plate"],
            ["/vehicles/0/vin"],
            ["/vehicles/0/container_no"],
            ["/vessel/name"],
        ];
    ALERT_WINDOW = "alert_window", "UNTOC 27(1)(b)(iii)", "when it is expected, RFC 3339",
        [["/inquiry/alert_window/from", "/inquiry/alert_window/to"]];
    SAMPLE_ITEM = "item", "UNTOC 27(1)(c)", "what is provided for analysis", [["/samples/item"]];
    CHAIN_OF_CUSTODY = "chain_of_custody", "UNTOC 27(1)(c)", "its chain of custody",
        [["/samples/chain_of_custody"]];
    SAMPLE_RETURN = "return", "UNTOC 27(1)(c)", "what becomes of it after the analysis",
        [["/samples/return"]];
    LIAISON_DATES = "dates", "UNTOC 27(1)(d)", "times proposed, a list, RFC 3339",
        [["/liaison/dates"]];
    MEASURE_PROPOSED = "measure_proposed", "UNTOC 27(1)(f)",
        "measure that is proposed to be taken together", [["/intelligence/measure_proposed"]];
    TOPIC = "topic", "UNTOC 28(2); Protocol 10(1)(e), 10(1)(f)", "what it is about, in a few words",
        [["/intelligence/topic"]];
    DATASET = "dataset", "UNTOC 28(2)", "id of the attachment with the data",
        [["/intelligence/dataset"]];
}
