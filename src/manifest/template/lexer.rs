//! The tokens of Go's templates (`text/template/parse/lex.go`).

/// One token of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'t> {
    Space,
    Pipe,
    Declare,
    Assign,
    LeftBracket,
    RightBracket,
    Dot,
    /// `.name`
    Field,
    /// With its `$`.
    Variable(&'t str),
    Identifier(&'t str),
    Keyword(&'t str),
    Boolean,
    /// A number or a character.
    Number,
    /// A string of either kind.
    Text,
    Other(char),
}

const KEYWORDS: &[&str] =
    &["block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template", "with"];

impl Token<'_> {
    pub(super) fn starts_operand(self) -> bool {
        match self {
            Self::LeftBracket
            | Self::Dot
            | Self::Field
            | Self::Variable(_)
            | Self::Identifier(_)
            | Self::Boolean
            | Self::Number
            | Self::Text => true,
            Self::Keyword(word) => word == "nil",
            Self::Space | Self::Pipe | Self::Declare | Self::Assign | Self::RightBracket | Self::Other(_) => false,
        }
    }

    /// What cannot be called, and has no fields.
    pub(super) fn is_constant(self) -> bool {
        matches!(self, Self::Boolean | Self::Number | Self::Text | Self::Dot | Self::Keyword("nil"))
    }

    /// Names the token for messages.
    pub(super) fn name(self) -> String {
        let fixed = match self {
            Self::Variable(name) | Self::Identifier(name) | Self::Keyword(name) => return format!("`{name}`"),
            Self::Other(sign) => return format!("`{sign}`"),
            Self::Space => "a space",
            Self::Pipe => "`|`",
            Self::Declare => "`:=`",
            Self::Assign => "`=`",
            Self::LeftBracket => "`(`",
            Self::RightBracket => "`)`",
            Self::Dot => "`.`",
            Self::Field => "a field",
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::Text => "a string",
        };
        fixed.to_owned()
    }
}

/// Returns the tokens of every action of a text; comments are left out.
pub(super) fn actions(text: &str) -> Result<Vec<Vec<Token<'_>>>, String> {
    let mut actions = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        rest = &rest[at + 2..];
        if rest.starts_with('-') && rest[1..].starts_with(is_space) {
            rest = &rest[2..];
        }
        if let Some(comment) = rest.strip_prefix("/*") {
            let end = comment.find("*/").ok_or("a comment is not closed")?;
            rest = after_action(&comment[end + 2..]).ok_or("a comment must end directly before `}}`")?;
            continue;
        }
        let mut lexer = Lexer { rest, depth: 0, tokens: Vec::new() };
        lexer.run()?;
        rest = lexer.rest;
        actions.push(lexer.tokens);
    }
    Ok(actions)
}

fn is_space(sign: char) -> bool {
    matches!(sign, ' ' | '\t' | '\r' | '\n')
}

fn is_alphanumeric(sign: char) -> bool {
    sign == '_' || sign.is_alphanumeric()
}

/// Cuts `}}`, or `-}}` after a space.
fn after_action(text: &str) -> Option<&str> {
    text.strip_prefix("}}").or_else(|| text.starts_with(is_space).then(|| text[1..].strip_prefix("-}}")).flatten())
}

struct Lexer<'t> {
    rest: &'t str,
    depth: usize,
    tokens: Vec<Token<'t>>,
}

impl<'t> Lexer<'t> {
    fn run(&mut self) -> Result<(), String> {
        loop {
            if let Some(after) = after_action(self.rest) {
                self.rest = after;
                return if self.depth == 0 { Ok(()) } else { Err("a bracket is not closed".to_owned()) };
            }
            let Some(sign) = self.rest.chars().next() else { return Err("`{{` is not closed with `}}`".to_owned()) };
            let token = match sign {
                _ if is_space(sign) => self.one(Token::Space),
                '"' => self.quoted('"')?,
                '\'' => self.quoted('\'')?,
                '`' => self.raw()?,
                '$' => Token::Variable(self.name("$")?),
                '.' if !self.rest[1..].starts_with(|next: char| next.is_ascii_digit()) => match self.name(".")? {
                    "." => Token::Dot,
                    _ => Token::Field,
                },
                '.' | '+' | '-' | '0'..='9' => self.number()?,
                _ if is_alphanumeric(sign) => match self.name("")? {
                    "true" | "false" => Token::Boolean,
                    word if KEYWORDS.contains(&word) => Token::Keyword(word),
                    word => Token::Identifier(word),
                },
                '|' => self.one(Token::Pipe),
                '=' => self.one(Token::Assign),
                ':' if self.rest.starts_with(":=") => {
                    self.rest = &self.rest[1..];
                    self.one(Token::Declare)
                }
                '(' => {
                    self.depth += 1;
                    self.one(Token::LeftBracket)
                }
                ')' => {
                    self.depth = self.depth.checked_sub(1).ok_or("a closing bracket has no opening one")?;
                    self.one(Token::RightBracket)
                }
                '!'..='~' => self.one(Token::Other(sign)),
                _ => return Err(format!("`{sign}` cannot stand between the braces")),
            };
            self.tokens.push(token);
        }
    }

    fn one(&mut self, token: Token<'t>) -> Token<'t> {
        let mut signs = self.rest.chars();
        signs.next();
        self.rest = signs.as_str();
        token
    }

    /// Reads a name after its prefix, and what may follow one.
    fn name(&mut self, prefix: &str) -> Result<&'t str, String> {
        let body = &self.rest[prefix.len()..];
        let end = prefix.len() + body.find(|sign| !is_alphanumeric(sign)).unwrap_or(body.len());
        let (name, rest) = self.rest.split_at(end);
        let ends = rest.is_empty()
            || rest.starts_with(|next| is_space(next) || ".,|:)(".contains(next))
            || rest.starts_with("}}");
        if !ends {
            let next = rest.chars().next().unwrap_or(' ');
            return Err(format!("`{next}` cannot follow `{}`", super::shorten(name)));
        }
        self.rest = rest;
        Ok(name)
    }

    fn raw(&mut self) -> Result<Token<'t>, String> {
        let end = self.rest[1..].find('`').ok_or("a string is not closed")?;
        self.rest = &self.rest[end + 2..];
        Ok(Token::Text)
    }

    /// Reads a string, or a character.
    fn quoted(&mut self, quote: char) -> Result<Token<'t>, String> {
        let mut n_signs = 0;
        let mut signs = self.rest[1..].chars();
        loop {
            match signs.next() {
                None | Some('\n') => return Err("a string is not closed".to_owned()),
                Some('\\') => skip_escape(&mut signs, quote)?,
                Some(sign) if sign == quote => break,
                Some(_) => {}
            }
            n_signs += 1;
        }
        self.rest = signs.as_str();
        match quote {
            '"' => Ok(Token::Text),
            _ if n_signs == 1 => Ok(Token::Number),
            _ => Err("single quotes hold one character; strings stand in double quotes or backticks".to_owned()),
        }
    }

    fn number(&mut self) -> Result<Token<'t>, String> {
        let text = self.rest;
        let bytes = text.as_bytes();
        let mut at = usize::from(matches!(bytes[0], b'+' | b'-'));
        let is_hex = text[at..].starts_with("0x") || text[at..].starts_with("0X");
        if is_hex || ["0o", "0O", "0b", "0B"].iter().any(|prefix| text[at..].starts_with(prefix)) {
            at += 2;
        }
        let digits = |at: &mut usize| {
            while bytes.get(*at).is_some_and(|b| *b == b'_' || b.is_ascii_digit() || (is_hex && b.is_ascii_hexdigit()))
            {
                *at += 1;
            }
        };
        digits(&mut at);
        if bytes.get(at) == Some(&b'.') {
            at += 1;
            digits(&mut at);
        }
        if bytes.get(at).is_some_and(|byte| matches!(byte, b'e' | b'E' | b'p' | b'P')) {
            at += 1;
            at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
            digits(&mut at);
        }
        at += usize::from(bytes.get(at) == Some(&b'i'));
        if text[at..].starts_with(is_alphanumeric) || !text[..at].contains(|sign: char| sign.is_ascii_digit()) {
            return Err(format!("`{}` is not a number", super::shorten(text[..at].trim_end())));
        }
        self.rest = &text[at..];
        Ok(Token::Number)
    }
}

/// Skips what follows a backslash, as `strconv.Unquote` takes it.
fn skip_escape(signs: &mut std::str::Chars<'_>, quote: char) -> Result<(), String> {
    let n_more = match signs.next() {
        Some('a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\') => 0,
        Some(sign) if sign == quote => 0,
        Some('x') => 2,
        Some('u') => 4,
        Some('U') => 8,
        Some('0'..='7') => 2,
        Some(sign) => {
            return Err(format!("`\\{sign}` means nothing in a string; write `\\\\{sign}`, or use backticks"));
        }
        None => return Err("a string is not closed".to_owned()),
    };
    for _ in 0..n_more {
        if !signs.next().is_some_and(|sign| sign.is_ascii_hexdigit()) {
            return Err("a string holds half an escape".to_owned());
        }
    }
    Ok(())
}
