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

/// Returns text as a Markdown code span, in which nothing but the text itself is shown: no HTML, no link, no mention.
pub fn markdown_code(text: &str) -> String {
    let text = clean(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let space = text.is_empty() || text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']);
    let pad = if space { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Returns a sentence as Markdown: what stands between backticks stays code, and everything else means only itself, so that no
/// HTML, link, image, mention or reference to an issue comes of it.
pub fn markdown_prose(text: &str) -> String {
    let text = clean(text);
    let parts: Vec<&str> = text.split('`').collect();
    // An odd number of backticks does not pair; then none of them is code.
    let pairs = parts.len() % 2 == 1;
    let mut out = String::with_capacity(text.len());
    for (index, part) in parts.iter().enumerate() {
        if pairs && index % 2 == 1 {
            out.push_str(&markdown_code(part));
            continue;
        }
        if !pairs && index > 0 {
            out.push_str("\\`");
        }
        escape_prose(part, &mut out);
    }
    out
}

fn escape_prose(part: &str, out: &mut String) {
    let mut characters = part.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // A code span of its own keeps forges from making a mention or a reference of it.
            '@' => out.push_str("`@`"),
            '#' if characters.peek().is_some_and(char::is_ascii_digit) => out.push_str("`#`"),
            // Bare addresses become links too.
            ':' if characters.peek() == Some(&'/') => out.push_str("&#58;"),
            '\\' | '*' | '_' | '[' | ']' | '(' | ')' | '#' | '|' | '~' | '!' | '{' | '}' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    if let Some(at) = out.rfind("www.") {
        out.replace_range(at + 3..at + 4, "\\.");
    }
}

/// Returns a fenced block that its content cannot leave. Line breaks are kept, everything else is cleaned.
pub(super) fn markdown_block(language: &str, text: &str) -> String {
    let lines: Vec<String> = text.lines().map(clean).collect();
    let longest = lines.iter().flat_map(|line| line.split(|c| c != '`').map(str::len)).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", lines.join("\n"))
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
        ] {
            assert_eq!(markdown_code(raw), safe);
        }
    }

    #[test]
    fn sentences_mean_only_themselves() {
        for (raw, safe) in [
            ("topic `orders_v1` is *bad*", "topic `orders_v1` is \\*bad\\*"),
            ("<img src=x> @admins #12", "&lt;img src=x&gt; `@`admins `#`12"),
            ("see [x](http://evil.example)", "see \\[x\\]\\(http&#58;//evil.example\\)"),
            ("one ` only @x", "one \\` only `@`x"),
            ("www.evil.example", "www\\.evil.example"),
            ("a | b", "a \\| b"),
        ] {
            assert_eq!(markdown_prose(raw), safe);
        }
    }

    #[test]
    fn a_block_outlasts_the_fences_in_it() {
        assert_eq!(markdown_block("yaml", "a\n```\nb"), "````yaml\na\n```\nb\n````\n");
    }
}
