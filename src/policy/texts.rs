//! Functions on texts as OPA has them, which are Go's: `strings.count` counts what does not overlap, `strings.replace_n` replaces all at
//! once, and a glob may have empty alternatives (`orders{,-dlq}`).

use regorus::Value;

use super::regexes::compiled;

/// Functions and the number of their arguments.
pub(super) const FUNCTIONS: [(&str, u8); 3] = [("glob.match", 3), ("strings.count", 2), ("strings.replace_n", 2)];

/// Calls one of them. The error fits behind the function's name.
pub(super) fn call(name: &str, arguments: &[Value]) -> Result<Value, String> {
    match (name, arguments) {
        ("glob.match", [Value::String(pattern), delimiters, Value::String(text)]) => {
            let regex = glob(pattern, &separators(delimiters)?)?;
            Ok(Value::from(compiled(&regex)?.is_match(text)))
        }
        ("strings.count", [Value::String(text), Value::String(part)]) => {
            let count = if part.is_empty() { text.chars().count() + 1 } else { text.matches(part.as_ref()).count() };
            Ok(Value::from(count))
        }
        ("strings.replace_n", [Value::Object(patterns), Value::String(text)]) => {
            let mut pairs = Vec::new();
            for (old, new) in patterns.iter() {
                match (old, new) {
                    (Value::String(old), Value::String(new)) => pairs.push((old.as_ref(), new.as_ref())),
                    _ => return Err("expects an object of strings".to_owned()),
                }
            }
            pairs.sort_unstable();
            Ok(Value::from(replaced(&pairs, text)))
        }
        _ => Err("expects other arguments".to_owned()),
    }
}

/// Replaces in one go, as Go's `strings.Replacer` does: at each place the first pattern that fits, and nothing that was put in.
fn replaced(pairs: &[(&str, &str)], text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut after_nothing) = (text, false);
    loop {
        let found = pairs.iter().find(|(old, _)| rest.starts_with(old) && !(old.is_empty() && after_nothing));
        if let Some((old, new)) = found {
            out.push_str(new);
            rest = &rest[old.len()..];
            after_nothing = old.is_empty();
            continue;
        }
        after_nothing = false;
        let mut signs = rest.chars();
        match signs.next() {
            Some(sign) => out.push(sign),
            None => return out,
        }
        rest = signs.as_str();
    }
}

/// What `*` and `?` stop at: the dot where the list is empty, and nothing where it is null.
fn separators(delimiters: &Value) -> Result<String, String> {
    let wrong = || "expects a list of single characters, or null, as delimiters".to_owned();
    match delimiters {
        Value::Null => Ok(String::new()),
        Value::Array(list) if list.is_empty() => Ok(".".to_owned()),
        Value::Array(list) => {
            let single = |item: &Value| match item {
                Value::String(text) if text.chars().count() == 1 => Ok(text.to_string()),
                _ => Err(wrong()),
            };
            list.iter().map(single).collect()
        }
        _ => Err(wrong()),
    }
}

/// Writes a glob as a regular expression.
fn glob(pattern: &str, separators: &str) -> Result<String, String> {
    let literal = |sign: char| regex::escape(sign.encode_utf8(&mut [0; 4]));
    let within = if separators.is_empty() { ".".to_owned() } else { format!("[^{}]", regex::escape(separators)) };
    let mut out = String::from("(?s)^");
    let mut depth = 0_usize;
    let mut signs = pattern.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '*' if signs.next_if_eq(&'*').is_some() => out.push_str(".*"),
            '*' => out.push_str(&format!("{within}*")),
            '?' => out.push_str(&within),
            '{' => {
                depth += 1;
                out.push_str("(?:");
            }
            '}' if depth > 0 => {
                depth -= 1;
                out.push(')');
            }
            ',' if depth > 0 => out.push('|'),
            '[' => out.push_str(&class(&mut signs).ok_or("got a pattern with a class that is not good")?),
            '\\' => out.push_str(&literal(signs.next().ok_or("got a pattern that ends in a backslash")?)),
            other => out.push_str(&literal(other)),
        }
    }
    if depth > 0 { Err("got a pattern with an open brace".to_owned()) } else { Ok(out + "$") }
}

/// Reads a class behind its bracket: a single range (`a-z`), or the characters one by one. `!` negates.
fn class(signs: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
    let not = if signs.next_if_eq(&'!').is_some() { "^" } else { "" };
    let escaped = |sign: char| regex::escape(sign.encode_utf8(&mut [0; 4])).replace('^', "\\^");
    let mut members = Vec::new();
    loop {
        match signs.next()? {
            ']' if !members.is_empty() => break,
            '\\' => members.push(escaped(signs.next()?)),
            '-' if members.len() == 1 => {
                let (low, high) = (members.pop()?, escaped(signs.next()?));
                signs.next_if_eq(&']')?;
                return Some(format!("[{not}{low}-{high}]"));
            }
            other => members.push(escaped(other)),
        }
    }
    Some(format!("[{not}{}]", members.concat()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(name: &str, arguments: serde_json::Value) -> Result<serde_json::Value, String> {
        let arguments: Vec<Value> = arguments.as_array().expect("a list").iter().cloned().map(Value::from).collect();
        call(name, &arguments).map(|value| serde_json::to_value(&value).expect("JSON"))
    }

    #[test]
    fn globs_match_as_in_opa() {
        for (pattern, delimiters, text, expected) in [
            ("orders{,-dlq}", json!([]), "orders", true),
            ("orders{,-dlq}", json!([]), "orders-dlq", true),
            ("orders{,-dlq}", json!([]), "orders-", false),
            ("*.orders", json!([]), "eu.orders", true),
            ("*.orders", json!([]), "eu.west.orders", false),
            ("**.orders", json!([]), "eu.west.orders", true),
            ("*-orders", json!(["-"]), "eu.west-orders", true),
            ("*-orders", json!(["-"]), "eu-west-orders", false),
            ("a*z", json!(null), "a.b-z", true),
            ("a?z", json!(null), "a.z", true),
            ("a?z", json!([]), "a.z", false),
            ("[a-c]x", json!([]), "bx", true),
            ("[!a-c]x", json!([]), "bx", false),
            ("[ab^]x", json!([]), "^x", true),
            ("[!ab]x", json!([]), "cx", true),
            ("{a*,b{c,d}}", json!([]), "bd", true),
            ("a\\*", json!([]), "a*", true),
            ("a\\*", json!([]), "ab", false),
            ("a+(b)", json!([]), "a+(b)", true),
            ("*", json!([]), "a\nb", true),
        ] {
            let found = answer("glob.match", json!([pattern, delimiters, text]));
            assert_eq!(found, Ok(json!(expected)), "{pattern} on {text}");
        }
        for pattern in ["{a", "[a", "[a-", "[a-zA-Z]", "a\\"] {
            assert!(answer("glob.match", json!([pattern, [], "a"])).is_err(), "{pattern}");
        }
        assert!(answer("glob.match", json!(["a", ["ab"], "a"])).is_err());
    }

    #[test]
    fn texts_are_counted_and_replaced_as_in_go() {
        for (name, arguments, expected) in [
            ("strings.count", json!(["11111", "11"]), json!(2)),
            ("strings.count", json!(["äb", ""]), json!(3)),
            ("strings.replace_n", json!([{"a": "b", "b": "a"}, "aabb"]), json!("bbaa")),
            ("strings.replace_n", json!([{"a": "1", "ab": "2"}, "abab"]), json!("1b1b")),
            ("strings.replace_n", json!([{"": "X"}, "ab"]), json!("XaXbX")),
            ("strings.replace_n", json!([{"": "X", "a": "Y"}, "ab"]), json!("XYXbX")),
        ] {
            assert_eq!(answer(name, arguments.clone()), Ok(expected), "{name} {arguments}");
        }
        assert!(answer("strings.replace_n", json!([{"a": 1}, "a"])).is_err());
    }
}
