//! Building trees from the parser's events, on an explicit stack and within the budgets of [`super::yaml`].

use std::collections::{BTreeMap, BTreeSet};

use granit_parser::{Event, ScalarStyle, Span as EventSpan, Tag};

use super::codes::Code;
use super::node::{Entry, Node, Scalar, ScalarKind, Span, Value};
use super::yaml::{MAX_DEPTH, Parsed, Problem, Tree, place, problem, shorten, too_deep};

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

/// What was built so far of the current document.
pub(crate) struct Builder {
    file: u32,
    max_nodes: usize,
    /// Values counted so far, over all documents.
    pub(crate) total: usize,
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
    pub(crate) fn new(file: u32, max_nodes: usize) -> Self {
        Self { file, max_nodes, total: 0, stack: Vec::new(), anchors: BTreeMap::new(), problems: Vec::new() }
    }

    /// Forgets the document that was being built.
    pub(crate) fn abandon(&mut self) {
        self.stack.clear();
        self.anchors.clear();
        self.problems.clear();
    }

    pub(crate) fn take(&mut self, event: Event<'_>, at: EventSpan, parsed: &mut Parsed) -> Result<(), Problem> {
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
            // The name is not repeated: it may be a password that starts with an asterisk.
            Event::UnresolvedAlias(_) => {
                let message = "an unquoted `*` starts an alias in YAML, and there is no anchor of this name";
                return Err(problem(Code::UnquotedAsterisk, span, message));
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
            Some(Frame::Sequence { span, anchor, height, start, mut items }) => {
                items.shrink_to_fit(); // Trees of a whole repository stand in memory together.
                (Node { span, value: Value::Sequence(items) }, anchor, height, start)
            }
            Some(Frame::Mapping { span, anchor, height, start, mut entries, merged, .. }) => {
                self.report_duplicates(&entries);
                merge_keys(&mut entries, merged);
                entries.shrink_to_fit();
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
                None => *key = Some(read_key(done)?),
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

fn read_key(done: Done) -> Result<Key, Problem> {
    let span = done.node.span;
    if is_merge_key(&done) {
        return Ok(Key::Merge(span));
    }
    match done.node.value {
        Value::Scalar(scalar) => Ok(Key::Named(scalar.into_key_text(), span)),
        Value::Sequence(_) | Value::Mapping(_) => {
            Err(problem(Code::InvalidYaml, span, "a map's key must be a string, and this one is a list or a map"))
        }
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
    let own: BTreeSet<&str> = entries.iter().map(|entry| &*entry.key).collect();
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
    let mut known: BTreeSet<Box<str>> = entries.iter().map(|entry| entry.key.clone()).collect();
    for source in merged {
        let Value::Mapping(brought) = source.value else { continue };
        for entry in brought {
            if known.insert(entry.key.clone()) {
                entries.push(entry);
            }
        }
    }
}
