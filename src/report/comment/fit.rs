//! Sections, cut to what a forge takes.

use std::fmt::Write as _;

/// A part of a comment: what stands before its entries, the entries, and what stands after.
#[derive(Debug, Default)]
pub(super) struct Section {
    /// What the entries are, for the line that says how many were cut: `changes of topics`.
    pub(super) what: &'static str,
    /// The lower, the later it is cut.
    pub(super) rank: u8,
    /// How many in a hundred bytes it may take before others are looked at, when not everything fits.
    pub(super) share: usize,
    pub(super) before: String,
    pub(super) entries: Vec<Entry>,
    pub(super) after: String,
}

/// What is shown as a whole or not at all.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) text: String,
    /// How many of what is counted it stands for.
    pub(super) count: usize,
}

impl From<String> for Entry {
    fn from(text: String) -> Self {
        Self { text, count: 1 }
    }
}

impl Section {
    fn bytes(&self) -> usize {
        self.entries.iter().map(|entry| entry.text.len()).sum()
    }

    fn count(&self) -> usize {
        self.entries.iter().map(|entry| entry.count).sum()
    }
}

/// A line such as `… and 9,812 more changes of topics`, and one for the list of what was cut.
const NOTE: usize = 150;

/// Writes the sections in their order in at most `room` bytes. What does not fit is cut from the end of a section's entries,
/// in the sections with the highest rank first, and counted.
pub(super) fn fit(sections: &[Section], room: usize) -> String {
    let frame = |section: &Section| section.before.len() + section.after.len();
    let needed: usize = sections.iter().map(|section| frame(section) + section.bytes()).sum();
    if needed <= room {
        return sections.iter().map(|section| write(section, usize::MAX).0).collect();
    }
    let frames: usize = sections.iter().map(|section| frame(section) + NOTE).sum();
    let granted = grant(sections, room.saturating_sub(frames + NOTE));
    let mut out = String::new();
    let mut left_out = Vec::new();
    for (section, granted) in sections.iter().zip(granted) {
        let (text, cut) = write(section, granted);
        if cut > 0 {
            left_out.push(super::super::counted_large(cut as u64, section.what, section.what));
        }
        out.push_str(&text);
    }
    if !left_out.is_empty() {
        // Writing to a string cannot fail.
        let _ = write!(out, "\n**Too long for one comment.** Not shown: {}.\n", left_out.join(", "));
    }
    out
}

/// Divides the room: first each section up to its share, then the rest by rank.
fn grant(sections: &[Section], room: usize) -> Vec<usize> {
    let mut granted: Vec<usize> =
        sections.iter().map(|section| section.bytes().min(room / 100 * section.share)).collect();
    let mut order: Vec<usize> = (0..sections.len()).collect();
    order.sort_by_key(|index| sections[*index].rank);
    // Shares may add up to more than there is: the last ones by rank get less.
    let mut left = room;
    for index in &order {
        granted[*index] = granted[*index].min(left);
        left -= granted[*index];
    }
    for index in order {
        let more = (sections[index].bytes() - granted[index]).min(left);
        granted[index] += more;
        left -= more;
    }
    granted
}

/// Writes a section with as many entries as fit, and returns how many of what it counts do not.
fn write(section: &Section, room: usize) -> (String, usize) {
    let mut body = String::new();
    let mut shown = 0;
    for entry in &section.entries {
        if body.len() + entry.text.len() > room {
            break;
        }
        body.push_str(&entry.text);
        shown += entry.count;
    }
    let cut = section.count() - shown;
    let mut out = format!("{}{body}{}", section.before, section.after);
    if cut > 0 {
        let _ = write!(out, "\n… and {}.\n", super::super::counted_large(cut as u64, "more", "more"));
    }
    (out, cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(rank: u8, share: usize, entries: usize) -> Section {
        Section {
            what: "things",
            rank,
            share,
            before: format!("\n#### {rank}\n\n"),
            entries: (0..entries).map(|index| format!("- {index:04}\n").into()).collect(),
            after: String::new(),
        }
    }

    #[test]
    fn what_matters_least_is_cut_first_and_counted() {
        let sections = [section(1, 40, 100), section(0, 40, 100), section(2, 10, 100)];
        assert!(!fit(&sections, 10_000).contains("more"));
        let text = fit(&sections, 2_100);
        assert!(text.len() <= 2_100, "{}", text.len());
        let shown = |rank: &str| {
            text.split(rank).nth(1).expect("it is there").split("####").next().map(|part| part.matches("- ").count())
        };
        assert_eq!(shown("#### 0"), Some(100), "{text}");
        assert!(shown("#### 1") < shown("#### 0") && shown("#### 2") < shown("#### 1"), "{text}");
        assert!(text.contains("Too long for one comment"), "{text}");
    }

    #[test]
    fn any_room_that_holds_the_frames_is_kept_to() {
        for room in (800..6_000).step_by(37) {
            let sections = [section(0, 50, 300), section(1, 50, 300), section(2, 50, 3)];
            let text = fit(&sections, room);
            assert!(text.len() <= room, "{} > {room}", text.len());
        }
    }
}
