//! Who sends and who receives: lists of functions of contact points, best first.

type Functions = &'static [&'static str];

pub(super) const AT_ALL_HOURS: Functions = &["contact_point_24_7", "central_authority"];
pub(super) const BORDER: Functions = &["border_agency"];
pub(super) const BORDER_CENTRAL_CONSULAR: Functions =
    &["border_agency", "central_authority", "consular_post"];
pub(super) const BORDER_OR_CENTRAL: Functions = &["border_agency", "central_authority"];
pub(super) const BORDER_POLICE_CENTRAL: Functions =
    &["border_agency", "police_contact_point", "central_authority"];
pub(super) const BORDER_POLICE_CENTRAL_CONSULAR: Functions =
    &["border_agency", "police_contact_point", "central_authority", "consular_post"];
pub(super) const CENTRAL: Functions = &["central_authority"];
pub(super) const CENTRAL_OR_DIPLOMATIC: Functions = &["central_authority", "diplomatic_mission"];
pub(super) const CENTRAL_OR_JUDICIAL: Functions = &["central_authority", "competent_judicial"];
pub(super) const CENTRAL_OR_NCB: Functions = &["central_authority", "interpol_ncb"];
pub(super) const CENTRAL_OR_POLICE: Functions = &["central_authority", "police_contact_point"];
pub(super) const CENTRAL_OR_WITNESS: Functions = &["central_authority", "witness_protection_unit"];
pub(super) const CENTRAL_POLICE_BORDER: Functions =
    &["central_authority", "police_contact_point", "border_agency"];
pub(super) const CONSULAR: Functions = &["consular_post"];
pub(super) const CONSULAR_OR_BORDER: Functions = &["consular_post", "border_agency"];
pub(super) const DOCUMENTS: Functions =
    &["document_verification_office", "consular_post", "central_authority"];
pub(super) const FLAG_STATE: Functions = &["flag_state_authority"];
pub(super) const FLAG_STATE_OR_DIPLOMATIC: Functions =
    &["flag_state_authority", "diplomatic_mission"];
pub(super) const JUDICIAL_OR_POLICE: Functions =
    &["central_authority", "competent_judicial", "police_contact_point"];
pub(super) const NATIONALITY: Functions =
    &["consular_post", "central_authority", "ministry_of_interior"];
pub(super) const POLICE: Functions = &["police_contact_point"];
pub(super) const POLICE_BORDER_CENTRAL: Functions =
    &["police_contact_point", "border_agency", "central_authority"];
pub(super) const POLICE_NCB_BORDER: Functions =
    &["police_contact_point", "interpol_ncb", "border_agency"];
pub(super) const POLICE_OR_ASSETS: Functions =
    &["police_contact_point", "asset_recovery_office", "fiu"];
pub(super) const POLICE_OR_BORDER: Functions = &["police_contact_point", "border_agency"];
pub(super) const POLICE_OR_CENTRAL: Functions = &["police_contact_point", "central_authority"];
