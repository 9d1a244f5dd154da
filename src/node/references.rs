//! References under which the two sides file a request, as marks that can be found and not read.

use aws_lc_rs::hmac;
use unicode_normalization::UnicodeNormalization as _;

use crate::node::setting::Setting;
use crate::wire::skeleton::{REFERENCES_MAX, ReferenceMark};

/// What keeps these marks apart from other uses of the key.
const PURPOSE: &[u8] = b"rogatory reference 1\n";

/// The mark of one reference under this node's key. References that differ in nothing but the
/// composition of their characters (Unicode NFC) are one.
pub fn mark(setting: &Setting, reference: &str) -> ReferenceMark {
    let key = hmac::Key::new(hmac::HMAC_SHA256, setting.keys.fingerprint.expose());
    let composed: String = reference.nfc().collect();
    let tag = hmac::sign(&key, &[PURPOSE, composed.as_bytes()].concat());
    let mut mark = ReferenceMark::default();
    for (to, from) in mark.iter_mut().zip(tag.as_ref()) {
        *to = *from;
    }
    mark
}

/// The marks of several references; what is over the limit is left out.
pub fn marks(setting: &Setting, references: &[String]) -> Vec<ReferenceMark> {
    references.iter().take(REFERENCES_MAX).map(|it| mark(setting, it)).collect()
}
