//! YAML as a tree in which every key and value knows its place and its own spelling.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

/// A value with its place (line and column from 1).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// A value of YAML. Scalars keep the text that was written, so `010` and `1e5` are not turned into other numbers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

impl Value {
    /// Names the type, to fit after "and not".
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Scalar(_) => "a single value",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) value: Node,
}

/// Why a text is no YAML; holds nothing of the text itself, which may be secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyntaxProblem {
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) message: String,
}

/// The most bytes of a settings or secrets file.
pub(crate) const MAX_BYTES: usize = 1024 * 1024;

/// Reads one document. An empty one is `Null`.
pub(crate) fn parse(text: &str) -> Result<Node, SyntaxProblem> {
    if text.len() > MAX_BYTES {
        return Err(SyntaxProblem {
            line: 1,
            column: 1,
            message: format!("the file is larger than {MAX_BYTES} bytes"),
        });
    }
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    let spanned: Spanned<Raw> = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let error = error.without_snippet();
        let (line, column) = error.location().map_or((1, 1), |place| (number(place.line()), number(place.column())));
        SyntaxProblem { line, column, message: describe(error) }
    })?;
    Ok(lower(spanned, text))
}

/// Says what is wrong without quoting values: the parser's own words may hold parts of the text.
fn describe(error: &serde_saphyr::Error) -> String {
    match error {
        serde_saphyr::Error::DuplicateMappingKey { .. } => "a key stands twice in one mapping".to_owned(),
        serde_saphyr::Error::MultipleDocuments { .. } => "there is more than one document".to_owned(),
        serde_saphyr::Error::Budget { .. } => "the document is nested too deeply or is too large".to_owned(),
        _ => "this is not valid YAML".to_owned(),
    }
}

fn number(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX).max(1)
}

fn lower(spanned: Spanned<Raw>, text: &str) -> Node {
    let span = spanned.defined.span();
    let written = || {
        let start = usize::try_from(span.byte_offset()?).ok()?;
        let length = usize::try_from(span.byte_len()?).ok()?;
        text.get(start..start.checked_add(length)?).map(str::to_owned)
    };
    let value = match spanned.value {
        Raw::Null => Value::Null,
        Raw::Text(text) => Value::Scalar(text),
        Raw::Other(fallback) => Value::Scalar(written().map_or(fallback, |raw| raw.trim().to_owned())),
        Raw::List(items) => Value::List(items.into_iter().map(|item| lower(item, text)).collect()),
        Raw::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(key, value)| Entry {
                    line: number(key.referenced.line()),
                    column: number(key.referenced.column()),
                    key: key.value,
                    value: lower(value, text),
                })
                .collect(),
        ),
    };
    Node { value, line: number(spanned.referenced.line()), column: number(spanned.referenced.column()) }
}

enum Raw {
    Null,
    Text(String),
    /// A number or boolean, with a spelling in case the written one cannot be found.
    Other(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Other(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Other(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Other(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Raw, E> {
        Ok(Raw::Other(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Raw, E> {
        Ok(Raw::Other(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Other(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(node: &Node, key: &str) -> (String, u32, u32) {
        let Value::Map(entries) = &node.value else { panic!("no mapping") };
        let entry = entries.iter().find(|entry| entry.key == key).expect("the key is there");
        let Value::Scalar(text) = &entry.value.value else { panic!("no scalar: {:?}", entry.value) };
        (text.clone(), entry.value.line, entry.value.column)
    }

    #[test]
    fn scalars_keep_their_spelling_and_place() {
        let text =
            "a: 010\nb: 1e5   # a number\nc: \"x y\"\nd: yes\ne: true\nf: 1.10\nnested: {g: 12345678901234567890123}\n";
        let node = parse(text).expect("valid");
        for (key, spelling, line) in
            [("a", "010", 1), ("b", "1e5", 2), ("c", "x y", 3), ("d", "yes", 4), ("e", "true", 5), ("f", "1.10", 6)]
        {
            assert_eq!(scalar(&node, key), (spelling.to_owned(), line, 4), "{key}");
        }
    }

    #[test]
    fn aliases_have_the_text_of_their_anchor() {
        let node = parse("a: &x 0.50\nb: *x\n").expect("valid");
        assert_eq!(scalar(&node, "b").0, "0.50");
    }

    #[test]
    fn problems_do_not_quote_the_text() {
        for text in
            ["a: hunter2\na: hunter2\n", "a: [hunter2\n", "--- a\n--- hunter2\n", "a: 'hunter2\n", "hunter2: }\n"]
        {
            let problem = parse(text).expect_err("not valid");
            assert!(!problem.message.contains("hunter2"), "{}", problem.message);
        }
    }

    #[test]
    fn a_duplicate_key_is_found_at_its_second_place() {
        let problem = parse("a: 1\nb: 2\na: 3\n").expect_err("not valid");
        assert_eq!((problem.line, problem.column), (3, 1));
        assert!(problem.message.contains("twice"));
    }
}
