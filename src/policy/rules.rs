//! Which rules a pack has, where they stand, and what their METADATA says.

use regorus::unstable::{Import, Module, Rule, RuleHead, Span};
use serde::Deserialize;

use super::engine::PackEngine;
use super::error::PackError;
use super::{Pack, builtin_pack};
use crate::domain::diagnostic::Severity;

/// What a rule set does with what it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RuleSet {
    /// `deny`, `violation`, `warn`.
    Finds(Severity),
    /// conftest's `exception`: names of rules that do not hold for this manifest.
    Exempts,
}

/// What a rule sees as `input`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// The whole of an environment: `package driftless` and below.
    Whole,
    /// One manifest: every other package, as `conftest --all-namespaces` has it.
    Document,
}

/// One definition of a rule in a file. Several may share one name; Rego takes their results together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Definition {
    pub(super) scope: Scope,
    pub(super) set: RuleSet,
    /// `main`, `driftless.effective`.
    pub(super) package: String,
    /// `data.PACKAGE.NAME`.
    pub(super) path: String,
    /// Name of the rule, such as `deny_latest`.
    pub(super) name: String,
    pub(super) file: String,
    pub(super) line: u32,
    /// The rule's last line.
    pub(super) end: u32,
    pub(super) metadata: Metadata,
}

/// A rule called `test_…`, which `driftless policy test` evaluates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TestRule {
    /// `data.PACKAGE.NAME`.
    pub(super) path: String,
    pub(super) file: String,
    pub(super) line: u32,
}

impl Definition {
    /// Returns the code of what it finds, unless the finding brings its own.
    pub(super) fn code(&self) -> String {
        self.metadata.custom.code.clone().unwrap_or_else(|| self.name.replace('_', "-"))
    }

    /// Returns `FILE:LINE`.
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }

    /// Returns the name by which conftest's exceptions call the rule.
    pub(super) fn exemption(&self) -> &str {
        if ["deny", "violation", "warn"].contains(&self.name.as_str()) {
            return "";
        }
        let prefixes = ["violation_", "deny_", "warn_"];
        prefixes.into_iter().fold(self.name.as_str(), |name, prefix| name.strip_prefix(prefix).unwrap_or(name))
    }
}

/// The part of OPA's `# METADATA` block that driftless shows. Other keys are other tools' business.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub(super) struct Metadata {
    #[serde(default)]
    pub(super) title: String,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    pub(super) custom: Custom,
    /// Links: strings, or objects with `ref`.
    #[serde(default)]
    related_resources: Vec<serde_json::Value>,
}

impl Metadata {
    fn related(&self) -> Vec<String> {
        let link = |resource: &serde_json::Value| {
            resource.as_str().or_else(|| resource.get("ref").and_then(serde_json::Value::as_str)).map(str::to_owned)
        };
        self.related_resources.iter().filter_map(link).collect()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub(super) struct Custom {
    #[serde(default)]
    pub(super) code: Option<String>,
    /// Whether a `PolicyException` or an `exception` rule may waive it; without this it may.
    #[serde(default)]
    pub(super) waivable: Option<bool>,
}

/// One rule, as `driftless policy list` shows it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RuleDoc {
    /// The pack.
    pub pack: String,
    /// Code of its findings.
    pub code: String,
    /// What its findings do.
    pub severity: Severity,
    /// Title of its METADATA; empty without one.
    pub title: String,
    /// Description of its METADATA; empty without one.
    pub description: String,
    /// File, below the repository's root.
    pub file: String,
    /// Line of the rule.
    pub line: u32,
    /// Links of its METADATA.
    pub related: Vec<String>,
    /// Whether exceptions may waive it.
    pub waivable: bool,
}

/// Lists the rules of the built-in pack and of the given ones. A pack that does not parse shows what does; [`super::judge`]
/// says what is wrong with it.
pub fn rules(packs: &[Pack]) -> Vec<RuleDoc> {
    let builtin = builtin_pack();
    let mut docs = Vec::new();
    for pack in std::iter::once(&builtin).chain(packs) {
        for definition in PackEngine::load([pack]).definitions() {
            let RuleSet::Finds(severity) = definition.set else { continue };
            docs.push(RuleDoc {
                pack: pack.name.clone(),
                code: definition.code(),
                severity,
                title: definition.metadata.title.clone(),
                description: definition.metadata.description.clone(),
                file: definition.file.clone(),
                line: definition.line,
                related: definition.metadata.related(),
                waivable: definition.metadata.custom.waivable != Some(false),
            });
        }
    }
    docs
}

/// Returns the names that a module defines, functions among them.
pub(super) fn names(module: &Module) -> Vec<String> {
    module.policy.iter().map(|rule| head(rule).1).collect()
}

/// Returns the name that an import has in its file.
pub(super) fn imported_as(import: &Import) -> &str {
    let path = import.refr.span().text();
    import.r#as.as_ref().map_or_else(|| path.rsplit('.').next().unwrap_or(path), Span::text)
}

/// Returns whether a rule is a function, and its name up to the first dot or bracket.
fn head(rule: &Rule) -> (bool, String) {
    let (is_function, head) = match rule {
        Rule::Spec { head, .. } => match head {
            RuleHead::Compr { refr, .. } | RuleHead::Set { refr, .. } => (false, refr),
            RuleHead::Func { refr, .. } => (true, refr),
        },
        Rule::Default { refr, args, .. } => (!args.is_empty(), refr),
    };
    (is_function, head.span().text().split(['.', '[']).next().unwrap_or_default().to_owned())
}

/// Finds a partial set with a variable in its name (`limits[kind].names contains …`) beside one of the same rule that is written out
/// (`limits.topic.names contains …`): the engine loses what one of them gives.
pub(super) fn overlap(module: &Module, file: &str) -> Option<PackError> {
    let sets = module.policy.iter().filter_map(|rule| match rule.as_ref() {
        Rule::Spec { head: RuleHead::Set { refr, .. }, .. } => Some(refr.span()),
        Rule::Spec { .. } | Rule::Default { .. } => None,
    });
    let (open, closed): (Vec<_>, Vec<_>) = sets.partition(|span| span.text().contains("]."));
    let root = |text: &str| text.split(['.', '[']).next().unwrap_or_default().to_owned();
    let both = |span: &&&Span| {
        closed.iter().any(|other| other.text().contains('.') && root(other.text()) == root(span.text()))
    };
    let span = open.iter().find(both)?;
    let message = format!(
        "`{}` overlaps a rule whose name has no variable, which the engine cannot judge: give one of them another name",
        span.text()
    );
    Some(PackError::at(file, span.line, message))
}

/// Says whether the rules of a package see the whole.
pub(super) fn is_whole(package: &str) -> bool {
    package == "driftless" || package.starts_with("driftless.") || package.starts_with("driftless[")
}

/// Finds the rules of one module that driftless evaluates. Everything else in it is a helper of these.
pub(super) fn definitions(module: &Module, file: &str, text: &str) -> Result<Vec<Definition>, PackError> {
    let package = module.package.refr.span().text().to_owned();
    let scope = if is_whole(&package) { Scope::Whole } else { Scope::Document };
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for rule in &module.policy {
        let (is_function, name) = head(rule);
        let Some(set) = rule_set(&name, scope) else { continue };
        let line = rule.span().line;
        if is_function {
            let message = format!("`{name}` is a function, and so never judges anything: rules have no parameters");
            return Err(PackError::at(file, line, message));
        }
        found.push(Definition {
            scope,
            set,
            path: format!("data.{package}.{name}"),
            package: package.clone(),
            metadata: metadata_above(&lines, line).map_err(|(line, message)| {
                PackError::at(file, line, format!("the METADATA block cannot be read: {message}"))
            })?,
            name,
            file: file.to_owned(),
            line,
            end: line.saturating_add(u32::try_from(rule.span().text().trim_end().lines().count()).unwrap_or(1)) - 1,
        });
    }
    Ok(found)
}

/// Finds the tests of one module, each once.
pub(super) fn tests(module: &Module, file: &str) -> Vec<TestRule> {
    let package = module.package.refr.span().text();
    let mut found: Vec<TestRule> = Vec::new();
    for rule in &module.policy {
        let (is_function, name) = head(rule);
        let path = format!("data.{package}.{name}");
        if !is_function && name.starts_with("test_") && found.iter().all(|test| test.path != path) {
            found.push(TestRule { path, file: file.to_owned(), line: rule.span().line });
        }
    }
    found
}

/// Applies conftest's convention: `^(deny|violation|warn)(_[A-Za-z0-9]+)*$`.
fn rule_set(name: &str, scope: Scope) -> Option<RuleSet> {
    let (kind, suffix) = name.split_once('_').map_or((name, None), |(kind, suffix)| (kind, Some(suffix)));
    let well_formed = suffix.is_none_or(|suffix| {
        suffix.split('_').all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric()))
    });
    match kind {
        "deny" | "violation" if well_formed => Some(RuleSet::Finds(Severity::Deny)),
        "warn" if well_formed => Some(RuleSet::Finds(Severity::Warn)),
        "exception" if suffix.is_none() && scope == Scope::Document => Some(RuleSet::Exempts),
        _ => None,
    }
}

/// Reads the METADATA block that ends on the line above `line` (from 1).
fn metadata_above(lines: &[&str], line: u32) -> Result<Metadata, (u32, String)> {
    let end = usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1).min(lines.len());
    let start = lines[..end].iter().rposition(|text| !text.trim_start().starts_with('#')).map_or(0, |index| index + 1);
    let Some(marker) = lines[start..end].iter().rposition(|text| text.trim() == "# METADATA") else {
        return Ok(Metadata::default());
    };
    let yaml: String = lines[start + marker + 1..end]
        .iter()
        .map(|text| {
            let text = text.trim_start().trim_start_matches('#');
            format!("{}\n", text.strip_prefix(' ').unwrap_or(text))
        })
        .collect();
    if yaml.trim().is_empty() {
        return Ok(Metadata::default());
    }
    serde_saphyr::from_str(&yaml).map_err(|error| {
        let first = error.to_string().lines().next().unwrap_or_default().to_owned();
        (u32::try_from(start + marker + 1).unwrap_or(line), first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_names_follow_conftests_convention() {
        for (name, scope, expected) in [
            ("deny", Scope::Whole, Some(RuleSet::Finds(Severity::Deny))),
            ("violation_a_b2", Scope::Document, Some(RuleSet::Finds(Severity::Deny))),
            ("warn_x", Scope::Document, Some(RuleSet::Finds(Severity::Warn))),
            ("deny_", Scope::Document, None),
            ("denyfoo", Scope::Document, None),
            ("exception", Scope::Document, Some(RuleSet::Exempts)),
            ("exception", Scope::Whole, None),
        ] {
            assert_eq!(rule_set(name, scope), expected, "{name}");
        }
    }

    #[test]
    fn every_builtin_rule_says_what_it_is() {
        let docs = rules(&[]);
        assert!(docs.len() >= 10);
        for doc in docs {
            assert!(!doc.title.is_empty() && !doc.description.is_empty(), "{}:{}", doc.file, doc.line);
            assert!(super::super::CODES.iter().any(|code| code.code == doc.code), "{} is explained", doc.code);
        }
    }
}
