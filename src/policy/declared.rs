//! `some x` and `some x in y` as OPA has them.
//!
//! The engine stops with "duplicated definition" when it comes to a `some x` for the second time, which it does when the
//! declaration stands behind a loop (`topic := input.topics[_]; some i; …`). In OPA a declaration may stand anywhere before its
//! variable is used. So each is moved to the start of its query; `true` takes its place, and lines stay.
//!
//! `some x in y` fails in the engine where `y` is a text, a number or null. In OPA it has nothing to give then, and the rule says nothing:
//! so `y` is handed to a function that makes an empty list of such a value.

use regorus::unstable::{Expr, Literal, Module, Query, Rule};

use super::calls::values;
use super::edits::{Edit, edited};
use super::negation::parts;
use super::words::words;

/// The function that gives what can be gone through as it is, and an empty list for everything else.
pub(super) const ITEMS: &str = "driftless_items";

/// Returns what stands in the file where [`ITEMS`] was put around it.
pub(super) fn as_written(collection: &Expr) -> &Expr {
    match collection {
        Expr::Call { fcn, params, .. } if fcn.span().text() == ITEMS => {
            params.first().map_or(collection, AsRef::as_ref)
        }
        other => other,
    }
}

/// Returns the text with its declarations in front, or nothing when all of them are.
pub(super) fn in_front(module: &Module, text: &str) -> Option<String> {
    let mut moves = Vec::new();
    for rule in &module.policy {
        let Rule::Spec { bodies, .. } = rule.as_ref() else { continue };
        values(rule).into_iter().for_each(|value| nested(value, text, &mut moves));
        bodies.iter().for_each(|body| query(&body.query, text, &mut moves));
    }
    edited(text, moves)
}

fn query(query: &Query, text: &str, moves: &mut Vec<Edit>) {
    let first = query.stmts.first().and_then(|statement| first_byte(text, statement.span.start as usize));
    for (position, statement) in query.stmts.iter().enumerate() {
        match &statement.literal {
            Literal::SomeVars { span, vars } => {
                let (start, end) = (span.start as usize, span.end as usize);
                let (Some(first), Some(declaration)) = (first, text.get(start..end)) else { continue };
                let names: Vec<String> = vars.iter().map(|name| name.text().to_owned()).collect();
                // A name that was used before its declaration is a mistake, and the engine's to report.
                if position == 0 || text.get(first..start).is_none_or(|before| uses(before, &names)) {
                    continue;
                }
                moves.push((first, first, format!("some {}; ", names.join(", "))));
                // As many lines as there were.
                moves.push((start, end, format!("true{}", "\n".repeat(declaration.matches('\n').count()))));
            }
            Literal::Every { domain, query: inner, .. } => {
                nested(domain, text, moves);
                self::query(inner, text, moves);
            }
            Literal::NotExpr { expr, .. } | Literal::Expr { expr, .. } => nested(expr, text, moves),
            Literal::SomeIn { collection, .. } => {
                let span = collection.span();
                moves.push((span.start as usize, span.start as usize, format!("{ITEMS}(")));
                moves.push((span.end as usize, span.end as usize, ")".to_owned()));
                nested(collection, text, moves);
            }
        }
    }
}

/// Looks for comprehensions, whose bodies are queries of their own.
fn nested(expression: &Expr, text: &str, moves: &mut Vec<Edit>) {
    match expression {
        Expr::ArrayCompr { term, query: inner, .. } | Expr::SetCompr { term, query: inner, .. } => {
            nested(term, text, moves);
            query(inner, text, moves);
        }
        Expr::ObjectCompr { key, value, query: inner, .. } => {
            nested(key, text, moves);
            nested(value, text, moves);
            query(inner, text, moves);
        }
        other => parts(other).into_iter().for_each(|part| nested(part, text, moves)),
    }
}

/// Where a statement starts. The place that is known of it may be behind its first word.
fn first_byte(text: &str, start: usize) -> Option<usize> {
    let before = text.get(..start)?.trim_end();
    let word = ["not", "some", "every"].into_iter().find(|word| {
        let rest = before.strip_suffix(word);
        rest.is_some_and(|rest| {
            !rest.ends_with(|last: char| last.is_ascii_alphanumeric() || last == '_' || last == '.')
        })
    });
    Some(word.map_or(start, |word| before.len() - word.len()))
}

/// Says whether a text that is part of a query holds one of these names, wherever.
fn uses(text: &str, names: &[String]) -> bool {
    words(text).is_none_or(|words| words.iter().any(|word| names.contains(&word.text)))
}
