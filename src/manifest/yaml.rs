//! From text to trees: one pass over the parser's events on an explicit stack, within fixed budgets.
//!
//! The event parser under `serde-saphyr` is used directly: it gives places for keys and values, the raw text of
//! scalars and whether they were quoted, which deserializing cannot.

use std::collections::BTreeMap;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, Span as EventSpan, Tag};

use super::codes::Code;
use super::node::{Entry, Node, Scalar, ScalarKind, Span, Value};

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

/// Reads all documents of a file. After a broken document it goes on with the next one.
pub(crate) fn parse(text: &str, file: u32, max_nodes: usize) -> Parsed {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let options = granit_parser::options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut parsed = Parsed::default();
    if let Some(line) = text.lines().position(|line| line.starts_with("<<<<<<< ")) {
        let span = Span { file, line: u32::try_from(line + 1).unwrap_or(u32::MAX), column: 1 };
        let mut conflict = problem(Code::InvalidYaml, span, "this file holds an unresolved merge conflict");
        conflict.help = Some("resolve it, and remove the lines with `<<<<<<<`, `=======` and `>>>>>>>`".to_owned());
        parsed.problems.push(conflict);
        return parsed;
    }
    let mut builder = Builder::new(file, max_nodes.min(MAX_NODES));
    loop {
        let failure = match parser.next_event() {
            None => break,
            Some(Ok((event, span))) => builder.take(event, span, &mut parsed).err(),
            Some(Err(error)) => Some(scan_problem(&error, file)),
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
    parsed
}

fn place(file: u32, span: &EventSpan) -> Span {
    let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Span { file, line: small(span.start.line()), column: small(span.start.col()).saturating_add(1) }
}

fn problem(code: Code, span: Span, message: impl Into<String>) -> Problem {
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

fn too_deep(span: Span) -> Problem {
    problem(Code::NestedTooDeeply, span, format!("values are nested more than {MAX_DEPTH} levels deep"))
}

/// Adds what the person probably meant.
fn explain(problem: &mut Problem, text: &str) {
    let line = text.lines().nth(problem.span.line.saturating_sub(1) as usize).unwrap_or_default();
    let near = |what: &str| line.contains(what) || (problem.code == Code::InvalidYaml && text.contains(what));
    problem.help = Some(match problem.code {
        Code::UnquotedAsterisk => "put the value in quotes, for example `name: \"*\"`".to_owned(),
        Code::InvalidYaml if near("{{") || line.contains("{%") => {
            "this looks like a template (Helm, Jinja): driftless reads plain manifests; render it first, or keep it out of the layers"
                .to_owned()
        }
        Code::InvalidYaml if line.contains('\t') || problem.message.contains(" tab") => "indent with spaces, not with tabs".to_owned(),
        Code::InvalidYaml => "nothing of this document was read; correct it and validate again".to_owned(),
        _ => return,
    });
}

/// A collection whose end has not come yet.
enum Frame {
    Sequence {
        span: Span,
        anchor: usize,
        height: usize,
        start: usize,
        items: Vec<Node>,
    },
    Mapping {
        span: Span,
        anchor: usize,
        height: usize,
        start: usize,
        entries: Vec<Entry>,
        key: Option<Key>,
        merged: Vec<Node>,
    },
}

/// A key that waits for its value.
enum Key {
    Named(Box<str>, Span),
    Merge(Span),
}

/// What an alias stands for.
struct Anchored {
    node: Node,
    nodes: usize,
    height: usize,
}

struct Builder {
    file: u32,
    max_nodes: usize,
    total: usize,
    stack: Vec<Frame>,
    anchors: BTreeMap<usize, Anchored>,
    problems: Vec<Problem>,
}

/// A finished value on its way to its parent.
struct Done {
    node: Node,
    /// Levels below it, itself included.
    height: usize,
    /// Values in it.
    nodes: usize,
    plain_key: bool,
}

impl Builder {
    fn new(file: u32, max_nodes: usize) -> Self {
        Self { file, max_nodes, total: 0, stack: Vec::new(), anchors: BTreeMap::new(), problems: Vec::new() }
    }

    /// Forgets the document that was being built.
    fn abandon(&mut self) {
        self.stack.clear();
        self.anchors.clear();
        self.problems.clear();
    }

    fn take(&mut self, event: Event<'_>, at: EventSpan, parsed: &mut Parsed) -> Result<(), Problem> {
        let span = place(self.file, &at);
        match event {
            Event::DocumentStart(..) => self.abandon(),
            Event::Scalar(text, style, anchor, tag) => {
                self.count(1, span)?;
                let (scalar, plain) = self.scalar(&text, style, tag.as_deref(), span);
                let node = Node { span, value: Value::Scalar(scalar) };
                self.finish(Done { node, height: 1, nodes: 1, plain_key: plain }, anchor, parsed)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.open(span, tag.as_deref(), "seq")?;
                self.stack.push(Frame::Sequence { span, anchor, height: 1, start: self.total, items: Vec::new() });
            }
            Event::MappingStart(_, anchor, tag) => {
                self.open(span, tag.as_deref(), "map")?;
                let start = self.total;
                self.stack.push(Frame::Mapping {
                    span,
                    anchor,
                    height: 1,
                    start,
                    entries: Vec::new(),
                    key: None,
                    merged: Vec::new(),
                });
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(parsed)?,
            Event::Alias(id) => {
                let Some(anchored) = self.anchors.get(&id) else {
                    return Err(problem(
                        Code::InvalidYaml,
                        span,
                        "an alias cannot stand inside the value that it names",
                    ));
                };
                if self.stack.len() + anchored.height > MAX_DEPTH {
                    return Err(too_deep(span));
                }
                let (nodes, height) = (anchored.nodes, anchored.height);
                self.count(nodes, span)?;
                let node = self.anchors[&id].node.clone();
                self.finish(Done { node, height, nodes, plain_key: true }, 0, parsed)?;
            }
            Event::UnresolvedAlias(name) => {
                let mut unknown = problem(
                    Code::UnquotedAsterisk,
                    span,
                    format!("an unquoted `*` starts an alias in YAML, and there is no anchor `&{}`", shorten(&name)),
                );
                unknown.help = Some(format!("put the value in quotes: `\"*{}\"`", shorten(&name)));
                return Err(unknown);
            }
            _ => {} // Stream marks; the enum is open.
        }
        Ok(())
    }

    fn count(&mut self, nodes: usize, span: Span) -> Result<(), Problem> {
        self.total = self.total.saturating_add(nodes);
        if self.total > self.max_nodes {
            let mut too_many = problem(
                Code::TooManyValues,
                span,
                format!("the file holds more than {} values when its aliases are followed", self.max_nodes),
            );
            too_many.help = Some("split the file, or remove aliases of aliases".to_owned());
            return Err(too_many);
        }
        Ok(())
    }

    fn open(&mut self, span: Span, tag: Option<&Tag>, core: &str) -> Result<(), Problem> {
        self.count(1, span)?;
        if self.stack.len() >= MAX_DEPTH {
            return Err(too_deep(span));
        }
        if tag.is_some_and(|tag| tag.core_suffix() != Some(core)) {
            self.unsupported_tag(span);
        }
        if let Some(Frame::Mapping { key: None, .. }) = self.stack.last() {
            return Err(problem(
                Code::InvalidYaml,
                span,
                "a map's key must be a string, and this one is a list or a map",
            ));
        }
        Ok(())
    }

    fn unsupported_tag(&mut self, span: Span) {
        let mut unsupported = problem(Code::UnsupportedTag, span, "this YAML tag has no meaning in a manifest");
        unsupported.help = Some("remove the `!tag`".to_owned());
        self.problems.push(unsupported);
    }

    /// Resolves a scalar; says too whether it was plain and untagged.
    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> (Scalar, bool) {
        let Some(tag) = tag else {
            let plain = style == ScalarStyle::Plain;
            return (if plain { Scalar::plain(text) } else { Scalar::text(text) }, plain);
        };
        let wanted: &[ScalarKind] = match tag.core_suffix() {
            Some("str") => return (Scalar::text(text), false),
            Some("int") => &[ScalarKind::Integer],
            Some("float") => &[ScalarKind::Float, ScalarKind::Integer],
            Some("bool") => &[ScalarKind::Boolean],
            Some("null") => &[ScalarKind::Null],
            Some(_) | None if tag.original() == "!" => return (Scalar::text(text), false),
            Some(_) | None => &[],
        };
        let scalar = Scalar::plain(text);
        if wanted.contains(&scalar.kind) {
            return (scalar, false);
        }
        self.unsupported_tag(span);
        (Scalar::text(text), false)
    }

    fn close(&mut self, parsed: &mut Parsed) -> Result<(), Problem> {
        let (node, anchor, height, start) = match self.stack.pop() {
            Some(Frame::Sequence { span, anchor, height, start, items }) => {
                (Node { span, value: Value::Sequence(items) }, anchor, height, start)
            }
            Some(Frame::Mapping { span, anchor, height, start, mut entries, merged, .. }) => {
                self.report_duplicates(&entries);
                merge_keys(&mut entries, merged);
                (Node { span, value: Value::Mapping(entries) }, anchor, height, start)
            }
            None => return Ok(()), // The parser closes only what it opened.
        };
        let nodes = self.total - start + 1;
        self.finish(Done { node, height, nodes, plain_key: false }, anchor, parsed)
    }

    fn report_duplicates(&mut self, entries: &[Entry]) {
        let mut by_key: Vec<(&str, Span)> = entries.iter().map(|entry| (&*entry.key, entry.key_span)).collect();
        by_key.sort_unstable();
        for pair in by_key.windows(2) {
            let [(first, first_span), (second, second_span)] = pair else { continue };
            if first == second {
                let mut duplicate = problem(
                    Code::DuplicateKey,
                    *second_span,
                    format!(
                        "the key `{}` stands twice in this map, first in line {}",
                        shorten(second),
                        first_span.line
                    ),
                );
                duplicate.help = Some("keep one of them; other tools silently take the last".to_owned());
                self.problems.push(duplicate);
            }
        }
    }

    /// Hands a finished value to its parent, or ends the document with it.
    fn finish(&mut self, done: Done, anchor: usize, parsed: &mut Parsed) -> Result<(), Problem> {
        if anchor != 0 {
            self.count(done.nodes, done.node.span)?;
            let anchored = Anchored { node: done.node.clone(), nodes: done.nodes, height: done.height };
            self.anchors.insert(anchor, anchored);
        }
        match self.stack.last_mut() {
            None => {
                let problems = std::mem::take(&mut self.problems);
                if !done.node.is_null() {
                    parsed.trees.push(Tree { root: done.node, problems });
                }
                self.anchors.clear();
            }
            Some(Frame::Sequence { items, height, .. }) => {
                *height = (*height).max(done.height + 1);
                items.push(done.node);
            }
            Some(Frame::Mapping { entries, key, height, merged, .. }) => match key.take() {
                None if !merged.is_empty() && is_merge_key(&done) => {
                    return Err(problem(Code::InvalidYaml, done.node.span, "`<<` stands twice in this map"));
                }
                None => *key = Some(read_key(&done)?),
                Some(Key::Named(name, key_span)) => {
                    *height = (*height).max(done.height + 1);
                    entries.push(Entry { key: name, key_span, value: done.node });
                }
                Some(Key::Merge(span)) => {
                    *height = (*height).max(done.height);
                    take_merged(done.node, span, entries, merged, &mut self.problems)?;
                }
            },
        }
        Ok(())
    }
}

fn is_merge_key(done: &Done) -> bool {
    done.plain_key && done.node.as_text() == Some("<<")
}

fn read_key(done: &Done) -> Result<Key, Problem> {
    let span = done.node.span;
    match done.node.as_scalar() {
        Some(_) if is_merge_key(done) => Ok(Key::Merge(span)),
        Some(scalar) => Ok(Key::Named(scalar.key_text(), span)),
        None => Err(problem(Code::InvalidYaml, span, "a map's key must be a string, and this one is a list or a map")),
    }
}

/// Notes what `<<` brings in. Kubernetes' library lets it override keys that stand before it, contrary to the YAML
/// specification: where that would matter, neither meaning is guessed.
fn take_merged(
    node: Node,
    span: Span,
    entries: &[Entry],
    merged: &mut Vec<Node>,
    problems: &mut Vec<Problem>,
) -> Result<(), Problem> {
    let bad = || problem(Code::InvalidYaml, span, "`<<` merges a map or a list of maps, and this is neither");
    let sources = match node.value {
        Value::Mapping(_) => vec![node],
        Value::Sequence(items) if items.iter().all(|item| item.as_mapping().is_some()) => items,
        Value::Sequence(_) | Value::Scalar(_) => return Err(bad()),
    };
    let own: std::collections::BTreeSet<&str> = entries.iter().map(|entry| &*entry.key).collect();
    let brought = sources.iter().filter_map(Node::as_mapping).flatten();
    if !own.is_empty() && brought.into_iter().any(|entry| own.contains(&*entry.key)) {
        let mut ambiguous = problem(
            Code::AmbiguousMergeKey,
            span,
            "`<<` stands after a key that it brings in too, which YAML libraries read in different ways",
        );
        ambiguous.help = Some("put `<<` first in its map".to_owned());
        problems.push(ambiguous);
    }
    merged.extend(sources);
    Ok(())
}

/// Adds merged entries that the map does not have itself; earlier sources win.
fn merge_keys(entries: &mut Vec<Entry>, merged: Vec<Node>) {
    if merged.is_empty() {
        return;
    }
    let mut known: std::collections::BTreeSet<Box<str>> = entries.iter().map(|entry| entry.key.clone()).collect();
    for source in merged {
        let Value::Mapping(brought) = source.value else { continue };
        for entry in brought {
            if known.insert(entry.key.clone()) {
                entries.push(entry);
            }
        }
    }
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
