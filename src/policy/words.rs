//! Rego cut into words, for what is looked up in a text before it is evaluated.

use regorus::Source;
use regorus::unstable::{Lexer, TokenKind};

use super::limits::LONGEST_LINE;

/// A name, a symbol, or a literal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// The word itself; of a string or a number only `"`.
    pub(super) text: String,
    /// What stands between the quotes, where the word is a string.
    pub(super) string: Option<String>,
    pub(super) line: u32,
    pub(super) column: u32,
    /// Where it starts in the text, in bytes.
    pub(super) start: usize,
}

/// Cuts Rego into words. Comments are left out. `None` when it is no Rego.
pub(super) fn words(text: &str) -> Option<Vec<Word>> {
    let source = Source::from_contents("rules".to_owned(), text.to_owned()).ok()?;
    let mut lexer = Lexer::new(&source);
    lexer.set_max_col(LONGEST_LINE);
    let mut words = Vec::new();
    loop {
        let token = lexer.next_token().ok()?;
        let (text, string) = match token.0 {
            TokenKind::Ident | TokenKind::Symbol => (token.1.text().to_owned(), None),
            TokenKind::String | TokenKind::RawString => ("\"".to_owned(), Some(token.1.text().to_owned())),
            TokenKind::Number => ("\"".to_owned(), None),
            TokenKind::Eof => return Some(words),
        };
        words.push(Word { text, string, line: token.1.line, column: token.1.col, start: token.1.start as usize });
    }
}
