//! From files to rules that can be evaluated.

use std::collections::{BTreeMap, BTreeSet};

use regorus::Value;
use regorus::unstable::{Module, Ref};

use super::Pack;
use super::builtin::BUILT_IN;
use super::calls;
use super::data;
use super::declared;
use super::depth;
use super::engine::PackEngine;
use super::error::{PackError, survived};
use super::finding;
use super::functions;
use super::imports;
use super::limits;
use super::negation;
use super::qualify;
use super::reading::Reading;
use super::recursion;
use super::rules::{Definition, definitions};
use super::unknown_fields;
use crate::plan::types::Finding;

/// Looks through a file, and writes it as it is loaded.
fn looked_through(path: &str, text: &str, spread: &BTreeSet<String>) -> Result<String, PackError> {
    depth::too_deep(path, text).map_or(Ok(()), Err)?;
    let imported = imports::in_front(text);
    let text = imported.as_deref().unwrap_or(text);
    let qualified = qualify::qualified(text, spread);
    let text = qualified.as_deref().unwrap_or(text);
    let rewritten = as_the_engine_needs(path, text);
    let text = rewritten.as_deref().unwrap_or(text);
    match functions::refused_call(text).or_else(|| functions::negated_body(text)) {
        Some(call) => Err(PackError::at(path, call.line, call.message).column(call.column)),
        None => Ok(text.to_owned()),
    }
}

/// Writes a file so that the engine judges by it as OPA does: calls, declarations in front, and what negations need.
fn as_the_engine_needs(path: &str, text: &str) -> Option<String> {
    let mut module = read_alone(path, text)?;
    let mut written: Option<String> = None;
    for rewrite in [calls::written, declared::in_front, negation::explicit] {
        if let Some(text) = rewrite(&module, written.as_deref().unwrap_or(text)) {
            module = read_alone(path, &text)?;
            written = Some(text);
        }
    }
    written
}

/// Reads a file by itself. One that cannot be read is reported when it is loaded.
fn read_alone(path: &str, text: &str) -> Option<Ref<Module>> {
    let mut engine = limits::engine();
    if engine.add_policy(path.to_owned(), text.to_owned()).is_err() {
        if functions::is_surely_v1(text) {
            return None;
        }
        engine.set_rego_v0(true);
        engine.add_policy(path.to_owned(), text.to_owned()).ok()?;
    }
    engine.get_modules().last().cloned()
}

impl PackEngine {
    /// Loads packs. Files that are not good are errors, and leave the others as they are.
    pub(super) fn load<'a>(packs: impl IntoIterator<Item = &'a Pack>) -> Self {
        limits::bound_memory();
        let packs: Vec<&Pack> = packs.into_iter().collect();
        let mut engine = limits::engine();
        engine.set_strict_builtin_errors(true);
        // What rules print is for whoever writes them; nothing of it may reach a terminal from here.
        engine.set_gather_prints(true);
        functions::add(&mut engine);
        let mut loaded = Self {
            engine,
            definitions: BTreeMap::new(),
            tests: Vec::new(),
            errors: Vec::new(),
            reading: Reading::of(packs.iter().flat_map(|pack| &pack.files).map(|(_, text)| text.as_str())),
            data: Value::new_object(),
            wants_file: false,
            broken: false,
        };
        let own = packs.iter().filter(|pack| pack.name != BUILT_IN);
        let spread = qualify::spread(own.flat_map(|pack| &pack.files).map(|(_, text)| text.as_str()));
        for pack in packs {
            for (path, text) in &pack.files {
                // The built-in rules are written and tried out with this engine: not every process looks through them again.
                let added = match pack.name.as_str() {
                    BUILT_IN => loaded.add(pack, path, text),
                    _ => looked_through(path, text, &spread).and_then(|text| loaded.add(pack, path, &text)),
                };
                loaded.errors.extend(added.err().map(|error| finding::pack_error(&error)));
            }
            loaded.add_data(pack);
        }
        // Unsafe variables, unknown functions and recursion show only when the modules are analysed together.
        loaded.engine.set_input(Value::new_object());
        if let Some(error) = recursion::endless(loaded.engine.get_modules().clone().iter().map(|module| &**module)) {
            loaded.errors.push(finding::pack_error(&error));
            loaded.broken = true;
            return loaded;
        }
        if let Err(error) = survived(|| loaded.engine.eval_query("true".to_owned(), false)) {
            loaded.errors.push(finding::pack_error(&error));
            loaded.broken = true;
        }
        loaded
    }

    fn add(&mut self, pack: &Pack, path: &str, text: &str) -> Result<(), PackError> {
        let is_v1 = self.parse(path, text)?;
        let Some(module) = self.engine.get_modules().last().cloned() else { return Ok(()) };
        let found = definitions(&module, path, text)?;
        super::rules::overlap(&module, path).map_or(Ok(()), Err)?;
        let names: BTreeSet<String> = super::rules::names(&module).into_iter().collect();
        if is_v1
            && pack.name != BUILT_IN
            && let Some(call) = functions::older_call(text, &names)
        {
            return Err(PackError::at(path, call.line, call.message).column(call.column));
        }
        for definition in found {
            self.definitions.entry(definition.path.clone()).or_default().push(definition);
        }
        self.tests.extend(super::rules::tests(&module, path));
        self.wants_file |= text.contains("conftest");
        Ok(())
    }

    /// Reads a file as Rego version 1, and when it is none as version 0. Says whether it was version 1.
    fn parse(&mut self, path: &str, text: &str) -> Result<bool, PackError> {
        self.engine.set_rego_v0(false);
        let Err(first) = self.engine.add_policy(path.to_owned(), text.to_owned()) else { return Ok(true) };
        // The engine warns on standard error about keywords that version 0 does not have.
        if functions::is_surely_v1(text) {
            return Err(PackError::of(&first, Some(path)));
        }
        self.engine.set_rego_v0(true);
        let Err(second) = self.engine.add_policy(path.to_owned(), text.to_owned()) else { return Ok(false) };
        let (first, second) = (PackError::of(&first, Some(path)), PackError::of(&second, Some(path)));
        // The reading that came further is the one that was meant.
        Err(if second.line() > first.line() { second } else { first })
    }

    fn add_data(&mut self, pack: &Pack) {
        let (documents, errors) = data::documents(pack);
        self.errors.extend(errors.iter().map(finding::pack_error));
        for (path, document) in documents {
            let added = serde_json::from_value(document).map_err(|error| error.to_string());
            let added = added.and_then(|value: Value| self.engine.add_data(value).map_err(|error| error.to_string()));
            if let Err(error) = added {
                let message = format!("the data cannot be used: {}", error.lines().next().unwrap_or_default());
                self.errors.push(finding::pack_error(&PackError::at(&path, 1, message)));
            }
        }
        self.data = self.engine.get_data();
    }

    /// Adds to the errors what rules read that can never be there. The built-in rules are tried out for that.
    pub(super) fn with_unknown_fields(mut self) -> Self {
        let found = self.unknown_fields();
        self.errors.extend(found);
        self
    }

    /// Finds what rules read that can never be there.
    pub(super) fn unknown_fields(&mut self) -> Vec<Finding> {
        let modules = self.engine.get_modules().clone();
        let package = |module: &Module| module.package.refr.span().text().to_owned();
        let mut provided: BTreeSet<String> = BTreeSet::from(["conftest".to_owned()]);
        let first = |name: String| name.split(['.', '[']).next().unwrap_or_default().to_owned();
        provided.extend(modules.iter().map(|module| first(package(module))));
        if let Value::Object(data) = &self.data {
            provided.extend(data.keys().filter_map(|key| key.as_string().ok()).map(|key| key.to_string()));
        }
        let mut found = Vec::new();
        for module in modules.iter() {
            let file = module.package.refr.span().source.get_path().clone();
            let is_whole = super::rules::is_whole(&package(module));
            found.extend(unknown_fields::findings(module, &file, is_whole, &provided));
        }
        found
    }

    /// Returns every definition of a rule, by rule and file.
    pub(super) fn definitions(&self) -> impl Iterator<Item = &Definition> {
        self.definitions.values().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::builtin::builtin_pack;

    #[test]
    fn the_built_in_rules_are_good_as_they_are() {
        let pack = Pack { name: "somebody's".to_owned(), ..builtin_pack() };
        for (path, text) in &pack.files {
            assert!(depth::too_deep(path, text).is_none() && imports::in_front(text).is_none(), "{path}");
            assert!(functions::refused_call(text).or_else(|| functions::negated_body(text)).is_none(), "{path}");
        }
        assert!(PackEngine::load([&pack]).take_errors().is_empty());
        assert_eq!(qualify::spread(pack.files.iter().map(|(_, text)| text.as_str())), BTreeSet::new());
    }
}
