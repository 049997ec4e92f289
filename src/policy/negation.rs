//! `not` as OPA has it.
//!
//! What a negated call is given must be defined: OPA works arguments out before the negation, so `not startswith(input.x, "a")` and
//! `not input.x in names` are undefined where `input.x` is, and only `not input.x` and `not input.x == 1` hold. The engine
//! negates the whole. So that a rule judges as it does in OPA, the arguments are asked for in front of the negation, on the same line:
//! `[input.x]; not startswith(input.x, "a")`. A list is never false, and undefined as soon as one of its parts is.
//!
//! A file that imports `future.keywords`, or `future.keywords.not`, has the other meaning in OPA too: there the whole is negated.

use regorus::unstable::{AssignOp, BoolOp, Expr, Literal, LiteralStmt, Module, Query, Rule};

use super::calls::values;
use super::edits::{Edit, edited};
use super::functions;

/// Returns the text with what negations need in front of them, or nothing when there is nothing to add.
pub(super) fn explicit(module: &Module, text: &str) -> Option<String> {
    if functions::negates_the_whole(text) {
        return None;
    }
    let mut writer = Writer { text, added: Vec::new() };
    for rule in &module.policy {
        let Rule::Spec { bodies, .. } = rule.as_ref() else { continue };
        values(rule).into_iter().for_each(|value| writer.nested(value));
        for body in bodies {
            let start = body.query.span.start as usize;
            let braces = text.get(start..).is_some_and(|rest| rest.trim_start().starts_with('{'))
                || text.get(..start).is_some_and(|before| before.trim_end().ends_with('{'));
            writer.query(&body.query, braces);
        }
    }
    edited(text, writer.added)
}

struct Writer<'a> {
    text: &'a str,
    /// What is put in.
    added: Vec<Edit>,
}

impl Writer<'_> {
    /// `braces`: whether the body can hold a further statement as it is.
    fn query(&mut self, query: &Query, braces: bool) {
        for statement in &query.stmts {
            match &statement.literal {
                Literal::NotExpr { expr, .. } => self.negation(statement, expr, braces),
                Literal::Every { domain, query, .. } => {
                    self.nested(domain);
                    self.query(query, true);
                }
                Literal::Expr { expr, .. } => self.nested(expr),
                Literal::SomeIn { collection, .. } => self.nested(collection),
                Literal::SomeVars { .. } => {}
            }
        }
    }

    /// Looks for comprehensions, whose bodies are queries of their own.
    fn nested(&mut self, expression: &Expr) {
        match expression {
            Expr::ArrayCompr { term, query, .. } | Expr::SetCompr { term, query, .. } => {
                self.nested(term);
                self.query(query, true);
            }
            Expr::ObjectCompr { key, value, query, .. } => {
                self.nested(key);
                self.nested(value);
                self.query(query, true);
            }
            other => parts(other).into_iter().for_each(|part| self.nested(part)),
        }
    }

    fn negation(&mut self, statement: &LiteralStmt, expression: &Expr, braces: bool) {
        let mut needed = Vec::new();
        negated(expression, &mut needed);
        let texts: Vec<String> = needed.iter().filter_map(|part| self.one_line(part)).collect();
        if texts.is_empty() {
            return;
        }
        let mut with = String::new();
        for modifier in &statement.with_mods {
            let (Some(target), Some(value)) = (self.one_line(&modifier.refr), self.one_line(&modifier.r#as)) else {
                return;
            };
            with.push_str(&format!(" with {target} as {value}"));
        }
        let start = statement.span.start as usize;
        // The span may start after the word itself.
        let Some(before) = self.text.get(..start) else { return };
        let at_not = self.text.get(start..).is_some_and(|rest| rest.starts_with("not"));
        let start = if at_not {
            start
        } else if before.trim_end().ends_with("not") {
            before.trim_end().len() - 3
        } else {
            return;
        };
        let list = format!("[{}]{with}; ", texts.join(", "));
        if braces {
            self.added.push((start, start, list));
        } else {
            let last = statement.with_mods.last().map_or_else(|| expression.span().end, |last| last.r#as.span().end);
            let end = (last as usize).max(statement.span.end as usize);
            self.added.push((start, start, format!("{{ {list}")));
            self.added.push((end, end, " }".to_owned()));
        }
    }

    /// The text of an expression, on one line; none where a comment stands in it.
    fn one_line(&self, expression: &Expr) -> Option<String> {
        let span = expression.span();
        let text = self.text.get(span.start as usize..span.end as usize)?;
        let words: Vec<&str> = text.lines().map(str::trim).collect();
        (words.len() == 1 || !text.contains('#')).then(|| words.join(" "))
    }
}

/// The parts of an expression that are evaluated with it; not the bodies of comprehensions.
pub(super) fn parts(expression: &Expr) -> Vec<&Expr> {
    match expression {
        Expr::Array { items, .. } | Expr::Set { items, .. } => items.iter().map(AsRef::as_ref).collect(),
        Expr::Object { fields, .. } => {
            fields.iter().flat_map(|(_, key, value)| [key.as_ref(), value.as_ref()]).collect()
        }
        Expr::Call { params, .. } => params.iter().map(AsRef::as_ref).collect(),
        Expr::UnaryExpr { expr, .. } => vec![expr.as_ref()],
        Expr::RefDot { refr, .. } => vec![refr.as_ref()],
        Expr::RefBrack { refr, index, .. } => vec![refr.as_ref(), index.as_ref()],
        Expr::BinExpr { lhs, rhs, .. }
        | Expr::BoolExpr { lhs, rhs, .. }
        | Expr::ArithExpr { lhs, rhs, .. }
        | Expr::AssignExpr { lhs, rhs, .. } => vec![lhs.as_ref(), rhs.as_ref()],
        Expr::Membership { key, value, collection, .. } => {
            key.iter().map(AsRef::as_ref).chain([value.as_ref(), collection.as_ref()]).collect()
        }
        Expr::ArrayCompr { .. }
        | Expr::SetCompr { .. }
        | Expr::ObjectCompr { .. }
        | Expr::String { .. }
        | Expr::RawString { .. }
        | Expr::Number { .. }
        | Expr::Bool { .. }
        | Expr::Null { .. }
        | Expr::Var { .. } => Vec::new(),
    }
}

/// Gathers what a negated expression needs.
fn negated<'e>(expression: &'e Expr, needed: &mut Vec<&'e Expr>) {
    match expression {
        Expr::BoolExpr { op: BoolOp::Eq, lhs, rhs, .. } | Expr::AssignExpr { op: AssignOp::Eq, lhs, rhs, .. } => {
            for side in [lhs.as_ref(), rhs.as_ref()] {
                match side {
                    Expr::RefDot { .. } | Expr::RefBrack { .. } => indices(side, needed),
                    Expr::Call { .. } | Expr::ArithExpr { .. } | Expr::BinExpr { .. } => needed.push(side),
                    _ => {}
                }
            }
        }
        Expr::RefDot { .. } | Expr::RefBrack { .. } => indices(expression, needed),
        other => needed.extend(parts(other).into_iter().filter(|part| can_be_undefined(part))),
    }
}

/// Gathers what stands between brackets in a reference.
fn indices<'e>(reference: &'e Expr, needed: &mut Vec<&'e Expr>) {
    match reference {
        Expr::RefDot { refr, .. } => indices(refr, needed),
        Expr::RefBrack { refr, index, .. } => {
            indices(refr, needed);
            if can_be_undefined(index) {
                needed.push(index);
            }
        }
        // What a call gives must be there, too.
        Expr::Call { .. } => needed.push(reference),
        _ => {}
    }
}

fn can_be_undefined(expression: &Expr) -> bool {
    match expression {
        Expr::Var { span, .. } => span.text() != "_",
        Expr::RefDot { .. } | Expr::RefBrack { .. } | Expr::Call { .. } => !expression.span().text().contains("[_]"),
        other => parts(other).into_iter().any(can_be_undefined),
    }
}

#[cfg(test)]
mod tests {
    use regorus::Engine;

    use super::*;

    #[test]
    fn what_a_negated_call_is_given_is_asked_for_before() {
        for (body, expected) in [
            ("if not input.x", None),
            ("if not input.x == 1", None),
            ("if not input.x in names", Some("if { [input.x, names]; not input.x in names }")),
            ("if {\n\tnot startswith(input.x, \"a\")\n}", Some("if {\n\t[input.x]; not startswith(input.x, \"a\")\n}")),
            ("if { true; not input.x > 3 }", Some("if { true; [input.x]; not input.x > 3 }")),
            ("if { not names[input.x] }", Some("if { [input.x]; not names[input.x] }")),
            ("if { not count(input.x) == 3 }", Some("if { [count(input.x)]; not count(input.x) == 3 }")),
            (
                "if { count([y | some y in input.z; not y in input.x]) > 0 }",
                Some("if { count([y | some y in input.z; [y, input.x]; not y in input.x]) > 0 }"),
            ),
            (
                "if { not f(input.x) with input as {\"x\": 1} }",
                Some("if { [input.x] with input as {\"x\": 1}; not f(input.x) with input as {\"x\": 1} }"),
            ),
        ] {
            let text = format!("package a\n\nnames := {{\"x\"}}\n\nf(x) if x\n\nr {body}\n");
            let mut engine = Engine::new();
            engine.add_policy("a.rego".to_owned(), text.clone()).expect("parses");
            let module = engine.get_modules().last().expect("is there").clone();
            let found = explicit(&module, &text);
            let wanted = expected.map(|expected| text.replace(body, expected));
            assert_eq!(found, wanted, "{body}");
            if let Some(found) = found {
                Engine::new().add_policy("a.rego".to_owned(), found).expect("parses again");
            }
        }
    }
}
