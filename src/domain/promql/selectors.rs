//! What an expression asks Prometheus for: metrics and label matchers, as policy looks at them.

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{Expr, VectorSelector};
use serde::Serialize;

use super::{canonical, parse};

/// One selector of an expression, such as `kafka_consumergroup_lag{topic="orders"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Selector {
    /// The metric's name; absent when the selector has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// Matchers on labels, as Prometheus sorts them. Empty when the selector has alternatives (`or`), because
    /// then none of them must hold.
    pub matchers: Vec<LabelMatcher>,
}

/// One matcher on a label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LabelMatcher {
    /// The label.
    pub label: String,
    /// `=`, `!=`, `=~` or `!~`.
    pub op: &'static str,
    /// The value, or the regular expression, which Prometheus anchors at both ends.
    pub value: String,
}

/// An expression as policy sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ParsedExpression {
    /// Its selectors, in the order in which they are written.
    pub selectors: Vec<Selector>,
    /// One spelling for all expressions that mean the same.
    pub canonical: String,
    /// One spelling for all expressions that differ in their numbers alone: each number is 0.
    pub without_numbers: String,
}

/// Parses an expression. One that does not parse has no selectors, and only itself for its spelling.
pub fn parse_for_policy(expression: &str) -> ParsedExpression {
    let canonical = canonical(expression);
    // What is canonical is printed anew: the printer would drop an empty `ignoring ()`, which both spellings then lack.
    let (selectors, without_numbers) = match parse(&canonical) {
        Ok(mut parsed) => {
            let mut selectors = Vec::new();
            walk(&mut parsed, &mut selectors);
            (selectors, parsed.to_string())
        }
        Err(_) => (Vec::new(), canonical.clone()),
    };
    ParsedExpression { selectors, canonical, without_numbers }
}

/// Collects the selectors, and makes every number 0.
fn walk(expression: &mut Expr, selectors: &mut Vec<Selector>) {
    match expression {
        Expr::Aggregate(aggregate) => {
            if let Some(parameter) = &mut aggregate.param {
                walk(parameter, selectors);
            }
            walk(&mut aggregate.expr, selectors);
        }
        Expr::Unary(unary) => walk(&mut unary.expr, selectors),
        Expr::Binary(binary) => {
            walk(&mut binary.lhs, selectors);
            walk(&mut binary.rhs, selectors);
        }
        Expr::Paren(paren) => walk(&mut paren.expr, selectors),
        Expr::Subquery(subquery) => walk(&mut subquery.expr, selectors),
        Expr::VectorSelector(selector) => selectors.push(read(selector)),
        Expr::MatrixSelector(matrix) => selectors.push(read(&matrix.vs)),
        Expr::Call(call) => call.args.args.iter_mut().for_each(|argument| walk(argument, selectors)),
        Expr::NumberLiteral(number) => number.val = 0.0,
        Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

fn read(selector: &VectorSelector) -> Selector {
    let mut metric = selector.name.clone();
    let mut matchers = Vec::new();
    if selector.matchers.or_matchers.is_empty() {
        for Matcher { op, name, value } in &selector.matchers.matchers {
            let op = match op {
                MatchOp::Equal => "=",
                MatchOp::NotEqual => "!=",
                MatchOp::Re(_) => "=~",
                MatchOp::NotRe(_) => "!~",
            };
            if name == promql_parser::label::METRIC_NAME && op == "=" && metric.is_none() {
                metric = Some(value.clone());
            } else {
                matchers.push(LabelMatcher { label: name.clone(), op, value: value.clone() });
            }
        }
    }
    Selector { metric, matchers }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_selector_of_an_expression_is_seen_with_its_matchers() {
        for (expression, expected) in [
            ("up", "up"),
            ("lag{topic=\"a\",group!=\"b\"} > 5", "lag group != b topic = a"),
            ("sum by (x) (rate(lag{topic=~\"a.*\"}[5m])) / on () total", "lag topic =~ a.* | total"),
            ("topk(scalar(k), -lag{a!~\"b\"} or (up))", "k | lag a !~ b | up"),
            (
                "max_over_time(lag{b='1', a='2'}[5m:1m]) unless absent(up{b='2'} offset 1h)",
                "lag a = 2 b = 1 | up b = 2",
            ),
            ("{__name__=\"lag\", a=\"1\"}", "lag a = 1"),
            ("{__name__=~\"lag.*\"}", "- __name__ =~ lag.*"),
            ("1 + 1", ""),
            ("not (a query", ""),
        ] {
            let shown = |selector: &Selector| {
                let matchers = selector.matchers.iter().map(|one| format!(" {} {} {}", one.label, one.op, one.value));
                format!("{}{}", selector.metric.as_deref().unwrap_or("-"), matchers.collect::<String>())
            };
            let parsed = parse_for_policy(expression);
            assert_eq!(parsed.selectors.iter().map(shown).collect::<Vec<_>>().join(" | "), expected, "{expression}");
        }
    }

    #[test]
    fn expressions_that_differ_in_numbers_alone_are_spelled_the_same() {
        let spelled = |expression: &str| parse_for_policy(expression).without_numbers;
        for (one, other) in [("up > 5", "up > 1e3"), ("sum(x) by (a) < 0.5", "sum by(a) (x) < 2"), ("-3 * x", "-4 * x")]
        {
            assert_eq!(spelled(one), spelled(other), "{one}");
        }
        for (one, other) in
            [("up > 5", "up >= 5"), ("rate(x[5m])", "rate(x[6m])"), ("x{a=\"1\"}", "x{a=\"2\"}"), ("f(", "g(")]
        {
            assert_ne!(spelled(one), spelled(other), "{one}");
        }
    }
}
