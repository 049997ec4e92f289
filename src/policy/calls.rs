//! Calls as OPA takes them.
//!
//! `walk` gives one pair after the other: `[path, value] := walk(input)` holds for each of them. The engine knows `walk(input, [path, value])`
//! only, and a rule with the other form never fires. So that is written as `driftless_walk(input)[_]`, of a function that lists all pairs.
//!
//! In older Rego the result of a function may be its last argument (`sprintf("%s", [x], msg)`). The engine knows this form for its own
//! functions only, and not behind `not`. There it is written as `msg = sprintf("%s", [x])`; lines stay.
//!
//! `"a", "a" in set` is true in OPA, as a member of a set is its own key. The engine finds keys in objects and arrays alone, so a function
//! of ours is asked.

use std::collections::BTreeSet;

use regorus::unstable::{Expr, Literal, Module, Query, Rule, RuleHead};

use super::edits::{Edit, edited};
use super::functions;
use super::negation::parts;
use super::rules::imported_as;
use super::words::{Word, words};

/// Returns the text with calls as the engine needs them, or nothing when all of them are.
pub(super) fn written(module: &Module, text: &str) -> Option<String> {
    let mut own: BTreeSet<String> = super::rules::names(module).into_iter().collect();
    own.extend(module.imports.iter().map(|import| imported_as(import).to_owned()));
    let mut writer = Writer { text, words: words(text)?, own, edits: Vec::new() };
    for rule in &module.policy {
        let Rule::Spec { bodies, .. } = rule.as_ref() else { continue };
        values(rule).into_iter().for_each(|value| writer.expression(value));
        bodies.iter().for_each(|body| writer.query(&body.query));
    }
    let mut edits = writer.edits;
    edits.sort();
    edits.dedup();
    edited(text, edits)
}

/// Returns what stands in the head of a rule, and behind its `else`, and is evaluated: there can be comprehensions in it.
pub(super) fn values(rule: &Rule) -> Vec<&Expr> {
    let Rule::Spec { head, bodies, .. } = rule else { return Vec::new() };
    let of_head = match head {
        RuleHead::Compr { assign, .. } | RuleHead::Func { assign, .. } => assign.as_ref().map(|assign| &assign.value),
        RuleHead::Set { key, .. } => key.as_ref(),
    };
    let of_bodies = bodies.iter().filter_map(|body| body.assign.as_ref()).map(|assign| &assign.value);
    of_head.into_iter().chain(of_bodies).map(AsRef::as_ref).collect()
}

struct Writer<'a> {
    text: &'a str,
    words: Vec<Word>,
    /// Names that the file defines or imports, and that are no built-in function there.
    own: BTreeSet<String>,
    edits: Vec<Edit>,
}

impl Writer<'_> {
    fn query(&mut self, query: &Query) {
        for statement in &query.stmts {
            match &statement.literal {
                Literal::SomeVars { .. } => {}
                Literal::SomeIn { collection, .. } => self.expression(collection),
                Literal::Every { domain, query, .. } => {
                    self.expression(domain);
                    self.query(query);
                }
                Literal::Expr { expr, .. } => self.statement(expr, false),
                Literal::NotExpr { expr, .. } => self.statement(expr, true),
            }
            statement.with_mods.iter().for_each(|modifier| self.expression(&modifier.r#as));
        }
    }

    fn statement(&mut self, expression: &Expr, is_negated: bool) {
        if let Expr::Call { fcn, params, .. } = expression
            && let Some(known) = self.function(fcn)
            && params.len() == known.n_arguments + 1
            && (is_negated || known.is_ours)
            && let Some(call) = self.call(fcn)
            && let Some((comma, out)) = call.last
        {
            let span = fcn.span();
            if span.text() == WALK {
                self.edits.push((span.start as usize, span.end as usize, PASSES.to_owned()));
            } else {
                self.edits.push((span.start as usize, span.start as usize, format!("{out} = ")));
                self.edits.push((comma, call.end, ")".to_owned()));
            }
            params.iter().take(known.n_arguments).for_each(|argument| self.expression(argument));
            return;
        }
        self.expression(expression);
    }

    fn expression(&mut self, expression: &Expr) {
        match expression {
            Expr::ArrayCompr { term, query, .. } | Expr::SetCompr { term, query, .. } => {
                self.expression(term);
                self.query(query);
            }
            Expr::ObjectCompr { key, value, query, .. } => {
                self.expression(key);
                self.expression(value);
                self.query(query);
            }
            other => {
                if let Expr::Call { fcn, params, .. } = other
                    && fcn.span().text() == WALK
                    && params.len() == 1
                    && self.function(fcn).is_some()
                    && let Some(call) = self.call(fcn)
                {
                    let span = fcn.span();
                    self.edits.push((span.start as usize, span.end as usize, PAIRS.to_owned()));
                    self.edits.push((call.end, call.end, "[_]".to_owned()));
                }
                if let Expr::Membership { key: Some(key), collection, .. } = other {
                    self.member(key, collection);
                }
                parts(other).into_iter().for_each(|part| self.expression(part));
            }
        }
    }

    /// `key, value in collection` → `driftless_member(key, value, collection)`.
    fn member(&mut self, key: &Expr, collection: &Expr) {
        let (from, to) = (key.span().start as usize, collection.span());
        let is_text = |expression: &Expr| matches!(expression, Expr::String { .. } | Expr::RawString { .. });
        let Some(first) = self.words.iter().find(|word| word.start >= from) else { return };
        let start = if first.string.is_some() { first.start - 1 } else { first.start };
        let keyword = self.words.iter().rfind(|word| word.text == "in" && word.start < to.start as usize);
        if let Some(keyword) = keyword.map(|word| word.start).filter(|_| !is_text(collection)) {
            self.edits.push((start, start, format!("{MEMBER}(")));
            self.edits.push((keyword, keyword + 2, ",".to_owned()));
            self.edits.push((to.end as usize, to.end as usize, ")".to_owned()));
        }
    }

    fn function(&self, called: &Expr) -> Option<functions::Known> {
        let name = called.span().text();
        let first = name.split('.').next().unwrap_or(name);
        if self.own.contains(first) { None } else { functions::known(name) }
    }

    /// Finds out where the call of a function stands.
    fn call(&self, called: &Expr) -> Option<Call> {
        let open = self.words.iter().position(|word| word.start >= called.span().end as usize)?;
        let mut depth = 0_usize;
        let mut comma = None;
        for word in &self.words[open..] {
            match word.text.as_str() {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth = depth.checked_sub(1)?,
                "," if depth == 1 => comma = Some(word.start),
                _ => {}
            }
            if depth == 0 {
                let out =
                    comma.and_then(|comma| Some((comma, self.text.get(comma + 1..word.start)?.trim().to_owned())));
                let last = out.filter(|(_, out)| !out.is_empty() && !out.contains('\n'));
                return Some(Call { end: word.start + 1, last });
            }
        }
        None
    }
}

const WALK: &str = "walk";

/// The function that lists what `walk` goes through.
pub(super) const PAIRS: &str = "driftless_walk";

/// The function that says whether `walk` comes by a pair.
pub(super) const PASSES: &str = "driftless_passes";

/// The function that says whether a collection has a value under a key.
pub(super) const MEMBER: &str = "driftless_member";

struct Call {
    /// Where its last comma stands, and its last argument.
    last: Option<(usize, String)>,
    /// The byte behind its closing parenthesis.
    end: usize,
}

#[cfg(test)]
mod tests {
    use regorus::Engine;

    use super::*;

    #[test]
    fn walks_are_gone_through_and_results_stand_in_front() {
        for (body, expected) in [
            ("if { [path, 1] = walk(input.x) }", Some("if { [path, 1] = driftless_walk(input.x)[_] }")),
            ("if { walk(input, [path, 1]) }", None),
            ("if { not walk(input, [[\"a\"], 1]) }", Some("if { not driftless_passes(input, [[\"a\"], 1]) }")),
            (
                "if count([p | [p, _] := walk(input)]) > 2",
                Some("if count([p | [p, _] := driftless_walk(input)[_]]) > 2"),
            ),
            (":= [p | [p, _] := walk(input)]", Some(":= [p | [p, _] := driftless_walk(input)[_]]")),
            ("if { sprintf(\"%s\", [\"a\"], m); m }", Some("if { m = sprintf(\"%s\", [\"a\"]); m }")),
            ("if { split(\"a.b\", \".\", p); p }", None),
            ("if { not split(\"a,b\", \",\", [\"a\"]) }", Some("if { not [\"a\"] = split(\"a,b\", \",\") }")),
            ("if { f(1, 2); not f(1, 3) }", None),
            ("if sprintf(\"%s\", [\"a\"]) == \"a\"", None),
            ("if not \"a\", 1 in {\"a\": 1}", Some("if not driftless_member(\"a\", 1 , {\"a\": 1})")),
            ("if { x := [1 in [1]]; x }", None),
        ] {
            let text = format!("package a\n\nf(x) := x\n\nr {body}\n");
            let mut engine = Engine::new();
            engine.add_policy("a.rego".to_owned(), text.clone()).expect("parses");
            let module = engine.get_modules().last().expect("is there").clone();
            let found = written(&module, &text);
            assert_eq!(found, expected.map(|expected| text.replace(body, expected)), "{body}");
        }
        let own = "package a\n\nwalk(x) := [x]\n\nr if [1] == walk(1)\n".to_owned();
        let mut engine = Engine::new();
        engine.add_policy("a.rego".to_owned(), own.clone()).expect("parses");
        let module = engine.get_modules().last().expect("is there").clone();
        assert_eq!(written(&module, &own), None);
    }
}
