//! What all kinds share: `metadata` and the annotations.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::desired::{Declared, Management};
use crate::domain::diagnostic::Location;
use crate::domain::nearest::nearest;
use crate::domain::user::{ITERATIONS_ANNOTATION, MECHANISMS_ANNOTATION};

use super::codes::Code;
use super::fields::{Fields, text_map};
use super::merge::Merged;
use super::node::{Node, Span};
use super::sink::Sink;
use super::yaml::shorten;

const MANAGED: &str = "strimzi.io/managed";
const PAUSED: &str = "strimzi.io/pause-reconciliation";

/// `metadata`, read.
#[derive(Debug)]
pub(crate) struct Header<'m> {
    pub(crate) name: &'m str,
    pub(crate) name_span: Span,
    pub(crate) labels: Arc<BTreeMap<String, String>>,
    pub(crate) annotations: BTreeMap<String, String>,
    metadata: Option<&'m Node>,
}

impl<'m> Header<'m> {
    /// Reads the metadata of a manifest; what Kubernetes adds there is passed over.
    pub(crate) fn read(merged: &'m Merged, sink: &mut Sink) -> Self {
        let metadata = merged.node.get("metadata");
        let mut header = Self {
            name: &merged.name,
            name_span: merged.name_span,
            labels: Arc::default(),
            annotations: BTreeMap::new(),
            metadata,
        };
        if let Some(fields) = metadata.and_then(|metadata| Fields::open_loose(metadata, "metadata", sink)) {
            header.labels =
                fields.get("labels").map(|node| text_map(node, "metadata.labels", sink).into()).unwrap_or_default();
            header.annotations =
                fields.get("annotations").map(|node| text_map(node, "metadata.annotations", sink)).unwrap_or_default();
        }
        header.check_own_annotations(sink);
        header
    }

    fn check_own_annotations(&self, sink: &mut Sink) {
        let known = [MECHANISMS_ANNOTATION, ITERATIONS_ANNOTATION];
        for key in
            self.annotations.keys().filter(|key| key.starts_with("driftless.dev/") && !known.contains(&key.as_str()))
        {
            let help = nearest(key, known).map(|meant| format!("did you mean `{meant}`?"));
            sink.error(
                Code::UnknownField,
                self.annotation_span(key),
                format!("there is no annotation `{}`", shorten(key)),
                help,
            );
        }
    }

    /// Warns of annotations that people take for a brake, and Strimzi does not.
    pub(crate) fn warn_of_useless_annotations(&self, can_be_unmanaged: bool, sink: &mut Sink) {
        for (key, value) in &self.annotations {
            let message = match key.as_str() {
                MANAGED if !can_be_unmanaged => format!("`{MANAGED}` is for topics only: this resource is managed"),
                MANAGED if !matches!(value.as_str(), "true" | "false") => {
                    format!("`{MANAGED}` counts only when it is exactly `false`: this resource is managed")
                }
                PAUSED => continue,
                other if other != MANAGED && nearest(other, [PAUSED, MANAGED]).is_some() => {
                    format!("there is no annotation `{}`: this resource is managed", shorten(other))
                }
                _ => continue,
            };
            let help = format!("write `{MANAGED}: \"false\"` (topics) or `{PAUSED}: \"true\"`, or remove it");
            sink.warning(Code::AnnotationWithoutEffect, self.annotation_span(key), message, help);
        }
    }

    /// Returns the place of an annotation's value.
    pub(crate) fn annotation_span(&self, key: &str) -> Span {
        let annotations = self.metadata.and_then(|metadata| metadata.get("annotations"));
        annotations.and_then(|annotations| annotations.entry(key)).map_or(self.name_span, |entry| entry.value.span)
    }

    /// Whether Strimzi would write the resource. It compares `managed` exactly, and `pause-reconciliation` in any case;
    /// only topics can be unmanaged.
    pub(crate) fn management(&self, can_be_unmanaged: bool) -> Management {
        let annotation = |key: &str| self.annotations.get(key).map(String::as_str);
        if can_be_unmanaged && annotation(MANAGED) == Some("false") {
            Management::Unmanaged
        } else if annotation(PAUSED).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            Management::Paused
        } else {
            Management::Managed
        }
    }

    /// Wraps what the manifest declares, with its places.
    pub(crate) fn declare<T>(
        &self,
        value: T,
        at: Span,
        management: Management,
        fields: BTreeMap<String, Location>,
        sink: &Sink,
    ) -> Declared<T> {
        Declared { value, location: sink.location(at), fields, management, labels: Arc::clone(&self.labels) }
    }
}
