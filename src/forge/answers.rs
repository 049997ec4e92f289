//! What stands in a forge's answers besides what was asked for.

use reqwest::header::{HeaderMap, LINK};
use serde_json::Value;

use super::Secret;

/// So much of a forge's own words about a failure is shown.
pub(super) const LONGEST_WORDS: usize = 300;

/// Reads from `Link` (RFC 8288) whether there is another page. Its address is not followed: the next page is asked for by
/// number, so that no answer can lead elsewhere.
pub(super) fn more(headers: &HeaderMap) -> Option<bool> {
    let link = headers.get(LINK)?.to_str().ok()?;
    Some(
        link.split(',').any(|entry| {
            entry.split(';').skip(1).any(|parameter| matches!(parameter.trim(), "rel=\"next\"" | "rel=next"))
        }),
    )
}

/// Returns the forge's own words about a failure: one line, not long, without the secret.
pub(super) fn words(body: &[u8], secret: &Secret) -> String {
    let json: Option<Value> = serde_json::from_slice(body).ok();
    let field = |name: &str| match json.as_ref()?.get(name)? {
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let words = field("message")
        .or_else(|| field("error"))
        .unwrap_or_else(|| String::from_utf8_lossy(&body[..body.len().min(4 * LONGEST_WORDS)]).into_owned());
    let words = match std::str::from_utf8(secret.expose()) {
        Ok(secret) if !secret.is_empty() => words.replace(secret, "(the token)"),
        Ok(_) | Err(_) => words,
    };
    let mut words: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    words.truncate(words.floor_char_boundary(LONGEST_WORDS));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_page_is_known_from_the_link_header() {
        let next = "<https://a/x?page=2>; rel=\"next\", <https://a/x?page=9>; rel=\"last\"";
        for (link, expected) in
            [(Some(next), Some(true)), (Some("<https://a/x?page=1>; rel=\"first\""), Some(false)), (None, None)]
        {
            let headers = link.map(|link| (LINK, link.parse().expect("a value"))).into_iter().collect();
            assert_eq!(more(&headers), expected);
        }
    }

    #[test]
    fn what_a_forge_says_is_one_line_without_the_token() {
        let secret = Secret::new("hunter2");
        assert_eq!(words(b"{\"message\": \"no\\n\\u001b[31m hunter2\"}", &secret), "no  [31m (the token)");
        assert_eq!(words(b"<html>\x1b hunter2", &secret), "<html>  (the token)");
        assert!(words(&[b'x'; 9000], &secret).len() <= LONGEST_WORDS);
    }
}
