//! Functions that call themselves, by way of others or not. OPA refuses them; the engine would follow them until its stack overflows, which ends
//! the process. Rules that need themselves are found by the engine, as it remembers which ones it is evaluating.

use std::collections::{BTreeMap, BTreeSet};

use regorus::unstable::{Module, Rule, RuleHead};

use super::error::PackError;
use super::rules::imported_as;
use super::words::{Word, words};

/// A function: where it stands, and which functions its definitions call.
struct Function {
    file: String,
    line: u32,
    calls: BTreeSet<String>,
}

/// Finds the first function that comes back to itself. Names are whole, such as `lib.kafka.owner`.
pub(super) fn endless<'m>(modules: impl IntoIterator<Item = &'m Module>) -> Option<PackError> {
    let mut functions: BTreeMap<String, Function> = BTreeMap::new();
    for module in modules {
        add(module, &mut functions);
    }
    functions.iter().find_map(|(name, function)| {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&String> = function.calls.iter().collect();
        while let Some(called) = open.pop() {
            if called == name {
                let message =
                    format!("function `{name}` calls itself, directly or by way of others: Rego has no recursion");
                return Some(PackError::at(&function.file, function.line, message));
            }
            if seen.insert(called) {
                open.extend(functions.get(called).into_iter().flat_map(|function| &function.calls));
            }
        }
        None
    })
}

fn add(module: &Module, functions: &mut BTreeMap<String, Function>) {
    let span = module.package.refr.span();
    let (package, file) = (span.text(), span.source.get_path());
    let Some(words) = words(span.source.contents()) else { return };
    let imports: BTreeMap<&str, &str> =
        module.imports.iter().map(|import| (imported_as(import), import.refr.span().text())).collect();
    let whole = |path: &str| {
        let (first, rest) = path.split_once('.').map_or((path, ""), |(first, rest)| (first, rest));
        let resolved = match (imports.get(first), rest) {
            (Some(import), "") => (*import).to_owned(),
            (Some(import), rest) => format!("{import}.{rest}"),
            (None, "") => format!("data.{package}.{first}"),
            (None, _) => path.to_owned(),
        };
        resolved.trim_start_matches("data.").to_owned()
    };
    for rule in &module.policy {
        let Rule::Spec { span, head: RuleHead::Func { refr, .. }, .. } = rule.as_ref() else { continue };
        let name = format!("{package}.{}", refr.span().text());
        let function = functions.entry(name).or_insert_with(|| Function {
            file: file.clone(),
            line: span.line,
            calls: BTreeSet::new(),
        });
        // The first call is the head.
        let calls = calls(&words, refr.span().end as usize, span.end as usize).into_iter().skip(1);
        function.calls.extend(calls.map(|path| whole(&path)));
    }
}

/// Every `path.of.names(` between two places.
fn calls(words: &[Word], start: usize, end: usize) -> Vec<String> {
    let is_name = |word: &Word| word.text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let mut found = Vec::new();
    for (at, _) in words.iter().enumerate().filter(|(_, word)| word.text == "(" && (start..end).contains(&word.start)) {
        let mut path: Vec<&str> = Vec::new();
        let mut next = at.checked_sub(1);
        while let Some(word) = next.and_then(|next| words.get(next)).filter(|word| is_name(word)) {
            path.push(&word.text);
            next = next.and_then(|next| next.checked_sub(1));
            match next.and_then(|next| words.get(next)) {
                Some(dot) if dot.text == "." => next = next.and_then(|next| next.checked_sub(1)),
                Some(_) | None => break,
            }
        }
        path.reverse();
        found.push(path.join("."));
    }
    found
}

#[cfg(test)]
mod tests {
    use regorus::Engine;

    use super::*;

    fn found(files: &[&str]) -> Option<u32> {
        let mut engine = Engine::new();
        for (index, text) in files.iter().enumerate() {
            engine.add_policy(format!("{index}.rego"), (*text).to_owned()).expect("parses");
        }
        let modules = engine.get_modules().clone();
        endless(modules.iter().map(|module| &**module)).map(|error| error.line())
    }

    #[test]
    fn functions_that_come_back_to_themselves_are_found() {
        for (files, line) in [
            (vec!["package a\n\nf(x) := f(x - 1) if x > 0\n"], Some(3)),
            (vec!["package a\nf(x) := g(x)\ng(x) := [y | y := f(x)]\n"], Some(2)),
            (
                vec![
                    "package a\nimport data.b\nf(x) := b.g(x)\n",
                    "package b\nimport data.a.f as other\ng(x) := 1 if x == 1\nelse := 2 if other(x) == 2\n",
                ],
                Some(3),
            ),
            (vec!["package a\nf(x) := data.a.f(x)\n"], Some(2)),
            (
                vec!["package a\nf(x) := count(x)\ng(x) := f(f(x))\nh := g(1)\n", "package b\ng(x) := data.a.g(x)\n"],
                None,
            ),
            (vec!["package a\nf(1) := 1\nf(x) := (x + 1) * 2 if x > 1\ncount := f(2)\n"], None),
        ] {
            assert_eq!(found(&files), line, "{files:?}");
        }
    }
}
