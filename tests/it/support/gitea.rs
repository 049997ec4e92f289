//! A real Gitea: its REST interface as an administrator, a developer and a bot use it.
//!
//! `dev/with-brokers` starts it and says where it is. Without it a test prints why it is skipped and passes; in CI that is a
//! failure.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::brokers::unique_name;
use crate::git_support::git;

/// The server, and one organisation with one repository and two people in it.
pub(crate) struct Gitea {
    url: String,
    admin_token: String,
    pub(crate) organisation: String,
    pub(crate) bot: User,
    pub(crate) developer: User,
    client: reqwest::Client,
}

/// Somebody with an account.
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) token: String,
}

/// Says where the server is, or why the test is skipped.
#[allow(clippy::disallowed_methods, clippy::print_stderr, reason = "whoever runs the tests says where Gitea is")]
fn directory() -> Option<std::path::PathBuf> {
    match std::env::var_os("DRIFTLESS_TEST_GITEA") {
        Some(directory) => Some(directory.into()),
        None => {
            let in_ci = std::env::var("CI").is_ok_and(|ci| !ci.is_empty() && ci != "false");
            assert!(!in_ci, "DRIFTLESS_TEST_GITEA is not set, and CI must not skip tests (see dev/with-brokers)");
            eprintln!("skipped: DRIFTLESS_TEST_GITEA is not set (`make test-forge` builds Gitea where Go is there)");
            None
        }
    }
}

impl Gitea {
    /// An organisation of the test's own, with an empty repository `kafka`.
    pub(crate) async fn new() -> Option<Self> {
        let env = std::fs::read_to_string(directory()?.join("env")).expect("dev/gitea wrote it");
        let env: BTreeMap<&str, &str> = env.lines().filter_map(|line| line.split_once('=')).collect();
        let nobody = || User { name: String::new(), token: String::new() };
        let mut gitea = Self {
            url: env["URL"].to_owned(),
            admin_token: env["ADMIN_TOKEN"].to_owned(),
            organisation: unique_name("platform"),
            bot: nobody(),
            developer: nobody(),
            client: reqwest::Client::new(),
        };
        let admin = gitea.admin_token.clone();
        gitea.done("POST", "/orgs", &admin, json!({"username": gitea.organisation})).await;
        let repository = json!({"name": "kafka", "default_branch": "main"});
        gitea.done("POST", &format!("/orgs/{}/repos", gitea.organisation), &admin, repository).await;
        // Gitea lets only those set statuses who may write code; the branch is protected, so the bot still cannot.
        gitea.bot = gitea.user("bot", &["write:repository", "write:issue", "read:user"]).await;
        gitea.developer = gitea.user("dev", &["write:repository", "write:issue", "write:user"]).await;
        Some(gitea)
    }

    async fn user(&self, prefix: &str, scopes: &[&str]) -> User {
        let name = unique_name(prefix);
        let password = "Correct-Horse-9";
        let user = json!({"username": name, "email": format!("{name}@example.org"), "password": password, "must_change_password": false});
        self.done("POST", "/admin/users", &self.admin_token, user).await;
        self.done(
            "PUT",
            &self.repository(&format!("/collaborators/{name}")),
            &self.admin_token,
            json!({"permission": "write"}),
        )
        .await;
        let url = format!("{}/api/v1/users/{name}/tokens", self.url);
        let request = self.client.post(url).basic_auth(&name, Some(password));
        let answer = request.json(&json!({"name": "test", "scopes": scopes})).send().await.expect("answers");
        let token: Value = answer.json().await.expect("JSON");
        User { token: token["sha1"].as_str().expect("a token").to_owned(), name }
    }

    /// Names a resource of the repository.
    pub(crate) fn repository(&self, below: &str) -> String {
        format!("/repos/{}/kafka{below}", self.organisation)
    }

    /// Sends a request; returns the status and the answer.
    pub(crate) async fn ask(&self, method: &str, path: &str, token: &str, body: Value) -> (u16, Value) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let request = self.client.request(method, format!("{}{path}", self.api_url()));
        let request = request.header("authorization", format!("token {token}"));
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.send().await.expect("answers");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("text");
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    async fn done(&self, method: &str, path: &str, token: &str, body: Value) -> Value {
        let (status, answer) = self.ask(method, path, token, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// Does something as the administrator.
    pub(crate) async fn administer(&self, method: &str, path: &str, body: Value) -> Value {
        self.done(method, path, &self.admin_token, body).await
    }

    /// Reads something of the repository.
    pub(crate) async fn get(&self, below: &str) -> Value {
        self.done("GET", &self.repository(below), &self.admin_token, Value::Null).await
    }

    pub(crate) fn api_url(&self) -> String {
        format!("{}/api/v1", self.url)
    }

    /// The repository's address, for git.
    pub(crate) fn clone_url(&self) -> String {
        format!("{}/{}/kafka.git", self.url, self.organisation)
    }

    /// Pushes what a clone has as a branch.
    pub(crate) fn push(&self, clone: &Path, branch: &str) {
        let address = self.clone_url().replacen("http://", &format!("http://root-admin:{}@", self.admin_token), 1);
        git(clone, &["push", "-q", "-f", &address, &format!("HEAD:refs/heads/{branch}")]);
    }

    /// Opens a pull request as the developer; Gitea needs a moment to see a branch that was pushed.
    pub(crate) async fn open(&self, branch: &str, title: &str) -> u64 {
        for _ in 0..100 {
            let request = json!({"base": "main", "head": branch, "title": title});
            let (status, answer) = self.ask("POST", &self.repository("/pulls"), &self.developer.token, request).await;
            if status == 201 {
                return answer["number"].as_u64().expect("a number");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the pull request cannot be opened");
    }

    /// Merges as the developer; returns the status.
    pub(crate) async fn merge(&self, number: u64) -> u16 {
        let path = self.repository(&format!("/pulls/{number}/merge"));
        self.ask("POST", &path, &self.developer.token, json!({"Do": "merge"})).await.0
    }

    /// The comments of a pull request: who wrote each, and its text.
    pub(crate) async fn comments(&self, number: u64) -> Vec<(String, String)> {
        let comments = self.get(&format!("/issues/{number}/comments")).await;
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let of = |comment: &Value| (text(&comment["user"]["login"]), text(&comment["body"]));
        comments.as_array().expect("a list").iter().map(of).collect()
    }

    /// The last status of a commit in a context: state and description.
    pub(crate) async fn status(&self, revision: &str, context: &str) -> Option<(String, String)> {
        let all = self.get(&format!("/commits/{revision}/status")).await;
        let statuses = all["statuses"].as_array()?;
        let found = statuses.iter().find(|status| status["context"] == context)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Some((text(&found["status"]), text(&found["description"])))
    }
}
