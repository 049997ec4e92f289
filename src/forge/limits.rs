//! What a forge says about how often it wants to be asked.
//!
//! GitHub: `X-RateLimit-Remaining`, `X-RateLimit-Reset` (seconds since 1970), and `Retry-After` for its secondary limits, which
//! come as 403 or 429 (docs.github.com, "Rate limits for the REST API"). GitLab: `RateLimit-Remaining`, `RateLimit-Reset`, and
//! `Retry-After` with 429 (docs.gitlab.com, "User and IP rate limits"). Gitea has none, but a proxy before it may.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;

/// GitHub asks for a minute when it names no time.
const UNNAMED: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(3600);
const SHORTEST: Duration = Duration::from_secs(1);

/// Returns how long to wait before this answer's request is made again; `None` when it was not refused for being one too many.
pub(super) fn refused(status: StatusCode, headers: &HeaderMap, words: &str, now: i64) -> Option<Duration> {
    let named = number(headers, "retry-after").and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
    let is_limit = match status {
        StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::FORBIDDEN => {
            named.is_some() || remaining(headers) == Some(0) || words.to_ascii_lowercase().contains("rate limit")
        }
        StatusCode::SERVICE_UNAVAILABLE => named.is_some(),
        _ => false,
    };
    is_limit.then(|| named.or_else(|| spent(headers, now)).unwrap_or(UNNAMED).clamp(SHORTEST, LONGEST))
}

/// Returns how long nothing may be asked any more, when this answer was the last that the forge allows for now.
pub(super) fn spent(headers: &HeaderMap, now: i64) -> Option<Duration> {
    if remaining(headers)? > 0 {
        return None;
    }
    let reset = number(headers, "x-ratelimit-reset").or_else(|| number(headers, "ratelimit-reset"))?;
    // A clock that is ahead of the forge's makes the time pass at once; then the next answer says it again.
    u64::try_from(reset.saturating_sub(now)).ok().map(|seconds| Duration::from_secs(seconds).min(LONGEST))
}

fn remaining(headers: &HeaderMap) -> Option<i64> {
    number(headers, "x-ratelimit-remaining").or_else(|| number(headers, "ratelimit-remaining"))
}

fn number(headers: &HeaderMap, name: &str) -> Option<i64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pairs = &'static [(&'static str, &'static str)];

    fn headers(pairs: Pairs) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value"))).collect()
    }

    #[test]
    fn the_time_to_wait_is_the_one_that_the_forge_names() {
        let reset: Pairs = &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1120")];
        let cases: [(u16, Pairs, &str, Option<u64>); 10] = [
            (429, &[("retry-after", "7")], "", Some(7)),
            (403, &[("retry-after", "7")], "", Some(7)),
            (403, reset, "", Some(120)),
            (429, &[("ratelimit-remaining", "0"), ("ratelimit-reset", "1005")], "", Some(5)),
            (403, &[], "You have exceeded a secondary rate limit.", Some(60)),
            (403, &[("x-ratelimit-remaining", "4999")], "Resource not accessible", None),
            (429, &[("retry-after", "999999")], "", Some(3600)),
            (429, &[("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")], "", Some(60)),
            (503, &[("retry-after", "3")], "", Some(3)),
            (500, reset, "", None),
        ];
        for (status, pairs, words, seconds) in cases {
            let status = StatusCode::from_u16(status).expect("a status");
            let wait = refused(status, &headers(pairs), words, 1000);
            assert_eq!(wait, seconds.map(Duration::from_secs), "{status} {pairs:?}");
        }
    }

    #[test]
    fn the_last_allowed_answer_says_until_when_to_be_silent() {
        assert_eq!(spent(&headers(&[("x-ratelimit-remaining", "1"), ("x-ratelimit-reset", "2000")]), 1000), None);
        let spent_now = headers(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1060")]);
        assert_eq!(spent(&spent_now, 1000), Some(Duration::from_secs(60)));
        assert_eq!(spent(&spent_now, 2000), None);
    }
}
