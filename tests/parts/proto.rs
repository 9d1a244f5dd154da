//! The interface keeps its rules: buf's STANDARD and COMMENTS, checked on what protox reads.
//!
//! `buf.yaml` says the same to those who have buf; this test needs nothing but the build's tools.

use std::collections::{BTreeMap, BTreeSet};

use prost_types::{
    DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    ServiceDescriptorProto,
};

const PACKAGE: &str = "rogatory.v1";
const FOLDER: &str = "rogatory/v1/";
// Numbers of the fields in descriptor.proto that lead to a part of a file.
const MESSAGES: i32 = 4;
const ENUMS: i32 = 5;
const SERVICES: i32 = 6;
const PARTS: i32 = 2;
const ONEOFS: i32 = 8;

/// All files with their comments, as the build reads them.
fn files() -> Vec<FileDescriptorProto> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/proto");
    let folder = std::fs::read_dir(format!("{root}/{FOLDER}")).unwrap();
    let names = folder.map(|it| it.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> =
        names.filter(|it| it.ends_with(".proto")).map(|it| format!("{FOLDER}{it}")).collect();
    names.sort();
    let mut compiler = protox::Compiler::new([root]).unwrap();
    compiler.include_source_info(true).open_files(&names).unwrap();
    let FileDescriptorSet { file } = compiler.file_descriptor_set();
    assert!(file.len() >= 12, "{}", file.len());
    file
}

fn is_pascal(name: &str) -> bool {
    name.starts_with(|it: char| it.is_ascii_uppercase())
        && name.chars().all(|it| it.is_ascii_alphanumeric())
}

fn is_lower_snake(name: &str) -> bool {
    let fits = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_';
    name.chars().all(fits) && !name.contains("__") && name.trim_matches('_') == name
}

/// `OrderToken` as `ORDER_TOKEN`.
fn upper_snake(pascal: &str) -> String {
    let mut out = String::new();
    for it in pascal.chars() {
        if it.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(it.to_ascii_uppercase());
    }
    out
}

/// Paths (as in `SourceCodeInfo`) that have a comment.
fn commented(file: &FileDescriptorProto) -> BTreeSet<Vec<i32>> {
    let info = file.source_code_info.as_ref().expect("comments are kept");
    let has = |it: &&prost_types::source_code_info::Location| {
        it.leading_comments.as_ref().is_some_and(|it| !it.trim().is_empty())
    };
    info.location.iter().filter(has).map(|it| it.path.clone()).collect()
}

fn index(at: usize) -> i32 {
    at.try_into().unwrap()
}

/// Every part of the files that ought to have a comment: (path, name).
fn parts(file: &FileDescriptorProto) -> Vec<(Vec<i32>, String)> {
    let mut found = Vec::new();
    for (at, message) in file.message_type.iter().enumerate() {
        parts_of_message(message, &[MESSAGES, index(at)], &mut found);
    }
    for (at, it) in file.enum_type.iter().enumerate() {
        let path = vec![ENUMS, index(at)];
        for (value, named) in it.value.iter().enumerate() {
            let path = [&path[..], &[PARTS, index(value)]].concat();
            found.push((path, format!("{}.{}", it.name(), named.name())));
        }
        found.push((path, it.name().to_owned()));
    }
    for (at, it) in file.service.iter().enumerate() {
        let path = vec![SERVICES, index(at)];
        for (method, named) in it.method.iter().enumerate() {
            let path = [&path[..], &[PARTS, index(method)]].concat();
            found.push((path, format!("{}.{}", it.name(), named.name())));
        }
        found.push((path, it.name().to_owned()));
    }
    found
}

fn parts_of_message(it: &DescriptorProto, path: &[i32], found: &mut Vec<(Vec<i32>, String)>) {
    found.push((path.to_vec(), it.name().to_owned()));
    for (at, field) in it.field.iter().enumerate() {
        let path = [path, &[PARTS, index(at)]].concat();
        found.push((path, format!("{}.{}", it.name(), field.name())));
    }
    for (at, oneof) in it.oneof_decl.iter().enumerate() {
        // `optional` makes a oneof of its own that nobody wrote.
        if !oneof.name().starts_with('_') {
            let path = [path, &[ONEOFS, index(at)]].concat();
            found.push((path, format!("{}.{}", it.name(), oneof.name())));
        }
    }
}

#[test]
fn files_lie_where_their_package_says() {
    for file in files() {
        assert_eq!(file.package(), PACKAGE, "{}", file.name());
        assert_eq!(file.syntax(), "proto3", "{}", file.name());
        let name = file.name().strip_prefix(FOLDER).unwrap().strip_suffix(".proto").unwrap();
        assert!(is_lower_snake(name), "{name}");
        assert!(file.public_dependency.is_empty() && file.weak_dependency.is_empty(), "{name}");
    }
}

#[test]
fn every_part_has_a_comment() {
    for file in files() {
        let commented = commented(&file);
        for (path, name) in parts(&file) {
            assert!(commented.contains(&path), "{}: {name} has no comment", file.name());
        }
    }
}

#[test]
fn messages_and_fields_are_named_by_the_rules() {
    for file in files() {
        for message in &file.message_type {
            assert!(is_pascal(message.name()), "{}", message.name());
            assert!(message.nested_type.is_empty() && message.enum_type.is_empty());
            for field in &message.field {
                assert!(is_lower_snake(field.name()), "{}.{}", message.name(), field.name());
            }
        }
    }
}

#[test]
fn enums_start_unspecified_and_carry_their_prefix() {
    let enums: Vec<EnumDescriptorProto> = files().into_iter().flat_map(|it| it.enum_type).collect();
    assert_eq!(enums.len(), 2);
    for it in enums {
        let prefix = upper_snake(it.name());
        assert!(is_pascal(it.name()), "{}", it.name());
        assert_eq!(it.value[0].name(), format!("{prefix}_UNSPECIFIED"));
        let numbers: BTreeSet<i32> = it.value.iter().map(|value| value.number()).collect();
        assert_eq!((it.value[0].number(), numbers.len()), (0, it.value.len()));
        for value in &it.value {
            assert!(value.name().starts_with(&format!("{prefix}_")), "{}", value.name());
        }
    }
}

#[test]
fn each_rpc_has_a_request_and_a_response_of_its_own() {
    let services: Vec<ServiceDescriptorProto> =
        files().into_iter().flat_map(|it| it.service).collect();
    let mut types = BTreeSet::new();
    for service in services {
        assert!(is_pascal(service.name()) && service.name().ends_with("Service"));
        for method in &service.method {
            let name = method.name();
            assert!(is_pascal(name), "{name}");
            assert!(!name.ends_with("Request"), "{name}: `RequestRequest` reads badly");
            assert_eq!(method.input_type(), format!(".{PACKAGE}.{name}Request"));
            assert_eq!(method.output_type(), format!(".{PACKAGE}.{name}Response"));
            assert!(types.insert(method.input_type().to_owned()), "{name}");
            assert!(types.insert(method.output_type().to_owned()), "{name}");
        }
    }
    assert!(types.len() >= 38, "{}", types.len());
}

#[test]
fn every_import_is_used() {
    let files = files();
    let mut home = BTreeMap::new();
    for file in &files {
        let messages = file.message_type.iter().map(|it| it.name());
        for name in messages.chain(file.enum_type.iter().map(|it| it.name())) {
            assert_eq!(home.insert(format!(".{PACKAGE}.{name}"), file.name()), None, "{name}");
        }
    }
    for file in &files {
        let fields = file.message_type.iter().flat_map(|it| &it.field).map(|it| it.type_name());
        let methods = file.service.iter().flat_map(|it| &it.method);
        let methods = methods.flat_map(|it| [it.input_type(), it.output_type()]);
        let used: BTreeSet<&str> =
            fields.chain(methods).filter_map(|it| home.get(it).copied()).collect();
        for import in &file.dependency {
            assert!(used.contains(import.as_str()), "{}: {import}", file.name());
        }
    }
}

#[test]
fn the_program_carries_the_same_files() {
    use prost::Message;
    let carried = FileDescriptorSet::decode(rogatory::wire::DESCRIPTORS).unwrap();
    let without_comments = |mut file: FileDescriptorProto| {
        file.source_code_info = None;
        (file.name().to_owned(), file)
    };
    let by_name = |files: Vec<FileDescriptorProto>| -> BTreeMap<String, FileDescriptorProto> {
        files.into_iter().map(without_comments).collect()
    };
    assert_eq!(by_name(carried.file), by_name(files()));
}
