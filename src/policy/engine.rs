//! The Rego engine: loads packs, evaluates their rules, and turns everything that goes wrong into a finding that denies.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Duration;

use regorus::unstable::{Lexer, TokenKind};
use regorus::utils::limits::{ExecutionTimerConfig, monotonic_now};
use regorus::{Engine, Source, Value};
use serde_json::json;

use super::finding::{self, Subject};
use super::rules::{Definition, RuleSet, Scope, definitions};
use crate::domain::desired::{DesiredState, Document};
use crate::domain::diagnostic::Location;

/// Built-in functions that would make a verdict depend on something other than its input, or that look at the world. A pack
/// that calls one is refused as a whole: the engine would answer some of them with "undefined", and so skip the rule.
const REFUSED: [&str; 6] =
    ["http.send", "net.lookup_ip_addr", "opa.runtime", "rand.intn", "time.now_ns", "uuid.rfc4122"];

/// Work units between two looks at the stopwatch.
const CHECK_INTERVAL: NonZeroU32 = NonZeroU32::new(256).expect("256 is not zero");

/// The time that is left for all rules together.
pub(super) struct Budget {
    end: Option<Duration>,
    limit: Duration,
}

impl Budget {
    pub(super) fn start(limit: Duration) -> Self {
        Self { end: monotonic_now().map(|now| now.saturating_add(limit)), limit }
    }

    fn left(&self) -> Duration {
        match (self.end, monotonic_now()) {
            (Some(end), Some(now)) => end.saturating_sub(now),
            // Without a stopwatch every rule has the whole limit for itself.
            (None, _) | (_, None) => self.limit,
        }
    }
}

/// What a rule is judged with when it sees one manifest.
pub(super) struct Judged<'a> {
    pub(super) desired: &'a DesiredState,
    /// The manifest that was `input`; absent for rules over the whole.
    pub(super) document: Option<&'a Document>,
}

/// What is wrong with a pack, and where.
pub(super) struct PackError {
    pub(super) place: Option<Location>,
    pub(super) message: String,
}

impl PackError {
    /// Reads file, line and column out of the engine's message, which has no other form than text.
    fn of(error: &impl std::fmt::Display, file: Option<&str>) -> Self {
        let text = error.to_string();
        let place = text.lines().find_map(|line| {
            let mut parts = line.strip_prefix("--> ")?.rsplitn(3, ':');
            let (column, line, file) = (parts.next()?, parts.next()?, parts.next()?);
            Some(Location::new(file, line.parse().ok()?, column.parse().ok()?))
        });
        let message =
            text.rsplit("error: ").next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        Self { place: place.or_else(|| file.map(|file| Location::new(file, 1, 1))), message }
    }
}

/// Rules that are evaluated together. No rule of one engine can see or change those of another.
pub(super) struct PackEngine {
    engine: Engine,
    definitions: BTreeMap<String, Vec<Definition>>,
    errors: Vec<crate::plan::types::Finding>,
    /// Whether some file mentions `data.conftest`, so that every manifest needs data of its own.
    wants_file: bool,
    /// Whether the modules do not fit together: then no rule can be evaluated, and the error already denies.
    broken: bool,
}

impl PackEngine {
    /// Loads files. Those that are not good are errors, and leave the others as they are.
    pub(super) fn load(files: &[(String, String)]) -> Self {
        let mut engine = Engine::new();
        engine.set_strict_builtin_errors(true);
        let mut loaded =
            Self { engine, definitions: BTreeMap::new(), errors: Vec::new(), wants_file: false, broken: false };
        for (path, text) in files {
            if let Err(error) = loaded.add(path, text) {
                loaded.errors.push(finding::pack_error(&error));
            }
        }
        // Unsafe variables, unknown functions and recursion show only when the modules are analysed together.
        loaded.engine.set_input(Value::new_object());
        if let Err(error) = loaded.engine.eval_query("true".to_owned(), false) {
            loaded.errors.push(finding::pack_error(&PackError::of(&error, None)));
            loaded.broken = true;
        }
        loaded
    }

    fn add(&mut self, path: &str, text: &str) -> Result<(), PackError> {
        if let Some((function, line, column)) = refused_function(path, text) {
            return Err(PackError {
                place: Some(Location::new(path, line, column)),
                message: format!("`{function}` is not available: a verdict must depend on its input alone"),
            });
        }
        let loaded = self.engine.add_policy(path.to_owned(), text.to_owned());
        loaded.map_err(|error| PackError::of(&error, Some(path)))?;
        let Some(module) = self.engine.get_modules().last().cloned() else { return Ok(()) };
        let found = definitions(&module, path, text).map_err(|(line, message)| PackError {
            place: Some(Location::new(path, line, 1)),
            message: format!("the METADATA block cannot be read: {message}"),
        })?;
        for definition in found {
            self.definitions.entry(definition.path.clone()).or_default().push(definition);
        }
        self.wants_file |= text.contains("conftest");
        Ok(())
    }

    /// Returns every definition of a rule, by rule and file.
    pub(super) fn definitions(&self) -> impl Iterator<Item = &Definition> {
        self.definitions.values().flatten()
    }

    /// Hands over what went wrong while loading.
    pub(super) fn take_errors(&mut self) -> Vec<(Subject, crate::plan::types::Finding)> {
        std::mem::take(&mut self.errors).into_iter().map(|finding| (Subject::default(), finding)).collect()
    }

    fn paths(&self, scope: Scope, sets: impl Fn(RuleSet) -> bool) -> Vec<String> {
        let wanted = |definition: &Definition| !self.broken && definition.scope == scope && sets(definition.set);
        let paths = self.definitions.iter().filter(|(_, found)| found.first().is_some_and(wanted));
        paths.map(|(path, _)| path.clone()).collect()
    }

    /// Says whether there are rules over the whole.
    pub(super) fn judges_whole(&self) -> bool {
        !self.paths(Scope::Whole, |_| true).is_empty()
    }

    /// Evaluates the rules over the whole.
    pub(super) fn judge_whole(
        &mut self,
        input: &Value,
        desired: &DesiredState,
        budget: &Budget,
    ) -> Vec<(Subject, crate::plan::types::Finding)> {
        self.engine.set_input(input.clone());
        let judged = Judged { desired, document: None };
        let mut findings = Vec::new();
        for path in self.paths(Scope::Whole, |_| true) {
            findings.extend(self.judge_rule(&path, &judged, &BTreeSet::new(), budget));
        }
        findings
    }

    /// Evaluates the rules on single manifests, each by itself.
    pub(super) fn judge_documents(
        &mut self,
        documents: &[Document],
        desired: &DesiredState,
        budget: &Budget,
    ) -> Vec<(Subject, crate::plan::types::Finding)> {
        let paths = self.paths(Scope::Document, |set| matches!(set, RuleSet::Finds(_)));
        let exceptions = self.paths(Scope::Document, |set| set == RuleSet::Exempts);
        let mut findings = Vec::new();
        if paths.is_empty() {
            return findings;
        }
        for document in documents {
            let judged = Judged { desired, document: Some(document) };
            if let Err(message) = self.show(document) {
                let error = PackError { place: Some(document.location.clone()), message };
                findings.push((Subject::default(), finding::pack_error(&error)));
                continue;
            }
            let mut exempt = BTreeSet::new();
            for path in &exceptions {
                match self.evaluate(path, budget) {
                    Ok(value) => exempt.extend(exempted(&value)),
                    Err(error) => findings.push((Subject::default(), finding::pack_error(&error))),
                }
            }
            for path in &paths {
                findings.extend(self.judge_rule(path, &judged, &exempt, budget));
            }
        }
        findings
    }

    /// Makes a manifest the input, and its file what conftest calls `data.conftest.file`.
    fn show(&mut self, document: &Document) -> Result<(), String> {
        let input: Value = serde_json::from_value(document.json())
            .map_err(|error| format!("the manifest cannot be given to policy: {error}"))?;
        if self.wants_file {
            let (dir, name) = document.location.file.rsplit_once('/').unwrap_or((".", &document.location.file));
            let data = Value::from(json!({"conftest": {"file": {"name": name, "dir": dir}}}));
            self.engine.clear_data();
            self.engine.add_data(data).map_err(|error| error.to_string())?;
        }
        self.engine.set_input(input);
        Ok(())
    }

    fn judge_rule(
        &mut self,
        path: &str,
        judged: &Judged<'_>,
        exempt: &BTreeSet<String>,
        budget: &Budget,
    ) -> Vec<(Subject, crate::plan::types::Finding)> {
        let value = self.evaluate(path, budget);
        let definitions = self.definitions.get(path).map(Vec::as_slice).unwrap_or_default();
        match value {
            Ok(value) => finding::of_value(&value, definitions, judged, exempt),
            Err(error) => vec![(Subject::default(), finding::pack_error(&error))],
        }
    }

    fn evaluate(&mut self, path: &str, budget: &Budget) -> Result<Value, PackError> {
        let definition = self.definitions.get(path).and_then(|found| found.first());
        let place = definition.map(|found| Location::new(&found.file, found.line, 1));
        let left = budget.left();
        let late = || PackError {
            place: place.clone(),
            message: format!("policy took longer than {} s", budget.limit.as_secs_f64()),
        };
        if left.is_zero() {
            return Err(late());
        }
        self.engine.set_execution_timer_config(ExecutionTimerConfig { limit: left, check_interval: CHECK_INTERVAL });
        self.engine.eval_rule(path.to_owned()).map_err(|error| {
            if budget.left().is_zero() {
                return late();
            }
            let mut error = PackError::of(&error, None);
            error.place = error.place.or(place.clone());
            error
        })
    }
}

/// Reads the result of conftest's `exception`: a set of arrays of rule names without their prefix.
fn exempted(value: &Value) -> Vec<String> {
    let Ok(sets) = value.as_set() else { return Vec::new() };
    let arrays = sets.iter().filter_map(|array| array.as_array().ok());
    arrays
        .flat_map(|array| array.iter())
        .filter_map(|name| name.as_string().ok())
        .map(|name| name.to_string())
        .collect()
}

/// Finds the first call of a function that is refused. Comments and strings are not calls.
fn refused_function(path: &str, text: &str) -> Option<(&'static str, u32, u32)> {
    let source = Source::from_contents(path.to_owned(), text.to_owned()).ok()?;
    let mut lexer = Lexer::new(&source);
    let mut recent: Vec<(String, u32, u32)> = Vec::new();
    loop {
        // A file that is no Rego is reported by the parser.
        let token = lexer.next_token().ok()?;
        if matches!(token.0, TokenKind::Eof) {
            return None;
        }
        let word = match token.0 {
            TokenKind::Ident | TokenKind::Symbol => token.1.text().to_owned(),
            TokenKind::String | TokenKind::RawString | TokenKind::Number | TokenKind::Eof => "\"".to_owned(),
        };
        recent.push((word, token.1.line, token.1.col));
        if let [before @ .., (module, line, column), (dot, ..), (function, ..), (open, ..)] = recent.as_slice()
            && dot == "."
            && open == "("
            && before.last().is_none_or(|(word, ..)| word != ".")
        {
            let called = format!("{module}.{function}");
            if let Some(refused) = REFUSED.iter().find(|refused| **refused == called) {
                return Some((refused, *line, *column));
            }
        }
        if recent.len() > 5 {
            recent.remove(0);
        }
    }
}
