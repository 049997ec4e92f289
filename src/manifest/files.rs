//! From the snapshot's files to named documents.

use crate::domain::diagnostic::{Diagnostic, Location};
use crate::domain::snapshot::{Snapshot, SnapshotFile};

use super::codes::Code;
use super::kind::{Identity, Kind, identify};
use super::merge::{Layers, Named};
use super::node::{Node, Value};
use super::repository::{REPOSITORY_FILE, may_hold_manifests};
use super::resources::Collector;
use super::sink::Sink;
use super::yaml::{self, Parsed, Problem, shorten};

/// The most values that all files of a load may hold together.
const MAX_NODES_OF_A_LOAD: usize = 6_000_000;

/// How deep lists of lists are unfolded.
const MAX_LISTS: usize = 8;

/// Reads a file's text and parses it; `None` when there is no text, which was reported.
pub(crate) fn parse(name: &str, content: &SnapshotFile, file: u32, sink: &mut Sink) -> Option<Parsed> {
    parse_within(name, content, file, yaml::MAX_NODES, sink)
}

fn parse_within(name: &str, content: &SnapshotFile, file: u32, max_nodes: usize, sink: &mut Sink) -> Option<Parsed> {
    let bytes = match content {
        SnapshotFile::Content(bytes) => bytes,
        SnapshotFile::TooLarge(size) => {
            let message = format!("the file is too large to be read: {size} bytes");
            sink.file_error(Code::FileTooLarge, name, message, "split it".to_owned());
            return None;
        }
        SnapshotFile::BadLink(target) => {
            let message = format!("the symbolic link to `{}` leads out of the repository or nowhere", shorten(target));
            sink.file_error(Code::BadLink, name, message, "replace it by the file itself, or remove it".to_owned());
            return None;
        }
        SnapshotFile::Unreadable(reason) => {
            sink.file_error(Code::UnreadableFile, name, format!("the file could not be read: {reason}"), None);
            return None;
        }
    };
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            report_encoding(bytes, error.valid_up_to(), file, sink);
            return None;
        }
    };
    let mut parsed = yaml::parse(text, file, max_nodes);
    for problem in parsed.problems.drain(..) {
        sink.text(problem);
    }
    Some(parsed)
}

fn report_encoding(bytes: &[u8], valid: usize, file: u32, sink: &mut Sink) {
    let before = std::str::from_utf8(&bytes[..valid]).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit_once('\n').map_or(before, |(_, last)| last).chars().count() + 1;
    let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let span = super::node::Span { file, line: small(line), column: small(column) };
    let help = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it seems to be UTF-16: save it as UTF-8".to_owned(),
        _ => "save it as UTF-8".to_owned(),
    };
    sink.error(Code::InvalidUtf8, span, format!("the file is not UTF-8: byte {valid} does not fit"), help);
}

/// Reads one layer, which `driftless.yaml` names at `place`, into `layers`.
pub(crate) fn read_layer(
    snapshot: &Snapshot,
    (layer, place): (&str, &Location),
    layers: &mut Layers<'_>,
    n_nodes: &mut usize,
    collector: &mut Collector,
) {
    let prefix = if layer == "." { String::new() } else { format!("{layer}/") };
    let mut n_files = 0;
    let mut exists = false;
    if let Some(link) = snapshot.files.get(layer) {
        let file = collector.sink.add_file(layer);
        if !matches!(link, SnapshotFile::Content(_)) {
            parse(layer, link, file, &mut collector.sink);
            layers.note_broken_file();
            return;
        }
    }
    for (path, content) in snapshot.files.range(prefix.clone()..).take_while(|(path, _)| path.starts_with(&prefix)) {
        exists = true;
        let below = &path[prefix.len()..];
        let hidden = below.split('/').any(|part| part.starts_with(['.', '_']));
        if hidden || path == REPOSITORY_FILE || !may_hold_manifests(path, content) {
            continue;
        }
        n_files += 1;
        read_file(path, below, content, layers, n_nodes, collector);
    }
    if n_files == 0 {
        report_missing(layer, place, exists, collector);
        layers.note_broken_file();
    }
}

fn report_missing(layer: &str, place: &Location, exists: bool, collector: &mut Collector) {
    let (code, message) = match exists {
        true => (Code::EmptyLayer, format!("the layer `{layer}` holds no `.yaml` or `.yml` file")),
        false => (Code::MissingLayer, format!("the layer `{layer}` does not exist")),
    };
    let help = "correct `layers` in driftless.yaml, or put the manifests back: an empty directory must not look like the wish to delete everything";
    collector.sink.push(Diagnostic::error(code.as_str(), Some(place.clone()), message).help(help));
}

fn read_file(
    path: &str,
    below: &str,
    content: &SnapshotFile,
    layers: &mut Layers<'_>,
    n_nodes: &mut usize,
    collector: &mut Collector,
) {
    let file = collector.sink.add_file(path);
    let left = MAX_NODES_OF_A_LOAD.saturating_sub(*n_nodes);
    let n_errors_before = collector.sink.mark();
    let Some(parsed) = parse_within(path, content, file, left.min(yaml::MAX_NODES), &mut collector.sink) else {
        layers.note_broken_file();
        return;
    };
    *n_nodes += parsed.nodes;
    let broken = collector.sink.mark() > n_errors_before;
    if broken {
        layers.note_broken_file();
    }
    if parsed.trees.is_empty() && !broken {
        let span = super::node::Span { file, line: 1, column: 1 };
        collector.sink.warning(
            Code::EmptyFile,
            span,
            "the file holds no document",
            "remove it, or put its manifest back".to_owned(),
        );
    }
    let mut has_rules = false;
    for tree in parsed.trees {
        add_document(tree.root, tree.problems, below, &mut has_rules, 0, layers, collector);
    }
}

fn add_document(
    root: Node,
    problems: Vec<Problem>,
    below: &str,
    has_rules: &mut bool,
    depth: usize,
    layers: &mut Layers<'_>,
    collector: &mut Collector,
) {
    let sink = &mut collector.sink;
    let identity = identify(&root, sink);
    let is_rule_file = matches!(identity, Identity::Ours(Kind::RuleFile));
    if !matches!(identity, Identity::PassedOver(_)) {
        // In a rule file the keys of the map itself win wherever `<<` stands: Prometheus' library is newer than Kubernetes'.
        for problem in problems.into_iter().filter(|found| !(is_rule_file && found.code == Code::AmbiguousMergeKey)) {
            sink.text(problem);
        }
    }
    match identity {
        Identity::Broken => layers.note_broken_file(),
        Identity::PassedOver(name) => *collector.state.passed_over.entry(name).or_default() += 1,
        Identity::List if depth >= MAX_LISTS => {
            sink.error(Code::NestedTooDeeply, root.span, "lists are nested too deeply", None);
        }
        Identity::List => {
            let Some(items) = take_items(root, sink) else {
                layers.note_broken_file();
                return;
            };
            for item in items {
                add_document(item, Vec::new(), below, has_rules, depth + 1, layers, collector);
            }
        }
        Identity::Ours(Kind::RuleFile) if *has_rules => {
            let help = "put it into a file of its own, or all groups into one `groups` list".to_owned();
            sink.warning(
                Code::ExtraRuleDocument,
                root.span,
                "Prometheus reads only the first document of a rule file",
                help,
            );
        }
        Identity::Ours(Kind::RuleFile) => {
            *has_rules = true;
            let name_span = root.span;
            layers.add(
                Named { kind: Kind::RuleFile, name: rule_namespace(below).to_owned(), name_span, node: root },
                sink,
            );
        }
        Identity::Ours(kind) => match read_name(&root, kind, sink) {
            Some((name, name_span)) => layers.add(Named { kind, name, name_span, node: root }, sink),
            None => layers.note_broken_file(),
        },
    }
}

/// Returns the items of a list; one whose `items` are no list would make what they declare vanish, so it is an error.
fn take_items(root: Node, sink: &mut Sink) -> Option<Vec<Node>> {
    let span = root.span;
    let Value::Mapping(entries) = root.value else { return Some(Vec::new()) };
    match entries.into_iter().find(|entry| &*entry.key == "items").map(|entry| entry.value.value) {
        Some(Value::Sequence(items)) => Some(items),
        None => Some(Vec::new()),
        Some(Value::Scalar(_) | Value::Mapping(_)) => {
            sink.error(Code::WrongType, span, "`items` of a List must be a list", "write `items: [...]`".to_owned());
            None
        }
    }
}

/// The namespace of a rule file: its path below the layer, without the ending. Files of one name in several directories are
/// several rule files; a later layer's file at the same place patches the earlier one's.
fn rule_namespace(below: &str) -> &str {
    below.strip_suffix(".yaml").or_else(|| below.strip_suffix(".yml")).unwrap_or(below)
}

fn read_name(root: &Node, kind: Kind, sink: &mut Sink) -> Option<(String, super::node::Span)> {
    let Some(metadata) = root.get("metadata") else {
        sink.error(
            Code::MissingField,
            root.span,
            format!("this {} has no metadata", kind.name()),
            "add `metadata: {name: …}`".to_owned(),
        );
        return None;
    };
    let fields = super::fields::Fields::open_near(metadata, "metadata", &["name", "labels", "annotations"], sink)?;
    let node = match fields.get("name") {
        Some(node) => node,
        None if fields.is_misspelt("name") => return None,
        None => {
            let help = match fields.get("generateName") {
                Some(_) => "`generateName` is not possible here: the name is what identifies the resource".to_owned(),
                None => "add `name`".to_owned(),
            };
            sink.error(Code::MissingField, metadata.span, format!("this {} has no metadata.name", kind.name()), help);
            return None;
        }
    };
    let name = super::fields::filled_text(node, "metadata.name", sink)?;
    Some((name.to_owned(), node.span))
}
