//! Answers that the forge may say are still right: it then sends nothing, and GitHub does not count the request.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The most bytes of answers that are kept.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// An answer that is longer is not kept: it would push out too many others.
const LONGEST: usize = 2 * 1024 * 1024;

/// An answer that was kept.
#[derive(Clone)]
pub(super) struct Kept {
    /// The validator (RFC 9110, section 8.8.3) with its quotes.
    pub(super) etag: String,
    pub(super) body: Arc<[u8]>,
    /// Whether it said that there is another page.
    pub(super) more: Option<bool>,
}

/// Answers by the address that they belong to; the oldest go first.
#[derive(Default)]
pub(super) struct Cache {
    kept: BTreeMap<String, Kept>,
    order: VecDeque<String>,
    bytes: usize,
}

impl Cache {
    pub(super) fn get(&self, address: &str) -> Option<Kept> {
        self.kept.get(address).cloned()
    }

    pub(super) fn put(&mut self, address: String, kept: Kept) {
        self.remove(&address);
        if kept.body.len() > LONGEST {
            return;
        }
        self.bytes += kept.body.len() + address.len();
        self.order.push_back(address.clone());
        self.kept.insert(address, kept);
        while self.bytes > MOST_BYTES {
            let Some(oldest) = self.order.front().cloned() else { break };
            self.remove(&oldest);
        }
    }

    fn remove(&mut self, address: &str) {
        if let Some(kept) = self.kept.remove(address) {
            self.bytes -= kept.body.len() + address.len();
            self.order.retain(|other| other != address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(bytes: usize) -> Kept {
        Kept { etag: "\"1\"".to_owned(), body: vec![0; bytes].into(), more: None }
    }

    #[test]
    fn the_oldest_answers_make_room() {
        let mut cache = Cache::default();
        for index in 0..20 {
            cache.put(format!("/{index}"), kept(1024 * 1024));
        }
        assert!(cache.bytes <= MOST_BYTES && cache.kept.len() == cache.order.len());
        assert!(cache.get("/0").is_none() && cache.get("/19").is_some());
        cache.put("/19".to_owned(), kept(LONGEST + 1));
        assert!(cache.get("/19").is_none(), "too long an answer is not kept, and the old one is not right any more");
    }
}
