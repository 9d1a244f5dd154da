//! Every place of a message file at which a block may be said, as a path of the generated types.
//!
//! The pointer of a place is made of the same words as its path, so neither can be renamed without
//! the other. A list on the way is met at one item where it is the message's own, and at any item
//! further down.

use crate::wire::pb;

/// A value that a message may or may not state.
trait Stated {
    /// Is it there, and the `word` that it must be, if it must be one? Blank text is not there.
    fn is_stated(&self, word: Option<&str>) -> bool;
}

impl Stated for String {
    fn is_stated(&self, word: Option<&str>) -> bool {
        word.map_or_else(|| !self.trim().is_empty(), |word| self.trim() == word)
    }
}

impl Stated for bool {
    fn is_stated(&self, word: Option<&str>) -> bool {
        word.is_none_or(|word| word == if *self { "true" } else { "false" })
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl Stated for $number {
            fn is_stated(&self, word: Option<&str>) -> bool {
                word.is_none_or(|word| word.parse() == Ok(*self))
            }
        })*
    };
}

numbers!(u32, f64);

impl<T: Stated> Stated for Option<T> {
    fn is_stated(&self, word: Option<&str>) -> bool {
        self.as_ref().is_some_and(|it| it.is_stated(word))
    }
}

impl<T: Stated> Stated for Vec<T> {
    fn is_stated(&self, word: Option<&str>) -> bool {
        self.iter().any(|it| it.is_stated(word))
    }
}

/// One place.
pub(super) struct Place {
    /// Its JSON pointer.
    pub(super) pointer: &'static str,
    /// Is something said there, with `index` for the item of the message's own list?
    pub(super) says: fn(&pb::Draft, usize, Option<&str>) -> bool,
}

macro_rules! pointer {
    (r#type) => { "/type" };
    (r#return) => { "/return" };
    ($field:ident) => { concat!("/", stringify!($field)) };
    ($field:ident [] . $($rest:tt)+) => {
        concat!("/", stringify!($field), "/0", pointer!($($rest)+))
    };
    ($field:ident . $($rest:tt)+) => { concat!("/", stringify!($field), pointer!($($rest)+)) };
}

macro_rules! further {
    ($at:ident, $word:ident, $field:ident) => { $at.$field.is_stated($word) };
    ($at:ident, $word:ident, $field:ident [] . $($rest:tt)+) => {
        $at.$field.iter().any(|it| further!(it, $word, $($rest)+))
    };
    ($at:ident, $word:ident, $field:ident . $($rest:tt)+) => {
        $at.$field.as_ref().is_some_and(|it| further!(it, $word, $($rest)+))
    };
}

macro_rules! place {
    (blank: $field:ident . $last:ident) => {
        Place {
            pointer: pointer!($field . $last),
            says: |draft, _, _| draft.$field.as_ref().is_some_and(|it| it.$last.is_some()),
        }
    };
    ($field:ident [] . $($rest:tt)+) => {
        Place {
            pointer: pointer!($field [] . $($rest)+),
            says: |draft, index, word| {
                draft.$field.get(index).is_some_and(|it| further!(it, word, $($rest)+))
            },
        }
    };
    ($($path:tt)+) => {
        Place {
            pointer: pointer!($($path)+),
            says: |draft, _, word| further!(draft, word, $($path)+),
        }
    };
}

macro_rules! places {
    ($(($($path:tt)+))*) => {
        /// Every place, in the order of the pointers.
        static PLACES: &[Place] = &[$(place!($($path)+),)*];
    };
}

/// Does the message say something at `pointer`, and if a word must stand there, that one?
pub(super) fn says(draft: &pb::Draft, pointer: &str, index: usize, word: Option<&str>) -> bool {
    let found = PLACES.binary_search_by(|it| it.pointer.cmp(pointer)).ok();
    found.and_then(|at| PLACES.get(at)).is_some_and(|it| (it.says)(draft, index, word))
}

/// How many items the longest of the message's own lists has that places stand in; at least 1.
pub(super) fn items(draft: &pb::Draft) -> usize {
    [
        draft.persons.len(),
        draft.documents.len(),
        draft.vehicles.len(),
        draft.routes.len(),
        draft.organisations.len(),
        draft.accounts.len(),
        draft.offences.len(),
        draft.attachments.len(),
        draft.requests.len(),
    ]
    .into_iter()
    .fold(1, usize::max)
}

// `blank:` marks a place where an empty text states that there is nothing to say.
places! {
    (accounts[].iban)
    (accounts[].institution)
    (accounts[].number)
    (accounts[].period.from)
    (accounts[].period.to)
    (acting_unit.marked_and_identifiable)
    (acting_unit.r#type)
    (appearance.dates)
    (appearance.expenses_offer)
    (appearance.place)
    (appearance.protective_measures)
    (appearance.travel_documents)
    (blank: art_18_5.restrictions)
    (assistance.description)
    (assistance.items[].id)
    (assistance.items[].text)
    (assistance.procedure)
    (asylum.asked)
    (attachments[].class)
    (claimed_status.kind)
    (claimed_status.state)
    (compensation_claim.authorisation_reference)
    (compensation_claim.evidence)
    (compensation_claim.loss)
    (concealment.method)
    (conducting_authority.functions)
    (conducting_authority.name)
    (confiscation.compensation_or_return)
    (confiscation.extent_of_execution)
    (confiscation.facts_for_order)
    (confiscation.finality_certificate)
    (confiscation.order)
    (confiscation.property_description)
    (confiscation.sharing_proposal)
    (confiscation.third_party_claims)
    (consent.person_informed)
    (consular_notice.person_asked_for_notification)
    (consular_notice.person_was_informed)
    (consular_notice.place_of_detention)
    (consular_notice.visit_times)
    (cooperator.person_reference)
    (cooperator.treatment_sought)
    (cooperator.value_of_cooperation)
    (costs.proposal)
    (custody_transfer.consent.given)
    (custody_transfer.consent.informed)
    (custody_transfer.credit_for_time)
    (custody_transfer.custody_undertaking)
    (custody_transfer.dates)
    (custody_transfer.escort)
    (custody_transfer.immunity_waiver_request)
    (custody_transfer.person)
    (custody_transfer.return_by)
    (custody_transfer.return_undertaking)
    (document_check.detention_ends)
    (document_forms.series)
    (documents[].chip.read)
    (documents[].issuing_state)
    (documents[].mrz.lines)
    (documents[].number)
    (documents[].r#type)
    (evaluation.information)
    (evaluation.scheme)
    (evaluation.source)
    (examination.expert)
    (examination.method)
    (examination.object_or_site)
    (examination.samples)
    (extra_measure.authorisation_reference)
    (extra_measure.measure)
    (extra_measure.reason)
    (extradition.intent_to_send_request)
    (extradition.location)
    (extradition.notice_reference)
    (extradition.sentence_remaining)
    (extradition.specialty_statement)
    (extradition.treaty_basis)
    (extradition.warrant_or_judgment)
    (extradition.warrant_reference)
    (facts)
    (freezing.actions)
    (freezing.property_description)
    (freezing.until)
    (from)
    (handling.tlp)
    (hearing.attended_by_requested_authority)
    (hearing.capacity)
    (hearing.conducted_by.authority)
    (hearing.dates)
    (hearing.interpreter.needed)
    (hearing.protective_measures)
    (hearing.reason_not_in_person.code)
    (hearing.reason_not_in_person.text)
    (hearing.technical.protocol)
    (imminent_danger_to_life.note)
    (inquiry.alert_window.from)
    (inquiry.alert_window.to)
    (inquiry.asset)
    (inquiry.identifiers)
    (inquiry.object)
    (inquiry.requesting_unit)
    (inquiry.transactions)
    (intelligence.dataset)
    (intelligence.invitation_to_request)
    (intelligence.measure_proposed)
    (intelligence.organised_group_link)
    (intelligence.topic)
    (intelligence.valid_until)
    (intelligence.why_it_may_help)
    (joint_team.budget)
    (joint_team.data_rules)
    (joint_team.duration)
    (joint_team.leader)
    (joint_team.participants)
    (joint_team.partners)
    (joint_team.territory)
    (liaison.dates)
    (matter.nature)
    (matter.subject)
    (measure_report.authorisation_reference)
    (measure_report.compensation_9_2)
    (blank: measure_report.damage)
    (measure_report.evidence)
    (measure_report.persons_on_board)
    (measure_report.persons_status)
    (measure_report.result)
    (measure_report.vessel_status)
    (measure_report.what_was_done)
    (nexus)
    (offences[].article)
    (offences[].domestic_law)
    (offences[].max_penalty_years)
    (offences[].text_attachment)
    (official.phone)
    (organisations[].country)
    (organisations[].lei)
    (organisations[].name)
    (organisations[].register_no)
    (other_assistance.legal_reason)
    (persons[].address_last.country)
    (persons[].address_last.locality)
    (persons[].biometrics[].r#type)
    (persons[].birth.as_declared)
    (persons[].birth.date)
    (persons[].id)
    (persons[].identity_status)
    (persons[].location.country)
    (persons[].names[].full)
    (persons[].nationalities[].code)
    (persons[].parents[].name)
    (position.at)
    (position.lat)
    (position.lon)
    (preservation.authority)
    (preservation.custodian)
    (preservation.data)
    (preservation.duration_days)
    (preservation.intent_to_send_mla)
    (preservation.location)
    (preservation.necessity)
    (preservation.relation)
    (proceedings_transfer.case_file_index)
    (proceedings_transfer.evidence_transfer)
    (proceedings_transfer.position_of_suspect_and_victims)
    (proceedings_transfer.reason_for_concentration)
    (protection_need.children)
    (protection_need.medical)
    (protection_need.need)
    (protection_need.person_reference)
    (protection_need.threat)
    (purpose)
    (questions)
    (records.access)
    (records.certificate_of_authenticity)
    (records.description)
    (records.format)
    (records.holder)
    (records.non_disclosure_to_customer)
    (records.period.from)
    (records.period.to)
    (records.return_of_originals)
    (relocation.costs)
    (relocation.duration)
    (relocation.needs)
    (relocation.pseudonymous_reference)
    (relocation.risk_summary)
    (requests[].measures)
    (requests[].what)
    (return_operation.confirmation_reference)
    (return_operation.family_unity)
    (return_operation.international_organisation)
    (return_operation.itinerary)
    (return_operation.safety_and_dignity_plan)
    (routes[].points[].country)
    (safe_conduct_18_27)
    (safeguards.flag_state_interests)
    (safeguards.safety_and_humane_treatment)
    (safeguards.vessel_and_cargo_security)
    (samples.chain_of_custody)
    (samples.item)
    (samples.r#return)
    (sea_assistance.needed)
    (sea_assistance.own_nationality_basis)
    (sea_assistance.who_answers_24_7)
    (search.chain_of_custody_rules)
    (search.devices)
    (search.foreign_officers)
    (search.order)
    (search.place_or_object)
    (search.statement_of_grounds)
    (sentence.agreement)
    (sentence.consent)
    (sentence.family_ties)
    (sentence.judgment)
    (sentence.refusal_reference)
    (sentence.remaining)
    (service.addressee_address.country)
    (service.addressee_address.locality)
    (service.addressee_name)
    (service.document)
    (service.hearing_or_expiry_date)
    (service.legal_consequences_notice)
    (service.proof_form)
    (special_technique.costs)
    (special_technique.domestic_authorisation)
    (special_technique.grounds)
    (special_technique.intercept_or_replace)
    (special_technique.technique)
    (special_technique.territory)
    (special_technique.window.from)
    (special_technique.window.to)
    (statelessness.grounds)
    (statelessness.states_concerned)
    (status_check.language_interview)
    (suspicion.art6_link)
    (suspicion.category)
    (suspicion_grounds)
    (testimony.capacity)
    (testimony.foreign_officers)
    (testimony.interpreter.needed)
    (testimony.oath_form)
    (testimony.person)
    (testimony.recording)
    (tracing.asset_recovery_office_contact)
    (tracing.lead)
    (tracing.subject)
    (travel_document_issue.escort)
    (travel_document_issue.medical)
    (travel_document_issue.nationality_confirmation_reference)
    (travel_document_issue.route)
    (travel_document_issue.travel_dates)
    (urgency.reason)
    (vehicles[].container_no)
    (vehicles[].plate)
    (vehicles[].vin)
    (vessel.call_sign)
    (vessel.description)
    (vessel.flag_basis)
    (vessel.flag_claimed)
    (vessel.imo)
    (vessel.mmsi)
    (vessel.name)
    (vessel.persons_on_board_estimate)
    (vessel.port_of_registry)
    (voyage.declared_destination)
    (voyage.intended_destination)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::kinds::block;

    #[test]
    fn every_place_of_a_block_is_here_and_none_besides() {
        let pointers: Vec<&str> = PLACES.iter().map(|it| it.pointer).collect();
        assert!(pointers.is_sorted());
        let mut named: Vec<&str> = block::all()
            .flat_map(|it| it.places.iter().copied().flatten())
            .map(|it| block::place(it).0)
            .collect();
        named.sort_unstable();
        named.dedup();
        assert_eq!(named, pointers);
    }

    #[test]
    fn blank_text_is_not_there_and_false_is() {
        let text = |it: &str| Some(it.to_owned());
        let mut draft = pb::Draft { facts: text(" \n"), ..pb::Draft::default() };
        assert!(!says(&draft, "/facts", 0, None));
        draft.facts = text("seen");
        assert!(says(&draft, "/facts", 0, None) && !says(&draft, "/facts", 0, Some("heard")));
        draft.questions = vec![String::new()];
        assert!(!says(&draft, "/questions", 0, None));
        draft.asylum = Some(pb::Asylum { asked: Some(false), ..pb::Asylum::default() });
        assert!(says(&draft, "/asylum/asked", 0, None));
        assert!(!says(&draft, "/asylum/asked", 0, Some("true")));
        assert!(!says(&draft, "/nowhere", 0, None));
    }

    #[test]
    fn an_empty_text_states_that_there_is_nothing_just_where_the_catalogue_says() {
        let of = |place: &&Place| {
            let mut draft = pb::Draft::default();
            let blank = || Some(String::new());
            draft.facts = blank();
            draft.art_18_5 =
                Some(pb::SpontaneousRestrictions { restrictions: blank(), ..Default::default() });
            draft.measure_report =
                Some(pb::MeasureReport { damage: blank(), result: blank(), ..Default::default() });
            (place.says)(&draft, 0, None)
        };
        let spoken: Vec<&str> = PLACES.iter().filter(of).map(|it| it.pointer).collect();
        assert_eq!(spoken, block::BLANK_SPEAKS);
    }

    #[test]
    fn a_place_in_a_list_is_met_at_its_item() {
        let attachment = |class: &str| pb::Attachment {
            class: Some(class.to_owned()),
            ..pb::Attachment::default()
        };
        let attachments = vec![attachment("translation"), attachment("imagery")];
        let draft = pb::Draft { attachments, ..pb::Draft::default() };
        let at = |index| says(&draft, "/attachments/0/class", index, Some("imagery"));
        assert_eq!((at(0), at(1), at(2), items(&draft)), (false, true, false, 2));
    }
}
