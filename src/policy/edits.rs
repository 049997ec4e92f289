//! Changes to the text of a file, put in all at once.

/// What is replaced, from which byte to which, and by what. With the same start and end it is put in between.
pub(super) type Edit = (usize, usize, String);

/// Returns the text with the changes, which do not overlap; nothing when there are none.
pub(super) fn edited(text: &str, mut edits: Vec<Edit>) -> Option<String> {
    if edits.is_empty() {
        return None;
    }
    edits.sort();
    let added: usize = edits.iter().map(|(_, _, replacement)| replacement.len()).sum();
    let mut out = String::with_capacity(text.len() + added);
    let mut done = 0;
    for (start, end, replacement) in edits {
        out.push_str(text.get(done..start)?);
        out.push_str(&replacement);
        done = end;
    }
    out.push_str(text.get(done..)?);
    Some(out)
}
