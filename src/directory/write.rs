//! A directory's text, made from values: for tools that set a network up.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::directory::calendar::{OfficeHours, Opening};
use crate::directory::contact_point::{ContactPoint, Hours};
use crate::directory::link::Link;
use crate::directory::record::AgencyRecord;
use crate::directory::witness_keys::WitnessKeys;
use crate::domain::header::Channel;
use crate::domain::ids::NetworkId;

/// What a directory is to say. It is judged by [`crate::directory::Directory::parse`], like any
/// other text: writing checks nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryDraft {
    /// The network's name.
    pub network: NetworkId,
    /// The version, from 1.
    pub version: u64,
    /// The agencies.
    pub agencies: Vec<AgencyRecord>,
    /// The links between them.
    pub links: Vec<Link>,
}

/// The text of a directory. The same draft gives the same bytes.
pub fn to_toml(draft: &DirectoryDraft) -> String {
    let mut lines = Lines::default();
    lines.text("network", &draft.network.to_string());
    lines.number("version", draft.version);
    for agency in &draft.agencies {
        write_agency(&mut lines, agency);
    }
    for link in &draft.links {
        write_link(&mut lines, link);
    }
    lines.0
}

/// Lines of TOML.
#[derive(Default)]
pub(crate) struct Lines(pub(crate) String);

impl Lines {
    pub(crate) fn raw(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    pub(crate) fn open(&mut self, table: &str) {
        self.raw("");
        self.raw(&format!("[[{table}]]"));
    }

    pub(crate) fn text(&mut self, key: &str, value: &str) {
        self.raw(&format!("{key} = {}", quoted(value)));
    }

    pub(crate) fn number(&mut self, key: &str, value: u64) {
        self.raw(&format!("{key} = {value}"));
    }

    pub(crate) fn list<'a>(&mut self, key: &str, values: impl IntoIterator<Item = &'a str>) {
        let values: Vec<_> = values.into_iter().map(quoted).collect();
        self.raw(&format!("{key} = [{}]", values.join(", ")));
    }

    fn words<T: ToString>(&mut self, key: &str, values: &[T]) {
        let values: Vec<_> = values.iter().map(ToString::to_string).collect();
        self.list(key, values.iter().map(String::as_str));
    }

    fn key(&mut self, key: &str, bytes: &[u8]) {
        self.text(key, &STANDARD.encode(bytes));
    }

    fn pem<'a>(&mut self, key: &str, label: &str, ders: impl IntoIterator<Item = &'a Vec<u8>>) {
        let sections: String = ders.into_iter().map(|der| pem(label, der)).collect();
        if !sections.is_empty() {
            self.raw(&format!("{key} = '''\n{sections}'''"));
        }
    }
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// One PEM section (RFC 7468, 64 columns).
fn pem(label: &str, der: &[u8]) -> String {
    let mut out = format!("-----BEGIN {label}-----\n");
    for chunk in der.chunks(48) {
        out.push_str(&STANDARD.encode(chunk));
        out.push('\n');
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}

fn write_agency(lines: &mut Lines, agency: &AgencyRecord) {
    lines.open("agency");
    write_record(lines, agency, "agency.");
}

/// What stands of one agency; its tables have `prefix` before their names.
pub(crate) fn write_record(lines: &mut Lines, agency: &AgencyRecord, prefix: &str) {
    lines.text("id", agency.id.as_str());
    if let Some(country) = &agency.country {
        lines.text("country", country);
    }
    if let Some(transit) = agency.transit {
        lines.text("transit", transit.as_str());
    }
    if let Some(witness) = &agency.witness {
        lines.key("witness", &witness.ed25519);
    }
    lines.pem("roots", "CERTIFICATE", &agency.roots);
    lines.pem("issuing", "CERTIFICATE", &agency.issuing);
    lines.pem("crl", "X509 CRL", &agency.crls);
    if let Some(witness) = &agency.witness {
        write_witness(lines, witness, prefix);
    }
    for journal in &agency.journals {
        lines.open(&format!("{prefix}journal"));
        lines.text("name", &journal.name.to_string());
        lines.key("ed25519", &journal.ed25519);
        lines.key("mldsa44", &journal.mldsa44);
        if let Some(size) = journal.retired_at_size {
            lines.number("retired_at_size", size);
        }
        for keys in &journal.earlier {
            lines.open(&format!("{prefix}journal.earlier"));
            lines.key("ed25519", &keys.ed25519);
            lines.key("mldsa44", &keys.mldsa44);
            lines.number("retired_at_size", keys.retired_at_size);
        }
        if let Some(next) = &journal.next {
            lines.raw("");
            lines.raw(&format!("[{prefix}journal.next]"));
            lines.key("ed25519", &next.ed25519);
            lines.key("mldsa44", &next.mldsa44);
            lines.text("from", &next.from.to_string());
        }
    }
    for key in &agency.sealing {
        lines.open(&format!("{prefix}sealing"));
        lines.text("key_id", &key.key_id);
        lines.key("public", &key.public);
        if let Some(at) = key.retired_at {
            lines.text("retired_at", &at.to_string());
        }
    }
    for node in &agency.nodes {
        lines.open(&format!("{prefix}node"));
        lines.text("name", &node.name);
        lines.text("peer_address", &node.peer_address);
        lines.text("server_name", &node.server_name);
    }
    for desk in &agency.contact_points {
        write_contact_point(lines, desk, prefix);
    }
}

/// The witness keys besides the one in use.
fn write_witness(lines: &mut Lines, witness: &WitnessKeys, prefix: &str) {
    for key in &witness.earlier {
        lines.open(&format!("{prefix}witness_earlier"));
        lines.key("ed25519", &key.ed25519);
        lines.text("retired_at", &key.retired_at.to_string());
    }
    if let Some(next) = &witness.next {
        lines.raw("");
        lines.raw(&format!("[{prefix}witness_next]"));
        lines.key("ed25519", &next.ed25519);
        lines.text("from", &next.from.to_string());
    }
}

fn write_contact_point(lines: &mut Lines, desk: &ContactPoint, prefix: &str) {
    lines.open(&format!("{prefix}contact_point"));
    lines.text("id", &desk.id.to_string());
    lines.text("name", &desk.name);
    lines.list("functions", desk.functions.iter().map(|it| it.as_str()));
    lines.list("languages", desk.languages.iter().map(String::as_str));
    lines.text("hours", desk.hours.as_str());
    match &desk.hours {
        Hours::Office(office) => write_office(lines, office),
        Hours::Always => {}
    }
}

fn write_office(lines: &mut Lines, office: &OfficeHours) {
    if let Some(zone) = office.zone() {
        lines.text("zone", zone);
    }
    if office.open() != [Opening::DEFAULT] {
        lines.words("open", office.open());
    }
    if !office.holidays().is_empty() {
        lines.words("holidays", office.holidays());
    }
}

fn write_link(lines: &mut Lines, link: &Link) {
    lines.open("link");
    lines.text("a", link.a.as_str());
    lines.text("b", link.b.as_str());
    write_carried(lines, &link.channels, link.cost);
}

/// What a link carries and costs, where it is not the default.
pub(crate) fn write_carried(lines: &mut Lines, channels: &BTreeSet<Channel>, cost: u32) {
    if channels.len() < Channel::ALL.len() {
        lines.list("channels", channels.iter().map(|it| it.as_str()));
    }
    if cost != super::link::COST_DEFAULT {
        lines.number("cost", u64::from(cost));
    }
}
