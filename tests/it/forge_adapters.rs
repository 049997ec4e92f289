//! The adapters of the forges, against forges of the tests' own that check every request against the published descriptions.

use std::time::Duration;

use driftless::domain::diagnostic::{Location, Severity};
use driftless::forge::{ForgeCredential, ForgeKind, Secret, connect};
use driftless::ports::{Annotation, CommitState, CommitStatus, ForgeErrorKind};
use serde_json::json;

use super::forge_fake::{FakeForge, Fault, ME, SOMEBODY, TOKEN, pull};

const MARKER: &str = "<!-- driftless:plan environment=prod cluster=c -->";
const SHA: &str = "00000000000000000000000000000000000000aa";

fn text(words: &str) -> String {
    format!("{MARKER}\n{words}\n")
}

/// Runs the same against all three.
async fn at_each(check: impl AsyncFn(&FakeForge)) {
    for kind in [ForgeKind::GitHub, ForgeKind::GitLab, ForgeKind::Gitea] {
        if let Some(forge) = FakeForge::start(kind).await {
            check(&forge).await;
            // Fails when a request was not as described.
            let _ = forge.writes();
        }
    }
}

#[tokio::test]
async fn open_pull_requests_of_all_pages_are_listed_with_forks_and_labels() {
    at_each(async |forge| {
        {
            let mut world = forge.world();
            world.pulls = (1..=230).map(pull).collect();
            world.pulls[3].fork = true;
            world.pulls[4].labels = vec!["plan me".to_owned(), "bug".to_owned()];
            world.pulls[5].open = false;
        }
        let listed = forge.connect().open_pull_requests().await.expect("is listed");
        assert_eq!(listed.len(), 229);
        assert!(listed.is_sorted_by_key(|pull| pull.number) && listed.iter().all(|pull| pull.number != 6));
        let forks: Vec<u64> = listed.iter().filter(|pull| pull.is_fork).map(|pull| pull.number).collect();
        assert_eq!(forks, [4]);
        assert_eq!(listed[4].labels.iter().map(String::as_str).collect::<Vec<_>>(), ["bug", "plan me"]);
        assert_eq!((listed[0].base_branch.as_str(), listed[0].head.len()), ("main", 40));
        assert!(listed[0].head_reference.starts_with("refs/") && listed[0].head_reference.ends_with("/1/head"));
    })
    .await;
}

#[tokio::test]
async fn the_pull_request_of_a_merge_is_found_and_no_other() {
    at_each(async |forge| {
        let merge = "f".repeat(40);
        forge.world().pulls = vec![pull(1), super::forge_fake::Pull { merge_commit: Some(merge.clone()), ..pull(2) }];
        let adapter = forge.connect();
        let found = adapter.merged_as(&merge).await.expect("answers");
        assert_eq!(found.map(|pull| pull.number), Some(2));
        // The head of one that is open is no merge; and a commit that nobody knows is none.
        assert_eq!(adapter.merged_as(&pull(1).head).await.expect("answers"), None);
        assert_eq!(adapter.merged_as(SHA).await.expect("answers"), None);
    })
    .await;
}

#[tokio::test]
async fn there_is_one_comment_written_once_for_each_change() {
    at_each(async |forge| {
        let adapter = forge.connect();
        assert_eq!(adapter.comment(5, MARKER).await.expect("answers"), None);
        let first = adapter.put_comment(5, MARKER, &text("one")).await.expect("is written");
        assert_eq!(first.text, text("one").trim_end());
        adapter.put_comment(5, MARKER, &text("one")).await.expect("is there");
        assert_eq!(forge.writes().len(), 1, "{:?}", forge.writes());
        adapter.put_comment(5, MARKER, &text("two")).await.expect("is edited");
        assert_eq!(forge.writes().len(), 2, "{:?}", forge.writes());
        // Another process, later.
        forge.connect().put_comment(5, MARKER, &text("two")).await.expect("is there");
        assert_eq!(forge.writes().len(), 2);
        assert_eq!(adapter.comment(5, MARKER).await.expect("answers").expect("is there").text, text("two").trim_end());
        assert_eq!(forge.world().comments.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn comments_of_others_are_not_touched_whatever_they_carry() {
    at_each(async |forge| {
        for number in 0..130 {
            forge.comment_by(SOMEBODY, 5, &format!("talk {number}"));
        }
        let theirs = forge.comment_by(SOMEBODY, 5, &text("forged"));
        forge.comment_by(ME, 5, &format!("I quote:\n{}", text("x")));
        forge.comment_by(ME, 5, "<!-- driftless:plan environment=dev cluster=c -->\nanother environment");
        let adapter = forge.connect();
        let written = adapter.put_comment(5, MARKER, &text("ours")).await.expect("is written");
        let world = forge.world();
        assert_eq!(world.comments.iter().find(|held| held.id == theirs).expect("stays").text, text("forged"));
        assert_eq!((world.comments.len(), written.text.as_str()), (134, text("ours").trim_end()));
    })
    .await;
}

#[tokio::test]
async fn of_two_comments_that_racing_writers_made_the_oldest_stays() {
    at_each(async |forge| {
        forge.fault("POST", "/5/", Fault::Raced);
        let adapter = forge.connect();
        adapter.put_comment(5, MARKER, &text("one")).await.expect("is written");
        {
            let world = forge.world();
            let ids: Vec<u64> = world.comments.iter().map(|held| held.id).collect();
            assert_eq!(ids, [101]);
        }
        forge.comment_by(ME, 5, &text("stale"));
        adapter.put_comment(5, MARKER, &text("two")).await.expect("is written");
        let world = forge.world();
        let held: Vec<(u64, &str)> = world.comments.iter().map(|held| (held.id, held.text.as_str())).collect();
        assert_eq!(held, [(101, text("two").as_str())]);
    })
    .await;
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_comment() {
    at_each(async |forge| {
        forge.fault("POST", "/5/", Fault::DoneButLost);
        let adapter = forge.connect();
        adapter.put_comment(5, MARKER, &text("one")).await.expect("was written");
        assert_eq!(forge.world().comments.len(), 1);
        // Nothing was done, and the answer was lost: it is said, not repeated.
        forge.fault("POST", "/6/", Fault::Answer(502, vec![], "bad gateway".to_owned()));
        let error = adapter.put_comment(6, MARKER, &text("one")).await.expect_err("is not known");
        assert_eq!(error.kind, ForgeErrorKind::Unreachable);
        assert_eq!(forge.writes().len(), 2, "{:?}", forge.writes());
    })
    .await;
}

#[tokio::test]
async fn a_status_is_set_when_it_is_not_that_already() {
    at_each(async |forge| {
        let adapter = forge.connect();
        let status = |state, description: &str| CommitStatus {
            context: "driftless/plan/prod".to_owned(),
            state,
            description: description.to_owned(),
            target_url: Some("https://driftless.example.org/".to_owned()),
        };
        let long = "x".repeat(300);
        let steps = [
            (status(CommitState::Pending, "planning"), 1),
            (status(CommitState::Pending, "planning"), 1),
            (status(CommitState::Failure, "1 denied"), 2),
            (status(CommitState::Failure, "1 denied"), 2),
            (status(CommitState::Success, &long), 3),
            (status(CommitState::Success, &long), 3),
            (CommitStatus { target_url: None, ..status(CommitState::Success, "done") }, 4),
            (CommitStatus { target_url: None, ..status(CommitState::Success, "done") }, 4),
            (CommitStatus { context: "driftless/plan/dev".to_owned(), ..status(CommitState::Success, "done") }, 5),
        ];
        for (step, writes) in steps {
            adapter.set_status(SHA, &step).await.expect("is set");
            assert_eq!(forge.writes().len(), writes, "{step:?}: {:?}", forge.writes());
        }
    })
    .await;
}

#[tokio::test]
async fn a_forge_that_wants_fewer_requests_is_left_alone() {
    at_each(async |forge| {
        let adapter = forge.connect();
        let wait = vec![("retry-after", "30".to_owned())];
        forge.fault("GET", "/", Fault::Answer(429, wait, "{\"message\": \"slow down\"}".to_owned()));
        let error = adapter.open_pull_requests().await.expect_err("is limited");
        assert_eq!(error.kind, ForgeErrorKind::RateLimited(Duration::from_secs(30)), "{error}");
        let asked = forge.count();
        let error = adapter.put_comment(5, MARKER, &text("one")).await.expect_err("is limited still");
        assert!(matches!(error.kind, ForgeErrorKind::RateLimited(_)), "{error}");
        assert_eq!(forge.count(), asked, "nothing was asked");
        // A short wait is waited for.
        let adapter = forge.connect();
        let wait = vec![("retry-after", "1".to_owned())];
        forge.fault("GET", "/", Fault::Answer(403, wait, "{\"message\": \"secondary rate limit\"}".to_owned()));
        adapter.open_pull_requests().await.expect("is answered in the end");
        // The last request of the hour.
        let reset = (jiff::Timestamp::now().as_second() + 600).to_string();
        let spent = vec![("x-ratelimit-remaining", "0".to_owned()), ("x-ratelimit-reset", reset)];
        forge.fault("GET", "/", Fault::Answer(200, spent, "[]".to_owned()));
        adapter.open_pull_requests().await.expect("is answered");
        let error = adapter.open_pull_requests().await.expect_err("is limited");
        assert!(matches!(error.kind, ForgeErrorKind::RateLimited(wait) if wait > Duration::from_secs(500)), "{error}");
    })
    .await;
}

#[tokio::test]
async fn what_may_be_repeated_is_tried_again_and_what_is_refused_is_not() {
    at_each(async |forge| {
        let adapter = forge.connect();
        for _ in 0..2 {
            forge.fault("GET", "/", Fault::Answer(502, vec![], String::new()));
        }
        adapter.open_pull_requests().await.expect("is answered in the end");
        assert_eq!(forge.count(), 3);
        for (status, kind) in [
            (401, ForgeErrorKind::Authentication),
            (403, ForgeErrorKind::Authentication),
            (404, ForgeErrorKind::NotFound),
        ] {
            let words = format!("{{\"message\": \"no access for {TOKEN}\"}}");
            forge.fault("GET", "/", Fault::Answer(status, vec![], words));
            let error = adapter.open_pull_requests().await.expect_err("is refused");
            assert_eq!(error.kind, kind, "{error}");
            assert!(error.message.contains("no access") && !error.message.contains(TOKEN), "{error}");
        }
        assert_eq!(forge.count(), 6);
        forge.fault("GET", "/", Fault::Answer(200, vec![], "{\"not\": \"a list\"}".to_owned()));
        assert_eq!(adapter.open_pull_requests().await.expect_err("is wrong").kind, ForgeErrorKind::Protocol);
    })
    .await;
}

#[tokio::test]
async fn no_redirect_takes_the_credential_elsewhere() {
    at_each(async |forge| {
        let Some(other) = FakeForge::start(ForgeKind::GitLab).await else { return };
        let elsewhere = format!("{}/user", other.api());
        for status in [301, 302, 307, 308] {
            forge.fault("GET", "/", Fault::Answer(status, vec![("location", elsewhere.clone())], String::new()));
            let error = forge.connect().open_pull_requests().await.expect_err("is not followed");
            assert_eq!(error.kind, ForgeErrorKind::Protocol, "{error}");
        }
        assert_eq!(other.count(), 0);
    })
    .await;
}

#[tokio::test]
async fn what_is_known_is_not_sent_again() {
    at_each(async |forge| {
        forge.world().pulls = (1..=3).map(pull).collect();
        let adapter = forge.connect();
        let first = adapter.open_pull_requests().await.expect("is listed");
        let second = adapter.open_pull_requests().await.expect("is listed");
        assert_eq!(first, second);
        let statuses = |forge: &FakeForge| forge.world().seen.iter().map(|seen| seen.status).collect::<Vec<_>>();
        assert_eq!(statuses(forge), [200, 304]);
        forge.world().pulls.push(pull(4));
        assert_eq!(adapter.open_pull_requests().await.expect("is listed").len(), 4);
        assert_eq!(statuses(forge), [200, 304, 200]);
    })
    .await;
}

#[tokio::test]
async fn a_huge_entry_hides_only_itself_from_nobody() {
    at_each(async |forge| {
        forge.world().pulls = (1..=3).map(pull).collect();
        // The page with all of them is longer than what is read; one by one they are not.
        forge.fault("GET", "/", Fault::Answer(200, vec![], " ".repeat(64 * 1024 * 1024 + 1)));
        assert_eq!(forge.connect().open_pull_requests().await.expect("is listed").len(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_token_in_a_file_is_read_again() {
    at_each(async |forge| {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("token");
        std::fs::write(&file, format!("{TOKEN}\n")).expect("is written");
        let adapter = connect(forge.options(ForgeCredential::TokenFile(file.clone()))).expect("options are right");
        adapter.open_pull_requests().await.expect("is allowed");
        forge.world().tokens = vec!["another".to_owned()];
        let error = adapter.open_pull_requests().await.expect_err("is refused");
        assert_eq!(error.kind, ForgeErrorKind::Authentication);
        std::fs::write(&file, "another").expect("is written");
        adapter.open_pull_requests().await.expect("is allowed again");
        for content in ["", "two\nlines"] {
            std::fs::write(&file, content).expect("is written");
            let error = adapter.open_pull_requests().await.expect_err("is no token");
            assert_eq!(error.kind, ForgeErrorKind::Authentication, "{error}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_author_who_is_not_the_writer_is_noticed_before_there_are_many_comments() {
    at_each(async |forge| {
        let mut options = forge.options(ForgeCredential::Token(Secret::new(TOKEN)));
        options.author = Some("github-actions[bot]".to_owned());
        let adapter = connect(options).expect("options are right");
        let error = adapter.put_comment(5, MARKER, &text("one")).await.expect_err("is noticed");
        assert!(error.message.contains("writes as `driftless`"), "{error}");
        assert!(forge.world().comments.is_empty(), "it was taken back");
        let mut options = forge.options(ForgeCredential::Token(Secret::new(TOKEN)));
        options.author = Some("Driftless".to_owned());
        let adapter = connect(options).expect("options are right");
        for words in ["one", "two"] {
            adapter.put_comment(5, MARKER, &text(words)).await.expect("is written");
        }
        let world = forge.world();
        assert!(world.comments.len() == 1 && world.seen.iter().all(|seen| !seen.target.ends_with("/user")));
    })
    .await;
}

fn annotations(count: usize) -> Vec<Annotation> {
    let one = |index| Annotation {
        location: Location::new(format!("base/{index}.yaml"), 7, 3),
        severity: if index == 0 { Severity::Deny } else { Severity::Warn },
        code: "replication-below-minimum".to_owned(),
        message: "m".repeat(5_000),
    };
    (0..count).map(one).collect()
}

#[tokio::test]
async fn a_github_app_proves_itself_and_annotates_lines() {
    let Some(forge) = FakeForge::start(ForgeKind::GitHub).await else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let key = openssl::rsa::Rsa::generate(2048).expect("a key");
    let file = directory.path().join("app.pem");
    std::fs::write(&file, key.private_key_to_pem().expect("PEM")).expect("is written");
    forge.world().tokens = vec!["ghs_installation".to_owned()];
    let credential =
        ForgeCredential::App { app_id: "1234".to_owned(), installation_id: None, private_key_file: file.clone() };
    let adapter = connect(forge.options(credential)).expect("options are right");
    adapter.open_pull_requests().await.expect("is listed");
    adapter.open_pull_requests().await.expect("is listed");
    let proofs: Vec<String> = {
        let world = forge.world();
        let minted = world.seen.iter().filter(|seen| seen.target.ends_with("access_tokens"));
        assert_eq!(
            minted.clone().map(|seen| seen.body.clone()).collect::<Vec<_>>(),
            [Some(json!({"repositories": ["kafka"]}))]
        );
        minted.map(|seen| seen.headers["authorization"].to_str().expect("text")[7..].to_owned()).collect()
    };
    let public = jsonwebtoken::DecodingKey::from_rsa_pem(&key.public_key_to_pem().expect("PEM")).expect("a key");
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    validation.set_required_spec_claims(&["exp", "iss"]);
    let claims =
        jsonwebtoken::decode::<serde_json::Value>(&proofs[0], &public, &validation).expect("it is signed").claims;
    let number = |name: &str| claims[name].as_i64().expect("a number");
    assert!(claims["iss"] == "1234" && number("exp") - number("iat") <= 600, "{claims}");

    adapter.annotate(SHA, "driftless/plan/prod", &annotations(120)).await.expect("is shown");
    let runs: Vec<String> = forge.writes().into_iter().filter(|write| write.contains("check-runs")).collect();
    assert_eq!(runs.len(), 3, "{runs:?}");
    assert_eq!(forge.world().check_runs[0]["conclusion"], "failure");
    adapter.annotate(SHA, "driftless/plan/prod", &annotations(120)).await.expect("is there");
    assert_eq!(forge.writes().iter().filter(|write| write.contains("check-runs")).count(), 3);

    std::fs::write(&file, "no key").expect("is written");
    let credential =
        ForgeCredential::App { app_id: "1234".to_owned(), installation_id: Some(55), private_key_file: file };
    let error = connect(forge.options(credential)).expect("right").open_pull_requests().await.expect_err("no key");
    assert!(error.message.contains("holds no RSA private key") && !error.message.contains("no key`"), "{error}");
}

#[tokio::test]
async fn without_an_app_nothing_is_annotated() {
    at_each(async |forge| {
        forge.connect().annotate(SHA, "driftless/plan/prod", &annotations(3)).await.expect("is passed over");
        assert_eq!(forge.count(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_job_of_gitlab_is_told_which_token_it_needs() {
    let Some(forge) = FakeForge::start(ForgeKind::GitLab).await else { return };
    forge.world().tokens = vec!["job-token".to_owned()];
    let adapter =
        connect(forge.options(ForgeCredential::JobToken(Secret::new("job-token")))).expect("options are right");
    adapter.put_comment(5, MARKER, &text("one")).await.expect("this one lets it");
    forge.fault("GET", "/notes", Fault::Answer(403, vec![], "{\"message\": \"403 Forbidden\"}".to_owned()));
    let error = adapter.put_comment(5, MARKER, &text("two")).await.expect_err("is refused");
    assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("GITLAB_TOKEN")), "{error:?}");
    let _ = forge.writes();
}
