//! Mutants of the built-in pack: every rule, changed in one small way, must be caught by a case.
//!
//! A mutant that no case can tell from the rule needs a line in the case file of its subject, or for a file without rules in
//! any: "# equivalent: FILE.rego `THE CHANGED LINE` because REASON".

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Mutex;

use regorus::Source;
use regorus::unstable::{Lexer, TokenKind};

use super::cases::{self, Case};
use super::tests::case_files;
use super::{Pack, builtin_pack};

/// One change to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mutant {
    range: Range<usize>,
    replacement: String,
    line: u32,
    /// What was done, for people.
    what: String,
}

struct Word {
    kind: TokenKind,
    text: String,
    range: Range<usize>,
    line: u32,
}

impl Word {
    /// Says whether it is this name or symbol, and not the same text in a string.
    fn is(&self, text: &str) -> bool {
        matches!(self.kind, TokenKind::Ident | TokenKind::Symbol) && self.text == text
    }
}

fn words(text: &str) -> Vec<Word> {
    let source = Source::from_contents("rules".to_owned(), text.to_owned()).expect("is short");
    let mut lexer = Lexer::new(&source);
    let mut words = Vec::new();
    loop {
        let token = lexer.next_token().expect("is Rego");
        if token.0 == TokenKind::Eof {
            return words;
        }
        let (start, end) = (token.1.start as usize, token.1.end as usize);
        words.push(Word { kind: token.0, text: token.1.text().to_owned(), range: start..end, line: token.1.line });
    }
}

/// What a comparison becomes: the bound moved by an epsilon, and the opposite.
fn flipped(symbol: &str) -> &'static [&'static str] {
    match symbol {
        "<" => &["<=", ">="],
        "<=" => &["<", ">"],
        ">" => &[">=", "<="],
        ">=" => &[">", "<"],
        "==" => &["!="],
        "!=" => &["=="],
        _ => &[],
    }
}

fn mutants(text: &str) -> Vec<Mutant> {
    let words = words(text);
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let mut add = |replacement: String, what: String| {
            found.push(Mutant { range: word.range.clone(), replacement, line: word.line, what });
        };
        match word.kind {
            TokenKind::Symbol => {
                for other in flipped(&word.text) {
                    add((*other).to_owned(), format!("`{}` became `{other}`", word.text));
                }
            }
            TokenKind::Number => {
                if let Ok(number) = word.text.parse::<i128>() {
                    let negative = at > 0 && words[at - 1].is("-");
                    for other in [number + 1, number - 1] {
                        if other >= 0 || !negative {
                            add(other.to_string(), format!("`{number}` became `{other}`"));
                        }
                    }
                }
            }
            TokenKind::Ident if word.text == "not" => add(String::new(), "`not` was dropped".to_owned()),
            TokenKind::Ident | TokenKind::String | TokenKind::RawString | TokenKind::Eof => {}
        }
    }
    found.extend(dropped_conditions(text, &words));
    found
}

/// Every condition that stands on a line of its own in the body of a rule becomes `true`.
fn dropped_conditions(text: &str, words: &[Word]) -> Vec<Mutant> {
    let mut found = Vec::new();
    // Of every bracket that is open: whether it is the body of a rule.
    let mut open: Vec<bool> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let line = words[at].line;
        let end = words[at..].iter().position(|word| word.line != line).map_or(words.len(), |length| at + length);
        let whole = &words[at..end];
        let in_body = open.last() == Some(&true);
        let mut depth = 0_i32;
        let mut closed_outer = false;
        for (index, word) in whole.iter().enumerate() {
            if word.is("{") || word.is("[") || word.is("(") {
                let before = whole[..index].last();
                open.push(word.is("{") && before.is_some_and(|before| before.is("if") || before.is("else")));
                depth += 1;
            } else if word.is("}") || word.is("]") || word.is(")") {
                open.pop();
                depth -= 1;
                closed_outer |= depth < 0;
            }
        }
        let binds = whole.iter().any(|word| word.is(":=") || word.is("some") || word.is("every"));
        if in_body && depth == 0 && !closed_outer && !binds {
            let range = whole[0].range.start..whole[whole.len() - 1].range.end;
            let what = format!("`{}` was dropped", text[range.clone()].trim());
            found.push(Mutant { range, replacement: "true".to_owned(), line, what });
        }
        at = end;
    }
    found
}

fn mutated(text: &str, mutant: &Mutant) -> String {
    format!("{}{}{}", &text[..mutant.range.start], mutant.replacement, &text[mutant.range.end..])
}

fn line_of(text: &str, line: u32) -> &str {
    text.lines().nth(line as usize - 1).unwrap_or_default().trim()
}

/// The mutants that are the same as the rule, as the case files say.
fn equivalents<'a>(texts: impl Iterator<Item = &'a String>) -> BTreeSet<(String, String)> {
    let marks = texts.flat_map(|text| text.lines()).filter_map(|line| line.strip_prefix("# equivalent: "));
    marks
        .map(|mark| {
            let (file, rest) = mark.split_once(" `").expect("names the file, then the line in backticks");
            let (line, reason) = rest.rsplit_once("` because ").expect("gives a reason after the line");
            assert!(reason.len() > 10, "{mark}: the reason says why");
            (format!("policy/{file}"), line.to_owned())
        })
        .collect()
}

struct Work<'a> {
    file: &'a str,
    text: &'a str,
    mutant: Mutant,
}

/// Says whether some case of some subject that contains the file tells the mutant from the rule.
fn is_caught(work: &Work<'_>, subjects: &[(Pack, Vec<Case>)]) -> bool {
    let changed = mutated(work.text, &work.mutant);
    subjects.iter().any(|(pack, cases)| {
        let mut pack = pack.clone();
        let Some(file) = pack.files.iter_mut().find(|(path, _)| path == work.file) else { return false };
        file.1.clone_from(&changed);
        cases::results(&pack, cases).any(|result| !result.holds())
    })
}

#[test]
fn every_mutant_of_a_builtin_rule_is_caught_by_a_case() {
    let pack = builtin_pack();
    let texts = case_files();
    let same = equivalents(texts.values());
    let subjects: Vec<(Pack, Vec<Case>)> = texts
        .iter()
        .map(|(file, text)| (cases::subject(&pack, file), cases::parse(text).expect("is a list of cases")))
        .collect();
    #[expect(clippy::disallowed_methods, reason = "people ask a test for less by its environment")]
    let only = std::env::var("DRIFTLESS_MUTATE").ok();
    let mut queue: Vec<Work<'_>> = Vec::new();
    for (file, text) in &pack.files {
        if only.as_ref().is_none_or(|only| file.contains(only.as_str())) {
            queue.extend(mutants(text).into_iter().map(|mutant| Work { file, text, mutant }));
        }
    }
    let count = queue.len();
    let (queue, survivors) = (Mutex::new(queue), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().expect("no thread panicked").pop();
                    let Some(work) = next else { return };
                    if !is_caught(&work, &subjects) {
                        let changed = mutated(work.text, &work.mutant);
                        let changed = line_of(&changed, work.mutant.line).to_owned();
                        let at = (work.file.to_owned(), changed);
                        let what = format!("{}:{}: {}", work.file, work.mutant.line, work.mutant.what);
                        survivors.lock().expect("no thread panicked").entry(at).or_insert_with(Vec::new).push(what);
                    }
                }
            });
        }
    });
    let survivors = survivors.into_inner().expect("no thread panicked");
    let unexpected: Vec<String> = survivors
        .iter()
        .filter(|(at, _)| !same.contains(at))
        .flat_map(|((_, changed), what)| what.iter().map(move |what| format!("{what}: `{changed}`")))
        .collect();
    assert!(unexpected.is_empty(), "no case catches, of {count} mutants:\n{}", unexpected.join("\n"));
    if only.is_none() {
        let needless: Vec<_> = same.iter().filter(|at| !survivors.contains_key(*at)).collect();
        assert!(needless.is_empty(), "a case catches these after all, or they are no mutants: {needless:#?}");
        assert!(count > 40, "{count}");
    }
}

#[test]
fn mutants_are_made_of_conditions_and_not_of_text() {
    let text = "package a\n\ndeny contains \"1 < 2\" if {\n\tnot input.x\n\tinput.y < 3 # 4 == 4\n\tz := input.z\n}\n";
    let found: Vec<String> =
        mutants(text).iter().map(|mutant| line_of(&mutated(text, mutant), mutant.line).to_owned()).collect();
    assert_eq!(
        found,
        [
            "input.x",
            "input.y <= 3 # 4 == 4",
            "input.y >= 3 # 4 == 4",
            "input.y < 4 # 4 == 4",
            "input.y < 2 # 4 == 4",
            "true",
            "true # 4 == 4",
        ]
    );
}
