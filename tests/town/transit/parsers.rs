//! The list of parsers that read bytes from outside, each with sound samples and what must hold of
//! what it takes.

use std::fs::File;
use std::io::{self, Cursor, Write as _};
use std::path::Path;
use std::sync::Arc;

use prost::Message as _;
use rogatory::clock::Timestamp;
use rogatory::config::environment::Environment;
use rogatory::config::{NodeKeys, backup_keys, check, context, desks, keys, note_keys};
use rogatory::directory::signed::authorities::{Authorities, Authority as Signing};
use rogatory::directory::signed::compare::{Holding, ListedRecord, Listing, TextName};
use rogatory::directory::signed::genesis::Genesis;
use rogatory::directory::signed::record::{OwnRecord, SignedRecord};
use rogatory::directory::signed::roll::{Member, Roll, SignedRoll, Status};
use rogatory::directory::signed::seen::Seen;
use rogatory::directory::signed::write;
use rogatory::directory::{Directory, write as directory_write};
use rogatory::domain::digest::Digest;
use rogatory::domain::fact::MessageRef;
use rogatory::domain::header::SealedAttachment;
use rogatory::domain::ids::{AgencyId, JournalName, MessageId, RequestId};
use rogatory::entropy::SeededEntropy;
use rogatory::envelope::attachment::{Resting, Travelling, travelling_bytes};
use rogatory::envelope::stream::{Opener, Sealer};
use rogatory::envelope::{self, Part, RowKey, SealingPrivate, StorageKey, chunks};
use rogatory::identity::{Principal, Role, spiffe};
use rogatory::journal::format;
use rogatory::journal::slots::{SlotDisk, Slots};
use rogatory::law::PartyStatus;
use rogatory::merkle::checkpoint::{Checkpoint, SignedCheckpoint};
use rogatory::merkle::note::{SignatureLine, SignedNote};
use rogatory::merkle::receipt::TlogProof;
use rogatory::merkle::signature::Ed25519Signer;
use rogatory::merkle::tile::{self, Tile};
use rogatory::merkle::vkey::VerifierKey;
use rogatory::node::copy::sealed::{Label, Opening, Sealing, read_head};
use rogatory::node::copy::{Item, Reach};
use rogatory::pki::{Authority, LeafRequest, RevocationList, Validity, inspect, revoke};
use rogatory::redact::Secret;
use rogatory::wire;
use rogatory::wire::carriage::{Offer, Parcel, Piece, Sent, Taken};
use rogatory::wire::gossip::Said;
use rogatory::wire::pb;
use rogatory::wire::relay::{Handing, Incoming, Outgoing};
use rogatory::wire::skeleton::{self, Skeleton};
use serde_json::json;

use crate::corridor::{Corridor, Crossed, desk_of};
use crate::support::agency;

const DESKS: [&str; 1] = ["second"];
const NOW: Timestamp = Timestamp::from_millis(1_768_099_620_000);
const KEY: [u8; 32] = [9; 32];

/// What must hold of what a parser takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// It is written as the very bytes that were read.
    OneEncoding,
    /// It is written as bytes that read the same again.
    Settles,
    /// It is sealed or signed: only what was made is taken.
    Bound,
    /// Nothing; a text of people, or a form of others.
    Survives,
}

/// Reads bytes.
type Read = dyn Fn(&[u8]) -> Option<Vec<u8>>;

/// A parser with samples that it takes.
pub struct Parser {
    /// What it reads.
    pub name: &'static str,
    /// At least one.
    pub samples: Vec<Vec<u8>>,
    /// Reads; gives what it would write of it, or what it found, or nothing if it refuses.
    pub read: Box<Read>,
    /// What must hold then.
    pub rule: Rule,
}

fn parser(
    name: &'static str,
    rule: Rule,
    samples: Vec<Vec<u8>>,
    read: impl Fn(&[u8]) -> Option<Vec<u8>> + 'static,
) -> Parser {
    assert!(!samples.is_empty(), "{name} has samples");
    Parser { name, samples, read: Box::new(read), rule }
}

/// A parser of a text.
fn text(
    name: &'static str,
    rule: Rule,
    samples: Vec<String>,
    read: impl Fn(&str) -> Option<String> + 'static,
) -> Parser {
    let samples = samples.into_iter().map(String::into_bytes).collect();
    let read = move |bytes: &[u8]| read(std::str::from_utf8(bytes).ok()?).map(String::into_bytes);
    parser(name, rule, samples, read)
}

/// All of them.
pub fn all() -> Vec<Parser> {
    let row = crossed();
    let handing = handing(&row);
    let mut all = frames(&row);
    all.extend(more_frames(&handing));
    all.extend(parts(&row, &handing));
    all.extend(notes(&handing));
    all.extend(tiles(&row));
    all.extend(seals(&row, &handing));
    all.extend(stores());
    all.extend(backups());
    all.extend(directories(&row));
    all.extend(settings());
    all.extend(certificates());
    all.extend(messages());
    all.extend(names());
    all.extend(key_files());
    all
}

/// A row in which a request and its receipts crossed.
fn crossed() -> Corridor {
    let mut row = Corridor::grown(&DESKS);
    let file = json!({
        "message_type": "request", "kind": "SOM.8.2.VESSEL", "facts": "a vessel without lights",
        "from": desk_of(0, "desk"), "to": [desk_of(2, "desk")],
        "urgency": {"level": "priority", "reason": "It drifts"},
    });
    row.submit(0, "key-1", RequestId::from_bytes([7; 16]), &file.to_string());
    row.rest();
    row
}

fn handing(row: &Corridor) -> Handing {
    let mut handings = row.crossed.iter().filter_map(|(_, to, it)| match it {
        Crossed::Out(Outgoing::Handing(it)) if *to == 2 => Some(it.as_ref().clone()),
        _ => None,
    });
    handings.next().expect("the request went over")
}

fn frames(row: &Corridor) -> Vec<Parser> {
    let (mut out, mut back) = (Vec::new(), Vec::new());
    for (_, _, frame) in &row.crossed {
        match frame {
            Crossed::Out(it) => out.push(it.clone().into_pb().encode_to_vec()),
            Crossed::Back(it) => back.push(it.clone().into_pb().encode_to_vec()),
        }
    }
    vec![
        parser("relay frame of who dials", Rule::Settles, out, |bytes| {
            let frame = pb::TransferRequest::decode(bytes).ok()?;
            Some(Outgoing::from_pb(frame).ok()?.into_pb().encode_to_vec())
        }),
        parser("relay frame of who answers", Rule::Settles, back, |bytes| {
            let frame = pb::TransferResponse::decode(bytes).ok()?;
            Some(Incoming::from_pb(frame).ok()?.into_pb().encode_to_vec())
        }),
    ]
}

fn more_frames(handing: &Handing) -> Vec<Parser> {
    let header = handing.envelope.header.hash();
    let address = &handing.envelope.header.address;
    let parcel = Parcel { header, number: 1 };
    let message = MessageRef { origin: address.origin.clone(), message: address.message, header };
    let sent = [
        Sent::Offer(Offer { message, number: 1, handover: 2 }),
        Sent::Piece(Piece { parcel, offset: 300, bytes: vec![5; 300] }),
    ];
    let statement = handing.envelope.origin.clone();
    let taken = [
        Taken::Wanted { parcel, offset: 1 << 40 },
        Taken::Durable { parcel, offset: 1 },
        Taken::Answer { parcel, statement },
        Taken::Refused { parcel: Some(parcel), reason: "NOT_NOW".to_owned(), retry: true },
    ];
    let listed = |n: usize| ListedRecord { agency: agency(n), version: 3, hash: Digest::of(b"r") };
    let holding = Holding {
        genesis: Digest::of(b"g"),
        roll: 4,
        roll_hash: Digest::of(b"roll"),
        version: 7,
        hash: Digest::of(b"records"),
        lists_hash: Digest::of(b"lists"),
    };
    let part = Listing { records: (0..40).map(listed).collect(), lists: Vec::new() };
    let said = [
        Said::Holding(holding, NOW),
        Said::ListingWanted,
        Said::Listing { part, last: true },
        Said::TextsWanted(vec![TextName::Roll(2), TextName::Record(agency(1))]),
        Said::Text(TextName::Roll(2), Some(b"network = \"mla\"".to_vec())),
    ];
    let encoded = |it: Sent| it.into_pb().encode_to_vec();
    vec![
        parser(
            "attachment frame of who sends",
            Rule::Settles,
            sent.map(encoded).to_vec(),
            |bytes| {
                let frame = pb::TransferAttachmentsRequest::decode(bytes).ok()?;
                Some(Sent::from_pb(frame).ok()?.into_pb().encode_to_vec())
            },
        ),
        parser(
            "attachment frame of who takes",
            Rule::Settles,
            taken.map(|it| it.into_pb().encode_to_vec()).to_vec(),
            |bytes| {
                let frame = pb::TransferAttachmentsResponse::decode(bytes).ok()?;
                Some(Taken::from_pb(frame).ok()?.into_pb().encode_to_vec())
            },
        ),
        parser(
            "gossip frame",
            Rule::Settles,
            said.map(|it| it.into_pb().encode_to_vec()).to_vec(),
            |bytes| {
                let frame = pb::GossipFrame::decode(bytes).ok()?;
                Some(Said::from_pb(frame).ok()?.into_pb().encode_to_vec())
            },
        ),
    ]
}

fn parts(row: &Corridor, handing: &Handing) -> Vec<Parser> {
    let envelope = &handing.envelope;
    let address = wire::header::address_bytes(&envelope.header).expect("a header");
    let particulars = opened(row, handing, Part::Particulars);
    let read = wire::particulars::read(&particulars).expect("particulars");
    let skeleton = Skeleton {
        principal: Some("spiffe://int.n0/officer/clerk".to_owned()),
        call: Some(("key-1".to_owned(), Digest::of(b"call"))),
        particulars: Some(read),
        next_hop: Some(agency(1)),
        hops: 2,
        attachments: 3,
        ..Skeleton::default()
    };
    let bytes = travelling_bytes(9).expect("short");
    let attachments = [1, 2].map(|n| SealedAttachment { digest: Digest::of(&[n]), bytes });
    let statement = wire::envelope::write_statement(&envelope.origin);
    let entries = (0..3).flat_map(|n| row.entries(n)).collect();
    vec![
        parser("entry", Rule::OneEncoding, entries, |bytes| {
            Some(wire::entry::write(&wire::entry::read(bytes).ok()?))
        }),
        parser("header", Rule::OneEncoding, vec![envelope.header.bytes.clone()], |bytes| {
            let header = wire::header::read_header(bytes).ok()?;
            Some(wire::header::write_header(&header.address, &header.digests).bytes)
        }),
        parser("address", Rule::OneEncoding, vec![address], |bytes| {
            Some(wire::header::write_address(&wire::header::read_address(bytes).ok()?))
        }),
        parser("particulars", Rule::Settles, vec![particulars], |bytes| {
            Some(wire::particulars::write(&wire::particulars::read(bytes).ok()?))
        }),
        parser("skeleton", Rule::Settles, vec![skeleton::write(&skeleton)], |bytes| {
            Some(skeleton::write(&skeleton::read(bytes).ok()?))
        }),
        parser("key wraps", Rule::OneEncoding, vec![envelope.wraps_bytes.clone()], |bytes| {
            Some(wire::envelope::write_wraps(&wire::envelope::read_wraps(bytes).ok()?))
        }),
        parser(
            "names of attachments",
            Rule::OneEncoding,
            vec![wire::envelope::write_attachments(&attachments)],
            |bytes| {
                let read = wire::envelope::read_attachments(bytes).ok()?;
                Some(wire::envelope::write_attachments(&read))
            },
        ),
        parser("statement", Rule::Settles, vec![statement], |bytes| {
            Some(wire::envelope::write_statement(&wire::envelope::read_statement(bytes).ok()?))
        }),
        parser("envelope", Rule::Settles, vec![envelope.clone().into_pb().encode_to_vec()], |it| {
            let read = wire::envelope::Envelope::from_pb(pb::Envelope::decode(it).ok()?).ok()?;
            Some(read.into_pb().encode_to_vec())
        }),
    ]
}

/// What is sealed in the request, as its destination opens it.
fn opened(row: &Corridor, handing: &Handing, part: Part) -> Vec<u8> {
    let envelope = &handing.envelope;
    let address = wire::header::address_bytes(&envelope.header).expect("a header");
    let (origin, message) = (&envelope.header.address.origin, envelope.header.address.message);
    let ring = row.nodes[2].setting().keys.sealing.load();
    let key = envelope::unwrap_key(&address, origin, message, &envelope.wraps[0], &ring);
    let sealed = match part {
        Part::Particulars => &envelope.particulars,
        Part::Content => &envelope.content,
    };
    envelope::open_part(part, &key.expect("the key"), &address, sealed).expect("it opens")
}

fn notes(handing: &Handing) -> Vec<Parser> {
    let proof = handing.envelope.origin.proof.clone();
    let checkpoint = TlogProof::parse(&proof).expect("a proof").checkpoint;
    let note = SignedNote::parse(&checkpoint).expect("a note");
    let line = note.signatures[0].to_text();
    let signer = Ed25519Signer::from_seed(&Secret::new(KEY));
    let key = VerifierKey::new("ita.ministry", signer.public()).expect("a name");
    let own = note.text.clone();
    vec![
        parser("receipt (tlog-proof)", Rule::OneEncoding, vec![proof.clone()], |bytes| {
            Some(TlogProof::parse(bytes).ok()?.to_bytes())
        }),
        parser("signed checkpoint", Rule::OneEncoding, vec![checkpoint.clone()], |bytes| {
            Some(SignedCheckpoint::parse(bytes).ok()?.note.to_bytes())
        }),
        parser("signed note", Rule::OneEncoding, vec![checkpoint, proof], |bytes| {
            Some(SignedNote::parse(bytes).ok()?.to_bytes())
        }),
        text("text of a checkpoint", Rule::OneEncoding, vec![own], |it| {
            Some(Checkpoint::parse_text(it).ok()?.to_text())
        }),
        text("signature line", Rule::OneEncoding, vec![line], |it| {
            Some(SignatureLine::parse(it.strip_suffix('\n')?)?.to_text())
        }),
        text("verifier key", Rule::OneEncoding, vec![key.to_string()], |it| {
            Some(it.parse::<VerifierKey>().ok()?.to_string())
        }),
    ]
}

fn tiles(row: &Corridor) -> Vec<Parser> {
    let entries = row.entries(0);
    let size = u64::try_from(entries.len()).expect("a count");
    let whole = Tile::within(0, 0, size).expect("a tile");
    let hashes: Vec<u8> =
        entries.iter().flat_map(|it| *rogatory::merkle::tree::leaf_hash(it).as_bytes()).collect();
    let bundle = tile::write_entries(entries.iter().map(Vec::as_slice));
    let setting = row.nodes[0].setting();
    let latest = setting.journal.latest_checkpoint().expect("it can be read");
    let latest = latest.expect("a checkpoint");
    let keys = setting.directory().journal(&setting.journal_name).expect("its keys").clone();
    vec![
        parser("tile", Rule::OneEncoding, vec![hashes], move |bytes| {
            let hashes = whole.read(bytes).ok()?;
            Some(hashes.iter().flat_map(|it| *it.as_bytes()).collect())
        }),
        parser("bundle of entries", Rule::OneEncoding, vec![bundle], move |bytes| {
            Some(tile::write_entries(whole.read_entries(bytes).ok()?))
        }),
        parser("checkpoint under the journal's keys", Rule::Bound, vec![latest], move |bytes| {
            Some(keys.checkpoint(bytes).ok()?.checkpoint.to_text().into_bytes())
        }),
    ]
}

fn seals(row: &Corridor, handing: &Handing) -> Vec<Parser> {
    let envelope = handing.envelope.clone();
    let address = wire::header::address_bytes(&envelope.header).expect("a header");
    let (origin, message) =
        (envelope.header.address.origin.clone(), envelope.header.address.message);
    let ring = row.nodes[2].setting().keys.sealing.load_full();
    let key = envelope::unwrap_key(&address, &origin, message, &envelope.wraps[0], &ring);
    let key = key.expect("the key");
    let (wrapped, near) = (vec![envelope.wraps_bytes.clone()], address.clone());
    let entropy = SeededEntropy::new(3);
    let plain: Vec<u8> = (0_u8..250).cycle().take(40_000).collect();
    let chunked = chunks::seal(&Secret::new(KEY), b"context", &plain, &entropy);
    let (mut sealer, mut stream) = Sealer::new(&Secret::new(KEY), b"context", &entropy);
    stream.extend(sealer.push(&plain));
    stream.extend(sealer.finish());
    vec![
        parser("sealed content", Rule::Bound, vec![envelope.content], move |bytes| {
            envelope::open_part(Part::Content, &key, &address, bytes).ok()
        }),
        parser("wrapped key", Rule::Bound, wrapped, move |bytes| {
            let wraps = wire::envelope::read_wraps(bytes).ok()?;
            let opened = envelope::unwrap_key(&near, &origin, message, wraps.first()?, &ring);
            Some(opened.ok()?.expose().to_vec())
        }),
        parser("chunks", Rule::Bound, vec![chunked], |bytes| {
            Some(chunks::open(&Secret::new(KEY), b"context", bytes).ok()?.to_vec())
        }),
        parser("stream of chunks", Rule::Bound, vec![stream], |bytes| {
            let (front, rest) = bytes.split_first_chunk()?;
            let mut opener = Opener::new(&Secret::new(KEY), b"context", front).ok()?;
            let mut plain = opener.push(rest).ok()?.to_vec();
            plain.extend_from_slice(&opener.finish().ok()?);
            Some(plain)
        }),
    ]
}

/// Slots whose bytes are given.
struct Given(Vec<u8>);

impl SlotDisk for Given {
    fn length(&self) -> io::Result<u64> {
        Ok(u64::try_from(self.0.len()).expect("a length"))
    }

    fn read(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        let at = usize::try_from(at).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let end = at.checked_add(into.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(self.0.get(at..end).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write(&self, _: u64, _: &[u8]) -> io::Result<()> {
        panic!("a volume that is known is not written at its opening")
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

fn stores() -> Vec<Parser> {
    let storage = || StorageKey::new(Secret::new(KEY));
    let entropy = SeededEntropy::new(4);
    let record = storage().seal_record(b"row", b"a record at rest", &entropy);
    let row = RowKey::of(&storage()).seal(b"row", b"a row at rest");
    let disk = rogatory::journal::slot_disks::MemorySlots::new();
    let chance: Arc<dyn rogatory::entropy::Entropy> = Arc::new(SeededEntropy::new(5));
    let (beside, later) = (Box::new(disk.clone()), Arc::clone(&chance));
    let slots = Slots::open(beside, &storage(), chance, 4, None).expect("they open");
    slots.take(0).expect("a slot");
    let known = slots.volume();
    let plain: Vec<u8> = (0_u8..250).cycle().take(20_000).collect();
    let number = 1;
    let travelling = move || Travelling::new(&Secret::new(KEY), number, 20_000).expect("short");
    let (resting, name) = (Resting::new(&Secret::new(KEY), &[3; 16]).seal(0, &plain), [3; 16]);
    let piece = travelling().seal(0, &plain[..chunks::CHUNK_BYTES]);
    vec![
        parser("record at rest", Rule::Bound, vec![record], move |bytes| {
            Some(storage().open_record(b"row", bytes).ok()?.to_vec())
        }),
        parser("row at rest", Rule::Bound, vec![row], move |bytes| {
            RowKey::of(&storage()).open(b"row", bytes)
        }),
        // Which slots are there may be cut, and a slot that was harmed is named; no other key is found.
        parser("slots", Rule::Bound, vec![disk.bytes()], move |bytes| {
            let given = Box::new(Given(bytes.to_vec()));
            let opened = Slots::open(given, &storage(), Arc::clone(&later), 4, Some(known)).ok()?;
            let key = opened.rest_key(0).ok()?;
            // The key itself is never shown: what it seals without chance tells which it is.
            Some(RowKey::of(&key).seal(b"row", b"mark"))
        }),
        parser("file at rest", Rule::Bound, vec![resting], move |bytes| {
            Some(Resting::new(&Secret::new(KEY), &name).open(0, bytes).ok()?.to_vec())
                .filter(|it| it.len() == 20_000)
        }),
        parser("piece of a file on the road", Rule::Bound, vec![piece], move |bytes| {
            Some(travelling().open(0, bytes).ok()?.to_vec())
        }),
        parser("format of a store", Rule::OneEncoding, vec![format::record_of(3)], |bytes| {
            Some(format::record_of(format::number_of(bytes)?))
        }),
    ]
}

fn backups() -> Vec<Parser> {
    let private = SealingPrivate::from_seed(&Secret::new([6; 32]));
    let reach = |size| Reach { size, root: Digest::of(&[1]) };
    let label = Label {
        journal: "ita.guard/journal/1".to_owned(),
        before: Vec::new(),
        from: reach(0),
        to: reach(2),
        made_at: NOW,
        keep_until: NOW.plus_millis(1_000),
    };
    let begun = Sealing::begin(label, &private.public(), &SeededEntropy::new(6));
    let (mut sealing, mut bytes) = begun.expect("a key");
    for n in 0..40_u8 {
        let entries = vec![vec![n; 700], vec![n; 20]];
        bytes.extend(sealing.push(&Item::Batch { checkpoint: vec![n; 300], entries }));
    }
    bytes.extend(sealing.finish());
    vec![
        parser("head of a backup", Rule::Survives, vec![bytes.clone()], |bytes| {
            let (head, _) = read_head(&mut Cursor::new(bytes)).ok()?;
            Some(head.to_json().to_string().into_bytes())
        }),
        parser("backup", Rule::Bound, vec![bytes], move |bytes| {
            let from = Box::new(Cursor::new(bytes.to_vec()));
            let (mut opening, head) = Opening::begin(from, &private).ok()?;
            let mut told = format!("{head:?}");
            while let Some(item) = opening.next_item().ok()? {
                told += &format!("{item:?}");
            }
            Some(told.into_bytes())
        }),
    ]
}

fn directories(row: &Corridor) -> Vec<Parser> {
    let directory = row.nodes[0].setting().directory();
    let unsigned = directory_write::to_toml(&directory.draft());
    let signer = Ed25519Signer::from_seed(&Secret::new(KEY));
    let key = |name: &str| VerifierKey::new(name, signer.public()).expect("a name");
    let authority = Signing { key: key("ita.ministry"), until: None };
    let authorities = Authorities { threshold: 1, members: vec![authority] };
    let network = directory.network().clone();
    let genesis = write::genesis(&network, true, &authorities);
    let own_signer = Ed25519Signer::from_seed(&Secret::new([10; 32]));
    let record_key = VerifierKey::new("int.n0/record", own_signer.public()).expect("a name");
    let member =
        Member { id: agency(0), key: record_key.clone(), status: Status::Active, next: None };
    let (version, previous) = (1, Digest::of(genesis.as_bytes()));
    let agencies = vec![member];
    let roll = Roll { network, version, previous, issued_at: NOW, authorities, agencies };
    let own = OwnRecord {
        network: roll.network.clone(),
        version: 1,
        previous: None,
        agency: directory.agency(&agency(0)).expect("a record").clone(),
        links: Vec::new(),
    };
    let (roll, own) = (write::roll(&roll), write::record(&own));
    let signed = |text: &str, key: &VerifierKey, signer: &Ed25519Signer| {
        let line = key.sign(text, signer).expect("a line");
        SignedNote { text: text.to_owned(), signatures: vec![line] }.to_bytes()
    };
    let signed_roll = signed(&roll, &key("ita.ministry"), &signer);
    let signed_own = signed(&own, &record_key, &own_signer);
    vec![
        text("directory", Rule::Settles, vec![unsigned], |it| {
            Some(directory_write::to_toml(&Directory::parse(it).ok()?.draft()))
        }),
        text("genesis", Rule::Settles, vec![genesis], |it| {
            let read = Genesis::parse(it).ok()?;
            Some(write::genesis(&read.network, read.is_demo, &read.authorities))
        }),
        text("roll", Rule::Settles, vec![roll], |it| Some(write::roll(&Roll::parse(it, 1).ok()?))),
        text("record", Rule::Settles, vec![own], |it| {
            Some(write::record(&OwnRecord::parse(it).ok()?))
        }),
        parser("signed roll", Rule::OneEncoding, vec![signed_roll], |bytes| {
            Some(SignedRoll::parse(bytes, 1).ok()?.note.to_bytes())
        }),
        parser("signed record", Rule::OneEncoding, vec![signed_own], |bytes| {
            Some(SignedRecord::parse(bytes).ok()?.note.to_bytes())
        }),
        text("record versions seen", Rule::Settles, vec![format!("1 {previous}\n")], |it| {
            Some(Seen::parse(it).ok()?.to_text())
        }),
    ]
}

fn settings() -> Vec<Parser> {
    let config = include_str!("../../../config/node.toml").to_owned();
    let desks = include_str!("../../../config/desks.toml").to_owned();
    let parties = include_str!("../../../config/law/parties.toml").to_owned();
    let context = "address = \"localhost:7443\"\nagency = \"ita.coast-guard\"\n".to_owned();
    let found = |it: bool| it.then(String::new);
    vec![
        text("configuration of a node", Rule::Survives, vec![config], move |it| {
            found(check::check(it, &Environment::of(&[])).is_ok())
        }),
        text("desk policy", Rule::Survives, vec![desks], move |it| {
            let agency: AgencyId = "ita.coast-guard".parse().expect("an agency");
            found(desks::read(it, &agency).is_ok())
        }),
        text("table of parties", Rule::Survives, vec![parties], move |it| {
            found(PartyStatus::read(it).is_ok())
        }),
        text("context", Rule::Settles, vec![context], |it| {
            Some(context::Context::parse(it, Path::new("")).ok()?.to_toml())
        }),
    ]
}

fn certificates() -> Vec<Parser> {
    let entropy = SeededEntropy::new(7);
    let agency: AgencyId = "ita.coast-guard".parse().expect("an agency");
    let authority = Authority::create(&agency, Validity::days(NOW, 30), &entropy).expect("one");
    let principal = Principal::new(agency, Role::Officer, "clerk").expect("a principal");
    let (validity, dns_names, ip_addresses) = (Validity::days(NOW, 3), Vec::new(), Vec::new());
    let leaf = LeafRequest { principal, validity, dns_names, ip_addresses };
    let leaf = authority.issue(&leaf, &entropy).expect("a leaf");
    let mut list = RevocationList::first(NOW, NOW.plus_millis(1_000));
    list.revoke(&[1, 2, 3], NOW);
    let list = authority.sign_revocations(&list).expect("a list");
    let (root, leaf_der) = (authority.certificate_der().to_vec(), leaf.certificate_der().to_vec());
    let of = root.clone();
    let debug = |it: String| Some(it.into_bytes());
    vec![
        parser("certificate", Rule::Survives, vec![root, leaf_der.clone()], move |bytes| {
            debug(format!("{:?}", inspect(bytes).ok()?))
        }),
        parser("name in a certificate", Rule::Survives, vec![leaf_der], move |bytes| {
            debug(spiffe::of_certificate(bytes).ok()?.to_string())
        }),
        parser("revocation list", Rule::Survives, vec![list.clone()], move |bytes| {
            debug(format!("{:?}", RevocationList::parse(bytes).ok()?))
        }),
        parser("revocation list of an authority", Rule::Bound, vec![list.clone()], move |bytes| {
            debug(format!("{:?}", revoke::list_of(bytes, [of.as_slice()]).ok()?))
        }),
        parser(
            "revocation list, DER or PEM",
            Rule::Survives,
            vec![list.clone(), revoke::list_pem(&list).into_bytes()],
            revoke::list_der,
        ),
    ]
}

const EXAMPLES: [&str; 3] = [
    include_str!("../../../config/demo/ex1-bank-records-untoc-18-3-f.json"),
    include_str!("../../../config/demo/ex2-vessel-boarding-som-8-2.json"),
    include_str!("../../../config/demo/ex6-witness-video-hearing-untoc-18-18.json"),
];

fn messages() -> Vec<Parser> {
    let files: Vec<Vec<u8>> = EXAMPLES.iter().map(|it| it.as_bytes().to_vec()).collect();
    let drafts: Vec<pb::Draft> =
        files.iter().map(|it| wire::json::read_file(it).expect("an example")).collect();
    let contents: Vec<Vec<u8>> = drafts.iter().map(pb::Draft::encode_to_vec).collect();
    let submitted = drafts.iter().map(|it| {
        let (message_id, request_id, issued_at) = (None, None, None);
        pb::Draft { message_id, request_id, issued_at, ..it.clone() }.encode_to_vec()
    });
    let submitted = submitted.collect();
    let calls: Vec<Vec<u8>> = drafts
        .iter()
        .map(|it| {
            let call = pb::SendMessageRequest {
                idempotency_key: "k-1".to_owned(),
                draft: Some(it.clone()),
                ..pb::SendMessageRequest::default()
            };
            wire::json::from_message(&call).to_string().into_bytes()
        })
        .collect();
    vec![
        parser("message file", Rule::Settles, files, |bytes| {
            Some(wire::json::write_file(&wire::json::read_file(bytes).ok()?))
        }),
        parser("call in JSON", Rule::Settles, calls, |bytes| {
            let call: pb::SendMessageRequest = wire::json::to_message(bytes).ok()?;
            Some(wire::json::from_message(&call).to_string().into_bytes())
        }),
        parser("content", Rule::Settles, contents.clone(), |bytes| {
            Some(wire::draft::read_content(bytes).ok()?.encode_to_vec())
        }),
        parser("draft", Rule::Survives, submitted, |bytes| {
            let draft = wire::draft::read(pb::Draft::decode(bytes).ok()?).ok()?;
            Some(format!("{draft:?}").into_bytes())
        }),
        parser("attachments of content", Rule::Survives, contents, |bytes| {
            Some(format!("{:?}", wire::draft::attachments(bytes).ok()?.len()).into_bytes())
        }),
    ]
}

fn names() -> Vec<Parser> {
    let one = |it: &str| vec![it.to_owned()];
    let time = "2027-03-05T10:00:00Z";
    vec![
        text("agency", Rule::OneEncoding, one("ita.coast-guard"), |it| {
            Some(it.parse::<AgencyId>().ok()?.to_string())
        }),
        text("journal", Rule::OneEncoding, one("ita.coast-guard/journal/12"), |it| {
            Some(it.parse::<JournalName>().ok()?.to_string())
        }),
        text("message id", Rule::Settles, one("019cadb0-85f3-7e42-8f5b-0ad7de200018"), |it| {
            Some(it.parse::<MessageId>().ok()?.to_string())
        }),
        text("caller", Rule::OneEncoding, one("spiffe://ita.coast-guard/officer/clerk"), |it| {
            Some(spiffe::parse(it).ok()?.to_string())
        }),
        text("time", Rule::Settles, one(time), |it| Some(Timestamp::parse(it)?.to_string())),
    ]
}

/// Writes the bytes of a file that is there, closed to others.
fn put(path: &Path, bytes: &[u8]) {
    File::create(path).and_then(|mut file| file.write_all(bytes)).expect("it is written");
}

fn key_files() -> Vec<Parser> {
    let home = Arc::new(tempfile::tempdir().expect("a folder"));
    let folder = home.path().join("keys");
    NodeKeys::generate(&SeededEntropy::new(8)).save(&folder).expect("they are saved");
    let storage = folder.join(keys::STORAGE);
    let sample = std::fs::read(&storage).expect("a key file");
    let public = home.path().join("authority.pub");
    let signer = Ed25519Signer::from_seed(&Secret::new(KEY));
    let key = VerifierKey::new("ita.ministry", signer.public()).expect("a name");
    let (second, beside) = (Arc::clone(&home), home.path().join("backup.pub"));
    vec![
        parser("key file of a node", Rule::Survives, vec![sample], move |bytes| {
            put(&storage, bytes);
            let read = NodeKeys::load_under(&folder, &Environment::of(&[]));
            read.ok().map(|it| it.storage.expose().to_vec())
        }),
        parser(
            "file of an authority's key",
            Rule::Settles,
            vec![format!("{key}\n").into_bytes()],
            move |bytes| {
                put(&public, bytes);
                Some(format!("{}\n", note_keys::verifier_key(&public).ok()?).into_bytes())
            },
        ),
        parser("file of a backup key", Rule::Survives, vec![backup_key()], move |bytes| {
            // The folder lives as long as its readers.
            let _lives = &second;
            put(&beside, bytes);
            backup_keys::backup_public(&beside).ok()
        }),
    ]
}

fn backup_key() -> Vec<u8> {
    use base64::Engine as _;
    let public = SealingPrivate::from_seed(&Secret::new([6; 32])).public();
    base64::engine::general_purpose::STANDARD.encode(public).into_bytes()
}
