//! The value of `sasl.jaas.config`: one login module with its options.

use crate::domain::secret::Secret;

/// What the value says. Cannot be printed: it holds the password.
pub(super) struct Login {
    /// Class name of the login module.
    pub(super) module: String,
    /// Option `username`.
    pub(super) user: String,
    /// Option `password`.
    pub(super) password: Secret,
}

/// Reads the value. Messages never quote it: a misplaced password would be shown.
///
/// The grammar is Kafka's (`clients/.../security/JaasConfig.java`, which is Java's `StreamTokenizer`):
/// `CLASS required|requisite|sufficient|optional KEY=VALUE... ;`, quotes with backslash escapes, Java's comments.
/// Unlike there, a value without quotes may hold any characters up to a blank or `;`.
pub(super) fn parse(text: &str) -> Result<Login, String> {
    let tokens = tokenize(text)?;
    let mut tokens = tokens.into_iter().peekable();
    let module = match tokens.next() {
        Some(Token::Word(module)) if is_class_name(&module) => module,
        Some(_) | None => return Err("it does not start with the class name of a login module".to_owned()),
    };
    match tokens.next() {
        Some(Token::Word(flag))
            if ["required", "requisite", "sufficient", "optional"]
                .iter()
                .any(|known| known.eq_ignore_ascii_case(&flag)) => {}
        Some(_) | None => return Err("`required` is missing after the login module".to_owned()),
    }
    let (mut user, mut password) = (None, None);
    loop {
        match tokens.next() {
            Some(Token::End) => break,
            Some(Token::Word(key)) => {
                let (Some(Token::Equals), Some(Token::Word(value) | Token::Text(value))) =
                    (tokens.next(), tokens.next())
                else {
                    return Err("an option is not of the form `name=\"value\"`".to_owned());
                };
                match key.as_str() {
                    "username" => user = Some(value),
                    "password" => password = Some(Secret::new(value)),
                    "tokenauth" if value.eq_ignore_ascii_case("true") => {
                        return Err("delegation tokens (`tokenauth`) are not supported".to_owned());
                    }
                    _ => {}
                }
            }
            Some(Token::Equals | Token::Text(_)) => {
                return Err("an option is not of the form `name=\"value\"`".to_owned());
            }
            None => return Err("it does not end with `;`".to_owned()),
        }
    }
    if tokens.peek().is_some() {
        return Err("it names more than one login module".to_owned());
    }
    match (user.filter(|user| !user.is_empty()), password.filter(|password| !password.is_empty())) {
        (Some(user), Some(password)) => Ok(Login { module, user, password }),
        (None, _) => Err("the option `username` is missing".to_owned()),
        (_, None) => Err("the option `password` is missing".to_owned()),
    }
}

fn is_class_name(word: &str) -> bool {
    word.ends_with("LoginModule") && word.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '$'))
}

enum Token {
    Word(String),
    Text(String),
    Equals,
    End,
}

fn tokenize(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return Ok(tokens) };
        match first {
            ';' => {
                tokens.push(Token::End);
                rest = &rest[1..];
            }
            '=' => {
                tokens.push(Token::Equals);
                rest = &rest[1..];
            }
            '"' | '\'' => {
                let (value, after) = quoted(&rest[1..], first)?;
                tokens.push(Token::Text(value));
                rest = after;
            }
            _ if rest.starts_with("//") => rest = rest.find('\n').map_or("", |end| &rest[end..]),
            _ if rest.starts_with("/*") => rest = rest.find("*/").map_or("", |end| &rest[end + 2..]),
            _ => {
                // After `=` a word may hold further `=`, as passwords in base64 do.
                let is_value = matches!(tokens.last(), Some(Token::Equals));
                let end =
                    rest.find(|c: char| c.is_whitespace() || c == ';' || (c == '=' && !is_value)).unwrap_or(rest.len());
                tokens.push(Token::Word(rest[..end].to_owned()));
                rest = &rest[end..];
            }
        }
    }
}

/// Reads up to the closing quote; escapes are those of Java's `StreamTokenizer`.
fn quoted(text: &str, quote: char) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        if character == quote {
            return Ok((value, &text[at + character.len_utf8()..]));
        }
        if character != '\\' {
            value.push(character);
            continue;
        }
        let Some((_, escaped)) = characters.next() else { break };
        value.push(match escaped {
            'a' => '\x07',
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            '0'..='7' => {
                let mut code = escaped.to_digit(8).unwrap_or_default();
                let most = if escaped <= '3' { 2 } else { 1 };
                for _ in 0..most {
                    let Some(digit) = characters.peek().and_then(|(_, next)| next.to_digit(8)) else { break };
                    code = code * 8 + digit;
                    characters.next();
                }
                char::from_u32(code).unwrap_or_default()
            }
            other => other,
        });
    }
    Err("a quote is not closed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(String, String), String> {
        parse(text).map(|login| (login.user, String::from_utf8(login.password.expose().to_vec()).unwrap()))
    }

    #[test]
    fn logins_are_read_in_every_spelling() {
        let module = "org.apache.kafka.common.security.scram.ScramLoginModule";
        for (options, user, password) in [
            (r#"required username="alice" password="secret";"#, "alice", "secret"),
            (r#"sufficient password='se"cret' username=alice ;"#, "alice", "se\"cret"),
            (r#"REQUIRED serviceName="kafka" username = "a b" password = "a\"b\\c\101" ;"#, "a b", "a\"b\\cA"),
            ("required /* who */ username=a-b // me\n password=cGFzcw==;", "a-b", "cGFzcw=="),
            ("optional username=\"x\" password=\"1;2=3\";  ", "x", "1;2=3"),
        ] {
            assert_eq!(check(&format!("{module} {options}")), Ok((user.to_owned(), password.to_owned())), "{options}");
        }
    }

    #[test]
    fn what_kafka_refuses_is_refused_without_quoting_it() {
        for (text, message) in [
            ("", "it does not start with the class name of a login module"),
            ("hunter2;", "it does not start with the class name of a login module"),
            ("a.PlainLoginModule username=\"x\" password=\"hunter2\";", "`required` is missing after the login module"),
            ("a.PlainLoginModule required username=\"x\" password=\"hunter2\"", "it does not end with `;`"),
            ("a.PlainLoginModule required username=\"x\" password=\"hunter2;", "a quote is not closed"),
            ("a.PlainLoginModule required username=\"x\";", "the option `password` is missing"),
            ("a.PlainLoginModule required password=\"hunter2\";", "the option `username` is missing"),
            ("a.PlainLoginModule required username x;", "an option is not of the form `name=\"value\"`"),
            (
                "a.PlainLoginModule required username=x password=y; a.PlainLoginModule required username=x password=y;",
                "it names more than one login module",
            ),
            (
                "a.ScramLoginModule required username=x password=y tokenauth=true;",
                "delegation tokens (`tokenauth`) are not supported",
            ),
        ] {
            assert_eq!(check(text), Err(message.to_owned()), "{text}");
        }
    }
}
