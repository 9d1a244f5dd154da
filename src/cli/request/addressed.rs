//! How it is said that a message was addressed by a competence: to whom that led, and which directory
//! said so.

use crate::wire::pb;

/// One line for people.
pub fn line(competence: &pb::ResolvedCompetence) -> String {
    let pb::ResolvedCompetence { country, function, contact_point, directory_version } = competence;
    format!("{country} {function} is {contact_point} by directory version {directory_version}")
}
