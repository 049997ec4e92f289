//! One spelling for what means the same.

use promql_parser::label::{METRIC_NAME, MatchOp};
use promql_parser::parser::{Expr, VectorMatchCardinality, VectorSelector};

use super::parse;

/// One spelling for all expressions that Prometheus parses to the same, whatever their layout, comments, durations and
/// order of matchers. What does not parse keeps its text, with single spaces.
pub fn canonical(expression: &str) -> String {
    spell(expression, false)
}

/// Prometheus up to 2.x prints an operator with an empty `ignoring ()` without it and without the `group_left` after it,
/// although that is something else. So from there nothing better can be expected.
pub(crate) fn as_old_prometheus_prints(expression: &str) -> String {
    spell(expression, true)
}

fn spell(expression: &str, without_empty_ignoring: bool) -> String {
    match parse(expression) {
        Ok(mut parsed) => {
            normalise(&mut parsed, without_empty_ignoring);
            name_empty_ignoring(&parsed.to_string())
        }
        Err(_) => expression.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

/// Makes `{__name__="up"}` and `{"up"}` to `up`, as the name outside and inside the braces means the same.
fn normalise(expression: &mut Expr, without_empty_ignoring: bool) {
    let normalise = |expression: &mut Expr| normalise(expression, without_empty_ignoring);
    match expression {
        Expr::Aggregate(aggregate) => {
            normalise(&mut aggregate.expr);
            if let Some(parameter) = &mut aggregate.param {
                normalise(parameter);
            }
        }
        Expr::Unary(unary) => normalise(&mut unary.expr),
        Expr::Binary(binary) => {
            normalise(&mut binary.lhs);
            normalise(&mut binary.rhs);
            if without_empty_ignoring
                && let Some(modifier) = &mut binary.modifier
                && modifier.card.labels().is_some()
                && modifier.matching.as_ref().is_none_or(|on| !on.is_include() && on.labels().is_empty())
            {
                modifier.card = VectorMatchCardinality::OneToOne;
            }
        }
        Expr::Paren(paren) => normalise(&mut paren.expr),
        Expr::Subquery(subquery) => normalise(&mut subquery.expr),
        Expr::VectorSelector(selector) => name_selector(selector),
        Expr::MatrixSelector(matrix) => name_selector(&mut matrix.vs),
        Expr::Call(call) => call.args.args.iter_mut().for_each(|argument| normalise(argument)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

fn name_selector(selector: &mut VectorSelector) {
    let matchers = &mut selector.matchers.matchers;
    let mut names = matchers.iter().enumerate().filter(|(_, matcher)| matcher.name == METRIC_NAME);
    let (Some((index, matcher)), None) = (names.next(), names.next()) else { return };
    let is_plain = matcher.value.starts_with(|first: char| first.is_ascii_alphabetic() || "_:".contains(first))
        && matcher.value.chars().all(|sign| sign.is_ascii_alphanumeric() || "_:".contains(sign));
    if selector.name.is_none() && matcher.op == MatchOp::Equal && is_plain {
        selector.name = Some(matchers.remove(index).value);
    }
}

/// Writes the `ignoring ()` that the grammar wants between an operator and `group_left` or `group_right`.
fn name_empty_ignoring(expression: &str) -> String {
    let mut named = String::with_capacity(expression.len());
    let mut rest = expression;
    let mut quote = None;
    while let Some(sign) = rest.chars().next() {
        let is_grouping = rest.starts_with("group_left") || rest.starts_with("group_right");
        if quote.is_none() && is_grouping && needs_ignoring(&named) {
            named.push_str("ignoring () ");
        }
        match quote {
            None if "\"'`".contains(sign) => quote = Some(sign),
            Some(open) if open == sign => quote = None,
            Some('"' | '\'') if sign == '\\' => {
                // The sign after a backslash never ends the string.
                named.push(sign);
                rest = &rest[sign.len_utf8()..];
                let Some(escaped) = rest.chars().next() else { break };
                named.push(escaped);
                rest = &rest[escaped.len_utf8()..];
                continue;
            }
            None | Some(_) => {}
        }
        named.push(sign);
        rest = &rest[sign.len_utf8()..];
    }
    named
}

/// Says whether what comes before a `group_left` is an operator, and not `on (...)`, a bracket, or part of a name.
fn needs_ignoring(before: &str) -> bool {
    if !before.ends_with(char::is_whitespace) && !before.ends_with(['+', '-', '*', '/', '%', '^', '=', '<', '>']) {
        return false;
    }
    let before = before.trim_end();
    let word = before.rsplit(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_').next().unwrap_or_default();
    before.ends_with(['+', '-', '*', '/', '%', '^', '=', '<', '>'])
        || ["bool", "atan2"].iter().any(|operator| word.eq_ignore_ascii_case(operator))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_expression_are_the_same() {
        let cases = [
            ("sum(x) by (job)", "sum by (job) (x)"),
            ("sum by(job)(x)", "sum by (job) (x)"),
            ("rate(x[60s])", "rate(x[1m])"),
            ("x > 1e3", "x > 1000"),
            ("x{b=\"1\", a=\"2\",}", "x{a=\"2\",b=\"1\"}"),
            ("x # why\n  > 1", "x > 1"),
            ("x{a='1'}", "x{a=\"1\"}"),
            ("x{a=`\\.`}", "x{a=\"\\\\.\"}"),
            ("x{a=~`[\\w-.]`}", "x{a=~'[\\\\w-.]'}"),
            ("{__name__=\"up\", job=\"a\"}", "up{job=\"a\"}"),
            ("{\"up\"}", "up"),
            ("{\"utf8.name\"}", "{__name__=\"utf8.name\"}"),
            ("{\"utf8.name\", a=\"1\"}", "{a=\"1\", __name__=\"utf8.name\"}"),
            ("a - ignoring() group_left c", "a - ignoring () group_left () c"),
            ("sum(x) > 5m", "sum(x) > 300"),
            ("x offset 60s", "x offset 1m"),
            ("not  a   (query", "not a (query"),
        ];
        for (one, other) in cases {
            assert_eq!(canonical(one), canonical(other), "{one}");
        }
    }

    #[test]
    fn expressions_that_mean_something_else_stay_apart() {
        let cases = [
            ("x > 1", "x >= 1"),
            ("sum(x)", "sum without () (x)"),
            ("a + on() b", "a + b"),
            ("a - ignoring() group_left c", "a - c"),
            ("a - on() group_left c", "a - ignoring() group_left c"),
            ("(a + b) * c", "a + b * c"),
            ("x{a=\"group_left\"}", "x{a=\"ignoring () group_left\"}"),
            ("x{a=~\"b\"}", "x{a=\"b\"}"),
            ("x{a=\" - group_left\"}", "x{a=\" - ignoring () group_left\"}"),
            ("rate(x[1m])", "rate(x[1m:])"),
            ("x offset 1m", "x offset -1m"),
            ("x @ 1", "x @ 2"),
            ("{__name__=\"up\"}", "{__name__=~\"up\"}"),
            ("-x ^ 2", "(-x) ^ 2"),
        ];
        for (one, other) in cases {
            assert_ne!(canonical(one), canonical(other), "{one}");
        }
    }

    #[test]
    fn a_canonical_expression_parses_and_is_canonical() {
        for expression in
            ["a - ignoring() group_left c", "sum(x) by (job)", "{\"utf8.name\"}", "a * bool_x", "{a=\"\\\"\"}"]
        {
            let spelled = canonical(expression);
            assert_eq!(parse(&spelled).map(drop), Ok(()), "{spelled}");
            assert_eq!(canonical(&spelled), spelled);
        }
    }
}
