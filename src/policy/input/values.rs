//! Values of the engine that share their texts.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;

use foldhash::fast::RandomState;
use regorus::Value;

use crate::domain::resource::ResourceId;

/// Makes values of the engine. A text that was made before is shared: the names of fields, `delete`, a principal. What ten thousand
/// topics and fifty thousand ACLs say is mostly the same few texts.
#[derive(Default)]
pub(in super::super) struct Values {
    texts: HashSet<Arc<str>, RandomState>,
    /// Where texts are written before it is known how long they are.
    draft: String,
}

impl Values {
    /// Makes a text.
    pub(in super::super) fn text(&mut self, text: &str) -> Value {
        if let Some(known) = self.texts.get(text) {
            return Value::String(Arc::clone(known));
        }
        let made: Arc<str> = text.into();
        self.texts.insert(Arc::clone(&made));
        Value::String(made)
    }

    /// Makes the text of an id. It is not shared: there is no other like it.
    pub(in super::super) fn id(&mut self, id: &ResourceId) -> Value {
        self.draft.clear();
        write!(self.draft, "{id}").expect("a text takes everything");
        Value::String(self.draft.as_str().into())
    }

    /// Makes an object of what there is.
    pub(in super::super) fn object<'t>(&mut self, entries: impl IntoIterator<Item = (&'t str, Value)>) -> Value {
        let there_is = entries.into_iter().filter(|(_, value)| *value != Value::Undefined);
        Value::from(there_is.map(|(key, value)| (self.text(key), value)).collect::<BTreeMap<_, _>>())
    }

    /// Makes an object of texts.
    pub(in super::super) fn texts(&mut self, texts: &BTreeMap<String, String>) -> Value {
        let entries = texts.iter().map(|(key, text)| (self.text(key), self.text(text)));
        Value::from(entries.collect::<BTreeMap<_, _>>())
    }

    /// Makes an array.
    pub(in super::super) fn array(items: impl Iterator<Item = Value>) -> Value {
        Value::from(items.collect::<Vec<_>>())
    }

    /// Makes the same of anything that is JSON.
    pub(in super::super) fn json(&mut self, json: &serde_json::Value) -> Value {
        match json {
            serde_json::Value::String(text) => self.text(text),
            serde_json::Value::Array(items) => Self::array(items.iter().map(|item| self.json(item))),
            serde_json::Value::Object(object) => {
                let entries = object.iter().map(|(key, value)| (self.text(key), self.json(value)));
                Value::from(entries.collect::<BTreeMap<_, _>>())
            }
            serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {
                Value::from(json.clone())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_made_is_what_the_engine_makes_of_the_same_text() {
        for json in [
            json!({"b": [1, -1, 1.5, 9_007_199_254_740_993_u64, "1"], "a": {"c": null, "d": true}, "": {}}),
            json!([]),
            json!(u64::MAX),
            json!(i64::MIN),
            json!(1e300),
        ] {
            let read = Value::from_json_str(&json.to_string()).expect("it is JSON");
            assert_eq!(Values::default().json(&json), read, "{json}");
        }
    }

    #[test]
    fn texts_are_shared_and_what_is_undefined_is_left_out() {
        let mut values = Values::default();
        let one = values.object([("config", Value::from(1)), ("x", Value::Undefined)]);
        let other = values.object([("x", Value::from("config"))]);
        assert_eq!(one, Value::from(json!({"config": 1})));
        assert_eq!(other, Value::from(json!({"x": "config"})));
        let (Value::String(one), Value::String(other)) = (values.text("delete"), values.text("delete")) else {
            panic!("texts are strings");
        };
        assert!(Arc::ptr_eq(&one, &other));
    }
}
