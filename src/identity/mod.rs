//! Who is calling, and what that role may ask for.
//!
//! In comes the certificate that a TLS handshake has verified, or the text of a SPIFFE id; out
//! comes a [`Principal`](principal::Principal): agency, role, name. There is one way in, the one
//! URI SAN of the certificate; subject text, DNS names and headers say nothing about a caller.
//!
//! What always holds: a principal exists only if its id is well formed by our rules, which are
//! narrower than SPIFFE's; [`permitted`](permission::permitted) answers no unless its table says
//! yes, and there is no second table.
//!
//! What an agency says itself about its desks ([`DeskPolicy`](desks::DeskPolicy)) narrows the table
//! and never widens it.
//!
//! Left to others: whether the certificate is genuine, in time and not revoked (`transport/tls/`),
//! which agencies exist (`directory/`), and whose request it is (`node/`, which sees principals
//! and not certificates).

pub mod desks;
pub mod permission;
pub mod principal;
pub mod spiffe;

pub use permission::{Verb, permitted};
pub use principal::{Principal, Role};
pub use spiffe::SpiffeError;
