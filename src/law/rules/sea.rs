//! Measures at sea: Protocol arts 8 and 9.

use std::collections::BTreeSet;

use crate::domain::acts::Act;
use crate::domain::header::Channel;
use crate::law::case::{Basis, Case, Findings, basis, said};
use crate::wire::pb;

const ORDER: Basis = basis("R-SEA-ORDER", "Protocol 8(2)");
const UNIT: Basis = basis("R-SEA-UNIT", "Protocol 9(4)");
const TARGET: Basis = basis("R-SEA-TARGET", "Protocol 3(d)");
const FLAG: Basis = basis("R-SEA-TARGET", "Protocol 8(2)");

const VESSEL: &str = "SOM.8.2.VESSEL";
/// The step that comes first.
const CONFIRM: &str = "confirm_registry";
/// The step that asks for measures.
const AUTHORISE: &str = "authorise";
/// Measures of Protocol 8(2)(a) to (c).
const MEASURES: [&str; 3] = ["board", "search", "appropriate_measures"];
/// Vessels of a State: outside the definition of Protocol 3(d).
const STATE_VESSELS: [&str; 5] =
    ["warship", "naval_auxiliary", "government_ship", "government_vessel", "coast_guard_vessel"];

/// R-SEA-ORDER: the flag State is asked to confirm registry and, if it is confirmed, to authorise
/// measures (Protocol 8(2)): each `authorise` hangs on an earlier `confirm_registry`, unless registry
/// stands confirmed in the request.
pub(super) fn order(case: &Case<'_>, found: &mut Findings) {
    if !case.is(VESSEL) {
        return;
    }
    let confirmed = case.thread().registry_confirmed;
    let steps = &case.draft.requests;
    words(steps, found);
    let is = |step: &pb::RequestedStep, what| step.what.as_deref() == Some(what);
    let asked = steps.iter().any(|it| is(it, CONFIRM));
    if confirmed != Some(true) && !asked && steps.iter().any(|it| is(it, AUTHORISE)) {
        // A request that opens the course has no earlier confirmation to point to.
        let code = "REGISTRY_CONFIRMATION_MISSING";
        if confirmed == Some(false) || case.asks() {
            let told = "authorisation is asked for only if registry is confirmed, and nothing here \
                        or before asks to confirm it";
            found.reject(ORDER, "/requests", code, told);
        } else {
            let told = "whether registry was confirmed before is not known here";
            found.warn(ORDER, "/requests", code, told);
        }
    }
    if confirmed != Some(true) && asked {
        let mut confirming = BTreeSet::new();
        for (at, step) in steps.iter().enumerate() {
            if is(step, CONFIRM) {
                confirming.extend(step.step);
            }
            let hangs = step.conditional_on.is_some_and(|it| confirming.contains(&it));
            if is(step, AUTHORISE) && !hangs {
                let told = "authorisation hangs on the step that asks to confirm registry";
                let pointer = format!("/requests/{at}/conditional_on");
                found.reject(ORDER, pointer, "AUTHORISATION_NOT_CONDITIONAL", told);
            }
        }
    }
    let outcome = case.draft.outcome.as_deref().unwrap_or_default();
    let authorises = ["authorised", "authorised_with_conditions"].contains(&outcome);
    if authorises && case.act != Some(Act::Request) && confirmed == Some(false) {
        let told = "it authorises measures, and registry was not confirmed in so many words";
        found.warn(ORDER, "/outcome", "AUTHORISED_BEFORE_REGISTRY", told);
    }
}

fn words(steps: &[pb::RequestedStep], found: &mut Findings) {
    for (at, step) in steps.iter().enumerate() {
        if !step.what.as_deref().is_some_and(|it| [CONFIRM, AUTHORISE].contains(&it)) {
            let told = "it is confirm_registry or authorise";
            found.reject(ORDER, format!("/requests/{at}/what"), "STEP_UNKNOWN", told);
        }
        for (place, measure) in step.measures.iter().enumerate() {
            if !MEASURES.contains(&measure.as_str()) {
                let told = "it is board, search or appropriate_measures";
                let pointer = format!("/requests/{at}/measures/{place}");
                found.reject(ORDER, pointer, "MEASURE_UNKNOWN", told);
            }
        }
    }
}

/// R-SEA-UNIT: only warships, military aircraft and ships or aircraft that are clearly marked and
/// identifiable as on government service and authorised act at sea (Protocol 9(4)).
pub(super) fn unit(case: &Case<'_>, found: &mut Findings) {
    let Some(unit) = &case.draft.acting_unit else { return };
    if case.kind.is_none_or(|it| it.channel != Channel::Sea) {
        return;
    }
    match unit.r#type.as_deref() {
        Some("warship" | "military_aircraft") => {}
        Some("government_ship" | "government_aircraft") => {
            if unit.marked_and_identifiable != Some(true) {
                let told = "a ship or aircraft on government service is clearly marked and \
                            identifiable";
                let pointer = "/acting_unit/marked_and_identifiable";
                found.reject(UNIT, pointer, "UNIT_NOT_MARKED", told);
            }
        }
        _ => {
            let told = "it is a warship, military_aircraft, government_ship or government_aircraft";
            found.reject(UNIT, "/acting_unit/type", "UNIT_NOT_ENTITLED", told);
        }
    }
    if !said(unit.authorised_by.as_deref()) {
        let told = "it says which State authorised the unit";
        found.reject(UNIT, "/acting_unit/authorised_by", "UNIT_NOT_AUTHORISED", told);
    }
}

/// R-SEA-TARGET: a vessel is any water craft but a warship or a government vessel on non-commercial
/// service (Protocol 3(d)), and 8(2) is for one that flies another State's flag: the recipient's.
pub(super) fn target(case: &Case<'_>, found: &mut Findings) {
    let Some(vessel) = &case.draft.vessel else { return };
    if case.kind.is_none_or(|it| it.channel != Channel::Sea) {
        return;
    }
    if vessel.r#type.as_deref().is_some_and(|it| STATE_VESSELS.contains(&it)) {
        let told = "a warship or government vessel on non-commercial service is no vessel of the \
                    Protocol";
        found.reject(TARGET, "/vessel/type", "TARGET_IS_STATE_VESSEL", told);
    }
    if !case.is(VESSEL) || !case.asks() {
        return;
    }
    let Some(flag) = vessel.flag_claimed.as_deref() else { return };
    if case.own_state().is_some_and(|it| it.as_str() == flag) {
        let told = "this kind asks another State about its flag; for the own flag there is \
                    SOM.8.1.ASSIST";
        found.reject(FLAG, "/vessel/flag_claimed", "FLAG_IS_OWN", told);
    } else if !case.goes_to(flag) {
        let told = "no recipient belongs to the State whose flag the vessel claims";
        found.warn(FLAG, "/vessel/flag_claimed", "RECIPIENT_NOT_FLAG_STATE", told);
    }
    let zone = case.draft.position.as_ref().and_then(|it| it.zone.as_deref());
    if zone == Some("territorial_sea") {
        let told = "there is no freedom of navigation in a territorial sea";
        found.warn(FLAG, "/position/zone", "ZONE_WITHOUT_FREEDOM", told);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::Thread;
    use crate::law::samples::{self, changed, found, found_in, text};

    fn asked(change: fn(&mut Vec<pb::RequestedStep>)) -> pb::Draft {
        changed(samples::VESSEL, |it| change(&mut it.requests))
    }

    fn registry(draft: &pb::Draft, registry_confirmed: Option<bool>) -> Vec<String> {
        found_in("R-SEA-ORDER", draft, Thread { registry_confirmed, ..Thread::default() })
    }

    #[test]
    fn registry_is_confirmed_before_measures_are_authorised() {
        assert_eq!(registry(&asked(|_| ()), None), [""; 0]);
        let alone = asked(|it| drop(it.remove(0)));
        let missing = ["reject /requests REGISTRY_CONFIRMATION_MISSING"];
        assert_eq!(registry(&alone, None), missing);
        assert_eq!(registry(&alone, Some(false)), missing);
        assert_eq!(registry(&alone, Some(true)), [""; 0]);
        let only_confirm = asked(|it| drop(it.pop()));
        assert_eq!(registry(&only_confirm, None), [""; 0]);
        let mut amended = alone.clone();
        amended.message_type = text("amendment");
        let warned = ["warn /requests REGISTRY_CONFIRMATION_MISSING"];
        assert_eq!(registry(&amended, None), warned);
        assert_eq!(registry(&amended, Some(false)), missing);
    }

    #[test]
    fn authorisation_hangs_on_the_step_that_confirms() {
        let at = |place: usize| {
            [format!("reject /requests/{place}/conditional_on AUTHORISATION_NOT_CONDITIONAL")]
        };
        assert_eq!(registry(&asked(|it| it[1].conditional_on = None), None), at(1));
        assert_eq!(registry(&asked(|it| it[1].conditional_on = Some(2)), None), at(1));
        let later = asked(|it| it.swap(0, 1));
        assert_eq!(registry(&later, None), at(0));
        assert_eq!(registry(&later, Some(true)), [""; 0]);
        let unnumbered = asked(|it| {
            it[0].step = None;
            it[1].conditional_on = None;
        });
        assert_eq!(registry(&unnumbered, None), at(1));
    }

    #[test]
    fn steps_and_measures_are_those_of_the_protocol() {
        let odd = asked(|it| {
            it[0].what = text("confirm");
            it[1].measures[1] = "sink".to_owned();
        });
        let told = registry(&odd, Some(true));
        let expected = [
            "reject /requests/0/what STEP_UNKNOWN",
            "reject /requests/1/measures/1 MEASURE_UNKNOWN",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn an_authorisation_without_confirmed_registry_is_marked() {
        let answer = changed(samples::VESSEL, |it| {
            it.message_type = text("result");
            it.outcome = text("authorised");
            it.requests.clear();
        });
        assert_eq!(registry(&answer, Some(true)), [""; 0]);
        let marked = ["warn /outcome AUTHORISED_BEFORE_REGISTRY"];
        assert_eq!(registry(&answer, Some(false)), marked);
    }

    #[test]
    fn who_acts_at_sea_is_marked_and_authorised() {
        let with = |change: fn(&mut pb::ActingUnit)| {
            let draft = changed(samples::VESSEL, |it| change(it.acting_unit.as_mut().unwrap()));
            found("R-SEA-UNIT", &draft)
        };
        assert_eq!(with(|_| ()), [""; 0]);
        let marked = ["reject /acting_unit/marked_and_identifiable UNIT_NOT_MARKED"];
        assert_eq!(with(|it| it.marked_and_identifiable = None), marked);
        assert_eq!(
            with(|it| {
                it.r#type = text("warship");
                it.marked_and_identifiable = None;
            }),
            [""; 0]
        );
        let entitled = ["reject /acting_unit/type UNIT_NOT_ENTITLED"];
        assert_eq!(with(|it| it.r#type = text("private_yacht")), entitled);
        let authorised = ["reject /acting_unit/authorised_by UNIT_NOT_AUTHORISED"];
        assert_eq!(with(|it| it.authorised_by = None), authorised);
    }

    #[test]
    fn the_target_is_a_foreign_vessel_and_no_warship() {
        let with = |change: fn(&mut pb::Vessel)| {
            let draft = changed(samples::VESSEL, |it| change(it.vessel.as_mut().unwrap()));
            found("R-SEA-TARGET", &draft)
        };
        assert_eq!(with(|_| ()), [""; 0]);
        let state = ["reject /vessel/type TARGET_IS_STATE_VESSEL"];
        assert_eq!(with(|it| it.r#type = text("warship")), state);
        let own = ["reject /vessel/flag_claimed FLAG_IS_OWN"];
        assert_eq!(with(|it| it.flag_claimed = text("ITA")), own);
        let other = ["warn /vessel/flag_claimed RECIPIENT_NOT_FLAG_STATE"];
        assert_eq!(with(|it| it.flag_claimed = text("MLT")), other);
        assert_eq!(with(|it| it.flag_claimed = None), [""; 0]);
        let coast = changed(samples::VESSEL, |it| {
            it.position.as_mut().unwrap().zone = text("territorial_sea");
        });
        let zone = ["warn /position/zone ZONE_WITHOUT_FREEDOM"];
        assert_eq!(found("R-SEA-TARGET", &coast), zone);
    }
}
