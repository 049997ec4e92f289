//! `sprintf` as OPA has it, which is Go's `fmt`: the engine's own knows neither precision together with a width nor flags, and
//! fails where Go writes what is wrong into the text. A message that is not quite right must not become a rule that fails.

use regorus::Value;

/// What stands between `%` and the verb.
#[derive(Default)]
struct Flags {
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// An argument as Go gets it from OPA: integers and floats as numbers, everything else as text.
enum Argument {
    Integer(i64),
    Large(String),
    Float(f64),
    Text(String),
}

/// No text is padded or cut to more than this, whatever the format says.
const WIDEST: usize = 10_000;

/// Formats. Every mistake of a format is shown in the text, as in Go.
pub(super) fn sprintf(format: &str, values: &[Value]) -> String {
    let arguments: Vec<Argument> = values.iter().map(argument).collect();
    let mut out = String::with_capacity(format.len() + 32);
    let mut next = 0;
    let mut characters = format.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '%' {
            out.push(character);
            continue;
        }
        let mut flags = Flags::default();
        while let Some(flag) = characters.next_if(|c| "-+# 0".contains(*c)) {
            match flag {
                '-' => flags.minus = true,
                '+' => flags.plus = true,
                '#' => flags.sharp = true,
                ' ' => flags.space = true,
                _ => flags.zero = true,
            }
        }
        flags.width = number(&mut characters);
        if characters.next_if_eq(&'.').is_some() {
            flags.precision = Some(number(&mut characters).unwrap_or(0));
        }
        match characters.next() {
            None => out.push_str("%!(NOVERB)"),
            Some('%') => out.push('%'),
            Some(verb) => {
                match arguments.get(next) {
                    Some(argument) => out.push_str(&written(&flags, verb, argument)),
                    None => out.push_str(&format!("%!{verb}(MISSING)")),
                }
                next += 1;
            }
        }
    }
    if next < arguments.len() {
        let extra: Vec<String> = arguments[next..].iter().map(typed).collect();
        out.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    out
}

fn number(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<usize> {
    let mut found = None;
    while let Some(digit) = characters.peek().and_then(|c| c.to_digit(10)) {
        characters.next();
        let value = found.unwrap_or(0_usize).saturating_mul(10).saturating_add(digit as usize);
        found = Some(value.min(WIDEST));
    }
    found
}

fn argument(value: &Value) -> Argument {
    match value {
        Value::String(text) => Argument::Text(text.to_string()),
        Value::Number(_) => {
            let text = value.to_string();
            if text.contains(['.', 'e', 'E']) {
                return text.parse().map_or(Argument::Text(text), Argument::Float);
            }
            text.parse().map_or_else(|_| Argument::Large(text.clone()), Argument::Integer)
        }
        other => Argument::Text(printed(other)),
    }
}

/// Writes a value as Rego writes it.
pub(super) fn printed(value: &Value) -> String {
    let list = |items: Vec<String>| items.join(", ");
    match value {
        Value::Array(array) => format!("[{}]", list(array.iter().map(printed).collect())),
        Value::Set(set) if set.is_empty() => "set()".to_owned(),
        Value::Set(set) => format!("{{{}}}", list(set.iter().map(printed).collect())),
        Value::Object(object) => {
            let entry = |(key, value)| format!("{}: {}", printed(key), printed(value));
            format!("{{{}}}", list(object.iter().map(entry).collect()))
        }
        Value::String(text) => quoted(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Undefined => value.to_string(),
    }
}

fn typed(argument: &Argument) -> String {
    match argument {
        Argument::Integer(number) => format!("int64={number}"),
        Argument::Large(number) => format!("*big.Int={number}"),
        Argument::Float(number) => format!("float64={}", general(*number, None)),
        Argument::Text(text) => format!("string={text}"),
    }
}

fn written(flags: &Flags, verb: char, argument: &Argument) -> String {
    let (text, is_number) = match (verb, argument) {
        ('v', Argument::Integer(number)) | ('d', Argument::Integer(number)) => {
            (signed(flags, &number.to_string()), true)
        }
        ('v' | 'd', Argument::Large(number)) => (signed(flags, number), true),
        ('b', Argument::Integer(number)) => (based(flags, *number, |number| format!("{number:b}"), "0b"), true),
        ('o', Argument::Integer(number)) => (based(flags, *number, |number| format!("{number:o}"), "0"), true),
        ('x', Argument::Integer(number)) => (based(flags, *number, |number| format!("{number:x}"), "0x"), true),
        ('X', Argument::Integer(number)) => (based(flags, *number, |number| format!("{number:X}"), "0X"), true),
        ('c', Argument::Integer(number)) => (character_of(*number).to_string(), false),
        ('v' | 'g' | 'G', Argument::Float(number)) => (signed(flags, &general(*number, flags.precision)), true),
        ('f' | 'F', Argument::Float(number)) => {
            (signed(flags, &format!("{number:.*}", flags.precision.unwrap_or(6))), true)
        }
        ('e' | 'E', Argument::Float(number)) => {
            let text = exponent(&format!("{number:.*e}", flags.precision.unwrap_or(6)));
            (signed(flags, &if verb == 'E' { text.to_uppercase() } else { text }), true)
        }
        ('v' | 's', Argument::Text(text)) => (cut(flags, text), false),
        ('q', Argument::Text(text)) => (quoted(&cut(flags, text)), false),
        ('q', Argument::Integer(number)) => (quoted_character(*number), false),
        ('x', Argument::Text(text)) => (text.bytes().map(|byte| format!("{byte:02x}")).collect(), false),
        ('X', Argument::Text(text)) => (text.bytes().map(|byte| format!("{byte:02X}")).collect(), false),
        ('T', argument) => (typed(argument).split('=').next().unwrap_or_default().to_owned(), false),
        (verb, argument) => return format!("%!{verb}({})", typed(argument)),
    };
    padded(flags, text, is_number)
}

fn cut(flags: &Flags, text: &str) -> String {
    text.chars().take(flags.precision.unwrap_or(usize::MAX)).collect()
}

/// Quotes as Go's `strconv.Quote` does.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    text.chars().for_each(|character| push_escaped(&mut out, character, '"'));
    out.push('"');
    out
}

/// Quotes a character by its number, as Go's `strconv.QuoteRune` does.
fn quoted_character(number: i64) -> String {
    let mut out = String::from("'");
    push_escaped(&mut out, character_of(number), '\'');
    out.push('\'');
    out
}

fn character_of(number: i64) -> char {
    u32::try_from(number).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn push_escaped(out: &mut String, character: char, quote: char) {
    match character {
        '\\' => out.push_str("\\\\"),
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{b}' => out.push_str("\\v"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        _ if character == quote => {
            out.push('\\');
            out.push(quote);
        }
        _ if is_printed(character) => out.push(character),
        _ => {
            let number = u32::from(character);
            out.push_str(&match number {
                0..=0x7f => format!("\\x{number:02x}"),
                0x80..=0xffff => format!("\\u{number:04x}"),
                _ => format!("\\U{number:08x}"),
            });
        }
    }
}

/// Says whether Go prints a character as it is: of the blanks only the space, no control, format or private ones.
fn is_printed(character: char) -> bool {
    let format = matches!(
        character,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..='\u{10ffff}'
    );
    character == ' ' || !(character.is_control() || character.is_whitespace() || format)
}

fn signed(flags: &Flags, text: &str) -> String {
    match (text.starts_with('-'), flags.plus, flags.space) {
        (false, true, _) => format!("+{text}"),
        (false, false, true) => format!(" {text}"),
        (true, _, _) | (false, false, false) => text.to_owned(),
    }
}

fn based(flags: &Flags, number: i64, write: impl Fn(u64) -> String, prefix: &str) -> String {
    let sign = if number < 0 { "-" } else { "" };
    let prefix = if flags.sharp { prefix } else { "" };
    signed(flags, &format!("{sign}{prefix}{}", write(number.unsigned_abs())))
}

fn padded(flags: &Flags, text: String, is_number: bool) -> String {
    let missing = flags.width.unwrap_or(0).saturating_sub(text.chars().count());
    if missing == 0 {
        return text;
    }
    if flags.minus {
        return format!("{text}{}", " ".repeat(missing));
    }
    if !flags.zero {
        return format!("{}{text}", " ".repeat(missing));
    }
    let (sign, digits) =
        if is_number && text.starts_with(['-', '+', ' ']) { text.split_at(1) } else { ("", text.as_str()) };
    format!("{sign}{}{digits}", "0".repeat(missing))
}

/// Go's `%g`: the shortest text that reads back, with an exponent where the number is very large or very small.
fn general(number: f64, precision: Option<usize>) -> String {
    let scientific = match precision {
        Some(precision) => format!("{number:.*e}", precision.max(1) - 1),
        None => format!("{number:e}"),
    };
    let Some((mantissa, power)) = scientific.split_once('e') else { return scientific };
    let power: i32 = power.parse().unwrap_or(0);
    let limit = match precision {
        Some(precision) => i32::try_from(precision.max(1)).unwrap_or(i32::MAX),
        None => 6,
    };
    if power < -4 || power >= limit {
        let mantissa = if precision.is_some() { trimmed(mantissa) } else { mantissa };
        return exponent(&format!("{mantissa}e{power}"));
    }
    match precision {
        Some(_) => {
            let decimals = usize::try_from(limit - 1 - power).unwrap_or(0);
            trimmed(&format!("{number:.decimals$}")).to_owned()
        }
        None => format!("{number}"),
    }
}

fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// Writes the exponent as Go does: with its sign and at least two digits.
fn exponent(text: &str) -> String {
    let Some((mantissa, power)) = text.split_once('e') else { return text.to_owned() };
    let (sign, power) = power.strip_prefix('-').map_or(("+", power), |power| ("-", power));
    format!("{mantissa}e{sign}{power:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_written_as_go_writes_them() {
        for (format, arguments, expected) in [
            ("%s has %d of %v", r#"["a", 3, 2.5]"#, "a has 3 of 2.5"),
            ("%5d|%-5d|%05d|%+d|% d", "[42, 42, 42, 42, 42]", "   42|42   |00042|+42| 42"),
            (
                "%.2f|%8.3f|%-8.1f|%08.2f|%f",
                "[3.14159, 3.14159, 3.14159, -3.14159, 1.5]",
                "3.14|   3.142|3.1     |-0003.14|1.500000",
            ),
            ("%-5s|%5s|%.2s|%q", r#"["ab", "ab", "abc", "q\"x"]"#, r#"ab   |   ab|ab|"q\"x""#),
            ("%q", r#"["ä\n\t\u0007\u0001\u007f\u00a0\u200b'"]"#, r#""ä\n\t\a\x01\x7f\u00a0\u200b'""#),
            ("%q|%q|%q|%q|%q", "[3, 65, 39, 120, -1]", r"'\x03'|'A'|'\''|'x'|'�'"),
            ("%x|%X|%#x|%o|%b|%c", "[255, 255, 255, 8, 5, 65]", "ff|FF|0xff|10|101|A"),
            ("%v %v %v", r#"[[1, "x"], {"a": null}, true]"#, r#"[1, "x"] {"a": null} true"#),
            ("100%% %s", "[]", "100% %!s(MISSING)"),
            ("%d", r#"["x"]"#, "%!d(string=x)"),
            ("%s", "[3]", "%!s(int64=3)"),
            ("%t", "[true]", "%!t(string=true)"),
            ("none", "[1, \"a\"]", "none%!(EXTRA int64=1, string=a)"),
            ("%", "[]", "%!(NOVERB)"),
            ("%e|%g|%v", "[1234.5, 1.0e25, 1.0e-7]", "1.234500e+03|1e+25|1e-07"),
            ("%v|%v|%g", "[123456.5, 2500000.5, 604800000.5]", "123456.5|2.5000005e+06|6.048000005e+08"),
        ] {
            let Value::Array(values) = Value::from_json_str(arguments).expect("is JSON") else { panic!("a list") };
            let values: Vec<Value> = values.iter().cloned().collect();
            assert_eq!(sprintf(format, &values), expected, "{format}");
        }
    }
}
