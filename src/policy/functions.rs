//! Functions that the engine lacks or has in another form than OPA, and functions that no rule may call.

use std::collections::BTreeSet;

use regorus::unstable::BUILTINS;
use regorus::{Engine, Value};

use super::corrected;
use super::declared;
use super::json_schema;
use super::regexes;
use super::sprintf::sprintf;
use super::texts;
use super::words::{Word, words};

/// Built-in functions that would make a verdict depend on something other than its input, or that look at the world. A pack
/// that calls one is refused as a whole: the engine would answer some of them with "undefined", and so skip the rule.
const REFUSED: [&str; 6] =
    ["http.send", "net.lookup_ip_addr", "opa.runtime", "rand.intn", "time.now_ns", "uuid.rfc4122"];

/// Functions that OPA has for Rego version 0 only.
const OLDER: [&str; 10] = [
    "all",
    "any",
    "cast_array",
    "cast_boolean",
    "cast_null",
    "cast_object",
    "cast_set",
    "cast_string",
    "re_match",
    "set_diff",
];

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct FunctionError(String);

/// What a function of ours is called with, and what it answers. The error fits behind the function's name.
type Function = fn(&str, &[Value]) -> Result<Value, String>;

/// The functions that stand in modules of their own: name, number of arguments, and the function.
fn as_opa_has_them() -> Vec<(&'static str, u8, Function)> {
    let with = |(name, n_arguments): (&'static str, u8), function: Function| (name, n_arguments, function);
    let mut all = Vec::new();
    all.extend(corrected::FUNCTIONS.map(|function| with(function, corrected::call)));
    all.extend(json_schema::FUNCTIONS.map(|function| with(function, json_schema::call)));
    all.extend(regexes::FUNCTIONS.map(|function| with(function, regexes::call)));
    all.extend(texts::FUNCTIONS.map(|function| with(function, texts::call)));
    all
}

/// What is known of a built-in function.
pub(super) struct Known {
    pub(super) n_arguments: usize,
    /// Whether it is one that [`add`] gives to the engine.
    pub(super) is_ours: bool,
}

/// Looks a built-in function up.
pub(super) fn known(name: &str) -> Option<Known> {
    let ours = match name {
        "sprintf" | "object.subset" | "set_diff" => Some(2),
        name if OLDER.contains(&name) && name != "re_match" => Some(1),
        name => {
            as_opa_has_them().into_iter().find(|(known, _, _)| *known == name).map(|(_, n_arguments, _)| n_arguments)
        }
    };
    let n_arguments = ours.or_else(|| BUILTINS.get(name).map(|(_, n_arguments)| *n_arguments))?;
    Some(Known { n_arguments: usize::from(n_arguments), is_ours: ours.is_some() })
}

/// Gives the engine the functions of Rego version 0, and those that it does not have as OPA has them.
pub(super) fn add(engine: &mut Engine) {
    drop(engine.add_extension(
        "sprintf".to_owned(),
        2,
        Box::new(|arguments: Vec<Value>| match arguments.as_slice() {
            [Value::String(format), Value::Array(values)] => {
                let values: Vec<Value> = values.iter().cloned().collect();
                Ok(Value::from(sprintf(format, &values)))
            }
            _ => Err(FunctionError("`sprintf` expects a string and an array".to_owned()))?,
        }),
    ));
    drop(engine.add_extension(
        "object.subset".to_owned(),
        2,
        Box::new(|arguments: Vec<Value>| match arguments.as_slice() {
            [all, part] => match subset(all, part) {
                Some(found) => Ok(Value::from(found)),
                None => Err(FunctionError(
                    "`object.subset` expects two values of one type, or an array and a set".to_owned(),
                ))?,
            },
            _ => Err(wanted_arguments("object.subset"))?,
        }),
    ));
    for (name, n_arguments, function) in as_opa_has_them() {
        let call = move |arguments: Vec<Value>| {
            Ok(function(name, &arguments).map_err(|problem| FunctionError(format!("`{name}` {problem}")))?)
        };
        drop(engine.add_extension(name.to_owned(), n_arguments, Box::new(call)));
    }
    let items = |arguments: Vec<Value>| match arguments.into_iter().next() {
        Some(all @ (Value::Array(_) | Value::Set(_) | Value::Object(_))) => Ok(all),
        Some(_) | None => Ok(Value::new_array()),
    };
    drop(engine.add_extension(declared::ITEMS.to_owned(), 1, Box::new(items)));
    for name in OLDER.into_iter().filter(|name| *name != "re_match") {
        let n_arguments = if name == "set_diff" { 2 } else { 1 };
        // An engine that has the function already is as good.
        drop(engine.add_extension(
            name.to_owned(),
            n_arguments,
            Box::new(move |arguments: Vec<Value>| Ok(call(name, &arguments)?)),
        ));
    }
}

/// `object.subset` as OPA has it: an array holds another one that stands in it as a piece, and every array the empty one, on
/// which the engine's own panics. `None` for values that cannot be compared so.
fn subset(all: &Value, part: &Value) -> Option<bool> {
    match (all, part) {
        (Value::Object(all), Value::Object(part)) => Some(part.iter().all(|(key, wanted)| {
            all.get(key).is_some_and(|found| {
                found == wanted || (same_kind(found, wanted) && subset(found, wanted) == Some(true))
            })
        })),
        (Value::Set(all), Value::Set(part)) => Some(part.iter().all(|item| all.contains(item))),
        (Value::Array(all), Value::Array(part)) => {
            let (all, part): (Vec<&Value>, Vec<&Value>) = (all.iter().collect(), part.iter().collect());
            Some(part.is_empty() || all.windows(part.len()).any(|piece| piece == part))
        }
        (Value::Array(all), Value::Set(part)) => Some(part.iter().all(|item| all.iter().any(|found| found == item))),
        _ => None,
    }
}

fn same_kind(first: &Value, second: &Value) -> bool {
    std::mem::discriminant(first) == std::mem::discriminant(second)
}

fn call(name: &str, arguments: &[Value]) -> Result<Value, FunctionError> {
    let wrong = |wanted: &str| FunctionError(format!("`{name}` expects {wanted}"));
    let [first, rest @ ..] = arguments else { return Err(wanted_arguments(name)) };
    match (name, rest) {
        ("set_diff", [second]) => match (first, second) {
            (Value::Set(left), Value::Set(right)) => {
                Ok(Value::from(left.iter().filter(|item| !right.contains(item)).cloned().collect::<BTreeSet<_>>()))
            }
            _ => Err(wrong("two sets")),
        },
        ("any", _) => Ok(Value::from(items(first).ok_or_else(|| wrong("a list"))?.contains(&Value::from(true)))),
        ("all", _) => {
            let items = items(first).ok_or_else(|| wrong("a list"))?;
            Ok(Value::from(items.iter().all(|item| *item == Value::from(true))))
        }
        ("cast_array", _) => items(first).map(Value::from).ok_or_else(|| wrong("an array or a set")),
        ("cast_set", _) => {
            let items = items(first).ok_or_else(|| wrong("an array or a set"))?;
            Ok(Value::from(items.into_iter().collect::<BTreeSet<_>>()))
        }
        _ => {
            let fits = matches!(
                (name, first),
                ("cast_boolean", Value::Bool(_))
                    | ("cast_null", Value::Null)
                    | ("cast_object", Value::Object(_))
                    | ("cast_string", Value::String(_))
            );
            if fits { Ok(first.clone()) } else { Err(wrong("a value of that type")) }
        }
    }
}

fn wanted_arguments(name: &str) -> FunctionError {
    FunctionError(format!("`{name}` expects an argument"))
}

fn items(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(array) => Some(array.iter().cloned().collect()),
        Value::Set(set) => Some(set.iter().cloned().collect()),
        _ => None,
    }
}

/// A call that a file must not make: what is called, and where.
pub(super) struct BadCall {
    pub(super) message: String,
    pub(super) line: u32,
    pub(super) column: u32,
}

/// Says whether a text uses the keywords of version 1 where version 0 would have to import them, so that it cannot be version 0.
pub(super) fn is_surely_v1(text: &str) -> bool {
    let Some(words) = words(text) else { return true };
    let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    let imports = texts.windows(3).any(|three| matches!(three, ["future", ".", "keywords"] | ["rego", ".", "v1"]));
    let keyword = texts.windows(2).any(|two| {
        (two[0] == "if" && two[1] != "(" && two[1] != ".")
            || (two[0] == "contains" && !["(", ".", ":=", "="].contains(&two[1]))
    });
    keyword && !imports
}

/// Says whether `not` negates the whole of what stands behind it, undefined arguments included: OPA's `future.keywords.not`, which an
/// import of all future keywords brings along.
pub(super) fn negates_the_whole(text: &str) -> bool {
    let Some(words) = words(text) else { return false };
    let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    (0..texts.len()).any(|at| {
        texts[at..].starts_with(&["import", "future", ".", "keywords"])
            && (texts.get(at + 4) != Some(&".") || texts.get(at + 5) == Some(&"not"))
    })
}

/// Finds the first `not { … }`, a form of `future.keywords.not` that the engine takes for the negation of a set.
pub(super) fn negated_body(text: &str) -> Option<BadCall> {
    let words = words(text).filter(|_| negates_the_whole(text))?;
    let found = words.windows(2).find(|two| two[0].text == "not" && two[1].text == "{")?;
    let message = "`not { … }` is not known: name what stands in the braces as a rule, and negate that".to_owned();
    Some(BadCall { message, line: found[0].line, column: found[0].column })
}

/// Finds the first call of a function that looks beyond its input. Comments and strings are not calls.
pub(super) fn refused_call(text: &str) -> Option<BadCall> {
    find_call(text, |called, _| {
        let refused = REFUSED.contains(&called);
        refused.then(|| format!("`{called}` is not available: a verdict must depend on its input alone"))
    })
}

/// Finds the first call of a function that OPA no longer has in version 1. `own` are the names that the file defines.
pub(super) fn older_call(text: &str, own: &BTreeSet<String>) -> Option<BadCall> {
    find_call(text, |_, name| {
        let older = OLDER.contains(&name) && !own.contains(name);
        older.then(|| format!("`{name}` is not part of Rego version 1"))
    })
}

/// Hands every call to a judge: `module.function` (empty without a module), and the function's name alone when it stands by
/// itself.
fn find_call(text: &str, judge: impl Fn(&str, &str) -> Option<String>) -> Option<BadCall> {
    // A file that is no Rego is reported by the parser.
    let words = words(text)?;
    let word = |at: Option<usize>| at.and_then(|at| words.get(at)).map_or("", |word: &Word| word.text.as_str());
    for (at, opening) in words.iter().enumerate().filter(|(_, word)| word.text == "(") {
        let before = |steps: usize| word(at.checked_sub(steps));
        let (dotted, alone, start) = if before(2) == "." {
            if before(4) == "." {
                continue;
            }
            (format!("{}.{}", before(3), before(1)), "", at.checked_sub(3))
        } else {
            (String::new(), before(1), at.checked_sub(1))
        };
        if let Some(message) = judge(&dotted, alone) {
            let start = start.and_then(|start| words.get(start)).unwrap_or(opening);
            return Some(BadCall { message, line: start.line, column: start.column });
        }
    }
    None
}
