//! The rows of the catalogue, by channel. A row's channel says which links may carry it, so kinds
//! that the same authorities exchange share one, and a blind transit learns no more than that.

use super::{Kind, Profile, Profile::*};
use crate::domain::header::Channel;
use crate::domain::urgency::{Urgency, Urgency::*};

type Functions = &'static [&'static str];

const AT_ALL_HOURS: Functions = &["contact_point_24_7", "central_authority"];
const BORDER: Functions = &["border_agency"];
const CENTRAL: Functions = &["central_authority"];
const CENTRAL_OR_DIPLOMATIC: Functions = &["central_authority", "diplomatic_mission"];
const CENTRAL_OR_NCB: Functions = &["central_authority", "interpol_ncb"];
const CENTRAL_OR_POLICE: Functions = &["central_authority", "police_contact_point"];
const CENTRAL_OR_WITNESS: Functions = &["central_authority", "witness_protection_unit"];
const CONSULAR: Functions = &["consular_post"];
const CONSULAR_OR_BORDER: Functions = &["consular_post", "border_agency"];
const DOCUMENTS: Functions =
    &["document_verification_office", "consular_post", "central_authority"];
const FLAG_STATE: Functions = &["flag_state_authority"];
const FLAG_STATE_OR_DIPLOMATIC: Functions = &["flag_state_authority", "diplomatic_mission"];
const JUDICIAL_OR_POLICE: Functions =
    &["central_authority", "competent_judicial", "police_contact_point"];
const NATIONALITY: Functions = &["consular_post", "central_authority", "ministry_of_interior"];
const POLICE: Functions = &["police_contact_point"];
const POLICE_BORDER_CENTRAL: Functions =
    &["police_contact_point", "border_agency", "central_authority"];
const POLICE_NCB_BORDER: Functions = &["police_contact_point", "interpol_ncb", "border_agency"];
const POLICE_OR_ASSETS: Functions = &["police_contact_point", "asset_recovery_office", "fiu"];
const POLICE_OR_BORDER: Functions = &["police_contact_point", "border_agency"];
const POLICE_OR_CENTRAL: Functions = &["police_contact_point", "central_authority"];
const fn row(
    channel: Channel,
    code: &'static str,
    title: &'static str,
    profile: Profile,
    receivers: Functions,
    urgency: Urgency,
) -> Kind {
    Kind { code, title, channel, profile, own_outcomes: &[], receivers, urgency }
}

impl Kind {
    /// The same row with outcomes of its own.
    const fn with(mut self, own_outcomes: &'static [&'static str]) -> Self {
        self.own_outcomes = own_outcomes;
        self
    }
}

macro_rules! rows {
    ($($channel:ident { $(
        $code:literal, $title:literal, $profile:ident, $receivers:ident, $urgency:ident
        $(, with [$($outcome:literal),*])?;
    )* })*) => {
        /// Every kind there is.
        pub static CATALOGUE: [Kind; 53] = [$($(
            row(Channel::$channel, $code, $title, $profile, $receivers, $urgency)
                $(.with(&[$($outcome),*]))?,
        )*)*];
    };
}

rows! {
    // Between the authorities of UNTOC arts 13, 16 to 21, 26: mutual assistance in the wide sense,
    // with information under 18(4), which belongs to the proceeding that it may start.
    Assistance {
        "UNTOC.18.3.A.EVIDENCE", "Take evidence or a statement", Mla, CENTRAL, Routine;
        "UNTOC.18.3.B.SERVICE", "Serve a judicial document",
            Mla, CENTRAL, Routine, with ["proof_of_service"];
        "UNTOC.18.3.C.SEARCH_SEIZE", "Search, seize or freeze (evidence)",
            Mla, CENTRAL, Priority, with ["seizure_record"];
        "UNTOC.18.3.D.EXAMINE", "Examine an object or a site",
            Mla, CENTRAL, Routine, with ["report"];
        "UNTOC.18.3.E.INFO_EXPERT",
            "Provide information, evidentiary items or an expert evaluation",
            Mla, CENTRAL, Routine;
        "UNTOC.18.3.F.DOCS",
            "Provide documents and records (government, bank, financial, corporate, business)",
            Mla, CENTRAL, Priority;
        "UNTOC.18.3.G.TRACE", "Identify or trace proceeds, property, instrumentalities (evidence)",
            Mla, CENTRAL, Priority;
        "UNTOC.18.3.H.APPEAR", "Facilitate voluntary appearance of a person",
            Mla, CENTRAL, Routine, with ["person_consents", "person_declines"];
        "UNTOC.18.3.I.OTHER", "Other assistance not contrary to domestic law",
            Mla, CENTRAL, Routine;
        "UNTOC.18.18.VIDEO", "Hear a witness or expert by video conference",
            Mla, CENTRAL, Routine, with ["hearing_fixed", "hearing_minutes"];
        "UNTOC.18.10.TRANSFER",
            "Transfer a detained person temporarily for identification, testimony or evidence",
            Mla, CENTRAL, Routine, with ["consent_record", "agreement", "return_notice"];
        "UNTOC.18.29.PUBLIC_RECORDS", "Copies of government records", Mla, CENTRAL, Routine;
        "UNTOC.18.4.SPONTANEOUS", "Spontaneous information on a criminal matter",
            Info, JUDICIAL_OR_POLICE, Routine;
        "UNTOC.13.1.A.CONFISCATE_ORDER_REQ", "Obtain a confiscation order in the requested State",
            Mla, CENTRAL, Priority, with ["order", "enforcement_report"];
        "UNTOC.13.1.B.CONFISCATE_ENFORCE", "Enforce a foreign confiscation order",
            Mla, CENTRAL, Priority, with ["order", "enforcement_report"];
        "UNTOC.13.2.FREEZE", "Identify, trace, freeze or seize for confiscation",
            Mla, CENTRAL, Immediate, with ["freeze_record"];
        "UNTOC.16.EXTRADITION", "Extradition", Ext, CENTRAL_OR_DIPLOMATIC, Priority;
        "UNTOC.16.9.PROVISIONAL_ARREST", "Provisional arrest pending extradition",
            Ext, CENTRAL_OR_NCB, Immediate;
        "UNTOC.16.12.ENFORCE_SENTENCE", "Enforce a sentence where a national is not extradited",
            Mla, CENTRAL, Routine;
        "UNTOC.17.TRANSFER_SENTENCED", "Transfer of a sentenced person (proposal)",
            Mla, CENTRAL, Routine;
        "UNTOC.19.JIT", "Joint investigative body or joint investigation (proposal)",
            Agree, JUDICIAL_OR_POLICE, Priority;
        "UNTOC.20.SIT", "Special investigative technique or controlled delivery",
            Agree, JUDICIAL_OR_POLICE, Immediate;
        "UNTOC.21.TRANSFER_PROCEEDINGS", "Transfer of criminal proceedings",
            Agree, CENTRAL, Routine;
        "UNTOC.26.5.COOPERATOR", "Treatment of a cooperating person located elsewhere",
            Agree, CENTRAL, Routine;
    }
    // Information between police, border and 24/7 desks: UNTOC 27 and 28, Protocol 10, and
    // preservation of data (Budapest 29), which the same desks do before any judicial request.
    Police {
        "UNTOC.27.1.B.I.PERSON", "Police inquiry: identity, whereabouts, activities of a person",
            Pol, POLICE_NCB_BORDER, Priority;
        "UNTOC.27.1.B.II.PROCEEDS", "Police inquiry: movement of proceeds or property",
            Pol, POLICE_OR_ASSETS, Priority;
        "UNTOC.27.1.B.III.INSTRUMENT", "Police inquiry: movement of vehicles, boats, equipment",
            Pol, POLICE_OR_BORDER, Priority;
        "UNTOC.27.1.C.SAMPLES", "Provide items or samples for analysis", Pol, POLICE, Routine;
        "UNTOC.27.1.D.LIAISON", "Coordination, exchange of experts, liaison officer",
            Agree, POLICE_OR_CENTRAL, Routine;
        "UNTOC.27.1.E.MODUS", "Means and methods: routes, conveyances, false identities",
            Info, POLICE_OR_BORDER, Routine;
        "UNTOC.27.1.F.EARLY", "Early identification of offences (coordinated measures)",
            Info, POLICE_OR_BORDER, Priority;
        "UNTOC.28.STRATEGIC", "Analytical or strategic information",
            Info, POLICE_OR_CENTRAL, Routine;
        "SOM.10.1.A.ROUTE", "Embarkation and destination points, routes, carriers, means",
            Info, POLICE_BORDER_CENTRAL, Routine;
        "SOM.10.1.B.GROUP", "Identity and methods of groups", Info, POLICE_BORDER_CENTRAL, Routine;
        "SOM.10.1.C.DOC_FORMS", "Authenticity and form of issued documents; stolen blanks",
            Info, POLICE_BORDER_CENTRAL, Routine;
        "SOM.10.1.D.CONCEALMENT", "Concealment, transport, document misuse and how to detect it",
            Info, POLICE_BORDER_CENTRAL, Routine;
        "SOM.10.1.E.LEGISLATION", "Legislative experience and practice",
            Info, POLICE_BORDER_CENTRAL, Routine;
        "SOM.10.1.F.TECHNOLOGY", "Scientific and technological information",
            Info, POLICE_BORDER_CENTRAL, Routine;
        "CYBER.29.PRESERVE", "Expedited preservation of stored computer data",
            Preserve, AT_ALL_HOURS, Immediate;
    }
    // Measures at sea and what follows from them: Protocol arts 8 and 9, between the authorities of
    // 8(6).
    Sea {
        "SOM.8.1.ASSIST",
            "Assistance to suppress use of an own-flag, stateless or flag-hiding vessel",
            Sea, FLAG_STATE, Immediate;
        "SOM.8.2.VESSEL", "Notify flag State, confirm registry, authorise measures",
            Sea, FLAG_STATE, Immediate;
        "SOM.8.3.RESULTS", "Report results of a measure to the flag State",
            Receipt, FLAG_STATE, Priority;
        "SOM.8.5.EXTRA_MEASURE", "Ask for a further measure beyond the authorisation",
            Sea, FLAG_STATE, Immediate;
        "SOM.8.7.STATELESS", "Notice: boarding of a stateless vessel",
            Receipt, FLAG_STATE, Priority;
        "SOM.9.2.COMPENSATION", "Compensation claim, grounds unfounded",
            Agree, FLAG_STATE_OR_DIPLOMATIC, Routine;
    }
    // Between border agencies and those who issue and verify documents: Protocol arts 11 and 13.
    Border {
        "SOM.11.6.BORDER", "Direct border-agency message", Pol, BORDER, Priority;
        "SOM.13.DOCUMENT", "Verify legitimacy and validity of a travel or identity document",
            Doc, DOCUMENTS, Priority;
    }
    // What protects or returns a person: Protocol arts 16 and 18; UNTOC 24 for the protected
    // witness. A link that carries these can be kept apart from those of the investigation.
    Protection {
        "UNTOC.24.3.RELOCATE", "Relocate a protected witness", Agree, CENTRAL_OR_WITNESS, Immediate;
        "SOM.16.5.CONSULAR", "Consular notification for a detained smuggled person",
            Receipt, CONSULAR, Priority, with ["visit_request"];
        "SOM.16.PROTECT", "Request to protect or assist a smuggled person or family abroad",
            Pol, CENTRAL_OR_POLICE, Immediate;
        "SOM.18.3.NATIONALITY", "Verify nationality or right of permanent residence",
            Ret, NATIONALITY, Routine;
        "SOM.18.4.TRAVEL_DOC", "Issue a travel document or authorisation to re-enter",
            Ret, CONSULAR, Priority;
        "SOM.18.1.READMIT", "Notify and agree a return operation", Ret, CONSULAR_OR_BORDER, Routine;
    }
}
