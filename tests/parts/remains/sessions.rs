//! Of the keys that encrypt a connection nothing is left once both of its ends are dropped. What they grow from is:
//! rustls hands its secrets from one state of a handshake to the next, and frees those places as they are.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::hkdf;
use rogatory::clock::SystemClock;
use rogatory::identity::Role;
use rogatory::redact::scrubbed;
use rogatory::transport::tls::{self, ClientSettings, Listener, ServerSettings};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, Connection, KeyLog, ServerConnection};

use super::content::expanded;
use super::{Look, Needle, apart};
use crate::tls::parties::{agency, authority, leaf, own, roots, trust};

/// The key that grows from each secret of one connection.
#[derive(Default)]
struct Keys(Mutex<Vec<Needle>>);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

impl KeyLog for Keys {
    fn log(&self, _: &str, _: &[u8], secret: &[u8]) {
        // TLS_AES_256_GCM_SHA384, which both ends like best.
        assert_eq!(secret.len(), 48);
        let needle = apart(|| {
            // RFC 8446, 7.1 and 7.3: HKDF-Expand-Label(secret, "key", "", 32).
            let key = expanded::<32>(hkdf::HKDF_SHA384, secret, &[b"\0\x20\x09tls13 key\0"]);
            Needle::of(key.as_ref())
        });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(needle);
    }
}

/// Both ends, and what grows from what the client logs.
fn ends() -> ([Connection; 2], Arc<Keys>) {
    let (italy, malta) = (authority("ita.coast-guard"), authority("mlt.armed-forces"));
    let roots =
        roots(vec![("ita.coast-guard", trust(&italy)), ("mlt.armed-forces", trust(&malta))]);
    let server = tls::server(ServerSettings {
        listener: Listener::Peer,
        agency: agency("ita.coast-guard"),
        own: own(&leaf(&italy, Role::Node, "rome-1")),
        roots: Arc::clone(&roots),
        clock: Arc::new(SystemClock),
    });
    let client = tls::client(ClientSettings {
        expected: agency("ita.coast-guard"),
        own: own(&leaf(&malta, Role::Node, "valletta-1")),
        roots,
        clock: Arc::new(SystemClock),
    });
    let keys = Arc::new(Keys::default());
    let mut client = (*client).clone();
    client.key_log = Arc::clone(&keys) as Arc<dyn KeyLog>;
    let name = ServerName::try_from("any.name.at.all").unwrap();
    let client = ClientConnection::new(Arc::new(client), name).unwrap();
    let server = ServerConnection::new(server).unwrap();
    ([Connection::from(client), Connection::from(server)], keys)
}

/// Carries what each end has to say to the other, until neither has anything.
fn carry([one, other]: &mut [Connection; 2]) {
    let mut bytes = Vec::new();
    while one.wants_write() || other.wants_write() {
        pass(one, other, &mut bytes);
        pass(other, one, &mut bytes);
    }
}

fn pass(from: &mut Connection, to: &mut Connection, bytes: &mut Vec<u8>) {
    bytes.clear();
    while from.wants_write() {
        from.write_tls(bytes).unwrap();
    }
    let mut left = bytes.as_slice();
    while !left.is_empty() {
        to.read_tls(&mut left).unwrap();
        to.process_new_packets().unwrap();
    }
}

/// A connection over which something was said in either direction.
fn spoken(mut ends: Box<[Connection; 2]>) -> Box<[Connection; 2]> {
    carry(&mut ends);
    for (from, to) in [(0, 1), (1, 0)] {
        assert!(!ends[from].is_handshaking());
        ends[from].writer().write_all(b"what is said").unwrap();
        carry(&mut ends);
        let mut said = [0; 12];
        ends[to].reader().read_exact(&mut said).unwrap();
        assert_eq!(&said, b"what is said");
    }
    ends
}

#[test]
fn nothing_is_left_of_the_keys_of_a_connection() {
    let (ends, keys) = ends();
    let look = || {
        let ends = Box::new(ends);
        let ends = scrubbed(|| spoken(ends));
        let keys = std::mem::take(&mut *keys.0.lock().unwrap());
        // Of the handshake and of what follows, in either direction; and one that no record is sealed with.
        assert_eq!(keys.len(), 5);
        let mut look = Look::of(&keys);
        let alive = look.found();
        scrubbed(|| drop(ends));
        (alive.times, look.found().times)
    };
    let (alive, after) = std::thread::scope(|it| it.spawn(look).join().unwrap());
    assert!(alive > 0 && after == 0, "{alive} {after}");
}
