//! The texts of a signed directory, made from values: for tools that set a network up.

use crate::directory::signed::authorities::Authorities;
use crate::directory::signed::record::OwnRecord;
use crate::directory::signed::roll::{Member, Roll};
use crate::directory::write::{Lines, write_carried, write_record};
use crate::domain::ids::NetworkId;

/// The text of a genesis. The same values give the same bytes.
pub fn genesis(network: &NetworkId, is_demo: bool, authorities: &Authorities) -> String {
    let mut lines = Lines::default();
    lines.text("network", &network.to_string());
    if is_demo {
        lines.raw("demo = true");
    }
    write_authorities(&mut lines, authorities);
    lines.0
}

/// The text of a roll. The same roll gives the same bytes.
pub fn roll(roll: &Roll) -> String {
    let mut lines = Lines::default();
    lines.text("network", &roll.network.to_string());
    lines.number("version", roll.version);
    lines.text("previous", &roll.previous.to_string());
    lines.text("issued_at", &roll.issued_at.to_string());
    write_authorities(&mut lines, &roll.authorities);
    for member in &roll.agencies {
        write_member(&mut lines, member);
    }
    lines.0
}

/// The text of an agency's record. The same record gives the same bytes.
pub fn record(record: &OwnRecord) -> String {
    let mut lines = Lines::default();
    lines.text("network", &record.network.to_string());
    lines.number("version", record.version);
    if let Some(previous) = record.previous {
        lines.text("previous", &previous.to_string());
    }
    write_record(&mut lines, &record.agency, "");
    for link in &record.links {
        lines.open("link");
        lines.text("with", link.with.as_str());
        write_carried(&mut lines, &link.channels, link.cost);
    }
    lines.0
}

fn write_authorities(lines: &mut Lines, authorities: &Authorities) {
    lines.raw(&format!("threshold = {}", authorities.threshold));
    for authority in &authorities.members {
        lines.open("authority");
        lines.text("key", &authority.key.to_string());
        if let Some(until) = authority.until {
            lines.text("until", &until.to_string());
        }
    }
}

fn write_member(lines: &mut Lines, member: &Member) {
    lines.open("agency");
    lines.text("id", member.id.as_str());
    lines.text("record_key", &member.key.to_string());
    lines.text("status", member.status.as_str());
    if let Some(next) = &member.next {
        lines.text("next_record_key", &next.key.to_string());
        lines.text("next_from", &next.from.to_string());
    }
}
