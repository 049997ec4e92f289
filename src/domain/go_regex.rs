//! Go's regular expressions (`regexp/syntax`, Perl flags), as Rust's `regex` can read them.

use std::borrow::Cow;
use std::iter::Peekable;
use std::str::CharIndices;

/// Go's bound for counted repetitions, nested ones multiplied.
const MAX_REPETITIONS: u32 = 1000;

const POSIX_CLASSES: &[&str] = &[
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

/// Respells what Rust reads differently. The error says what Go refuses; what both refuse is left to Rust.
pub(crate) fn for_rust(pattern: &str) -> Result<Cow<'_, str>, String> {
    let mut reader = Reader { pattern, signs: pattern.char_indices().peekable(), respelled: String::new(), copied: 0 };
    reader.run()?;
    if reader.copied == 0 {
        return Ok(Cow::Borrowed(pattern));
    }
    reader.respelled.push_str(&pattern[reader.copied..]);
    Ok(Cow::Owned(reader.respelled))
}

struct Reader<'p> {
    pattern: &'p str,
    signs: Peekable<CharIndices<'p>>,
    respelled: String,
    /// Up to where the pattern stands in `respelled`.
    copied: usize,
}

impl<'p> Reader<'p> {
    fn run(&mut self) -> Result<(), String> {
        // For each open group, and the whole: the largest number of repetitions in it.
        let mut groups = vec![1_u32];
        let mut last = 1_u32; // Of the last item.
        let mut after_repetition = false;
        while let Some((at, sign)) = self.signs.next() {
            let repetition = match sign {
                '*' | '+' | '?' => Some(1),
                '{' => self.counted(at)?,
                _ => None,
            };
            if let Some(times) = repetition {
                if after_repetition {
                    return Err(format!("`{sign}` cannot follow another repetition"));
                }
                last = last.saturating_mul(times.max(1));
                if times > MAX_REPETITIONS || (times > 1 && last > MAX_REPETITIONS) {
                    return Err(format!("more than {MAX_REPETITIONS} repetitions"));
                }
                self.skip_if('?'); // Lazy.
            } else {
                let outer = groups.last_mut().expect("the whole pattern is never closed");
                *outer = (*outer).max(last);
                last = 1;
                match sign {
                    '(' => {
                        self.group_flags(at)?;
                        groups.push(1);
                    }
                    ')' if groups.len() > 1 => last = groups.pop().unwrap_or(1),
                    '[' => self.class()?,
                    '\\' => self.escape(at)?,
                    '{' => self.replace(at, at + 1, "\\{"),
                    _ => {}
                }
            }
            if repetition.is_some()
                && let Some(outer) = groups.last_mut()
            {
                *outer = (*outer).max(last);
            }
            after_repetition = repetition.is_some();
        }
        Ok(())
    }

    fn rest(&mut self) -> &'p str {
        match self.signs.peek() {
            Some((at, _)) => &self.pattern[*at..],
            None => "",
        }
    }

    fn here(&mut self) -> usize {
        self.signs.peek().map_or(self.pattern.len(), |(at, _)| *at)
    }

    fn skip_if(&mut self, wanted: char) -> bool {
        self.signs.next_if(|(_, sign)| *sign == wanted).is_some()
    }

    fn skip_to(&mut self, end: usize) {
        while self.signs.next_if(|(at, _)| *at < end).is_some() {}
    }

    fn replace(&mut self, from: usize, to: usize, text: &str) {
        self.respelled.push_str(&self.pattern[self.copied..from]);
        self.respelled.push_str(text);
        self.copied = to;
    }

    /// Reads `{n}`, `{n,}` or `{n,m}`; anything else is a brace.
    fn counted(&mut self, at: usize) -> Result<Option<u32>, String> {
        let Some(length) = self.pattern[at..].find('}') else { return Ok(None) };
        let inner = &self.pattern[at + 1..at + length];
        let (low, high) = inner.split_once(',').map_or((inner, inner), |(low, high)| (low, high));
        let is_count = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_digit())
                && (text.len() == 1 || !text.starts_with('0'))
        };
        if !is_count(low) || !(high.is_empty() || is_count(high)) {
            return Ok(None);
        }
        let count = |text: &str| text.parse::<u32>().unwrap_or(u32::MAX);
        let (low, high) = (count(low), if high.is_empty() { count(low) } else { count(high) });
        if low > high {
            return Err("a repetition's bounds are the wrong way round".to_owned());
        }
        self.skip_to(at + length + 1);
        Ok(Some(high))
    }

    /// Go knows the flags `i`, `m`, `s` and `U`.
    fn group_flags(&mut self, at: usize) -> Result<(), String> {
        let Some(flags) = self.rest().strip_prefix('?') else { return Ok(()) };
        if flags.starts_with("P<") || (flags.starts_with('<') && !flags.starts_with("<=") && !flags.starts_with("<!")) {
            return Ok(());
        }
        let length = flags.find(|sign: char| !"imsU-".contains(sign)).unwrap_or(flags.len());
        if !flags[length..].starts_with([':', ')']) {
            let shown: String = self.pattern[at..].chars().take(4).collect();
            return Err(format!("Go has no `{shown}`"));
        }
        // Flags that hold up to the end of the group are no group.
        let end = at + 2 + length;
        self.skip_to(if flags[length..].starts_with(':') { end + 1 } else { end });
        Ok(())
    }

    /// Reads what follows a backslash, outside of a class.
    fn escape(&mut self, at: usize) -> Result<(), String> {
        let Some((_, sign)) = self.signs.next() else { return Ok(()) }; // Rust refuses it too.
        match sign {
            'Q' => {
                let start = self.here();
                let (end, after) = match self.pattern[start..].find("\\E") {
                    Some(length) => (start + length, start + length + 2),
                    None => (self.pattern.len(), self.pattern.len()),
                };
                let literal = regex::escape(&self.pattern[start..end]);
                self.replace(at, after, &literal);
                self.skip_to(after);
                Ok(())
            }
            'A' | 'b' | 'B' | 'z' => match self.rest().starts_with('{') && sign != 'A' && sign != 'z' {
                true => Err("Go has no `\\b{`".to_owned()),
                false => Ok(()),
            },
            _ => self.character_escape(at, sign),
        }
    }

    /// Reads escapes that may also stand in a class.
    fn character_escape(&mut self, at: usize, sign: char) -> Result<(), String> {
        match sign {
            'd' | 'D' | 's' | 'S' | 'w' | 'W' | 'a' | 'f' | 'n' | 'r' | 't' | 'v' => Ok(()),
            'p' | 'P' | 'x' => {
                let here = self.here();
                if sign != 'x' && self.rest().starts_with("{^") {
                    self.replace(at, here + 2, if sign == 'p' { "\\P{" } else { "\\p{" });
                }
                let length = match self.rest().starts_with('{') {
                    true => self.rest().find('}').map_or(1, |length| length + 1),
                    false => usize::from(sign == 'x') + 1,
                };
                self.skip_to(here + length);
                Ok(())
            }
            '1'..='7' if !self.rest().starts_with(|next: char| ('0'..='7').contains(&next)) => {
                Err(format!("Go has no back references such as `\\{sign}`"))
            }
            '0'..='7' => {
                let start = self.here() - 1;
                let more = self.pattern[start + 1..].bytes().take(2).take_while(|byte| (b'0'..=b'7').contains(byte));
                let end = start + 1 + more.count();
                let code = u32::from_str_radix(&self.pattern[start..end], 8).unwrap_or_default();
                self.replace(at, end, &format!("\\x{{{code:x}}}"));
                self.skip_to(end);
                Ok(())
            }
            '<' | '>' => {
                let end = self.here();
                self.replace(at, end, &sign.to_string());
                Ok(())
            }
            _ if sign.is_ascii() && !sign.is_ascii_alphanumeric() => Ok(()),
            _ => Err(format!("Go has no escape `\\{sign}`")),
        }
    }

    /// Reads a class after its `[`. In Go a `[` in it is itself, `&&`, `--` and `~~` are just signs, and a `-` that is no
    /// part of a range is itself.
    fn class(&mut self) -> Result<(), String> {
        self.skip_if('^');
        let mut is_first = true;
        while let Some((at, sign)) = self.signs.next() {
            match sign {
                ']' if !is_first => return Ok(()),
                '[' if self.rest().starts_with(':') && self.rest().contains(":]") => self.posix_class(at)?,
                '\\' if self.rest().starts_with(['d', 'D', 's', 'S', 'w', 'W', 'p', 'P']) => {
                    let (_, kind) = self.signs.next().expect("it was seen");
                    self.character_escape(at, kind)?;
                }
                _ => self.class_range(at, sign, is_first)?,
            }
            is_first = false;
        }
        Err("a `[` is not closed".to_owned())
    }

    fn posix_class(&mut self, at: usize) -> Result<(), String> {
        let inner = &self.pattern[at + 2..];
        let length = inner.find(":]").unwrap_or_default();
        let name = inner[..length].strip_prefix('^').unwrap_or(&inner[..length]);
        if !POSIX_CLASSES.contains(&name) {
            return Err(format!("there is no class `[:{name}:]`"));
        }
        self.skip_to(at + 2 + length + 2);
        Ok(())
    }

    /// Reads a sign of a class, or a range of them.
    fn class_range(&mut self, at: usize, sign: char, is_first: bool) -> Result<(), String> {
        let low = self.class_sign(at, sign, is_first)?;
        let is_range = self.rest().starts_with('-') && !self.rest().starts_with("-]") && self.rest().len() > 1;
        if !is_range {
            return Ok(());
        }
        self.signs.next();
        let Some((high_at, high_sign)) = self.signs.next() else { return Ok(()) };
        let high = self.class_sign(high_at, high_sign, false)?;
        match (low, high) {
            (Some(low), Some(high)) if high < low => Err(format!("`{low}-{high}` is no range")),
            _ => Ok(()),
        }
    }

    /// Reads one sign; `None` for an escape whose value does not matter here.
    fn class_sign(&mut self, at: usize, sign: char, is_first: bool) -> Result<Option<char>, String> {
        if sign == '\\' {
            let Some((_, escaped)) = self.signs.next() else { return Ok(None) };
            if "dDsSwWpP".contains(escaped) {
                return Err(format!("Go has no escape `\\{escaped}` in a range"));
            }
            self.character_escape(at, escaped)?;
            return Ok((!escaped.is_ascii_alphanumeric()).then_some(escaped));
        }
        let next_is_same = self.rest().starts_with(sign);
        let is_last = self.rest().starts_with(']');
        let misread = match sign {
            '[' => true,
            ']' => is_first,
            '&' | '~' => next_is_same,
            '-' => !is_last && !is_first,
            _ => false,
        };
        if misread {
            self.replace(at, at + 1, &format!("\\{sign}"));
        }
        Ok(Some(sign))
    }
}

#[cfg(test)]
mod tests {
    use super::for_rust;

    #[test]
    fn what_go_takes_is_respelled_for_rust() {
        for (go, rust) in [
            ("", ""),
            ("api-.*|(?i:x)+?y{2,3}", "api-.*|(?i:x)+?y{2,3}"),
            ("(?P<a>b)(?s).", "(?P<a>b)(?s)."),
            ("[a-z0-9_.-]+", "[a-z0-9_.-]+"),
            ("[^-a]", "[^-a]"),
            ("[[:alpha:]\\d]", "[[:alpha:]\\d]"),
            ("[\\w-.]+", "[\\w\\-.]+"),
            ("[\\d-_]", "[\\d\\-_]"),
            ("[[]x", "[\\[]x"),
            ("[a&&b]", "[a\\&&b]"),
            ("[]a]", "[\\]a]"),
            ("[^]a]", "[^\\]a]"),
            ("\\Qa.b\\E+", "a\\.b+"),
            ("\\Qa.b", "a\\.b"),
            ("\\012", "\\x{a}"),
            ("[\\0-\\07]", "[\\x{0}-\\x{7}]"),
            ("\\p{^Greek}\\pL[\\p{Greek}a]", "\\P{Greek}\\pL[\\p{Greek}a]"),
            ("\\p{Greek}\\x{41}\\x41{2}[\\p{^L}\\pN]", "\\p{Greek}\\x{41}\\x41{2}[\\P{L}\\pN]"),
            ("\\<a\\>", "<a>"),
            ("/api/{id}/{0,5}x{,5}", "/api/\\{id}/{0,5}x\\{,5}"),
            ("a{1000}(b{100}){10}", "a{1000}(b{100}){10}"),
            ("[a-\\x{10FFFF}\\x41-B]", "[a-\\x{10FFFF}\\x41-B]"),
        ] {
            let respelled = for_rust(go);
            assert_eq!(respelled.as_deref(), Ok(rust), "{go}");
            assert!(regex::Regex::new(rust).is_ok(), "{rust}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for pattern in [
            "a**",
            "a+*",
            "a{1001}",
            "a{3,2}",
            "(a{100}){11}",
            "(([a-z]{63}\\.){10}){10}",
            "(?x)a",
            "(?=a)",
            "(?<!a)",
            "\\1",
            "\\y",
            "\\u0041",
            "\\Z",
            "[[:foo:]]",
            "[z-a]",
            "[a-\\d]",
            "[a--b]",
            "[a",
            "\\b{start}",
        ] {
            let refused = for_rust(pattern).is_err() || regex::Regex::new(pattern).is_err();
            assert!(refused, "{pattern}");
        }
    }
}
