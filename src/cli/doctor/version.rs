//! Which version the webmail shows itself as, and which known holes that one has.

use super::{Finding, Health, finding, ok};
use crate::config::Site;
use crate::webmail::hole::{Standing, Version, standing};

/// None where the page shows no version.
pub(super) fn judge(site: &Site, page: &str) -> Option<Finding> {
    let webmail = site.webmail;
    let version = webmail.version(page)?;
    let has = |fixed: &[Version]| standing(fixed, version) == Standing::Open;
    let closed: Vec<&str> = webmail.holes().iter().filter(|hole| has(hole.fixed)).map(|hole| hole.rule).collect();
    let opened: Vec<&str> = closed.iter().copied().filter(|rule| site.holes_open.contains(rule)).collect();
    let unclosed: Vec<&str> =
        webmail.unclosed_holes().iter().filter(|hole| has(hole.fixed)).map(|hole| hole.reference).collect();
    let shown = format!("{}: {} shows itself as {version}", site.name, webmail.id());
    if closed.is_empty() && unclosed.is_empty() {
        return Some(ok(format!("{shown}; no hole is known here that it has for certain")));
    }
    let mut todo = Vec::new();
    if closed.len() > opened.len() {
        todo.push(format!("closed here in front of it: {}, see docs/holes.md", count(closed.len() - opened.len())));
    }
    if !opened.is_empty() {
        todo.push(format!("open by \"holes_open\": {}", opened.join(", ")));
    }
    if !unclosed.is_empty() {
        todo.push(format!("not to be closed here: {}", unclosed.join("; ")));
    }
    todo.push(
        "update it; where a distribution mends without changing the number, look into its package's changelog".into(),
    );
    let holes = count(closed.len() + unclosed.len());
    Some(finding(Health::Advice, format!("{shown}, of which {holes} known"), todo.join("\n")))
}

fn count(holes: usize) -> String {
    match holes {
        1 => "1 hole is".to_owned(),
        holes => format!("{holes} holes are"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    fn site(holes_open: &str) -> std::sync::Arc<Site> {
        let text = format!(
            "[[site]]\nhosts = [\"webmail.example.edu\"]\nupstream = \"http://127.0.0.1:8081\"\n\
             webmail = \"roundcube\"\nholes_open = [{holes_open}]\n"
        );
        let now = Timestamp::from_millis(0);
        crate::config::parse(&text, "mailward.toml", std::path::Path::new(""), now)
            .expect("a good file")
            .sites
            .remove(0)
    }

    #[test]
    fn an_old_version_has_holes_and_the_newest_has_none() {
        let page = |number: u32| format!("rcmail.set_env({{\"task\":\"login\",\"rcversion\":{number}}})");
        assert!(judge(&site(""), "a page without a number").is_none());
        let old = judge(&site(""), &page(10_605)).expect("it shows a version");
        let todo = old.todo.as_deref().unwrap_or_default();
        assert_eq!(old.health, Health::Advice);
        assert!(old.what.contains("roundcube shows itself as 1.6.5, of which "), "{}", old.what);
        assert!(todo.contains("closed here in front of it") && todo.contains("CVE-2025-68461"), "{todo}");
        assert!(!todo.contains("holes_open") && !todo.contains("CVE-2021-44026"), "{todo}");
        let opened = judge(&site("\"hole:sign-in-name\", \"hole:sign-in-zone\""), &page(10_605)).expect("it shows one");
        let todo = opened.todo.unwrap_or_default();
        assert!(todo.contains("open by \"holes_open\": hole:sign-in-name\n"), "{todo}");
        assert_eq!(judge(&site(""), &page(10_621)).map(|found| found.health), Some(Health::Ok));
    }
}
