//! From text to trees: one pass over the parser's events on an explicit stack, within fixed budgets.
//!
//! The event parser under `serde-saphyr` is used directly: it gives places for keys and values, the raw text of
//! scalars and whether they were quoted, which deserializing cannot.

use std::borrow::Cow;

use granit_parser::{ErrorKind, Parser, Span as EventSpan};

use super::codes::Code;
use super::node::{Node, Span};
use super::tree::Builder;

/// The deepest nesting that is read, aliases followed. Kubernetes objects have about ten levels.
pub(crate) const MAX_DEPTH: usize = 100;

/// The most values that one file may hold, aliases followed.
pub(crate) const MAX_NODES: usize = 1_000_000;

/// A problem of the text, not yet with its file's name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    pub(crate) span: Span,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

/// One document that could be read.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) root: Node,
    /// Problems that count only when the document is one of ours: duplicate keys and the like.
    pub(crate) problems: Vec<Problem>,
}

/// What a file holds.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    /// The documents that could be read; empty ones are left out.
    pub(crate) trees: Vec<Tree>,
    /// Problems that made a document unreadable.
    pub(crate) problems: Vec<Problem>,
    /// How many values the trees hold.
    pub(crate) nodes: usize,
}

/// The most lines of quoted text in one file that may stand too far left, and the most bytes that are parsed again for them.
const MAX_LINES_TOO_FAR_LEFT: usize = 100;
const MAX_BYTES_AGAIN: usize = 8 << 20;

/// Reads all documents of a file. After a broken document it goes on with the next one.
///
/// Kubernetes' library and Prometheus' take quoted text whose further lines stand as far left as they like, contrary to
/// the YAML specification and to the parser. The space before such a line means nothing, so it is added.
pub(crate) fn parse(text: &str, file: u32, max_nodes: usize) -> Parsed {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (parsed, mut line_too_far_left) = parse_once(text, file, max_nodes);
    if line_too_far_left.is_none() {
        return parsed;
    }
    let mut lines: Vec<Cow<'_, str>> = text.split_inclusive('\n').map(Cow::Borrowed).collect();
    let deepest = lines.iter().map(|line| line.len() - line.trim_start_matches(' ').len()).max().unwrap_or_default();
    let mut bytes_again = 0;
    for _ in 0..MAX_LINES_TOO_FAR_LEFT {
        let Some(line) = line_too_far_left.and_then(|line| lines.get_mut(line.checked_sub(1)?)) else { break };
        if matches!(line, Cow::Owned(_)) || bytes_again > MAX_BYTES_AGAIN {
            break;
        }
        *line = Cow::Owned(format!("{}{line}", " ".repeat(deepest + 1)));
        let indented = lines.concat();
        bytes_again += indented.len();
        let (again, next) = parse_once(&indented, file, max_nodes);
        if next.is_none() && again.problems.len() < parsed.problems.len() {
            return again;
        }
        line_too_far_left = next;
    }
    parsed
}

/// Says too in which line quoted text first stands too far left.
fn parse_once(text: &str, file: u32, max_nodes: usize) -> (Parsed, Option<usize>) {
    let options = granit_parser::options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut parsed = Parsed::default();
    let mut line_too_far_left = None;
    let mut markers = text.match_indices("<<<<<<< ").map(|(at, _)| &text[..at]);
    if let Some(before) = markers.find(|before| before.is_empty() || before.ends_with('\n')) {
        let line = before.matches('\n').count() + 1;
        let span = Span { file, line: u32::try_from(line).unwrap_or(u32::MAX), column: 1 };
        let mut conflict = problem(Code::InvalidYaml, span, "this file holds an unresolved merge conflict");
        conflict.help = Some("resolve it, and remove the lines with `<<<<<<<`, `=======` and `>>>>>>>`".to_owned());
        parsed.problems.push(conflict);
        return (parsed, None);
    }
    let mut builder = Builder::new(file, max_nodes.min(MAX_NODES));
    loop {
        let failure = match parser.next_event() {
            None => break,
            Some(Ok((event, span))) => builder.take(event, span, &mut parsed).err(),
            Some(Err(error)) => {
                if matches!(error.kind(), ErrorKind::InvalidQuotedScalarIndent) {
                    line_too_far_left = line_too_far_left.or(Some(error.marker().line()));
                }
                Some(scan_problem(&error, file))
            }
        };
        let Some(mut problem) = failure else { continue };
        explain(&mut problem, text);
        let budget_spent = problem.code == Code::TooManyValues;
        parsed.problems.push(problem);
        builder.abandon();
        if budget_spent || parsed.problems.len() >= 100 || !matches!(parser.proceed_next_document(), Ok(true)) {
            break;
        }
    }
    parsed.nodes = builder.total;
    (parsed, line_too_far_left)
}

/// Turns the parser's position into ours.
pub(crate) fn place(file: u32, span: &EventSpan) -> Span {
    let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Span { file, line: small(span.start.line()), column: small(span.start.col()).saturating_add(1) }
}

pub(crate) fn problem(code: Code, span: Span, message: impl Into<String>) -> Problem {
    Problem { code, span, message: message.into(), help: None }
}

fn scan_problem(error: &granit_parser::ScanError, file: u32) -> Problem {
    let span = place(file, &EventSpan::empty(*error.marker()));
    match error.kind() {
        ErrorKind::RecursionLimitExceeded => too_deep(span),
        ErrorKind::MissingAnchorOrAliasName => problem(
            Code::UnquotedAsterisk,
            span,
            "an unquoted `*` or `&` starts an alias in YAML, and this one has no name",
        ),
        _ => problem(Code::InvalidYaml, span, format!("this is not valid YAML: {}", error.info())),
    }
}

pub(crate) fn too_deep(span: Span) -> Problem {
    problem(Code::NestedTooDeeply, span, format!("values are nested more than {MAX_DEPTH} levels deep"))
}

/// Adds what the person probably meant.
fn explain(problem: &mut Problem, text: &str) {
    let line = text.lines().nth(problem.span.line.saturating_sub(1) as usize).unwrap_or_default();
    let starts_template = |line: &str| line.trim_start().starts_with("{{") || line.trim_start().starts_with("{%");
    let is_template = line.contains("{{") || line.contains("{%") || text.lines().any(starts_template);
    problem.help = Some(match problem.code {
        Code::UnquotedAsterisk => "put the value in quotes, for example `name: \"*\"`".to_owned(),
        Code::InvalidYaml if is_template => {
            "a value that starts with `{{` must be quoted; if this is a template (Helm, Jinja), render it first or keep it out of the layers".to_owned()
        }
        Code::InvalidYaml if line.contains('\t') || problem.message.contains(" tab") => "indent with spaces, not with tabs".to_owned(),
        Code::InvalidYaml => "nothing of this document was read; correct it and validate again".to_owned(),
        _ => return,
    });
}

/// Cuts text for messages.
pub(crate) fn shorten(text: &str) -> String {
    const LONGEST: usize = 80;
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => text[..at].chars().map(clean).chain("…".chars()).collect(),
        None => text.chars().map(clean).collect(),
    }
}
