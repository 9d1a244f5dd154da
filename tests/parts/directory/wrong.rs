//! What can be wrong with a directory, and the fault that follows.

use rogatory::directory::{DirectoryDraft, WitnessKeys};

const FUNCTIONS: &str = "\"central_authority\", \"contact_point_24_7\"";

/// One replacement in a good text, the path and the problem of the one fault that follows.
pub(crate) const WRONG: &[(&str, &str, &str, &str)] = &[
    ("version = 3", "version = 0", "version", "must be 1 to 9223372036854775807"),
    ("version = 3", "", "version", "is missing"),
    (
        "network = \"demo\"",
        "network = \"De mo\"",
        "network",
        "network is malformed: it is 1 to 63 of a-z, 0-9 and inner hyphens",
    ),
    (
        "version = 3",
        "version = 3\ncolour = 1",
        "colour",
        "unknown key; known here: network, version, agency, link",
    ),
    (
        "country = \"ITA\"",
        "country = \"FRA\"",
        "agency[1].country",
        "must be ITA, the country in the agency's id",
    ),
    ("country = \"ITA\"", "", "agency[1].country", "must be ITA, the country in the agency's id"),
    (
        "id = \"int.hub\"",
        "id = \"int.hub\"\ncountry = \"INT\"",
        "agency[0].country",
        "an international body has no country",
    ),
    (
        "transit = \"blind\"",
        "transit = \"open\"",
        "agency[0].transit",
        "must be blind or reviewing",
    ),
    (
        "id = \"ita.coast-guard/desk\"",
        "id = \"pan.coast-guard/desk\"",
        "agency[1].contact_point[0].id",
        "the contact point is not one of ita.coast-guard",
    ),
    (
        "name = \"ita.coast-guard/journal/1\"",
        "name = \"fra.coast-guard/journal/1\"",
        "agency[1].journal[0].name",
        "the journal is not one of ita.coast-guard",
    ),
    (
        "name = \"ita.coast-guard/journal/3\"",
        "name = \"ita.coast-guard/journal/1\"",
        "agency[1].journal[1].name",
        "volumes stand in ascending order",
    ),
    (
        "retired_at_size = 42",
        "",
        "agency[1].journal[0].retired_at_size",
        "is missing, and only the last volume is in use",
    ),
    (
        "from = \"2026-03-01T00:00:00Z\"",
        "from = \"in spring\"",
        "agency[1].witness_next.from",
        "must be a time such as 2030-01-01T00:00:00Z",
    ),
    ("from = \"2026-03-01T00:00:00Z\"", "", "agency[1].witness_next.from", "is missing"),
    (
        "retired_at = \"2025-07-01T00:00:00Z\"",
        "",
        "agency[1].witness_earlier[1].retired_at",
        "is missing",
    ),
    (
        "retired_at = \"2025-07-01T00:00:00Z\"",
        "retired_at = \"2024-12-31T23:59:59Z\"",
        "agency[1].witness_earlier[1].retired_at",
        "is before that of the key before",
    ),
    (
        "from = \"2026-03-01T00:00:00Z\"",
        "from = \"2026-03-01T00:00:00Z\"\nuntil = 1",
        "agency[1].witness_next.until",
        "unknown key; known here: ed25519, from",
    ),
    (
        "id = \"per.registry\"\n",
        "id = \"per.registry\"\nwitness_earlier = []\n",
        "agency[3].witness_earlier",
        "has no use: there is no witness key",
    ),
    (
        "peer_address = \"127.0.0.1:10001\"",
        "peer_address = \"127.0.0.1\"",
        "agency[1].node[0].peer_address",
        "must be a host and a port, such as rome.example:7444 or [2001:db8::1]:7444",
    ),
    (
        "peer_address = \"127.0.0.1:10003\"",
        "peer_address = \"127.0.0.1:10001\"",
        "agency[2].node[0].peer_address",
        "this peer address stands already at agency[1].node[0].peer_address",
    ),
    ("cost = 7", "cost = 0", "link[1].cost", "must be 1 to 1000000"),
    ("cost = 7", "cost = \"7\"", "link[1].cost", "must be an integer, is a string"),
    (
        "channels = [\"police\", \"sea\"]",
        "channels = [\"police\", \"air\"]",
        "link[1].channels[1]",
        "unknown channel",
    ),
    (
        "channels = [\"police\", \"sea\"]",
        "channels = [\"sea\", \"sea\"]",
        "link[1].channels[1]",
        "this channel is listed twice",
    ),
    (
        "channels = [\"police\", \"sea\"]",
        "channels = []",
        "link[1].channels",
        "needs at least one channel; leave it out for all",
    ),
    ("a = \"pan.flag\"", "a = \"pan.flags\"", "link[1].a", "the directory has no such agency"),
    ("a = \"pan.flag\"", "a = \"int.hub\"", "link[1]", "links an agency with itself"),
    (
        "a = \"pan.flag\"",
        "a = \"ita.coast-guard\"",
        "link[1].b",
        "this link stands already at link[0].b",
    ),
    ("a = \"pan.flag\"", "", "link[1].a", "is missing"),
];

/// The same in the first desk of the coast guard.
pub(crate) const WRONG_IN_DESK: &[(&str, &str, &str, &str)] = &[
    (
        FUNCTIONS,
        "\"central_authority\", \"captain\"",
        "functions[1]",
        "unknown function; it is one of the roles of the catalogue, such as central_authority",
    ),
    (FUNCTIONS, "\"fiu\", \"fiu\"", "functions[1]", "this function is listed twice"),
    (FUNCTIONS, "", "functions", "needs at least one function"),
    (
        "\"zh-Hant\"",
        "\"Chinese\"",
        "languages[1]",
        "must be a BCP 47 tag such as en, fr or zh-Hant",
    ),
    ("\"zh-Hant\"", "\"en\"", "languages[1]", "this language is listed twice"),
    ("\"zh-Hant\"", "7", "languages[1]", "must be a string, is an integer"),
    ("\"office\"", "\"9 to 5\"", "hours", "must be 24/7 or office"),
    ("\"office\"", "\"24/7\"", "zone", "has a meaning for office hours only"),
    (
        "\"office\"\nzone = \"Europe/Rome\"",
        "\"24/7\"\nopen = [\"sat 09:00-12:00\"]",
        "open",
        "has a meaning for office hours only",
    ),
    (
        "\"office\"\nzone = \"Europe/Rome\"",
        "\"24/7\"\nholidays = [\"2026-12-25\"]",
        "holidays",
        "has a meaning for office hours only",
    ),
    (
        "\"office\"",
        "\"office\"\nholidays = []",
        "holidays",
        "needs at least one day; leave it out for none",
    ),
    (
        "zone = \"Europe/Rome\"",
        "holidays = [\"2026-12-25\", \"2026-12-24\"]",
        "holidays[1]",
        "holidays stand in ascending order, none twice",
    ),
    (
        "\"Europe/Rome\"",
        "\"Rome!\"",
        "zone",
        "must be an IANA time zone that this program knows, such as Europe/Rome",
    ),
    (
        "Desk ",
        "\\nDesk ",
        "name",
        "must be 1 to 200 bytes without control characters or outer spaces",
    ),
];

/// Spoils a draft.
pub(crate) type Change = fn(&mut DirectoryDraft);

/// A change in a good draft, the path of the fault that follows, and how its problem begins.
pub(crate) const WRONG_RECORDS: &[(Change, &str, &str)] = &[
    (
        |d| d.agencies[2].witness = None,
        "agency[2].witness",
        "is missing, and an agency that runs a node needs it",
    ),
    (
        |d| d.agencies[2].sealing.clear(),
        "agency[2].sealing",
        "is missing, and an agency that runs a node needs it",
    ),
    (
        |d| d.agencies[2].roots.clear(),
        "agency[2].roots",
        "is missing, and an agency that runs a node needs it",
    ),
    (
        |d| d.agencies[2].journals.clear(),
        "agency[2].journal",
        "is missing, and an agency that runs a node needs it",
    ),
    (
        |d| d.agencies[2].journals[0].retired_at_size = Some(9),
        "agency[2].journal",
        "every volume is retired, and a node needs one in use",
    ),
    (
        |d| d.agencies[2].journals[0].mldsa44.truncate(1311),
        "agency[2].journal[0].mldsa44",
        "must be the base64 of the 1312 bytes of an ML-DSA-44 public key",
    ),
    (
        |d| d.agencies[2].sealing[0].public.push(0),
        "agency[2].sealing[0].public",
        "must be the base64 of the 1216 bytes of an X-Wing public key",
    ),
    (
        |d| d.agencies[2].witness = d.agencies[0].witness.clone(),
        "agency[2].witness",
        "this key stands already at agency[0].witness",
    ),
    (
        |d| d.agencies[2].witness = Some(WitnessKeys::of(d.agencies[2].journals[0].ed25519)),
        "agency[2].witness",
        "this key stands already at agency[2].journal[0].ed25519",
    ),
    (
        |d| {
            let guard = d.agencies[1].witness.clone().unwrap();
            let next = guard.next.unwrap().ed25519;
            d.agencies[1].witness = Some(WitnessKeys { ed25519: next, ..guard });
        },
        "agency[1].witness_next.ed25519",
        "this key stands already at agency[1].witness",
    ),
    (
        |d| {
            let guard = d.agencies[1].witness.clone().unwrap();
            d.agencies[2].witness = Some(WitnessKeys::of(guard.earlier[0].ed25519));
        },
        "agency[2].witness",
        "this key stands already at agency[1].witness_earlier[0].ed25519",
    ),
    (
        |d| d.agencies[2].crls = vec![d.agencies[2].roots[0].clone()],
        "agency[2].crl",
        "holds something that is not X.509 CRL",
    ),
    (
        |d| d.agencies[2].roots[0].push(0),
        "agency[2].roots",
        "holds something that is not X.509 certificate",
    ),
    (
        |d| d.agencies[2].nodes[0].server_name = "a b".into(),
        "agency[2].node[0].server_name",
        "must be a DNS name or an IP address",
    ),
    (
        |d| d.agencies[2].nodes[0].name = "A".into(),
        "agency[2].node[0].name",
        "must be 1 to 63 of a-z, 0-9 and inner hyphens",
    ),
    (
        |d| d.agencies[3] = d.agencies[2].clone(),
        "agency[3].id",
        "this agency stands already at agency[2].id",
    ),
    (
        |d| d.agencies[2].sealing[0].key_id = "0".repeat(16),
        "agency[2].sealing[0].key_id",
        "must be ",
    ),
];
