//! What Prometheus will say of an expression, as far as `promql-parser` knows it.

use std::collections::{BTreeMap, BTreeSet};

use promql_parser::parser::{Expr, token};
use promql_parser::util::{ExprVisitor, walk_expr};

use super::parse;
use super::source::without_newer_syntax;

/// What can be said of a valid expression.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Remarks {
    /// What Prometheus refuses without a feature flag, with the flag.
    pub(crate) experimental: BTreeMap<String, &'static str>,
    /// Whether it uses `holt_winters`, which only Prometheus 2 has.
    pub(crate) uses_holt_winters: bool,
    /// Syntax of Prometheus 3 that cannot be checked here, although the rest of the expression was.
    pub(crate) not_checked: BTreeSet<&'static str>,
}

/// Checks an expression; the error fits after "this is not valid PromQL: ".
pub(crate) fn check(expression: &str) -> Result<Remarks, String> {
    let mut remarks = Remarks::default();
    let parsed = match parse(expression) {
        Ok(parsed) => parsed,
        Err(error) => {
            // Renamed in Prometheus 3, with the same arguments.
            let renamed = expression.replace("holt_winters", "double_exponential_smoothing");
            remarks.uses_holt_winters = renamed != expression;
            match parse(&renamed) {
                Ok(parsed) if remarks.uses_holt_winters => parsed,
                Ok(_) | Err(_) => parse_older(&renamed, &mut remarks).ok_or_else(|| error.trim().to_owned())?,
            }
        }
    };
    let mut finder = ExperimentalFinder(&mut remarks.experimental);
    let Ok(_) = walk_expr(&mut finder, &parsed);
    if remarks.uses_holt_winters {
        remarks.experimental.remove("double_exponential_smoothing");
    }
    Ok(remarks)
}

/// Parses the expression without what only Prometheus 3 knows. `None` when that is not what is wrong with it.
fn parse_older(expression: &str, remarks: &mut Remarks) -> Option<Expr> {
    let older = without_newer_syntax(expression)?;
    let parsed = parse(&older.expression).ok()?;
    if older.extended_ranges {
        let words = older.newer.iter().filter(|word| !word.ends_with('/'));
        remarks.experimental.extend(words.map(|word| ((*word).to_owned(), RANGES_FLAG)));
    }
    remarks.not_checked = older.newer;
    Some(parsed)
}

const RANGES_FLAG: &str = "promql-extended-range-selectors";
const FUNCTIONS_FLAG: &str = "promql-experimental-functions";
const FILL_FLAG: &str = "promql-binop-fill-modifiers";

struct ExperimentalFinder<'r>(&'r mut BTreeMap<String, &'static str>);

impl ExprVisitor for ExperimentalFinder<'_> {
    type Error = std::convert::Infallible;

    fn pre_visit(&mut self, expression: &Expr) -> Result<bool, Self::Error> {
        match expression {
            Expr::Call(call) if call.func.experimental => {
                self.0.insert(call.func.name.to_owned(), FUNCTIONS_FLAG);
            }
            Expr::Aggregate(aggregate) if [token::T_LIMITK, token::T_LIMIT_RATIO].contains(&aggregate.op.id()) => {
                self.0.insert(aggregate.op.to_string(), FUNCTIONS_FLAG);
            }
            Expr::Binary(binary) => {
                let fill = binary.modifier.as_ref().map(|modifier| &modifier.fill_values);
                if fill.is_some_and(|fill| fill.lhs.is_some() || fill.rhs.is_some()) {
                    self.0.insert("fill".to_owned(), FILL_FLAG);
                }
            }
            _ => {} // Another crate's enum.
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_refused_when_prometheus_refuses_them() {
        for (expression, fine) in [
            ("up == 0", true),
            ("sum by (job) (rate(http_requests_total{code=~\"5..\"}[5m]))", true),
            ("vector(1) # (((", true),
            ("label_replace(up, \"a\", \"$1\", \"b\", \"((((.*))))\")", true),
            ("holt_winters(x[5m], 0.5, 0.5) > 1", true),
            ("sum(x) BY (job) / ON(job) GROUP_LEFT(a) y{a=~\"a|b\",} > bool 1", true),
            ("histogram_quantile(.99, sum without(instance)(rate(x_bucket[5m] offset 1w)))", true),
            ("max_over_time(deriv(x[1h:5m] @ end())[1d:] ) unless on() vector(0) or absent(y)", true),
            ("-1 ^ 2 % 0x1F + 1e3 - Inf * NaN", true),
            ("count_values(\"v\", x) and topk(3, x) or quantile(0.9, x)", true),
            ("{\"utf8.name\", a!~'b'} == 1", true),
            ("x == on(a) group_right y # comment", true),
            ("(up{a='1'} offset -5m) atan2 1", true),
            ("predict_linear(node_filesystem_free_bytes[6h], 4 * 3600) < 0 and day_of_week() < 6", true),
            ("sum(", false),
            ("rate(x)", false),
            ("up = 0", false),
            ("nosuch(up)", false),
        ] {
            assert_eq!(check(expression).is_ok(), fine, "{expression}: {:?}", check(expression));
        }
        for (expression, not_checked) in [
            ("sum(rate(h[5m])) </ 0.5 > 1", vec!["</"]),
            ("h</1 or h >/ 2 # </", vec!["</", ">/"]),
            ("rate(x[5m] anchored) + increase(x[1h] SMOOTHED)", vec!["anchored", "smoothed"]),
            ("sum by (anchored) (smoothed{anchored=\"1\"})", vec!["anchored", "smoothed"]),
            ("up{a=\"</ anchored\"}", vec![]),
        ] {
            let found = check(expression).map(|remarks| remarks.not_checked.into_iter().collect::<Vec<_>>());
            assert_eq!(found, Ok(not_checked), "{expression}");
        }
        for wrong in ["sum(</ 1", "</", "rate(x[5m] anchored", "x </ </ y", "x > / y", "anchored anchored"] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
        assert!(check("rate(x[5m] anchored)").is_ok_and(|remarks| remarks.experimental.contains_key("anchored")));
        assert!(check("anchored > 1").is_ok_and(|remarks| remarks.experimental.is_empty()));
        assert!(check("holt_winters(x[5m], 0.5, 0.5)").is_ok_and(|remarks| remarks.uses_holt_winters));
        for (expression, experimental) in [
            ("limitk(1, sort_by_label(up, \"a\"))", vec!["limitk", "sort_by_label"]),
            ("sum(x + fill_left(0) y)", vec!["fill"]),
            ("fill + on(fill) group_left(step) y", vec![]),
        ] {
            let found = check(expression).map(|remarks| remarks.experimental.into_keys().collect::<Vec<_>>());
            assert_eq!(found, Ok(experimental.into_iter().map(str::to_owned).collect()), "{expression}");
        }
    }
}
