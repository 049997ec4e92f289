//! Two ordered maps side by side: one walk along the second in place of a search for every key of the first.

use std::cmp::Ordering;
use std::iter::Peekable;

/// An ordered map that is asked for keys in their order. What stands before the key asked for is passed over for good, so a key that
/// is asked for too late is not found.
pub(super) struct Along<I: Iterator> {
    rest: Peekable<I>,
}

impl<I: Iterator> Along<I> {
    /// Begins a walk. Entries come in the order of their keys.
    pub(super) fn of(entries: impl IntoIterator<IntoIter = I>) -> Self {
        Self { rest: entries.into_iter().peekable() }
    }

    /// Finds the entry of which `key_of` is the key.
    pub(super) fn find<K: Ord + ?Sized>(&mut self, key: &K, key_of: impl Fn(&I::Item) -> &K) -> Option<&I::Item> {
        loop {
            match self.rest.peek().map(|next| key_of(next).cmp(key)) {
                Some(Ordering::Less) => drop(self.rest.next()),
                Some(Ordering::Equal) => return self.rest.peek(),
                Some(Ordering::Greater) | None => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_in_order_are_found_and_others_are_not() {
        let numbers = [2, 4, 4, 7];
        let mut along = Along::of(&numbers);
        let found: Vec<bool> =
            [1, 2, 2, 3, 4, 5, 7, 8].iter().map(|key| along.find(key, |next| next).is_some()).collect();
        assert_eq!(found, [false, true, true, false, true, false, true, false]);
        assert!(Along::of(&[] as &[i32]).find(&1, |next| next).is_none());
    }
}
