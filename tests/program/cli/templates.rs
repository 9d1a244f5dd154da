//! A template that is filled in is acceptable to the whole law, for every kind of the catalogue:
//! written, filled and checked as a person does it, with the program.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::{code, err, folder, out, run, text, write};

/// What somebody fills in, by place. Who sends and who receives hangs on the kind.
const FILLED: &[(&str, &str)] = &[
    ("/accounts/0/iban", r#""GB82WEST12345698765432""#),
    ("/acting_unit/authorised_by", r#""ITA""#),
    ("/acting_unit/type", r#""government_ship""#),
    ("/appearance/dates", r#"["2027-03-01T09:00:00+01:00"]"#),
    ("/attachments/0/id", r#""A1""#),
    (
        "/attachments/0/sha256",
        r#""2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae""#,
    ),
    ("/attachments/0/size_bytes", "24173"),
    ("/claimed_status/kind", r#""national""#),
    ("/claimed_status/state", r#""ECU""#),
    ("/compensation_claim/authorisation_reference", MESSAGE),
    ("/confiscation/order", r#""A1""#),
    ("/custody_transfer/consent/attachment", r#""A1""#),
    ("/custody_transfer/dates", r#"["2027-03-01T09:00:00+01:00"]"#),
    ("/custody_transfer/person", r#""P1""#),
    ("/custody_transfer/return_by", r#""2027-04-30""#),
    ("/documents/0/issuing_state", r#""ECU""#),
    ("/documents/0/mrz/lines", ZONE),
    ("/documents/0/number", r#""EC0000017""#),
    ("/evaluation/information", r#""2""#),
    ("/evaluation/scheme", r#""europol_4x4""#),
    ("/evaluation/source", r#""B""#),
    ("/extra_measure/authorisation_reference", MESSAGE),
    ("/extradition/warrant_or_judgment", r#""A1""#),
    ("/handling/originator", r#""ITA""#),
    ("/handling/tlp", r#""TLP:AMBER""#),
    ("/hearing/capacity", r#""witness""#),
    ("/hearing/dates", r#"["2027-03-01T09:00:00+01:00"]"#),
    ("/hearing/reason_not_in_person/code", r#""not_desirable""#),
    ("/joint_team/territory", r#"["ITA", "ECU"]"#),
    ("/languages/request", r#""en""#),
    ("/legal_basis/apply_18_9_to_29", r#""default""#),
    ("/liaison/dates", r#"["2027-03-01T09:00:00+01:00"]"#),
    ("/measure_report/authorisation_reference", MESSAGE),
    ("/measure_report/persons_on_board", "61"),
    ("/offences/0/article", r#""6(1)(a)""#),
    ("/offences/0/instrument", r#""SOM-PROTOCOL""#),
    ("/offences/0/max_penalty_years", "15"),
    ("/persons/0/birth/date", r#""1997-04-23""#),
    ("/persons/0/id", r#""P1""#),
    ("/persons/0/names/0/full", r#""María Fernanda Paredes""#),
    ("/position/at", r#""2026-01-11T02:40:00Z""#),
    ("/position/lat", "35.21"),
    ("/position/lon", "13.87"),
    ("/proceedings_transfer/case_file_index", r#""A1""#),
    ("/records/period/from", r#""2025-01-01""#),
    ("/records/period/to", r#""2025-12-31""#),
    ("/requests/0/step", "1"),
    ("/requests/0/what", r#""confirm_registry""#),
    ("/requests/1/conditional_on", "1"),
    ("/requests/1/measures", r#"["board", "search"]"#),
    ("/requests/1/step", "2"),
    ("/requests/1/what", r#""authorise""#),
    ("/return_operation/confirmation_reference", MESSAGE),
    ("/routes/0/points/0/country", r#""ECU""#),
    ("/safe_conduct_18_27", r#""granted""#),
    ("/search/order", r#""A1""#),
    ("/sentence/judgment", r#""A1""#),
    ("/sentence/refusal_reference", MESSAGE),
    ("/service/addressee_address/country", r#""ECU""#),
    ("/service/document", r#""A1""#),
    ("/service/hearing_or_expiry_date", r#""2027-03-01""#),
    ("/special_technique/territory", r#"["ECU"]"#),
    ("/special_technique/window/from", r#""2027-02-01T00:00:00Z""#),
    ("/special_technique/window/to", r#""2027-03-01T00:00:00Z""#),
    ("/suspicion/art6_link", r#""6(1)(b)(ii)""#),
    ("/suspicion/category", r#""used_by_other""#),
    ("/testimony/capacity", r#""witness""#),
    ("/tracing/subject", r#""P1""#),
    ("/transnational/grounds", r#"["3(2)(b)"]"#),
    ("/travel_document_issue/nationality_confirmation_reference", MESSAGE),
    ("/travel_document_issue/travel_dates", r#"["2027-03-01"]"#),
    ("/vessel/flag_claimed", r#""ECU""#),
];

const ZONE: &str = concat!(
    r#"["P<ECUQUISPE<MAMANI<<LUZ<ELENA<<<<<<<<<<<<<<<","#,
    r#""EC00000174ECU9203147F2909303<<<<<<<<<<<<<<<8"]"#,
);
const MESSAGE: &str = r#""019cadb0-31dc-77d7-8565-f70001ab37ff""#;
/// Places of lists that hold words, and of flags that are true: the rest is said in words.
const LISTS: &[&str] = &[
    "/compensation_claim/evidence",
    "/freezing/actions",
    "/joint_team/participants",
    "/questions",
    "/relocation/needs",
    "/statelessness/grounds",
    "/suspicion_grounds",
];

/// Fills in what is empty, everywhere; tells how many places that were.
fn fill(value: &mut Value, pointer: &str) -> usize {
    match value {
        Value::Object(fields) => {
            let each = fields.iter_mut().map(|(name, it)| fill(it, &format!("{pointer}/{name}")));
            each.sum()
        }
        Value::Array(items) if !items.is_empty() => {
            let each = items.iter_mut().enumerate();
            each.map(|(at, it)| fill(it, &format!("{pointer}/{at}"))).sum()
        }
        Value::String(text) if !text.is_empty() => 0,
        Value::Bool(_) | Value::Number(_) => 0,
        Value::Null | Value::Array(_) | Value::String(_) => {
            *value = filled(pointer, value);
            1
        }
    }
}

fn filled(pointer: &str, empty: &Value) -> Value {
    if let Some((_, it)) = FILLED.iter().find(|(place, _)| *place == pointer) {
        return serde_json::from_str(it).expect("JSON");
    }
    if LISTS.contains(&pointer) {
        return json!(["as the case file has it"]);
    }
    assert!(!empty.is_array(), "{pointer} is a list");
    let flag = empty.is_null() && pointer != "/art_18_5/restrictions";
    if flag { json!(true) } else { json!("as the case file has it") }
}

/// Two agencies with a desk for each function.
fn network(functions: &BTreeSet<String>) -> String {
    let agency = |state: &str| {
        let desk = |it: &String| {
            json!({
                "address": desk(state, it), "name": it, "functions": [it],
                "languages": ["en"], "hours": "24/7",
            })
        };
        let desks: Vec<Value> = functions.iter().map(desk).collect();
        let country = state.to_uppercase();
        json!({ "agency": format!("{state}.authorities"), "country": country, "contact_points": desks })
    };
    json!({ "agencies": [agency("ita"), agency("ecu")] }).to_string()
}

fn desk(state: &str, function: &str) -> String {
    format!("{state}.authorities/{}", function.replace('_', "-"))
}

/// Both States are party to everything.
fn parties() -> String {
    let instruments = ["UNTOC", "SOM-PROTOCOL", "BUDAPEST"];
    let each = instruments.iter().flat_map(|it| [("ITA", it), ("ECU", it)]);
    each.map(|(state, it)| format!("[[party]]\nstate = '{state}'\ninstrument = '{it}'\n")).collect()
}

fn words(list: &Value) -> impl Iterator<Item = String> {
    list.as_array().expect("a list").iter().map(|it| it.as_str().expect("a word").to_owned())
}

fn template(home: &Path, kind: &str) -> Value {
    let told = run(home, &["-o", "json", "request", "template", kind]);
    assert_eq!(code(&told), 0, "{kind}: {}", err(&told));
    serde_json::from_str(&out(&told)).expect("a template is JSON")
}

/// Every kind of the catalogue: code, template filled in, row.
fn filled_in(home: &Path) -> Vec<(String, Value, Value)> {
    let kinds: Value = serde_json::from_str(&out(&run(home, &["-o", "json", "kinds", "list"])))
        .expect("the catalogue is JSON");
    let kinds = kinds["kinds"].as_array().expect("a list");
    let one = |row: &Value| {
        let code = row["code"].as_str().expect("a code").to_owned();
        let mut draft = template(home, &code);
        let (from, to) = (words(&row["senders"]).next(), words(&row["receivers"]).next());
        draft["from"] = json!(desk("ita", &from.expect("somebody sends it")));
        draft["to"] = json!([desk("ecu", &to.expect("somebody receives it"))]);
        assert!(fill(&mut draft, "") > 5, "{code}");
        (code, draft, row.clone())
    };
    kinds.iter().map(one).collect()
}

/// Puts the network and the parties into the folder; gives the arguments that name them.
fn standing(home: &Path, all: &[(String, Value, Value)]) -> Vec<String> {
    let functions = all.iter().flat_map(|(_, _, row)| {
        words(&row["senders"]).chain(words(&row["receivers"])).collect::<Vec<_>>()
    });
    let (net, law) = (home.join("network.json"), home.join("parties.toml"));
    write(&net, &network(&functions.collect()));
    write(&law, &parties());
    ["--network", text(&net), "--parties", text(&law)].map(str::to_owned).to_vec()
}

fn check(home: &Path, standing: &[String], files: &[(String, String)]) -> (i32, Vec<Value>) {
    let mut arguments = vec!["-o", "json", "request", "check"];
    arguments.extend(standing.iter().map(String::as_str));
    arguments.push("-f");
    let paths: Vec<_> = files.iter().map(|(name, _)| home.join(format!("{name}.json"))).collect();
    for (path, (_, content)) in paths.iter().zip(files) {
        write(path, content);
    }
    arguments.extend(paths.iter().map(|it| text(it)));
    let told = run(home, &arguments);
    let told_of: Value = serde_json::from_str(&out(&told)).expect("verdicts are JSON");
    (code(&told), told_of["files"].as_array().expect("a list").clone())
}

/// Severity, rule, place and code of each finding.
fn findings(judged: &Value) -> Vec<String> {
    let word = |it: &Value, field: &str| it[field].as_str().unwrap_or_default().to_owned();
    let line = |it: &Value| ["severity", "rule", "pointer", "code"].map(|field| word(it, field));
    judged["findings"].as_array().expect("a list").iter().map(|it| line(it).join(" ")).collect()
}

/// What an officer is told of a file that is lawful: only notes.
fn expected(draft: &Value) -> Vec<String> {
    let mut notes =
        vec!["note R-HANDLING /handling/onward_sharing ONWARD_SHARING_DEFAULT".to_owned()];
    let persons = draft["persons"].is_array();
    let bodies = draft["organisations"].is_array();
    // What 18(15)(e) asks for where possible is no field of a template.
    let lacks: &[&str] = match draft["matter"]["nature"].is_string() {
        true if persons => &[
            "/persons/0/location LOCATION_NOT_STATED",
            "/persons/0/nationalities NATIONALITY_NOT_STATED",
        ],
        true if !bodies => &["/persons PERSON_NOT_NAMED"],
        true | false => &[],
    };
    notes.extend(lacks.iter().map(|it| format!("note R-CONTENT-E {it}")));
    notes
}

#[test]
fn a_template_that_is_filled_in_is_acceptable_to_the_whole_law() {
    let home = folder();
    let all = filled_in(home.path());
    assert_eq!(all.len(), 53);
    let standing = standing(home.path(), &all);
    let files: Vec<_> = all.iter().map(|(code, it, _)| (code.clone(), it.to_string())).collect();
    let (code, judged) = check(home.path(), &standing, &files);
    let refused: Vec<_> = judged.iter().filter(|it| it["verdict"] != "acceptable").collect();
    assert_eq!(refused, Vec::<&Value>::new());
    assert_eq!((code, judged.len()), (0, 53));
    for ((kind, draft, _), judged) in all.iter().zip(&judged) {
        assert_eq!(findings(judged), expected(draft), "{kind}");
    }
}

#[test]
fn each_place_that_the_law_adds_to_a_kind_is_needed() {
    let home = folder();
    let all = filled_in(home.path());
    let standing = standing(home.path(), &all);
    let added = [
        ("UNTOC.18.3.F.DOCS", "/legal_basis/apply_18_9_to_29", "R-REGIME"),
        ("UNTOC.18.3.F.DOCS", "/offences/0/article", "R-SCOPE"),
        ("UNTOC.18.3.F.DOCS", "/transnational/grounds", "R-SCOPE"),
        ("UNTOC.18.3.F.DOCS", "/transnational/organised_group_alleged", "R-SCOPE"),
        ("UNTOC.18.3.B.SERVICE", "/attachments/0/id", "R-ATT-DIGEST"),
        ("UNTOC.18.3.B.SERVICE", "/attachments/0/size_bytes", "R-ATT-DIGEST"),
        ("UNTOC.18.3.B.SERVICE", "/attachments/0/sha256", "R-ATT-DIGEST"),
        ("UNTOC.18.3.G.TRACE", "/persons/0/id", "R-REFERENCE"),
        ("UNTOC.18.10.TRANSFER", "/custody_transfer/consent/attachment", "R-TRANSFER-CONSENT"),
        ("UNTOC.28.STRATEGIC", "/art_18_5/restrictions", "R-HANDLING"),
        ("SOM.8.2.VESSEL", "/requests/0/step", "R-SEA-ORDER"),
        ("SOM.8.2.VESSEL", "/requests/1/conditional_on", "R-SEA-ORDER"),
        ("SOM.8.2.VESSEL", "/requests/1/what", "R-SEA-ORDER"),
        ("SOM.8.2.VESSEL", "/acting_unit/authorised_by", "R-SEA-UNIT"),
    ];
    let without = |(kind, pointer, _): &(&str, &str, &str)| {
        let (_, draft, _) = all.iter().find(|(code, _, _)| code == kind).expect("a kind");
        let mut draft = draft.clone();
        *draft.pointer_mut(pointer).expect("it is filled in") = Value::Null;
        (pointer.replace('/', "-"), draft.to_string())
    };
    let files: Vec<_> = added.iter().map(without).collect();
    let (code, judged) = check(home.path(), &standing, &files);
    assert_eq!((code, judged.len()), (6, added.len()));
    for ((_, pointer, rule), judged) in added.iter().zip(&judged) {
        let told = findings(judged);
        assert!(
            told.iter().any(|it| it.starts_with(&format!("reject {rule} "))),
            "{pointer}: {told:?}"
        );
    }
}

#[test]
fn an_answer_without_a_label_is_acceptable_and_its_author_is_told_whence_it_comes() {
    let home = folder();
    let thread: Value =
        serde_json::from_str(include_str!("../../../config/demo/thread1-ex1-lifecycle.json"))
            .expect("JSON");
    let mut ack = thread["messages"][0].clone();
    ack.as_object_mut().expect("a message").remove("handling");
    let (code, judged) = check(home.path(), &[], &[("ack".to_owned(), ack.to_string())]);
    assert_eq!((code, judged.len()), (0, 1));
    let told = findings(&judged[0]);
    let note = "note R-USE-ORIGINATOR /handling LABEL_TAKEN_OVER";
    assert_eq!(told.iter().filter(|it| *it == note).count(), 1, "{told:?}");
}
