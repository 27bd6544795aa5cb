//! The reference that stands in the repository is the one the code writes.

use rules::catalogue::Catalogue;

#[test]
fn the_reference_is_the_one_the_code_writes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/REFERENCE.md");
    let written = rules::author::reference::markdown(&Catalogue::builtin().unwrap());
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == written, "run `premend rules reference > rules/REFERENCE.md`");
}

#[test]
fn the_schema_is_the_one_the_code_writes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/rule.schema.json");
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == rules::author::schema::json(), "run `premend rules schema > rules/rule.schema.json`");
}
