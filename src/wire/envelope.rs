//! A message on its way: header, wraps and sealed parts, each as the bytes that are hashed.

use prost::Message;

use crate::domain::digest::Digest;
use crate::domain::header::{Header, SealedAttachment};
use crate::domain::ids::AgencyId;
use crate::domain::limits::{ATTACHMENTS_MAX, ENTRY_BYTES_MAX, ENVELOPE_BYTES_MAX, RECIPIENTS_MAX};
use crate::envelope::WrappedKey;
use crate::envelope::attachment::check_travelling;
use crate::envelope::wrap::{ENCAPSULATION_BYTES, WRAPPED_KEY_BYTES};
use crate::wire::header::read_header;
use crate::wire::{WireError, decode_canonical, ids, pb};

/// Largest proof of a statement, in bytes: 63 hashes and a checkpoint with its signatures.
pub const PROOF_BYTES_MAX: usize = 16 * 1024;
/// Largest set of key wraps, in bytes.
pub const WRAPS_BYTES_MAX: usize = 32 * 1024;
/// Largest list of sealed attachments, in bytes.
pub const ATTACHMENTS_BYTES_MAX: usize = 1024;
/// Length of a key id: 8 bytes in hexadecimal.
const KEY_ID_BYTES: usize = 16;

/// An entry and the proof that it stands in its journal. Nothing is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The exact bytes of the entry.
    pub entry: Vec<u8>,
    /// C2SP tlog-proof of it.
    pub proof: Vec<u8>,
}

impl Statement {
    /// Reads a statement.
    ///
    /// # Errors
    /// `entry` or `proof` is empty or over its limit.
    pub fn from_pb(statement: pb::Statement) -> Result<Self, WireError> {
        let pb::Statement { entry, proof } = statement;
        within("statement.entry", &entry, ENTRY_BYTES_MAX)?;
        within("statement.proof", &proof, PROOF_BYTES_MAX)?;
        Ok(Self { entry, proof })
    }

    /// The statement as it travels.
    pub fn into_pb(self) -> pb::Statement {
        let Self { entry, proof } = self;
        pb::Statement { entry, proof }
    }
}

/// A message as one node hands it to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// What travels in clear.
    pub header: Header,
    /// The key wraps as the bytes that the header names.
    pub wraps_bytes: Vec<u8>,
    /// The key wraps, read from those bytes.
    pub wraps: Vec<WrappedKey>,
    /// The sealed particulars.
    pub particulars: Vec<u8>,
    /// The sealed content.
    pub content: Vec<u8>,
    /// The origin's statement that it submitted the message.
    pub origin: Statement,
    /// What names the sealed attachments, as the bytes that the header names; empty without any.
    pub attachments: Vec<u8>,
}

impl Envelope {
    /// Reads an envelope; [`Self::check_digests`] is the next step.
    ///
    /// # Errors
    /// Over the limit, a part missing or malformed, header or wraps not in canonical form.
    pub fn from_pb(envelope: pb::Envelope) -> Result<Self, WireError> {
        within_size(envelope.encoded_len())?;
        let pb::Envelope { header, wraps, particulars, content, origin, attachments } = envelope;
        let origin = Statement::from_pb(ids::part("envelope.origin", origin)?)?;
        if !attachments.is_empty() {
            read_attachments(&attachments)?;
        }
        Ok(Self {
            header: read_header(&header)?,
            wraps: read_wraps(&wraps)?,
            wraps_bytes: wraps,
            particulars,
            content,
            origin,
            attachments,
        })
    }

    /// Agencies to which it is sealed besides its destination, each once, in the order of the wraps.
    pub fn readers(&self) -> Vec<AgencyId> {
        let mut found: Vec<AgencyId> = Vec::new();
        for wrap in &self.wraps {
            let reader = &wrap.recipient;
            if *reader != self.header.address.destination && !found.contains(reader) {
                found.push(reader.clone());
            }
        }
        found
    }

    /// The envelope as it travels.
    pub fn into_pb(self) -> pb::Envelope {
        let Self { header, wraps_bytes, wraps: _, particulars, content, origin, attachments } =
            self;
        pb::Envelope {
            header: header.bytes,
            wraps: wraps_bytes,
            particulars,
            content,
            origin: Some(origin.into_pb()),
            attachments,
        }
    }

    /// Compares the header's hashes and sizes with the bytes that came.
    ///
    /// # Errors
    /// [`WireError::Mismatch`] with the first field that does not agree.
    pub fn check_digests(&self) -> Result<(), WireError> {
        let digests = &self.header.digests;
        let agrees = |field, holds: bool| {
            if holds { Ok(()) } else { Err(WireError::Mismatch { field }) }
        };
        let size = |given: &[u8], said: u32| usize::try_from(said) == Ok(given.len());
        let (particulars, content) = (&self.particulars, &self.content);
        agrees("header.particulars_bytes", size(particulars, digests.particulars_bytes))?;
        agrees("header.content_bytes", size(content, digests.content_bytes))?;
        agrees("header.particulars_hash", Digest::of(particulars) == digests.particulars)?;
        agrees("header.content_hash", Digest::of(content) == digests.content)?;
        agrees("header.wraps_hash", Digest::of(&self.wraps_bytes) == digests.wraps)?;
        let attachments = (!self.attachments.is_empty()).then(|| Digest::of(&self.attachments));
        agrees("header.attachments_hash", attachments == digests.attachments)
    }
}

/// A statement as bytes, to be kept.
pub fn write_statement(statement: &Statement) -> Vec<u8> {
    statement.clone().into_pb().encode_to_vec()
}

/// Reads a statement that was kept.
///
/// # Errors
/// Not protobuf, or as [`Statement::from_pb`].
pub fn read_statement(bytes: &[u8]) -> Result<Statement, WireError> {
    let undecodable = WireError::Undecodable { what: "statement" };
    Statement::from_pb(pb::Statement::decode(bytes).map_err(|_| undecodable)?)
}

/// The canonical bytes of key wraps, which the header names by hash.
pub fn write_wraps(wraps: &[WrappedKey]) -> Vec<u8> {
    let wraps = wraps.iter().map(|wrap| {
        let WrappedKey { recipient, key_id, encapsulation, wrapped_key } = wrap;
        pb::KeyWrap {
            recipient: recipient.to_string(),
            key_id: key_id.clone(),
            encapsulation: encapsulation.clone(),
            wrapped_key: wrapped_key.clone(),
        }
    });
    pb::KeyWraps { wraps: wraps.collect() }.encode_to_vec()
}

/// The canonical bytes that name sealed attachments; none where there are none.
pub fn write_attachments(attachments: &[SealedAttachment]) -> Vec<u8> {
    let attachments = attachments.iter().map(|it| {
        let SealedAttachment { digest, bytes } = it;
        pb::SealedAttachment { sha256: digest.as_bytes().to_vec(), bytes: *bytes }
    });
    pb::SealedAttachments { attachments: attachments.collect() }.encode_to_vec()
}

/// Reads what names sealed attachments from its canonical bytes.
///
/// # Errors
/// Not in canonical form; none, or more than a message may have; a hash or size that none has.
pub fn read_attachments(bytes: &[u8]) -> Result<Vec<SealedAttachment>, WireError> {
    let pb::SealedAttachments { attachments } =
        decode_canonical("attachments", bytes, ATTACHMENTS_BYTES_MAX)?;
    if !(1..=ATTACHMENTS_MAX).contains(&attachments.len()) {
        return Err(WireError::OutOfRange { field: "attachments" });
    }
    attachments.into_iter().map(read_attachment).collect()
}

/// How many sealed attachments these bytes name; none if they are none's.
pub fn count_attachments(bytes: &[u8]) -> u32 {
    let read = read_attachments(bytes).unwrap_or_default();
    u32::try_from(read.len()).unwrap_or(u32::MAX)
}

fn read_attachment(attachment: pb::SealedAttachment) -> Result<SealedAttachment, WireError> {
    let pb::SealedAttachment { sha256, bytes } = attachment;
    let out_of_range = |_| WireError::OutOfRange { field: "attachments.bytes" };
    check_travelling(bytes).map_err(out_of_range)?;
    Ok(SealedAttachment { digest: ids::digest("attachments.sha256", &sha256)?, bytes })
}

/// Reads key wraps from their canonical bytes.
///
/// # Errors
/// Not in canonical form; none, or more than there may be recipients; a wrap malformed.
pub fn read_wraps(bytes: &[u8]) -> Result<Vec<WrappedKey>, WireError> {
    let pb::KeyWraps { wraps } = decode_canonical("wraps", bytes, WRAPS_BYTES_MAX)?;
    if !(1..=RECIPIENTS_MAX).contains(&wraps.len()) {
        return Err(WireError::OutOfRange { field: "wraps" });
    }
    wraps.into_iter().map(read_wrap).collect()
}

fn read_wrap(wrap: pb::KeyWrap) -> Result<WrappedKey, WireError> {
    let pb::KeyWrap { recipient, key_id, encapsulation, wrapped_key } = wrap;
    let is_hex = |it: u8| it.is_ascii_digit() || (b'a'..=b'f').contains(&it);
    if key_id.len() != KEY_ID_BYTES || !key_id.bytes().all(is_hex) {
        let why = "it is 16 lower-case hexadecimal digits";
        return Err(WireError::Malformed { field: "wraps.key_id", why });
    }
    ids::array::<ENCAPSULATION_BYTES>("wraps.encapsulation", &encapsulation)?;
    ids::array::<WRAPPED_KEY_BYTES>("wraps.wrapped_key", &wrapped_key)?;
    let recipient = ids::name("wraps.recipient", &recipient)?;
    Ok(WrappedKey { recipient, key_id, encapsulation, wrapped_key })
}

fn within(field: &'static str, bytes: &[u8], allowed: usize) -> Result<(), WireError> {
    match bytes.len() {
        0 => Err(WireError::Missing { field }),
        given if given > allowed => Err(WireError::TooLarge { what: field, allowed, given }),
        _ => Ok(()),
    }
}

fn within_size(given: usize) -> Result<(), WireError> {
    if given > ENVELOPE_BYTES_MAX {
        let allowed = ENVELOPE_BYTES_MAX;
        return Err(WireError::TooLarge { what: "envelope", allowed, given });
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod samples {
    use super::*;
    use crate::domain::header::SealedDigests;
    use crate::wire::header::{samples, write_header};

    pub(in crate::wire) fn wraps() -> Vec<WrappedKey> {
        vec![WrappedKey {
            recipient: "pan.maritime-authority".parse().unwrap(),
            key_id: "00112233445566ff".to_owned(),
            encapsulation: vec![4; ENCAPSULATION_BYTES],
            wrapped_key: vec![5; 48],
        }]
    }

    pub(in crate::wire) fn envelope(particulars: Vec<u8>, content: Vec<u8>) -> Envelope {
        let wraps_bytes = write_wraps(&wraps());
        let digests = SealedDigests {
            particulars: Digest::of(&particulars),
            content: Digest::of(&content),
            wraps: Digest::of(&wraps_bytes),
            attachments: None,
            particulars_bytes: particulars.len().try_into().unwrap(),
            content_bytes: content.len().try_into().unwrap(),
        };
        Envelope {
            header: write_header(&samples::address(), &digests),
            wraps_bytes,
            wraps: wraps(),
            particulars,
            content,
            origin: Statement { entry: vec![1], proof: vec![2] },
            attachments: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::header::SealedDigests;
    use crate::wire::header::write_header;

    fn sample() -> Envelope {
        samples::envelope(vec![6; 40], vec![7; 90])
    }

    #[test]
    fn each_sealed_part_is_fixed_by_the_header() {
        assert_eq!(sample().check_digests(), Ok(()));
        let changed = |change: fn(&mut Envelope)| {
            let mut envelope = sample();
            change(&mut envelope);
            envelope.check_digests().unwrap_err()
        };
        let mismatch = |field| WireError::Mismatch { field };
        assert_eq!(changed(|it| it.particulars[0] = 0), mismatch("header.particulars_hash"));
        assert_eq!(changed(|it| it.content[89] = 0), mismatch("header.content_hash"));
        assert_eq!(changed(|it| it.wraps_bytes.push(0)), mismatch("header.wraps_hash"));
        assert_eq!(changed(|it| it.particulars.push(6)), mismatch("header.particulars_bytes"));
        assert_eq!(changed(|it| it.content.clear()), mismatch("header.content_bytes"));
    }

    #[test]
    fn attachments_are_fixed_by_the_header_and_cost_nothing_where_there_are_none() {
        let attachment = |bytes| SealedAttachment { digest: Digest::of(b"sealed"), bytes };
        let listed = |count| {
            let listed = write_attachments(&vec![attachment(73); count]);
            read_attachments(&listed).map(|it| it.len())
        };
        let outside = Err(WireError::OutOfRange { field: "attachments" });
        assert_eq!((listed(0), listed(17)), (outside.clone(), outside));
        assert_eq!((listed(1), listed(16)), (Ok(1), Ok(16)));
        let most = write_attachments(&[attachment(u64::MAX >> 14); 16]);
        assert!(most.len() <= ATTACHMENTS_BYTES_MAX, "{}", most.len());
        let size = |bytes| read_attachments(&write_attachments(&[attachment(bytes)]));
        let out_of_range = Err(WireError::OutOfRange { field: "attachments.bytes" });
        assert_eq!((size(0), size(56)), (out_of_range.clone(), out_of_range));
        let mut envelope = sample();
        assert!(!envelope.header.bytes.ends_with(&[0x3a, 0x00]));
        envelope.attachments = write_attachments(&[attachment(73)]);
        let mismatch = Err(WireError::Mismatch { field: "header.attachments_hash" });
        assert_eq!(envelope.check_digests(), mismatch);
        let digests = SealedDigests {
            attachments: Some(Digest::of(&envelope.attachments)),
            ..envelope.header.digests
        };
        envelope.header = write_header(&envelope.header.address, &digests);
        assert_eq!(envelope.check_digests(), Ok(()));
        assert_eq!(Envelope::from_pb(envelope.clone().into_pb()), Ok(envelope.clone()));
        envelope.attachments = vec![0xff];
        let undecodable = WireError::Undecodable { what: "attachments" };
        assert_eq!(Envelope::from_pb(envelope.clone().into_pb()), Err(undecodable));
        envelope.attachments.clear();
        assert_eq!(envelope.check_digests(), mismatch);
    }

    #[test]
    fn missing_and_malformed_parts_are_named() {
        let read = |change: fn(&mut pb::Envelope)| {
            let mut envelope = sample().into_pb();
            change(&mut envelope);
            Envelope::from_pb(envelope).unwrap_err()
        };
        let missing = |field| WireError::Missing { field };
        assert_eq!(read(|it| it.origin = None), missing("envelope.origin"));
        assert_eq!(
            read(|it| it.origin = Some(pb::Statement::default())),
            missing("statement.entry")
        );
        assert_eq!(read(|it| it.wraps.clear()), WireError::OutOfRange { field: "wraps" });
        assert_eq!(
            read(|it| it.content = vec![0; ENVELOPE_BYTES_MAX]).to_string(),
            "envelope has 1574363 bytes, allowed are 1572864"
        );
        assert_eq!(read(|it| it.header.clear()), WireError::Unknown { field: "address.version" });
        let twice = read(|it| it.header.extend([0x30, 0x5a]));
        assert_eq!(twice, WireError::NotCanonical { what: "header" });
    }

    #[test]
    fn a_kept_statement_comes_back() {
        let statement = Statement { entry: vec![1; 9], proof: vec![2; PROOF_BYTES_MAX] };
        assert_eq!(read_statement(&write_statement(&statement)), Ok(statement.clone()));
        let longer = Statement { proof: vec![2; PROOF_BYTES_MAX + 1], ..statement };
        let (what, allowed) = ("statement.proof", PROOF_BYTES_MAX);
        let refused = WireError::TooLarge { what, allowed, given: allowed + 1 };
        assert_eq!(read_statement(&write_statement(&longer)), Err(refused));
        let undecodable = WireError::Undecodable { what: "statement" };
        assert_eq!(read_statement(&[0xff]), Err(undecodable));
        let missing = WireError::Missing { field: "statement.entry" };
        assert_eq!(read_statement(&[]), Err(missing));
    }

    #[test]
    fn wraps_are_checked_one_by_one() {
        let read = |change: fn(&mut WrappedKey)| {
            let mut wraps = samples::wraps();
            wraps.iter_mut().for_each(change);
            read_wraps(&write_wraps(&wraps))
        };
        assert_eq!(read(|_| ()), Ok(samples::wraps()));
        let why = "it is 16 lower-case hexadecimal digits";
        let malformed = Err(WireError::Malformed { field: "wraps.key_id", why });
        assert_eq!(read(|it| it.key_id.push('0')), malformed);
        assert_eq!(read(|it| it.key_id = "00112233445566fF".to_owned()), malformed);
        let field = "wraps.encapsulation";
        let length = Err(WireError::Length { field, expected: 1120, given: 1119 });
        assert_eq!(read(|it| it.encapsulation.truncate(1119)), length);
        let field = "wraps.wrapped_key";
        let length = Err(WireError::Length { field, expected: 48, given: 49 });
        assert_eq!(read(|it| it.wrapped_key.push(0)), length);
        let many = |count| {
            let wraps: Vec<_> = samples::wraps().into_iter().cycle().take(count).collect();
            read_wraps(&write_wraps(&wraps))
        };
        assert_eq!(many(RECIPIENTS_MAX).map(|it| it.len()), Ok(RECIPIENTS_MAX));
        assert_eq!(many(RECIPIENTS_MAX + 1), Err(WireError::OutOfRange { field: "wraps" }));
    }

    proptest! {
        #[test]
        fn envelopes_come_back(
            particulars in prop::collection::vec(any::<u8>(), 0..300),
            content in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let envelope = samples::envelope(particulars, content);
            prop_assert_eq!(envelope.check_digests(), Ok(()));
            prop_assert_eq!(Envelope::from_pb(envelope.clone().into_pb()), Ok(envelope));
        }

        #[test]
        fn hostile_wraps_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(read_wraps(&bytes).is_err());
        }
    }
}
