//! Forges of the tests' own, with answers in the published shape, that check every request against the published description.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use driftless::forge::{ForgeCredential, ForgeKind, ForgeOptions, Secret, connect};
use driftless::ports::Forge;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::forge_schema::{Asked, Schema};

pub(crate) const TOKEN: &str = "tok-hunter2";
/// The user of the token.
pub(crate) const ME: i64 = 7;
pub(crate) const SOMEBODY: i64 = 8;

/// A comment that the forge holds.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) id: u64,
    pub(crate) pull: u64,
    pub(crate) author: i64,
    pub(crate) text: String,
}

/// A pull request that the forge holds.
#[derive(Debug, Clone)]
pub(crate) struct Pull {
    pub(crate) number: u64,
    pub(crate) branch: String,
    pub(crate) head: String,
    pub(crate) fork: bool,
    pub(crate) labels: Vec<String>,
    pub(crate) open: bool,
    pub(crate) merge_commit: Option<String>,
}

/// A request that came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) method: String,
    /// With its query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Value>,
    pub(crate) status: u16,
}

/// What a test wants to happen to the next request of that method.
pub(crate) struct Scripted {
    pub(crate) method: &'static str,
    /// What the path holds.
    pub(crate) path: &'static str,
    pub(crate) what: Fault,
}

pub(crate) enum Fault {
    /// This answer, and nothing is done.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// It is done, and the answer is a failure of the server.
    DoneButLost,
    /// Before it is done, somebody else, with the same credential, writes the same.
    Raced,
}

pub(crate) struct World {
    schema: Schema,
    kind: ForgeKind,
    pub(crate) pulls: Vec<Pull>,
    pub(crate) comments: Vec<Held>,
    /// Commit, and the body that set it.
    pub(crate) statuses: Vec<(String, Value)>,
    pub(crate) check_runs: Vec<Value>,
    pub(crate) seen: Vec<Seen>,
    pub(crate) faults: Vec<Scripted>,
    /// What requests must carry.
    pub(crate) tokens: Vec<String>,
    /// Who writes.
    pub(crate) writes_as: i64,
    /// The name of the user of the token.
    pub(crate) login: &'static str,
    problems: Vec<String>,
    next_id: u64,
}

/// A running forge.
pub(crate) struct FakeForge {
    pub(crate) address: SocketAddr,
    world: Arc<Mutex<World>>,
    kind: ForgeKind,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for FakeForge {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl FakeForge {
    /// Starts one on loopback; `None` when the descriptions are not there and the test is skipped.
    pub(crate) async fn start(kind: ForgeKind) -> Option<Self> {
        let world = Arc::new(Mutex::new(World {
            schema: Schema::load(kind)?,
            kind,
            pulls: Vec::new(),
            comments: Vec::new(),
            statuses: Vec::new(),
            check_runs: Vec::new(),
            seen: Vec::new(),
            faults: Vec::new(),
            tokens: vec![TOKEN.to_owned()],
            writes_as: ME,
            login: "driftless",
            problems: Vec::new(),
            next_id: 100,
        }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new().fallback(serve).with_state(Arc::clone(&world));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
        Some(Self { address, world, kind, task })
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("nobody panicked")
    }

    /// The address of the API.
    pub(crate) fn api(&self) -> String {
        let path = match self.kind {
            ForgeKind::GitHub => "/api/v3",
            ForgeKind::GitLab => "/api/v4",
            ForgeKind::Gitea => "/api/v1",
        };
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn options(&self, credential: ForgeCredential) -> ForgeOptions {
        ForgeOptions {
            kind: self.kind,
            api_url: Some(self.api()),
            repository: "org/kafka".to_owned(),
            credential,
            author: None,
        }
    }

    pub(crate) fn connect(&self) -> Box<dyn Forge> {
        connect(self.options(ForgeCredential::Token(Secret::new(TOKEN)))).expect("options are right")
    }

    /// Returns the methods and paths of what was written, and fails when a request was not as the forge describes it.
    #[track_caller]
    pub(crate) fn writes(&self) -> Vec<String> {
        let world = self.world();
        assert!(world.problems.is_empty(), "{:#?}", world.problems);
        let writes = world.seen.iter().filter(|seen| seen.method != "GET");
        writes.map(|seen| format!("{} {} {}", seen.method, seen.target, seen.status)).collect()
    }

    /// Counts requests.
    pub(crate) fn count(&self) -> usize {
        self.world().seen.len()
    }

    /// Puts a comment there as if that user had written it.
    pub(crate) fn comment_by(&self, author: i64, pull: u64, text: &str) -> u64 {
        self.world().add(author, pull, text)
    }

    pub(crate) fn fault(&self, method: &'static str, path: &'static str, what: Fault) {
        self.world().faults.push(Scripted { method, path, what });
    }
}

pub(crate) fn pull(number: u64) -> Pull {
    let head = format!("{number:040x}");
    Pull { number, branch: "x".to_owned(), head, fork: false, labels: Vec::new(), open: true, merge_commit: None }
}

async fn serve(
    State(world): State<Arc<Mutex<World>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut world = world.lock().expect("nobody panicked");
    let at = Instant::now();
    let target = uri.to_string();
    let body: Option<Value> = (!body.is_empty()).then(|| serde_json::from_slice(&body).expect("bodies are JSON"));
    let response = world.answer(&method, &uri, &headers, body.as_ref());
    let status = response.status().as_u16();
    world.seen.push(Seen { at, method: method.to_string(), target, headers, body, status });
    response
}

fn decoded(part: &str) -> String {
    percent_encoding::percent_decode_str(part).decode_utf8().expect("UTF-8").into_owned()
}

impl World {
    fn answer(&mut self, method: &Method, uri: &Uri, headers: &HeaderMap, body: Option<&Value>) -> Response {
        let path: Vec<String> = uri.path().split('/').skip(3).map(decoded).collect();
        let query: Vec<(String, String)> =
            url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        let asked = Asked { method: method.as_str(), path: &path, query: &query, body };
        if let Err(problem) = self.schema.check(&asked) {
            self.problems.push(problem);
        }
        if !self.is_allowed(headers, &path) {
            return (StatusCode::UNAUTHORIZED, axum::Json(json!({"message": "Bad credentials"}))).into_response();
        }
        let position =
            self.faults.iter().position(|fault| fault.method == method.as_str() && uri.path().contains(fault.path));
        match position.map(|position| self.faults.remove(position).what) {
            Some(Fault::Answer(status, headers, body)) => {
                let mut response = (StatusCode::from_u16(status).expect("a status"), body).into_response();
                for (name, value) in headers {
                    response.headers_mut().insert(name, value.parse().expect("a value"));
                }
                return response;
            }
            Some(Fault::DoneButLost) => {
                self.route(method, &path, &query, body);
                return StatusCode::BAD_GATEWAY.into_response();
            }
            Some(Fault::Raced) => {
                self.route(method, &path, &query, body);
            }
            None => {}
        }
        let (status, answer, more) = self.route(method, &path, &query, body);
        let text = if status == 204 { String::new() } else { answer.to_string() };
        let etag =
            format!("\"{:x}\"", text.bytes().fold(5381_u64, |hash, byte| hash.wrapping_mul(33) ^ u64::from(byte)));
        let is_known = headers.get("if-none-match").is_some_and(|known| known.as_bytes() == etag.as_bytes());
        let status = if is_known && method == Method::GET { 304 } else { status };
        let mut response = (StatusCode::from_u16(status).expect("a status"), text).into_response();
        response.headers_mut().insert("content-type", "application/json".parse().expect("a value"));
        response.headers_mut().insert("etag", etag.parse().expect("a value"));
        if let Some(more) = more {
            let link = if more {
                "<http://other.example/x?page=2>; rel=\"next\""
            } else {
                "<http://other.example/x>; rel=\"first\""
            };
            response.headers_mut().insert("link", link.parse().expect("a value"));
        }
        response
    }

    fn is_allowed(&self, headers: &HeaderMap, path: &[String]) -> bool {
        let authorization = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let scheme = if self.kind == ForgeKind::Gitea { "token " } else { "Bearer " };
        let bearer = authorization.strip_prefix(scheme).unwrap_or_default();
        let job = headers.get("job-token").and_then(|value| value.to_str().ok()).unwrap_or_default();
        // The proof of an app is checked by its test.
        let is_proof = bearer.split('.').count() == 3
            && (path.first().is_some_and(|first| first == "app")
                || path.last().is_some_and(|last| last == "installation"));
        is_proof || self.tokens.iter().any(|token| token == bearer || token == job)
    }

    fn add(&mut self, author: i64, pull: u64, text: &str) -> u64 {
        self.next_id += 1;
        self.comments.push(Held { id: self.next_id, pull, author, text: text.to_owned() });
        self.next_id
    }

    /// Returns status, answer, and for lists whether there is more.
    fn route(
        &mut self,
        method: &Method,
        path: &[String],
        query: &[(String, String)],
        body: Option<&Value>,
    ) -> (u16, Value, Option<bool>) {
        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
        let text = || body.and_then(|body| body["body"].as_str()).unwrap_or_default().to_owned();
        let number = |raw: &str| raw.parse::<u64>().expect("a number");
        match (method.as_str(), parts.as_slice()) {
            ("GET", ["user"]) => (200, self.user(ME), None),
            ("GET", ["job"]) => (200, json!({"id": 1, "user": self.user(ME)}), None),
            ("GET", ["app"]) => {
                (200, overlay(self.schema.example("integration"), json!({"slug": "driftless-bot"})), None)
            }
            ("GET", ["repos", _, _, "installation"]) => {
                (200, overlay(self.schema.example("installation"), json!({"id": 55})), None)
            }
            ("POST", ["app", "installations", "55", "access_tokens"]) => {
                let token = json!({"token": "ghs_installation", "expires_at": "2999-01-01T00:00:00Z"});
                (201, overlay(self.schema.example("installation-token"), token), None)
            }
            ("GET", ["repos", _, _, "pulls"] | ["projects", _, "merge_requests"]) => {
                let open: Vec<Value> = self.pulls.iter().filter(|pull| pull.open).map(|pull| self.pull(pull)).collect();
                paged(&open, query)
            }
            (
                "GET",
                ["repos", _, _, "commits", sha, "pulls"]
                | ["projects", _, "repository", "commits", sha, "merge_requests"],
            ) => {
                let with = |pull: &&Pull| pull.merge_commit.as_deref() == Some(*sha) || pull.head == *sha;
                (200, self.pulls.iter().filter(with).map(|pull| self.pull(pull)).collect(), None)
            }
            ("GET", ["repos", _, _, "commits", sha, "pull"]) => {
                match self.pulls.iter().find(|pull| pull.merge_commit.as_deref() == Some(*sha)) {
                    Some(pull) => (200, self.pull(pull), None),
                    None => (404, json!({"message": "not found"}), None),
                }
            }
            ("GET", ["repos", _, _, "issues", pull, "comments"] | ["projects", _, "merge_requests", pull, "notes"]) => {
                let of_pull = self.comments.iter().filter(|held| held.pull == number(pull));
                let all: Vec<Value> = of_pull.map(|held| self.comment(held)).collect();
                if self.kind == ForgeKind::Gitea { (200, Value::Array(all), None) } else { paged(&all, query) }
            }
            (
                "POST",
                ["repos", _, _, "issues", pull, "comments"] | ["projects", _, "merge_requests", pull, "notes"],
            ) => {
                let id = self.add(self.writes_as, number(pull), &text());
                let held = self.comments.iter().find(|held| held.id == id).expect("was added");
                (201, self.comment(held), None)
            }
            ("PATCH", ["repos", _, _, "issues", "comments", id])
            | ("PUT", ["projects", _, "merge_requests", _, "notes", id]) => {
                let found = self.comments.iter_mut().find(|held| held.id == number(id));
                found.expect("it is there").text = text();
                let held = self.comments.iter().find(|held| held.id == number(id)).expect("it is there");
                (200, self.comment(held), None)
            }
            (
                "DELETE",
                ["repos", _, _, "issues", "comments", id] | ["projects", _, "merge_requests", _, "notes", id],
            ) => {
                self.comments.retain(|held| held.id != number(id));
                (204, Value::Null, None)
            }
            ("GET", ["repos", _, _, "commits", sha, "status"]) => {
                let all = self.latest_statuses(sha);
                let (_, page, _) = paged(&all, query);
                let combined = json!({"state": "success", "statuses": page, "total_count": all.len(), "sha": sha});
                let whole = match self.kind {
                    ForgeKind::GitHub => overlay(self.schema.example("combined-commit-status"), combined),
                    ForgeKind::GitLab | ForgeKind::Gitea => combined,
                };
                (200, whole, None)
            }
            ("GET", ["projects", _, "repository", "commits", sha, "statuses"]) => {
                paged(&self.latest_statuses(sha), query)
            }
            ("POST", ["repos", _, _, "statuses", sha] | ["projects", _, "statuses", sha]) => {
                let body = body.expect("a body").clone();
                let latest = self.statuses.iter().rfind(|(of, held)| of == sha && held["name"] == body["name"]);
                let is_pending = |body: &Value| self.kind == ForgeKind::GitLab && body["state"] == "pending";
                if latest.is_some_and(|(_, held)| is_pending(held)) && is_pending(&body) {
                    return (400, json!({"message": "Cannot transition status via :enqueue from :pending"}), None);
                }
                self.statuses.push(((*sha).to_owned(), body.clone()));
                (201, body, None)
            }
            ("GET", ["repos", _, _, "commits", sha, "check-runs"]) => {
                let named = query.iter().find(|(name, _)| name == "check_name").map(|(_, value)| value.as_str());
                let of_commit = self.check_runs.iter().filter(|run| run["head_sha"] == *sha);
                let runs: Vec<&Value> =
                    of_commit.filter(|run| named.is_none_or(|named| run["name"] == named)).collect();
                (200, json!({"total_count": runs.len(), "check_runs": runs}), None)
            }
            ("POST", ["repos", _, _, "check-runs"]) => {
                let run = overlay(self.schema.example("check-run"), body.expect("a body").clone());
                let run = overlay(run, json!({"id": 4242 + self.check_runs.len()}));
                self.check_runs.push(run.clone());
                (201, run, None)
            }
            ("PATCH", ["repos", _, _, "check-runs", id]) => {
                let run = self.check_runs.iter().find(|run| run["id"] == number(id));
                (200, run.expect("it is there").clone(), None)
            }
            _ => {
                self.problems.push(format!("{method} {path:?} was not expected"));
                (404, json!({"message": "not found"}), None)
            }
        }
    }

    fn user(&self, id: i64) -> Value {
        let login = if id == ME { self.login } else { "somebody" };
        match self.kind {
            ForgeKind::GitHub => {
                overlay(self.schema.example("issue-comment")["user"].clone(), json!({"id": id, "login": login}))
            }
            ForgeKind::GitLab => json!({"id": id, "username": login, "name": login, "state": "active"}),
            ForgeKind::Gitea => json!({"id": id, "login": login, "full_name": "", "email": ""}),
        }
    }

    fn comment(&self, held: &Held) -> Value {
        let user = self.user(held.author);
        let url = format!("https://forge.example/{}#{}", held.pull, held.id);
        match self.kind {
            ForgeKind::GitHub => overlay(
                self.schema.example("issue-comment"),
                json!({"id": held.id, "body": held.text.replace('\n', "\r\n"), "user": user, "html_url": url}),
            ),
            ForgeKind::GitLab => json!({"id": held.id, "body": held.text.trim_end(), "author": user, "system": false}),
            ForgeKind::Gitea => json!({"id": held.id, "body": held.text, "user": user, "html_url": url}),
        }
    }

    fn pull(&self, pull: &Pull) -> Value {
        let (base_repo, head_repo) = (1, if pull.fork { 2 } else { 1 });
        let url = format!("https://forge.example/{}", pull.number);
        let merged_at = pull.merge_commit.as_ref().map(|_| "2026-11-21T16:00:00Z");
        match self.kind {
            ForgeKind::GitHub => {
                let example = self.schema.example("pull-request-simple-items")[0].clone();
                let labels: Vec<Value> = pull.labels.iter().map(|name| json!({"id": 1, "name": name})).collect();
                let fields = json!({
                    "number": pull.number, "html_url": url, "labels": labels, "merged_at": merged_at,
                    "merge_commit_sha": pull.merge_commit,
                    "head": overlay(example["head"].clone(), json!({"sha": pull.head, "repo": {"id": head_repo}})),
                    "base": overlay(example["base"].clone(), json!({"ref": "main", "repo": {"id": base_repo}})),
                });
                overlay(example, fields)
            }
            ForgeKind::GitLab => json!({
                "iid": pull.number, "id": pull.number + 1000, "sha": pull.head, "target_branch": "main", "source_branch": "x",
                "target_project_id": base_repo, "source_project_id": head_repo, "labels": pull.labels, "web_url": url,
                "state": if pull.merge_commit.is_some() { "merged" } else { "opened" },
                "merge_commit_sha": pull.merge_commit, "squash_commit_sha": null,
            }),
            ForgeKind::Gitea => json!({
                "number": pull.number, "html_url": url, "merged": pull.merge_commit.is_some(), "merge_commit_sha": pull.merge_commit,
                "labels": pull.labels.iter().map(|name| json!({"id": 1, "name": name})).collect::<Vec<_>>(),
                "head": {"sha": pull.head, "ref": "x", "repo_id": head_repo}, "base": {"sha": "0", "ref": "main", "repo_id": base_repo},
            }),
        }
    }

    /// The latest of each context, as the forge would show them.
    fn latest_statuses(&self, sha: &str) -> Vec<Value> {
        let mut latest = std::collections::BTreeMap::new();
        for (id, (of, body)) in self.statuses.iter().enumerate().filter(|(_, (of, _))| of == sha) {
            let name = body["context"].as_str().or(body["name"].as_str()).expect("a name").to_owned();
            let (state, url) = (body["state"].clone(), body["target_url"].clone());
            let description = body["description"].clone();
            let status = match self.kind {
                ForgeKind::GitHub => {
                    json!({"id": id, "context": name, "state": state, "description": description, "target_url": url})
                }
                ForgeKind::GitLab => {
                    json!({"id": id, "name": name, "status": state, "description": description, "target_url": url, "sha": of})
                }
                ForgeKind::Gitea => {
                    json!({"id": id, "context": name, "status": state, "description": description, "target_url": url.as_str().unwrap_or_default()})
                }
            };
            latest.insert(name, status);
        }
        latest.into_values().collect()
    }
}

/// Cuts a list into pages as forges do.
fn paged(all: &[Value], query: &[(String, String)]) -> (u16, Value, Option<bool>) {
    let number =
        |name: &str| query.iter().find(|(given, _)| given == name).map(|(_, value)| value.parse().expect("a number"));
    // GitHub and GitLab give no more than 100, Gitea no more than 50.
    let length =
        number("per_page").map_or(number("limit").unwrap_or(30_usize).min(50), |length: usize| length.min(100));
    let page = number("page").unwrap_or(1);
    let start = ((page - 1) * length).min(all.len());
    let end = (start + length).min(all.len());
    (200, Value::Array(all[start..end].to_vec()), Some(end < all.len()))
}

fn overlay(mut below: Value, above: Value) -> Value {
    if let (Some(below), Value::Object(above)) = (below.as_object_mut(), above) {
        below.extend(above);
    }
    below
}
