//! What there is to say about every code that rules give: for `driftless explain` and the page of the documentation.

use std::collections::BTreeMap;

use super::cases::{self, Case};
use super::rules::{RuleDoc, rules};
use super::{CODES, Pack, builtin_pack};
use crate::domain::code_doc::CodeDoc;
use crate::domain::diagnostic::Severity;

/// Everything about one code.
#[derive(Debug, Clone, PartialEq)]
pub struct Guide {
    /// The code.
    pub code: String,
    /// The rules that give it, at least one.
    pub rules: Vec<RuleDoc>,
    /// Why it matters and what to do, for rules of the built-in pack.
    pub doc: Option<CodeDoc>,
    /// A case in which the rule finds something.
    pub failing: Option<Case>,
    /// A case of the same file in which no rule does.
    pub passing: Option<Case>,
}

/// Returns a guide for every code of the built-in pack and of the given ones, by code.
pub fn guides(packs: &[Pack]) -> Vec<Guide> {
    let mut by_code: BTreeMap<String, Vec<RuleDoc>> = BTreeMap::new();
    for rule in rules(packs) {
        by_code.entry(rule.code.clone()).or_default().push(rule);
    }
    let builtin = builtin_pack();
    let files: Vec<Vec<Case>> = std::iter::once(&builtin)
        .chain(packs)
        .flat_map(|pack| &pack.cases)
        .filter_map(|(_, text)| cases::parse(text).ok())
        .collect();
    let guide = |(code, rules): (String, Vec<RuleDoc>)| {
        let file = files.iter().find(|cases| cases.iter().any(|case| case.expects(&code)));
        let failing = file
            .and_then(|cases| cases.iter().filter(|case| case.expects(&code)).min_by_key(|case| case.findings.len()));
        let near = |cases: &&Vec<Case>| {
            let at = cases.iter().position(|case| Some(case) == failing)?;
            let passes = |case: &&Case| case.findings.is_empty() && (case.input.is_some() || case.manifest.is_some());
            cases[at..].iter().find(passes).or_else(|| cases.iter().find(passes)).cloned()
        };
        Guide {
            doc: CODES.iter().find(|doc| doc.code == code).copied(),
            failing: failing.cloned(),
            passing: file.as_ref().and_then(near),
            rules,
            code,
        }
    };
    by_code.into_iter().map(guide).collect()
}

impl Guide {
    /// Says whether exceptions may waive it.
    pub fn waivable(&self) -> bool {
        self.rules.iter().all(|rule| rule.waivable)
    }

    /// Returns a `PolicyException` for it, or why there is none.
    pub fn exception(&self) -> String {
        if !self.waivable() {
            return "Its pack says that nobody may waive it (`custom.waivable: false`).\n".to_owned();
        }
        format!(
            "apiVersion: driftless.dev/v1\nkind: PolicyException\nmetadata: {{name: NAME}}\nspec:\n  rules: [{}]\n  resources: [\"KIND/NAME\"]   # `*` stands for any text; findings about no resource are called cluster\n  reason: WHY\n  expires: YYYY-MM-DD\n",
            self.code
        )
    }

    /// Writes everything for a terminal.
    pub fn text(&self) -> String {
        let title = self.doc.map_or_else(|| self.rules[0].title.clone(), |doc| doc.title.to_owned());
        let mut out = format!("{}: {}\n", self.code, if title.is_empty() { "no title" } else { &title });
        if let Some(doc) = self.doc {
            out.push_str(&format!("\n{}\n\n{}\n", doc.explanation, doc.fix));
        }
        for rule in &self.rules {
            out.push_str(&format!("\n{} {}:{}", severity(rule.severity), rule.file, rule.line));
            out.push_str(&if rule.title.is_empty() { "\n".to_owned() } else { format!(": {}\n", rule.title) });
            if !rule.description.is_empty() {
                out.push_str(&format!("{}\n", rule.description.trim_end()));
            }
            out.extend(rule.related.iter().map(|link| format!("See {link}\n")));
        }
        if let Some(case) = &self.failing {
            out.push_str(&format!("\nExample: {}\n{}", case.name, indented(&shown(case))));
        }
        if let Some(case) = &self.passing {
            out.push_str(&format!("\nWithout a finding: {}\n{}", case.name, indented(&shown(case))));
        }
        out.push_str(&format!("\nTo except:\n{}", indented(&self.exception())));
        out
    }

    fn markdown(&self) -> String {
        let mut out = format!("\n## {}\n", self.code);
        if let Some(doc) = self.doc {
            out.push_str(&format!("\n{}.\n\n{}\n\n{}\n", capital(doc.title), doc.explanation, doc.fix));
        }
        out.push_str("\n| severity | rule | |\n|---|---|---|\n");
        for rule in &self.rules {
            let name = rule.file.rsplit('/').next().unwrap_or_default();
            let links: String = rule.related.iter().map(|link| format!(" [more]({link})")).collect();
            let words = rule.description.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
            out.push_str(&format!(
                "| {} | [{}](../../{}) | **{}.** {words}{links} |\n",
                severity(rule.severity),
                name,
                rule.file,
                rule.title.replace('|', "\\|")
            ));
        }
        if let Some(case) = &self.failing {
            out.push_str(&format!("\nA finding: {}\n\n```yaml\n{}```\n", case.name, shown(case)));
        }
        if let Some(case) = &self.passing {
            out.push_str(&format!("\nNone: {}\n\n```yaml\n{}```\n", case.name, shown(case)));
        }
        if !self.waivable() {
            out.push_str("\nNobody may waive it.\n");
        }
        out
    }
}

/// Writes the page of the documentation about the built-in pack.
pub fn page() -> String {
    let guides = guides(&[]);
    let mut out = String::from(
        "# Rules of the built-in pack\n\nMade from the METADATA, the cases and the codes of the pack; `DRIFTLESS_UPDATE=1 cargo test --test it policy_page` \
         writes it anew.\n\nThe examples are what a rule sees ([policy-input.md](policy-input.md)), laid over an environment `test` that holds nothing. \
         `driftless explain CODE` says the same in a terminal. A finding is waived for a time by a `PolicyException`:\n\n```yaml\n",
    );
    out.push_str(
        "apiVersion: driftless.dev/v1\nkind: PolicyException\nmetadata: {name: logs-two-replicas}\nspec:\n  rules: [replication-below-minimum]\n  \
         resources: [\"topic/logs-*\"]\n  reason: not critical\n  expires: 2026-12-31\n```\n\n",
    );
    for guide in &guides {
        let title = guide.doc.map_or(guide.rules[0].title.as_str(), |doc| doc.title);
        out.push_str(&format!("- [{}](#{}): {title}\n", guide.code, guide.code));
    }
    out.extend(guides.iter().map(Guide::markdown));
    out
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Deny => "deny",
        Severity::Warn => "warn",
    }
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

fn shown(case: &Case) -> String {
    let value = case.manifest.as_ref().or(case.input.as_ref()).cloned().unwrap_or_default();
    serde_saphyr::to_string(&value).map_or_else(|_| format!("{value}\n"), |text| format!("{}\n", text.trim_end()))
}

fn indented(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") }).collect()
}
