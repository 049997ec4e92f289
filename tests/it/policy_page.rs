//! The page about the built-in rules is made from them, and is current.

#[test]
fn the_page_of_the_built_in_rules_is_current() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/rules.md");
    let wanted = driftless::policy::page();
    if std::env::var_os("DRIFTLESS_UPDATE").is_some() {
        std::fs::write(&path, &wanted).expect("is written");
    }
    let found = std::fs::read_to_string(&path).expect("is there");
    assert!(
        found == wanted,
        "docs/reference/rules.md is not current: DRIFTLESS_UPDATE=1 cargo test --test it policy_page"
    );
}
