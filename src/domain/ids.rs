//! Names that exist only if they are well formed.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use uuid::Uuid;

/// Longest name of an agency after the dot, in bytes.
pub const AGENCY_NAME_BYTES_MAX: usize = 63;
/// Longest desk name of a contact point, in bytes.
pub const DESK_NAME_BYTES_MAX: usize = 63;

/// Why a text is not the id it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is malformed: {why}")]
pub struct MalformedId {
    /// The kind of id, such as `agency`.
    pub what: &'static str,
    /// The rule that it breaks.
    pub why: &'static str,
}

const fn malformed(what: &'static str, why: &'static str) -> MalformedId {
    MalformedId { what, why }
}

fn is_label(text: &str, bytes_max: usize) -> bool {
    !text.is_empty()
        && text.len() <= bytes_max
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// A participating body: ISO 3166-1 alpha-3 in lower case (or `int` for an international body), a
/// dot, and a name of `[a-z0-9-]`, such as `ita.coast-guard`. Copies share one text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AgencyId(Arc<str>);

impl AgencyId {
    /// The three letters before the dot.
    pub fn country(&self) -> &str {
        self.0.split('.').next().unwrap_or_default()
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AgencyId {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        let (country, name) =
            text.split_once('.').ok_or(malformed("agency", "it needs a country, a dot, a name"))?;
        if country.len() != 3 || !country.bytes().all(|b| b.is_ascii_lowercase()) {
            return Err(malformed("agency", "the country is three lower-case letters"));
        }
        if !is_label(name, AGENCY_NAME_BYTES_MAX) {
            return Err(malformed("agency", "the name is 1 to 63 of a-z, 0-9 and inner hyphens"));
        }
        Ok(Self(text.into()))
    }
}

/// An addressable desk of an agency, such as `ita.coast-guard/operations-centre`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContactPointId {
    agency: AgencyId,
    desk: String,
}

impl ContactPointId {
    /// The agency that the desk belongs to.
    pub fn agency(&self) -> &AgencyId {
        &self.agency
    }

    /// The same, with one text of the agency's id for both, if `agency` is the one that it belongs to.
    #[must_use]
    pub fn sharing(self, agency: &AgencyId) -> Self {
        if self.agency == *agency { Self { agency: agency.clone(), ..self } } else { self }
    }

    /// The name of the desk within its agency.
    pub fn desk(&self) -> &str {
        &self.desk
    }
}

impl FromStr for ContactPointId {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        let (agency, desk) = text
            .split_once('/')
            .ok_or(malformed("contact point", "it needs an agency, a slash, a desk"))?;
        if !is_label(desk, DESK_NAME_BYTES_MAX) {
            return Err(malformed("contact point", "the desk is 1 to 63 of a-z, 0-9 and hyphens"));
        }
        Ok(Self { agency: agency.parse()?, desk: desk.to_owned() })
    }
}

impl fmt::Display for ContactPointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.agency, self.desk)
    }
}

/// A State: three upper-case letters, ISO 3166-1 alpha-3 by their form. Whether there is such a
/// State is asked by who knows the list.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct StateCode([u8; 3]);

impl StateCode {
    /// The code as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The State of an agency; `None` for an international body.
    pub fn of(agency: &AgencyId) -> Option<Self> {
        let country = agency.country();
        if country == "int" { None } else { country.to_ascii_uppercase().parse().ok() }
    }
}

impl FromStr for StateCode {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        let bytes: [u8; 3] =
            text.as_bytes().try_into().map_err(|_| malformed("state", "it is three letters"))?;
        if bytes.iter().all(u8::is_ascii_uppercase) {
            Ok(Self(bytes))
        } else {
            Err(malformed("state", "it is three upper-case letters"))
        }
    }
}

impl fmt::Display for StateCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Longest id of an item, in bytes.
pub const ITEM_BYTES_MAX: usize = 8;

/// One of the things that a request asks for, named within the request: `I1`, 1 to 8 of letters,
/// digits and hyphens.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ItemId(String);

impl ItemId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ItemId {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        let fits = |it: u8| it.is_ascii_alphanumeric() || it == b'-';
        if (1..=ITEM_BYTES_MAX).contains(&text.len()) && text.bytes().all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(malformed("item", "it is 1 to 8 letters, digits and hyphens"))
        }
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a journal, `agency/journal/volume`: the origin line of its checkpoints.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JournalName {
    agency: AgencyId,
    volume: u32,
}

impl JournalName {
    /// Volume `volume` (from 1) of the journal of `agency`.
    pub fn new(agency: AgencyId, volume: u32) -> Self {
        Self { agency, volume }
    }

    /// Whose journal it is.
    pub fn agency(&self) -> &AgencyId {
        &self.agency
    }

    /// Which volume of the agency's journal.
    pub fn volume(&self) -> u32 {
        self.volume
    }
}

impl FromStr for JournalName {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        let mut parts = text.split('/');
        let (Some(agency), Some("journal"), Some(volume), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed("journal", "it is agency/journal/volume"));
        };
        let number: u32 =
            volume.parse().map_err(|_| malformed("journal", "the volume is a number"))?;
        if number == 0 || volume.starts_with(['0', '+']) {
            return Err(malformed("journal", "volumes count from 1, without leading signs"));
        }
        Ok(Self { agency: agency.parse()?, volume: number })
    }
}

impl fmt::Display for JournalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/journal/{}", self.agency, self.volume)
    }
}

impl fmt::Display for AgencyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a network: 1 to 63 of `a-z`, `0-9` and inner hyphens.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NetworkId(String);

impl FromStr for NetworkId {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        if is_label(text, 63) {
            Ok(Self(text.to_owned()))
        } else {
            Err(malformed("network", "it is 1 to 63 of a-z, 0-9 and inner hyphens"))
        }
    }
}

impl fmt::Display for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! text_id {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = MalformedId;
            fn try_from(text: String) -> Result<Self, MalformedId> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

text_id!(AgencyId);
text_id!(ContactPointId);
text_id!(JournalName);
text_id!(NetworkId);
text_id!(StateCode);
text_id!(ItemId);

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize,
        )]
        pub struct $name([u8; 16]);

        impl $name {
            /// From the 16 bytes of a UUID.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// `None` unless there are exactly 16 bytes.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// The 16 bytes of the UUID.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id.into_bytes())
            }
        }

        impl FromStr for $name {
            type Err = MalformedId;
            fn from_str(text: &str) -> Result<Self, MalformedId> {
                if text.len() != 36 {
                    return Err(malformed($what, "it is a UUID in hyphenated form"));
                }
                let id = Uuid::try_parse(text)
                    .map_err(|_| malformed($what, "it is a UUID in hyphenated form"))?;
                Ok(Self(id.into_bytes()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&Uuid::from_bytes(self.0).hyphenated(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

uuid_id!(
    /// Names one message within its origin agency (DESIGN: identity is origin and id together).
    MessageId,
    "message id"
);
uuid_id!(
    /// Names one request, the legal act, across all agencies that take part in it.
    RequestId,
    "request id"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agencies_are_a_country_and_a_name() {
        let id: AgencyId = "ita.coast-guard".parse().unwrap();
        assert_eq!((id.country(), id.as_str()), ("ita", "ita.coast-guard"));
        for bad in ["", "ita", "ITA.x", "it.x", "ita.", "ita.-x", "ita.x-", "ita.a_b", "ita.ä"] {
            assert!(bad.parse::<AgencyId>().is_err(), "{bad}");
        }
        let longest = format!("ita.{}", "a".repeat(AGENCY_NAME_BYTES_MAX));
        assert!(longest.parse::<AgencyId>().is_ok_and(|id| id.as_str() == longest));
        assert!(format!("{longest}a").parse::<AgencyId>().is_err());
    }

    #[test]
    fn contact_points_belong_to_an_agency() {
        let id: ContactPointId = "pan.maritime-authority/flag-state-desk".parse().unwrap();
        assert_eq!(id.agency().as_str(), "pan.maritime-authority");
        assert_eq!(id.desk(), "flag-state-desk");
        for bad in ["pan.x", "pan.x/", "/desk", "pan.x/a/b", "pan.x/A"] {
            assert!(bad.parse::<ContactPointId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn journals_have_a_volume_from_one() {
        let name: JournalName = "int.liaison-hub/journal/2".parse().unwrap();
        assert_eq!((name.agency().as_str(), name.volume()), ("int.liaison-hub", 2));
        assert_eq!(name.to_string(), "int.liaison-hub/journal/2");
        for bad in ["int.hub", "int.hub/journal", "int.hub/journal/0", "int.hub/journal/01"] {
            assert!(bad.parse::<JournalName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn message_ids_are_hyphenated_uuids() {
        let text = "019cadb0-eef7-70f4-8158-cde69e1d7f9d";
        let id: MessageId = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
        for bad in ["", "019cadb0eef770f48158cde69e1d7f9d", "019cadb0-eef7-70f4-8158-cde69e1d7f9z"]
        {
            assert!(bad.parse::<MessageId>().is_err(), "{bad}");
        }
    }
}
