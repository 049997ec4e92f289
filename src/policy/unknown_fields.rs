//! Rules that read what can never be there: in Rego such a rule never fires, and nobody notices.
//!
//! Only what is certain is said. A variable's shape is known where it is bound to a part of the input (`some topic in
//! input.desired.topics`, `spec := input.spec`); parameters of functions, and everything under `with`, can be anything.

use std::collections::{BTreeMap, BTreeSet};

use regorus::unstable::{AssignOp, BoolOp, Expr, Literal, Module, Query, Rule, RuleHead, Span};

use super::declared::as_written;
use super::rules::imported_as;
use super::shape::{Field, Shape};
use crate::domain::diagnostic::{Location, Severity};
use crate::domain::nearest::nearest;
use crate::plan::types::Finding;

/// The code of what is found.
pub(super) const CODE: &str = "policy-reads-unknown-field";

/// Looks through a module. `provided` are the names that stand at the top of `data`.
pub(super) fn findings(module: &Module, file: &str, is_whole: bool, provided: &BTreeSet<String>) -> Vec<Finding> {
    let mut reader = Reader {
        file,
        is_whole,
        elements: BTreeSet::new(),
        root: is_whole.then(Shape::whole),
        variables: BTreeMap::new(),
        provided,
        found: BTreeMap::new(),
    };
    let mut imported = BTreeMap::new();
    for import in &module.imports {
        let shape = reader.expression(&import.refr);
        imported.insert(imported_as(import).to_owned(), shape);
    }
    for rule in &module.policy {
        let Rule::Spec { head, bodies, .. } = rule.as_ref() else { continue };
        let queries: Vec<Option<&Query>> = match bodies.as_slice() {
            [] => vec![None],
            bodies => bodies.iter().map(|body| Some(body.query.as_ref())).collect(),
        };
        for query in queries {
            reader.variables = imported.clone();
            reader.elements.clear();
            let parameters = match head {
                RuleHead::Func { args, .. } => args.as_slice(),
                RuleHead::Compr { .. } | RuleHead::Set { .. } => &[],
            };
            reader.variables.extend(parameters.iter().map(|name| (name.span().text().to_owned(), None)));
            if !is_whole {
                reader.root = query.and_then(kind).and_then(|kind| Shape::manifest(&kind));
            }
            if let Some(query) = query {
                reader.query(query);
            }
            reader.head(head);
        }
        for body in bodies.iter().filter_map(|body| body.assign.as_ref()) {
            reader.expression(&body.value);
        }
    }
    reader.found.into_values().collect()
}

/// Returns the kind of manifest that a body is about, when it says so: `input.kind == "KafkaTopic"`.
fn kind(query: &Query) -> Option<String> {
    query.stmts.iter().filter(|statement| statement.with_mods.is_empty()).find_map(|statement| {
        let Literal::Expr { expr, .. } = &statement.literal else { return None };
        let (lhs, rhs) = match expr.as_ref() {
            Expr::BoolExpr { op: BoolOp::Eq, lhs, rhs, .. } | Expr::AssignExpr { op: AssignOp::Eq, lhs, rhs, .. } => {
                (lhs, rhs)
            }
            _ => return None,
        };
        let text = |expr: &Expr| match expr {
            Expr::String { value, .. } | Expr::RawString { value, .. } => {
                value.as_string().ok().map(|text| text.to_string())
            }
            _ => None,
        };
        match (lhs.span().text(), rhs.span().text()) {
            ("input.kind", _) => text(rhs),
            (_, "input.kind") => text(lhs),
            _ => None,
        }
    })
}

struct Reader<'a> {
    file: &'a str,
    is_whole: bool,
    /// Variables that are bound to what stands in the input, whatever it is.
    elements: BTreeSet<String>,
    /// The shape of `input`, when it is known.
    root: Option<Shape>,
    variables: BTreeMap<String, Option<Shape>>,
    provided: &'a BTreeSet<String>,
    /// By place, as rules with several bodies are looked through more than once.
    found: BTreeMap<(u32, u32), Finding>,
}

impl Reader<'_> {
    fn head(&mut self, head: &RuleHead) {
        match head {
            RuleHead::Compr { refr, assign, .. } | RuleHead::Func { refr, assign, .. } => {
                if let Expr::RefBrack { index, .. } = refr.as_ref() {
                    self.expression(index);
                }
                if let Some(assign) = assign {
                    self.expression(&assign.value);
                }
            }
            RuleHead::Set { key, .. } => {
                if let Some(key) = key {
                    self.expression(key);
                }
            }
        }
    }

    /// Looks through a body. What it binds is forgotten after it.
    fn query(&mut self, query: &Query) {
        for statement in &query.stmts {
            if !statement.with_mods.is_empty() {
                continue;
            }
            match &statement.literal {
                Literal::SomeVars { vars, .. } => {
                    self.variables.extend(vars.iter().map(|name| (name.text().to_owned(), None)));
                }
                Literal::SomeIn { key, value, collection, .. } => {
                    let collection = as_written(collection);
                    let shape = self.expression(collection).and_then(|shape| shape.element());
                    if collection.span().text() == "input" {
                        self.elements.insert(value.span().text().to_owned());
                    }
                    if let Some(key) = key {
                        self.bind(key, None);
                    }
                    self.bind(value, shape);
                }
                Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => {
                    if let Expr::AssignExpr { lhs, rhs, .. } = expr.as_ref() {
                        let shape = self.expression(rhs);
                        if self.is_element(rhs) {
                            self.elements.insert(lhs.span().text().to_owned());
                        }
                        self.bind(lhs, shape);
                    } else {
                        self.expression(expr);
                    }
                }
                Literal::Every { key, value, domain, query, .. } => {
                    let shape = self.expression(domain).and_then(|shape| shape.element());
                    let before = self.variables.clone();
                    self.variables.extend(key.iter().map(|key| (key.text().to_owned(), None)));
                    self.variables.insert(value.text().to_owned(), shape);
                    self.query(query);
                    self.variables = before;
                }
            }
        }
    }

    fn bind(&mut self, pattern: &Expr, shape: Option<Shape>) {
        match pattern {
            Expr::Var { span, .. } => {
                self.variables.insert(span.text().to_owned(), shape);
            }
            other => {
                self.expression(other);
            }
        }
    }

    fn nested(&mut self, query: &Query, results: &[&Expr]) {
        let before = self.variables.clone();
        self.query(query);
        for result in results {
            self.expression(result);
        }
        self.variables = before;
    }

    fn all<'e>(&mut self, expressions: impl IntoIterator<Item = &'e Expr>) -> Option<Shape> {
        for expression in expressions {
            self.expression(expression);
        }
        None
    }

    /// Looks through an expression, and returns its shape where it is known.
    fn expression(&mut self, expression: &Expr) -> Option<Shape> {
        match expression {
            Expr::Var { span, .. } => match span.text() {
                "input" => self.root.clone(),
                name => self.variables.get(name).cloned().flatten(),
            },
            Expr::RefDot { refr, field, .. } => {
                if refr.span().text() == "data" && matches!(refr.as_ref(), Expr::Var { .. }) {
                    self.data(field.0.text(), &field.0);
                    return None;
                }
                if field.0.text() == "contents" && self.is_element(refr) {
                    self.combined(&field.0, refr.span().text());
                    return None;
                }
                let shape = self.expression(refr)?;
                self.field(&shape, field.0.text(), &field.0, refr.span().text())
            }
            Expr::RefBrack { refr, index, .. } => {
                let shape = self.expression(refr);
                match index.as_ref() {
                    Expr::String { value, span, .. } => {
                        let name = value.as_string().ok()?;
                        self.field(&shape?, name, span, refr.span().text())
                    }
                    other => {
                        self.expression(other);
                        shape?.element()
                    }
                }
            }
            Expr::Array { items, .. } | Expr::Set { items, .. } => self.all(items.iter().map(AsRef::as_ref)),
            Expr::Object { fields, .. } => {
                self.all(fields.iter().flat_map(|(_, key, value)| [key.as_ref(), value.as_ref()]))
            }
            Expr::ArrayCompr { term, query, .. } | Expr::SetCompr { term, query, .. } => {
                self.nested(query, &[term.as_ref()]);
                None
            }
            Expr::ObjectCompr { key, value, query, .. } => {
                self.nested(query, &[key.as_ref(), value.as_ref()]);
                None
            }
            Expr::Call { params, .. } => self.all(params.iter().map(AsRef::as_ref)),
            Expr::UnaryExpr { expr, .. } => self.all([expr.as_ref()]),
            Expr::BinExpr { lhs, rhs, .. }
            | Expr::BoolExpr { lhs, rhs, .. }
            | Expr::ArithExpr { lhs, rhs, .. }
            | Expr::AssignExpr { lhs, rhs, .. } => self.all([lhs.as_ref(), rhs.as_ref()]),
            Expr::Membership { key, value, collection, .. } => {
                self.all(key.iter().map(AsRef::as_ref).chain([value.as_ref(), collection.as_ref()]))
            }
            Expr::String { .. }
            | Expr::RawString { .. }
            | Expr::Number { .. }
            | Expr::Bool { .. }
            | Expr::Null { .. } => None,
        }
    }

    /// Says whether an expression is any part of a manifest: `input[i]`, or a variable that stands for it.
    fn is_element(&self, expression: &Expr) -> bool {
        !self.is_whole
            && match expression {
                Expr::RefBrack { refr, index, .. } => {
                    refr.span().text() == "input" && !matches!(index.as_ref(), Expr::String { .. })
                }
                Expr::Var { span, .. } => self.elements.contains(span.text()),
                _ => false,
            }
    }

    /// Reports a rule that is made for `conftest --combine`.
    fn combined(&mut self, span: &Span, of: &str) {
        let message = format!(
            "`contents` of `{of}` is read, as with `conftest --combine`, but `input` is one manifest: what needs it never fires"
        );
        let help = "rules over all manifests belong into `package driftless` or below it; what they see is in docs/reference/policy-input.md";
        self.report(span, message, help.to_owned());
    }

    fn field(&mut self, shape: &Shape, name: &str, span: &Span, of: &str) -> Option<Shape> {
        match shape.field(name) {
            Field::Known(shape) => Some(shape),
            Field::Open => None,
            Field::Missing(known) => {
                let help = match (nearest(name, known.iter().copied()), known.is_empty()) {
                    (Some(near), _) => format!("did you mean `{near}`?"),
                    (None, false) => {
                        format!("there are `{}`", known.iter().copied().collect::<Vec<_>>().join("`, `"))
                    }
                    (None, true) => "there are no fields in it".to_owned(),
                };
                self.report(
                    span,
                    format!("`{name}` of `{of}` is read, which can never be there: what needs it never fires"),
                    help,
                );
                None
            }
        }
    }

    fn data(&mut self, name: &str, span: &Span) {
        if self.provided.contains(name) {
            return;
        }
        let help = match nearest(name, self.provided.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `data.{near}`?"),
            None => "data comes from packages, and from YAML and JSON files in the pack's directory".to_owned(),
        };
        self.report(span, format!("`data.{name}` is read, and neither a package nor a data file provides it"), help);
    }

    fn report(&mut self, span: &Span, message: String, help: String) {
        let location = Location::new(self.file, span.line, span.col);
        let finding = Finding {
            code: CODE.to_owned(),
            severity: Severity::Warn,
            resource: None,
            message,
            rule: Some(format!("{}:{}", self.file, span.line)),
            location: Some(location),
            help: Some(help),
            waived: None,
        };
        self.found.insert((span.line, span.col), finding);
    }
}
