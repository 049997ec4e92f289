//! Whether Go's `text/template` can parse a label or an annotation. Prometheus asks that before it loads a rule file, and
//! refuses the whole file when it cannot.

mod lexer;

use crate::domain::nearest::nearest;

use super::yaml::shorten;
use lexer::Token;

/// What templates may call: Go's own functions and Prometheus' (`template/template.go`, up to 3.x).
const FUNCTIONS: &[&str] = &[
    "and",
    "args",
    "call",
    "eq",
    "externalURL",
    "first",
    "ge",
    "graphLink",
    "gt",
    "html",
    "humanize",
    "humanize1024",
    "humanizeDuration",
    "humanizePercentage",
    "humanizeTimestamp",
    "index",
    "js",
    "label",
    "le",
    "len",
    "lt",
    "match",
    "ne",
    "not",
    "now",
    "or",
    "parseDuration",
    "pathPrefix",
    "print",
    "printf",
    "println",
    "query",
    "reReplaceAll",
    "safeHtml",
    "slice",
    "sortByLabel",
    "stripDomain",
    "stripPort",
    "strvalue",
    "tableLink",
    "title",
    "toDuration",
    "toLower",
    "toTime",
    "toUpper",
    "urlQueryEscape",
    "urlquery",
    "value",
];

/// What Prometheus defines before the template.
const VARIABLES: &[&str] = &["$", "$labels", "$externalLabels", "$externalURL", "$value"];

/// The deepest nesting of brackets.
const MAX_NESTING: usize = 100;

/// Says why the template cannot be parsed; the reason fits after "the template is wrong: ".
pub(crate) fn check(text: &str) -> Result<(), String> {
    if !text.contains("{{") {
        return Ok(());
    }
    let mut parser = Parser { frames: Vec::new(), variables: VARIABLES.to_vec() };
    for action in lexer::actions(text)? {
        parser.action(&mut Tokens { tokens: &action, at: 0 })?;
    }
    match parser.frames.last() {
        Some(frame) => Err(format!("`{{{{ {} }}}}` has no `{{{{ end }}}}`", frame.keyword)),
        None => Ok(()),
    }
}

/// A block whose `end` has not come yet.
struct Frame<'t> {
    keyword: &'t str,
    has_else: bool,
    /// The variables that hold again after it.
    outer: Vec<&'t str>,
}

struct Parser<'t> {
    frames: Vec<Frame<'t>>,
    variables: Vec<&'t str>,
}

/// The tokens of one action, and how far they were read.
struct Tokens<'a, 't> {
    tokens: &'a [Token<'t>],
    at: usize,
}

impl<'t> Tokens<'_, 't> {
    fn next(&mut self) -> Option<Token<'t>> {
        let token = self.tokens.get(self.at).copied();
        self.at += 1;
        token
    }

    fn peek(&self) -> Option<Token<'t>> {
        self.tokens.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek() == Some(Token::Space) {
            self.at += 1;
        }
    }

    fn peek_after_space(&mut self) -> Option<Token<'t>> {
        self.skip_space();
        self.peek()
    }

    fn expect_end(&mut self, after: &str) -> Result<(), String> {
        match self.peek_after_space() {
            None => Ok(()),
            Some(token) => Err(format!("{} cannot follow `{after}`", token.name())),
        }
    }
}

impl<'t> Parser<'t> {
    fn action(&mut self, tokens: &mut Tokens<'_, 't>) -> Result<(), String> {
        let Some(Token::Keyword(keyword)) = tokens.peek_after_space() else {
            return self.pipeline(tokens, "an action", 0);
        };
        if keyword != "nil" {
            tokens.at += 1;
        }
        match keyword {
            "if" | "with" | "range" => {
                self.open(keyword);
                self.pipeline(tokens, keyword, 0)
            }
            "else" => self.otherwise(tokens),
            "end" => {
                let frame = self.frames.pop().ok_or("`{{ end }}` ends nothing")?;
                self.variables = frame.outer;
                tokens.expect_end("end")
            }
            "break" | "continue" => {
                if !self.frames.iter().any(|frame| frame.keyword == "range" && !frame.has_else) {
                    return Err(format!("`{{{{ {keyword} }}}}` stands outside of `range`"));
                }
                tokens.expect_end(keyword)
            }
            "template" => {
                expect_name(tokens, keyword)?;
                match tokens.peek_after_space() {
                    None => Ok(()),
                    Some(_) => self.pipeline(tokens, keyword, 0),
                }
            }
            "define" if self.frames.is_empty() => {
                expect_name(tokens, keyword)?;
                tokens.expect_end("define")?;
                self.open(keyword);
                self.variables = vec!["$"];
                Ok(())
            }
            "block" => {
                expect_name(tokens, keyword)?;
                self.pipeline(tokens, keyword, 0)?;
                self.open(keyword);
                self.variables = vec!["$"];
                Ok(())
            }
            "define" => Err("`{{ define }}` cannot stand inside another block".to_owned()),
            _ => self.pipeline(tokens, "an action", 0),
        }
    }

    fn open(&mut self, keyword: &'t str) {
        self.frames.push(Frame { keyword, has_else: false, outer: self.variables.clone() });
    }

    fn otherwise(&mut self, tokens: &mut Tokens<'_, 't>) -> Result<(), String> {
        let Some(frame) = self.frames.last_mut().filter(|frame| ["if", "with", "range"].contains(&frame.keyword))
        else {
            return Err("`{{ else }}` belongs to nothing".to_owned());
        };
        if frame.has_else {
            return Err(format!("`{{{{ {} }}}}` has a second `{{{{ else }}}}`", frame.keyword));
        }
        let keyword = frame.keyword;
        match tokens.peek_after_space() {
            Some(Token::Keyword(next)) if next == keyword && keyword != "range" => {
                tokens.at += 1;
                self.pipeline(tokens, keyword, 0)
            }
            Some(_) | None => {
                frame.has_else = true;
                tokens.expect_end("else")
            }
        }
    }

    /// Reads commands with `|` between, up to the end of the action or the closing bracket.
    fn pipeline(&mut self, tokens: &mut Tokens<'_, 't>, context: &str, nesting: usize) -> Result<(), String> {
        if nesting > MAX_NESTING {
            return Err("its brackets are nested too deeply".to_owned());
        }
        self.declarations(tokens, context)?;
        let mut n_commands = 0;
        loop {
            match tokens.peek_after_space() {
                None if nesting == 0 => break,
                None => return Err("a bracket is not closed".to_owned()),
                Some(Token::RightBracket) if nesting > 0 => {
                    tokens.at += 1;
                    break;
                }
                Some(token) if !token.starts_operand() => {
                    return Err(format!("{} cannot stand where a value is wanted", token.name()));
                }
                Some(first) => {
                    if n_commands > 0 && first.is_constant() {
                        return Err(format!("{} cannot stand after `|`", first.name()));
                    }
                    self.command(tokens, nesting)?;
                    n_commands += 1;
                }
            }
        }
        if n_commands == 0 { Err(format!("{context} holds no value")) } else { Ok(()) }
    }

    /// Reads `$x :=`, `$x =`, and in `range` also `$key, $value :=`.
    fn declarations(&mut self, tokens: &mut Tokens<'_, 't>, context: &str) -> Result<(), String> {
        let mut n_names = 0;
        while let Some(Token::Variable(name)) = tokens.peek_after_space() {
            let start = tokens.at;
            tokens.at += 1;
            match tokens.peek_after_space() {
                Some(Token::Declare | Token::Assign) => {
                    tokens.at += 1;
                    self.variables.push(name);
                    return Ok(());
                }
                Some(Token::Other(',')) if context == "range" && n_names == 0 => {
                    tokens.at += 1;
                    self.variables.push(name);
                    n_names += 1;
                }
                Some(Token::Other(',')) => return Err(format!("{context} declares too many variables")),
                Some(_) | None => {
                    tokens.at = start;
                    break;
                }
            }
        }
        Ok(())
    }

    fn command(&mut self, tokens: &mut Tokens<'_, 't>, nesting: usize) -> Result<(), String> {
        loop {
            self.operand(tokens, nesting)?;
            let is_spaced = tokens.peek() == Some(Token::Space);
            match tokens.peek_after_space() {
                None | Some(Token::RightBracket) => return Ok(()),
                Some(Token::Pipe) => {
                    tokens.at += 1;
                    return Ok(());
                }
                Some(token) if is_spaced && token.starts_operand() => {}
                Some(token) => return Err(format!("{} cannot stand there", token.name())),
            }
        }
    }

    fn operand(&mut self, tokens: &mut Tokens<'_, 't>, nesting: usize) -> Result<(), String> {
        let Some(token) = tokens.next() else { return Ok(()) };
        match token {
            Token::Identifier(name) if !FUNCTIONS.contains(&name) => {
                let meant = match nearest(name, FUNCTIONS.iter().copied()) {
                    Some(meant) => format!("; did you mean `{meant}`?"),
                    None if name.eq_ignore_ascii_case("labels") => "; write `$labels`".to_owned(),
                    None => String::new(),
                };
                return Err(format!("there is no function `{}`{meant}", shorten(name)));
            }
            Token::Variable(name) if !self.variables.contains(&name) => {
                let meant = match nearest(name, self.variables.iter().copied()) {
                    Some(meant) => format!("; did you mean `{meant}`?"),
                    None => String::new(),
                };
                return Err(format!("there is no variable `{}`{meant}", shorten(name)));
            }
            Token::LeftBracket => self.pipeline(tokens, "a pair of brackets", nesting + 1)?,
            Token::Identifier(_)
            | Token::Variable(_)
            | Token::Keyword(_)
            | Token::Dot
            | Token::Field
            | Token::Boolean
            | Token::Number
            | Token::Text => {}
            // The caller has seen that the token can start an operand.
            Token::Space | Token::Pipe | Token::Declare | Token::Assign | Token::RightBracket | Token::Other(_) => {}
        }
        if token.is_constant() && tokens.peek() == Some(Token::Field) {
            return Err(format!("{} has no fields", token.name()));
        }
        while tokens.peek() == Some(Token::Field) {
            tokens.at += 1;
        }
        Ok(())
    }
}

fn expect_name(tokens: &mut Tokens<'_, '_>, keyword: &str) -> Result<(), String> {
    match tokens.peek_after_space() {
        Some(Token::Text) => {
            tokens.at += 1;
            Ok(())
        }
        Some(_) | None => Err(format!("`{keyword}` wants a name in quotes")),
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn templates_are_read_as_prometheus_reads_them() {
        for (text, fine) in [
            ("plain } text", true),
            ("{{ $value }} of {{ $labels.job }}", true),
            ("{{$labels.job}}{{- $value -}}", true),
            ("{{ printf \"}} %s\" $value }}", true),
            ("{{ `{{` }}", true),
            ("{{/* note */}} x {{- /* note */ -}}", true),
            ("{{ $value | humanize }} {{ $value|printf \"%.2f\"}}%", true),
            ("{{ $value\n  | humanizeDuration }}", true),
            ("{{ with query \"up\" }}{{ . | first | value }}{{ else }}none{{ end }}", true),
            ("{{ range $i, $e := query \"up\" }}{{ $e.Labels.job }}{{ break }}{{ end }}", true),
            ("{{ if eq $labels.a \"b\" }}x{{ else if gt $value 1.5 }}y{{ else }}z{{ end }}", true),
            ("{{ $x := 1 }}{{ $x }}", true),
            ("{{ (query \"up\" | first).Value }}", true),
            ("{{ define \"x\" }}{{ $.A }}{{ end }}{{ template \"x\" . }}", true),
            ("{{ reReplaceAll \"a\\\\.b\" \"$1\" $labels.x }}", true),
            ("{{ $externalLabels.cluster }} {{ $externalURL }} {{ .Labels.job }} {{ .Value }}", true),
            ("{{ $value }", false),
            ("{{ $value", false),
            ("{{ \"open }}", false),
            ("{{ }}", false),
            ("{{ $valu }}", false),
            ("{{ labels.job }}", false),
            ("{{ $value | humanise }}", false),
            ("{{ $value * 100 }}", false),
            ("{{ $value | \"x\" }}", false),
            ("{{ $labels[\"job\"] }}", false),
            ("{{ $labels.my-label }}", false),
            ("{{ $labels. }}", false),
            ("{{ printf '%.2f' $value }}", false),
            ("{{ reReplaceAll \"a\\.b\" \"\" $labels.x }}", false),
            ("{{{ $labels.job }}}", false),
            ("{{-$value}}", false),
            ("{{ /* note */ }}", false),
            ("{{/* note }}", false),
            ("{{ (printf \"%s\" $value }}", false),
            ("{{ $value) }}", false),
            ("{{ if $value }}x", false),
            ("{{ if }}x{{ end }}", false),
            ("{{ end }}", false),
            ("{{ else }}", false),
            ("{{ if $value }}{{ else }}{{ else }}{{ end }}", false),
            ("{{ break }}", false),
            ("{{ range $i, $e := query \"up\" }}{{ end }}{{ $i }}", false),
            ("{{ define \"x\" }}{{ $value }}{{ end }}", false),
        ] {
            assert_eq!(check(text).is_ok(), fine, "{text}: {:?}", check(text));
        }
        let deep = format!("{{{{ {}1{} }}}}", "(".repeat(100_000), ")".repeat(100_000));
        assert!(check(&deep).is_err());
    }

    #[test]
    fn what_was_meant_is_said() {
        let reason = |text| check(text).unwrap_err();
        assert_eq!(reason("{{ $label.job }}"), "there is no variable `$label`; did you mean `$labels`?");
        assert_eq!(reason("{{ humanise $value }}"), "there is no function `humanise`; did you mean `humanize`?");
        assert_eq!(reason("{{ if $value }}x"), "`{{ if }}` has no `{{ end }}`");
    }
}
