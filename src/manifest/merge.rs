//! Layers: documents of the same kind and name become one, as JSON Merge Patch (RFC 7396) says.

use std::collections::{BTreeMap, BTreeSet, btree_map};

use crate::domain::nearest::nearest;

use super::codes::Code;
use super::kind::Kind;
use super::node::{Entry, Node, Span, Value};
use super::sink::Sink;
use super::yaml::shorten;

/// A document with its identity, before merging.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    /// Where the name stands; for rule files, where the document starts.
    pub(crate) name_span: Span,
    pub(crate) node: Node,
}

/// One resource after all layers.
#[derive(Debug)]
pub(crate) struct Merged {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    /// Where the name stands in the first layer that has it.
    pub(crate) name_span: Span,
    /// Where the last document that touched it starts.
    pub(crate) document_span: Span,
    pub(crate) node: Node,
    /// Whether a file of an earlier layer that could not be read may hold the rest of it.
    pub(crate) uncertain: bool,
    /// Whether a later layer than the first declared it anew.
    pub(crate) is_new_in_later_layer: bool,
}

type Key = (Kind, String);

/// The resources of the layers merged so far.
#[derive(Debug)]
pub(crate) struct Layers<'s> {
    selector: &'s BTreeMap<String, String>,
    resources: BTreeMap<Key, Merged>,
    /// Resources that exist but do not carry the selector's labels.
    deselected: BTreeSet<Key>,
    /// What the earlier layers have; kept only for a selector.
    earlier: BTreeSet<Key>,
    /// What the current layer has, and where.
    current: BTreeMap<Key, Span>,
    /// Whether a file of an earlier layer could not be read.
    earlier_broken: bool,
    current_broken: bool,
    /// Index of the current layer.
    layer: usize,
}

impl<'s> Layers<'s> {
    pub(crate) fn new(selector: &'s BTreeMap<String, String>) -> Self {
        Self {
            selector,
            resources: BTreeMap::new(),
            deselected: BTreeSet::new(),
            earlier: BTreeSet::new(),
            current: BTreeMap::new(),
            earlier_broken: false,
            current_broken: false,
            layer: 0,
        }
    }

    /// Ends the current layer.
    pub(crate) fn next_layer(&mut self) {
        self.current.clear();
        if !self.selector.is_empty() {
            self.earlier = self.resources.keys().cloned().collect();
        }
        self.earlier_broken |= self.current_broken;
        self.layer += 1;
    }

    /// Notes that something of the current layer could not be read.
    pub(crate) fn note_broken_file(&mut self) {
        self.current_broken = true;
    }

    /// Adds one document of the current layer.
    pub(crate) fn add(&mut self, mut named: Named, sink: &mut Sink) {
        let key = (named.kind, named.name.clone());
        if !self.selects(&key, &named) {
            self.deselected.insert(key);
            return;
        }
        match self.current.entry(key.clone()) {
            btree_map::Entry::Vacant(new) => drop(new.insert(named.name_span)),
            btree_map::Entry::Occupied(first) => {
                let message = format!(
                    "{} `{}` stands twice in this layer, first at {}",
                    named.kind.name(),
                    shorten(&named.name),
                    sink.location(*first.get())
                );
                let help = "remove or rename one of them".to_owned();
                sink.error(Code::DuplicateResource, named.name_span, message, help);
                return;
            }
        }
        match take_directive(&mut named.node, sink) {
            Directive::Merge => self.merge(key, named),
            Directive::Delete if self.resources.remove(&key).is_none() => self.report_no_target(&key, &named, sink),
            Directive::Delete | Directive::Unknown => {}
        }
    }

    fn merge(&mut self, key: Key, named: Named) {
        let document_span = named.node.span;
        if let Some(existing) = self.resources.get_mut(&key) {
            merge_patch(&mut existing.node, named.node);
            existing.document_span = document_span;
            return;
        }
        let uncertain = self.earlier_broken;
        let Named { kind, name, name_span, mut node } = named;
        if self.layer > 0 {
            // A patch of nothing: its nulls remove nothing, and are not values.
            let patch = std::mem::replace(&mut node, Node { span: document_span, value: Value::Mapping(Vec::new()) });
            merge_patch(&mut node, patch);
        }
        let is_new_in_later_layer = self.layer > 0;
        let merged = Merged { kind, name, name_span, document_span, node, uncertain, is_new_in_later_layer };
        self.resources.insert(key, merged);
    }

    fn report_no_target(&self, key: &Key, named: &Named, sink: &mut Sink) {
        if self.earlier_broken || self.deselected.contains(key) {
            return;
        }
        let candidates = self.resources.keys().filter(|known| known.0 == key.0).map(|known| known.1.as_str());
        let help = match nearest(&named.name, candidates) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "no earlier layer has this kind and name; remove the document".to_owned(),
        };
        let message = format!("there is no {} `{}` to remove", named.kind.name(), shorten(&named.name));
        sink.error(Code::PatchWithoutTarget, named.name_span, message, help);
    }

    /// A document is selected by its own labels; a patch without them belongs to the resource that it patches.
    fn selects(&self, key: &Key, named: &Named) -> bool {
        if self.selector.is_empty() || named.kind == Kind::RuleFile {
            return true;
        }
        let labels = named.node.get("metadata").and_then(|metadata| metadata.get("labels"));
        let inherits = self.earlier.contains(key);
        self.selector.iter().all(|(label, wanted)| {
            match labels.and_then(|labels| labels.get(label)).and_then(Node::as_scalar) {
                Some(value) => *value.text == **wanted,
                None => inherits,
            }
        })
    }

    /// Returns the resources, by kind and name.
    pub(crate) fn finish(self) -> Vec<Merged> {
        self.resources.into_values().collect()
    }
}

enum Directive {
    Merge,
    Delete,
    Unknown,
}

/// Takes `$patch` out of a document.
fn take_directive(node: &mut Node, sink: &mut Sink) -> Directive {
    let Value::Mapping(entries) = &mut node.value else { return Directive::Merge };
    let Some(at) = entries.iter().position(|entry| &*entry.key == "$patch") else { return Directive::Merge };
    let directive = entries.remove(at);
    if directive.value.as_text() == Some("delete") {
        return Directive::Delete;
    }
    let help = "write `$patch: delete`; without it the document is merged".to_owned();
    sink.error(Code::BadPatch, directive.value.span, "`$patch` can only be `delete`", help);
    Directive::Unknown
}

/// Merges `patch` into `target`. Values keep their own places. Depth is bounded by the parser.
fn merge_patch(target: &mut Node, patch: Node) {
    let Value::Mapping(changes) = patch.value else {
        *target = patch;
        return;
    };
    if target.as_mapping().is_none() {
        *target = Node { span: patch.span, value: Value::Mapping(Vec::new()) };
    }
    let Value::Mapping(entries) = &mut target.value else { return };
    const FEW: usize = 100_000; // Pairs of keys; beyond, looking each up in turn would take too long.
    if entries.len().saturating_mul(changes.len()) > FEW {
        merge_large(entries, changes);
        return;
    }
    for change in changes {
        let at = entries.iter().position(|entry| entry.key == change.key);
        match (at, change.value.is_null()) {
            (Some(at), true) => {
                entries.remove(at);
            }
            (None, true) => {}
            (Some(at), false) => {
                entries[at].key_span = change.key_span;
                merge_patch(&mut entries[at].value, change.value);
            }
            (None, false) => entries.push(added(change)),
        }
    }
}

/// A new entry: its value as a patch of nothing, so without nulls.
fn added(change: Entry) -> Entry {
    let mut value = Node { span: change.value.span, value: Value::Mapping(Vec::new()) };
    merge_patch(&mut value, change.value);
    Entry { key: change.key, key_span: change.key_span, value }
}

fn merge_large(entries: &mut Vec<Entry>, changes: Vec<Entry>) {
    let mut by_key: BTreeMap<Box<str>, Entry> =
        std::mem::take(entries).into_iter().map(|entry| (entry.key.clone(), entry)).collect();
    for change in changes {
        if change.value.is_null() {
            by_key.remove(&change.key);
        } else if let Some(existing) = by_key.get_mut(&change.key) {
            existing.key_span = change.key_span;
            merge_patch(&mut existing.value, change.value);
        } else {
            by_key.insert(change.key.clone(), added(change));
        }
    }
    *entries = by_key.into_values().collect();
}
