//! Blocks of the Protocol: sea, information, documents, protection and return; and of Budapest 29.

use super::Block;

blocks! {
    VESSEL = "vessel", "Protocol 8(1), 8(7)", "the vessel, by name, number or description",
        [
            ["/vessel/description"],
            ["/vessel/name"],
            ["/vessel/flag_claimed"],
            ["/vessel/port_of_registry"],
            ["/vessel/flag_basis"],
            ["/vessel/imo"],
            ["/vessel/mmsi"],
            ["/vessel/call_sign"],
        ];
    VESSEL_WITH_MARK = "vessel (any mark of nationality)", "Protocol 8(2)",
        "any mark of nationality: name, flag, port of registry or a number",
        [
            ["/vessel/flag_claimed"],
            ["/vessel/name"],
            ["/vessel/port_of_registry"],
            ["/vessel/flag_basis"],
            ["/vessel/imo"],
            ["/vessel/mmsi"],
            ["/vessel/call_sign"],
        ];
    SEA_GROUNDS = "grounds", "Protocol 8(1), 8(2)",
        "reasonable grounds to suspect the vessel, a list", [["/suspicion_grounds"]];
    POSITION = "position", "Protocol 8(1), 8(7)",
        "latitude and longitude in degrees, north and east positive",
        [["/position/lat", "/position/lon"]];
    POSITION_AND_TIME = "position_and_time", "Protocol 8(2)",
        "latitude and longitude in degrees, and the time, RFC 3339",
        [["/position/lat", "/position/lon", "/position/at"]];
    ASSISTANCE_NEEDED = "assistance_needed", "Protocol 8(1)", "the assistance that is needed",
        [["/sea_assistance/needed"]];
    OWN_NATIONALITY = "own_nationality_basis", "Protocol 8(1)",
        "why the vessel is believed to have the own nationality",
        [["/sea_assistance/own_nationality_basis"]];
    REQUEST_STEPS = "request_steps", "Protocol 8(2)",
        "the steps in order: confirm_registry, then authorise", [["/requests/0/what"]];
    MEASURES = "measures", "Protocol 8(2)(a)-(c)", "board, search, appropriate_measures: a list",
        [["/requests/0/measures"]];
    ACTING_UNIT = "acting_unit", "Protocol 9(4)",
        "warship, military_aircraft or government_ship; true if clearly marked",
        [["/acting_unit/type", "/acting_unit/marked_and_identifiable"]];
    SAFEGUARDS = "safeguards", "Protocol 9(1)(a)-(c)",
        "true for safety, for vessel and cargo, for the interests of the flag State",
        [
            [
                "/safeguards/safety_and_humane_treatment",
                "/safeguards/vessel_and_cargo_security",
                "/safeguards/flag_state_interests",
            ],
        ];
    WHO_ANSWERS = "who_answers_24_7", "Protocol 8(4), 8(6)",
        "who answers at all hours, with telephone",
        [["/sea_assistance/who_answers_24_7"], ["/official/phone"]];
    IMAGERY = "imagery", "Protocol 8(2)", "an attachment of class `imagery`",
        [["/attachments/0/class=imagery"]];
    PERSONS_ESTIMATE = "persons_estimate", "Protocol 9(1)(a)", "persons on board, estimated",
        [["/vessel/persons_on_board_estimate"]];
    DESTINATION_PORT = "destination_port", "Protocol 8(2)", "destination, UN/LOCODE or words",
        [["/voyage/declared_destination"], ["/voyage/intended_destination"]];
    RESULTS_AUTHORISATION = "authorisation_reference", "Protocol 8(3)",
        "the message that gave the authorisation", [["/measure_report/authorisation_reference"]];
    WHAT_WAS_DONE = "what_was_done", "Protocol 8(3)", "what was done",
        [["/measure_report/what_was_done"]];
    RESULT = "result", "Protocol 8(3), 8(7)", "what it resulted in", [["/measure_report/result"]];
    PERSONS_FOUND = "persons", "Protocol 8(3), 9(1)(a)",
        "persons found on board, a number, or what became of them",
        [["/measure_report/persons_on_board"], ["/measure_report/persons_status"]];
    VESSEL_STATUS = "vessel_status", "Protocol 8(3), 9(1)(b)",
        "where the vessel is and in whose hands", [["/measure_report/vessel_status"]];
    EVIDENCE_LIST = "evidence_list", "Protocol 8(3)", "evidence secured, a list",
        [["/measure_report/evidence"]];
    DAMAGE = "damage", "Protocol 9(2)",
        "damage to vessel or cargo; an empty text states that there is none",
        [["/measure_report/damage"]];
    COMPENSATION = "compensation 9(2)", "Protocol 9(2)", "true if a claim is expected",
        [["/measure_report/compensation_9_2"]];
    EXTRA_AUTHORISATION = "authorisation_reference", "Protocol 8(5)",
        "the message that gave the authorisation", [["/extra_measure/authorisation_reference"]];
    EXTRA_MEASURE = "measure", "Protocol 8(5)", "the further measure", [["/extra_measure/measure"]];
    EXTRA_REASON = "reason", "Protocol 8(5)", "why it is needed", [["/extra_measure/reason"]];
    IMMINENT_DANGER = "imminent_danger_note", "Protocol 8(5)",
        "what is done about imminent danger to life", [["/imminent_danger_to_life/note"]];
    STATELESS_GROUNDS = "grounds_for_statelessness", "Protocol 8(7)",
        "grounds on which it is taken to be without nationality, a list",
        [["/statelessness/grounds"]];
    STATES_CONCERNED = "states_concerned", "Protocol 8(7)", "countries that are concerned, a list",
        [["/statelessness/states_concerned"]];
    CLAIM_AUTHORISATION = "authorisation_reference", "Protocol 9(2)",
        "the message that gave the authorisation",
        [["/compensation_claim/authorisation_reference"]];
    LOSS = "loss", "Protocol 9(2)", "loss or damage", [["/compensation_claim/loss"]];
    CLAIM_EVIDENCE = "evidence", "Protocol 9(2)", "what proves it, a list",
        [["/compensation_claim/evidence"]];
    GROUP_LINK_AND_POINTS = "organised-group link, points", "Protocol 10(1)(a)",
        "the group, and the points of the route with country",
        [
            ["/organisations/0/name", "/routes/0/points/0/country"],
            ["/intelligence/organised_group_link", "/routes/0/points/0/country"],
        ];
    VALID_UNTIL = "valid_until", "Protocol 10(2)", "last day on which it can be relied on",
        [["/intelligence/valid_until"]];
    GROUP = "group", "Protocol 10(1)(b)", "name or nickname of the group",
        [["/organisations/0/name"]];
    DOCUMENT_SERIES = "document_series", "Protocol 10(1)(c)", "series, or range of numbers",
        [["/document_forms/series"]];
    CONCEALMENT = "method", "Protocol 10(1)(d)", "the method", [["/concealment/method"]];
    BORDER_PERSON = "person", "Protocol 11(6)", "a person, by name", [["/persons/0/names/0/full"]];
    BORDER_VEHICLE = "vehicle", "Protocol 11(6)", "a vehicle, by plate, VIN or container number",
        [["/vehicles/0/plate"], ["/vehicles/0/vin"], ["/vehicles/0/container_no"]];
    BORDER_DOCUMENT = "document", "Protocol 11(6)", "a document, by number",
        [["/documents/0/number"]];
    DOCUMENT = "document", "Protocol 13", "the document: its number, and the State that issued it",
        [["/documents/0/number", "/documents/0/issuing_state"]];
    SUSPICION = "suspicion (link to art. 6 conduct)", "Protocol 13, 6(1)(b)",
        "what is suspected, and the conduct of art. 6 that it is linked to",
        [["/suspicion/category", "/suspicion/art6_link"]];
    IMAGES_OR_MRZ = "images_or_mrz", "Protocol 13",
        "lines of the machine-readable zone, or an attachment of class `document_image`",
        [["/documents/0/mrz/lines"], ["/attachments/0/class=document_image"]];
    CHIP_DATA = "chip_data", "Protocol 13", "true if the chip was read",
        [["/documents/0/chip/read"]];
    BEARER = "bearer", "Protocol 13", "the bearer, by name", [["/persons/0/names/0/full"]];
    DETENTION_LIMIT = "detention_limit", "Protocol 13", "when the bearer must be let go, RFC 3339",
        [["/document_check/detention_ends"]];
    PLACE_OF_DETENTION = "place_of_detention", "Protocol 16(5)", "where the person is detained",
        [["/consular_notice/place_of_detention"]];
    PERSON_WAS_INFORMED = "person_was_informed", "Protocol 16(5); VCCR 36(1)(b)",
        "true if the person was told of the right", [["/consular_notice/person_was_informed"]];
    PERSON_ASKED = "person_asked_for_notification", "VCCR 36(1)(b)",
        "true if the person asked for it", [["/consular_notice/person_asked_for_notification"]];
    VISIT_TIMES = "visit_times", "VCCR 36(1)(c)", "when visits are possible, a list",
        [["/consular_notice/visit_times"]];
    PROTECTED_REFERENCE = "person_reference", "Protocol 16(3)", "reference of the person",
        [["/protection_need/person_reference"]];
    THREAT = "threat", "Protocol 16(2), 16(3)", "the threat", [["/protection_need/threat"]];
    NEED = "need", "Protocol 16(3), 16(4)", "what is needed", [["/protection_need/need"]];
    CHILDREN = "children", "Protocol 16(4)", "children who are affected",
        [["/protection_need/children"]];
    PROTECTION_MEDICAL = "medical", "Protocol 16(3)", "medical needs",
        [["/protection_need/medical"]];
    PERSON_IN_FULL = "person (names, birth, parents, address)", "Protocol 18(3)",
        "one person with name, birth, a parent and the last address",
        [
            [
                "/persons/0/names/0/full",
                "/persons/0/birth/date",
                "/persons/0/parents/0/name",
                "/persons/0/address_last/locality",
            ],
            [
                "/persons/0/names/0/full",
                "/persons/0/birth/date",
                "/persons/0/parents/0/name",
                "/persons/0/address_last/country",
            ],
            [
                "/persons/0/names/0/full",
                "/persons/0/birth/as_declared",
                "/persons/0/parents/0/name",
                "/persons/0/address_last/locality",
            ],
            [
                "/persons/0/names/0/full",
                "/persons/0/birth/as_declared",
                "/persons/0/parents/0/name",
                "/persons/0/address_last/country",
            ],
        ];
    CLAIMED_STATUS = "claimed_status", "Protocol 18(1), 18(3)",
        "the State, and national or permanent_resident",
        [["/claimed_status/state", "/claimed_status/kind"]];
    ASYLUM_CHECK = "asylum_check", "Protocol 19(1)", "true if the person was asked about asylum",
        [["/asylum/asked"]];
    INFORMED_PERSON = "informed_person", "Protocol 18(5), 19", "true if the person was informed",
        [["/consent/person_informed"]];
    BIOMETRICS = "biometrics", "Protocol 18(3)", "portrait, fingerprints or iris",
        [["/persons/0/biometrics/0/type"]];
    DOCUMENTS = "documents", "Protocol 18(3)", "documents that the person has, by type",
        [["/documents/0/type"]];
    LANGUAGE_INTERVIEW = "language_interview", "Protocol 18(3)",
        "how an interview on language and origin can be held",
        [["/status_check/language_interview"]];
    CONFIRMED_NATIONALITY = "nationality_confirmation_reference", "Protocol 18(4)",
        "the message that confirmed the nationality",
        [["/travel_document_issue/nationality_confirmation_reference"]];
    TRAVEL_DATES = "travel_dates", "Protocol 18(4)", "days of travel, a list",
        [["/travel_document_issue/travel_dates"]];
    TRAVEL_ROUTE = "route", "Protocol 18(4)", "the way, in words",
        [["/travel_document_issue/route"]];
    TRAVEL_ESCORT = "escort", "Protocol 18(5)", "who escorts the person",
        [["/travel_document_issue/escort"]];
    TRAVEL_MEDICAL = "medical", "Protocol 18(5)", "medical needs on the way",
        [["/travel_document_issue/medical"]];
    CONFIRMED_STATUS = "confirmation_reference", "Protocol 18(1), 18(2)",
        "the message that confirmed nationality or residence",
        [["/return_operation/confirmation_reference"]];
    ITINERARY = "itinerary", "Protocol 18(5)", "the way, with times",
        [["/return_operation/itinerary"]];
    SAFETY_AND_DIGNITY = "safety_and_dignity_plan", "Protocol 18(5)",
        "how safety and dignity are kept", [["/return_operation/safety_and_dignity_plan"]];
    RETURN_ORGANISATION = "international_organisation", "Protocol 18(6)",
        "organisation that assists", [["/return_operation/international_organisation"]];
    FAMILY_UNITY = "family_unity", "Protocol 18(5)", "how the family stays together",
        [["/return_operation/family_unity"]];
    PRESERVING_AUTHORITY = "authority", "Budapest Convention 29(2)(a)",
        "the authority that seeks the preservation", [["/preservation/authority"]];
    OFFENCE_AND_FACTS = "offence_and_facts", "Budapest Convention 29(2)(b)",
        "the offence, and a brief summary of the facts",
        [["/offences/0/article", "/facts"], ["/offences/0/domestic_law", "/facts"]];
    DATA_AND_RELATION = "data_and_relation", "Budapest Convention 29(2)(c)",
        "the data, and how they are related to the offence",
        [["/preservation/data", "/preservation/relation"]];
    CUSTODIAN_OR_LOCATION = "custodian_or_location", "Budapest Convention 29(2)(d)",
        "who has the data, or where the computer system is",
        [["/preservation/custodian"], ["/preservation/location"]];
    NECESSITY = "necessity", "Budapest Convention 29(2)(e)", "why preservation is necessary",
        [["/preservation/necessity"]];
    INTENT_TO_SEND_MLA = "intent_to_send_mla", "Budapest Convention 29(2)(f)",
        "true: a request for assistance will follow", [["/preservation/intent_to_send_mla=true"]];
    PRESERVATION_DURATION = "duration", "Budapest Convention 29(7)",
        "how long, in days; at least 60", [["/preservation/duration_days"]];
}
