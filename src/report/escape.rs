//! Text of others, made safe for terminals and Markdown.

use std::fmt::Write as _;

/// Returns text in which nothing can move the cursor, colour the terminal, hide or turn around its neighbours: control
/// characters, line breaks, bidirectional marks and invisible characters become visible escapes.
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() || is_deceptive(c) => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// Returns text made safe line by line, for text that has several lines on purpose.
pub fn clean_lines(text: &str) -> String {
    text.split('\n').map(clean).collect::<Vec<_>>().join("\n")
}

/// Characters that change how others are shown, or that nobody sees (Unicode: bidirectional controls, zero width, line and
/// paragraph separators, tags, variation selectors of the supplement).
pub(super) fn is_deceptive(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e01ef}'
    )
}

/// Returns a sentence with its final mark.
pub(super) fn closed(sentence: &str) -> String {
    if sentence.ends_with(['.', '?', '!']) { sentence.to_owned() } else { format!("{sentence}.") }
}

/// Joins the entries of a list as far as they fit in `most` bytes, and counts the others.
pub(super) fn within(entries: impl Iterator<Item = String>, most: usize) -> String {
    let mut out = String::new();
    let mut left_out = 0_usize;
    for entry in entries {
        if left_out > 0 || out.len() + entry.len() > most {
            left_out += 1;
        } else {
            out.push_str(&entry);
        }
    }
    if left_out > 0 {
        out.push_str(&format!("- … and {left_out} more\n"));
    }
    out
}

/// Returns text cut to a number of characters, with the number that is missing.
pub(super) fn cut(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.to_owned();
    }
    let head: String = text.chars().take(most).collect();
    format!("{head}… ({} more characters)", length - most)
}

/// A longer run in a name is shown as escapes: cmark-gfm, which GitHub uses, takes no run of more than 80 for a code span.
const MOST_BACKTICKS: usize = 20;

/// Returns text as a Markdown code span, in which nothing but the text itself is shown: no HTML, no link, no mention.
pub fn markdown_code(text: &str) -> String {
    let mut text = clean(text);
    let mut longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    if longest > MOST_BACKTICKS {
        (text, longest) = (text.replace('`', "\\u{60}"), 0);
    }
    let fence = "`".repeat(longest + 1);
    let space = text.is_empty() || text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']);
    let pad = if space { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Returns a sentence as Markdown that means only itself. What stands between backticks stays code, words are words, and
/// everything else becomes code too: no HTML, link, image, emphasis, mention, label, formula, emoji, or reference to an issue,
/// a merge request or a commit comes of code, at any forge.
pub fn markdown_prose(text: &str) -> String {
    let text = clean(text);
    let parts: Vec<&str> = text.split('`').collect();
    // An odd number of backticks does not pair; then none of them is a mark.
    if parts.len().is_multiple_of(2) {
        let mut prose = Prose::default();
        prose.words(&text);
        return prose.out;
    }
    let mut prose = Prose::default();
    for (index, part) in parts.iter().enumerate() {
        if index % 2 == 1 {
            prose.code(part);
        } else {
            prose.words(part);
        }
    }
    prose.out
}

#[derive(Default)]
struct Prose {
    out: String,
    ends_with_code: bool,
}

impl Prose {
    fn words(&mut self, text: &str) {
        let mut rest = text;
        while !rest.is_empty() {
            let blank = rest.len() - rest.trim_start_matches(' ').len();
            if blank > 0 && !self.out.is_empty() {
                self.out.push(' ');
                self.ends_with_code = false;
            }
            rest = &rest[blank..];
            let word = &rest[..rest.find(' ').unwrap_or(rest.len())];
            rest = &rest[word.len()..];
            if word.is_empty() {
                continue;
            }
            if is_plain(word, self.out.is_empty()) {
                self.out.push_str(word);
                self.ends_with_code = false;
            } else {
                self.code(word);
            }
        }
    }

    fn code(&mut self, text: &str) {
        // Two spans without a space would be one, with backticks in it.
        if self.ends_with_code || self.out.ends_with('`') {
            self.out.push(' ');
        }
        self.out.push_str(&markdown_code(text));
        self.ends_with_code = true;
    }
}

/// Says whether a word means nothing but itself in Markdown as the forges read it.
fn is_plain(word: &str, is_first: bool) -> bool {
    let body = word.trim_end_matches([':', '!', '%']);
    let first = body.chars().next();
    let known = |c: char| c.is_alphanumeric() || "'\",.;()?-/→…–—’“”".contains(c);
    let number = body.trim_end_matches(['.', ')']);
    let starts_list = is_first
        && (first.is_none_or(|c| !c.is_alphanumeric() && c != '(')
            || (number.len() < body.len() && number.chars().all(|c| c.is_ascii_digit())));
    // Such as the key of an issue, `GH-12`.
    let is_key = body.as_bytes().windows(2).any(|pair| pair[0] == b'-' && pair[1].is_ascii_digit());
    // Such as the id of a commit.
    let is_digest =
        body.len() >= 7 && body.chars().all(|c| c.is_ascii_hexdigit()) && body.chars().any(|c| c.is_ascii_digit());
    let means_more = first == Some('/') || starts_list || is_key || is_digest;
    body.chars().all(known) && !means_more && !body.to_ascii_lowercase().contains("www.")
}

/// Returns a fenced block that its content cannot leave. Line breaks are kept, everything else is cleaned.
pub(super) fn markdown_block(language: &str, text: &str) -> String {
    let lines: Vec<String> = text.lines().map(clean).collect();
    let fence = fence(lines.iter().map(String::as_str));
    format!("{fence}{language}\n{}\n{fence}\n", lines.join("\n"))
}

/// Returns a fence that none of these texts closes.
pub(super) fn fence<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let longest = texts.flat_map(|text| text.split(|c| c != '`').map(str::len)).max().unwrap_or(0);
    "`".repeat(longest.max(2) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_invisible_reaches_a_terminal() {
        for (raw, safe) in [
            ("plain ü ✓", "plain ü ✓"),
            ("a\u{1b}[31mb", "a\\u{1b}[31mb"),
            ("a\nb\r\t", "a\\nb\\r\\t"),
            ("ab\u{202e}cd\u{2066}", "ab\\u{202e}cd\\u{2066}"),
            ("zero\u{200b}width\u{feff}", "zero\\u{200b}width\\u{feff}"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
        ] {
            assert_eq!(clean(raw), safe);
        }
    }

    #[test]
    fn names_cannot_leave_their_code_span() {
        for (raw, safe) in [
            ("orders", "`orders`"),
            ("a`b", "``a`b``"),
            ("`", "`` ` ``"),
            ("", "`  `"),
            ("a\n```\n@team <b>", "````a\\n```\\n@team <b>````"),
            (&"`".repeat(21), &format!("`{}`", "\\u{60}".repeat(21))),
        ] {
            assert_eq!(markdown_code(raw), safe);
        }
    }

    #[test]
    fn sentences_mean_only_themselves() {
        for (raw, safe) in [
            ("topic `orders_v1` is *bad*, at 50%: why?", "topic `orders_v1` is `*bad*,` at 50%: why?"),
            ("<img src=x> @admins #12", "`<img` `src=x>` `@admins` `#12`"),
            ("see [x](http://evil.example)", "see `[x](http://evil.example)`"),
            ("one ` only @x", "one `` ` `` only `@x`"),
            ("`x`@y", "`x` `@y`"),
            ("`a``b`", "`a` `b`"),
            ("(www.evil.example) WWW.evil.example", "`(www.evil.example)` `WWW.evil.example`"),
            ("a | b - c", "a `|` b - c"),
            ("- list", "`-` list"),
            ("1. list 1. no list", "`1.` list 1. no list"),
            (
                "!12 $x$ ~bug &amp; :smile: GH-12 deadbeef1 /close",
                "`!12` `$x$` `~bug` `&amp;` `:smile:` `GH-12` `deadbeef1` `/close`",
            ),
            ("read/write, 3 brokers (min. 2)", "read/write, 3 brokers (min. 2)"),
            ("  two  blanks ", "two blanks "),
            ("", ""),
        ] {
            assert_eq!(markdown_prose(raw), safe);
        }
    }

    #[test]
    fn a_block_outlasts_the_fences_in_it() {
        assert_eq!(markdown_block("yaml", "a\n```\nb"), "````yaml\na\n```\nb\n````\n");
    }
}
